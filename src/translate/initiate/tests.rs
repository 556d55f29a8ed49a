//! Initiate, row by row: what is accepted, what it becomes, and what eCom would have refused.
//!
//! Source of the rows: eCom's `InitiatePaymentCommand`, and what public clients send.

mod members;
mod urls;

use serde_json::{Value, json};

use super::*;
use crate::translate::testing::{all_of, codes, order, read, with};

/// A body in which everything is right.
fn body() -> Value {
    json!({
        "customerInfo": { "mobileNumber": "91234567" },
        "merchantInfo": {
            "merchantSerialNumber": "123456",
            "callbackPrefix": "https://shop.example/vipps",
            "fallBack": "https://shop.example/done?o=1"
        },
        "transaction": {
            "amount": 49900,
            "orderId": "order-1234",
            "transactionText": "Two pairs of socks"
        }
    })
}

const RULES: fn() -> Rules = || Rules {
    country: CountryCode::default(),
    allow_http_callbacks: false,
};

fn checked(body: &Value) -> Result<Initiate, Failure> {
    check(&read(body), None, &RULES())
}

/// What `body` with one member changed gives: the failure's codes, or nothing where it is accepted.
fn refused(path: &str, value: Option<Value>) -> Vec<String> {
    let result = checked(&with(body(), path, value));
    let Err(failure) = result else { return vec![] };
    assert_eq!(failure.status, 400, "{path}");
    assert!(
        all_of(&failure, Group::InvalidRequest) || codes(&failure) == ["81"],
        "{path}"
    );
    codes(&failure).into_iter().map(str::to_owned).collect()
}

use crate::ecom::error::Group;

fn context() -> CreateContext {
    CreateContext {
        currency: Currency::Nok,
        interaction: CustomerInteraction::CustomerNotPresent,
        metadata: None,
    }
}

fn created(command: &Initiate) -> (Value, Vec<Loss>) {
    let reference = command.order.reference().expect("a reference");
    let (create, losses) = to_create(command, reference, context());
    (serde_json::to_value(create).unwrap(), losses)
}

#[test]
fn a_plain_request_becomes_this_create() {
    let (create, losses) = created(&checked(&body()).unwrap());
    insta::assert_snapshot!(serde_json::to_string_pretty(&create).unwrap(), @r#"
    {
      "amount": {
        "currency": "NOK",
        "value": 49900
      },
      "customer": {
        "phoneNumber": "4791234567"
      },
      "customerInteraction": "CUSTOMER_NOT_PRESENT",
      "paymentDescription": "Two pairs of socks",
      "paymentMethod": {
        "type": "WALLET"
      },
      "reference": "order-1234",
      "returnUrl": "https://shop.example/done?o=1",
      "userFlow": "WEB_REDIRECT"
    }
    "#);
    assert_eq!(losses, [Loss::FallbackStatusGone]);
}

#[test]
fn a_full_request_becomes_this_create() {
    let full = json!({
        "customerInfo": { "mobileNumber": "+47 912 34 567" },
        "merchantInfo": {
            "merchantSerialNumber": 123456, "callbackPrefix": "https://shop.example/?cb=",
            "fallBack": "myshop://back", "authToken": "Basic c2hvcDpzZWNyZXQ=", "isApp": true,
            "paymentType": "eComm Regular Payment",
            "consentRemovalPrefix": "https://shop.example/gdpr",
            "shippingDetailsPrefix": "https://shop.example/ship",
            "staticShippingDetails": []
        },
        "transaction": {
            "amount": 20000.0, "orderId": 1234567, "transactionText": "A\nB",
            "skipLandingPage": true, "scope": "name email",
            "additionalData": {
                "passengerName": "NORDMANN / KARI MS.", "airlineCode": "328",
                "airlineDesignatorCode": "DY", "ticketNumber": "328-1", "agencyInvoiceNumber": "77"
            },
            "useExplicitCheckoutFlow": false, "refOrderId": "x", "timeStamp": "0001-01-01T00:00:00"
        }
    });
    let command = checked(&full).unwrap();
    assert_eq!(command.callback_prefix, "https://shop.example/?cb=");
    assert_eq!(
        secrecy::ExposeSecret::expose_secret(command.auth_token.as_ref().unwrap()),
        "Basic c2hvcDpzZWNyZXQ="
    );
    let (create, losses) = created(&command);
    insta::assert_snapshot!(serde_json::to_string_pretty(&create).unwrap(), @r#"
    {
      "amount": {
        "currency": "NOK",
        "value": 20000
      },
      "customer": {
        "phoneNumber": "4791234567"
      },
      "customerInteraction": "CUSTOMER_NOT_PRESENT",
      "industryData": {
        "airlineData": {
          "agencyInvoiceNumber": "77",
          "airlineCode": "328",
          "airlineDesignatorCode": "DY",
          "passengerName": "NORDMANN / KARI MS.",
          "ticketNumber": "328-1"
        }
      },
      "paymentDescription": "A B",
      "paymentMethod": {
        "type": "WALLET"
      },
      "profile": {
        "scope": "name email"
      },
      "reference": "ecom-id-1234567",
      "returnUrl": "myshop://back",
      "userFlow": "PUSH_MESSAGE"
    }
    "#);
    assert_eq!(
        losses,
        [
            Loss::ExplicitFlowDropped,
            Loss::RefOrderIdDropped,
            Loss::TimeStampDropped,
            Loss::ExpressMembersDropped,
            Loss::FallbackStatusGone,
            Loss::IsAppOverruled,
            Loss::PushUrlMadeUp,
            Loss::OrderPrefixed,
            Loss::TextCleaned,
        ]
    );
    assert!(!create.to_string().contains("c2hvcDpzZWNyZXQ"));
}

#[test]
fn each_dropped_member_is_reported_alone() {
    for (path, value, loss) in [
        (
            "transaction.useExplicitCheckoutFlow",
            json!(true),
            Some(Loss::ExplicitFlowDropped),
        ),
        ("transaction.useExplicitCheckoutFlow", json!(null), None),
        (
            "transaction.refOrderId",
            json!("r"),
            Some(Loss::RefOrderIdDropped),
        ),
        ("transaction.refOrderId", json!(null), None),
        (
            "transaction.timeStamp",
            json!({"odd": [1]}),
            Some(Loss::TimeStampDropped),
        ),
        (
            "merchantInfo.staticShippingDetails",
            json!([{}]),
            Some(Loss::ExpressMembersDropped),
        ),
        (
            "merchantInfo.shippingDetailsPrefix",
            json!("https://s.example"),
            Some(Loss::ExpressMembersDropped),
        ),
        (
            "merchantInfo.consentRemovalPrefix",
            json!("https://s.example"),
            Some(Loss::ExpressMembersDropped),
        ),
        ("merchantInfo.consentRemovalPrefix", json!(null), None),
        ("merchantInfo.unheardOf", json!(1), None),
    ] {
        let command = checked(&with(body(), path, Some(value))).unwrap();
        let want: Vec<_> = loss.into_iter().chain([Loss::FallbackStatusGone]).collect();
        assert_eq!(command.losses, want, "{path}");
    }
}

#[test]
fn is_app_and_skip_landing_page_choose_the_flow() {
    let (yes, no) = (Some(json!(true)), Some(json!(false)));
    for (app, skip, flow, overruled) in [
        (None, None, "WEB_REDIRECT", false),
        (Some(json!(null)), Some(json!(null)), "WEB_REDIRECT", false),
        (no.clone(), no.clone(), "WEB_REDIRECT", false),
        (yes.clone(), no.clone(), "NATIVE_REDIRECT", false),
        (yes.clone(), None, "NATIVE_REDIRECT", false),
        (no, yes.clone(), "PUSH_MESSAGE", false),
        (None, yes.clone(), "PUSH_MESSAGE", false),
        (yes.clone(), yes, "PUSH_MESSAGE", true),
    ] {
        let asked = with(body(), "merchantInfo.isApp", app);
        let asked = with(asked, "transaction.skipLandingPage", skip);
        let (create, losses) = created(&checked(&asked).unwrap());
        assert_eq!(create["userFlow"], flow, "{asked}");
        assert_eq!(losses.contains(&Loss::IsAppOverruled), overruled, "{asked}");
        let push = flow == "PUSH_MESSAGE";
        assert_eq!(losses.contains(&Loss::PushUrlMadeUp), push, "{asked}");
    }
}

#[test]
fn a_push_message_needs_a_number() {
    for number in [None, Some(json!(null)), Some(json!("")), Some(json!(0))] {
        let asked = with(body(), "transaction.skipLandingPage", Some(json!(true)));
        let asked = with(asked, "customerInfo.mobileNumber", number);
        assert_eq!(
            codes(&checked(&asked).unwrap_err()),
            ["customerInfo.mobileNumber"]
        );
        let other = with(asked, "transaction.amount", Some(json!(1)));
        let mut named = codes(&checked(&other).unwrap_err())
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        named.sort();
        assert_eq!(named, ["customerInfo.mobileNumber", "transaction.amount"]);
    }
}

#[test]
fn phone_numbers_become_an_msisdn_or_error_81() {
    for (written, read) in [
        (json!("91234567"), Ok(Some("4791234567"))),
        (json!(91_234_567), Ok(Some("4791234567"))),
        (json!("+4791234567"), Ok(Some("4791234567"))),
        (json!("+47 912 34 567"), Ok(Some("4791234567"))),
        (json!("004791234567"), Ok(Some("4791234567"))),
        (json!("912-34-567"), Ok(Some("4791234567"))),
        (json!(4_791_234_567_i64), Ok(Some("4791234567"))),
        (json!("358401234567"), Ok(Some("358401234567"))),
        (json!("123456789012345"), Ok(Some("123456789012345"))),
        (json!(null), Ok(None)),
        (json!(""), Ok(None)),
        (json!("  "), Ok(None)),
        (json!(0), Ok(None)),
        (json!("0"), Ok(None)),
        (json!("1234567"), Err("81")),
        (json!("123456789"), Err("81")),
        (json!("1234567890123456"), Err("81")),
        (json!("nobody"), Err("81")),
        (json!("91234567x"), Err("81")),
        (json!("+"), Err("81")),
        (json!(true), Err("customerInfo.mobileNumber")),
        (json!([]), Err("customerInfo.mobileNumber")),
        (json!(91_234_567.5), Err("customerInfo.mobileNumber")),
    ] {
        let asked = with(body(), "customerInfo.mobileNumber", Some(written.clone()));
        match (checked(&asked), read) {
            (Ok(command), Ok(number)) => {
                let (create, _) = created(&command);
                let wanted = number.map_or(json!(null), |n| json!({"phoneNumber": n}));
                assert_eq!(create["customer"], wanted, "{written}");
            }
            (Err(failure), Err(code)) => assert_eq!(codes(&failure), [code], "{written}"),
            (got, _) => panic!("{written}: {got:?}"),
        }
    }
    let denmark = Rules {
        country: CountryCode::parse("45").unwrap(),
        allow_http_callbacks: false,
    };
    let command = check(&read(&body()), None, &denmark).unwrap();
    assert_eq!(command.phone.unwrap().as_str(), "4591234567");
}

#[test]
fn a_bad_number_is_user_81() {
    let asked = with(body(), "customerInfo.mobileNumber", Some(json!("12")));
    let failure = checked(&asked).unwrap_err();
    assert!(all_of(&failure, Group::User));
    assert_eq!(failure.status, 400);
}

#[test]
fn text_becomes_a_description_of_3_to_100_characters() {
    let hundred = "å".repeat(100);
    for (text, description, loss) in [
        ("", None, Some(Loss::TextLeftOut)),
        ("a", Some("a order-1234"), Some(Loss::TextPadded)),
        ("øl", Some("øl order-1234"), Some(Loss::TextPadded)),
        ("🧦", Some("🧦 order-1234"), Some(Loss::TextPadded)),
        ("abc", Some("abc"), None),
        ("æøå", Some("æøå"), None),
        (hundred.as_str(), Some(hundred.as_str()), None),
        (
            "socks\nand\tshoes",
            Some("socks and shoes"),
            Some(Loss::TextCleaned),
        ),
        ("a\u{7f}\u{85}b", Some("a  b"), Some(Loss::TextCleaned)),
    ] {
        let command = checked(&with(
            body(),
            "transaction.transactionText",
            Some(json!(text)),
        ))
        .unwrap();
        assert_eq!(command.text, text, "the merchant's own text is remembered");
        let (create, mut losses) = created(&command);
        assert_eq!(
            create.get("paymentDescription").and_then(Value::as_str),
            description,
            "{text:?}"
        );
        losses.retain(|l| *l != Loss::FallbackStatusGone);
        assert_eq!(losses, Vec::from_iter(loss), "{text:?}");
    }
    // Cleaned and then too short: both are told, and the result still fits.
    let command = checked(&with(
        body(),
        "transaction.transactionText",
        Some(json!("\n")),
    ))
    .unwrap();
    let (create, losses) = created(&command);
    assert_eq!(create["paymentDescription"], "  order-1234");
    assert!(losses.contains(&Loss::TextCleaned) && losses.contains(&Loss::TextPadded));
}

#[test]
fn text_is_required_null_is_empty_and_101_characters_are_refused() {
    const NAME: &str = "transaction.transactionText";
    assert_eq!(refused(NAME, None), [NAME]);
    assert_eq!(refused(NAME, Some(json!("å".repeat(101)))), [NAME]);
    assert_eq!(refused(NAME, Some(json!(5))), [NAME]);
    assert_eq!(
        checked(&with(body(), NAME, Some(json!(null))))
            .unwrap()
            .text,
        ""
    );
}

#[test]
fn amounts_are_integers_of_at_least_100() {
    const NAME: &str = "transaction.amount";
    for (written, minor_units) in [
        (json!(100), 100),
        (json!(20000.0), 20_000),
        (json!(2e4), 20_000),
        (json!(65_000_001), 65_000_001),
        (json!(i64::MAX), i64::MAX),
    ] {
        let command = checked(&with(body(), NAME, Some(written))).unwrap();
        assert_eq!(command.amount.minor_units(), minor_units);
        assert_eq!(created(&command).0["amount"]["value"], minor_units);
    }
    for wrong in [
        json!(99),
        json!(0),
        json!(-100),
        json!(null),
        json!("200"),
        json!(true),
        json!(200.5),
        json!(9_223_372_036_854_775_808_u64),
        json!(1e300),
        json!([200]),
        json!({"value": 200}),
    ] {
        assert_eq!(refused(NAME, Some(wrong.clone())), [NAME], "{wrong}");
    }
    assert_eq!(refused(NAME, None), [NAME]);
}

#[test]
fn the_answer_has_the_merchants_order_id_and_a_url() {
    let reference = Reference::parse("ecom-id-Woo17").unwrap();
    for (redirect_url, url) in [
        (
            Some("https://landing.example/?t=1"),
            "https://landing.example/?t=1",
        ),
        (None, "https://shop.example/done"),
    ] {
        let created = Created {
            redirect_url: redirect_url.map(str::to_owned),
            reference: reference.clone(),
        };
        let answer = to_answer(&order("Woo17"), &created, "https://shop.example/done");
        let json = serde_json::to_string(&answer).unwrap();
        assert_eq!(json, format!(r#"{{"orderId":"Woo17","url":"{url}"}}"#));
    }
}

#[test]
fn the_configuration_chooses_currency_and_interaction() {
    let command = checked(&body()).unwrap();
    let context = CreateContext {
        currency: Currency::Dkk,
        interaction: CustomerInteraction::CustomerPresent,
        metadata: Some(BTreeMap::from([("k".to_owned(), "v".to_owned())])),
    };
    let (create, _) = to_create(&command, command.order.reference().unwrap(), context);
    let create = serde_json::to_value(create).unwrap();
    assert_eq!(create["amount"]["currency"], "DKK");
    assert_eq!(create["customerInteraction"], "CUSTOMER_PRESENT");
    assert_eq!(create["metadata"], json!({"k": "v"}));
}
