//! A pack that is taken again and again under load, every tenth time with a mistake in it: nobody notices but by the
//! generation.
//!
//! Each pack says the number of the generation that it will be in what it answers, so an answer that was made of two
//! packs shows. Those with a mistake say another number, which nobody may ever see.

use std::fs;
use std::time::Duration;

use crate::cargo::TaskError;

use super::Finding;
use super::figures::number;
use super::gateway::{Gateway, House, Load, Place, wait};

/// One pack in so many has a mistake.
const MISTAKE_EVERY: u32 = 10;
/// Between two of them.
const SERVES: Duration = Duration::from_millis(20);
/// What a gateway says, whether it took the pack or not.
const SAID: &str = "the pack ";
/// What everybody is told who asks for food and is nowhere.
const MESSAGE: &str = "nearest-food-anywhere = ";
/// The load: people who ask for food, and say when an answer is of two packs.
const LOAD: [&str; 9] = [
    "--test-generations",
    "--rate",
    "2000",
    "--connections",
    "16",
    "--mode",
    "stream",
    "--for",
    "20s",
];

/// Reloads a gateway under load.
pub(super) fn prove(house: &House) -> Result<Vec<Finding>, TaskError> {
    let packs = Packs::open(house)?;
    packs.write(1, true)?;
    let mut gateway = house.serve(&[])?;
    let quiet = load(house, &gateway)?.report()?;
    let reloads = house.options.whole_or(1_000, 100);
    let mut seen = Seen::default();
    let (mut reload, mut good_ones) = (0, 0);
    while reload < reloads {
        let mut load = load(house, &gateway)?;
        while reload < reloads && load.is_running() {
            reload += 1;
            let is_good = !reload.is_multiple_of(MISTAKE_EVERY);
            good_ones += u32::from(is_good);
            packs.write(1 + good_ones, is_good)?;
            let said = gateway.lines_with(SAID)?;
            gateway.hang_up()?;
            gateway.wait_for(SAID, said)?;
            wait(SERVES);
        }
        seen.add(&load.report()?)?;
    }
    packs.write_back()?;
    let generation = number(&house.ask(&gateway)?, "generation")?;
    Ok(vec![
        Finding::new(
            format!("while the pack is taken again {reloads} times, no query fails"),
            seen.errors == 0.0,
            format!("{} of {} queries failed", seen.errors, seen.sent),
        ),
        Finding::new(
            "no answer is made of two packs, or of one with a mistake",
            seen.mixed == 0.0 && number(&quiet, "mixed")? == 0.0,
            format!("{} of {} answers", seen.mixed, seen.sent),
        ),
        Finding::new(
            "every good pack becomes a generation, and one with a mistake changes nothing",
            generation == f64::from(good_ones + 1),
            format!(
                "generation {generation} after {good_ones} good packs and {} bad ones",
                reloads - good_ones
            ),
        ),
        Finding::told(
            "how long answers take meanwhile (p99), the worst of all loads",
            format!("{} us, without reloads {} us", seen.p99_us, number(&quiet, "p99_us")?),
        ),
    ])
}

fn load(house: &House, gateway: &Gateway) -> Result<Load, TaskError> {
    house.start_load(Place::Anywhere, &gateway.apps, &LOAD)
}

/// What all loads saw.
#[derive(Default)]
struct Seen {
    sent: f64,
    errors: f64,
    mixed: f64,
    p99_us: f64,
}

impl Seen {
    fn add(&mut self, report: &str) -> Result<(), TaskError> {
        self.sent += number(report, "sent")?;
        self.errors += number(report, "errors")?;
        self.mixed += number(report, "mixed")?;
        self.p99_us = self.p99_us.max(number(report, "p99_us")?);
        Ok(())
    }
}

/// The files of the pack that change.
struct Packs<'a> {
    house: &'a House,
    settings: String,
    messages: String,
}

impl<'a> Packs<'a> {
    fn open(house: &'a House) -> Result<Self, TaskError> {
        Ok(Self {
            house,
            settings: read(house, "settings.toml")?,
            messages: read(house, "messages/en.ftl")?,
        })
    }

    /// The pack that says a generation's number.
    fn write(&self, number: u32, is_good: bool) -> Result<(), TaskError> {
        let says = |line: &str| match line.starts_with(MESSAGE) {
            true if is_good => format!("{MESSAGE}Generation {number}.\n"),
            true => format!("{MESSAGE}Of a pack with a mistake.\n"),
            false => format!("{line}\n"),
        };
        let mistake = if is_good { "" } else { "\nno_such_key = 1\n" };
        write(
            self.house,
            "messages/en.ftl",
            &self.messages.lines().map(says).collect::<String>(),
        )?;
        write(self.house, "settings.toml", &format!("{}{mistake}", self.settings))
    }

    fn write_back(&self) -> Result<(), TaskError> {
        write(self.house, "messages/en.ftl", &self.messages)?;
        write(self.house, "settings.toml", &self.settings)
    }
}

fn read(house: &House, name: &str) -> Result<String, TaskError> {
    let file = house.pack_file(name);
    fs::read_to_string(&file).map_err(|error| TaskError::new(format!("{}: {error}", file.display())))
}

fn write(house: &House, name: &str, text: &str) -> Result<(), TaskError> {
    let file = house.pack_file(name);
    fs::write(&file, text).map_err(|error| TaskError::new(format!("{}: {error}", file.display())))
}
