//! One value of a request, and what stands for it in a shadow's.
//!
//! Must not: let a value through that it has not judged by its form.

use serde_json::{Number, Value};

use super::Stage;
use crate::shadow::mirror::alias;
use crate::types::{Msisdn, Msn};

/// What eCom takes of an address or a token, in characters.
const LONGEST: usize = 255;
/// Reserved for examples (RFC 2606): nothing of a shadow is wanted there, and nobody is called by it.
const ADDRESS: &str = "https://example.com/shadow";
const PLAIN_ADDRESS: &str = "http://example.com/shadow";
/// Two of them, so that a request can name another unit than the shadow's.
const OTHERS: [&str; 2] = ["9999999", "9999998"];

/// The user data that can be asked for (eCom API guide, "Scope").
const SCOPES: [&str; 10] = [
    "accountNumbers",
    "address",
    "api_version_2",
    "birthDate",
    "email",
    "name",
    "nin",
    "openid",
    "phoneNumber",
    "promotions",
];

/// What a member is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaf {
    /// A sales unit.
    Msn,
    /// A customer's number.
    Phone,
    /// Where the merchant is called.
    Address,
    /// Where the user goes back to.
    FallBack,
    /// `authToken`.
    Secret,
    /// True or false.
    Flag,
    /// Regular, Express or unknown.
    PaymentType,
    /// Minor units.
    Amount,
    /// The order.
    Order,
    /// Words, and names of persons.
    Text,
    /// The user data asked for.
    Scope,
    /// Letters and digits of a ticket.
    Code,
    /// The token of the payment's URL.
    Token,
}

/// The same type with nothing in it: what is wrong stays wrong.
pub(super) fn hollow(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => Value::Bool(false),
        Value::Number(_) => Value::from(0),
        Value::String(_) => Value::from(""),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Object(_) => Value::Object(serde_json::Map::new()),
    }
}

/// The unit that a text names: the shadow's for the merchant's, another for another, none for none.
pub(super) fn unit(text: &str, stage: &Stage<'_>) -> String {
    let text = text.trim();
    match Msn::parse(text) {
        Some(msn) if msn == *stage.from => stage.to.as_str().to_owned(),
        Some(_) => {
            let other = OTHERS.into_iter().find(|other| *other != stage.to.as_str());
            other.unwrap_or_default().to_owned()
        }
        None if text.is_empty() => String::new(),
        None => "x".to_owned(),
    }
}

impl Leaf {
    /// What stands for a value; none where nothing does.
    pub(super) fn rewritten(self, value: &Value, stage: &Stage<'_>) -> Option<Value> {
        let wrong = || Some(hollow(value));
        match (self, value) {
            (Self::Flag, Value::Bool(_)) | (Self::Amount, Value::Number(_)) => Some(value.clone()),
            (Self::Secret, Value::String(text)) => {
                (text.chars().count() > LONGEST).then(|| Value::from(too_long("")))
            }
            (Self::Msn, Value::String(_) | Value::Number(_)) => {
                as_it_was(value, unit(&words(value), stage))
            }
            (Self::Phone, Value::String(_) | Value::Number(_)) => {
                as_it_was(value, phone(&words(value), stage))
            }
            (Self::Code, Value::String(_) | Value::Number(_)) => {
                as_it_was(value, alias::code(&words(value)))
            }
            // A number can't stand for it.
            (Self::Order, Value::String(_) | Value::Number(_)) => {
                Some(Value::from(stage.order.as_str()))
            }
            (Self::Address, Value::String(text)) => Some(Value::from(address(text, stage.http))),
            (Self::FallBack, Value::String(text)) => Some(Value::from(fall_back(text))),
            (Self::PaymentType, Value::String(text)) => Some(Value::from(payment_type(text))),
            (Self::Text, Value::String(text)) => Some(Value::from(stage.aliases.text(text))),
            (Self::Scope, Value::String(text)) => Some(Value::from(scope(text))),
            (Self::Token, Value::String(text)) => {
                let own = stage.token.unwrap_or("shadow");
                Some(Value::from(if text.is_empty() { "" } else { own }))
            }
            _ => wrong(),
        }
    }
}

/// Text, or the digits of a number.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A number where it was one.
fn as_it_was(value: &Value, text: String) -> Option<Value> {
    let number = value.is_number().then(|| text.parse::<u64>().ok());
    Some(match number.flatten() {
        Some(number) => Value::Number(Number::from(number)),
        None => Value::from(text),
    })
}

/// None stays none, a wrong one wrong; with or without the country code as it was.
fn phone(text: &str, stage: &Stage<'_>) -> String {
    match Msisdn::read(text, stage.country) {
        Ok(None) if text.trim().is_empty() => String::new(),
        Ok(None) => "0".to_owned(),
        Ok(Some(_)) => {
            let digits = text.chars().filter(char::is_ascii_digit).count();
            let local = Msisdn::local(stage.phone, stage.country);
            let own = if digits == 8 && local.len() == 8 {
                local
            } else {
                stage.phone
            };
            own.to_owned()
        }
        Err(_) => "1".to_owned(),
    }
}

fn too_long(text: &str) -> String {
    let missing = (LONGEST + 1).saturating_sub(text.len());
    format!("{text}{}", "x".repeat(missing))
}

fn scheme(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    Some((scheme.to_ascii_lowercase(), rest))
}

fn sized(is_long: bool, text: &str) -> String {
    if is_long {
        too_long(text)
    } else {
        text.to_owned()
    }
}

/// http is taken by the bridge where a setting says so; the shadow upstream is never asked to.
fn address(text: &str, http: bool) -> String {
    let is_long = text.chars().count() > LONGEST;
    match scheme(text) {
        _ if text.is_empty() => String::new(),
        Some((scheme, rest)) if scheme == "https" && rest.len() > 2 && rest.starts_with("//") => {
            sized(is_long, ADDRESS)
        }
        Some((scheme, _)) if scheme == "http" => {
            sized(is_long, if http { ADDRESS } else { PLAIN_ADDRESS })
        }
        _ => sized(is_long, "shadow"),
    }
}

/// An app's own scheme stays one, with or without something after it.
fn fall_back(text: &str) -> String {
    let is_long = text.chars().count() > LONGEST;
    match scheme(text) {
        _ if text.is_empty() || text == "INTENT" => text.to_owned(),
        Some((scheme, _)) if scheme == "https" || scheme == "http" => address(text, false),
        Some((scheme, rest)) if is_scheme(&scheme) => {
            let own = if rest.trim_matches('/').is_empty() {
                "shadow-app://"
            } else {
                "shadow-app://return"
            };
            sized(is_long, own)
        }
        _ => sized(is_long, "shadow"),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn payment_type(text: &str) -> &str {
    let known = ["", "ecomm regular payment", "ecomm express payment"];
    if known.contains(&text.trim().to_ascii_lowercase().as_str()) {
        text
    } else {
        "shadow"
    }
}

fn scope(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let known = SCOPES
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(word));
        known.map_or("shadow", |_| word)
    });
    words.collect::<Vec<_>>().join(" ")
}
