//! Direct capture and the end of what nobody approved: once, whatever happens, and the shop hears what is true.

use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault};
use serde_json::{Value, json};

use crate::support::app::MSN;
use crate::support::callbacks::Shop;
use crate::support::{eventually, says, until};

const DIRECT: (&str, &str) = ("merchant", "msn = \"123456\"\ndirect_capture = true");
const LIMITED: (&str, &str) = ("merchant", "msn = \"123456\"\nunapproved_limit = \"10m\"");

fn operations(details: &Value) -> Vec<String> {
    let log = details["transactionLogHistory"].as_array().unwrap();
    log.iter()
        .map(|entry| entry["operation"].as_str().unwrap().to_owned())
        .collect()
}

fn sent(shop: &Shop, end: &str) -> usize {
    let all = shop.app.world().requests();
    let own = |r: &&ecom_bridge::simulator::SeenRequest| {
        r.method == "POST" && r.path().ends_with(end) && r.path().contains("order-")
    };
    all.iter().filter(own).count()
}

async fn note(shop: &Shop) -> Option<String> {
    let listed = shop.listed().await;
    let one = listed.iter().find(|c| c.order.as_str() == "order-0001");
    one.and_then(|c| c.note.clone())
}

#[tokio::test]
async fn an_approval_is_captured_once_and_told_as_a_sale() {
    let mut shop = Shop::with(&[DIRECT]).await;
    shop.order("order-0001").await;
    shop.approve("order-0001");
    let told = shop.told(1).await;
    let info = &told[0].json()["transactionInfo"];
    assert_eq!(
        (&info["status"], &info["amount"]),
        (&json!("SALE"), &json!(1_000))
    );
    assert_eq!(shop.app.sums("order-0001"), (1_000, 0, 0));
    let details = shop.app.details("order-0001").await.ok();
    assert_eq!(operations(&details), ["SALE", "INITIATE"], "{details}");
    assert_eq!(
        details["transactionLogHistory"][0]["transactionId"],
        info["transactionId"]
    );
    assert_eq!(details["transactionSummary"]["capturedAmount"], 1_000);
    // Repeats of the event, reads of the log and a restart capture nothing more.
    shop.app.world().redeliver_webhooks(None);
    shop.app.restart().await;
    shop.app.details("order-0001").await.ok();
    shop.pass(Duration::from_secs(3600)).await;
    assert_eq!(sent(&shop, "/capture"), 1);
    shop.app.refund("order-0001", 400, "r").await.ok();
    assert_eq!(
        operations(&shop.app.details("order-0001").await.ok()),
        ["REFUND", "SALE", "INITIATE"]
    );
    assert_eq!(shop.statuses("order-0001"), ["SALE"]);
}

#[tokio::test]
async fn poll_and_doubled_webhooks_capture_once() {
    let shop = Shop::with(&[DIRECT]).await;
    shop.order("order-0001").await;
    shop.app.world().pause_webhooks();
    shop.approve("order-0001");
    shop.app.world().duplicate_webhooks();
    shop.app.advance(Duration::from_secs(61));
    shop.app.world().resume_webhooks();
    shop.told(1).await;
    assert_eq!(
        (shop.app.sums("order-0001"), sent(&shop, "/capture")),
        ((1_000, 0, 0), 1)
    );
    assert_eq!(shop.statuses("order-0001"), ["SALE"]);
}

/// While the capture is not settled the shop hears nothing and sees nothing; unknown is no failure.
#[tokio::test]
async fn what_is_not_known_is_not_told() {
    for (action, captures) in [
        (Action::Hang { processed: true }, 1),
        (Action::CloseAfter, 1),
        (Action::Hang { processed: false }, 2),
        (
            Action::Status {
                status: 500,
                body: None,
                headers: vec![],
                processed: false,
            },
            2,
        ),
        (
            Action::Status {
                status: 429,
                body: None,
                headers: vec![],
                processed: false,
            },
            2,
        ),
    ] {
        let shop = Shop::with(&[DIRECT, ("upstream.retries", "0")]).await;
        shop.order("order-0001").await;
        shop.app
            .world()
            .add_fault(Fault::once("/order-0001/capture", action.clone()));
        // The log does not help either, at first.
        let silent = Action::Status {
            status: 500,
            body: None,
            headers: vec![],
            processed: false,
        };
        shop.app
            .world()
            .add_fault(Fault::always("/order-0001/events", silent).after(1));
        shop.approve("order-0001");
        if matches!(action, Action::Hang { .. }) {
            // The bridge's own patience is ten seconds.
            shop.app.world().clear_faults();
            shop.app
                .world()
                .add_fault(Fault::once("/order-0001/capture", Action::CloseBefore));
            shop.told(1).await;
            assert_eq!(shop.app.sums("order-0001"), (1_000, 0, 0), "{action:?}");
            assert_eq!(shop.statuses("order-0001"), ["SALE"], "{action:?}");
            continue;
        }
        eventually(async || note(&shop).await.is_some()).await;
        assert!(shop.merchant.callbacks().is_empty(), "{action:?}");
        shop.app.world().clear_faults();
        let details = shop.app.details("order-0001").await.ok();
        // The log may know more than the record.
        let made = matches!(action, Action::CloseAfter);
        let shown: &[&str] = if made {
            &["SALE", "INITIATE"]
        } else {
            &["INITIATE"]
        };
        assert_eq!(operations(&details), shown, "{action:?} {details}");
        assert!(!details.to_string().contains("bridge"), "{details}");
        shop.pass(Duration::from_secs(60)).await;
        eventually(async || shop.counts().await.pending == 0).await;
        assert_eq!(shop.statuses("order-0001"), ["SALE"], "{action:?}");
        assert_eq!(shop.app.sums("order-0001"), (1_000, 0, 0), "{action:?}");
        assert_eq!(sent(&shop, "/capture"), captures, "{action:?}");
        assert_eq!(
            operations(&shop.app.details("order-0001").await.ok()),
            ["SALE", "INITIATE"]
        );
    }
}

fn refusal() -> Action {
    let problem = json!({
        "type": "https://httpstatuses.io/400", "title": "Capture period expired", "status": 400,
        "detail": "x", "traceId": "t", "extraDetails": [{"name": "ErrorCode", "reason": "6100"}],
    });
    Action::Status {
        status: 400,
        body: Some(problem.to_string()),
        headers: vec![],
        processed: false,
    }
}

#[tokio::test]
async fn a_refusal_releases_the_reservation_and_then_tells() {
    let shop = Shop::with(&[DIRECT]).await;
    shop.order("order-0001").await;
    shop.app
        .world()
        .add_fault(Fault::always("/order-0001/capture", refusal()));
    shop.approve("order-0001");
    shop.told(1).await;
    assert_eq!(shop.statuses("order-0001"), ["SALE_FAILED"]);
    assert_eq!(shop.app.sums("order-0001"), (0, 0, 1_000));
    assert_eq!(sent(&shop, "/cancel"), 1);
    let details = shop.app.details("order-0001").await.ok();
    assert!(!details.to_string().contains("bridge"), "{details}");
}

/// Released, and then the crash: nothing is left to wait for.
#[tokio::test]
async fn a_reservation_that_is_gone_is_a_failed_sale() {
    let shop = Shop::with(&[DIRECT]).await;
    shop.order("order-0001").await;
    shop.app.world().pause_webhooks();
    shop.approve("order-0001");
    let asked = shop
        .app
        .past("POST", "/epayment/v1/payments/order-0001/cancel");
    asked
        .header("Idempotency-Key", "elsewhere")
        .send()
        .await
        .ok_status();
    shop.app.world().resume_webhooks();
    shop.told(1).await;
    assert_eq!(shop.statuses("order-0001"), ["SALE_FAILED"]);
    assert_eq!(sent(&shop, "/capture"), 0);
}

/// The shop's token has ended; the configured keys capture.
#[tokio::test]
async fn an_ended_token_gives_way_to_configured_keys() {
    let keys = "msn = \"123456\"\ndirect_capture = true\nclient_id = \"demo-client\"\n\
        client_secret = \"demo-secret\"\nsubscription_key = \"demo-subscription-key\"";
    let shop = Shop::with(&[("merchant", keys)]).await;
    let mut body = shop.body("order-0001", 1_000);
    body["transaction"]["scope"] = json!("name");
    shop.order_as(&body).await;
    shop.app.world().expire_tokens();
    shop.approve("order-0001");
    let told = shop.told(1).await;
    assert_eq!(shop.statuses("order-0001"), ["SALE"]);
    assert_eq!(told[0].json()["userDetails"]["lastName"], "Lovelace");
}

#[tokio::test]
async fn what_nobody_approves_in_time_is_ended_and_rejected_once() {
    let shop = Shop::with(&[LIMITED]).await;
    shop.order("order-0001").await;
    shop.order("order-0002").await;
    shop.approve("order-0002");
    shop.told(1).await;
    shop.app.advance(Duration::from_secs(540));
    // Not before its time.
    until(|| {
        shop.app
            .world()
            .requests()
            .iter()
            .any(|r| r.path().ends_with("order-0001/events"))
    })
    .await;
    assert_eq!(sent(&shop, "/cancel"), 0);
    shop.app.advance(Duration::from_secs(70));
    shop.told(2).await;
    assert_eq!(shop.statuses("order-0001"), ["REJECTED"]);
    assert_eq!(shop.statuses("order-0002"), ["RESERVED"], "untouched");
    assert_eq!(shop.app.sums("order-0002"), (0, 0, 0));
    shop.app.advance(Duration::from_secs(3600));
    shop.told(2).await;
    assert_eq!(sent(&shop, "/cancel"), 1);
    assert_eq!(
        operations(&shop.app.details("order-0001").await.ok()),
        ["CANCEL", "INITIATE"]
    );
}

/// What ePayment says of another payment, or of one that goes on, has ended nothing: it is ended later, with the same key.
#[tokio::test]
async fn a19_an_ending_that_is_answered_for_another_payment_is_repeated() {
    let nok = |value: i64| json!({"currency": "NOK", "value": value});
    for (reference, state) in [("order-0002", "TERMINATED"), ("order-0001", "AUTHORIZED")] {
        let shop = Shop::with(&[LIMITED]).await;
        shop.order("order-0001").await;
        let body = json!({"amount": nok(1_000), "state": state, "pspReference": "psp", "reference": reference,
            "aggregate": {"authorizedAmount": nok(0), "cancelledAmount": nok(0), "capturedAmount": nok(0),
                "refundedAmount": nok(0)}});
        let another = says(200, &body, false);
        let cancel = Fault::once("/order-0001/cancel", another);
        shop.app.world().add_fault(cancel);
        shop.app.advance(Duration::from_secs(620));
        until(|| sent(&shop, "/cancel") == 1).await;
        // Each look may be the one that repeats it.
        eventually(async || {
            shop.app.advance(Duration::from_secs(600));
            shop.statuses("order-0001") == ["REJECTED"]
        })
        .await;
        assert_eq!(sent(&shop, "/cancel"), 2, "{reference} {state}");
        let all = shop.app.world().requests();
        let cancels = all.iter().filter(|r| r.path().ends_with("/cancel"));
        let keys: std::collections::BTreeSet<_> = cancels
            .map(|r| r.header("idempotency-key").map(str::to_owned))
            .collect();
        assert_eq!(keys.len(), 1);
    }
}

#[tokio::test]
async fn a_user_who_is_faster_has_paid() {
    let shop = Shop::with(&[LIMITED]).await;
    shop.order("order-0001").await;
    let slow = Action::Delay {
        before_ms: 300,
        after_ms: 0,
    };
    shop.app
        .world()
        .add_fault(Fault::once("/order-0001/cancel", slow));
    shop.app.advance(Duration::from_secs(620));
    until(|| sent(&shop, "/cancel") == 1).await;
    shop.approve("order-0001");
    shop.told(1).await;
    assert_eq!(shop.statuses("order-0001"), ["RESERVED"]);
    shop.app.advance(Duration::from_secs(3600));
    shop.told(1).await;
    assert_eq!(shop.app.sums("order-0001"), (0, 0, 0));
    shop.app.capture("order-0001", 1_000, "c").await.ok();
}

/// The merchant's own cancel of an unapproved payment is its own business.
#[tokio::test]
async fn a_merchants_own_end_is_not_told() {
    let shop = Shop::with(&[LIMITED]).await;
    shop.order("order-0001").await;
    shop.app.cancel("order-0001", "x").await.ok();
    shop.heard().await;
    shop.app.advance(Duration::from_secs(3600));
    assert_eq!(MSN, "123456");
    assert!(shop.listed().await.is_empty());
}
