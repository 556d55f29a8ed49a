//! E6: no bytes make a reader or the translation panic. Most are an example of a document with some bytes changed, so
//! that they come far; `fuzz/` does the same guided by coverage, and for longer.

use proptest::prelude::*;
use serde_json::Value;

use super::super::initiate::PaymentType;
use super::super::{adjust, approve, callback, error, initiate};
use super::rules;
use crate::ecom::read::object;
use crate::ecom::request::{Adjust, ForceApprove, InitiatePayment};
use crate::ecom::route::{Target, parse};
use crate::epayment::event::{PaymentEvent, WebhookEvent};
use crate::epayment::model::{Created, Modified, Payment};
use crate::epayment::problem::Problem;
use crate::epayment::signature::{SignatureHeaders, Signed, sign, verify};
use crate::types::{
    CountryCode, Currency, IdempotencyKey, Moment, MoneyOp, Msisdn, Msn, OrderText, Reference,
    RequestId,
};

macro_rules! examples {
    ($($name:literal),*) => { [$(&include_bytes!(concat!("../../../tests/fixtures/", $name, ".json"))[..]),*] };
}

/// An example with a few bytes changed, or any bytes.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let examples = examples![
        "ecom-initiate-request",
        "ecom-capture-request",
        "ecom-cancel-request",
        "ecom-approve-request",
        "epayment-payment",
        "epayment-events",
        "epayment-problem",
        "epayment-webhook-authorized",
        "epayment-capture-response",
        "epayment-create-response"
    ];
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        Just(Vec::new()),
        proptest::sample::select(vec![
            "null",
            "1e400",
            "1e-400",
            "-0",
            "0.5",
            "\"",
            "\\ud800",
            "\\u0000",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "[[[[",
            "9223372036854775808",
            "true",
            "\"amount\":1,",
            "\u{feff}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let edits =
        proptest::collection::vec((any::<proptest::sample::Index>(), 0..9_usize, piece), 1..6);
    let changed =
        (proptest::sample::select(examples.to_vec()), edits).prop_map(|(example, edits)| {
            let mut bytes = example.to_vec();
            for (at, length, piece) in edits {
                let at = at.index(bytes.len() + 1);
                let end = (at + length).min(bytes.len());
                bytes.splice(at..end, piece);
            }
            bytes
        });
    prop_oneof![8 => changed, 1 => proptest::collection::vec(any::<u8>(), 0..200)]
}

/// `merchantInfo.paymentType` by another reader.
fn is_express(bytes: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let said = body["merchantInfo"]["paymentType"].as_str();
    said.is_some_and(|said| said.trim().eq_ignore_ascii_case("ecomm express payment"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn e6_no_body_of_a_shop_panics_or_makes_express_regular(bytes in bytes()) {
        if let Ok((body, _)) = object::<InitiatePayment>(&bytes) {
            let kind = initiate::payment_type(&body);
            prop_assert!(kind == PaymentType::Express || !is_express(&bytes));
            let _any = initiate::identity(&body, None);
            let _any = initiate::check(&body, Some("123456"), &rules(true));
        }
        if let Ok((body, _)) = object::<Adjust>(&bytes) {
            for op in MoneyOp::ALL {
                let _any = adjust::check(op, &body, None);
            }
        }
        if let Ok((body, _)) = object::<ForceApprove>(&bytes) {
            let _any = approve::to_approve(&body, &CountryCode::default());
        }
    }

    #[test]
    fn e6_no_answer_of_upstream_panics(bytes in bytes(), status in 400..600_u16) {
        if let Ok(payment) = serde_json::from_slice::<Payment>(&bytes) {
            for op in MoneyOp::ALL {
                let _any = (adjust::remaining(op, &payment), adjust::by_state(op, &payment));
            }
            let _any = adjust::may_cancel(&payment);
        }
        if let Ok(modified) = serde_json::from_slice::<Modified>(&bytes) {
            let _any = adjust::summary(&modified.aggregate);
        }
        let _any = serde_json::from_slice::<Created>(&bytes);
        let _any = serde_json::from_slice::<Vec<PaymentEvent>>(&bytes);
        if let Some(problem) = Problem::read(&bytes) {
            let calls = MoneyOp::ALL.map(error::During::Adjust);
            for during in calls.into_iter().chain([error::During::Initiate, error::During::Read]) {
                let meaning = error::meaning(&problem, status, during);
                prop_assert!(error::to_failure(&meaning, &problem, status).status >= 400);
            }
        }
    }

    #[test]
    fn e6_no_webhook_panics_or_is_signed_by_chance(
        bytes in bytes(),
        authorization in "\\PC{0,90}",
        hash in "[A-Za-z0-9+/=]{0,48}",
        at in any::<proptest::sample::Index>(),
    ) {
        let signed = Signed { path_and_query: "/w", host: "h", date: "d", body: &bytes };
        let headers = SignatureHeaders { content_sha256: hash, authorization };
        prop_assert!(!verify(&signed, &headers, "secret"));
        let right = sign(&signed, "secret");
        prop_assert!(verify(&signed, &right, "secret"));
        if !bytes.is_empty() {
            let mut altered = bytes.clone();
            altered[at.index(bytes.len())] ^= 1;
            let altered = Signed { body: &altered, ..signed };
            prop_assert!(!verify(&altered, &right, "secret"));
        }
        if let Ok(read) = serde_json::from_slice::<WebhookEvent>(&bytes) {
            let _any = callback::reaction(&read.event, true, true);
        }
    }

    #[test]
    fn b8_b9_no_path_panics_or_hides_another(method in "[A-Z]{1,7}", path in "(/|\\PC|%[0-9a-fA-F]{2}|ecomm|v2|payments|capture|\\.){0,24}") {
        if let Target::Call { order, .. } = parse(&method, &path) {
            prop_assert!(!order.contains(['/', '\\', '%']) && order != ".." && order != ".");
        }
    }

    #[test]
    fn b9_b13_no_word_panics(text in "(\\PC|[0-9+() .-]){0,70}") {
        if let Ok(Some(number)) = Msisdn::read(&text, &CountryCode::default()) {
            prop_assert!((10..=15).contains(&number.as_str().len()));
        }
        let _any = (Msn::parse(&text), Reference::parse(&text), RequestId::parse(&text));
        let _any = (Currency::parse(&text), CountryCode::parse(&text), IdempotencyKey::parse(&text));
        let _any = (Moment::parse(&text), Moment::parse_http(&text));
        if let Some(order) = OrderText::parse(&text) {
            let back = order.reference().and_then(|reference| reference.order_id());
            prop_assert!(back.is_none_or(|back| back.as_str() == order.as_str()));
        }
    }
}
