//! The real program as a process that serves the hall, with keys and a pack of its own in temporary folders.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use nextbest::serve::clock::unix_s;
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use nextbest::serve::keys::KeyFolder;
use nextbest::serve::token::Role;
use nextbest_client::{AppHelloSettings, AppSession, ClientEndpoint, ConnectError, Trust};
use tempfile::TempDir;

/// Longest wait for anything, so that a broken gateway fails a test instead of hanging it.
pub(crate) const WAIT: Duration = Duration::from_secs(30);
/// Lines that wait to be read.
const LINES_LEN_MAX: usize = 10_000;

/// `nextbest serve`.
pub(crate) struct Served {
    child: Child,
    said: Receiver<String>,
    logged: Receiver<String>,
    pub(crate) apps: SocketAddr,
    pub(crate) staff: SocketAddr,
    pub(crate) keys: KeyFolder,
    pub(crate) keys_dir: TempDir,
    pub(crate) pack: TempDir,
}

impl Served {
    /// Serves the hall, with its files changed by name.
    pub(crate) fn start(edit: impl Fn(&str, String) -> String) -> Self {
        let (keys_dir, pack) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let request = KeyRequest {
            venue_id: "hall".into(),
            hub_ids: vec!["hub-west".into()],
            ..KeyRequest::default()
        };
        make_keys(keys_dir.path(), &request, unix_s()).unwrap();
        copy_hall(pack.path(), edit);
        let mut child = Command::new(env!("CARGO_BIN_EXE_nextbest"))
            .args(["serve", "--listen", "127.0.0.1:0", "--listen-hubs", "127.0.0.1:0"])
            .args(["--admin", "127.0.0.1:0", "--log", "info", "--pack"])
            .arg(pack.path())
            .arg("--keys")
            .arg(keys_dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, logged) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        let address = |what: &str| {
            let line = find(&said, what).expect("the gateway says where it listens");
            let rest = line.split_once(what).unwrap().1;
            rest.split(' ').next().unwrap().parse().unwrap()
        };
        let (apps, staff) = (address("listening for apps on "), address("staff on https://"));
        Self {
            apps,
            staff,
            keys: KeyFolder::open(keys_dir.path()).unwrap(),
            child,
            said,
            logged,
            keys_dir,
            pack,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGHUP.
    pub(crate) fn hang_up(&mut self) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Whether a line with these words comes on its output.
    pub(crate) fn says(&self, words: &str) -> bool {
        find(&self.said, words).is_some()
    }

    /// Whether a line with these words comes in its log.
    pub(crate) fn logs(&self, words: &str) -> bool {
        find(&self.logged, words).is_some()
    }

    pub(crate) fn token(&self, subject: &str, role: Role) -> String {
        let signer = self.keys.token_signer().unwrap();
        signer.sign(subject, role, unix_s(), 3_600).unwrap()
    }

    pub(crate) async fn app(&self, customer: &str) -> AppSession {
        self.try_app(customer).await.unwrap()
    }

    pub(crate) async fn try_app(&self, customer: &str) -> Result<AppSession, ConnectError> {
        let hello = AppHelloSettings {
            token: self.token(customer, Role::Customer),
            ..AppHelloSettings::default()
        };
        let trust = Trust::from_der(&self.keys.authority().unwrap()).unwrap();
        let endpoint = ClientEndpoint::towards(self.apps).unwrap();
        AppSession::connect(&endpoint, self.apps, "localhost", &trust, hello).await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn find(lines: &Receiver<String>, words: &str) -> Option<String> {
    std::iter::from_fn(|| lines.recv_timeout(WAIT).ok()).find(|line| line.contains(words))
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = sync_channel(LINES_LEN_MAX);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn copy_hall(to: &Path, edit: impl Fn(&str, String) -> String) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hall");
    for folder in ["messages", "venue"] {
        fs::create_dir(to.join(folder)).unwrap();
    }
    for name in [
        "pack.toml",
        "journey.toml",
        "actions.toml",
        "settings.toml",
        "messages/en.ftl",
        "venue/hall.geojson",
    ] {
        let text = fs::read_to_string(from.join(name)).unwrap();
        fs::write(to.join(name), edit(name, text)).unwrap();
    }
}
