//! Records of shadowing: what became of the calls that were offered, which fields differ, and what people say of that.
//!
//! Counts and a few samples, whose values were made showable before. Must not: hold a value that may be personal, or
//! forget a judgement that nobody has withdrawn.

mod kinds;
mod record;

use std::collections::BTreeMap;

use async_trait::async_trait;

pub use kinds::{DifferenceKind, ShadowOutcome, Verdict, Way};
pub(super) use record::Samples;
pub use record::{FieldRecord, Given, Judgement, ShadowCounts, ShadowRecord};

use super::{Change, Reason, StoreError};
use crate::ecom::route::Operation;
use crate::types::{FieldPath, Moment, OrderId};

/// So many rows of fields are kept in all. The ones that were seen longest ago go first, those that a person has judged
/// last; how many went is counted.
pub const MOST_FIELDS: usize = 2_000;

/// So many samples of a row are kept: the first that was ever seen, and the newest.
pub const MOST_SAMPLES: usize = 5;

/// A row that was not seen for so many days is forgotten, and counted as gone.
pub(super) const DAYS: i64 = 400;

/// One field that differs. Values are as they may be shown, at most 80 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub field: FieldPath,
    /// How.
    pub kind: DifferenceKind,
    /// The merchant's answer.
    pub control: String,
    /// The other API's answer.
    pub candidate: String,
}

/// One example of a difference. Values are as they may be shown, at most 80 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: Moment,
    /// The order, for whoever looks into it.
    pub order: Option<OrderId>,
    /// The merchant's answer.
    pub control: String,
    /// The other API's answer.
    pub candidate: String,
}

/// What was found of one field, in one way, of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFinding {
    /// Of this operation.
    pub operation: Operation,
    /// In this way.
    pub way: Way,
    /// Where.
    pub field: FieldPath,
    /// How.
    pub kind: DifferenceKind,
    /// Comparisons in which it differs.
    pub differing: u64,
    /// Of the pairs in which the control was asked twice, those in which it differs.
    pub noise: u64,
    /// Differences that a rule of the configuration left out.
    pub ignored: u64,
    /// The first of them.
    pub first_at: Moment,
    /// The last of them.
    pub last_at: Moment,
    /// Examples, oldest first.
    pub samples: Vec<Sample>,
}

/// What one instance adds: only what has ended since the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What became of the calls.
    pub ended: BTreeMap<(Operation, Way, ShadowOutcome), u64>,
    /// What was found of fields.
    pub fields: Vec<FieldFinding>,
    /// Pairs in which the control was asked twice.
    pub noise_pairs: BTreeMap<(Operation, Way), u64>,
}

impl Findings {
    /// Whether there is nothing to add.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.fields.is_empty() && self.noise_pairs.is_empty()
    }

    /// Every count by its words: operation, way, what, reason. In one order, so that two instances can't lock each other.
    pub(super) fn counts(
        &self,
    ) -> BTreeMap<(&'static str, &'static str, &'static str, &'static str), i64> {
        let ended = self
            .ended
            .iter()
            .map(|(&(operation, way, outcome), count)| {
                let name = (
                    operation.word(),
                    way.word(),
                    outcome.word(),
                    outcome.reason(),
                );
                (name, signed(*count))
            });
        let pairs = self.noise_pairs.iter().map(|(&(operation, way), count)| {
            (
                (operation.word(), way.word(), NOISE_PAIRS, ""),
                signed(*count),
            )
        });
        ended.chain(pairs).filter(|(_, count)| *count > 0).collect()
    }
}

/// The word of the pairs in which the control was asked twice.
pub(super) const NOISE_PAIRS: &str = "noise-pairs";
/// The word of rows that had to go.
pub(super) const EVICTED: &str = "evicted";
/// The word of the differing comparisons that stood in them.
pub(super) const EVICTED_DIFFERING: &str = "evicted-differing";

/// As a database counts.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What came of an addition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Rows of fields that had to go for it.
    pub evicted: u64,
}

/// A person's judgement, or its withdrawal.
#[derive(Clone, Debug)]
pub struct Judging {
    /// Of this operation.
    pub operation: Operation,
    /// In this way; none: in every way in which it differs.
    pub way: Option<Way>,
    /// Which field.
    pub field: FieldPath,
    /// What is said; none: what was said is withdrawn.
    pub verdict: Option<Verdict>,
    /// Who and why.
    pub reason: Reason,
}

impl Judging {
    /// As it is listed; `old` is what was said before.
    pub(super) fn change(&self, old: &str) -> Change {
        let way = self
            .way
            .map_or_else(String::new, |way| format!(" ({})", way.word()));
        Change {
            what: "shadow-judge",
            key: format!("{} {}{way}", self.operation.word(), self.field),
            msn: None,
            old: old.to_owned(),
            new: self.verdict.map_or("none", Verdict::word).to_owned(),
            reason: self.reason.clone(),
        }
    }
}

/// What was said of several kinds and ways, each word once.
pub(super) fn said<'a>(verdicts: impl Iterator<Item = Option<&'a str>>) -> String {
    let words: std::collections::BTreeSet<&str> =
        verdicts.map(|one| one.unwrap_or("none")).collect();
    Vec::from_iter(words).join(", ")
}

/// As a new count is listed; `ended` is how many calls were counted before.
pub(super) fn reset_change(operation: Option<Operation>, ended: i64, reason: &Reason) -> Change {
    Change {
        what: "shadow-reset",
        key: operation.map_or("all", Operation::word).to_owned(),
        msn: None,
        old: format!("{ended} calls counted"),
        new: "0 calls counted".to_owned(),
        reason: reason.clone(),
    }
}

/// What shadowing has found. Instances on one database add theirs up.
#[async_trait]
pub trait ShadowStore: Send + Sync + std::fmt::Debug {
    /// Adds to what is kept, and makes room: see [`MOST_FIELDS`], [`MOST_SAMPLES`] and a row that was not seen for 400 days goes.
    async fn add_findings(&self, more: &Findings, now: Moment) -> Result<Added, StoreError>;

    /// All that is kept; samples only where they are asked for. What a later release has written in words that this one
    /// does not know is left out, and stays.
    async fn shadow_record(&self, samples: bool) -> Result<ShadowRecord, StoreError>;

    /// Begins a new count, of one operation or of all, and lists that. Judgements stay: they are about the field. How many
    /// calls were counted before.
    async fn reset_shadow(
        &self,
        operation: Option<Operation>,
        reason: Reason,
        now: Moment,
    ) -> Result<u64, StoreError>;

    /// Records what a person says of a field, for each kind of difference that was seen there so far, and lists that; a
    /// kind that is seen later is not covered. How many kinds and ways it is about; 0: there is no such difference (or, to
    /// withdraw, no judgement), and nothing is recorded.
    async fn judge_difference(&self, judging: Judging, now: Moment) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        assert!(
            Way::ALL
                .iter()
                .all(|one| Way::parse(one.word()) == Some(*one))
        );
        assert!(
            Verdict::ALL
                .iter()
                .all(|one| Verdict::parse(one.word()) == Some(*one))
        );
        let kinds = DifferenceKind::ALL;
        assert!(
            kinds
                .iter()
                .all(|one| DifferenceKind::parse(one.word()) == Some(*one))
        );
        assert_eq!(Way::parse("none"), None);
        assert_eq!(ShadowOutcome::Dropped("queue-full").reason(), "queue-full");
    }

    #[test]
    fn what_is_empty_counts_nothing() {
        let mut findings = Findings::default();
        assert!(findings.is_empty());
        let name = (Operation::Details, Way::Read, ShadowOutcome::Clean);
        findings.ended.insert(name, 0);
        assert!(findings.counts().is_empty());
        findings.ended.insert(name, u64::MAX);
        assert_eq!(findings.counts().into_values().next(), Some(i64::MAX));
    }
}
