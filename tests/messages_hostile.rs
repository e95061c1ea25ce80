//! No file and no value can panic, hang or overflow the loader and the renderer.
//!
//! Files come from people's editors, half saved, and values from strangers. Whatever they are, a file is refused with
//! positions inside its text, or every message of it renders within the buffer.

#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use proptest::prelude::*;

use nextbest::config::message::{MessageSource, load};
use nextbest::config::mistake::SourceFile;
use nextbest::engine::decide::message::{Arguments, Decimal, MESSAGE_LEN_MAX, MessageBuffer, MessageIx, Messages};

/// Pieces of Fluent, whole and torn, so that random files get past the first line.
const PIECES: [&str; 32] = [
    "m = ",
    "-t = ",
    "{ ",
    " }",
    "$walk",
    "$place",
    "$nobody",
    " ->\n",
    "\n    [one] ",
    "\n   *[other] ",
    "\n    [5] ",
    "\n",
    "    ",
    "{ -t }",
    "{ m }",
    "NUMBER(",
    ")",
    "minimumFractionDigits: ",
    "type: \"ordinal\"",
    ", ",
    "\"",
    "\\u00e9",
    "# ",
    "text",
    "é",
    "👨‍👩‍👧",
    "\u{202e}",
    "\r\n",
    "-7.50",
    ".attribute = ",
    "{{",
    "}}",
];

fn file() -> impl Strategy<Value = String> {
    let piece = prop_oneof![8 => (0..PIECES.len()).prop_map(|at| PIECES[at].to_owned()), 1 => ".{0,4}"];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn render_all(messages: &Messages, arguments: &Arguments<'_>) {
    let mut out = MessageBuffer::default();
    for at in 0..messages.len() {
        let message = MessageIx(u16::try_from(at).expect("bounded at load"));
        let locale = messages.default_locale();
        let rendered = messages.render(message, locale, arguments, &mut out);
        assert!(out.as_str().len() <= MESSAGE_LEN_MAX);
        let needs = messages.needs(message, locale).expect("is a message");
        assert!(rendered.is_ok() || !needs.is_within(arguments.known()));
    }
    let beyond = MessageIx(u16::try_from(messages.len()).expect("bounded at load"));
    assert!(
        messages
            .render(beyond, messages.default_locale(), arguments, &mut out)
            .is_err()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_file_is_refused_or_renders(
        text in prop_oneof![4 => file(), 1 => file().prop_map(|text| format!("n = a {{ $walk }} b\n{text}"))],
        place in "\\PC{0,200}|.{0,200}",
        walk_s in proptest::option::of(any::<u32>()),
        price in (any::<i64>(), 0..=6_u8),
        isolate in any::<bool>(),
    ) {
        let file = Arc::new(SourceFile { name: "en.ftl".to_owned(), text });
        match load(&[MessageSource { locale: "en", file: Arc::clone(&file) }], "en") {
            Ok(messages) => {
                let price = Decimal::new(price.0, price.1);
                let arguments = Arguments { place: Some(&place), walk_s, price, ..Arguments::default() };
                render_all(&messages.isolating(isolate), &arguments);
            }
            Err(mistakes) => {
                prop_assert!(!mistakes.is_empty());
                for mistake in mistakes {
                    prop_assert!(file.text.get(mistake.span.clone()).is_some(), "{:?}", mistake);
                    prop_assert!(!mistake.what.is_empty() && !mistake.expected.is_empty());
                }
            }
        }
    }
}
