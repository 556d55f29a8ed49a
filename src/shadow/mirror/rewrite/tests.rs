//! What comes along of a request and what does not, by tables.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
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

#[test]
fn each_member_keeps_its_class() {
    let two = two();
    let long = "x".repeat(300);
    let https = json!("https://example.com/shadow");
    let order = json!(two.order.as_str());
    for (member, value, want) in [
        ("/customerInfo", json!([1]), json!([])),
        (
            "/customerInfo/mobileNumber",
            json!("91234567"),
            json!("90000001"),
        ),
        (
            "/customerInfo/mobileNumber",
            json!(91_234_567),
            json!(90_000_001),
        ),
        (
            "/customerInfo/mobileNumber",
            json!("4791234567"),
            json!(PHONE),
        ),
        ("/customerInfo/mobileNumber", json!("12"), json!("1")),
        ("/customerInfo/mobileNumber", json!(""), json!("")),
        ("/customerInfo/mobileNumber", json!(0), json!(0)),
        ("/customerInfo/mobileNumber", json!(null), json!(null)),
        ("/customerInfo/mobileNumber", json!({"a": 1}), json!({})),
        (
            "/merchantInfo/merchantSerialNumber",
            json!("123456"),
            json!("654321"),
        ),
        (
            "/merchantInfo/merchantSerialNumber",
            json!(123_456),
            json!(654_321),
        ),
        (
            "/merchantInfo/merchantSerialNumber",
            json!("123457"),
            json!("9999999"),
        ),
        (
            "/merchantInfo/merchantSerialNumber",
            json!("abc"),
            json!("x"),
        ),
        (
            "/merchantInfo/callbackPrefix",
            json!("https://shop.example/cb"),
            https.clone(),
        ),
        (
            "/merchantInfo/callbackPrefix",
            json!("http://shop.example"),
            json!("http://example.com/shadow"),
        ),
        (
            "/merchantInfo/callbackPrefix",
            json!("https://"),
            json!("shadow"),
        ),
        ("/merchantInfo/callbackPrefix", json!(7), json!(0)),
        (
            "/merchantInfo/fallBack",
            json!("https://shop.example/?q=1"),
            https,
        ),
        (
            "/merchantInfo/fallBack",
            json!("shop-app://done/7"),
            json!("shadow-app://return"),
        ),
        (
            "/merchantInfo/fallBack",
            json!("shop-app://"),
            json!("shadow-app://"),
        ),
        ("/merchantInfo/fallBack", json!("INTENT"), json!("INTENT")),
        ("/merchantInfo/fallBack", json!("shop"), json!("shadow")),
        (
            "/merchantInfo/paymentType",
            json!("ecomm Regular payment "),
            json!("ecomm Regular payment "),
        ),
        ("/merchantInfo/isApp", json!(true), json!(true)),
        ("/merchantInfo/isApp", json!("yes"), json!("")),
        ("/transaction/amount", json!(20_000.0), json!(20_000.0)),
        ("/transaction/amount", json!("20000"), json!("")),
        ("/transaction/orderId", json!("order-0001"), order.clone()),
        ("/transaction/orderId", json!(100_001), order),
        ("/transaction/skipLandingPage", json!(false), json!(false)),
        (
            "/transaction/scope",
            json!("name phoneNumber other"),
            json!("name phoneNumber shadow"),
        ),
        (
            "/transaction/additionalData/ticketNumber",
            json!(1234),
            json!(1111),
        ),
        (
            "/transaction/additionalData/airlineCode",
            json!("074"),
            json!("111"),
        ),
        ("/transaction/transactionText", json!(5), json!(0)),
    ] {
        let names: Vec<&str> = member.split('/').skip(1).collect();
        let body = names
            .iter()
            .rev()
            .fold(value.clone(), |inner, name| json!({*name: inner}));
        let got = two.body(Operation::Initiate, &body);
        assert_eq!(got.pointer(member), Some(&want), "{member} {value}");
    }
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
