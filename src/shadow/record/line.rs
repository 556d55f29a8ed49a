//! What a recording is made of: one JSON object a line, a header first.
//!
//! A line stands for itself: it has all that the translation of its call reads, and nothing that is personal once it is
//! redacted. A header stands at the beginning of each session, since the pseudonyms of two sessions differ. Must not:
//! be printed before it is redacted (no `Debug`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ecom::error::Group;
use crate::ecom::route::Operation;
use crate::epayment::model::CustomerInteraction;
use crate::store::Way;
use crate::types::{CountryCode, Currency, MoneyOp, Origin, Scope};

/// The first member of a header.
const FORMAT: &str = "ecom-bridge shadow recording";
/// Of the lines; another one is not read.
const VERSION: u32 = 1;

/// The longest line that is written or read, in bytes. Real ones have two to six thousand.
pub const LONGEST_LINE: usize = 512 * 1024;

/// The first line of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    format: String,
    version: u32,
    /// The release that recorded.
    pub bridge: String,
}

impl Header {
    /// Of this release.
    #[must_use]
    pub fn own() -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            bridge: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Reads a line; `None` where it is no header of any recording.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        let header: Self = serde_json::from_slice(line).ok()?;
        (header.format == FORMAT).then_some(header)
    }

    /// Whether the lines after it can be read.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        self.version == VERSION
    }
}

macro_rules! by_word {
    ($module:ident, $type:ty, $word:expr, $parse:expr) => {
        mod $module {
            use super::*;

            pub(super) fn serialize<S: serde::Serializer>(
                value: &$type,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                let word: fn(&$type) -> String = $word;
                to.serialize_str(&word(value))
            }

            pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
                from: D,
            ) -> Result<$type, D::Error> {
                let word = String::deserialize(from)?;
                let parse: fn(&str) -> Option<$type> = $parse;
                parse(&word).ok_or_else(|| serde::de::Error::custom("a word that is not known"))
            }
        }
    };
}

by_word!(
    operation,
    Operation,
    |it| it.word().to_owned(),
    Operation::parse
);
by_word!(way, Way, |it| it.word().to_owned(), Way::parse);
by_word!(origin, Origin, |it| it.word().to_owned(), Origin::parse);
by_word!(money_op, MoneyOp, |it| it.word().to_owned(), MoneyOp::parse);
by_word!(scope, Scope, Scope::text, Scope::parse);
by_word!(
    country,
    CountryCode,
    |it| it.as_str().to_owned(),
    CountryCode::parse
);

/// A call, its answer, and what the translation of it reads besides.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// When it was answered, RFC 3339.
    pub at: String,
    /// What it is.
    #[serde(with = "operation")]
    pub operation: Operation,
    /// Where it went: the word of a route.
    pub route: String,
    /// How it was compared.
    #[serde(with = "way")]
    pub way: Way,
    /// The merchant's request.
    pub request: Request,
    /// The merchant's answer.
    pub answer: Answer,
    /// The sales unit's settings.
    pub unit: Unit,
    /// What the record knew; none where it knew nothing of the order.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub known: Option<Known>,
    /// The money calls of the record, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub calls: Vec<Call>,
    /// What ePayment showed of the payment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub look: Option<Look>,
    /// Of a change: what the recording release's translation made of the request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outgoing: Option<Outgoing>,
}

/// The merchant's request.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The order id in its path; none for an initiate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<String>,
    /// `X-Request-Id`, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
    /// `Merchant-Serial-Number`, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub msn: Option<String>,
    /// The body; none where it is empty or no JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Value>,
}

/// The merchant's answer.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`, without parameters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content_type: Option<String>,
    /// `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after: Option<String>,
    /// The body; none where it is empty or no JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Value>,
}

/// Settings that the translation reads.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// The sales unit's number, or a stand-in for a caller's hash.
    #[serde(with = "scope")]
    pub scope: Scope,
    /// Of new payments.
    pub currency: Currency,
    /// Put before local phone numbers.
    #[serde(with = "country")]
    pub country: CountryCode,
    /// Of new payments.
    pub interaction: CustomerInteraction,
    /// Whether approval and capture are one to the shop.
    pub direct_capture: bool,
    /// Whether callbacks may go to http addresses of this machine and its network.
    pub http_callbacks: bool,
}

/// What the record knew of a payment's creation.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// Where it was created.
    #[serde(with = "origin")]
    pub origin: Origin,
    /// Whether its API had accepted it, or there was an open attempt only.
    pub accepted: bool,
    /// The merchant's text; none where the creation was not seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
    /// The merchant's X-Request-Id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
    /// The user data asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope_asked: Option<String>,
}

/// A money call of the record.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// What was done.
    #[serde(with = "money_op")]
    pub op: MoneyOp,
    /// Where.
    #[serde(with = "origin")]
    pub api: Origin,
    /// The merchant's X-Request-Id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
    /// The key it was sent with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// The merchant's text.
    pub text: String,
    /// Where it stands.
    pub state: CallState,
}

/// Where a money call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "as in the store's record")]
pub enum CallState {
    Open,
    Succeeded,
    Refused,
    NotDone,
}

/// What ePayment showed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// The payment, as it came.
    pub payment: Value,
    /// Its event log, as it came.
    pub events: Vec<Value>,
    /// The Userinfo API's answer, in the members of the payment's own user data.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<Value>,
    /// Whether the payment has operations that this bridge did not send to ePayment.
    pub elsewhere: bool,
    /// The losses that the comparison knew of, by their codes.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub losses: Vec<String>,
}

/// What the translation makes of a change.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Outgoing {
    /// It goes to ePayment.
    Sent(Sent),
    /// It is refused, in eCom's words.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Group and code of each entry.
        errors: Vec<(Group, String)>,
    },
    /// It goes to eCom as it came.
    ToEcom {
        /// The code of the reason.
        reason: String,
    },
}

impl Outgoing {
    /// The word of its verdict.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Sent(_) => "sent",
            Self::Refused { .. } => "refused",
            Self::ToEcom { .. } => "to-ecom",
        }
    }
}

/// A request to ePayment.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// The path; its method is POST.
    pub path: String,
    /// `Idempotency-Key`; none where it is made of chance.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// `Merchant-Serial-Number`, where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub msn: Option<String>,
    /// The body, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Value>,
    /// The amount is what remains, and only the payment, which was not read, tells how much that is.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub all_that_remains: bool,
    /// What does not come through unchanged, by code, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub losses: Vec<String>,
}
