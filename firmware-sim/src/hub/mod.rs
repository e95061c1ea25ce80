//! The firmware of a hub: what it heard goes in, what to do next comes out.
//!
//! The radio calls [`Hub::on_advert`], which only copies into a ring and may be called from an interrupt. The
//! main loop calls [`Hub::poll`] until it returns nothing: it drains the ring, decodes and filters, numbers
//! what is worth forwarding, and says whether to connect, to send a frame or to hang up. What happens to the
//! connection comes back through `on_connected`, `on_ack`, `on_drain` and `on_disconnected`. While the gateway
//! is away the hub keeps listening and stores, up to a bound.
//!
//! At boot it allocates its rings and its filter once, and nothing after. There is no clock, socket, thread or
//! randomness of its own: `now_ms` and a seeded generator are handed in, so the same calls give the same
//! frames. Deliberately absent: locating, resolving rotating identifiers, and any memory over a reboot but the
//! boot epoch that the caller counts.

mod backoff;
mod clock;
mod filter;
mod frame;
mod ring;
mod scan;
mod store;

use alloc::string::String;

use nextbest_proto::advert::Identity;

use crate::prng::Prng;

pub use backoff::BackoffLimits;
pub use clock::Skew;
pub use filter::FilterLimits;
pub use frame::{FRAME_LEN_MAX, FrameBuffer, Health, SIGHTINGS_PER_FRAME_MAX};
pub use scan::ADVERT_LEN_MAX;

use self::{
    backoff::Backoff,
    clock::Clock,
    filter::Filter,
    frame::{BatchHead, Hello},
    scan::{Heard, Scanner},
    store::{Store, Stored},
};

/// Who a hub is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubName {
    /// As in its certificate and in the venue's map; at most 64 bytes.
    pub hub_id: String,
    /// The venue's id, as in the certificate; at most 64 bytes.
    pub venue_id: String,
    /// Name and version of the firmware, for the operator; at most 64 bytes.
    pub firmware: String,
}

/// How a hub works. The defaults suit a hub with 512 KiB of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubSettings {
    /// Advertisements between the radio and the main loop; the oldest goes when it is full.
    pub scans_max: usize,
    /// Sightings kept until the gateway has taken them; the oldest goes when it is full.
    pub stored_max: usize,
    /// A batch goes out when it has this many sightings; at most [`SIGHTINGS_PER_FRAME_MAX`].
    pub batch_len: usize,
    /// A batch goes out when its oldest sighting is this old.
    pub batch_age_ms: u32,
    /// True: transmitters that name themselves only by their address are forwarded too.
    pub forward_addresses: bool,
    /// Which repeats are forwarded.
    pub filter: FilterLimits,
    /// When to try again.
    pub backoff: BackoffLimits,
    /// How far the crystal is off.
    pub skew: Skew,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self {
            scans_max: 256,
            stored_max: 4_096,
            batch_len: 64,
            batch_age_ms: 100,
            forward_addresses: false,
            filter: FilterLimits::default(),
            backoff: BackoffLimits::default(),
            skew: Skew::default(),
        }
    }
}

/// What the gateway said in its welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// Everything of this boot epoch before it has been taken.
    pub next_sequence: u64,
    /// A health report is due at least this often.
    pub heartbeat_ms: u32,
    /// The gateway takes no more in one batch.
    pub sightings_per_batch_max: u32,
}

/// What the hub wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Open a session and say hello ([`Hub::write_hello`]), then report `on_connected` or `on_disconnected`.
    Connect,
    /// Send the first `len` bytes of the buffer, which are one whole frame.
    Send {
        /// The frame's length with its prefix.
        len: usize,
    },
    /// Close the session; the gateway asked for it.
    Disconnect,
}

/// A hub from one boot to the next.
#[derive(Debug)]
pub struct Hub {
    name: HubName,
    settings: HubSettings,
    boot_epoch: u64,
    clock: Clock,
    scanner: Scanner,
    filter: Filter,
    store: Store,
    backoff: Backoff,
    link: Link,
}

/// Where the session stands.
#[derive(Debug, Clone, Copy)]
enum Link {
    Down {
        retry_at_ms: u64,
    },
    Connecting,
    Up {
        batch_len: usize,
        heartbeat_ms: u32,
        health_due_ms: u64,
    },
    Draining {
        retry_after_ms: u64,
    },
}

impl Hub {
    /// A hub that boots at `now_ms`. `boot_epoch` must be greater than at every earlier boot; `prng` decides
    /// the jitter.
    #[must_use]
    pub fn new(name: HubName, settings: HubSettings, boot_epoch: u64, now_ms: u64, prng: Prng) -> Self {
        Self {
            name,
            settings,
            boot_epoch,
            clock: Clock::new(settings.skew, now_ms),
            scanner: Scanner::new(settings.scans_max),
            filter: Filter::new(settings.filter),
            store: Store::new(settings.stored_max),
            backoff: Backoff::new(settings.backoff, prng),
            link: Link::Down { retry_at_ms: now_ms },
        }
    }

    /// The radio heard an advertisement: `payload` is its data without the link layer's header, and
    /// `rssi_dbm` is 127 when the radio could not tell.
    pub fn on_advert(&mut self, now_ms: u64, address: [u8; 6], payload: &[u8], rssi_dbm: i8) {
        self.scanner
            .push(self.clock.local_ms(now_ms), address, payload, rssi_dbm);
    }

    /// A decoder outside heard a transmitter, for example in a recording: filtered and stored at once.
    pub fn on_identity(&mut self, now_ms: u64, identity: Identity, rssi_dbm: i8) {
        self.scanner.count_heard();
        self.forward(Heard {
            identity,
            rssi_dbm,
            heard_local_ms: self.clock.local_ms(now_ms),
        });
    }

    /// The gateway welcomed the hub.
    pub fn on_connected(&mut self, now_ms: u64, welcome: Welcome) {
        self.store.rewind();
        self.store.taken_before(welcome.next_sequence);
        let allowed = usize::try_from(welcome.sightings_per_batch_max).unwrap_or(SIGHTINGS_PER_FRAME_MAX);
        let batch_len = self.settings.batch_len.min(allowed).clamp(1, SIGHTINGS_PER_FRAME_MAX);
        self.link = Link::Up {
            batch_len,
            heartbeat_ms: welcome.heartbeat_ms,
            health_due_ms: now_ms,
        };
    }

    /// The gateway has taken everything before `next_sequence`.
    pub fn on_ack(&mut self, next_sequence: u64) {
        self.store.taken_before(next_sequence);
        self.backoff.succeeded();
    }

    /// The gateway is going away and says when to come back.
    pub fn on_drain(&mut self, reconnect_after_ms: u32, jitter_ms: u32) {
        let retry_after_ms = u64::from(reconnect_after_ms) + self.backoff.jitter(jitter_ms);
        if matches!(self.link, Link::Up { .. }) {
            self.link = Link::Draining { retry_after_ms };
        }
    }

    /// The session ended, or could not be opened.
    pub fn on_disconnected(&mut self, now_ms: u64) {
        if matches!(self.link, Link::Connecting | Link::Up { .. } | Link::Draining { .. }) {
            self.store.rewind();
            self.link = Link::Down {
                retry_at_ms: now_ms + self.backoff.failed(),
            };
        }
    }

    /// What to do at `now_ms`, one thing at a time; call it until it returns nothing. A frame is written
    /// into `out`.
    pub fn poll(&mut self, now_ms: u64, out: &mut FrameBuffer) -> Option<Action> {
        self.listen();
        match self.link {
            Link::Down { retry_at_ms } if now_ms >= retry_at_ms => {
                self.link = Link::Connecting;
                Some(Action::Connect)
            }
            Link::Draining { retry_after_ms } => {
                self.store.rewind();
                self.link = Link::Down {
                    retry_at_ms: now_ms + retry_after_ms,
                };
                Some(Action::Disconnect)
            }
            Link::Up {
                batch_len,
                heartbeat_ms,
                health_due_ms,
            } if now_ms >= health_due_ms => {
                let health_due_ms = now_ms + u64::from(heartbeat_ms.max(2) / 2);
                self.link = Link::Up {
                    batch_len,
                    heartbeat_ms,
                    health_due_ms,
                };
                Some(Action::Send {
                    len: frame::write_health(out, &self.health(now_ms)),
                })
            }
            Link::Up { batch_len, .. } => self.batch(now_ms, batch_len, out),
            Link::Down { .. } | Link::Connecting => None,
        }
    }

    /// Writes the hello, the first frame of a session, and returns its length.
    pub fn write_hello(&self, out: &mut FrameBuffer) -> usize {
        let hello = Hello {
            hub_id: &self.name.hub_id,
            venue_id: &self.name.venue_id,
            firmware: &self.name.firmware,
            boot_epoch: self.boot_epoch,
            oldest_sequence: self.store.oldest(),
        };
        frame::write_hello(out, &hello)
    }

    /// Writes the goodbye, the last frame of a session that ends on purpose, and returns its length.
    pub fn write_goodbye(&self, reason: &str, out: &mut FrameBuffer) -> usize {
        frame::write_goodbye(out, reason)
    }

    /// How the hub is.
    #[must_use]
    pub fn health(&self, now_ms: u64) -> Health {
        Health {
            uptime_ms: self.clock.uptime_ms(now_ms),
            adverts_heard: self.scanner.heard(),
            sightings_dropped: self.store.dropped() + self.scanner.dropped(),
            buffer_len: u32::try_from(self.store.len()).unwrap_or(u32::MAX),
            adverts_malformed: self.scanner.malformed(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &HubName {
        &self.name
    }

    /// The number of this boot.
    #[must_use]
    pub fn boot_epoch(&self) -> u64 {
        self.boot_epoch
    }

    /// The sequence number of the oldest sighting that it still holds.
    #[must_use]
    pub fn oldest_sequence(&self) -> u64 {
        self.store.oldest()
    }

    /// Whether a session is open.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self.link, Link::Up { .. })
    }

    /// Moves what the radio heard into the store; bounded by the length of the scan ring.
    fn listen(&mut self) {
        while let Some(heard) = self.scanner.next(self.settings.forward_addresses) {
            self.forward(heard);
        }
    }

    fn forward(&mut self, heard: Heard) {
        let Heard {
            identity,
            rssi_dbm,
            heard_local_ms,
        } = heard;
        if self.filter.passes(&identity, rssi_dbm, heard_local_ms) {
            self.store.push(Stored {
                identity,
                rssi_dbm,
                heard_local_ms,
            });
        }
    }

    /// The next batch when it is full or its oldest sighting has waited long enough.
    fn batch(&mut self, now_ms: u64, batch_len: usize, out: &mut FrameBuffer) -> Option<Action> {
        let sent_at_local_ms = self.clock.local_ms(now_ms);
        let waited_ms = sent_at_local_ms.saturating_sub(self.store.unsent_nth(0)?.heard_local_ms);
        if self.store.unsent() < batch_len && waited_ms < u64::from(self.settings.batch_age_ms) {
            return None;
        }
        let count = self.store.unsent().min(batch_len);
        let head = BatchHead {
            boot_epoch: self.boot_epoch,
            first_sequence: self.store.cursor(),
            sent_at_local_ms,
        };
        let sightings = (0..count).filter_map(|position| self.store.unsent_nth(position));
        let len = frame::write_batch(out, head, sightings);
        self.store.advance(count);
        Some(Action::Send { len })
    }
}
