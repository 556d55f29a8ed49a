//! What real legacy clients do, one test for each habit: what they send is taken, what they parse is there.

use serde_json::{Value, json};

use crate::support::app::{KEY, MSN, OTHER_MSN, TestApp, with};
use crate::support::client::Client;
use crate::support::shop::{PHONE, change, order};

#[tokio::test]
async fn cr108_sends_a_trailing_slash_and_request_id_1_for_everything() {
    let app = TestApp::start().await;
    let ask = app
        .ask("POST", "/ecomm/v2/payments/")
        .json(&order("order-0001", 1_000));
    let ask = ask
        .id("1")
        .header("client_id", "demo-client")
        .header("client_secret", "demo-secret");
    ask.send().await.ok();
    let sent = app.world().requests();
    assert!(sent.iter().all(|r| r.header("client_secret").is_none()));
    assert!(app.world().approve(MSN, "order-0001"));
    // It sends 0 for all that remains.
    let told = app.capture("order-0001", 0, "1").await.ok();
    assert_eq!(told["transactionInfo"]["amount"], 1_000);
    app.refund("order-0001", 300, "1").await.ok();
    // Anything without errorGroup is a success to it, so a conflict must have one.
    let second = app.refund("order-0001", 200, "1").await;
    assert_eq!(second.error(), (400, "93".into()));
    assert_eq!(second.json()[0]["errorGroup"], "VippsError");
    assert_eq!(app.sums("order-0001"), (1_000, 300, 0));
    let twice = ask.send().await;
    assert_eq!(
        twice.error(),
        (400, "34".into()),
        "no replay of an initiate"
    );
}

#[tokio::test]
async fn go_sends_a_query_null_bodies_and_no_msn_header() {
    let app = TestApp::start().await;
    let mut body = order("order-0001", 1_000);
    body["customerInfo"]["mobileNumber"] = json!(0);
    let ask = app
        .ask("POST", "/ecomm/v2/payments?scopes=name")
        .json(&body);
    let told = ask.without("Merchant-Serial-Number").send().await.ok();
    assert!(told["url"].is_string() && told["orderId"].is_string());
    assert!(app.world().approve(MSN, "order-0001"));
    let capture = app.changing("capture", "order-0001", 0, "");
    let capture = capture
        .header("X-Request-Id", "")
        .without("Merchant-Serial-Number");
    let told = capture.send().await.ok();
    assert!(
        told["transactionInfo"]["transactionId"].is_string(),
        "a number fails"
    );
    assert!(told["transactionInfo"]["amount"].is_i64());
    let details = app.ask("GET", "/ecomm/v2/payments/order-0001/details");
    let told = details
        .without("Merchant-Serial-Number")
        .text("null")
        .send()
        .await
        .ok();
    assert!(told["transactionSummary"]["bankIdentificationNumber"].is_i64());
    assert_eq!(
        told["transactionLogHistory"][0]["requestId"], "",
        "the bridge's own key is none"
    );
    let refused = app.capture("order-0001", 500, "").await;
    assert!(refused.json().is_array(), "errors are arrays");
}

#[tokio::test]
async fn om_sends_the_raw_token_nulls_and_float_amounts() {
    let app = TestApp::start().await;
    let body = format!(
        r#"{{"customerInfo":{{"mobileNumber":null}},"merchantInfo":{{"merchantSerialNumber":"{MSN}","callbackPrefix":"https://a.example/c","fallBack":"https://a.example/f","authToken":null,"consentRemovalPrefix":null,"isApp":null,"paymentType":null,"shippingDetailsPrefix":null}},"transaction":{{"orderId":"order-0001","amount":1998.0,"transactionText":null,"refOrderId":null,"timeStamp":"2020-01-01T00:00:00+0000","scope":null,"skipLandingPage":null}}}}"#
    );
    let ask = app
        .ask("POST", "/ecomm/v2/payments")
        .text(&body)
        .header("Authorization", &app.token);
    ask.id("5f9.12 ab").send().await.ok();
    assert_eq!(
        app.seen("order-0001").amount.minor_units(),
        1_998,
        "not corrected"
    );
    assert!(app.world().approve(MSN, "order-0001"));
    let ask = app
        .changing("capture", "order-0001", 1_998.0, "5f9.77")
        .header("Authorization", &app.token);
    ask.send().await.ok();
    let log = app.details("order-0001").await.ok();
    assert_eq!(log["transactionLogHistory"][0]["operation"], "CAPTURE");
    assert_eq!(log["transactionLogHistory"][0]["requestId"], "5f9.77");
}

#[tokio::test]
async fn mag251_compares_times_as_text_and_repeats_with_the_logged_id() {
    let app = TestApp::start().await;
    app.reserved("100000-42", 1_000).await;
    assert!(app.world().fail_next(MSN, "100000-42"));
    assert_eq!(app.capture("100000-42", 600, "req-id-1").await.status, 400);
    let log = app.details("100000-42").await.ok();
    let failed = &log["transactionLogHistory"][0];
    assert_eq!(failed["operationSuccess"], false);
    let id = failed["requestId"].as_str().unwrap().to_owned();
    app.capture("100000-42", 600, &id).await.ok();
    let log = app.details("100000-42").await.ok();
    let times: Vec<_> = log["transactionLogHistory"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["timeStamp"].as_str().unwrap().to_owned())
        .collect();
    assert!(times.windows(2).all(|w| w[0] > w[1]), "{times:?}");
    assert!(
        log.get("userDetails").is_none(),
        "it would take the order for Express"
    );
    // Its token parser breaks on unknown or missing members.
    let token = app
        .ask("POST", "/accessToken/get")
        .header("client_id", "demo-client")
        .header("client_secret", "demo-secret")
        .send()
        .await;
    assert_eq!(token.ok().as_object().unwrap().len(), 7);
    assert_eq!(token.route(), "pass");
}

#[tokio::test]
async fn woo417_writes_ecomm_with_a_capital_and_reads_both_parts() {
    let app = TestApp::start().await;
    let id = "woo-shop-1abc";
    let ask = app
        .ask("POST", "/Ecomm/v2/payments")
        .json(&order(id, 1_000))
        .id("0:wc_order_x");
    ask.send().await.ok();
    assert!(app.world().approve(MSN, id));
    let ask = |op: &str, method: &str, amount: i64| {
        app.ask(method, &format!("/Ecomm/v2/payments/{id}/{op}"))
            .json(&change(amount, "x"))
    };
    let told = ask("capture", "POST", 600)
        .id("0:wc_order_x")
        .send()
        .await
        .ok();
    assert!(told["transactionInfo"].is_object() && told["transactionSummary"].is_object());
    // The same key for the first refund.
    let told = ask("refund", "POST", 100)
        .id("0:wc_order_x")
        .send()
        .await
        .ok();
    assert!(told["transaction"].is_object() && told["transactionInfo"].is_null());
    let details = app
        .ask("GET", &format!("/Ecomm/v2/payments/{id}/details"))
        .id("0")
        .send()
        .await
        .ok();
    assert_eq!(details["transactionLogHistory"][0]["amount"], 100);
    assert_eq!(
        details["transactionLogHistory"][1]["requestId"],
        "0:wc_order_x"
    );
    assert!(details.get("state").is_none());
    let told = ask("cancel", "PUT", 0)
        .header("X-Request-Id", "")
        .send()
        .await;
    assert_eq!(told.error(), (402, "51".into()));
    assert_eq!(app.details("never-made").await.error(), (404, "35".into()));
}

#[tokio::test]
async fn epi_sends_numbers_and_commas_and_long_ids() {
    let app = TestApp::start().await;
    let mut body = order("1234567890123", 1_000);
    body["merchantInfo"]["merchantSerialNumber"] = json!(123_456);
    body["transaction"]["timeStamp"] = json!("0001-01-01T00:00:00");
    body["transaction"]["orderId"] = json!(1_234_567_890_123_i64);
    body["customerInfo"]["mobileNumber"] = json!(PHONE);
    let ask = app.ask("POST", "/ecomm/v2/payments").json(&body);
    assert_eq!(ask.send().await.ok()["orderId"], "1234567890123");
    assert!(app.world().approve(MSN, "1234567890123"));
    let long = format!("12,5-{}", "x".repeat(45));
    let mut body = change(600, "x");
    body["merchantInfo"]["merchantSerialNumber"] = json!(123_456);
    let ask = app
        .ask("POST", "/ecomm/v2/payments/1234567890123/capture")
        .id(&long)
        .json(&body);
    let told = ask.send().await.ok();
    assert_eq!(told["transactionInfo"]["status"], "Captured", "exact case");
    ask.send().await.ok();
    assert_eq!(app.sums("1234567890123").0, 600);
    let log = app.details("1234567890123").await.ok();
    assert_eq!(log["transactionLogHistory"][0]["requestId"], long.as_str());
    let over = app.capture("1234567890123", 100, &"y".repeat(65)).await;
    assert_eq!(over.error(), (400, "X-Request-Id".into()));
}

#[tokio::test]
async fn nd_and_dn_send_no_ids_chunked_bodies_and_no_merchant_info() {
    let app = TestApp::start().await;
    let body = order("order-0001", 1_000).to_string();
    let chunked = format!(
        "POST /ecomm/v2/payments HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {}\r\nOcp-Apim-Subscription-Key: {KEY}\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        app.token,
        body.len()
    );
    Client::to(app.addr()).await.ask(chunked).await.ok();
    assert!(app.world().approve(MSN, "order-0001"));
    let ask = app
        .ask("POST", "/ecomm/v2/payments/order-0001/capture")
        .json(&json!({"transaction": {"transactionText": "x"}}));
    ask.without("Merchant-Serial-Number").send().await.ok();
    assert_eq!(app.sums("order-0001").0, 1_000);
    let sent = app.world().requests();
    assert!(
        sent.iter()
            .all(|r| r.header("merchant-serial-number") == Some(MSN))
    );
}

#[tokio::test]
async fn a_read_without_msn_takes_it_from_the_record_then_from_the_configuration() {
    // From the record, although two units are configured for the key.
    let merchants = |app: &mut crate::support::app::Wanted| {
        for msn in [MSN, OTHER_MSN] {
            app.merchant(&format!("msn = \"{msn}\"\nsubscription_key = \"{KEY}\""));
        }
    };
    let mut wanted = with(&[]);
    merchants(&mut wanted);
    let mut app = wanted.start().await;
    app.reserved("order-0001", 1_000).await;
    let read = |app: &TestApp| {
        app.ask("GET", "/ecomm/v2/payments/order-0001/details")
            .without("Merchant-Serial-Number")
    };
    read(&app).send().await.ok();
    let last = |app: &TestApp| {
        app.world()
            .requests()
            .last()
            .unwrap()
            .header("merchant-serial-number")
            .map(str::to_owned)
    };
    assert_eq!(last(&app).as_deref(), Some(MSN));
    // Two candidates, no record: upstream judges.
    app.wipe_store().await;
    let answer = read(&app).send().await;
    assert_eq!(last(&app), None, "{}", answer.text());
    // One candidate.
    app.unset_merchants();
    app.merchant(&format!("msn = \"{MSN}\"\nsubscription_key = \"{KEY}\""));
    app.restart().await;
    read(&app).send().await.ok();
    assert_eq!(last(&app).as_deref(), Some(MSN));
}

#[tokio::test]
async fn an_unknown_initiate_is_a_doubt_for_a_reader_without_msn_too() {
    use ecom_bridge::simulator::{Action, Fault};
    let app = TestApp::start().await;
    app.reserved("order-0000", 1_000).await;
    app.world().add_fault(
        Fault::always("/epayment/v1/payments", Action::Hang { processed: false }).on("POST"),
    );
    assert_eq!(app.initiate("order-0001", 1_000).await.status, 502);
    let read = app.ask("GET", "/ecomm/v2/payments/order-0001/details");
    let answer = read.without("Merchant-Serial-Number").send().await;
    assert_eq!(
        answer.status,
        502,
        "a 404 would cancel the shop's order: {}",
        answer.text()
    );
}

#[tokio::test]
async fn errors_have_their_statuses() {
    let app = TestApp::start().await;
    app.initiate("order-0001", 1_000).await.ok();
    assert_eq!(
        app.initiate("order-0001", 1_000).await.error(),
        (400, "34".into())
    );
    let mut body = order("order-0002", 1_000);
    body["customerInfo"]["mobileNumber"] = json!("12");
    assert_eq!(
        app.initiating(&body).send().await.error(),
        (400, "81".into())
    );
    app.world().change_rules(|r| {
        r.unknown_numbers = vec!["4790000001".into()];
        r.numbers_without_card = vec!["4790000002".into()];
    });
    for (phone, code) in [("90000001", "81"), ("90000002", "41")] {
        body["customerInfo"]["mobileNumber"] = json!(phone);
        assert_eq!(
            app.initiating(&body).send().await.error(),
            (400, code.into())
        );
    }
    body["customerInfo"]["mobileNumber"] = json!(PHONE);
    assert!(
        app.world()
            .change_unit(MSN, |unit| unit.push_allowed = false)
    );
    body["transaction"]["skipLandingPage"] = json!(true);
    assert_eq!(
        app.initiating(&body).send().await.error(),
        (400, "38".into())
    );
    body["customerInfo"] = json!({});
    assert_eq!(
        app.initiating(&body).send().await.error().1,
        "customerInfo.mobileNumber"
    );
    let mut body = order("order-0002", 1_000);
    body["transaction"]["scope"] = json!("nin");
    assert_eq!(
        app.initiating(&body).send().await.error(),
        (403, "51".into())
    );
    assert!(app.world().change_unit(MSN, |unit| unit.limit =
        ecom_bridge::types::Amount::new(5_000)));
    assert_eq!(
        app.initiate("order-0003", 5_001).await.error(),
        (400, "33".into())
    );
    assert!(
        app.world()
            .change_unit(MSN, |unit| unit.refund_allowed = false)
    );
    app.reserved("order-0004", 1_000).await;
    app.capture("order-0004", 500, "1").await.ok();
    assert_eq!(
        app.refund("order-0004", 100, "1").await.error(),
        (400, "74".into())
    );
    assert_eq!(app.refund("order-0001", 100, "1").await.error().1, "74");
    assert!(
        app.world()
            .change_unit(MSN, |unit| unit.refund_allowed = true)
    );
    assert_eq!(
        app.refund("order-0001", 100, "2").await.error(),
        (400, "72".into())
    );
    assert_eq!(
        app.refund("order-0001", Value::Null, "3").await.error(),
        (400, "72".into())
    );
}

#[tokio::test]
async fn bad_input_costs_nothing_upstream() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.took();
    let long = "x".repeat(101);
    let cases: Vec<(Value, &str)> = vec![
        (json!({"amount": 99}), "transaction.amount"),
        (json!({"amount": "1000"}), "transaction.amount"),
        (json!({"orderId": ""}), "transaction.orderId"),
        (json!({"orderId": "x".repeat(51)}), "transaction.orderId"),
        (
            json!({"transactionText": long}),
            "transaction.transactionText",
        ),
        (json!({"orderId": null}), "transaction.orderId"),
    ];
    for (edit, code) in cases {
        let mut body = order("order-0002", 1_000);
        for (name, value) in edit.as_object().unwrap() {
            body["transaction"][name] = value.clone();
        }
        assert_eq!(
            app.initiating(&body).send().await.error(),
            (400, code.into()),
            "{edit}"
        );
    }
    for (name, value, code) in [
        (
            "callbackPrefix",
            json!("http://public.example.com"),
            "merchantInfo.callbackPrefix",
        ),
        ("callbackPrefix", Value::Null, "merchantInfo.callbackPrefix"),
        (
            "fallBack",
            json!("http://x.example"),
            "merchantInfo.fallBack",
        ),
        (
            "merchantSerialNumber",
            json!("12"),
            "merchantInfo.merchantSerialNumber",
        ),
    ] {
        let mut body = order("order-0002", 1_000);
        body["merchantInfo"][name] = value.clone();
        assert_eq!(
            app.initiating(&body).send().await.error().1,
            code,
            "{name} {value}"
        );
    }
    assert!(app.took().is_empty());
}

#[tokio::test]
async fn what_is_no_call_costs_nothing_upstream() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.took();
    for text in [
        "",
        "null",
        "[]",
        "{",
        "\u{feff}{}",
        "{\"a\":1}",
        "{\"transaction\":{\"amount\":1e400}}",
    ] {
        for (method, path) in [
            ("POST", "/ecomm/v2/payments"),
            ("POST", "/ecomm/v2/payments/order-0001/capture"),
        ] {
            assert_eq!(
                app.ask(method, path).text(text).send().await.error().0,
                400,
                "{text}"
            );
        }
    }
    let xml = app
        .ask("POST", "/ecomm/v2/payments")
        .header("Content-Type", "text/xml")
        .text("{}");
    assert_eq!(xml.send().await.error().0, 415);
    for (method, path, status) in [
        ("GET", "/ecomm/v2/payments", 405),
        ("POST", "/ecomm/v2/payments/order-0001/cancel", 405),
        ("GET", "/ecomm/v2/payments/order-0001/nothing", 404),
        ("GET", "/ecomm/v2/payments/a/../order-0001/details", 400),
        ("GET", "/ecomm/v2/payments/%2e%2e/details", 400),
    ] {
        assert_eq!(
            app.ask(method, path).send().await.error().0,
            status,
            "{method} {path}"
        );
    }
    let huge = app
        .ask("POST", "/ecomm/v2/payments")
        .text(&format!("{{\"x\":\"{}\"}}", "y".repeat(2 << 20)));
    assert_eq!(huge.send().await.error().0, 413);
    assert!(app.took().is_empty());
}
