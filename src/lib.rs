#![doc = include_str!("ARCHITECTURE.md")]

pub mod model;
pub mod planted;

pub mod engine;

pub mod config;
pub mod wire;

#[cfg(feature = "shell")]
pub mod journal;
#[cfg(feature = "shell")]
pub mod recording;
#[cfg(feature = "shell")]
pub mod serve;

#[cfg(feature = "shell")]
pub mod hub;

#[cfg(feature = "shell")]
pub mod cli;
