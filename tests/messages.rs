//! What a translator may write, what a customer then reads, and what is refused with a reason.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use nextbest::config::message::{MessageSource, load};
use nextbest::config::mistake::{Mistake, SourceFile};
use nextbest::engine::decide::message::{
    Argument, ArgumentSet, Arguments, Decimal, MessageBuffer, Messages, RenderError,
};

fn try_load(files: &[(&str, &str)]) -> Result<Messages, Vec<Mistake>> {
    let sources: Vec<_> = files.iter().map(|(locale, text)| source(locale, text)).collect();
    load(&sources, files[0].0)
}

fn source<'a>(locale: &'a str, text: &str) -> MessageSource<'a> {
    let file = Arc::new(SourceFile {
        name: format!("{locale}.ftl"),
        text: text.to_owned(),
    });
    MessageSource { locale, file }
}

fn say(messages: &Messages, id: &str, locale: &str, arguments: &Arguments<'_>) -> String {
    let message = messages.message_by_id(id).unwrap();
    let mut out = MessageBuffer::default();
    messages
        .render(message, messages.locale_for(locale), arguments, &mut out)
        .unwrap();
    out.as_str().to_owned()
}

#[track_caller]
fn check(locale: &str, pattern: &str, arguments: &Arguments<'_>, expected: &str) {
    let messages = try_load(&[(locale, &format!("m = {pattern}\n"))]).unwrap();
    assert_eq!(say(&messages, "m", locale, arguments), expected);
}

/// The file has exactly one mistake: at `what`'s line, and with these words in the two sentences.
#[track_caller]
fn refuse(text: &str, at: &str, what: &str, expected: &str) {
    refuse_all(&[("en", text)], &[("en.ftl", at, what, expected)]);
}

#[track_caller]
fn refuse_all(files: &[(&str, &str)], wanted: &[(&str, &str, &str, &str)]) {
    let mistakes = try_load(files).unwrap_err();
    assert_eq!(mistakes.len(), wanted.len(), "{mistakes:#?}");
    for (mistake, (file, at, what, expected)) in mistakes.iter().zip(wanted) {
        assert_eq!(mistake.source.name, *file);
        assert_eq!(&mistake.source.text[mistake.span.clone()], *at, "{mistake:#?}");
        assert!(mistake.what.contains(what), "{}", mistake.what);
        assert!(mistake.expected.contains(expected), "{}", mistake.expected);
    }
}

#[test]
fn arabic_has_six_categories() {
    let pattern = "{ $queue ->
        [zero] z
        [one] o
        [two] t
        [few] f
        [many] m
       *[other] x
    }";
    for (queue, expected) in [
        (0, "z"),
        (1, "o"),
        (2, "t"),
        (3, "f"),
        (10, "f"),
        (11, "m"),
        (99, "m"),
        (100, "x"),
    ] {
        check(
            "ar",
            pattern,
            &Arguments {
                queue: Some(queue),
                ..Arguments::default()
            },
            expected,
        );
    }
}

#[test]
fn an_exact_number_comes_before_its_category() {
    let pattern = "{ $wait ->
        [0] no wait
        [1] hardly any wait
        [one] never
       *[other] { $wait } minutes
    }";
    for (wait_s, expected) in [(0, "no wait"), (59, "hardly any wait"), (61, "2 minutes")] {
        check(
            "en",
            pattern,
            &Arguments {
                wait_s: Some(wait_s),
                ..Arguments::default()
            },
            expected,
        );
    }
}

#[test]
fn decimals_are_shown_and_counted_as_written() {
    let price = |units, digits| Arguments {
        price: Decimal::new(units, digits),
        ..Arguments::default()
    };
    let counted = "{ $price } { $price ->
        [one] dollar
       *[other] dollars
    }";
    check("en", counted, &price(1, 0), "1 dollar");
    check("en", counted, &price(100, 2), "1.00 dollars");
    check(
        "en",
        "{ NUMBER($price, minimumFractionDigits: 2) }",
        &price(45, 1),
        "4.50",
    );
    check(
        "en",
        "{ NUMBER($price, maximumFractionDigits: 0) }",
        &price(450, 2),
        "5",
    );
    check("en", "{ 007.50 } { \"\\u00e9\\\"\" }", &price(0, 0), "7.50 é\"");
}

#[test]
fn ordinals_rank() {
    let pattern = "{ NUMBER($points, type: \"ordinal\") ->
        [1] first
        [one] { $points }st
        [two] { $points }nd
        [few] { $points }rd
       *[other] { $points }th
    }";
    for (points, expected) in [(1, "first"), (2, "2nd"), (13, "13th"), (21, "21st"), (103, "103rd")] {
        check(
            "en",
            pattern,
            &Arguments {
                points: Some(points),
                ..Arguments::default()
            },
            expected,
        );
    }
}

#[test]
fn the_default_may_stand_first() {
    let pattern = "{ $category ->
       *[food] eat
        [drink] drink
    }";
    for (category, expected) in [("drink", "drink"), ("food", "eat"), ("gate", "eat")] {
        check(
            "en",
            pattern,
            &Arguments {
                category: Some(category),
                ..Arguments::default()
            },
            expected,
        );
    }
}

#[test]
fn a_regional_locale_falls_back() {
    let files = [
        ("en", "a = hello\nb = bye\n"),
        ("es", "a = hola\nb = adiós\n"),
        ("es-MX", "a = qué onda\n"),
    ];
    let messages = try_load(&files).unwrap();
    let nothing = Arguments::default();
    assert_eq!(say(&messages, "a", "es-MX", &nothing), "qué onda");
    assert_eq!(say(&messages, "b", "es-MX", &nothing), "adiós");
    assert_eq!(say(&messages, "a", "es-AR", &nothing), "hola");
    assert_eq!(say(&messages, "a", "de", &nothing), "hello");
    let mut out = MessageBuffer::default();
    let b = messages.message_by_id("b").unwrap();
    let rendered = messages
        .render(b, messages.locale_for("es-MX"), &nothing, &mut out)
        .unwrap();
    assert_eq!(messages.locale_tag(rendered.locale), Some("es"));
}

#[test]
fn a_message_is_rendered_whole_or_not_at_all() {
    let messages = try_load(&[("en", "m = Go to { $place }, { $walk } min\n")]).unwrap();
    let m = messages.message_by_id("m").unwrap();
    let mut out = MessageBuffer::default();
    let half = Arguments {
        place: Some("Taco Cart"),
        ..Arguments::default()
    };
    let result = messages.render(m, messages.default_locale(), &half, &mut out);
    assert_eq!(result, Err(RenderError::Unknown(Argument::Walk)));
    assert_eq!(out.as_str(), "");
    let needs = ArgumentSet::default().with(Argument::Place).with(Argument::Walk);
    assert_eq!(messages.needs(m, messages.default_locale()), Some(needs));
    assert!(!needs.is_within(half.known()));
}

#[test]
fn values_are_never_read_as_patterns() {
    let name = "{ $price }{ -brand }\r\nBcc: {\"x\"}\u{202E}";
    check(
        "en",
        "Hi { $name }!",
        &Arguments {
            name: Some(name),
            ..Arguments::default()
        },
        "Hi { $price }{ -brand }  Bcc: {\"x\"}!",
    );
}

#[test]
fn terms_see_only_what_they_are_passed() {
    let text = "-gate = { $case ->\n    [of] of the gate\n   *[at] the gate\n }\nm = { -gate(case: \"of\") }, { -gate }, { n }\nn = { $name }\n";
    let messages = try_load(&[("en", text)]).unwrap();
    let arguments = Arguments {
        name: Some("Ann"),
        ..Arguments::default()
    };
    assert_eq!(say(&messages, "m", "en", &arguments), "of the gate, the gate, Ann");
    refuse(
        "-t = { $name }\nm = { -t }\n",
        "name",
        "`$name` is not passed to this term",
        "-t(name:",
    );
}

#[test]
fn mistakes_name_the_place_and_the_remedy() {
    refuse("m = { $plcae }\n", "plcae", "`$plcae` is not an argument", "`$place`");
    refuse("m = { DATETIME($walk) }\n", "DATETIME", "not a function", "NUMBER");
    refuse("m = { NUMBER($place) }\n", "NUMBER", "this is text", "number");
    refuse(
        "m = { NUMBER($price, style: \"percent\") }\n",
        "style",
        "does not take",
        "minimumFractionDigits",
    );
    refuse(
        "m = { NUMBER($price, minimumFractionDigits: 7) }\n",
        "7",
        "fraction digits",
        "0 to 6",
    );
    refuse("m = a\n    .title = b\n", "title", "attributes", "message of its own");
    refuse("m = { -nope }\n", "nope", "no term `-nope`", "-nope =");
    refuse("m = { nope }\n", "nope", "no message `nope`", "$argument");
    refuse("m = a\nm = b\n", "m", "twice", "once");
    refuse("m = { $walk ->\n    [one] a\n }\n", "}", "default variant", "*[other]");
    refuse("m = {\n", "", "not Fluent", "");
}

#[test]
fn references_in_a_circle_are_refused() {
    refuse(
        "-a = { -b }\n-b = { -a }\nm = { -a }\n",
        "a",
        "-a -> -b -> -a",
        "lead back",
    );
    let mistakes = try_load(&[("en", "m = { m }\n")]).unwrap_err();
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
}

#[test]
fn variants_that_can_never_be_chosen_are_refused() {
    let select =
        |argument: &str, key: &str| format!("m = {{ ${argument} ->\n    [one] a\n    [{key}] b\n   *[other] c\n }}\n");
    refuse(&select("walk", "zero"), "zero", "no such category", "[0]");
    refuse(&select("walk", "few"), "few", "no such category", "one, other");
    refuse(
        &select("walk", "near"),
        "near",
        "`$walk` is a number",
        "plural category",
    );
    refuse(&select("walk", "1"), "1", "`[one]` before it", "before categories");
    refuse(&select("walk", "one"), "one", "same key", "once");
    refuse(&select("place", "3"), "3", "`$place` is text", "word");
}

#[test]
fn every_locale_has_every_message() {
    refuse_all(
        &[("en", "a = x\nb = y\n"), ("es", "a = x\nc = z\n")],
        &[
            ("es.ftl", "c", "not a message of the default locale", "same ids"),
            ("es.ftl", "", "`b` has no translation", "b = "),
        ],
    );
    refuse_all(&[("xx", "a = x\n")], &[("xx.ftl", "", "not a locale", "BCP 47")]);
    assert_eq!(load(&[], "en").unwrap_err().len(), 1);
}

#[test]
fn every_mistake_is_reported_at_once() {
    let text = "a = { $x } and { $y }\nb = { $walk ->\nc = fine\nd = { -no }\n";
    let mistakes = try_load(&[("en", text)]).unwrap_err();
    assert_eq!(mistakes.len(), 1, "syntax comes first: {mistakes:#?}");
    let mistakes = try_load(&[("en", "a = { $x } and { $y }\nc = fine\nd = { -no }\n")]).unwrap_err();
    assert_eq!(mistakes.len(), 3, "{mistakes:#?}");
}

#[test]
fn a_message_that_cannot_fit_is_refused() {
    let select = |len| format!("m = {{ $walk ->\n    [one] a\n   *[other] {}\n }}!\n", "é".repeat(len));
    assert!(try_load(&[("en", &select(255))]).is_ok());
    refuse(&select(256), "m", "513 bytes of text", "at most 512");
}

#[test]
fn hostile_files_are_refused_quickly() {
    let deep = format!("m = {}\n", "{".repeat(100_000));
    refuse(&deep, "{", "nested too deep", "32");
    let mut laughs = "-l0 = {\"\"}{\"\"}\n".to_owned();
    for level in 1..14 {
        laughs.push_str(&format!("-l{level} = {{ -l{} }}{{ -l{} }}\n", level - 1, level - 1));
    }
    laughs.push_str("m = { -l13 }\n");
    refuse(&laughs, "m", "too long", "elements");
    let mut chain = "-t0 = x\n".to_owned();
    for link in 1..1_000 {
        chain.push_str(&format!("-t{link} = {{ -t{} }}\n", link - 1));
    }
    chain.push_str("m = { -t999 }\n");
    refuse(&chain, "t984", "chain of references", "16");
    let large = format!("m = {}\n", "x".repeat(1 << 20));
    refuse(&large, "", "bytes", "at most");
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_fine() {
    let messages = try_load(&[("en", "\u{FEFF}m = a\r\n    b\r\n")]).unwrap();
    assert_eq!(say(&messages, "m", "en", &Arguments::default()), "a\nb");
    refuse("\u{FEFF}m = { $é }\n", "é", "not Fluent", "identifier");
}
