//! The records between ePayment's events and the merchant's callbacks: events, the outbox, polls, webhook registrations.
//!
//! A method is one transaction, as in `Store`. Event and outbox row are written together, so nothing is recorded and
//! not queued. Claims are leases with a token: a late worker can't overwrite a newer one. Must not: hold personal data of
//! a webhook's body, or know HTTP.

use async_trait::async_trait;
use secrecy::SecretString;

use super::record::CallbackTarget;
use super::{PaymentFacts, StoreError};
use crate::ecom::callback::CallbackStatus;
use crate::epayment::event::EventName;
use crate::types::{Amount, CallerHash, IdempotencyKey, Moment, Msn, OrderText, Reference, Scope};

/// How the news of an event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A signed webhook.
    Webhook,
    /// A read of the event log.
    Poll,
}

/// What must happen to a callback next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The reservation is captured first (a sales unit with direct capture); only then the shop hears of it.
    Capture,
    /// It is delivered.
    Deliver,
}

/// An event of a payment, as it is recorded. Unique by (MSN, reference, name, success, pspReference).
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The sales unit.
    pub msn: Msn,
    /// The payment.
    pub reference: Reference,
    /// What happened.
    pub name: EventName,
    /// Whether it happened.
    pub success: bool,
    /// The event's own number.
    pub psp_reference: String,
    /// Minor units of the event.
    pub amount: Amount,
    /// When.
    pub at: Moment,
    /// The key of the request behind it.
    pub key: Option<IdempotencyKey>,
    /// How the news came.
    pub source: Source,
    /// What eCom would have called back with, and what must happen before; none where eCom never called back.
    pub callback: Option<(CallbackStatus, Stage)>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Recorded, and its callback is queued.
    Queued(CallbackId),
    /// Recorded; no callback follows from it (none is due for such an event, the payment has one already, it was born in
    /// eCom, or it has no callback address).
    Recorded,
    /// Recorded already.
    Duplicate,
    /// Recorded; its payment is not known (yet). When it becomes known (`finish_payment`, `learn_payment`), the callback
    /// is queued in that very transaction.
    Unmatched,
}

/// A correctly signed body that can't be used, or an event that proves not to be ours: kept for an operator.
#[derive(Clone, Debug)]
pub struct Stray {
    /// At whose address it came.
    pub msn: Msn,
    /// One of a few words.
    pub why: &'static str,
    /// What of it may be shown: names of members, never values that may be personal. At most 2,000 characters.
    pub redacted: String,
}

/// Names a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallbackId(pub i64);

/// Names a claim: a settlement with another one changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease(pub i64);

/// Where a callback stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallbackState {
    /// Waits for its direct capture.
    Capture,
    /// Waits to be delivered.
    Pending,
    /// The merchant answered 2xx.
    Delivered,
    /// The schedule has ended, or it may not be delivered; kept until an operator replays or drops it.
    Dead,
    /// An operator dropped it.
    Dropped,
}

/// A callback that a worker has claimed.
#[derive(Clone, Debug)]
pub struct DueCallback {
    /// Its name.
    pub id: CallbackId,
    /// The claim.
    pub lease: Lease,
    /// The sales unit.
    pub msn: Msn,
    /// As the merchant wrote it.
    pub order: OrderText,
    /// The payment.
    pub reference: Reference,
    /// What the merchant is told.
    pub status: CallbackStatus,
    /// The ordered amount in minor units.
    pub amount: Amount,
    /// When it happened.
    pub at: Moment,
    /// The event's own number.
    pub transaction_id: String,
    /// How often it was tried, from 0.
    pub attempts: u32,
    /// When it was queued.
    pub queued_at: Moment,
    /// Where it goes.
    pub target: CallbackTarget,
    /// The user data asked for at the payment's creation.
    pub scope_asked: Option<String>,
    /// Whose subscription key created the payment.
    pub caller: CallerHash,
}

/// How much may be claimed.
#[derive(Clone, Copy, Debug)]
pub struct ClaimLimits {
    /// In all.
    pub total: usize,
    /// Of one sales unit, those already leased included: a dead shop never takes another's place.
    pub per_unit: usize,
}

/// How a claimed callback ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// 2xx. The payment's authToken is erased: no more callbacks can follow.
    Delivered,
    /// To be tried again.
    Retry {
        /// Not before.
        at: Moment,
        /// What went wrong; no personal data. At most 500 characters.
        why: String,
    },
    /// Not to be tried again.
    Dead {
        /// Why.
        why: String,
    },
    /// The direct capture is settled: to be delivered now, with this status, amount, number and time.
    Ready {
        /// `SALE`, or the failure's.
        status: CallbackStatus,
        /// The capture's own number, where known.
        transaction_id: Option<String>,
        /// When.
        at: Moment,
    },
}

/// A callback as an operator sees it. No tokens, no personal data.
#[derive(Clone, Debug)]
pub struct CallbackView {
    /// Its name.
    pub id: CallbackId,
    /// The sales unit.
    pub msn: Msn,
    /// As the merchant wrote it.
    pub order: OrderText,
    /// What the merchant is told.
    pub status: CallbackStatus,
    /// Where it stands.
    pub state: CallbackState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was queued.
    pub queued_at: Moment,
    /// When it is tried next; of no use once it has ended.
    pub due_at: Moment,
    /// When it ended.
    pub ended_at: Option<Moment>,
    /// What went wrong last, or who dropped it and why.
    pub note: Option<String>,
    /// The host of the callback address, never its path or query (they may hold a token).
    pub host: String,
}

/// Which callbacks to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct CallbackFilter {
    /// In this state.
    pub state: Option<CallbackState>,
    /// Of this sales unit.
    pub msn: Option<Msn>,
    /// Of this order.
    pub order: Option<OrderText>,
    /// Older than this one (the next page).
    pub before: Option<CallbackId>,
    /// At most so many.
    pub limit: usize,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallbackCounts {
    /// Waiting, for their capture or their delivery.
    pub pending: u64,
    /// Dead letters.
    pub dead: u64,
    /// Events whose payment is not known.
    pub unmatched: u64,
}

/// Where callbacks go that wait or were given up: scheme, host and port, never more (the rest may hold a token).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackOrigin {
    /// `https://shop.example:8443`
    pub origin: String,
    /// How many wait.
    pub waiting: u64,
    /// How many were given up.
    pub dead: u64,
}

/// What came of an operator's replay or drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Done.
    Done,
    /// There is no such callback.
    NoSuch,
    /// It is waiting or being delivered already: one delivery per command.
    Waiting,
    /// It has been delivered or dropped, and its authToken is gone.
    Ended,
}

/// An event that a callback follows from, of a payment that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedEvent {
    /// Its place among them: where the next page begins.
    pub place: (Moment, i64),
    /// The sales unit.
    pub msn: Msn,
    /// The payment.
    pub reference: Reference,
}

/// A payment of ePayment whose final state nobody has told, claimed for a look.
#[derive(Clone, Debug)]
pub struct DuePayment {
    /// The claim.
    pub lease: Lease,
    /// Sales unit or caller.
    pub scope: Scope,
    /// As the merchant wrote it.
    pub order: OrderText,
    /// Its name in ePayment.
    pub reference: Reference,
    /// Whose subscription key created it.
    pub caller: CallerHash,
    /// What is remembered of its creation.
    pub facts: PaymentFacts,
    /// How often it was looked at, from 0.
    pub looks: u32,
    /// When it was recorded.
    pub created_at: Moment,
    /// Until when it must be approved, where the merchant has set a limit.
    pub end_at: Option<Moment>,
}

/// A webhook registration of the bridge.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The sales unit.
    pub msn: Msn,
    /// Vipps' id of it.
    pub id: String,
    /// The registered URL.
    pub url: String,
    /// Shown once by Vipps; sealed at rest where an encryption key is configured.
    pub secret: SecretString,
    /// When it was made.
    pub made_at: Moment,
    /// Since when a newer one stands beside it; it is deleted some days later, its secret counts until then.
    pub retired_at: Option<Moment>,
}

/// How a claimed registration ends.
#[derive(Clone, Debug)]
pub enum Registered {
    /// The one in the store is still registered at Vipps.
    Kept,
    /// A new one was made; older ones of this unit are retired.
    Made(Webhook),
    /// It could not be done: why, without secrets.
    Failed(String),
}

/// Where a sales unit's registration stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationState {
    /// The sales unit.
    pub msn: Msn,
    /// When it was last made or found in order.
    pub good_at: Option<Moment>,
    /// When it is looked at next.
    pub next_at: Moment,
    /// Failures since then.
    pub failures: u32,
    /// The last failure.
    pub why: Option<String>,
}

/// What is old enough to go.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Payments last changed before this moment, with their money calls, events and callbacks; dead letters and open
    /// calls keep their payment.
    pub payments_before: Moment,
    /// Delivered and dropped callbacks that ended before this moment, and strays.
    pub callbacks_before: Moment,
    /// At most so many of each in one transaction.
    pub batch: usize,
}

impl Retention {
    /// Whether more may be old enough, where so many of each kind were looked at.
    pub(super) fn leaves(&self, looked_at: [u64; 4]) -> bool {
        let full = u64::try_from(self.batch).unwrap_or(u64::MAX);
        looked_at.contains(&full)
    }
}

/// How much went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Payments.
    pub payments: u64,
    /// Callbacks.
    pub callbacks: u64,
    /// Whether more of any kind may be old enough.
    pub more: bool,
}

/// Events, the outbox, polls and registrations.
#[async_trait]
pub trait CallbackStore: Send + Sync + std::fmt::Debug {
    /// Records an event, and with it, in one transaction: the callback that follows (one per payment, ever); that the
    /// payment's final state is known (it is polled no more); that an open attempt whose key the event carries has
    /// become the payment; and that an authToken is gone when no callback can follow any more.
    async fn accept_event(&self, event: NewEvent, now: Moment) -> Result<Accepted, StoreError>;

    /// Keeps what can't be used.
    async fn keep_stray(&self, stray: Stray, now: Moment) -> Result<(), StoreError>;

    /// Events that a callback follows from and whose payment is not known, behind `after` in the order they came; at
    /// most `limit`.
    async fn unmatched(
        &self,
        after: (Moment, i64),
        limit: usize,
    ) -> Result<Vec<UnmatchedEvent>, StoreError>;

    /// Claims callbacks that are due at `stage`, the longest waiting of each unit first, until `until`. A claim
    /// never costs by the length of a backlog.
    async fn claim_callbacks(
        &self,
        stage: Stage,
        now: Moment,
        limits: ClaimLimits,
        until: Moment,
    ) -> Result<Vec<DueCallback>, StoreError>;

    /// Settles a claim; false where it is no longer this worker's.
    async fn settle_callback(
        &self,
        id: CallbackId,
        lease: Lease,
        settled: Settled,
        now: Moment,
    ) -> Result<bool, StoreError>;

    /// When the next callback of a stage is due: the earliest due time or end of a lease.
    async fn next_callback_at(&self, stage: Stage) -> Result<Option<Moment>, StoreError>;

    /// Lists callbacks.
    async fn callbacks(&self, filter: CallbackFilter) -> Result<Vec<CallbackView>, StoreError>;

    /// One callback.
    async fn callback(&self, id: CallbackId) -> Result<Option<CallbackView>, StoreError>;

    /// Queues a dead letter again, with a fresh schedule.
    async fn replay_callback(&self, id: CallbackId, now: Moment) -> Result<Handled, StoreError>;

    /// Drops a callback that is waiting or dead, and records who and why.
    async fn drop_callback(
        &self,
        id: CallbackId,
        note: String,
        now: Moment,
    ) -> Result<Handled, StoreError>;

    /// Counts.
    async fn callback_counts(&self) -> Result<CallbackCounts, StoreError>;

    /// Where the callbacks go that wait or were given up, by name; of each kind at most `limit` callbacks are looked at.
    async fn callback_origins(&self, limit: usize) -> Result<Vec<CallbackOrigin>, StoreError>;

    /// Claims payments of ePayment whose final state is not known and whose look is due, until `until`.
    async fn claim_polls(
        &self,
        now: Moment,
        limit: usize,
        until: Moment,
    ) -> Result<Vec<DuePayment>, StoreError>;

    /// Settles a look: the next one is due at `next`, or never.
    async fn settle_poll(
        &self,
        scope: &Scope,
        order: &OrderText,
        lease: Lease,
        next: Option<Moment>,
    ) -> Result<bool, StoreError>;

    /// The webhook registrations of one unit, or of all, newest first.
    async fn webhooks(&self, msn: Option<&Msn>) -> Result<Vec<Webhook>, StoreError>;

    /// Notes that a sales unit is served, so that its registration is looked at; does nothing where it is known.
    async fn see_unit(&self, msn: &Msn, now: Moment) -> Result<(), StoreError>;

    /// Makes a unit's registration due now (after an outage, or by hand).
    async fn recheck_unit(&self, msn: &Msn, now: Moment) -> Result<(), StoreError>;

    /// Claims the registration of a unit that is due, so that several instances do not make two; none where another has
    /// it or nothing is due.
    async fn claim_registration(
        &self,
        msn: &Msn,
        now: Moment,
        until: Moment,
    ) -> Result<Option<Lease>, StoreError>;

    /// Settles a registration; the next look is due at `next`. False where the claim is no longer this worker's (the
    /// caller then deletes what it made).
    async fn settle_registration(
        &self,
        msn: &Msn,
        lease: Lease,
        end: Registered,
        next: Moment,
        now: Moment,
    ) -> Result<bool, StoreError>;

    /// Forgets a registration that is deleted at Vipps.
    async fn forget_webhook(&self, msn: &Msn, id: &str) -> Result<(), StoreError>;

    /// Where the registrations stand.
    async fn registrations(&self) -> Result<Vec<RegistrationState>, StoreError>;

    /// Prunes one small batch.
    async fn prune(&self, retention: Retention) -> Result<Pruned, StoreError>;
}
