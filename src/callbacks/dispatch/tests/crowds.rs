//! Many callbacks, dead shops, ends and crashes (C1, C12, C13).

use std::time::Duration;

use tokio::net::TcpListener;

use super::odd::{Manner as Oddly, Odd};
use crate::callbacks::dispatch::Limits;
use crate::callbacks::dispatch::fake::Bench;
use crate::simulator::merchant::{Manner, Merchant};
use crate::store::CallbackState;
use crate::types::{Clock, Msn};

const LONG: Duration = Duration::from_secs(60);

async fn merchant() -> Merchant {
    Merchant::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap()
}

/// Runs a dispatcher in the background.
fn run(bench: &Bench) -> crate::callbacks::Dispatcher {
    let dispatcher = bench.dispatcher();
    let running = dispatcher.clone();
    bench
        .lifecycle
        .spawn("callbacks", async move { running.run().await });
    dispatcher
}

/// All of the shop's hundred, while the first of a dead one still hang.
async fn a_hundred_are_told(bench: &Bench, shop: &Merchant) {
    run(bench);
    assert!(shop.wait_for(100, Duration::from_secs(9)).await);
    bench
        .outbox
        .until(|outbox| outbox.count(CallbackState::Delivered) == 100)
        .await;
}

#[tokio::test]
async fn a_dead_shop_delays_nobody_else() {
    let bench = Bench::new();
    let (dead, shop) = (Odd::start(Oddly::Hang).await, merchant().await);
    for order in 0..200 {
        bench.queue("111111", order, &dead.url);
    }
    for order in 0..100 {
        bench.queue("222222", order, &shop.base_url());
    }
    a_hundred_are_told(&bench, &shop).await;
    assert_eq!(dead.requests(), 4);
    let (units, _) = bench.outbox.most_leased();
    assert_eq!(units[&Msn::parse("111111").unwrap()], 4);
}

#[tokio::test]
async fn a_wake_up_is_enough_and_a_failure_is_repeated_without_one() {
    let mut bench = Bench::new();
    bench.settings.schedule = vec![Duration::ZERO; 3];
    let shop = merchant().await;
    let dispatcher = run(&bench);
    while bench.outbox.claims() == 0 {
        tokio::task::yield_now().await;
    }
    shop.answer_next(Manner::status(500));
    shop.answer_next(Manner::status(500));
    let id = bench.queue("123456", 1, &shop.base_url());
    dispatcher.wake();
    bench
        .outbox
        .until(|outbox| outbox.row(id).state == CallbackState::Delivered)
        .await;
    assert_eq!(shop.callbacks().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c13_ten_thousand_due_at_once_are_paced() {
    let bench = Bench::new();
    let shop = merchant().await;
    shop.answer(Manner {
        delay: Duration::from_millis(5),
        ..Manner::status(200)
    });
    for order in 0..10_000 {
        bench.queue(
            &format!("{}", 100_000 + order % 50),
            order,
            &shop.base_url(),
        );
    }
    run(&bench);
    bench
        .outbox
        .until(|outbox| outbox.count(CallbackState::Delivered) == 10_000)
        .await;
    assert_eq!(shop.callbacks().len(), 10_000, "none twice");
    let (units, in_all) = bench.outbox.most_leased();
    // What is in memory at once.
    assert!(in_all <= 256 && units.values().all(|most| *most <= 4));
    // Fifty units would be two hundred at once on their one host.
    let at_once = shop.most_at_once();
    assert!(at_once <= 32, "{at_once} at once");
}

/// A dead platform of a hundred shops, which have places for four hundred.
#[tokio::test]
async fn c13_a_dead_host_of_many_units_takes_few_places_and_delays_nobody_else() {
    let bench = Bench::new();
    let (dead, shop) = (Odd::start(Oddly::Hang).await, merchant().await);
    for order in 0..500 {
        bench.queue(&format!("{}", 100_000 + order % 100), order, &dead.url);
    }
    for order in 0..100 {
        bench.queue("999999", order, &shop.base_url());
    }
    a_hundred_are_told(&bench, &shop).await;
    while dead.requests() < 32 {
        tokio::task::yield_now().await;
    }
    assert_eq!(dead.requests(), 32);
}

/// Nothing waits for a host for longer than its lease allows, and an end is not held up by it.
#[tokio::test]
async fn c13_what_waits_for_its_host_at_the_end_stays_in_the_outbox() {
    let mut bench = Bench::new();
    bench.limits.per_host = 1;
    let shop = merchant().await;
    shop.answer(Manner {
        delay: Duration::from_millis(300),
        ..Manner::status(200)
    });
    for order in 0..10 {
        bench.queue(&format!("{}", 100_000 + order), order, &shop.base_url());
    }
    run(&bench);
    assert!(shop.wait_for(1, LONG).await);
    assert!(bench.lifecycle.shutdown_within(LONG).await);
    let told = shop.callbacks().len();
    assert!(told < 10 && shop.most_at_once() == 1, "{told}");
    assert_eq!(bench.outbox.count(CallbackState::Delivered), told);
    // None is lost: they are claimed again when their leases have ended.
    let mut next = Bench::new();
    next.outbox = std::sync::Arc::clone(&bench.outbox);
    next.clock = std::sync::Arc::clone(&bench.clock);
    next.clock.advance(Duration::from_secs(40));
    shop.answer(Manner::status(200));
    run(&next);
    next.outbox
        .until(|outbox| outbox.count(CallbackState::Delivered) == 10)
        .await;
    assert_eq!(shop.callbacks().len(), 10, "none twice");
}

#[tokio::test]
async fn an_end_stops_the_claiming_and_finishes_what_is_in_flight() {
    let mut bench = Bench::new();
    bench.limits = Limits {
        total: 2,
        per_unit: 2,
        ..Limits::default()
    };
    let shop = merchant().await;
    shop.answer(Manner {
        delay: Duration::from_millis(300),
        ..Manner::status(200)
    });
    for order in 0..10 {
        bench.queue("123456", order, &shop.base_url());
    }
    run(&bench);
    assert!(shop.wait_for(2, LONG).await);
    assert!(bench.lifecycle.shutdown_within(LONG).await);
    assert_eq!(bench.outbox.count(CallbackState::Delivered), 2);
    assert_eq!(shop.callbacks().len(), 2);
}

/// C1: the process is gone between sending and settling.
#[test]
fn a_crash_between_send_and_settle_repeats_the_callback() {
    let outer = tokio::runtime::Runtime::new().unwrap();
    let bench = Bench::new();
    let shop = outer.block_on(merchant());
    outer.block_on(async {
        shop.answer(Manner {
            delay: LONG,
            ..Manner::status(200)
        })
    });
    let id = bench.queue("123456", 1, &shop.base_url());
    let doomed = tokio::runtime::Runtime::new().unwrap();
    let dispatcher = doomed.block_on(async { bench.dispatcher() });
    doomed.spawn(async move {
        dispatcher
            .run_once(crate::callbacks::dispatch::fake::START)
            .await
    });
    assert!(outer.block_on(shop.wait_for(1, LONG)));
    doomed.shutdown_background();
    shop.answer(Manner::status(200));
    outer.block_on(async {
        // Not while the lease lasts: whoever holds it may live.
        assert_eq!(bench.deliver().await, 0);
        bench.clock.advance(Duration::from_secs(40));
        assert_eq!(bench.deliver().await, 1);
    });
    assert_eq!(bench.outbox.row(id).state, CallbackState::Delivered);
    let got = shop.callbacks();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].body, got[1].body);
}

#[tokio::test]
async fn a_settlement_is_repeated_until_the_store_takes_it() {
    let (bench, shop) = (Bench::new(), merchant().await);
    let id = bench.queue("123456", 1, &shop.base_url());
    bench.outbox.fail_settlements(2);
    bench.deliver().await;
    assert_eq!(bench.outbox.row(id).state, CallbackState::Delivered);
    assert_eq!(shop.callbacks().len(), 1);
}

#[tokio::test]
async fn two_workers_never_have_the_same_callback() {
    let (bench, shop) = (Bench::new(), merchant().await);
    for order in 0..40 {
        bench.queue(
            &format!("{}", 100_000 + order % 10),
            order,
            &shop.base_url(),
        );
    }
    let (one, other) = (bench.dispatcher(), bench.dispatcher());
    let now = bench.clock.now();
    while bench.outbox.count(CallbackState::Delivered) < 40 {
        let (a, b) = tokio::join!(one.run_once(now), other.run_once(now));
        assert!(a.unwrap() + b.unwrap() > 0);
    }
    assert_eq!(shop.callbacks().len(), 40);
}

#[tokio::test]
async fn a_late_worker_sends_nothing_and_settles_nothing() {
    let mut bench = Bench::new();
    // Asked for the user, and meanwhile the machine sleeps.
    let shop = merchant().await;
    bench.users = std::sync::Arc::default();
    let mut callback = crate::callbacks::dispatch::fake::due();
    callback.target.prefix = shop.base_url();
    callback.scope_asked = Some("email".to_owned());
    let id = bench.outbox.queue(callback);
    let dispatcher = bench.dispatcher();
    let now = bench.clock.now();
    let (clock, users) = (
        std::sync::Arc::clone(&bench.clock),
        std::sync::Arc::clone(&bench.users),
    );
    let sleeper = async move {
        while users.asked() == 0 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(3_600));
    };
    let (ran, ()) = tokio::join!(dispatcher.run_once(now), sleeper);
    assert_eq!(ran.unwrap(), 1);
    assert!(shop.callbacks().is_empty());
    assert_eq!(bench.outbox.row(id).due.attempts, 0);
    // It is claimed anew.
    assert_eq!(bench.deliver().await, 1);
    assert_eq!(shop.callbacks().len(), 1);
}
