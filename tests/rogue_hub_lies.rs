//! One hub of twenty lies for a minute, each lie alone and all together.
//!
//! Promises: it moves nobody into a zone that is not its own, but for one person in one run of fifty; the crowd of no zone is
//! off by more than two hubs' share of the people, and people who are not there are in none; it is flagged within a minute,
//! by the flag that fits; at most one in a hundred hubs beside it, or where nobody lies, is flagged.

mod rogue_venue;
mod support;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use nextbest::engine::HubOddity;
use rogue_venue::{HUBS, LIES, Lie, PEOPLE, Run, Truth};

/// Venues, each with another hub that lies.
const SEEDS: u64 = 10;
/// Within so long a hub that lies is flagged.
const FLAGGED_AFTER_S_MAX: u32 = 60;

/// A venue, and what it said of each lie.
struct Trial {
    truth: Truth,
    lying: Vec<(Lie, Run)>,
}

/// All trials, run once for all tests.
fn trials() -> &'static [Trial] {
    static TRIALS: OnceLock<Vec<Trial>> = OnceLock::new();
    TRIALS.get_or_init(|| {
        let trial = |seed| {
            let truth = Truth::new(seed);
            let lying = LIES.map(|lie| (lie, truth.lying(lie))).into();
            Trial { truth, lying }
        };
        (0..SEEDS).map(trial).collect()
    })
}

/// Every lying run, with its venue.
fn runs() -> impl Iterator<Item = (&'static Truth, Lie, &'static Run)> {
    let runs = |trial: &'static Trial| trial.lying.iter().map(|(lie, run)| (&trial.truth, *lie, run));
    trials().iter().flat_map(runs)
}

/// Nobody is what is wanted. A hub that replays what it heard can drag a person's fix with it for a few seconds, until what
/// the others hear outweighs it, and a steady loud reading may tip somebody at a border.
#[test]
fn one_run_in_fifty_moves_one_person_to_a_zone_that_is_not_the_hubs_own() {
    let (mut runs_len, mut with_moved) = (0, 0);
    for (truth, lie, run) in runs() {
        let people: BTreeSet<usize> = truth.moved(run).iter().map(|(person, _)| *person).collect();
        let moved = people.len();
        println!("seed {} {lie:?}: moved {moved}", truth.seed);
        let moved_max = usize::from(matches!(lie, Lie::Replay | Lie::Steady));
        assert!(moved <= moved_max, "seed {}, {lie:?}: {moved} people", truth.seed);
        runs_len += 1;
        with_moved += usize::from(moved > 0);
    }
    assert!(50 * with_moved <= runs_len, "{with_moved} of {runs_len} runs");
}

#[test]
fn lies_move_fewer_people_than_noise_does() {
    let by_noise: usize = trials().iter().map(|trial| trial.truth.misplaced_by_noise()).sum();
    for lie in LIES {
        let of_lie = runs().filter(|(_, of, _)| *of == lie);
        let by_lie: usize = of_lie.map(|(truth, _, run)| truth.misplaced(run)).sum();
        println!("{lie:?}: {by_lie} people, by noise {by_noise}");
        assert!(4 * by_lie <= by_noise, "{lie:?}: {by_lie} people, by noise {by_noise}");
    }
}

#[test]
fn the_crowd_of_no_zone_is_off_by_more_than_two_hubs_share() {
    let share = PEOPLE.div_ceil(HUBS as u32);
    for (truth, lie, run) in runs() {
        let (over, under) = truth.crowd_errors(run);
        println!("seed {} {lie:?}: {over} too many, {under} too few", truth.seed);
        assert!(
            over <= 2 * share && under <= 2 * share,
            "seed {}, {lie:?}: {over} too many, {under} too few",
            truth.seed
        );
    }
}

#[test]
fn the_hub_is_flagged_within_a_minute() {
    for (truth, lie, run) in runs() {
        let flags = run.oddities[truth.rogue.index()];
        let expected = match lie {
            Lie::Random | Lie::Loud | Lie::Steady | Lie::Teleport | Lie::All => HubOddity::Contradicted,
            Lie::Absent => HubOddity::Alone,
            Lie::NoRadio => HubOddity::NoRadioValues,
            Lie::Flood => HubOddity::Flooding,
            // One copied tag is no lie of the hub that hears it, what a hub repeats of people who are still near it is
            // no lie that others could tell, and a tag that is faint may be in a bag.
            Lie::Copies | Lie::Replay | Lie::Faint | Lie::Mute => continue,
        };
        assert!(flags.has(expected), "seed {}, {lie:?}: {flags:?}", truth.seed);
        let after_s = run.flagged_after_s(truth.rogue).unwrap();
        assert!(
            after_s <= FLAGGED_AFTER_S_MAX,
            "seed {}, {lie:?}: {after_s} s",
            truth.seed
        );
    }
}

#[test]
fn at_most_one_honest_hub_in_a_hundred_is_flagged() {
    let honest = trials().iter().flat_map(|trial| &trial.truth.honest);
    let (runs_len, flagged) = honest.fold((0, 0), |(len, flagged), run| {
        (len + 1, flagged + run.flagged_beside(None))
    });
    println!("{flagged} of {} hubs where nobody lies", runs_len * HUBS);
    assert!(100 * flagged <= runs_len * HUBS, "{flagged} where nobody lies");
    let (mut hubs, mut flagged) = (0, 0);
    for (truth, _, run) in runs() {
        hubs += HUBS - 1;
        flagged += run.flagged_beside(Some(truth.rogue));
    }
    println!("{flagged} of {hubs} hubs beside one that lies");
    assert!(100 * flagged <= hubs, "{flagged} of {hubs} beside one that lies");
}

/// A tag at full power, and a hall without the people and walls that path loss reckons with.
#[test]
fn strong_tags_make_no_hub_a_liar() {
    for stronger_db in [6.0, 12.0, 18.0] {
        let runs = trials().iter().map(|trial| trial.truth.of_strong_tags(stronger_db));
        let (runs_len, flagged) = runs.fold((0, 0), |(len, flagged), run| {
            (len + 1, flagged + run.flagged_beside(None))
        });
        println!("{flagged} of {} hubs, {stronger_db} dB", runs_len * HUBS);
        assert!(100 * flagged <= runs_len * HUBS, "{flagged} hubs, {stronger_db} dB");
    }
}
