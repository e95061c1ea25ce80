//! Neither a sighting nor a decide allocates.
//!
//! An allocation there shows at the tail of every query, long after anybody remembers why. Each test warms up first:
//! a connection may allocate when it starts, not when it answers. `allocation-counter` counts what this thread asks of
//! the allocator; that it counts is tested beside the messages.

mod support;

use nextbest::engine::{Scratch, SightingOutcome};
use nextbest::model::{Query, Reason, STEP_MS, Timestamp};
use nextbest_venue::{LevelIx, Point};

use support::small;
use support::world::{Heard, World, tag_id};

const PEOPLE: u32 = 32;
const DECIDES: u64 = 2_000;
const STEPS: u64 = 120;

/// Where somebody walks: round the venue from place to place, each with a start of their own.
fn way_point(world: &World, person: u32, step: u64) -> (LevelIx, Point) {
    let places = &world.generation.venue().places;
    let place = &places[(person as usize * 7 + step as usize / 12) % places.len()];
    (place.level, place.at)
}

#[test]
fn deciding_allocates_nothing() {
    let mut world = World::new(small("stadium"));
    let people: Vec<_> = (0..PEOPLE)
        .map(|person| world.customer(&person.to_string(), Some(person)))
        .collect();
    for step in 0..8 {
        for person in (0..PEOPLE).step_by(2) {
            let (level, at) = way_point(&world, person, step / 8);
            world.hear_at(person, level, at);
        }
        world.step();
    }
    let generation = world.engine.generation();
    let locales = [generation.locale_for("en"), generation.locale_for("es-MX")];
    let wants = ["food", "", "restroom", "drink", "pizza", "no such thing"];
    let start_ms = world.now_ms;
    let mut scratch = Scratch::default();
    let (mut with_place, mut not_chosen, mut spanish, mut capped) = (0, 0, 0, 0);
    let mut decide = |number: u64| {
        let ix = number as usize;
        let query = Query {
            want: wants[ix % wants.len()],
            locale: if ix.is_multiple_of(7) { "es" } else { "" },
            channel: if ix.is_multiple_of(5) { "kiosk" } else { "" },
            answers_max: (number % 5) as u32,
            why: ix.is_multiple_of(3),
            ..Query::default()
        };
        let now = Timestamp::from_millis(start_ms + number * 3);
        let (customer, locale) = (people[ix % people.len()], locales[ix % 2]);
        let decision = world
            .engine
            .decide(now, &generation, customer, locale, &query, &mut scratch);
        for answer in decision.answers.iter().flatten() {
            with_place += u64::from(answer.place.is_some() && !answer.message.is_empty());
            spanish += u64::from(answer.locale == "es");
        }
        for (_, reason, _) in decision.not_chosen() {
            not_chosen += 1;
            capped += u64::from(reason == Reason::CapReached);
        }
    };
    decide(0);
    let counted = allocation_counter::measure(|| (1..=DECIDES).for_each(&mut decide));
    assert!(
        with_place > DECIDES / 4,
        "{with_place} answers with a place and a message"
    );
    assert!(
        spanish > DECIDES / 4 && not_chosen > DECIDES && capped > 0,
        "{spanish} {not_chosen} {capped}"
    );
    assert_eq!(counted.count_total, 0, "allocations in {DECIDES} decides");
}

#[test]
fn a_sighting_allocates_nothing() {
    let mut world = World::new(small("stadium"));
    let people: Vec<_> = (0..PEOPLE)
        .map(|person| world.customer(&person.to_string(), Some(person)))
        .collect();
    let stage_before = world.engine.stage(people[0]);
    let (mut folded, mut moved, mut entered, mut unknown) = (0, 0, 0, 0);
    let mut allocations = 0;
    for step in 0..STEPS {
        let mut heard: Vec<Heard> = Vec::new();
        for person in 0..PEOPLE + 4 {
            // Who is beyond the people is a stranger.
            let (level, at) = way_point(&world, person, step);
            heard.extend(world.heard_at(tag_id(person), level, at));
        }
        let mut count = |outcome| match outcome {
            SightingOutcome::Folded => folded += 1,
            SightingOutcome::Moved(change) => {
                moved += 1;
                entered += u32::from(change.entered_stage.is_some());
            }
            SightingOutcome::UnknownTag => unknown += 1,
            // These people jump, which nobody does: what hubs then hear is not believed at once.
            SightingOutcome::Contradicted => {}
            refused @ (SightingOutcome::Duplicate
            | SightingOutcome::Late
            | SightingOutcome::Beacon
            | SightingOutcome::NotARadioValue) => {
                panic!("{refused:?}")
            }
        };
        let counted = allocation_counter::measure(|| heard.iter().for_each(|heard| count(world.hear(heard))));
        if step > 0 {
            allocations += counted.count_total;
        }
        // A tick closes the steps of so few tags itself; in most steps it comes later than the next sightings.
        if step % 8 == 7 {
            allocations += allocation_counter::measure(|| world.step()).count_total;
        } else {
            world.now_ms += STEP_MS;
        }
    }
    assert!(
        folded > 5_000 && moved > u64::from(PEOPLE) && unknown > 100,
        "{folded} {moved} {unknown}"
    );
    assert!(
        entered > 0,
        "nobody entered a stage by walking; all are in {stage_before:?}"
    );
    assert_eq!(allocations, 0, "allocations in {} sightings", folded + moved + unknown);
}
