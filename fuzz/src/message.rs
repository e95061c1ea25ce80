//! A Fluent file and the values of strangers: the file is refused with places inside its text, or every message of it
//! renders within its buffer, whole, and a value is never read as a pattern.

use std::sync::Arc;

use nextbest::config::message::{MessageSource, load};
use nextbest::config::mistake::SourceFile;
use nextbest::engine::decide::message::{
    Arguments, Decimal, MESSAGE_LEN_MAX, MessageBuffer, MessageIx, Messages, Plurals,
};

use super::draw::Draw;

/// Locales of different plural rules.
const LOCALES: [&str; 5] = ["en", "ar", "pl", "ja", "es-MX"];

/// The values come first, then the file.
pub fn run(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (locale, isolate) = (draw.choose(&LOCALES), draw.flag());
    let price = Decimal::new(i64::from_le_bytes(draw.array()), draw.byte());
    let numbers: [Option<u32>; 4] = std::array::from_fn(|_| draw.flag().then(|| u32::from_le_bytes(draw.array())));
    let (place, name) = (draw.bytes(), draw.bytes());
    let (Ok(place), Ok(name), Ok(text)) = (str::from_utf8(place), str::from_utf8(name), str::from_utf8(draw.rest()))
    else {
        return;
    };
    let arguments = Arguments {
        place: Some(place),
        name: (!name.is_empty()).then_some(name),
        price,
        points: numbers[0],
        queue: numbers[1],
        walk_s: numbers[2],
        wait_s: numbers[3],
        ..Arguments::default()
    };
    assert!(Plurals::of(locale).is_some());
    let file = Arc::new(SourceFile {
        name: format!("{locale}.ftl"),
        text: text.to_owned(),
    });
    let source = MessageSource {
        locale,
        file: Arc::clone(&file),
    };
    match load(&[source], locale) {
        Ok(messages) => {
            // Only the file's author may have put a control character into a message.
            let is_plain = !text.contains(|char: char| char == '\\' || char.is_control() && char != '\n');
            render_all(&messages.isolating(isolate), &arguments, is_plain);
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for mistake in mistakes {
                assert!(file.text.get(mistake.span.clone()).is_some(), "{mistake}");
                assert!(!mistake.what.is_empty() && !mistake.expected.is_empty());
            }
        }
    }
}

fn render_all(messages: &Messages, arguments: &Arguments<'_>, is_plain: bool) {
    let mut out = MessageBuffer::default();
    let locale = messages.default_locale();
    for message in (0..).map(MessageIx).take(messages.len()) {
        let rendered = messages.render(message, locale, arguments, &mut out);
        assert!(out.as_str().len() <= MESSAGE_LEN_MAX);
        assert!(
            !is_plain || !out.as_str().contains(|char: char| char.is_control() && char != '\n'),
            "{:?}",
            out.as_str()
        );
        let needs = messages.needs(message, locale);
        assert!(needs.is_some_and(|needs| rendered.is_ok() || !needs.is_within(arguments.known())));
    }
}
