//! No personal value survives, wherever it stands; what the translation reads keeps its form.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::types::{CountryCode, Msisdn};

fn redactor() -> Redactor {
    Redactor::new([7; 32])
}

fn at(path: &str) -> FieldPath {
    FieldPath::parse(path).expect("a path")
}

#[test]
fn a_value_is_shown_where_name_and_form_allow_it() {
    for (path, value, want) in [
        ("/transactionInfo/amount", json!(50_000), "50000"),
        ("/transactionInfo/amount", json!("50000"), "text of 5"),
        ("/transactionInfo/amount", json!(500.0), "500.0"),
        ("/transactionInfo/status", json!("Captured"), "Captured"),
        ("/transactionInfo/status", json!("captured"), "captured"),
        ("/transactionInfo/status", json!("Kari"), "text of 4"),
        (
            "/transactionLogHistory/*/operationSuccess",
            json!(false),
            "false",
        ),
        (
            "/transactionLogHistory/*/timeStamp",
            json!("2026-03-01T10:00:00.000Z"),
            "2026-03-01T10:00:00.000Z",
        ),
        (
            "/transactionLogHistory/*/timeStamp",
            json!("4791234567"),
            "text of 10",
        ),
        ("/*/errorCode", json!("61"), "61"),
        (
            "/*/errorCode",
            json!("transaction.amount"),
            "transaction.amount",
        ),
        ("/*/errorCode", json!("91234567"), "text of 8"),
        ("/*/errorGroup", json!("VippsError"), "VippsError"),
        ("/*/errorMessage", json!("no Kari"), "text of 7"),
        (
            "/userDetails/mobileNumber",
            json!(4_791_234_567_u64),
            "number",
        ),
        ("/userDetails/firstName", json!(""), "empty text"),
        ("/userDetails", json!({"a": 1}), "object of 1"),
        ("/transactionLogHistory/*", json!([1, 2]), "list of 2"),
        (
            "/transactionSummary/bankIdentificationNumber",
            json!(545_454),
            "number",
        ),
        ("/orderId", json!("order-1234"), "text of 10"),
        ("/userDetails/bankIdVerified", json!(true), "true or false"),
        ("/sub", json!(null), "null"),
        ("/(name of 4)", json!(0.5), "number with a fraction"),
    ] {
        assert_eq!(shown(&at(path), &value), want, "{path} {value}");
    }
    let names = ["transactionInfo", "kari", "91234567"].map(|member| name(member).into_owned());
    assert_eq!(names, ["transactionInfo", "(name of 4)", "(name of 8)"]);
}

#[test]
fn d8_a_recording_keeps_form_and_nothing_else() {
    let before = json!({
        "merchantInfo": {
            "merchantSerialNumber": "123456",
            "callbackPrefix": "https://kari.shop.no/cb?x=1",
            "fallBack": "kari://paid",
            "authToken": "secret"
        },
        "customerInfo": {"mobileNumber": "+47 912 34 567"},
        "transaction": {"amount": "20000", "orderId": "ab", "transactionText": "One\nsweater", "scope": "name email"},
        "userDetails": {"firstName": "Kari", "lastName": "Nordmann", "email": "kari@mail.no", "dateOfBirth": "1980"},
        "kari@mail.no": {"amount": 5, "deep": true}
    });
    let after = redactor().redacted(&before);
    let text = serde_json::to_string_pretty(&after).unwrap_or_default();
    insta::assert_snapshot!(text, @r#"
    {
      "customerInfo": {
        "mobileNumber": "+47 900 00 000"
      },
      "merchantInfo": {
        "authToken": "xxxxxx",
        "callbackPrefix": "https://shop.example/xxxxxx",
        "fallBack": "myapp://xxx",
        "merchantSerialNumber": "835967"
      },
      "transaction": {
        "amount": "20000",
        "orderId": "hh",
        "scope": "name email",
        "transactionText": "xxx\nxxxxxxx"
      },
      "unknown1": {
        "amount": 5,
        "unknown1": false
      },
      "userDetails": {
        "dateOfBirth": "xxxx",
        "email": "user@mail.example",
        "firstName": "First",
        "lastName": "Last"
      }
    }
    "#);
}

#[test]
fn a_refusal_keeps_what_it_is_known_by() {
    let before = json!({
        "type": "https://x.no/problem", "title": "Capture amount too high", "status": 400, "detail": "You asked Kari",
        "traceId": "00-4bf9-01",
        "extraDetails": [{"name": "ErrorCode", "reason": 6090}, {"name": "amount.value", "reason": "Kari is short"}]
    });
    let after = redactor().redacted(&before);
    assert_eq!(after["title"], before["title"]);
    assert_eq!(after["status"], before["status"]);
    assert_eq!(after["extraDetails"][0], before["extraDetails"][0]);
    assert_eq!(after["extraDetails"][1]["name"], "amount.value");
    assert_eq!(after["detail"], "xxxxxxxxxxxxxx");
    let other = redactor().redacted(&json!({"title": "Kari has no money"}));
    assert_eq!(other["title"], "xxxxxxxxxxxxxxxxx");
}

#[test]
fn pseudonyms_are_the_same_everywhere_and_keep_their_kind() {
    let redactor = redactor();
    let both = redactor.redacted(&json!({
        "orderId": "Woo-17a", "reference": "ecom-id-Woo-17a", "cardBin": "545454", "bankIdentificationNumber": 545_454,
        "requestId": "bridge-1a", "idempotencyKey": "bridge-1a", "msn": 123_456, "merchantSerialNumber": "123456"
    }));
    let text = |name: &str| both[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(text("reference"), format!("ecom-id-{}", text("orderId")));
    assert_eq!(
        text("cardBin"),
        both["bankIdentificationNumber"].to_string()
    );
    assert_eq!(text("merchantSerialNumber"), both["msn"].to_string());
    assert_eq!(text("requestId"), text("idempotencyKey"));
    assert!(text("requestId").starts_with("bridge-"));
    assert_ne!(text("orderId"), "Woo-17a");
    let kinds = |text: &str| {
        let kind = |c: char| match c {
            '0'..='9' => '0',
            'a'..='z' => 'a',
            'A'..='Z' => 'A',
            other => other,
        };
        text.chars().map(kind).collect::<String>()
    };
    assert_eq!(kinds(&text("orderId")), "Aaa-00a");
    assert_ne!(Redactor::new([8; 32]).id("Woo-17a"), text("orderId"));
    assert_eq!(
        redactor
            .id("a/b c\u{e5}")
            .chars()
            .filter(|c| "/ ø".contains(*c))
            .count(),
        3
    );
}

#[test]
fn pseudonyms_of_different_ids_differ() {
    let redactor = redactor();
    let mut seen = std::collections::BTreeSet::new();
    let all = (0..1_000).map(|n| n.to_string());
    let all =
        all.chain(('a'..='z').flat_map(|c| [c.to_string(), format!("{c}1"), format!("1{c}")]));
    for text in all {
        let id = redactor.id(&text);
        assert_eq!(id.len(), text.len());
        assert_eq!(id.starts_with('0'), text.starts_with('0'));
        assert!(seen.insert(id), "{text} is another one's");
    }
    assert_eq!(
        redactor.id(" 123456 "),
        format!(" {} ", redactor.id("123456"))
    );
}

#[test]
fn a_phone_number_stays_one_and_becomes_nobodys() {
    let country = CountryCode::default();
    for (before, after) in [
        ("91234567", "90000000"),
        ("4791234567", "4790000000"),
        ("+47 912 34 567", "+47 900 00 000"),
        ("004791234567", "004790000000"),
        ("358401234567", "358900000000"),
        ("12125550123", "90000000000"),
        ("0", "0"),
        ("00000000", "00000000"),
        ("912345", "900000"),
        ("9123456a", "9000000x"),
    ] {
        let value = redactor().redacted(&json!({"mobileNumber": before}));
        assert_eq!(value["mobileNumber"], after);
        let reads = |text: &str| Msisdn::read(text, &country).map(|number| number.is_some());
        assert_eq!(reads(before), reads(after), "{before}");
    }
    let number = redactor().redacted(&json!({"mobileNumber": 91_234_567}));
    assert_eq!(number["mobileNumber"], 90_000_000);
    let full = Msisdn::local("4790000000", &country);
    assert_eq!(
        full, "90000000",
        "the two forms of one number stay two forms of one number"
    );
}

#[test]
fn an_address_stays_of_its_kind_and_length() {
    for (before, after) in [
        ("INTENT", "INTENT"),
        ("HTTPS://kari.no", "https://shop.example/x"),
        (
            "https://www.kari.no/thanks?k=1",
            "https://shop.example/xxxxxxxxx",
        ),
        (
            "http://127.0.0.1:8080/cb/kari",
            "http://localhost/xxxxxxxxxxxx",
        ),
        (
            "http://kari.no:8080/cb/kari/a",
            "http://shop.example/xxxxxxxxx",
        ),
        ("https://", "https://"),
        ("https:kari", "https:xxxx"),
        ("kari://", "myapp://"),
        ("kari:paid", "myapp:xxx"),
        ("kari", "xxxx"),
        ("91 23:45", "xxxxxxxx"),
    ] {
        let value = redactor().redacted(&json!({"fallBack": before}));
        assert_eq!(value["fallBack"], after);
    }
    let long = format!("https://{}", "k".repeat(300));
    let value = redactor().redacted(&json!({"callbackPrefix": long}));
    assert_eq!(value["callbackPrefix"].as_str().map(str::len), Some(308));
}

#[test]
fn only_harmless_headers_are_kept() {
    let redactor = redactor();
    for (name, value, want) in [
        (
            "content-type",
            "Application/JSON; charset=kari",
            Some("application/json"),
        ),
        ("content-type", "kari", Some("application/octet-stream")),
        ("retry-after", "30", Some("30")),
        ("retry-after", "Kari", Some("1")),
        ("authorization", "Bearer kari", None),
        ("ocp-apim-subscription-key", "kari", None),
        ("cookie", "kari", None),
    ] {
        assert_eq!(redactor.header(name, value).as_deref(), want);
    }
    let ids = ["x-request-id", "idempotency-key"].map(|name| redactor.header(name, "kari-1"));
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0].as_deref(), Some("kari-1"));
}

/// What must not come out, in any letter case.
const CANARIES: [&str; 7] = [
    "4791234567",
    "91234567",
    "kari.nordmann@mail.no",
    "Nordmann",
    "Storgata 17B",
    "https://kari.no/pay?tk=Geheim",
    "Geheim-Key-0815",
];

fn canary() -> impl Strategy<Value = String> {
    let whole = proptest::sample::select(&CANARIES[..]).prop_map(str::to_owned);
    let within =
        ("\\PC{0,5}", whole.clone(), "\\PC{0,5}").prop_map(|(a, b, c)| format!("{a}{b}{c}"));
    prop_oneof![2 => whole, 1 => within]
}

/// Every name that the tables know, one that they do not, or a canary.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => proptest::sample::select(names::all()).prop_map(str::to_owned),
        1 => "[a-zA-Z]{1,9}",
        2 => canary(),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => canary().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((any_name(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn survives(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    CANARIES
        .into_iter()
        .find(|canary| text.contains(&canary.to_lowercase()))
}

/// Shows every value in a document, under the name that it has.
fn show_all(steps: &mut Vec<String>, value: &Value, seen: &mut Vec<String>) {
    let field = FieldPath::of(steps.iter().map(String::as_str));
    seen.push(field.to_string());
    seen.push(shown(&field, value));
    let members: Vec<(String, &Value)> = match value {
        Value::Array(entries) => entries
            .iter()
            .map(|entry| ("*".to_owned(), entry))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(member, value)| (name(member).into_owned(), value))
            .collect(),
        _ => vec![],
    };
    for (step, value) in members {
        steps.push(step);
        show_all(steps, value, seen);
        steps.pop();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_canary_is_shown(document in document()) {
        let mut seen = vec![];
        show_all(&mut vec![], &document, &mut seen);
        for text in seen {
            prop_assert_eq!(survives(&text), None, "{}", text);
            prop_assert!(text.chars().count() <= FieldPath::LONGEST);
        }
    }

    #[test]
    fn no_canary_is_recorded(document in document()) {
        let text = redactor().redacted(&document).to_string();
        prop_assert_eq!(survives(&text), None, "{}", text);
    }

    #[test]
    fn what_is_recorded_can_be_recorded_again(document in document()) {
        let once = redactor().redacted(&document);
        let twice = redactor().redacted(&once);
        prop_assert_eq!(once.as_object().map(Map::len), twice.as_object().map(Map::len));
    }
}

#[test]
fn a_deep_document_is_cut() {
    let mut deep = json!("Nordmann");
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let text = redactor().redacted(&deep).to_string();
    assert!(text.contains("null") && survives(&text).is_none());
}
