//! How fast it is, for whoever wants to know: `cargo test --lib postgres::tests::measure -- --ignored --nocapture`.
//!
//! With full durability. Must not: fail on a slow machine. It prints.

use std::time::Instant;

use super::*;
use crate::ecom::route::Operation;
use crate::epayment::event::EventName;
use crate::store::{
    CallbackStore, ClaimLimits, Counts, Hour, Observation, ObservationStore, Origin, Settled, Side,
    Stage,
};
use crate::types::Msn;
use server::database_of_its_own;

#[expect(clippy::print_stdout, reason = "its purpose")]
fn told(what: &str, count: usize, begin: Instant) {
    let count = f64::from(u32::try_from(count).unwrap());
    let took = begin.elapsed().as_secs_f64();
    println!(
        "{what}: {:.0} a second ({:.2} ms each)",
        count / took,
        1000.0 * took / count
    );
}

/// `work(n)` for every n below `count`, so many at once.
async fn at_once<F, W>(workers: usize, count: usize, work: W)
where
    F: Future<Output = ()> + Send + 'static,
    W: Fn(usize) -> F + Send + Sync + 'static,
{
    let work = Arc::new(work);
    let tasks: Vec<_> = (0..workers)
        .map(|worker| {
            let work = Arc::clone(&work);
            tokio::spawn(async move {
                for n in (worker..count).step_by(workers) {
                    work(n).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn pay(store: &PostgresStore, text: &str) {
    let new = new_payment(text, Origin::Epayment, "a");
    let Begun::Fresh(id) = store.begin_payment(new).await.unwrap() else {
        panic!("not fresh");
    };
    store
        .finish_payment(id, succeeded(), at(1500))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn transactions_a_second() {
    let Some(database) = database_of_its_own(true).await else {
        return;
    };
    for workers in [1, 16] {
        let options = PostgresOptions {
            connections: workers,
            ..database.options()
        };
        let store = Arc::new(PostgresStore::open(options).await.unwrap());
        let count = 500 + 150 * workers;
        let begin = Instant::now();
        let payer = Arc::clone(&store);
        let paying = move |n| {
            let store = Arc::clone(&payer);
            async move { pay(&store, &format!("order-{workers}-{n}")).await }
        };
        at_once(workers, count, paying).await;
        told(
            &format!("begin and finish, {workers} at once"),
            2 * count,
            begin,
        );
        let begin = Instant::now();
        let looker = Arc::clone(&store);
        let looking = move |n| {
            let store = Arc::clone(&looker);
            async move {
                let text = order(&format!("order-{workers}-{n}"));
                let known = store.payment(&shop(), &text, caller("a")).await;
                assert!(known.unwrap().payment.is_some());
            }
        };
        at_once(workers, count, looking).await;
        told(&format!("lookups, {workers} at once"), count, begin);
        let begin = Instant::now();
        let hearer = Arc::clone(&store);
        let hearing = move |n| {
            let store = Arc::clone(&hearer);
            async move {
                let text = format!("order-{workers}-{n}");
                let heard = event(&text, EventName::Authorized);
                store.accept_event(heard, at(3000)).await.unwrap();
            }
        };
        at_once(workers, count, hearing).await;
        told(&format!("events, {workers} at once"), count, begin);
        let begin = Instant::now();
        let capturer = Arc::clone(&store);
        let capturing = move |n| {
            let store = Arc::clone(&capturer);
            async move {
                let text = format!("order-{workers}-{n}");
                let (_, seen) = store.adjustments(&shop(), &order(&text)).await.unwrap();
                let call = store.begin_adjustment(new_capture(&text), seen).await;
                let end = store.finish_adjustment(call.unwrap().unwrap(), succeeded(), at(2600));
                end.await.unwrap();
            }
        };
        at_once(workers, count, capturing).await;
        told(
            &format!("whole money calls, {workers} at once"),
            count,
            begin,
        );
        store.close().await;
    }
}

/// Payments and their waiting callbacks, of fifty units, from one number up to another.
pub(super) async fn fill(db: &mut sqlx::PgConnection, from: i64, to: i64) {
    let fill = "WITH paid AS (INSERT INTO payments (scope, order_id, caller, msn, origin, kind, reference, amount,
            auth_sealed, auth_token, callback_prefix, created_at, changed_at)
            SELECT 100000 + i % 50, 'payment-' || i, $1, 100000 + i % 50, 'epayment', 'regular', 'payment-' || i,
            20000, false, 'Bearer token'::bytea, 'https://shop.example/cb', 1000, 1000
        FROM generate_series($2, $3 - 1) i RETURNING scope, order_id, msn, reference)
        INSERT INTO callbacks (scope, order_id, msn, reference, status, amount, at, transaction_id, host, stage,
            attempts, queued_at, due_at, lease, leased)
            SELECT scope, order_id, msn, reference, 'RESERVED', amount, 1000, 'psp', 'shop.example', 'deliver', 0,
            1000, 1000 + row_number() OVER (), 0, false FROM paid, (SELECT 1::bigint AS amount) one";
    let who = caller("a");
    sqlx::query(fill)
        .bind(&who.as_bytes()[..])
        .bind(from)
        .bind(to)
        .execute(db)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_backlog_costs_no_more() {
    let Some(database) = database_of_its_own(true).await else {
        return;
    };
    let store = database.open().await;
    let mut db = database.raw().await;
    let mut from = 0_i64;
    for to in [100, 100_000] {
        fill(&mut db, from, to).await;
        from = to;
        let limits = ClaimLimits {
            total: 16,
            per_unit: 4,
        };
        let now = at(10_000_000);
        let begin = Instant::now();
        let mut delivered = 0;
        while delivered < 80 {
            let claim = store.claim_callbacks(Stage::Deliver, now, limits, at(10_060_000));
            for due in claim.await.unwrap() {
                let settle = store.settle_callback(due.id, due.lease, Settled::Delivered, now);
                assert!(settle.await.unwrap());
                delivered += 1;
            }
        }
        told(&format!("deliveries with {to} waiting"), delivered, begin);
        let begin = Instant::now();
        for _ in 0..20 {
            store.next_callback_at(Stage::Deliver).await.unwrap();
        }
        told("looks for the next due time", 20, begin);
    }
}

#[tokio::test]
#[ignore = "a measurement"]
async fn counts_of_many_units() {
    let Some(database) = database_of_its_own(true).await else {
        return;
    };
    let store = database.open().await;
    let counted = |unit: usize| Observation {
        msn: Msn::parse(&format!("{}", 100_000 + unit)),
        operation: Operation::Initiate,
        side: Side::Epayment,
        hour: Hour(1),
        last_at: at(1),
        counts: Counts::read("done=1\nfits=1\ntime:11=1").unwrap(),
    };
    for what in ["counts of units that are new", "and again"] {
        let begin = Instant::now();
        for step in 0..40 {
            let more = (step * 50..(step + 1) * 50).map(counted).collect();
            store.add_observations(more).await.unwrap();
        }
        told(what, 2_000, begin);
    }
}
