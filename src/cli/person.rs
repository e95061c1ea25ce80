//! `nextbest person`: what the privacy officer does about one person at a running gateway, through its admin listener.
//!
//! One request over HTTPS, by hand: a head, a body, an answer until the gateway closes. Deliberately absent: asking twice;
//! an erasure whose answer was lost is asked for again, and says that nobody knows the customer when it was done.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};

use super::Failure;
use super::address::parse_address;
use crate::serve::keys::KeyFolder;

/// How long the gateway may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Longest answer that is read.
const ANSWER_LEN_MAX: u64 = 4 << 20;

/// Export everything that is known of a person, erase them, or list the proofs of erasures.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nextbest keys admin --keys keys --role privacy-officer --name dpo > dpo.token\n  \
                        nextbest person export ada --admin 127.0.0.1:8443 --token dpo.token --why \"request 17\"\n  \
                        nextbest person erase ada --admin 127.0.0.1:8443 --token dpo.token --why \"request 18\"\n  \
                        nextbest person erasures --admin 127.0.0.1:8443 --token dpo.token\n\n\
                        The reason is kept with the proof of an erasure and must not name the person. Leaves with 3 \
                        when the gateway does not answer or says no."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, Subcommand)]
enum Work {
    /// Print everything that is known of a customer, as JSON.
    Export(OfOne),
    /// Erase a customer: from memory at once, from the disk and every copy of it by destroying their key.
    Erase(OfOne),
    /// Print when somebody was erased, by whom and why, as JSON.
    Erasures(Admin),
}

#[derive(Debug, Args)]
struct OfOne {
    /// The customer's id.
    #[arg(value_name = "ID")]
    customer: String,
    /// Why, in 1 to 256 bytes; without their name or id.
    #[arg(long, value_name = "TEXT")]
    why: String,
    #[command(flatten)]
    admin: Admin,
}

#[derive(Debug, Args)]
struct Admin {
    /// The gateway's address for staff.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    admin: SocketAddr,
    /// The file with the token of a privacy officer, as `nextbest keys admin` printed it.
    #[arg(long, value_name = "FILE")]
    token: PathBuf,
    /// The key folder, of which the authority's certificate is used.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// The name in the gateway's certificate.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    server_name: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let answer = match &arguments.work {
        Work::Export(of) => of.ask("export")?,
        Work::Erase(of) => of.ask("erase")?,
        Work::Erasures(admin) => admin.ask("GET", "/v1/admin/erasures", "")?,
    };
    say!("{answer:#}");
    Ok(())
}

impl OfOne {
    fn ask(&self, work: &str) -> Result<Value, Failure> {
        let body = json!({ "customer": self.customer, "why": self.why }).to_string();
        self.admin.ask("POST", &format!("/v1/admin/person/{work}"), &body)
    }
}

impl Admin {
    fn ask(&self, verb: &str, path: &str, body: &str) -> Result<Value, Failure> {
        let token = fs::read_to_string(&self.token)
            .map_err(|error| Failure::wrong(format!("cannot read {}: {error}", self.token.display())))?;
        let request = format!(
            "{verb} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.server_name,
            token.trim(),
            body.len()
        );
        let tls = self.tls()?;
        let answer = self
            .exchange(tls, request.as_bytes())
            .map_err(|error| Failure::no_answer(format!("{} did not answer: {error}", self.admin)))?;
        read(&answer)
    }

    fn tls(&self) -> Result<rustls::ClientConnection, Failure> {
        let keys = KeyFolder::open(&self.keys).map_err(Failure::wrong)?;
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(keys.authority().map_err(Failure::wrong)?)
            .map_err(Failure::wrong)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(Failure::wrong)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(self.server_name.clone()).map_err(Failure::wrong)?;
        rustls::ClientConnection::new(Arc::new(config), name).map_err(Failure::wrong)
    }

    fn exchange(&self, mut tls: rustls::ClientConnection, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut socket = TcpStream::connect_timeout(&self.admin, ANSWER_WAIT)?;
        socket.set_read_timeout(Some(ANSWER_WAIT))?;
        socket.set_write_timeout(Some(ANSWER_WAIT))?;
        let mut stream = rustls::Stream::new(&mut tls, &mut socket);
        stream.write_all(request)?;
        let mut answer = Vec::new();
        match stream.take(ANSWER_LEN_MAX).read_to_end(&mut answer) {
            // Who closes without saying so has still answered; what is missing is seen by who reads the answer.
            Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error),
            Ok(_) | Err(_) => Ok(answer),
        }
    }
}

/// The JSON of an answer, or what it refuses.
fn read(answer: &[u8]) -> Result<Value, Failure> {
    let answer = String::from_utf8_lossy(answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).unwrap_or_default();
    let body: Option<Value> = serde_json::from_str(body).ok();
    match (status, body) {
        ("200", Some(body)) => Ok(body),
        (_, Some(body)) => {
            let sentence = body.get("sentence").and_then(Value::as_str);
            let sentence = sentence.unwrap_or("the gateway said no, and not why");
            Err(Failure::no_answer(sentence))
        }
        (_, None) => Err(Failure::no_answer("the answer is not one of a gateway")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_body_or_the_sentence_of_a_refusal() {
        let ok = read(b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n{\"erased\":true}\n").ok();
        assert_eq!(ok, Some(json!({ "erased": true })));
        let refused = read(b"HTTP/1.1 403 Forbidden\r\n\r\n{\"error\":\"not_allowed\",\"sentence\":\"no\"}");
        assert_eq!(refused.map_err(|failure| failure.to_string()), Err("no".to_owned()));
        for cut in [&b"HTTP/1.1 200 OK\r\n\r\n{\"erased\":"[..], b"HTTP/1.1 200", b""] {
            assert!(read(cut).is_err());
        }
    }
}
