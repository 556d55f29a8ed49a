//! Entries of the log that are wrong: what happened, when, in which order, under which number.
//!
//! Test only. Must not: spoil what stands beside the log.

use serde_json::{Value, json};

use super::Row;

const LOG: &str = "/transactionLogHistory";
const OPERATION: &str = "/transactionLogHistory/*/operation";
const SUCCESS: &str = "/transactionLogHistory/*/operationSuccess";
const TEXT: &str = "/transactionLogHistory/*/transactionText";
const REQUEST: &str = "/transactionLogHistory/*/requestId";
const TIME: &str = "/transactionLogHistory/*/timeStamp";
const NUMBER: &str = "/transactionLogHistory/*/transactionId";

pub(super) const ROWS: &[Row] = &[
    (
        "details reserved",
        "RESERVE is told as SALE",
        OPERATION,
        |d| {
            d.set("/transactionLogHistory/0/operation", "SALE");
        },
    ),
    ("details sale", "SALE is told as RESERVE", OPERATION, |d| {
        d.set("/transactionLogHistory/0/operation", "RESERVE");
    }),
    ("details sale", "SALE is told as CAPTURE", OPERATION, |d| {
        d.set("/transactionLogHistory/0/operation", "CAPTURE");
    }),
    (
        "details aborted",
        "CANCEL is told as VOID",
        OPERATION,
        |d| {
            d.set("/transactionLogHistory/0/operation", "VOID");
        },
    ),
    (
        "details released",
        "VOID is told as CANCEL",
        OPERATION,
        |d| {
            d.set("/transactionLogHistory/0/operation", "CANCEL");
        },
    ),
    (
        "details refunded",
        "REFUND is told as CAPTURE",
        OPERATION,
        |d| {
            d.set("/transactionLogHistory/0/operation", "CAPTURE");
        },
    ),
    (
        "details expired",
        "CANCEL is told as REJECTED",
        OPERATION,
        |d| {
            d.set("/transactionLogHistory/0/operation", "REJECTED");
        },
    ),
    (
        "details captured",
        "an operation is in small letters",
        OPERATION,
        |d| {
            d.set("/transactionLogHistory/0/operation", "capture");
        },
    ),
    (
        "details reserved",
        "an operation is ePayment's word",
        OPERATION,
        |d| {
            d.set("/transactionLogHistory/0/operation", "AUTHORIZED");
        },
    ),
    (
        "details captured",
        "an operation has no word",
        OPERATION,
        |d| {
            drop(d.take("/transactionLogHistory/0/operation"));
        },
    ),
    (
        "details captured",
        "a failed capture is told as done",
        SUCCESS,
        |d| {
            d.set("/transactionLogHistory/1/operationSuccess", true);
        },
    ),
    (
        "details reserved",
        "a reservation is told as failed",
        SUCCESS,
        |d| {
            d.set("/transactionLogHistory/0/operationSuccess", false);
        },
    ),
    ("details captured", "success is text", SUCCESS, |d| {
        d.set("/transactionLogHistory/0/operationSuccess", "true");
    }),
    ("details captured", "success is missing", SUCCESS, |d| {
        drop(d.take("/transactionLogHistory/0/operationSuccess"));
    }),
    (
        "details captured",
        "the failed capture is missing",
        LOG,
        |d| {
            d.log().remove(1);
        },
    ),
    (
        "details ended",
        "the refused card is missing at the end",
        LOG,
        |d| {
            d.log().remove(1);
        },
    ),
    (
        "details whole life",
        "the newest entry is missing",
        LOG,
        |d| {
            d.log().remove(0);
        },
    ),
    ("details created", "the only entry is missing", LOG, |d| {
        d.log().clear()
    }),
    ("details reserved", "INITIATE is missing", LOG, |d| {
        d.log().pop();
    }),
    ("details whole life", "an entry stands twice", LOG, |d| {
        let entry = d.at("/transactionLogHistory/1").clone();
        d.log().insert(1, entry);
    }),
    (
        "details sale",
        "the reservation stands beside the sale",
        LOG,
        |d| {
            let mut entry = d.at("/transactionLogHistory/1").clone();
            entry["operation"] = json!("RESERVE");
            d.log().insert(1, entry);
        },
    ),
    (
        "details whole life",
        "the oldest entry stands first",
        LOG,
        |d| {
            d.log().reverse();
        },
    ),
    (
        "details refunded",
        "two entries are interchanged",
        LOG,
        |d| d.log().swap(0, 1),
    ),
    ("details reserved", "the log is missing", LOG, |d| {
        drop(d.take(LOG))
    }),
    ("details reserved", "the log is null", LOG, |d| {
        d.set(LOG, Value::Null)
    }),
    ("details created", "the log is its only entry", LOG, |d| {
        let entry = d.log().remove(0);
        d.set(LOG, entry);
    }),
    (
        "details whole life",
        "a text is that of another entry",
        TEXT,
        |d| {
            d.copy(
                "/transactionLogHistory/2/transactionText",
                "/transactionLogHistory/3/transactionText",
            );
        },
    ),
    (
        "details refunded",
        "a text is that of the initiate",
        TEXT,
        |d| {
            d.copy(
                "/transactionLogHistory/3/transactionText",
                "/transactionLogHistory/0/transactionText",
            );
        },
    ),
    ("details refunded", "a text is empty", TEXT, |d| {
        d.set("/transactionLogHistory/0/transactionText", "");
    }),
    ("details refunded", "a text is missing", TEXT, |d| {
        drop(d.take("/transactionLogHistory/0/transactionText"));
    }),
    ("details refunded", "a text is null", TEXT, |d| {
        d.set("/transactionLogHistory/0/transactionText", Value::Null);
    }),
    (
        "details refunded",
        "a request id is missing",
        REQUEST,
        |d| {
            drop(d.take("/transactionLogHistory/0/requestId"));
        },
    ),
    ("details refunded", "a request id is empty", REQUEST, |d| {
        d.set("/transactionLogHistory/0/requestId", "");
    }),
    ("details reserved", "no request id is null", REQUEST, |d| {
        d.set("/transactionLogHistory/0/requestId", Value::Null);
    }),
    (
        "details whole life",
        "a request id is that of another entry",
        REQUEST,
        |d| {
            d.copy(
                "/transactionLogHistory/2/requestId",
                "/transactionLogHistory/3/requestId",
            );
        },
    ),
    (
        "details captured",
        "a request id is the key that was sent",
        REQUEST,
        |d| {
            d.set(
                "/transactionLogHistory/0/requestId",
                "request-3-0b9XkQ2f7Lr4",
            );
        },
    ),
    (
        "details reserved",
        "a request id is shown where there is none",
        REQUEST,
        |d| {
            d.set("/transactionLogHistory/0/requestId", "bridge-0b9XkQ2f7Lr4");
        },
    ),
    (
        "details captured",
        "a request id is a number",
        REQUEST,
        |d| {
            d.set("/transactionLogHistory/0/requestId", 3);
        },
    ),
    ("details captured", "a time has no zone", TIME, |d| {
        d.time(
            "/transactionLogHistory/0/timeStamp",
            0,
            "%Y-%m-%dT%H:%M:%S.%3f",
        );
    }),
    ("details captured", "a time is local", TIME, |d| {
        d.time(
            "/transactionLogHistory/0/timeStamp",
            3_600,
            "%Y-%m-%dT%H:%M:%S.%3f+01:00",
        );
    }),
    (
        "details captured",
        "a time is local and says otherwise",
        TIME,
        |d| {
            d.time(
                "/transactionLogHistory/0/timeStamp",
                3_600,
                "%Y-%m-%dT%H:%M:%S.%3fZ",
            );
        },
    ),
    (
        "details captured",
        "a time is five seconds off",
        TIME,
        |d| {
            d.time(
                "/transactionLogHistory/0/timeStamp",
                5,
                "%Y-%m-%dT%H:%M:%S.%3fZ",
            );
        },
    ),
    (
        "details captured",
        "a time has no milliseconds",
        TIME,
        |d| {
            d.time(
                "/transactionLogHistory/0/timeStamp",
                0,
                "%Y-%m-%dT%H:%M:%SZ",
            );
        },
    ),
    ("details captured", "a time has seven decimals", TIME, |d| {
        d.time(
            "/transactionLogHistory/0/timeStamp",
            0,
            "%Y-%m-%dT%H:%M:%S.%3f0000Z",
        );
    }),
    ("details captured", "a time is a date", TIME, |d| {
        d.time("/transactionLogHistory/0/timeStamp", 0, "%Y-%m-%d");
    }),
    ("details captured", "a time is for a header", TIME, |d| {
        d.time(
            "/transactionLogHistory/0/timeStamp",
            0,
            "%a, %d %b %Y %H:%M:%S GMT",
        );
    }),
    ("details captured", "a time is a number", TIME, |d| {
        d.set("/transactionLogHistory/0/timeStamp", 1_772_359_295_123_i64);
    }),
    ("details captured", "a time is missing", TIME, |d| {
        drop(d.take("/transactionLogHistory/0/timeStamp"));
    }),
    (
        "details refunded",
        "a time is that of another entry",
        TIME,
        |d| {
            d.copy(
                "/transactionLogHistory/1/timeStamp",
                "/transactionLogHistory/0/timeStamp",
            );
        },
    ),
    ("details whole life", "two times are the same", TIME, |d| {
        d.copy(
            "/transactionLogHistory/2/timeStamp",
            "/transactionLogHistory/3/timeStamp",
        );
    }),
    ("details captured", "a number is a number", NUMBER, |d| {
        d.set("/transactionLogHistory/0/transactionId", 5_600_004);
    }),
    ("details captured", "a number is empty", NUMBER, |d| {
        d.set("/transactionLogHistory/0/transactionId", "");
    }),
    ("details captured", "a number is missing", NUMBER, |d| {
        drop(d.take("/transactionLogHistory/0/transactionId"));
    }),
    ("details captured", "a number is null", NUMBER, |d| {
        d.set("/transactionLogHistory/0/transactionId", Value::Null);
    }),
    (
        "details captured",
        "INITIATE has the payment's number",
        NUMBER,
        |d| {
            d.set("/transactionLogHistory/3/transactionId", "6f7c4f5e-payment");
        },
    ),
    (
        "details refunded",
        "all entries have the payment's number",
        NUMBER,
        |d| {
            for i in 0..4 {
                d.set(
                    &format!("/transactionLogHistory/{i}/transactionId"),
                    "6f7c4f5e-payment",
                );
            }
        },
    ),
    (
        "details refunded",
        "a refund has the capture's number",
        NUMBER,
        |d| {
            d.copy(
                "/transactionLogHistory/1/transactionId",
                "/transactionLogHistory/0/transactionId",
            );
        },
    ),
    (
        "details refunded",
        "a capture has the payment's number",
        NUMBER,
        |d| {
            d.set("/transactionLogHistory/1/transactionId", "6f7c4f5e-payment");
        },
    ),
    (
        "details released",
        "a release has the reservation's number",
        NUMBER,
        |d| {
            d.copy(
                "/transactionLogHistory/1/transactionId",
                "/transactionLogHistory/0/transactionId",
            );
        },
    ),
    (
        "details whole life",
        "two captures have each other's number",
        NUMBER,
        |d| {
            d.swap(
                "/transactionLogHistory/2/transactionId",
                "/transactionLogHistory/3/transactionId",
            );
        },
    ),
    (
        "details captured",
        "an entry has ePayment's number besides",
        "/transactionLogHistory/*/pspReference",
        |d| d.set("/transactionLogHistory/0/pspReference", "5600004"),
    ),
    (
        "details captured",
        "an entry has the key that was sent",
        "/transactionLogHistory/*/idempotencyKey",
        |d| d.set("/transactionLogHistory/0/idempotencyKey", "key-3"),
    ),
    (
        "details captured",
        "an entry's success has ePayment's name",
        "/transactionLogHistory/*/operationSuccess, /transactionLogHistory/*/success",
        |d| {
            d.rename(
                "/transactionLogHistory/0/operationSuccess",
                "/transactionLogHistory/0/success",
            )
        },
    ),
];
