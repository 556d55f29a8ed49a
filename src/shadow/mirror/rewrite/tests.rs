//! What comes along of a request and what does not, by tables.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::types::{OrderText, Scope};

const PHONE: &str = "4790000001";

/// One merchant's, and its shadow's.
struct Two {
    aliases: Aliases,
    order: OrderId,
    from: Msn,
    to: Msn,
    country: CountryCode,
}

fn two() -> Two {
    let aliases = Aliases::new([3; 32]);
    let from = Msn::parse("123456").unwrap();
    let order = OrderText::parse("order-0001").unwrap();
    Two {
        order: aliases.order(&Scope::Unit(from.clone()), &order).unwrap(),
        aliases,
        from,
        to: Msn::parse("654321").unwrap(),
        country: CountryCode::default(),
    }
}

impl Two {
    fn stage(&self) -> Stage<'_> {
        Stage {
            aliases: &self.aliases,
            order: &self.order,
            from: &self.from,
            to: &self.to,
            phone: PHONE,
            country: &self.country,
            http: false,
            token: Some("shadow-token"),
        }
    }

    fn body(&self, operation: Operation, body: &Value) -> Value {
        let headers = HeaderMap::new();
        let rewritten = self
            .stage()
            .rewrite(operation, &headers, body.to_string().as_bytes())
            .unwrap();
        serde_json::from_slice(&rewritten.body).unwrap()
    }

    fn headers(&self, pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut came = HeaderMap::new();
        for (name, value) in pairs {
            let name: HeaderName = name.parse().unwrap();
            came.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let rewritten = self.stage().rewrite(Operation::Status, &came, b"").unwrap();
        let mut all: Vec<_> = rewritten
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        all.sort();
        all
    }
}

#[test]
fn nothing_of_a_merchant_or_a_customer_comes_along() {
    let two = two();
    let body = json!({
        "customerInfo": {"mobileNumber": "+47 91 23 45 67", "name": "CANARY"},
        "merchantInfo": {
            "merchantSerialNumber": "123456", "callbackPrefix": "https://CANARY.example/cb",
            "authToken": "CANARY", "consentRemovalPrefix": "https://CANARY/c", "fallBack": "canary-app://CANARY",
            "shippingDetailsPrefix": "https://CANARY/s", "isApp": true, "paymentType": "CANARY",
            "staticShippingDetails": [{"shippingMethod": "CANARY"}]},
        "transaction": {
            "amount": 20_000, "orderId": "order-CANARY", "transactionText": "for CANARY",
            "scope": "name CANARY", "refOrderId": "CANARY", "timeStamp": "CANARY",
            "additionalData": {"passengerName": "CANARY, ADA", "airlineCode": "CANARY", "ticketNumber": "CANARY-1",
                "agencyInvoiceNumber": "CANARY", "airlineDesignatorCode": "CANARY"}},
        "CANARY": "CANARY"});
    let text = two.body(Operation::Initiate, &body).to_string();
    assert!(!text.to_ascii_lowercase().contains("canary"), "{text}");
    assert!(!text.contains("9123") && !text.contains("123456"), "{text}");
    for (operation, body) in [
        (
            Operation::Capture,
            json!({"merchantInfo": {"merchantSerialNumber": 123_456, "authToken": "CANARY"},
                "transaction": {"amount": 100, "transactionText": "CANARY", "x": "CANARY"}, "y": "CANARY"}),
        ),
        (
            Operation::Approve,
            json!({"customerPhoneNumber": "91234567", "token": "CANARY"}),
        ),
    ] {
        let text = two.body(operation, &body).to_string();
        assert!(!text.contains("CANARY") && !text.contains("9123"), "{text}");
        assert!(!text.contains("123456"), "{text}");
    }
}

/// Member, what the shop sends there, and what its shadow sends; `ORDER` is the shadow's.
const CLASSES: &str = r#"
/customerInfo | [1] | []
/customerInfo/mobileNumber | "91234567" | "90000001"
/customerInfo/mobileNumber | 91234567 | 90000001
/customerInfo/mobileNumber | "4791234567" | "4790000001"
/customerInfo/mobileNumber | "12" | "1"
/customerInfo/mobileNumber | "" | ""
/customerInfo/mobileNumber | 0 | 0
/customerInfo/mobileNumber | null | null
/customerInfo/mobileNumber | {"a": 1} | {}
/merchantInfo/merchantSerialNumber | "123456" | "654321"
/merchantInfo/merchantSerialNumber | 123456 | 654321
/merchantInfo/merchantSerialNumber | "123457" | "9999999"
/merchantInfo/merchantSerialNumber | "abc" | "x"
/merchantInfo/callbackPrefix | "https://shop.example/cb" | "https://example.com/shadow"
/merchantInfo/callbackPrefix | "http://shop.example" | "http://example.com/shadow"
/merchantInfo/callbackPrefix | "https://" | "shadow"
/merchantInfo/callbackPrefix | 7 | 0
/merchantInfo/fallBack | "https://shop.example/?q=1" | "https://example.com/shadow"
/merchantInfo/fallBack | "shop-app://done/7" | "shadow-app://return"
/merchantInfo/fallBack | "shop-app://" | "shadow-app://"
/merchantInfo/fallBack | "INTENT" | "INTENT"
/merchantInfo/fallBack | "shop" | "shadow"
/merchantInfo/paymentType | "ecomm Regular payment " | "ecomm Regular payment "
/merchantInfo/isApp | true | true
/merchantInfo/isApp | "yes" | ""
/transaction/amount | 20000.0 | 20000.0
/transaction/amount | "20000" | ""
/transaction/orderId | "order-0001" | "ORDER"
/transaction/orderId | 100001 | "ORDER"
/transaction/skipLandingPage | false | false
/transaction/scope | "name phoneNumber other" | "name phoneNumber shadow"
/transaction/additionalData/ticketNumber | 1234 | 1111
/transaction/additionalData/airlineCode | "074" | "111"
/transaction/transactionText | 5 | 0
"#;

#[test]
fn each_member_keeps_its_class() {
    let two = two();
    for line in CLASSES.trim().lines() {
        let line = line.replace("ORDER", two.order.as_str());
        let [member, sent, want] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("three columns: {line}");
        };
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let names = member.split('/').skip(1).collect::<Vec<_>>();
        let inside = |inner: Value, name: &&str| json!({*name: inner});
        let body = names.iter().rev().fold(json(sent), inside);
        let got = two.body(Operation::Initiate, &body);
        assert_eq!(got.pointer(member), Some(&json(want)), "{line}");
    }
    let long = "x".repeat(300);
    for member in ["callbackPrefix", "authToken", "fallBack"] {
        for prefix in ["", "https://", "app://"] {
            let body = json!({"merchantInfo": {member: format!("{prefix}{long}")}});
            let got = two.body(Operation::Initiate, &body);
            let text = got["merchantInfo"][member].as_str().unwrap();
            assert!(text.chars().count() > 255, "{member} {prefix}");
        }
    }
    let body = json!({"merchantInfo": {"authToken": "token"}});
    let got = two.body(Operation::Initiate, &body);
    assert_eq!(got, json!({"merchantInfo": {}}), "the token is left out");
}

#[test]
fn changes_and_approvals_keep_what_the_apis_judge() {
    let two = two();
    let asked = json!({"merchantInfo": {"merchantSerialNumber": "123456"},
        "transaction": {"amount": null, "transactionText": ""}, "shouldReleaseRemainingFunds": true});
    let mut want = asked.clone();
    want["merchantInfo"]["merchantSerialNumber"] = json!("654321");
    assert_eq!(two.body(Operation::Cancel, &asked), want);
    assert_eq!(two.body(Operation::Refund, &json!({})), json!({}));
    let asked = json!({"customerPhoneNumber": "91234567", "token": "t"});
    let want = json!({"customerPhoneNumber": "90000001", "token": "shadow-token"});
    assert_eq!(two.body(Operation::Approve, &asked), want);
    for not in ["", "[]", "{", "7"] {
        let rewritten = two
            .stage()
            .rewrite(Operation::Capture, &HeaderMap::new(), not.as_bytes());
        assert!(rewritten.is_none(), "{not:?}");
    }
}

#[test]
fn headers_come_along_by_an_allow_list() {
    let two = two();
    let got = two.headers(&[
        ("authorization", "Bearer CANARY"),
        ("ocp-apim-subscription-key", "CANARY"),
        ("client_id", "CANARY"),
        ("client_secret", "CANARY"),
        ("cookie", "CANARY"),
        ("user-agent", "CANARY"),
        ("x-forwarded-for", "CANARY"),
        ("x-source-address", "CANARY"),
        ("vipps-system-name", "shop"),
        ("content-type", "application/json; charset=utf-8"),
        ("x-request-id", "CANARY"),
        ("merchant-serial-number", "123456"),
    ]);
    let id = two.aliases.request_id(&two.order, "CANARY");
    let want = [
        ("content-type", "application/json"),
        ("merchant-serial-number", "654321"),
        ("x-request-id", id.as_str()),
    ];
    let want = want.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(got, want);
    assert_eq!(two.headers(&[]), []);
    let got = two.headers(&[("content-type", "text/html")]);
    assert_eq!(got[0].1, "text/plain");
}

#[test]
fn an_answer_is_made_comparable_by_the_same_names() {
    let two = two();
    let stage = two.stage();
    let answer = json!({"orderId": "order-0001", "transactionLogHistory": [
        {"transactionText": "for Ada", "requestId": "r1", "amount": 5}, {"requestId": ""}]});
    let got = stage.comparable(&Bytes::from(answer.to_string()));
    let got: Value = serde_json::from_slice(&got).unwrap();
    let want = json!({"orderId": "order-0001", "transactionLogHistory": [
        {"transactionText": two.aliases.text("for Ada"),
            "requestId": two.aliases.request_id(&two.order, "r1"), "amount": 5},
        {"requestId": ""}]});
    assert_eq!(got, want);
    for unchanged in ["", "no json", "{\"a\": 1}", "[{\"errorCode\":\"35\"}]"] {
        let body = Bytes::from(unchanged);
        assert_eq!(stage.comparable(&body), body);
    }
}

/// A value that a shop may send where nobody expects it.
fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("CANARY"),
        Just("https://CANARY/"),
        Just("CANARY://x"),
        Just("47 CANARY"),
        Just("name CANARY"),
        Just("CANARYCANARYCANARY CANARY"),
    ];
    let leaf = prop_oneof![
        text.prop_map(Value::from),
        Just(json!(4_791_234_567_u64)),
        Just(json!(true)),
        Just(Value::Null)
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("CANARY|amount|token|orderId", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_stands_where_nothing_of_it_comes_along(
        members in prop::collection::vec((0..64_usize, any_value()), 1..8),
    ) {
        let two = two();
        let names: Vec<&str> = CLASSES.trim().lines().filter_map(|line| line.split(" | ").next()).collect();
        for operation in [Operation::Initiate, Operation::Capture, Operation::Cancel, Operation::Approve] {
            let mut body = json!({"merchantInfo": {}, "transaction": {"additionalData": {}}, "customerInfo": {}});
            for (at, value) in &members {
                let name = names[at % names.len()];
                let (inside, last) = name.rsplit_once('/').unwrap();
                if let Some(place) = body.pointer_mut(inside).and_then(Value::as_object_mut) {
                    place.insert(last.to_owned(), value.clone());
                }
                body["customerPhoneNumber"] = value.clone();
                body["token"] = value.clone();
            }
            let sent = two.body(operation, &body).to_string();
            prop_assert!(!sent.contains("CANARY"), "{body}: {sent}");
            let numbers = sent.matches("4791234567").count();
            let amounts = body.pointer("/transaction/amount").map_or(0, |amount| usize::from(amount.is_number()));
            prop_assert!(numbers <= amounts, "{body}: {sent}");
        }
    }
}
