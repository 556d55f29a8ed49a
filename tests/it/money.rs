//! Part A of the faults: money calls whose answer is late, lost, spoilt or refused.
//!
//! The answer to the shop is the truth or "unknown" (502 with 94), and upstream moves the money once.

use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault};
use serde_json::{Value, json};

use crate::support::app::{MSN, TestApp, with};
use crate::support::shop::change;
use crate::support::{soon, until};

fn count(requests: &[String], end: &str) -> usize {
    requests.iter().filter(|r| r.ends_with(end)).count()
}

fn status(status: u16, processed: bool) -> Action {
    Action::Status {
        status,
        body: None,
        headers: vec![],
        processed,
    }
}

/// A fault for the money calls of every kind, and what upstream must have seen.
async fn each_operation(action: Action, check: impl Fn(&str, u16)) {
    for op in ["capture", "refund", "cancel"] {
        let app = TestApp::start().await;
        app.reserved("order-0001", 1_000).await;
        if op == "refund" {
            app.capture("order-0001", 1_000, "before").await.ok();
        }
        app.world()
            .add_fault(Fault::once(&format!("/order-0001/{op}"), action.clone()).on("POST"));
        let answer = app.changing(op, "order-0001", 400, "x").send().await;
        check(op, answer.status);
        let sums = app.sums("order-0001");
        let want = match op {
            "capture" => (400, 0, 0),
            "refund" => (1_000, 400, 0),
            _ => (0, 0, 1_000),
        };
        assert_eq!(sums, want, "{op} {action:?}: {}", answer.text());
        // The repeat has the same effect: none.
        app.took();
        app.changing(op, "order-0001", 400, "x").send().await.ok();
        assert_eq!(
            count(&app.took(), op),
            0,
            "a recorded success is not sent again"
        );
        assert_eq!(app.sums("order-0001"), want);
    }
}

fn succeeds(op: &str, status: u16) {
    assert_eq!(status, 200, "{op}");
}

#[tokio::test]
async fn a1_connection_refused_is_safely_failed_and_the_intent_closed() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.world().set_down(true).await;
    let answer = app.capture("order-0001", 400, "x").await;
    assert_eq!(answer.error(), (502, "99".into()));
    assert!(answer.text().contains("nothing was done"));
    assert_eq!(
        app.metric("bridge_ambiguous_open").await,
        0.0,
        "closed as not sent"
    );
    app.world().set_down(false).await;
    app.capture("order-0001", 400, "x").await.ok();
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
}

#[tokio::test]
async fn a1_upstream_back_in_time_is_a_success() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.world().set_down(true).await;
    let (world, log) = (app.world().clone(), app.log.clone());
    let asked = app.changing("capture", "order-0001", 400, "x");
    let (answer, ()) = tokio::join!(asked.send(), async {
        until(|| log.text().contains("connect") || !log.text().is_empty()).await;
        world.set_down(false).await;
    });
    answer.ok();
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
}

#[tokio::test]
async fn a2_reset_before_or_after_the_work_has_one_effect() {
    for action in [
        Action::ResetBefore,
        Action::ResetAfter,
        Action::CloseBefore,
        Action::CloseAfter,
    ] {
        each_operation(action, succeeds).await;
    }
}

#[tokio::test]
async fn a3_timeout_but_upstream_did_it() {
    each_operation(Action::Hang { processed: true }, succeeds).await;
}

#[tokio::test]
async fn a4_timeout_and_upstream_did_not() {
    each_operation(Action::Hang { processed: false }, succeeds).await;
}

#[tokio::test]
async fn a4_never_answered_is_unknown_and_the_repeat_does_it() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.world()
        .add_fault(Fault::always("/capture", Action::Hang { processed: false }));
    let answer = app.capture("order-0001", 400, "x").await;
    assert!(answer.is_unknown(), "{}", answer.text());
    let sent = app.took();
    assert!((2..=3).contains(&count(&sent, "/capture")), "{sent:?}");
    assert_eq!(app.metric("bridge_ambiguous_open").await, 1.0);
    app.world().clear_faults();
    let told = app.capture("order-0001", 400, "x").await.ok();
    assert_eq!(told["transactionInfo"]["amount"], 400);
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
    assert_eq!(app.metric("bridge_ambiguous_open").await, 0.0);
}

#[tokio::test]
async fn a5_reads_fail_too_and_the_background_finds_it_out() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.world()
        .add_fault(Fault::always("/capture", Action::Hang { processed: true }));
    app.world()
        .add_fault(Fault::always("/events", Action::Hang { processed: false }));
    let answer = app.capture("order-0001", 400, "x").await;
    assert!(answer.is_unknown(), "{}", answer.text());
    assert_eq!(app.metric("bridge_ambiguous_open").await, 1.0);
    app.world().clear_faults();
    app.took();
    soon(async { while app.metric("bridge_ambiguous_open").await > 0.0 {} }).await;
    assert_eq!(
        count(&app.took(), "/capture"),
        0,
        "the background only reads"
    );
    app.capture("order-0001", 400, "x").await.ok();
    assert_eq!(count(&app.took(), "/capture"), 0, "found out before");
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
}

#[tokio::test]
async fn a5_an_open_call_holds_others_back_until_it_is_settled() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.world()
        .add_fault(Fault::always("/capture", Action::Hang { processed: false }));
    assert!(app.capture("order-0001", 400, "x").await.is_unknown());
    app.world().clear_faults();
    app.took();
    for id in ["y", ""] {
        assert_eq!(
            app.capture("order-0001", 400, id).await.error(),
            (423, "94".into())
        );
        assert_eq!(
            app.refund("order-0001", 400, id).await.error(),
            (423, "94".into())
        );
    }
    assert_eq!(
        app.cancel("order-0001", "").await.error(),
        (423, "94".into())
    );
    let sent = app.took();
    assert!(sent.iter().all(|r| r.starts_with("GET")), "{sent:?}");
    // The time after which absence from the log means "not done".
    app.clock.advance(Duration::from_secs(60));
    app.capture("order-0001", 500, "y").await.ok();
    assert_eq!(app.sums("order-0001"), (500, 0, 0));
    app.capture("order-0001", 400, "x").await.ok();
    assert_eq!(app.sums("order-0001"), (900, 0, 0));
}

#[tokio::test]
async fn a5_absence_counts_from_the_last_sending_not_from_the_first() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    let hang = Action::Hang { processed: false };
    app.world().add_fault(Fault::always("/capture", hang));
    assert!(app.capture("order-0001", 400, "").await.is_unknown());
    app.world().clear_faults();
    // Without an id this is another capture: it must not pass while the first may still land.
    let second = app.capture("order-0001", 400, "").await;
    assert_eq!(second.error(), (423, "94".into()));
    app.land("/capture").await;
    assert_eq!(app.sums("order-0001").0, 400);
    app.capture("order-0001", 400, "").await.ok();
    let log = app.details("order-0001").await.ok();
    assert_eq!(log["transactionSummary"]["capturedAmount"], 800);
}

#[tokio::test]
async fn a6_an_answer_cut_anywhere_is_a_doubt_that_the_log_settles() {
    let app = with(&[("upstream.retries", "0")]).start().await;
    app.reserved("order-0001", 60_000).await;
    let mut amount = 0;
    for (n, bytes) in (0..420).step_by(9).enumerate() {
        let cut = Action::Truncate {
            bytes,
            head: true,
            reset: n % 2 == 1,
        };
        app.world().add_fault(Fault::once("/capture", cut));
        let told = app
            .capture("order-0001", 100, &format!("id-{n}"))
            .await
            .ok();
        amount += 100;
        assert_eq!(
            told["transactionSummary"]["capturedAmount"], amount,
            "cut after {bytes}"
        );
        assert_eq!(app.sums("order-0001").0, amount, "cut after {bytes}");
    }
}

#[tokio::test]
async fn a6_a7_a20_spoilt_answers_are_settled_by_the_log() {
    let app = with(&[("upstream.retries", "0")]).start().await;
    app.reserved("order-0001", 60_000).await;
    for (n, action) in [
        Action::BadChunk,
        Action::WrongLength { length: 5 },
        Action::WrongLength { length: 5_000 },
        Action::BrokenGzip,
        Action::Malformed,
        Action::Html,
        Action::Empty,
        Action::Unexpected,
        Action::SlowDrip {
            bytes: 1,
            interval_ms: 50,
        },
        Action::WrongReference,
        Action::WrongAmount,
        Action::WrongCurrency,
        status(500, true),
        status(502, true),
        status(503, true),
        status(504, true),
        status(408, true),
    ]
    .into_iter()
    .enumerate()
    {
        app.world()
            .add_fault(Fault::once("/capture", action.clone()).on("POST"));
        let told = app
            .capture("order-0001", 100, &format!("id-{n}"))
            .await
            .ok();
        let captured = i64::try_from(n + 1).unwrap() * 100;
        assert_eq!(
            told["transactionSummary"]["capturedAmount"], captured,
            "{action:?}"
        );
        assert_eq!(app.sums("order-0001").0, captured, "{action:?}");
    }
}

#[tokio::test]
async fn a7_spoilt_answers_without_a_log_are_unknown() {
    for action in [
        Action::Html,
        Action::Empty,
        Action::Malformed,
        Action::Unexpected,
        Action::WrongReference,
        Action::WrongCurrency,
        Action::WrongAmount,
    ] {
        let app = TestApp::start().await;
        app.reserved("order-0001", 1_000).await;
        app.world()
            .add_fault(Fault::always("/capture", action.clone()));
        app.world()
            .add_fault(Fault::always("/events", status(503, false)));
        let answer = app.capture("order-0001", 400, "x").await;
        assert!(answer.is_unknown(), "{action:?} {}", answer.text());
        app.world().clear_faults();
        app.capture("order-0001", 400, "x").await.ok();
        assert_eq!(app.sums("order-0001"), (400, 0, 0));
    }
}

#[tokio::test]
async fn a8_errors_of_the_server_after_or_before_the_work() {
    for (code, processed) in [(500, true), (500, false), (503, true), (503, false)] {
        each_operation(status(code, processed), succeeds).await;
    }
}

#[tokio::test]
async fn a9_too_many_requests_pass_as_they_came() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.took();
    let body = r#"{"statusCode":429,"message":"Rate limit is exceeded"}"#;
    let gateway = |retry: Option<&str>| Action::Status {
        status: 429,
        body: Some(body.to_owned()),
        headers: retry
            .map(|r| ("Retry-After".to_owned(), r.to_owned()))
            .into_iter()
            .collect(),
        processed: false,
    };
    for retry in [Some("17"), None] {
        app.world()
            .add_fault(Fault::once("/capture", gateway(retry)));
        let answer = app.capture("order-0001", 400, "x").await;
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (429, body.as_bytes())
        );
        assert_eq!(answer.header("retry-after"), retry);
        assert_eq!(count(&app.took(), "/capture"), 1, "no burst");
    }
    app.world()
        .add_fault(Fault::once("/order-0001", gateway(Some("3"))).on("GET"));
    let answer = app.details("order-0001").await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (429, Some("3"))
    );
    app.capture("order-0001", 400, "x").await.ok();
    assert_eq!(app.sums("order-0001"), (400, 0, 0));
}

#[tokio::test]
async fn a9_a_refusal_of_the_gateway_on_a_retry_says_nothing_about_the_first_sending() {
    for code in [429, 401, 403] {
        let app = TestApp::start().await;
        app.reserved("order-0001", 1_000).await;
        // The first sending lands after the bridge has given it up; the second is turned away at the gate.
        let hang = Action::Hang { processed: false };
        app.world().add_fault(Fault::once("/capture", hang));
        let no = Fault::once("/capture", status(code, false)).times(5);
        app.world().add_fault(no);
        let answer = app.capture("order-0001", 400, "x").await;
        assert!(answer.is_unknown(), "{code}: {}", answer.text());
        app.world().clear_faults();
        app.land("/capture").await;
        app.capture("order-0001", 400, "x").await.ok();
        assert_eq!(app.sums("order-0001"), (400, 0, 0));
    }
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
    let (a, b, c) = tokio::join!(ask.send(), ask.send(), ask.send());
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
