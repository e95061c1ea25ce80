//! The contract of nextbest: messages, framing, error codes, and the advertisement formats on the air.
//!
//! App and hub developers build against this crate, or generate a client in another language from the same
//! `nextbest/v1/*.proto` (see the crate's README). Everything here is a pure function of its bytes: no IO, no
//! clock, no runtime. Without the feature `std` it needs `core` and `alloc` only, so hub firmware can use it.
//!
//! | module | what |
//! |---|---|
//! | [`v1`] | the messages, generated |
//! | [`frame`] | messages on a stream |
//! | [`error`] | every error code |
//! | [`limits`] | how long and how many |
//! | [`advert`] | what transmitters say on the air, and who they are |
//!
//! A hub says hello:
//!
//! ```
//! use bytes::BytesMut;
//! use nextbest_proto::frame::{decode_frame, encode_frame};
//! use nextbest_proto::limits::HUB_TO_GATEWAY_LEN_MAX;
//! use nextbest_proto::v1::{HubHello, HubToGateway, hub_to_gateway::Body};
//! use nextbest_proto::PROTOCOL_VERSION;
//!
//! let hello = HubToGateway {
//!     body: Some(Body::Hello(HubHello {
//!         protocol_version: PROTOCOL_VERSION,
//!         hub_id: "concourse-north-3".into(),
//!         venue_id: "stadium".into(),
//!         boot_epoch: 17,
//!         ..HubHello::default()
//!     })),
//! };
//! let mut stream = BytesMut::new();
//! encode_frame(&hello, &mut stream);
//!
//! let heard = decode_frame::<HubToGateway>(&mut stream, HUB_TO_GATEWAY_LEN_MAX)?;
//! assert_eq!(heard, Some(hello));
//! # Ok::<(), nextbest_proto::frame::FrameError>(())
//! ```
#![no_std]
// What transmitters and peers say is read here: an index that is out of range would be theirs to choose.
#![warn(clippy::indexing_slicing)]

extern crate alloc;

pub mod v1;

mod redacted;

mod registration;

pub mod frame;

pub mod error;

pub mod limits;

pub mod advert;

/// The application protocol that QUIC connections negotiate, for hubs and apps alike.
pub const ALPN: &[u8] = b"nextbest/1";

/// The version that a hello states.
pub const PROTOCOL_VERSION: u32 = 1;

/// The README's examples, kept true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
