//! What a replay found: counts by operation, fields that differ, lines that can't be read.
//!
//! Bounded whatever the recording holds. Must not: call a replay good that has compared nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Replayed;
use crate::ecom::route::Operation;
use crate::shadow::compare::{Compared, DifferenceKind};
use crate::types::FieldPath;

/// So many samples of a field are kept.
pub(super) const SAMPLES: usize = 3;
/// So many fields are told apart; the rest is counted.
pub(super) const FIELDS: usize = 2_000;
/// So many lines that can't be read are named; the rest is counted.
pub(super) const NAMED: usize = 20;

/// What a replay found.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The releases that recorded.
    pub recorded_by: Vec<String>,
    /// The release that replays.
    pub replayed_by: &'static str,
    /// Counts, by the word of the operation.
    pub operations: BTreeMap<&'static str, Tally>,
    /// What differs, the most frequent first.
    pub fields: Vec<Field>,
    /// Differences in fields beyond the first 2,000.
    pub more: u64,
    /// Differences that an ignore rule took away, by its path.
    pub ignored: BTreeMap<String, u64>,
    /// How many lines can't be read.
    pub unreadable: u64,
    /// The first of them, at most 20.
    pub unreadable_lines: Vec<Unreadable>,
    /// Lines that a crash of the bridge cut: each the last of its session.
    pub cut: u64,
    #[serde(skip)]
    index: BTreeMap<(&'static str, FieldPath, DifferenceKind), usize>,
}

/// The calls of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// All of them: the sum of all that follow but `compared`.
    pub recorded: u64,
    /// Compared: clean and differing.
    pub compared: u64,
    /// Nothing differs.
    pub clean: u64,
    /// Something differs.
    pub differing: u64,
    /// There is nothing to compare, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// It could not be compared, by reason.
    pub failed: BTreeMap<&'static str, u64>,
}

/// A field that differs, in one way.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Of which operation.
    pub operation: &'static str,
    /// Where.
    pub field: String,
    /// How: the word of the kind.
    pub kind: &'static str,
    /// In how many calls.
    pub differing: u64,
    /// The first of them, at most 3.
    pub samples: Vec<Sample>,
}

/// One difference, with values as they may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The line of the file, from 1.
    pub line: u64,
    /// What was recorded.
    pub recorded: String,
    /// What is made now.
    pub now: String,
}

/// A line that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unreadable {
    /// Its number in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: &'static str,
}

/// What a replay says as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All was compared that can be, and nothing differs.
    Same,
    /// Something differs.
    Differs,
    /// Nothing that was compared differs, but something could not be read or compared, or nothing was there.
    Incomplete,
}

impl Report {
    /// A session begins.
    pub(super) fn begins(&mut self, bridge: String) {
        self.replayed_by = env!("CARGO_PKG_VERSION");
        let bridge: String = bridge
            .chars()
            .filter(char::is_ascii_graphic)
            .take(20)
            .collect();
        if !self.recorded_by.contains(&bridge) && self.recorded_by.len() < NAMED {
            self.recorded_by.push(bridge);
        }
    }

    pub(super) fn unreadable(&mut self, line: u64, why: &'static str) {
        self.unreadable += 1;
        if self.unreadable_lines.len() < NAMED {
            self.unreadable_lines.push(Unreadable { line, why });
        }
    }

    pub(super) fn take(&mut self, line: u64, operation: Operation, replayed: Replayed) {
        let tally = self.operations.entry(operation.word()).or_default();
        tally.recorded += 1;
        match replayed {
            Replayed::Skipped(why) => *tally.skipped.entry(why).or_default() += 1,
            Replayed::Failed(why) => *tally.failed.entry(why).or_default() += 1,
            Replayed::Compared(compared) => {
                tally.compared += 1;
                if compared.is_clean() {
                    tally.clean += 1;
                } else {
                    tally.differing += 1;
                }
                self.compared(line, operation, compared);
            }
        }
    }

    fn compared(&mut self, line: u64, operation: Operation, compared: Compared) {
        self.more += u64::from(compared.more);
        for (path, count) in compared.ignored {
            *self.ignored.entry(path).or_default() += u64::from(count);
        }
        for difference in compared.differences {
            let key = (operation.word(), difference.field.clone(), difference.kind);
            let place = match self.index.get(&key) {
                Some(place) => *place,
                None if self.fields.len() >= FIELDS => {
                    self.more += 1;
                    continue;
                }
                None => {
                    self.fields.push(Field {
                        operation: operation.word(),
                        field: difference.field.to_string(),
                        kind: difference.kind.word(),
                        differing: 0,
                        samples: Vec::new(),
                    });
                    self.index.insert(key, self.fields.len() - 1);
                    self.fields.len() - 1
                }
            };
            if let Some(field) = self.fields.get_mut(place) {
                field.differing += 1;
                if field.samples.len() < SAMPLES {
                    field.samples.push(Sample {
                        line,
                        recorded: difference.control,
                        now: difference.candidate,
                    });
                }
            }
        }
    }

    /// The most frequent first.
    pub(super) fn sort(&mut self) {
        self.index.clear();
        self.fields.sort_by(|a, b| {
            let by_count = b.differing.cmp(&a.differing);
            by_count.then_with(|| (a.operation, &a.field).cmp(&(b.operation, &b.field)))
        });
    }

    /// Calls that were compared.
    #[must_use]
    pub fn compared_calls(&self) -> u64 {
        self.operations.values().map(|one| one.compared).sum()
    }

    /// Calls of which something differs.
    #[must_use]
    pub fn differing_calls(&self) -> u64 {
        self.operations.values().map(|one| one.differing).sum()
    }

    /// What it says as a whole.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let failed = self.operations.values().any(|one| !one.failed.is_empty());
        if self.differing_calls() > 0 {
            Verdict::Differs
        } else if self.unreadable > 0 || failed || self.compared_calls() == 0 {
            Verdict::Incomplete
        } else {
            Verdict::Same
        }
    }
}
