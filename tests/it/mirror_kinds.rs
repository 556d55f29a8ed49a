//! Payments of other kinds, mirrored: pushed, with user data, for a flight, with odd texts, captured at once, moved between
//! the APIs; and calls of one payment that come at once.

use std::time::Duration;

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::simulator::{Action, CaptureType, Fault};
use ecom_bridge::store::ShadowOutcome::{Clean, Filtered};
use serde_json::{Value, json};

use crate::support::app::{MSN, TestApp};
use crate::support::shadow::{ALL_ECOM, Mirrored, Shadowed, app_order, order_of};
use crate::support::shop::Ask;

use Operation::{Cancel, Capture, Details, Initiate, Refund, Status};

const ID: &str = "order-0001";

fn read(app: &TestApp, operation: Operation) -> Ask {
    app.ask(
        "GET",
        &format!("/ecomm/v2/payments/{ID}/{}", operation.word()),
    )
}

async fn details(both: &Shadowed) -> Mirrored {
    both.call(Details, ID, read(&both.app, Details)).await
}

/// Creates it with these members, approves, captures and reads it; every step is clean.
async fn lived(values: &[(&str, &str)], edit: &Value) -> Shadowed {
    let both = Shadowed::start(values, "5s").await;
    let mut body = app_order(ID, 10_000);
    for (name, value) in edit.as_object().unwrap() {
        *body.pointer_mut(name).unwrap_or_else(|| panic!("{name}")) = value.clone();
    }
    let told = both.call(Initiate, ID, both.app.initiating(&body)).await;
    assert_eq!(told.outcome, Clean, "{:?}", told.compared);
    assert!(both.app.world().approve(MSN, ID));
    let status = both.call(Status, ID, read(&both.app, Status)).await;
    assert_eq!(status.outcome, Clean, "{:?}", status.compared);
    let capture = both.app.changing("capture", ID, Value::Null, "1");
    both.call(Capture, ID, capture).await.clean();
    let shown = details(&both).await;
    assert_eq!(shown.outcome, Clean, "{edit}: {:?}", shown.compared);
    both
}

#[tokio::test]
async fn payments_of_every_kind_are_the_same_on_both_sides() {
    let cases = [
        json!({"/transaction": {"orderId": ID, "amount": 10_000, "transactionText": "",}}),
        json!({"/transaction": {"orderId": ID, "amount": 10_000.0, "transactionText": "ab"}}),
        json!({"/transaction/transactionText": "tab\there", "/merchantInfo/authToken": ""}),
        json!({"/transaction/transactionText": "x".repeat(100), "/customerInfo": {}}),
        json!({"/transaction": {"orderId": ID, "amount": 10_000, "transactionText": "To Rome",
            "additionalData": {"passengerName": "LOVELACE/ADA", "airlineCode": "074",
                "airlineDesignatorCode": "KL", "ticketNumber": "074-7", "agencyInvoiceNumber": "42"}}}),
        json!({"/merchantInfo/fallBack": "shop-app://done?order=1", "/customerInfo/mobileNumber": "+47 912 34 567"}),
    ];
    for edit in &cases {
        for values in [&ALL_ECOM[..], &[]] {
            let both = lived(values, edit).await;
            let sent = both.sent_to_shadow();
            for personal in ["LOVELACE", "074-7", "91234567", "shop-app", "Rome", "done?"] {
                assert!(!sent.contains(personal), "{personal}: {sent}");
            }
        }
    }
}

#[tokio::test]
async fn user_data_is_that_of_the_test_user() {
    for values in [&ALL_ECOM[..], &[]] {
        let scope = json!({"orderId": ID, "amount": 10_000, "transactionText": "Socks", "scope": "name email phoneNumber"});
        let both = lived(values, &json!({"/transaction": scope})).await;
        let shown = both
            .call(Details, ID, read(&both.app, Details))
            .await
            .clean();
        assert_eq!(shown.ok()["userDetails"]["firstName"], "Ada");
    }
}

#[tokio::test]
async fn a_push_message_goes_to_the_test_user() {
    for values in [&ALL_ECOM[..], &[]] {
        let both = Shadowed::start(values, "5s").await;
        let mut body = app_order(ID, 10_000);
        body["transaction"]["skipLandingPage"] = json!(true);
        both.call(Initiate, ID, both.app.initiating(&body))
            .await
            .clean();
        details(&both).await.clean();
        let sent = both.sent_to_shadow();
        assert!(sent.contains("90000001") && !sent.contains("91234567"));
    }
}

#[tokio::test]
async fn where_the_bridge_captures_at_once_it_does_so_for_the_shadow() {
    let mut both = Shadowed::start(&ALL_ECOM, "5s").await;
    both.direct_capture = true;
    let app = &both.app;
    let direct = |unit: &mut ecom_bridge::simulator::Unit| unit.capture_type = CaptureType::Direct;
    assert!(app.world().change_unit(MSN, direct));
    both.call(Initiate, ID, app.initiating(&app_order(ID, 10_000)))
        .await
        .clean();
    assert!(app.world().approve(MSN, ID));
    both.call(Status, ID, read(app, Status)).await.clean();
    details(&both).await.clean();
    assert_eq!(both.twin().captured.minor_units(), 10_000);
    both.call(Refund, ID, app.changing("refund", ID, 1_000, "1"))
        .await
        .clean();
}

#[tokio::test]
async fn a_call_that_went_the_twin_s_own_way_keeps_it_in_step_and_says_nothing() {
    let both = Shadowed::start(&[("routing.initiate", "\"ecom\"")], "5s").await;
    let app = &both.app;
    both.call(Initiate, ID, app.initiating(&app_order(ID, 10_000)))
        .await
        .clean();
    assert!(app.world().approve(MSN, ID));
    let capture = app.changing("capture", ID, 4_000, "1");
    let captured = both.call(Capture, ID, capture).await;
    assert_eq!(captured.answer.route(), "epayment");
    assert_eq!(captured.outcome, Filtered("same-api"));
    assert_eq!(both.twin().captured.minor_units(), 4_000);
}

#[tokio::test]
async fn a_change_by_another_system_is_not_taken_for_a_difference() {
    let both = Shadowed::start(&ALL_ECOM, "5s").await;
    let app = &both.app;
    both.call(Initiate, ID, app.initiating(&app_order(ID, 10_000)))
        .await
        .clean();
    assert!(app.world().approve(MSN, ID));
    details(&both).await.clean();
    let past = app.past("POST", &format!("/ecomm/v2/payments/{ID}/capture"));
    let body =
        json!({"merchantInfo": {"merchantSerialNumber": MSN}, "transaction": {"amount": 500}});
    past.json(&body).send().await.ok_status();
    assert_eq!(details(&both).await.outcome, Filtered("changed-elsewhere"));
    assert_eq!(details(&both).await.outcome, Filtered("twin-lost"));
}

#[tokio::test]
async fn what_nobody_knows_of_the_merchant_s_payment_ends_the_comparison() {
    for values in [&ALL_ECOM[..], &[]] {
        let both = Shadowed::start(values, "5s").await;
        let app = &both.app;
        both.call(Initiate, ID, app.initiating(&app_order(ID, 10_000)))
            .await
            .clean();
        assert!(app.world().approve(MSN, ID));
        details(&both).await.clean();
        app.world()
            .add_fault(Fault::always(ID, Action::Hang { processed: false }));
        let capture = app.changing("capture", ID, 4_000, "1");
        let captured = both.call(Capture, ID, capture).await;
        assert!(captured.answer.is_unknown(), "{}", captured.answer.text());
        assert_eq!(captured.outcome, Filtered("no-certain-outcome"));
        app.world().clear_faults();
        assert_eq!(details(&both).await.outcome, Filtered("twin-lost"));
    }
}

#[tokio::test]
async fn calls_of_one_payment_are_mirrored_one_after_the_other() {
    let both = Shadowed::start(&[], "5s").await;
    let app = &both.app;
    both.call(Initiate, ID, app.initiating(&app_order(ID, 10_000)))
        .await
        .clean();
    assert!(app.world().approve(MSN, ID));
    let slow = Action::Delay {
        before_ms: 100,
        after_ms: 0,
    };
    both.shadow
        .world()
        .add_fault(Fault::always("/ecomm/", slow));
    let rules = ecom_bridge::shadow::compare::Rules::default();
    let mut works = Vec::new();
    for n in 0..4 {
        let ask = app.changing("capture", ID, 1_000, &format!("{n}"));
        let (_, offer) = both.offer(Capture, ID, ask, |_| {}).await;
        let turn = both.mirror.turn(Capture, &order_of(ID));
        let (mirror, rules) = (&both.mirror, &rules);
        works.push(async move { mirror.mirror(turn, &offer, rules).await.0 });
    }
    // The last one is begun first.
    let [a, b, c, d] = <[_; 4]>::try_from(works).ok().unwrap();
    let together = async { tokio::join!(d, c, b, a) };
    let done = tokio::time::timeout(Duration::from_secs(20), together)
        .await
        .unwrap();
    assert_eq!(done, (Clean, Clean, Clean, Clean), "each sees its own sums");
    assert_eq!(both.twin().captured.minor_units(), 4_000);
    let approvals = both.shadow.world().requests();
    let approvals = approvals.iter().filter(|r| r.path().ends_with("/approve"));
    assert_eq!(approvals.count(), 1);
    let cancel = app.releasing(ID, "c");
    both.call(Cancel, ID, cancel).await.clean();
}
