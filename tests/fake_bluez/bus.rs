//! A bus of the test's own: a dbus-daemon with its own settings in a folder that goes with the test.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Whoever may connect may own names and send anything: it is the test's.
const SETTINGS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <keep_umask/>
  <listen>unix:path=SOCKET</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

pub(crate) struct PrivateBus {
    pub(crate) address: String,
    daemon: Child,
    _folder: TempDir,
}

impl PrivateBus {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("bus").display().to_string();
        let settings = folder.path().join("bus.conf");
        fs::write(&settings, SETTINGS.replace("SOCKET", &socket)).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", settings.display()))
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon is installed: `cargo xtask test` sees to it");
        let mut address = String::new();
        let said = daemon.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut address).unwrap();
        Self {
            address: address.trim().to_owned(),
            daemon,
            _folder: folder,
        }
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        // It may have ended already.
        let _killed = self.daemon.kill();
        let _ended = self.daemon.wait();
    }
}
