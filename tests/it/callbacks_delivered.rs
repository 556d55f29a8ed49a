//! Part C of the faults, callback out: shops that fail, dead letters, operators, private addresses.

use std::time::Duration;

use ecom_bridge::simulator::merchant::Manner;
use ecom_bridge::store::CallbackState;
use serde_json::{Value, json};

use crate::support::callbacks::{Shop, a_merchant};
use crate::support::client::Answer;
use crate::support::shop::AUTH_TOKEN;
use crate::support::{eventually, soon, until};

const SHORT: (&str, &str) = ("callbacks.schedule", "[\"0s\", \"30s\", \"10m\"]");

async fn state(shop: &Shop) -> CallbackState {
    shop.listed().await[0].state
}

/// Until the only callback has been tried so often, and is settled.
async fn tried(shop: &Shop, attempts: u32) {
    eventually(async || {
        shop.listed()
            .await
            .first()
            .is_some_and(|c| c.attempts == attempts)
    })
    .await;
}

#[tokio::test]
async fn c10_whatever_the_shop_answers_it_is_told_again() {
    for (status, words) in [
        (500, "answered 500"),
        (404, "answered 404"),
        (410, "answered 410 (gone)"),
        (301, "answered 301 (redirects are not followed)"),
        (429, "answered 429"),
        (100, "200"),
    ] {
        let shop = Shop::with(&[SHORT, ("callbacks.timeout", "\"200ms\"")]).await;
        shop.order("order-0001").await;
        let elsewhere = a_merchant().await;
        let mut manner = Manner::status(status);
        manner.headers = vec![("Location".to_owned(), elsewhere.base_url())];
        if status == 100 {
            // 200, but too late.
            manner = Manner {
                delay: Duration::from_secs(5),
                ..Manner::status(200)
            };
        }
        shop.merchant.answer(manner);
        shop.approve("order-0001");
        tried(&shop, 1).await;
        let listed = &shop.listed().await[0];
        let note = listed.note.clone().unwrap();
        assert!(
            note.contains(words) || status == 100 && note.contains("no answer in time"),
            "{note}"
        );
        assert_eq!(listed.state, CallbackState::Pending);
        shop.merchant.answer(Manner::status(204));
        shop.pass(Duration::from_secs(61)).await;
        eventually(async || state(&shop).await == CallbackState::Delivered).await;
        assert!(
            elsewhere.callbacks().is_empty(),
            "redirects are not followed"
        );
        let all = shop.merchant.callbacks();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].body, all[1].body, "the same bytes");
        assert!(
            all.iter()
                .all(|r| r.header("authorization") == Some(AUTH_TOKEN))
        );
    }
}

#[tokio::test]
async fn c11_a_shop_that_was_down_hears_it_when_it_is_up() {
    let shop = Shop::start().await;
    // Nobody listens there.
    let addr = crate::support::upstream::nobody().await;
    let mut body = shop.body("order-0001", 1_000);
    body["merchantInfo"]["callbackPrefix"] = json!(format!("http://{addr}/vipps"));
    shop.order_as(&body).await;
    shop.approve("order-0001");
    tried(&shop, 1).await;
    let mut hours = 0;
    for _ in 0..9 {
        let attempts = shop.listed().await[0].attempts;
        shop.pass(Duration::from_secs(8 * 3600)).await;
        hours += 8;
        // Later ones are a day apart.
        if shop.listed().await[0].due_at <= ecom_bridge::types::Clock::now(&*shop.app.clock) {
            tried(&shop, attempts + 1).await;
        }
    }
    assert!(hours >= 70 && state(&shop).await == CallbackState::Pending);
    let listener = tokio::net::TcpListener::bind(addr).await.unwrap();
    let merchant = ecom_bridge::simulator::merchant::Merchant::start(listener).unwrap();
    shop.pass(Duration::from_secs(30 * 3600)).await;
    assert!(merchant.wait_for(1, crate::support::LIMIT).await);
    eventually(async || state(&shop).await == CallbackState::Delivered).await;
    assert_eq!(merchant.callbacks().len(), 1);
}

async fn dead(shop: &Shop, id: &str) -> i64 {
    shop.merchant.answer(Manner::status(500));
    shop.order(id).await;
    shop.approve(id);
    for attempts in 1..=3 {
        tried(shop, attempts).await;
        if attempts < 3 {
            shop.pass(Duration::from_secs(1_500)).await;
        }
    }
    eventually(async || state(shop).await == CallbackState::Dead).await;
    shop.listed().await[0].id.0
}

fn status_of(answer: &Answer) -> u16 {
    assert!(!answer.text().contains(AUTH_TOKEN) && !answer.text().contains("/vipps/"));
    answer.status
}

#[tokio::test]
async fn c16_a_dead_letter_is_replayed_once_for_each_command() {
    let shop = Shop::with(&[SHORT]).await;
    let id = dead(&shop, "order-0001").await;
    assert_eq!(shop.counts().await.dead, 1);
    let listed = shop
        .operate("GET", "/api/callbacks?state=dead", &Value::Null)
        .await;
    assert_eq!(status_of(&listed), 200);
    let one = &listed.json()["callbacks"][0];
    assert_eq!(
        (&one["id"], &one["orderId"]),
        (&json!(id), &json!("order-0001"))
    );
    let shown = shop
        .operate("GET", &format!("/api/callbacks/{id}"), &Value::Null)
        .await;
    assert!(
        shown.json()["note"]
            .as_str()
            .unwrap()
            .contains("given up after 3 attempts")
    );
    // It does not come back by itself: not by a repeat of the event, a poll, or a restart.
    shop.app.world().redeliver_webhooks(None);
    shop.heard().await;
    assert_eq!(shop.merchant.callbacks().len(), 3);
    shop.merchant.clear();
    shop.merchant.answer(Manner {
        delay: Duration::from_millis(300),
        ..Manner::status(200)
    });
    let replay = format!("/api/callbacks/{id}/replay");
    assert_eq!(
        status_of(&shop.operate("POST", &replay, &Value::Null).await),
        200
    );
    assert_eq!(
        status_of(&shop.operate("POST", &replay, &Value::Null).await),
        409,
        "twice"
    );
    until(|| shop.merchant.callbacks().len() == 1).await;
    assert_eq!(
        status_of(&shop.operate("POST", &replay, &Value::Null).await),
        409,
        "on its way"
    );
    let told = shop.told(1).await;
    assert_eq!(
        told[0].header("authorization"),
        Some(AUTH_TOKEN),
        "kept for the replay"
    );
    eventually(async || state(&shop).await == CallbackState::Delivered).await;
    assert_eq!(
        status_of(&shop.operate("POST", &replay, &Value::Null).await),
        409,
        "delivered"
    );
    assert_eq!(
        status_of(
            &shop
                .operate("POST", "/api/callbacks/999/replay", &Value::Null)
                .await
        ),
        404
    );
}

#[tokio::test]
async fn c18_a_dropped_one_says_who_and_why() {
    let mut shop = Shop::with(&[SHORT]).await;
    let id = dead(&shop, "order-0001").await;
    let path = format!("/api/callbacks/{id}/drop");
    for nobody in [
        json!({"who": " ", "why": "x"}),
        json!({"who": "ada", "why": ""}),
        json!({}),
    ] {
        let answer = shop.operate("POST", &path, &nobody).await;
        assert!(
            (400..500).contains(&status_of(&answer)),
            "{}",
            answer.text()
        );
    }
    let said = json!({"who": "ada", "why": "the shop is closed"});
    assert_eq!(status_of(&shop.operate("POST", &path, &said).await), 200);
    assert_eq!(status_of(&shop.operate("POST", &path, &said).await), 409);
    shop.app.restart().await;
    let one = &shop.listed().await[0];
    assert_eq!(one.state, CallbackState::Dropped);
    assert_eq!(
        one.note.as_deref(),
        Some("dropped by ada: the shop is closed")
    );
    shop.app.world().redeliver_webhooks(None);
    shop.heard().await;
    assert_eq!(
        (shop.listed().await.len(), shop.counts().await.pending),
        (1, 0)
    );
}

#[tokio::test]
async fn c12_one_slow_shop_delays_no_other() {
    let shop = Shop::with(&[("callbacks.timeout", "\"10s\"")]).await;
    let slow = a_merchant().await;
    slow.answer(Manner {
        delay: Duration::from_secs(8),
        ..Manner::status(200)
    });
    for n in 0..20 {
        let mut body = shop.body(&format!("slow-{n:04}"), 1_000);
        body["merchantInfo"]["callbackPrefix"] = json!(slow.base_url());
        shop.order_as(&body).await;
        shop.approve(&format!("slow-{n:04}"));
    }
    until(|| slow.callbacks().len() >= 4).await;
    let mut body = shop.body("order-0001", 1_000);
    body["merchantInfo"]["merchantSerialNumber"] = json!(crate::support::app::OTHER_MSN);
    let other = crate::support::app::OTHER_MSN;
    shop.app
        .initiating(&body)
        .header("Merchant-Serial-Number", other)
        .send()
        .await
        .ok();
    eventually(async || shop.app.callbacks().webhooks(None).await.unwrap().len() == 2).await;
    let began = std::time::Instant::now();
    assert!(shop.app.world().approve(other, "order-0001"));
    assert!(shop.merchant.wait_for(1, crate::support::LIMIT).await);
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    assert!(slow.callbacks().len() <= 8, "at most a few at once");
}

#[tokio::test]
async fn c14_private_addresses_are_dead_letters_with_the_reason() {
    let shop = Shop::with(&[
        ("callbacks.allow_private_addresses", "false"),
        ("callbacks.allow_http", "false"),
    ])
    .await;
    let port = shop.merchant.addr().port();
    let cases = [
        (format!("https://127.0.0.1:{port}"), "loopback"),
        (format!("https://localhost:{port}"), "loopback"),
        (format!("https://[::1]:{port}"), "loopback"),
        ("https://169.254.169.254/latest".to_owned(), "metadata"),
        ("https://10.1.2.3/".to_owned(), "private"),
        ("https://[64:ff9b::a00:1]/".to_owned(), "private"),
        (format!("https://2130706433:{port}"), "loopback"),
        (shop.prefix(), "http"),
        ("https://user:secret@shop.example.com/".to_owned(), "user"),
    ];
    for (n, (prefix, why)) in cases.iter().enumerate() {
        let id = format!("order-{n:04}");
        let mut body = shop.body(&id, 1_000);
        body["merchantInfo"]["callbackPrefix"] = json!(prefix);
        let answer = shop.app.initiating(&body).send().await;
        if answer.status != 200 {
            // Refused where it came: as good.
            assert_eq!(answer.status, 400, "{prefix}: {}", answer.text());
            continue;
        }
        shop.registered().await;
        shop.approve(&id);
        eventually(async || {
            shop.listed()
                .await
                .first()
                .is_some_and(|c| c.order.as_str() == id)
        })
        .await;
        eventually(async || state(&shop).await == CallbackState::Dead).await;
        let note = shop.listed().await[0].note.clone().unwrap().to_lowercase();
        assert!(note.contains(why), "{prefix}: {note}");
    }
    assert!(shop.merchant.callbacks().is_empty());
}

/// A callback on its way at a stop is ended properly; what waits stays for the next start.
#[tokio::test]
async fn a_restart_keeps_the_outbox() {
    let mut shop = Shop::with(&[SHORT]).await;
    shop.merchant.answer(Manner::status(503));
    shop.order("order-0001").await;
    shop.order("order-0002").await;
    shop.approve("order-0001");
    tried(&shop, 1).await;
    shop.merchant.answer(Manner {
        delay: Duration::from_millis(300),
        ..Manner::status(200)
    });
    shop.approve("order-0002");
    until(|| shop.merchant.callbacks().len() == 2).await;
    soon(shop.app.restart()).await;
    let ended = shop.listed().await;
    assert_eq!(ended[0].state, CallbackState::Delivered, "{ended:?}");
    assert_eq!(ended[1].state, CallbackState::Pending, "{ended:?}");
    shop.pass(Duration::from_secs(60)).await;
    shop.told(3).await;
}
