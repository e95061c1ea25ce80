//! The real binary as processes: the hub agent, which says how it is as JSON, and a gateway that can be killed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use nextbest::serve::access::admin_tokens::AdminRole;
use nextbest::serve::access::changes::{make_admin_token, revoke_admin_token};
use nextbest::serve::clock::unix_s;
use nextbest::serve::keys::KeyFolder;
use serde_json::Value;

use crate::fake_bluez::{PrivateBus, WAIT};
use crate::house::House;

/// How often the agent may say something else than what is waited for: ten times each second for a minute and a half.
const HEALTHS_LEN_MAX: usize = 900;
/// Lines that wait to be read.
const LINES_LEN_MAX: usize = 100_000;

/// `nextbest hub`.
pub(crate) struct Hub(Program);

/// `nextbest serve`.
pub(crate) struct Serve {
    _program: Program,
    staff: SocketAddr,
    viewer: String,
}

struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Hub {
    pub(crate) fn start(bus: &PrivateBus, to: SocketAddr, keys: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nextbest"));
        command
            .args([
                "hub",
                "--json",
                "--every",
                "100ms",
                "--id",
                "hub-west",
                "--to",
                &to.to_string(),
            ])
            .arg("--keys")
            .arg(keys)
            .args(arguments)
            .env("DBUS_SYSTEM_BUS_ADDRESS", &bus.address);
        Self(Program::start(command))
    }

    /// Waits until it says so.
    #[track_caller]
    pub(crate) fn until(&mut self, reached: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..HEALTHS_LEN_MAX {
            let Ok(line) = self.0.lines.recv_timeout(WAIT) else {
                panic!("the agent ended or fell silent; it said last {last}");
            };
            last = serde_json::from_str(&line).unwrap();
            if reached(&last) {
                return last;
            }
        }
        panic!("the agent did not come to it; it said last {last}");
    }

    /// kill -9.
    pub(crate) fn kill(self) {}
}

impl Serve {
    /// Serves the hall, with hubs at `listen_hubs`.
    pub(crate) fn start(keys: &Path, listen_hubs: SocketAddr) -> Self {
        let folder = KeyFolder::open(keys).unwrap();
        // One who was there before, at the same folder.
        let _unknown = revoke_admin_token(&folder, "viewer");
        let viewer = make_admin_token(&folder, "viewer", AdminRole::Viewer, 1, unix_s()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_nextbest"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .arg(format!("--listen-hubs={listen_hubs}"))
            .arg(format!("--pack={}/tests/data/hall", env!("CARGO_MANIFEST_DIR")))
            .arg("--keys")
            .arg(keys);
        let program = Program::start(command);
        let staff = loop {
            let line = program
                .lines
                .recv_timeout(WAIT)
                .expect("the gateway says where it listens");
            if let Some((_, rest)) = line.split_once("staff on https://") {
                break rest.split(' ').next().unwrap().parse().unwrap();
            }
        };
        Self {
            _program: program,
            staff,
            viewer,
        }
    }

    /// kill -9.
    pub(crate) fn kill(self) {}

    /// Sightings that it has taken, of people whom it does not know or too old to say where anybody is; and those that it
    /// had taken before.
    pub(crate) fn sightings(&mut self, house: &House) -> (u64, u64) {
        let metrics = self.metrics(house);
        let value = |outcome: &str| {
            let name = format!("nextbest_sightings_total{{outcome=\"{outcome}\"}} ");
            let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
            line.unwrap_or_else(|| panic!("{name} in {metrics}")).parse().unwrap()
        };
        (value("unknown_tag") + value("late"), value("duplicate"))
    }

    fn metrics(&self, house: &House) -> String {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(house.keys.authority().unwrap()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut session = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut socket = TcpStream::connect(self.staff).unwrap();
        let mut stream = rustls::Stream::new(&mut session, &mut socket);
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            self.viewer
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Program {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let said = child.stdout.take().unwrap();
        Self {
            child,
            lines: lines(said),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn lines(said: ChildStdout) -> Receiver<String> {
    let (sender, lines) = sync_channel(LINES_LEN_MAX);
    std::thread::spawn(move || {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
