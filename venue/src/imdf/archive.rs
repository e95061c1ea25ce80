//! The features of an archive: the manifest, every file's envelope, ids and references.
//!
//! What IMDF 1.0.0 demands (OGC 20-094, the pages Reference, Manifest and one for each feature type) and an import needs
//! is checked here, with file, line and column. Keys that IMDF does not know are no mistakes, since it has extensions;
//! they are noted. Deliberately absent: what the features mean.

use std::collections::HashMap;

use jsonc_parser::ast::Value;

use super::notes::Notes;
use super::vocabulary::{KEYS, Key, Use};
use crate::load::json::{Item, Members, hint, parse};
use crate::load::report::{Report, Spot};
use crate::mistake::Source;

/// Most features of one file.
const FEATURES_MAX: usize = 65_536;
/// Most bytes of an id.
const ID_LEN_MAX: usize = 64;
/// The IMDF version that is read; release candidates and betas of it carry a suffix.
const VERSION: &str = "1.0.0";
/// The files that every archive needs for an import.
const REQUIRED: [&str; 3] = ["venue", "level", "unit"];

/// A feature whose geometry and properties are yet to be read.
#[derive(Clone, Copy)]
pub(super) struct Record<'a, 'r> {
    pub(super) kind: &'static str,
    pub(super) id: &'a str,
    pub(super) id_item: Item<'a, 'r>,
    pub(super) geometry: Item<'a, 'r>,
    pub(super) properties: Members<'a, 'r>,
}

/// The features of an archive.
pub(super) struct Archive<'a, 'r> {
    pub(super) language: Option<&'a str>,
    pub(super) records: Vec<Record<'a, 'r>>,
    by_id: HashMap<&'a str, usize>,
}

/// Parses the files of an archive that are IMDF's; others are noted.
pub(super) fn parse_all<'a>(
    sources: &'a [Source],
    report: &Report<'_>,
    notes: &mut Notes,
) -> Vec<(usize, &'static str, Value<'a>)> {
    let mut roots = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        let Some(stem) = stem_of(&source.name) else {
            notes.left_out(
                "file",
                "a file that is not of IMDF",
                "IMDF has one file for each feature type",
                &source.name,
            );
            continue;
        };
        if source.text.len() > crate::load::SOURCE_BYTES_MAX {
            let what = format!("the file has {} bytes", source.text.len());
            let spot = Spot { source: at, span: 0..1 };
            report.add(&spot, what, format!("at most {}", crate::load::SOURCE_BYTES_MAX));
            continue;
        }
        roots.extend(parse(source, at, report).map(|root| (at, stem, root)));
    }
    roots
}

/// `manifest`, or the feature type that a file holds by its name.
fn stem_of(name: &str) -> Option<&'static str> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    if file == "manifest.json" {
        return Some("manifest");
    }
    let stem = file.strip_suffix(".geojson").or_else(|| file.strip_suffix(".json"))?;
    KEYS.iter().map(|(kind, _)| *kind).find(|kind| *kind == stem)
}

impl<'a, 'r> Archive<'a, 'r> {
    /// Reads the envelopes; mistakes go to the report.
    pub(super) fn read(
        roots: &'a [(usize, &'static str, Value<'a>)],
        report: &'r Report<'r>,
        notes: &mut Notes,
    ) -> Archive<'a, 'r>
    where
        'r: 'a,
    {
        let mut archive = Archive {
            language: None,
            records: Vec::new(),
            by_id: HashMap::new(),
        };
        let start = Spot { source: 0, span: 0..1 };
        for missing in REQUIRED
            .iter()
            .filter(|kind| !roots.iter().any(|(_, stem, _)| stem == *kind))
        {
            report.add(
                &start,
                format!("the archive has no file `{missing}.geojson`"),
                "an IMDF archive",
            );
        }
        match roots.iter().find(|(_, stem, _)| *stem == "manifest") {
            Some((at, _, root)) => archive.language = manifest(&Item::new(root, *at, report), notes),
            None => report.add(
                &start,
                "the archive has no file `manifest.json`",
                "an IMDF archive of version 1.0.0",
            ),
        }
        for (at, kind, root) in roots.iter().filter(|(_, stem, _)| *stem != "manifest") {
            archive.collection(kind, &Item::new(root, *at, report));
        }
        archive.index();
        archive.check_references(notes);
        archive
    }

    /// The features of a type, in the order of the file.
    pub(super) fn of(&self, kind: &'static str) -> impl Iterator<Item = &Record<'a, 'r>> + '_ {
        self.records.iter().filter(move |record| record.kind == kind)
    }

    /// The feature with this id, if it is of the type.
    pub(super) fn find(&self, kind: &str, id: &str) -> Option<&Record<'a, 'r>> {
        let record = self.records.get(*self.by_id.get(id)?)?;
        (record.kind == kind).then_some(record)
    }

    fn collection(&mut self, kind: &'static str, root: &Item<'a, 'r>) {
        let expected = "a GeoJSON FeatureCollection: {\"type\": \"FeatureCollection\", \"features\": [...]}";
        let Some(members) = root.members(&[], expected) else {
            return;
        };
        if let Some(item) = members.need("type", expected) {
            item.word(&["FeatureCollection"], "type");
        }
        let features = members
            .need("features", expected)
            .and_then(|item| item.array(FEATURES_MAX, "an array of features"));
        for item in features.unwrap_or_default() {
            self.records.extend(record(kind, &item));
        }
    }

    fn index(&mut self) {
        for (at, record) in self.records.iter().enumerate() {
            if let Some(first) = self.by_id.get(record.id).and_then(|first| self.records.get(*first)) {
                let what = format!("the id `{}` is already the id of a {}", record.id, first.kind);
                record
                    .id_item
                    .wrong(what, "an id that no other feature of the archive has");
            } else {
                self.by_id.insert(record.id, at);
            }
        }
    }

    /// Every reference that a feature makes leads to a feature of the right type.
    fn check_references(&self, notes: &mut Notes) {
        for record in &self.records {
            for (name, item) in record.properties.iter() {
                let known = keys_of(record.kind).iter().find(|key| key.name == name);
                match known.map(|key| key.meaning) {
                    Some(Use::One(kind)) if !item.is_null() => self.check_reference(&item, kind),
                    Some(Use::Many(kind)) if !item.is_null() => {
                        let ids = item.array(FEATURES_MAX, "an array of ids").unwrap_or_default();
                        ids.iter().for_each(|item| self.check_reference(item, kind));
                    }
                    Some(Use::Lost(why)) if !item.is_null() => {
                        notes.left_out(record.kind, &format!("`{name}`"), why, record.id);
                    }
                    Some(_) => {}
                    None => notes.left_out(
                        record.kind,
                        &format!("`{name}`"),
                        "IMDF 1.0.0 has no such key",
                        record.id,
                    ),
                }
            }
        }
    }

    fn check_reference(&self, item: &Item<'_, '_>, kind: &str) {
        let expected = format!("the id of a {kind}");
        let Some(id) = item.text(&expected) else {
            return;
        };
        match self.by_id.get(id).and_then(|at| self.records.get(*at)) {
            Some(found) if found.kind == kind => {}
            Some(found) => item.wrong(format!("`{id}` is a {}", found.kind), expected),
            None => item.wrong(
                format!("no {kind} has the id `{id}`"),
                format!("{expected} of this archive"),
            ),
        }
    }
}

fn keys_of(kind: &str) -> &'static [Key] {
    KEYS.iter()
        .find(|(name, _)| *name == kind)
        .map_or(&[], |(_, keys)| *keys)
}

/// Checks the manifest; its language.
fn manifest<'a>(item: &Item<'a, '_>, notes: &mut Notes) -> Option<&'a str> {
    let expected = "the manifest of an IMDF archive: {\"version\": \"1.0.0\", \"language\": \"en\", ...}";
    let members = item.members(&[], expected)?;
    for (name, value) in members.iter() {
        match name {
            "extensions" if !value.is_null() => {
                let extensions = value.array(64, "an array of extensions").unwrap_or_default();
                for extension in extensions {
                    let id = extension.text("the name of an extension").unwrap_or_default();
                    notes.left_out("manifest", "an extension of IMDF", "only IMDF 1.0.0 itself is read", id);
                }
            }
            "version" | "created" | "generated_by" | "language" | "extensions" | "origin" => {}
            _ => notes.left_out("manifest", &format!("`{name}`"), "IMDF 1.0.0 has no such key", ""),
        }
    }
    let version = members.need("version", "\"1.0.0\"");
    if let Some((item, version)) = version.and_then(|item| Some((item, item.text("\"1.0.0\"")?))) {
        match version.strip_prefix(VERSION) {
            Some("") => {}
            Some(suffix) if suffix.starts_with(['.', '-']) => {
                notes.assumed(
                    "manifest",
                    "a preliminary version of IMDF",
                    "it is read as 1.0.0",
                    version,
                );
            }
            _ => item.wrong(format!("the archive is of IMDF version `{version}`"), "version `1.0.0`"),
        }
    }
    members
        .find("language")
        .filter(|item| !item.is_null())?
        .text("a language such as \"en\"")
}

fn record<'a, 'r>(kind: &'static str, item: &Item<'a, 'r>) -> Option<Record<'a, 'r>> {
    let members = item.members(&[], "a GeoJSON Feature")?;
    if let Some(item) = members.need("type", "\"type\": \"Feature\"") {
        item.word(&["Feature"], "type");
    }
    let expected = format!("`{kind}`, as the name of the file says");
    let given = members.need("feature_type", &expected)?;
    if let Some(name) = given.text(&expected)
        && name != kind
    {
        given.wrong(format!("the feature type is `{name}`"), expected);
        return None;
    }
    let (id, id_item) = id(&members)?;
    let geometry = members.need("geometry", "a GeoJSON geometry, or null");
    let properties = members
        .need("properties", "an object")
        .and_then(|item| item.members(&[], "an object"));
    Some(Record {
        kind,
        id,
        id_item,
        geometry: geometry?,
        properties: properties?,
    })
}

fn id<'a, 'r>(members: &Members<'a, 'r>) -> Option<(&'a str, Item<'a, 'r>)> {
    let expected = "a UUID, or 1 to 64 letters, digits, `-`, `_` or `.`";
    let item = members.need("id", expected)?;
    let id = item.text(expected)?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if id.is_empty() || id.len() > ID_LEN_MAX || !id.bytes().all(legal) {
        item.wrong("this is no id", expected);
        return None;
    }
    Some((id, item))
}

impl<'a, 'r> Record<'a, 'r> {
    /// A property that is there and not null.
    pub(super) fn find(&self, key: &str) -> Option<Item<'a, 'r>> {
        self.properties.find(key).filter(|item| !item.is_null())
    }

    /// A property that must be there, as a text.
    pub(super) fn text(&self, key: &str, expected: &str) -> Option<&'a str> {
        self.properties.need(key, expected)?.text(expected)
    }

    /// The texts of an array that may be missing or null.
    pub(super) fn texts(&self, key: &str) -> Vec<&'a str> {
        let items = self.find(key).and_then(|item| item.array(1_024, "an array of texts"));
        items
            .unwrap_or_default()
            .iter()
            .filter_map(|item| item.text("a text"))
            .collect()
    }

    /// The category; one that is not IMDF's is `None` and noted.
    pub(super) fn category(&self, known: &[&'static str], notes: &mut Notes, instead: &str) -> Option<&'static str> {
        let word = self.text("category", "an IMDF category")?;
        let found = known.iter().find(|known| **known == word).copied();
        if found.is_none() {
            let near = hint(word, known);
            let meant = near.strip_suffix(" Else ").unwrap_or("");
            notes.changed(
                self.kind,
                format!("unknown category `{word}` {meant}").trim_end(),
                instead,
                self.id,
            );
        }
        found
    }

    /// Whether visitors are kept out.
    pub(super) fn is_restricted(&self) -> bool {
        let Some(item) = self.find("restriction") else {
            return false;
        };
        item.word(&["employeesonly", "restricted"], "restriction").is_some()
    }
}
