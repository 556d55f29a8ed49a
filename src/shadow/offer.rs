//! A call whose answer is on its way to the merchant, as it is offered to shadowing.
//!
//! Must not: be printed (it holds credentials and personal data), or outlive its comparison.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Uri};

use super::compare::Answered;
use crate::ecom::route::Operation;
use crate::payments::{Caller, Order};
use crate::settings::Snapshot;
use crate::store::Known;
use crate::telemetry::Route;
use crate::types::OrderId;

/// A call and the answer to it.
pub struct Offer {
    /// What it is.
    pub operation: Operation,
    /// Where it went.
    pub route: Route,
    /// The settings that the call saw.
    pub snapshot: Arc<Snapshot>,
    /// The order, with what was known of it when the call was decided; none where the call was refused before.
    pub subject: Option<(Order, Known)>,
    /// Who called.
    pub caller: Caller,
    /// The target as it came.
    pub target: Uri,
    /// All headers as they came.
    pub request_headers: HeaderMap,
    /// The whole body as it came.
    pub request_body: Bytes,
    /// The merchant's answer.
    pub answer: Seen,
    /// When it was answered.
    pub answered_at: Instant,
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

impl Offer {
    /// The order, for whoever looks into a difference.
    #[must_use]
    pub fn order_id(&self) -> Option<OrderId> {
        self.subject.as_ref()?.0.order.strict()
    }

    /// Bytes that it holds, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of = |headers: &HeaderMap| -> usize {
            let each = headers
                .iter()
                .map(|(name, value)| name.as_str().len() + value.len());
            each.sum()
        };
        let heads = of(&self.request_headers) + of(&self.answer.headers);
        // What was read into the same buffer stays with a body as long as the body.
        self.request_body.len() + self.answer.body.len() + heads + (16 << 10)
    }
}

/// A whole answer.
#[derive(Clone)]
pub struct Seen {
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Seen {
    /// For a comparison.
    #[must_use]
    pub fn answered(&self) -> Answered<'_> {
        Answered {
            status: self.status,
            headers: &self.headers,
            body: &self.body,
        }
    }
}
