//! Somebody's stay in a zone, and the events that tell of it.
//!
//! A stay begins with the first fix in a zone and ends with the last one before the person was elsewhere, or nobody knew
//! any more. It is told by one `entered`; at most one `dwelled`, when it has lasted the zone's `dwell_s`; and at its end
//! by one `left` or `passed_by`. So a stay is told at once, and who counts visits leaves out those that end in
//! `passed_by`. An end says why it is one ([`StayEnd`]):
//!
//! | the stay ended because | event | of which moment |
//! |---|---|---|
//! | the person was seen elsewhere, or outside every zone | `left`, or `passed_by` when shorter than `passed_by_s` | when last seen in the zone |
//! | nobody heard their tag for the time to live | the same | when last seen in the zone |
//! | every hub that sees the zone is dead | `left`, because nobody knows whether they passed by | when last seen in the zone |
//! | they may not be located any more: consent withdrawn, or the tag is another's | `left`, for the same reason | when last seen in the zone |
//!
//! A pure function of the fixes, whose order the locator has already made that of the steps. Deliberately absent:
//! timers (who went silent is not known to have stayed), people's names, and who reads events ([`ring`] holds them).

pub mod ring;

use crate::model::STEP_MS;

pub use self::ring::{PRESENCE_EVENTS_LEN_MAX, PresenceCounts, PresenceCursor, PresenceRing};

/// What happened to a stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PresenceKind {
    /// It began.
    Entered,
    /// It has lasted as long as a dwell; once per stay.
    Dwelled,
    /// It ended.
    Left,
    /// It ended so soon that the person only passed by.
    PassedBy,
}

/// Why a stay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StayEnd {
    /// The person was seen elsewhere, or outside every zone.
    Elsewhere,
    /// Nobody heard them for the time to live.
    Silent,
    /// No hub that sees the zone is alive.
    ZoneUnknown,
    /// They may not be located any more: the consent was withdrawn, or the tag is another's.
    NotLocated,
}

impl StayEnd {
    /// Whether it is known how long the person stayed, so that they may only have passed by.
    const fn is_known(self) -> bool {
        match self {
            Self::Elsewhere | Self::Silent => true,
            Self::ZoneUnknown | Self::NotLocated => false,
        }
    }
}

/// How long stays are something, in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StayLimits {
    /// A stay that lasts this long is a dwell.
    pub dwell_steps: u32,
    /// A stay that ends before this was a passing by.
    pub passed_by_steps: u32,
}

impl StayLimits {
    /// Limits from seconds.
    #[must_use]
    pub const fn from_secs(dwell_s: u32, passed_by_s: u32) -> Self {
        Self {
            dwell_steps: dwell_s.saturating_mul(STEPS_PER_S),
            passed_by_steps: passed_by_s.saturating_mul(STEPS_PER_S),
        }
    }
}

const STEPS_PER_S: u32 = (1_000 / STEP_MS) as u32;

/// Somebody is in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Index of the zone.
    pub zone: u16,
    /// The step of the first fix in it.
    pub entered: u32,
    /// The step of the last fix in it.
    pub seen: u32,
    /// Whether its dwell was told.
    pub is_dwell: bool,
    /// How sure the last fix was of the zone.
    pub confidence: Confidence,
}

/// A share of certainty in steps of 1/255, so that what carries it can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Confidence(u8);

impl Confidence {
    /// The nearest to a share of 0 to 1.
    #[must_use]
    pub fn new(share: f32) -> Self {
        Self((share.clamp(0.0, 1.0) * 255.0).round() as u8)
    }

    /// From what [`Confidence::as_byte`] gave.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// As a byte.
    #[must_use]
    pub const fn as_byte(self) -> u8 {
        self.0
    }

    /// As a share of 0 to 1.
    #[must_use]
    pub fn share(self) -> f32 {
        f32::from(self.0) / 255.0
    }
}

/// One event of a stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StayEvent {
    /// What happened.
    pub kind: PresenceKind,
    /// Index of the zone.
    pub zone: u16,
    /// The step in which it happened. Of an end: the last step in which the person was seen in the zone.
    pub step: u32,
    /// How long the stay had lasted by then.
    pub stay_steps: u32,
    /// How sure the zone was by then.
    pub confidence: Confidence,
    /// Of an end: why.
    pub end: Option<StayEnd>,
}

/// What a fix tells: at most the end of one stay and the beginning of the next, or a dwell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The end of the stay before.
    pub ended: Option<StayEvent>,
    /// The beginning of another.
    pub entered: Option<StayEvent>,
    /// The stay that goes on has become a dwell.
    pub dwelled: Option<StayEvent>,
}

impl Told {
    /// In the order in which it happened.
    pub fn events(&self) -> impl Iterator<Item = &StayEvent> {
        [&self.ended, &self.entered, &self.dwelled].into_iter().flatten()
    }
}

/// A fix in `zone` (`None`: outside every zone) in a step that is not before the stay's last. A stay whose last fix is
/// more than `silent_steps_max` old has ended there, whatever the zone. `limits` says how long stays are something.
pub fn see(
    stay: Option<Stay>,
    zone: Option<u16>,
    step: u32,
    confidence: Confidence,
    silent_steps_max: u32,
    limits: impl Fn(u16) -> StayLimits,
) -> (Option<Stay>, Told) {
    let mut told = Told::default();
    if let Some(mut stay) = stay {
        let is_silent = step.saturating_sub(stay.seen) > silent_steps_max;
        if zone == Some(stay.zone) && !is_silent {
            stay.seen = stay.seen.max(step);
            stay.confidence = confidence;
            told.dwelled = stay.dwell(limits(stay.zone));
            return (Some(stay), told);
        }
        let why = if is_silent { StayEnd::Silent } else { StayEnd::Elsewhere };
        told.ended = Some(stay.end(why, limits(stay.zone)));
    }
    let stay = zone.map(|zone| Stay {
        zone,
        entered: step,
        seen: step,
        is_dwell: false,
        confidence,
    });
    told.entered = stay.map(|stay| stay.tell(PresenceKind::Entered, step));
    (stay, told)
}

impl Stay {
    /// The event of its end.
    #[must_use]
    pub fn end(&self, why: StayEnd, limits: StayLimits) -> StayEvent {
        let is_short = self.seen.saturating_sub(self.entered) < limits.passed_by_steps;
        let kind = if is_short && !self.is_dwell && why.is_known() {
            PresenceKind::PassedBy
        } else {
            PresenceKind::Left
        };
        StayEvent {
            end: Some(why),
            ..self.tell(kind, self.seen)
        }
    }

    /// The event of its dwell, the first time that it is one. It happened when the limit was reached, whenever the fix
    /// that tells of it came.
    fn dwell(&mut self, limits: StayLimits) -> Option<StayEvent> {
        let reached = self.entered.saturating_add(limits.dwell_steps);
        if self.is_dwell || self.seen < reached {
            return None;
        }
        self.is_dwell = true;
        Some(self.tell(PresenceKind::Dwelled, reached))
    }

    fn tell(&self, kind: PresenceKind, step: u32) -> StayEvent {
        StayEvent {
            kind,
            zone: self.zone,
            step,
            stay_steps: step.saturating_sub(self.entered),
            confidence: self.confidence,
            end: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: StayLimits = StayLimits {
        dwell_steps: 20,
        passed_by_steps: 8,
    };
    const SILENT_STEPS: u32 = 60;

    /// Kinds, zones, steps and lengths of what a walk of fixes tells; the person goes silent at its end.
    fn told(fixes: &[(u32, Option<u16>)]) -> Vec<(PresenceKind, u16, u32, u32)> {
        let (mut stay, mut events) = (None, Vec::new());
        for (step, zone) in fixes {
            let told;
            (stay, told) = see(stay, *zone, *step, Confidence::new(0.9), SILENT_STEPS, |_| LIMITS);
            events.extend(told.events().copied());
        }
        events.extend(stay.map(|stay| stay.end(StayEnd::Silent, LIMITS)));
        let row = |event: &StayEvent| (event.kind, event.zone, event.step, event.stay_steps);
        events.iter().map(row).collect()
    }

    #[test]
    fn a_stay_is_entered_dwelled_once_and_left() {
        use PresenceKind::{Dwelled, Entered, Left};
        let fixes: Vec<_> = (100..150).step_by(3).map(|step| (step, Some(7))).collect();
        let expected = [(Entered, 7, 100, 0), (Dwelled, 7, 120, 20), (Left, 7, 148, 48)];
        assert_eq!(told(&fixes), expected);
    }

    #[test]
    fn who_is_gone_at_once_passed_by_and_who_was_never_seen_again_did_not_dwell() {
        use PresenceKind::{Entered, Left, PassedBy};
        assert_eq!(
            told(&[(1, Some(1)), (8, Some(1)), (9, Some(2)), (17, Some(2)), (90, None)]),
            [
                (Entered, 1, 1, 0),
                (PassedBy, 1, 8, 7),
                (Entered, 2, 9, 0),
                (Left, 2, 17, 8)
            ]
        );
    }

    #[test]
    fn a_zone_that_is_entered_again_is_another_stay() {
        let kinds: Vec<_> = told(&[(1, Some(1)), (40, Some(1)), (41, None), (42, Some(1)), (70, Some(1))])
            .iter()
            .map(|event| event.0)
            .collect();
        use PresenceKind::{Dwelled, Entered, Left};
        assert_eq!(kinds, [Entered, Dwelled, Left, Entered, Dwelled, Left]);
    }

    #[test]
    fn who_comes_back_after_a_long_silence_begins_another_stay() {
        use PresenceKind::{Entered, PassedBy};
        assert_eq!(
            told(&[(1, Some(1)), (62, Some(1))]),
            [
                (Entered, 1, 1, 0),
                (PassedBy, 1, 1, 0),
                (Entered, 1, 62, 0),
                (PassedBy, 1, 62, 0)
            ]
        );
    }

    #[test]
    fn a_dwell_shorter_than_a_passing_by_is_still_left() {
        let limits = StayLimits {
            dwell_steps: 2,
            passed_by_steps: 8,
        };
        let (stay, _) = see(None, Some(1), 1, Confidence::new(1.0), SILENT_STEPS, |_| limits);
        let (stay, told) = see(stay, Some(1), 4, Confidence::new(1.0), SILENT_STEPS, |_| limits);
        assert_eq!(told.dwelled.map(|event| event.step), Some(3));
        let end = stay.map(|stay| stay.end(StayEnd::Elsewhere, limits).kind);
        assert_eq!(end, Some(PresenceKind::Left));
    }

    #[test]
    fn nobody_is_said_to_have_passed_by_when_nobody_knows() {
        let (stay, _) = see(None, Some(1), 1, Confidence::new(1.0), SILENT_STEPS, |_| LIMITS);
        let end = |why| stay.map(|stay| stay.end(why, LIMITS).kind);
        assert_eq!(end(StayEnd::Elsewhere), Some(PresenceKind::PassedBy));
        assert_eq!(end(StayEnd::Silent), Some(PresenceKind::PassedBy));
        assert_eq!(end(StayEnd::ZoneUnknown), Some(PresenceKind::Left));
        assert_eq!(end(StayEnd::NotLocated), Some(PresenceKind::Left));
    }

    #[test]
    fn an_end_says_why() {
        let (stay, _) = see(None, Some(1), 1, Confidence::new(1.0), SILENT_STEPS, |_| LIMITS);
        let end = |step| {
            let (_, told) = see(stay, Some(2), step, Confidence::new(1.0), SILENT_STEPS, |_| LIMITS);
            told.ended.and_then(|ended| ended.end)
        };
        assert_eq!(end(2), Some(StayEnd::Elsewhere));
        assert_eq!(end(2 + SILENT_STEPS), Some(StayEnd::Silent));
    }
}
