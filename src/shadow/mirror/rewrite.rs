//! A merchant's request as its shadow sends it, and its answer as it can be compared with the shadow's.
//!
//! Allow lists: what is not named here does not come along, neither a header nor a member. What is rewritten keeps its
//! type and its class (absent, empty, too long, no URL), because the APIs judge by them; amounts and flags stay. Must
//! not: let a token, a key, a number, a name or an address of a merchant or a customer through.

mod leaf;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use self::leaf::Leaf;
use super::alias::Aliases;
use crate::ecom::route::Operation;
use crate::types::{CountryCode, Msn, OrderId};
use crate::upstream::MERCHANT_SERIAL_NUMBER;

/// `X-Request-Id`.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who stands for whom.
#[derive(Clone, Copy)]
pub(super) struct Stage<'a> {
    /// Make names.
    pub(super) aliases: &'a Aliases,
    /// The shadow's order.
    pub(super) order: &'a OrderId,
    /// The merchant's sales unit.
    pub(super) from: &'a Msn,
    /// The shadow's.
    pub(super) to: &'a Msn,
    /// The test user, as digits with country code.
    pub(super) phone: &'a str,
    /// The sales unit's.
    pub(super) country: &'a CountryCode,
    /// Whether the bridge takes http addresses.
    pub(super) http: bool,
    /// That of the shadow payment's URL.
    pub(super) token: Option<&'a str>,
}

/// A request as it may be sent.
#[derive(Clone, Debug)]
pub(super) struct Rewritten {
    /// Without credentials.
    pub(super) headers: HeaderMap,
    /// Empty for reads.
    pub(super) body: Bytes,
}

enum Part {
    Leaf(Leaf),
    Object(&'static [(&'static str, Part)]),
}

const INITIATE: &[(&str, Part)] = &[
    (
        "customerInfo",
        Part::Object(&[("mobileNumber", Part::Leaf(Leaf::Phone))]),
    ),
    (
        "merchantInfo",
        Part::Object(&[
            ("merchantSerialNumber", Part::Leaf(Leaf::Msn)),
            ("callbackPrefix", Part::Leaf(Leaf::Address)),
            ("authToken", Part::Leaf(Leaf::Secret)),
            ("consentRemovalPrefix", Part::Leaf(Leaf::Address)),
            ("shippingDetailsPrefix", Part::Leaf(Leaf::Address)),
            ("fallBack", Part::Leaf(Leaf::FallBack)),
            ("isApp", Part::Leaf(Leaf::Flag)),
            ("paymentType", Part::Leaf(Leaf::PaymentType)),
        ]),
    ),
    (
        "transaction",
        Part::Object(&[
            ("amount", Part::Leaf(Leaf::Amount)),
            ("orderId", Part::Leaf(Leaf::Order)),
            ("transactionText", Part::Leaf(Leaf::Text)),
            ("skipLandingPage", Part::Leaf(Leaf::Flag)),
            ("scope", Part::Leaf(Leaf::Scope)),
            (
                "additionalData",
                Part::Object(&[
                    ("passengerName", Part::Leaf(Leaf::Text)),
                    ("airlineCode", Part::Leaf(Leaf::Code)),
                    ("airlineDesignatorCode", Part::Leaf(Leaf::Code)),
                    ("ticketNumber", Part::Leaf(Leaf::Code)),
                    ("agencyInvoiceNumber", Part::Leaf(Leaf::Code)),
                ]),
            ),
        ]),
    ),
];

const ADJUST: &[(&str, Part)] = &[
    (
        "merchantInfo",
        Part::Object(&[("merchantSerialNumber", Part::Leaf(Leaf::Msn))]),
    ),
    (
        "transaction",
        Part::Object(&[
            ("amount", Part::Leaf(Leaf::Amount)),
            ("transactionText", Part::Leaf(Leaf::Text)),
        ]),
    ),
    ("shouldReleaseRemainingFunds", Part::Leaf(Leaf::Flag)),
];

const APPROVE: &[(&str, Part)] = &[
    ("customerPhoneNumber", Part::Leaf(Leaf::Phone)),
    ("token", Part::Leaf(Leaf::Token)),
];

impl Stage<'_> {
    /// The request as the shadow sends it; none where the body is no JSON object.
    pub(super) fn rewrite(
        &self,
        operation: Operation,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<Rewritten> {
        let parts = match operation {
            Operation::Initiate => INITIATE,
            Operation::Capture | Operation::Cancel | Operation::Refund => ADJUST,
            Operation::Approve => APPROVE,
            Operation::Details | Operation::Status => {
                return Some(Rewritten {
                    headers: self.headers(headers),
                    body: Bytes::new(),
                });
            }
        };
        let read: Value = serde_json::from_slice(body).ok()?;
        let members = read.as_object()?;
        let json = serde_json::to_vec(&self.members(members, parts)).ok()?;
        Some(Rewritten {
            headers: self.headers(headers),
            body: json.into(),
        })
    }

    fn members(&self, members: &Map<String, Value>, parts: &[(&str, Part)]) -> Value {
        let kept = parts.iter().filter_map(|(name, part)| {
            let value = members.get(*name)?;
            let value = match (part, value) {
                (_, Value::Null) => Some(Value::Null),
                (Part::Object(parts), Value::Object(inner)) => Some(self.members(inner, parts)),
                (Part::Object(_), other) => Some(leaf::hollow(other)),
                (Part::Leaf(leaf), value) => leaf.rewritten(value, self),
            };
            Some(((*name).to_owned(), value?))
        });
        Value::Object(kept.collect())
    }

    /// Whether it is JSON, which unit, and which request; those of the shop's system come with the credentials.
    fn headers(&self, came: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(3);
        if came.contains_key(CONTENT_TYPE) {
            let word = if says_json(came) {
                "application/json"
            } else {
                "text/plain"
            };
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(word));
        }
        let text = |name: &HeaderName| {
            let value = came.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let renamed = [
            (
                REQUEST_ID,
                text(&REQUEST_ID).map(|id| self.aliases.request_id(self.order, &id)),
            ),
            (
                MERCHANT_SERIAL_NUMBER,
                text(&MERCHANT_SERIAL_NUMBER).map(|msn| leaf::unit(&msn, self)),
            ),
        ];
        for (name, value) in renamed {
            let value = value.and_then(|text| HeaderValue::from_str(&text).ok());
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        headers
    }

    /// A merchant's answer with the shadow's texts and request ids in the place of its own.
    pub(super) fn comparable(&self, body: &Bytes) -> Bytes {
        let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
            return body.clone();
        };
        if !self.renamed(&mut value) {
            return body.clone();
        }
        serde_json::to_vec(&value).map_or_else(|_| body.clone(), Bytes::from)
    }

    /// True where something was renamed.
    fn renamed(&self, value: &mut Value) -> bool {
        match value {
            Value::Array(entries) => entries
                .iter_mut()
                .fold(false, |any, entry| self.renamed(entry) | any),
            Value::Object(members) => {
                let mut any = false;
                for (name, value) in members {
                    match (name.as_str(), &mut *value) {
                        ("transactionText", Value::String(text)) => {
                            *text = self.aliases.text(text);
                            any = true;
                        }
                        ("requestId", Value::String(id)) => {
                            *id = self.aliases.request_id(self.order, id);
                            any = true;
                        }
                        (_, value) => any |= self.renamed(value),
                    }
                }
                any
            }
            _ => false,
        }
    }
}

/// Whether a body is said, once, to be JSON.
pub(super) fn says_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else {
        return false;
    };
    let text = value.to_str().unwrap_or("").to_ascii_lowercase();
    let essence = text.split(';').next().unwrap_or("").trim();
    essence == "application/json"
        || (essence.ends_with("+json") && essence.starts_with("application/"))
}
