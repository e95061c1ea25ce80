//! Where a gateway is, on the command line: an address or a name, and a port.
//!
//! A name is looked up once, when the command starts; the first address that it has counts. Deliberately absent: looking it
//! up again, so a program that runs for weeks is started again when its gateway moves.

use std::net::{SocketAddr, ToSocketAddrs as _};

/// Reads where a gateway is.
///
/// # Errors
/// A sentence that says what was expected, or that nothing has the name.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let has_port = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && !host.contains(':') && port.parse::<u16>().is_ok());
    if !has_port {
        return Err(format!(
            "{text:?} is no address; expected HOST:PORT, such as 192.0.2.7:4433 or gateway.example:4433"
        ));
    }
    let mut found = text
        .to_socket_addrs()
        .map_err(|error| format!("{text:?} cannot be looked up: {error}"))?;
    found.next().ok_or_else(|| format!("nothing has the name in {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_read() {
        assert_eq!(
            parse_address("192.0.2.7:4433").unwrap(),
            "192.0.2.7:4433".parse().unwrap()
        );
        assert_eq!(parse_address("[::1]:1").unwrap(), "[::1]:1".parse().unwrap());
        assert!(parse_address("localhost:4433").unwrap().ip().is_loopback());
    }

    #[test]
    fn what_is_none_is_told_what_was_expected() {
        for wrong in ["", "gateway", "192.0.2.7", ":4433", "gateway:", "gateway:70000", "::1"] {
            let told = parse_address(wrong).unwrap_err();
            assert!(told.contains("expected HOST:PORT"), "{wrong}: {told}");
        }
    }
}
