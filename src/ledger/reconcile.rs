//! Reads payments in the background and holds the records against them.
//!
//! Only reads, within the share of the published limits that the poller shares, with credentials as they are available;
//! a 429 stops it. Events that it finds go the way of every other event. Must not: change money, or take a payment that it
//! could not read for one that is in order.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::schedule::{self, Unread};
use super::verdict::{Judging, judge};
use crate::ecom::route::Operation;
use crate::epayment::event::{EventName, PaymentEvent};
use crate::epayment::model::{Payment, State};
use crate::lifecycle::Lifecycle;
use crate::routing::mixing::allowed;
use crate::store::{
    Balance, DueLook, KeptMismatch, Learnt, LedgerCall, LedgerEntry, LedgerId, LedgerPayment,
    LedgerStore, LookEnd, PayState, StoreError, Sums,
};
use crate::telemetry::Meters;
use crate::types::{Clock, Moment, Msn, OrderText, Origin, Reference};
use crate::upstream::epayment::{Call, Epayment, Sent};
use crate::upstream::keyring::Keyring;
use crate::upstream::share::ReadShare;
use crate::upstream::turns::in_turn;
use crate::upstream::{Budget, Credentials, Reply, SendFailure, Spent};

const LEASE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(10);
/// After a look that met an open breaker.
const AGAIN: Duration = Duration::from_secs(10);
/// Payments that are looked at in a second, at most: two reads each.
const A_ROUND: u16 = 8;

/// Records an event that the log shows, as every other event is.
pub type Record = Arc<
    dyn Fn(Msn, PaymentEvent) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>
        + Send
        + Sync,
>;

/// Settles by evidence what nobody is at any more, with these credentials and by reads only.
pub type Settle = Arc<
    dyn Fn(Msn, OrderText, Reference, Credentials) -> Pin<Box<dyn Future<Output = ()> + Send>>
        + Send
        + Sync,
>;

/// Everything that the reconciler is made of.
pub struct Reconciler {
    /// The ledger.
    pub store: Arc<dyn LedgerStore>,
    /// Upstream.
    pub epayment: Epayment,
    /// Credentials.
    pub keyring: Keyring,
    /// What all reads of the bridge's own may use.
    pub share: ReadShare,
    /// Takes what the log shows.
    pub record: Record,
    /// Closes what a crash left open.
    pub settle: Settle,
    /// What holds for a look, as configured when it begins.
    pub terms: Arc<dyn Fn() -> Terms + Send + Sync>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub meters: Arc<Meters>,
}

/// What holds for a look.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long after a call its event may be missing.
    pub settle: Duration,
    /// Percent (0 to 100) of the published read limits that may be used; none: nothing is read.
    pub percent: u8,
}

/// Payment and log as read.
struct Seen {
    at: Moment,
    payment: Payment,
    events: Vec<PaymentEvent>,
    credentials: Credentials,
}

/// Why a read gave nothing.
#[derive(PartialEq, Eq)]
enum Trouble {
    /// With this status.
    Refused(u16),
    /// The answer is about another payment.
    OfAnother,
    NoAnswer,
}

impl Reconciler {
    /// Works until the bridge ends.
    pub async fn run(self, lifecycle: Lifecycle) {
        let trouble = "the ledger can't be reconciled now";
        in_turn(trouble, A_ROUND, || self.take(), lifecycle.soft()).await;
    }

    /// A payment that is due, and the look at it.
    async fn take(
        &self,
    ) -> Result<Option<impl Future<Output = Result<(), StoreError>>>, StoreError> {
        let terms = (self.terms)();
        // What is due stays so while nobody can be asked.
        if terms.percent == 0 || self.epayment.breaker().refuses() {
            return Ok(None);
        }
        let now = self.clock.now();
        let mut due = self.store.claim_looks(now, 1, now.plus(LEASE)).await?;
        Ok(due
            .pop()
            .map(|due| async move { self.look(&due, terms).await }))
    }

    async fn look(&self, due: &DueLook, terms: Terms) -> Result<(), StoreError> {
        let (end, next) = match self.read(&due.payment, terms.percent).await {
            Ok(seen) => {
                self.meters.ledger.read("read");
                self.judge(due, seen, terms).await?
            }
            Err(unread) => {
                self.meters.ledger.read(match unread {
                    Unread::Never(_) => "never",
                    Unread::NoCredentials => "no_credentials",
                    Unread::Until(..) => "later",
                    Unread::NoAnswer(_) => "no_answer",
                });
                self.judge_unread(due, unread, terms.settle).await?
            }
        };
        let now = self.clock.now();
        let untold = self.store.settle_look(due, end, next, now).await?;
        self.tell(&untold.unwrap_or_default()).await
    }

    /// Each once: the log line first, so that a crash repeats it and never leaves it out.
    async fn tell(&self, untold: &[KeptMismatch]) -> Result<(), StoreError> {
        for one in untold {
            tracing::error!(
                kind = one.found.kind.word(),
                msn = one.scope.msn().map_or("", Msn::as_str),
                order_id = one.order.as_str(),
                "the money ledger does not add up: `ecom-bridge ledger show` tells this payment's story"
            );
        }
        if untold.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = untold.iter().map(|one| one.id).collect();
        self.store.told_mismatches(&ids).await
    }

    /// The entry as it is now.
    async fn entry(&self, id: LedgerId) -> Result<Option<LedgerEntry>, StoreError> {
        let mut found = self.store.ledger(LedgerId(id.0 - 1), 1).await?;
        Ok(found.pop().filter(|entry| entry.payment.id == id))
    }

    /// Records what the log has and the store has not, then holds all records against payment and log.
    async fn judge(
        &self,
        due: &DueLook,
        seen: Seen,
        terms: Terms,
    ) -> Result<(LookEnd, Option<Moment>), StoreError> {
        let (id, settle) = (due.payment.id, terms.settle);
        if let (Some(entry), Some(msn)) = (self.entry(id).await?, due.payment.scope.msn()) {
            // Of a payment that only changes were seen of, the changes: no callback can follow from it.
            let wanted = |event: &&PaymentEvent| {
                (entry.payment.origin.is_some() || event.name.money_op().is_some())
                    && !is_recorded(&entry, event)
            };
            for event in seen.events.iter().filter(wanted) {
                (self.record)(msn.clone(), event.clone()).await?;
            }
            self.settle_left_open(&entry, msn, &seen, terms.percent)
                .await;
        }
        let balance = balance(&due.payment, &seen);
        let ordered = seen.payment.amount;
        let Some(mut entry) = self.entry(id).await? else {
            let end = LookEnd::Read {
                balance,
                ordered,
                mismatches: Vec::new(),
            };
            return Ok((end, None));
        };
        // Origin and order may have become known meanwhile; sums are those just read.
        entry.payment.balance = balance;
        entry.payment.looks = due.payment.looks;
        let now = self.clock.now();
        let judging = Judging {
            now,
            settle,
            looks: due.payment.looks + 1,
            read_at: Some(seen.at),
        };
        let verdict = judge(&entry, judging);
        let next = schedule::after_read(&entry, &verdict, settle, now);
        let end = LookEnd::Read {
            balance,
            ordered,
            mismatches: verdict.mismatches,
        };
        Ok((end, next))
    }

    /// A crash forgets who was looking for evidence.
    async fn settle_left_open(&self, entry: &LedgerEntry, msn: &Msn, seen: &Seen, percent: u8) {
        let now = self.clock.now();
        let Some(reference) = entry.payment.order.reference() else {
            return;
        };
        let left = |one: &LedgerCall| one.call.is_left_open(now);
        let may = || self.share.take(msn, &reference, (2, percent), now).is_ok();
        if entry.calls.iter().any(left) && may() {
            let (order, credentials) = (entry.payment.order.clone(), seen.credentials.clone());
            (self.settle)(msn.clone(), order, reference, credentials).await;
        }
    }

    async fn judge_unread(
        &self,
        due: &DueLook,
        unread: Unread,
        settle: Duration,
    ) -> Result<(LookEnd, Option<Moment>), StoreError> {
        let now = self.clock.now();
        let mut next = schedule::after_unread(&due.payment, unread, now);
        let mut mismatches = Vec::new();
        if let Some(entry) = self.entry(due.payment.id).await? {
            mismatches = judge(&entry, Judging::recorded(&entry, now, settle)).mismatches;
            // An open call is looked at again, also where nobody can be asked: it may be open for too long.
            if next.is_none() && entry.calls.iter().any(|one| one.call.is_open()) {
                next = Some(now.plus(super::verdict::OPEN_TOO_LONG / 4));
            }
        }
        let why = unread.why();
        Ok((LookEnd::NotRead { why, mismatches }, next))
    }

    /// Payment and log. The log first: what happens between the two shows in the payment, and is looked at again.
    async fn read(&self, payment: &LedgerPayment, percent: u8) -> Result<Seen, Unread> {
        let (msn, reference) = readable(payment)?;
        let mut tries = self.keyring.tries(msn);
        loop {
            let Some(credentials) = tries.credentials().await else {
                return Err(Unread::NoCredentials);
            };
            let now = self.clock.now();
            self.share
                .take(msn, &reference, (2, percent), now)
                .map_err(|from| Unread::Until(from, "the share of background reads is used up"))?;
            let (events, payment) = self.ask(&credentials, &reference).await;
            let refused = |status: u16| {
                let refusal = Some(&Trouble::Refused(status));
                events.as_ref().err() == refusal || payment.as_ref().err() == refusal
            };
            if refused(429) {
                self.share.peace(msn, now);
                let until = now.plus(crate::upstream::share::PEACE);
                return Err(Unread::Until(until, "ePayment asked for fewer reads (429)"));
            }
            if refused(401) {
                if tries.refused().await {
                    continue;
                }
                return Err(Unread::NoCredentials);
            }
            return match (events, payment) {
                (Ok(events), Ok(payment)) => Ok(Seen {
                    at: now,
                    payment,
                    events,
                    credentials,
                }),
                (Err(Trouble::Refused(404)), _) | (_, Err(Trouble::Refused(404))) => {
                    Err(Unread::NoAnswer("ePayment does not find the payment"))
                }
                (Err(Trouble::OfAnother), _) | (_, Err(Trouble::OfAnother)) => {
                    Err(Unread::NoAnswer("ePayment answered for another payment"))
                }
                _ if self.epayment.breaker().refuses() => Err(Unread::Until(
                    now.plus(AGAIN),
                    "ePayment does not answer (its breaker is open)",
                )),
                _ => Err(Unread::NoAnswer("ePayment gave no usable answer")),
            };
        }
    }

    async fn ask(
        &self,
        credentials: &Credentials,
        reference: &Reference,
    ) -> (Result<Vec<PaymentEvent>, Trouble>, Result<Payment, Trouble>) {
        let spent = Spent::default();
        let call = Call {
            credentials,
            budget: Budget {
                deadline: Instant::now() + PATIENCE * 2,
                per_call: PATIENCE,
            },
            spent: &spent,
        };
        let events = done(self.epayment.events(call, reference).await);
        if events.is_err() {
            return (events, Err(Trouble::NoAnswer));
        }
        (events, done(self.epayment.get(call, reference).await))
    }
}

/// What was read, or why nothing was.
fn done<T>(sent: Sent<T>) -> Result<T, Trouble> {
    match sent {
        Ok(Reply::Done(value)) => Ok(value),
        Ok(reply) => Err(reply
            .refused_status()
            .map_or(Trouble::NoAnswer, Trouble::Refused)),
        Err(SendFailure::OfAnother) => Err(Trouble::OfAnother),
        Err(_) => Err(Trouble::NoAnswer),
    }
}

/// By whose name ePayment may be asked for it.
fn readable(payment: &LedgerPayment) -> Result<(&Msn, Reference), Unread> {
    let may = payment
        .origin
        .is_none_or(|origin| allowed(origin, payment.kind, Operation::Details, Origin::Epayment));
    if !may {
        return Err(Unread::Never("only eCom may be asked for this payment"));
    }
    let msn = payment.scope.msn();
    let msn = msn.ok_or(Unread::Never("its sales unit is not known"))?;
    let reference = payment.order.reference();
    let reference = reference.ok_or(Unread::Never("ePayment has no name for this order"))?;
    Ok((msn, reference))
}

fn is_recorded(entry: &LedgerEntry, event: &PaymentEvent) -> bool {
    entry.events.iter().any(|one| {
        one.name == event.name
            && one.success == event.success
            && one.psp_reference == event.psp_reference
    })
}

/// What payment and log show.
fn balance(known: &LedgerPayment, seen: &Seen) -> Balance {
    let sums = &seen.payment.aggregate;
    let times = |name: EventName| {
        seen.events
            .iter()
            .filter(move |event| event.name == name && event.success)
            .filter_map(|event| Moment::parse(&event.timestamp))
    };
    let guaranteed = seen.payment.capture_guaranteed_until.as_deref();
    let mut balance = Balance {
        state: match seen.payment.state {
            State::Created => PayState::Created,
            State::Aborted | State::Expired => PayState::Failed,
            State::Terminated => PayState::Cancelled,
            State::Authorized => PayState::Reserved,
        },
        sums: Sums {
            authorized: sums.authorized_amount.value,
            captured: sums.captured_amount.value,
            refunded: sums.refunded_amount.value,
            cancelled: sums.cancelled_amount.value,
        },
        reserved_at: times(EventName::Authorized)
            .min()
            .or(known.balance.reserved_at),
        captured_at: times(EventName::Captured)
            .max()
            .or(known.balance.captured_at),
        guaranteed_until: guaranteed
            .and_then(Moment::parse)
            .or(known.balance.guaranteed_until),
        learnt_at: seen.at,
        learnt: Learnt::Reconcile,
    };
    if seen.payment.state == State::Authorized {
        balance.settle();
    }
    balance
}

#[cfg(test)]
mod tests;
