//! The store is lost: what was promised to shops is made up for from what the payments themselves carry.

use secrecy::ExposeSecret;

use crate::support::app::MSN;
use crate::support::callbacks::{Shop, reached};
use crate::support::shop::AUTH_TOKEN;
use crate::support::{eventually, until};

const KEYS: &str = "msn = \"123456\"\nclient_id = \"demo-client\"\nclient_secret = \"demo-secret\"\n\
    subscription_key = \"demo-subscription-key\"";
const SEALED: (&str, &str) = (
    "store.encryption_key",
    "\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"",
);

/// Nothing of it was seen by the bridge, not even by a poll, when its store went.
async fn approved_while_away(shop: &mut Shop) {
    shop.app.world().pause_webhooks();
    shop.app.down().await;
    shop.approve("order-0001");
    shop.app.lose_store();
    shop.app.up().await;
}

/// The event is signed with a secret nobody holds any more.
#[tokio::test]
async fn an_event_of_the_old_registration_is_a_hint() {
    let mut shop = Shop::with(&[SEALED, ("merchant", KEYS)]).await;
    shop.order("order-0001").await;
    approved_while_away(&mut shop).await;
    // A new one stands beside the old.
    until(|| shop.app.world().webhooks().len() == 2).await;
    eventually(async || {
        !shop
            .app
            .callbacks()
            .webhooks(None)
            .await
            .unwrap()
            .is_empty()
    })
    .await;
    shop.app.world().resume_webhooks();
    until(|| !shop.app.world().deliveries().is_empty()).await;
    assert!(
        shop.merchant.wait_for(1, crate::support::LIMIT).await,
        "{:?}",
        shop.listed().await
    );
    assert_eq!(shop.app.world().deliveries()[0].status, Some(401));
    let told = shop.merchant.callbacks();
    assert_eq!(told[0].target, "/vipps/v2/payments/order-0001");
    assert_eq!(told[0].header("authorization"), Some(AUTH_TOKEN));
    assert_eq!(shop.statuses("order-0001"), ["RESERVED"]);
    // Neither the repeats of the old one nor a read make another.
    shop.app.details("order-0001").await.ok();
    until(|| shop.app.world().deliveries().len() >= 3).await;
    assert_eq!(shop.merchant.callbacks().len(), 1);
}

#[tokio::test]
async fn an_event_of_the_new_registration_finds_its_payment() {
    let mut shop = Shop::with(&[SEALED, ("merchant", KEYS)]).await;
    shop.order("order-0001").await;
    shop.order("17").await;
    shop.app.wipe_store().await;
    until(|| shop.app.world().webhooks().len() == 2).await;
    eventually(async || {
        !shop
            .app
            .callbacks()
            .webhooks(None)
            .await
            .unwrap()
            .is_empty()
    })
    .await;
    shop.approve("order-0001");
    shop.approve("17");
    assert!(shop.merchant.wait_for(2, crate::support::LIMIT).await);
    eventually(async || shop.counts().await.pending == 0).await;
    assert_eq!(shop.merchant.callbacks().len(), 2);
    assert_eq!(shop.statuses("17"), ["RESERVED"]);
}

#[tokio::test]
async fn a_secret_in_the_configuration_counts() {
    let mut shop = Shop::of(reached(&[SEALED])).await;
    shop.order("order-0001").await;
    let hooks = shop.app.callbacks().webhooks(None).await.unwrap();
    let secret = hooks[0].secret.expose_secret().to_owned();
    shop.app
        .merchant(&format!("{KEYS}\nwebhook_secret = \"{secret}\""));
    approved_while_away(&mut shop).await;
    eventually(async || {
        !shop
            .app
            .callbacks()
            .webhooks(None)
            .await
            .unwrap()
            .is_empty()
    })
    .await;
    shop.app.world().resume_webhooks();
    shop.told(1).await;
    assert!(
        shop.app
            .world()
            .deliveries()
            .iter()
            .all(|d| d.status == Some(200))
    );
    assert!(!shop.app.log.text().contains(&secret));
}

/// No configured keys: what the shop's next call brings is enough.
#[tokio::test]
async fn the_shops_next_call_brings_what_is_missing() {
    let mut shop = Shop::of(reached(&[SEALED])).await;
    shop.order("order-0001").await;
    shop.order("order-0002").await;
    shop.app.wipe_store().await;
    shop.approve("order-0001");
    until(|| !shop.app.world().deliveries().is_empty()).await;
    assert_eq!(
        shop.app.world().deliveries()[0].status,
        Some(404),
        "no such unit, yet"
    );
    assert!(shop.listed().await.is_empty());
    // Its details: the payment is learned, and looked at.
    let details = shop.app.details("order-0001").await.ok();
    assert_eq!(details["transactionLogHistory"][0]["operation"], "RESERVE");
    assert!(
        shop.merchant.wait_for(1, crate::support::LIMIT).await,
        "{:?}",
        shop.listed().await
    );
    // And one that nobody has approved yet.
    shop.app.details("order-0002").await.ok();
    shop.registered().await;
    assert!(shop.app.world().reject(MSN, "order-0002"));
    assert!(shop.merchant.wait_for(2, crate::support::LIMIT).await);
    assert_eq!(shop.statuses("order-0002"), ["CANCELLED"]);
}

/// Without an encryption key nothing is carried: nothing can be told, and nothing is invented.
#[tokio::test]
async fn without_a_key_nothing_is_invented() {
    let mut shop = Shop::with(&[("merchant", KEYS)]).await;
    shop.order("order-0001").await;
    shop.app.wipe_store().await;
    until(|| shop.app.world().webhooks().len() == 2).await;
    eventually(async || {
        !shop
            .app
            .callbacks()
            .webhooks(None)
            .await
            .unwrap()
            .is_empty()
    })
    .await;
    shop.approve("order-0001");
    let acknowledged = || {
        shop.app
            .world()
            .deliveries()
            .iter()
            .any(|d| d.status == Some(200))
    };
    until(acknowledged).await;
    eventually(async || shop.counts().await.unmatched == 0).await;
    assert!(shop.listed().await.is_empty() && shop.merchant.callbacks().is_empty());
    assert_eq!(
        shop.app.details("order-0001").await.ok()["transactionLogHistory"][0]["operation"],
        "RESERVE"
    );
}
