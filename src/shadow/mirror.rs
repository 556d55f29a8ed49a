//! Writes of a shadow: each call that went to one API is made as its counterpart on the shadow upstream.
//!
//! A payment there, the twin, is kept in step with the merchant's: made when it is made, approved by the test user when
//! it is seen approved, and changed by the merchant's own calls. Must not: send anything to the primary upstream, or
//! anything of a merchant's that is secret or personal.

mod alias;
mod asked;
mod job;
mod raw;
mod rewrite;
mod step;
mod translated;
mod turn;
mod twin;

use std::sync::Arc;

use self::alias::Aliases;
pub use self::turn::Turn;

use self::job::{Did, Job};
use self::translated::Shared;
use self::twin::Twins;
use super::compare::{Compared, Rules, Way, compare};
use super::offer::{Offer, Seen};
use crate::ecom::route::Operation;
use crate::payments::Order;
use crate::settings::Settings;
use crate::store::ShadowOutcome;
use crate::telemetry::{Meters, Route};
use crate::types::{Clock, Kind, StoreSecret};
use crate::upstream::shadow::{NoShadowUpstream, ShadowUpstream};

/// Why nothing can be mirrored.
#[derive(Debug, thiserror::Error)]
pub enum NoMirror {
    /// There is nowhere to mirror to.
    #[error("shadow.upstream_base_url is not set")]
    NoUpstream,
    /// The place can't be used.
    #[error("shadow.upstream_base_url: {0}")]
    Upstream(#[from] NoShadowUpstream),
}

/// Keeps twins and makes their calls. It has no client but the shadow upstream's.
pub struct Mirror {
    shared: Shared,
    aliases: Aliases,
    twins: Twins,
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").finish_non_exhaustive()
    }
}

/// Whether a call of this operation changes a payment: the twin must make it, too, or it is out of step.
#[must_use]
pub const fn changes(operation: Operation) -> bool {
    match operation {
        Operation::Initiate
        | Operation::Capture
        | Operation::Cancel
        | Operation::Refund
        | Operation::Approve => true,
        Operation::Details | Operation::Status => false,
    }
}

impl Mirror {
    /// A mirror to what `[shadow]` says.
    ///
    /// # Errors
    /// Where it says nothing, or a place with real money, or the client can't be made.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, NoMirror> {
        let own = settings.shadow.upstream_base_url.as_ref();
        let own = own.ok_or(NoMirror::NoUpstream)?.as_str();
        let primary = &settings.upstream;
        let meters = Arc::new(Meters::default());
        let limits = (primary.connect_timeout, settings.shadow.timeout);
        let upstream =
            ShadowUpstream::new(own, primary.base_url.as_str(), limits, Arc::clone(&meters))?;
        Ok(Self {
            shared: Shared {
                upstream,
                meters,
                clock,
                secret: StoreSecret::new(random()),
            },
            aliases: Aliases::new(random()),
            twins: Twins::new(),
        })
    }

    /// Takes a call's turn among those of its payment, when it is answered. Never waits. To be taken for each call of write
    /// mode that is not mirrored by choice for the whole payment, and dropped where the call is not mirrored after all: if
    /// it may have changed the payment, its twin is out of step and lost.
    pub fn turn(&self, operation: Operation, order: &Order) -> Turn {
        let (scope, order) = (&order.scope, &order.order);
        let place = if operation == Operation::Initiate {
            Some(self.twins.place(scope, order))
        } else {
            self.twins.known(scope, order)
        };
        place.map_or(Turn::NONE, |place| Turn::take(place, changes(operation)))
    }

    /// Mirrors a call when it is its turn, and compares. Of `rules`, what is ignored and the time count; the rest is known
    /// here. The control is eCom's answer, whoever gave it. It may be dropped at any time: a twin that may be out of step
    /// then is lost.
    pub async fn mirror(
        &self,
        turn: Turn,
        offer: &Offer,
        rules: &Rules<'_>,
    ) -> (ShadowOutcome, Compared) {
        let limit = offer.snapshot.settings.shadow.timeout;
        let work = Box::pin(self.did(turn, offer));
        let did = tokio::time::timeout(limit, work).await;
        match did.unwrap_or(Did::Nothing(ShadowOutcome::Failed("timeout"))) {
            Did::Nothing(outcome) => (outcome, Compared::default()),
            Did::Compare(two) => two.compared(offer.operation, rules),
        }
    }

    async fn did(&self, mut turn: Turn, offer: &Offer) -> Did {
        let filtered = |reason| Did::Nothing(ShadowOutcome::Filtered(reason));
        let job = match Job::of(offer, &self.aliases) {
            Ok(job) => job,
            Err(reason) => {
                if is_refusal(&offer.answer) || not_asked(offer.route, &offer.answer) {
                    turn.waive();
                }
                return filtered(reason);
            }
        };
        match turn.come().await {
            Some(place) => job.work(&self.shared, place).await,
            None => filtered("no-twin"),
        }
    }
}

/// Two answers to compare.
struct Two {
    /// eCom's.
    control: Seen,
    /// That of the translation.
    candidate: Seen,
    /// What the candidate must show as its order.
    order: String,
    losses: Vec<crate::translate::loss::Loss>,
}

impl Two {
    fn compared(&self, operation: Operation, rules: &Rules<'_>) -> (ShadowOutcome, Compared) {
        let rules = Rules {
            losses: &self.losses,
            elsewhere: false,
            shadow_order: Some(&self.order),
            ..*rules
        };
        let (control, candidate) = (self.control.answered(), self.candidate.answered());
        match compare(operation, Way::Write, &control, &candidate, &rules) {
            Ok(compared) if compared.is_clean() => (ShadowOutcome::Clean, compared),
            Ok(compared) => (ShadowOutcome::Differing, compared),
            Err(failure) => (ShadowOutcome::Failed(failure.word()), Compared::default()),
        }
    }
}

/// Whether an answer says that nothing was done.
fn is_refusal(answer: &Seen) -> bool {
    (400..500).contains(&answer.status) && answer.status != 408
}

fn random() -> [u8; 32] {
    let (one, other) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(one.as_bytes());
    bytes[16..].copy_from_slice(other.as_bytes());
    bytes
}

/// Whether a payment of this kind has no counterpart.
const fn is_express(kind: Kind) -> bool {
    matches!(kind, Kind::Express)
}

/// Whether the call was answered without asking an API, because nothing could be asked.
fn not_asked(route: Route, answer: &Seen) -> bool {
    route == Route::Refused && answer.status >= 500
}
