//! Names that are declared once and used elsewhere.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Deref;

use crate::config::mistake::Mistake;
use crate::config::nearest::one_of;
use crate::config::table::At;

/// The declared names in their order; one that was declared before is a mistake, and so are more than `max`.
pub(super) fn distinct<'a, T>(
    names: impl IntoIterator<Item = &'a At<T>>,
    kind: &str,
    max: usize,
    mistakes: &mut Vec<Mistake>,
) -> Vec<String>
where
    T: Deref<Target = str> + Display + 'a,
{
    let mut first: BTreeMap<&str, &At<T>> = BTreeMap::new();
    let mut declared = Vec::new();
    for name in names {
        if declared.len() == max {
            mistakes.push(name.mistake(format!("there are too many {kind}s"), format!("at most {max}")));
        }
        if let Some(earlier) = first.get(&***name) {
            let what = format!(
                "the {kind} `{name}` was declared before, at {}",
                earlier.location.named()
            );
            mistakes.push(name.mistake(what, format!("another {kind}")));
        }
        first.entry(name).or_insert(name);
        declared.push(name.to_string());
    }
    declared
}

/// The index of a name among the declared ones; a mistake when it is not there.
pub(super) fn lookup<T, S>(name: &At<T>, declared: &[S], kind: &str, mistakes: &mut Vec<Mistake>) -> Option<usize>
where
    T: Deref<Target = str> + Display,
    S: AsRef<str>,
{
    let found = declared.iter().position(|other| other.as_ref() == &***name);
    if found.is_none() {
        let expected = one_of(name, declared.iter().map(AsRef::as_ref));
        mistakes.push(name.mistake(format!("there is no {kind} `{name}`"), expected));
    }
    found
}

/// The same, but where not all declarations could be read (`is_complete` is false) nothing is a mistake.
pub(super) fn lookup_among<T, S>(
    name: &At<T>,
    declared: &[S],
    is_complete: bool,
    kind: &str,
    mistakes: &mut Vec<Mistake>,
) -> Option<usize>
where
    T: Deref<Target = str> + Display,
    S: AsRef<str>,
{
    if is_complete {
        return lookup(name, declared, kind, mistakes);
    }
    declared.iter().position(|other| other.as_ref() == &***name)
}
