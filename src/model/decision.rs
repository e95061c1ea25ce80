//! The answer: a decision with its reasons.
//!
//! Names are borrowed from the generation that made it, messages from the buffers that the caller lent,
//! so that an answer is made without allocating.

/// Answers that one decision may hold.
pub const ANSWERS_MAX: usize = 3;

/// Actions that are explained when somebody asks why they were not chosen.
pub const NOT_CHOSEN_LEN_MAX: usize = 32;

/// What is best for a person. There is always one: at worst without answers, with reasons.
#[derive(Clone, Debug, Default)]
pub struct Decision<'a> {
    /// Names this decision in an outcome; 0 when nothing was chosen.
    pub decision_id: u64,
    /// The generation that it comes from, whole.
    pub generation: u64,
    /// Best first; the first `None` ends them.
    pub answers: [Option<Answer<'a>>; ANSWERS_MAX],
    /// Why the decision is as it is.
    pub reasons: ReasonSet,
    /// Where the person is believed to be.
    pub zone: Option<&'a str>,
    /// How old that belief is, in milliseconds.
    pub zone_age_ms: Option<u32>,
    /// How sure that belief is, 0 to 1.
    pub zone_confidence: Option<f32>,
    /// The person's lifecycle stage.
    pub stage: &'a str,
    /// When asked for: what was not chosen. See [`Decision::not_chosen`].
    pub not_chosen_raw: &'a [NotChosen],
    /// The ids of the generation's actions, by index.
    pub action_ids: &'a [Box<str>],
    /// Actions of the generation.
    pub actions_considered: u32,
    /// Actions that passed their policies.
    pub actions_eligible: u32,
}

impl<'a> Decision<'a> {
    /// When asked for: the actions that were not chosen, with the first reason that was met and the priority
    /// when there was one.
    pub fn not_chosen(&self) -> impl Iterator<Item = (&'a str, Reason, Option<f32>)> + use<'a> {
        let ids = self.action_ids;
        self.not_chosen_raw.iter().filter_map(move |not_chosen| {
            let id = ids.get(usize::from(not_chosen.action))?;
            Some((&**id, not_chosen.reason, not_chosen.priority))
        })
    }
}

/// One answer of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The issue of the action.
    pub issue: &'a str,
    /// The group of the action.
    pub group: &'a str,
    /// The action.
    pub action: &'a str,
    /// The treatment that shows it.
    pub treatment: &'a str,
    /// Ready to be shown.
    pub message: &'a str,
    /// The language of the message, BCP 47.
    pub locale: &'a str,
    /// Where to go.
    pub place: Option<PlaceAnswer<'a>>,
    /// Do not show it after this many milliseconds.
    pub expires_in_ms: u32,
    /// What its priority is made of.
    pub factors: Factors,
    /// Why it is as it is.
    pub reasons: ReasonSet,
}

/// Where an answer sends somebody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaceAnswer<'a> {
    /// The place's id.
    pub id: &'a str,
    /// Its name, in the person's language.
    pub name: &'a str,
    /// The level it is on.
    pub level: &'a str,
    /// Metres east of the anchor.
    pub east_m: f32,
    /// Metres north of the anchor.
    pub north_m: f32,
    /// Seconds to walk there; `None` when the person's position is not known.
    pub walk_s: Option<u32>,
    /// Seconds to wait there; `None` when its queue is not known.
    pub wait_s: Option<u32>,
}

/// priority = propensity x context x value x levers x capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Factors {
    /// Probability that the person accepts.
    pub propensity: f32,
    /// Weight of the context, 1 = neutral.
    pub context: f32,
    /// Worth of an acceptance.
    pub value: f32,
    /// (sum of the levers / 100) + 1.
    pub levers: f32,
    /// 1 = free and near, towards 0 = crowded or far.
    pub capacity: f32,
}

impl Factors {
    /// The product of the factors.
    #[must_use]
    pub fn priority(&self) -> f32 {
        self.propensity * self.context * self.value * self.levers * self.capacity
    }
}

/// An action that was not chosen, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotChosen {
    /// The action, as an index into the generation's actions.
    pub action: u16,
    /// The first reason that was met.
    pub reason: Reason,
    /// Its priority, when it had one.
    pub priority: Option<f32>,
}

/// Why an answer, or the absence of one, is as it is. The numbers are the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// It had the highest priority.
    HighestPriority = 1,
    /// Its place has the least walk and wait.
    LeastWalkAndWait = 2,
    /// Its place is the nearest; queues are not known.
    NearestQueuesUnknown = 3,
    /// Its place has the least wait; the position is not known.
    LeastWaitPositionUnknown = 4,
    /// Its message is not in the language that was asked for.
    FallbackLanguage = 5,
    /// A queue was left out of the choice of its place, because what was counted of it is too old.
    CrowdStale = 6,
    /// Nobody knows where the person is.
    PositionUnknown = 16,
    /// The last position is too old to be used.
    PositionStale = 17,
    /// Nothing was known of the person before.
    CustomerUnknown = 18,
    /// The hubs around the last position are dead.
    ZoneUnknownHubsDead = 19,
    /// It does not serve what was asked for.
    NotWanted = 32,
    /// The person may not have it.
    NotEligible = 33,
    /// It makes no sense at the moment.
    NotApplicable = 34,
    /// It is not right for this person.
    NotSuitable = 35,
    /// The person has had it often enough.
    CapReached = 36,
    /// The person has not allowed its purpose.
    NoConsent = 37,
    /// None of its places is open.
    NoPlaceOpen = 38,
    /// None of its places has it in stock.
    NoPlaceInStock = 39,
    /// None of its places can be walked to.
    NoPlaceReachable = 40,
    /// It has nothing to show in this channel and placement.
    NoTreatment = 41,
    /// Another had a higher priority.
    LowerPriority = 42,
    /// Its priority is below the floor.
    BelowFloor = 43,
    /// The person's record was being written too often to be read.
    RecordBusy = 44,
}

/// Every reason, in the order of their numbers.
const ALL: [Reason; 23] = [
    Reason::HighestPriority,
    Reason::LeastWalkAndWait,
    Reason::NearestQueuesUnknown,
    Reason::LeastWaitPositionUnknown,
    Reason::FallbackLanguage,
    Reason::CrowdStale,
    Reason::PositionUnknown,
    Reason::PositionStale,
    Reason::CustomerUnknown,
    Reason::ZoneUnknownHubsDead,
    Reason::NotWanted,
    Reason::NotEligible,
    Reason::NotApplicable,
    Reason::NotSuitable,
    Reason::CapReached,
    Reason::NoConsent,
    Reason::NoPlaceOpen,
    Reason::NoPlaceInStock,
    Reason::NoPlaceReachable,
    Reason::NoTreatment,
    Reason::LowerPriority,
    Reason::BelowFloor,
    Reason::RecordBusy,
];

/// A set of reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasonSet(u64);

impl ReasonSet {
    /// Adds a reason.
    pub fn insert(&mut self, reason: Reason) {
        self.0 |= 1 << reason as u8;
    }

    /// Whether the reason is in the set.
    #[must_use]
    pub const fn contains(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u8) != 0
    }

    /// The reasons, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        ALL.into_iter().filter(move |reason| self.contains(*reason))
    }
}
