//! An obviously right engine: plain maps, a walk over everything, no bitmaps, no atomics, no sharing.
//!
//! It reads the same pack and is told what happened. Where a person is and how long a queue is it takes from the
//! engine's own reports, since they are tested by themselves; everything that follows from them it works out anew.

use std::collections::HashMap;

use nextbest::engine::condition::{Attributes, Category, Condition, Quantity, Truth};
use nextbest::engine::crowd::Outlook;
use nextbest::engine::decide::message::{Arguments, LocaleIx, MessageBuffer};
use nextbest::engine::record::CONTACTS_LEN_MAX;
use nextbest::engine::spec::{ActionSpec, DETOUR_SHARE_MAX, Spec, TraitKind, TraitUpdate, Trigger};
use nextbest::engine::{CustomerSlot, Engine, Generation};
use nextbest::model::{Consent, Factors, Property, Purpose, Query, STEP_MS, Timestamp, Value};
use nextbest_venue::{LevelIx, PlaceIx, ZoneIx};

/// What the plain engine knows about one person.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) stage: u8,
    /// By purpose, once they spoke about it: until when it is allowed, in seconds; `None`: withdrawn.
    consents: HashMap<Purpose, Option<u32>>,
    /// The second on the clock at which something happens to them.
    pub(crate) date_s: u32,
    tier: u16,
    flags: HashMap<u8, bool>,
    numbers: HashMap<u8, f32>,
    texts: HashMap<u8, u16>,
    pub(crate) place: Option<(LevelIx, Option<ZoneIx>)>,
    entered_step: u32,
    given: Vec<(String, u32)>,
}

/// What is true of the venue.
#[derive(Clone, Debug)]
pub(crate) struct House {
    pub(crate) phase: u16,
    pub(crate) minute_of_day: f32,
    pub(crate) closed: Vec<PlaceIx>,
    pub(crate) sold_out: Vec<(PlaceIx, u16)>,
    /// By place: what whoever asks next meets there, as the engine forecasts it.
    pub(crate) outlooks: Vec<Option<Outlook>>,
}

impl House {
    /// Looks at the forecasts, before an answer changes them.
    pub(crate) fn look(&mut self, engine: &Engine, generation: &Generation, now: Timestamp, customer: CustomerSlot) {
        let venue = generation.venue();
        let zone = engine.position(now, customer).and_then(|position| position.zone);
        let outlook = |place: u16| {
            let place = PlaceIx(place);
            let walk_s = zone.and_then(|zone| venue.walks.zone_to_place_s(zone, place));
            engine.outlook(now, customer, place, walk_s.map_or(0, u32::from))
        };
        self.outlooks = (0..venue.places.len() as u16).map(outlook).collect();
    }
}

/// What the plain engine would answer first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Best {
    pub(crate) action: String,
    pub(crate) place: Option<String>,
    pub(crate) walk_s: Option<u32>,
    pub(crate) wait_s: Option<u32>,
    pub(crate) is_crowd_stale: bool,
    pub(crate) priority: u32,
}

/// A place with its walk and wait.
#[derive(Clone, Copy, Debug)]
struct Way {
    place: PlaceIx,
    walk_s: Option<u32>,
    wait_s: Option<u32>,
    /// Of any place that might have been chosen.
    is_crowd_stale: bool,
    outlook: Option<Outlook>,
}

impl Way {
    fn total_s(&self) -> u32 {
        self.walk_s.unwrap_or(0) + self.wait_s.unwrap_or(0)
    }

    fn exact_s(&self) -> f32 {
        self.walk_s.unwrap_or(0) as f32 + self.outlook.map_or(0.0, |outlook| outlook.wait_s)
    }

    /// For the person, with what may go wrong counted twice, and four fifths for those behind them.
    fn cost_s(&self) -> f32 {
        let of_wait =
            |outlook: Outlook| outlook.wait_s + 2.0 * (outlook.risk_s - outlook.wait_s) + 0.8 * outlook.burden_s;
        self.walk_s.unwrap_or(0) as f32 + self.outlook.map_or(0.0, of_wait)
    }
}

impl Person {
    pub(crate) fn new() -> Self {
        Self {
            stage: 0,
            consents: HashMap::new(),
            date_s: 0,
            tier: 0,
            flags: HashMap::new(),
            numbers: HashMap::new(),
            texts: HashMap::new(),
            place: None,
            entered_step: 0,
            given: Vec::new(),
        }
    }

    /// An `identify`.
    pub(crate) fn identify(&mut self, spec: &Spec, properties: &[Property<'_>], consents: &[Consent]) {
        for consent in consents {
            let longest_s = self.date_s + spec.settings.consent_days_max * 86_400;
            let until_s = match consent.until_unix_s {
                0 => longest_s,
                until_s => until_s.min(longest_s),
            };
            self.consents
                .insert(consent.purpose, consent.allowed.then_some(until_s));
        }
        for known in spec.traits.iter().filter(|known| known.update == TraitUpdate::Set) {
            if let Some(value) = value_of(properties, &known.name) {
                self.set(spec, &known.kind, value);
            }
        }
    }

    /// A `track`.
    pub(crate) fn track(&mut self, spec: &Spec, event: &str, properties: &[Property<'_>]) {
        let Some(event) = spec.vocabulary.events.iter().position(|known| known == event) else {
            return;
        };
        for known in &spec.traits {
            match &known.update {
                TraitUpdate::CountEvent(of) if usize::from(*of) == event => match known.kind {
                    TraitKind::Number(slot) => *self.numbers.entry(slot).or_default() += 1.0,
                    TraitKind::Flag(slot) => {
                        self.flags.insert(slot, true);
                    }
                    TraitKind::Text(..) | TraitKind::Tier => {}
                },
                TraitUpdate::AddProperty(of, name) if usize::from(*of) == event => {
                    if let (TraitKind::Number(slot), Some(Value::Number(number))) =
                        (&known.kind, value_of(properties, name))
                    {
                        let sum = self.numbers.entry(*slot).or_default();
                        *sum = (f64::from(*sum) + number) as f32;
                    }
                }
                TraitUpdate::SetFromEvent(of, name) if usize::from(*of) == event => {
                    if let Some(value) = value_of(properties, name) {
                        self.set(spec, &known.kind, value);
                    }
                }
                TraitUpdate::Set
                | TraitUpdate::CountEvent(_)
                | TraitUpdate::AddProperty(..)
                | TraitUpdate::SetFromEvent(..) => {}
            }
        }
        self.advance(spec, |on| matches!(on, Trigger::Event(of) if usize::from(*of) == event));
    }

    /// The person went to another zone, or out of all of them, as was heard of them in a step.
    pub(crate) fn goes_to(&mut self, spec: &Spec, step: u32, zone: Option<ZoneIx>) {
        self.entered_step = step;
        let Some(zone) = zone else { return };
        let category = &spec.venue.zones[zone.index()].category;
        let category = spec
            .vocabulary
            .zone_categories
            .iter()
            .position(|known| known == category);
        self.advance(spec, |on| match on {
            Trigger::ZoneCategory(of) => Some(usize::from(*of)) == category,
            Trigger::Zone(of) => *of == zone,
            Trigger::Event(_) => false,
        });
    }

    fn advance(&mut self, spec: &Spec, is_set_off: impl Fn(&Trigger) -> bool) {
        let attributes = self.attributes(spec);
        let fires = spec.journey.transitions.iter().find(|transition| {
            transition.to != self.stage
                && transition.from.is_none_or(|from| from == self.stage)
                && is_set_off(&transition.on)
                && transition.when.holds(&attributes)
        });
        if let Some(transition) = fires {
            self.stage = transition.to;
        }
    }

    fn set(&mut self, spec: &Spec, kind: &TraitKind, value: Value<'_>) {
        let index_of =
            |values: &[String], text: &str| values.iter().position(|value| value == text).map_or(0, |ix| ix + 1);
        match (kind, value) {
            (TraitKind::Flag(slot), Value::Flag(flag)) => {
                self.flags.insert(*slot, flag);
            }
            (TraitKind::Number(slot), Value::Number(number)) => {
                self.numbers.insert(*slot, number as f32);
            }
            (TraitKind::Text(slot, values), Value::Text(text)) => {
                self.texts.insert(*slot, index_of(values, text) as u16);
            }
            (TraitKind::Tier, Value::Text(text)) => self.tier = index_of(&spec.vocabulary.tiers, text) as u16,
            (TraitKind::Flag(_) | TraitKind::Number(_) | TraitKind::Text(..) | TraitKind::Tier, _) => {}
        }
    }

    /// Whether they allow a purpose at the moment.
    fn allows(&self, spec: &Spec, purpose: Purpose) -> bool {
        match self.consents.get(&purpose) {
            None => spec.settings.consent_default & purpose.bit() != 0,
            Some(until_s) => until_s.is_some_and(|until_s| self.date_s < until_s),
        }
    }

    /// What conditions read of the person alone.
    fn attributes(&self, spec: &Spec) -> Attributes {
        let mut attributes = Attributes::default();
        attributes.set_category(Category::Stage, u16::from(self.stage) + 1);
        attributes.set_category(Category::Tier, self.tier);
        for known in &spec.traits {
            match known.kind {
                TraitKind::Flag(slot) => {
                    attributes.set_truth(Truth::Flag(slot), self.flags.get(&slot).copied().unwrap_or(false));
                }
                TraitKind::Number(slot) => {
                    attributes.set_quantity(Quantity::Number(slot), self.numbers.get(&slot).copied().unwrap_or(0.0));
                }
                TraitKind::Text(slot, _) => {
                    attributes.set_category(Category::Text(slot), self.texts.get(&slot).copied().unwrap_or(0));
                }
                TraitKind::Tier => {}
            }
        }
        attributes.set_quantity(Quantity::Mood, 0.0);
        for purpose in Purpose::ALL {
            attributes.set_truth(Truth::Consent(purpose), self.allows(spec, purpose));
        }
        for (segment, of) in (0_u8..).zip(&spec.segments) {
            let is_member = of.when.holds(&attributes);
            attributes.set_truth(Truth::Segment(segment), is_member);
        }
        attributes
    }

    /// What is best for the person, looked for the long way; writes down what was given.
    pub(crate) fn best(
        &mut self,
        engine: &Engine,
        generation: &Generation,
        house: &House,
        now: Timestamp,
        query: &Query<'_>,
    ) -> Option<Best> {
        let spec = generation.spec();
        self.date_s = now.as_secs();
        let locale = generation.locale_for("en");
        let mut attributes = self.attributes(spec);
        let index_of = |names: &[String], name: &str| match name {
            "" => 0,
            name => names
                .iter()
                .position(|known| known == name)
                .map_or(names.len() + 1, |ix| ix + 1),
        };
        let zone = self.place.and_then(|(_, zone)| zone);
        let zone_category = zone.map_or("", |zone| spec.venue.zones[zone.index()].category.as_str());
        for (category, value) in [
            (Category::Want, index_of(&spec.vocabulary.wants, query.want)),
            (Category::Channel, index_of(&spec.vocabulary.channels, "mobile")),
            (Category::Zone, zone.map_or(0, |zone| zone.index() + 1)),
            (
                Category::ZoneCategory,
                index_of(&spec.vocabulary.zone_categories, zone_category),
            ),
            (Category::Level, self.place.map_or(0, |(level, _)| level.index() + 1)),
            (Category::Phase, usize::from(house.phase)),
        ] {
            attributes.set_category(category, value as u16);
        }
        attributes.set_truth(Truth::PositionKnown, self.place.is_some());
        attributes.set_quantity(Quantity::MinuteOfDay, house.minute_of_day);
        if zone.is_some() {
            let dwell_ms = u64::from(now.step() - self.entered_step) * STEP_MS;
            attributes.set_quantity(Quantity::DwellS, (dwell_ms / 1_000) as f32);
        }
        let mut best: Option<Best> = None;
        for action in &spec.actions {
            let candidate = self.candidate((engine, generation), house, now, action, &attributes, locale);
            let is_better = |best: &Best, new: &Best| f32::from_bits(new.priority) > f32::from_bits(best.priority);
            if let Some(candidate) = candidate
                && best.as_ref().is_none_or(|best| is_better(best, &candidate))
            {
                best = Some(candidate);
            }
        }
        if let Some(best) = &best {
            self.given.push((best.action.clone(), now.as_secs()));
        }
        best
    }

    fn candidate(
        &self,
        (engine, generation): (&Engine, &Generation),
        house: &House,
        now: Timestamp,
        action: &ActionSpec,
        attributes: &Attributes,
        locale: LocaleIx,
    ) -> Option<Best> {
        let mut attributes = attributes.clone();
        let wanted = attributes.category(Category::Want);
        let answers = action.wants.iter().any(|want| want + 1 == wanted) || (wanted == 0 && !action.only_when_wanted);
        let given = self
            .given
            .iter()
            .filter(|(id, at_s)| *id == action.id && action.cap.is_some_and(|cap| now.as_secs() - at_s < cap.window_s));
        let is_capped = action.cap.is_some_and(|cap| {
            given.count() >= usize::from(cap.times) || self.contacts(generation.spec(), now) >= CONTACTS_LEN_MAX
        });
        if !answers || !self.allows(generation.spec(), action.purpose) || is_capped {
            return None;
        }
        let way = if action.places.is_empty() {
            None
        } else {
            Some(self.way(engine, generation, house, action)?)
        };
        let seconds = |seconds: Option<u32>| seconds.map_or(f32::NAN, |seconds| seconds as f32);
        attributes.set_quantity(Quantity::WalkS, seconds(way.and_then(|way| way.walk_s)));
        attributes.set_quantity(Quantity::WaitS, seconds(way.and_then(|way| way.wait_s)));
        let policies = [&action.eligibility, &action.applicability, &action.suitability];
        if !policies.into_iter().all(|policy: &Condition| policy.holds(&attributes)) {
            return None;
        }
        let spec = generation.spec();
        if !self.can_be_worded(spec, action, way, locale) {
            return None;
        }
        let context = action
            .context
            .iter()
            .filter(|weight| weight.when.holds(&attributes))
            .map(|weight| weight.weight);
        let half_s = spec.settings.capacity_half_s;
        let factors = Factors {
            propensity: action.propensity,
            context: context.product(),
            value: action.value,
            levers: action.levers.iter().sum::<f32>() / 100.0 + 1.0,
            capacity: way.map_or(1.0, |way| half_s / (half_s + way.total_s() as f32)),
        };
        Some(Best {
            action: action.id.clone(),
            place: way.map(|way| spec.venue.places[way.place.index()].id.clone()),
            walk_s: way.and_then(|way| way.walk_s),
            wait_s: way.and_then(|way| way.wait_s),
            is_crowd_stale: way.is_some_and(|way| way.is_crowd_stale),
            priority: factors.priority().to_bits(),
        })
    }

    /// Messages under a cap whose window still runs. Nothing is given under a cap when so many must be remembered that
    /// another has no room.
    fn contacts(&self, spec: &Spec, now: Timestamp) -> usize {
        let window_s = |id: &str| {
            spec.actions
                .iter()
                .find(|action| action.id == id)?
                .cap
                .map(|cap| cap.window_s)
        };
        let counts = |(id, at_s): &&(String, u32)| window_s(id).is_some_and(|window_s| now.as_secs() - at_s < window_s);
        self.given.iter().filter(counts).count()
    }

    /// Over all places that serve, of those that are nearly the least walk and wait the one that costs least; known queues
    /// come before unknown ones.
    fn way(&self, engine: &Engine, generation: &Generation, house: &House, action: &ActionSpec) -> Option<Way> {
        let places = &generation.venue().places;
        let serves = |place: &PlaceIx| {
            let is_sold_out = |want: &u16| house.sold_out.contains(&(*place, *want));
            !house.closed.contains(place) && (action.wants.is_empty() || !action.wants.iter().all(is_sold_out))
        };
        let way = |place: &PlaceIx| {
            let walk_s = match self.place.and_then(|(_, zone)| zone) {
                None => None,
                Some(_) => Some(self.walk_s(generation, *place)?),
            };
            let queue = engine.queues().find(|queue| queue.place == *place)?;
            let outlook = house.outlooks.get(place.index()).copied().flatten();
            assert_eq!(
                outlook.is_none(),
                queue.queue.wait_s.is_none(),
                "the queue at place {}",
                place.0
            );
            Some(Way {
                place: *place,
                walk_s,
                wait_s: outlook.map(|outlook| outlook.wait_s.round() as u32),
                outlook,
                is_crowd_stale: queue.queue.wait_s.is_none() && places[place.index()].queue_zone.is_some(),
            })
        };
        let ways: Vec<Way> = action
            .places
            .iter()
            .filter(|place| serves(place))
            .filter_map(way)
            .collect();
        let is_crowd_stale = ways.iter().any(|way| way.is_crowd_stale);
        let is_known = ways.iter().any(|way| way.outlook.is_some());
        let of_best_kind: Vec<Way> = ways
            .into_iter()
            .filter(|way| way.outlook.is_some() == is_known)
            .collect();
        let least = |one: f32, other: f32| one.min(other);
        let best_s = of_best_kind.iter().map(Way::exact_s).fold(f32::INFINITY, least);
        let settings = &generation.spec().settings;
        let limit_s = best_s + settings.detour_s_max.min(DETOUR_SHARE_MAX * best_s);
        let near = of_best_kind.into_iter().filter(|way| way.exact_s() <= limit_s);
        let best = near.min_by(|one, other| {
            let by_cost = one.cost_s().total_cmp(&other.cost_s());
            by_cost.then(one.exact_s().total_cmp(&other.exact_s()))
        });
        best.map(|way| Way { is_crowd_stale, ..way })
    }

    /// Seconds to walk to a place from where the person is.
    pub(crate) fn walk_s(&self, generation: &Generation, place: PlaceIx) -> Option<u32> {
        let (_, zone) = self.place?;
        generation.venue().walks.zone_to_place_s(zone?, place).map(u32::from)
    }

    fn can_be_worded(&self, spec: &Spec, action: &ActionSpec, way: Option<Way>, locale: LocaleIx) -> bool {
        let venue = &spec.venue;
        let own_zone = self.place.and_then(|(_, zone)| zone);
        let place = way.map(|way| &venue.places[way.place.index()]);
        let arguments = Arguments {
            place: place.map(|place| place.id.as_str()),
            zone: place
                .map(|place| place.zone)
                .or(own_zone)
                .map(|zone| venue.zones[zone.index()].name.as_str()),
            level: place.map(|place| venue.levels[place.level.index()].name.as_str()),
            category: place.map(|place| place.category.as_str()),
            walk_s: way.and_then(|way| way.walk_s),
            wait_s: way.and_then(|way| way.wait_s),
            ..Arguments::default()
        };
        let mut buffer = MessageBuffer::default();
        let mut renders = |message| spec.messages.render(message, locale, &arguments, &mut buffer).is_ok();
        let mobile = spec.vocabulary.channels.iter().position(|channel| channel == "mobile");
        action
            .treatments
            .iter()
            .filter(|treatment| Some(usize::from(treatment.channel)) == mobile)
            .any(|treatment| renders(treatment.message) || treatment.message_without_place.is_some_and(&mut renders))
    }
}

fn value_of<'a>(properties: &[Property<'a>], name: &str) -> Option<Value<'a>> {
    properties
        .iter()
        .find(|property| property.name == name)
        .map(|property| property.value)
}
