//! What a radio gives the agent: advertisements with their strength, and how the radio is.
//!
//! The agent knows no more of a radio than this, so that another source (a raw HCI socket, a sniffer on a serial port)
//! needs nothing but an implementation of [`Radio`]. Deliberately absent: what an advertisement means.

use std::future::Future;

use nextbest_proto::advert::address::Address;
use nextbest_proto::v1;
use tokio::time::Instant;

/// One reception of one advertisement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// From where it was sent.
    pub address: Address,
    /// Received signal strength, in dBm; `None`: the radio could not tell.
    pub rssi_dbm: Option<i16>,
    /// AD structures, as on the air. Empty: the same as before, or none.
    pub advertisement: Vec<u8>,
    /// When it was heard.
    pub at: Instant,
}

/// What happened at a radio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RadioEvent {
    /// An advertisement.
    Heard(Heard),
    /// Structures that belong to an advertisement which was given before, or that were heard at an unknown time.
    Learned {
        /// Who sent them.
        address: Address,
        /// AD structures.
        advertisement: Vec<u8>,
    },
    /// An advertisement whose sender was gone before anybody could ask for its strength.
    Missed,
    /// The radio is in another state.
    State(RadioReport),
}

/// How a radio is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RadioReport {
    /// Its name, such as `hci0`.
    pub adapter: String,
    /// What it does.
    pub state: v1::RadioState,
    /// Why it is not scanning, for the operator; empty when it is.
    pub reason: String,
}

/// A source of advertisements. It looks after itself: whatever goes wrong is told as a state, and tried again.
pub trait Radio {
    /// The next event; `None` when there will be no more. Giving it up loses nothing.
    fn next(&mut self) -> impl Future<Output = Option<RadioEvent>>;
}
