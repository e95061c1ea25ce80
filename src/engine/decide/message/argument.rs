//! What a message may say: a fixed list of arguments, and the values of one render.
//!
//! The list is closed, so a pattern that asks for anything else is refused when the pack is loaded, and no message can
//! read a field of a customer that is not here.

use super::number::Decimal;

/// Longest text value in bytes that is copied into a message; the rest is cut. Without it, one long name would push the
/// message out of its buffer.
pub const VALUE_LEN_MAX: usize = 128;

/// An argument that a pattern may name, as `{ $place }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Argument {
    /// `$place`: the name of the place to go to.
    Place,
    /// `$zone`: the name of the zone the place is in.
    Zone,
    /// `$level`: the name of the level the place is on.
    Level,
    /// `$category`: the category of the place, such as `food`; meant for choosing between variants.
    Category,
    /// `$name`: what the customer is called.
    Name,
    /// `$reward`: what is given, such as "a free drink".
    Reward,
    /// `$price`: in the venue's currency.
    Price,
    /// `$points`: loyalty points.
    Points,
    /// `$queue`: people waiting at the place.
    Queue,
    /// `$walk`: minutes to get there, rounded up, at least one.
    Walk,
    /// `$walk-seconds`: seconds to get there.
    WalkSeconds,
    /// `$wait`: minutes to be served, rounded up; zero when nobody waits.
    Wait,
    /// `$wait-seconds`: seconds to be served.
    WaitSeconds,
}

/// Whether an argument is text or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// Text.
    Text,
    /// A number, with plural categories.
    Number,
}

impl Argument {
    /// Every argument, in the order that messages about them list.
    pub const ALL: [Self; 13] = [
        Self::Place,
        Self::Zone,
        Self::Level,
        Self::Category,
        Self::Name,
        Self::Reward,
        Self::Price,
        Self::Points,
        Self::Queue,
        Self::Walk,
        Self::WalkSeconds,
        Self::Wait,
        Self::WaitSeconds,
    ];

    /// The name in a pattern, without the `$`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Zone => "zone",
            Self::Level => "level",
            Self::Category => "category",
            Self::Name => "name",
            Self::Reward => "reward",
            Self::Price => "price",
            Self::Points => "points",
            Self::Queue => "queue",
            Self::Walk => "walk",
            Self::WalkSeconds => "walk-seconds",
            Self::Wait => "wait",
            Self::WaitSeconds => "wait-seconds",
        }
    }

    /// The argument with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|argument| argument.name() == name)
    }

    /// Text or number.
    #[must_use]
    pub const fn kind(self) -> ArgumentKind {
        match self {
            Self::Place | Self::Zone | Self::Level | Self::Category | Self::Name | Self::Reward => ArgumentKind::Text,
            Self::Price
            | Self::Points
            | Self::Queue
            | Self::Walk
            | Self::WalkSeconds
            | Self::Wait
            | Self::WaitSeconds => ArgumentKind::Number,
        }
    }
}

/// The values of one render. What is `None` is not known, and a message that needs it is not rendered.
#[derive(Clone, Copy, Default)]
pub struct Arguments<'a> {
    /// `$place`.
    pub place: Option<&'a str>,
    /// `$zone`.
    pub zone: Option<&'a str>,
    /// `$level`.
    pub level: Option<&'a str>,
    /// `$category`.
    pub category: Option<&'a str>,
    /// `$name`.
    pub name: Option<&'a str>,
    /// `$reward`.
    pub reward: Option<&'a str>,
    /// `$price`.
    pub price: Option<Decimal>,
    /// `$points`.
    pub points: Option<u32>,
    /// `$queue`, in people.
    pub queue: Option<u32>,
    /// `$walk` and `$walk-seconds`.
    pub walk_s: Option<u32>,
    /// `$wait` and `$wait-seconds`.
    pub wait_s: Option<u32>,
}

/// One value.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// Text, not yet cleaned of control characters.
    Text(&'a str),
    /// A number.
    Number(Decimal),
}

/// Shows what is known, never its value: one of them is a person's name.
impl std::fmt::Debug for Arguments<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Arguments").field(&self.known()).finish()
    }
}

/// Shows the type, never the value.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Number(_) => "Number(..)",
        })
    }
}

impl<'a> Arguments<'a> {
    /// The value of `argument`, if it is known.
    #[must_use]
    pub fn value(&self, argument: Argument) -> Option<Value<'a>> {
        match argument {
            Argument::Place => self.place.map(Value::Text),
            Argument::Zone => self.zone.map(Value::Text),
            Argument::Level => self.level.map(Value::Text),
            Argument::Category => self.category.map(Value::Text),
            Argument::Name => self.name.map(Value::Text),
            Argument::Reward => self.reward.map(Value::Text),
            Argument::Price => self.price.map(Value::Number),
            Argument::Points => self.points.map(number),
            Argument::Queue => self.queue.map(number),
            Argument::Walk => self.walk_s.map(|walk_s| number(walk_s.div_ceil(60).max(1))),
            Argument::WalkSeconds => self.walk_s.map(number),
            Argument::Wait => self.wait_s.map(|wait_s| number(wait_s.div_ceil(60))),
            Argument::WaitSeconds => self.wait_s.map(number),
        }
    }

    /// The arguments whose values are known.
    #[must_use]
    pub fn known(&self) -> ArgumentSet {
        Argument::ALL
            .into_iter()
            .filter(|argument| self.value(*argument).is_some())
            .fold(ArgumentSet::default(), ArgumentSet::with)
    }
}

fn number(whole: u32) -> Value<'static> {
    Value::Number(Decimal::from(whole))
}

/// A set of arguments, as one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArgumentSet(u16);

impl ArgumentSet {
    /// This set and `argument`.
    #[must_use]
    pub const fn with(self, argument: Argument) -> Self {
        Self(self.0 | (1 << argument as u16))
    }

    /// Whether `argument` is in the set.
    #[must_use]
    pub const fn contains(self, argument: Argument) -> bool {
        self.0 & (1 << argument as u16) != 0
    }

    /// Whether everything in this set is also in `other`.
    #[must_use]
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arguments_are_one_to_one() {
        for argument in Argument::ALL {
            assert_eq!(Argument::from_name(argument.name()), Some(argument));
            assert!(ArgumentSet::default().with(argument).contains(argument));
        }
        assert_eq!(Argument::from_name("e-mail"), None);
    }

    #[test]
    fn kinds_match_the_values() {
        let one = Decimal::from(1);
        let all = Arguments {
            place: Some("p"),
            zone: Some("z"),
            level: Some("l"),
            category: Some("c"),
            name: Some("n"),
            reward: Some("r"),
            price: Some(one),
            points: Some(1),
            queue: Some(1),
            walk_s: Some(1),
            wait_s: Some(1),
        };
        for argument in Argument::ALL {
            let is_text = matches!(all.value(argument), Some(Value::Text(_)));
            assert_eq!(is_text, argument.kind() == ArgumentKind::Text, "{argument:?}");
            assert!(all.known().contains(argument));
        }
        assert_eq!(Arguments::default().known(), ArgumentSet::default());
    }
}
