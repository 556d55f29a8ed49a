//! Calls mirrored on a second upstream: whole lives both ways, and what reaches whom.

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::store::ShadowOutcome;
use serde_json::{Value, json};

use crate::support::app::{KEY, MSN};
use crate::support::shadow::{ALL_ECOM, SHADOW_KEY, SHADOW_MSN, SHADOW_PHONE, Shadowed, app_order};
use crate::support::shop::{AUTH_TOKEN, FALL_BACK, PHONE, PREFIX, reference};

/// A life with everything in it; every step is clean.
async fn life(both: &Shadowed, id: &str) {
    use Operation::{Cancel, Capture, Details, Initiate, Refund, Status};
    let app = &both.app;
    let read = |what: &str| app.ask("GET", &format!("/ecomm/v2/payments/{id}/{what}"));
    both.call(
        Initiate,
        id,
        app.initiating(&app_order(id, 10_000)).id("init-1"),
    )
    .await
    .clean();
    both.call(Details, id, read("details")).await.clean();
    both.call(Status, id, read("status")).await.clean();
    let name = app.world().payments()[0].reference.clone();
    assert!(app.world().approve(MSN, &name));
    both.call(Status, id, read("status")).await.clean();
    let partly = app.changing("capture", id, 4_000, "cap-1");
    both.call(Capture, id, partly.clone()).await.clean();
    both.call(Capture, id, partly).await.clean();
    both.call(Refund, id, app.changing("refund", id, 1_000, "ref,1"))
        .await
        .clean();
    both.call(Details, id, read("details")).await.clean();
    both.call(Status, id, read("status")).await.clean();
    let too_much = app.changing("capture", id, 7_000, "cap-2");
    let refused = both.call(Capture, id, too_much).await.clean();
    assert_eq!(refused.error().1, "61");
    let unmarked = app.changing("cancel", id, Value::Null, "can-1");
    assert_eq!(
        both.call(Cancel, id, unmarked).await.clean().error().1,
        "51"
    );
    both.call(Cancel, id, app.releasing(id, "can-2"))
        .await
        .clean();
    both.call(Details, id, read("details")).await.clean();
    both.call(Status, id, read("status")).await.clean();
    let (primary, twin) = (app.seen(&name), both.twin());
    assert_eq!(twin.msn, SHADOW_MSN);
    for (one, other) in [
        (primary.captured, twin.captured),
        (primary.refunded, twin.refunded),
        (primary.cancelled, twin.cancelled),
        (primary.authorized, twin.authorized),
    ] {
        assert_eq!(one, other, "{primary:?} {twin:?}");
    }
    apart(both, &twin.reference);
}

/// Nothing of a shadow reached the upstream, nothing of the merchant's the shadow upstream.
fn apart(both: &Shadowed, twin: &str) {
    let primary = both.sent_to_primary().to_ascii_lowercase();
    assert!(primary.contains(KEY), "it was looked at");
    for shadows in [
        twin,
        "shadow",
        SHADOW_MSN,
        SHADOW_PHONE,
        "example.com/shadow",
    ] {
        assert!(
            !primary.contains(&shadows.to_ascii_lowercase()),
            "{shadows}: {primary}"
        );
    }
    let shadow = both.sent_to_shadow();
    assert!(shadow.contains(SHADOW_KEY) && shadow.contains("bridge-shadow"));
    let personal = ["Lovelace", "ada.lovelace", "Order order"];
    for merchants in [
        both.app.token.as_str(),
        KEY,
        MSN,
        AUTH_TOKEN,
        PHONE,
        PREFIX,
        FALL_BACK,
        "shop.example",
        "order-0001",
        "W17",
        "init-1",
        "cap-1",
        "demo-",
    ]
    .into_iter()
    .chain(personal)
    {
        assert!(!shadow.contains(merchants), "{merchants}: {shadow}");
    }
    for request in both.shadow.world().requests() {
        if request.path() != "/accesstoken/get" {
            assert_eq!(request.header("bridge-shadow"), Some("1"), "{request:?}");
            assert_eq!(
                request.header("ocp-apim-subscription-key"),
                Some(SHADOW_KEY)
            );
        }
    }
}

#[tokio::test]
async fn a_whole_life_in_ecom_is_the_same_in_epayment() {
    let both = Shadowed::start(&ALL_ECOM, "5s").await;
    life(&both, "order-0001").await;
}

#[tokio::test]
async fn a_whole_life_in_epayment_is_the_same_in_ecom() {
    let both = Shadowed::start(&[], "5s").await;
    life(&both, "order-0001").await;
}

#[tokio::test]
async fn a_short_order_id_has_a_short_shadow() {
    let both = Shadowed::start(&ALL_ECOM, "5s").await;
    life(&both, "W17").await;
    assert!(both.twin().reference.starts_with("ecom-id-s"));
    let both = Shadowed::start(&[], "5s").await;
    life(&both, "W17").await;
    assert_eq!(both.twin().reference.len(), 7);
    assert_eq!(reference("W17"), "ecom-id-W17");
}

#[tokio::test]
async fn a_payment_that_is_cancelled_before_it_is_approved() {
    use Operation::{Cancel, Details, Initiate, Refund, Status};
    for values in [&ALL_ECOM[..], &[]] {
        let both = Shadowed::start(values, "5s").await;
        let (app, id) = (&both.app, "order-0001");
        both.call(Initiate, id, app.initiating(&app_order(id, 10_000)))
            .await
            .clean();
        both.call(Cancel, id, app.changing("cancel", id, Value::Null, "1"))
            .await
            .clean();
        for (operation, what) in [(Details, "details"), (Status, "status")] {
            let ask = app.ask("GET", &format!("/ecomm/v2/payments/{id}/{what}"));
            both.call(operation, id, ask).await.clean();
        }
        let refund = app.changing("refund", id, 100, "2");
        assert_eq!(both.call(Refund, id, refund).await.clean().error().1, "73");
        apart(&both, &both.twin().reference);
    }
}

#[tokio::test]
async fn a_shop_that_approves_by_itself_has_its_shadow_approved() {
    use Operation::{Approve, Capture, Initiate};
    for values in [&ALL_ECOM[..], &[]] {
        let both = Shadowed::start(values, "5s").await;
        let (app, id) = (&both.app, "order-0001");
        let told = both
            .call(Initiate, id, app.initiating(&app_order(id, 10_000)))
            .await
            .clean();
        let url = told.ok()["url"].as_str().unwrap().to_owned();
        let token = url.split_once("token=").unwrap().1;
        let body = json!({"customerPhoneNumber": PHONE, "token": token});
        let path = format!("/ecomm/v2/integration-test/payments/{id}/approve");
        both.call(Approve, id, app.ask("POST", &path).json(&body))
            .await
            .clean();
        assert_eq!(both.twin().authorized.minor_units(), 10_000);
        both.call(Capture, id, app.changing("capture", id, Value::Null, "1"))
            .await
            .clean();
        assert_eq!(both.twin().captured.minor_units(), 10_000);
        apart(&both, &both.twin().reference);
        assert!(!both.sent_to_shadow().contains(token));
    }
}

#[tokio::test]
async fn what_is_refused_to_the_shop_is_mirrored_too() {
    use Operation::Initiate;
    for values in [&ALL_ECOM[..], &[]] {
        let both = Shadowed::start(values, "5s").await;
        let (app, id) = (&both.app, "order-0001");
        let mut small = app_order(id, 50);
        small["merchantInfo"]["fallBack"] = json!("nowhere");
        let refused = both
            .call(Initiate, id, app.initiating(&small))
            .await
            .clean();
        let (status, codes) = refused.error();
        assert_eq!(status, 400);
        assert!(codes.contains("merchantInfo.fallBack"), "{codes}");
        assert!(both.shadow.world().payments().is_empty());
        // The order is free, and a second one of it is error 34 on both sides.
        both.call(Initiate, id, app.initiating(&app_order(id, 10_000)))
            .await
            .clean();
        let again = both
            .call(Initiate, id, app.initiating(&app_order(id, 10_000)))
            .await;
        assert_eq!(again.clean().error().1, "34");
        assert_eq!(both.twin().amount.minor_units(), 10_000);
    }
}

#[tokio::test]
async fn a_planted_error_is_found_and_named() {
    use Operation::{Capture, Details, Initiate};
    // In the bridge's own answer.
    let both = Shadowed::start(&[], "5s").await;
    let (app, id) = (&both.app, "order-0001");
    both.call(Initiate, id, app.initiating(&app_order(id, 10_000)))
        .await
        .clean();
    assert!(app.world().approve(MSN, id));
    let ask = app.ask("GET", &format!("/ecomm/v2/payments/{id}/details"));
    let wrong = both.told(Details, id, ask, |seen| {
        let mut body: Value = serde_json::from_slice(&seen.body).unwrap();
        body["transactionSummary"]["capturedAmount"] = json!(1);
        body["transactionLogHistory"][0]["transactionText"] = json!("another");
        seen.body = body.to_string().into();
    });
    let wrong = wrong.await;
    assert_eq!(wrong.outcome, ShadowOutcome::Differing);
    assert_eq!(
        wrong.fields(),
        [
            "/transactionLogHistory/*/transactionText value",
            "/transactionSummary/capturedAmount value"
        ]
    );
    // In what the mirror's translation gives.
    let both = Shadowed::start(&ALL_ECOM, "5s").await;
    let app = &both.app;
    both.call(Initiate, id, app.initiating(&app_order(id, 10_000)))
        .await
        .clean();
    assert!(app.world().approve(MSN, id));
    let captured = both.told(
        Capture,
        id,
        app.changing("capture", id, 4_000, "1"),
        |seen| {
            let mut body: Value = serde_json::from_slice(&seen.body).unwrap();
            body["transactionSummary"]["remainingAmountToCapture"] = json!(6_001);
            seen.body = body.to_string().into();
        },
    );
    let captured = captured.await;
    assert_eq!(
        captured.fields(),
        ["/transactionSummary/remainingAmountToCapture value"]
    );
}
