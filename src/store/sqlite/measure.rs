//! How fast it is, for whoever wants to know: `cargo test --lib measure -- --ignored --nocapture`.
//!
//! Must not: fail on a slow machine. It prints.

use std::sync::Arc;
use std::time::Instant;

use super::db::query;
use super::*;
use crate::store::Origin;
use crate::store::suite::*;

async fn open_in(folder: &tempfile::TempDir) -> SqliteStore {
    let options = SqliteOptions {
        busy_timeout: Duration::from_secs(60),
        ..SqliteOptions::new(folder.path().join("store.db"))
    };
    SqliteStore::open(options).await.unwrap()
}

#[expect(clippy::print_stdout, reason = "its purpose")]
fn told(what: &str, count: u32, begin: Instant) {
    let rate = f64::from(count) / begin.elapsed().as_secs_f64();
    println!("{what}: {rate:.0} a second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn transactions_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let store: Any = Arc::new(open_in(&folder).await);
    for (writers, each) in [(1, 1000), (8, 500), (64, 100)] {
        let begin = Instant::now();
        let tasks: Vec<_> = (0..writers)
            .map(|writer| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for n in 0..each / 2 {
                        let text = format!("{writers}-{writer}-{n}");
                        let id = fresh(&store, new_payment(&text, Origin::Epayment, "a")).await;
                        let end = store.finish_payment(id, succeeded(), at(1500)).await;
                        end.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        told(
            &format!("transactions, {writers} at once"),
            writers * each,
            begin,
        );
    }
    let begin = Instant::now();
    for n in 0..2000 {
        let text = order(&format!("64-1-{}", n % 50));
        store.payment(&shop(), &text, caller("a")).await.unwrap();
    }
    told("lookups, one after the other", 2000, begin);
}

/// A million payments of one caller and five million money calls: looking up must not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of minutes"]
async fn lookups_in_a_large_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(&folder).await;
    let filled = store.writer.run(move |db| {
            let payments = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999)
                INSERT INTO payments (scope, order_id, caller, msn, origin, kind, auth_sealed, created_at)
                SELECT '123456', 'many-' || i, ?, '123456', 'epayment', 'regular', 0, i FROM n";
            let who = caller("a");
            query(payments).bind(&who.as_bytes()[..]).execute(db)?;
            let calls = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999999)
                INSERT INTO adjustments (scope, order_id, op, api, attempt, computed, text, state, until,
                done_amount, done_at, begun_at, changed_at, closed_at, revision)
                SELECT '123456', 'many-' || (i / 5), 'capture', 'epayment', 0, 0, '', 'succeeded', 0, 1, 1, 1, 1, 1, 2
                FROM n";
            query(calls).execute(db)?;
            Ok(())
    });
    filled.await.unwrap();
    let store: Any = Arc::new(store);
    let begin = Instant::now();
    for n in 0..1000 {
        let text = order(&format!("many-{}", n * 997));
        let known = store.payment(&shop(), &text, caller("a")).await.unwrap();
        assert!(known.payment.is_some());
    }
    told("lookups among a million", 1000, begin);
    let begin = Instant::now();
    for n in 0..1000 {
        let text = order(&format!("many-{}", n * 997));
        let (list, _) = store.adjustments(&shop(), &text).await.unwrap();
        assert_eq!(list.len(), 5);
    }
    told("lists of money calls among five million", 1000, begin);
    let begin = Instant::now();
    for _ in 0..1000 {
        assert_eq!(store.units_of_caller(caller("a")).await.unwrap().len(), 1);
        assert_eq!(store.ambiguous(at(i64::MAX)).await.unwrap(), 0);
    }
    told("sales units of a caller with a million", 2000, begin);
    let begin = Instant::now();
    for n in 0..500 {
        let text = format!("many-{}", n * 1997);
        let (_, seen) = store.adjustments(&shop(), &order(&text)).await.unwrap();
        let call = store.begin_adjustment(new_capture(&text), seen).await;
        let end = store.finish_adjustment(call.unwrap().unwrap(), succeeded(), at(1));
        end.await.unwrap();
    }
    told("money calls begun and ended among five million", 500, begin);
}

/// A million payments of twenty units over a year: a scrape must not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of minutes"]
async fn open_payments_of_a_million() {
    use crate::store::{LedgerStore, WhichMismatches};
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(&folder).await;
    let begin = Instant::now();
    let filled = store.writer.run(move |db| {
            let payments = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999)
                INSERT INTO ledger (scope, order_id, msn, origin, kind, currency, created_at, state, learnt_at, learnt,
                class, capture_day, refund_day, to_capture, to_refund, guaranteed_until)
                SELECT 100000 + i % 20, 'many-' || i, 100000 + i % 20, CASE i % 3 WHEN 0 THEN 'ecom' ELSE 'epayment' END,
                'regular', 'NOK', 0, 'captured', 0, 'record', CASE i % 10 WHEN 0 THEN 'reserved' ELSE 'refundable' END,
                CASE i % 10 WHEN 0 THEN i % 180 ELSE -1 END, CASE i % 10 WHEN 0 THEN -1 ELSE i % 365 END, 100, 100, i
                FROM n";
            query(payments).execute(db)?;
            Ok(())
    });
    filled.await.unwrap();
    told("ledger rows written, with their counts", 1_000_000, begin);
    let begin = Instant::now();
    let mut rows = 0;
    for _ in 0..100 {
        rows = store.open_payments().await.unwrap().len();
    }
    told(&format!("open payments counted, {rows} rows"), 100, begin);
    let begin = Instant::now();
    for _ in 0..100 {
        store.expiring(at(i64::MAX), 1000).await.unwrap();
        store.mismatch_counts().await.unwrap();
        store.mismatches(WhichMismatches::Open, 100).await.unwrap();
    }
    told("guarantees and mismatches", 100, begin);
    let begin = Instant::now();
    assert_eq!(store.recount_open().await.unwrap().len(), rows);
    told("a full scan", 1, begin);
}
