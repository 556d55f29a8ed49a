//! What the bridge remembers, and the promise that it does.
//!
//! A method is one transaction and is named after the business step, so no caller can split what belongs together.
//! When a method returns, its effect survives `kill -9` and a power cut. Must not: call upstream, read the clock, or
//! know HTTP. Merchant tokens and subscription keys are never stored (a subscription key only as a keyed hash).

mod balance;
mod callbacks;
mod ledger;
mod look;
mod memory;
mod observations;
mod postgres;
mod record;
mod seal;
mod shadow;
mod sqlite;
mod steering;
#[cfg(test)]
mod suite;
mod timed;
mod tokens;
mod words;

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;

pub use crate::types::{Kind, Origin};
pub use balance::{Balance, Counted, Day, Learnt, OpenClass, PayState, SOON, Sums};
pub use callbacks::{
    Accepted, CallbackCounts, CallbackFilter, CallbackId, CallbackOrigin, CallbackState,
    CallbackStore, CallbackView, ClaimLimits, DueCallback, DuePayment, Handled, Lease, NewEvent,
    Pruned, Registered, RegistrationState, Retention, Settled, Source, Stage, Stray,
    UnmatchedEvent, Webhook,
};
pub use ledger::{
    DueLook, KeptMismatch, LedgerCall, LedgerEntry, LedgerEvent, LedgerId, LedgerPayment,
    LedgerStore, LookEnd, Mismatch, MismatchKind, OpenDays, PaymentFilter, WhichMismatches,
};
pub use look::{Contents, FileState, KnownWebhook, PostgresLook, SqliteLook};
pub use memory::PaymentInMemory;
pub use observations::{
    Automatic, AutomaticStore, Counts, Hour, Observation, ObservationStore, Side,
};
pub use postgres::{PostgresOptions, PostgresStore};
pub use record::{
    Adjustment, AdjustmentId, AdjustmentState, Attempt, AttemptId, AttemptState, Begun,
    CallbackTarget, First, Known, NewAdjustment, NewPayment, Outcome, PaymentFacts, PaymentRecord,
    Version,
};
pub use seal::Sealer;
pub use shadow::{
    Added, Difference, DifferenceKind, FieldFinding, FieldRecord, Findings, Given, Judgement,
    Judging, MOST_FIELDS, MOST_SAMPLES, Sample, ShadowCounts, ShadowOutcome, ShadowRecord,
    ShadowStore, Verdict, Way,
};
pub use sqlite::{SqliteOptions, SqliteStore};
pub use steering::{Change, ChangeView, NewOverride, Override, OverrideId, Reason, SteeringStore};
pub use timed::{Observe, Timed};

use crate::types::{CallerHash, Moment, Msn, OrderText, Scope, StoreSecret};

/// The records of payments and of the money calls on them.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// The store's own random secret, made when the store was.
    fn secret(&self) -> &StoreSecret;

    /// What is known of an order: the payment, and this caller's open attempt at it.
    async fn payment(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
    ) -> Result<Known, StoreError>;

    /// The sales units in which this caller has a payment of this order; at most two are returned (two is too many).
    async fn units_of_order(
        &self,
        caller: CallerHash,
        order: &OrderText,
    ) -> Result<Vec<Msn>, StoreError>;

    /// The sales units in which this caller has any payment; at most two are returned.
    async fn units_of_caller(&self, caller: CallerHash) -> Result<Vec<Msn>, StoreError>;

    /// Records an attempt before it is sent, and binds the order to its API for this caller.
    async fn begin_payment(&self, new: NewPayment) -> Result<Begun, StoreError>;

    /// [`Self::begin_payment`] of an order of which nothing is known: one step instead of a look and another, for nearly
    /// every order is new. Where something is known (what [`Self::payment`] would tell), that is the answer.
    async fn begin_first_payment(&self, new: NewPayment) -> Result<First, StoreError>;

    /// Takes over an open attempt to find out what became of it: its state becomes in flight until `until`.
    /// False where another one has it (in flight and `now` is before its `until`) or it is gone.
    async fn resume_payment(
        &self,
        attempt: AttemptId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError>;

    /// Ends an attempt. `Succeeded` makes it the payment, unless there is one already (a payment's record is never
    /// overwritten), and queues the callback of an event that came before; `Refused` and `NotDone` delete it; `Unknown`
    /// leaves it open for whoever comes next. `NotDone` and `Unknown` count only from whoever has it. Whether a callback
    /// was queued.
    async fn finish_payment(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<bool, StoreError>;

    /// Remembers a payment that a read has shown to exist, and queues the callback of an event that came before. What is
    /// already recorded stays as it is.
    async fn learn_payment(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
        facts: PaymentFacts,
        now: Moment,
    ) -> Result<PaymentRecord, StoreError>;

    /// All money calls on a payment, oldest first, and the version that `begin_adjustment` compares.
    async fn adjustments(
        &self,
        scope: &Scope,
        order: &OrderText,
    ) -> Result<(Vec<Adjustment>, Version), StoreError>;

    /// What [`Self::payment`] and [`Self::adjustments`] tell, where both are needed.
    async fn payment_and_adjustments(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
    ) -> Result<(Known, (Vec<Adjustment>, Version)), StoreError> {
        let known = self.payment(scope, order, caller).await?;
        Ok((known, self.adjustments(scope, order).await?))
    }

    /// Records a money call before it is sent. `None` where the payment's money calls are no longer what they were at
    /// `seen`, or one is open: look again.
    async fn begin_adjustment(
        &self,
        new: NewAdjustment,
        seen: Version,
    ) -> Result<Option<AdjustmentId>, StoreError>;

    /// Takes over an open money call until `until`; false where another one has it or it is closed.
    async fn resume_adjustment(
        &self,
        id: AdjustmentId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError>;

    /// Closes a money call by evidence (`Succeeded`, `Refused`), whoever has it; or by its owner, who closes it
    /// (`NotDone`) or leaves it open without one (`Unknown`).
    async fn finish_adjustment(
        &self,
        id: AdjustmentId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<(), StoreError>;

    /// How many money calls are open without an owner at `now`.
    async fn ambiguous(&self, now: Moment) -> Result<u64, StoreError>;

    /// Whether a write would go through now.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Ends what was begun and lets files and connections go; what is asked after that fails.
    async fn close(&self);
}

/// Why the store did not do what was asked. Nothing was recorded, except where an `Other` says that nobody knows: the
/// connection to a server was lost when the commit was sent. Then what was begun counts as begun and not sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the SQLite file.
    #[error("{path} is in use by another process: stop it, or give this one its own store.url")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// A write could not begin in time.
    #[error("the store is locked or slow: a transaction could not begin in time")]
    Locked,
    /// No space is left.
    #[error("the store's disk is full: free some space")]
    Full,
    /// The file may not be written.
    #[error("the store can't be written: check the permissions of its file and folder ({0})")]
    ReadOnly(String),
    /// The file can't be opened, or the server can't be reached.
    #[error("the store can't be reached: {0}")]
    Unreachable(String),
    /// The file is damaged or not a store.
    #[error(
        "the store is damaged or is not one of this bridge: restore a backup, or begin with an empty one ({0})"
    )]
    Damaged(String),
    /// Made by a later release.
    #[error(
        "the store was made by a later release (schema {found}, this one knows {known}): run that release"
    )]
    TooNew {
        /// Schema version in the file.
        found: i64,
        /// The newest that this release knows.
        known: i64,
    },
    /// Anything else.
    #[error("the store failed: {0}")]
    Other(String),
}
