//! `[presence]` of `settings.toml`: when a stay in a zone is a dwell, and when a passing by.

use super::names::lookup;
use crate::config::mistake::Mistake;
use crate::config::table::{At, List, Name, Whole, table};
use crate::engine::spec::{Settings, StaySettings, Vocabulary};

table! {
    /// When a stay in a zone is something: what presence events tell.
    PresenceTable {
        /// A stay of so many seconds is a dwell, which is told once; default 60.
        dwell_s: Option<Whole<1, 86_400>>,
        /// A stay that ends before so many seconds was a passing by; default 10.
        passed_by_s: Option<Whole<0, 3_600>>,
        /// Zones of a category that are otherwise.
        category: List<CategoryStayTable>,
    }
}

table! {
    /// When a stay in a zone of one category is something.
    CategoryStayTable {
        /// The category of the zones.
        zone_category: At<Name>,
        /// A stay of so many seconds is a dwell; default: as in every zone.
        dwell_s: Option<Whole<1, 86_400>>,
        /// A stay that ends before so many seconds was a passing by; default: as in every zone.
        passed_by_s: Option<Whole<0, 3_600>>,
    }
}

impl PresenceTable {
    /// Puts them into the settings.
    pub(super) fn apply(&self, settings: &mut Settings, words: &Vocabulary, mistakes: &mut Vec<Mistake>) {
        settings.stay = stay(settings.stay, self.dwell_s, self.passed_by_s);
        for table in self.category.iter() {
            let known = lookup(&table.zone_category, &words.zone_categories, "zone category", mistakes);
            if let Some(category) = known.and_then(|category| u16::try_from(category).ok()) {
                if settings.stay_by_category.iter().any(|(other, _)| *other == category) {
                    let twice = format!("the zone category `{}` has two tables", *table.zone_category);
                    mistakes.push(table.zone_category.mistake(twice, "one table for each category"));
                }
                let of_category = stay(settings.stay, table.dwell_s, table.passed_by_s);
                settings.stay_by_category.push((category, of_category));
            }
        }
    }
}

fn stay(or: StaySettings, dwell_s: Option<Whole<1, 86_400>>, passed_by_s: Option<Whole<0, 3_600>>) -> StaySettings {
    StaySettings {
        dwell_s: dwell_s.map_or(or.dwell_s, Whole::to),
        passed_by_s: passed_by_s.map_or(or.passed_by_s, Whole::to),
    }
}
