//! The envelope: FeatureCollections become a list of features whose type and id are known and whose rest is unread.

use super::json::{Item, Members};
use super::report::Report;

/// Most features of one file: more than all limits of a venue together.
const FEATURES_MAX: usize = 16_384;
/// Most bytes of an id.
pub(super) const ID_LEN_MAX: usize = 64;

/// The types of features that make a map, in the order in which they are explained.
pub(super) const FEATURE_TYPES: &[&str] = &[
    "venue",
    "level",
    "unit",
    "opening",
    "section",
    "amenity",
    "occupant",
    "relationship",
    "hub",
    "beacon",
];

/// A feature whose geometry and properties are yet to be read.
#[derive(Clone, Copy)]
pub(super) struct Feature<'a, 'r> {
    /// One of [`FEATURE_TYPES`].
    pub(super) kind: &'a str,
    pub(super) id: &'a str,
    /// The id in the text: where a mistake about the feature as a whole is shown.
    pub(super) id_item: Item<'a, 'r>,
    /// A GeoJSON geometry or null.
    pub(super) geometry: Item<'a, 'r>,
    pub(super) properties: Item<'a, 'r>,
}

/// Appends the features of one file.
pub(super) fn read<'a, 'r>(root: Item<'a, 'r>, features: &mut Vec<Feature<'a, 'r>>) {
    let expected = "a GeoJSON FeatureCollection: {\"type\": \"FeatureCollection\", \"features\": [...]}";
    let Some(members) = root.members(&["type", "name", "features"], expected) else {
        return;
    };
    if let Some(kind) = members.need("type", expected) {
        kind.word(&["FeatureCollection"], "type");
    }
    let Some(list) = members
        .need("features", expected)
        .and_then(|item| item.array(FEATURES_MAX, "an array of features"))
    else {
        return;
    };
    features.extend(list.iter().filter_map(feature));
}

fn feature<'a, 'r>(item: &Item<'a, 'r>) -> Option<Feature<'a, 'r>> {
    let members = item.members(
        &["type", "id", "feature_type", "geometry", "properties"],
        "a GeoJSON Feature",
    )?;
    if let Some(kind) = members.need("type", "\"type\": \"Feature\"") {
        kind.word(&["Feature"], "type");
    }
    let kind = members.need("feature_type", "the IMDF type of the feature, such as \"unit\"");
    let kind = kind.and_then(|kind| kind.word(FEATURE_TYPES, "feature type"));
    let id = id(&members);
    let geometry = members.need("geometry", "a GeoJSON geometry, or null");
    let properties = members.need("properties", "an object");
    let (id, id_item) = id?;
    Some(Feature {
        kind: kind?,
        id,
        id_item,
        geometry: geometry?,
        properties: properties?,
    })
}

fn id<'a, 'r>(members: &Members<'a, 'r>) -> Option<(&'a str, Item<'a, 'r>)> {
    let expected = "1 to 64 letters, digits, `-`, `_` or `.`";
    let item = members.need("id", expected)?;
    let id = item.text(expected)?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if id.is_empty() || id.len() > ID_LEN_MAX || !id.bytes().all(legal) {
        item.wrong(format!("`{id}` is no id"), expected);
        return None;
    }
    Some((id, item))
}

/// Notes every id that two features of the map share: references name features by id alone.
pub(super) fn check_ids(features: &[Feature<'_, '_>]) {
    let mut sorted: Vec<(&str, usize)> = features
        .iter()
        .enumerate()
        .map(|(at, feature)| (feature.id, at))
        .collect();
    sorted.sort_unstable();
    for pair in sorted.windows(2) {
        if let [(id, first), (other, second)] = *pair
            && id == other
            && let (Some(first), Some(second)) = (features.get(first), features.get(second))
        {
            let what = format!("the id `{id}` is already the id of another {}", first.kind);
            second.id_item.wrong(what, "an id that no other feature of the map has");
        }
    }
}

/// Notes a feature count over a limit.
pub(super) fn check_count(features: &[Feature<'_, '_>], kind: &[&str], what: &str, max: usize, report: &Report<'_>) {
    let mut found = features.iter().filter(|feature| kind.contains(&feature.kind));
    let count = found.clone().count();
    if let Some(first_over) = found.nth(max) {
        report.add(
            &first_over.id_item.spot(),
            format!("the map has {count} {what}"),
            format!("at most {max}"),
        );
    }
}
