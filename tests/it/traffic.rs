//! What was counted, what is advised, and the way back, through the whole bridge.

use ecom_bridge::simulator::{Action, Fault};
use serde_json::{Value, json};

use crate::support::app::{MSN, TestApp, with};
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::shop::{express, order};

async fn told(app: &TestApp, path: &str) -> Value {
    let answer = app.admin(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn post(app: &TestApp, path: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let text = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = Client::to(app.admin_addr()).await.ask(text).await;
    (answer.status, answer.json())
}

fn of<'a>(merchant: &'a Value, operation: &str) -> &'a Value {
    let all = merchant["operations"].as_array().unwrap();
    all.iter()
        .find(|one| one["operation"] == operation)
        .unwrap_or_else(|| panic!("{operation}: {merchant}"))
}

#[tokio::test]
async fn calls_are_counted_and_the_verdict_says_on_what_it_rests() {
    let mut app = with(&[("routing.refund", "\"ecom\"")]).start().await;
    for id in ["order-0001", "order-0002"] {
        app.reserved(id, 10_000).await;
    }
    app.initiating(&express("express-01", 10_000))
        .send()
        .await
        .ok();
    app.initiating(&order("under_score", 10_000)).send().await;
    let refused = app.initiating(&order("order-0003", 1)).send().await;
    assert_eq!((refused.status, refused.route()), (400, "refused"));
    app.capture("order-0001", 1_000, "1").await.ok();
    app.details("order-0001").await.ok();
    app.details("no-such-order").await;

    let asked = format!("/api/readiness?msn={MSN}");
    let merchant = told(&app, &asked).await["merchants"][0].clone();
    let initiate = of(&merchant, "initiate");
    assert_eq!(initiate["epayment"]["calls"], 3);
    assert_eq!(initiate["epayment"]["done"], 2);
    assert_eq!(initiate["epayment"]["refusedHere"], 1);
    assert_eq!(initiate["express"], 1);
    assert_eq!(initiate["untranslatable"]["order-characters"], 1);
    assert_eq!(initiate["invalid"], 1);
    assert_eq!(initiate["used"]["mobileNumber"], 5);
    assert!(initiate["losses"]["time-stamp-dropped"].as_u64() >= Some(2));
    assert_eq!(of(&merchant, "capture")["epayment"]["done"], 1);
    let details = of(&merchant, "details");
    assert_eq!(details["epayment"]["done"], 1);
    assert_eq!(merchant["order"]["stage"], "create-first");
    assert_eq!(merchant["order"]["strands"], json!(["refund"]));
    assert_eq!(merchant["next"]["operation"], "refund");
    assert_eq!(merchant["next"]["verdict"], "insufficient");

    let minutes = told(&app, "/api/traffic").await;
    let minutes = minutes["minutes"].as_array().unwrap();
    let sum = |key: &str| -> u64 {
        minutes
            .iter()
            .filter_map(|m| m["requests"][key].as_u64())
            .sum()
    };
    assert_eq!((minutes.len(), sum("epayment"), sum("refused")), (60, 5, 1));

    let removal = told(&app, &format!("/api/readiness/remove?msn={MSN}")).await;
    let removal = &removal["merchants"][0];
    assert_eq!(removal["verdict"], "wait");
    let open = &removal["openPayments"];
    assert_eq!(
        (&open["bornInEcom"], &open["bornInEpayment"]),
        (&json!(1), &json!(2))
    );
    let kinds: Vec<&str> = removal["onlyEcom"]
        .as_array()
        .unwrap()
        .iter()
        .map(|need| need["code"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["express", "untranslatable"]);
    let text = removal.to_string();
    for secret in ["order-0002", "express-01", "canary", "91234567\":"] {
        assert!(!text.contains(secret), "{secret}");
    }

    // What was counted survives a restart, and goes on.
    app.restart().await;
    app.details("order-0001").await.ok();
    let merchant = told(&app, &asked).await["merchants"][0].clone();
    assert_eq!(of(&merchant, "details")["epayment"]["done"], 2);
    assert_eq!(of(&merchant, "initiate")["express"], 1);
    let (status, problem) = {
        let answer = app.admin("/api/readiness?msn=x").await;
        (answer.status, answer.json())
    };
    assert_eq!(
        (status, problem["title"].as_str()),
        (400, Some("Bad Request"))
    );
}

#[tokio::test]
async fn n9_new_payments_go_back_by_themselves_and_old_ones_stay() {
    let app = with(&[
        ("rollback.enabled", "true"),
        ("rollback.min_samples", "5"),
        ("upstream.retries", "0"),
    ])
    .start()
    .await;
    app.reserved("order-0001", 10_000).await;
    let broken = Action::Status {
        status: 400,
        body: Some(json!({"title": "Bad Request", "status": 400, "detail": "broken"}).to_string()),
        headers: vec![(
            "Content-Type".to_owned(),
            "application/problem+json".to_owned(),
        )],
        processed: false,
    };
    let fault = Fault::always("/epayment/v1/payments", broken).on("POST");
    app.world().add_fault(fault);
    for n in 0..5 {
        let answer = app.initiate(&format!("broken-{n:04}"), 10_000).await;
        assert_eq!(answer.route(), "epayment");
        assert!(answer.status >= 400, "{}", answer.text());
    }
    app.world().clear_faults();
    eventually(async || {
        told(&app, "/api/automatic").await["merchants"][0]["acting"]["phase"] == "back"
    })
    .await;
    let machine = told(&app, "/api/automatic").await["merchants"][0].clone();
    assert_eq!(machine["wantedPercent"], 100);
    assert_eq!(machine["acting"]["percent"], 0);
    // What was wanted and what the machine did stand apart.
    let toggles = told(&app, "/api/toggles").await;
    assert_eq!(toggles["toggles"][0]["toggle"], "epayment");

    let new = app.initiate("order-0002", 10_000).await;
    assert_eq!((new.status, new.route()), (200, "ecom"), "{}", new.text());
    let old = app.details("order-0001").await;
    assert_eq!((old.status, old.route()), (200, "epayment"));
    let old = app.capture("order-0001", 1_000, "1").await;
    assert_eq!((old.status, old.route()), (200, "epayment"));
    let changes = told(&app, "/api/changes").await;
    let change = &changes["changes"][0];
    assert_eq!(
        (&change["what"], &change["who"]),
        (&json!("automatic"), &json!("bridge"))
    );
    assert_eq!(
        (&change["old"], &change["new"]),
        (&json!("as configured"), &json!("0%"))
    );
    assert!(
        app.log
            .text()
            .contains("new payments were turned back to eCom")
    );
    let next = told(&app, &format!("/api/readiness?msn={MSN}")).await;
    assert!(next.to_string().contains("turned-back"));

    // A reset, with who and why.
    let (status, _) = post(
        &app,
        "/api/automatic/reset",
        &json!({"msn": MSN, "who": "ann"}),
    )
    .await;
    assert_eq!(status, 422);
    let ask = json!({"msn": MSN, "who": "ann", "why": "Vipps has mended it"});
    let (status, done) = post(&app, "/api/automatic/reset", &ask).await;
    assert_eq!((status, &done["heldPercent"]), (200, &json!(0)));
    assert_eq!(app.initiate("order-0003", 10_000).await.route(), "epayment");
    let stranger = json!({"msn": "999999", "who": "ann", "why": "x"});
    assert_eq!(post(&app, "/api/automatic/reset", &stranger).await.0, 404);
}

#[tokio::test]
async fn an_error_inside_a_200_of_ecom_is_an_error() {
    let app = with(&[("routing.initiate", "\"ecom\"")]).start().await;
    let body = json!([{"errorGroup": "Merchant", "errorCode": "37", "errorMessage": "x", "contextId": "y"}]);
    let inside = Action::Status {
        status: 200,
        body: Some(body.to_string()),
        headers: vec![],
        processed: false,
    };
    app.world()
        .add_fault(Fault::once("/ecomm/v2/payments", inside));
    let answer = app.initiate("order-0001", 10_000).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, body),
        "the shop gets it as it came"
    );
    let merchant = told(&app, &format!("/api/readiness?msn={MSN}")).await["merchants"][0].clone();
    let ecom = &of(&merchant, "initiate")["ecom"];
    assert_eq!((&ecom["done"], &ecom["refused"]), (&json!(0), &json!(1)));
    assert_eq!(ecom["told"]["Merchant37"], 1);
    assert!(app.log.text().contains("error-in-success"));
}
