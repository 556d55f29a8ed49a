//! F1, F5, F6: the real binary told to end with a thousand calls in flight, with a log that nobody reads, and how much
//! memory it takes for that.

use std::io::{BufRead, BufReader};
use std::process::Command;
use std::time::{Duration, Instant};

use ecom_bridge::simulator::merchant::Manner;
use ecom_bridge::simulator::{Action, Fault};

use crate::support::app::MSN;
use crate::support::callbacks::{Shop, free_address};
use crate::support::client::Client;
use crate::support::process::Process;
use crate::support::{LIMIT, eventually, soon};

const CALLS: usize = 1_000;
const WAITING: usize = 20;

/// A shop whose bridge is a process.
async fn shop(values: &[(&str, &str)]) -> (Shop, Process) {
    let mut shop = Shop::with(values).await;
    shop.order("order-first").await;
    shop.app.down().await;
    let process = Process::start(&shop, free_address(), 0).await;
    (shop, process)
}

#[tokio::test]
async fn f1_f6_sigterm_with_a_thousand_calls_in_flight_answers_all_and_keeps_the_outbox() {
    let (mut shop, mut process) = shop(&[
        ("proxy.request_timeout", "\"65s\""),
        ("proxy.drain_timeout", "\"70s\""),
        ("upstream.timeout", "\"60s\""),
    ])
    .await;
    // What waits in the outbox meanwhile.
    shop.merchant.answer(Manner::status(500));
    for n in 0..WAITING {
        let id = format!("waits-{n:04}");
        let ask = shop.app.initiating(&shop.body(&id, 1_000));
        ask.to(process.addr).send().await.ok();
        shop.approve(&id);
    }
    shop.heard().await;
    let slow = Action::Delay {
        before_ms: 4_000,
        after_ms: 0,
    };
    let create = "/epayment/v1/payments";
    shop.app.world().add_fault(Fault::always(create, slow));
    shop.app.world().clear_requests();
    let mut clients: Vec<Client> = Vec::new();
    for n in 0..CALLS {
        let body = shop.body(&format!("order-{n:04}"), 1_000);
        clients.push(shop.app.initiating(&body).to(process.addr).begin().await);
    }
    let creates = || {
        let all = shop.app.world().requests();
        all.iter().filter(|r| r.path() == create).count()
    };
    // Looking costs as much as some calls, so not too often.
    let mut beat = tokio::time::interval(Duration::from_millis(200));
    let began = Instant::now();
    while creates() < CALLS {
        beat.tick().await;
        assert!(began.elapsed() < LIMIT * 3, "{} came", creates());
    }
    let (now, most) = (process.status("VmRSS"), process.status("VmHWM"));
    let unanswered = shop.app.world().requests();
    let unanswered = unanswered.iter().filter(|r| r.status.is_none()).count();
    eprintln!("{unanswered} unanswered at SIGTERM; memory {now} kB, at most {most} kB");
    process.signal("-TERM");
    // New ones are refused.
    eventually(async || Client::try_to(process.addr).await.is_none()).await;
    for (n, client) in clients.iter_mut().enumerate() {
        let answer = client.read(false).await;
        answer.unwrap_or_else(|cut| panic!("{n}: {cut:?}")).ok();
    }
    assert_eq!(process.end().await, Some(0));
    // Of a debug build; docs/reliability.md has the figures of a release.
    assert!(most < 192 << 10, "F6: {most} kB");
    // Nothing of it was sent twice, and the outbox is as it was.
    assert_eq!(creates(), CALLS);
    shop.app.world().clear_faults();
    shop.merchant.answer(Manner::status(200));
    shop.merchant.clear();
    shop.app.up().await;
    assert!(shop.app.world().approve(MSN, "order-0999"));
    shop.app.advance(Duration::from_secs(3_600));
    // A thousand payments are looked at whenever time goes on, so not at every moment.
    let began = Instant::now();
    let told = |n| shop.statuses(&format!("waits-{n:04}")) == ["RESERVED"];
    while !(0..WAITING).all(told) {
        beat.tick().await;
        assert!(began.elapsed() < LIMIT * 3, "{:?}", shop.counts().await);
        shop.pass(Duration::from_secs(60)).await;
    }
    shop.quiet().await;
}

/// The log is a pipe, and nobody reads it.
#[tokio::test]
async fn f5_a_log_that_blocks_stops_nothing_and_what_is_dropped_is_counted() {
    let mut shop = Shop::with(&[("telemetry.log_level", "\"trace\"")]).await;
    shop.order("order-first").await;
    shop.app.down().await;
    let pipe = Process::log(&shop, 0);
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let mut options = std::fs::OpenOptions::new();
    let held = options.read(true).write(true).open(&pipe).unwrap();
    let process = Process::start(&shop, free_address(), 0).await;
    let dropped = async || process.metric("bridge_log_lines_dropped_total").await;
    assert_eq!(dropped().await, Some(0.0));
    let mut n = 0;
    soon(async {
        while dropped().await < Some(100.0) {
            for _ in 0..100 {
                n += 1;
                let passes = shop.app.ask("GET", "/_echo/x").to(process.addr);
                passes.send().await.ok_status();
            }
        }
    })
    .await;
    let id = "order-0001";
    let body = shop.body(id, 1_000);
    shop.app
        .initiating(&body)
        .to(process.addr)
        .send()
        .await
        .ok();
    shop.approve(id);
    let capture = shop.app.changing("capture", id, 400, "x").to(process.addr);
    capture.send().await.ok();
    eventually(async || shop.statuses(id) == ["RESERVED"]).await;
    // Somebody reads again: what comes from now on is there.
    let lines = BufReader::new(held).lines();
    let (told, tells) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let found = lines
            .map_while(Result::ok)
            .any(|line| line.contains("draining"));
        told.send(found)
    });
    // The queue is empty when no line is dropped any more.
    let mut before = dropped().await;
    eventually(async || {
        let passes = shop.app.ask("GET", "/_echo/x").to(process.addr);
        passes.send().await.ok_status();
        let now = dropped().await;
        std::mem::replace(&mut before, now) == now
    })
    .await;
    process.signal("-TERM");
    assert_eq!(soon(tells).await, Ok(true));
    eprintln!("{n} calls, {before:?} lines dropped");
}
