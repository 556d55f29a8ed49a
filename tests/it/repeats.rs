//! Repeats of money calls: after an unknown outcome, after a restart, after a lost store, beside other systems.

use std::sync::Arc;
use std::time::Duration;

use ecom_bridge::callbacks::order_of;
use ecom_bridge::callbacks::poll::caller;
use ecom_bridge::payments::{AdjustOptions, Adjustment, Answer, Subject};
use ecom_bridge::routing::TransactionIdSource;
use ecom_bridge::simulator::{Action, Fault};
use ecom_bridge::store::AdjustmentState;
use ecom_bridge::translate::adjust::{Adjusting, Asked};
use ecom_bridge::types::{Amount, MoneyOp, Msn, OrderText, RequestId, Scope};
use ecom_bridge::upstream::Credentials;
use http::HeaderValue;
use serde_json::{Value, json};

use crate::failing_store::door;
use crate::support::app::{KEY, MSN, TestApp, with};
use crate::support::until;

const HANG: Action = Action::Hang { processed: false };

fn status(status: u16, body: &str) -> Action {
    Action::Status {
        status,
        body: Some(body.to_owned()),
        headers: vec![],
        processed: false,
    }
}

fn posts(requests: &[String]) -> usize {
    requests.iter().filter(|r| !r.starts_with("GET")).count()
}

/// A11: one request at two instances at once. What the second one reads of the payment is the first one's doing.
#[tokio::test]
async fn a_capture_of_all_that_remains_asked_at_two_instances_is_told_by_both() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    let other = door(&app).await;
    app.took();
    let slow = Action::Delay {
        before_ms: 400,
        after_ms: 0,
    };
    app.world()
        .add_fault(Fault::once("*/payments/order-0001", slow).on("GET"));
    let ask = app.changing("capture", "order-0001", Value::Null, "x");
    let mut late = ask.clone().to(other.addr).begin().await;
    until(|| !app.world().requests().is_empty()).await;
    let first = ask.send().await;
    let second = late.read(false).await.unwrap();
    for answer in [first, second] {
        assert_eq!(answer.ok()["transactionInfo"]["amount"], 1_000);
    }
    assert_eq!(app.sums("order-0001"), (1_000, 0, 0));
}

/// Another system captures, past the bridge.
async fn capture_elsewhere(app: &TestApp, order: &str, amount: i64) {
    let body = json!({"modificationAmount": {"currency": "NOK", "value": amount}});
    let path = format!("/epayment/v1/payments/{order}/capture");
    let ask = app.past("POST", &path);
    ask.header("Idempotency-Key", "other")
        .json(&body)
        .send()
        .await
        .ok_status();
}

#[tokio::test]
async fn a_repeated_cancel_without_the_flag_looks_again_before_it_is_sent_again() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.world().add_fault(Fault::always("/cancel", HANG));
    assert!(app.cancel("order-0001", "x").await.is_unknown());
    app.world().clear_faults();
    capture_elsewhere(&app, "order-0001", 300).await;
    app.took();
    // The first sending may still land: nothing definite is said, and nothing is released.
    let answer = app.cancel("order-0001", "x").await;
    assert!(answer.is_unknown(), "{}", answer.text());
    assert_eq!(posts(&app.took()), 0, "nothing is sent");
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(
        app.cancel("order-0001", "x").await.error(),
        (402, "51".into())
    );
    assert_eq!(posts(&app.took()), 0);
    assert_eq!(app.sums("order-0001"), (300, 0, 0));
    app.releasing("order-0001", "x").send().await.ok();
    assert_eq!(app.sums("order-0001"), (300, 0, 700));
}

#[tokio::test]
async fn a_repeated_cancel_of_an_unknown_one_is_done_once() {
    for processed in [true, false] {
        let app = TestApp::start().await;
        app.reserved("order-0001", 1_000).await;
        app.world()
            .add_fault(Fault::always("/cancel", Action::Hang { processed }));
        app.world().add_fault(Fault::always("/events", HANG));
        assert!(app.cancel("order-0001", "x").await.is_unknown());
        app.world().clear_faults();
        app.took();
        let told = app.cancel("order-0001", "x").await.ok();
        assert_eq!(told["transactionInfo"]["status"], "Cancelled");
        assert_eq!(posts(&app.took()), usize::from(!processed));
        assert_eq!(app.sums("order-0001"), (0, 0, 1_000));
    }
}

#[tokio::test]
async fn a_remainder_is_asked_for_again_in_the_payments_own_currency() {
    let merchant = format!("msn = \"{MSN}\"\ncurrency = \"DKK\"");
    let mut app = with(&[("merchant", &merchant)]).start().await;
    app.reserved("order-0001", 1_000).await;
    app.unset_merchants();
    app.restart().await;
    app.world().add_fault(Fault::always("/capture", HANG));
    assert!(
        app.capture("order-0001", Value::Null, "x")
            .await
            .is_unknown()
    );
    app.world().clear_faults();
    app.capture("order-0001", Value::Null, "x").await.ok();
    assert_eq!(app.sums("order-0001"), (1_000, 0, 0));
}

#[tokio::test]
async fn a_recorded_success_is_never_told_as_a_failure() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.capture("order-0001", 400, "x").await.ok();
    for (code, body) in [
        (500, r#"{"title":"Internal error","status":500}"#),
        (503, "<html>"),
        (400, r#"{"title":"Something else","status":400}"#),
        (404, r#"{"title":"Reference not found","status":404}"#),
        (404, "{}"),
    ] {
        let path = "*/payments/order-0001";
        app.world()
            .add_fault(Fault::once(path, status(code, body)).on("GET"));
        let answer = app.capture("order-0001", 400, "x").await;
        assert_eq!(answer.status, 502, "{}", answer.text());
    }
    // The caller's keys are judged by upstream.
    app.world().expire_tokens();
    assert_eq!(app.capture("order-0001", 400, "x").await.status, 401);
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
}

#[tokio::test]
async fn an_unknown_outcome_survives_a_restart_and_is_found_out_by_the_repeat() {
    let mut app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.world().add_fault(Fault::always("/refund", HANG));
    app.capture("order-0001", 900, "1").await.ok();
    assert!(app.refund("order-0001", 400, "1").await.is_unknown());
    app.restart().await;
    assert_eq!(app.metric("bridge_ambiguous_open").await, 1.0);
    app.world().clear_faults();
    assert_eq!(
        app.refund("order-0001", 401, "1").await.error(),
        (400, "93".into())
    );
    app.refund("order-0001", 400, "1").await.ok();
    assert_eq!(app.metric("bridge_ambiguous_open").await, 0.0);
    app.restart().await;
    app.took();
    app.refund("order-0001", 400, "1").await.ok();
    assert_eq!(
        posts(&app.took()),
        0,
        "a recorded success is not sent again"
    );
    assert_eq!(app.sums("order-0001"), (900, 400, 0));
}

#[tokio::test]
async fn a_lost_store_captures_nothing_twice() {
    for id in ["1", "a,b"] {
        for order in ["order-0001", "W17"] {
            let reference = crate::support::shop::reference(order);
            let mut app = TestApp::start().await;
            app.initiate(order, 1_000).await.ok();
            // The first attempt is refused, the second one done: its key has another number.
            assert_eq!(app.capture(order, 400, id).await.error().1, "62");
            assert!(app.world().approve(MSN, &reference));
            app.capture(order, 400, id).await.ok();
            app.wipe_store().await;
            app.took();
            assert_eq!(
                app.capture(order, 300, id).await.error(),
                (400, "93".into())
            );
            let told = app.capture(order, 400, id).await.ok();
            assert_eq!(told["transactionInfo"]["amount"], 400);
            app.wipe_store().await;
            // Also where a read has taught the new store the payment's birth meanwhile.
            app.details(order).await.ok();
            app.capture(order, 400, id).await.ok();
            app.capture(order, Value::Null, "2").await.ok();
            assert_eq!(app.sums(&reference), (1_000, 0, 0), "{id} {order}");
        }
    }
}

/// The backup knows the payment from its creation and lacks what was captured after it.
#[tokio::test]
async fn b4_a_store_restored_from_an_older_backup_refuses_nothing_that_was_done() {
    for id in ["1", "a,b"] {
        let mut app = TestApp::start().await;
        app.initiate("order-0001", 1_000).await.ok();
        app.down().await;
        let backup = app.back_up();
        app.up().await;
        // The first attempt is refused, the second one done: its key has another number.
        assert_eq!(app.capture("order-0001", 400, id).await.error().1, "62");
        assert!(app.world().approve(MSN, "order-0001"));
        app.capture("order-0001", 400, id).await.ok();
        app.restore(&backup).await;
        let told = app.capture("order-0001", 400, id).await.ok();
        assert_eq!(told["transactionInfo"]["amount"], 400);
        // All that remained has been captured: nothing remains, and that is no refusal.
        app.capture("order-0001", Value::Null, "2").await.ok();
        app.restore(&backup).await;
        let told = app.capture("order-0001", Value::Null, "2").await.ok();
        assert_eq!(told["transactionInfo"]["amount"], 600);
        app.refund("order-0001", 100, "1").await.ok();
        // What was never done is refused as ever.
        let more = app.capture("order-0001", 1, "3").await;
        assert_eq!(more.error().0, 400, "{}", more.text());
        assert_eq!(app.sums("order-0001"), (1_000, 100, 0), "{id}");
    }
}

#[tokio::test]
async fn a_lost_store_and_a_log_that_cannot_be_read_send_nothing() {
    let mut app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.capture("order-0001", 400, "1").await.ok();
    app.wipe_store().await;
    app.took();
    app.world()
        .add_fault(Fault::once("/events", status(503, "")));
    assert_eq!(
        app.capture("order-0001", 400, "1").await.error(),
        (502, "99".into())
    );
    assert_eq!(posts(&app.took()), 0);
    app.world().expire_tokens();
    assert_eq!(app.capture("order-0001", 400, "1").await.status, 401);
    assert_eq!(posts(&app.took()), 0);
}

#[tokio::test]
async fn a_cancel_that_failed_while_its_answer_was_lost_does_not_stay_unknown_for_ever() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    assert!(app.world().fail_next(MSN, "order-0001"));
    app.world()
        .add_fault(Fault::always("/cancel", Action::ResetAfter));
    assert!(app.cancel("order-0001", "x").await.is_unknown());
    app.world().clear_faults();
    // The key stands for "try again later" now; while the first sending may be under way, that is no end.
    assert!(app.cancel("order-0001", "x").await.is_unknown());
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(app.cancel("order-0001", "x").await.error().1, "94");
    app.cancel("order-0001", "x").await.ok();
    assert_eq!(app.sums("order-0001"), (0, 0, 1_000));
}

#[tokio::test]
async fn a_call_about_no_payment_does_not_stay_unknown_for_ever() {
    for op in ["capture", "refund", "cancel"] {
        let app = TestApp::start().await;
        app.world()
            .add_fault(Fault::always(&format!("/{op}"), Action::CloseAfter));
        if op == "cancel" {
            // Without a look before it, because there is nothing to look at.
            let answer = app.releasing("order-0001", "x").send().await;
            assert!(answer.is_unknown(), "{}", answer.text());
        } else {
            let answer = app.changing(op, "order-0001", 400, "x").send().await;
            assert!(answer.is_unknown(), "{}", answer.text());
        }
        app.world().clear_faults();
        app.clock.advance(Duration::from_secs(60));
        // Another call is held back no longer, and the repeat is told.
        assert_eq!(
            app.capture("order-0001", 300, "y").await.error(),
            (404, "35".into()),
            "{op}"
        );
        let again = match op {
            "cancel" => app.releasing("order-0001", "x").send().await,
            _ => app.changing(op, "order-0001", 400, "x").send().await,
        };
        assert_eq!(again.error(), (404, "35".into()), "{op}");
        assert_eq!(app.metric("bridge_ambiguous_open").await, 0.0);
    }
}

/// A capture was lost on its way to upstream.
fn lost() -> Fault {
    Fault::once("/capture", Action::CloseBefore)
}

/// A reserved payment, of which a capture of 400 was lost. Nothing takes as long by itself as `settle`, which is twice
/// the time of a sending.
async fn with_a_lost_capture() -> TestApp {
    let app = with(&[
        ("upstream.timeout", "\"30s\""),
        ("proxy.request_timeout", "\"60s\""),
        ("upstream.retries", "0"),
    ]);
    let app = app.start().await;
    app.reserved("order-0001", 1_000).await;
    app.world().add_fault(lost());
    assert!(app.capture("order-0001", 400, "lost").await.is_unknown());
    app
}

/// The log is as it is when it is asked for next, and arrives slowly.
fn slow_log(app: &TestApp) {
    let slow = Action::SlowDrip {
        bytes: 100,
        interval_ms: 100,
    };
    app.world()
        .add_fault(Fault::once("*/events", slow).on("GET"));
}

/// Until that log is under way.
async fn log_is_asked(app: &TestApp) {
    until(|| {
        let all = app.world().requests();
        all.iter()
            .any(|r| r.path().ends_with("/events") && r.fault.is_some())
    })
    .await;
}

/// Found by the seeded simulation: a look at an open call begins before absence counts and ends after it, and the call
/// lands in between.
#[tokio::test]
async fn a_call_that_lands_while_it_is_looked_for_is_not_closed_as_not_done() {
    let app = with_a_lost_capture().await;
    slow_log(&app);
    let ask = app.changing("capture", "order-0001", 300, "next");
    let mut next = ask.begin().await;
    log_is_asked(&app).await;
    app.land("/capture").await;
    app.clock.advance(Duration::from_secs(61));
    let told = next.read(false).await.unwrap();
    let scope = Scope::Unit(Msn::parse(MSN).unwrap());
    let order = OrderText::parse("order-0001").unwrap();
    let (calls, _) = app
        .payments()
        .store
        .adjustments(&scope, &order)
        .await
        .unwrap();
    assert_ne!(calls[0].state, AdjustmentState::NotDone, "{calls:?}");
    assert!(told.status != 200, "{}", told.text());
    for (amount, id) in [(400, "lost"), (300, "next")] {
        app.capture("order-0001", amount, id).await.ok();
    }
    assert_eq!(app.sums("order-0001"), (700, 0, 0));
}

#[tokio::test]
async fn one_key_has_one_body_also_after_what_was_never_done() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    // Turned away at the gate: the key was used up for all that remained then.
    app.world()
        .add_fault(Fault::once("/capture", status(429, "{}")));
    assert_eq!(
        app.capture("order-0001", Value::Null, "x").await.status,
        429
    );
    capture_elsewhere(&app, "order-0001", 300).await;
    assert_eq!(
        app.capture("order-0001", Value::Null, "x").await.error().1,
        "61"
    );
    app.world()
        .add_fault(Fault::once("/capture", status(429, "{}")));
    assert_eq!(app.capture("order-0001", 200, "x").await.status, 429);
    app.world()
        .add_fault(Fault::once("/capture", status(429, "{}")));
    assert_eq!(app.capture("order-0001", 250, "x").await.status, 429);
    app.capture("order-0001", 200, "x").await.ok();
    assert_eq!(app.sums("order-0001"), (500, 0, 0));
    let requests = app.world().requests();
    let keys: std::collections::BTreeSet<_> = requests
        .iter()
        .filter_map(|r| r.header("idempotency-key"))
        .filter(|key| key.starts_with("x-"))
        .collect();
    assert_eq!(keys.len(), 4, "all that remained, 200, 250, and 200 again");
}

/// A change that waited for another one has an old look at the record: by it, what was sent again while it waited would
/// have been silent long enough to count as not done.
#[tokio::test]
async fn what_was_sent_again_while_another_change_waited_is_not_closed_as_not_done() {
    let app = with_a_lost_capture().await;
    app.clock.advance(Duration::from_secs(61));
    let scope = Scope::Unit(Msn::parse(MSN).unwrap());
    let text = OrderText::parse("order-0001").unwrap();
    let payments = Arc::clone(app.payments());
    let seen = payments.store.adjustments(&scope, &text).await.unwrap();
    // The repeat has the payment, and reads the log slowly before it sends again, which is lost as well.
    slow_log(&app);
    app.world().add_fault(lost());
    let ask = app.changing("capture", "order-0001", 400, "lost");
    let mut repeat = ask.begin().await;
    log_is_asked(&app).await;
    let next = {
        let header = |text: &str| Some(HeaderValue::from_str(text).unwrap());
        let credentials = Credentials {
            authorization: header(&format!("Bearer {}", app.token)),
            subscription_key: header(KEY),
            msn: Msn::parse(MSN),
            system: Vec::new(),
        };
        let settings = app.settings();
        let caller = caller(credentials, payments.anyone(), &settings);
        let subject = Subject {
            reference: text.reference().unwrap(),
            order: order_of(
                scope.clone(),
                text.clone(),
                settings.merchant(&Msn::parse(MSN).unwrap()),
            ),
        };
        let payments = Arc::clone(&payments);
        let asked = Adjustment {
            op: MoneyOp::Capture,
            command: Adjusting {
                msn: None,
                asked: Asked::Exactly(Amount::new(300).unwrap()),
                text: "x".to_owned(),
                release: false,
                losses: Vec::new(),
            },
            request_id: RequestId::parse("next"),
            random: uuid::Uuid::new_v4(),
        };
        let options = AdjustOptions {
            transaction_id: TransactionIdSource::Payment,
            known: true,
            whole: true,
            created: None,
        };
        tokio::spawn(async move {
            payments
                .adjust(&caller, &subject, &asked, options, Some(seen))
                .await
        })
    };
    assert!(repeat.read(false).await.unwrap().is_unknown());
    let told = next.await.unwrap();
    let (calls, _) = payments.store.adjustments(&scope, &text).await.unwrap();
    assert_ne!(calls[0].state, AdjustmentState::NotDone, "{calls:?}");
    assert!(matches!(told, Answer::Failure(..)), "{told:?}");
}
