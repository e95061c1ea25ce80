//! A pack with a mistake is refused whole, and the mistake is named with its file, line and column.
//!
//! Each case breaks one thing of a small pack that is otherwise right, and says where the mistake is found: at the mark
//! `«` of the replacement, or at a text elsewhere. There must be no other mistake. Then every single token of the pack
//! is left out in turn: the rest loads or is refused with a place, and nothing panics.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use nextbest::config::{Mistake, load};

const FILES: [(&str, &str); 8] = [
    ("pack.toml", include_str!("data/small_pack/pack.toml")),
    ("venue/map.geojson", include_str!("data/small_pack/venue/map.geojson")),
    ("journey.toml", include_str!("data/small_pack/journey.toml")),
    ("segments.toml", include_str!("data/small_pack/segments.toml")),
    ("actions.toml", include_str!("data/small_pack/actions.toml")),
    ("messages/en.ftl", include_str!("data/small_pack/messages/en.ftl")),
    ("messages/es.ftl", include_str!("data/small_pack/messages/es.ftl")),
    ("settings.toml", include_str!("data/small_pack/settings.toml")),
];

/// One broken variation.
struct Case {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// Where the mistake is, when it is not at the mark: the file, and the text that it starts with.
    at: Option<(&'static str, &'static str)>,
    /// Part of what must be said.
    says: &'static str,
}

const fn case(file: &'static str, from: &'static str, to: &'static str, says: &'static str) -> Case {
    Case {
        file,
        from,
        to,
        at: None,
        says,
    }
}

const fn elsewhere(
    file: &'static str,
    from: &'static str,
    to: &'static str,
    at: (&'static str, &'static str),
    says: &'static str,
) -> Case {
    Case {
        file,
        from,
        to,
        at: Some(at),
        says,
    }
}

const CASES: &[Case] = &[
    // Syntax and form.
    case(
        "pack.toml",
        "id = \"small\"",
        "id = «small",
        "string values must be quoted",
    ),
    case(
        "pack.toml",
        "wants = [\"exit\"]",
        "«wnats = [\"exit\"]",
        "`wnats` is no key of this table, found `wnats`; expected `wants` perhaps",
    ),
    case(
        "pack.toml",
        "name = \"Small Hall\"",
        "name = \"Small Hall\"\n«name = \"Again\"",
        "duplicate key",
    ),
    case(
        "pack.toml",
        "name = \"Small Hall\"\n",
        "",
        "a key is missing; expected `name`",
    ),
    case(
        "pack.toml",
        "id = \"small\"",
        "id = «7",
        "a whole number is not what belongs here",
    ),
    case(
        "pack.toml",
        "id = \"small\"",
        "id = «\"Small Hall\"",
        "the text does not have the right form",
    ),
    case("pack.toml", "[\"en\", \"es\"]", "[\"en\", «\"e_s\"]", "BCP 47"),
    case(
        "pack.toml",
        "[\"en\", \"es\"]",
        "[\"en\", \"es\", «\"es\"]",
        "the locale `es` was declared before",
    ),
    case(
        "pack.toml",
        "default_locale = \"en\"",
        "default_locale = «\"fr\"",
        "there is no locale `fr`",
    ),
    case(
        "pack.toml",
        "[\"en\", \"es\"]",
        "[\"en\", \"es\", «\"de\"]",
        "there are no messages in `de`",
    ),
    case(
        "pack.toml",
        "[\"mobile\", \"kiosk\"]",
        "[\"mobile\", \"kiosk\", «\"kiosk\"]",
        "was declared before",
    ),
    case(
        "settings.toml",
        "15_000",
        "«15",
        "out of range, found `15`; expected 1000 to 600000",
    ),
    case(
        "settings.toml",
        "15_000",
        "«\"15 s\"",
        "a text is not what belongs here, found `\"15 s\"`; expected a whole number",
    ),
    case("settings.toml", "127.0.0.1:4433", "localhost", "127.0.0.1:4433"),
    case(
        "actions.toml",
        "propensity = 0.3",
        "propensity = «1.3",
        "out of range, found `1.3`; expected 0 to 1",
    ),
    case(
        "actions.toml",
        "propensity = 0.3",
        "propensity = «nan",
        "expected a finite number",
    ),
    case(
        "actions.toml",
        "purpose = \"service\"",
        "purpose = «\"servce\"",
        "`servce` is not among the choices, found `\"servce\"`; expected `service` perhaps",
    ),
    case(
        "actions.toml",
        "{ times = 2, window_s = 3600 }",
        "{ times = «0, window_s = 3600 }",
        "expected 1 to 16",
    ),
    case(
        "actions.toml",
        "{ times = 2, window_s = 3600 }",
        "«{ times = 2 }",
        "a key is missing, found `{ times = 2 }`; expected `window_s`",
    ),
    case(
        "actions.toml",
        "{ times = 2, window_s = 3600 }",
        "«2",
        "expected a table",
    ),
    // Names that nothing declares, or that are declared twice.
    case(
        "journey.toml",
        "to = \"loyalty\"",
        "to = «\"loyal\"",
        "there is no stage `loyal`, found `\"loyal\"`; expected `loyalty` perhaps",
    ),
    case(
        "journey.toml",
        "zone_category = \"gate\"",
        "zone_category = «\"gates\"",
        "there is no zone category `gates`",
    ),
    case(
        "journey.toml",
        "zone_category = \"gate\"",
        "zone = «\"gate-a\"",
        "there is no zone `gate-a`",
    ),
    case(
        "journey.toml",
        "counts = \"Order Completed\"",
        "counts = «\"Order Done\"",
        "there is no event `Order Done`",
    ),
    case(
        "journey.toml",
        "name = \"Feedback Given\"",
        "name = «\"Order Completed\"",
        "declared before, at journey.toml:2",
    ),
    case(
        "journey.toml",
        "name = \"member\"",
        "name = «\"orders\"",
        "the trait `orders` was declared before",
    ),
    case(
        "journey.toml",
        "id = \"loyalty\"",
        "id = \"loyalty\"\n\n[[stage]]\nid = «\"reach\"",
        "the stage `reach` was declared before",
    ),
    case(
        "settings.toml",
        "phase = \"before\"",
        "phase = «\"during\"",
        "there is no phase `during`",
    ),
    case(
        "settings.toml",
        "served_event = \"Order Completed\"",
        "served_event = «\"Served\"",
        "there is no event `Served`",
    ),
    case(
        "actions.toml",
        "issue = \"service\"",
        "issue = «\"servis\"",
        "there is no issue `servis`",
    ),
    case(
        "actions.toml",
        "id = \"offer\"\ngroup = \"ways\"",
        "id = \"offer\"\ngroup = «\"way\"",
        "there is no group `way`",
    ),
    case(
        "actions.toml",
        "id = \"offer\"",
        "id = «\"tea\"",
        "the action `tea` was declared before",
    ),
    case(
        "actions.toml",
        "wants = [\"drink\", \"tea\"]",
        "wants = [\"drink\", «\"tee\"]",
        "there is no want `tee`",
    ),
    case(
        "actions.toml",
        "category = \"drink\"",
        "category = «\"food\"",
        "there is no place of category `food`",
    ),
    case(
        "actions.toml",
        "kinds = [\"tea\"]",
        "kinds = [«\"coffee\"]",
        "there is no place of kind `coffee`",
    ),
    case(
        "actions.toml",
        "kinds = [\"tea\"]",
        "ids = [«\"tea-bra\"]",
        "there is no place `tea-bra`",
    ),
    case(
        "actions.toml",
        "{ category = \"drink\", kinds = [\"tea\"] }",
        "«{}",
        "no place of the map is meant",
    ),
    case(
        "actions.toml",
        "channel = \"mobile\"\nplacement",
        "channel = «\"phone\"\nplacement",
        "there is no channel `phone`",
    ),
    case(
        "actions.toml",
        "placement = \"home\"",
        "placement = «\"hone\"",
        "there is no placement `hone`",
    ),
    case(
        "actions.toml",
        "message = \"tea\"",
        "message = «\"te\"",
        "there is no message `te`, found `\"te\"`; expected `tea`",
    ),
    case(
        "actions.toml",
        "to = \"loyalty\" }",
        "to = «\"reach\" }",
        "no transition leads from `conversion` to `reach`",
    ),
    // Journeys and policies that can never be.
    case(
        "journey.toml",
        "from = \"conversion\"\nto = \"loyalty\"",
        "from = \"loyalty\"\nto = «\"loyalty\"",
        "leads to the stage it leaves",
    ),
    case(
        "journey.toml",
        "'traits.orders >= 2'",
        "«'customer.stage == \"reach\"'",
        "the transition can never fire",
    ),
    case(
        "journey.toml",
        "'traits.orders >= 2'",
        "«'traits.orders > 2 && traits.orders < 1'",
        "the transition can never fire",
    ),
    case(
        "journey.toml",
        "'traits.orders >= 2'",
        "«'event == \"Feedback Given\"'",
        "the transition can never fire",
    ),
    case(
        "journey.toml",
        "event = \"Order Completed\"\nwhen",
        "event = \"Order Completed\"\nzone = \"door\"\nwhen",
        "exactly one of",
    ),
    case(
        "journey.toml",
        "id = \"loyalty\"",
        "id = \"loyalty\"\n\n[[stage]]\nid = «\"advocacy\"",
        "the stage `advocacy` can never be reached",
    ),
    case(
        "segments.toml",
        "'traits.orders >= 5 || traits.member'",
        "«'traits.member && !traits.member'",
        "nobody can ever be in this segment",
    ),
    elsewhere(
        "actions.toml",
        "\"regulars\" in segments",
        "customer.stage == \"loyalty\"",
        ("actions.toml", "\"tea\"\ngroup"),
        "nobody can ever be offered `tea`",
    ),
    elsewhere(
        "actions.toml",
        "helps = [{ from = \"conversion\", to = \"loyalty\" }]\n",
        "",
        ("actions.toml", "\"offer\""),
        "serves marketing but helps with no transition",
    ),
    elsewhere(
        "actions.toml",
        "\n[[action.treatment]]\nid = \"phone\"\nchannel = \"mobile\"\nmessage = \"hello\"\n",
        "",
        ("actions.toml", "\"offer\""),
        "the action can never be shown",
    ),
    // Conditions.
    case(
        "actions.toml",
        "!(place.wait_s > 600)",
        "!(place.wait_s > «)",
        "the condition is not CEL",
    ),
    case(
        "actions.toml",
        "phase == \"before\"",
        "«phse == \"before\"",
        "there is no attribute `phse`, found `phse`; expected `phase`",
    ),
    case(
        "actions.toml",
        "phase == \"before\"",
        "phase == «\"during\"",
        "`during` is no value of this attribute",
    ),
    case(
        "actions.toml",
        "phase == \"before\"",
        "phase == «3",
        "the attribute is of another type than this",
    ),
    case(
        "actions.toml",
        "!(dwell_s < 5)",
        "!(dwell_s < «\"5\")",
        "the attribute is of another type than this",
    ),
    case(
        "actions.toml",
        "!(dwell_s < 5)",
        "«place.walk_s < 5",
        "`place.walk_s` is not known in",
    ),
    case(
        "actions.toml",
        "!(dwell_s < 5)",
        "«dwell_s + 5 > 3",
        "an attribute belongs here",
    ),
    case(
        "actions.toml",
        "!(dwell_s < 5)",
        "«matches(level, \"x\")",
        "there is no function `matches`",
    ),
    case(
        "actions.toml",
        "!(dwell_s < 5)",
        "(«position.known ? true : false)",
        "a choice with `?` is not supported",
    ),
    case(
        "actions.toml",
        "!(dwell_s < 5)",
        "«dwell_s",
        "a number alone is no condition",
    ),
    case(
        "actions.toml",
        "\"regulars\" in segments",
        "«\"regular\" in segments",
        "there is no attribute `segments.regular`",
    ),
    case(
        "actions.toml",
        "[\"reach\", \"conversion\"]",
        "[\"reach\", «\"convert\"]",
        "`convert` is no value of this attribute",
    ),
    case(
        "segments.toml",
        "traits.member'",
        "«consent.marketing'",
        "`consent.marketing` is not known in a segment",
    ),
    case(
        "journey.toml",
        "'traits.orders >= 2'",
        "'«traits.order >= 2'",
        "expected `traits.orders`",
    ),
    case(
        "actions.toml",
        "\nsuitability = '!(place.wait_s > 600)'",
        "\nsuitability = \"!(phase == \\\"before\\\") && «walk > 1\"",
        "there is no attribute `walk`",
    ),
    elsewhere(
        "actions.toml",
        "helps = [",
        "suitability = 'place.walk_s < 60'\nhelps = [",
        ("actions.toml", "'place.walk_s < 60'"),
        "but there is no place",
    ),
    // Messages.
    case("messages/es.ftl", "\ntea = Té en { $place }, { $walk } min\n", "\n", ""),
    case("messages/en.ftl", "{ $walk }", "{ $«wlak }", "wlak"),
    elsewhere(
        "actions.toml",
        "message_without_place = \"hello\"",
        "message_without_place = \"tea\"",
        ("actions.toml", "\"tea\"\n\n[[action]]"),
        "says `$place`, `$walk`, which is not known here",
    ),
    // Limits.
    case(
        "settings.toml",
        "customers_max = 10_000\nmemory_mib = 512",
        "customers_max = 50_000_000\nmemory_mib = «512",
        "the limits come to",
    ),
    case(
        "settings.toml",
        "position_ttl_ms = 15_000",
        "hub_heartbeat_ms = 5_000\nhub_dead_after_ms = «5_000",
        "dead before its next heartbeat",
    ),
    case(
        "settings.toml",
        "[limits]",
        "[[presence.category]]\nzone_category = «\"no such category\"\n[limits]",
        "there is no zone category",
    ),
    case(
        "settings.toml",
        "[limits]",
        "[[presence.category]]\nzone_category = \"queue\"\n[[presence.category]]\nzone_category = «\"queue\"\n[limits]",
        "has two tables",
    ),
    case("settings.toml", "[limits]", "[presence]\ndwell_s = «0\n[limits]", ""),
    // The map keeps its own words.
    case(
        "venue/map.geojson",
        "\"queue_zone_id\": \"bar\"",
        "\"queue_zone_id\": \"tap\"",
        "tap",
    ),
];

/// Loads the small pack with one file changed.
fn load_with(file: &str, text: &str) -> Vec<Mistake> {
    let files = FILES.map(|(name, content)| (name, if name == file { text } else { content }));
    load(&files).err().unwrap_or_default()
}

#[test]
fn the_small_pack_is_right() {
    let mistakes: Vec<String> = load(&FILES)
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

#[test]
fn every_mistake_is_named_with_its_place() {
    assert!(CASES.len() >= 40);
    let mut failures = Vec::new();
    for case in CASES {
        if let Err(failure) = check(case) {
            failures.push(failure);
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases\n{}",
        failures.len(),
        CASES.len(),
        failures.join("\n")
    );
}

fn check(case: &Case) -> Result<(), String> {
    let (_, right) = FILES.into_iter().find(|(name, _)| *name == case.file).unwrap();
    assert_eq!(
        right.matches(case.from).count(),
        1,
        "{} must be in {} once",
        case.from,
        case.file
    );
    let marked = right.replace(case.from, case.to);
    let broken = marked.replace('«', "");
    let mistakes = load_with(case.file, &broken);
    let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    let place = match case.at {
        Some((file, text)) => {
            let content = if file == case.file {
                broken.as_str()
            } else {
                FILES.iter().find(|(name, _)| *name == file).unwrap().1
            };
            Some((
                file,
                content.find(text).unwrap_or_else(|| panic!("{text} must be in {file}")),
            ))
        }
        None => marked.find('«').map(|at| (case.file, at)),
    };
    let expected = place.map(|(file, at)| {
        let content = if file == case.file {
            broken.as_str()
        } else {
            FILES.iter().find(|(name, _)| *name == file).unwrap().1
        };
        let before = &content[..at];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|char| *char != '\n').count() + 1;
        format!("{file}:{line}:{column}: ")
    });
    let right_place = expected
        .as_ref()
        .is_none_or(|place| said.first().is_some_and(|said| said.starts_with(place)));
    if said.len() == 1 && right_place && said.iter().any(|said| said.contains(case.says)) {
        return Ok(());
    }
    Err(format!(
        "- {} for {}\n    expected {:?} {}\n    got {said:#?}",
        case.file,
        case.to,
        expected.unwrap_or_default(),
        case.says
    ))
}

#[test]
fn every_mistake_is_found_in_one_run() {
    let actions = FILES[4]
        .1
        .replace("value = 10\n", "value = -1\ncolour = 3\n")
        .replace("0.1", "\"x\"");
    let segments = FILES[3]
        .1
        .replace("traits.orders", "traits.order")
        .replace("traits.member", "traits.membr");
    let files = FILES.map(|(name, content)| match name {
        "actions.toml" => (name, actions.as_str()),
        "segments.toml" => (name, segments.as_str()),
        _ => (name, content),
    });
    let mistakes = load(&files).unwrap_err();
    let places: Vec<(String, usize)> = mistakes
        .iter()
        .map(|mistake| (mistake.source.name.clone(), mistake.line()))
        .collect();
    for place in [
        ("segments.toml", 3),
        ("actions.toml", 19),
        ("actions.toml", 20),
        ("actions.toml", 35),
    ] {
        assert!(
            places.contains(&(place.0.to_owned(), place.1)),
            "{place:?} is not among {places:?}"
        );
    }
    assert_eq!(mistakes.len(), 5, "{places:?}");
}

#[test]
fn a_pack_without_its_files_is_refused() {
    for needed in ["pack.toml", "venue/map.geojson", "journey.toml", "messages/en.ftl"] {
        let files: Vec<_> = FILES.into_iter().filter(|(name, _)| *name != needed).collect();
        assert!(load(&files).is_err(), "{needed}");
    }
    let none: [(&str, &str); 0] = [];
    assert!(load(&none).is_err());
    let mut more = FILES.to_vec();
    more.push(("notes.txt", "hello"));
    assert_eq!(
        load(&more).unwrap_err()[0].to_string().split(';').next(),
        Some("notes.txt:1:1: the file is no part of a pack")
    );
}

#[test]
fn carriage_returns_and_a_byte_order_mark_change_nothing() {
    let files = FILES.map(|(name, text)| (name, format!("\u{FEFF}{}", text.replace('\n', "\r\n"))));
    let mistakes = load(&files).err().unwrap_or_default();
    assert!(
        mistakes.is_empty(),
        "{:#?}",
        mistakes.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
}

/// Words, numbers, quoted texts and single marks.
fn tokens(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((start, first)) = rest.next() {
        if first.is_whitespace() {
            continue;
        }
        let is_word = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.');
        let mut end = start + first.len_utf8();
        while let Some((at, char)) = rest.next_if(|(_, char)| is_word(first) && is_word(*char)) {
            end = at + char.len_utf8();
        }
        tokens.push(start..end);
    }
    tokens
}

#[test]
fn a_pack_that_lacks_any_one_token_loads_or_is_refused_with_a_place() {
    let mut refused = 0;
    let mut tried = 0;
    for (name, text) in FILES.into_iter().filter(|(name, _)| !name.starts_with("venue")) {
        for token in tokens(text) {
            let torn = format!("{}{}", &text[..token.start], &text[token.end..]);
            let mistakes = load_with(name, &torn);
            tried += 1;
            refused += usize::from(!mistakes.is_empty());
            for mistake in mistakes {
                assert!(mistake.span.end <= mistake.source.text.len(), "{mistake}");
                assert!(
                    mistake.line() >= 1 && mistake.column() >= 1 && !mistake.expected.is_empty(),
                    "{mistake}"
                );
            }
        }
    }
    assert!(
        refused * 10 > tried * 8,
        "only {refused} of {tried} torn packs were refused"
    );
}
