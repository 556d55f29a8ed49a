//! Part A of the faults, the money rules: ids and amounts, many calls at once, what is refused and then repeated.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault};
use serde_json::{Value, json};

use crate::support::app::{MSN, TestApp};
use crate::support::shop::change;
use crate::support::until;

fn count(requests: &[String], end: &str) -> usize {
    requests.iter().filter(|r| r.ends_with(end)).count()
}

#[tokio::test]
async fn a10_the_same_id_with_another_amount_is_93_and_moves_nothing() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.capture("order-0001", 300, "1").await.ok();
    app.took();
    assert_eq!(
        app.capture("order-0001", 301, "1").await.error(),
        (400, "93".into())
    );
    assert_eq!(
        app.capture("order-0001", Value::Null, "1").await.error(),
        (400, "93".into())
    );
    assert!(app.took().is_empty());
    assert_eq!(
        app.capture("order-0001", 300, "1").await.ok()["transactionInfo"]["amount"],
        300
    );
    // Another text alone is no conflict.
    let mut body = change(300, "another text");
    let ask = app
        .ask("POST", "/ecomm/v2/payments/order-0001/capture")
        .id("1");
    ask.clone().json(&body).send().await.ok();
    app.refund("order-0001", 100, "1").await.ok();
    assert_eq!(
        app.refund("order-0001", 200, "1").await.error(),
        (400, "93".into())
    );
    assert_eq!(app.sums("order-0001"), (300, 100, 0));
    body["transaction"]["amount"] = json!(299);
    assert_eq!(ask.json(&body).send().await.error(), (400, "93".into()));
    // While one is open, too.
    app.world()
        .add_fault(Fault::always("/capture", Action::Hang { processed: false }));
    assert!(app.capture("order-0001", 200, "2").await.is_unknown());
    assert_eq!(
        app.capture("order-0001", 201, "2").await.error(),
        (400, "93".into())
    );
}

#[tokio::test]
async fn a10_a_key_that_upstream_knows_with_another_body() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    let problem = r#"{"type":"x","title":"Capture idempotency conflict","status":409,
        "extraDetails":[{"name":"ErrorCode","reason":"4010"}]}"#;
    let conflict = Action::Status {
        status: 409,
        body: Some(problem.into()),
        headers: vec![],
        processed: false,
    };
    app.world().add_fault(Fault::always("/capture", conflict));
    app.took();
    assert_eq!(
        app.capture("order-0001", 400, "x").await.error(),
        (400, "93".into())
    );
    assert_eq!(count(&app.took(), "/capture"), 1);
}

#[tokio::test]
async fn a11_fifty_at_once_have_one_effect_and_one_answer() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.took();
    let slow = Action::Delay {
        before_ms: 100,
        after_ms: 100,
    };
    app.world().add_fault(Fault::once("/capture", slow));
    let ask = app.changing("capture", "order-0001", 400, "x");
    let answers = futures_util::future::join_all((0..50).map(|_| ask.send())).await;
    let first = answers[0].ok();
    for answer in &answers {
        assert_eq!(answer.ok(), first);
    }
    assert_eq!(count(&app.took(), "/capture"), 1);
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
}

#[tokio::test]
async fn a12_without_an_id_two_captures_are_two() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    let slow = Action::Delay {
        before_ms: 100,
        after_ms: 0,
    };
    app.world().add_fault(Fault::always("/capture", slow));
    let ask = app.changing("capture", "order-0001", 400, "");
    let over = AtomicBool::new(false);
    let sending = async {
        let told = tokio::join!(ask.send(), ask.send(), ask.send());
        over.store(true, Ordering::SeqCst);
        told
    };
    // Never two at once: upstream has answered one before it sees the next.
    let watching = until(|| {
        let all = app.world().requests();
        let captures = all.iter().filter(|r| r.path().ends_with("/capture"));
        assert!(captures.filter(|r| r.status.is_none()).count() <= 1);
        over.load(Ordering::SeqCst)
    });
    let ((a, b, c), ()) = tokio::join!(sending, watching);
    let mut statuses = [a.status, b.status, c.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 400], "within the reserved sum only");
    assert_eq!(app.sums("order-0001"), (800, 0, 0));
    let log = app.details("order-0001").await.ok();
    let captures = log["transactionLogHistory"].as_array().unwrap().iter();
    assert_eq!(captures.filter(|e| e["operation"] == "CAPTURE").count(), 2);
}

#[tokio::test]
async fn a13_a_client_that_hangs_up_cuts_nothing() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.took();
    app.world().add_fault(Fault::once(
        "/capture",
        Action::Delay {
            before_ms: 200,
            after_ms: 100,
        },
    ));
    let ask = app.changing("capture", "order-0001", 400, "x");
    let client = ask.begin().await;
    until(|| {
        app.world()
            .requests()
            .iter()
            .any(|r| r.path().ends_with("/capture"))
    })
    .await;
    drop(client);
    let told = ask.send().await.ok();
    assert_eq!(told["transactionInfo"]["amount"], 400);
    assert_eq!(count(&app.took(), "/capture"), 1);
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
    until(|| app.log.text().contains("\"client_gone\":true")).await;
}

#[tokio::test]
async fn a14_captures_racing_a_cancel_are_decided_once() {
    for round in 0..5 {
        let app = TestApp::start().await;
        app.reserved("order-0001", 1_000).await;
        let slow = Action::Delay {
            before_ms: 10,
            after_ms: 10,
        };
        app.world().add_fault(Fault::always("/payments/", slow));
        let cancel = app.changing("cancel", "order-0001", Value::Null, "k");
        let captures: Vec<_> = (0..3)
            .map(|n| app.changing("capture", "order-0001", 300, &format!("c{n}")))
            .collect();
        let calls = captures
            .iter()
            .take(round % 4)
            .chain([&cancel])
            .chain(captures.iter().skip(round % 4));
        let answers = futures_util::future::join_all(calls.map(|ask| ask.send())).await;
        let done = answers.iter().filter(|a| a.status == 200).count();
        let (captured, _, cancelled) = app.sums("order-0001");
        if cancelled > 0 {
            assert_eq!((captured, cancelled, done), (0, 1_000, 1));
        } else {
            assert_eq!((captured, done), (900, 3));
        }
    }
}

#[tokio::test]
async fn a15_amounts_that_cannot_be_are_refused_before_sending() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.took();
    for op in ["capture", "refund"] {
        for text in [
            "-1",
            "-9223372036854775808",
            "1",
            "99",
            "100.5",
            "\"400\"",
            "true",
            "[]",
            "{}",
            "1e400",
            "9223372036854775808",
            "18446744073709551616",
            "1e30",
        ] {
            let body = format!(
                r#"{{"merchantInfo":{{"merchantSerialNumber":"{MSN}"}},"transaction":{{"amount":{text},"transactionText":"x"}}}}"#
            );
            let answer = app
                .ask("POST", &format!("/ecomm/v2/payments/order-0001/{op}"))
                .text(&body)
                .send()
                .await;
            let (status, code) = answer.error();
            assert_eq!(status, 400, "{text} {}", answer.text());
            assert!(
                code == "transaction.amount" || code == "body",
                "{text} {code}"
            );
        }
    }
    assert!(app.took().is_empty());
    assert_eq!(
        app.capture("order-0001", 1_001, "a").await.error(),
        (400, "61".into())
    );
    assert_eq!(
        app.capture("order-0001", i64::MAX, "b").await.error(),
        (400, "transaction.amount".into()),
        "more than ePayment can write"
    );
    app.capture("order-0001", 400.0, "c").await.ok();
    assert_eq!(
        app.refund("order-0001", 401, "d").await.error(),
        (400, "71".into())
    );
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
}

#[tokio::test]
async fn a16_too_late_is_98_and_95() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.capture("order-0001", 400, "1").await.ok();
    app.advance(Duration::from_secs(181 * 86_400));
    assert_eq!(
        app.capture("order-0001", 400, "2").await.error(),
        (400, "98".into())
    );
    app.advance(Duration::from_secs(185 * 86_400));
    assert_eq!(
        app.refund("order-0001", 400, "3").await.error(),
        (400, "95".into())
    );
}

#[tokio::test]
async fn a_refused_capture_repeated_with_its_id_succeeds() {
    let app = TestApp::start().await;
    app.initiate("order-0001", 1_000).await.ok();
    assert_eq!(
        app.capture("order-0001", 400, "1").await.error(),
        (400, "62".into())
    );
    assert_eq!(
        app.capture("order-0001", Value::Null, "1").await.error(),
        (400, "62".into())
    );
    assert!(app.world().approve(MSN, "order-0001"));
    assert_eq!(
        app.capture("order-0001", 1_400, "1").await.error(),
        (400, "61".into())
    );
    app.capture("order-0001", 400, "1").await.ok();
    app.capture("order-0001", 400, "1").await.ok();
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
    assert_eq!(
        app.refund("order-0001", 500, "1").await.error(),
        (400, "71".into())
    );
    app.refund("order-0001", 100, "1").await.ok();
    let log = app.details("order-0001").await.ok();
    assert_eq!(log["transactionLogHistory"][0]["requestId"], "1");
    assert_eq!(log["transactionLogHistory"][1]["requestId"], "1");
}

#[tokio::test]
async fn a_failed_capture_stays_in_the_log_and_its_repeat_succeeds() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    assert!(app.world().fail_next(MSN, "order-0001"));
    assert_eq!(
        app.capture("order-0001", 400, "req-id-1").await.error(),
        (400, "63".into())
    );
    let log = app.details("order-0001").await.ok();
    let failed = &log["transactionLogHistory"][0];
    assert_eq!(
        (&failed["operationSuccess"], &failed["requestId"]),
        (&json!(false), &json!("req-id-1"))
    );
    app.capture("order-0001", 400, "req-id-1").await.ok();
    // Failed while its answer was lost: the log tells, and the same id may try again.
    assert!(app.world().fail_next(MSN, "order-0001"));
    app.world()
        .add_fault(Fault::once("/capture", Action::ResetAfter));
    let answer = app.capture("order-0001", 300, "req-id-2").await;
    assert_eq!(answer.error(), (400, "63".into()));
    app.capture("order-0001", 300, "req-id-2").await.ok();
    assert_eq!(app.sums("order-0001"), (700, 0, 0));
}

#[tokio::test]
async fn a_locked_payment_is_423_and_its_repeat_keeps_the_key() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    assert!(app.world().lock(MSN, "order-0001"));
    assert_eq!(
        app.capture("order-0001", 400, "1").await.error(),
        (423, "94".into())
    );
    assert!(app.world().unlock(MSN, "order-0001"));
    app.capture("order-0001", 400, "1").await.ok();
    let keys: Vec<_> = app
        .world()
        .requests()
        .iter()
        .filter(|r| r.path().ends_with("/capture"))
        .map(|r| r.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn all_that_remains_is_worked_out_once() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.world()
        .add_fault(Fault::always("/capture", Action::Hang { processed: false }));
    assert!(
        app.capture("order-0001", Value::Null, "x")
            .await
            .is_unknown()
    );
    app.world().clear_faults();
    // Something else is taken meanwhile, past the bridge.
    let body = json!({"modificationAmount": {"currency": "NOK", "value": 300}});
    let past = app.past("POST", "/epayment/v1/payments/order-0001/capture");
    past.header("Idempotency-Key", "other")
        .json(&body)
        .send()
        .await
        .ok_status();
    // The repeat asks for the same amount, not for a new remainder.
    assert_eq!(
        app.capture("order-0001", Value::Null, "x").await.error().1,
        "61"
    );
    assert_eq!(app.sums("order-0001").0, 300);
    assert_eq!(
        app.capture("order-0001", Value::Null, "x").await.ok()["transactionInfo"]["amount"],
        700
    );
    assert_eq!(
        app.capture("order-0001", 0, "x").await.ok()["transactionInfo"]["amount"],
        700
    );
    assert_eq!(
        app.capture("order-0001", 700, "x").await.ok()["transactionInfo"]["amount"],
        700
    );
    assert_eq!(app.sums("order-0001"), (1_000, 0, 0));
}
