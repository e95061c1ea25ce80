//! The catalogue of hostile input, class by class, as tables: a case has a name, an input and what must become of it.
//!
//! Whatever comes, nothing panics, and who was located, where they stand and what is counted of the venue is as before,
//! unless the case says otherwise; where a counter is named it goes up by exactly one. `hostile/README.md` says which class
//! is where and how many cases it has, and a test here counts them. Cases over real connections are in `wire_hostile.rs`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "other tests come in by its other doors")]
mod house;
#[expect(dead_code, reason = "other tests look at what was counted")]
#[path = "house/raw.rs"]
mod raw;
mod support;

#[path = "hostile/count.rs"]
mod count;
#[path = "hostile/files.rs"]
mod files;
#[path = "hostile/frames.rs"]
mod frames;
#[path = "hostile/logged.rs"]
mod logged;
#[path = "hostile/people.rs"]
mod people;
#[path = "hostile/printed.rs"]
mod printed;
#[path = "hostile/queries.rs"]
mod queries;
#[path = "hostile/sightings.rs"]
mod sightings;
#[path = "hostile/signals.rs"]
mod signals;
#[path = "hostile/time.rs"]
mod time;
#[path = "hostile/values.rs"]
mod values;
