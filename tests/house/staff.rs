//! Staff at the HTTPS listeners: a token for a role, and requests as they write them.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use nextbest::serve::access::admin_tokens::AdminRole;
use nextbest::serve::access::changes::make_admin_token;
use nextbest::serve::clock::unix_s;

use crate::house::{House, WAIT};

impl House {
    /// A token for a role, which the gateway knows.
    pub(crate) fn staff(&self, name: &str, role: AdminRole) -> String {
        let token = make_admin_token(&self.keys, name, role, 1, unix_s()).unwrap();
        self.gateway.reload_keys().unwrap();
        token
    }

    /// Status and answer of a request at the admin listener.
    pub(crate) async fn ask(&self, verb: &str, path: &str, token: &str, body: &str) -> (u16, String) {
        let authorization = if token.is_empty() {
            String::new()
        } else {
            format!("authorization: Bearer {token}\r\n")
        };
        let request = format!(
            "{verb} {path} HTTP/1.1\r\nhost: localhost\r\n{authorization}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        self.ask_raw(self.gateway.admin_addr().unwrap(), request).await
    }

    /// Status and answer of what was written to an HTTPS listener.
    pub(crate) async fn ask_raw(&self, to: SocketAddr, request: String) -> (u16, String) {
        let authority = self.keys.authority().unwrap();
        let asking = tokio::task::spawn_blocking(move || {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&[&rustls::version::TLS13])
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let mut session = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
            let mut socket = TcpStream::connect(to).unwrap();
            socket.set_read_timeout(Some(WAIT)).unwrap();
            let mut stream = rustls::Stream::new(&mut session, &mut socket);
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            // A listener that has refused a request may cut the connection without a close_notify.
            let _cut = stream.read_to_string(&mut answer);
            answer
        });
        let answer = asking.await.unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_default(), answer)
    }
}
