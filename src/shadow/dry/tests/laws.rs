//! Laws: what eCom documents as valid is found good by both judges, losses apart, and nothing panics.

use proptest::prelude::*;
use serde_json::Map;

use super::*;
use crate::shadow::redact::Redactor;
use crate::store::DifferenceKind;

fn text(pattern: &'static str) -> BoxedStrategy<Value> {
    proptest::string::string_regex(pattern)
        .expect("a pattern")
        .prop_map(Value::from)
        .boxed()
}

fn flag() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::from).boxed()
}

/// An object of these members; those that are not needed may be absent or null.
fn object(members: Vec<(&'static str, bool, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, needed, right)| {
            let may = if needed { 0 } else { 1 };
            prop_oneof![
                4 => right.prop_map(Some),
                may => Just(None),
                may => Just(Some(Value::Null)),
            ]
            .prop_map(move |value| value.map(|value| (name.to_owned(), value)))
        })
        .collect();
    members
        .prop_map(|members| Value::Object(members.into_iter().flatten().collect::<Map<_, _>>()))
        .boxed()
}

fn amount() -> BoxedStrategy<Value> {
    prop_oneof![
        (100..=65_000_000_i64).prop_map(Value::from),
        (100..70_000_i32).prop_map(|units| json!(f64::from(units))),
        Just(json!(100)),
        Just(json!(65_000_000)),
    ]
    .boxed()
}

fn said() -> BoxedStrategy<Value> {
    prop_oneof![
        text("\\PC{0,100}"),
        text("[\\x00-\\x7f]{0,100}"),
        text("[ a\\n]{0,3}"),
        Just(Value::Null)
    ]
    .boxed()
}

fn msn() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(json!("123456")),
        Just(json!(123_456)),
        Just(json!(" 123456 "))
    ]
    .boxed()
}

fn phone() -> BoxedStrategy<Value> {
    prop_oneof![
        text("(\\+47|0047|47| )?[2-9][0-9]{7}"),
        text("\\+?[1-9][0-9]{9,14}"),
        text("[49][0-9] [0-9]{2}-[0-9]{2}\\.[0-9]{2}"),
        (20_000_000..99_999_999_i64).prop_map(Value::from),
    ]
    .boxed()
}

fn scopes() -> BoxedStrategy<Value> {
    let words = [
        "name",
        "address",
        "email",
        "phoneNumber",
        "birthDate",
        "nin",
    ];
    proptest::sample::subsequence(words.to_vec(), 0..=6)
        .prop_map(|words| Value::from(words.join(" ")))
        .boxed()
}

fn order() -> BoxedStrategy<Value> {
    prop_oneof![
        4 => text("[a-zA-Z0-9-]{1,50}"),
        1 => (1..1_000_000_000_000_000_000_i64).prop_map(Value::from),
    ]
    .boxed()
}

/// A valid regular initiate.
fn initiate() -> BoxedStrategy<Value> {
    let airline = object(vec![
        ("passengerName", true, text("\\PC{1,49}")),
        (
            "airlineCode",
            true,
            prop_oneof![text("[0-9]{3}"), Just(json!(374))].boxed(),
        ),
        ("airlineDesignatorCode", true, text("[A-Z]{2}")),
        ("ticketNumber", false, text("[0-9-]{1,150}")),
        ("agencyInvoiceNumber", true, text("[0-9]{1,6}")),
    ]);
    let merchant = object(vec![
        ("merchantSerialNumber", true, msn()),
        (
            "callbackPrefix",
            true,
            text("https://[a-z.]{1,20}/[a-z?=]{0,9}"),
        ),
        (
            "fallBack",
            true,
            text("(https://[a-z]{1,9}(/[a-z?=&%#]{0,20})?|my-app://[a-z]{1,9})"),
        ),
        ("authToken", false, text("\\PC{0,255}")),
        ("isApp", false, flag()),
        (
            "paymentType",
            false,
            text("(eComm Regular Payment|ecomm regular payment )"),
        ),
        ("consentRemovalPrefix", false, text("https://[a-z.]{1,9}")),
        ("shippingDetailsPrefix", false, text("https://[a-z.]{1,9}")),
        (
            "staticShippingDetails",
            false,
            Just(json!([{"priority": 1}])).boxed(),
        ),
        ("x/y~z", false, flag()),
    ]);
    let transaction = object(vec![
        ("amount", true, amount()),
        ("orderId", true, order()),
        ("transactionText", true, said()),
        ("skipLandingPage", false, flag()),
        ("scope", false, scopes()),
        ("additionalData", false, airline),
        ("useExplicitCheckoutFlow", false, flag()),
        ("refOrderId", false, text("x")),
        ("timeStamp", false, text("[0-9T:-]{0,20}")),
    ]);
    let customer = object(vec![("mobileNumber", true, phone())]);
    object(vec![
        ("customerInfo", true, customer),
        ("merchantInfo", true, merchant),
        ("transaction", true, transaction),
        ("extra", false, json_of_any_kind()),
    ])
}

fn json_of_any_kind() -> BoxedStrategy<Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        flag(),
        text("\\PC{0,12}"),
        Just(json!({"a": [1, {"b": null}]})),
        Just(json!([])),
    ]
    .boxed()
}

fn change_body() -> BoxedStrategy<Value> {
    let amounts = prop_oneof![amount(), Just(json!(0)), Just(Value::Null)].boxed();
    let transaction = object(vec![
        ("amount", false, amounts),
        ("transactionText", true, said()),
        ("orderId", false, order()),
    ]);
    let merchant = object(vec![
        ("merchantSerialNumber", true, msn()),
        ("callbackPrefix", false, text("x")),
    ]);
    object(vec![
        ("merchantInfo", true, merchant),
        ("transaction", true, transaction),
        ("shouldReleaseRemainingFunds", false, flag()),
    ])
}

/// Both judges find nothing but losses, and every loss of the verdict has its place.
fn is_good(call: &Call) -> Result<(), TestCaseError> {
    let dried = call.dry();
    let losses = match &dried.verdict {
        Verdict::Not(Untranslatable::OrderCollides) => return Ok(()),
        Verdict::Whole => &[][..],
        Verdict::WithLosses(losses) => losses,
        other => return Err(TestCaseError::fail(format!("{other:?}"))),
    };
    let wrong = dried
        .differences
        .iter()
        .find(|one| one.kind != DifferenceKind::Loss);
    prop_assert!(wrong.is_none(), "{:?}", wrong);
    for loss in losses {
        let placed = dried
            .differences
            .iter()
            .any(|one| one.candidate == loss.code());
        prop_assert!(placed, "{:?} has no place", loss);
    }
    for one in &dried.differences {
        prop_assert!(
            losses.iter().any(|loss| one.candidate == loss.code()),
            "{:?}",
            one
        );
        prop_assert!(one.control.chars().count() <= 80 && one.candidate.chars().count() <= 80);
    }
    Ok(())
}

fn recovery() -> impl Strategy<Value = Recovery> {
    proptest::sample::select(vec![Recovery::Off, Recovery::Marker, Recovery::Sealed])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_valid_initiate_is_good(
        body in initiate(),
        recovery in recovery(),
        token in "(Bearer |bearer  )?[a-zA-Z0-9.]{1,20}",
        id in proptest::option::of("[ -~]{1,64}"),
        pair in proptest::option::of("[a-z]{0,30}"),
    ) {
        let mut call = Call::new(Operation::Initiate, &body).header("authorization", &token);
        call.recovery = recovery;
        if let Some(id) = id {
            call = call.header("x-request-id", &id);
        }
        if let Some(name) = pair {
            call = call.header("vipps-system-plugin-version", &name);
        }
        is_good(&call)?;
    }

    #[test]
    fn a_valid_change_is_good(
        body in change_body(),
        operation in proptest::sample::select(vec![Operation::Capture, Operation::Refund, Operation::Cancel]),
        order in proptest::sample::select(vec!["order-1234", "Woo17", "1", "12345678"]),
        id in proptest::option::of(prop_oneof!["[a-z0-9._:-]{1,50}", "[ -~]{1,64}"]),
    ) {
        let mut call = Call::new(operation, &body).order(order);
        if let Some(id) = id {
            call = call.header("x-request-id", &id);
        }
        is_good(&call)?;
    }

    #[test]
    fn a_valid_approve_is_good(
        phone in proptest::option::of(phone()),
        token in proptest::option::of("\\PC{1,30}"),
    ) {
        let body = json!({"customerPhoneNumber": phone, "token": token});
        // A token of nothing but blanks is none to ePayment.
        prop_assume!(token.is_none_or(|token| !token.trim().is_empty()));
        is_good(&Call::new(Operation::Approve, &body))?;
    }

    #[test]
    fn a_recording_is_judged_like_the_call(
        initiate in initiate(),
        change in change_body(),
        operation in proptest::sample::select(vec![Operation::Initiate, Operation::Capture, Operation::Cancel]),
        id in "[ -~]{1,64}",
    ) {
        // In a recording a number that stands for words loses its length, and a word with blanks around it is none.
        let plain = |at: &str| initiate.pointer(at).is_none_or(|value| match value {
            Value::Number(_) => false,
            Value::String(text) => text.trim() == text,
            _ => true,
        });
        prop_assume!(plain("/transaction/additionalData/airlineCode") && plain("/merchantInfo/paymentType"));
        let redactor = Redactor::new([7; 32]);
        let body = if operation == Operation::Initiate { initiate } else { change };
        let kept = redactor.header("x-request-id", &id).unwrap_or_default();
        let call = Call::new(operation, &body).header("x-request-id", &id);
        let mut recorded = Call::new(operation, &redactor.redacted(&body)).header("x-request-id", &kept);
        // A recording has no tokens, and no names that no document has.
        for name in ["authorization", "ocp-apim-subscription-key", "vipps-system-name"] {
            recorded.headers.remove(name);
        }
        let (call, recorded) = (call.dry(), recorded.dry());
        prop_assert_eq!(call.verdict, recorded.verdict);
        let known = |all: &[Difference]| {
            let mut all = told(all);
            all.retain(|one| !one.contains("(name of"));
            all.sort_unstable();
            all
        };
        prop_assert_eq!(known(&call.differences), known(&recorded.differences));
    }

    #[test]
    fn any_body_comes_to_an_end(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        tree in json_of_any_kind(),
        at in proptest::sample::select(vec![
            "/customerInfo", "/merchantInfo/fallBack", "/transaction/amount", "/transaction/orderId",
            "/transaction/transactionText", "/transaction/additionalData", "/transaction",
        ]),
        operation in proptest::sample::select(Operation::ALL.to_vec()),
    ) {
        let mut call = Call::new(operation, &with(plain(), at, Some(tree)));
        let dried = call.dry();
        prop_assert!(dried.differences.len() <= crate::shadow::compare::KEPT);
        call.body = body;
        call.dry();
    }
}

#[test]
fn reads_are_whole() {
    for operation in [Operation::Details, Operation::Status] {
        let dried = Call::new(operation, &Value::Null).dry();
        assert_eq!((dried.verdict, dried.differences), (Verdict::Whole, vec![]));
        // A body that some clients send with a GET is nobody's.
        let dried = Call::new(operation, &json!({"x": 1})).dry();
        assert_eq!(dried.verdict, Verdict::Whole);
    }
}
