//! Values that the properties of several types of feature share: names, numbers, words of the pack, references.

use super::json::{Item, Members};

/// Names by locale, in the map's order.
pub(super) type Labels = Vec<(String, String)>;

/// A reference to another feature.
#[derive(Clone, Copy)]
pub(super) struct Reference<'a, 'r> {
    pub(super) id: &'a str,
    pub(super) item: Item<'a, 'r>,
}

/// Most labels, kinds or zone references of one feature.
const LIST_LEN_MAX: usize = 64;
/// Most bytes of a name.
const NAME_LEN_MAX: usize = 120;
/// What a name looks like.
pub(super) const LABELS: &str = "names by locale: {\"en\": \"Pizza\", \"es\": \"Pizza\"}";
/// What an end of a relationship looks like.
pub(super) const END: &str = "a unit: {\"id\": \"stairs-1\", \"feature_type\": \"unit\"}";

pub(super) fn name(properties: &Members<'_, '_>) -> Option<String> {
    let labels = properties.need("name", LABELS).and_then(|item| labels(&item))?;
    labels.into_iter().next().map(|(_, name)| name)
}

pub(super) fn optional_name(properties: &Members<'_, '_>) {
    if let Some(item) = properties.find("name") {
        labels(&item);
    }
}

pub(super) fn labels(item: &Item<'_, '_>) -> Option<Labels> {
    let members = item.members(&[], LABELS)?;
    let read: Vec<Option<(String, String)>> = members.iter().map(|(locale, item)| label(locale, &item)).collect();
    let read: Labels = read.into_iter().collect::<Option<_>>()?;
    if read.is_empty() || read.len() > LIST_LEN_MAX {
        item.wrong(format!("there are {} names", read.len()), LABELS);
        return None;
    }
    Some(read)
}

fn label(locale: &str, item: &Item<'_, '_>) -> Option<(String, String)> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !(2..=35).contains(&locale.len()) || !locale.bytes().all(legal) {
        item.wrong(
            format!("`{locale}` is no locale"),
            "a language tag such as \"en\" or \"pt-BR\"",
        );
        return None;
    }
    let name = item.text("a name")?;
    if name.trim().is_empty() || name.len() > NAME_LEN_MAX || name.chars().any(char::is_control) {
        item.wrong(
            "this is no name to show",
            format!("1 to {NAME_LEN_MAX} bytes of text in one line"),
        );
        return None;
    }
    Some((locale.to_owned(), name.to_owned()))
}

pub(super) fn kinds(item: &Item<'_, '_>) -> Option<Vec<String>> {
    let expected = "words such as \"pizza\": lower case letters, digits and `_`";
    let read: Vec<Option<String>> = item
        .array(LIST_LEN_MAX, expected)?
        .iter()
        .map(|item| kind(item, expected))
        .collect();
    read.into_iter().collect()
}

fn kind(item: &Item<'_, '_>, expected: &str) -> Option<String> {
    let word = item.text(expected)?;
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if word.is_empty() || word.len() > super::collection::ID_LEN_MAX || !word.bytes().all(legal) {
        item.wrong(format!("`{word}` is no kind"), expected);
        return None;
    }
    Some(word.to_owned())
}

pub(super) fn time_zone(item: &Item<'_, '_>) -> Option<String> {
    let expected = "an IANA time zone such as \"Europe/London\"";
    let zone = item.text(expected)?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+');
    if zone.is_empty() || zone.len() > NAME_LEN_MAX || !zone.bytes().all(legal) {
        item.wrong(format!("`{zone}` is no time zone"), expected);
        return None;
    }
    Some(zone.to_owned())
}

pub(super) fn number(properties: &Members<'_, '_>, key: &str, low: f64, high: f64, expected: &str) -> Option<f64> {
    properties.need(key, expected)?.number(low, high, expected)
}

pub(super) fn number_or(
    properties: &Members<'_, '_>,
    key: &str,
    default: f64,
    low: f64,
    high: f64,
    expected: &str,
) -> Option<f64> {
    properties
        .find(key)
        .map_or(Some(default), |item| item.number(low, high, expected))
}

pub(super) fn reference<'a, 'r>(properties: &Members<'a, 'r>, key: &str, expected: &str) -> Option<Reference<'a, 'r>> {
    let item = properties.need(key, expected)?;
    Some(Reference {
        id: item.text(expected)?,
        item,
    })
}

pub(super) fn references<'a, 'r>(item: &Item<'a, 'r>, expected: &str) -> Option<Vec<Reference<'a, 'r>>> {
    let items = item.array(LIST_LEN_MAX, expected)?;
    if items.is_empty() {
        item.wrong("the list is empty", expected);
        return None;
    }
    let read: Vec<Option<Reference<'a, 'r>>> = items
        .iter()
        .map(|item| item.text(expected).map(|id| Reference { id, item: *item }))
        .collect();
    read.into_iter().collect()
}

/// Other names of a hub.
pub(super) fn aliases<'a, 'r>(item: &Item<'a, 'r>) -> Option<Vec<Reference<'a, 'r>>> {
    let expected = "names that payloads give the hub, 1 to 64 bytes each: [\"kitchen\", \"AC233FC03641\"]";
    let is_name = |name: &str| (1..=super::collection::ID_LEN_MAX).contains(&name.len()) && name.trim() == name;
    let read: Vec<Option<Reference<'a, 'r>>> = item
        .array(LIST_LEN_MAX, expected)?
        .iter()
        .map(|item| {
            let id = item.text(expected)?;
            if is_name(id) && !id.chars().any(char::is_control) {
                return Some(Reference { id, item: *item });
            }
            item.wrong("this is no name", expected);
            None
        })
        .collect();
    read.into_iter().collect()
}

/// One end of a traversal.
pub(super) fn end<'a, 'r>(item: &Item<'a, 'r>) -> Option<Reference<'a, 'r>> {
    let members = item.members(&["id", "feature_type"], END)?;
    if let Some(kind) = members.need("feature_type", END) {
        kind.word(&["unit"], "feature type");
    }
    reference(&members, "id", "the id of a unit")
}
