//! Sums that are wrong.
//!
//! Test only. Must not: spoil anything but numbers of minor units, and where they stand.

use serde_json::{Value, json};

use super::Row;

const CAPTURED: &str = "/transactionSummary/capturedAmount";
const REFUNDED: &str = "/transactionSummary/refundedAmount";
const TO_CAPTURE: &str = "/transactionSummary/remainingAmountToCapture";
const TO_REFUND: &str = "/transactionSummary/remainingAmountToRefund";

pub(super) const ROWS: &[Row] = &[
    ("details captured", "a sum in kroner", CAPTURED, |d| {
        d.set(CAPTURED, 300)
    }),
    (
        "capture",
        "a sum a hundred times too large",
        CAPTURED,
        |d| d.set(CAPTURED, 3_500_000),
    ),
    ("details whole life", "a sum one øre off", TO_REFUND, |d| {
        d.set(TO_REFUND, 27_999)
    }),
    (
        "details whole life",
        "what was captured and what was refunded are swapped",
        "/transactionSummary/capturedAmount, /transactionSummary/refundedAmount",
        |d| d.swap(CAPTURED, REFUNDED),
    ),
    (
        "details captured",
        "what remains is swapped",
        "/transactionSummary/remainingAmountToCapture, /transactionSummary/remainingAmountToRefund",
        |d| d.swap(TO_CAPTURE, TO_REFUND),
    ),
    (
        "details captured",
        "a capture does not reduce what may be captured",
        TO_CAPTURE,
        |d| d.set(TO_CAPTURE, 50_000),
    ),
    (
        "details released",
        "a release does not reduce what may be captured",
        TO_CAPTURE,
        |d| d.set(TO_CAPTURE, 50_000),
    ),
    (
        "details whole life",
        "a refund does not reduce what may be refunded",
        TO_REFUND,
        |d| d.set(TO_REFUND, 35_000),
    ),
    (
        "details refunded",
        "a refund reduces what was captured",
        CAPTURED,
        |d| d.set(CAPTURED, 30_000),
    ),
    (
        "details refunded",
        "a refund can be captured again",
        TO_CAPTURE,
        |d| d.set(TO_CAPTURE, 20_000),
    ),
    (
        "refund",
        "the sums are those before the refund",
        "/transactionSummary/refundedAmount, /transactionSummary/remainingAmountToRefund",
        |d| {
            d.set(REFUNDED, 0);
            d.set(TO_REFUND, 35_000);
        },
    ),
    (
        "cancel",
        "what is released can still be captured",
        TO_CAPTURE,
        |d| d.set(TO_CAPTURE, 15_000),
    ),
    ("details captured", "a sum is text", CAPTURED, |d| {
        d.set(CAPTURED, "30000")
    }),
    ("details captured", "a sum has a fraction", CAPTURED, |d| {
        d.set(CAPTURED, json!(30_000.5))
    }),
    ("details reserved", "a sum is a double", TO_CAPTURE, |d| {
        d.set(TO_CAPTURE, json!(50_000.0))
    }),
    (
        "details reserved",
        "a sum is ePayment's object",
        TO_CAPTURE,
        |d| d.set(TO_CAPTURE, json!({"currency": "NOK", "value": 50_000})),
    ),
    (
        "details captured",
        "a sum of nothing is null",
        REFUNDED,
        |d| d.set(REFUNDED, Value::Null),
    ),
    (
        "details captured",
        "a sum of nothing is left out",
        REFUNDED,
        |d| drop(d.take(REFUNDED)),
    ),
    (
        "details captured",
        "a sum of nothing is below it",
        REFUNDED,
        |d| d.set(REFUNDED, -1),
    ),
    (
        "details whole life",
        "the sums have what was released",
        "/transactionSummary/cancelledAmount",
        |d| d.set("/transactionSummary/cancelledAmount", 15_000),
    ),
    (
        "details reserved",
        "the sums are missing",
        "/transactionSummary",
        |d| drop(d.take("/transactionSummary")),
    ),
    (
        "details created",
        "the sums stand before anybody has acted",
        "/transactionSummary",
        |d| {
            d.set(
                "/transactionSummary",
                json!({"capturedAmount": 0, "refundedAmount": 0}),
            )
        },
    ),
    (
        "details created",
        "the sums are null where there are none",
        "/transactionSummary",
        |d| d.set("/transactionSummary", Value::Null),
    ),
    (
        "capture",
        "the sums are missing after a capture",
        "/transactionSummary",
        |d| drop(d.take("/transactionSummary")),
    ),
    (
        "capture",
        "a capture's amount is what was asked before, in kroner",
        "/transactionInfo/amount",
        |d| d.set("/transactionInfo/amount", 70),
    ),
    (
        "refund",
        "a refund's amount is all that was refunded",
        "/transaction/amount",
        |d| d.set("/transaction/amount", 14_000),
    ),
    (
        "cancel",
        "a cancel's amount is nothing",
        "/transactionInfo/amount",
        |d| d.set("/transactionInfo/amount", 0),
    ),
    (
        "capture",
        "a capture's amount is text",
        "/transactionInfo/amount",
        |d| d.set("/transactionInfo/amount", "7000"),
    ),
    (
        "capture",
        "a capture's amount is ePayment's object",
        "/transactionInfo/amount",
        |d| {
            d.set(
                "/transactionInfo/amount",
                json!({"currency": "NOK", "value": 7_000}),
            )
        },
    ),
    (
        "status captured",
        "the last amount is the order's",
        "/transactionInfo/amount",
        |d| d.set("/transactionInfo/amount", 50_000),
    ),
    (
        "status reserved",
        "the last amount is missing",
        "/transactionInfo/amount",
        |d| drop(d.take("/transactionInfo/amount")),
    ),
    (
        "details whole life",
        "an entry's amount is in kroner",
        "/transactionLogHistory/*/amount",
        |d| d.set("/transactionLogHistory/2/amount", 50),
    ),
    (
        "details whole life",
        "two entries have each other's amount",
        "/transactionLogHistory/*/amount",
        |d| {
            d.swap(
                "/transactionLogHistory/2/amount",
                "/transactionLogHistory/3/amount",
            )
        },
    ),
    (
        "details captured",
        "the initiate shows what was captured",
        "/transactionLogHistory/*/amount",
        |d| d.set("/transactionLogHistory/3/amount", 30_000),
    ),
    (
        "details refunded",
        "an entry's amount is text",
        "/transactionLogHistory/*/amount",
        |d| d.set("/transactionLogHistory/0/amount", "20000"),
    ),
    (
        "details refunded",
        "a refund's amount has a sign",
        "/transactionLogHistory/*/amount",
        |d| d.set("/transactionLogHistory/0/amount", -20_000),
    ),
];
