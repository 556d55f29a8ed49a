//! Counts what merchants' calls are and what becomes of them: per sales unit, operation and side, and by the minute.
//!
//! Readiness, ramp and rollback rest on it. Counted in memory, by numbers that are added without a lock, and put into the
//! store every few seconds. Must not: hold an order or a text, wait in a call's way, or grow without end.

mod cell;
pub mod mark;
mod minutes;
pub mod rhythm;
mod sample;
pub mod stats;
mod work;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

pub use minutes::{Minute, WAYS};
pub use sample::Sample;
pub use work::{DAYS, Keeper};

use self::cell::Unit;
use self::minutes::Minutes;
use crate::ecom::route::Operation;
use crate::store::{Hour, Observation, Side};
use crate::telemetry::{Class, Op, RequestFacts, Route};
use crate::types::{Clock, Moment, Msn};

/// More sales units than this are counted as one without a name.
const MOST_UNITS: usize = 10_000;

/// Counts.
#[derive(Debug)]
pub struct Observer {
    clock: Arc<dyn Clock>,
    /// Read without a lock; replaced as a whole when a unit is seen for the first time.
    units: ArcSwap<HashMap<Msn, Arc<Unit>>>,
    nameless: Unit,
    minutes: Minutes,
}

impl Observer {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            units: ArcSwap::default(),
            nameless: Unit::default(),
            minutes: Minutes::default(),
        }
    }

    /// Counts one call that was answered; `route` is the way it went in the end.
    pub fn note(&self, facts: &RequestFacts, route: Route, status: u16) {
        let now = self.clock.now();
        let bad = match facts.seen.class {
            Some(class) => class == Class::Failed,
            None => status >= 500,
        };
        self.minutes.note(now, route, bad);
        let Op::Call(operation) = facts.operation() else {
            return;
        };
        let side = match (route, facts.seen.side) {
            (Route::Ecom, _) | (Route::Refused, Some(Route::Ecom)) => Side::Ecom,
            (Route::Epayment, _) | (Route::Refused, Some(Route::Epayment)) => Side::Epayment,
            _ => Side::Nowhere,
        };
        let count = |unit: &Unit| unit.note(operation, side, facts, now);
        match facts.whose() {
            None => count(&self.nameless),
            Some(msn) => match self.units.load().get(msn) {
                Some(unit) => count(unit),
                None => self
                    .first(msn)
                    .as_deref()
                    .map_or_else(|| count(&self.nameless), count),
            },
        }
    }

    /// Makes a place for a sales unit, while there are places.
    fn first(&self, msn: &Msn) -> Option<Arc<Unit>> {
        // Anybody may name units without end, so a call that finds no place must not cost a copy of all.
        if self.units.load().len() >= MOST_UNITS {
            return None;
        }
        self.units.rcu(|old| {
            let mut new = HashMap::clone(old);
            if new.len() < MOST_UNITS {
                new.entry(msn.clone()).or_default();
            }
            new
        });
        self.units.load().get(msn).cloned()
    }

    /// The last hour, minute by minute, oldest first; of this instance.
    #[must_use]
    pub fn last_hour(&self) -> Vec<Minute> {
        self.minutes.last_hour(self.clock.now())
    }

    /// Takes what was counted since it was last taken.
    #[must_use]
    pub fn take(&self) -> Vec<Observation> {
        let hour = Hour::of(self.clock.now());
        let mut all = Vec::new();
        let units = self.units.load();
        let named = units.iter().map(|(msn, unit)| (Some(msn), &**unit));
        for (msn, unit) in named.chain([(None, &self.nameless)]) {
            unit.take(&mut |operation, side, last_at, counts| {
                all.push(Observation {
                    msn: msn.cloned(),
                    operation,
                    side,
                    hour,
                    last_at,
                    counts,
                });
            });
        }
        all
    }

    /// Counts again what could not be kept.
    pub fn give_back(&self, all: &[Observation]) {
        let units = self.units.load();
        for one in all {
            let unit = one.msn.as_ref().and_then(|msn| units.get(msn));
            let unit = unit.map_or(&self.nameless, |unit| unit);
            unit.give_back(one);
        }
    }

    /// Takes, of each sales unit, how its new payments went since they were last taken, where either API could have had
    /// them: eCom's, then ePayment's.
    #[must_use]
    pub fn take_samples(&self) -> Vec<(Msn, Sample, Sample)> {
        let units = self.units.load();
        units
            .iter()
            .filter_map(|(msn, unit)| {
                let (ecom, epayment) = unit.take_samples();
                let any = ecom.calls + epayment.calls > 0;
                any.then(|| (msn.clone(), ecom, epayment))
            })
            .collect()
    }

    /// Counts again the samples of a unit that could not be used.
    pub fn give_back_samples(&self, msn: &Msn, ecom: &Sample, epayment: &Sample) {
        if let Some(unit) = self.units.load().get(msn) {
            unit.give_back_samples(ecom, epayment);
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }
}

/// The operations in the order of their places.
const OPERATIONS: [Operation; 7] = Operation::ALL;

/// How long counts may be lost by a crash.
pub const EVERY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
