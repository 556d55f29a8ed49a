//! Express: to eCom byte for byte, remembered, changed through ePayment, read from eCom.

use ecom_bridge::simulator::{Action, Fault, Origin, SeenRequest, Surface};
use serde_json::{Value, json};

use crate::support::app::{MSN, TestApp, with};
use crate::support::shop::{express, order};

fn ecom(app: &TestApp) -> SeenRequest {
    app.world()
        .requests_to(Surface::Ecom)
        .pop()
        .expect("a request to eCom")
}

#[tokio::test]
async fn b7_i8_express_in_every_spelling_arrives_byte_identical() {
    let app = TestApp::start().await;
    for (n, spelling) in [
        "eComm Express Payment",
        "ecomm express payment",
        "ECOMM EXPRESS PAYMENT",
        "  eComm Express Payment\t",
    ]
    .iter()
    .enumerate()
    {
        let id = format!("express-{n}");
        let mut body = express(&id, 10_000);
        body["merchantInfo"]["paymentType"] = json!(spelling);
        body["unknown"] = json!({"big": "z".repeat(200_000)});
        // Odd white space, numbers and escapes must survive.
        let text = serde_json::to_string_pretty(&body)
            .unwrap()
            .replace("30.0", "3.00e1")
            .replace("Order", "\\u004frder");
        let ask = app
            .ask("POST", "/Ecomm/v2/payments/?x=1")
            .text(&text)
            .id("a,b");
        let ask = ask
            .header("Authorization", &app.token)
            .header("X-Forwarded-For", "1.2.3.4")
            .header("Bridge-Route", "forged")
            .header("X-Custom", "Kept As It Is");
        let answer = ask.send().await;
        assert_eq!(answer.route(), "ecom");
        answer.ok();
        let seen = ecom(&app);
        assert_eq!(seen.body, text.as_bytes(), "byte for byte");
        assert_eq!(seen.target, "/Ecomm/v2/payments/?x=1");
        assert_eq!(
            seen.header("authorization"),
            Some(app.token.as_str()),
            "as it came"
        );
        assert_eq!(seen.header("x-request-id"), Some("a,b"));
        assert_eq!(seen.header("x-custom"), Some("Kept As It Is"));
        assert_eq!(seen.header("x-forwarded-for"), None);
        assert_eq!(seen.header("bridge-route"), None);
        assert!(seen.header("idempotency-key").is_none());
        assert_eq!(app.seen(&id).origin, Origin::Express);
    }
}

#[tokio::test]
async fn express_lives_in_both_apis() {
    let mut app = with(&[("routing.refund", "\"ecom\"")]).start().await;
    for id in ["express-1", "X1"] {
        app.initiating(&express(id, 10_000)).send().await.ok();
        app.details(id).await.ok();
        assert!(app.world().approve(MSN, id));
        app.took();
        let told = app.details(id).await;
        assert_eq!(told.route(), "ecom");
        let told = told.ok();
        assert!(told["shippingDetails"]["address"]["zipCode"].is_string());
        assert_eq!(told["userDetails"]["firstName"], "Ada");
        assert_eq!(app.read(id, "status").await.route(), "ecom");
        app.took();
        let told = app.capture(id, 4_000, "1").await;
        let through = if id == "X1" { "ecom" } else { "epayment" };
        assert_eq!(
            told.route(),
            through,
            "a short one can only be named in eCom"
        );
        assert_eq!(told.ok()["transactionSummary"]["capturedAmount"], 4_000);
        assert_eq!(app.refund(id, 1_000, "1").await.route(), "ecom");
        assert_eq!(app.cancel(id, "2").await.error(), (402, "51".into()));
        assert_eq!(app.sums(id), (4_000, 1_000, 0));
        // The order is taken, whichever way it is asked for again.
        assert_eq!(
            app.initiating(&express(id, 10_000)).send().await.error(),
            (400, "34".into())
        );
        assert_eq!(app.initiate(id, 10_000).await.error(), (400, "34".into()));
        app.restart().await;
        assert_eq!(app.details(id).await.route(), "ecom", "remembered");
    }
}

#[tokio::test]
async fn an_express_initiate_of_an_epayment_order_never_reaches_ecom() {
    let app = TestApp::start().await;
    for id in ["order-0001", "B1"] {
        app.initiate(id, 1_000).await.ok();
        app.took();
        let answer = app.initiating(&express(id, 1_000)).send().await;
        assert_eq!(answer.error(), (400, "34".into()));
        assert!(app.took().is_empty());
    }
    // Also while the outcome of its creation is unknown.
    app.world().add_fault(Fault::always(
        "/epayment/v1/payments",
        Action::Hang { processed: true },
    ));
    assert!(app.initiate("order-0002", 1_000).await.is_unknown());
    app.took();
    assert_eq!(
        app.initiating(&express("order-0002", 1_000))
            .send()
            .await
            .error(),
        (400, "34".into())
    );
    app.took();
}

#[tokio::test]
async fn a_refused_express_initiate_frees_the_order() {
    let app = TestApp::start().await;
    let mut body = express("order-0001", 1_000);
    body["merchantInfo"]
        .as_object_mut()
        .unwrap()
        .remove("staticShippingDetails");
    let answer = app.initiating(&body).send().await;
    assert_eq!(
        (answer.route(), answer.error().1.as_str()),
        ("ecom", "merchantInfo.shippingDetailsPrefix")
    );
    assert_eq!(app.initiate("order-0001", 1_000).await.route(), "epayment");
    assert_eq!(app.seen("order-0001").origin, Origin::Epayment);
}

#[tokio::test]
async fn an_express_initiate_without_an_answer_is_unknown_and_bound_to_ecom() {
    let app = TestApp::start().await;
    app.world().add_fault(Fault::once(
        "/ecomm/v2/payments",
        Action::Hang { processed: true },
    ));
    let answer = app.initiating(&express("express-1", 1_000)).send().await;
    assert!(answer.is_unknown(), "{}", answer.text());
    assert_eq!(app.world().requests_to(Surface::Ecom).len(), 1, "sent once");
    assert_eq!(
        app.initiate("express-1", 1_000).await.route(),
        "ecom",
        "no second payment elsewhere"
    );
    app.details("express-1").await.ok();
    assert_eq!(app.world().payments().len(), 1);
}

#[tokio::test]
async fn a_call_to_ecom_is_sent_once_and_a_lost_answer_is_unknown() {
    let app = with(&[
        ("routing.initiate", "\"ecom\""),
        ("routing.capture", "\"ecom\""),
    ])
    .start()
    .await;
    app.initiating(&order("order-0001", 1_000))
        .send()
        .await
        .ok();
    assert!(app.world().approve(MSN, "order-0001"));
    app.took();
    app.world()
        .add_fault(Fault::once("/capture", Action::ResetAfter));
    let answer = app.capture("order-0001", Value::Null, "1").await;
    assert!(answer.is_unknown(), "{}", answer.text());
    assert_eq!(app.took().len(), 1);
    assert_eq!(
        app.capture("order-0001", Value::Null, "1").await.ok()["transactionInfo"]["amount"],
        1_000
    );
    assert_eq!(app.sums("order-0001"), (1_000, 0, 0));
    app.world().set_down(true).await;
    assert_eq!(
        app.capture("order-0001", 100, "2").await.error(),
        (502, "99".into())
    );
    app.world().set_down(false).await;
}
