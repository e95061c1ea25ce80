//! Class I: values of strangers in messages. None is read as a pattern, none forges a line, a header or a direction, none is
//! longer than it may be, and none is cut inside a character.

use std::sync::Arc;

use nextbest::config::message::{MessageSource, load};
use nextbest::config::mistake::SourceFile;
use nextbest::engine::decide::message::{Arguments, MESSAGE_LEN_MAX, MessageBuffer, Messages, VALUE_LEN_MAX};

type Case = (&'static str, String, String);

/// A name, and what of it the message shows.
fn case(name: &'static str, value: impl Into<String>, shown: impl Into<String>) -> Case {
    (name, value.into(), shown.into())
}

/// A name that is shown as it is: it is text, wherever it goes.
fn same(name: &'static str, value: &str) -> Case {
    case(name, value, value)
}

fn cases() -> Vec<Case> {
    let long = "n".repeat(100_000);
    vec![
        same("an argument", "{ $price }"),
        same("a term", "{ -brand }"),
        same("a message", "{ m }"),
        same("a function", "{ NUMBER($price) }"),
        same("a select", "{ $walk -> *[x] y }"),
        same("braces of another language", "{{ name }}"),
        same("a shell's", "${HOME}"),
        same("percent signs", "%s%n%x"),
        same("an attribute", ".title = x"),
        same("a comment", "# x"),
        same("HTML", "<b onclick=x>Ann</b>"),
        same("a script", "<script>alert(1)</script>"),
        same("an entity", "&lt;&#x3c;"),
        same("a link", "[Ann](https://example.org)"),
        same("a script's address", "javascript:alert(1)"),
        same("a formula", "=cmd|'/c calc'!A1"),
        same("quotes", "\"Ann\" 'Ann' `Ann`"),
        same("a backslash", "\\u0041\\n"),
        same("an emoji of three people", "👨‍👩‍👧"),
        same("a letter that combines", "e\u{301}"),
        same("a letter without width", "a\u{200b}b"),
        same("Arabic", "عائشة"),
        case("a header", "Ann\r\nBcc: x", "Ann  Bcc: x"),
        case("a line break", "Ann\nx", "Ann x"),
        case("a line break of Unicode", "Ann\u{2028}x\u{2029}y\u{85}z", "Ann x y z"),
        case("a tab", "Ann\tx", "Ann x"),
        case("a NUL", "An\0n", "Ann"),
        case("a terminal's colour", "\u{1b}[31mAnn", "[31mAnn"),
        case("a control of eight bits", "\u{9b}31mAnn", "31mAnn"),
        case("a bell and a backspace", "Ann\u{7}\u{8}", "Ann"),
        case("a direction that is turned", "\u{202e}nnA", "nnA"),
        case("an isolate that is not closed", "\u{2067}Ann", "Ann"),
        case("an isolate that was not opened", "Ann\u{2069}\u{202c}", "Ann"),
        case("a byte order mark", "\u{feff}Ann", "Ann"),
        case(
            "a hundred thousand letters",
            long.as_str(),
            "n".repeat(VALUE_LEN_MAX - 1),
        ),
    ]
}

fn messages(text: &str) -> Messages {
    let file = Arc::new(SourceFile {
        name: "en.ftl".to_owned(),
        text: text.to_owned(),
    });
    load(&[MessageSource { locale: "en", file }], "en").unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn say(messages: &Messages, name: &str) -> MessageBuffer {
    let mut out = MessageBuffer::default();
    let arguments = Arguments {
        name: Some(name),
        place: Some(name),
        ..Arguments::default()
    };
    let message = messages.message_by_id("m").unwrap();
    messages
        .render(message, messages.default_locale(), &arguments, &mut out)
        .unwrap();
    out
}

#[test]
fn a_value_is_text_and_stays_in_its_place() {
    let (plain, isolated) = (
        messages("m = Hi { $name }!\n"),
        messages("m = Hi { $name }!\n").isolating(true),
    );
    for (name, value, shown) in cases() {
        let is_cut = value.len() > VALUE_LEN_MAX;
        let said = say(&plain, &value);
        assert_eq!(said.is_truncated(), is_cut, "{name}");
        if is_cut {
            assert!(said.as_str().starts_with(&format!("Hi {shown}")), "{name}");
            assert!(said.as_str().len() <= "Hi !".len() + VALUE_LEN_MAX, "{name}");
            continue;
        }
        assert_eq!(said.as_str(), format!("Hi {shown}!"), "{name}");
        assert_eq!(
            say(&isolated, &value).as_str(),
            format!("Hi \u{2068}{shown}\u{2069}!"),
            "{name}"
        );
    }
}

#[test]
fn a_value_in_every_place_of_a_long_message_stays_within_its_end() {
    let pattern = format!("m = {}\n", "{ $name } { $place } ".repeat(20));
    let messages = messages(&pattern);
    for (name, value, _) in cases() {
        let said = say(&messages, &value);
        assert!(said.as_str().len() <= MESSAGE_LEN_MAX, "{name}");
        assert!(!said.as_str().contains(char::is_control), "{name}");
    }
}

#[test]
fn a_value_chooses_no_variant_that_it_is_not() {
    let messages = messages("m = { $name ->\n    [gold] gold\n   *[other] other\n }\n");
    for value in ["gold ", "Gold", "[gold]", "gold\0", "\u{202e}gold", "other", ""] {
        assert_eq!(say(&messages, value).as_str(), "other", "{value:?}");
    }
    assert_eq!(say(&messages, "gold").as_str(), "gold");
}
