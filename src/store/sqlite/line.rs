//! What the triggers keep of the outbox: the line of each sales unit and where it begins, whatever a statement does to
//! a callback, and how little of it is written per delivery.
//!
//! Must not: ask for more than the schema promises. Which are claimed, and in which order, is the suite's to say.

use super::db::{query, raw};
use super::open::{for_writing, prepare};
use super::*;
use crate::store::suite::*;
use crate::store::{CallbackStore, ClaimLimits, Settled, Stage};

const UNITS: u64 = 3;
const STEPS: u32 = 3000;
/// How many that were passed may stay in a line, as the schema has it.
const PASSED: i64 = 32;

fn empty(folder: &tempfile::TempDir) -> Db {
    let file = folder.path().join("store.db");
    raw(&file).close().unwrap();
    let connect = for_writing(&file, Duration::from_secs(60));
    let mut db = connect.connect().unwrap();
    prepare(&mut db).unwrap();
    db
}

fn number(db: &mut Db, statement: &'static str) -> i64 {
    query(statement).fetch_one(db).unwrap().first()
}

async fn read(store: &SqliteStore, statement: &'static str) -> i64 {
    let count = store.read(|db| Ok(number(db, statement)));
    count.await.unwrap()
}

/// What waits is in its line, at or after its beginning; the beginning is the first that waits.
const WRONG: &str = "SELECT
    (SELECT count(*) FROM (SELECT stage, msn, due_at, id FROM callbacks WHERE leased = 0 AND ended_at IS NULL
        EXCEPT SELECT stage, msn, due_at, id FROM line))
    + (SELECT count(*) FROM (SELECT stage, msn, due_at, id FROM (SELECT *, row_number() OVER
            (PARTITION BY stage, msn ORDER BY due_at, id) AS place FROM callbacks WHERE leased = 0 AND ended_at IS NULL)
        WHERE place = 1 EXCEPT SELECT stage, msn, first_at, first_id FROM waiting))
    + (SELECT count(*) FROM (SELECT stage, msn FROM waiting
        EXCEPT SELECT stage, msn FROM callbacks WHERE leased = 0 AND ended_at IS NULL))
    + (SELECT count(*) FROM waiting WHERE passed >= 32)
    + (SELECT count(*) FROM (SELECT stage, msn FROM line EXCEPT SELECT stage, msn FROM waiting))";

const LEFT_BEHIND: &str = "SELECT (SELECT count(*) FROM line)
    - (SELECT count(*) FROM callbacks WHERE leased = 0 AND ended_at IS NULL)";

const QUEUE: &str = "INSERT INTO callbacks (scope, order_id, msn, reference, status, amount, at, transaction_id, host,
    stage, attempts, queued_at, due_at, lease, leased)
    VALUES (?1, ?2, ?1, ?2, 'RESERVED', 1, 1, 'psp', 'shop.example', ?3, 0, ?4, ?4, 0, 0)";

/// The first of a line, as many as ?2.
const CLAIM: &str = "UPDATE callbacks SET lease = lease + 1, leased = 1, due_at = ?1 WHERE id IN
    (SELECT id FROM callbacks WHERE leased = 0 AND ended_at IS NULL ORDER BY stage, msn, due_at, id LIMIT ?2)";

/// What may happen to one callback, also what no statement of the store does.
const CHANGES: [&str; 10] = [
    "UPDATE callbacks SET leased = 1, due_at = ?2 WHERE id = ?1 AND ended_at IS NULL",
    "UPDATE callbacks SET leased = 0 WHERE id = ?1",
    "UPDATE callbacks SET leased = 0, due_at = ?2 WHERE id = ?1",
    "UPDATE callbacks SET leased = 0, due_at = queued_at WHERE id = ?1",
    "UPDATE callbacks SET leased = 0, ended = 'delivered', ended_at = ?2 WHERE id = ?1",
    "UPDATE callbacks SET leased = 0, ended = 'dead', ended_at = ?2 WHERE id = ?1",
    "UPDATE callbacks SET ended = NULL, ended_at = NULL, due_at = ?2 WHERE id = ?1",
    "UPDATE callbacks SET stage = 'deliver', due_at = ?2 WHERE id = ?1",
    "UPDATE callbacks SET stage = 'capture' WHERE id = ?1",
    "DELETE FROM callbacks WHERE id = ?1",
];

#[tokio::test]
async fn whatever_happens_to_a_callback_the_lines_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = empty(&folder);
    let mut dice = Dice(0x5eed);
    let mut queued = 0_u32;
    // No flush for each of the steps.
    let quick = "PRAGMA synchronous = OFF";
    query(quick).execute(&mut db).unwrap();
    for step in 0..STEPS {
        // The clock goes back now and then, and many are due at the same moment.
        let at = i64::try_from(dice.roll(40)).unwrap() * 10;
        match dice.roll(9) {
            0..=3 => {
                queued += 1;
                let unit = 100_000 + dice.roll(UNITS);
                let stage = ["deliver", "capture"][usize::from(dice.roll(4) == 0)];
                let order = format!("order-{queued}");
                query(QUEUE)
                    .bind(unit.to_string())
                    .bind(order)
                    .bind(stage)
                    .bind(at)
                    .execute(&mut db)
                    .unwrap();
            }
            4 => {
                let few = i64::try_from(dice.roll(5)).unwrap();
                let claim = query(CLAIM).bind(at).bind(few);
                claim.execute(&mut db).unwrap();
            }
            _ => {
                let change = *dice.pick(&CHANGES).unwrap();
                let id = i64::try_from(dice.roll(u64::from(queued) + 1)).unwrap();
                let changed = query(change).bind(id);
                let changed = match change.contains("?2") {
                    true => changed.bind(at),
                    false => changed,
                };
                changed.execute(&mut db).unwrap();
            }
        }
        let wrong = number(&mut db, WRONG);
        assert_eq!(wrong, 0, "step {step}");
    }
    // All is claimed and delivered: nothing is left of the lines.
    let all = query(CLAIM).bind(1_i64).bind(-1_i64);
    all.execute(&mut db).unwrap();
    assert_eq!(number(&mut db, "SELECT count(*) FROM line"), 0);
    assert_eq!(number(&mut db, "SELECT count(*) FROM waiting"), 0);
}

/// A store with so many callbacks of a hundred units, due in the order of their numbers.
async fn backlog(folder: &tempfile::TempDir, pending: i64) -> SqliteStore {
    let mut db = empty(folder);
    let payments = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
        INSERT INTO payments (scope, order_id, caller, msn, origin, kind, reference, amount, auth_sealed,
            callback_prefix, created_at, changed_at)
        SELECT 100000 + i * 7919 % 100, 'payment-' || i, x'00112233445566778899aabbccddeeff', 100000 + i * 7919 % 100,
            'epayment', 'regular', 'payment-' || i, 20000, 0, 'https://shop.example/cb', 1000 + i, 1000 + i FROM n";
    let callbacks = "INSERT INTO callbacks (scope, order_id, msn, reference, status, amount, at, transaction_id, host,
            stage, attempts, queued_at, due_at, lease, leased)
        SELECT scope, order_id, msn, reference, 'RESERVED', amount, 1000, 'psp', 'shop.example', 'deliver', 0, 1000,
            1000 + id, 0, 0 FROM payments ORDER BY id";
    query(payments).bind(pending).execute(&mut db).unwrap();
    query(callbacks).execute(&mut db).unwrap();
    db.close().unwrap();
    let file = folder.path().join("store.db");
    SqliteStore::open(tests::options(&file)).await.unwrap()
}

async fn deliver(store: &SqliteStore, rounds: i64) -> i64 {
    let limits = ClaimLimits {
        total: 32,
        per_unit: 32,
    };
    let mut count = 0;
    for now in 1_000_000..1_000_000 + rounds {
        let claim = store.claim_callbacks(Stage::Deliver, at(now), limits, at(now + 99_999));
        let settle = claim.await.unwrap().into_iter().map(|due| {
            count += 1;
            store.settle_callback(due.id, due.lease, Settled::Delivered, at(now))
        });
        // All in one transaction, so that what is written does not depend on how they met.
        let (open, opened) = std::sync::mpsc::channel();
        let held = store.writer.run(move |_| {
            opened.recv().unwrap();
            Ok(())
        });
        let (held, settled, ()) =
            tokio::join!(held, futures_util::future::join_all(settle), async {
                open.send(()).unwrap()
            },);
        held.unwrap();
        assert!(settled.into_iter().all(|settled| settled.unwrap()));
    }
    count
}

/// How many pages the log has.
fn pages(folder: &tempfile::TempDir) -> u64 {
    let log = std::fs::metadata(folder.path().join("store.db-wal")).unwrap();
    log.len().saturating_sub(32) / (4096 + 24)
}

#[tokio::test]
async fn a_delivery_writes_as_little_with_a_long_line_as_with_a_short_one() {
    let mut written = Vec::new();
    for pending in [1000, 20_000] {
        let folder = tempfile::tempdir().unwrap();
        let store = backlog(&folder, pending).await;
        let before = pages(&folder);
        // Fewer than what makes SQLite begin its log anew.
        assert_eq!(deliver(&store, 15).await, 480);
        written.push(pages(&folder) - before);
        store.close().await;
    }
    assert!(written[1] * 100 <= written[0] * 110, "{written:?}");
    assert!(written[1] < 480, "less than a page for each: {written:?}");
}

#[tokio::test]
async fn what_was_passed_goes_before_it_is_many() {
    let folder = tempfile::tempdir().unwrap();
    let store = backlog(&folder, 10_000).await;
    let mut most = 0;
    for _ in 0..4 {
        assert_eq!(deliver(&store, 50).await, 1600);
        most = most.max(read(&store, LEFT_BEHIND).await);
        assert_eq!(read(&store, WRONG).await, 0);
    }
    assert!(most > 0, "each leaves its entry behind");
    assert!(most < 100 * PASSED, "{most}");
    assert!(deliver(&store, 200).await > 0);
    assert_eq!(read(&store, LEFT_BEHIND).await, 0);
    store.close().await;
}
