//! What the tables of these tests share: bodies to change one member of, payments by state and sums, events by name.
//!
//! Test only. Must not: know a rule (each table states its own).

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::ecom::error::{Failure, Group};
use crate::epayment::event::{EventName, PaymentEvent};
use crate::epayment::model::{
    Aggregate, Money, Payment, PaymentMethod, Profile, State, UserDetails,
};
use crate::types::{Amount, Currency, Msn, OrderText, Reference, Scope};

/// Reads a body as the bridge does.
pub(crate) fn read<T: DeserializeOwned>(json: &Value) -> T {
    crate::ecom::read::object(json.to_string().as_bytes())
        .expect("one object")
        .0
}

/// `body` with the member at `path` (dots between names) set, or taken away.
pub(crate) fn with(mut body: Value, path: &str, value: Option<Value>) -> Value {
    let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut at = &mut body;
    for parent in parents.split('.').filter(|part| !part.is_empty()) {
        at = &mut at[parent];
    }
    let object = at.as_object_mut().expect("an object");
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
    body
}

/// The codes of a failure, in order; `81` for User 81.
pub(crate) fn codes(failure: &Failure) -> Vec<&str> {
    failure
        .entries
        .iter()
        .map(|(_, code, _)| code.as_str())
        .collect()
}

/// Whether every entry is of this group.
pub(crate) fn all_of(failure: &Failure, group: Group) -> bool {
    failure.entries.iter().all(|entry| entry.0 == group)
}

pub(crate) fn order(text: &str) -> OrderText {
    OrderText::parse(text).expect("an order id")
}

pub(crate) fn scope() -> Scope {
    Scope::Unit(Msn::parse("123456").expect("an MSN"))
}

pub(crate) fn amount(minor_units: i64) -> Amount {
    Amount::new(minor_units).expect("not negative")
}

pub(crate) fn money(minor_units: i64) -> Money {
    Money {
        currency: Currency::Nok,
        value: amount(minor_units),
    }
}

/// Sums in the order authorized, cancelled, captured, refunded.
pub(crate) fn sums([authorized, cancelled, captured, refunded]: [i64; 4]) -> Aggregate {
    Aggregate {
        authorized_amount: money(authorized),
        cancelled_amount: money(cancelled),
        captured_amount: money(captured),
        refunded_amount: money(refunded),
    }
}

/// A payment of 500 kroner.
pub(crate) fn payment(state: State, aggregate: [i64; 4]) -> Payment {
    Payment {
        aggregate: sums(aggregate),
        amount: money(50_000),
        state,
        payment_method: PaymentMethod::wallet(),
        profile: Profile::default(),
        psp_reference: "6f7c4f5e-payment".to_owned(),
        redirect_url: None,
        reference: Reference::parse("order-1234").expect("a reference"),
        metadata: None,
        capture_guaranteed_until: None,
        user_details: None,
    }
}

/// A successful event without a key. `at` is the time of day on 2026-03-01.
pub(crate) fn event(name: EventName, minor_units: i64, at: &str, number: &str) -> PaymentEvent {
    PaymentEvent {
        reference: Reference::parse("order-1234").expect("a reference"),
        psp_reference: number.to_owned(),
        name,
        amount: money(minor_units),
        timestamp: format!("2026-03-01T{at}Z"),
        idempotency_key: None,
        success: true,
    }
}

/// The same with a key.
pub(crate) fn keyed(mut event: PaymentEvent, key: &str) -> PaymentEvent {
    event.idempotency_key = Some(key.to_owned());
    event
}

/// The same, failed.
pub(crate) fn failed(mut event: PaymentEvent) -> PaymentEvent {
    event.success = false;
    event
}

pub(crate) fn user() -> UserDetails {
    UserDetails {
        first_name: Some("Kari".to_owned()),
        last_name: Some("Nordmann".to_owned()),
        email: Some("kari@mail.example".to_owned()),
        mobile_number: Some("4791234567".to_owned()),
    }
}
