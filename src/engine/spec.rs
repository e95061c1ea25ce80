//! What a generation is made from: the checked content of a pack, with every name interned.
//!
//! `config` builds a [`Spec`] from files; [`super::Generation::build`] compiles it. Nothing here is read on the
//! hot path.

use std::sync::Arc;

use nextbest_venue::{PlaceIx, Venue};

use super::condition::Condition;
use super::decide::message::{MessageIx, Messages};
use super::decide::place::Detour;
use super::locate::SurveyPoint;
use super::presence::StayLimits;
use crate::model::Purpose;

/// Everything that one published configuration says.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The generation's number; each published one is higher.
    pub number: u64,
    /// The map.
    pub venue: Arc<Venue>,
    /// The closed sets of names.
    pub vocabulary: Vocabulary,
    /// The lifecycle.
    pub journey: JourneySpec,
    /// Segments, at most [`super::condition::SEGMENTS_MAX`]; recomputed when a person's traits or stage change.
    pub segments: Vec<SegmentSpec>,
    /// What is remembered of a person.
    pub traits: Vec<TraitSpec>,
    /// The actions, at most [`ACTIONS_MAX`].
    pub actions: Vec<ActionSpec>,
    /// The messages in every language.
    pub messages: Messages,
    /// What hubs heard at known points; empty: the radio map follows from path loss alone.
    pub survey: Vec<SurveyPoint>,
    /// Numbers that tune the engine.
    pub settings: Settings,
}

/// Actions that one generation may hold.
pub const ACTIONS_MAX: usize = 4_096;
/// Names that a vocabulary may hold for wants; a place's stock keeps a bit for each.
pub const WANTS_MAX: usize = 64;
/// Stages of a journey.
pub const STAGES_MAX: usize = 32;
/// The share of the best way by which a longer one may exceed it, whatever [`Settings::detour_s_max`] says: nobody who is
/// a minute away walks two.
pub const DETOUR_SHARE_MAX: f32 = 0.3;
/// Treatments that one action may have.
pub const TREATMENTS_PER_ACTION_MAX: usize = 16;

/// Closed sets of names. The value of a name in a condition is its index + 1; 0 is unknown or none.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// Value tiers, lowest first.
    pub tiers: Vec<String>,
    /// Phases of the venue's event, in order.
    pub phases: Vec<String>,
    /// Channels; "mobile" is among them.
    pub channels: Vec<String>,
    /// Placements.
    pub placements: Vec<String>,
    /// What can be asked for: the categories and kinds of the venue's places, and what actions add. At most
    /// [`WANTS_MAX`].
    pub wants: Vec<String>,
    /// Categories of zones.
    pub zone_categories: Vec<String>,
    /// Events that a transition, a trait or the crowd reacts to.
    pub events: Vec<String>,
}

/// The lifecycle: stages and the transitions between them.
#[derive(Clone, Debug, Default)]
pub struct JourneySpec {
    /// The stages; a new customer is in the first. At most [`STAGES_MAX`].
    pub stages: Vec<String>,
    /// In the order of the pack; the first that fires wins.
    pub transitions: Vec<TransitionSpec>,
}

/// A way from one stage to another.
#[derive(Clone, Debug)]
pub struct TransitionSpec {
    /// Index of the stage it leaves; `None`: any other than `to`.
    pub from: Option<u8>,
    /// Index of the stage it enters.
    pub to: u8,
    /// What sets it off.
    pub on: Trigger,
    /// What must hold then. Reads the attributes after the signal's traits were applied.
    pub when: Condition,
}

/// What sets a transition off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A signal with this event (index into [`Vocabulary::events`]).
    Event(u16),
    /// Entering a zone of this category (index into [`Vocabulary::zone_categories`]).
    ZoneCategory(u16),
    /// Entering this zone.
    Zone(nextbest_venue::ZoneIx),
}

/// A segment: everybody for whom the condition holds.
#[derive(Clone, Debug)]
pub struct SegmentSpec {
    /// Its name.
    pub id: String,
    /// Who is in it; reads traits, stage and tier only.
    pub when: Condition,
}

/// Something that is remembered of a person.
#[derive(Clone, Debug)]
pub struct TraitSpec {
    /// Its name in signals (`traits`) and conditions.
    pub name: String,
    /// Its type, with its slot among the traits of that type.
    pub kind: TraitKind,
    /// How it changes.
    pub update: TraitUpdate,
}

/// The type of a trait, with its slot.
#[derive(Clone, Debug)]
pub enum TraitKind {
    /// True or false; the slot is below [`super::condition::FLAG_TRAITS_MAX`].
    Flag(u8),
    /// A number; the slot is below [`super::condition::NUMBER_TRAITS_MAX`].
    Number(u8),
    /// One of a closed set of texts; the slot is below [`super::condition::TEXT_TRAITS_MAX`].
    /// The value of a text in a condition is its index + 1.
    Text(u8, Vec<String>),
    /// The value tier itself: a text of [`Vocabulary::tiers`].
    Tier,
}

/// How a trait changes.
#[derive(Clone, Debug, PartialEq)]
pub enum TraitUpdate {
    /// `identify` (or `group`) sets it from the property of the same name.
    Set,
    /// Each signal with the event adds 1 (number), or sets true (flag).
    CountEvent(u16),
    /// Each signal with the event adds the value of the named property (number).
    AddProperty(u16, String),
    /// Each signal with the event sets it from the named property.
    SetFromEvent(u16, String),
}

/// One thing that can be done for a person.
#[derive(Clone, Debug)]
pub struct ActionSpec {
    /// Its id, unique in the generation.
    pub id: String,
    /// Its issue, such as "sell", "retain", "service", "wayfinding".
    pub issue: String,
    /// Its group within the issue.
    pub group: String,
    /// What it may be used for; checked against the person's consents.
    pub purpose: Purpose,
    /// May this person have it?
    pub eligibility: Condition,
    /// Does it make sense at the moment?
    pub applicability: Condition,
    /// Is it right for this person? May read walk and wait.
    pub suitability: Condition,
    /// Which wants it answers (indices into [`Vocabulary::wants`]); it answers an empty want as well
    /// unless `only_when_wanted`.
    pub wants: Vec<u16>,
    /// True: not offered to somebody who asked for nothing in particular.
    pub only_when_wanted: bool,
    /// The places that it can send to; empty: it is not bound to a place.
    pub places: Vec<PlaceIx>,
    /// How often one person may get it; `None`: without limit.
    pub cap: Option<CapSpec>,
    /// Starting propensity, 0 to 1.
    pub propensity: f32,
    /// Worth of an acceptance.
    pub value: f32,
    /// Business levers in per cent; they are added up.
    pub levers: Vec<f32>,
    /// Weights of the context: each that holds is multiplied in.
    pub context: Vec<ContextWeight>,
    /// Its treatments, at most [`TREATMENTS_PER_ACTION_MAX`].
    pub treatments: Vec<TreatmentSpec>,
    /// Do not show an answer after this many seconds.
    pub expires_s: u32,
}

/// At most `times` within `window_s`, for one person and one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapSpec {
    /// How often, 1 to 16.
    pub times: u8,
    /// Within how many seconds.
    pub window_s: u32,
}

/// A weight that counts while a condition holds.
#[derive(Clone, Debug)]
pub struct ContextWeight {
    /// When it counts.
    pub when: Condition,
    /// 1 = neutral.
    pub weight: f32,
}

/// How an action is shown.
#[derive(Clone, Debug)]
pub struct TreatmentSpec {
    /// Its id, unique in the action.
    pub id: String,
    /// Index into [`Vocabulary::channels`].
    pub channel: u8,
    /// Index into [`Vocabulary::placements`]; `None`: any.
    pub placement: Option<u8>,
    /// The message.
    pub message: MessageIx,
    /// The message to use when place, walk or wait are not known; `None`: the treatment cannot be shown then.
    pub message_without_place: Option<MessageIx>,
}

/// Numbers that tune the engine. Each has its default in `Settings::default`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// A position older than this is not used. Milliseconds; default 15,000. Longer: people who left still get
    /// answers for where they were; shorter: a phone that sleeps loses its place.
    pub position_ttl_ms: u32,
    /// A hub that was silent this long is dead. Milliseconds; default 10,000 (two missed heartbeats).
    pub hub_dead_after_ms: u32,
    /// A hub says how it is at least this often. Milliseconds; default 4,000.
    pub hub_heartbeat_ms: u32,
    /// Sightings that arrive this long after they were heard move nobody. Milliseconds; default 5,000.
    pub sighting_late_after_ms: u32,
    /// Share of the people in the venue who carry a registered tag, 0 to 1; default 1.
    pub tag_share: f32,
    /// Walk and wait at which the capacity factor is one half. Seconds; default 300.
    pub capacity_half_s: f32,
    /// How many seconds longer than the best a way may be to which somebody is sent so that others wait less; never more
    /// than [`DETOUR_SHARE_MAX`] of the best. Default 60; 0 sends everybody the way that is best for them.
    pub detour_s_max: f32,
    /// The share of those sent to a place who come, 0 to 1, before it has been learned; default 0.6.
    pub compliance: f32,
    /// Answers below this priority are not given; default 0.
    pub priority_floor: f32,
    /// Purposes that are allowed of whoever never spoke about them, as bits of [`Purpose::bit`]; default: service only.
    pub consent_default: u8,
    /// Days that a consent lasts at most; default 730, two years. Longer: people are asked less often; shorter: a consent
    /// that was given for longer ends earlier, also one that is known.
    pub consent_days_max: u32,
    /// Customers that fit; default 1,000,000.
    pub customers_max: u32,
    /// Registered tags that fit; default 131,072.
    pub tags_max: u32,
    /// The phase that the event starts with: index into [`Vocabulary::phases`]; default `None`.
    pub phase: Option<u8>,
    /// The event that says a place has served somebody: index into [`Vocabulary::events`].
    pub served_event: Option<u16>,
    /// The events by which a service says that a customer is at a place, such as a sale or a ticket scan: what the hubs
    /// hear of them there teaches the radio map. Indices into [`Vocabulary::events`]; default: the served event.
    pub passage_events: Vec<u16>,
    /// Signal ids remembered so that each is applied once; default 2,097,152: the last
    /// 1,048,576 at least.
    pub message_ids_max: u32,
    /// When a stay is a dwell and when a passing by; default 60 s and 10 s.
    pub stay: StaySettings,
    /// The same for zones of a category: index into [`Vocabulary::zone_categories`]; default: none.
    pub stay_by_category: Vec<(u16, StaySettings)>,
    /// Path loss of the radio: dBm at one metre, and its exponent. Defaults -59 and 1.8.
    pub path_loss_1m_dbm: f32,
    /// See `path_loss_1m_dbm`.
    pub path_loss_exponent: f32,
}

/// When a stay in a zone is something, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaySettings {
    /// A stay that lasts this long is a dwell, which is told once.
    pub dwell_s: u32,
    /// A stay that ends before this was a passing by.
    pub passed_by_s: u32,
}

impl Settings {
    /// How much longer than the best a way may be.
    #[must_use]
    pub const fn detour(&self) -> Detour {
        Detour {
            s_max: self.detour_s_max,
            share_max: DETOUR_SHARE_MAX,
        }
    }

    /// Seconds that a consent lasts at most.
    #[must_use]
    pub const fn consent_s_max(&self) -> u32 {
        self.consent_days_max.saturating_mul(86_400)
    }
}

impl Spec {
    /// By zone: when a stay is something, by its category's settings or those of every zone.
    #[must_use]
    pub fn stay_limits(&self) -> Vec<StayLimits> {
        let settings = &self.settings;
        let limits = |zone: &nextbest_venue::Zone| {
            let of_category = settings.stay_by_category.iter().find(|(category, _)| {
                let name = self.vocabulary.zone_categories.get(usize::from(*category));
                name == Some(&zone.category)
            });
            let stay = of_category.map_or(settings.stay, |(_, stay)| *stay);
            StayLimits::from_secs(stay.dwell_s, stay.passed_by_s)
        };
        self.venue.zones.iter().map(limits).collect()
    }
}

impl Default for StaySettings {
    fn default() -> Self {
        Self {
            dwell_s: 60,
            passed_by_s: 10,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            position_ttl_ms: 15_000,
            hub_dead_after_ms: 10_000,
            hub_heartbeat_ms: 4_000,
            sighting_late_after_ms: 5_000,
            tag_share: 1.0,
            capacity_half_s: 300.0,
            detour_s_max: 60.0,
            compliance: 0.6,
            priority_floor: 0.0,
            consent_default: Purpose::Service.bit(),
            consent_days_max: 730,
            customers_max: 1_000_000,
            tags_max: 131_072,
            phase: None,
            served_event: None,
            passage_events: Vec::new(),
            message_ids_max: 2_097_152,
            stay: StaySettings::default(),
            stay_by_category: Vec::new(),
            path_loss_1m_dbm: -59.0,
            path_loss_exponent: 1.8,
        }
    }
}
