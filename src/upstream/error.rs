//! What can come of a call: an answer of some kind, or a failure that knows whether anything may have been sent.
//!
//! Must not: turn a doubt into a fact. Only what failed before the connection stood, or met an open breaker, is "not
//! sent".

use bytes::Bytes;
use http::HeaderMap;

use crate::epayment::problem::Problem;

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct RawReply {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// An answer of ePayment.
#[derive(Clone, Debug)]
pub enum Reply<T> {
    /// 2xx, read.
    Done(T),
    /// A problem of ePayment itself.
    Problem {
        /// The HTTP status.
        status: u16,
        /// The problem.
        problem: Box<Problem>,
        /// `Retry-After` as it came.
        retry_after: Option<http::HeaderValue>,
    },
    /// 401, 403, 422 or 429 of the gateway in front, in its own shape: passes unchanged.
    Gateway(RawReply),
    /// Any other status without a readable problem.
    Other(u16),
}

impl<T> Reply<T> {
    /// The HTTP status of a refusal; `None` for success.
    #[must_use]
    pub fn refused_status(&self) -> Option<u16> {
        match self {
            Self::Done(_) => None,
            Self::Problem { status, .. } | Self::Other(status) => Some(*status),
            Self::Gateway(raw) => Some(raw.status),
        }
    }
}

/// Why nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The connection was never made.
    #[error("{0}")]
    NoConnection(String),
    /// Too many calls in a row have failed: the next one may try in a few seconds (`upstream.breaker_open`).
    #[error("its breaker is open, because too many calls in a row have failed")]
    BreakerOpen,
    /// Nearly all calls in flight wait for this API (`proxy.max_in_flight`).
    #[error("too many calls wait for it")]
    TooMany,
}

impl Unsent {
    /// The metric label.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoConnection(_) => "not_sent",
            Self::BreakerOpen => "breaker_open",
            Self::TooMany => "too_many",
        }
    }
}

/// No answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFailure {
    /// Nothing reached upstream.
    #[error("upstream could not be reached: {0}")]
    NotSent(Unsent),
    /// The request may have been handled: no answer came, or not all of it.
    #[error("upstream gave no answer: {0}")]
    MaybeSent(String),
    /// 2xx, but the body can't be read: it was handled somehow.
    #[error("upstream answered {status} with a body that can't be read: {why}")]
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// What the reader said; never the body.
        why: String,
    },
    /// 2xx, but about another payment or user than was asked for: nothing follows from it.
    #[error("upstream answered about another payment or user")]
    OfAnother,
}

impl SendFailure {
    /// Whether the bridge kept it back: nobody was asked, and asking again at once is of no use.
    #[must_use]
    pub const fn is_kept_back(&self) -> bool {
        matches!(self, Self::NotSent(Unsent::BreakerOpen | Unsent::TooMany))
    }

    /// The metric label.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotSent(why) => why.kind(),
            Self::MaybeSent(_) => "no_answer",
            Self::Unreadable { .. } => "unreadable",
            Self::OfAnother => "contradiction",
        }
    }
}
