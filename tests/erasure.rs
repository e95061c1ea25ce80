//! Erasing a person: one call, after which nobody knows them, and nothing on the disk nor in any copy that was made of it
//! before can be read about them; a crash at any point of it leaves them whole or gone.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "house/canaries.rs"]
mod canaries;
mod kept;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use canaries::{canaries, says};
use kept::{How, Kept, fan, food, order};
use nextbest::engine::spec::Spec;
use nextbest::journal::storage::{Directory, Disk, PowerLoss, Tail};
use nextbest::serve::durable::EraseError;
use nextbest_proto::v1;
use tempfile::TempDir;

/// People with canaries, of whom every other is erased.
const PEOPLE: u32 = 1_000;
/// Sends at a time, and erasures at a time.
const AT_ONCE: u32 = 16;

fn many(spec: &mut Spec) {
    spec.settings.customers_max = 2 * PEOPLE;
}

/// All bytes of a folder's files, by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        let name = entry.file_name().to_str().unwrap().to_owned();
        (name, fs::read(entry.path()).unwrap())
    };
    fs::read_dir(folder).unwrap().map(read).collect()
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// Asserts that none of the files holds any of these; looks for what they begin with first, which is quicker.
#[track_caller]
fn assert_none_holds(folder: &Path, prefix: &[u8]) {
    for (name, bytes) in files(folder) {
        assert!(
            !holds(&bytes, prefix),
            "{name} holds {:?}",
            String::from_utf8_lossy(prefix)
        );
    }
}

/// Opens a folder as a gateway does that starts.
fn start(folder: &Path) -> Kept {
    let storage = Arc::new(Directory::create(folder).unwrap());
    Kept::start(storage, How::default(), many).unwrap()
}

async fn fill(kept: &Kept) {
    let till = Arc::new(kept.till().await);
    let senders: Vec<_> = (0..AT_ONCE)
        .map(|sender| {
            let till = Arc::clone(&till);
            tokio::spawn(async move {
                for n in (sender..PEOPLE).step_by(AT_ONCE as usize) {
                    till.signal(says(n)).await.unwrap();
                    let ordered = v1::Signal {
                        subject: canaries(n)[0].clone(),
                        message_id: format!("order of {n}"),
                        ..order(0)
                    };
                    till.signal(ordered).await.unwrap();
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
}

#[tokio::test]
async fn nothing_of_the_erased_can_be_read_from_the_disk_or_a_copy_and_all_of_the_others_can() {
    let dir = TempDir::new().unwrap();
    let (folder, copy) = (dir.path().join("state"), dir.path().join("copy"));
    let kept = start(&folder);
    fill(&kept).await;
    // A snapshot, records before it and records after it.
    kept.gateway.stop();
    let kept = start(&folder);
    kept.till().await.signal(order(1)).await.unwrap();
    fs::create_dir(&copy).unwrap();
    for (name, bytes) in files(&folder) {
        fs::write(copy.join(name), bytes).unwrap();
    }
    // Slots begin after one sector, 64 bytes each, with the key at 8.
    let keys = fs::read(folder.join("people.keys")).unwrap();
    let key = |n: u32| {
        let slot = kept.engine.customer_existing(&canaries(n)[0]).unwrap().0 as usize;
        keys[512 + slot * 64 + 8..512 + slot * 64 + 40].to_vec()
    };
    let erased_keys: Vec<Vec<u8>> = (0..PEOPLE).step_by(2).map(key).collect();
    let kept_key = key(1);

    std::thread::scope(|scope| {
        for part in 0..AT_ONCE {
            let gateway = &kept.gateway;
            scope.spawn(move || {
                for n in (0..PEOPLE).step_by(2).skip(part as usize).step_by(AT_ONCE as usize) {
                    gateway.erase(&canaries(n)[0], "dpo", "request 17").unwrap();
                }
            });
        }
    });
    assert!(
        matches!(
            kept.gateway.erase(&canaries(0)[0], "dpo", "request 17"),
            Err(EraseError::Unknown)
        ),
        "once is enough"
    );
    assert_eq!(kept.gateway.known(&canaries(0)[0]), None);
    assert_none_holds(&folder, b"canary-");
    assert_none_holds(&copy, b"canary-");
    let keys = fs::read(folder.join("people.keys")).unwrap();
    for (name, bytes) in files(&folder) {
        // Keys are looked for where keys are, and by their first bytes elsewhere.
        let is_key = |key: &&Vec<u8>| {
            if name == "people.keys" {
                bytes.chunks(64).any(|slot| slot.get(8..40) == Some(key.as_slice()))
            } else {
                holds(&bytes, key)
            }
        };
        assert_eq!(erased_keys.iter().step_by(25).filter(is_key).count(), 0, "in {name}");
    }
    assert!(
        erased_keys.iter().all(|key| !holds(&keys, key)),
        "no key of the erased is left"
    );
    assert!(holds(&keys, &kept_key), "the test knows where keys are");
    assert!(kept.get("/healthz").ends_with("ok\n"));
    kept.gateway.stop();

    // The copy that was made before has everything but the keys, which nobody copies.
    fs::copy(folder.join("people.keys"), copy.join("people.keys")).unwrap();
    for folder in [&folder, &copy] {
        let kept = start(folder);
        for n in 0..PEOPLE {
            let known = kept.orders(&canaries(n)[0]);
            assert_eq!(known, (n % 2 == 1).then_some(1.0), "person {n} of {}", folder.display());
        }
        // The proofs are where the erasures are, and name nobody.
        let (erased, proofs) = kept.gateway.erasures();
        let expected = if folder.ends_with("state") { PEOPLE / 2 } else { 0 };
        assert_eq!((erased, proofs.len()), (expected.into(), expected as usize));
        assert!(
            proofs
                .iter()
                .all(|proof| (proof.who.as_str(), proof.why.as_str()) == ("dpo", "request 17"))
        );
        kept.gateway.stop();
    }
}

#[tokio::test]
async fn a_crash_at_any_point_of_an_erasure_leaves_a_person_whole_or_gone() {
    let disk = Arc::new(PowerLoss::with(Disk::default()));
    let kept = Kept::start(disk.clone(), How::default(), |_| {}).unwrap();
    let till = kept.till().await;
    for number in 0..3 {
        till.signal(order(number)).await.unwrap();
    }
    let before = disk.history_len();
    kept.gateway.erase(&fan(1), "dpo", "request 17").unwrap();
    let after = disk.history_len();
    let history = disk.history();
    assert!(after > before, "it was written");
    let mut gone = 0;
    for point in before..=after {
        for tail in [Tail::Lost, Tail::Torn(1), Tail::Reordered(point as u64)] {
            let mut left = Disk::default();
            history[..point]
                .iter()
                .for_each(|operation| left.apply(operation).unwrap());
            let kept = Kept::start(Arc::new(PowerLoss::with(left.after_loss(tail))), How::default(), |_| {}).unwrap();
            let orders = kept.orders(&fan(1));
            assert!(matches!(orders, None | Some(1.0)), "{orders:?} at {point} {tail:?}");
            assert!(point < after || orders.is_none(), "what was confirmed holds");
            gone += u32::from(orders.is_none());
            assert_eq!((kept.orders(&fan(0)), kept.orders(&fan(2))), (Some(1.0), Some(1.0)));
            if orders.is_some() {
                kept.gateway.erase(&fan(1), "dpo", "request 17").unwrap();
                assert_eq!(kept.orders(&fan(1)), None, "it can be asked for again");
            }
        }
    }
    assert!(gone > 0);
}

#[tokio::test]
async fn who_was_erased_and_comes_again_is_somebody_new_also_in_a_session_that_went_on() {
    let kept = Kept::start(Arc::new(PowerLoss::with(Disk::default())), How::default(), |_| {}).unwrap();
    let (phone, till) = (kept.phone("ada").await, kept.till().await);
    let order_of = |subject: &str, message_id: &str| v1::Signal {
        subject: subject.into(),
        message_id: message_id.into(),
        ..order(0)
    };
    till.signal(order_of("ada", "one")).await.unwrap();
    assert_eq!(phone.query(food("")).await.unwrap().stage, "conversion");
    kept.gateway.erase("ada", "dpo", "request 17").unwrap();
    // Somebody else gets the slot, perhaps, before Ada's phone asks again.
    till.signal(order_of("ben", "two")).await.unwrap();
    assert_eq!(phone.query(food("")).await.unwrap().stage, "reach", "nobody knows her");
    assert!(
        !till.signal(order_of("ada", "one")).await.unwrap().duplicate,
        "nor what she sent"
    );
    assert_eq!((kept.orders("ada"), kept.orders("ben")), (Some(1.0), Some(1.0)));
}
