//! What the bridge says would break without it, tried: each call goes where its toggle points, past the bridge.

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::routing::order::{FOLLOW_UPS, meaning};
use ecom_bridge::routing::{Routing, Toggle};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::client::Answer;
use crate::support::shop::{change, order};

/// A payment created at one of the APIs, and approved.
async fn created(app: &TestApp, at_epayment: bool, id: &str) {
    let answer = if at_epayment {
        let body = json!({
            "amount": {"currency": "NOK", "value": 10_000},
            "paymentMethod": {"type": "WALLET"},
            "reference": id,
            "returnUrl": "https://shop.example.com/back",
            "userFlow": "WEB_REDIRECT",
        });
        let ask = app.past("POST", "/epayment/v1/payments").json(&body);
        ask.header("Idempotency-Key", &format!("create-{id}"))
            .send()
            .await
    } else {
        let ask = app.past("POST", "/ecomm/v2/payments");
        ask.json(&order(id, 10_000)).send().await
    };
    answer.ok_status();
    assert!(app.world().approve(crate::support::app::MSN, id));
}

/// The shop's call, at the API that its toggle names.
async fn called(app: &TestApp, operation: Operation, at_epayment: bool, id: &str) -> Answer {
    let word = operation.word();
    let change_of =
        |amount: i64| json!({"modificationAmount": {"currency": "NOK", "value": amount}});
    if !at_epayment {
        let ask = app.past(
            operation.method(),
            &format!("/ecomm/v2/payments/{id}/{word}"),
        );
        let ask = ask.id(&format!("{word}-{id}"));
        return match operation {
            Operation::Capture => ask.json(&change(1_000, "c")).send().await,
            Operation::Refund => ask.json(&change(500, "r")).send().await,
            Operation::Cancel => {
                let mut body = change(serde_json::Value::Null, "x");
                body["shouldReleaseRemainingFunds"] = json!(true);
                ask.json(&body).send().await
            }
            _ => ask.send().await,
        };
    }
    let base = format!("/epayment/v1/payments/{id}");
    let post = |path: &str| {
        app.past("POST", &format!("{base}/{path}"))
            .header("Idempotency-Key", &format!("{word}-{id}"))
    };
    match operation {
        Operation::Capture => post("capture").json(&change_of(1_000)).send().await,
        Operation::Refund => post("refund").json(&change_of(500)).send().await,
        Operation::Cancel => post("cancel").send().await,
        Operation::Status => app.past("GET", &format!("{base}/events")).send().await,
        _ => app.past("GET", &base).send().await,
    }
}

#[tokio::test]
async fn n3_what_would_strand_without_the_bridge_strands_and_nothing_else_does() {
    let app = TestApp::start().await;
    // In an order in which each can be done: a refund needs a capture, and a cancel releases what is left.
    let sequence = [
        Operation::Details,
        Operation::Status,
        Operation::Capture,
        Operation::Refund,
        Operation::Cancel,
    ];
    let mut stranded = 0;
    for bits in 0..64_usize {
        let at = |bit: usize| {
            if bits >> bit & 1 == 1 {
                Toggle::Epayment
            } else {
                Toggle::Ecom
            }
        };
        let routing = Routing {
            details: at(0),
            status: at(1),
            capture: at(2),
            cancel: at(3),
            refund: at(4),
            initiate: at(5),
            ..Routing::default()
        };
        let strands = meaning(&routing).strands().to_vec();
        let id = format!("order-{bits:04}");
        created(&app, routing.initiate.reaches_epayment(), &id).await;
        // What a stranded capture leaves undone is done for the refund's sake.
        for operation in sequence {
            let at_epayment = routing.of(operation).reaches_epayment();
            let answer = called(&app, operation, at_epayment, &id).await;
            if strands.contains(&operation) {
                stranded += 1;
                assert_eq!(
                    answer.error(),
                    (404, "35".to_owned()),
                    "{bits:06b} {operation:?}"
                );
                let born = routing.initiate.reaches_epayment();
                called(&app, operation, born, &id).await.ok_status();
            } else {
                assert!(
                    answer.status < 300,
                    "{bits:06b} {operation:?}: {}",
                    answer.text()
                );
            }
        }
    }
    // Each of five calls is stranded in half of the 32 combinations that create in ePayment.
    assert_eq!(stranded, FOLLOW_UPS.len() * 16);
    app.world().clear_requests();
    // The bridge beside it has seen none of that.
    app.reserved("order-last", 10_000).await;
}
