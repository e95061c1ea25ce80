//! `segments.toml`: clusters of customers, by what is remembered of them.

use super::names::distinct;
use crate::config::condition::{Names, Role, can_hold, compile};
use crate::config::mistake::Mistake;
use crate::config::table::{At, List, Text, Word, table};
use crate::engine::condition::SEGMENTS_MAX;
use crate::engine::spec::SegmentSpec;

table! {
    /// Clusters of customers.
    SegmentsFile {
        /// The segments.
        segment: List<SegmentTable>,
    }
}

table! {
    /// Everybody for whom a condition holds.
    SegmentTable {
        /// Its id; conditions ask `segments.<id>`.
        id: At<Word>,
        /// Who is in it, by traits, stage and tier.
        when: At<Text>,
    }
}

impl SegmentsFile {
    /// The segments' ids.
    pub(super) fn ids(&self, mistakes: &mut Vec<Mistake>) -> Vec<String> {
        distinct(
            self.segment.iter().map(|segment| &segment.id),
            "segment",
            SEGMENTS_MAX,
            mistakes,
        )
    }

    /// The segments; somebody can be in each.
    pub(super) fn segments(&self, names: &Names<'_>, mistakes: &mut Vec<Mistake>) -> Vec<SegmentSpec> {
        let mut segments = Vec::with_capacity(self.segment.len());
        for table in self.segment.iter() {
            let Some(when) = compile(&table.when, names, Role::Segment, mistakes) else {
                continue;
            };
            if !can_hold(&[&when]) {
                mistakes.push(
                    table
                        .when
                        .mistake("nobody can ever be in this segment", "a condition that can hold"),
                );
            }
            segments.push(SegmentSpec {
                id: table.id.to_string(),
                when,
            });
        }
        segments
    }
}
