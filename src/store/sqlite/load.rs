//! How fast events and callbacks are, for whoever wants to know:
//! `cargo test --lib store::sqlite::load -- --ignored --nocapture`.
//!
//! Must not: fail on a slow machine. It prints.

use std::sync::Arc;
use std::time::Instant;

use super::db::query;
use super::*;
use crate::epayment::event::EventName;
use crate::store::suite::*;
use crate::store::{CallbackStore, ClaimLimits, NewEvent, Settled, Stage};

async fn open_in(folder: &tempfile::TempDir) -> Arc<SqliteStore> {
    let options = SqliteOptions {
        busy_timeout: Duration::from_secs(60),
        ..SqliteOptions::new(folder.path().join("store.db"))
    };
    Arc::new(SqliteStore::open(options).await.unwrap())
}

#[expect(clippy::print_stdout, reason = "its purpose")]
fn told(what: &str, count: u32, begin: Instant) {
    let took = begin.elapsed().as_secs_f64();
    let rate = f64::from(count) / took;
    println!(
        "{what}: {rate:.0} a second ({:.2} ms each)",
        1000.0 * took / f64::from(count)
    );
}

/// The units do not come in turn, as they do not in life: this prime steps through them.
const STEP: u32 = 7919;

/// As many payments, of so many units.
async fn fill_payments(store: &SqliteStore, count: i64, units: i64) {
    let filled = store.writer.run(move |db| {
            let payments = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
                INSERT INTO payments (scope, order_id, caller, msn, origin, kind, reference, amount, auth_sealed,
                    auth_token, callback_prefix, created_at, changed_at)
                SELECT 100000 + i * ?4 % ?3, 'payment-' || i, ?1, 100000 + i * ?4 % ?3, 'epayment', 'regular',
                    'payment-' || i, 20000, 0, CAST('Bearer token' AS BLOB), 'https://shop.example/cb',
                    1000 + i, 1000 + i FROM n";
            let who = caller("a");
            query(payments)
                .bind(&who.as_bytes()[..])
                .bind(count)
                .bind(units)
                .bind(STEP)
                .execute(db)?;
            Ok(())
    });
    filled.await.unwrap();
}

async fn fill_callbacks(store: &SqliteStore) {
    let filled = store.writer.run(move |db| {
            let callbacks = "INSERT INTO callbacks (scope, order_id, msn, reference, status, amount, at, transaction_id,
                    host, stage, attempts, queued_at, due_at, lease, leased)
                SELECT scope, order_id, msn, reference, 'RESERVED', amount, 1000, 'psp', 'shop.example', 'deliver', 0,
                    1000, 1000 + id, 0, 0 FROM payments";
            query(callbacks).execute(db)?;
            Ok(())
    });
    filled.await.unwrap();
}

/// What the filling has written is on disk before anything is measured.
async fn settle_down(folder: &tempfile::TempDir) {
    let file = &folder.path().join("store.db");
    let options = open::for_writing(file, Duration::from_secs(60));
    let mut db = options.connect().unwrap();
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    query(checkpoint).execute(&mut db).unwrap();
}

fn approval(n: u32, units: u32) -> NewEvent {
    NewEvent {
        msn: Msn::parse(&(100_000 + n * STEP % units).to_string()).unwrap(),
        ..event(&format!("payment-{n}"), EventName::Authorized)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn events_a_second() {
    for (at_once, each) in [(1, 500), (64, 200)] {
        let folder = tempfile::tempdir().unwrap();
        let store = open_in(&folder).await;
        fill_payments(&store, 20_000, 10).await;
        settle_down(&folder).await;
        let begin = Instant::now();
        let tasks: Vec<_> = (0..at_once)
            .map(|task| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for n in 0..each {
                        let event = approval(task * each + n, 10);
                        store.accept_event(event, at(2000)).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        told(&format!("events, {at_once} at once"), at_once * each, begin);
    }
}

/// What choosing costs by itself, without a write.
async fn choices(store: &SqliteStore, total: i64) -> Duration {
    let lookups = callbacks::lookups();
    let pick = *lookups.iter().find(|sql| sql.contains("ranked")).unwrap();
    let chosen = store.writer.run(move |db| {
        let begin = Instant::now();
        for _ in 0..CHOICES {
            query(pick)
                .bind("deliver")
                .bind(NOW)
                .bind(total)
                .bind(total)
                .fetch_all(db)?;
        }
        Ok(begin.elapsed())
    });
    chosen.await.unwrap()
}

const CHOICES: u32 = 200;

/// How many pages were written to the log since it was emptied.
fn pages(folder: &tempfile::TempDir) -> u32 {
    let log = std::fs::metadata(folder.path().join("store.db-wal"));
    u32::try_from(log.unwrap().len().saturating_sub(32) / (4096 + 24)).unwrap()
}

async fn deliver(store: &SqliteStore, total: usize, least: u32, retried: bool) -> u32 {
    let limits = ClaimLimits {
        total,
        per_unit: total,
    };
    let mut count = 0_u32;
    while count < least {
        let now = NOW + i64::from(count);
        let claim = store.claim_callbacks(Stage::Deliver, at(now), limits, at(now + 99_999));
        let claimed = claim.await.unwrap();
        assert!(!claimed.is_empty(), "the backlog is too short");
        let settle = claimed.into_iter().map(|due| {
            count += 1;
            let how = if retried {
                Settled::Retry {
                    at: at(2_000_000 + i64::from(count)),
                    why: "503".to_owned(),
                }
            } else {
                Settled::Delivered
            };
            store.settle_callback(due.id, due.lease, how, at(now))
        });
        let settled = futures_util::future::join_all(settle).await;
        assert!(settled.into_iter().all(|settled| settled.unwrap()));
    }
    count
}

/// When it is delivered: all that was filled in is due.
const NOW: i64 = 9_000_000;

/// What a delivery costs with a backlog of one unit, of a hundred units, and of a thousand. What is delivered is gone, so
/// a short backlog gets shorter while it is measured: if anything, that is to its advantage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "its purpose")]
async fn deliveries_a_second() {
    for (pending, units) in [
        (5000, 1),
        (100_000, 1),
        (5000, 100),
        (100_000, 100),
        (400_000, 100),
        (5000, 1000),
        (100_000, 1000),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = open_in(&folder).await;
        fill_payments(&store, pending, units).await;
        fill_callbacks(&store).await;
        for (total, least, retried, what) in [
            (1, 300, false, "one by one"),
            (32, 3200, false, "32 at once"),
            (32, 1000, true, "32 at once, all to be retried"),
        ] {
            let text = format!("{pending} pending of {units} units, {what}");
            settle_down(&folder).await;
            let count = deliver(&store, total, 200, retried).await;
            let written = f64::from(pages(&folder)) / f64::from(count);
            println!("pages written, {text}: {written:.2} each");
            let chosen = choices(&store, i64::try_from(total).unwrap()).await;
            let each = 1_000_000.0 * chosen.as_secs_f64() / f64::from(CHOICES);
            println!("choice alone, {text}: {each:.0} us a claim");
            settle_down(&folder).await;
            let begin = Instant::now();
            let count = deliver(&store, total, least, retried).await;
            told(&format!("claim and settle, {text}"), count, begin);
        }
        let begin = Instant::now();
        for _ in 0..200 {
            store.next_callback_at(Stage::Deliver).await.unwrap();
        }
        told(&format!("next due time, {pending} pending"), 200, begin);
        let begin = Instant::now();
        for _ in 0..20 {
            store.callback_counts().await.unwrap();
        }
        told(&format!("counts, {pending} pending"), 20, begin);
    }
}
