//! Real answers about payments and the ledger, and about the way of a call, against the API's description.

use std::time::Duration;

use ecom_bridge::simulator::Fault;
use serde_json::{Value, json};

use crate::api_document::{asked, document};
use crate::support::app::MSN;
use crate::support::callbacks::Shop;
use crate::support::{eventually, says};

/// A day's payments: one without a change, one in part captured and refunded, one that upstream did not tell the truth
/// about, one that another system captured.
async fn a_day() -> Shop {
    let shop = Shop::start().await;
    for id in ["described-2", "described-3", "described-4", "described-5"] {
        shop.order(id).await;
        shop.approve(id);
    }
    shop.quiet().await;
    let app = &shop.app;
    app.capture("described-3", 400, "1").await.ok();
    app.refund("described-3", 100, "1").await.ok();
    let refusal = json!({"type": "about:blank", "title": "Capture amount too high", "status": 400, "traceId": "t"});
    let lie = says(400, &refusal, true);
    app.world()
        .add_fault(Fault::once("described-4/capture", lie));
    // Without an id nobody can ask for it again, so its refusal is believed.
    assert_eq!(app.capture("described-4", 300, "").await.status, 400);
    let body = json!({"modificationAmount": {"currency": "NOK", "value": 200}});
    let path = "/epayment/v1/payments/described-5/capture";
    let elsewhere = app.past("POST", path).json(&body);
    elsewhere
        .header("Idempotency-Key", "erp-1")
        .send()
        .await
        .ok_status();
    app.advance(Duration::from_secs(61));
    eventually(async || {
        app.advance(Duration::from_secs(60));
        let found = shop
            .operate("GET", "/api/ledger/mismatches", &Value::Null)
            .await;
        found.json()["mismatches"] != json!([])
    })
    .await;
    shop
}

#[tokio::test]
async fn real_answers_about_money_fit_the_description() {
    let shop = a_day().await;
    let document = document();
    let ask = async |path: &str, names: &[(&str, &str)], want: u16| {
        asked(&shop, &document, ("get", path, names, Value::Null, want)).await
    };
    let found = ask("/api/payments", &[], 200).await;
    assert_eq!(found["payments"].as_array().unwrap().len(), 4, "{found}");
    let query = format!("/api/payments?order=described-3&msn={MSN}&before=99999&limit=5");
    let found = ask(&query, &[], 200).await;
    assert_eq!(found["payments"][0]["refunded"], 100, "{found}");
    let open = ask("/api/payments/open", &[], 200).await;
    let class = |one: &Value| one["class"] == "partly_captured";
    assert!(open["open"].as_array().unwrap().iter().any(class), "{open}");
    assert_eq!(open["origins"][0]["payments"], 4, "{open}");
    let soon = ask("/api/payments/expiring?days=365", &[], 200).await;
    assert_ne!(soon["payments"], json!([]));
    ask("/api/payments/expiring", &[], 200).await;

    let story = format!("/api/ledger/{{order}}?msn={MSN}");
    let mut told = String::new();
    for id in ["described-2", "described-3", "described-4", "described-5"] {
        told.push_str(&ask(&story, &[("order", id)], 200).await.to_string());
    }
    for what in [
        "created", "asked", "event", "answered", "callback", "read", "mismatch",
    ] {
        assert!(told.contains(&format!("\"what\":\"{what}\"")), "{what}");
    }
    for member in ["amount", "requestId", "idempotencyKey", "transactionId"] {
        assert!(told.contains(&format!("\"{member}\":")), "{member}");
    }
    let proof = ask("/api/ledger/verify?after=0&limit=3&recount=true", &[], 200).await;
    assert_eq!(
        (&proof["payments"], &proof["countsAgree"]),
        (&json!(3), &json!(true))
    );
    assert!(proof["next"].is_i64(), "{proof}");
    let proof = ask("/api/ledger/verify", &[], 200).await;
    assert_eq!(proof["next"], Value::Null);
    assert_eq!(proof["violations"][0]["kind"], "told_failed_but_done");
    let kept = ask("/api/ledger/mismatches?all=true&limit=9", &[], 200).await;
    assert_eq!(kept["mismatches"][0]["orderId"], "described-4", "{kept}");
    for (path, want) in [
        ("/api/ledger/{order}", 404),
        ("/api/ledger/{order}?msn=x", 400),
        ("/api/ledger/verify?after=x", 400),
        ("/api/ledger/mismatches?all=x", 400),
        ("/api/payments?msn=x", 400),
        ("/api/payments/expiring?days=-1", 400),
    ] {
        ask(path, &[("order", "nowhere")], want).await;
    }
}

#[tokio::test]
async fn real_answers_about_a_calls_way_fit_the_description() {
    let shop = Shop::with(&[("routing.details", "\"ecom\"")]).await;
    shop.order("described-6").await;
    let document = document();
    let payments = "/ecomm/v2/payments";
    for (query, route, why) in [
        (
            format!("method=get&path={payments}/described-6/details&msn={MSN}"),
            "epayment",
            "born-in-epayment",
        ),
        (
            format!("method=GET&path={payments}/described-6/details&born=ecom"),
            "ecom",
            "toggle",
        ),
        (
            format!("method=GET&path={payments}/never-seen/details"),
            "ecom then epayment",
            "unknown-read",
        ),
        (
            format!("method=POST&path={payments}&order=described-7&express=true"),
            "ecom",
            "express",
        ),
        (
            format!("method=POST&path={payments}&order=under_score"),
            "ecom",
            "order-characters",
        ),
        (
            "method=GET&path=/accesstoken/get".to_owned(),
            "pass",
            "outside-ecom",
        ),
        ("method=GET&path=/ecomm/x".to_owned(), "refused", "no-call"),
    ] {
        let path = format!("/api/explain?{query}");
        let told = asked(&shop, &document, ("get", &path, &[], Value::Null, 200)).await;
        assert_eq!(
            (&told["route"], &told["why"]),
            (&json!(route), &json!(why)),
            "{query}: {told}"
        );
    }
    for query in [
        format!("method=POST&path={payments}"),
        format!("method=GET&path={payments}/order-0001/details&born=x"),
        "path=/".to_owned(),
    ] {
        let path = format!("/api/explain?{query}");
        asked(&shop, &document, ("get", &path, &[], Value::Null, 400)).await;
    }
}
