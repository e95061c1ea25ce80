//! `nextbest journal`: what a journal's directory holds, and what can be copied out of a damaged one.
//!
//! Payloads are never printed: they are sealed, and those that are not are nobody's business here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::Failure;
use crate::journal::storage::Directory;
use crate::journal::{Inventory, Position, Record, RecordKind, Salvaged, Settings, inventory, salvage};

/// Show what a journal holds, or copy what is whole out of a damaged one.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nextbest journal show state\n  nextbest journal show state --records\n  \
                  nextbest journal salvage state --to state.salvaged"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(ShowArguments),
    Salvage(SalvageArguments),
}

/// Show segments, snapshots and how many people and records there are, and everything that is wrong.
///
/// Nothing is changed, and a gateway may be running; its last write may then be seen half done.
#[derive(Debug, Args)]
struct ShowArguments {
    /// The journal's directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Print a line for each record: position, seconds on the journal's clock, kind, person, bytes.
    #[arg(long)]
    records: bool,
}

/// Copy every whole record and snapshot of a damaged journal into a new directory, and say what is lost.
///
/// The damaged one is not changed. The copy has the keys of people too: remove one of the two when you have decided, or
/// erasing somebody will not reach the other.
#[derive(Debug, Args)]
struct SalvageArguments {
    /// The damaged journal's directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The new directory; made, and empty if it is there.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Show(arguments) => show(&arguments.directory, arguments.records),
        Command::Salvage(arguments) => copy_whole(&arguments.directory, &arguments.to),
    }
}

fn show(directory: &Path, wants_records: bool) -> Result<(), Failure> {
    let mut print = |position: Position, record: &Record<'_>| {
        if wants_records {
            println!("{}", line(position, record));
        }
    };
    let read = inventory(&Directory::new(directory), &mut print);
    let inventory = read.map_err(|error| in_directory(directory, &error))?;
    print_inventory(&inventory);
    match inventory.findings.len() {
        0 => Ok(()),
        count => Err(Failure::wrong(format!(
            "{count} found in {}, see above",
            directory.display()
        ))),
    }
}

/// A record without what it says.
fn line(position: Position, record: &Record<'_>) -> String {
    let person = record.subject.map_or_else(
        || "-".to_owned(),
        |person| format!("{}.{}", person.number, person.birth),
    );
    let at_s = record.at.as_millis() / 1_000;
    let (kind, len) = (record.kind.name(), record.payload.len());
    format!(
        "{:>12}  {at_s:>10} s  {kind:<14}  {person:>10}  {len:>6} bytes",
        position.0
    )
}

fn print_inventory(inventory: &Inventory) {
    for segment in &inventory.segments {
        println!(
            "{}: {} records, next position {}, {} of {} bytes, {}",
            segment.file, segment.records, segment.next.0, segment.used_len, segment.len, segment.end
        );
    }
    for snapshot in &inventory.snapshots {
        match snapshot.state_len {
            Some(len) => println!("{}: {len} bytes of state", snapshot.file),
            None => println!("{}: damaged", snapshot.file),
        }
    }
    let people = inventory.people;
    println!(
        "people.keys: {} with a key, {} erased, {} lost",
        people.live, people.erased, people.retired
    );
    for (kind, count) in RecordKind::ALL
        .iter()
        .zip(inventory.kinds)
        .filter(|(_, count)| *count > 0)
    {
        println!("{count:>12}  {}", kind.name());
    }
    for stray in &inventory.strays {
        println!("not the journal's: {stray:?}");
    }
    for finding in &inventory.findings {
        println!("wrong: {finding}");
    }
}

fn copy_whole(from: &Path, to: &Path) -> Result<(), Failure> {
    let target = Directory::create(to).map_err(|error| in_directory(to, &error))?;
    let salvaged = salvage(&Directory::new(from), Arc::new(target), &Settings::default());
    let salvaged = salvaged.map_err(|error| in_directory(from, &error))?;
    print_salvaged(&salvaged, to);
    Ok(())
}

fn print_salvaged(salvaged: &Salvaged, to: &Path) {
    for finding in &salvaged.findings {
        println!("wrong: {finding}");
    }
    for lost in &salvaged.lost {
        println!("lost: positions {} to {}", lost.first.0, lost.last.0);
    }
    println!(
        "Copied {} records and {} snapshots to {}; {} positions in between are lost.",
        salvaged.records,
        salvaged.snapshots,
        to.display(),
        salvaged.positions_lost
    );
    println!("Both directories have the keys of people: remove one when you have decided.");
}

fn in_directory(directory: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::wrong(format!("{}: {error}", directory.display()))
}
