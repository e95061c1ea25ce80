//! Bugs on purpose, one at a time, so that the tests can show that they would notice.
//!
//! Each [`Bug`] breaks one rule at the line that keeps it: `planted(Bug::X)` is false in every build without the feature
//! `planted-bugs`, a constant that the compiler removes, and with it only on the thread that selected the bug. The
//! simulation must find every one (`tests/planted_bugs.rs`), and says how many seeds it took.
//!
//! `seam` marks a moment at which another thread may get in between two steps of one call, with no lock held. With the
//! feature, a test lets something happen exactly there, so that what is a race elsewhere has a seed here.
//!
//! The feature does not build without debug assertions, so no release has it. Deliberately absent: bugs of the test
//! code, and any way to select one from outside of the process.

#[cfg(all(feature = "planted-bugs", not(debug_assertions)))]
compile_error!("`planted-bugs` breaks the gateway on purpose; it is for tests, never for a release");

macro_rules! bugs {
    ($($bug:ident: $what:literal,)*) => {
        /// A rule that is broken on purpose.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Bug {
            $(#[doc = $what] $bug,)*
        }

        impl Bug {
            /// Every bug.
            pub const ALL: &[Self] = &[$(Self::$bug,)*];

            /// What it does wrong.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$bug => $what,)*
                }
            }
        }
    };
}

bugs! {
    CapCheckedOutsideReservation: "a cap is looked at before the reservation and not again in it",
    CapWindowTooShort: "a cap's window ends a second early",
    ContactForgotten: "a contact whose window still runs makes room for another",
    PositionNeverExpires: "a position is used after its time to live",
    ServiceConsentUnchecked: "a decide does not ask for the consent to service",
    PersonalizationConsentUnchecked: "a decide does not ask for the consent to personalization",
    MarketingConsentUnchecked: "a decide does not ask for the consent to marketing",
    ResearchConsentUnchecked: "a decide does not ask for the consent to research",
    LocationConsentUnchecked: "a decide does not ask for the consent to being located",
    ConsentNeverEnds: "a consent is used after its end",
    TagRegisteredWithoutConsent: "a tag is registered for somebody who does not allow being located",
    DuplicateApplied: "a signal that was applied is applied again",
    ConflictTakenAsDuplicate: "another signal under a used id passes for the one that was applied",
    MessageIdsForgottenAtOnce: "the remembered ids are all forgotten when their table is full",
    RepeatCounted: "a sighting that is sent again counts again",
    SequenceWindowTooShort: "the oldest number of a hub's window counts as taken",
    LateSightingTaken: "a sighting that was heard too long ago moves its tag",
    OlderFixWins: "a fix of an earlier moment overwrites a later one",
    DeadHubSees: "a hub that fell silent still vouches for its zones",
    GoneHubSees: "a hub that said it goes still vouches for its zones",
    StaleWaitUsed: "the wait of a queue that nobody sees is the last one known",
    UnseenQueueIsShort: "a queue that nobody sees counts as an empty one",
    DeadZoneEntered: "people are put into zones whose hubs are dead",
    HubBelievedAnywhere: "a hub moves people outside of its own zones",
    ContradictedBelieved: "a hub is believed against several others",
    CountedByOneHub: "the crowd counts people of whom one hub alone tells",
    BootEpochIgnored: "a hub that booted anew goes on with its old numbers",
    FormerBootCounts: "a session of a former boot moves the numbers of the present one",
    UnknownTagRemembered: "a stranger's transmitter becomes a customer",
    StaleHandleUsed: "a session's handle of a tag that was given back still moves somebody",
    TagMovedByOwnWord: "a customer gets another's tag by naming it",
    TagTakenKeepsPlace: "who lost their tag to another stays where they were",
    WithdrawalKeepsTags: "who withdraws the consent to be located keeps their tags",
    WithdrawnWhilePlaced: "a fix on its way is written after the consent was withdrawn",
    WithdrawnWhileRegistered: "a tag on its way is registered after the consent was withdrawn",
    LeaverStillCounted: "who goes from one zone to another stays counted in the first",
    LapsedStillCounted: "who fell silent stays counted in their zone",
    ClosedPlaceChosen: "people are sent to places that are closed",
    SoldOutPlaceChosen: "people are sent to places that have run out",
    SegmentsNotFollowed: "segments stay as they were when traits change",
    StageNotFollowed: "a transition that should fire does not",
    OutcomeOfAnybody: "an outcome counts for a decision of somebody else",
    WallClockCounts: "the gateway goes by the wall clock, which jumps",
    AcknowledgedBeforeTaken: "a hub is told that more was taken than was",
    AcknowledgedBeforeDurable: "a signal is acknowledged before the journal has it for good",
    AcknowledgedBeforeSynced: "the journal takes for durable what it has not synced",
    SumUnchecked: "a record of the journal is given back whose checksum does not fit",
    TornRecordCounted: "a record of which the power left a part counts as there",
    GenerationMixed: "an answer names the published generation, not the one it was made from",
}

#[cfg(feature = "planted-bugs")]
pub use self::on::{at_seams, select};
#[cfg(feature = "planted-bugs")]
pub(crate) use self::on::{planted, seam};

/// A moment between two steps of one call, with no lock held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seam {
    /// A decide has ranked, and reserves next.
    Reserving,
    /// A sighting's tag has been resolved and placed by the locator; the person's record is written next.
    Placing,
    /// A tag's owner has been looked at; their record is written next.
    Registering,
}

/// Whether a bug is to show here.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn planted(_bug: Bug) -> bool {
    false
}

/// Marks a seam.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn seam(_seam: Seam) {}

#[cfg(feature = "planted-bugs")]
mod on {
    use std::cell::{Cell, RefCell};

    use super::{Bug, Seam};

    type Hook = Box<dyn FnMut(Seam)>;

    thread_local! {
        static SELECTED: Cell<Option<Bug>> = const { Cell::new(None) };
        static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    /// Breaks a rule on this thread, or none.
    pub fn select(bug: Option<Bug>) {
        SELECTED.set(bug);
    }

    /// Lets `hook` happen at every seam that this thread comes to, or nothing. What the hook itself calls has no seams.
    pub fn at_seams(hook: Option<Hook>) {
        HOOK.set(hook);
    }

    pub(crate) fn planted(bug: Bug) -> bool {
        SELECTED.get() == Some(bug)
    }

    pub(crate) fn seam(seam: Seam) {
        let Some(mut hook) = HOOK.take() else { return };
        hook(seam);
        HOOK.set(Some(hook));
    }
}
