//! A real mosquitto on a free port of this machine, with its own settings in a folder of its own, and its clients.
//!
//! The tests start it and end it by its own process; one that is missing fails them with the package to install. Nothing
//! sleeps: a caller waits for what it looks for, with a deadline. Deliberately absent: any judgement.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::zombie_processes,
    reason = "a test stops at the first surprise, and whoever has the process waits for it"
)]

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use tempfile::TempDir;

/// Looks at its port before it is given up.
const LOOKS_MAX: u32 = 2_000_000;

/// A broker that runs.
pub(crate) struct Broker {
    process: Child,
    pub(crate) port: u16,
    folder: TempDir,
}

impl Broker {
    /// Starts a broker that lets everybody in.
    pub(crate) fn start() -> Self {
        Self::start_with("allow_anonymous true\n")
    }

    /// Starts a broker that lets in who knows the password.
    pub(crate) fn start_with_password(name: &str, password: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("passwords");
        make_passwords(&file, name, password);
        let settings = format!("allow_anonymous false\npassword_file {}\n", file.display());
        Self::run(free_port(), folder, &settings)
    }

    /// Starts a broker with settings of one's own.
    pub(crate) fn start_with(settings: &str) -> Self {
        Self::run(free_port(), TempDir::new().unwrap(), settings)
    }

    fn run(port: u16, folder: TempDir, settings: &str) -> Self {
        // A broker that is started by root gives its rights away and could not read its own folder.
        let text = format!("listener {port} 127.0.0.1\nuser root\npersistence false\n{settings}");
        let file = folder.path().join("mosquitto.conf");
        fs::write(&file, text).unwrap();
        let process = spawn(port, &file);
        Self { process, port, folder }
    }

    /// Ends the broker, and starts it again on the same port.
    pub(crate) fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(self.port, &self.folder.path().join("mosquitto.conf"));
    }

    /// Publishes with mosquitto's own client.
    pub(crate) fn publish(&self, topic: &str, payload: &str, more: &[&str]) {
        let port = self.port.to_string();
        let mut arguments = vec!["-h", "127.0.0.1", "-p", &port, "-t", topic, "-m", payload];
        arguments.extend(more);
        let output = client("mosquitto_pub", &arguments);
        assert!(output.status.success(), "{output:?}");
    }

    /// Publishes a line again and again over one connection, as fast as the broker takes it.
    pub(crate) fn flood(&self, topic: &str, line: &str, times: usize) -> Child {
        let mut process = Command::new(path("mosquitto_pub"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-t", topic, "-l"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        let lines = format!("{line}\n").repeat(times.min(1_000));
        thread::spawn(move || {
            for _ in 0..times / 1_000 {
                input.write_all(lines.as_bytes()).unwrap();
            }
        });
        process
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to end.
        let _ended = self.process.kill();
        let _waited = self.process.wait();
    }
}

/// Runs one of mosquitto's clients to its end.
pub(crate) fn client(binary: &str, arguments: &[&str]) -> Output {
    Command::new(path(binary)).args(arguments).output().unwrap()
}

/// Where a program is: brokers are in `sbin`, which not everybody has in the path.
pub(crate) fn path(binary: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = folders
        .iter()
        .map(|folder| Path::new(folder).join(binary))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{binary} is missing: `cargo xtask test` installs it, or says how"))
}

/// Writes a file with one name and its password, as mosquitto keeps them.
pub(crate) fn make_passwords(file: &Path, name: &str, password: &str) {
    let flags: &[&str] = if file.exists() { &["-b"] } else { &["-b", "-c"] };
    let mut arguments = flags.to_vec();
    arguments.extend([file.to_str().unwrap(), name, password]);
    let output = client("mosquitto_passwd", &arguments);
    assert!(output.status.success(), "{output:?}");
}

fn spawn(port: u16, settings: &Path) -> Child {
    let process = Command::new(path("mosquitto"))
        .arg("-c")
        .arg(settings)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    for _ in 0..LOOKS_MAX {
        if TcpStream::connect(address).is_ok() {
            return process;
        }
        thread::yield_now();
    }
    panic!("mosquitto does not listen on {address}");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
