//! What each call costs upstream, and what the operator's listener tells.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::app::{TestApp, with};
use crate::support::shop::{change, order};

#[tokio::test]
async fn each_call_costs_what_it_must() {
    for (source, more) in [("payment", 0), ("event", 1)] {
        let app = with(&[("routing.transaction_id", &format!("\"{source}\""))])
            .start()
            .await;
        app.initiate("order-0001", 10_000).await.ok();
        assert_eq!(app.took().len(), 1, "initiate");
        assert!(app.world().approve(crate::support::app::MSN, "order-0001"));
        let told = app.capture("order-0001", 4_000, "1").await.ok();
        assert_eq!(app.took().len(), 1 + more, "capture {source}");
        let id = told["transactionInfo"]["transactionId"].as_str().unwrap();
        let numeric = id.bytes().all(|b| b.is_ascii_digit());
        assert_eq!(numeric, source == "event");
        app.refund("order-0001", 1_000, "1").await.ok();
        assert_eq!(app.took().len(), 1 + more, "refund {source}");
        app.capture("order-0001", 4_000, "1").await.ok();
        assert_eq!(app.took().len(), 1, "a repeat");
        app.capture("order-0001", Value::Null, "2").await.ok();
        assert_eq!(app.took().len(), 2 + more, "all that remains {source}");
        for read in ["details", "status"] {
            app.read("order-0001", read).await.ok();
            assert_eq!(app.took().len(), 2, "{read}");
        }
        app.reserved("order-0002", 1_000).await;
        app.took();
        app.cancel("order-0002", "1").await.ok();
        assert_eq!(
            app.took().len(),
            2 + more,
            "cancel without the flag {source}"
        );
        app.reserved("order-0003", 1_000).await;
        app.took();
        app.releasing("order-0003", "1").send().await.ok();
        assert_eq!(app.took().len(), 1 + more, "cancel with the flag {source}");
        app.capture("order-0003", 1, "1").await.error();
        assert!(app.took().is_empty(), "bad input");
    }
}

#[tokio::test]
async fn the_operator_sees_health_readiness_and_the_metrics_of_the_contract() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.details("order-0001").await.ok();
    app.world().set_down(true).await;
    app.capture("order-0001", 400, "1").await.error();
    app.world().set_down(false).await;
    assert_eq!(app.admin("/healthz").await.status, 200);
    let ready = app.admin("/readyz").await;
    assert_eq!(
        (ready.status, ready.json()["ready"].as_bool()),
        (200, Some(true))
    );
    let text = String::from_utf8(app.admin("/metrics").await.body).unwrap();
    for name in [
        "bridge_requests_total{operation=\"initiate\",route=\"epayment\",status=\"200\"} 1",
        "bridge_request_seconds_count",
        "bridge_upstream_seconds_count{api=\"epayment\",operation=\"create\"} 1",
        "bridge_upstream_errors_total{api=\"epayment\",kind=\"not_sent\"}",
        "bridge_in_flight 0",
        "bridge_shed_total 0",
        "bridge_store_seconds_count{step=\"begin_first_payment\"} 1",
        "bridge_ambiguous_open 0",
        "bridge_log_lines_dropped_total",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    assert!(!text.contains("order-0001"), "no order in a label");
}

/// Each step is a wait for a thread of the store or a round trip to the database.
#[tokio::test]
async fn a_call_takes_as_few_steps_of_the_store_as_it_can() {
    let app = TestApp::start().await;
    let steps = async || {
        let text = String::from_utf8(app.admin("/metrics").await.body).unwrap();
        let count = |line: &str| {
            let (step, count) = line
                .strip_prefix("bridge_store_seconds_count{step=\"")?
                .split_once("\"} ")?;
            Some((step.to_owned(), count.parse::<u64>().unwrap()))
        };
        text.lines().filter_map(count).collect::<BTreeMap<_, _>>()
    };
    // Of what calls ask for, leaving the background's own steps aside.
    let of_calls = [
        "payment",
        "payment_and_adjustments",
        "adjustments",
        "units_of_order",
        "units_of_caller",
        "begin_payment",
        "begin_first_payment",
        "finish_payment",
        "begin_adjustment",
        "finish_adjustment",
    ];
    app.reserved("order-0000", 1_000).await;
    let mut before = steps().await;
    let mut taken = async || {
        let now = steps().await;
        let more = |step: &&str| now.get(*step) > before.get(*step);
        let more: Vec<String> = of_calls
            .into_iter()
            .filter(more)
            .map(|step| {
                let count = now[step] - before.get(step).copied().unwrap_or_default();
                format!("{step} {count}")
            })
            .collect();
        before = now;
        more
    };
    app.initiate("order-0001", 1_000).await.ok();
    assert_eq!(taken().await, ["begin_first_payment 1", "finish_payment 1"]);
    app.capture("order-0000", 400, "1").await.ok();
    let change = [
        "payment_and_adjustments 1",
        "begin_adjustment 1",
        "finish_adjustment 1",
    ];
    assert_eq!(taken().await, change);
    app.details("order-0000").await.ok();
    assert_eq!(taken().await, ["payment_and_adjustments 1"]);
    app.initiate("order-0001", 1_000).await.error();
    let known = [
        "begin_payment 1",
        "begin_first_payment 1",
        "finish_payment 1",
    ];
    assert_eq!(taken().await, known);
}

#[tokio::test]
async fn a_capture_body_may_be_shaped_like_an_initiate() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    let mut body = order("order-0001", 400);
    body["merchantInfo"]["unknown"] = json!([1, 2]);
    let ask = app
        .ask("POST", "/ecomm/v2/payments/order-0001/capture")
        .json(&body);
    assert_eq!(ask.send().await.ok()["transactionInfo"]["amount"], 400);
    let mut body = change(300, "x");
    body.as_object_mut().unwrap().remove("merchantInfo");
    let ask = app
        .ask("POST", "/ecomm/v2/payments/order-0001/capture")
        .json(&body);
    assert_eq!(ask.send().await.ok()["transactionInfo"]["amount"], 300);
}
