//! F2: two instances on one database, one of them frozen in the middle of its work and back when its time is over.

use std::time::Duration;

use ecom_bridge::simulator::merchant::Manner;
use ecom_bridge::simulator::{Action, Fault};
use ecom_bridge::store::{AdjustmentState, CallbackState};
use ecom_bridge::types::{Msn, OrderText, Scope};

use crate::support::app::MSN;
use crate::support::callbacks::{Shop, free_address};
use crate::support::client::Client;
use crate::support::postgres::Postgres;
use crate::support::process::Process;
use crate::support::{LIMIT, eventually, soon, until};

/// By then another instance may take over whatever the frozen one had.
const FROZEN: Duration = Duration::from_secs(60);

/// A shop whose first bridge is a process, and a second one here whose clock can be moved.
async fn two(server: &Postgres) -> (Shop, Process) {
    let mut shop = Shop::with(&[("store.url", &server.setting())]).await;
    shop.order("order-first").await;
    shop.app.down().await;
    let process = Process::start(&shop, free_address(), 0).await;
    let elsewhere = free_address();
    shop.app.set("webhooks.listen", &format!("\"{elsewhere}\""));
    (shop, process)
}

#[tokio::test]
async fn f2_a_money_call_of_a_frozen_instance_is_done_once_by_whoever_asks() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (mut shop, frozen) = two(&server).await;
    shop.app.up().await;
    let delay = |before_ms, after_ms| Action::Delay {
        before_ms,
        after_ms,
    };
    let moments = [
        // Upstream does it while nobody listens.
        delay(200, 0),
        // It is done, and the answer waits in the socket.
        delay(0, 200),
        // It never arrives.
        Action::Hang { processed: false },
    ];
    for (n, moment) in moments.into_iter().enumerate() {
        let id = format!("order-{n:04}");
        let body = shop.body(&id, 1_000);
        shop.app.initiating(&body).send().await.ok();
        shop.approve(&id);
        shop.app.world().add_fault(Fault::once("/capture", moment));
        let ask = shop.app.changing("capture", &id, 400, "x");
        let mut client: Client = ask.clone().to(frozen.addr).begin().await;
        let path = format!("/{id}/capture");
        until(|| {
            let all = shop.app.world().requests();
            all.iter().any(|r| r.path().ends_with(&path))
        })
        .await;
        frozen.signal("-STOP");
        shop.app.advance(FROZEN);
        let told = soon(async {
            loop {
                let answer = ask.send().await;
                if answer.status == 200 {
                    return answer;
                }
                assert!(matches!(answer.status, 423 | 502), "{}", answer.text());
            }
        })
        .await;
        assert_eq!(told.ok()["transactionInfo"]["amount"], 400);
        frozen.signal("-CONT");
        // It may have learnt it or not; it does not say that it failed.
        let late = client.read(false).await.unwrap();
        match late.status {
            200 => assert_eq!(late.ok()["transactionInfo"]["amount"], 400),
            _ => assert!(late.status == 423 || late.is_unknown(), "{}", late.text()),
        }
        assert_eq!(shop.app.sums(&id), (400, 0, 0), "{n}");
        let scope = Scope::Unit(Msn::parse(MSN).unwrap());
        let order = OrderText::parse(&id).unwrap();
        let store = &shop.app.payments().store;
        eventually(async || {
            let (calls, _) = store.adjustments(&scope, &order).await.unwrap();
            assert_eq!(calls.len(), 1, "{calls:?}");
            matches!(calls[0].state, AdjustmentState::Succeeded { .. })
        })
        .await;
    }
}

#[tokio::test]
async fn f2_a_callback_of_a_frozen_instance_is_told_by_the_other_and_settled_once() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (mut shop, frozen) = two(&server).await;
    let body = shop.body("order-0001", 1_000);
    let ask = shop.app.initiating(&body).to(frozen.addr);
    ask.send().await.ok();
    let mut silent = Manner::status(200);
    silent.delay = LIMIT;
    shop.merchant.answer_next(silent);
    shop.approve("order-0001");
    assert!(shop.merchant.wait_for(1, LIMIT).await);
    frozen.signal("-STOP");
    shop.app.clock.advance(FROZEN);
    shop.app.up().await;
    // The lease is over: the second one tells it.
    assert!(shop.merchant.wait_for(2, LIMIT).await);
    eventually(async || shop.counts().await.pending == 0).await;
    frozen.signal("-CONT");
    // Its own attempt ends in nothing, and it goes on serving.
    let reads = shop.app.ask("GET", "/ecomm/v2/payments/order-0001/details");
    reads.to(frozen.addr).send().await.ok();
    let attempts = async || frozen.metric("bridge_callbacks_pending").await;
    eventually(async || attempts().await == Some(0.0)).await;
    shop.pass(Duration::from_secs(3_600)).await;
    shop.quiet().await;
    assert_eq!(shop.statuses("order-0001"), ["RESERVED", "RESERVED"]);
    let listed = shop.listed().await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].state, CallbackState::Delivered);
}
