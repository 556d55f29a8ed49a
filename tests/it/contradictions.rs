//! Answers about another payment or order than was asked for, or about half of one (A19): no word about this one.
//!
//! Must not: take what comes of them for more than a doubt.

use ecom_bridge::simulator::{Action, Fault};
use ecom_bridge::types::{CallerHash, Msn, OrderText, Origin, Scope};
use serde_json::json;

use crate::money::{effect_of, ready_for, status};
use crate::support::app::{KEY, MSN, TestApp, with};
use crate::support::says;

/// Another payment's log, in which everything seems to have happened or nothing, proves neither.
#[tokio::test]
async fn a19_a_log_of_another_payment_proves_nothing() {
    let event = |name: &str| {
        json!({"reference": "order-0002", "pspReference": "900", "name": name, "success": true,
            "amount": {"currency": "NOK", "value": 1_000}, "timestamp": "2026-01-02T03:04:05.1234567Z"})
    };
    for (op, log) in [
        ("cancel", json!([event("CREATED"), event("TERMINATED")])),
        ("capture", json!([event("CREATED"), event("AUTHORIZED")])),
        ("refund", json!([event("CREATED"), event("CAPTURED")])),
    ] {
        for processed in [false, true] {
            let app = TestApp::start().await;
            ready_for(&app, op).await;
            let of_another = says(200, &log, false);
            app.world()
                .add_fault(Fault::always(&format!("/{op}"), status(503, processed)).on("POST"));
            app.world().add_fault(Fault::always("/events", of_another));
            let answer = app.changing(op, "order-0001", 400, "x").send().await;
            assert!(answer.is_unknown(), "{op} {processed}: {}", answer.text());
            let name = r#"bridge_upstream_errors_total{api="epayment",kind="contradiction"}"#;
            assert!(app.counted(name).await.is_some(), "{op}");
            app.world().clear_faults();
            app.changing(op, "order-0001", 400, "x").send().await.ok();
            assert_eq!(app.sums("order-0001"), effect_of(op), "{op} {processed}");
        }
    }
}

/// A change that needs the payment's sums is not sent on those of another.
#[tokio::test]
async fn a19_sums_of_another_payment_decide_nothing() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    let payment = "/epayment/v1/payments/order-0001";
    app.world()
        .add_fault(Fault::always(payment, Action::WrongReference).on("GET"));
    app.took();
    for answer in [
        app.details("order-0001").await,
        app.changing("capture", "order-0001", 0, "all").send().await,
        app.changing("cancel", "order-0001", 0, "x").send().await,
    ] {
        assert_eq!(answer.status, 502, "{}", answer.text());
        assert!(
            answer.text().contains("another payment"),
            "{}",
            answer.text()
        );
    }
    let took = app.took();
    assert!(took.iter().all(|one| one.starts_with("GET ")), "{took:?}");
    app.world().clear_faults();
    app.changing("capture", "order-0001", 0, "all")
        .send()
        .await
        .ok();
    assert_eq!(app.sums("order-0001"), (1_000, 0, 0));
}

/// A success of eCom that names another order is no answer, to a change or to a read.
#[tokio::test]
async fn a19_what_ecom_says_of_another_order_is_no_answer() {
    const CONTRADICTION: &str = r#"bridge_upstream_errors_total{api="ecom",kind="contradiction"}"#;
    let at_ecom = [
        "initiate", "capture", "cancel", "refund", "details", "status",
    ]
    .map(|op| (format!("routing.{op}"), "\"ecom\""));
    let at_ecom: Vec<_> = at_ecom.iter().map(|(key, side)| (&**key, *side)).collect();
    let spoilt = || Fault::always("/ecomm/v2/payments", Action::WrongReference);
    for op in ["capture", "refund", "cancel"] {
        let app = with(&at_ecom).start().await;
        app.world().add_fault(spoilt());
        assert!(app.initiate("order-0002", 1_000).await.is_unknown());
        app.world().clear_faults();
        ready_for(&app, op).await;
        app.world().add_fault(spoilt());
        let amount = if op == "cancel" {
            json!(null)
        } else {
            json!(400)
        };
        let change = app.changing(op, "order-0001", amount, "x");
        let answer = change.send().await;
        assert!(answer.is_unknown(), "{op}: {}", answer.text());
        for what in ["details", "status"] {
            let read = app.read("order-0001", what).await;
            assert_eq!(read.status, 502, "{what}: {}", read.text());
            assert!(read.text().contains("another order"), "{}", read.text());
        }
        assert_eq!(app.counted(CONTRADICTION).await, Some(4.0), "{op}");
        app.world().clear_faults();
        change.send().await.ok();
        assert_eq!(app.sums("order-0001"), effect_of(op), "{op}");
    }
}

/// Where an order was born is learnt from answers about it alone.
#[tokio::test]
async fn a19_what_ecom_says_of_another_order_teaches_no_birth() {
    let mut app = TestApp::start().await;
    app.forgetful = true;
    app.reserved_in_ecom("order-0001", 1_000).await;
    let spoilt = Fault::always("/ecomm/v2/payments", Action::WrongReference);
    app.world().add_fault(spoilt);
    let payments = app.payments();
    let scope = Scope::Unit(Msn::parse(MSN).unwrap());
    let id = OrderText::parse("order-0001").unwrap();
    let caller = CallerHash::of(KEY.as_bytes(), payments.store.secret());
    let origin = async || {
        let known = payments.store.payment(&scope, &id, caller).await.unwrap();
        known.payment.map(|payment| payment.facts.origin)
    };
    assert_eq!(app.details("order-0001").await.status, 502);
    assert_eq!(origin().await, None);
    app.world().clear_faults();
    app.details("order-0001").await.ok();
    assert_eq!(origin().await, Some(Origin::Ecom));
}

/// A payment of which ePayment shows one half exists: no shop is told to give it up.
#[tokio::test]
async fn a19_a_payment_of_which_a_half_is_missing_is_in_doubt() {
    let mut app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    app.wipe_store().await;
    for (path, told) in [
        ("/order-0001/events", "but not its log"),
        ("*/payments/order-0001", "but not the payment"),
    ] {
        let body = json!({"title": "Reference not found", "status": 404});
        let none = Fault::always(path, says(404, &body, false)).on("GET");
        app.world().add_fault(none);
        let read = app.details("order-0001").await;
        assert_eq!(read.status, 502, "{}", read.text());
        assert!(read.text().contains(told), "{}", read.text());
        app.world().clear_faults();
    }
    app.details("order-0001").await.ok();
}
