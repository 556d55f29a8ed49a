//! Laws that hold for any input: translate never panics, amounts conserve, what it makes is what both APIs document.
//!
//! Bodies come from a grammar of the known members with arbitrary values, so that most of them reach the rules.

mod bytes;
mod wires;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::testing::{codes, money, order, payment, read, scope, sums};
use super::{adjust, approve, details, error, initiate};
use crate::ecom::error::{Code, Group};
use crate::epayment::event::{EventName, PaymentEvent};
use crate::epayment::model::{CustomerInteraction, State};
use crate::epayment::problem::{ExtraDetail, Problem};
use crate::types::{CountryCode, Currency, Moment, MoneyOp, Reference};

/// Any value that JSON can write, with a taste for the ones that matter here.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..100_000_i64).prop_map(Value::from),
        (0..100_000_i64).prop_map(|n| json!(n as f64)),
        "\\PC{0,12}".prop_map(Value::from),
        "[\\x00-\\x7f]{0,110}".prop_map(Value::from),
        "[0-9+() -]{0,16}".prop_map(Value::from),
        "[a-zA-Z0-9-]{1,52}".prop_map(Value::from),
        "(https|http|myapp|ftp)://[a-z0-9.:\\[\\]@-]{0,20}(/[a-z?=&]{0,9})?".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::hash_map("[a-z]{1,4}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// An object of some of `names`; each has the value that its rule wants, any value, or none.
fn object(names: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members: Vec<_> = names
        .into_iter()
        .map(|(name, right)| {
            prop_oneof![
                40 => right.prop_map(Some),
                1 => value().prop_map(Some),
                2 => Just(None),
            ]
            .prop_map(move |value| value.map(|value| (name.to_owned(), value)))
        })
        .collect();
    members
        .prop_map(|members| Value::Object(members.into_iter().flatten().collect::<Map<_, _>>()))
        .boxed()
}

fn text(pattern: &'static str) -> BoxedStrategy<Value> {
    proptest::string::string_regex(pattern)
        .expect("a pattern")
        .prop_map(Value::from)
        .boxed()
}

fn yes_or_no() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::from).boxed()
}

fn minor_units() -> BoxedStrategy<Value> {
    prop_oneof![
        (100..70_000_000_i64).prop_map(Value::from),
        (100..70_000_i64).prop_map(|n| json!(n as f64)),
        Just(json!(0)),
    ]
    .boxed()
}

fn merchant() -> BoxedStrategy<Value> {
    object(vec![
        ("merchantSerialNumber", text("[0-9]{4,7}")),
        ("callbackPrefix", text("https://[a-z.]{1,20}/[a-z?=]{0,9}")),
        (
            "fallBack",
            text("(https://[a-z.]{1,9}|myapp://[a-z]{0,9}|INTENT)"),
        ),
        ("authToken", text("\\PC{0,20}")),
        ("isApp", yes_or_no()),
        ("paymentType", text("eComm Regular Payment")),
        ("consentRemovalPrefix", text("https://[a-z.]{1,9}")),
        ("shippingDetailsPrefix", text("https://[a-z.]{1,9}")),
        ("staticShippingDetails", Just(json!([])).boxed()),
    ])
}

fn initiate_body() -> BoxedStrategy<Value> {
    let airline = object(vec![
        ("passengerName", text("\\PC{1,49}")),
        ("airlineCode", text("[0-9]{3}")),
        ("airlineDesignatorCode", text("[A-Z]{2}")),
        ("ticketNumber", text("[0-9-]{1,150}")),
        ("agencyInvoiceNumber", text("[0-9]{1,6}")),
    ]);
    let transaction = object(vec![
        ("amount", minor_units()),
        ("orderId", text("[a-zA-Z0-9-]{1,50}")),
        (
            "transactionText",
            prop_oneof![text("[\\x00-\\x7f]{0,100}"), text("\\PC{0,100}")].boxed(),
        ),
        ("skipLandingPage", yes_or_no()),
        ("scope", text("(name|email|phoneNumber| ){0,4}")),
        ("additionalData", airline),
        ("useExplicitCheckoutFlow", yes_or_no()),
        ("refOrderId", text("x")),
        ("timeStamp", text("[0-9T:-]{0,20}")),
    ]);
    let customer = object(vec![("mobileNumber", text("(\\+47|0047|47)?[0-9]{8}"))]);
    object(vec![
        ("customerInfo", customer),
        ("merchantInfo", merchant()),
        ("transaction", transaction),
        ("extra", value().boxed()),
    ])
}

fn adjust_body() -> BoxedStrategy<Value> {
    let transaction = object(vec![
        ("amount", minor_units()),
        ("transactionText", text("\\PC{0,100}")),
        ("orderId", Just(json!(null)).boxed()),
    ]);
    object(vec![
        ("merchantInfo", merchant()),
        ("transaction", transaction),
        ("shouldReleaseRemainingFunds", yes_or_no()),
    ])
}

fn rules(allow_http_callbacks: bool) -> initiate::Rules {
    initiate::Rules {
        country: CountryCode::default(),
        allow_http_callbacks,
    }
}

/// What ePayment documents of a create request.
fn keeps_epayments_constraints(create: &Value) -> Result<(), TestCaseError> {
    let text = |name: &str| create.get(name).and_then(Value::as_str);
    let reference = text("reference").unwrap_or_default();
    prop_assert!((8..=50).contains(&reference.len()));
    prop_assert!(
        reference
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    );
    if let Some(description) = text("paymentDescription") {
        prop_assert!(
            (3..=100).contains(&description.chars().count()),
            "{:?}",
            description
        );
        prop_assert!(!description.chars().any(char::is_control));
    }
    prop_assert!(create["amount"]["value"].as_i64().is_some_and(|v| v >= 100));
    prop_assert_eq!(&create["amount"]["currency"], "NOK");
    prop_assert_eq!(&create["paymentMethod"], &json!({"type": "WALLET"}));
    let url = text("returnUrl").unwrap_or_default();
    let (scheme, _) = url.split_once(':').unwrap_or(("", ""));
    prop_assert!(
        !scheme.is_empty() && !scheme.eq_ignore_ascii_case("http"),
        "{}",
        url
    );
    let number = create["customer"]["phoneNumber"].as_str();
    if let Some(number) = number {
        prop_assert!((10..=15).contains(&number.len()));
        prop_assert!(number.bytes().all(|b| b.is_ascii_digit()));
    }
    match text("userFlow") {
        Some("PUSH_MESSAGE") => prop_assert!(number.is_some(), "a push message has a customer"),
        Some(flow) => prop_assert!(["WEB_REDIRECT", "NATIVE_REDIRECT"].contains(&flow)),
        None => prop_assert!(false, "no userFlow"),
    }
    for (name, min, max) in [
        ("passengerName", 1, 49),
        ("airlineCode", 3, 3),
        ("airlineDesignatorCode", 2, 2),
        ("ticketNumber", 1, 150),
        ("agencyInvoiceNumber", 1, 6),
    ] {
        let Some(data) = create["industryData"]["airlineData"].get(name) else {
            continue;
        };
        let length = data.as_str().unwrap_or_default().chars().count();
        prop_assert!((min..=max).contains(&length), "{}", name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 768, ..ProptestConfig::default() })]

    #[test]
    fn an_initiate_is_refused_with_reasons_or_becomes_a_valid_create(
        body in initiate_body(),
        header in proptest::option::weighted(0.1, "[0-9a-z ]{0,8}"),
        http in any::<bool>(),
    ) {
        let body = read(&body);
        let (msn, order) = initiate::identity(&body, header.as_deref());
        let kind = initiate::payment_type(&body);
        match initiate::check(&body, header.as_deref(), &rules(http)) {
            Err(failure) => {
                prop_assert_eq!(failure.status, 400);
                let plain = failure.entries.iter().all(|e| e.0 == Group::InvalidRequest);
                prop_assert!(plain || codes(&failure) == ["81"]);
                prop_assert!(failure.entries.iter().all(|e| !e.1.is_empty() && !e.2.is_empty()));
            }
            Ok(command) if command.untranslatable().is_some() => {}
            Ok(command) => {
                let reference = command.order.reference().expect("translatable");
                prop_assert_eq!(msn.as_ref(), Some(&command.msn));
                prop_assert_eq!(order.as_ref(), Some(&command.order));
                let said = body.merchant_info.get().and_then(|m| m.0.payment_type.get());
                prop_assert!(said.is_some() || kind != initiate::PaymentType::Express);
                let context = initiate::CreateContext {
                    currency: Currency::Nok,
                    interaction: CustomerInteraction::CustomerNotPresent,
                    metadata: None,
                };
                let (create, losses) = initiate::to_create(&command, reference.clone(), context);
                prop_assert_eq!(create.amount.value, command.amount);
                prop_assert_eq!(reference.order_id().map(|o| o.to_string()), Some(command.order.to_string()));
                keeps_epayments_constraints(&serde_json::to_value(create).unwrap())?;
                let mut once = losses.clone();
                once.sort();
                once.dedup();
                prop_assert_eq!(once.len(), losses.len(), "a loss is told once");
            }
        }
    }

    #[test]
    fn an_adjustment_is_refused_with_reasons_or_keeps_its_amount(
        body in adjust_body(),
        header in proptest::option::weighted(0.1, "[0-9a-z ]{0,8}"),
        op in proptest::sample::select(&MoneyOp::ALL[..]),
    ) {
        let said = body["transaction"]["amount"].as_f64();
        match adjust::check(op, &read(&body), header.as_deref()) {
            Err(failure) => prop_assert!(failure.entries.iter().all(|e| e.0 == Group::InvalidRequest)),
            Ok(command) => match command.asked {
                adjust::Asked::Exactly(amount) => {
                    prop_assert!(op != MoneyOp::Cancel && amount.minor_units() >= 100);
                    prop_assert_eq!(Some(amount.minor_units() as f64), said);
                }
                adjust::Asked::AllThatRemains => {
                    prop_assert!(op == MoneyOp::Cancel || said.unwrap_or(0.0) == 0.0);
                }
            },
        }
        approve::to_approve(&read(&json!({
            "customerPhoneNumber": body["merchantInfo"]["authToken"], "token": body["transaction"]["transactionText"]
        })), &CountryCode::default()).ok();
    }

    #[test]
    fn amounts_conserve(
        authorized in 0..=65_000_000_i64, shares in [0..=100_i64, 0..=100_i64, 0..=100_i64],
    ) {
        let part = |of: i64, percent: i64| of * percent / 100;
        let captured = part(authorized, shares[0]);
        let cancelled = part(authorized - captured, shares[1]);
        let refunded = part(captured, shares[2]);
        let all = [authorized, cancelled, captured, refunded];
        let shown = adjust::summary(&sums(all));
        let open = shown.remaining_amount_to_capture.minor_units();
        prop_assert_eq!(captured + cancelled + open, authorized);
        prop_assert_eq!(refunded + shown.remaining_amount_to_refund.minor_units(), captured);
        let payment = payment(State::Authorized, all);
        for (op, left) in [(MoneyOp::Capture, open), (MoneyOp::Refund, captured - refunded)] {
            match adjust::remaining(op, &payment) {
                Ok(amount) => prop_assert_eq!(amount.minor_units(), left),
                Err(_) => prop_assert_eq!(left, 0),
            }
        }
        prop_assert_eq!(adjust::may_cancel(&payment).is_ok(), captured == 0);
    }

    #[test]
    fn every_refusal_says_something_and_a_404_is_certain(
        title in prop_oneof!["\\PC{0,20}", proptest::sample::select(vec![
            "Reference not found".to_owned(), "Invalid URL".to_owned(), "Idempotency error".to_owned(),
        ])],
        detail in proptest::option::of("\\PC{0,20}"),
        listed in proptest::collection::vec((
            "(ErrorCode|[A-Za-z.$/]{0,20}|\\PC{0,9})",
            prop_oneof!["\\PC{0,9}", (0..11_000_u32).prop_map(|n| n.to_string())],
        ), 0..3),
        status in 400..=599_u16,
        during in proptest::sample::select(vec![
            error::During::Initiate, error::During::Read, error::During::Approve,
            error::During::Adjust(MoneyOp::Capture), error::During::Adjust(MoneyOp::Cancel),
            error::During::Adjust(MoneyOp::Refund),
        ]),
    ) {
        let extra_details = listed.into_iter().map(|(name, reason)| ExtraDetail { name, reason }).collect();
        let problem = Problem { title, detail, extra_details, ..Problem::default() };
        let meaning = error::meaning(&problem, status, during);
        let failure = error::to_failure(&meaning, &problem, status);
        prop_assert!(!failure.entries.is_empty());
        for (_, code, message) in &failure.entries {
            prop_assert!(!code.trim().is_empty() && !message.trim().is_empty(), "{:?}", failure);
        }
        prop_assert!((400..=599).contains(&failure.status));
        prop_assert_eq!(failure.status == 404, meaning == error::Meaning::NotFound);
        prop_assert!(during != error::During::Read || failure.status != 402);
        if meaning == error::Meaning::NotFound {
            prop_assert_eq!(&failure.entries[0].1, Code::Merchant35.parts().1);
        }
    }
}

fn any_event() -> impl Strategy<Value = PaymentEvent> {
    use EventName::{
        Aborted, Authorized, Cancelled, Captured, Created, Expired, Refunded, Terminated, Unknown,
    };
    let names = vec![
        Created, Aborted, Expired, Cancelled, Captured, Refunded, Authorized, Terminated, Unknown,
    ];
    let time = prop_oneof![
        4 => (0..3_i64, 0..10_000_000_u32)
            .prop_map(|(s, part)| format!("2026-03-01T10:00:0{s}.{part:07}Z")),
        2 => (0..4_000_000_000_i64)
            .prop_map(|s| Moment::from_millis(s * 1000).to_string()),
        1 => Just("2026-03-01T10:00:00Z".to_owned()),
        1 => "\\PC{0,9}",
    ];
    let key = proptest::option::of("[a-z0-9:-]{0,50}");
    (
        proptest::sample::select(names),
        time,
        key,
        0..70_000_000_i64,
        any::<bool>(),
    )
        .prop_map(
            |(name, timestamp, idempotency_key, minor_units, success)| PaymentEvent {
                reference: Reference::parse("order-1234").expect("a reference"),
                psp_reference: minor_units.to_string(),
                name,
                amount: money(minor_units),
                timestamp,
                idempotency_key,
                success,
            },
        )
}

proptest! {
    #[test]
    fn the_log_is_strictly_increasing_whatever_the_events(
        events in proptest::collection::vec(any_event(), 0..12),
        state in proptest::sample::select(vec![
            State::Created, State::Aborted, State::Expired, State::Authorized, State::Terminated,
        ]),
    ) {
        let remembered = details::Remembered {
            text: None, request_id: None, scope: details::ScopeAsked::NotKnown, calls: vec![], sale: details::Sale::No,
            country: CountryCode::default(),
        };
        let (order, scope, payment) = (order("order-1234"), scope(), payment(state, [500, 0, 200, 0]));
        let sources = details::Sources {
            order: &order, scope: &scope, payment: &payment, events: &events, remembered: &remembered,
        };
        let shown = details::details(sources, None);
        let times: Vec<_> = shown.transaction_log_history.iter().map(|e| e.time_stamp.as_str()).collect();
        for pair in times.windows(2) {
            prop_assert!(pair[0] > pair[1], "newest first, as text: {:?}", times);
        }
        prop_assert!(times.iter().all(|t| t.len() == 24 && t.ends_with('Z')));
        let known = events.iter().filter(|e| e.name != EventName::Unknown).count();
        prop_assert!(times.len() <= known);
        if state != State::Created {
            prop_assert_eq!(times.len(), known, "every known event stays");
        }
        let status = details::status(sources);
        prop_assert!(status.is_none_or(|s| times.contains(&s.transaction_info.time_stamp.as_str())));
    }
}
