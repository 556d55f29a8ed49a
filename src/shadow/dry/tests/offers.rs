//! A call as it is taken from an offer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::*;
use crate::payments::{Caller, Order, Terms};
use crate::settings::{Live, from_text};
use crate::shadow::offer::{Offer, Seen};
use crate::store::{Attempt, AttemptId, AttemptState, Known, PaymentFacts};
use crate::telemetry::Route;
use crate::types::{CallerHash, Moment, OrderText};
use crate::upstream::{Budget, Credentials, Spent};

const SETTINGS: &str = r#"
[store]
encryption_key = "ERERERERERERERERERERERERERERERERERERERERERE="
[callbacks]
allow_http = true
[[merchants]]
msn = "123456"
currency = "DKK"
country_code = "45"
"#;

fn attempt(origin: Origin, kind: Kind) -> Attempt {
    Attempt {
        id: AttemptId(1),
        facts: PaymentFacts {
            origin,
            kind,
            reference: None,
            amount: None,
            currency: None,
            text: None,
            callback: None,
            scope_asked: None,
            fall_back: None,
            request_id: None,
        },
        key: None,
        fingerprint: [0; 16],
        state: AttemptState::Unknown,
        begun_at: Moment::default(),
    }
}

fn offer(call: &Call, target: &'static str, subject: Option<Known>) -> Offer {
    let settings = from_text(SETTINGS).expect("settings");
    let msn = Msn::parse("123456");
    let order = || Order {
        scope: Scope::Unit(msn.clone().expect("an MSN")),
        order: OrderText::parse("Woo 17").expect("an order"),
        currency: Currency::Dkk,
        country: CountryCode::default(),
        direct_capture: false,
    };
    Offer {
        operation: call.operation,
        route: Route::Ecom,
        snapshot: Live::new(Arc::new(settings)).snapshot(),
        subject: subject.map(|known| (order(), known)),
        caller: Caller {
            credentials: Credentials::of(&call.headers, msn.clone()),
            hash: CallerHash::from_bytes(&[0; 16]).expect("a hash"),
            budget: Budget {
                deadline: Instant::now(),
                per_call: Duration::ZERO,
            },
            terms: Terms::new(0, Duration::ZERO, true),
            spent: Arc::new(Spent::default()),
            early: Arc::default(),
        },
        target: http::Uri::from_static(target),
        request_headers: call.headers.clone(),
        request_body: Bytes::from(call.body.clone()),
        answer: Seen {
            status: 200,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{}"),
        },
        answered_at: Instant::now(),
    }
}

#[test]
fn an_offer_is_judged_by_the_settings_of_its_unit() {
    let known = Known {
        payment: None,
        attempt: Some(attempt(Origin::Ecom, Kind::Express)),
    };
    let capture = Call::new(Operation::Capture, &change());
    let offer = offer(
        &capture,
        "//Ecomm/v2/payments/Woo%2017/Capture/?x=1",
        Some(known),
    );
    let call = DryCall::of(&offer);
    assert_eq!(
        (&*call.order, call.birth),
        ("Woo 17", Some((Origin::Ecom, Kind::Express)))
    );
    assert_eq!(
        (call.unit.currency, call.recovery),
        (Currency::Dkk, Recovery::Sealed)
    );
    assert!(call.allow_http_callbacks);
    assert_eq!(call.unit.country_code.as_str(), "45");
    assert_eq!(
        call.scope.as_ref().map(Scope::text).as_deref(),
        Some("123456")
    );
    assert_eq!(
        dry(&call).verdict,
        Verdict::Not(Untranslatable::OrderCharacters)
    );
}

#[test]
fn an_offer_of_nobody_is_judged_by_the_defaults() {
    let body = with(plain(), "/transaction/amount", Some(json!(1)));
    let offer = offer(
        &Call::new(Operation::Initiate, &body),
        "/ecomm/v2/payments",
        None,
    );
    let call = DryCall::of(&offer);
    assert_eq!((&*call.order, call.birth, &call.scope), ("", None, &None));
    assert_eq!(call.unit.currency, Currency::Nok);
    let judged = dry(&call).against(
        call.operation,
        &offer.answer.answered(),
        &[],
        Moment::default(),
    );
    assert_eq!(
        told(&judged.compared.differences),
        ["value (status)", "rule /transaction/amount"]
    );
}
