//! B10, B11: one merchant never reads, changes, hears of or learns about another's payments through the bridge.

use serde_json::{Value, json};

use crate::support::app::{MSN, TestApp};
use crate::support::callbacks::{Shop, a_merchant, reached};
use crate::support::client::Answer;
use crate::support::shop::{Ask, change, order};
use crate::support::{eventually, until};

/// The simulator's second client, and its unit.
const THEIR_KEY: &str = "other-subscription-key";
const THEIR_MSN: &str = "654321";
/// Sums that stand in nobody else's answers.
const OURS: i64 = 12_347;
const THEIRS: i64 = 98_761;

/// The other merchant's own call: its key, its token, its unit.
fn their(app: &TestApp, ask: Ask) -> Ask {
    let token = app.world().issue_token(THEIR_KEY).unwrap();
    ask.header("Authorization", &format!("Bearer {token}"))
        .header("Ocp-Apim-Subscription-Key", THEIR_KEY)
        .header("Merchant-Serial-Number", THEIR_MSN)
}

fn of_theirs(mut body: Value) -> Value {
    body["merchantInfo"]["merchantSerialNumber"] = json!(THEIR_MSN);
    body
}

/// Every way in which the other merchant may name a payment that is not its own.
fn ways(app: &TestApp, ask: impl Fn(&Value) -> Ask, body: &Value) -> Vec<(&'static str, Ask)> {
    let own = of_theirs(body.clone());
    let mut nobodys = body.clone();
    nobodys["merchantInfo"] = json!({});
    vec![
        ("its own unit", their(app, ask(&own))),
        ("our unit in the body", their(app, ask(body))),
        (
            "our unit everywhere",
            their(app, ask(body)).header("Merchant-Serial-Number", MSN),
        ),
        (
            "our unit in the header",
            their(app, ask(&own)).header("Merchant-Serial-Number", MSN),
        ),
        (
            "no unit at all",
            their(app, ask(&nobodys)).without("Merchant-Serial-Number"),
        ),
        (
            "our token with its key",
            ask(body).header("Ocp-Apim-Subscription-Key", THEIR_KEY),
        ),
        (
            "its token with our key",
            their(app, ask(body))
                .header("Ocp-Apim-Subscription-Key", crate::support::app::KEY)
                .header("Merchant-Serial-Number", MSN),
        ),
    ]
}

/// It was refused, and nothing of our payment stands in the answer.
fn learns_nothing(what: &str, answer: &Answer) {
    assert!(answer.status >= 400, "{what}: {}", answer.text());
    for ours in [OURS.to_string(), "123.47".to_owned(), "our text".to_owned()] {
        assert!(!answer.text().contains(&ours), "{what}: {}", answer.text());
    }
}

#[tokio::test]
async fn b11_keys_of_one_merchant_do_nothing_to_a_payment_of_another() {
    for values in [&[][..], &[("reads.details_cache", "\"5s\"")]] {
        let mut shop = Shop::of(reached(values)).await;
        // What names no unit may be asked of eCom with the other merchant's keys: it knows nothing of them there.
        shop.app.forgetful = true;
        let app = &shop.app;
        let mut body = shop.body("order-0001", OURS);
        body["transaction"]["transactionText"] = json!("our text");
        shop.order_as(&body).await;
        shop.approve("order-0001");
        app.capture("order-0001", 1_000, "one").await.ok();
        // Answered from a look that is kept, where that is on.
        app.details("order-0001").await.ok();
        let before = app.sums("order-0001");

        for read in ["details", "status"] {
            let ask = |_: &Value| app.ask("GET", &format!("/ecomm/v2/payments/order-0001/{read}"));
            for (way, ask) in ways(app, ask, &change(1, "x")) {
                learns_nothing(&format!("{read}, {way}"), &ask.send().await);
            }
        }
        for op in ["capture", "refund", "cancel"] {
            let ask = |body: &Value| app.changing(op, "order-0001", 500, "theirs").json(body);
            for (way, ask) in ways(app, ask, &change(500, "x")) {
                learns_nothing(&format!("{op}, {way}"), &ask.send().await);
            }
        }
        assert_eq!(app.sums("order-0001"), before, "nothing was moved");
        // And ours goes on as if nothing had been: the same change again is the same change.
        app.capture("order-0001", 1_000, "one").await.ok();
        assert_eq!(app.sums("order-0001"), before);
        app.refund("order-0001", 500, "back").await.ok();
    }
}

#[tokio::test]
async fn b10_two_merchants_with_one_order_id_never_meet() {
    let shop = Shop::start().await;
    let (app, theirs) = (&shop.app, a_merchant().await);
    shop.order_as(&shop.body("order-0001", OURS)).await;
    let mut body = of_theirs(order("order-0001", THEIRS));
    body["merchantInfo"]["callbackPrefix"] = json!(format!("{}/vipps/", theirs.base_url()));
    body["merchantInfo"]["authToken"] = json!("canary-of-the-other");
    their(app, app.initiating(&body)).send().await.ok();
    // Webhooks of both units are there before anything happens.
    eventually(async || app.callbacks().webhooks(None).await.unwrap().len() == 2).await;
    assert!(app.world().approve(MSN, "order-0001"));
    assert!(app.world().approve(THEIR_MSN, "order-0001"));

    app.capture("order-0001", 1_000, "same-id").await.ok();
    let body = of_theirs(change(2_000, "x"));
    let ask = app.changing("capture", "order-0001", 2_000, "same-id");
    their(app, ask.json(&body)).send().await.ok();
    assert_eq!(app.sums("order-0001").0, 1_000);
    let seen = app.world().payment(THEIR_MSN, "order-0001").unwrap();
    assert_eq!(seen.captured.minor_units(), 2_000);

    let ours = app.details("order-0001").await;
    let read = app.ask("GET", "/ecomm/v2/payments/order-0001/details");
    let answer = their(app, read).send().await;
    assert_eq!(ours.ok()["transactionSummary"]["capturedAmount"], 1_000);
    assert_eq!(answer.ok()["transactionSummary"]["capturedAmount"], 2_000);
    assert!(!answer.text().contains(&OURS.to_string()));
    assert!(!ours.text().contains(&THEIRS.to_string()));

    // Each is called back at its own address, with its own token and its own sum.
    until(|| !theirs.callbacks().is_empty() && !shop.merchant.callbacks().is_empty()).await;
    shop.quiet().await;
    for (at, unit, sum, token) in [
        (&shop.merchant, MSN, OURS, crate::support::shop::AUTH_TOKEN),
        (&theirs, THEIR_MSN, THEIRS, "canary-of-the-other"),
    ] {
        for told in at.callbacks() {
            assert_eq!(told.json()["merchantSerialNumber"], unit);
            assert_eq!(told.json()["transactionInfo"]["amount"], sum);
            assert_eq!(told.header("authorization"), Some(token));
        }
    }
}

#[tokio::test]
async fn an_event_of_one_unit_calls_no_shop_of_another() {
    let shop = Shop::start().await;
    let app = &shop.app;
    shop.order_as(&shop.body("order-0001", OURS)).await;
    // The other unit is known to the bridge, and its webhook is in order.
    their(app, app.initiating(&of_theirs(order("order-0002", THEIRS))))
        .send()
        .await
        .ok();
    eventually(async || app.callbacks().webhooks(None).await.unwrap().len() == 2).await;
    // Signed with the other unit's secret, about our payment: once as its own, once as ours.
    for unit in [THEIR_MSN, MSN] {
        let event = json!({
            "msn": unit, "reference": "order-0001", "pspReference": format!("p-{unit}"), "name": "AUTHORIZED",
            "amount": {"currency": "NOK", "value": OURS}, "timestamp": "2026-01-02T03:04:05.1234567Z",
            "success": true,
        });
        assert_eq!(app.world().send_webhook(THEIR_MSN, &event, None), 1);
    }
    until(|| {
        let all = app.world().deliveries();
        all.iter().filter(|one| one.status.is_some()).count() >= 2
    })
    .await;
    shop.quiet().await;
    assert!(shop.merchant.callbacks().is_empty());
    // The payment of ours is told of when it happens.
    shop.approve("order-0001");
    assert_eq!(shop.told(1).await.len(), 1);
}
