//! The slab under every interleaving: a read is whole, an update is never lost, a cap of one is given once.
//!
//! loom tries every order in which threads may run and every value that a relaxed load may return. The thread that loom
//! starts with is always a writer: loom looks for another order when a load meets an earlier store, and misses the
//! converse where a writer loads a word before it stores it.
//!
//! Deliberately absent: many threads; two writers and a reader already meet in every way there is.

use interleavings::slab::Slab;
use loom::sync::Arc;
use loom::thread;

/// A version and two words that belong together.
const WORDS: usize = 3;

fn whole(words: [u64; WORDS]) -> u64 {
    assert_eq!(words[1] * 10, words[2], "a torn read: {words:?}");
    words[1]
}

fn set(words: &mut [u64; WORDS], value: u64) {
    words[1] = value;
    words[2] = value * 10;
}

#[test]
fn a_read_beside_a_writer_is_whole() {
    loom::model(|| {
        let slab = Arc::new(Slab::<WORDS>::new(1));
        let reader = {
            let slab = Arc::clone(&slab);
            thread::spawn(move || slab.read(0).ok().map(whole))
        };
        slab.write(0, |words| set(words, 1));
        assert!(reader.join().unwrap().is_none_or(|value| value <= 1));
        assert_eq!(slab.read(0).map(whole), Ok(1), "what was written before is seen");
    });
}

#[test]
fn reads_beside_a_writer_of_two_updates_never_go_back() {
    few_switches(|| {
        let slab = Arc::new(Slab::<WORDS>::new(1));
        let reader = {
            let slab = Arc::clone(&slab);
            thread::spawn(move || [slab.read(0), slab.read(0)].map(|read| read.map(whole)))
        };
        slab.write(0, |words| set(words, 1));
        slab.write(0, |words| set(words, 2));
        if let [Ok(first), Ok(second)] = reader.join().unwrap() {
            assert!(first <= second, "{first}, then {second}");
        }
    });
}

#[test]
fn a_read_beside_two_writers_is_whole_and_no_update_is_lost() {
    few_switches(|| {
        let slab = Arc::new(Slab::<WORDS>::new(1));
        let add = |slab: &Slab<WORDS>| slab.write(0, |words| set(words, words[1] + 1));
        let reader = {
            let slab = Arc::clone(&slab);
            thread::spawn(move || slab.read(0).map(whole))
        };
        let writer = {
            let slab = Arc::clone(&slab);
            thread::spawn(move || add(&slab))
        };
        add(&slab);
        writer.join().unwrap();
        if let Ok(value) = reader.join().unwrap() {
            assert!(value <= 2);
        }
        assert_eq!(slab.read(0).map(whole), Ok(2), "both updates are there");
    });
}

/// All orders with at most two forced switches: enough to show each of the slab's orderings missing, and seconds
/// instead of hours.
fn few_switches(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

#[test]
fn a_cap_of_one_is_given_to_one_of_two_deciders() {
    loom::model(|| {
        let slab = Arc::new(Slab::<WORDS>::new(1));
        let decide = |slab: &Slab<WORDS>| {
            // As a decide does: look at a copy, then look again while the record is held.
            let looks_free = slab.read(0).map_or(true, |words| words[1] == 0);
            let reserve = |words: &mut [u64; WORDS]| {
                let is_free = words[1] == 0;
                set(words, 1);
                is_free
            };
            looks_free && slab.write(0, reserve) == Some(true)
        };
        let other = {
            let slab = Arc::clone(&slab);
            thread::spawn(move || decide(&slab))
        };
        let given = [decide(&slab), other.join().unwrap()];
        assert_eq!(given.into_iter().filter(|given| *given).count(), 1);
    });
}
