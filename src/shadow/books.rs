//! The books: every offered call is in flight until it ends, and ends in exactly one way.
//!
//! All counts change under one lock, so that at every moment offered = compared + filtered + dropped + failed + in
//! flight. What was found waits here, bounded, until the store has it. Must not: wait, or lose a count.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::compare::{Compared, Difference};
use super::report::{Running, ShadowFigures};
use crate::ecom::route::Operation;
use crate::store::{
    DifferenceKind, FieldFinding, Findings, MOST_FIELDS, MOST_SAMPLES, Sample, ShadowOutcome, Way,
};
use crate::types::{FieldPath, Moment, OrderId};

/// So many calls in a row that ought to be compared, and none of them was: shadowing is on and proves nothing.
pub const SILENT_AFTER: u64 = 12;
/// Once something was compared, that holds only after so much time without another: calls of one kind come in a row.
pub const SILENT_FOR: Duration = Duration::from_secs(60 * 60);

/// What a comparison found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Between both APIs.
    pub compared: Compared,
    /// Fields in which the control differs from itself, where it was asked twice.
    pub noise: Option<Vec<Difference>>,
    /// The order, for whoever looks into it.
    pub order: Option<OrderId>,
}

/// How an offered call ended.
#[derive(Debug)]
pub enum End {
    /// It was compared.
    Compared(Box<Found>),
    /// It was not; why.
    Not(ShadowOutcome),
}

type Name = (Operation, Way, FieldPath, DifferenceKind);

#[derive(Debug, Default)]
struct Ledger {
    figures: ShadowFigures,
    /// Calls since the last comparison that ought to have been compared.
    quiet: u64,
    /// When something was last compared.
    compared_at: Option<Moment>,
    /// What the store does not have yet.
    ended: Findings,
    fields: HashMap<Name, FieldFinding>,
}

/// Counts, and keeps what was found until the store has it.
#[derive(Clone, Debug, Default)]
pub struct Books(Arc<Mutex<Ledger>>);

/// An offered call that has not ended. Dropped, it ends as dropped, or as failed where its work panicked.
#[derive(Debug)]
#[must_use]
pub struct Ticket {
    books: Books,
    name: (Operation, Way),
    open: bool,
}

impl Books {
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call is offered.
    pub fn open(&self, operation: Operation, way: Way) -> Ticket {
        let name = (operation, way);
        let mut ledger = self.lock();
        let account = ledger.figures.accounts.entry(name).or_default();
        account.offered += 1;
        account.in_flight += 1;
        drop(ledger);
        Ticket {
            books: self.clone(),
            name,
            open: true,
        }
    }

    /// A call is offered and not to be compared. `by_choice`: the operator wants it so.
    pub fn filtered(&self, name: (Operation, Way), reason: &'static str, by_choice: bool) {
        let mut ledger = self.lock();
        ledger.figures.accounts.entry(name).or_default().offered += 1;
        ledger.end(name, ShadowOutcome::Filtered(reason));
        if !by_choice {
            ledger.quiet += 1;
        }
    }

    /// All counts, of one moment.
    #[must_use]
    pub fn figures(&self, now: Moment) -> ShadowFigures {
        let ledger = self.lock();
        let long_ago = |at: Moment| now.since(at) >= SILENT_FOR;
        ShadowFigures {
            silent: ledger.quiet >= SILENT_AFTER && ledger.compared_at.is_none_or(long_ago),
            ..ledger.figures.clone()
        }
    }

    /// Calls that have not ended.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        let ledger = self.lock();
        ledger
            .figures
            .accounts
            .values()
            .map(|one| one.in_flight)
            .sum()
    }

    /// What the store does not have yet, to be given to it.
    #[must_use]
    pub fn take(&self) -> Findings {
        let mut ledger = self.lock();
        let mut all = std::mem::take(&mut ledger.ended);
        all.fields = ledger.fields.drain().map(|(_, one)| one).collect();
        all
    }

    /// The store could not take it: it waits again.
    pub fn put_back(&self, findings: Findings) {
        let mut ledger = self.lock();
        for (name, count) in findings.ended {
            *ledger.ended.ended.entry(name).or_default() += count;
        }
        for (name, count) in findings.noise_pairs {
            *ledger.ended.noise_pairs.entry(name).or_default() += count;
        }
        for one in findings.fields {
            ledger.merge(one);
        }
    }
}

impl Ledger {
    fn end(&mut self, name: (Operation, Way), outcome: ShadowOutcome) {
        self.figures
            .accounts
            .entry(name)
            .or_default()
            .count(outcome);
        let ended = (name.0, name.1, outcome);
        *self.ended.ended.entry(ended).or_default() += 1;
    }

    fn note(&mut self, name: (Operation, Way), found: &Found, now: Moment) {
        let Found {
            compared,
            noise,
            order,
        } = found;
        for difference in &compared.differences {
            let sample = Sample {
                at: now,
                order: order.clone(),
                control: difference.control.clone(),
                candidate: difference.candidate.clone(),
            };
            self.merge(FieldFinding {
                differing: 1,
                samples: vec![sample],
                ..finding(name, difference.field.clone(), difference.kind, now)
            });
        }
        for difference in noise.iter().flatten() {
            self.merge(FieldFinding {
                noise: 1,
                ..finding(name, difference.field.clone(), difference.kind, now)
            });
        }
        if noise.is_some() {
            *self.ended.noise_pairs.entry(name).or_default() += 1;
        }
        for (pattern, count) in &compared.ignored {
            if let Some(field) = FieldPath::parse(pattern) {
                self.merge(FieldFinding {
                    ignored: u64::from(*count),
                    ..finding(name, field, DifferenceKind::Value, now)
                });
            }
        }
    }

    fn merge(&mut self, mut one: FieldFinding) {
        let mut name = (one.operation, one.way, one.field.clone(), one.kind);
        if self.fields.len() >= MOST_FIELDS && !self.fields.contains_key(&name) {
            // One row for all that there is no room for, so that what differs there still counts.
            self.figures.overflowed += 1;
            one.field = FieldPath::more();
            name.2 = FieldPath::more();
        }
        let Some(kept) = self.fields.get_mut(&name) else {
            self.fields.insert(name, one);
            return;
        };
        kept.differing += one.differing;
        kept.noise += one.noise;
        kept.ignored += one.ignored;
        kept.first_at = kept.first_at.min(one.first_at);
        kept.last_at = kept.last_at.max(one.last_at);
        kept.samples.extend(one.samples);
        kept.samples.sort_by_key(|sample| sample.at);
        while kept.samples.len() > MOST_SAMPLES {
            // The first that was seen stays, and the newest.
            kept.samples.remove(1);
        }
    }
}

fn finding(
    name: (Operation, Way),
    field: FieldPath,
    kind: DifferenceKind,
    now: Moment,
) -> FieldFinding {
    FieldFinding {
        operation: name.0,
        way: name.1,
        field,
        kind,
        differing: 0,
        noise: 0,
        ignored: 0,
        first_at: now,
        last_at: now,
        samples: vec![],
    }
}

impl Running {
    fn count(&mut self, outcome: ShadowOutcome) {
        match outcome {
            ShadowOutcome::Clean => self.clean += 1,
            ShadowOutcome::Differing => self.differing += 1,
            ShadowOutcome::Filtered(_) => self.filtered += 1,
            ShadowOutcome::Dropped(reason) => *self.dropped.entry(reason).or_default() += 1,
            ShadowOutcome::Failed(_) => self.failed += 1,
        }
    }
}

impl Ticket {
    /// The call has ended.
    pub fn settle(mut self, end: &End, now: Moment) {
        self.close(end, now);
    }

    fn close(&mut self, end: &End, now: Moment) {
        self.open = false;
        let mut ledger = self.books.lock();
        if let Some(account) = ledger.figures.accounts.get_mut(&self.name) {
            account.in_flight = account.in_flight.saturating_sub(1);
        }
        match end {
            End::Compared(found) => {
                let clean = found.compared.is_clean();
                let outcome = match clean {
                    true => ShadowOutcome::Clean,
                    false => ShadowOutcome::Differing,
                };
                ledger.end(self.name, outcome);
                ledger.note(self.name, found, now);
                ledger.quiet = 0;
                ledger.compared_at = Some(now);
            }
            End::Not(outcome) => {
                ledger.end(self.name, *outcome);
                ledger.quiet += 1;
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            let outcome = match std::thread::panicking() {
                true => ShadowOutcome::Failed("panicked"),
                false => ShadowOutcome::Dropped("shutdown"),
            };
            self.close(&End::Not(outcome), Moment::default());
        }
    }
}

#[cfg(test)]
mod tests;
