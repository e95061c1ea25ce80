//! The hub's frames, written by hand into the caller's buffer.
//!
//! A microcontroller sends a few kinds of frames, thousands of times an hour. Writing the protobuf bytes
//! directly needs no heap and no generated code; a test reads every frame back with the generated types, so
//! the two cannot drift apart. The layout is `proto/nextbest/v1/hub.proto`: each frame is a varint length and
//! a `HubToGateway`. Nothing is read here: the gateway's few answers are the session's to decode.

use super::store::Stored;

/// No frame from a hub is longer (`HubToGateway`).
pub const FRAME_LEN_MAX: usize = 16_384;

/// The buffer that frames are written into; its size makes a frame that does not fit impossible.
pub type FrameBuffer = [u8; FRAME_LEN_MAX];

/// Who the hub says it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hello<'a> {
    pub(super) hub_id: &'a str,
    pub(super) venue_id: &'a str,
    pub(super) firmware: &'a str,
    pub(super) boot_epoch: u64,
    pub(super) oldest_sequence: u64,
}

/// The head of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchHead {
    pub(super) boot_epoch: u64,
    pub(super) first_sequence: u64,
    pub(super) sent_at_local_ms: u64,
}

/// How the hub is, as sent to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Milliseconds since the boot.
    pub uptime_ms: u64,
    /// Advertisements heard since the boot, before any filter.
    pub adverts_heard: u64,
    /// Sightings and advertisements lost since the boot because a buffer was full.
    pub sightings_dropped: u64,
    /// Sightings that wait in the store.
    pub buffer_len: u32,
    /// Advertised structures that could not be decoded since the boot.
    pub adverts_malformed: u64,
}

/// Writes the hello and returns the frame's length.
pub(super) fn write_hello(out: &mut FrameBuffer, hello: &Hello<'_>) -> usize {
    write_frame(out, 1, |writer| {
        writer.varint_field(1, PROTOCOL_VERSION);
        writer.bytes_field(2, clip(hello.hub_id));
        writer.bytes_field(3, clip(hello.venue_id));
        writer.varint_field(4, hello.boot_epoch);
        writer.varint_field(5, hello.oldest_sequence);
        writer.bytes_field(6, clip(hello.firmware));
    })
}

/// Writes a batch of `sightings` and returns the frame's length.
pub(super) fn write_batch(out: &mut FrameBuffer, head: BatchHead, sightings: impl Iterator<Item = Stored>) -> usize {
    write_frame(out, 2, |writer| {
        writer.varint_field(1, head.boot_epoch);
        writer.varint_field(2, head.first_sequence);
        writer.varint_field(3, head.sent_at_local_ms);
        for sighting in sightings.take(SIGHTINGS_PER_FRAME_MAX) {
            let age_ms = head
                .sent_at_local_ms
                .saturating_sub(sighting.heard_local_ms)
                .min(u64::from(u32::MAX));
            writer.message_field(4, |writer| {
                writer.varint_field(1, sighting.identity.wire_kind().unsigned_abs().into());
                writer.bytes_field(2, sighting.identity.bytes());
                writer.varint_field(3, zigzag(sighting.rssi_dbm));
                writer.varint_field(4, age_ms);
            });
        }
    })
}

/// Writes the health and returns the frame's length.
pub(super) fn write_health(out: &mut FrameBuffer, health: &Health) -> usize {
    write_frame(out, 3, |writer| {
        writer.varint_field(1, health.uptime_ms);
        writer.varint_field(2, health.adverts_heard);
        writer.varint_field(3, health.sightings_dropped);
        writer.varint_field(4, u64::from(health.buffer_len));
        writer.varint_field(5, health.adverts_malformed);
    })
}

/// Writes the goodbye and returns the frame's length.
pub(super) fn write_goodbye(out: &mut FrameBuffer, reason: &str) -> usize {
    write_frame(out, 4, |writer| writer.bytes_field(1, clip(reason)))
}

/// A frame: its length, then a `HubToGateway` with one `field`. Every frame's bound is far below the buffer.
fn write_frame(out: &mut FrameBuffer, field: u64, body: impl FnOnce(&mut Writer<'_>)) -> usize {
    let mut writer = Writer { out, len: 0 };
    writer.length_prefixed(|writer| writer.message_field(field, body));
    writer.len
}

/// Appends protobuf fields. Fields with the default value are left out, as proto3 says.
struct Writer<'a> {
    out: &'a mut FrameBuffer,
    len: usize,
}

impl Writer<'_> {
    fn varint_field(&mut self, field: u64, value: u64) {
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
    }

    fn bytes_field(&mut self, field: u64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.varint(field << 3 | LENGTH_DELIMITED);
            self.varint(bytes.len() as u64);
            bytes.iter().for_each(|byte| self.byte(*byte));
        }
    }

    fn message_field(&mut self, field: u64, body: impl FnOnce(&mut Self)) {
        self.varint(field << 3 | LENGTH_DELIMITED);
        self.length_prefixed(body);
    }

    /// Writes `body`, then moves it behind its own length, which is known only afterwards.
    fn length_prefixed(&mut self, body: impl FnOnce(&mut Self)) {
        let start = self.len;
        body(self);
        let end = self.len;
        self.varint((end - start) as u64);
        let prefix_len = self.len - end;
        if let Some(written) = self.out.get_mut(start..self.len) {
            written.rotate_right(prefix_len);
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    fn byte(&mut self, byte: u8) {
        debug_assert!(
            self.len < FRAME_LEN_MAX,
            "the bounds of a frame's parts keep it below its maximum"
        );
        if let Some(slot) = self.out.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }
}

/// Small negative numbers as small positive ones (protobuf's `sint32`).
fn zigzag(value: i8) -> u64 {
    let wide = i32::from(value);
    u64::from(((wide << 1) ^ (wide >> 31)).unsigned_abs())
}

/// The first bytes of a text field, cut at a character.
fn clip(text: &str) -> &[u8] {
    let end = (0..=text.len().min(TEXT_LEN_MAX))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    text.as_bytes().get(..end).unwrap_or_default()
}

/// The version of the protocol that this firmware speaks.
const PROTOCOL_VERSION: u64 = 1;

/// The gateway takes no more in one batch; a sighting has at most 34 bytes, so a frame stays below 9,000.
pub const SIGHTINGS_PER_FRAME_MAX: usize = 256;

/// The contract's limit of names and reasons, in bytes.
const TEXT_LEN_MAX: usize = 64;

/// Protobuf's wire type of strings, bytes and messages.
const LENGTH_DELIMITED: u64 = 2;
