//! Compiles the contract without `protoc`: protox parses, prost generates.

use std::error::Error;

const FILES: [&str; 3] = [
    "nextbest/v1/common.proto",
    "nextbest/v1/hub.proto",
    "nextbest/v1/app.proto",
];

/// Messages that say who somebody is; `src/redacted.rs` shows their shape only.
const REDACTED: [&str; 12] = [
    ".nextbest.v1.AppHello",
    ".nextbest.v1.EphemeralKey",
    ".nextbest.v1.Outcome",
    ".nextbest.v1.PresenceEvent",
    ".nextbest.v1.Property",
    ".nextbest.v1.Property.value",
    ".nextbest.v1.Query",
    ".nextbest.v1.ReadingsRequest",
    ".nextbest.v1.Sighting",
    ".nextbest.v1.Signal",
    ".nextbest.v1.Tag",
    ".nextbest.v1.WatchPresence",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=nextbest");
    let descriptors = protox::compile(FILES, ["."])?;
    prost_build::Config::new()
        .bytes([".nextbest.v1.Sighting.identity", ".nextbest.v1.Tag.identity"])
        .skip_debug(REDACTED)
        .compile_fds(descriptors)?;
    Ok(())
}
