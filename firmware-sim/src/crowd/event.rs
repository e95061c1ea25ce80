//! What happens to fans, as the crowd tells it.

use nextbest_venue::PlaceIx;

use super::{FanIx, Want};

/// Something that happened, with the moment at which it did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// When.
    pub at_ms: u64,
    /// To whom.
    pub fan: FanIx,
    /// What.
    pub what: What,
}

/// What can happen to a fan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// They came through a gate.
    Arrives,
    /// They want something and ask where to go.
    Asks {
        /// What they want.
        want: Want,
    },
    /// They set out for a place.
    Goes {
        /// Where to.
        place: PlaceIx,
        /// They were told, and comply.
        told: bool,
    },
    /// They stand in line.
    Queues {
        /// Where.
        place: PlaceIx,
        /// How many wait before them.
        ahead: u32,
    },
    /// They have been served.
    Served {
        /// Where.
        place: PlaceIx,
        /// Seconds in line until their turn.
        waited_s: f32,
        /// Seconds from deciding to go until their turn: the walk and the wait.
        total_s: f32,
        /// They had asked where to go.
        asked: bool,
        /// They went where they were told.
        told: bool,
    },
    /// They sat down.
    Sits,
    /// They left the venue.
    Leaves,
}
