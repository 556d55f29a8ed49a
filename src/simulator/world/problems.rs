//! How ePayment words its refusals: title, number and status of each.
//!
//! Source: the error table that the bridge's facts name (titles and `ErrorCode` numbers of ePayment). Must not know eCom.

use super::change::No;
use crate::epayment::problem::{ExtraDetail, Problem};

/// A refusal before its trace id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: u32,
    pub(super) title: &'static str,
    pub(super) detail: String,
    pub(super) fields: Vec<(String, String)>,
}

/// Which call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Create,
    Capture,
    Cancel,
    Refund,
    Approve,
}

impl Kind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Capture => "capture",
            Self::Cancel => "cancel",
            Self::Refund => "refund",
            Self::Approve => "approve",
        }
    }
}

impl Refusal {
    pub(super) fn new(
        status: u16,
        code: u32,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            title,
            detail: detail.into(),
            fields: Vec::new(),
        }
    }

    /// A member that does not fit.
    pub(super) fn field(name: &str, reason: &str) -> Self {
        let mut refusal = Self::new(
            400,
            4140,
            "Invalid request",
            format!("{name} is not as the API wants it"),
        );
        refusal.fields.push((name.to_owned(), reason.to_owned()));
        refusal
    }

    /// A member that is not there.
    pub(super) fn missing(name: &str) -> Self {
        let mut refusal = Self::new(
            400,
            4140,
            "Missing required parameter",
            format!("{name} is required"),
        );
        refusal
            .fields
            .push((name.to_owned(), "is required".to_owned()));
        refusal
    }

    pub(super) fn not_found() -> Self {
        Self::new(
            404,
            5090,
            "Reference not found",
            "No payment of this sales unit has this reference",
        )
    }

    /// The same key with something else.
    pub(super) fn key_used(kind: Kind) -> Self {
        let (code, title) = match kind {
            Kind::Capture => (4010, "Capture idempotency conflict"),
            Kind::Refund => (4020, "Refund idempotency conflict"),
            Kind::Create | Kind::Cancel | Kind::Approve => (4150, "Idempotency-Key already exists"),
        };
        Self::new(
            409,
            code,
            title,
            "This Idempotency-Key came before with another request",
        )
    }

    /// A change that the payment does not allow.
    pub(super) fn change(kind: Kind, no: No, state: &str) -> Self {
        let (status, code, title): (u16, u32, &'static str) = match (kind, no) {
            (_, No::Locked) => (423, 6250, "Order processing"),
            (Kind::Capture, No::Fails) => (400, 6260, "Funds unavailable"),
            (_, No::Fails) => (400, 6160, "Please try again later"),
            (Kind::Capture, No::NotReserved) => (400, 6080, "Cannot capture before reservation"),
            (Kind::Capture, No::TooMuch | No::NothingLeft) => {
                (400, 6090, "Capture amount too high")
            }
            (Kind::Capture, No::TooLate) => (400, 6100, "Capture period expired"),
            (Kind::Capture, _) => (400, 6070, "Cannot capture a cancelled payment"),
            (Kind::Cancel, No::Captured) => (400, 6040, "Cannot cancel a captured payment"),
            (Kind::Cancel, No::Reserved) => (400, 6060, "Cannot cancel pending"),
            (Kind::Cancel, No::TooLate) => (400, 6050, "Cancel period expired"),
            (Kind::Cancel, _) => (400, 6190, "Payment cannot be cancelled"),
            (Kind::Refund, No::NotReserved) => (400, 6020, "Attempted refund before reservation"),
            (Kind::Refund, No::TooMuch | No::NothingLeft | No::NotCaptured) => {
                (400, 6150, "Not enough refundable")
            }
            (Kind::Refund, No::TooLate) => (400, 6220, "Refund period expired"),
            (Kind::Refund, No::NotAllowed) => (403, 5100, "Refund not allowed"),
            (Kind::Refund, _) => (400, 6210, "Payment cannot be refunded"),
            (Kind::Approve | Kind::Create, _) => (400, 6230, "Approve not possible"),
        };
        let detail = format!("The payment is in state {state}: {}", title.to_lowercase());
        Self::new(status, code, title, detail)
    }

    /// The problem as it goes out.
    pub(super) fn problem(&self, trace: String) -> Problem {
        let mut extra = vec![ExtraDetail {
            name: "ErrorCode".to_owned(),
            reason: self.code.to_string(),
        }];
        extra.extend(self.fields.iter().map(|(name, reason)| ExtraDetail {
            name: name.clone(),
            reason: reason.clone(),
        }));
        Problem {
            kind: Some(format!("https://httpstatuses.io/{}", self.status)),
            title: self.title.to_owned(),
            detail: Some(self.detail.clone()),
            status: Some(self.status.into()),
            trace_id: Some(trace),
            instance: None,
            extra_details: extra,
        }
    }
}
