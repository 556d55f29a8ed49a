//! Part B of the faults: an initiate whose answer is late, lost or spoilt makes one payment, and says so or says nothing.

use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault, Surface};
use serde_json::json;

use crate::support::app::{MSN, TestApp};
use crate::support::shop::order;
use crate::support::until;

const CREATE: &str = "/epayment/v1/payments";

fn status(status: u16, body: &str, processed: bool) -> Action {
    Action::Status {
        status,
        body: Some(body.to_owned()),
        headers: vec![],
        processed,
    }
}

fn creates(app: &TestApp) -> Vec<String> {
    let all = app.world().requests_to(Surface::Epayment);
    let keys = all
        .iter()
        .filter(|r| r.method == "POST" && r.path() == CREATE);
    keys.map(|r| r.header("idempotency-key").unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn b1_a_lost_answer_is_resolved_inside_the_call() {
    for action in [
        Action::Hang { processed: true },
        Action::Hang { processed: false },
        Action::ResetBefore,
        Action::ResetAfter,
        Action::CloseAfter,
        Action::Malformed,
        Action::Html,
        Action::Empty,
        Action::Unexpected,
        Action::BadChunk,
        Action::WrongReference,
        Action::Truncate {
            bytes: 20,
            head: false,
            reset: false,
        },
        status(500, "{}", true),
        status(503, "{}", false),
    ] {
        let app = TestApp::start().await;
        app.world()
            .add_fault(Fault::once(CREATE, action.clone()).on("POST"));
        let answer = app.initiate("order-0001", 1_000).await;
        let url = answer.ok()["url"].as_str().unwrap().to_owned();
        let token = app.seen("order-0001").token;
        assert!(url.ends_with(&token), "{action:?} {url}");
        assert_eq!(app.world().payments().len(), 1);
        let mut keys = creates(&app);
        keys.dedup();
        assert_eq!(keys.len(), 1, "{action:?}");
        // The first sending of its own is no duplicate; the shop's second one is.
        assert_eq!(
            app.initiate("order-0001", 1_000).await.error(),
            (400, "34".into())
        );
    }
}

#[tokio::test]
async fn b1_unknown_and_the_equal_repeat_gets_the_payment_any_other_34() {
    for processed in [true, false] {
        let app = TestApp::start().await;
        app.world()
            .add_fault(Fault::always("/epayment/", Action::Hang { processed }));
        let answer = app.initiate("order-0001", 1_000).await;
        assert!(answer.is_unknown(), "{}", answer.text());
        assert_eq!(
            app.details("order-0001").await.status,
            502,
            "no 404 while in doubt"
        );
        app.world().clear_faults();
        if !processed {
            assert_eq!(
                app.details("order-0001").await.status,
                502,
                "no 404 while in doubt"
            );
        }
        let mut other = order("order-0001", 1_000);
        other["transaction"]["transactionText"] = json!("another");
        let again = app.initiating(&other).send().await;
        assert_eq!(again.error(), (400, "34".into()));
        if processed {
            // Found while it was looked at: the payment's, so every repeat is one too many.
            assert_eq!(
                app.initiate("order-0001", 1_000).await.error(),
                (400, "34".into())
            );
        } else {
            let mut equal = order("order-0001", 1_000);
            equal["transaction"]["timeStamp"] = json!("2031-01-01T00:00:00Z");
            let told = app.initiating(&equal).send().await.ok();
            assert!(
                told["url"]
                    .as_str()
                    .unwrap()
                    .ends_with(&app.seen("order-0001").token)
            );
        }
        let mut keys = creates(&app);
        keys.dedup();
        assert_eq!(app.world().payments().len(), 1);
        assert!(
            keys.len() <= 2,
            "the first key, and that of a real duplicate"
        );
        assert!(app.world().approve(MSN, "order-0001"));
        app.capture("order-0001", 400, "1").await.ok();
    }
}

#[tokio::test]
async fn b1_the_equal_repeat_of_a_created_one_gets_its_redirect() {
    let mut app = TestApp::start().await;
    app.world().add_fault(Fault::always(
        "/epayment/",
        Action::Hang { processed: true },
    ));
    assert!(app.initiate("order-0001", 1_000).await.is_unknown());
    app.restart().await;
    app.world().clear_faults();
    let told = app.initiate("order-0001", 1_000).await.ok();
    assert!(
        told["url"]
            .as_str()
            .unwrap()
            .ends_with(&app.seen("order-0001").token)
    );
    let mut keys = creates(&app);
    keys.dedup();
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn b1_the_background_finds_the_payment() {
    let app = TestApp::start().await;
    app.world().add_fault(Fault::always(
        "/epayment/",
        Action::Hang { processed: true },
    ));
    assert!(app.initiate("order-0001", 1_000).await.is_unknown());
    app.world().clear_faults();
    app.took();
    // Found by the resolver: one more read without a merchant's call.
    until(|| !app.world().requests().is_empty()).await;
    let details = app.details("order-0001").await;
    details.ok();
    assert!(app.took().iter().all(|r| r.starts_with("GET")));
}

#[tokio::test]
async fn b1_a_refusal_at_the_gate_on_a_retry_is_unknown_and_the_repeat_gets_the_payment() {
    let app = TestApp::start().await;
    app.world()
        .add_fault(Fault::once(CREATE, Action::Hang { processed: false }).on("POST"));
    app.world().add_fault(
        Fault::once(CREATE, status(429, "{}", false))
            .on("POST")
            .times(5),
    );
    let answer = app.initiate("order-0001", 1_000).await;
    assert!(answer.is_unknown(), "{}", answer.text());
    app.world().clear_faults();
    app.land(CREATE).await;
    let told = app.initiate("order-0001", 1_000).await.ok();
    assert!(
        told["url"]
            .as_str()
            .unwrap()
            .ends_with(&app.seen("order-0001").token)
    );
    assert_eq!(app.world().payments().len(), 1);
}

#[tokio::test]
async fn b1_after_fifteen_minutes_nothing_is_still_in_doubt() {
    let app = TestApp::start().await;
    app.world().add_fault(Fault::always(
        "/epayment/",
        Action::Hang { processed: false },
    ));
    assert!(app.initiate("order-0001", 1_000).await.is_unknown());
    app.world().clear_faults();
    app.clock.advance(Duration::from_secs(901));
    assert_eq!(app.details("order-0001").await.error(), (404, "35".into()));
    let mut other = order("order-0001", 2_000);
    other["transaction"]["transactionText"] = json!("another");
    app.initiating(&other).send().await.ok();
    assert_eq!(app.seen("order-0001").amount.minor_units(), 2_000);
}

/// The resolver looks, finds nothing, and goes on looking: until the doubt is over the create may still arrive.
#[tokio::test]
async fn b1_the_background_gives_no_order_free_while_it_is_in_doubt() {
    let app = TestApp::start().await;
    app.world().add_fault(Fault::always(
        "/epayment/",
        Action::Hang { processed: false },
    ));
    assert!(app.initiate("order-0001", 1_000).await.is_unknown());
    app.world().clear_faults();
    app.took();
    until(|| app.world().requests().len() >= 2).await;
    let other = app.initiate("order-0001", 2_000).await;
    assert_eq!(other.error(), (400, "34".into()));
}

#[tokio::test]
async fn b1_a_server_that_always_fails_after_its_work_has_made_the_payment() {
    let app = TestApp::start().await;
    app.world()
        .add_fault(Fault::always(CREATE, status(500, "{}", true)).on("POST"));
    let answer = app.initiate("order-0001", 1_000).await;
    let url = answer.ok()["url"].as_str().unwrap().to_owned();
    assert!(url.ends_with(&app.seen("order-0001").token), "{url}");
    assert_eq!(app.world().payments().len(), 1);
}

/// In doubt a payment is looked for; one that another store made under this name is not this call's.
#[tokio::test]
async fn b2_a_payment_that_another_made_is_not_found_to_be_ours() {
    let mut app = TestApp::start().await;
    app.initiate("order-0001", 1_000).await.ok();
    app.wipe_store().await;
    app.world()
        .add_fault(Fault::always(CREATE, status(500, "{}", false)).on("POST"));
    let again = app.initiate("order-0001", 1_000).await;
    assert_eq!(again.error(), (400, "34".into()));
}

/// The name is used, perhaps by the first sending, and no read shows the payment yet.
#[tokio::test]
async fn b1_a_used_name_in_doubt_is_no_refusal() {
    let app = TestApp::start().await;
    let used = r#"{"title": "Idempotency error: reference exists", "status": 409}"#;
    let absent = r#"{"title": "Reference not found", "status": 404}"#;
    for fault in [
        Fault::once(CREATE, status(500, "{}", true)).on("POST"),
        Fault::always(CREATE, status(409, used, false)).on("POST"),
        Fault::always("/epayment/", status(404, absent, false)).on("GET"),
    ] {
        app.world().add_fault(fault);
    }
    let answer = app.initiate("order-0001", 1_000).await;
    assert!(answer.is_unknown(), "{}", answer.text());
    assert_eq!(app.world().payments().len(), 1);
}

#[tokio::test]
async fn b1_never_sent_frees_the_order() {
    let app = TestApp::start().await;
    app.world().set_down(true).await;
    let answer = app.initiate("order-0001", 1_000).await;
    assert_eq!(answer.error(), (502, "99".into()));
    app.world().set_down(false).await;
    let mut other = order("order-0001", 2_000);
    other["transaction"]["transactionText"] = json!("another");
    app.initiating(&other).send().await.ok();
}

#[tokio::test]
async fn b2_a_used_order_is_34_and_makes_no_payment() {
    let mut app = TestApp::start().await;
    let ask = app.initiating(&order("order-0001", 1_000)).id("same");
    ask.send().await.ok();
    for _ in 0..2 {
        let again = app
            .initiating(&order("order-0001", 1_000))
            .id("same")
            .send()
            .await;
        assert_eq!(again.error(), (400, "34".into()));
        app.restart().await;
    }
    app.wipe_store().await;
    assert_eq!(
        app.initiate("order-0001", 1_000).await.error(),
        (400, "34".into())
    );
    assert_eq!(app.world().payments().len(), 1);
    // A payment's record is not changed by a later attempt.
    app.details("order-0001").await.ok();
}

#[tokio::test]
async fn twenty_equal_initiates_at_once_make_one_payment() {
    let app = TestApp::start().await;
    let ask = app.initiating(&order("order-0001", 1_000));
    let answers = futures_util::future::join_all((0..20).map(|_| ask.send())).await;
    let done = answers.iter().filter(|a| a.status == 200).count();
    assert_eq!(done, 1);
    assert!(
        answers
            .iter()
            .filter(|a| a.status != 200)
            .all(|a| a.error() == (400, "34".into()))
    );
    assert_eq!(app.world().payments().len(), 1);
}
