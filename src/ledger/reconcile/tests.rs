//! What is taken from an answer, and which payments are asked about.

use super::super::verdict::tests::{entry, event};
use super::*;
use crate::types::{Amount, Kind};

fn read_event(name: &str, reference: &str, number: &str) -> PaymentEvent {
    serde_json::from_value(serde_json::json!({
        "reference": reference, "pspReference": number, "name": name, "success": true,
        "amount": {"currency": "NOK", "value": 100}, "timestamp": "2026-01-02T03:04:05Z",
    }))
    .unwrap()
}

fn read_payment(state: &str, [authorized, captured, refunded, cancelled]: [i64; 4]) -> Payment {
    let nok = |value: i64| serde_json::json!({"currency": "NOK", "value": value});
    serde_json::from_value(serde_json::json!({
        "aggregate": {
            "authorizedAmount": nok(authorized), "capturedAmount": nok(captured),
            "refundedAmount": nok(refunded), "cancelledAmount": nok(cancelled),
        },
        "amount": nok(1000), "state": state, "paymentMethod": {"type": "WALLET"},
        "pspReference": "1", "reference": "order-0001",
    }))
    .unwrap()
}

#[test]
fn a_second_capture_is_news() {
    let mut made = entry();
    event(&mut made, EventName::Captured, 100, None);
    let number = made.events[0].psp_reference.clone();
    assert!(is_recorded(
        &made,
        &read_event("CAPTURED", "order-0001", &number)
    ));
    assert!(!is_recorded(
        &made,
        &read_event("CAPTURED", "order-0001", "another")
    ));
    assert!(!is_recorded(
        &made,
        &read_event("REFUNDED", "order-0001", &number)
    ));
}

#[test]
fn the_state_follows_from_what_was_read() {
    for (state, sums, want) in [
        ("CREATED", [0, 0, 0, 0], PayState::Created),
        ("ABORTED", [0, 0, 0, 1000], PayState::Failed),
        ("EXPIRED", [0, 0, 0, 1000], PayState::Failed),
        ("TERMINATED", [0, 0, 0, 1000], PayState::Cancelled),
        ("AUTHORIZED", [1000, 0, 0, 0], PayState::Reserved),
        ("AUTHORIZED", [1000, 400, 0, 0], PayState::PartlyCaptured),
        ("AUTHORIZED", [1000, 400, 0, 600], PayState::Captured),
        ("AUTHORIZED", [1000, 400, 400, 600], PayState::Refunded),
        ("AUTHORIZED", [1000, 0, 0, 1000], PayState::Cancelled),
    ] {
        let seen = Seen {
            at: Moment::from_millis(9),
            payment: read_payment(state, sums),
            events: vec![],
            credentials: Credentials::of(&http::HeaderMap::new(), None),
        };
        let read = balance(&entry().payment, &seen);
        assert_eq!(read.state, want, "{state} {sums:?}");
        let shown = [
            read.sums.authorized,
            read.sums.captured,
            read.sums.refunded,
            read.sums.cancelled,
        ];
        assert_eq!(shown.map(Amount::minor_units), sums, "{state}");
        assert_eq!(read.learnt, Learnt::Reconcile);
    }
}

#[test]
fn what_only_ecom_may_tell_is_not_asked() {
    for (origin, kind, may) in [
        (Some(Origin::Epayment), Kind::Regular, true),
        (Some(Origin::Ecom), Kind::Regular, true),
        (Some(Origin::Ecom), Kind::Express, false),
        (Some(Origin::Ecom), Kind::Unproven, false),
        (None, Kind::Unproven, true),
    ] {
        let mut payment = entry().payment;
        (payment.origin, payment.kind) = (origin, kind);
        assert_eq!(readable(&payment).is_ok(), may, "{origin:?} {kind:?}");
    }
}
