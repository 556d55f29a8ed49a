//! Whole answers that are wrong: status, headers, bodies, addresses, refusals.
//!
//! Test only. Must not: spoil single members of payments.

use http::HeaderValue;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};

use super::{Draft, Row};

const CODE: &str = "/*/errorCode";
const GROUP: &str = "/*/errorGroup";
const STATUS: &str = "(status)";
const TYPE: &str = "(header content-type)";

fn media(draft: &mut Draft, word: &'static str) {
    draft
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(word));
}

pub(super) const ROWS: &[Row] = &[
    ("initiate", "the address is missing", "/url", |d| {
        drop(d.take("/url"))
    }),
    ("initiate", "the address is null", "/url", |d| {
        d.set("/url", Value::Null)
    }),
    ("initiate", "the address is empty", "/url", |d| {
        d.set("/url", "")
    }),
    ("initiate", "the address is not secure", "/url", |d| {
        d.set("/url", "http://landing.example/?token=abc");
    }),
    ("initiate", "the address has no host", "/url", |d| {
        d.set("/url", "/?token=abc")
    }),
    ("initiate", "the address has lost its token", "/url", |d| {
        d.set("/url", "https://landing.example")
    }),
    ("initiate", "the address is that of an app", "/url", |d| {
        d.set("/url", "vipps://?token=abc")
    }),
    (
        "initiate",
        "the address has ePayment's name",
        "/redirectUrl, /url",
        |d| {
            d.rename("/url", "/redirectUrl");
        },
    ),
    ("initiate", "the address of another payment", "/url", |d| {
        d.set("/url", "https://landing.example/?token=xyz");
    }),
    (
        "initiate",
        "an initiate is answered with 201",
        STATUS,
        |d| d.status = 201,
    ),
    (
        "initiate",
        "an initiate has no body",
        "(body), (header content-type)",
        |d| d.bytes = Some(String::new()),
    ),
    (
        "capture",
        "a capture is answered with 204",
        "(body), (header content-type), (status)",
        |d| {
            d.status = 204;
            d.bytes = Some(String::new());
        },
    ),
    (
        "capture",
        "a capture has an empty object",
        "/orderId, /transactionInfo, /transactionSummary",
        |d| {
            d.body = json!({});
        },
    ),
    ("capture", "a capture has null", "(body)", |d| {
        d.body = Value::Null
    }),
    ("capture", "a capture lies in a list", "(body)", |d| {
        d.body = json!([d.body.clone()])
    }),
    (
        "capture",
        "a capture passes as ePayment gave it",
        "/aggregate, /amount, /orderId, /pspReference, /reference, /state, /transactionInfo, /transactionSummary",
        |d| {
            d.body = json!({
                "aggregate": {"capturedAmount": {"currency": "NOK", "value": 7_000}},
                "amount": {"currency": "NOK", "value": 50_000},
                "pspReference": "6f7c4f5e-payment",
                "reference": "order-1234",
                "state": "AUTHORIZED"
            });
        },
    ),
    (
        "details reserved",
        "details have no body",
        "(body), (header content-type)",
        |d| d.bytes = Some(String::new()),
    ),
    (
        "details reserved",
        "details are cut off",
        "candidate-not-json",
        |d| d.bytes = Some("{\"orderId\":\"order-1234\",".to_owned()),
    ),
    (
        "details reserved",
        "details are a page",
        "candidate-not-json",
        |d| {
            media(d, "text/html");
            d.bytes = Some("<html></html>".to_owned());
        },
    ),
    (
        "details reserved",
        "details are said to be text",
        TYPE,
        |d| media(d, "text/plain"),
    ),
    (
        "details reserved",
        "details are said to be a problem",
        TYPE,
        |d| media(d, "application/problem+json"),
    ),
    (
        "details reserved",
        "nothing is said of what details are",
        TYPE,
        |d| drop(d.headers.remove(CONTENT_TYPE)),
    ),
    (
        "details reserved",
        "details are refused with 404",
        STATUS,
        |d| {
            d.status = 404;
            d.body = json!([{"errorGroup": "Merchant", "errorCode": "35", "errorMessage": "no", "contextId": "c"}]);
        },
    ),
    (
        "details reserved",
        "details are given up with 502",
        STATUS,
        |d| d.status = 502,
    ),
    (
        "details reserved",
        "details ask to come back",
        "(header retry-after)",
        |d| {
            d.headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        },
    ),
    (
        "details reserved",
        "the order id stands twice",
        "/orderId",
        |d| {
            let twice = r#"{"orderId":"order-1234","orderId""#;
            d.bytes = Some(d.body.to_string().replacen(r#"{"orderId""#, twice, 1));
        },
    ),
    ("Payment51", "a refusal has 404 for 402", STATUS, |d| {
        d.status = 404
    }),
    ("Payment61", "a refusal has 409 for 400", STATUS, |d| {
        d.status = 409
    }),
    ("Vipps94", "a locked order is told with 500", STATUS, |d| {
        d.status = 500
    }),
    ("Payment61", "a refusal is told as success", STATUS, |d| {
        d.status = 200
    }),
    ("capture", "a success is told as refusal", STATUS, |d| {
        d.status = 400
    }),
    (
        "Merchant35",
        "an unknown order is told with 400",
        STATUS,
        |d| d.status = 400,
    ),
    ("Payment61", "a refusal has another code", CODE, |d| {
        d.set("/0/errorCode", "62")
    }),
    ("Payment61", "a refusal's code is a number", CODE, |d| {
        d.set("/0/errorCode", 61)
    }),
    ("Payment61", "a refusal's code is ePayment's", CODE, |d| {
        d.set("/0/errorCode", "6090")
    }),
    ("Payment61", "a refusal has no code", CODE, |d| {
        drop(d.take("/0/errorCode"))
    }),
    ("Payment61", "a refusal has another group", GROUP, |d| {
        d.set("/0/errorGroup", "Merchant")
    }),
    (
        "Payment61",
        "a refusal's group is in small letters",
        GROUP,
        |d| d.set("/0/errorGroup", "payment"),
    ),
    ("Payment61", "a refusal has no group", GROUP, |d| {
        drop(d.take("/0/errorGroup"))
    }),
    (
        "Vipps94",
        "group and code are swapped",
        "/*/errorCode, /*/errorGroup",
        |d| {
            d.swap("/0/errorCode", "/0/errorGroup");
        },
    ),
    ("invalid", "a member has ePayment's name", CODE, |d| {
        d.set("/0/errorCode", "amount.value")
    }),
    ("invalid", "an invalid member is missing", "(body)", |d| {
        drop(d.take("/1"))
    }),
    (
        "invalid",
        "an invalid member is told twice",
        "(body)",
        |d| {
            let entry = d.at("/0").clone();
            d.body.as_array_mut().expect("a list").push(entry);
        },
    ),
    ("Payment61", "a refusal is an object", "(body)", |d| {
        d.body = d.take("/0")
    }),
    ("Payment61", "a refusal is an empty list", "(body)", |d| {
        d.body = json!([])
    }),
    (
        "Payment61",
        "a refusal has no body",
        "(body), (header content-type)",
        |d| d.bytes = Some(String::new()),
    ),
    (
        "Payment61",
        "a refusal has no message",
        "/*/errorMessage",
        |d| drop(d.take("/0/errorMessage")),
    ),
    (
        "Payment61",
        "a refusal has an empty message",
        "/*/errorMessage",
        |d| d.set("/0/errorMessage", ""),
    ),
    (
        "Payment61",
        "a refusal's message is an object",
        "/*/errorMessage",
        |d| d.set("/0/errorMessage", json!({})),
    ),
    (
        "Payment61",
        "a refusal has no context",
        "/*/contextId",
        |d| drop(d.take("/0/contextId")),
    ),
    (
        "Payment61",
        "a refusal has ePayment's title",
        "/*/title",
        |d| d.set("/0/title", "Capture amount too high"),
    ),
    (
        "too much",
        "a refusal passes as ePayment gave it",
        "(body), (header content-type)",
        |d| {
            media(d, "application/problem+json");
            d.body = json!({"type": "https://problem.example/6090", "title": "Capture amount too high", "status": 400});
        },
    ),
    (
        "slow down",
        "a limit does not say when to come back",
        "(header retry-after)",
        |d| {
            drop(d.headers.remove(RETRY_AFTER));
        },
    ),
    ("slow down", "a limit is told as an outage", STATUS, |d| {
        d.status = 503
    }),
    (
        "slow down",
        "a limit is told in eCom's list",
        "(body)",
        |d| {
            d.body = json!([{"errorGroup": "VippsError", "errorCode": "99", "errorMessage": "slow", "contextId": "c"}]);
        },
    ),
    ("slow down", "a limit has no message", "/message", |d| {
        drop(d.take("/message"))
    }),
    (
        "slow down",
        "a limit has another number",
        "/statusCode",
        |d| d.set("/statusCode", 503),
    ),
];
