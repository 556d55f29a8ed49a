//! Mistakes planted into the request after it was made: each must be found, and named by its field.
//!
//! A list of mistakes that somebody could make, and a sweep that changes every member, header and loss of many requests.

use http::header::{AUTHORIZATION, CONTENT_TYPE};

use super::*;
use crate::store::DifferenceKind;
use crate::translate::loss::Loss;

fn initiate(pointer: &str, value: Value) -> Call {
    Call::new(Operation::Initiate, &with(full(), pointer, Some(value)))
}

fn web() -> Call {
    Call::new(Operation::Initiate, &plain())
}

fn app() -> Call {
    Call::new(Operation::Initiate, &full()).sealed()
}

fn push() -> Call {
    initiate("/transaction/skipLandingPage", json!(true))
}

fn capture() -> Call {
    Call::new(Operation::Capture, &change()).header("x-request-id", "1")
}

fn rest() -> Call {
    let body = with(change(), "/transaction/amount", Some(json!(0)));
    Call::new(Operation::Refund, &body).header("x-request-id", "id with blanks")
}

fn refund() -> Call {
    Call::new(Operation::Refund, &change())
}

fn cancel() -> Call {
    Call::new(Operation::Cancel, &change()).header("x-request-id", "1")
}

fn release() -> Call {
    let body = with(change(), "/shouldReleaseRemainingFunds", Some(json!(true)));
    Call::new(Operation::Cancel, &body).header("x-request-id", "1")
}

fn force() -> Call {
    let body = json!({"customerPhoneNumber": "91234567", "token": "secret-token"});
    Call::new(Operation::Approve, &body)
}

fn look() -> Call {
    Call::new(Operation::Details, &Value::Null).order("Woo17")
}

fn set(outgoing: &mut Outgoing, pointer: &str, value: impl Into<Value>) {
    let body = outgoing.body.take().expect("a body");
    outgoing.body = Some(with(body, pointer, Some(value.into())));
}

fn unset(outgoing: &mut Outgoing, pointer: &str) {
    let body = outgoing.body.take().expect("a body");
    outgoing.body = Some(with(body, pointer, None));
}

fn headed(outgoing: &mut Outgoing, name: &'static str, value: &str) {
    let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
    outgoing.headers.insert(name, value);
}

type Plant = fn(&mut Outgoing);

/// What goes wrong, in which request, how, and the field that must be named.
const PLANTED: &[(&str, fn() -> Call, Plant, &str)] = &[
    (
        "an amount that is 100 too large",
        web,
        |o| set(o, "/amount/value", 50_000),
        "/amount/value",
    ),
    (
        "an amount in kroner",
        web,
        |o| set(o, "/amount/value", 499),
        "/amount/value",
    ),
    (
        "an amount times 100",
        web,
        |o| set(o, "/amount/value", 4_990_000),
        "/amount/value",
    ),
    (
        "an amount below the smallest",
        web,
        |o| set(o, "/amount/value", 99),
        "/amount/value",
    ),
    (
        "an amount above the largest",
        web,
        |o| set(o, "/amount/value", 65_000_001),
        "/amount/value",
    ),
    (
        "an amount as text",
        web,
        |o| set(o, "/amount/value", "49900"),
        "/amount/value",
    ),
    (
        "an amount with a fraction",
        web,
        |o| set(o, "/amount/value", 499.0),
        "/amount/value",
    ),
    ("no amount", web, |o| unset(o, "/amount"), "/amount/value"),
    (
        "another currency",
        web,
        |o| set(o, "/amount/currency", "EUR"),
        "/amount/currency",
    ),
    (
        "a currency in small letters",
        web,
        |o| set(o, "/amount/currency", "nok"),
        "/amount/currency",
    ),
    (
        "no currency",
        web,
        |o| unset(o, "/amount/currency"),
        "/amount/currency",
    ),
    (
        "a push message without a customer",
        push,
        |o| unset(o, "/customer"),
        "/customer/phoneNumber",
    ),
    (
        "a number without its country",
        app,
        |o| set(o, "/customer/phoneNumber", "91234567"),
        "/customer/phoneNumber",
    ),
    (
        "a number of another country",
        app,
        |o| set(o, "/customer/phoneNumber", "4591234567"),
        "/customer/phoneNumber",
    ),
    (
        "a number with a plus",
        app,
        |o| set(o, "/customer/phoneNumber", "+4791234567"),
        "/customer/phoneNumber",
    ),
    (
        "a number as a number",
        app,
        |o| set(o, "/customer/phoneNumber", 4_791_234_567_i64),
        "/customer/phoneNumber",
    ),
    (
        "another digit in a number",
        app,
        |o| set(o, "/customer/phoneNumber", "4791234568"),
        "/customer/phoneNumber",
    ),
    (
        "a customer out of nowhere",
        web,
        |o| set(o, "/customer", json!({"phoneNumber": "4791234567"})),
        "/customer/phoneNumber",
    ),
    (
        "a customer named in two ways",
        app,
        |o| set(o, "/customer/customerToken", "t"),
        "/customer",
    ),
    (
        "the callback for the return address",
        web,
        |o| set(o, "/returnUrl", "https://shop.example/vipps"),
        "/returnUrl",
    ),
    (
        "no return address",
        web,
        |o| unset(o, "/returnUrl"),
        "/returnUrl",
    ),
    (
        "a return address with http",
        web,
        |o| set(o, "/returnUrl", "http://shop.example/done?o=1"),
        "/returnUrl",
    ),
    (
        "a return address without its query",
        web,
        |o| set(o, "/returnUrl", "https://shop.example/done"),
        "/returnUrl",
    ),
    (
        "a return address with its slash encoded",
        web,
        |o| set(o, "/returnUrl", "https://shop.example%2Fdone?o=1"),
        "/returnUrl",
    ),
    (
        "a text that is cut",
        web,
        |o| set(o, "/paymentDescription", "Two pairs of sock"),
        "/paymentDescription",
    ),
    (
        "another text",
        web,
        |o| set(o, "/paymentDescription", "Ten pairs of socks"),
        "/paymentDescription",
    ),
    (
        "a text too short",
        web,
        |o| set(o, "/paymentDescription", "Tw"),
        "/paymentDescription",
    ),
    (
        "a text too long",
        web,
        |o| set(o, "/paymentDescription", "x".repeat(101)),
        "/paymentDescription",
    ),
    (
        "no text",
        web,
        |o| unset(o, "/paymentDescription"),
        "/paymentDescription",
    ),
    (
        "another reference",
        web,
        |o| set(o, "/reference", "order-1235"),
        "/reference",
    ),
    (
        "a reference in other letters",
        web,
        |o| set(o, "/reference", "ORDER-1234"),
        "/reference",
    ),
    (
        "a prefix where none is needed",
        web,
        |o| set(o, "/reference", "ecom-id-order-1234"),
        "/reference",
    ),
    (
        "a reference too long",
        web,
        |o| set(o, "/reference", "x".repeat(51)),
        "/reference",
    ),
    (
        "no reference",
        web,
        |o| unset(o, "/reference"),
        "/reference",
    ),
    (
        "the browser's flow in an app",
        app,
        |o| set(o, "/userFlow", "WEB_REDIRECT"),
        "/userFlow",
    ),
    (
        "a push message nobody asked for",
        app,
        |o| set(o, "/userFlow", "PUSH_MESSAGE"),
        "/userFlow",
    ),
    (
        "a landing page for a push message",
        push,
        |o| set(o, "/userFlow", "NATIVE_REDIRECT"),
        "/userFlow",
    ),
    ("a QR code", web, |o| set(o, "/userFlow", "QR"), "/userFlow"),
    ("no scope", app, |o| unset(o, "/profile"), "/profile/scope"),
    (
        "less scope",
        app,
        |o| set(o, "/profile/scope", "name"),
        "/profile/scope",
    ),
    (
        "more scope",
        app,
        |o| set(o, "/profile/scope", "name phoneNumber nin"),
        "/profile/scope",
    ),
    (
        "a scope nobody asked for",
        web,
        |o| set(o, "/profile", json!({"scope": "nin"})),
        "/profile/scope",
    ),
    (
        "a scope in the wrong place",
        app,
        |o| set(o, "/scope", "name phoneNumber"),
        "/scope",
    ),
    (
        "a card payment",
        web,
        |o| set(o, "/paymentMethod/type", "CARD"),
        "/paymentMethod/type",
    ),
    (
        "a card payment in an app",
        app,
        |o| set(o, "/paymentMethod/type", "CARD"),
        "/paymentMethod/type",
    ),
    (
        "no payment method",
        web,
        |o| unset(o, "/paymentMethod"),
        "/paymentMethod",
    ),
    (
        "a customer at a till",
        web,
        |o| set(o, "/customerInteraction", "CUSTOMER_PRESENT"),
        "/customerInteraction",
    ),
    (
        "no interaction",
        web,
        |o| unset(o, "/customerInteraction"),
        "/customerInteraction",
    ),
    (
        "an invoice number that is lost",
        app,
        |o| unset(o, "/industryData/airlineData/agencyInvoiceNumber"),
        "/industryData/airlineData/agencyInvoiceNumber",
    ),
    (
        "codes of an airline that are swapped",
        app,
        |o| set(o, "/industryData/airlineData/airlineCode", "KL"),
        "/industryData/airlineData/airlineCode",
    ),
    (
        "no airline",
        app,
        |o| unset(o, "/industryData"),
        "/industryData/airlineData/passengerName",
    ),
    (
        "a token in the metadata",
        app,
        |o| set(o, "/metadata/authToken", "secret-token"),
        "/metadata/authToken",
    ),
    (
        "a marker of another key",
        app,
        |o| set(o, "/metadata/ecom-bridge", "1 bridge-x"),
        "/metadata/ecom-bridge",
    ),
    (
        "six pairs of metadata",
        app,
        |o| {
            set(
                o,
                "/metadata",
                json!({"a": "", "b": "", "c": "", "d": "", "e": "", "f": ""}),
            )
        },
        "/metadata",
    ),
    (
        "a value of metadata too long",
        app,
        |o| set(o, "/metadata/ecom-bridge-1", "x".repeat(501)),
        "/metadata",
    ),
    (
        "a token in the body",
        app,
        |o| set(o, "/authToken", "secret-token"),
        "/authToken",
    ),
    (
        "eCom's own member",
        app,
        |o| set(o, "/merchantInfo", json!({"isApp": true})),
        "/merchantInfo/isApp",
    ),
    (
        "an expiry",
        push,
        |o| set(o, "/expiresAt", "2026-03-01T10:00:00Z"),
        "/expiresAt",
    ),
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

/// What differs beyond what differed before.
fn found(
    call: &Call,
    before: &[Difference],
    request: &Value,
    outgoing: &Outgoing,
) -> Vec<Difference> {
    let mut all = judge(&call.as_dry(), request, outgoing);
    all.retain(|one| !before.contains(one) && one.kind != DifferenceKind::Loss);
    all
}

fn names(differences: &[Difference], field: &str) -> bool {
    differences.iter().any(|one| one.field.as_str() == field)
}

#[test]
fn every_planted_mistake_is_found_and_named() {
    assert!(PLANTED.len() >= 25);
    let mut escaped = Vec::new();
    for (mistake, call, plant, field) in PLANTED {
        let call = call();
        let (request, mut outgoing) = call.made();
        let before = judge(&call.as_dry(), &request, &outgoing);
        assert!(
            before.iter().all(|one| one.kind == DifferenceKind::Loss),
            "{mistake}: {before:?}"
        );
        let good = outgoing.clone();
        plant(&mut outgoing);
        assert!(outgoing != good, "{mistake}: nothing was planted");
        let found = found(&call, &before, &request, &outgoing);
        if !names(&found, field) {
            escaped.push(format!("{mistake}: {field}, but {:?}", told(&found)));
        }
    }
    println!("{} planted, {} escaped", PLANTED.len(), escaped.len());
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}

/// Everything that can be done to one value.
fn spoilt(value: &Value) -> Vec<Value> {
    let mut all = vec![
        Value::Null,
        json!([]),
        json!({}),
        json!(true),
        json!(7),
        json!(""),
    ];
    match value {
        Value::String(text) => {
            let mut letters: Vec<char> = text.chars().collect();
            let last = letters.pop().unwrap_or('x');
            let rest: String = letters.iter().collect();
            let other = if last == 'z' { 'y' } else { 'z' };
            let reversed: String = text.chars().rev().collect();
            for text in [
                rest.clone(),
                format!("{rest}{other}"),
                format!("{text}{last}"),
                format!(" {text}"),
                reversed,
                "x".repeat(600),
            ] {
                all.push(text.into());
            }
        }
        Value::Number(number) => {
            let units = number.as_i64().unwrap_or(0);
            for other in [units + 1, units - 1, units * 100, units / 100, -units, 0] {
                all.push(other.into());
            }
            all.push(number.to_string().into());
        }
        _ => {}
    }
    all.retain(|other| other != value);
    all
}

/// Every place in a body that holds no object.
fn leaves(at: &str, value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| leaves(&format!("{at}/{name}"), value, all)),
        _ => all.push(at.to_owned()),
    }
}

/// What cannot be told by form: what is sealed, and which hash it is.
fn is_opaque(at: &str, value: &Value) -> bool {
    let sealed = at.starts_with("/metadata/ecom-bridge-");
    sealed && value.as_str().is_some_and(|text| text.len() <= 500)
}

#[test]
fn whatever_changes_is_found() {
    let calls = [
        web(),
        app(),
        push(),
        capture(),
        rest(),
        refund(),
        cancel(),
        release(),
        force(),
        look(),
    ];
    let mut planted = 0;
    let mut escaped = Vec::new();
    for call in &calls {
        let (request, good) = call.made();
        let before = judge(&call.as_dry(), &request, &good);
        let mut hold = |what: String, field: &str, outgoing: Outgoing| {
            planted += 1;
            let found = found(call, &before, &request, &outgoing);
            if !names(&found, field) {
                escaped.push(format!("{:?} {what}: {:?}", call.operation, told(&found)));
            }
        };
        let mut places = Vec::new();
        if let Some(body) = &good.body {
            leaves("", body, &mut places);
        }
        for at in &places {
            let value = good
                .body
                .as_ref()
                .and_then(|body| body.pointer(at))
                .expect("a leaf");
            let others = spoilt(value).into_iter().map(Some).chain([None]);
            for other in others.filter(|other| !other.as_ref().is_some_and(|v| is_opaque(at, v))) {
                let mut outgoing = good.clone();
                outgoing.body = outgoing.body.map(|body| with(body, at, other.clone()));
                // Pairs are judged together; a sealed part that is gone is shorter data.
                let field = if at.starts_with("/metadata/ecom-bridge-") {
                    "/metadata"
                } else {
                    at
                };
                if field == "/metadata" && other.is_none() {
                    continue;
                }
                hold(format!("{at} {other:?}"), field, outgoing);
            }
        }
        for (name, value) in &good.headers {
            let field = FieldPath::header(name);
            let mut without = good.clone();
            without.headers.remove(name);
            hold(format!("without {name}"), field.as_str(), without);
            for text in ["", "x", "Bearer x", &"0".repeat(51)] {
                let mut other = good.clone();
                other
                    .headers
                    .insert(name, HeaderValue::from_str(text).expect("a header"));
                if other != good && value != text {
                    hold(format!("{name} {text}"), field.as_str(), other);
                }
            }
        }
        for loss in Loss::ALL {
            let mut outgoing = good.clone();
            if good.losses.contains(&loss) {
                outgoing.losses.retain(|one| *one != loss);
                let place = before.iter().find(|one| one.candidate == loss.code());
                let place = place.expect("a place").field.to_string();
                hold(format!("without {loss:?}"), &place, outgoing);
            } else {
                outgoing.losses.push(loss);
                hold(
                    format!("with {loss:?}"),
                    &format!("(loss {})", loss.code()),
                    outgoing,
                );
            }
        }
    }
    println!("{planted} planted, {} escaped", escaped.len());
    assert!(planted > 500, "{planted}");
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}
