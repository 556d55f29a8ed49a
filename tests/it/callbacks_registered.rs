//! The webhook of a sales unit: made once, of exactly the events in use, kept, renewed, and never in anybody's way.

use std::time::{Duration, Instant};

use ecom_bridge::simulator::{Action, Fault, Surface};
use serde_json::{Value, json};

use crate::support::app::{KEY, MSN, OTHER_MSN};
use crate::support::callbacks::{Shop, reached};
use crate::support::{eventually, until};

const DAY: Duration = Duration::from_secs(24 * 3600 + 1);
const KEYS: &str = "msn = \"123456\"\nclient_id = \"demo-client\"\nclient_secret = \"demo-secret\"\n\
    subscription_key = \"demo-subscription-key\"";

/// Requests of the Webhooks API, by the bridge.
fn asked(shop: &Shop, method: &str) -> usize {
    let all = shop.app.world().requests_to(Surface::Webhooks);
    let own = |r: &&ecom_bridge::simulator::SeenRequest| {
        r.method == method && r.header("x-test-direct").is_none()
    };
    all.iter().filter(own).count()
}

/// Another system's webhook at Vipps.
async fn foreign_hook(shop: &Shop, url: &str) -> String {
    let body = json!({"url": url, "events": ["epayments.payment.captured.v1"]});
    let asked = shop.app.past("POST", "/webhooks/v1/webhooks").json(&body);
    let answer = asked.send().await;
    answer.ok_status();
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn trouble(shop: &Shop) -> String {
    shop.app.admin("/readyz").await.text()
}

#[tokio::test]
async fn the_first_initiate_registers_seven_events_once_and_a_restart_keeps_them() {
    let mut shop = Shop::start().await;
    foreign_hook(&shop, "http://127.0.0.1:1/other").await;
    shop.order("order-0001").await;
    shop.order("order-0002").await;
    let addr = shop.app.settings().webhooks.listen;
    let own = |shop: &Shop| {
        let mut all = shop.app.world().webhooks();
        all.retain(|r| r.url == format!("http://{addr}/webhooks/{MSN}"));
        all
    };
    let mut events = own(&shop)[0].events.clone();
    events.sort();
    let wanted = [
        "aborted",
        "authorized",
        "cancelled",
        "captured",
        "expired",
        "refunded",
        "terminated",
    ];
    assert_eq!(events, wanted.map(|e| format!("epayments.payment.{e}.v1")));
    assert_eq!(own(&shop)[0].units, [MSN]);
    shop.app.restart().await;
    shop.order("order-0003").await;
    shop.app.advance(DAY);
    shop.app.restart().await;
    shop.app.details("order-0003").await.ok();
    until(|| asked(&shop, "GET") >= 2).await;
    shop.approve("order-0001");
    shop.told(1).await;
    assert_eq!(asked(&shop, "POST"), 1, "made once");
    assert_eq!(own(&shop).len(), 1);
    assert_eq!(
        shop.app.world().webhooks().len(),
        2,
        "the other system's is untouched"
    );
}

#[tokio::test]
async fn configured_units_are_registered_at_the_start() {
    let shop = Shop::with(&[("merchant", KEYS)]).await;
    shop.registered().await;
    assert_eq!(asked(&shop, "POST"), 1);
}

/// No call is needed to be accepted first, and none is believed that was not.
#[tokio::test]
async fn a_call_that_epayment_refuses_registers_nothing() {
    let shop = Shop::start().await;
    let forged = shop.app.initiating(&shop.body("order-0001", 1_000));
    let answer = forged.header("Authorization", "Bearer forged").send().await;
    assert_eq!(answer.status, 401);
    shop.app.details("nobody-0001").await;
    assert!(
        shop.app
            .callbacks()
            .registrations()
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(asked(&shop, "GET") + asked(&shop, "POST"), 0);
}

/// Configured without keys: the start can't register; the first call can, at once.
#[tokio::test]
async fn what_a_start_could_not_do_the_first_call_does() {
    let shop = Shop::with(&[("merchant", "msn = \"123456\"")]).await;
    eventually(async || trouble(&shop).await.contains("no credentials")).await;
    assert!(
        trouble(&shop).await.starts_with("200"),
        "no reason to take no traffic"
    );
    shop.order("order-0001").await;
    eventually(async || !trouble(&shop).await.contains("no credentials")).await;
}

#[tokio::test]
async fn a_webhook_deleted_at_vipps_is_made_again() {
    let mut shop = Shop::start().await;
    shop.order("order-0001").await;
    let first = shop.app.world().webhooks()[0].id.clone();
    let asked = shop
        .app
        .past("DELETE", &format!("/webhooks/v1/webhooks/{first}"));
    asked.send().await.ok_status();
    shop.app.advance(DAY);
    shop.app.restart().await;
    // The daily look needs credentials: those of a call.
    shop.app.details("order-0001").await.ok();
    until(|| !shop.app.world().webhooks().is_empty()).await;
    let hooks = || async { shop.app.callbacks().webhooks(None).await.unwrap() };
    eventually(async || hooks().await.len() == 2).await;
    let hooks = hooks().await;
    assert!(hooks[0].retired_at.is_none() && hooks[1].retired_at.is_some() && hooks[1].id == first);
    shop.approve("order-0001");
    shop.told(1).await;
}

#[tokio::test]
async fn a_webhook_of_other_events_is_replaced_and_goes_after_eight_days() {
    let mut shop = Shop::start().await;
    let addr = shop.app.settings().webhooks.listen;
    let stale = foreign_hook(&shop, &format!("http://{addr}/webhooks/{MSN}")).await;
    let other = foreign_hook(&shop, "http://127.0.0.1:1/other").await;
    shop.order("order-0001").await;
    let ids = |shop: &Shop| {
        shop.app
            .world()
            .webhooks()
            .iter()
            .map(|r| r.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&shop).len(), 3, "the stale one stays beside it");
    for days in [6, 3] {
        assert!(ids(&shop).contains(&stale), "{days}");
        shop.app.advance(DAY * days);
        shop.app.restart().await;
        shop.app.details("order-0001").await.ok();
        let before = asked(&shop, "GET");
        eventually(async || {
            let states = shop.app.callbacks().registrations().await.unwrap();
            // Longer than a look may take: it has ended.
            let hour = Duration::from_secs(3_600);
            let later = ecom_bridge::types::Clock::now(&*shop.app.clock).plus(hour);
            states[0].next_at > later && before > 0
        })
        .await;
    }
    until(|| !ids(&shop).contains(&stale)).await;
    assert!(ids(&shop).contains(&other) && ids(&shop).len() == 2);
    shop.approve("order-0001");
    shop.told(1).await;
}

/// The Webhooks API is away, or slow: the initiate does not notice, an operator does, and it is made up for.
#[tokio::test]
async fn a_failing_api_delays_nobody_and_is_tried_again() {
    for action in [
        Action::Status {
            status: 500,
            body: None,
            headers: vec![],
            processed: false,
        },
        Action::Hang { processed: false },
        Action::Status {
            status: 429,
            body: None,
            headers: vec![],
            processed: false,
        },
    ] {
        let shop = Shop::start().await;
        shop.app
            .world()
            .add_fault(Fault::always("/webhooks/v1", action.clone()));
        let began = Instant::now();
        let answer = shop
            .app
            .initiating(&shop.body("order-0001", 1_000))
            .send()
            .await;
        assert_eq!(answer.status, 200);
        assert!(began.elapsed() < Duration::from_secs(2), "{action:?}");
        until(|| asked(&shop, "GET") >= 1).await;
        if !matches!(action, Action::Hang { .. }) {
            eventually(async || trouble(&shop).await.contains("Webhooks API")).await;
            assert!(trouble(&shop).await.starts_with("200"));
            let metrics = String::from_utf8(shop.app.admin("/metrics").await.body).unwrap();
            assert!(metrics.contains("registration"), "{metrics}");
        }
        // Polling tells meanwhile.
        shop.approve("order-0001");
        shop.app.advance(Duration::from_secs(61));
        shop.told(1).await;
        shop.app.world().clear_faults();
        if matches!(action, Action::Hang { .. }) {
            continue;
        }
        shop.operate(
            "POST",
            &format!("/api/webhooks/{MSN}/register"),
            &Value::Null,
        )
        .await
        .ok();
        assert_eq!(shop.app.world().webhooks().len(), 1);
        assert!(!trouble(&shop).await.contains("Webhooks API"));
    }
}

/// Kept secrets are the operator's business then; by hand it can be done all the same.
#[tokio::test]
async fn registering_is_off_or_by_hand() {
    let secret = "msn = \"123456\"\nwebhook_secret = \"c2VjcmV0LW9mLW15LW93bg==\"";
    let shop = Shop::with(&[("webhooks.register", "\"off\""), ("merchant", secret)]).await;
    shop.app
        .initiating(&shop.body("order-0001", 1_000))
        .send()
        .await
        .ok();
    assert_eq!(asked(&shop, "GET"), 0);
    shop.operate(
        "POST",
        &format!("/api/webhooks/{MSN}/register"),
        &Value::Null,
    )
    .await
    .ok();
    assert_eq!(shop.app.world().webhooks().len(), 1);
    let id = shop.app.world().webhooks()[0].id.clone();
    let listed = shop.operate("GET", "/api/webhooks", &Value::Null).await;
    assert!(
        listed.text().contains(&id) && !listed.text().contains("secret"),
        "{}",
        listed.text()
    );
    shop.approve("order-0001");
    shop.told(1).await;
    let path = format!("/api/webhooks/{MSN}/{id}");
    shop.operate("DELETE", &path, &Value::Null).await.ok();
    assert!(shop.app.world().webhooks().is_empty());
}

#[tokio::test]
async fn each_unit_has_its_own() {
    let shop = Shop::of(reached(&[])).await;
    shop.order("order-0001").await;
    let mut body = shop.body("order-0001", 2_000);
    body["merchantInfo"]["merchantSerialNumber"] = json!(OTHER_MSN);
    let asked = shop
        .app
        .initiating(&body)
        .header("Merchant-Serial-Number", OTHER_MSN);
    asked
        .header("Ocp-Apim-Subscription-Key", KEY)
        .send()
        .await
        .ok();
    until(|| shop.app.world().webhooks().len() == 2).await;
    eventually(async || shop.app.callbacks().webhooks(None).await.unwrap().len() == 2).await;
    assert!(shop.app.world().approve(OTHER_MSN, "order-0001"));
    let told = shop.told(1).await;
    assert_eq!(told[0].json()["merchantSerialNumber"], OTHER_MSN);
    assert_eq!(told[0].json()["transactionInfo"]["amount"], 2_000);
}
