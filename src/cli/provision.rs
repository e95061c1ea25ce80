//! `nextbest provision`: tags that change what they call themselves, from key agreement to registration.
//!
//! Secrets are in files that only their owner may read, never on the command line. Deliberately absent: talking to
//! the beacon; its maker's app writes the resolver's public key into it and reads its own back.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use nextbest_client::{AppHelloSettings, AppSession, ClientEndpoint, Trust};
use nextbest_proto::advert::ephemeral::{Ephemeral, IdentityKey, public_key};
use nextbest_proto::v1;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use super::Failure;
use super::address::parse_address;
use crate::serve::clock::unix_s;
use crate::serve::key_maker::write_secret;
use crate::serve::keys::KeyFolder;
use crate::serve::token::Role;

/// Life of the token that is signed for one registration, in seconds.
const TOKEN_LIFE_S: u64 = 60;

/// Agree on a beacon's key, and register tags that change what they call themselves.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nextbest provision keypair --out resolver.key\n  \
                        nextbest provision beacon --resolver resolver.key --beacon-public-key HEX --clock-s 86400 --out wristband-7.toml\n  \
                        nextbest provision register --tag wristband-7.toml --as ada --to 127.0.0.1:4433 --keys keys\n\n\
                        Write the printed public key into the Eddystone-EID beacon, read the beacon's own and its clock, \
                        then agree on its key. A device whose address changes is a file with the line\n  \
                        resolving_key = \"32 hexadecimal digits, most significant byte first\"\n\
                        Register only tags whose carriers have agreed to be located by them.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Make the resolver's pair of X25519 keys; prints the public one.
    Keypair(KeyPairArguments),
    /// Agree on the identity key with a beacon; prints what the beacon says at this moment.
    Beacon(BeaconArguments),
    /// Register a tag of a file for a customer, at a running gateway.
    Register(RegisterArguments),
}

#[derive(Debug, Args)]
struct KeyPairArguments {
    /// The file for the private key.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct BeaconArguments {
    /// The resolver's private key, as `keypair` made it.
    #[arg(long, value_name = "FILE")]
    resolver: PathBuf,
    /// The beacon's public key: 64 hexadecimal digits.
    #[arg(long, value_name = "HEX")]
    beacon_public_key: String,
    /// What the beacon's clock shows at this moment, in seconds.
    #[arg(long, value_name = "S")]
    clock_s: u32,
    /// The identifier changes every 2^N seconds.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=15))]
    rotation_exponent: u8,
    /// The file for the identity key, to register the beacon with.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct RegisterArguments {
    /// The tag's file.
    #[arg(long, value_name = "FILE")]
    tag: PathBuf,
    /// The customer who carries it.
    #[arg(long = "as", value_name = "CUSTOMER")]
    customer: String,
    /// The gateway's address for apps.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    to: SocketAddr,
    /// The key folder, with the key that signs tokens.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// The name in the gateway's certificate.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    server_name: String,
}

/// A tag's file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct TagFile {
    /// Of a device whose address changes: 32 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolving_key: Option<String>,
    /// Of an Eddystone-EID beacon.
    #[serde(skip_serializing_if = "Option::is_none")]
    ephemeral: Option<EphemeralFile>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct EphemeralFile {
    /// 32 hexadecimal digits.
    identity_key: String,
    rotation_exponent: u8,
    /// What the beacon's clock showed at `clock_unix_s` on ours.
    clock_s: u32,
    clock_unix_s: u64,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.step {
        Step::Keypair(arguments) => keypair(arguments),
        Step::Beacon(arguments) => beacon(arguments),
        Step::Register(arguments) => register(arguments),
    }
}

fn keypair(arguments: &KeyPairArguments) -> Result<(), Failure> {
    let mut private = [0; 32];
    SystemRandom::new()
        .fill(&mut private)
        .map_err(|_| Failure::wrong("the system gives no random numbers"))?;
    save(&arguments.out, &(hex(&private) + "\n"))?;
    say!(
        "The resolver's public key, for the beacon: {}",
        hex(&public_key(private))
    );
    Ok(())
}

fn beacon(arguments: &BeaconArguments) -> Result<(), Failure> {
    let private = bytes_of("the resolver's private key", load(&arguments.resolver)?.trim())?;
    let beacon_public = bytes_of("the beacon's public key", &arguments.beacon_public_key)?;
    let key = IdentityKey::agreed_by_resolver(private, beacon_public).map_err(Failure::wrong)?;
    let file = TagFile {
        resolving_key: None,
        ephemeral: Some(EphemeralFile {
            identity_key: hex(key.bytes()),
            rotation_exponent: arguments.rotation_exponent,
            clock_s: arguments.clock_s,
            clock_unix_s: unix_s(),
        }),
    };
    save(&arguments.out, &toml::to_string(&file).map_err(Failure::wrong)?)?;
    let beacon = Ephemeral::new(key, arguments.rotation_exponent).map_err(Failure::wrong)?;
    say!(
        "The beacon changes every {} s; at this moment it should say {}.\nRegister it with {}.",
        beacon.rotation_s(),
        hex(&beacon.identifier(arguments.clock_s)),
        arguments.out.display(),
    );
    Ok(())
}

fn register(arguments: &RegisterArguments) -> Result<(), Failure> {
    let wrong = |why: String| Failure::wrong(format!("{}: {why}", arguments.tag.display()));
    // What is wrong with the text is not repeated: it holds a secret.
    let file: TagFile = toml::from_str(&load(&arguments.tag)?)
        .map_err(|_| wrong("expected resolving_key = \"..\", or [ephemeral] as `provision beacon` writes it".into()))?;
    let tag = tag_of(&file, unix_s())?;
    let keys = KeyFolder::open(&arguments.keys).map_err(Failure::wrong)?;
    let signer = keys.token_signer().map_err(Failure::wrong)?;
    let hello = AppHelloSettings {
        token: signer
            .sign("provision", Role::Service, unix_s(), TOKEN_LIFE_S)
            .map_err(Failure::wrong)?,
        app: concat!("nextbest provision ", env!("CARGO_PKG_VERSION")).to_owned(),
        ..AppHelloSettings::default()
    };
    let trust = Trust::from_der(&keys.authority().map_err(Failure::wrong)?).map_err(Failure::wrong)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::wrong)?;
    let ack = runtime.block_on(send(arguments, &trust, hello, tag))?;
    match ack.tags_refused.first() {
        None => {
            say!("Registered for {}.", arguments.customer);
            Ok(())
        }
        Some(refusal) => Err(Failure::no_answer(format!(
            "the gateway did not register it: {}",
            refusal.reason().as_str_name()
        ))),
    }
}

async fn send(
    arguments: &RegisterArguments,
    trust: &Trust,
    hello: AppHelloSettings,
    tag: v1::Tag,
) -> Result<v1::SignalAck, Failure> {
    let endpoint = ClientEndpoint::towards(arguments.to).map_err(Failure::wrong)?;
    let session = AppSession::connect(&endpoint, arguments.to, &arguments.server_name, trust, hello)
        .await
        .map_err(|error| Failure::no_answer(format!("{} did not let us in: {error}", arguments.to)))?;
    let mut id = [0; 16];
    SystemRandom::new()
        .fill(&mut id)
        .map_err(|_| Failure::wrong("the system gives no random numbers"))?;
    let signal = v1::Signal {
        subject: arguments.customer.clone(),
        ..v1::Signal::registering(format!("provision-{}", hex(&id)), [tag])
    };
    let ack = session.signal(signal).await.map_err(Failure::no_answer)?;
    session.close();
    endpoint.idle().await;
    Ok(ack)
}

/// The tag of a file; a beacon's clock has gone on since the file was written.
fn tag_of(file: &TagFile, unix_s: u64) -> Result<v1::Tag, Failure> {
    match file {
        TagFile {
            resolving_key: Some(key),
            ephemeral: None,
        } => Ok(v1::Tag::resolved_by(bytes_of("resolving_key", key)?)),
        TagFile {
            resolving_key: None,
            ephemeral: Some(ephemeral),
        } => {
            let passed_s = u32::try_from(unix_s.saturating_sub(ephemeral.clock_unix_s)).unwrap_or(u32::MAX);
            Ok(v1::Tag::ephemeral(
                bytes_of("identity_key", &ephemeral.identity_key)?,
                ephemeral.rotation_exponent,
                ephemeral.clock_s.wrapping_add(passed_s),
            ))
        }
        TagFile { .. } => Err(Failure::wrong("a tag's file has either resolving_key or [ephemeral]")),
    }
}

fn load(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::wrong(format!("{}: {error}", path.display())))
}

fn save(path: &Path, text: &str) -> Result<(), Failure> {
    write_secret(path, text).map_err(|error| Failure::wrong(format!("{}: {error}", path.display())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// So many bytes of hexadecimal digits. The digits are not repeated when they are wrong.
fn bytes_of<const LEN: usize>(what: &str, digits: &str) -> Result<[u8; LEN], Failure> {
    let wrong = || Failure::wrong(format!("{what} is expected to be {} hexadecimal digits", 2 * LEN));
    let mut bytes = [0; LEN];
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != LEN || !rest.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beacons_clock_has_gone_on_since_its_file_was_written() {
        let file = TagFile {
            resolving_key: None,
            ephemeral: Some(EphemeralFile {
                identity_key: "0102030405060708090a111213141516".into(),
                rotation_exponent: 10,
                clock_s: 1_000,
                clock_unix_s: 5_000,
            }),
        };
        let text = toml::to_string(&file).unwrap();
        let tag = tag_of(&toml::from_str(&text).unwrap(), 5_250).unwrap();
        assert_eq!(tag.ephemeral_key.unwrap().clock_s, 1_250);
    }

    #[test]
    fn digits_that_are_wrong_are_not_repeated() {
        for digits in [
            "",
            "0g",
            "0102030405060708090a11121314151",
            "+1020304050607080910111213141516",
        ] {
            let failure = bytes_of::<16>("resolving_key", digits).unwrap_err();
            assert!(
                failure.sentence.ends_with("is expected to be 32 hexadecimal digits"),
                "{}",
                failure.sentence
            );
        }
    }
}
