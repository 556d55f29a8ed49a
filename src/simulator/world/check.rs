//! Strict reading of `CreatePaymentRequest`: what the specification and its later changes demand, member by member.
//!
//! Source: ePayment API 1.4.1 (reference up to 64 and the minimum amounts from newer texts). Unknown members are let
//! through. Must not: look at the world (permissions and uniqueness are judged in `epayment`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::problems::Refusal;
use crate::epayment::model::Money;
use crate::types::{Amount, Currency, Reference};

/// A create request that fits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Create {
    pub(super) amount: Money,
    pub(super) reference: Reference,
    pub(super) flow: Flow,
    pub(super) method: String,
    pub(super) return_url: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) description: Option<String>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) expires_at: Option<String>,
}

/// `userFlow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Push,
    Native,
    Web,
    Qr,
}

const SCOPES: [&str; 6] = [
    "name",
    "address",
    "email",
    "phoneNumber",
    "birthDate",
    "nin",
];
/// The largest amount in minor units.
const MAX_AMOUNT: i64 = 65_000_000;

/// Reads the body of a create request.
pub(super) fn create(body: &Value) -> Result<Create, Refusal> {
    let Some(body) = body.as_object() else {
        return Err(Refusal::field("body", "must be a JSON object"));
    };
    let amount = money(body, "amount")?;
    let smallest = match amount.currency {
        Currency::Nok => 100,
        Currency::Dkk | Currency::Eur => 1,
    };
    if amount.value.minor_units() < smallest {
        let mut no = Refusal::new(
            400,
            4040,
            "Amount too small",
            format!("At least {smallest} minor units"),
        );
        no.fields
            .push(("amount.value".to_owned(), "is too small".to_owned()));
        return Err(no);
    }
    let flow = flow(body)?;
    let method = method(body, flow)?;
    let reference = text(body, "reference", 8, 64)?.ok_or_else(|| Refusal::missing("reference"))?;
    let reference = Reference::parse(&reference)
        .ok_or_else(|| Refusal::field("reference", "must be 8 to 64 of [a-zA-Z0-9-]"))?;
    let phone = customer(body, flow)?;
    let return_url = url(body, "returnUrl")?;
    if flow == Flow::Web && return_url.is_none() {
        return Err(Refusal::missing("returnUrl"));
    }
    url(body, "receiptUrl")?;
    interaction(body)?;
    industry(body)?;
    let created = Create {
        amount,
        reference,
        flow,
        method,
        return_url,
        scope: scope(body)?,
        phone,
        description: text(body, "paymentDescription", 3, 100)?,
        metadata: metadata(body)?,
        expires_at: text(body, "expiresAt", 1, 64)?,
    };
    expiry(&created, body)?;
    Ok(created)
}

/// An `Amount` member.
pub(super) fn money(body: &Map<String, Value>, name: &str) -> Result<Money, Refusal> {
    let amount = match body.get(name) {
        None | Some(Value::Null) => return Err(Refusal::missing(name)),
        Some(Value::Object(amount)) => amount,
        Some(_) => return Err(Refusal::field(name, "must be an object")),
    };
    let currency = match amount.get("currency") {
        None | Some(Value::Null) => return Err(Refusal::missing(&format!("{name}.currency"))),
        Some(code) => code.as_str().and_then(Currency::parse).ok_or_else(|| {
            Refusal::field(&format!("{name}.currency"), "must be NOK, DKK or EUR")
        })?,
    };
    let value = match amount.get("value") {
        None | Some(Value::Null) => return Err(Refusal::missing(&format!("{name}.value"))),
        Some(value) => value.as_i64().filter(|v| (0..=MAX_AMOUNT).contains(v)),
    };
    let value = value.and_then(Amount::new).ok_or_else(|| {
        let mut no = Refusal::new(
            400,
            6010,
            "Amount invalid",
            format!("0 to {MAX_AMOUNT} minor units"),
        );
        no.fields.push((
            format!("{name}.value"),
            "must be a whole number in range".to_owned(),
        ));
        no
    })?;
    Ok(Money { currency, value })
}

fn text(
    body: &Map<String, Value>,
    name: &str,
    min: usize,
    max: usize,
) -> Result<Option<String>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if (min..=max).contains(&text.chars().count()) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(Refusal::field(
            name,
            &format!("must be text of {min} to {max} characters"),
        )),
    }
}

fn flow(body: &Map<String, Value>) -> Result<Flow, Refusal> {
    match body.get("userFlow") {
        None | Some(Value::Null) => Err(Refusal::missing("userFlow")),
        Some(Value::String(word)) => match word.as_str() {
            "PUSH_MESSAGE" => Ok(Flow::Push),
            "NATIVE_REDIRECT" => Ok(Flow::Native),
            "WEB_REDIRECT" => Ok(Flow::Web),
            "QR" => Ok(Flow::Qr),
            _ => Err(Refusal::field("userFlow", "is not a known flow")),
        },
        Some(_) => Err(Refusal::field("userFlow", "must be text")),
    }
}

fn method(body: &Map<String, Value>, flow: Flow) -> Result<String, Refusal> {
    let Some(kind) = body
        .get("paymentMethod")
        .and_then(|m| m.get("type"))
        .filter(|k| !k.is_null())
    else {
        return Err(Refusal::missing("paymentMethod.type"));
    };
    match kind.as_str() {
        Some("WALLET") => Ok("WALLET".to_owned()),
        Some("CARD") if flow == Flow::Web => Ok("CARD".to_owned()),
        Some("CARD") => Err(Refusal::field(
            "paymentMethod.type",
            "CARD needs WEB_REDIRECT",
        )),
        _ => Err(Refusal::field(
            "paymentMethod.type",
            "must be WALLET or CARD",
        )),
    }
}

/// The phone number, where that is how the customer is named.
fn customer(body: &Map<String, Value>, flow: Flow) -> Result<Option<String>, Refusal> {
    let customer = match body.get("customer") {
        None | Some(Value::Null) if flow == Flow::Push => return Err(Refusal::missing("customer")),
        None | Some(Value::Null) => return Ok(None),
        Some(customer) => customer,
    };
    identified(customer)
}

/// A `Customer`: exactly one way to name it.
pub(super) fn identified(customer: &Value) -> Result<Option<String>, Refusal> {
    let one = customer.as_object().filter(|c| c.len() == 1);
    let Some((name, value)) = one.and_then(|c| c.iter().next()) else {
        return Err(Refusal::field(
            "customer",
            "must name the customer in exactly one way",
        ));
    };
    let value = value.as_str().unwrap_or_default();
    match name.as_str() {
        "phoneNumber"
            if (10..=15).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit()) =>
        {
            Ok(Some(value.to_owned()))
        }
        "phoneNumber" => {
            let mut no = Refusal::new(
                400,
                4070,
                "Invalid phone number",
                "An MSISDN is 10 to 15 digits",
            );
            no.fields.push((
                "customer.phoneNumber".to_owned(),
                "must be an MSISDN".to_owned(),
            ));
            Err(no)
        }
        "personalQr" if (5..=255).contains(&value.len()) => Ok(None),
        "customerToken" if !value.is_empty() => Ok(None),
        _ => Err(Refusal::field("customer", "does not name a customer")),
    }
}

/// Whether this is an https URL or one of a custom scheme.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let scheme_fits = scheme
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    let plain = scheme.eq_ignore_ascii_case("http");
    let host_fits = !scheme.eq_ignore_ascii_case("https") || !rest.is_empty();
    scheme_fits && !plain && host_fits && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn url(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(url)) if is_url(url) => Ok(Some(url.clone())),
        Some(_) => {
            let mut no = Refusal::new(400, 4090, "Invalid URL", "https or a custom scheme");
            no.fields.push((
                name.to_owned(),
                "must be https or a custom scheme".to_owned(),
            ));
            Err(no)
        }
    }
}

fn scope(body: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let scope = match body.get("profile") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(profile)) => profile.get("scope"),
        Some(_) => return Err(Refusal::field("profile", "must be an object")),
    };
    match scope {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(scope))
            if scope.split_whitespace().all(|w| SCOPES.contains(&w))
                && !scope.trim().is_empty() =>
        {
            Ok(Some(scope.clone()))
        }
        Some(_) => {
            let mut no = Refusal::new(400, 4080, "Invalid scope", "Some word is not a scope");
            no.fields
                .push(("profile.scope".to_owned(), "is not known".to_owned()));
            Err(no)
        }
    }
}

/// Whether every word is a scope of eCom.
pub(super) fn known_scope(scope: &str) -> bool {
    scope
        .split_whitespace()
        .all(|w| SCOPES.contains(&w) || matches!(w, "openid" | "api_version_2"))
}

fn interaction(body: &Map<String, Value>) -> Result<(), Refusal> {
    match body.get("customerInteraction") {
        None => Ok(()),
        Some(Value::String(word))
            if matches!(word.as_str(), "CUSTOMER_PRESENT" | "CUSTOMER_NOT_PRESENT") =>
        {
            Ok(())
        }
        Some(_) => Err(Refusal::field("customerInteraction", "is not known")),
    }
}

fn metadata(body: &Map<String, Value>) -> Result<Option<BTreeMap<String, String>>, Refusal> {
    let pairs = match body.get("metadata") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(pairs)) if pairs.len() <= 5 => pairs,
        Some(_) => return Err(Refusal::field("metadata", "must be at most 5 pairs")),
    };
    pairs
        .iter()
        .map(|(key, value)| match value.as_str() {
            Some(value) if key.chars().count() <= 100 && value.chars().count() <= 500 => {
                Ok((key.clone(), value.to_owned()))
            }
            _ => Err(Refusal::field(
                "metadata",
                "keys up to 100, values up to 500 characters",
            )),
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

fn industry(body: &Map<String, Value>) -> Result<(), Refusal> {
    let airline = match body.get("industryData") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(data)) => data.get("airlineData"),
        Some(_) => return Err(Refusal::field("industryData", "must be an object")),
    };
    let airline = match airline {
        None => return Ok(()),
        Some(Value::Object(airline)) => airline,
        Some(_) => {
            return Err(Refusal::field(
                "industryData.airlineData",
                "must be an object",
            ));
        }
    };
    for (name, min, max) in [
        ("agencyInvoiceNumber", 1, 6),
        ("airlineCode", 3, 3),
        ("airlineDesignatorCode", 2, 2),
        ("passengerName", 1, 49),
    ] {
        if text(airline, name, min, max)?.is_none() {
            return Err(Refusal::missing(&format!(
                "industryData.airlineData.{name}"
            )));
        }
    }
    text(airline, "ticketNumber", 1, 150).map(|_| ())
}

fn expiry(create: &Create, body: &Map<String, Value>) -> Result<(), Refusal> {
    if create.expires_at.is_none() {
        return Ok(());
    }
    if !matches!(create.flow, Flow::Push | Flow::Qr) {
        return Err(Refusal::field("expiresAt", "needs PUSH_MESSAGE or QR"));
    }
    match body.get("receipt") {
        Some(Value::Object(_)) => Ok(()),
        _ => Err(Refusal::missing("receipt")),
    }
}
