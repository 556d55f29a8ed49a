//! What the shop is told, once, in eCom's words: approve, reject, expire; and what it is not told.

use ecom_bridge::simulator::merchant::Received;
use ecom_bridge::simulator::{Act, Action, Fault};
use serde_json::{Value, json};

use crate::support::app::MSN;
use crate::support::callbacks::Shop;
use crate::support::shop::{AUTH_TOKEN, reference};
use crate::support::{eventually, says, until};

fn is_body(told: &Received, id: &str, amount: i64, status: &str) {
    let body = told.json();
    let members: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        members,
        ["merchantSerialNumber", "orderId", "transactionInfo"],
        "{body}"
    );
    assert_eq!(body["merchantSerialNumber"], json!(MSN), "as text");
    assert_eq!(body["orderId"], json!(id));
    let info = body["transactionInfo"].as_object().unwrap();
    let members: Vec<_> = info.keys().cloned().collect();
    assert_eq!(members, ["amount", "status", "timeStamp", "transactionId"]);
    assert_eq!(
        (&info["amount"], &info["status"]),
        (&json!(amount), &json!(status))
    );
    let time = info["timeStamp"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    assert!(!info["transactionId"].as_str().unwrap().is_empty());
    assert_eq!(told.header("content-type"), Some("application/json"));
    assert_eq!(told.method, "POST");
}

#[tokio::test]
async fn an_approval_is_told_once_as_ecom_told_it() {
    let shop = Shop::start().await;
    shop.order("order-0001").await;
    shop.approve("order-0001");
    let told = shop.told(1).await;
    is_body(&told[0], "order-0001", 1_000, "RESERVED");
    assert_eq!(told[0].target, "/vipps/v2/payments/order-0001");
    assert_eq!(told[0].header("authorization"), Some(AUTH_TOKEN));
    // The same number and time as details show.
    let log = &shop.app.details("order-0001").await.ok()["transactionLogHistory"];
    let info = &told[0].json()["transactionInfo"];
    assert_eq!(log[0]["operation"], "RESERVE");
    assert_eq!(log[0]["transactionId"], info["transactionId"]);
    assert_eq!(log[0]["timeStamp"], info["timeStamp"]);
}

/// However late the bridge hears of it.
#[tokio::test]
async fn a_callback_tells_when_it_happened() {
    let shop = Shop::polling(&[]).await;
    shop.order("order-0001").await;
    shop.approve("order-0001");
    shop.app.advance(std::time::Duration::from_secs(600));
    let told = shop.told(1).await;
    let log = &shop.app.details("order-0001").await.ok()["transactionLogHistory"];
    let time = &told[0].json()["transactionInfo"]["timeStamp"];
    assert_eq!(&log[0]["timeStamp"], time);
}

#[tokio::test]
async fn a_refusal_is_cancelled_and_silence_is_rejected() {
    let shop = Shop::start().await;
    shop.order("order-0001").await;
    shop.order("order-0002").await;
    assert!(shop.app.world().reject(MSN, "order-0001"));
    assert!(shop.app.world().expire(MSN, "order-0002"));
    for told in shop.told(2).await {
        let body = told.json();
        let id = body["orderId"].as_str().unwrap();
        let status = if id == "order-0001" {
            "CANCELLED"
        } else {
            "REJECTED"
        };
        is_body(&told, id, 1_000, status);
    }
}

#[tokio::test]
async fn nothing_is_told_of_what_the_shop_did_itself() {
    let shop = Shop::start().await;
    shop.order("order-0001").await;
    shop.order("order-0002").await;
    // Ended by the merchant before anybody approved.
    shop.app.cancel("order-0002", "x").await.ok();
    shop.approve("order-0001");
    shop.told(1).await;
    shop.app.capture("order-0001", 400, "a").await.ok();
    shop.app.refund("order-0001", 100, "b").await.ok();
    shop.app.releasing("order-0001", "c").send().await.ok();
    shop.quiet().await;
    let names: Vec<_> = shop
        .app
        .world()
        .deliveries()
        .iter()
        .map(|d| d.name.clone())
        .collect();
    for name in [
        "TERMINATED",
        "AUTHORIZED",
        "CAPTURED",
        "REFUNDED",
        "CANCELLED",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
    }
    assert_eq!(shop.merchant.callbacks().len(), 1);
    assert_eq!(shop.listed().await.len(), 1);
}

#[tokio::test]
async fn a_declined_card_is_told_to_nobody_until_the_end() {
    let shop = Shop::start().await;
    shop.order("order-0001").await;
    assert!(shop.app.world().fail(MSN, "order-0001"));
    shop.heard().await;
    assert!(shop.listed().await.is_empty());
    let log = &shop.app.details("order-0001").await.ok()["transactionLogHistory"];
    assert_eq!(log[0]["operation"], "INITIATE", "{log}");
    // Another card.
    shop.approve("order-0001");
    shop.told(1).await;
    assert_eq!(shop.statuses("order-0001"), ["RESERVED"]);
}

#[tokio::test]
async fn short_ids_tokens_and_prefixes_of_all_kinds() {
    let shop = Shop::start().await;
    let base = shop.merchant.base_url();
    let cases = [
        (
            "17",
            format!("{base}/a"),
            Some("Basic dXNlcjpwYXNz"),
            "/a/v2/payments/17",
        ),
        (
            "order-0002",
            format!("{base}/a/"),
            None,
            "/a/v2/payments/order-0002",
        ),
        (
            "order-0003",
            format!("{base}//"),
            None,
            "//v2/payments/order-0003",
        ),
        (
            "order-0004",
            format!("{base}/?wc=vipps&tk=a%2Fb&callback="),
            Some("x y"),
            "/?wc=vipps&tk=a%2Fb&callback=/v2/payments/order-0004",
        ),
    ];
    for (id, prefix, token, target) in cases {
        shop.merchant.clear();
        let mut body = shop.body(id, 1_000);
        body["merchantInfo"]["callbackPrefix"] = json!(prefix);
        body["merchantInfo"]["authToken"] = token.map_or(Value::Null, Value::from);
        shop.order_as(&body).await;
        shop.approve(id);
        let told = shop.told(1).await;
        is_body(&told[0], id, 1_000, "RESERVED");
        assert_eq!(told[0].target, target);
        assert_eq!(told[0].header("authorization"), token, "{id}");
    }
    assert!(shop.app.world().payment(MSN, &reference("17")).is_some());
}

/// A merchant that reads, and captures, from inside its callback handler: it must see the new state, and go through.
#[tokio::test]
async fn the_shop_may_call_back_in_while_it_is_called() {
    let mut shop = Shop::start().await;
    let (merchant, mut calls) = curious(&shop).await;
    let mut body = shop.body("order-0001", 1_000);
    body["merchantInfo"]["callbackPrefix"] = json!(merchant);
    shop.order_as(&body).await;
    shop.approve("order-0001");
    let (details, capture) = crate::support::soon(calls.recv()).await.unwrap();
    let log = &details.ok()["transactionLogHistory"];
    assert_eq!(log[0]["operation"], "RESERVE", "{log}");
    assert_eq!(capture.ok()["transactionSummary"]["capturedAmount"], 1_000);
    shop.quiet().await;
    assert_eq!(shop.app.sums("order-0001"), (1_000, 0, 0));
    assert_eq!(shop.listed().await[0].attempts, 1);
    shop.app.restart().await;
}

type Both = (
    crate::support::client::Answer,
    crate::support::client::Answer,
);

async fn curious(shop: &Shop) -> (String, tokio::sync::mpsc::Receiver<Both>) {
    let details = shop.app.ask("GET", "/ecomm/v2/payments/order-0001/details");
    let capture = shop.app.changing("capture", "order-0001", 1_000, "inside");
    let (told, calls) = tokio::sync::mpsc::channel(10);
    let addr = crate::support::upstream::scripted(move |mut socket, _| {
        let (details, capture, told) = (details.clone(), capture.clone(), told.clone());
        async move {
            let _head = crate::support::upstream::head(&mut socket).await;
            let both = (details.send().await, capture.send().await);
            crate::support::upstream::say(
                &mut socket,
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            )
            .await;
            told.send(both).await.unwrap();
        }
    })
    .await;
    (format!("http://{addr}"), calls)
}

#[tokio::test]
async fn c17_a_payment_of_ecom_is_never_called_back_for() {
    let shop = Shop::start().await;
    shop.order("order-0001").await;
    shop.app
        .world()
        .change_rules(|rules| rules.ecom_webhooks = true);
    // Through the bridge, and past it.
    let mut express = crate::support::shop::express("order-0002", 1_000);
    express["merchantInfo"]["callbackPrefix"] = json!(shop.prefix());
    let answer = shop.app.initiating(&express).send().await;
    assert_eq!(
        (answer.status, answer.route()),
        (200, "ecom"),
        "{}",
        answer.text()
    );
    let asked = shop.app.past("POST", "/ecomm/v2/payments");
    asked
        .json(&shop.body("order-0003", 1_000))
        .send()
        .await
        .ok();
    for id in ["order-0002", "order-0003"] {
        let _approved = shop.app.world().act(MSN, id, Act::Approve).unwrap();
    }
    shop.heard().await;
    // eCom's own callbacks, one each, and none of the bridge.
    until(|| shop.merchant.callbacks().len() >= 2).await;
    assert!(shop.listed().await.is_empty());
    let from_bridge = |r: &Received| r.header("user-agent").is_some_and(|a| a.contains("bridge"));
    assert!(!shop.merchant.callbacks().iter().any(from_bridge));
}

#[tokio::test]
async fn polling_alone_tells_once() {
    let shop = Shop::polling(&[]).await;
    shop.order("order-0001").await;
    shop.order("order-0002").await;
    shop.approve("order-0001");
    assert!(shop.app.world().expire(MSN, "order-0002"));
    assert!(
        shop.app.world().webhooks().is_empty(),
        "nothing to register"
    );
    shop.app.advance(std::time::Duration::from_secs(6));
    shop.told(2).await;
    assert_eq!(shop.statuses("order-0001"), ["RESERVED"]);
    assert_eq!(shop.statuses("order-0002"), ["REJECTED"]);
    // Later looks, and a read, tell nothing more.
    shop.app.took();
    for _ in 0..3 {
        shop.app.advance(std::time::Duration::from_secs(3600));
    }
    shop.app.details("order-0001").await.ok();
    shop.told(2).await;
}

#[tokio::test]
async fn poll_and_webhook_make_one_callback() {
    let shop = Shop::start().await;
    shop.order("order-0001").await;
    shop.app.world().pause_webhooks();
    shop.approve("order-0001");
    shop.app.advance(std::time::Duration::from_secs(61));
    eventually(async || shop.listed().await.len() == 1).await;
    shop.app.world().duplicate_webhooks();
    shop.app.world().resume_webhooks();
    shop.told(1).await;
    shop.app.world().redeliver_webhooks(None);
    shop.told(1).await;
    assert_eq!(shop.last_answer(), Some(200));
}

/// A poll that is answered with the log of another payment, of the same unit, tells nobody anything.
#[tokio::test]
async fn a19_a_poll_answered_for_another_payment_records_nothing() {
    let shop = Shop::polling(&[]).await;
    shop.order("order-0001").await;
    shop.order("order-0002").await;
    shop.approve("order-0002");
    let log = json!([{"reference": "order-0001", "pspReference": "900", "name": "AUTHORIZED", "success": true,
                "amount": {"currency": "NOK", "value": 1_000}, "timestamp": "2026-01-02T03:04:05.1234567Z"}]);
    let of_the_other = says(200, &log, false);
    let path = "/order-0002/events";
    shop.app
        .world()
        .add_fault(Fault::always(path, of_the_other));
    shop.app.took();
    shop.app.advance(std::time::Duration::from_secs(6));
    eventually(async || {
        let polled = |one: &String| one.ends_with(path);
        shop.app.took().iter().any(polled)
    })
    .await;
    shop.app.world().clear_faults();
    for _ in 0..3 {
        shop.app.advance(std::time::Duration::from_secs(60));
    }
    shop.told(1).await;
    assert_eq!(shop.statuses("order-0001"), [""; 0]);
    assert_eq!(shop.statuses("order-0002"), ["RESERVED"]);
    assert_eq!(shop.counts().await.unmatched, 0);
}

/// At 429 the bridge's own reads stop for a while; the shop's go on.
#[tokio::test]
async fn polling_stops_at_429() {
    let shop = Shop::polling(&[]).await;
    shop.order("order-0001").await;
    let busy = Action::Status {
        status: 429,
        body: None,
        headers: vec![],
        processed: false,
    };
    let fault = ecom_bridge::simulator::Fault::always("/events", busy);
    shop.app.world().add_fault(fault);
    let looks = || {
        let all = shop.app.world().requests();
        all.iter().filter(|r| r.path().ends_with("/events")).count()
    };
    shop.app.advance(std::time::Duration::from_secs(6));
    until(|| looks() == 1).await;
    shop.app.world().clear_faults();
    shop.approve("order-0001");
    // Half a minute later nobody looks, though every tick has come; after a minute somebody does.
    let mut beat = tokio::time::interval(std::time::Duration::from_millis(1_100));
    shop.app.advance(std::time::Duration::from_secs(30));
    for _ in 0..3 {
        beat.tick().await;
    }
    assert_eq!(looks(), 1);
    shop.app.advance(std::time::Duration::from_secs(60));
    shop.told(1).await;
}
