//! The numbers of one sales unit: a row for each operation and side that was seen, added to without a lock.
//!
//! Must not: allocate for a call whose row is there.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::sample::Fresh;
use super::{OPERATIONS, Sample, mark};
use crate::ecom::route::Operation;
use crate::store::{Counts, Observation, Side};
use crate::telemetry::{Class, Fit, RequestFacts};
use crate::types::Moment;

const SIDES: usize = Side::ALL.len();

/// One row.
#[derive(Debug)]
struct Row {
    counts: [AtomicU64; mark::WORDS],
    last: AtomicI64,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; mark::WORDS],
            last: AtomicI64::new(0),
        }
    }
}

/// A sales unit's rows, and how its new payments went lately.
#[derive(Debug, Default)]
pub(super) struct Unit {
    rows: [[OnceLock<Box<Row>>; SIDES]; OPERATIONS.len()],
    ecom: Fresh,
    epayment: Fresh,
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Unit {
    fn row(&self, operation: Operation, side: Side) -> &Row {
        let row = &self.rows[operation as usize][side as usize];
        row.get_or_init(Box::default)
    }

    pub(super) fn note(&self, operation: Operation, side: Side, facts: &RequestFacts, now: Moment) {
        let row = self.row(operation, side);
        let count = |place: usize| {
            if let Some(number) = row.counts.get(place) {
                number.fetch_add(1, Relaxed);
            }
        };
        let seen = &facts.seen;
        // A call that ended before it was judged was refused at its body.
        let class = seen.class.unwrap_or(Class::RefusedHere);
        count(mark::class(class));
        if let Some(fit) = seen.fit {
            mark::fit(fit).into_iter().for_each(count);
            if fit == Fit::Invalid && side == Side::Ecom && class == Class::Done {
                count(mark::STRICTER_AT);
            }
        }
        seen.told.map(mark::told).into_iter().for_each(count);
        let losses = facts.losses().iter();
        losses.filter_map(|code| mark::loss(code)).for_each(count);
        mark::used(seen.used).for_each(count);
        let took = facts.upstream_time().map(millis).map(mark::time_class);
        took.map(mark::time).into_iter().for_each(count);
        row.last.fetch_max(now.millis(), Relaxed);
        if operation == Operation::Initiate && seen.free {
            match side {
                Side::Ecom => self.ecom.note(class == Class::Done, took),
                Side::Epayment => self.epayment.note(class == Class::Done, took),
                Side::Nowhere => {}
            }
        }
    }

    /// Takes all that was counted.
    pub(super) fn take(&self, give: &mut impl FnMut(Operation, Side, Moment, Counts)) {
        for operation in OPERATIONS {
            for side in Side::ALL {
                let Some(row) = self.rows[operation as usize][side as usize].get() else {
                    continue;
                };
                let mut counts = Counts::default();
                for (place, number) in row.counts.iter().enumerate() {
                    counts.add(mark::word(place), number.swap(0, Relaxed));
                }
                if !counts.is_empty() {
                    let last = Moment::from_millis(row.last.load(Relaxed));
                    give(operation, side, last, counts);
                }
            }
        }
    }

    pub(super) fn give_back(&self, one: &Observation) {
        let row = self.row(one.operation, one.side);
        for (word, count) in one.counts.iter() {
            if let Some(place) = mark::place(word) {
                row.counts[place].fetch_add(count, Relaxed);
            }
        }
        row.last.fetch_max(one.last_at.millis(), Relaxed);
    }

    pub(super) fn take_samples(&self) -> (Sample, Sample) {
        (self.ecom.take(), self.epayment.take())
    }

    pub(super) fn give_back_samples(&self, ecom: &Sample, epayment: &Sample) {
        self.ecom.give_back(ecom);
        self.epayment.give_back(epayment);
    }
}
