//! Signals and outcomes: what a person did, in the words of the Segment Spec, and what became of a decision.

use std::fmt;

use super::{TagId, TagKey};

/// Properties that one signal may carry.
pub const PROPERTIES_LEN_MAX: usize = 32;

/// Something a person did in any channel. Borrowed from the bytes that carried it.
#[derive(Clone, PartialEq)]
pub struct Signal<'a> {
    /// Chosen by the sender; the same id is applied once.
    pub message_id: &'a str,
    /// When it was made, by the sender's clock, in milliseconds since 1970-01-01 UTC; 0: the sender has none.
    pub made_unix_ms: u64,
    /// Which of the Segment Spec's calls it is.
    pub kind: SignalKind,
    /// The event of a `track`, the name of a `page` or `screen`; else empty.
    pub name: &'a str,
    /// What is known of the person (`identify`, `group`) or of the event.
    pub properties: Vec<Property<'a>>,
    /// Where it happened; empty: "mobile".
    pub channel: &'a str,
    /// Another id of the same person; else empty.
    pub anonymous_id: &'a str,
    /// Tags that the person carries, by what they say on the air.
    pub tags: Vec<TagId>,
    /// Tags that the person carries, by the key of what they say, which changes.
    pub keys: Vec<TagKey>,
    /// Purposes that the person has allowed or withdrawn.
    pub consents: Vec<Consent>,
}

/// Why a tag was not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagRefusal {
    /// The person does not allow being located.
    NoConsent,
    /// Somebody else carries it, and only a service may move it.
    CarriedByAnother,
    /// The table of tags, or that of keys, is full.
    TableFull,
    /// Only a service may register a resolving key, or by name an identity that can change.
    ServiceOnly,
    /// The person carries as many as one may.
    TooMany,
}

/// The Segment Spec's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignalKind {
    /// Who the person is, and what is known of them.
    Identify,
    /// Something the person did.
    Track,
    /// A page of a web site that the person saw.
    Page,
    /// A screen of an app that the person saw.
    Screen,
    /// A group that the person belongs to.
    Group,
    /// Two ids are one person.
    Alias,
}

/// Shows what kind of thing was done, never by whom nor what was said of them.
impl fmt::Debug for Signal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("kind", &self.kind)
            .field("properties", &self.properties.len())
            .field("tags", &self.tags.len())
            .field("keys", &self.keys.len())
            .field("consents", &self.consents)
            .finish_non_exhaustive()
    }
}

/// A name and its value.
#[derive(Clone, Copy, PartialEq)]
pub struct Property<'a> {
    /// The property's name.
    pub name: &'a str,
    /// Its value.
    pub value: Value<'a>,
}

/// Shows that there is a property of some type: its name is the sender's text as well.
impl fmt::Debug for Property<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Property(.., {:?})", self.value)
    }
}

/// The value of a property.
#[derive(Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A text.
    Text(&'a str),
    /// A finite number.
    Number(f64),
    /// A truth.
    Flag(bool),
}

/// Shows the type, never the value.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Number(_) => "Number(..)",
            Self::Flag(_) => "Flag(..)",
        })
    }
}

/// A purpose that a person has allowed or withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// What for.
    pub purpose: Purpose,
    /// Allowed, or withdrawn.
    pub allowed: bool,
    /// When the person said so, in seconds since 1970-01-01 UTC; 0: when it is taken.
    pub given_unix_s: u32,
    /// When it ends, in seconds since 1970-01-01 UTC; 0: as late as the pack lets it.
    pub until_unix_s: u32,
}

impl Consent {
    /// One that is said at the moment, and ends as late as the pack lets it.
    #[must_use]
    pub const fn new(purpose: Purpose, allowed: bool) -> Self {
        Self {
            purpose,
            allowed,
            given_unix_s: 0,
            until_unix_s: 0,
        }
    }
}

/// What data about a person may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Purpose {
    /// Answering what was asked.
    Service = 0,
    /// Fitting answers to the person.
    Personalization = 1,
    /// Selling.
    Marketing = 2,
    /// Learning from behaviour.
    Research = 3,
    /// Being located by a carried tag.
    Location = 4,
}

impl Purpose {
    /// Every purpose, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Service,
        Self::Personalization,
        Self::Marketing,
        Self::Research,
        Self::Location,
    ];

    /// The purpose's bit in a record.
    #[must_use]
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The purpose's name in packs and conditions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Personalization => "personalization",
            Self::Marketing => "marketing",
            Self::Research => "research",
            Self::Location => "location",
        }
    }
}

/// What became of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The decision.
    pub decision_id: u64,
    /// Which of its answers.
    pub action: &'a str,
    /// What the person did.
    pub kind: OutcomeKind,
}

/// What the person did with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    /// It was shown.
    Impression,
    /// It was opened.
    Click,
    /// The person said yes.
    Accept,
    /// The person said no.
    Reject,
    /// The person did it.
    Convert,
}
