//! Mistakes around the bodies, and in everything that changes a payment.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::json;

use super::{
    Planted, cancel, capture, force, headed, look, refund, release, rest, set, unset, web,
};
use crate::translate::loss::Loss;

pub(super) const ON_THE_WIRE: &[Planted] = &[
    ("no body", web, |o| o.body = None, "(body)"),
    ("a list", web, |o| o.body = Some(json!([])), "(body)"),
    (
        "no key",
        web,
        |o| {
            o.headers.remove("idempotency-key");
        },
        "(header idempotency-key)",
    ),
    (
        "the merchant's id for a key of create",
        web,
        |o| headed(o, "idempotency-key", "order-1234"),
        "(header idempotency-key)",
    ),
    (
        "a key too long",
        web,
        |o| headed(o, "idempotency-key", &format!("bridge-{}", "x".repeat(44))),
        "(header idempotency-key)",
    ),
    (
        "no sales unit",
        web,
        |o| {
            o.headers.remove("merchant-serial-number");
        },
        "(header merchant-serial-number)",
    ),
    (
        "another sales unit",
        web,
        |o| headed(o, "merchant-serial-number", "123457"),
        "(header merchant-serial-number)",
    ),
    (
        "a sales unit that is none",
        web,
        |o| headed(o, "merchant-serial-number", "123"),
        "(header merchant-serial-number)",
    ),
    (
        "no token",
        web,
        |o| {
            o.headers.remove(AUTHORIZATION);
        },
        "(header authorization)",
    ),
    (
        "a bare token",
        web,
        |o| headed(o, "authorization", "secret-token"),
        "(header authorization)",
    ),
    (
        "another token",
        web,
        |o| headed(o, "authorization", "Bearer secret-other"),
        "(header authorization)",
    ),
    (
        "no subscription key",
        web,
        |o| {
            o.headers.remove("ocp-apim-subscription-key");
        },
        "(header ocp-apim-subscription-key)",
    ),
    (
        "no media type",
        web,
        |o| {
            o.headers.remove(CONTENT_TYPE);
        },
        "(header content-type)",
    ),
    (
        "another media type",
        web,
        |o| headed(o, "content-type", "text/plain"),
        "(header content-type)",
    ),
    (
        "the shop's name lost",
        web,
        |o| headed(o, "vipps-system-name", "ecom-bridge"),
        "(header vipps-system-name)",
    ),
    (
        "a header too much",
        web,
        |o| headed(o, "x-request-id", "1"),
        "(header x-request-id)",
    ),
    (
        "a wrong path",
        web,
        |o| o.path = "/epayment/v1/payment".to_owned(),
        "(path)",
    ),
    ("a wrong method", web, |o| o.method = "PUT", "(method)"),
    (
        "a loss that is not told",
        web,
        |o| o.losses.clear(),
        "/merchantInfo/fallBack",
    ),
    (
        "a loss that does not happen",
        web,
        |o| o.losses.push(Loss::TextPadded),
        "(loss text-padded)",
    ),
];

pub(super) const IN_CHANGES: &[Planted] = &[
    (
        "a capture of 1 too many",
        capture,
        |o| set(o, "/modificationAmount/value", 20_001),
        "/modificationAmount/value",
    ),
    (
        "a capture in kroner",
        capture,
        |o| set(o, "/modificationAmount/value", 200),
        "/modificationAmount/value",
    ),
    (
        "a capture of nothing",
        capture,
        |o| set(o, "/modificationAmount/value", 0),
        "/modificationAmount/value",
    ),
    (
        "a negative capture",
        capture,
        |o| set(o, "/modificationAmount/value", -20_000),
        "/modificationAmount/value",
    ),
    (
        "a capture in another currency",
        capture,
        |o| set(o, "/modificationAmount/currency", "DKK"),
        "/modificationAmount/currency",
    ),
    (
        "a capture of all that remains",
        capture,
        |o| {
            unset(o, "/modificationAmount/value");
            o.open = true;
        },
        "/modificationAmount/value",
    ),
    (
        "a capture without an amount",
        capture,
        |o| unset(o, "/modificationAmount/value"),
        "/modificationAmount/value",
    ),
    (
        "an amount in eCom's place",
        capture,
        |o| set(o, "/amount", 20_000),
        "/amount",
    ),
    (
        "a text in a capture",
        capture,
        |o| set(o, "/transactionText", "Half of them"),
        "/transactionText",
    ),
    (
        "a capture that refunds",
        capture,
        |o| o.path = "/epayment/v1/payments/order-1234/refund".to_owned(),
        "(path)",
    ),
    (
        "a capture of another order",
        capture,
        |o| o.path = "/epayment/v1/payments/order-1235/capture".to_owned(),
        "(path)",
    ),
    (
        "the X-Request-Id alone as a key",
        capture,
        |o| headed(o, "idempotency-key", "1"),
        "(header idempotency-key)",
    ),
    (
        "a key of another request",
        capture,
        |o| headed(o, "idempotency-key", &format!("2-{}", "x".repeat(32))),
        "(header idempotency-key)",
    ),
    (
        "a hash too short",
        capture,
        |o| headed(o, "idempotency-key", "1-abcdefgh"),
        "(header idempotency-key)",
    ),
    (
        "a key that is made up",
        capture,
        |o| {
            headed(
                o,
                "idempotency-key",
                "bridge-00000000-0000-0000-0000-000000000000",
            )
        },
        "(header idempotency-key)",
    ),
    (
        "a refund as text",
        refund,
        |o| set(o, "/modificationAmount/value", "20000"),
        "/modificationAmount/value",
    ),
    (
        "a refund without a key",
        refund,
        |o| {
            o.headers.remove("idempotency-key");
        },
        "(header idempotency-key)",
    ),
    (
        "a remainder that is guessed",
        rest,
        |o| set(o, "/modificationAmount/value", 49_900),
        "/modificationAmount/value",
    ),
    (
        "a remainder of 0",
        rest,
        |o| {
            set(o, "/modificationAmount/value", 0);
            o.open = false;
        },
        "/modificationAmount/value",
    ),
    (
        "a remainder that is forgotten",
        rest,
        |o| o.open = false,
        "/modificationAmount/value",
    ),
    (
        "an id with blanks in a key",
        rest,
        |o| headed(o, "idempotency-key", "id with blanks"),
        "(header idempotency-key)",
    ),
    (
        "a cancel with a body",
        cancel,
        |o| o.body = Some(json!({"cancelTransactionOnly": true})),
        "(body)",
    ),
    (
        "a cancel with PUT",
        cancel,
        |o| o.method = "PUT",
        "(method)",
    ),
    (
        "a cancel that does not look",
        cancel,
        |o| o.guarded = false,
        "(read before cancel)",
    ),
    (
        "a release that looks",
        release,
        |o| o.guarded = true,
        "(read before cancel)",
    ),
    (
        "an approval of another customer",
        force,
        |o| set(o, "/customer/phoneNumber", "4791234560"),
        "/customer/phoneNumber",
    ),
    (
        "an approval without its token",
        force,
        |o| unset(o, "/token"),
        "/token",
    ),
    (
        "an approval outside of the test",
        force,
        |o| o.path = "/epayment/v1/payments/order-1234/approve".to_owned(),
        "(path)",
    ),
    (
        "a read of a short order id as it stands",
        look,
        |o| o.path = "/epayment/v1/payments/Woo17".to_owned(),
        "(path)",
    ),
    (
        "a prefix that is not told",
        look,
        |o| o.losses.clear(),
        "(path orderId)",
    ),
];
