//! A payment's sums as they are known, what each piece of news makes of them, and how they are counted: pure.
//!
//! News adds to what is known; a read of the payment replaces it. Must not: count one operation twice because its event
//! and its answer both tell of it, or know a database.

use std::time::Duration;

use crate::epayment::event::EventName;
use crate::types::{Amount, Moment, MoneyOp};

/// A money call's event may take this long to show in the event log: only then the log is read.
pub const SOON: Duration = Duration::from_secs(60);
/// A payment that eCom may be at: nobody tells the bridge of its approval, so it is read after the user's time is up.
pub(super) const AFTER_APPROVAL: Duration = Duration::from_secs(15 * 60);
/// Larger sums count as this much, so that a total never overflows (ten billion kroner).
const COUNTED_MAX: i64 = 1_000_000_000_000;
const DAY: i64 = 24 * 3600 * 1000;

/// Where a payment stands, as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PayState {
    /// Nobody has told.
    Unknown,
    /// Created, and nobody has approved it as far as known.
    Created,
    /// Approved, nothing captured.
    Reserved,
    /// Some of it is captured, and more may be.
    PartlyCaptured,
    /// Captured; nothing more may be captured.
    Captured,
    /// All that was captured is given back.
    Refunded,
    /// Released, or ended by the merchant.
    Cancelled,
    /// The user said no, or nobody acted.
    Failed,
}

impl PayState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Created,
        Self::Reserved,
        Self::PartlyCaptured,
        Self::Captured,
        Self::Refunded,
        Self::Cancelled,
        Self::Failed,
    ];

    /// The word in the store and in answers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Created => "created",
            Self::Reserved => "reserved",
            Self::PartlyCaptured => "partly_captured",
            Self::Captured => "captured",
            Self::Refunded => "refunded",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// What a payment's state was learnt from last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// The bridge's own record of its creation.
    Record,
    /// A signed webhook.
    Webhook,
    /// An event of the event log.
    EventLog,
    /// The answer to a money call.
    MoneyCall,
    /// A read of payment and event log by the reconciler.
    Reconcile,
    /// eCom's answer to `details`.
    EcomDetails,
}

impl Learnt {
    const ALL: [Self; 6] = [
        Self::Record,
        Self::Webhook,
        Self::EventLog,
        Self::MoneyCall,
        Self::Reconcile,
        Self::EcomDetails,
    ];

    /// The word in the store and in answers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Webhook => "webhook",
            Self::EventLog => "event_log",
            Self::MoneyCall => "money_call",
            Self::Reconcile => "reconcile",
            Self::EcomDetails => "ecom_details",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|learnt| learnt.word() == word)
    }
}

/// How a payment may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OpenClass {
    /// Nobody has told where it stands.
    Unknown,
    /// Nobody has approved it as far as known.
    Created,
    /// It may be captured or cancelled.
    Reserved,
    /// More of it may be captured, or what is captured given back.
    PartlyCaptured,
    /// It may be given back.
    Refundable,
}

impl OpenClass {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Unknown,
        Self::Created,
        Self::Reserved,
        Self::PartlyCaptured,
        Self::Refundable,
    ];

    /// The word in the store, in metrics and in answers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Created => "created",
            Self::Reserved => "reserved",
            Self::PartlyCaptured => "partly_captured",
            Self::Refundable => "refundable",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }
}

/// Days since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub i64);

impl Day {
    /// The day of a moment.
    #[must_use]
    pub const fn of(moment: Moment) -> Self {
        Self(moment.millis().div_euclid(DAY))
    }

    /// So many days later.
    #[must_use]
    pub const fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Its first moment.
    #[must_use]
    pub const fn begin(self) -> Moment {
        Moment::from_millis(self.0.saturating_mul(DAY))
    }
}

/// How a payment is counted among those that may still change. What ages is a day, so that no row changes by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Counted {
    /// How it may change.
    pub class: OpenClass,
    /// The day from which its time to be captured runs; none where there is nothing to capture.
    pub capture_day: Option<Day>,
    /// The day from which its time to be refunded runs; none where there is nothing to refund.
    pub refund_day: Option<Day>,
    /// Minor units.
    pub to_capture: Amount,
    /// Minor units.
    pub to_refund: Amount,
}

/// The four sums, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Reserved by the user.
    pub authorized: Amount,
    /// Taken.
    pub captured: Amount,
    /// Given back.
    pub refunded: Amount,
    /// Released.
    pub cancelled: Amount,
}

impl Sums {
    /// What may still be captured.
    #[must_use]
    pub fn to_capture(&self) -> Amount {
        self.authorized.less(self.captured).less(self.cancelled)
    }

    /// What may still be given back.
    #[must_use]
    pub fn to_refund(&self) -> Amount {
        self.captured.less(self.refunded)
    }
}

/// A payment's balance as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Where it stands.
    pub state: PayState,
    /// The sums.
    pub sums: Sums,
    /// When it was approved.
    pub reserved_at: Option<Moment>,
    /// When it was last captured.
    pub captured_at: Option<Moment>,
    /// Until when a capture is guaranteed.
    pub guaranteed_until: Option<Moment>,
    /// When something was learnt last.
    pub learnt_at: Moment,
    /// From what.
    pub learnt: Learnt,
}

/// An event, as far as it changes a balance.
#[derive(Clone, Copy, Debug)]
pub(super) struct News {
    pub(super) name: EventName,
    pub(super) success: bool,
    pub(super) amount: Amount,
    pub(super) at: Moment,
    /// Its sum is counted already: by the answer to the call, or by the read that follows.
    pub(super) counted: bool,
}

/// A money call that succeeded, as far as it changes a balance.
#[derive(Clone, Copy, Debug)]
pub(super) struct DoneCall {
    pub(super) op: MoneyOp,
    pub(super) amount: Amount,
    pub(super) at: Moment,
    /// Its event has come before it.
    pub(super) counted: bool,
}

impl Balance {
    /// Of a payment of which nothing else is known.
    #[must_use]
    pub fn new(state: PayState, now: Moment) -> Self {
        Self {
            state,
            sums: Sums::default(),
            reserved_at: None,
            captured_at: None,
            guaranteed_until: None,
            learnt_at: now,
            learnt: Learnt::Record,
        }
    }

    /// An event happened. `ordered` is the payment's amount.
    pub(super) fn hear(&mut self, news: News, ordered: Option<Amount>, from: Learnt, now: Moment) {
        (self.learnt_at, self.learnt) = (now, from);
        if !news.success {
            return;
        }
        match news.name {
            EventName::Authorized => {
                self.authorize(news.amount, news.at);
                self.settle();
            }
            EventName::Captured => self.add(MoneyOp::Capture, news.amount, news, ordered),
            EventName::Refunded => self.add(MoneyOp::Refund, news.amount, news, ordered),
            EventName::Cancelled => self.release(ordered, news.at),
            EventName::Aborted | EventName::Expired if self.sums.authorized.is_zero() => {
                self.state = PayState::Failed;
            }
            EventName::Terminated if self.sums.authorized.is_zero() => {
                self.state = PayState::Cancelled;
            }
            _ => {}
        }
    }

    /// A money call succeeded.
    pub(super) fn call(&mut self, done: DoneCall, ordered: Option<Amount>, now: Moment) {
        (self.learnt_at, self.learnt) = (now, Learnt::MoneyCall);
        let news = News {
            name: EventName::Unknown,
            success: true,
            amount: done.amount,
            at: done.at,
            counted: done.counted,
        };
        match done.op {
            MoneyOp::Cancel if self.sums.authorized.is_zero() => self.state = PayState::Cancelled,
            MoneyOp::Cancel => self.release(ordered, done.at),
            op => self.add(op, done.amount, news, ordered),
        }
    }

    fn add(&mut self, op: MoneyOp, amount: Amount, news: News, ordered: Option<Amount>) {
        if news.counted {
            return;
        }
        let plus = |sum: Amount| sum.checked_add(amount).unwrap_or(sum);
        if op == MoneyOp::Refund {
            self.sums.refunded = plus(self.sums.refunded);
        } else {
            self.sums.captured = plus(self.sums.captured);
            self.captured_at = self.captured_at.max(Some(news.at));
        }
        // Who captures has a reservation, though nobody has told of it.
        if self.sums.authorized.is_zero() {
            self.authorize(ordered.unwrap_or(self.sums.captured), news.at);
        }
        self.settle();
    }

    fn authorize(&mut self, amount: Amount, at: Moment) {
        self.sums.authorized = self.sums.authorized.max(amount);
        self.reserved_at = Some(self.reserved_at.map_or(at, |before| before.min(at)));
    }

    /// A cancel always releases all the rest.
    fn release(&mut self, ordered: Option<Amount>, at: Moment) {
        if self.sums.authorized.is_zero() {
            self.authorize(ordered.unwrap_or(self.sums.captured), at);
        }
        self.sums.cancelled = self.sums.authorized.less(self.sums.captured);
        self.settle();
        if self.sums.authorized.is_zero() {
            self.state = PayState::Cancelled;
        }
    }

    /// The state that the sums of an approved payment show.
    pub fn settle(&mut self) {
        let sums = &self.sums;
        if sums.authorized.is_zero() && sums.captured.is_zero() {
            return;
        }
        self.state = match (sums.captured.is_zero(), sums.to_capture().is_zero()) {
            (true, true) => PayState::Cancelled,
            (true, false) => PayState::Reserved,
            (false, false) => PayState::PartlyCaptured,
            (false, true) if sums.to_refund().is_zero() => PayState::Refunded,
            (false, true) => PayState::Captured,
        };
    }

    /// How it is counted; none where it can't change any more.
    #[must_use]
    pub fn counted(&self, created_at: Moment) -> Option<Counted> {
        let reserved = Day::of(self.reserved_at.unwrap_or(created_at));
        let captured = Day::of(self.captured_at.or(self.reserved_at).unwrap_or(created_at));
        let refundable = (!self.sums.to_refund().is_zero()).then_some(captured);
        let (class, capture_day, refund_day) = match self.state {
            PayState::Unknown => (OpenClass::Unknown, Some(Day::of(created_at)), None),
            PayState::Created => (OpenClass::Created, Some(Day::of(created_at)), None),
            PayState::Reserved => (OpenClass::Reserved, Some(reserved), None),
            PayState::PartlyCaptured => (OpenClass::PartlyCaptured, Some(reserved), refundable),
            PayState::Captured => (OpenClass::Refundable, None, Some(captured)),
            PayState::Refunded | PayState::Cancelled | PayState::Failed => return None,
        };
        let bounded = |amount: Amount| {
            Amount::new(amount.minor_units().min(COUNTED_MAX)).unwrap_or(Amount::ZERO)
        };
        Some(Counted {
            class,
            capture_day,
            refund_day,
            to_capture: bounded(self.sums.to_capture()),
            to_refund: bounded(self.sums.to_refund()),
        })
    }
}

#[cfg(test)]
mod tests;
