//! What shadowing has found, as it is told: by operation and way, and by field, with what of it counts.
//!
//! Pure. A difference counts where it exceeds the noise and nobody has judged it away. Must not: call clean what was not
//! compared, or explain a difference away by noise that was not seen.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compare::noise::{Counts, Excess, excess};
use crate::ecom::route::Operation;
use crate::store::{DifferenceKind, FieldRecord, ShadowCounts, ShadowRecord, Way};
use crate::types::Moment;

/// What the running process knows by itself. The default is a bridge that does not shadow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowFigures {
    /// Since the start of the process, by operation and way.
    pub accounts: BTreeMap<(Operation, Way), Running>,
    /// On, but nothing is compared.
    pub silent: bool,
    /// Findings that there was no room for.
    pub overflowed: u64,
}

/// Offers of one operation and way since the start of the process; at every moment offered = clean + differing + filtered
/// + dropped + failed + in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Calls whose answer was seen.
    pub offered: u64,
    /// Begun and not ended.
    pub in_flight: u64,
    /// Compared, and nothing differs.
    pub clean: u64,
    /// Compared, and something differs.
    pub differing: u64,
    /// Not to be compared.
    pub filtered: u64,
    /// No room or no time for it, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Could not be compared.
    pub failed: u64,
}

/// Everything, as JSON tells it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// `shadow.mode` in force.
    pub mode: String,
    /// On, but nothing is compared.
    pub silent: bool,
    /// Findings that there was no room for, since the start of the process.
    pub overflowed: u64,
    /// By operation and way.
    pub accounts: Vec<Account>,
    /// By field, those that count first, then by how often they differ.
    pub fields: Vec<Field>,
}

/// What became of the calls of one operation, in one way, since the count began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Which.
    pub operation: &'static str,
    /// How it is compared.
    pub way: &'static str,
    /// When the count began.
    pub since: Option<String>,
    /// All that ended, and what is in flight.
    pub offered: u64,
    /// Begun and not ended, in this process.
    pub in_flight: u64,
    /// Clean and differing.
    pub compared: u64,
    /// Nothing differs.
    pub clean: u64,
    /// Something differs.
    pub differing: u64,
    /// Of these, at most so many differ in something that counts.
    pub counting: u64,
    /// Not to be compared, by reason.
    pub filtered: BTreeMap<String, u64>,
    /// No room or no time for it, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Could not be compared, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Pairs in which the control was asked twice.
    pub noise_pairs: u64,
    /// Rows of fields that had to go.
    pub evicted: u64,
}

/// One field that differs, in one way, of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Of this operation.
    pub operation: &'static str,
    /// How it was compared.
    pub way: &'static str,
    /// Where.
    pub field: String,
    /// How.
    pub kind: &'static str,
    /// Comparisons in which it differs.
    pub differing: u64,
    /// Comparisons in all.
    pub compared: u64,
    /// Pairs of the control with itself in which it differs.
    pub noise: u64,
    /// Such pairs in all.
    pub noise_pairs: u64,
    /// Differences that the configuration ignores.
    pub ignored: u64,
    /// `signal`, `noise` or `too-few` to tell.
    pub signal: &'static str,
    /// Whether readiness takes it for a difference.
    pub counts: bool,
    /// When it was first seen.
    pub first_at: String,
    /// When it was last seen.
    pub last_at: String,
    /// Examples, oldest first.
    pub samples: Vec<Example>,
    /// What a person says of it.
    pub judgement: Option<Said>,
}

/// An example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// When.
    pub at: String,
    /// The order.
    pub order_id: Option<String>,
    /// The merchant's answer.
    pub control: String,
    /// The other API's.
    pub candidate: String,
}

/// What a person says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// `new-wrong`, `old-wrong`, `accepted`, or `unknown` (of a later release).
    pub verdict: &'static str,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: String,
}

/// What was found of an operation, for a verdict about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Comparisons without a difference that counts.
    pub clean: u64,
    /// Comparisons with one: never fewer than there are.
    pub different: u64,
    /// Of the clean ones, those that were only translated and judged, without an answer to compare.
    pub dry: u64,
}

fn judged(record: &ShadowRecord, field: &FieldRecord) -> (Excess, bool) {
    let nothing = ShadowCounts::default();
    let counts = record.counts.get(&(field.operation, field.way));
    let counts = counts.unwrap_or(&nothing);
    let excess = excess(Counts {
        compared: counts.compared(),
        differing: field.differing,
        noise_pairs: counts.noise_pairs,
        noise: field.noise,
    });
    let excused = field
        .judgement
        .as_ref()
        .is_some_and(|one| one.verdict.excuses());
    // What the translation loses is known before it is met: it is told, and `limitations.md` says what it means.
    let lost = field.kind == DifferenceKind::Loss;
    (excess, excess != Excess::Noise && !excused && !lost)
}

/// At most so many comparisons differ in something that counts. The store counts by field and not by comparison, so this
/// is what all of them come to if none met another, and no more than there are. What had to go is taken to count.
fn counting(record: &ShadowRecord, account: (Operation, Way)) -> u64 {
    let Some(counts) = record.counts.get(&account) else {
        return 0;
    };
    let (mut told, mut sum) = (counts.evicted_differing, counts.evicted_differing);
    for one in &record.fields {
        if (one.operation, one.way) == account {
            told = told.saturating_add(one.differing);
            if judged(record, one).1 {
                sum = sum.saturating_add(one.differing);
            }
        }
    }
    // A comparison that differs where no row can tell of it, because there was no room, counts, too.
    let untold = counts.differing.saturating_sub(told);
    sum.saturating_add(untold).min(counts.differing)
}

/// How many rows of fields count.
#[must_use]
pub fn fields_that_count(record: &ShadowRecord) -> u64 {
    let counting = record.fields.iter().filter(|one| judged(record, one).1);
    counting.count() as u64
}

/// What was found, by operation; none where nothing was ever compared. An operation of which nothing was offered is
/// left out. Clean comparisons that were only dry say nothing of reads, whose answer is all there is to compare.
#[must_use]
pub fn evidence(record: &ShadowRecord) -> Option<BTreeMap<Operation, Evidence>> {
    let mut all: BTreeMap<Operation, Evidence> = BTreeMap::new();
    let mut compared = false;
    for (&(operation, way), counts) in &record.counts {
        compared |= counts.compared() > 0;
        let different = counting(record, (operation, way));
        let is_read = matches!(operation, Operation::Details | Operation::Status);
        let dry = way == Way::Dry;
        if dry && is_read && different == 0 {
            continue;
        }
        let found = all.entry(operation).or_default();
        found.different = found.different.saturating_add(different);
        if dry && is_read {
            continue;
        }
        let clean = counts.compared().saturating_sub(different);
        found.clean = found.clean.saturating_add(clean);
        if dry {
            found.dry = found.dry.saturating_add(clean);
        }
    }
    compared.then_some(all)
}

fn by_reason(counts: &crate::store::Counts) -> BTreeMap<String, u64> {
    counts
        .iter()
        .map(|(word, count)| (word.to_owned(), count))
        .collect()
}

fn account(record: &ShadowRecord, figures: &ShadowFigures, name: (Operation, Way)) -> Account {
    let nothing = ShadowCounts::default();
    let counts = record.counts.get(&name).unwrap_or(&nothing);
    let in_flight = figures
        .accounts
        .get(&name)
        .map_or(0, |running| running.in_flight);
    Account {
        operation: name.0.word(),
        way: name.1.word(),
        since: record.since.get(&name.0).map(Moment::to_string),
        offered: counts.ended().saturating_add(in_flight),
        in_flight,
        compared: counts.compared(),
        clean: counts.clean,
        differing: counts.differing,
        counting: counting(record, name),
        filtered: by_reason(&counts.filtered),
        dropped: by_reason(&counts.dropped),
        failed: by_reason(&counts.failed),
        noise_pairs: counts.noise_pairs,
        evicted: counts.evicted,
    }
}

fn field(record: &ShadowRecord, one: &FieldRecord) -> Field {
    let counts = record.counts.get(&(one.operation, one.way));
    let (excess, counts_for) = judged(record, one);
    Field {
        operation: one.operation.word(),
        way: one.way.word(),
        field: one.field.to_string(),
        kind: one.kind.word(),
        differing: one.differing,
        compared: counts.map_or(0, ShadowCounts::compared),
        noise: one.noise,
        noise_pairs: counts.map_or(0, |counts| counts.noise_pairs),
        ignored: one.ignored,
        signal: match excess {
            Excess::Noise => "noise",
            Excess::TooFew => "too-few",
            Excess::Signal => "signal",
        },
        counts: counts_for,
        first_at: one.first_at.to_string(),
        last_at: one.last_at.to_string(),
        samples: one
            .samples
            .iter()
            .map(|sample| Example {
                at: sample.at.to_string(),
                order_id: sample.order.as_ref().map(|order| order.as_str().to_owned()),
                control: sample.control.clone(),
                candidate: sample.candidate.clone(),
            })
            .collect(),
        judgement: one.judgement.as_ref().map(|said| Said {
            verdict: said.verdict.word(),
            who: said.who.clone(),
            why: said.why.clone(),
            at: said.at.to_string(),
        }),
    }
}

impl Report {
    /// Of what the store has and the process knows; of one operation or of all.
    #[must_use]
    pub fn of(
        record: &ShadowRecord,
        figures: &ShadowFigures,
        mode: &str,
        only: Option<Operation>,
    ) -> Self {
        let wanted = |operation| only.is_none_or(|only| only == operation);
        let mut names: Vec<(Operation, Way)> = record.counts.keys().copied().collect();
        names.extend(figures.accounts.keys().copied());
        names.sort_unstable();
        names.dedup();
        let mut fields: Vec<Field> = record
            .fields
            .iter()
            .filter(|one| wanted(one.operation))
            .map(|one| field(record, one))
            .collect();
        fields.sort_by_key(|one| (!one.counts, std::cmp::Reverse(one.differing)));
        Self {
            mode: mode.to_owned(),
            silent: figures.silent,
            overflowed: figures.overflowed,
            accounts: names
                .into_iter()
                .filter(|name| wanted(name.0))
                .map(|name| account(record, figures, name))
                .collect(),
            fields,
        }
    }

    /// Whether anything was ever compared.
    #[must_use]
    pub fn compared(&self) -> bool {
        self.accounts.iter().any(|one| one.compared > 0)
    }
}

#[cfg(test)]
mod tests;
