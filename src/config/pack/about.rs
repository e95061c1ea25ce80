//! `pack.toml`: what the pack is called, its languages, and the closed sets of words that everything else uses.

use std::collections::BTreeSet;

use nextbest_venue::Venue;

use super::names::{distinct, lookup};
use crate::config::mistake::Mistake;
use crate::config::table::{At, Id, List, Locale, Name, table};
use crate::engine::spec::{Vocabulary, WANTS_MAX};

/// Words that one set of `pack.toml` may hold.
const WORDS_MAX: usize = 64;
/// The channel of an app that says none; every pack has it.
const MOBILE: &str = "mobile";

table! {
    /// What the pack is called, its languages, and the words that journey, segments and actions use.
    AboutFile {
        /// The pack's id.
        id: At<Id>,
        /// Its name, as people read it.
        name: At<Name>,
        /// The language of people whose own is not among `locales`.
        default_locale: At<Locale>,
        /// The languages that every message is in, each with its `messages/<locale>.ftl`.
        locales: List<At<Locale>>,
        /// Value tiers, lowest first.
        tiers: List<At<Id>>,
        /// Phases of the venue's event, in order.
        phases: List<At<Id>>,
        /// Where answers are shown; `mobile` is among them.
        channels: List<At<Id>>,
        /// Places on a screen where answers are shown.
        placements: List<At<Id>>,
        /// What people can ask for, beside the categories and kinds of the map's places.
        wants: List<At<Id>>,
    }
}

impl AboutFile {
    /// Whether every word could be read.
    pub(super) fn is_complete(&self) -> bool {
        [&self.tiers, &self.phases, &self.channels, &self.placements, &self.wants]
            .iter()
            .all(|list| list.is_complete)
            && self.locales.is_complete
    }

    /// The vocabulary of this file and the map; events are the journey's.
    pub(super) fn vocabulary(&self, venue: &Venue, mistakes: &mut Vec<Mistake>) -> Vocabulary {
        let mut words = |list: &List<At<Id>>, kind| distinct(list.iter(), kind, WORDS_MAX, mistakes);
        let mut vocabulary = Vocabulary {
            tiers: words(&self.tiers, "tier"),
            phases: words(&self.phases, "phase"),
            channels: words(&self.channels, "channel"),
            placements: words(&self.placements, "placement"),
            wants: words(&self.wants, "want"),
            zone_categories: Vec::new(),
            events: Vec::new(),
        };
        let of_places = venue
            .places
            .iter()
            .flat_map(|place| std::iter::once(&place.category).chain(&place.kinds));
        let of_places: BTreeSet<&String> = of_places.filter(|want| !vocabulary.wants.contains(want)).collect();
        vocabulary.wants.extend(of_places.into_iter().cloned());
        if vocabulary.wants.len() > WANTS_MAX {
            let what = format!(
                "with the map's categories and kinds there are {} wants",
                vocabulary.wants.len()
            );
            mistakes.push(self.id.mistake(what, format!("at most {WANTS_MAX}")));
        }
        let categories: BTreeSet<&String> = venue.zones.iter().map(|zone| &zone.category).collect();
        vocabulary.zone_categories = categories.into_iter().cloned().collect();
        if !vocabulary.channels.iter().any(|channel| channel == MOBILE) {
            let at = self.channels.first().unwrap_or(&self.id);
            mistakes.push(at.mistake(
                "the channel of the apps is missing",
                format!("`{MOBILE}` among `channels`"),
            ));
        }
        vocabulary
    }

    /// Checks the languages.
    pub(super) fn check_locales(&self, mistakes: &mut Vec<Mistake>) {
        let locales = distinct(self.locales.iter(), "locale", WORDS_MAX, mistakes);
        lookup(&self.default_locale, &locales, "locale", mistakes);
    }
}
