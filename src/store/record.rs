//! The records, as plain values: payments, attempts at one, money calls.
//!
//! Must not: hold a merchant's token or subscription key. The merchant's `authToken` for callbacks is kept, hidden from
//! `Debug`, and sealed at rest where an encryption key is configured.

use secrecy::SecretString;

use crate::types::{
    Amount, CallerHash, Currency, IdempotencyKey, Kind, Moment, MoneyOp, Msn, OrderText, Origin,
    Reference, RequestId, Scope,
};

/// Where the merchant wants to hear of a payment.
#[derive(Clone, Debug)]
pub struct CallbackTarget {
    /// `callbackPrefix` as it came, at most 255 characters.
    pub prefix: String,
    /// `authToken` as it came; sent back as `Authorization`.
    pub auth_token: Option<SecretString>,
}

/// What is remembered of a payment's creation.
#[derive(Clone, Debug)]
pub struct PaymentFacts {
    /// Where it was created.
    pub origin: Origin,
    /// Regular, Express or not proven.
    pub kind: Kind,
    /// Under which ePayment knows it, where it can.
    pub reference: Option<Reference>,
    /// Minor units.
    pub amount: Option<Amount>,
    /// Its currency.
    pub currency: Option<Currency>,
    /// The merchant's text.
    pub text: Option<String>,
    /// Where callbacks go.
    pub callback: Option<CallbackTarget>,
    /// The user data asked for.
    pub scope_asked: Option<String>,
    /// Where the user returns to.
    pub fall_back: Option<String>,
    /// The merchant's own X-Request-Id of the initiate; shown in details.
    pub request_id: Option<RequestId>,
}

/// A payment that its API has accepted.
#[derive(Clone, Debug)]
pub struct PaymentRecord {
    /// Sales unit or caller.
    pub scope: Scope,
    /// As the merchant wrote it.
    pub order: OrderText,
    /// What is remembered.
    pub facts: PaymentFacts,
    /// The key that created it, where the bridge did.
    pub create_key: Option<IdempotencyKey>,
    /// When it was recorded.
    pub created_at: Moment,
}

/// An attempt to create a payment, recorded before it is sent.
#[derive(Clone, Debug)]
pub struct NewPayment {
    /// Sales unit or caller.
    pub scope: Scope,
    /// As the merchant wrote it.
    pub order: OrderText,
    /// Who asks.
    pub caller: CallerHash,
    /// What will be remembered; `facts.origin` is the API it is sent to.
    pub facts: PaymentFacts,
    /// The key it is sent with; none to eCom.
    pub key: Option<IdempotencyKey>,
    /// Keyed hash of the parsed body without its time stamp: tells an equal repeat.
    pub fingerprint: [u8; 16],
    /// When the payment's final state is asked for, if nobody has told it by then; none: never.
    pub poll_at: Option<Moment>,
    /// Until when it must be approved, where the merchant has set a limit.
    pub end_at: Option<Moment>,
    /// Now.
    pub now: Moment,
    /// Until when the sender owns it; after that its outcome counts as unknown.
    pub until: Moment,
}

/// Names an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttemptId(pub i64);

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptState {
    /// Somebody is at it until this moment.
    InFlight(Moment),
    /// Nobody knows what became of it.
    Unknown,
}

/// An open attempt.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its name.
    pub id: AttemptId,
    /// What would be remembered.
    pub facts: PaymentFacts,
    /// The key it was sent with.
    pub key: Option<IdempotencyKey>,
    /// Of its body.
    pub fingerprint: [u8; 16],
    /// Where it stands.
    pub state: AttemptState,
    /// When it began.
    pub begun_at: Moment,
}

/// What the store knows of an order.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The payment, where one was accepted.
    pub payment: Option<PaymentRecord>,
    /// This caller's newest open attempt.
    pub attempt: Option<Attempt>,
}

impl Known {
    /// Whether it is nothing.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.payment.is_none() && self.attempt.is_none()
    }
}

/// The answer to `begin_payment`.
#[derive(Clone, Debug)]
pub enum Begun {
    /// Recorded; send it.
    Fresh(AttemptId),
    /// A payment or an open attempt of this caller binds the order to the other API: nothing was recorded.
    Bound(Origin),
    /// An open attempt of this caller at ePayment stands in the way: nothing was recorded. Never returned for eCom.
    Open(Box<Attempt>),
}

/// The answer to `begin_first_payment`.
#[derive(Clone, Debug)]
pub enum First {
    /// Nothing was known of the order; the attempt is recorded: send it.
    Begun(AttemptId),
    /// What is known of the order already: nothing was recorded.
    Known(Box<Known>),
}

/// Names a money call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AdjustmentId(pub i64);

/// Changes whenever a money call on the payment is begun or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub i64);

/// A money call, recorded before it is sent.
#[derive(Clone, Debug)]
pub struct NewAdjustment {
    /// Sales unit or caller.
    pub scope: Scope,
    /// As the merchant wrote it.
    pub order: OrderText,
    /// What is done.
    pub op: MoneyOp,
    /// Where it is sent; a repeat goes the same way.
    pub api: Origin,
    /// The merchant's own.
    pub request_id: Option<RequestId>,
    /// The key it is sent with; none to eCom.
    pub key: Option<IdempotencyKey>,
    /// How many attempts of this request were refused before.
    pub attempt: u32,
    /// Minor units; none on a cancel, and where eCom works it out.
    pub amount: Option<Amount>,
    /// Whether the bridge worked the amount out ("all that remains").
    pub computed: bool,
    /// The merchant's text.
    pub text: String,
    /// Of a cancel: what was cancelled already, where the payment was read before.
    pub cancelled_before: Option<Amount>,
    /// Now.
    pub now: Moment,
    /// Until when the sender owns it.
    pub until: Moment,
}

/// Where a money call stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdjustmentState {
    /// Not closed. Owned until this moment; after it, nobody is at it.
    Open(Moment),
    /// Done, by evidence.
    Succeeded {
        /// Minor units, as done.
        amount: Amount,
        /// The event's own number, where it was read.
        transaction_id: Option<String>,
        /// The event's time, or the bridge's where it was not read.
        at: Moment,
    },
    /// Definitely refused by upstream; the next attempt gets another key.
    Refused,
    /// Definitely not done, and not refused either: never sent, or shown by evidence. The key stays.
    NotDone,
}

/// A recorded money call.
#[derive(Clone, Debug)]
pub struct Adjustment {
    /// Its name.
    pub id: AdjustmentId,
    /// What is done.
    pub op: MoneyOp,
    /// Where it was sent.
    pub api: Origin,
    /// The merchant's own.
    pub request_id: Option<RequestId>,
    /// The key it was sent with.
    pub key: Option<IdempotencyKey>,
    /// How many attempts of this request were refused before.
    pub attempt: u32,
    /// Minor units asked for.
    pub amount: Option<Amount>,
    /// Whether the bridge worked the amount out.
    pub computed: bool,
    /// The merchant's text.
    pub text: String,
    /// Of a cancel: what was cancelled already before it.
    pub cancelled_before: Option<Amount>,
    /// Where it stands.
    pub state: AdjustmentState,
    /// When it was first recorded.
    pub begun_at: Moment,
    /// When it was last begun or resumed: nothing was sent after its owner's time ended.
    pub changed_at: Moment,
}

impl Adjustment {
    /// Whether it is not closed.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, AdjustmentState::Open(_))
    }

    /// Whether it was sent to ePayment, is not closed, and nobody is at it any more.
    #[must_use]
    pub fn is_left_open(&self, now: Moment) -> bool {
        self.is_open() && !self.is_owned(now) && self.api == Origin::Epayment && self.key.is_some()
    }

    /// Whether somebody is at it now.
    #[must_use]
    pub fn is_owned(&self, now: Moment) -> bool {
        matches!(self.state, AdjustmentState::Open(until) if until > now)
    }
}

/// What became of something that was recorded before it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened. For a payment the members are not used.
    Succeeded {
        /// Minor units, as done.
        amount: Amount,
        /// The event's own number.
        transaction_id: Option<String>,
        /// When.
        at: Moment,
    },
    /// Definitely refused by upstream.
    Refused,
    /// Not done and not refused, says its owner, whose time ends then. Where another one has it by now, nothing changes.
    NotDone(Moment),
    /// Nobody knows, says its owner, whose time ends then. Where another one has it by now, nothing changes.
    Unknown(Moment),
}

impl PaymentRecord {
    /// The sales unit, where known.
    #[must_use]
    pub const fn msn(&self) -> Option<&Msn> {
        self.scope.msn()
    }
}
