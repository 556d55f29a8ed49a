//! What eCom's answer to `details` shows of a payment's sums: pure.
//!
//! Must not: guess. An answer that can't be read shows nothing, and user data in it is not looked at.

use serde::Deserialize;

use super::said::object;
use crate::store::{Balance, Learnt, PayState, Sums};
use crate::types::{Amount, Moment};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    transaction_log_history: Vec<Entry>,
    #[serde(default)]
    transaction_summary: Option<Summary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    amount: Amount,
    operation: String,
    operation_success: bool,
    #[serde(default)]
    time_stamp: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Summary {
    captured_amount: Amount,
    remaining_amount_to_capture: Amount,
    refunded_amount: Amount,
}

/// The balance that a details answer, asked for at `at`, shows.
pub(super) fn balance(body: &[u8], at: Moment) -> Option<Balance> {
    let shown: Shown = object(body)?;
    let done = |words: &'static [&'static str]| {
        let log = shown.transaction_log_history.iter();
        log.filter(move |entry| {
            entry.operation_success && words.contains(&entry.operation.as_str())
        })
    };
    let times = |words| done(words).filter_map(|entry| Moment::parse(&entry.time_stamp));
    let reserved = done(&["RESERVE", "SALE"]).map(|entry| entry.amount).max();
    let mut balance = Balance::new(PayState::Created, at);
    balance.learnt = Learnt::EcomDetails;
    match reserved {
        Some(authorized) => {
            let sums = shown.transaction_summary?;
            balance.sums = Sums {
                authorized,
                captured: sums.captured_amount,
                refunded: sums.refunded_amount,
                cancelled: authorized
                    .less(sums.captured_amount)
                    .less(sums.remaining_amount_to_capture),
            };
            balance.reserved_at = times(&["RESERVE", "SALE"]).min();
            balance.captured_at = times(&["CAPTURE", "SALE"]).max();
            balance.settle();
        }
        None if done(&["CANCEL", "VOID"]).next().is_some() => balance.state = PayState::Failed,
        None => {}
    }
    Some(balance)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(operation: &str, amount: i64, success: bool) -> Value {
        json!({"amount": amount, "operation": operation, "operationSuccess": success, "requestId": "",
            "timeStamp": "2026-01-02T03:04:05.000Z", "transactionId": "1", "transactionText": "x"})
    }

    fn seen(log: &[Value], summary: Value) -> Option<Balance> {
        let body =
            json!({"orderId": "1", "transactionLogHistory": log, "transactionSummary": summary});
        balance(body.to_string().as_bytes(), Moment::from_millis(7))
    }

    #[test]
    fn details_show_where_a_payment_stands() {
        let summary = |captured: i64, remaining: i64, refunded: i64| {
            json!({"capturedAmount": captured, "remainingAmountToCapture": remaining,
                "refundedAmount": refunded, "remainingAmountToRefund": captured - refunded})
        };
        let start = entry("INITIATE", 1000, true);
        let reserve = entry("RESERVE", 1000, true);
        for (log, sums, state, cancelled) in [
            (vec![start.clone()], Value::Null, PayState::Created, 0),
            (
                vec![entry("RESERVE", 1000, false), start.clone()],
                Value::Null,
                PayState::Created,
                0,
            ),
            (
                vec![entry("CANCEL", 1000, true), start.clone()],
                Value::Null,
                PayState::Failed,
                0,
            ),
            (
                vec![reserve.clone(), start.clone()],
                summary(0, 1000, 0),
                PayState::Reserved,
                0,
            ),
            (
                vec![entry("CAPTURE", 400, true), reserve.clone()],
                summary(400, 600, 0),
                PayState::PartlyCaptured,
                0,
            ),
            (
                vec![entry("VOID", 600, true), reserve.clone()],
                summary(400, 0, 100),
                PayState::Captured,
                600,
            ),
            (
                vec![entry("SALE", 1000, true)],
                summary(1000, 0, 1000),
                PayState::Refunded,
                0,
            ),
        ] {
            let balance = seen(&log, sums).unwrap();
            assert_eq!(balance.state, state, "{log:?}");
            assert_eq!(balance.sums.cancelled.minor_units(), cancelled, "{log:?}");
            assert_eq!(balance.learnt, Learnt::EcomDetails);
        }
        assert_eq!(seen(&[reserve], Value::Null), None, "sums are not guessed");
        assert_eq!(balance(b"{}", Moment::from_millis(7)), None);
        assert_eq!(balance(b"[]", Moment::from_millis(7)), None);
        assert_eq!(balance(b"[[]]", Moment::from_millis(7)), None);
    }
}
