//! Polls of one payment (`reads.details_cache`): one look answers those that are identical, and none across a change.

use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault};
use ecom_bridge::store::{NewAdjustment, Outcome};
use ecom_bridge::types::{Amount, IdempotencyKey, MoneyOp, Msn, OrderText, Origin, Scope};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::reload::operate;
use crate::support::app::{KEY, MSN, OTHER_MSN, TestApp, Wanted, with};
use crate::support::callbacks::Shop;
use crate::support::client::Answer;
use crate::support::shop::PHONE;
use crate::support::{eventually, soon};

const ORDER: &str = "order-0001";
/// The file is read when it is asked for, and only then.
const NEVER: Duration = Duration::from_secs(24 * 3600);
/// Payment and event log.
const LOOK: usize = 2;

/// Nobody but the merchant reads.
const ALONE: [(&str, &str); 2] = [("reads.poll", "false"), ("reads.background_share", "0")];

fn sharing(window: &str) -> Wanted {
    let mut wanted = with(&ALONE);
    wanted.set("reads.details_cache", &format!("\"{window}\""));
    wanted
}

/// A bridge that shares for so long, with a reserved payment.
async fn reserved(window: &str) -> TestApp {
    let app = sharing(window).start().await;
    app.reserved(ORDER, 1_000).await;
    app.took();
    app
}

/// How many reads reached ePayment since the last look.
fn reads(app: &TestApp) -> usize {
    let all = app.took();
    all.iter().filter(|asked| asked.starts_with("GET")).count()
}

async fn outcomes(app: &TestApp) -> [u64; 3] {
    let text = String::from_utf8(app.admin("/metrics").await.body).unwrap();
    ["hit", "joined", "miss"].map(|outcome| {
        let name = format!("bridge_details_cache_total{{outcome=\"{outcome}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |count| count.parse().unwrap())
    })
}

fn captured(details: &Value) -> i64 {
    details["transactionSummary"]["capturedAmount"]
        .as_i64()
        .unwrap()
}

fn slow(before_ms: u64) -> Fault {
    let action = Action::Delay {
        before_ms,
        after_ms: 0,
    };
    Fault::once(&format!("*/payments/{ORDER}"), action).on("GET")
}

#[tokio::test]
async fn off_by_default() {
    let app = with(&ALONE).start().await;
    app.reserved(ORDER, 1_000).await;
    app.took();
    for _ in 0..3 {
        app.details(ORDER).await.ok();
    }
    assert_eq!(reads(&app), 3 * LOOK);
    assert_eq!(outcomes(&app).await, [0, 0, 0]);
}

#[tokio::test]
async fn fifty_at_once_cost_one_look_and_are_told_the_same() {
    let mut wanted = sharing("10s");
    wanted.set("upstream.timeout", "\"10s\"");
    wanted.set("proxy.request_timeout", "\"20s\"");
    let app = wanted.start().await;
    app.reserved(ORDER, 1_000).await;
    app.took();
    app.world().add_fault(slow(500));
    let answers = join_all((0..50).map(|_| app.details(ORDER))).await;
    let first = answers[0].ok();
    assert!(answers.iter().all(|answer| answer.ok() == first));
    assert_eq!(reads(&app), LOOK);
    let [hit, joined, miss] = outcomes(&app).await;
    assert_eq!((hit + joined, miss), (49, 1), "{hit} {joined}");
    assert!(joined > 0);
    // Status shares it, too.
    app.read(ORDER, "status").await.ok();
    assert_eq!(reads(&app), 0);
}

#[tokio::test]
async fn a_window_ends() {
    let app = reserved("5s").await;
    for (after_s, cost) in [(0, LOOK), (1, 0), (1, 0), (5, LOOK), (0, 0)] {
        app.clock.advance(Duration::from_secs(after_s));
        app.details(ORDER).await.ok();
        assert_eq!(reads(&app), cost, "{after_s}");
    }
}

#[tokio::test]
async fn what_the_bridge_changes_is_seen_by_the_next_read() {
    let app = reserved("10s").await;
    assert_eq!(captured(&app.details(ORDER).await.ok()), 0);
    app.capture(ORDER, 400, "1").await.ok();
    assert_eq!(captured(&app.details(ORDER).await.ok()), 400);
    app.refund(ORDER, 100, "1").await.ok();
    let told = app.details(ORDER).await.ok();
    assert_eq!(told["transactionSummary"]["refundedAmount"], 100);
    app.releasing(ORDER, "1").send().await.ok();
    let told = app.details(ORDER).await.ok();
    assert_eq!(told["transactionSummary"]["remainingAmountToCapture"], 0);
    assert_eq!(app.sums(ORDER), (400, 100, 600));
}

#[tokio::test]
async fn a_change_of_unknown_outcome_is_a_change() {
    for processed in [true, false] {
        let app = reserved("10s").await;
        app.details(ORDER).await.ok();
        let hang = Action::Hang { processed };
        app.world().add_fault(Fault::always("/capture", hang));
        let answer = app.capture(ORDER, 400, "1").await;
        assert_eq!(answer.is_unknown(), !processed, "{}", answer.text());
        app.world().clear_faults();
        app.took();
        let told = captured(&app.details(ORDER).await.ok());
        assert_eq!(told, if processed { 400 } else { 0 });
        assert_eq!(reads(&app), LOOK);
    }
}

#[tokio::test]
async fn a_look_that_began_before_a_change_is_not_kept_after_it() {
    let app = reserved("10s").await;
    let path = format!("*/payments/{ORDER}");
    let action = Action::Delay {
        before_ms: 0,
        after_ms: 400,
    };
    app.world().add_fault(Fault::once(&path, action).on("GET"));
    let slow = app.ask("GET", &format!("/ecomm/v2/payments/{ORDER}/details"));
    let mut old = slow.begin().await;
    // It has read the payment, and its answer is on the way.
    eventually(async || {
        app.world()
            .requests()
            .iter()
            .filter(|r| r.method == "GET")
            .count()
            == LOOK
    })
    .await;
    app.capture(ORDER, 400, "1").await.ok();
    let _whatever_it_saw = soon(old.read(false)).await;
    assert_eq!(captured(&app.details(ORDER).await.ok()), 400);
}

#[tokio::test]
async fn an_event_ends_it() {
    let shop = Shop::with(&[("reads.details_cache", "\"10s\""), ALONE[0], ALONE[1]]).await;
    shop.order(ORDER).await;
    let initiated = shop.app.read(ORDER, "status").await.ok();
    assert_eq!(initiated["transactionInfo"]["status"], "INITIATE");
    shop.approve(ORDER);
    // The shop polls until it sees it; the clock stands still but for the time that this takes.
    shop.told(1).await;
    let told = shop.app.read(ORDER, "status").await.ok();
    assert_eq!(told["transactionInfo"]["status"], "RESERVE");
}

#[tokio::test]
async fn an_approval_through_the_bridge_ends_it() {
    let app = sharing("10s").start().await;
    app.initiate(ORDER, 1_000).await.ok();
    let before = app.read(ORDER, "status").await.ok();
    assert_eq!(before["transactionInfo"]["status"], "INITIATE");
    let path = format!("/ecomm/v2/integration-test/payments/{ORDER}/approve");
    let approval = json!({"customerPhoneNumber": PHONE, "token": app.seen(ORDER).token});
    app.ask("POST", &path)
        .json(&approval)
        .send()
        .await
        .ok_status();
    let after = app.read(ORDER, "status").await.ok();
    assert_eq!(after["transactionInfo"]["status"], "RESERVE");
}

#[tokio::test]
async fn a_change_at_ecom_ends_what_epayment_showed() {
    let mut wanted = sharing("10s");
    wanted.add(&[
        ("routing.initiate", "\"ecom\""),
        ("routing.capture", "\"ecom\""),
    ]);
    wanted.set("routing.status", "\"ecom\"");
    let app = wanted.start().await;
    app.reserved(ORDER, 1_000).await;
    assert_eq!(captured(&app.details(ORDER).await.ok()), 0);
    assert_eq!(app.capture(ORDER, 400, "1").await.route(), "ecom");
    assert_eq!(captured(&app.details(ORDER).await.ok()), 400);
    app.took();
    app.details(ORDER).await.ok();
    assert_eq!(reads(&app), 0);
    // What a shop has seen at eCom is not older at ePayment.
    app.read(ORDER, "status").await.ok();
    app.details(ORDER).await.ok();
    assert_eq!(reads(&app), 1 + LOOK);
}

/// All that instances on one store know of each other is what stands in it.
#[tokio::test]
async fn a_money_call_of_another_instance_ends_it() {
    let app = reserved("10s").await;
    app.details(ORDER).await.ok();
    let store = &app.payments().store;
    let scope = Scope::Unit(Msn::parse(MSN).unwrap());
    let order = OrderText::parse(ORDER).unwrap();
    let (_, version) = store.adjustments(&scope, &order).await.unwrap();
    let now = app.payments().clock.now();
    let new = NewAdjustment {
        scope: scope.clone(),
        order: order.clone(),
        op: MoneyOp::Capture,
        api: Origin::Epayment,
        request_id: None,
        key: IdempotencyKey::parse("elsewhere"),
        attempt: 0,
        amount: Amount::new(400),
        computed: false,
        text: "elsewhere".to_owned(),
        cancelled_before: None,
        now,
        until: now.plus(Duration::from_secs(9)),
    };
    app.took();
    let call = store.begin_adjustment(new, version).await.unwrap().unwrap();
    for cost in [LOOK, 0] {
        app.details(ORDER).await.ok();
        assert_eq!(reads(&app), cost, "begun");
    }
    store
        .finish_adjustment(call, Outcome::Refused, now)
        .await
        .unwrap();
    app.details(ORDER).await.ok();
    assert_eq!(reads(&app), LOOK, "ended");
}

#[tokio::test]
async fn a_reload_turns_it_on_and_off() {
    let mut app = sharing("0s").looks(NEVER).start().await;
    app.reserved(ORDER, 1_000).await;
    for (window, cost) in [("10s", LOOK), ("0s", 3 * LOOK), ("10s", LOOK)] {
        app.set("reads.details_cache", &format!("\"{window}\""));
        app.write(&app.configuration().0);
        let why = json!({"who": "ann", "why": "a test"});
        operate(&app, "", "POST /api/reload", &why)
            .await
            .ok_status();
        app.clock.advance(Duration::from_secs(10));
        app.took();
        for _ in 0..3 {
            app.details(ORDER).await.ok();
        }
        assert_eq!(reads(&app), cost, "{window}");
    }
}

#[tokio::test]
async fn a_wrong_or_expired_token_is_refused_beside_what_is_kept() {
    let app = reserved("10s").await;
    app.details(ORDER).await.ok();
    let path = format!("/ecomm/v2/payments/{ORDER}/details");
    let wrong = app
        .ask("GET", &path)
        .header("Authorization", "Bearer wrong");
    assert_eq!(wrong.send().await.status, 401);
    let none = app.ask("GET", &path).without("Authorization");
    assert_eq!(none.send().await.status, 401);
    let key = app
        .ask("GET", &path)
        .header("Ocp-Apim-Subscription-Key", "wrong");
    assert_eq!(key.send().await.status, 401);
    // A fresh token of the same shop is good, and has to prove it.
    app.took();
    let fresh = app.world().issue_token(KEY).unwrap();
    let fresh = app
        .ask("GET", &path)
        .header("Authorization", &format!("Bearer {fresh}"));
    fresh.send().await.ok();
    assert_eq!(reads(&app), LOOK);
}

#[tokio::test]
async fn another_sales_unit_or_order_is_never_served() {
    let app = reserved("10s").await;
    app.details(ORDER).await.ok();
    let path = format!("/ecomm/v2/payments/{ORDER}/details");
    let other = app
        .ask("GET", &path)
        .header("Merchant-Serial-Number", OTHER_MSN);
    assert_eq!(other.send().await.error().0, 404);
    app.initiate("order-0002", 500).await.ok();
    let told = app.details("order-0002").await.ok();
    assert_eq!(told["orderId"], "order-0002");
}

#[tokio::test]
async fn a_failure_is_shared_with_nobody() {
    let app = reserved("10s").await;
    let action = Action::Status {
        status: 503,
        body: None,
        headers: vec![],
        processed: false,
    };
    let path = format!("*/payments/{ORDER}");
    app.world().add_fault(Fault::once(&path, action).on("GET"));
    let answers = join_all((0..10).map(|_| app.details(ORDER))).await;
    let refused = answers.iter().filter(|answer| answer.status != 200);
    assert_eq!(refused.count(), 1);
    app.details(ORDER).await.ok();
}

#[tokio::test]
async fn a_look_that_hangs_or_is_given_up_holds_up_nobody() {
    let app = reserved("10s").await;
    let hang = Action::Hang { processed: false };
    let path = format!("*/payments/{ORDER}");
    app.world()
        .add_fault(Fault::once(&path, hang.clone()).on("GET"));
    let began = std::time::Instant::now();
    let answers: Vec<Answer> = soon(join_all((0..10).map(|_| app.details(ORDER)))).await;
    let refused = answers.iter().filter(|answer| answer.status == 502);
    assert_eq!(refused.count(), 1, "only whose own call hung");
    assert!(began.elapsed() < Duration::from_secs(4), "their time");
    // Its shop hangs up: the next one looks anew.
    app.clock.advance(Duration::from_secs(10));
    app.took();
    app.world().add_fault(Fault::once(&path, hang).on("GET"));
    let asked = app.ask("GET", &format!("/ecomm/v2/payments/{ORDER}/details"));
    let gone = asked.begin().await;
    eventually(async || !app.world().requests().is_empty()).await;
    drop(gone);
    app.details(ORDER).await.ok();
}

/// The measurement: a shop that polls 20 times a second for 5 seconds.
#[tokio::test]
async fn a_polling_shop_costs_a_look_in_each_window() {
    let mut costs = Vec::new();
    for window in ["0s", "1s"] {
        let app = reserved(window).await;
        for _ in 0..100 {
            app.details(ORDER).await.ok();
            app.clock.advance(Duration::from_millis(50));
        }
        let cost = reads(&app);
        println!("details_cache = {window}: 100 polls, {cost} reads of ePayment");
        costs.push(cost);
        assert_eq!(app.seen(ORDER).captured.minor_units(), 0, "{MSN}");
    }
    assert_eq!(costs[0], 100 * LOOK);
    // The test's own time moves the clock, too.
    assert!(costs[1] <= 20 * LOOK, "{costs:?}");
}
