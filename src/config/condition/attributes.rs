//! The attributes that a condition may read: their names, their kinds, and where they are known.

use std::fmt::Write as _;

use nextbest_venue::Venue;

use crate::engine::condition::{Category, Quantity, Truth};
use crate::engine::spec::{TraitKind, TraitSpec, Vocabulary};
use crate::model::Purpose;

/// One line of the documentation of conditions.
#[derive(Clone, Copy, Debug)]
pub struct AttributeText {
    /// How it is written; a `<name>` stands for a name that the pack declares.
    pub path: &'static str,
    /// What it is compared with.
    pub kind: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Where it may be used.
    pub used_in: &'static str,
}

/// Every attribute that a condition may read.
pub const ATTRIBUTES: &[AttributeText] = &[
    line(
        "customer.stage",
        "text",
        "the lifecycle stage; never unknown",
        "everywhere",
    ),
    line("customer.tier", "text", "the value tier", "everywhere"),
    line("traits.<name>", "as declared", "a trait of journey.toml", "everywhere"),
    line(
        "segments.<id>",
        "truth",
        "membership of a segment; also `\"<id>\" in segments`",
        "all but segments",
    ),
    line(
        "consent.<purpose>",
        "truth",
        "a purpose that the person has allowed",
        "all but segments",
    ),
    line("mood", "number", "how the person feels, -1 to 1", "all but segments"),
    line(
        "zone.id",
        "text",
        "the zone that the person is in",
        "on a zone, actions",
    ),
    line(
        "zone.category",
        "text",
        "the category of that zone",
        "on a zone, actions",
    ),
    line(
        "event",
        "text",
        "the event of the signal that is being applied",
        "on an event",
    ),
    line("level", "text", "the level that the person is on", "actions"),
    line(
        "position.known",
        "truth",
        "whether the position is known and fresh",
        "actions",
    ),
    line("dwell_s", "number", "seconds in the zone", "actions"),
    line("phase", "text", "the phase of the venue's event", "actions"),
    line(
        "minute_of_day",
        "number",
        "minutes since midnight in the venue's time zone",
        "actions",
    ),
    line("channel", "text", "the channel that will show the answer", "actions"),
    line("placement", "text", "the placement in it", "actions"),
    line("want", "text", "what was asked for", "actions"),
    line(
        "place.walk_s",
        "number",
        "seconds to walk to the action's place",
        "suitability",
    ),
    line("place.wait_s", "number", "seconds to wait there", "suitability"),
];

/// What a condition is for; it decides which attributes are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Role {
    /// Of a segment: what is remembered of the person.
    Segment,
    /// Of a transition that an event sets off.
    OnEvent,
    /// Of a transition that entering a zone sets off.
    OnZone,
    /// Of an action: also where they are, what was asked, and in which channel.
    Policy,
    /// Of an action for which a place was chosen.
    Suitability,
}

impl Role {
    /// How messages call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Segment => "a segment",
            Self::OnEvent => "a transition on an event",
            Self::OnZone => "a transition on a zone",
            Self::Policy => "an eligibility, an applicability or a context weight",
            Self::Suitability => "a suitability",
        }
    }

    /// Whether a condition of this role may read the attribute.
    pub(super) const fn knows(self, attribute: &Attribute<'_>) -> bool {
        let of_action = matches!(self, Self::Policy | Self::Suitability);
        match attribute {
            Attribute::Category(category, _) => match category {
                Category::Stage | Category::Tier | Category::Text(_) => true,
                Category::Zone | Category::ZoneCategory => of_action || matches!(self, Self::OnZone),
                Category::Level | Category::Phase | Category::Channel | Category::Placement | Category::Want => {
                    of_action
                }
                Category::Event => matches!(self, Self::OnEvent),
            },
            Attribute::Truth(truth) => match truth {
                Truth::Flag(_) => true,
                Truth::Segment(_) | Truth::Consent(_) => !matches!(self, Self::Segment),
                Truth::PositionKnown => of_action,
            },
            Attribute::Quantity(quantity) => match quantity {
                Quantity::Number(_) => true,
                Quantity::Mood => !matches!(self, Self::Segment),
                Quantity::DwellS | Quantity::MinuteOfDay => of_action,
                Quantity::WalkS | Quantity::WaitS => matches!(self, Self::Suitability),
            },
        }
    }
}

/// An attribute, with the values that a category may have.
#[derive(Clone, Debug)]
pub(super) enum Attribute<'a> {
    /// One of a closed set of texts; the value of a text is its index + 1.
    Category(Category, Vec<&'a str>),
    /// True or false.
    Truth(Truth),
    /// A number.
    Quantity(Quantity),
}

/// Every name that a condition of the pack may use.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Names<'a> {
    /// Zones and levels.
    pub(in crate::config) venue: &'a Venue,
    /// The closed sets.
    pub(in crate::config) vocabulary: &'a Vocabulary,
    /// The stages.
    pub(in crate::config) stages: &'a [String],
    /// The traits.
    pub(in crate::config) traits: &'a [TraitSpec],
    /// The segments.
    pub(in crate::config) segments: &'a [String],
}

impl<'a> Names<'a> {
    /// The attribute with this path.
    pub(super) fn attribute(&self, path: &str) -> Option<Attribute<'a>> {
        if let Some(name) = path.strip_prefix("traits.") {
            return self.trait_named(name);
        }
        if let Some(id) = path.strip_prefix("segments.") {
            return self.segment(id).map(Attribute::Truth);
        }
        if let Some(name) = path.strip_prefix("consent.") {
            let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.name() == name)?;
            return Some(Attribute::Truth(Truth::Consent(purpose)));
        }
        let quantity = match path {
            "dwell_s" => Quantity::DwellS,
            "mood" => Quantity::Mood,
            "minute_of_day" => Quantity::MinuteOfDay,
            "place.walk_s" => Quantity::WalkS,
            "place.wait_s" => Quantity::WaitS,
            "position.known" => return Some(Attribute::Truth(Truth::PositionKnown)),
            _ => return self.category(path),
        };
        Some(Attribute::Quantity(quantity))
    }

    /// Membership of the segment with this id.
    pub(super) fn segment(&self, id: &str) -> Option<Truth> {
        let at = self.segments.iter().position(|segment| segment == id)?;
        u8::try_from(at).ok().map(Truth::Segment)
    }

    /// The path of every attribute that a condition of this role may read.
    pub(super) fn paths(&self, role: Role) -> Vec<String> {
        let fixed = ATTRIBUTES
            .iter()
            .map(|attribute| attribute.path)
            .filter(|path| !path.contains('<'));
        let mut paths: Vec<String> = fixed.map(str::to_owned).collect();
        paths.extend(self.traits.iter().map(|known| format!("traits.{}", known.name)));
        paths.extend(self.segments.iter().map(|id| format!("segments.{id}")));
        paths.extend(Purpose::ALL.iter().map(|purpose| format!("consent.{}", purpose.name())));
        paths.retain(|path| self.attribute(path).is_some_and(|attribute| role.knows(&attribute)));
        paths
    }

    fn trait_named(&self, name: &str) -> Option<Attribute<'a>> {
        let kind = &self.traits.iter().find(|known| known.name == name)?.kind;
        Some(match kind {
            TraitKind::Flag(slot) => Attribute::Truth(Truth::Flag(*slot)),
            TraitKind::Number(slot) => Attribute::Quantity(Quantity::Number(*slot)),
            TraitKind::Text(slot, values) => Attribute::Category(Category::Text(*slot), borrowed(values)),
            TraitKind::Tier => Attribute::Category(Category::Tier, borrowed(&self.vocabulary.tiers)),
        })
    }

    fn category(&self, path: &str) -> Option<Attribute<'a>> {
        let words = self.vocabulary;
        let (category, values) = match path {
            "customer.stage" => (Category::Stage, borrowed(self.stages)),
            "customer.tier" => (Category::Tier, borrowed(&words.tiers)),
            "zone.id" => (
                Category::Zone,
                self.venue.zones.iter().map(|zone| zone.id.as_str()).collect(),
            ),
            "zone.category" => (Category::ZoneCategory, borrowed(&words.zone_categories)),
            "level" => (
                Category::Level,
                self.venue.levels.iter().map(|level| level.id.as_str()).collect(),
            ),
            "channel" => (Category::Channel, borrowed(&words.channels)),
            "placement" => (Category::Placement, borrowed(&words.placements)),
            "want" => (Category::Want, borrowed(&words.wants)),
            "phase" => (Category::Phase, borrowed(&words.phases)),
            "event" => (Category::Event, borrowed(&words.events)),
            _ => return None,
        };
        Some(Attribute::Category(category, values))
    }
}

/// The table of attributes as text, one line each, for `nextbest check --attributes`.
#[must_use]
pub fn attribute_table() -> String {
    let mut table = String::new();
    for AttributeText {
        path,
        kind,
        meaning,
        used_in,
    } in ATTRIBUTES
    {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{path:<18} {kind:<12} {used_in:<21} {meaning}");
    }
    table
}

const fn line(path: &'static str, kind: &'static str, meaning: &'static str, used_in: &'static str) -> AttributeText {
    AttributeText {
        path,
        kind,
        meaning,
        used_in,
    }
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
