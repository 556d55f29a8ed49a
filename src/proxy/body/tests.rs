//! What is read of a body, what is said about a bad one, and what passes.

use http::HeaderValue;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::ecom::error::Group;
use crate::ecom::request::InitiatePayment;

#[derive(Debug, Default, Deserialize)]
#[expect(dead_code, reason = "only read")]
struct Order {
    transaction: Transaction,
}

#[derive(Debug, Default, Deserialize)]
#[expect(dead_code, reason = "only read")]
struct Transaction {
    amount: i64,
    #[serde(default)]
    text: Option<String>,
}

fn typed(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
    headers
}

/// Status, code and message of the only entry.
fn refused(body: &[u8]) -> (u16, String, String) {
    let failure = read_json::<Order>(&typed("application/json"), body).unwrap_err();
    let [(group, code, message)] = &failure.entries[..] else {
        panic!("one entry");
    };
    assert_eq!(*group, Group::InvalidRequest);
    (failure.status, code.clone(), message.clone())
}

#[test]
fn media_types_of_json_are_taken_in_any_spelling() {
    let body = br#"{"transaction":{"amount":1}}"#;
    for fine in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        " application/json ;x",
        "application/vnd.shop+json",
    ] {
        assert!(read_json::<Order>(&typed(fine), body).is_ok(), "{fine}");
    }
    for other in [
        "text/json",
        "application/x-www-form-urlencoded",
        "",
        "application/jsonp",
    ] {
        let failure = read_json::<Order>(&typed(other), body).unwrap_err();
        assert_eq!(failure.status, 415, "{other}");
    }
    let none = read_json::<Order>(&HeaderMap::new(), body).unwrap_err();
    assert_eq!(none.status, 415);
    // Nothing was sent, so nothing has a type.
    let empty = read_json::<Order>(&HeaderMap::new(), b"").unwrap_err();
    assert_eq!(empty.status, 400);
}

#[test]
fn what_does_not_fit_is_named_and_never_quoted() {
    for (body, code, message) in [
        (
            r#"{"transaction":{"amount":"canary"}}"#,
            "transaction.amount",
            "Has a value of the wrong type (line 1 column 33)",
        ),
        (
            r#"{"transaction":{"amount":1,"text":7}}"#,
            "transaction.text",
            "Has a value of the wrong type (line 1 column 35)",
        ),
        (
            r#"{"transaction":{}}"#,
            "transaction.amount",
            "Is missing (line 1 column 17)",
        ),
        ("{}", "transaction", "Is missing (line 1 column 2)"),
        (
            r#"{"transaction":{"amount":1,"amount":2}}"#,
            "transaction.amount",
            "Stands twice (line 1 column 35)",
        ),
        (
            "{\"transaction\":\n{\"amount\":1} canary",
            "body",
            "The body is no valid JSON from here on (line 2 column 14)",
        ),
        (
            r#"{"transaction":{"amount":1"#,
            "body",
            "The JSON ends too early (line 1 column 26)",
        ),
    ] {
        let told = refused(body.as_bytes());
        assert_eq!(told, (400, code.to_owned(), message.to_owned()), "{body}");
    }
}

#[test]
fn e6_bad_json_is_refused_with_400() {
    let deep = format!(
        r#"{{"transaction":{}1{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let utf16: Vec<u8> =
        r#"{"transaction":{"amount":1}}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for body in [
        &b"[]"[..],
        b"null",
        b"7",
        b"\"text\"",
        b" ",
        b"\xEF\xBB\xBF{}",
        &utf16,
        b"\xFF\xFE{\0}\0",
        b"{\"transaction\":{\"amount\":1,\"text\":\"\xFF\"}}",
        br#"{"transaction":{"amount":NaN}}"#,
        br#"{"transaction":{"amount":Infinity}}"#,
        br#"{"transaction":{"amount":1e400}}"#,
        br#"{"transaction":{"amount":99999999999999999999}}"#,
        br#"{"transaction":{"amount":1,"text":"\uD800"}}"#,
        br#"{"transaction":{"amount":1,"text":"\uDC00\uD800"}}"#,
        br#"{"transaction":{"amount":01}}"#,
        br#"{"transaction":{"amount":1},}"#,
        br#"{"transaction":{"amount":1}}{"transaction":{"amount":2}}"#,
        br"{'transaction':{}}",
        b"{\"transaction\":{\"amount\":1}} // note",
        b"{\"transaction\":{\"amount\":1,\"text\":\"a\0b\"}}",
        deep.as_bytes(),
    ] {
        assert_eq!(refused(body).0, 400, "{:?}", body.get(..40));
    }
}

#[test]
fn e6_unknown_members_are_ignored_however_many_or_deep() {
    let many: String = (0..100_000).map(|n| format!("\"k{n}\":{n},")).collect();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for extra in [many, format!("\"x\":{deep},")] {
        let body = format!("{{{extra}\"transaction\":{{\"amount\":1}}}}");
        assert!(read_json::<Order>(&typed("application/json"), body.as_bytes()).is_ok());
    }
}

#[test]
fn a_clients_long_key_is_not_shown_back() {
    let body = format!(
        r#"{{"transaction":{{"amount":1,"{}":tru}}}}"#,
        "canary ".repeat(50)
    );
    let (_, code, message) = refused(body.as_bytes());
    assert!(
        !code.contains("canary") && !message.contains("canary"),
        "{code} {message}"
    );
}

#[test]
fn ecoms_own_types_are_read_and_a_member_that_stands_twice_is_named() {
    let body = br#"{"merchantInfo":{"callbackPrefix":"a","callbackPrefix":"b"}}"#;
    let failure = read_json::<InitiatePayment>(&typed("application/json"), body).unwrap_err();
    assert_eq!(failure.entries[0].1, "merchantInfo.callbackPrefix");
}

#[test]
fn failures_have_their_status() {
    assert_eq!(BodyFailure::TooLarge(1).failure().status, 413);
    assert_eq!(BodyFailure::TooSlow.failure().status, 408);
    assert_eq!(BodyFailure::Broken.failure().status, 400);
}

proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _read = read_json::<Order>(&typed("application/json"), &body);
    }

    #[test]
    fn no_text_panics_or_is_quoted(value in "[a-z\\\\\"{}:,]{0,20}") {
        let body = format!(r#"{{"transaction":{{"amount":1,"text":canary{value}}}}}"#);
        let failure = read_json::<Order>(&typed("application/json"), body.as_bytes());
        if let Err(failure) = failure {
            let shown = format!("{failure:?}");
            prop_assert!(!shown.contains("canary"));
        }
    }
}
