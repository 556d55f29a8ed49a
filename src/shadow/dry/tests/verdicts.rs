//! Whether a call translates, with what losses, and where each is told.

use super::*;
use crate::translate::loss::{Loss, Untranslatable};

/// One line of a table: the losses, and the fields that differ.
fn row(call: &Call) -> (String, Vec<String>) {
    let dried = call.dry();
    let verdict = match &dried.verdict {
        Verdict::WithLosses(losses) => {
            let codes: Vec<_> = losses.iter().map(|loss| loss.code()).collect();
            format!("with-losses {}", codes.join(" "))
        }
        Verdict::Not(reason) => format!("not {}", reason.code()),
        Verdict::Invalid(places) => {
            let places: Vec<_> = places.iter().map(|(at, _)| at.as_str()).collect();
            format!("invalid {}", places.join(" "))
        }
        other => other.word().to_owned(),
    };
    (verdict, told(&dried.differences))
}

fn initiate(pointer: &str, value: Value) -> Call {
    Call::new(Operation::Initiate, &with(plain(), pointer, Some(value)))
}

type Row = (&'static str, Value, &'static str, &'static [&'static str]);

/// A member of an initiate, its value, the losses beside the one that always happens, and where they are told.
#[expect(clippy::too_many_lines, reason = "a table: one row a member")]
fn losses() -> Vec<Row> {
    vec![
        ("/transaction/amount", json!(49900.0), "", &[]),
        (
            "/customerInfo/mobileNumber",
            json!("0047 91 23 45 67"),
            "",
            &[],
        ),
        ("/transaction/scope", json!("  "), "", &[]),
        ("/transaction/additionalData", json!(null), "", &[]),
        (
            "/transaction/orderId",
            json!("Woo17"),
            "order-prefixed ",
            &["loss /transaction/orderId"],
        ),
        (
            "/transaction/orderId",
            json!(17),
            "order-prefixed ",
            &["loss /transaction/orderId"],
        ),
        (
            "/transaction/transactionText",
            json!("a\nb"),
            "text-cleaned ",
            &["loss /transaction/transactionText/text-cleaned"],
        ),
        (
            "/transaction/transactionText",
            json!("\t"),
            "text-cleaned text-padded ",
            &[
                "loss /transaction/transactionText/text-cleaned",
                "loss /transaction/transactionText/text-padded",
            ],
        ),
        (
            "/transaction/transactionText",
            json!(null),
            "text-left-out ",
            &["loss /transaction/transactionText/text-left-out"],
        ),
        (
            "/transaction/useExplicitCheckoutFlow",
            json!(false),
            "explicit-flow-dropped ",
            &["loss /transaction/useExplicitCheckoutFlow"],
        ),
        (
            "/transaction/refOrderId",
            json!(1),
            "ref-order-id-dropped ",
            &["loss /transaction/refOrderId"],
        ),
        (
            "/transaction/timeStamp",
            json!("2026-03-01T10:00:00Z"),
            "time-stamp-dropped ",
            &["loss /transaction/timeStamp"],
        ),
        (
            "/merchantInfo/consentRemovalPrefix",
            json!("https://shop.example/consents"),
            "express-members-dropped ",
            &["loss /merchantInfo/consentRemovalPrefix"],
        ),
        (
            "/merchantInfo/staticShippingDetails",
            json!([{"priority": 1, "shippingCost": 50}]),
            "express-members-dropped ",
            &["loss /merchantInfo/staticShippingDetails"],
        ),
        // The name of an unknown member may be anything.
        (
            "/transaction/Kari Nordmann",
            json!("x"),
            "unknown-member-dropped ",
            &["loss /transaction/(name of 13)"],
        ),
        (
            "/merchantInfo/amount",
            json!(null),
            "unknown-member-dropped ",
            &["loss /merchantInfo/amount"],
        ),
    ]
}

#[test]
fn each_loss_is_told_where_it_happens() {
    const GONE: &str = "loss /merchantInfo/fallBack";
    for (pointer, value, codes, fields) in losses() {
        let (verdict, differences) = row(&initiate(pointer, value));
        let mut codes: Vec<_> = codes.split_whitespace().collect();
        codes.push("fallback-status-gone");
        let (_, said) = verdict.split_once(' ').unwrap_or_default();
        let mut said: Vec<_> = said.split_whitespace().collect();
        said.sort_unstable();
        codes.sort_unstable();
        assert_eq!(said, codes, "{pointer}");
        let mut fields: Vec<_> = [&[GONE], fields].concat();
        fields.sort_unstable();
        let mut differences: Vec<_> = differences.iter().map(String::as_str).collect();
        differences.sort_unstable();
        assert_eq!(differences, fields, "{pointer}");
    }
}

#[test]
fn a_push_message_overrules_the_app_and_has_no_url() {
    let body = with(full(), "/transaction/skipLandingPage", Some(json!(true)));
    let (verdict, differences) = row(&Call::new(Operation::Initiate, &body));
    assert_eq!(
        verdict,
        "with-losses is-app-overruled push-url-made-up fallback-status-gone"
    );
    assert_eq!(
        differences,
        [
            "loss /merchantInfo/fallBack",
            "loss /merchantInfo/isApp",
            "loss /transaction/skipLandingPage"
        ]
    );
}

#[test]
fn recovery_data_that_does_not_fit_is_a_loss_where_it_is_sealed() {
    // 255 characters of up to four bytes.
    let body = with(
        full(),
        "/merchantInfo/authToken",
        Some("\u{1f9e6}".repeat(255).into()),
    );
    let body = with(
        body,
        "/merchantInfo/callbackPrefix",
        Some(format!("https://shop.example/{}", "\u{1f9e6}".repeat(200)).into()),
    );
    let call = Call::new(Operation::Initiate, &body);
    assert!(!row(&call).0.contains("recovery"));
    let (verdict, differences) = row(&call.sealed());
    assert!(verdict.ends_with("recovery-data-too-long"), "{verdict}");
    assert!(differences.contains(&"loss /merchantInfo/callbackPrefix".to_owned()));
    let (_, outgoing) = Call::new(Operation::Initiate, &full()).sealed().made();
    let pairs = &outgoing.body.unwrap()["metadata"];
    assert_eq!(pairs.as_object().map(serde_json::Map::len), Some(2));
}

#[test]
fn what_does_not_translate_is_counted_by_its_reason() {
    for (pointer, value, reason) in [
        (
            "/transaction/orderId",
            "order_1234",
            Untranslatable::OrderCharacters,
        ),
        (
            "/transaction/orderId",
            "ecom-id-17",
            Untranslatable::OrderCollides,
        ),
        (
            "/merchantInfo/fallBack",
            "INTENT",
            Untranslatable::FallbackIntent,
        ),
        (
            "/merchantInfo/fallBack",
            "myapp://",
            Untranslatable::FallbackBare,
        ),
        (
            "/merchantInfo/paymentType",
            "eComm Odd Payment",
            Untranslatable::PaymentType,
        ),
    ] {
        let (verdict, differences) = row(&initiate(pointer, value.into()));
        assert_eq!(verdict, format!("not {}", reason.code()));
        assert_eq!(
            differences,
            [format!("rule (untranslatable {})", reason.code())]
        );
    }
    for operation in Operation::ALL.into_iter().skip(1) {
        let body = match operation {
            Operation::Details | Operation::Status => Value::Null,
            Operation::Approve => json!({}),
            _ => change(),
        };
        let call = Call::new(operation, &body).order("order_1234");
        assert_eq!(row(&call).0, "not order-characters", "{operation:?}");
        let (verdict, differences) = row(&call.order("Woo17"));
        assert!(
            verdict.contains("order-prefixed"),
            "{operation:?} {verdict}"
        );
        assert!(
            differences.contains(&"loss (path orderId)".to_owned()),
            "{differences:?}"
        );
    }
}

#[test]
fn express_stays_and_is_not_judged() {
    let express = |word: &str| initiate("/merchantInfo/paymentType", word.into());
    assert_eq!(
        row(&express(" ecomm express PAYMENT ")),
        ("express".to_owned(), vec![])
    );
    for (operation, kind, stays) in [
        (Operation::Details, Kind::Express, true),
        (Operation::Status, Kind::Unproven, true),
        (Operation::Details, Kind::Regular, false),
        (Operation::Approve, Kind::Express, true),
        (Operation::Approve, Kind::Regular, false),
        (Operation::Capture, Kind::Express, false),
    ] {
        let body = match operation {
            Operation::Capture => change(),
            Operation::Approve => json!({"customerPhoneNumber": "91234567", "token": "t"}),
            _ => Value::Null,
        };
        let call = Call::new(operation, &body).born(kind);
        assert_eq!(
            call.dry().verdict == Verdict::Express,
            stays,
            "{operation:?} {kind:?}"
        );
    }
}

#[test]
fn what_breaks_ecoms_rules_is_named_by_field() {
    for (call, want) in [
        (
            initiate("/transaction/amount", json!(99)),
            "/transaction/amount",
        ),
        (
            initiate("/transaction/amount", json!("49900")),
            "/transaction/amount",
        ),
        (
            initiate("/customerInfo/mobileNumber", json!("12")),
            "/customerInfo/mobileNumber",
        ),
        (
            initiate("/transaction/skipLandingPage", json!(true)),
            "/customerInfo/mobileNumber",
        ),
        (
            initiate("/merchantInfo/merchantSerialNumber", json!("654321"))
                .header("merchant-serial-number", "123456"),
            "/merchantInfo/merchantSerialNumber",
        ),
        (
            Call::new(Operation::Initiate, &plain()).header("content-type", "text/plain"),
            "(header content-type)",
        ),
        (
            Call::new(Operation::Initiate, &plain()).header("x-request-id", &"x".repeat(65)),
            "(header x-request-id)",
        ),
        (
            Call::new(Operation::Details, &Value::Null).header("merchant-serial-number", "x"),
            "(header merchant-serial-number)",
        ),
        (
            Call::new(Operation::Details, &Value::Null).order(""),
            "(path orderId)",
        ),
        (
            Call::new(
                Operation::Capture,
                &with(change(), "/transaction/amount", Some(json!(50))),
            ),
            "/transaction/amount",
        ),
        (Call::new(Operation::Cancel, &json!([])), "(body)"),
        (
            Call::new(Operation::Approve, &json!({"customerPhoneNumber": "12"})),
            "/customerPhoneNumber",
        ),
    ] {
        assert_eq!(row(&call), (format!("invalid {want}"), vec![]));
    }
    let both = with(plain(), "/transaction/amount", None);
    let both = with(
        both,
        "/merchantInfo/fallBack",
        Some("http://shop.example".into()),
    );
    let (verdict, _) = row(&Call::new(Operation::Initiate, &both));
    assert_eq!(
        verdict,
        "invalid /merchantInfo/fallBack /transaction/amount"
    );
}

#[test]
fn changes_keep_their_amount_or_leave_it_open() {
    for (operation, amount, open) in [
        (Operation::Capture, Some(json!(20000)), false),
        (Operation::Refund, Some(json!(2e4)), false),
        (Operation::Capture, Some(json!(0)), true),
        (Operation::Refund, Some(json!(null)), true),
        (Operation::Capture, None, true),
        (Operation::Cancel, None, false),
    ] {
        let body = with(change(), "/transaction/amount", amount);
        let call = Call::new(operation, &body).header("x-request-id", "1");
        let dried = call.dry();
        assert_eq!(dried.open, open, "{operation:?}");
        assert_eq!(
            dried.verdict,
            Verdict::WithLosses(vec![Loss::AdjustTextKeptHere])
        );
        assert_eq!(
            told(&dried.differences),
            ["loss /transaction/transactionText"]
        );
    }
    let silent = with(change(), "/transaction/transactionText", Some(json!("")));
    let whole = Call::new(Operation::Refund, &silent).dry();
    assert_eq!((whole.verdict, whole.differences), (Verdict::Whole, vec![]));
}

#[test]
fn a_request_id_is_carried_or_told_as_hashed() {
    for (id, hashed) in [
        ("1", false),
        ("order-1:capture.2_x", false),
        ("a b", true),
        ("bridge-1", true),
    ] {
        let call = Call::new(Operation::Capture, &change()).header("x-request-id", id);
        let (_, differences) = row(&call);
        assert_eq!(
            differences.contains(&"loss (header x-request-id)".to_owned()),
            hashed,
            "{id}"
        );
        assert_eq!(differences.len(), 1 + usize::from(hashed), "{id}");
    }
}

#[test]
fn what_epayment_would_refuse_is_a_rule() {
    for (call, want) in [
        (
            initiate("/transaction/amount", json!(65_000_001)),
            "rule /amount/value",
        ),
        (
            initiate("/transaction/scope", json!("name openid")),
            "rule /profile/scope",
        ),
        (
            initiate("/merchantInfo/fallBack", json!("https://shop.example/a b")),
            "rule /returnUrl",
        ),
        (
            initiate("/merchantInfo/fallBack", json!("https:///done")),
            "rule /returnUrl",
        ),
        (
            Call::new(Operation::Initiate, &plain())
                .header("vipps-system-plugin-name", &"x".repeat(31)),
            "rule (header vipps-system-plugin-name)",
        ),
        (
            Call::new(
                Operation::Capture,
                &with(change(), "/transaction/amount", Some(json!(70_000_000))),
            ),
            "rule /modificationAmount/value",
        ),
    ] {
        let (_, differences) = row(&call);
        let found: Vec<_> = differences
            .iter()
            .filter(|one| !one.starts_with("loss"))
            .collect();
        assert_eq!(found, [want]);
    }
    let mut nobody = Call::new(Operation::Details, &Value::Null);
    nobody.scope = None;
    assert_eq!(row(&nobody).1, ["rule (header merchant-serial-number)"]);
    assert_eq!(
        row(&nobody.header("merchant-serial-number", "123456")),
        ("whole".to_owned(), vec![])
    );
}

#[test]
fn a_body_beyond_the_bound_is_not_looked_into() {
    let body = with(plain(), "/transaction/x", Some("x".repeat(LARGEST).into()));
    let dried = Call::new(Operation::Initiate, &body).dry();
    assert_eq!(
        (dried.verdict, dried.differences),
        (Verdict::TooLarge, vec![])
    );
    let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let mut call = Call::new(Operation::Initiate, &plain());
    call.body = deep.into_bytes();
    assert!(matches!(call.dry().verdict, Verdict::Invalid(_)));
}

#[test]
fn nothing_personal_or_secret_is_shown() {
    let mut body = with(full(), "/transaction/Kari", Some("Nordmann".into()));
    body["transaction"]["skipLandingPage"] = json!(true);
    body["transaction"]["scope"] = json!("name Nordmann");
    let call = Call::new(Operation::Initiate, &body);
    let (request, mut outgoing) = call.made();
    outgoing.body =
        Some(json!({"customer": {"phoneNumber": "4791234567", "Kari": "Nordmann"}, "Kari": 1}));
    outgoing.headers.insert(
        "authorization",
        HeaderValue::from_static("Basic secret-other"),
    );
    let all = judge(&call.as_dry(), &request, &outgoing);
    let shown = format!(
        "{:?} {all:?} {:?} {:?}",
        call.dry(),
        call.as_dry(),
        outgoing
    );
    for secret in [
        "91234567",
        "Kari",
        "Nordmann",
        "secret",
        "socks",
        "shop.example",
        "FLYER",
        "order-1234",
    ] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}
