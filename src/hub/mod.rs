#![doc = include_str!("README.md")]

pub mod radio;

pub mod pairing;

pub mod recent;

pub mod only;

pub mod ear;

pub mod board;

pub mod agent;

#[cfg(all(feature = "ble", target_os = "linux"))]
pub mod bluez;
