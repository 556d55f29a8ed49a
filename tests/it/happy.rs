//! Every operation through both halves, field by field: what reaches ePayment, and what comes back.

use serde_json::{Value, json};

use crate::support::app::{MSN, TestApp, with};
use crate::support::shop::{AUTH_TOKEN, FALL_BACK, PHONE, PREFIX, order, reference};

fn last(app: &TestApp, path_end: &str) -> ecom_bridge::simulator::SeenRequest {
    let all = app.world().requests();
    let mut found = all.into_iter().rev();
    found.find(|r| r.path().ends_with(path_end)).unwrap()
}

#[tokio::test]
async fn initiate_is_translated_both_ways() {
    let app = TestApp::start().await;
    let answer = app.initiate("order-0001", 20_000).await;
    let told = answer.ok();
    assert_eq!(answer.route(), "epayment");
    assert_eq!(told["orderId"], "order-0001");
    assert!(told["url"].as_str().unwrap().contains("landing?token="));
    assert_eq!(told.as_object().unwrap().len(), 2);
    let sent = last(&app, "/epayment/v1/payments");
    let body = sent.json();
    assert_eq!(body["amount"], json!({"currency": "NOK", "value": 20_000}));
    assert_eq!(body["reference"], "order-0001");
    assert_eq!(body["paymentDescription"], "Order order-0001");
    assert_eq!(body["userFlow"], "WEB_REDIRECT");
    assert_eq!(body["returnUrl"], FALL_BACK);
    assert_eq!(body["customer"]["phoneNumber"], format!("47{PHONE}"));
    assert_eq!(body["paymentMethod"]["type"], "WALLET");
    assert_eq!(body["customerInteraction"], "CUSTOMER_NOT_PRESENT");
    let text = body.to_string();
    assert!(
        !text.contains(AUTH_TOKEN) && !text.contains(PREFIX),
        "{text}"
    );
    assert_eq!(sent.header("merchant-serial-number"), Some(MSN));
    assert_eq!(sent.header("vipps-system-name"), Some("ecom-bridge"));
    assert!(
        sent.header("idempotency-key")
            .unwrap()
            .starts_with("bridge-")
    );
}

#[tokio::test]
async fn initiate_flows_scopes_and_texts() {
    let cases = [
        (
            json!({"transaction": {"skipLandingPage": true}}),
            "/userFlow",
            json!("PUSH_MESSAGE"),
        ),
        (
            json!({"merchantInfo": {"isApp": true}}),
            "/userFlow",
            json!("NATIVE_REDIRECT"),
        ),
        (
            json!({"merchantInfo": {"isApp": true}, "transaction": {"skipLandingPage": true}}),
            "/userFlow",
            json!("PUSH_MESSAGE"),
        ),
        (
            json!({"transaction": {"scope": "name phoneNumber"}}),
            "/profile/scope",
            json!("name phoneNumber"),
        ),
        (
            json!({"transaction": {"transactionText": "a\nb\tc"}}),
            "/paymentDescription",
            json!("a b c"),
        ),
        (
            json!({"transaction": {"transactionText": "ab"}}),
            "/paymentDescription",
            json!("ab order-x005"),
        ),
        (
            json!({"transaction": {"transactionText": ""}}),
            "/paymentDescription",
            Value::Null,
        ),
        (
            json!({"transaction": {"transactionText": null}}),
            "/paymentDescription",
            Value::Null,
        ),
    ];
    let app = TestApp::start().await;
    for (n, (edit, member, want)) in cases.into_iter().enumerate() {
        check_sent(&app, n, &edit, member, &want).await;
    }
}

#[tokio::test]
async fn initiate_reads_phone_numbers_and_airline_data() {
    let cases = [
        (
            json!({"customerInfo": {"mobileNumber": 0}}),
            "/customer",
            Value::Null,
        ),
        (
            json!({"customerInfo": {"mobileNumber": "+47 912 34 567"}}),
            "/customer/phoneNumber",
            json!("4791234567"),
        ),
        (
            json!({"customerInfo": {"mobileNumber": 91234567}}),
            "/customer/phoneNumber",
            json!("4791234567"),
        ),
        (
            json!({"customerInfo": {"mobileNumber": "004591234567"}}),
            "/customer/phoneNumber",
            json!("4591234567"),
        ),
        (
            json!({"merchantInfo": {"fallBack": "myapp://back"}}),
            "/returnUrl",
            json!("myapp://back"),
        ),
        (
            json!({"transaction": {"additionalData": {"passengerName": "P", "airlineCode": "074",
                "airlineDesignatorCode": "KL", "ticketNumber": "1", "agencyInvoiceNumber": "2"}}}),
            "/industryData/airlineData/airlineDesignatorCode",
            json!("KL"),
        ),
    ];
    let app = TestApp::start().await;
    for (n, (edit, member, want)) in cases.into_iter().enumerate() {
        check_sent(&app, n, &edit, member, &want).await;
    }
}

/// An initiate with `edit` sends `want` at `member`.
async fn check_sent(app: &TestApp, n: usize, edit: &Value, member: &str, want: &Value) {
    let id = format!("order-x{n:03}");
    let mut body = order(&id, 1000);
    merge(&mut body, edit);
    let told = app.initiating(&body).send().await.ok();
    let sent = last(app, "/epayment/v1/payments").json();
    let found = sent.pointer(member).cloned().unwrap_or_default();
    assert_eq!(found, *want, "{edit}");
    if sent["userFlow"] == "PUSH_MESSAGE" {
        assert_eq!(told["url"], FALL_BACK, "a push has no URL of its own");
    }
}

/// Puts the members of `edit` into `body`.
fn merge(body: &mut Value, edit: &Value) {
    match (body, edit) {
        (Value::Object(body), Value::Object(edit)) => {
            for (name, value) in edit {
                merge(body.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (body, edit) => *body = edit.clone(),
    }
}

#[tokio::test]
async fn a_whole_life_with_partial_captures_and_refunds() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 10_000).await;
    let told = app.capture("order-0001", 4_000, "c1").await.ok();
    assert_eq!(told["orderId"], "order-0001");
    let info = &told["transactionInfo"];
    assert_eq!(info["amount"], 4_000);
    assert_eq!(info["status"], "Captured");
    assert_eq!(info["transactionText"], "capture order-0001");
    let event = &app.seen("order-0001").events[2];
    assert_eq!(info["transactionId"], event.psp_reference);
    assert_eq!(info["timeStamp"], event.at);
    assert_eq!(told.get("paymentInstrument"), None);
    assert_eq!(
        told["transactionSummary"],
        json!({"capturedAmount": 4_000, "remainingAmountToCapture": 6_000, "refundedAmount": 0,
            "remainingAmountToRefund": 4_000})
    );
    let sent = last(&app, "/order-0001/capture");
    assert_eq!(
        sent.json(),
        json!({"modificationAmount": {"currency": "NOK", "value": 4_000}})
    );
    assert!(sent.header("idempotency-key").unwrap().starts_with("c1-"));

    let told = app.capture("order-0001", Value::Null, "c2").await.ok();
    assert_eq!(told["transactionInfo"]["amount"], 6_000);
    let told = app.refund("order-0001", 1_000, "r1").await.ok();
    assert_eq!(told.get("transactionInfo"), None);
    assert_eq!(told["transaction"]["status"], "Refund");
    assert_eq!(told["transaction"]["amount"], 1_000);
    assert_eq!(told["transactionSummary"]["remainingAmountToRefund"], 9_000);
    let told = app.refund("order-0001", 0, "r2").await.ok();
    assert_eq!(told["transaction"]["amount"], 9_000);
    assert_eq!(app.sums("order-0001"), (10_000, 10_000, 0));
    assert_eq!(
        app.refund("order-0001", Value::Null, "r3").await.error(),
        (400, "92".into())
    );
    assert_eq!(
        app.capture("order-0001", Value::Null, "c3").await.error(),
        (400, "92".into())
    );
}

#[tokio::test]
async fn cancel_before_and_after_approval() {
    let app = TestApp::start().await;
    app.initiate("order-0001", 1_000).await.ok();
    let told = app.cancel("order-0001", "").await.ok();
    assert_eq!(told["transactionInfo"]["status"], "Cancelled");
    assert_eq!(told["transactionInfo"]["amount"], 1_000);
    assert_eq!(told["transactionSummary"]["remainingAmountToCapture"], 0);
    app.reserved("order-0002", 1_000).await;
    let told = app.cancel("order-0002", "x").await.ok();
    assert_eq!(told["transactionInfo"]["amount"], 1_000);
    assert_eq!(
        told["transactionInfo"]["transactionText"],
        "cancel order-0002"
    );
    assert_eq!(told["transactionSummary"]["remainingAmountToCapture"], 0);
    assert_eq!(app.sums("order-0002"), (0, 0, 1_000));
    // The same again is answered from the record; another one finds nothing to cancel.
    assert_eq!(
        app.cancel("order-0002", "x").await.ok()["transactionInfo"]["amount"],
        1_000
    );
    assert_eq!(
        app.cancel("order-0002", "y").await.error(),
        (400, "52".into())
    );
    assert_eq!(
        app.capture("order-0002", 500, "c").await.error(),
        (400, "91".into())
    );
    assert_eq!(
        app.refund("order-0002", 500, "r").await.error(),
        (400, "73".into())
    );
}

#[tokio::test]
async fn the_flag_guards_the_money_of_a_cancel_after_capture() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 10_000).await;
    app.capture("order-0001", 4_000, "1").await.ok();
    app.took();
    let refused = app.cancel("order-0001", "2").await;
    assert_eq!(refused.error(), (402, "51".into()));
    assert_eq!(app.took(), ["GET /epayment/v1/payments/order-0001"]);
    assert_eq!(app.sums("order-0001"), (4_000, 0, 0));
    let told = app.releasing("order-0001", "2").send().await.ok();
    assert_eq!(told["transactionInfo"]["amount"], 10_000);
    assert_eq!(
        told["transactionSummary"],
        json!({"capturedAmount": 4_000, "remainingAmountToCapture": 0, "refundedAmount": 0,
            "remainingAmountToRefund": 4_000})
    );
    assert_eq!(app.sums("order-0001"), (4_000, 0, 6_000));
    let log = app.details("order-0001").await.ok();
    assert_eq!(log["transactionLogHistory"][0]["operation"], "VOID");
    assert_eq!(log["transactionLogHistory"][0]["amount"], 6_000);
    assert_eq!(log["transactionLogHistory"][0]["requestId"], "2");
    assert_eq!(
        log["transactionLogHistory"][0]["transactionText"],
        "released"
    );
}

#[tokio::test]
async fn details_and_status_through_a_life() {
    let app = TestApp::start().await;
    app.initiating(&order("order-0001", 10_000))
        .id("init-1")
        .send()
        .await
        .ok();
    let told = app.details("order-0001").await.ok();
    assert_eq!(told.get("transactionSummary"), None, "nobody has acted");
    assert_eq!(told["transactionLogHistory"][0]["operation"], "INITIATE");
    assert_eq!(told["transactionLogHistory"][0]["requestId"], "init-1");
    assert_eq!(
        app.read("order-0001", "status").await.ok()["transactionInfo"]["status"],
        "INITIATE"
    );
    assert!(app.world().fail(MSN, "order-0001"));
    let told = app.details("order-0001").await.ok();
    assert_eq!(
        told["transactionLogHistory"].as_array().unwrap().len(),
        1,
        "a declined card may be tried again"
    );
    assert!(app.world().approve(MSN, "order-0001"));
    app.capture("order-0001", 2_500, "cap-1").await.ok();
    app.refund("order-0001", 500, "ref-1").await.ok();
    let told = app.details("order-0001").await.ok();
    let log = told["transactionLogHistory"].as_array().unwrap();
    let words: Vec<_> = log
        .iter()
        .map(|e| e["operation"].as_str().unwrap())
        .collect();
    assert_eq!(
        words,
        ["REFUND", "CAPTURE", "RESERVE", "RESERVE", "INITIATE"]
    );
    let column = |name: &str| log.iter().map(|e| e[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("requestId"), ["ref-1", "cap-1", "", "", "init-1"]);
    assert_eq!(column("amount"), [500, 2_500, 10_000, 10_000, 10_000]);
    let texts = [
        "refund order-0001",
        "capture order-0001",
        "Order order-0001",
        "Order order-0001",
        "Order order-0001",
    ];
    assert_eq!(column("transactionText"), texts);
    assert_eq!(column("operationSuccess"), [true, true, true, false, true]);
    let times: Vec<_> = log
        .iter()
        .map(|e| e["timeStamp"].as_str().unwrap())
        .collect();
    assert!(times.windows(2).all(|w| w[0] > w[1]), "{times:?}");
    assert!(
        times.iter().all(|t| t.len() == 24 && t.ends_with('Z')),
        "{times:?}"
    );
    assert_eq!(
        log[4]["transactionId"], log[2]["transactionId"],
        "INITIATE shows RESERVE's number"
    );
    assert_eq!(
        told["transactionSummary"]["bankIdentificationNumber"],
        540_185
    );
    assert_eq!(
        told["transactionSummary"]["remainingAmountToCapture"],
        7_500
    );
    assert!(
        told.get("state").is_none()
            && told.get("userDetails").is_none()
            && told.get("sub").is_none()
    );
    let status = app.read("order-0001", "status").await.ok();
    assert_eq!(status["transactionInfo"]["status"], "REFUND");
    assert_eq!(
        status["transactionInfo"]["transactionId"],
        log[0]["transactionId"]
    );
    assert_eq!(status["transactionInfo"]["timeStamp"], log[0]["timeStamp"]);
}

#[tokio::test]
async fn ended_payments_show_their_end() {
    let app = TestApp::start().await;
    for (id, end, word) in [
        ("order-abrt", "reject", "CANCEL"),
        ("order-expd", "expire", "REJECTED"),
        ("order-term", "cancel", "CANCEL"),
    ] {
        app.initiate(id, 1_000).await.ok();
        match end {
            "reject" => assert!(app.world().reject(MSN, id)),
            "expire" => assert!(app.world().expire(MSN, id)),
            _ => _ = app.cancel(id, "").await.ok(),
        }
        let told = app.details(id).await.ok();
        assert_eq!(
            told["transactionLogHistory"][0]["operation"], "CANCEL",
            "{id}"
        );
        let status = app.read(id, "status").await.ok();
        assert_eq!(status["transactionInfo"]["status"], word, "{id}");
        assert_eq!(
            app.capture(id, Value::Null, "1").await.error(),
            (400, "91".into()),
            "{id}"
        );
        assert_eq!(
            app.refund(id, Value::Null, "1").await.error(),
            (400, "73".into()),
            "{id}"
        );
    }
}

#[tokio::test]
async fn user_data_only_where_a_scope_was_asked_for() {
    let app = TestApp::start().await;
    for (id, in_payment) in [("order-0001", true), ("order-0002", false)] {
        app.world()
            .change_rules(|rules| rules.user_details_in_payment = in_payment);
        let mut body = order(id, 1_000);
        body["transaction"]["scope"] = json!("name phoneNumber");
        app.initiating(&body).send().await.ok();
        assert!(app.world().approve(MSN, id));
        app.took();
        let told = app.details(id).await.ok();
        assert_eq!(told["userDetails"]["userId"], told["sub"]);
        assert_eq!(told["userDetails"]["firstName"], "Ada");
        assert_eq!(told["userDetails"]["lastName"], "Lovelace");
        assert_eq!(
            told["userDetails"]["mobileNumber"], PHONE,
            "without the country code"
        );
        assert_eq!(told["userDetails"].get("email"), None, "not asked for");
        let userinfo = app.took().iter().any(|r| r.contains("userinfo"));
        assert_eq!(userinfo, !in_payment, "the fallback only where needed");
    }
}

#[tokio::test]
async fn a_short_order_id_lives_its_whole_life() {
    let app = TestApp::start().await;
    app.reserved("W17", 5_000).await;
    assert_eq!(app.seen("ecom-id-W17").amount.minor_units(), 5_000);
    assert_eq!(app.capture("W17", 2_000, "1").await.ok()["orderId"], "W17");
    assert_eq!(app.refund("W17", 1_000, "1").await.ok()["orderId"], "W17");
    assert_eq!(
        app.releasing("W17", "1").send().await.ok()["orderId"],
        "W17"
    );
    let told = app.details("W17").await.ok();
    assert_eq!(told["orderId"], "W17");
    let ids: Vec<_> = told["transactionLogHistory"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["requestId"].clone())
        .collect();
    assert_eq!(ids, ["1", "1", "1", "", ""]);
    assert_eq!(app.read("W17", "status").await.ok()["orderId"], "W17");
    assert_eq!(app.sums(&reference("W17")), (2_000, 1_000, 3_000));
    // What would collide with a short one goes to eCom.
    let answer = app.initiate("ecom-id-W17", 1_000).await;
    assert_eq!(answer.route(), "ecom");
}

#[tokio::test]
async fn force_approve_answers_an_empty_object() {
    let app = TestApp::start().await;
    app.initiate("order-0001", 1_000).await.ok();
    let token = app.seen("order-0001").token;
    let ask = app.ask(
        "POST",
        "/ecomm/v2/integration-test/payments/order-0001/approve",
    );
    let answer = ask
        .json(&json!({"customerPhoneNumber": PHONE, "token": token}))
        .send()
        .await;
    assert_eq!(answer.ok(), json!({}));
    let sent = last(&app, "/approve");
    assert_eq!(sent.target, "/epayment/v1/test/payments/order-0001/approve");
    assert_eq!(
        sent.json(),
        json!({"customer": {"phoneNumber": format!("47{PHONE}")}, "token": token})
    );
    assert_eq!(
        app.read("order-0001", "status").await.ok()["transactionInfo"]["status"],
        "RESERVE"
    );
}

#[tokio::test]
async fn the_currency_and_the_interaction_are_the_merchants() {
    let merchant = format!(
        "msn = \"{MSN}\"\ncurrency = \"DKK\"\ncountry_code = \"45\"\ncustomer_interaction = \"CUSTOMER_PRESENT\""
    );
    let app = with(&[("merchant", &merchant)]).start().await;
    app.reserved("order-0001", 1_000).await;
    let sent = last(&app, "/epayment/v1/payments").json();
    assert_eq!(sent["amount"]["currency"], "DKK");
    assert_eq!(sent["customer"]["phoneNumber"], format!("45{PHONE}"));
    assert_eq!(sent["customerInteraction"], "CUSTOMER_PRESENT");
    app.capture("order-0001", 500, "1").await.ok();
    assert_eq!(
        last(&app, "/capture").json()["modificationAmount"]["currency"],
        "DKK"
    );
}
