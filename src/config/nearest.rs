//! "Did you mean": the name nearest to one that is not known.
//!
//! Deliberately absent: meaning. Only typing mistakes are guessed at, because a wrong guess misleads more than none helps.

/// Names that a message lists before it ends with "...".
const LISTED_MAX: usize = 12;

/// The candidate that `word` was probably meant to be: at most two in five of its characters differ.
#[must_use]
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(changes, candidate)| *changes * 5 <= 2 * candidate.chars().count().max(word.chars().count()))
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, candidate)| candidate)
}

/// "`food`, did you mean that? One of `food`, `drink`": what to expect where a name of a closed set belongs.
#[must_use]
pub(super) fn one_of<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let mut names: Vec<&str> = candidates.clone().into_iter().collect();
    names.sort_unstable();
    let listed: Vec<String> = names.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > LISTED_MAX { ", ..." } else { "" };
    match (nearest(word, candidates), names.as_slice()) {
        (_, []) => "none: there are none".to_owned(),
        (Some(name), [_]) => format!("`{name}`"),
        (Some(name), _) => format!("`{name}` perhaps, or another of {}{more}", listed.join(", ")),
        (None, _) => format!("one of {}{more}", listed.join(", ")),
    }
}

/// Levenshtein's distance in characters, two rows at a time.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (one_at, one_char) in one.chars().enumerate() {
        let mut diagonal = one_at;
        let mut left = one_at + 1;
        for (slot, other_char) in row.iter_mut().skip(1).zip(&other) {
            let replaced = diagonal + usize::from(one_char != *other_char);
            diagonal = *slot;
            left = replaced.min(diagonal + 1).min(left + 1);
            *slot = left;
        }
        if let Some(first) = row.first_mut() {
            *first = one_at + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_is_guessed_and_another_word_is_not() {
        assert_eq!(nearest("tretment", ["treatment", "placement"]), Some("treatment"));
        assert_eq!(nearest("Mobile", ["kiosk", "mobile"]), Some("mobile"));
        assert_eq!(nearest("pizza", ["sushi", "tacos"]), None);
    }

    #[test]
    fn the_distance_is_levenshteins() {
        for (one, other, expected) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }
}
