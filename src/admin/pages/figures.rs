//! What the pages show of the rest of the bridge: plain data, handed in by whoever measures it.
//!
//! To add something: give it a type here, fill it where `Figures` is made (`app::operator`), and show it in a template.
//! Must not: hold a secret, or a merchant's text beside the order id of a story.

use super::chart::Traffic;
use crate::store::CallbackCounts;
use crate::types::{Moment, Msn, OrderText};

/// Something measured, or why there is nothing to show.
#[derive(Clone, Debug, Default)]
pub enum Figure<T> {
    /// This release does not measure it.
    #[default]
    NotMeasured,
    /// It can't be told now: why.
    Unknown(String),
    /// It is this.
    Known(T),
}

impl<T> Figure<T> {
    /// What is known; none else.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::NotMeasured | Self::Unknown(_) => None,
        }
    }

    /// The same of something made from it.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Figure<U> {
        match self {
            Self::Known(value) => Figure::Known(make(value)),
            Self::Unknown(why) => Figure::Unknown(why),
            Self::NotMeasured => Figure::NotMeasured,
        }
    }

    /// What to say where nothing is known.
    #[must_use]
    pub fn missing(&self) -> &str {
        match self {
            Self::NotMeasured => "not measured by this release",
            Self::Unknown(why) => why,
            Self::Known(_) => "",
        }
    }
}

impl<T, E: std::fmt::Display> From<Result<T, E>> for Figure<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(error) => Self::Unknown(error.to_string()),
        }
    }
}

/// Everything that the overview and a merchant's page ask for at once.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Requests of merchants being served.
    pub in_flight: Figure<u64>,
    /// Changes whose outcome nobody knows.
    pub ambiguous: Figure<u64>,
    /// Open mismatches of the money ledger.
    pub mismatches: Figure<u64>,
    /// Reserved payments whose guaranteed time to be captured ends within days, or has ended.
    pub expiring: Figure<u64>,
    /// Callbacks and events that wait.
    pub callbacks: Figure<CallbackCounts>,
    /// Requests by route, over the last hour.
    pub traffic: Figure<Traffic>,
    /// May the next toggle be switched.
    pub verdicts: Figure<Vec<Verdict>>,
    /// Payments that may still change.
    pub open_payments: Figure<Vec<OpenPayments>>,
}

/// May the next step be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Go,
    /// Not yet, or too little is known.
    Wait,
    /// No.
    No,
}

impl Answer {
    /// As it is shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Wait => "wait",
            Self::No => "no",
        }
    }

    /// How it is marked, beside its word.
    #[must_use]
    pub const fn tone(self) -> &'static str {
        match self {
            Self::Go => "good",
            Self::Wait => "warn",
            Self::No => "bad",
        }
    }
}

/// The verdict on one step of one sales unit.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The sales unit.
    pub msn: Msn,
    /// The step, such as `initiate to 25%`.
    pub step: String,
    /// The answer.
    pub answer: Answer,
    /// Why.
    pub reasons: Vec<String>,
}

/// Payments of one sales unit and birth that may still change.
#[derive(Clone, Debug)]
pub struct OpenPayments {
    /// The sales unit; none where it is not known.
    pub msn: Option<Msn>,
    /// Where they were created: `eCom` or `ePayment`.
    pub origin: String,
    /// Such as `reserved`.
    pub state: String,
    /// How many.
    pub count: u64,
    /// Their sum as it is shown, with its currency.
    pub sum: String,
    /// When the oldest was created.
    pub oldest: Option<Moment>,
    /// When the last one can be gone.
    pub gone_by: Option<Moment>,
}

/// Payments that want a person's look.
#[derive(Clone, Debug, Default)]
pub struct Attention {
    /// Where records and event log do not agree.
    pub mismatches: Vec<Noticed>,
    /// Whose guaranteed time to be captured ends.
    pub expiring: Vec<Noticed>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Noticed {
    /// Whose; none where it is not known.
    pub msn: Option<Msn>,
    /// The order, as the merchant wrote it.
    pub order: OrderText,
    /// Since when, or until when.
    pub at: Moment,
    /// What it is.
    pub what: String,
}

/// What is searched for.
#[derive(Clone, Debug)]
pub struct Search {
    /// The order, as the merchant wrote it.
    pub order: OrderText,
    /// Of this sales unit; none: of any.
    pub msn: Option<Msn>,
}

/// One payment's story.
#[derive(Clone, Debug)]
pub struct Story {
    /// Whose it is.
    pub msn: Option<Msn>,
    /// What is known of it, as name and value.
    pub facts: Vec<(String, String)>,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// What does not agree; empty where all does.
    pub findings: Vec<String>,
}

/// One step of a story.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: Moment,
    /// What was asked or told, such as `capture asked`.
    pub what: String,
    /// The rest in plain words.
    pub detail: String,
}
