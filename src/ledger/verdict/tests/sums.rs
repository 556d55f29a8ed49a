//! Sums, orders and events of which only one source tells.

use super::*;

#[test]
fn each_source_alone_shows_too_much() {
    use EventName::{Captured, Refunded};
    found(vec![
        (
            "the payment alone shows more than was authorized",
            with(|e| {
                event(e, Captured, 700, None);
                e.payment.balance.sums.cancelled = sum(400);
            }),
            MismatchKind::OverCaptured,
        ),
        (
            "the log alone captures more than was ordered",
            with(|e| {
                event(e, Captured, 1200, None);
                e.payment.balance.sums.authorized = sum(1200);
            }),
            MismatchKind::OverCaptured,
        ),
        (
            "more refunded than captured, and less than authorized",
            with(|e| {
                event(e, Captured, 100, None);
                event(e, Refunded, 200, None);
            }),
            MismatchKind::OverRefunded,
        ),
    ]);
}

#[test]
fn express_adds_its_shipping() {
    for (kind, mismatches) in [(Kind::Regular, 1), (Kind::Express, 0), (Kind::Unproven, 0)] {
        let shipped = with(|e| {
            e.payment.kind = kind;
            e.payment.balance.sums.authorized = sum(1200);
            event(e, EventName::Captured, 1200, None);
        });
        assert_eq!(judged(&shipped).mismatches.len(), mismatches, "{kind:?}");
    }
}

#[test]
fn a_failed_event_with_a_known_key_is_nobody_elses() {
    let created = with(|e| {
        let key = e.create_key.clone();
        event(e, EventName::Captured, 300, key);
    });
    let verdict = judged(&created);
    assert_eq!(verdict.foreign, [0_usize; 0]);
    assert_eq!(verdict.mismatches, []);
}

#[test]
fn in_order_and_unread_is_not_proven() {
    let unread = with(|e| e.payment.checked_at = None);
    assert_eq!(judged(&unread).mismatches, []);
    assert!(matches!(judged(&unread).standing, Standing::NotVerified(_)));
}
