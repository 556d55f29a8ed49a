//! Whose payment it was: told where a scope asked for it, left out where it can't be had, and never kept.

use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault};
use serde_json::json;

use crate::support::app::MSN;
use crate::support::callbacks::Shop;
use crate::support::shop::PHONE;
use crate::support::{eventually, says, until};

async fn scoped(shop: &Shop, id: &str, scope: &str) {
    let mut body = shop.body(id, 1_000);
    body["transaction"]["scope"] = json!(scope);
    shop.order_as(&body).await;
    shop.approve(id);
}

/// Nothing personal stands in any file of the store, whichever way it came.
fn nothing_is_kept(shop: &Shop) {
    for entry in std::fs::read_dir(shop.app.configuration().1).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for canary in [PHONE, "Lovelace", "ada.lovelace", "Ada"] {
            let found = bytes
                .windows(canary.len())
                .any(|window| window == canary.as_bytes());
            // Three letters may come by chance; five do not.
            assert!(!found || canary.len() < 5, "{canary} in {}", path.display());
        }
    }
}

#[tokio::test]
async fn from_the_payment_or_from_userinfo() {
    for in_payment in [true, false] {
        let shop = Shop::start().await;
        shop.app
            .world()
            .change_rules(|rules| rules.user_details_in_payment = in_payment);
        scoped(&shop, "order-0001", "name email phoneNumber").await;
        let told = shop.told(1).await[0].json();
        let user = &told["userDetails"];
        assert_eq!(user["email"], "ada.lovelace@example.com", "{told}");
        assert_eq!(
            (&user["firstName"], &user["lastName"]),
            (&json!("Ada"), &json!("Lovelace"))
        );
        assert_eq!(user["mobileNumber"], PHONE, "without its country code");
        assert_eq!(user["userId"], told["sub"]);
        assert!(told["sub"].as_str().unwrap().len() > 10);
        let details = shop.app.details("order-0001").await.ok();
        assert_eq!(
            (&details["userDetails"], &details["sub"]),
            (user, &told["sub"])
        );
        nothing_is_kept(&shop);
    }
}

#[tokio::test]
async fn only_what_was_asked_for_and_only_then() {
    let shop = Shop::start().await;
    scoped(&shop, "order-0001", "email").await;
    let told = shop.told(1).await[0].json();
    let names: Vec<_> = told["userDetails"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(names, ["email", "userId"]);
    shop.order("order-0002").await;
    shop.approve("order-0002");
    let told = shop.told(2).await[1].json();
    assert!(
        told.get("userDetails").is_none() && told.get("sub").is_none(),
        "{told}"
    );
    // A payment that nobody approved has nobody.
    let mut body = shop.body("order-0003", 1_000);
    body["transaction"]["scope"] = json!("email");
    shop.order_as(&body).await;
    assert!(shop.app.world().reject(MSN, "order-0003"));
    let told = shop.told(3).await[2].json();
    assert!(
        told.get("userDetails").is_none() && told.get("sub").is_none(),
        "{told}"
    );
    nothing_is_kept(&shop);
}

#[tokio::test]
async fn what_cannot_be_had_is_left_out_after_a_grace() {
    for action in [
        Action::Status {
            status: 500,
            body: None,
            headers: vec![],
            processed: false,
        },
        Action::Hang { processed: false },
        // Another user's (A19).
        says(
            200,
            &json!({"sub": "another", "given_name": "Eve", "family_name": "Other"}),
            false,
        ),
    ] {
        let shop = Shop::start().await;
        shop.app
            .world()
            .change_rules(|rules| rules.user_details_in_payment = false);
        shop.app
            .world()
            .add_fault(Fault::always("/vipps-userinfo-api", action));
        let began = std::time::Instant::now();
        scoped(&shop, "order-0001", "name").await;
        let told = shop.told(1).await[0].json();
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(told["transactionInfo"]["status"], "RESERVED");
        assert!(told.get("userDetails").is_none(), "{told}");
        assert!(
            shop.app
                .log
                .text()
                .contains("the user's data was asked for")
        );
    }
}

/// A webhook's own personal data goes nowhere, and no log line has any of it, or a secret.
#[tokio::test]
async fn a_webhooks_personal_data_is_not_kept() {
    let mut shop = Shop::start().await;
    shop.app.world().pause_webhooks();
    scoped(&shop, "order-0001", "name email phoneNumber").await;
    shop.app.world().duplicate_webhooks();
    shop.app.world().resume_webhooks();
    shop.told(1).await;
    until(|| shop.app.world().deliveries().len() >= 2).await;
    shop.app.restart().await;
    eventually(async || shop.counts().await.pending == 0).await;
    nothing_is_kept(&shop);
    let hooks = shop.app.callbacks().webhooks(None).await.unwrap();
    let secret = secrecy::ExposeSecret::expose_secret(&hooks[0].secret).to_owned();
    assert!(!shop.app.log.text().contains(&secret));
    assert!(!format!("{hooks:?}").contains(&secret));
}
