//! Sums of what was counted of one sales unit, by operation and side.
//!
//! Must not: judge them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ecom::route::Operation;
use crate::observe::mark::{
    DONE, EXPRESS, FAILED, FITS, HERE, INVALID, LOSS, NOT, REFUSED, STRICTER, TIMES, TOLD, USED,
    class_begins, time_word,
};
use crate::observe::stats::Share;
use crate::store::{Counts, Hour, Observation, Side};
use crate::types::Moment;

/// One operation at one side.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: Counts,
    /// The last call.
    pub last_at: Option<Moment>,
}

impl Tally {
    /// The number of a word.
    #[must_use]
    pub fn of(&self, word: &str) -> u64 {
        self.counts.of(word)
    }

    /// All calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        [DONE, REFUSED, FAILED, HERE]
            .map(|word| self.of(word))
            .iter()
            .sum()
    }

    /// Those that did not do what was asked.
    #[must_use]
    pub fn bad(&self) -> Share {
        Share::new(self.calls() - self.of(DONE), self.calls())
    }

    /// Those that the API failed.
    #[must_use]
    pub fn failed(&self) -> Share {
        Share::new(self.of(FAILED), self.calls())
    }

    /// The words that begin so, with their numbers.
    #[must_use]
    pub fn words(&self, start: &str) -> BTreeMap<String, u64> {
        self.counts
            .iter()
            .filter_map(|(word, count)| Some((word.strip_prefix(start)?.to_owned(), count)))
            .collect()
    }

    fn merge(&mut self, other: &Counts, last_at: Moment) {
        self.counts.merge(other);
        self.last_at = self.last_at.max(Some(last_at));
    }

    /// Both together.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.counts.merge(&other.counts);
        sum.last_at = sum.last_at.max(other.last_at);
        sum
    }

    /// The time below which this share of calls was, in milliseconds: where its class ends.
    fn time_below(&self, share: f64) -> Option<u64> {
        let counts: Vec<u64> = (0..TIMES).map(|class| self.of(time_word(class))).collect();
        let all: u64 = counts.iter().sum();
        let mut sum = 0;
        for (class, count) in counts.iter().enumerate() {
            sum += count;
            if all > 0 && Share::new(sum, all).seen() >= share {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "below 2^17"
                )]
                return Some(class_begins(class + 1).ceil() as u64);
            }
        }
        None
    }
}

/// Everything of one sales unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies {
    all: BTreeMap<(Operation, Side), Tally>,
    /// Calls by hour, of all operations.
    pub(super) by_hour: BTreeMap<Hour, u64>,
}

impl Tallies {
    pub(super) fn of(observed: &[Observation]) -> Self {
        let mut tallies = Self::default();
        for one in observed {
            let tally = tallies.all.entry((one.operation, one.side)).or_default();
            tally.merge(&one.counts, one.last_at);
            let calls: u64 = [DONE, REFUSED, FAILED, HERE]
                .map(|word| one.counts.of(word))
                .iter()
                .sum();
            *tallies.by_hour.entry(one.hour).or_default() += calls;
        }
        tallies
    }

    pub(super) fn at(&self, operation: Operation, side: Side) -> Tally {
        self.all
            .get(&(operation, side))
            .cloned()
            .unwrap_or_default()
    }

    /// Of all sides.
    pub(super) fn whole(&self, operation: Operation) -> Tally {
        Side::ALL
            .into_iter()
            .map(|side| self.at(operation, side))
            .fold(Tally::default(), |sum, one| sum.with(&one))
    }

    pub(super) fn last_at(&self) -> Option<Moment> {
        self.all.values().filter_map(|tally| tally.last_at).max()
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        Operation::ALL
            .into_iter()
            .filter(|operation| self.whole(*operation).calls() > 0)
            .map(|operation| Seen::of(operation, self))
            .collect()
    }
}

/// One operation at one side, for JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SideSeen {
    /// All calls.
    pub calls: u64,
    /// Done.
    pub done: u64,
    /// Refused by the API.
    pub refused: u64,
    /// Failed by the API, or unknown.
    pub failed: u64,
    /// Refused by the bridge.
    pub refused_here: u64,
    /// Errors told, by their names.
    pub told: BTreeMap<String, u64>,
    /// Half of the calls to the API took less, in milliseconds.
    pub half_below_ms: Option<u64>,
    /// 95 % took less.
    pub most_below_ms: Option<u64>,
    /// The last call.
    pub last_at: Option<String>,
}

impl SideSeen {
    fn of(tally: &Tally) -> Self {
        Self {
            calls: tally.calls(),
            done: tally.of(DONE),
            refused: tally.of(REFUSED),
            failed: tally.of(FAILED),
            refused_here: tally.of(HERE),
            told: tally.words(TOLD),
            half_below_ms: tally.time_below(0.5),
            most_below_ms: tally.time_below(0.95),
            last_at: tally.last_at.map(|at| at.to_string()),
        }
    }
}

/// What was seen of one operation, for JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Which.
    pub operation: &'static str,
    /// At eCom.
    pub ecom: SideSeen,
    /// At ePayment.
    pub epayment: SideSeen,
    /// Refused before it was decided.
    pub nowhere: u64,
    /// Calls that translate as a whole.
    pub fits: u64,
    /// Calls of eCom's Express.
    pub express: u64,
    /// Calls that do not translate, by reason.
    pub untranslatable: BTreeMap<String, u64>,
    /// Calls that the bridge's checks would refuse.
    pub invalid: u64,
    /// Of these, those that eCom took.
    pub stricter: u64,
    /// What is lost, by code.
    pub losses: BTreeMap<String, u64>,
    /// Members used.
    pub used: BTreeMap<String, u64>,
}

impl Seen {
    fn of(operation: Operation, all: &Tallies) -> Self {
        let whole = all.whole(operation);
        Self {
            operation: operation.word(),
            ecom: SideSeen::of(&all.at(operation, Side::Ecom)),
            epayment: SideSeen::of(&all.at(operation, Side::Epayment)),
            nowhere: all.at(operation, Side::Nowhere).calls(),
            fits: whole.of(FITS),
            express: whole.of(EXPRESS),
            untranslatable: whole.words(NOT),
            invalid: whole.of(INVALID),
            stricter: whole.of(STRICTER),
            losses: whole.words(LOSS),
            used: whole.words(USED),
        }
    }
}
