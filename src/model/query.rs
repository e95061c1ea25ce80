//! The one question: what is best for this person, here, now?

/// A query, borrowed from the bytes that carried it. The person and their language come from the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    /// A category of the venue's places, or empty for anything.
    pub want: &'a str,
    /// The channel that will show the answer; empty: "mobile".
    pub channel: &'a str,
    /// The placement in it; empty: any.
    pub placement: &'a str,
    /// BCP 47; empty: the session's.
    pub locale: &'a str,
    /// How many answers; 0 means 1.
    pub answers_max: u32,
    /// Whether to say why other actions were not chosen.
    pub why: bool,
}
