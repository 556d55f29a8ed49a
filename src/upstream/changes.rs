//! What the bridge knows to have changed at ePayment, counted: a look that began under another count may be old.
//!
//! The client of ePayment counts what it sends and what its reads show, so no use case can forget to. Counts are kept in
//! a fixed number of places by the hash of the reference: payments that share one cost each other reads, never truth.
//! Must not: remember a payment, or count down.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::epayment::event::PaymentEvent;
use crate::epayment::model::Payment;
use crate::types::Reference;

/// Two payments that are polled at the same moment hardly ever share one of so many places.
const PLACES: usize = 4096;

/// How often something has changed, as far as the bridge knows; grows only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generation(u64);

#[derive(Debug, Default)]
struct Place {
    generation: u64,
    /// What a read showed last.
    payment: Option<u64>,
    log: Option<u64>,
}

/// What a look shows, in numbers that differ where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    payment: u64,
    log: u64,
}

#[derive(Debug)]
struct Counts {
    hasher: RandomState,
    places: Box<[Mutex<Place>]>,
    /// Until somebody asks for a generation, there is no look that could be old.
    is_asked: AtomicBool,
}

/// The counts; clones share them.
#[derive(Clone, Debug)]
pub struct Changes(Arc<Counts>);

impl Default for Changes {
    fn default() -> Self {
        Self::with_places(PLACES)
    }
}

impl Changes {
    fn with_places(places: usize) -> Self {
        Self(Arc::new(Counts {
            hasher: RandomState::new(),
            places: (0..places).map(|_| Mutex::default()).collect(),
            is_asked: AtomicBool::new(false),
        }))
    }

    /// Where a payment stands now. To be asked before a look begins.
    #[must_use]
    pub fn generation(&self, reference: &Reference) -> Generation {
        self.0.is_asked.store(true, Ordering::SeqCst);
        Generation(self.place(reference).generation)
    }

    /// Something has changed, or may have.
    pub fn changed(&self, reference: &Reference) {
        self.place(reference).generation += 1;
    }

    /// A change begins; it ends when the guard goes, in whatever way.
    #[must_use]
    pub fn begin(&self, reference: &Reference) -> Changing {
        self.changed(reference);
        Changing {
            changes: self.clone(),
            reference: reference.clone(),
        }
    }

    /// What a look shows, in numbers.
    #[must_use]
    pub fn marks(&self, payment: &Payment, events: &[PaymentEvent]) -> Marks {
        Marks {
            payment: self.of_payment(payment),
            log: self.of_log(events),
        }
    }

    /// Notes what a whole look showed that began at `began`. The generation it may be kept under; none where something
    /// has changed since it began.
    #[must_use]
    pub fn shown(
        &self,
        reference: &Reference,
        marks: Marks,
        began: Generation,
    ) -> Option<Generation> {
        let mut place = self.place(reference);
        if place.generation != began.0 {
            return None;
        }
        let shown = (Some(marks.payment), Some(marks.log));
        if (place.payment, place.log) != shown {
            place.generation += 1;
            (place.payment, place.log) = shown;
        }
        Some(Generation(place.generation))
    }

    /// Notes what a read of the payment alone showed: looks that showed something else are old.
    pub(super) fn payment_shown(&self, reference: &Reference, payment: &Payment) {
        if self.0.is_asked.load(Ordering::SeqCst) {
            let mark = Some(self.of_payment(payment));
            let mut place = self.place(reference);
            if place.payment != mark {
                place.generation += 1;
                place.payment = mark;
            }
        }
    }

    /// The same of a read of the log alone.
    pub(super) fn log_shown(&self, reference: &Reference, events: &[PaymentEvent]) {
        if self.0.is_asked.load(Ordering::SeqCst) {
            let mark = Some(self.of_log(events));
            let mut place = self.place(reference);
            if place.log != mark {
                place.generation += 1;
                place.log = mark;
            }
        }
    }

    fn of_payment(&self, payment: &Payment) -> u64 {
        let text = serde_json::to_vec(&(&payment.state, &payment.aggregate)).unwrap_or_default();
        self.0.hasher.hash_one(text)
    }

    fn of_log(&self, events: &[PaymentEvent]) -> u64 {
        let told = |event: &PaymentEvent| {
            self.0
                .hasher
                .hash_one((&event.psp_reference, event.name.word(), event.success))
        };
        self.0
            .hasher
            .hash_one(events.iter().map(told).collect::<Vec<_>>())
    }

    fn place(&self, reference: &Reference) -> MutexGuard<'_, Place> {
        let places = &self.0.places;
        let hash = self.0.hasher.hash_one(reference.as_str());
        let at = usize::try_from(hash % places.len() as u64).unwrap_or_default();
        places[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change under way.
#[derive(Debug)]
pub struct Changing {
    changes: Changes,
    reference: Reference,
}

impl Drop for Changing {
    fn drop(&mut self) {
        self.changes.changed(&self.reference);
    }
}

#[cfg(test)]
mod tests;
