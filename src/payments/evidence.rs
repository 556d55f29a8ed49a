//! What proves that a money call happened. Pure.
//!
//! An event proves it when its name, its amount and its key fit; a release carries no key and is proven by TERMINATED or
//! by more being cancelled than before. Absence proves nothing by itself: the caller knows how long ago the last sending
//! was. Source: mapping of keys to events.

use crate::epayment::event::{EventName, PaymentEvent};
use crate::epayment::model::Aggregate;
use crate::types::{Amount, Moment, MoneyOp};

/// What is asked of the evidence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) op: MoneyOp,
    pub(super) key: &'a str,
    /// None on a cancel.
    pub(super) amount: Option<Amount>,
    /// Of a cancel, where the payment was read before it.
    pub(super) cancelled_before: Option<Amount>,
}

/// What the evidence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// It happened.
    Done(Happened),
    /// It was tried and failed.
    Failed,
    /// No trace of it.
    Absent,
}

/// The event behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Happened {
    pub(super) amount: Amount,
    pub(super) transaction_id: Option<String>,
    pub(super) at: Option<Moment>,
}

/// Judges. The payment's sums are needed for a cancel only.
pub(super) fn judge(
    question: Question<'_>,
    events: &[PaymentEvent],
    sums: Option<&Aggregate>,
) -> Finding {
    match question.op {
        MoneyOp::Capture => by_key(question, EventName::Captured, events),
        MoneyOp::Refund => by_key(question, EventName::Refunded, events),
        MoneyOp::Cancel => cancelled(question, events, sums),
    }
}

fn happened(event: &PaymentEvent) -> Happened {
    Happened {
        amount: event.amount.value,
        transaction_id: Some(event.psp_reference.clone()),
        at: Moment::parse(&event.timestamp),
    }
}

fn by_key(question: Question<'_>, name: EventName, events: &[PaymentEvent]) -> Finding {
    let ours: Vec<_> = events
        .iter()
        .filter(|event| {
            event.name == name && event.idempotency_key.as_deref() == Some(question.key)
        })
        .filter(|event| {
            question
                .amount
                .is_none_or(|amount| event.amount.value == amount)
        })
        .collect();
    match ours.iter().find(|event| event.success) {
        Some(event) => Finding::Done(happened(event)),
        None if ours.is_empty() => Finding::Absent,
        None => Finding::Failed,
    }
}

fn cancelled(question: Question<'_>, events: &[PaymentEvent], sums: Option<&Aggregate>) -> Finding {
    let newest = |name: EventName| {
        events
            .iter()
            .filter(|event| event.name == name && event.success)
            .max_by_key(|event| Moment::parse(&event.timestamp))
    };
    if let Some(event) = newest(EventName::Terminated) {
        return Finding::Done(happened(event));
    }
    let before = question.cancelled_before.unwrap_or(Amount::ZERO);
    let released = sums
        .map(|sums| sums.cancelled_amount.value)
        .filter(|now| *now > before);
    match (released, newest(EventName::Cancelled)) {
        (Some(_), Some(event)) => Finding::Done(happened(event)),
        (Some(amount), None) => Finding::Done(Happened {
            amount,
            transaction_id: None,
            at: None,
        }),
        (None, _) => Finding::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, key: Option<&str>, amount: i64, success: bool) -> PaymentEvent {
        serde_json::from_value(serde_json::json!({
            "reference": "order-0001", "pspReference": "900", "name": name, "success": success,
            "amount": {"currency": "NOK", "value": amount}, "timestamp": "2026-01-02T03:04:05.1234567Z",
            "idempotencyKey": key,
        }))
        .unwrap()
    }

    fn payment(cancelled: i64) -> Aggregate {
        let nok = |value: i64| serde_json::json!({"currency": "NOK", "value": value});
        serde_json::from_value(serde_json::json!({
            "authorizedAmount": nok(1000), "cancelledAmount": nok(cancelled),
            "capturedAmount": nok(0), "refundedAmount": nok(0),
        }))
        .unwrap()
    }

    fn ask(op: MoneyOp, amount: Option<i64>, before: Option<i64>) -> Question<'static> {
        let read = |value: Option<i64>| value.and_then(Amount::new);
        Question {
            op,
            key: "k",
            amount: read(amount),
            cancelled_before: read(before),
        }
    }

    fn is_done(finding: &Finding) -> bool {
        matches!(finding, Finding::Done(_))
    }

    #[test]
    fn an_event_proves_only_with_name_amount_and_key() {
        let capture = ask(MoneyOp::Capture, Some(500), None);
        for (shown, want) in [
            (event("CAPTURED", Some("k"), 500, true), true),
            (event("CAPTURED", Some("other"), 500, true), false),
            (event("CAPTURED", None, 500, true), false),
            (event("CAPTURED", Some("k"), 400, true), false),
            (event("REFUNDED", Some("k"), 500, true), false),
            (event("AUTHORIZED", Some("k"), 500, true), false),
        ] {
            assert_eq!(
                is_done(&judge(capture, std::slice::from_ref(&shown), None)),
                want,
                "{shown:?}"
            );
        }
        assert_eq!(
            judge(capture, &[event("CAPTURED", Some("k"), 500, false)], None),
            Finding::Failed
        );
        let both = [
            event("CAPTURED", Some("k"), 500, false),
            event("CAPTURED", Some("k"), 500, true),
        ];
        assert!(is_done(&judge(capture, &both, None)));
    }

    #[test]
    fn a_release_is_proven_by_its_effect() {
        let keyless = [event("CANCELLED", None, 1000, true)];
        for (before, now, want) in [
            (Some(0), 1000, true),
            (Some(0), 0, false),
            (Some(1000), 1000, false),
            (None, 1000, true),
            (None, 0, false),
        ] {
            let finding = judge(
                ask(MoneyOp::Cancel, None, before),
                &keyless,
                Some(&payment(now)),
            );
            assert_eq!(is_done(&finding), want, "{before:?} {now}");
        }
        assert!(is_done(&judge(
            ask(MoneyOp::Cancel, None, Some(0)),
            &[event("TERMINATED", None, 1000, true)],
            None
        )));
        assert_eq!(
            judge(ask(MoneyOp::Cancel, None, Some(0)), &keyless, None),
            Finding::Absent
        );
    }
}
