//! The records of the money ledger: what is known of each payment, what may still change, what does not fit together.
//!
//! What is known is kept up to date by the steps of the other two faces, in their own transactions; this one reads it,
//! and takes what a read of upstream shows. Must not: know HTTP, or hold anything personal.

use async_trait::async_trait;

use super::balance::{Balance, Counted, Day, OpenClass};
use super::callbacks::{Lease, Source};
use super::record::Adjustment;
use super::{Kind, Origin, StoreError};
use crate::epayment::event::EventName;
use crate::epayment::model::Money;
use crate::types::{Amount, Currency, IdempotencyKey, Moment, Msn, OrderText, RequestId, Scope};

/// Names a payment in the ledger; grows with each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LedgerId(pub i64);

/// What is known of one payment.
#[derive(Clone, Debug)]
pub struct LedgerPayment {
    /// Its number.
    pub id: LedgerId,
    /// Sales unit or caller.
    pub scope: Scope,
    /// As the merchant wrote it.
    pub order: OrderText,
    /// Where it was created; none where only changes of it were seen.
    pub origin: Option<Origin>,
    /// Regular, Express or not proven.
    pub kind: Kind,
    /// What was ordered, in minor units.
    pub amount: Option<Amount>,
    /// Its currency.
    pub currency: Currency,
    /// When it was first recorded.
    pub created_at: Moment,
    /// Sums and state.
    pub balance: Balance,
    /// When payment and event log were last read and recorded.
    pub checked_at: Option<Moment>,
    /// When it is read next.
    pub due_at: Option<Moment>,
    /// How often in a row it was looked at without anything new.
    pub looks: u32,
    /// Why it could not be read, where that was so last.
    pub trouble: Option<String>,
}

/// A money call with the time of its end.
#[derive(Clone, Debug)]
pub struct LedgerCall {
    /// The call.
    pub call: Adjustment,
    /// When it was closed.
    pub closed_at: Option<Moment>,
}

/// An event as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEvent {
    /// What happened.
    pub name: EventName,
    /// Whether it happened.
    pub success: bool,
    /// The event's own number.
    pub psp_reference: String,
    /// Minor units.
    pub amount: Amount,
    /// When.
    pub at: Moment,
    /// The key of the request behind it.
    pub key: Option<IdempotencyKey>,
    /// How the news came first.
    pub source: Source,
    /// When it came.
    pub received_at: Moment,
}

/// All that is recorded of one payment.
#[derive(Clone, Debug)]
pub struct LedgerEntry {
    /// What is known.
    pub payment: LedgerPayment,
    /// The key that created it, where the bridge did.
    pub create_key: Option<IdempotencyKey>,
    /// The merchant's own id of the initiate.
    pub request_id: Option<RequestId>,
    /// Whether the record goes back to the payment's creation, so that it has every money call of the bridge.
    pub whole: bool,
    /// Money calls, oldest first.
    pub calls: Vec<LedgerCall>,
    /// Events, in the order they came.
    pub events: Vec<LedgerEvent>,
}

/// What does not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MismatchKind {
    /// One request of the merchant was captured more than once.
    CapturedTwice,
    /// One request of the merchant was refunded more than once.
    RefundedTwice,
    /// The event log shows another sum than was asked for with this key.
    OtherAmount,
    /// More is captured than was authorized.
    OverCaptured,
    /// More is refunded than was captured.
    OverRefunded,
    /// The merchant was told that it was not done, and it was.
    ToldFailedButDone,
    /// The merchant was told that it was done, and the log does not have it.
    ToldDoneButAbsent,
    /// One idempotency key stands for two different requests.
    KeyReused,
    /// A money call is open without evidence for too long.
    OpenTooLong,
    /// The log has an operation with a key of the bridge that the record does not know.
    UnknownBridgeKey,
    /// What is recorded and what upstream shows do not add up.
    SumsDiffer,
}

impl MismatchKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::CapturedTwice,
        Self::RefundedTwice,
        Self::OtherAmount,
        Self::OverCaptured,
        Self::OverRefunded,
        Self::ToldFailedButDone,
        Self::ToldDoneButAbsent,
        Self::KeyReused,
        Self::OpenTooLong,
        Self::UnknownBridgeKey,
        Self::SumsDiffer,
    ];

    /// The word in the store, in metrics and in answers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::CapturedTwice => "captured_twice",
            Self::RefundedTwice => "refunded_twice",
            Self::OtherAmount => "other_amount",
            Self::OverCaptured => "over_captured",
            Self::OverRefunded => "over_refunded",
            Self::ToldFailedButDone => "told_failed_but_done",
            Self::ToldDoneButAbsent => "told_done_but_absent",
            Self::KeyReused => "key_reused",
            Self::OpenTooLong => "open_too_long",
            Self::UnknownBridgeKey => "unknown_bridge_key",
            Self::SumsDiffer => "sums_differ",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A mismatch as it is found: unique by payment, kind and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mismatch {
    /// What does not fit.
    pub kind: MismatchKind,
    /// What it is about: a key, a request id, a sum. At most 200 characters.
    pub about: String,
}

/// A mismatch as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptMismatch {
    /// Its number.
    pub id: i64,
    /// Sales unit or caller.
    pub scope: Scope,
    /// As the merchant wrote it.
    pub order: OrderText,
    /// What does not fit.
    pub found: Mismatch,
    /// When it was found.
    pub found_at: Moment,
    /// Whether it was told in the log.
    pub told: bool,
    /// When it was no longer so.
    pub resolved_at: Option<Moment>,
}

/// Which mismatches to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhichMismatches {
    /// Those that are open.
    Open,
    /// Resolved ones as well.
    All,
    /// All of an order, in whatever unit.
    Of(OrderText),
}

/// A payment whose look is due, claimed.
#[derive(Clone, Debug)]
pub struct DueLook {
    /// The claim.
    pub lease: Lease,
    /// Changes with each piece of news: what is read counts only where none came meanwhile.
    pub news: i64,
    /// The payment.
    pub payment: LedgerPayment,
}

/// How a claimed look ends.
#[derive(Clone, Debug)]
pub enum LookEnd {
    /// Payment and log were read, and the log's events are recorded.
    Read {
        /// What the payment shows.
        balance: Balance,
        /// What was ordered, as the payment shows it.
        ordered: Money,
        /// All that does not fit now; what was found before and is not among it is resolved.
        mismatches: Vec<Mismatch>,
    },
    /// It can't be read; what the record alone shows does not fit.
    NotRead {
        /// Why, in words of the program.
        why: &'static str,
        /// What the record alone shows.
        mismatches: Vec<Mismatch>,
    },
}

/// So many payments are counted alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDays {
    /// The sales unit; none where it is not known.
    pub msn: Option<Msn>,
    /// Where they were created; none where that is not known.
    pub origin: Option<Origin>,
    /// Of `to_capture` and `to_refund`.
    pub currency: Currency,
    /// Class, days, and the sums of all of them.
    pub counted: Counted,
    /// How many.
    pub payments: u64,
}

impl OpenDays {
    /// Its place in an order of its own.
    #[must_use]
    pub fn place(
        &self,
    ) -> (
        &str,
        Option<&'static str>,
        &'static str,
        OpenClass,
        Option<Day>,
        Option<Day>,
    ) {
        (
            self.msn.as_ref().map_or("", Msn::as_str),
            self.origin.map(super::words::origin),
            self.currency.code(),
            self.counted.class,
            self.counted.capture_day,
            self.counted.refund_day,
        )
    }
}

/// Which payments to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct PaymentFilter {
    /// Of this sales unit.
    pub msn: Option<Msn>,
    /// Of this order.
    pub order: Option<OrderText>,
    /// Older than this one.
    pub before: Option<LedgerId>,
    /// At most so many.
    pub limit: usize,
}

/// The ledger.
#[async_trait]
pub trait LedgerStore: Send + Sync + std::fmt::Debug {
    /// The payments behind `after` with all that is recorded of them, oldest first; at most `limit`.
    async fn ledger(&self, after: LedgerId, limit: usize) -> Result<Vec<LedgerEntry>, StoreError>;

    /// The payments of an order, in one unit or in all; at most ten.
    async fn ledger_of(
        &self,
        order: &OrderText,
        msn: Option<&Msn>,
    ) -> Result<Vec<LedgerEntry>, StoreError>;

    /// Lists payments.
    async fn list_payments(&self, filter: PaymentFilter) -> Result<Vec<LedgerPayment>, StoreError>;

    /// Takes what a read has shown to others; `None` of `balance`'s times leaves what is known.
    async fn learn_balance(
        &self,
        scope: &Scope,
        order: &OrderText,
        balance: Balance,
    ) -> Result<(), StoreError>;

    /// Claims payments whose look is due, until `until`.
    async fn claim_looks(
        &self,
        now: Moment,
        limit: usize,
        until: Moment,
    ) -> Result<Vec<DueLook>, StoreError>;

    /// Settles a look: the next is due at `next`, at once where news came meanwhile, or never. The mismatches that nobody
    /// was told of yet; none where the claim is no longer this worker's.
    async fn settle_look(
        &self,
        due: &DueLook,
        end: LookEnd,
        next: Option<Moment>,
        now: Moment,
    ) -> Result<Option<Vec<KeptMismatch>>, StoreError>;

    /// Notes that mismatches are in the log.
    async fn told_mismatches(&self, ids: &[i64]) -> Result<(), StoreError>;

    /// Mismatches, newest first; at most `limit`.
    async fn mismatches(
        &self,
        which: WhichMismatches,
        limit: usize,
    ) -> Result<Vec<KeptMismatch>, StoreError>;

    /// How many are open, by kind.
    async fn mismatch_counts(&self) -> Result<Vec<(MismatchKind, u64)>, StoreError>;

    /// The payments that may still change, counted; kept up to date with each step.
    async fn open_payments(&self) -> Result<Vec<OpenDays>, StoreError>;

    /// The same, counted anew from every payment: for a proof, not for a scrape.
    async fn recount_open(&self) -> Result<Vec<OpenDays>, StoreError>;

    /// What may be captured and whose guaranteed time ends before `until`, the earliest first. At most `limit`.
    async fn expiring(&self, until: Moment, limit: usize)
    -> Result<Vec<LedgerPayment>, StoreError>;
}
