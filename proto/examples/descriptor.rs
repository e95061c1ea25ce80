//! Refreshes what is committed in `descriptor/` from the `.proto` files and the table of errors: run it after adding
//! to either.
//!
//! `cargo run --locked -p nextbest-proto --example descriptor`
//!
//! It refuses, and writes nothing, when the change would break apps and hubs that were built against the committed
//! set; the rules are in `tests/contract/breaks.rs`.

#[path = "../tests/contract/mod.rs"]
mod contract;

use std::error::Error;
use std::fs;

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let set = contract::compile()?;
    if contract::set_path().exists() {
        let broken = contract::breaks::breaks(&contract::committed()?, &set);
        if !broken.is_empty() {
            return Err(format!("incompatible with the committed contract: {}", broken.join("; ")).into());
        }
    }
    fs::write(contract::set_path(), set.encode_to_vec())?;
    fs::write(contract::listing_path(), contract::listing(&set))?;
    fs::write(contract::errors_path(), contract::errors())?;
    for path in [contract::set_path(), contract::listing_path(), contract::errors_path()] {
        println!("wrote {}", path.display());
    }
    Ok(())
}
