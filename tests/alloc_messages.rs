//! Rendering a message allocates nothing.
//!
//! A decide renders a sentence for each answer; an allocation there shows at the tail of every query, long after anybody
//! remembers why. The crate `allocation-counter` counts what this thread asks of the allocator.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use nextbest::config::message::{MessageSource, load};
use nextbest::config::mistake::SourceFile;
use nextbest::engine::decide::message::{Arguments, Decimal, MessageBuffer, Messages};

const TEXT: &str = "\
-brand = Azteca
nearest = { -brand }: { $name }, { $place } in { $zone } is { $walk ->
    [0] here
    [one] a minute
POLISH   *[other] { $walk } minutes
 } away, you are { NUMBER($points, type: \"ordinal\") ->
    [one] first
   *[other] number { $points }
 } for { NUMBER($price, minimumFractionDigits: 2) }{ $category ->
    [food] { \" \" }to eat
   *[drink] { \" \" }to drink
 }
";

fn messages() -> Messages {
    let english = TEXT.replace("POLISH", "");
    let polish = TEXT
        .replace("POLISH", "    [few] { $walk } minuty\n    [many] { $walk } minut\n")
        .replace("    [one] first\n", "");
    let source = |locale, text| {
        let file = Arc::new(SourceFile {
            name: format!("{locale}.ftl"),
            text,
        });
        MessageSource { locale, file }
    };
    load(&[source("en", english), source("pl", polish)], "en").unwrap()
}

#[test]
fn rendering_allocates_nothing() {
    let messages = messages().isolating(true);
    let nearest = messages.message_by_id("nearest").unwrap();
    let mut out = MessageBuffer::default();
    let long_name = "Ann\n\u{202E}".repeat(1_000);
    let mut bytes = 0;
    let counted = allocation_counter::measure(|| {
        for walk_s in 0..2_000 {
            let locale = messages.locale_for(if walk_s % 2 == 0 { "pl-PL" } else { "en-GB" });
            let arguments = Arguments {
                name: Some(if walk_s % 3 == 0 {
                    "Zoë 👨‍👩‍👧"
                } else {
                    &long_name
                }),
                place: Some("Taco Cart"),
                zone: Some("North Concourse"),
                category: Some("food"),
                points: Some(walk_s),
                price: Decimal::new(i64::from(walk_s), 3),
                walk_s: Some(walk_s),
                ..Arguments::default()
            };
            if messages.render(nearest, locale, &arguments, &mut out).is_ok() {
                bytes += out.as_str().len();
            }
            let nothing_known = messages.render(nearest, locale, &Arguments::default(), &mut out);
            bytes += usize::from(nothing_known.is_ok());
        }
    });
    assert!(bytes > 2_000 * 50, "{bytes} bytes rendered");
    assert_eq!(counted.count_total, 0, "allocations in 4,000 renders");
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(counted.count_total, 1);
}
