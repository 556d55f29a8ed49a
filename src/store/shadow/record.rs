//! What the store keeps of shadowing, as it is read.
//!
//! Must not: judge. Whether a difference counts is said where the noise is known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DifferenceKind, MOST_SAMPLES, Sample, Verdict, Way};
use crate::ecom::route::Operation;
use crate::store::Counts;
use crate::types::{FieldPath, Moment, OrderId};

/// Everything that was found since the counts began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowRecord {
    /// Since when each operation is counted.
    pub since: BTreeMap<Operation, Moment>,
    /// What became of the calls.
    pub counts: BTreeMap<(Operation, Way), ShadowCounts>,
    /// The fields that differ, the last seen first.
    pub fields: Vec<FieldRecord>,
}

/// What became of the calls of one operation, in one way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowCounts {
    /// Compared, and nothing differs.
    pub clean: u64,
    /// Compared, and something differs.
    pub differing: u64,
    /// Not to be compared, by reason.
    pub filtered: Counts,
    /// No room or no time for it, by reason.
    pub dropped: Counts,
    /// Could not be compared, by reason.
    pub failed: Counts,
    /// Pairs in which the control was asked twice.
    pub noise_pairs: u64,
    /// Rows of fields that had to go.
    pub evicted: u64,
    /// The differing comparisons that stood in them; one comparison may stand in several.
    pub evicted_differing: u64,
}

impl ShadowCounts {
    /// Comparisons.
    #[must_use]
    pub const fn compared(&self) -> u64 {
        self.clean.saturating_add(self.differing)
    }

    /// Offers that have ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        [&self.filtered, &self.dropped, &self.failed]
            .into_iter()
            .flat_map(Counts::iter)
            .fold(self.compared(), |sum, (_, count)| sum.saturating_add(count))
    }

    /// Takes what was read; a word of a later release is left out.
    pub(in crate::store) fn read(&mut self, what: &str, reason: &str, count: i64) {
        let count = u64::try_from(count).unwrap_or(0);
        match what {
            "clean" => self.clean = count,
            "differing" => self.differing = count,
            "filtered" => self.filtered.add(reason, count),
            "dropped" => self.dropped.add(reason, count),
            "failed" => self.failed.add(reason, count),
            super::NOISE_PAIRS => self.noise_pairs = count,
            super::EVICTED => self.evicted = count,
            super::EVICTED_DIFFERING => self.evicted_differing = count,
            _ => {}
        }
    }
}

/// What is kept of one field, in one way, of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRecord {
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
    /// Examples, oldest first; none where they were not asked for.
    pub samples: Vec<Sample>,
    /// What a person says of it.
    pub judgement: Option<Judgement>,
}

/// What a person says of a difference, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What; none: a word of a later release, which excuses nothing here.
    pub verdict: Given,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: Moment,
}

/// A verdict as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// One that is known.
    Known(Verdict),
    /// A word of a later release; it excuses nothing.
    Unknown,
}

impl Given {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Known(verdict) => verdict.word(),
            Self::Unknown => "unknown",
        }
    }

    /// Whether the difference is not to count.
    #[must_use]
    pub const fn excuses(self) -> bool {
        matches!(self, Self::Known(Verdict::OldWrong | Verdict::Accepted))
    }

    pub(in crate::store) fn read(word: &str) -> Self {
        Verdict::parse(word).map_or(Self::Unknown, Self::Known)
    }
}

/// Samples as they are kept: JSON, so that a later release may add to them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::store) struct Samples(Vec<Kept>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    at: i64,
    order: Option<String>,
    control: String,
    candidate: String,
}

impl Samples {
    /// More characters of a value are not kept, whatever was handed in.
    const LONGEST: usize = 80;

    /// What was kept; nothing where that is no text of ours, as samples are examples and no evidence.
    pub(in crate::store) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Adds more: the first that was ever seen stays, and the newest.
    pub(in crate::store) fn add(&mut self, more: &[Sample]) {
        let short = |text: &str| -> String {
            let plain = text.chars().take(Self::LONGEST);
            plain
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect()
        };
        self.0.extend(more.iter().map(|one| Kept {
            at: one.at.millis(),
            order: one.order.as_ref().map(|order| order.as_str().to_owned()),
            control: short(&one.control),
            candidate: short(&one.candidate),
        }));
        self.0.sort_by_key(|one| one.at);
        let over = self.0.len().saturating_sub(MOST_SAMPLES);
        if over > 0 {
            // The place after the first: what lies between it and the newest goes.
            self.0.drain(1..=over);
        }
    }

    /// As it is kept.
    pub(in crate::store) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "[]".to_owned())
    }

    /// As they are read.
    pub(in crate::store) fn out(self) -> Vec<Sample> {
        let one = |kept: Kept| Sample {
            at: Moment::from_millis(kept.at),
            order: kept.order.as_deref().and_then(OrderId::parse),
            control: kept.control,
            candidate: kept.candidate,
        };
        self.0.into_iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: i64) -> Sample {
        Sample {
            at: Moment::from_millis(at),
            order: OrderId::parse("order-0001"),
            control: "a\nb".to_owned(),
            candidate: "é".repeat(100),
        }
    }

    #[test]
    fn the_first_and_the_newest_samples_stay() {
        let mut samples = Samples::default();
        for at in [30, 10, 20, 50, 40, 70, 60] {
            let mut next = Samples::read(&samples.text());
            next.add(&[sample(at)]);
            samples = next;
        }
        let kept = samples.out();
        let times: Vec<i64> = kept.iter().map(|one| one.at.millis()).collect();
        assert_eq!(times, [10, 40, 50, 60, 70]);
        assert_eq!(kept[0].control, "a b");
        assert_eq!(kept[0].candidate.chars().count(), 80);
        assert_eq!(kept[0].order, OrderId::parse("order-0001"));
    }

    #[test]
    fn samples_that_can_not_be_read_are_gone_and_harm_nothing() {
        for text in ["", "{}", "[1]", "[{\"at\":1}]"] {
            assert!(Samples::read(text).out().is_empty());
        }
        let later = r#"[{"at":1,"order":"ø","control":"a","candidate":"b","colour":1}]"#;
        let read = Samples::read(later).out();
        assert_eq!((read.len(), &read[0].order), (1, &None));
    }

    #[test]
    fn words_of_a_later_release_are_left_out() {
        let mut counts = ShadowCounts::default();
        counts.read("clean", "", 3);
        counts.read("dropped", "queue-full", 2);
        counts.read("painted", "red", 9);
        assert_eq!((counts.compared(), counts.ended()), (3, 5));
        assert!(!Given::read("painted").excuses());
        assert!(Given::read("accepted").excuses() && !Given::read("new-wrong").excuses());
    }
}
