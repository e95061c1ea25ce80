//! Hubs, beacons, tags and a crowd that speak the real protocol; and recordings of real ones, replayed.
//!
//! | module | what | needs |
//! |---|---|---|
//! | [`prng`] | seeded randomness | `core` |
//! | [`hub`] | the firmware of a hub: scan, filter, store and forward | `alloc` |
//! | [`radio`] | what a hub hears of a tag: path loss, shadowing, bodies, loss | `std` |
//! | [`crowd`] | the people: arrive, sit, ask, walk, queue, leave | `std` |
//! | [`drive`] | all of them against a gateway, over QUIC | `std`, tokio |
//! | [`replay`] | a recording against a gateway, over QUIC | `std`, tokio |
//! | [`cli`] | the command `firmware-sim` | `std`, tokio |
//!
//! `hub`, `radio` and `crowd` have no clock, socket or thread: time is an argument, and one seed gives one
//! world, bit for bit. Only `drive` and `replay` wait, and only by the clock that the caller gives them, so
//! that a demonstration can run gateway and crowd at ten times the speed of life.
//!
//! Without the feature `std` only [`prng`] and [`hub`] remain, which need no operating system.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(all(doctest, feature = "std"), doc = include_str!("../README.md"))]

extern crate alloc;

pub mod prng;

pub mod hub;

#[cfg(feature = "std")]
pub mod radio;

#[cfg(feature = "std")]
pub mod crowd;

#[cfg(feature = "std")]
pub mod drive;

#[cfg(feature = "std")]
pub mod replay;

#[cfg(feature = "std")]
pub mod cli;
