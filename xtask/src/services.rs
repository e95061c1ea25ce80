//! The programs that tests talk to, and getting them onto a fresh Debian machine.
//!
//! A program that is there is left alone. A missing one is installed with apt-get where that needs no question: as root,
//! or when `sudo -n` is let through. Elsewhere the task ends with a sentence that says what to install and why, because
//! a test that is passed over for want of a service proves nothing. Deliberately absent: starting any of them; a test
//! starts its own, on a free port of this machine, and ends it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::cargo::TaskError;

/// Features of the root package that let the tests in which need a service, and what they need of the package; cargo's list.
pub(crate) const FEATURES: &str = "nextbest/ble,nextbest/services";

/// A program from outside.
#[derive(Clone, Copy, Debug)]
struct Service {
    binary: &'static str,
    /// Debian's name of what brings it.
    package: &'static str,
    /// Which tests talk to it.
    used_by: &'static str,
}

/// All of them. A line here is all that another one needs.
const SERVICES: [Service; 3] = [
    Service {
        binary: "mosquitto",
        package: "mosquitto",
        used_by: "the MQTT door's tests, as the venue's broker",
    },
    Service {
        binary: "mosquitto_pub",
        package: "mosquitto-clients",
        used_by: "the MQTT door's tests, as a hub that we did not write",
    },
    Service {
        binary: "dbus-daemon",
        package: "dbus-daemon",
        used_by: "the hub agent's tests, as a private bus for a fake BlueZ",
    },
];

/// Where programs are on Debian, whatever the caller's `PATH` says: brokers are in `sbin`.
const FOLDERS: [&str; 5] = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/bin"];

/// Sees to it that every service is there.
pub(crate) fn prepare() -> Result<(), TaskError> {
    let missing = missing(is_here);
    if missing.is_empty() {
        let names: Vec<_> = SERVICES.iter().map(|service| service.binary).collect();
        println!("== prepare: {} are here", names.join(", "));
        return Ok(());
    }
    let Some(become_root) = become_root() else {
        return Err(TaskError::new(sentence(&missing)));
    };
    install(become_root, &missing)?;
    let still: Vec<_> = missing.into_iter().filter(|service| !is_here(service.binary)).collect();
    if still.is_empty() {
        Ok(())
    } else {
        Err(TaskError::new(sentence(&still)))
    }
}

fn missing(here: impl Fn(&str) -> bool) -> Vec<Service> {
    SERVICES.into_iter().filter(|service| !here(service.binary)).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "where programs are is the machine's to say, and the same way as a test will look for them"
)]
fn is_here(binary: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let listed = std::env::split_paths(&path).any(|folder| folder.join(binary).is_file());
    listed || FOLDERS.iter().any(|folder| Path::new(folder).join(binary).is_file())
}

/// What must stand before a command so that it runs as root without a question; `None`: nothing does.
fn become_root() -> Option<&'static [&'static str]> {
    let root = Command::new("id").arg("-u").output();
    if root.is_ok_and(|output| output.stdout.trim_ascii() == b"0") {
        return Some(&[]);
    }
    let sudo = Command::new("sudo")
        .args(["-n", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    sudo.is_ok_and(|status| status.success()).then_some(&["sudo", "-n"])
}

/// Lists first: a fresh image has none. An old list that cannot be refreshed may still do, so only installing decides.
fn install(become_root: &[&str], missing: &[Service]) -> Result<(), TaskError> {
    let packages: Vec<_> = missing.iter().map(|service| service.package).collect();
    println!("\n== prepare: apt-get install {}", packages.join(" "));
    let apt = |arguments: &[&str]| {
        let words: Vec<_> = become_root
            .iter()
            .chain(&["apt-get"])
            .chain(arguments)
            .copied()
            .collect();
        let (program, rest) = words.split_first()?;
        let mut command = Command::new(program);
        command.args(rest).env("DEBIAN_FRONTEND", "noninteractive");
        command.status().ok().filter(std::process::ExitStatus::success)
    };
    apt(&["update", "--quiet"]);
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(packages);
    match apt(&arguments) {
        Some(_) => Ok(()),
        None => Err(TaskError::new(format!("apt-get failed. {}", sentence(missing)))),
    }
}

/// What is missing, for whom, and the command that brings it.
fn sentence(missing: &[Service]) -> String {
    let wanted: Vec<_> = missing
        .iter()
        .map(|service| format!("`{}` for {}", service.binary, service.used_by))
        .collect();
    let packages: Vec<_> = missing.iter().map(|service| service.package).collect();
    format!(
        "the tests need {}. Install what is missing, on Debian: `sudo apt-get install {}`",
        wanted.join("; "),
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_asked_for() {
        let missing = missing(|binary| binary != "mosquitto_pub");
        assert_eq!(
            sentence(&missing),
            "the tests need `mosquitto_pub` for the MQTT door's tests, as a hub that we did not write. \
             Install what is missing, on Debian: `sudo apt-get install mosquitto-clients`"
        );
    }

    #[test]
    fn a_program_is_found_and_an_invented_one_is_not() {
        assert!(is_here("sh"));
        assert!(!is_here("mosquitto-of-nobody"));
    }
}
