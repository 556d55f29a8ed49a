//! Part A of the faults: money calls whose answer is late, lost, spoilt or refused.
//!
//! The answer to the shop is the truth or "unknown" (502 with 94), and upstream moves the money once.

use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault};
use serde_json::json;

use crate::support::app::{TestApp, with};
use crate::support::{says, soon, until};

fn count(requests: &[String], end: &str) -> usize {
    requests.iter().filter(|r| r.ends_with(end)).count()
}

pub(crate) fn status(status: u16, processed: bool) -> Action {
    Action::Status {
        status,
        body: None,
        headers: vec![],
        processed,
    }
}

/// A payment of 1000 on which this change can be made.
pub(crate) async fn ready_for(app: &TestApp, op: &str) {
    app.reserved("order-0001", 1_000).await;
    if op == "refund" {
        app.capture("order-0001", 1_000, "before").await.ok();
    }
}

/// Its sums after a change of 400: captured, refunded, cancelled.
pub(crate) fn effect_of(op: &str) -> (i64, i64, i64) {
    match op {
        "capture" => (400, 0, 0),
        "refund" => (1_000, 400, 0),
        _ => (0, 0, 1_000),
    }
}

/// A fault for the money calls of every kind, and what upstream must have seen.
async fn each_operation(action: Action, check: impl Fn(&str, u16)) {
    for op in ["capture", "refund", "cancel"] {
        let app = TestApp::start().await;
        ready_for(&app, op).await;
        app.world()
            .add_fault(Fault::once(&format!("/order-0001/{op}"), action.clone()).on("POST"));
        let answer = app.changing(op, "order-0001", 400, "x").send().await;
        check(op, answer.status);
        let sums = app.sums("order-0001");
        let want = effect_of(op);
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

/// Every sending breaks after its work: the log settles it, for a broken connection is no proof that nothing was sent.
#[tokio::test]
async fn a2_connections_that_break_every_time_have_sent_what_they_sent() {
    for action in [Action::ResetAfter, Action::CloseAfter] {
        let app = TestApp::start().await;
        app.reserved("order-0001", 1_000).await;
        app.world()
            .add_fault(Fault::always("/order-0001/capture", action.clone()).on("POST"));
        let answer = app.capture("order-0001", 400, "x").await;
        assert_eq!(answer.status, 200, "{action:?}: {}", answer.text());
        assert_eq!(app.sums("order-0001"), (400, 0, 0));
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
    let app = with(&[
        ("upstream.retries", "0"),
        ("upstream.breaker_failures", "0"),
    ])
    .start()
    .await;
    for op in ["capture", "refund", "cancel"] {
        let longest = whole_answer(&app, op).await;
        assert!((200..2_000).contains(&longest), "{op} {longest}");
        // The end of the whole answer is a cut, too: of the connection.
        let cuts: Vec<usize> = (0..=longest).collect();
        for some in cuts.chunks(32) {
            let all = some.iter().map(|bytes| cut_after(&app, op, *bytes));
            futures_util::future::join_all(all).await;
        }
    }
}

/// How many bytes upstream's answer to a change has, head and body.
async fn whole_answer(app: &TestApp, op: &str) -> usize {
    let order = format!("whole-{op}");
    app.reserved(&order, 1_000).await;
    if op == "refund" {
        app.capture(&order, 1_000, "before").await.ok();
    }
    let ask = app.past("POST", &format!("/epayment/v1/payments/{order}/{op}"));
    let ask = ask.header("Idempotency-Key", &order);
    let answer = match op {
        "cancel" => ask.send().await,
        _ => {
            let body = json!({"modificationAmount": {"currency": "NOK", "value": 400}});
            ask.json(&body).send().await
        }
    };
    answer.ok_status();
    answer.head.len() + answer.body.len()
}

/// A change whose answer ends after so many bytes.
async fn cut_after(app: &TestApp, op: &str, bytes: usize) {
    let order = format!("order-{op}-{bytes}");
    app.reserved(&order, 1_000).await;
    if op == "refund" {
        app.capture(&order, 1_000, "before").await.ok();
    }
    let cut = Action::Truncate {
        bytes,
        head: true,
        reset: bytes % 2 == 1,
    };
    let path = format!("/{order}/{op}");
    let fault = app.world().add_fault(Fault::once(&path, cut).on("POST"));
    let answer = app.changing(op, &order, 400, "x").send().await;
    assert_eq!(
        answer.status,
        200,
        "{op} cut after {bytes}: {}",
        answer.text()
    );
    assert_eq!(app.sums(&order), effect_of(op), "{op} cut after {bytes}");
    let faults = app.world().faults();
    let used = faults.iter().find(|f| f.id == fault).map(|f| f.applied);
    assert_eq!(used, Some(1), "{op} cut after {bytes}: it met the call");
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

/// A success about less than was asked for proves nothing: the log tells what was done.
#[tokio::test]
async fn a20_a_success_over_less_than_was_asked_is_settled_by_the_log() {
    let nok = |value: i64| json!({"currency": "NOK", "value": value});
    for (op, member, captured, refunded) in [
        ("capture", "capturedAmount", 300, 0),
        ("refund", "refundedAmount", 1_000, 300),
    ] {
        let app = TestApp::start().await;
        app.reserved("order-0001", 1_000).await;
        if op == "refund" {
            app.capture("order-0001", 1_000, "before").await.ok();
        }
        let body = json!({"amount": nok(1_000), "state": "AUTHORIZED", "pspReference": "psp",
            "reference": "order-0001", "aggregate": {"authorizedAmount": nok(1_000), "cancelledAmount": nok(0),
                "capturedAmount": nok(captured), "refundedAmount": nok(refunded)}});
        let less = says(200, &body, true);
        app.world()
            .add_fault(Fault::once(&format!("/order-0001/{op}"), less).on("POST"));
        let told = app.changing(op, "order-0001", 400, "x").send().await.ok();
        assert_eq!(told["transactionSummary"][member], 400, "{told}");
    }
}

#[tokio::test]
async fn a7_a19_spoilt_answers_without_a_log_are_unknown() {
    for (action, contradicts) in [
        (Action::Html, false),
        (Action::Empty, false),
        (Action::Malformed, false),
        (Action::Unexpected, false),
        (Action::WrongReference, true),
        (Action::WrongCurrency, true),
        (Action::WrongAmount, true),
    ] {
        let app = TestApp::start().await;
        app.reserved("order-0001", 1_000).await;
        app.world()
            .add_fault(Fault::always("/capture", action.clone()));
        app.world()
            .add_fault(Fault::always("/events", status(503, false)));
        let answer = app.capture("order-0001", 400, "x").await;
        assert!(answer.is_unknown(), "{action:?} {}", answer.text());
        let name = r#"bridge_upstream_errors_total{api="epayment",kind="contradiction"}"#;
        let counted = app.counted(name).await.is_some();
        assert_eq!(counted, contradicts, "{action:?}");
        // What is kept of it is its form.
        let told = app.log.text().contains("an answer that can't be read");
        assert_eq!(told, !contradicts, "{action:?}");
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
