//! Files of a pack, and those beside it: each is loaded whole or refused with a place inside its text, and what was
//! loaded builds a generation or says why not.

use nextbest::config::doors::Doors;
use nextbest::config::{Mistake, SURVEY_LEN_MAX, load, read_survey};
use nextbest::engine::Generation;
use nextbest_venue::Source;

/// The pack that one file is replaced in.
pub const FILES: [(&str, &str); 8] = [
    ("pack.toml", include_str!("../../tests/data/small_pack/pack.toml")),
    (
        "venue/map.geojson",
        include_str!("../../tests/data/small_pack/venue/map.geojson"),
    ),
    ("journey.toml", include_str!("../../tests/data/small_pack/journey.toml")),
    (
        "segments.toml",
        include_str!("../../tests/data/small_pack/segments.toml"),
    ),
    ("actions.toml", include_str!("../../tests/data/small_pack/actions.toml")),
    (
        "messages/en.ftl",
        include_str!("../../tests/data/small_pack/messages/en.ftl"),
    ),
    (
        "messages/es.ftl",
        include_str!("../../tests/data/small_pack/messages/es.ftl"),
    ),
    (
        "settings.toml",
        include_str!("../../tests/data/small_pack/settings.toml"),
    ),
];

/// The first byte says which file the rest is: one of [`FILES`], then `doors.toml`, then a survey.
pub fn run(data: &[u8]) {
    let Some((&file, text)) = data.split_first() else {
        return;
    };
    // The shell refuses what is not UTF-8 before the loader sees it.
    let Ok(text) = str::from_utf8(text) else { return };
    let file = usize::from(file) % (FILES.len() + 2);
    if file == FILES.len() {
        refused(Doors::load("doors.toml", text).err().unwrap_or_default());
    } else if file > FILES.len() {
        survey(text);
    } else {
        replaced(file, text);
    }
}

fn replaced(file: usize, text: &str) {
    let mut files = FILES;
    files[file].1 = text;
    match load(&files) {
        Ok(spec) => {
            if let Err(error) = Generation::build(spec) {
                assert!(!error.to_string().is_empty());
            }
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            refused(mistakes);
        }
    }
}

fn refused(mistakes: Vec<Mistake>) {
    for mistake in mistakes {
        assert!(mistake.source.text.get(mistake.span.clone()).is_some(), "{mistake}");
        assert!(mistake.line() >= 1 && mistake.column() >= 1 && !mistake.what.is_empty());
        assert!(!mistake.to_string().contains('\n'), "a mistake is one line");
    }
}

fn survey(text: &str) {
    let source = Source {
        name: "survey.csv".to_owned(),
        text: text.into(),
    };
    let station = |name: &str| (name == "hub-1").then_some(0);
    let (points, mistakes) = read_survey(&source, station, |_| 0);
    assert!(points.len() <= SURVEY_LEN_MAX);
    for mistake in mistakes {
        assert!(text.get(mistake.span.clone()).is_some(), "{mistake}");
    }
}
