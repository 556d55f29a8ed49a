//! Tokens that the bridge fetches itself: one fetch for all who need one, also when the kept one ends under many calls.

use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault};

use crate::support::app::{TestApp, with};
use crate::support::eventually;

const KEYS: &str = "msn = \"123456\"\nclient_id = \"demo-client\"\nclient_secret = \"demo-secret\"\n\
    subscription_key = \"demo-subscription-key\"";
const ORDERS: usize = 8;

/// Requests to a path that ends so and were answered with this status, since the requests were cleared.
fn answered(app: &TestApp, end: &str, status: u16) -> usize {
    let all = app.world().requests();
    all.iter()
        .filter(|one| one.path().ends_with(end) && one.status == Some(status))
        .count()
}

/// All payments become due, are read, and have their next time: what is put off again after the clock was moved on
/// would not be due.
async fn all_are_read(app: &TestApp) {
    let before = put_off(app).await;
    app.advance(Duration::from_secs(3_600));
    eventually(async || answered(app, "/events", 200) >= ORDERS).await;
    eventually(async || put_off(app).await >= before + ORDERS as f64).await;
}

/// How many looks have ended in the store.
async fn put_off(app: &TestApp) -> f64 {
    let name = "bridge_store_seconds_count{step=\"settle_poll\"}";
    app.counted(name).await.unwrap_or_default()
}

/// Payments that nobody has approved; the shop's own token has ended, and one of the bridge's own is kept.
async fn with_a_token_of_its_own() -> TestApp {
    let app = with(&[("merchant", KEYS)]).start().await;
    app.world().change_rules(|rules| rules.lifetime_s = 0);
    for n in 0..ORDERS {
        app.initiate(&format!("order-{n:04}"), 1_000).await.ok();
    }
    app.took();
    app.world().expire_tokens();
    all_are_read(&app).await;
    assert_eq!(answered(&app, "/accesstoken/get", 200), 1);
    app.took();
    app
}

#[tokio::test]
async fn a17_a_token_that_ends_under_many_calls_is_fetched_once() {
    let app = with_a_token_of_its_own().await;
    app.world().expire_tokens();
    // They begin one after another over a second, so each must be there until the last has begun.
    let slow = Action::Delay {
        before_ms: 1_500,
        after_ms: 0,
    };
    app.world().add_fault(Fault::always("/events", slow));
    all_are_read(&app).await;
    assert!(answered(&app, "/events", 401) > 1, "several met the end");
    assert_eq!(answered(&app, "/accesstoken/get", 200), 1, "one refresh");
}

#[tokio::test]
async fn a17_a_shop_s_own_401_is_the_shop_s() {
    let app = with_a_token_of_its_own().await;
    app.world().expire_tokens();
    let answer = app.details("order-0000").await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    let answer = app.capture("order-0000", 400, "x").await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_eq!(app.metric("bridge_ambiguous_open").await, 0.0);
}

#[tokio::test]
async fn a18_with_the_token_endpoint_down_a_good_token_serves_on() {
    let app = with_a_token_of_its_own().await;
    let down = Action::Status {
        status: 503,
        body: None,
        headers: vec![],
        processed: false,
    };
    app.world()
        .add_fault(Fault::always("/accesstoken/get", down));
    all_are_read(&app).await;
    assert_eq!(answered(&app, "/accesstoken/get", 503), 0, "not asked");
}
