//! Messages that are sent again: a sender that saw no acknowledgement repeats the packet, and one reading would count
//! twice.
//!
//! The last [`REMEMBERED_LEN`] acknowledged packets of a sender are remembered by number and content. A packet that says
//! it is sent again and is one of those is left out; it is acknowledged all the same. One whose first sending was lost is
//! news. A sender that says nothing of it and uses a new number repeats a reading as far as anybody can tell.

use std::hash::{BuildHasher as _, RandomState};

/// Packets remembered; a sender may have 256 unacknowledged.
const REMEMBERED_LEN: usize = 256;

/// What one sender has sent.
#[derive(Debug, Default)]
pub(super) struct Redelivery {
    hashes: RandomState,
    packets: Vec<(u16, u64)>,
    oldest: usize,
}

impl Redelivery {
    /// Whether it was taken before; if not, it is remembered. A packet without a number is not sent again.
    pub(super) fn was_taken(&mut self, packet_id: Option<u16>, is_again: bool, topic: &str, payload: &[u8]) -> bool {
        let Some(packet_id) = packet_id else { return false };
        let packet = (packet_id, self.hashes.hash_one((topic, payload)));
        if is_again && self.packets.contains(&packet) {
            return true;
        }
        match self.packets.get_mut(self.oldest) {
            Some(oldest) => *oldest = packet,
            None => self.packets.push(packet),
        }
        self.oldest = (self.oldest + 1) % REMEMBERED_LEN;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_that_is_sent_again_is_taken_once() {
        let mut sent = Redelivery::default();
        assert!(!sent.was_taken(Some(7), false, "a/b", b"-70"));
        assert!(sent.was_taken(Some(7), true, "a/b", b"-70"));
        assert!(!sent.was_taken(Some(7), true, "a/b", b"-71"), "the number serves again");
        assert!(
            !sent.was_taken(Some(8), true, "a/b", b"-70"),
            "the first sending was lost"
        );
        assert!(!sent.was_taken(Some(7), false, "a/b", b"-70"), "the same reading anew");
        assert!(!sent.was_taken(None, true, "a/b", b"-70"));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let mut sent = Redelivery::default();
        for id in 0..=REMEMBERED_LEN as u16 {
            assert!(!sent.was_taken(Some(id), false, "a", b""));
        }
        assert_eq!(sent.packets.len(), REMEMBERED_LEN);
        assert!(sent.was_taken(Some(1), true, "a", b""));
        assert!(!sent.was_taken(Some(0), true, "a", b""));
    }
}
