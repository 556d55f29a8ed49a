//! May the next toggle be moved, and may the bridge go: verdicts from what was observed, with their reasons.
//!
//! Pure but for `gather`, which collects what the verdicts rest on. What was not seen is not known: too few calls are
//! *insufficient*, never *go*, and "no error seen" is said with its bound. Must not: count, or move anything.

mod calls;
mod gather;
mod judge;
mod remove;
mod tally;

use std::collections::BTreeMap;

use serde::Serialize;

pub use calls::Example;
pub use gather::{CountOpen, Gatherer, ShadowFound, TurnedBack, in_force};
pub use judge::judge;
pub use remove::{Need, Removal, removal};
pub use tally::{Seen, SideSeen, Tally};

use crate::ecom::route::Operation;
use crate::epayment::model::CustomerInteraction;
use crate::routing::Routing;
use crate::store::Observation;
use crate::types::{Moment, Msn};

/// The calls of an operation that are needed for a go: with none bad among them, the share of bad ones is below 5 % at
/// 95 %.
pub const NEEDED: u64 = 60;

/// What is advised; a later one weighs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It may be done.
    Go,
    /// Too little was seen to say.
    Insufficient,
    /// Something must be put in order, or come to its end, first.
    Wait,
    /// It would do harm.
    No,
}

impl Verdict {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Insufficient => "insufficient",
            Self::Wait => "wait",
            Self::No => "no",
        }
    }
}

/// One reason of a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Its word.
    pub code: &'static str,
    /// What it alone would advise; `go`: it is for the step, or only to be known.
    pub weighs: Verdict,
    /// In a sentence.
    pub told: String,
}

impl Reason {
    fn new(code: &'static str, weighs: Verdict, told: impl Into<String>) -> Self {
        Self {
            code,
            weighs,
            told: told.into(),
        }
    }
}

/// The heaviest reason decides; without a reason nothing is known.
fn heaviest(reasons: &[Reason]) -> Verdict {
    reasons
        .iter()
        .map(|reason| reason.weighs)
        .max()
        .unwrap_or(Verdict::Insufficient)
}

/// What the outbox says of a sales unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Callbacks {
    /// Delivered, of those that are still kept.
    pub delivered: u64,
    /// Waiting.
    pub pending: u64,
    /// Given up.
    pub dead: u64,
}

/// What shadowing found of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Comparisons without a difference.
    pub clean: u64,
    /// Comparisons with one that counts: it exceeds the noise, and nobody has judged it away.
    pub different: u64,
    /// Of the clean ones, those that were only translated and judged, without an answer to compare.
    pub dry: u64,
}

/// Payments that may still change, as the ledger counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenPayments {
    /// Created in eCom.
    pub born_in_ecom: u64,
    /// Of these, those that ePayment can't serve as a whole: Express, and order ids that are no reference. None: not counted.
    pub only_ecom: Option<u64>,
    /// Created in ePayment.
    pub born_in_epayment: u64,
    /// When the last one is gone, if nothing more is done to any.
    #[serde(serialize_with = "moment")]
    pub gone_at: Option<Moment>,
}

/// A moment as its text.
#[expect(clippy::ref_option, reason = "the form that serde asks for")]
fn moment<S: serde::Serializer>(moment: &Option<Moment>, to: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => to.collect_str(moment),
        None => to.serialize_none(),
    }
}

/// Everything that the verdicts about one sales unit rest on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whose.
    pub msn: Msn,
    /// When.
    pub now: Moment,
    /// What is in force for it, ramp and rollback apart.
    pub routing: Routing,
    /// The steps of initiate, in percent, ascending.
    pub steps: Vec<u8>,
    /// As its new payments say it.
    pub interaction: CustomerInteraction,
    /// Whether it is marked with `direct_capture`.
    pub direct_capture: bool,
    /// Whether events can arrive at all.
    pub webhooks: bool,
    /// What was counted.
    pub observed: Vec<Observation>,
    /// Its outbox.
    pub callbacks: Callbacks,
    /// Why its registration is not in order, where it is not.
    pub registration: Option<String>,
    /// Why the machine turned its new payments back, where it did and they are still held.
    pub turned_back: Option<String>,
    /// When a toggle of it was last moved.
    pub moved_at: Option<Moment>,
    /// What shadowing found; none: it is not measured.
    pub shadow: Option<BTreeMap<Operation, Compared>>,
    /// What the ledger counts; none: not counted.
    pub open: Option<OpenPayments>,
}

/// What a combination of toggles means, for JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The stage's word.
    pub stage: &'static str,
    /// Whether it is in the published order.
    pub published_order: bool,
    /// In a sentence or two.
    pub told: String,
    /// What would become of payments if the bridge were removed now.
    pub without_the_bridge: String,
    /// The calls that would fail then, of payments created from now on.
    pub strands: Vec<&'static str>,
}

impl Order {
    /// Of what is in force.
    #[must_use]
    pub fn of(routing: &Routing, open: Option<&OpenPayments>) -> Self {
        let meaning = crate::routing::order::meaning(routing);
        Self {
            stage: meaning.stage.word(),
            published_order: meaning.stage.is_published_order(),
            told: meaning.told(),
            without_the_bridge: meaning.without_the_bridge(open.map(|open| open.born_in_epayment)),
            strands: meaning.strands().iter().map(|one| one.word()).collect(),
        }
    }
}

/// One operation's step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which.
    pub operation: &'static str,
    /// Where it goes now: `ecom`, `epayment` or a percentage.
    pub from: String,
    /// Where it would go; the same where it has moved already, and the verdict says whether that holds.
    pub to: String,
    /// The advice.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// A sales unit that has fallen silent against its own rhythm.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Silent {
    /// Its last call.
    pub since: String,
    /// How many calls its silence should have held.
    pub expected_calls: u64,
    /// Whether one of its toggles was moved in the week before or the day after its last call.
    pub after_toggle: bool,
}

/// The verdicts about one sales unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whose.
    pub msn: String,
    /// When.
    pub at: String,
    /// The first hour that was counted, where any was.
    pub observed_from: Option<String>,
    /// What its toggles mean.
    pub order: Order,
    /// The step that the published order has next; none: everything has moved, and what is left is the removal.
    pub next: Option<Step>,
    /// Every operation's step, in the published order.
    pub steps: Vec<Step>,
    /// What was seen, by operation.
    pub operations: Vec<Seen>,
    /// Its outbox.
    pub callbacks: Callbacks,
    /// Where it has fallen silent.
    pub silent: Option<Silent>,
}

impl Report {
    /// The verdict of the next step; of a unit that has moved, whether everything holds.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let held = || self.steps.iter().map(|step| step.verdict).max();
        match &self.next {
            Some(next) => next.verdict,
            None => held().unwrap_or(Verdict::Insufficient),
        }
    }
}

#[cfg(test)]
mod tests;
