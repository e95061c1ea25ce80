//! A gateway as an operator starts it, and the load beside it.
//!
//! Both are processes of their own. A gateway is stopped by its signal, and killed when a proof ends without having
//! stopped it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::cargo::TaskError;

/// The binary, a pack, and keys for it.
pub(super) struct House {
    binary: PathBuf,
    pack: PathBuf,
    keys: PathBuf,
}

/// A gateway that runs.
pub(super) struct Gateway {
    child: Child,
    /// UDP address for apps.
    pub(super) apps: String,
    /// UDP address for hubs.
    pub(super) hubs: String,
    /// The bound on its memory that it printed, in MiB.
    pub(super) memory_mib: f64,
}

impl House {
    /// Makes keys for the stadium in `folder`.
    pub(super) fn build(root: &Path, folder: &Path, binary: &Path) -> Result<Self, TaskError> {
        let house = Self {
            binary: binary.to_owned(),
            pack: root.join("packs/stadium"),
            keys: folder.join("keys"),
        };
        if house.keys.exists() {
            fs::remove_dir_all(&house.keys).map_err(|error| failed("the old keys", &error))?;
        }
        let made = house
            .command("keys")
            .arg("--out")
            .arg(&house.keys)
            .arg("--pack")
            .arg(&house.pack)
            .output();
        done("nextbest keys", made)?;
        Ok(house)
    }

    /// A command of the binary.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(name).stdin(Stdio::null());
        command
    }

    /// Starts a gateway on free ports.
    pub(super) fn serve(&self, arguments: &[&str]) -> Result<Gateway, TaskError> {
        self.serve_at("127.0.0.1:0", "127.0.0.1:0", arguments)
    }

    /// Starts a gateway, and waits until it listens.
    pub(super) fn serve_at(&self, apps: &str, hubs: &str, arguments: &[&str]) -> Result<Gateway, TaskError> {
        let mut child = self
            .command("serve")
            .arg("--pack")
            .arg(&self.pack)
            .arg("--keys")
            .arg(&self.keys)
            .args(["--listen", apps, "--listen-hubs", hubs])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed("nextbest serve", &error))?;
        let said = child
            .stdout
            .take()
            .map(BufReader::new)
            .map(Said::read)
            .unwrap_or_default();
        let gateway = Gateway {
            child,
            apps: said.apps,
            hubs: said.hubs,
            memory_mib: said.memory_mib,
        };
        if gateway.hubs.is_empty() {
            return Err(TaskError::new("nextbest serve ended before it listened"));
        }
        Ok(gateway)
    }

    /// A load towards the gateway; `arguments` as for `nextbest load`.
    pub(super) fn load(&self, gateway: &Gateway, arguments: &[&str]) -> Result<String, TaskError> {
        let output = self.load_command(&gateway.apps, arguments).output();
        let output = done("nextbest load", output)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The command of a load, to run beside something else.
    pub(super) fn load_command(&self, apps: &str, arguments: &[&str]) -> Command {
        let mut command = self.command("load");
        command
            .args(["--to", apps, "--json", "--keys"])
            .arg(&self.keys)
            .args(arguments)
            .stderr(Stdio::null());
        command
    }
}

/// What a gateway says when it starts.
#[derive(Default)]
struct Said {
    apps: String,
    hubs: String,
    memory_mib: f64,
}

impl Said {
    /// Reads until it has said where it listens for hubs, which comes last of what is wanted.
    fn read(mut output: impl BufRead) -> Self {
        let mut said = Self::default();
        let mut line = String::new();
        while said.hubs.is_empty() {
            line.clear();
            if !matches!(output.read_line(&mut line), Ok(1..)) {
                break;
            }
            let word = |after: &str| line.strip_prefix(after).and_then(|rest| rest.split_whitespace().next());
            if let Some(address) = word("listening for apps on ") {
                address.clone_into(&mut said.apps);
            } else if let Some(address) = word("listening for hubs on ") {
                address.clone_into(&mut said.hubs);
            } else if let Some(memory) = line.strip_prefix("memory at most ") {
                said.memory_mib = mib(memory).unwrap_or(0.0);
            }
        }
        said
    }
}

/// "5.2 GiB: ..." in MiB.
fn mib(text: &str) -> Option<f64> {
    let (sum, _) = text.split_once(':')?;
    let (number, unit) = sum.split_once(' ')?;
    let number: f64 = number.parse().ok()?;
    match unit {
        "KiB" => Some(number / 1_024.0),
        "MiB" => Some(number),
        "GiB" => Some(number * 1_024.0),
        _ => None,
    }
}

impl Gateway {
    /// Memory in use, in MiB.
    pub(super) fn resident_mib(&self) -> Result<f64, TaskError> {
        let file = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&file).map_err(|error| failed(&file, &error))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line
            .and_then(|line| line.trim().strip_suffix("kB"))
            .and_then(|kib| kib.trim().parse::<f64>().ok());
        kib.map(|kib| kib / 1_024.0)
            .ok_or_else(|| TaskError::new(format!("{file} has no VmRSS")))
    }

    /// Tells it to stop, and waits until it has; how long that took.
    pub(super) fn stop(mut self) -> Result<Duration, TaskError> {
        let began = now();
        let id = self.child.id().to_string();
        done("kill", Command::new("kill").args(["-TERM", &id]).output())?;
        let status = self.child.wait().map_err(|error| failed("nextbest serve", &error))?;
        if !status.success() {
            return Err(TaskError::new(format!(
                "a gateway that was told to stop ended with {status}"
            )));
        }
        Ok(began.elapsed())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// The output of a command that is expected to succeed.
pub(super) fn done(what: &str, output: std::io::Result<Output>) -> Result<Output, TaskError> {
    let output = output.map_err(|error| failed(what, &error))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(TaskError::new(format!("{what} ended with {}: {said}", output.status)))
}

fn failed(what: &str, error: &std::io::Error) -> TaskError {
    TaskError::new(format!("{what}: {error}"))
}

/// An address of this machine with a port that is free at the moment.
pub(super) fn free_address() -> Result<String, TaskError> {
    let socket = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    socket
        .map(|address| address.to_string())
        .map_err(|error| failed("a free port", &error))
}

#[expect(clippy::disallowed_methods, reason = "a proof measures how long things take")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a proof lets the gateway work for a while, and has no runtime"
)]
pub(super) fn wait(duration: Duration) {
    std::thread::sleep(duration);
}
