//! Members that are wrong: ids, user data, words of a status, times, and members that do not belong there.
//!
//! Test only. Must not: spoil the sums or the log.

use serde_json::{Value, json};

use super::Row;

const WORD: &str = "/transactionInfo/status";
const TIME: &str = "/transactionInfo/timeStamp";
const NUMBER: &str = "/transactionInfo/transactionId";
const PHONE: &str = "/userDetails/mobileNumber";

pub(super) const ROWS: &[Row] = &[
    (
        "details created",
        "an order id is in capitals",
        "/orderId",
        |d| d.set("/orderId", "ORDER-1234"),
    ),
    (
        "status created",
        "an order id has the bridge's prefix",
        "/orderId",
        |d| {
            d.set("/orderId", "ecom-id-order-1234");
        },
    ),
    (
        "capture",
        "an order id is that of another order",
        "/orderId",
        |d| d.set("/orderId", "order-1235"),
    ),
    ("refund", "an order id is missing", "/orderId", |d| {
        drop(d.take("/orderId"))
    }),
    ("initiate", "an order id is a number", "/orderId", |d| {
        d.set("/orderId", 1_234)
    }),
    (
        "cancel",
        "an order id has ePayment's name",
        "/orderId, /reference",
        |d| {
            d.rename("/orderId", "/reference");
        },
    ),
    ("details reserved", "the state shows", "/state", |d| {
        d.set("/state", "AUTHORIZED")
    }),
    (
        "details reserved",
        "ePayment's sums show",
        "/aggregate",
        |d| {
            d.set(
                "/aggregate",
                json!({"authorizedAmount": {"currency": "NOK", "value": 50_000}}),
            );
        },
    ),
    (
        "details reserved",
        "ePayment's number shows",
        "/pspReference",
        |d| {
            d.set("/pspReference", "6f7c4f5e-payment");
        },
    ),
    (
        "details reserved",
        "the payment method shows",
        "/paymentMethod",
        |d| {
            d.set(
                "/paymentMethod",
                json!({"type": "WALLET", "cardBin": "545454"}),
            );
        },
    ),
    (
        "capture",
        "ePayment's number shows after a capture",
        "/pspReference",
        |d| {
            d.set("/pspReference", "6f7c4f5e-payment");
        },
    ),
    ("details reserved", "metadata show", "/metadata", |d| {
        d.set("/metadata", json!({}))
    }),
    (
        "details no scope",
        "user data show that nobody asked for",
        "/sub, /userDetails",
        |d| {
            d.set("/sub", "sub-1");
            d.set(
                "/userDetails",
                json!({"userId": "sub-1", "mobileNumber": "91234567"}),
            );
        },
    ),
    (
        "details no scope",
        "user data are null where nobody asked for them",
        "/userDetails",
        |d| {
            d.set("/userDetails", Value::Null);
        },
    ),
    (
        "details reserved",
        "the user data are missing",
        "/userDetails",
        |d| drop(d.take("/userDetails")),
    ),
    (
        "details reserved",
        "the user data are empty",
        "/userDetails/email, /userDetails/firstName, /userDetails/lastName, /userDetails/mobileNumber, /userDetails/userId",
        |d| {
            d.set("/userDetails", json!({}));
        },
    ),
    (
        "details reserved",
        "the e-mail address and the phone number are swapped",
        "/userDetails/email, /userDetails/mobileNumber",
        |d| d.swap("/userDetails/email", PHONE),
    ),
    (
        "details reserved",
        "the names are swapped",
        "/userDetails/firstName, /userDetails/lastName",
        |d| d.swap("/userDetails/firstName", "/userDetails/lastName"),
    ),
    (
        "details reserved",
        "the phone number has its country code",
        PHONE,
        |d| d.set(PHONE, "4791234567"),
    ),
    (
        "details reserved",
        "the phone number has a plus",
        PHONE,
        |d| d.set(PHONE, "+4791234567"),
    ),
    (
        "details reserved",
        "the phone number is a number",
        PHONE,
        |d| d.set(PHONE, 91_234_567),
    ),
    (
        "details reserved",
        "the phone number has ePayment's other name",
        "/userDetails/mobileNumber, /userDetails/phoneNumber",
        |d| {
            d.rename(PHONE, "/userDetails/phoneNumber");
        },
    ),
    (
        "details reserved",
        "the name is in one member",
        "/userDetails/firstName, /userDetails/lastName, /userDetails/name",
        |d| {
            d.take("/userDetails/firstName");
            d.rename("/userDetails/lastName", "/userDetails/name");
        },
    ),
    (
        "details reserved",
        "the e-mail address is missing",
        "/userDetails/email",
        |d| {
            drop(d.take("/userDetails/email"));
        },
    ),
    (
        "details reserved",
        "the e-mail address is null",
        "/userDetails/email",
        |d| {
            d.set("/userDetails/email", Value::Null);
        },
    ),
    (
        "details reserved",
        "the user is another",
        "/userDetails/userId",
        |d| {
            d.set("/userDetails/userId", "sub-2");
        },
    ),
    (
        "details reserved",
        "the national number shows",
        "/userDetails/ssn",
        |d| {
            d.set("/userDetails/ssn", "01010112345");
        },
    ),
    ("details reserved", "sub is missing", "/sub", |d| {
        drop(d.take("/sub"))
    }),
    (
        "details reserved",
        "sub is that of another user",
        "/sub",
        |d| d.set("/sub", "sub-2"),
    ),
    (
        "details reserved",
        "shipping details show",
        "/shippingDetails",
        |d| {
            d.set("/shippingDetails", json!({"shippingMethodId": "1"}));
        },
    ),
    (
        "details reserved",
        "the card's first digits are missing",
        "/transactionSummary/bankIdentificationNumber",
        |d| drop(d.take("/transactionSummary/bankIdentificationNumber")),
    ),
    (
        "details reserved",
        "the card's first digits are text",
        "/transactionSummary/bankIdentificationNumber",
        |d| d.set("/transactionSummary/bankIdentificationNumber", "545454"),
    ),
    (
        "status created",
        "the status is ePayment's CREATED",
        WORD,
        |d| d.set(WORD, "CREATED"),
    ),
    (
        "status reserved",
        "the status of a reservation is SALE",
        WORD,
        |d| d.set(WORD, "SALE"),
    ),
    (
        "status sale",
        "the status of a sale is RESERVE",
        WORD,
        |d| d.set(WORD, "RESERVE"),
    ),
    (
        "status captured",
        "the status of a capture is RESERVE",
        WORD,
        |d| d.set(WORD, "RESERVE"),
    ),
    (
        "status refunded",
        "the status of a refund is CAPTURE",
        WORD,
        |d| d.set(WORD, "CAPTURE"),
    ),
    (
        "status released",
        "the status of a release is CANCEL",
        WORD,
        |d| d.set(WORD, "CANCEL"),
    ),
    (
        "status whole life",
        "the status of a late release is REFUND",
        WORD,
        |d| d.set(WORD, "REFUND"),
    ),
    (
        "status aborted",
        "the status of an end by the user is VOID",
        WORD,
        |d| d.set(WORD, "VOID"),
    ),
    (
        "status expired",
        "the status of an end in time is CANCEL",
        WORD,
        |d| d.set(WORD, "CANCEL"),
    ),
    (
        "status ended",
        "the status of an end by the merchant is FAILED",
        WORD,
        |d| d.set(WORD, "FAILED"),
    ),
    (
        "status reserved",
        "the status is the callback's word",
        WORD,
        |d| d.set(WORD, "RESERVED"),
    ),
    (
        "status reserved",
        "the status is in small letters",
        WORD,
        |d| d.set(WORD, "reserve"),
    ),
    ("status reserved", "the status has no word", WORD, |d| {
        drop(d.take(WORD))
    }),
    (
        "status reserved",
        "the last operation is missing",
        "/transactionInfo",
        |d| {
            drop(d.take("/transactionInfo"));
        },
    ),
    (
        "status reserved",
        "the last operation is null",
        "/transactionInfo",
        |d| {
            d.set("/transactionInfo", Value::Null);
        },
    ),
    (
        "status captured",
        "the last time is that of the reservation",
        TIME,
        |d| {
            d.time(TIME, -55, "%Y-%m-%dT%H:%M:%S.%3fZ");
        },
    ),
    ("status captured", "the last time is local", TIME, |d| {
        d.time(TIME, 3_600, "%Y-%m-%dT%H:%M:%S.%3f");
    }),
    (
        "status captured",
        "the last number is a number",
        NUMBER,
        |d| d.set(NUMBER, 5_600_004),
    ),
    ("status captured", "the last number is blank", NUMBER, |d| {
        d.set(NUMBER, " ")
    }),
    (
        "status captured",
        "the log stands in the status",
        "/transactionLogHistory",
        |d| {
            d.set("/transactionLogHistory", json!([]));
        },
    ),
    (
        "status captured",
        "the sums stand in the status",
        "/transactionSummary",
        |d| {
            d.set("/transactionSummary", json!({"capturedAmount": 30_000}));
        },
    ),
    ("capture", "a capture is told in capitals", WORD, |d| {
        d.set(WORD, "CAPTURED")
    }),
    ("capture", "a capture has the log's word", WORD, |d| {
        d.set(WORD, "Capture")
    }),
    ("cancel", "a cancel has one l", WORD, |d| {
        d.set(WORD, "Canceled")
    }),
    ("cancel", "a cancel is told as a capture", WORD, |d| {
        d.set(WORD, "Captured")
    }),
    (
        "refund",
        "a refund is told in ePayment's form",
        "/transaction/status",
        |d| {
            d.set("/transaction/status", "Refunded");
        },
    ),
    (
        "refund",
        "a refund stands where a capture does",
        "/transaction, /transactionInfo",
        |d| {
            d.rename("/transaction", "/transactionInfo");
        },
    ),
    (
        "capture",
        "a capture stands where a refund does",
        "/transaction, /transactionInfo",
        |d| {
            d.rename("/transactionInfo", "/transaction");
        },
    ),
    (
        "capture",
        "a capture's text is the initiate's",
        "/transactionInfo/transactionText",
        |d| {
            d.set("/transactionInfo/transactionText", "One sweater");
        },
    ),
    (
        "capture",
        "a capture's text is missing",
        "/transactionInfo/transactionText",
        |d| {
            drop(d.take("/transactionInfo/transactionText"));
        },
    ),
    (
        "refund",
        "a refund's number is missing",
        "/transaction/transactionId",
        |d| {
            drop(d.take("/transaction/transactionId"));
        },
    ),
    (
        "refund",
        "a refund's time is that of the initiate",
        "/transaction/timeStamp",
        |d| {
            d.time("/transaction/timeStamp", -200, "%Y-%m-%dT%H:%M:%S.%3fZ");
        },
    ),
    (
        "capture",
        "a capture's time has ePayment's name",
        "/transactionInfo/timeStamp, /transactionInfo/timestamp",
        |d| {
            d.rename(TIME, "/transactionInfo/timestamp");
        },
    ),
];
