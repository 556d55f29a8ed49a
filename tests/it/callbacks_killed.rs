//! C1: what the real binary has in hand when it dies: a registration that two instances want, a direct capture that is
//! sent and not recorded. `killed.rs` has the random moments and every step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault};
use serde_json::json;

use crate::support::app::{MSN, OTHER_MSN};
use crate::support::callbacks::{Shop, free_address};
use crate::support::postgres::Postgres;
use crate::support::process::Process;
use crate::support::{eventually, until};

fn unit(msn: &str, direct: bool) -> String {
    format!(
        "msn = \"{msn}\"\nclient_id = \"demo-client\"\nclient_secret = \"demo-secret\"\n\
         subscription_key = \"demo-subscription-key\"\ndirect_capture = {direct}"
    )
}

/// A capture is sent again with its own key only.
fn one_key_each(shop: &Shop) {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in shop.app.world().requests() {
        if request.path().ends_with("/capture") {
            let key = request.header("idempotency-key").unwrap().to_owned();
            keys.entry(request.path().to_owned())
                .or_default()
                .insert(key);
        }
    }
    assert!(keys.values().all(|all| all.len() == 1), "{keys:?}");
}

#[tokio::test]
async fn two_instances_register_once() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let mut shop = Shop::with(&[("store.url", &server.setting())]).await;
    shop.app.down().await;
    shop.app.merchant(&unit(MSN, false));
    shop.app.merchant(&unit(OTHER_MSN, true));
    // Slow enough to meet.
    let slow = Action::Delay {
        before_ms: 0,
        after_ms: 300,
    };
    shop.app
        .world()
        .add_fault(Fault::always("/webhooks/v1", slow));
    let (one, two) = tokio::join!(
        Process::start(&shop, free_address(), 0),
        Process::start(&shop, free_address(), 1)
    );
    let elsewhere = free_address();
    shop.app.set("webhooks.listen", &format!("\"{elsewhere}\""));
    shop.app.up().await;
    eventually(async || shop.app.callbacks().webhooks(None).await.unwrap().len() == 2).await;
    eventually(async || {
        let states = shop.app.callbacks().registrations().await.unwrap();
        states.len() == 2 && states.iter().all(|state| state.good_at.is_some())
    })
    .await;
    assert_eq!(shop.app.world().webhooks().len(), 2, "one for each unit");
    drop((one, two));
}

/// Between the capture and its record: upstream has captured and never answers, and the bridge dies waiting.
#[tokio::test]
async fn a_direct_capture_whose_record_is_cut_off_is_done_once() {
    let other = unit(OTHER_MSN, true);
    let mut shop = Shop::with(&[("merchant", &other)]).await;
    for processed in [true, false] {
        let id = format!("order-{processed}");
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
        shop.app.down().await;
        let process = Process::start(&shop, free_address(), 0).await;
        let mut body = shop.body(&id, 1_000);
        body["merchantInfo"]["merchantSerialNumber"] = json!(OTHER_MSN);
        let ask = shop.app.past("POST", "/ecomm/v2/payments").json(&body);
        let ask = ask
            .without("x-test-direct")
            .header("Merchant-Serial-Number", OTHER_MSN);
        assert_eq!(ask.to(process.addr).send().await.status, 200);
        let path = format!("/{id}/capture");
        shop.app
            .world()
            .add_fault(Fault::once(&path, Action::Hang { processed }));
        assert!(shop.app.world().approve(OTHER_MSN, &id));
        until(|| {
            shop.app
                .world()
                .requests()
                .iter()
                .any(|r| r.path().ends_with(&path))
        })
        .await;
        process.kill();
        assert!(shop.statuses(&id).is_empty());
        shop.app.advance(Duration::from_secs(300));
        shop.app.up().await;
        eventually(async || shop.counts().await.pending == 0).await;
        assert_eq!(shop.statuses(&id), ["SALE"]);
        let seen = shop.app.world().payment(OTHER_MSN, &id).unwrap();
        assert_eq!(seen.captured.minor_units(), 1_000);
    }
    one_key_each(&shop);
}
