//! A gateway as an operator starts it, and the load beside it.
//!
//! Both are processes of their own. A gateway is stopped by its signal, and killed when a proof ends without having
//! stopped it.

use std::cell::RefCell;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::cargo::TaskError;

use super::options::Options;

/// Longest that a gateway may take to say something.
const SAYS_WITHIN: Duration = Duration::from_secs(30);

/// Where a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Wherever the system puts it.
    Anywhere,
    /// On one core, so that a gateway and its load take no time from each other. Wherever, where there is no `taskset`.
    Core(u32),
}

/// The binary, a pack, and keys for it.
pub(super) struct House {
    binary: PathBuf,
    folder: PathBuf,
    pack: PathBuf,
    keys: PathBuf,
    /// Whether a process can be put on a core.
    has_cores: bool,
    /// What is asked of the proofs.
    pub(super) options: Options,
    /// The commands of the proof that runs.
    commands: RefCell<Vec<String>>,
    /// What the gateway that runs says.
    log: PathBuf,
}

/// A gateway that runs.
pub(super) struct Gateway {
    child: Child,
    log: PathBuf,
    /// UDP address for apps.
    pub(super) apps: String,
    /// UDP address for hubs.
    pub(super) hubs: String,
    /// TCP address for staff; empty: none.
    pub(super) admin: String,
    /// The bound on its memory that it printed, in MiB.
    pub(super) memory_mib: f64,
}

impl House {
    /// Makes keys for the stadium in `folder`, and a copy of its pack to change.
    pub(super) fn build(root: &Path, folder: &Path, binary: &Path, options: Options) -> Result<Self, TaskError> {
        let house = Self {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            has_cores: has_cores(),
            options,
            commands: RefCell::default(),
            pack: folder.join("pack"),
            keys: folder.join("keys"),
            log: folder.join("serve.log"),
        };
        for old in [&house.keys, &house.pack] {
            if old.exists() {
                fs::remove_dir_all(old).map_err(|error| failed("what an earlier run left", &error))?;
            }
        }
        copy_folder(&root.join("packs/stadium"), &house.pack).map_err(|error| failed("the pack", &error))?;
        let made = house
            .command("keys", Place::Anywhere)
            .arg("--out")
            .arg(&house.keys)
            .arg("--pack")
            .arg(&house.pack)
            .output();
        done("nextbest keys", made)?;
        Ok(house)
    }

    /// A file of the pack.
    pub(super) fn pack_file(&self, name: &str) -> PathBuf {
        self.pack.join(name)
    }

    /// A folder of this name with nothing in it.
    pub(super) fn empty_folder(&self, name: &str) -> Result<String, TaskError> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| failed(name, &error))?;
        }
        fs::create_dir(&folder).map_err(|error| failed(name, &error))?;
        Ok(folder.display().to_string())
    }

    /// What is best for somebody, as `nextbest ask --json` prints it.
    pub(super) fn ask(&self, gateway: &Gateway) -> Result<String, TaskError> {
        let asked = self
            .command("ask", Place::Anywhere)
            .args([
                "--to",
                &gateway.apps,
                "--as",
                "ada",
                "--want",
                "food",
                "--json",
                "--keys",
            ])
            .arg(&self.keys)
            .output();
        Ok(String::from_utf8_lossy(&done("nextbest ask", asked)?.stdout).into_owned())
    }

    /// The token of somebody who may look.
    pub(super) fn viewer(&self) -> Result<String, TaskError> {
        let made = self
            .command("keys", Place::Anywhere)
            .args(["admin", "--role", "viewer", "--name", "prove", "--keys"])
            .arg(&self.keys)
            .output();
        let said = String::from_utf8_lossy(&done("nextbest keys admin", made)?.stdout).into_owned();
        let token = said.lines().next().unwrap_or_default().trim();
        Ok(token.to_owned())
    }

    /// The authority of the gateway's certificate.
    pub(super) fn authority(&self) -> PathBuf {
        self.keys.join("ca.pem")
    }

    /// A command of the binary.
    fn command(&self, name: &str, place: Place) -> Command {
        let mut command = match place {
            Place::Core(core) if self.has_cores => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(&self.binary);
                command
            }
            Place::Core(_) | Place::Anywhere => Command::new(&self.binary),
        };
        command.arg(name).stdin(Stdio::null());
        command
    }

    /// Keeps a command for the report, with the names of files as somebody would type them.
    fn note(&self, command: &Command) {
        let folder = format!("{}/", self.folder.display());
        let words: Vec<_> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_string_lossy().replace(&folder, ""))
            .map(|word| word.replace(&*self.binary.to_string_lossy(), "nextbest"))
            .collect();
        let line = format!("$ {}", words.join(" "));
        let mut commands = self.commands.borrow_mut();
        if commands.last() != Some(&line) {
            commands.push(line);
        }
    }

    /// The commands since this was asked last.
    pub(super) fn take_commands(&self) -> Vec<String> {
        self.commands.take()
    }

    /// Starts a gateway on free ports.
    pub(super) fn serve(&self, arguments: &[&str]) -> Result<Gateway, TaskError> {
        self.serve_at(Place::Anywhere, ["127.0.0.1:0"; 2], arguments)
    }

    /// Starts a gateway for apps and hubs at two addresses, and waits until it listens.
    pub(super) fn serve_at(
        &self,
        place: Place,
        [apps, hubs]: [&str; 2],
        arguments: &[&str],
    ) -> Result<Gateway, TaskError> {
        let log = fs::File::create(&self.log).map_err(|error| failed("the gateway's log", &error))?;
        let log_too = log.try_clone().map_err(|error| failed("the gateway's log", &error))?;
        let mut command = self.command("serve", place);
        command
            .arg("--pack")
            .arg(&self.pack)
            .arg("--keys")
            .arg(&self.keys)
            .args(["--listen", apps, "--listen-hubs", hubs])
            .args(arguments)
            .stdout(log)
            .stderr(log_too);
        self.note(&command);
        let child = command.spawn().map_err(|error| failed("nextbest serve", &error))?;
        let mut gateway = Gateway {
            child,
            log: self.log.clone(),
            apps: String::new(),
            hubs: String::new(),
            admin: String::new(),
            memory_mib: 0.0,
        };
        let last_line = match arguments.contains(&"--admin") {
            true => "listening for staff on ",
            false => "listening for hubs on ",
        };
        gateway.wait_for(last_line, 0)?;
        let said = Said::read(&gateway.said()?);
        (gateway.apps, gateway.hubs, gateway.admin) = (said.apps, said.hubs, said.admin);
        gateway.memory_mib = said.memory_mib;
        Ok(gateway)
    }

    /// A load towards the gateway; `arguments` as for `nextbest load`.
    pub(super) fn load(&self, place: Place, gateway: &Gateway, arguments: &[&str]) -> Result<String, TaskError> {
        self.start_load(place, &gateway.apps, arguments)?.report()
    }

    /// Starts a load, to run beside something else.
    pub(super) fn start_load(&self, place: Place, apps: &str, arguments: &[&str]) -> Result<Load, TaskError> {
        let mut command = self.command("load", place);
        command
            .args(["--to", apps, "--json", "--keys"])
            .arg(&self.keys)
            .args(arguments);
        self.note(&command);
        Load::start(command)
    }
}

/// The arguments of a load of queries, each on a stream of its own, so many a second over so many connections.
pub(super) fn queries<'a>(rate: &'a str, connections: &'a str, lasts: &'a str) -> [&'a str; 8] {
    [
        "--rate",
        rate,
        "--connections",
        connections,
        "--mode",
        "stream",
        "--for",
        lasts,
    ]
}

/// Whether a process can be put on a core of a machine that has two.
fn has_cores() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let taskset = Command::new("taskset").arg("--version").output();
    cores >= 2 && taskset.is_ok_and(|output| output.status.success())
}

/// What a gateway says when it starts.
#[derive(Default)]
struct Said {
    apps: String,
    hubs: String,
    admin: String,
    memory_mib: f64,
}

impl Said {
    fn read(text: &str) -> Self {
        let mut said = Self::default();
        for line in text.lines() {
            let word = |after: &str| {
                line.strip_prefix(after)
                    .and_then(|rest| rest.split_whitespace().next())
                    .map(str::to_owned)
            };
            if let Some(address) = word("listening for apps on ") {
                said.apps = address;
            } else if let Some(address) = word("listening for hubs on ") {
                said.hubs = address;
            } else if let Some(address) = word("listening for staff on https://") {
                said.admin = address;
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

    /// Time that the apps' thread has worked, in seconds.
    pub(super) fn apps_work_s(&self) -> Result<f64, TaskError> {
        let folder = format!("/proc/{}/task", self.child.id());
        let tasks = fs::read_dir(&folder).map_err(|error| failed(&folder, &error))?;
        for task in tasks.flatten() {
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            if name.trim() == "apps" {
                let times = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
                let worked_ns = times.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok());
                return worked_ns
                    .map(|ns| ns / 1e9)
                    .ok_or_else(|| TaskError::new("the kernel does not tell how long a thread has worked"));
            }
        }
        Err(TaskError::new(format!("{folder} has no thread of apps")))
    }

    /// Everything that it has said.
    fn said(&self) -> Result<String, TaskError> {
        fs::read_to_string(&self.log).map_err(|error| failed("the gateway's log", &error))
    }

    /// How many lines of what it has said contain `text`.
    pub(super) fn lines_with(&self, text: &str) -> Result<usize, TaskError> {
        Ok(self.said()?.lines().filter(|line| line.contains(text)).count())
    }

    /// Waits until more than `than` lines contain `text`.
    pub(super) fn wait_for(&mut self, text: &str, than: usize) -> Result<(), TaskError> {
        let began = now();
        while self.lines_with(text)? <= than {
            if !matches!(self.child.try_wait(), Ok(None)) || began.elapsed() > SAYS_WITHIN {
                return Err(TaskError::new(format!(
                    "nextbest serve has not said {text:?}: {}",
                    self.said()?
                )));
            }
            wait(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Tells it to take its pack and keys again.
    pub(super) fn hang_up(&self) -> Result<(), TaskError> {
        self.signal("-HUP")
    }

    fn signal(&self, signal: &str) -> Result<(), TaskError> {
        let id = self.child.id().to_string();
        done("kill", Command::new("kill").args([signal, &id]).output()).map(|_| ())
    }

    /// Tells it to stop, and waits until it has; how long that took.
    pub(super) fn stop(mut self) -> Result<Duration, TaskError> {
        let began = now();
        self.signal("-TERM")?;
        let status = self.child.wait().map_err(|error| failed("nextbest serve", &error))?;
        if !status.success() {
            return Err(TaskError::new(format!(
                "a gateway that was told to stop ended with {status}"
            )));
        }
        Ok(began.elapsed())
    }
}

impl Gateway {
    /// Tells it to stop; how much it then says was left undone of everything whose name ends so.
    pub(super) fn stop_and_tell(self, ending: &str) -> Result<f64, TaskError> {
        let log = self.log.clone();
        let _took = self.stop()?;
        let said = fs::read_to_string(log).map_err(|error| failed("the gateway's log", &error))?;
        let undone = said
            .lines()
            .find_map(|line| line.strip_prefix("left undone: "))
            .unwrap_or("");
        let counts = undone.split(", ").filter_map(|part| part.split_once(' '));
        Ok(counts
            .filter(|(_, name)| name.ends_with(ending))
            .filter_map(|(count, _)| count.parse::<f64>().ok())
            .sum())
    }
}

/// A load that runs beside something else. Dropping it ends it.
pub(super) struct Load(Option<Child>);

impl Load {
    /// Starts a load; what it reports is kept for [`Load::report`].
    pub(super) fn start(mut command: Command) -> Result<Self, TaskError> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        child
            .map(|child| Self(Some(child)))
            .map_err(|error| failed("a load", &error))
    }

    /// Whether it has not ended.
    pub(super) fn is_running(&mut self) -> bool {
        self.0
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Waits for its end; what it reports.
    pub(super) fn report(mut self) -> Result<String, TaskError> {
        let child = self.0.take().ok_or_else(|| TaskError::new("the load has ended"))?;
        let output = done("nextbest load", child.wait_with_output())?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Copies a folder with all that is in it.
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
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
