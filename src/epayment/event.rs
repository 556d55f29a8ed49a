//! The event log, and the body of a webhook: the same event with the sales unit named.
//!
//! Source: `PaymentEvent`, `WebhookEvent`. The name member is `name` (one place of the specification says
//! `paymentAction`). A name that is not known is kept apart, never guessed.

use serde::{Deserialize, Serialize};

use super::model::Money;
use crate::types::{MoneyOp, Msn, Reference};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum EventName {
    /// Created.
    Created,
    /// The user said no.
    Aborted,
    /// Nobody acted in time.
    Expired,
    /// A reservation was released.
    Cancelled,
    /// Money was taken.
    Captured,
    /// Money was given back.
    Refunded,
    /// The user said yes, or tried to.
    Authorized,
    /// The merchant ended it before authorization.
    Terminated,
    /// A name newer than this text.
    #[serde(other)]
    Unknown,
}

impl EventName {
    /// The money call behind it; none where none is, or where the name is not known.
    #[must_use]
    pub const fn money_op(self) -> Option<MoneyOp> {
        match self {
            Self::Captured => Some(MoneyOp::Capture),
            Self::Refunded => Some(MoneyOp::Refund),
            Self::Cancelled | Self::Terminated => Some(MoneyOp::Cancel),
            Self::Created | Self::Aborted | Self::Expired | Self::Authorized | Self::Unknown => {
                None
            }
        }
    }

    /// The word on the wire, `UNKNOWN` for one that is not known.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Aborted => "ABORTED",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "CANCELLED",
            Self::Captured => "CAPTURED",
            Self::Refunded => "REFUNDED",
            Self::Authorized => "AUTHORIZED",
            Self::Terminated => "TERMINATED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// One entry of `GET …/events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentEvent {
    /// Whose.
    pub reference: Reference,
    /// The event's own number; on CREATED the payment's.
    pub psp_reference: String,
    /// What happened.
    #[serde(alias = "paymentAction")]
    pub name: EventName,
    /// How much.
    pub amount: Money,
    /// RFC 3339, up to seven decimals.
    pub timestamp: String,
    /// Of the request; missing on some events, shared by some.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idempotency_key: Option<String>,
    /// Whether it happened.
    pub success: bool,
}

/// The body of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEvent {
    /// The sales unit.
    pub msn: Msn,
    /// The event.
    #[serde(flatten)]
    pub event: PaymentEvent,
}
