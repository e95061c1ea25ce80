//! Deciding: what is best for this person, here, at this moment.
//!
//! In this order: the eligible set by bitmaps ([`catalogue`]), how often the person may still get each ([`contact`]),
//! the best place for each ([`place`]), the priority of each and the best few of them ([`rank`]), and the words
//! ([`message`]). The leaves know nothing of one another; `engine::deciding` calls them in turn.

pub mod catalogue;
pub mod contact;
pub mod message;
pub mod place;
pub mod rank;
