//! The messages of version 1, as generated from `nextbest/v1/*.proto`; their documentation is the comments there.
//!
//! What is absent on purpose: anything written by hand. Constructors and meaning are in the other modules.
#![expect(
    missing_docs,
    reason = "generated; a few items of the .proto files say all in their name"
)]

include!(concat!(env!("OUT_DIR"), "/nextbest.v1.rs"));
