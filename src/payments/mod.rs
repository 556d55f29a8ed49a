//! The use cases: what happens between a merchant's call and its answer, with money safe at every step.
//!
//! Written before sent, closed by evidence, one money call per payment at a time, and every doubt reported as a doubt.
//! Must not: know HTTP servers, read configuration, or answer success of something it has not seen.

mod adjust;
mod approve;
mod attempts;
mod background;
mod before;
mod early;
mod evidence;
mod forwarded;
mod initiate;
mod locks;
mod lookup;
mod next;
mod read;
mod rendered;
mod resolve;
mod said;
mod seen;
mod send;
mod shared;
mod told;

use std::sync::Arc;
use std::time::Duration;

pub use adjust::{AdjustOptions, Adjustment, MoneyCalls, sent_before};
pub use background::{DIRECT_CAPTURE, DirectCapture};
pub use early::Early;
pub use forwarded::{AtEcom, Forwarding, NewAtEcom};
pub use initiate::{NewOrder, NotFirst};
pub use read::{Look, NoLook, Reading, View, look, remembered};

use crate::ecom::error::Failure;
use crate::epayment::problem::Problem;
use crate::lifecycle::Lifecycle;
use crate::store::Sealer;
use crate::store::{LedgerStore, Store, StoreError};
use crate::telemetry::meters::Meters;
use crate::translate::error::{self, During, Meaning};
use crate::types::{CallerHash, Clock, CountryCode, Currency, Moment, OrderText, Reference, Scope};
use crate::upstream::epayment::{Call, Epayment};
use crate::upstream::{Budget, Credentials, RawReply, Reply, SendFailure, Spent};

/// How long after an initiate of unknown outcome "not found" is still a doubt.
pub const INITIATE_DOUBT: Duration = Duration::from_secs(15 * 60);

/// What the use cases share.
#[derive(Debug)]
pub struct Payments {
    /// The records.
    pub store: Arc<dyn Store>,
    /// Takes what eCom shows of a payment's sums.
    pub ledger: Arc<dyn LedgerStore>,
    /// Upstream.
    pub epayment: Epayment,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Seals recovery data, where a key is configured.
    pub sealer: Option<Sealer>,
    /// Counts.
    pub meters: Arc<Meters>,
    /// Where background work runs.
    pub lifecycle: Lifecycle,
    /// A callback was queued by what became known of a payment, or may have been.
    pub queued_callback: tokio::sync::Notify,
    locks: locks::Locks,
    looks: shared::SharedLooks,
}

/// Everything that `Payments` is made of.
#[derive(Debug)]
pub struct Parts {
    /// The records.
    pub store: Arc<dyn Store>,
    /// Takes what eCom shows of a payment's sums.
    pub ledger: Arc<dyn LedgerStore>,
    /// Upstream.
    pub epayment: Epayment,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Seals recovery data, where a key is configured.
    pub sealer: Option<Sealer>,
    /// Counts.
    pub meters: Arc<Meters>,
    /// Where background work runs.
    pub lifecycle: Lifecycle,
}

impl Payments {
    /// Puts them together.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            store: parts.store,
            ledger: parts.ledger,
            epayment: parts.epayment,
            clock: parts.clock,
            sealer: parts.sealer,
            meters: parts.meters,
            lifecycle: parts.lifecycle,
            queued_callback: tokio::sync::Notify::new(),
            locks: locks::Locks::default(),
            looks: shared::SharedLooks::default(),
        })
    }

    /// Whether what is absent upstream can no longer come: so long has truly passed. A clock that was put forward says so
    /// too early, so after a jump the same time must have passed since then.
    pub(crate) fn has_passed(&self, wait: Duration, since: Moment, now: Moment) -> bool {
        now.since(since) >= wait && self.clock.steady() >= wait
    }
}

/// What holds for one piece of work from its beginning to its end, whatever is configured meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How often a call may be sent again with the same key.
    pub retries: u8,
    /// Absence from the event log counts as "not done" only so long after the last sending.
    pub settle: Duration,
    /// Whether `metadata` carries the marker at all.
    pub recovery: bool,
}

impl Terms {
    /// `timeout`: the longest that one sending may take.
    #[must_use]
    pub fn new(retries: u8, timeout: Duration, recovery: bool) -> Self {
        Self {
            retries,
            settle: timeout * 2,
            recovery,
        }
    }
}

/// Who calls. Lives as long as the call, and in memory only.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What lets the call in upstream.
    pub credentials: Credentials,
    /// Whose subscription key it is.
    pub hash: CallerHash,
    /// The time there is.
    pub budget: Budget,
    /// What holds for the call.
    pub terms: Terms,
    /// Where upstream's time is noted.
    pub spent: Arc<Spent>,
    /// What may be told before all is done.
    pub early: Arc<Early>,
}

impl Caller {
    /// One call to upstream in this caller's name and time.
    #[must_use]
    pub fn call(&self) -> Call<'_> {
        self.call_within(self.budget)
    }

    pub(crate) fn call_within(&self, budget: Budget) -> Call<'_> {
        Call {
            credentials: &self.credentials,
            budget,
            spent: &self.spent,
        }
    }
}

/// Which order a call is about.
#[derive(Clone, Debug)]
pub struct Order {
    /// Sales unit or caller.
    pub scope: Scope,
    /// As the merchant wrote it.
    pub order: OrderText,
    /// The currency where the payment was not read.
    pub currency: Currency,
    /// Whose numbers are shown without their country code.
    pub country: CountryCode,
    /// Whether approval and capture are one to the shop.
    pub direct_capture: bool,
}

/// An order that ePayment can name.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The order.
    pub order: Order,
    /// Its name in ePayment.
    pub reference: Reference,
}

impl std::ops::Deref for Subject {
    type Target = Order;

    fn deref(&self) -> &Order {
        &self.order
    }
}

/// What goes back to the merchant.
#[derive(Clone, Debug)]
pub enum Answer {
    /// 200 with this JSON.
    Json(Vec<u8>),
    /// An error in eCom's shape; `Retry-After` where upstream gave one.
    Failure(Failure, Option<http::HeaderValue>),
    /// Upstream's answer as it came.
    Raw(RawReply),
}

impl Answer {
    pub(crate) fn json(value: &impl serde::Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => Self::Json(json),
            Err(_) => Self::Failure(
                Failure::told(
                    crate::ecom::error::Code::Vipps99,
                    "The answer can't be written",
                ),
                None,
            ),
        }
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure, None)
    }
}

/// A store that can't be asked: nothing was sent, the shop may try again.
impl From<StoreError> for Answer {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %error, "the store failed before anything was sent");
        let told = "The bridge can't record payments now, so nothing was done. Repeat later";
        Self::Failure(
            Failure::told(crate::ecom::error::Code::Vipps99, told).with_status(503),
            Some(http::HeaderValue::from_static("1")),
        )
    }
}

/// An answer of upstream that is no success, as the merchant gets it.
pub(crate) fn refusal<T>(reply: Reply<T>, during: During) -> Answer {
    match reply {
        Reply::Gateway(raw) => Answer::Raw(raw),
        Reply::Problem {
            status,
            problem,
            retry_after,
        } => {
            let meaning = error::meaning(&problem, status, during);
            Answer::Failure(error::to_failure(&meaning, &problem, status), retry_after)
        }
        Reply::Other(status) => Failure::unreachable(&format!(
            "ePayment answered with status {status} and nothing that can be read"
        ))
        .into(),
        // Not a refusal: the callers have taken it apart before.
        Reply::Done(_) => Failure::unreachable("ePayment's answer was not understood").into(),
    }
}

pub(crate) fn no_answer(failure: &SendFailure) -> Answer {
    let told = match failure {
        SendFailure::NotSent(_) => "ePayment can't be reached, and nothing was done. Repeat later",
        SendFailure::MaybeSent(_) | SendFailure::Unreadable { .. } => {
            "ePayment gave no answer that can be read. Repeat later"
        }
        SendFailure::OfAnother => "ePayment answered for another payment. Repeat later",
    };
    Failure::unreachable(told).into()
}

/// Whether a refusal says that ePayment has no such payment.
pub(crate) fn is_not_found<T>(reply: &Reply<T>) -> bool {
    matches!(reply, Reply::Problem { status, problem, .. } if means_not_found(problem, *status))
}

fn means_not_found(problem: &Problem, status: u16) -> bool {
    status == 404 && error::meaning(problem, status, During::Read) == Meaning::NotFound
}

/// ePayment says "not found" of a payment that the record says exists.
pub(crate) fn doubtful_not_found() -> Answer {
    Failure::unreachable(
        "ePayment does not show this payment yet, though it should exist. Repeat later",
    )
    .into()
}
