//! The payments at the shadow upstream, each kept for the merchant's that it stands beside.
//!
//! As soon as one may be out of step it is lost, for good: what it shows from then on says nothing of the translation.
//! Must not: grow beyond its bound, or find a lost one again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::step::{Made, State};
use super::translated::Translated;
use super::turn::Line;
use crate::telemetry::Route;
use crate::types::{OrderText, Scope};

/// So many payments have a twin; the ones that were not asked for longest go first.
const MOST: u64 = 10_000;
/// A twin that nobody has asked for so long goes, too.
const IDLE: Duration = Duration::from_secs(14 * 24 * 3600);

/// Where a twin was made.
pub(super) enum Side {
    /// In eCom.
    Ecom,
    /// In ePayment, by the translation.
    Epayment(Box<Translated>),
}

impl Side {
    /// Whether a call that went there was made through the same API as the twin's.
    pub(super) const fn is(&self, route: Route) -> bool {
        matches!(
            (self, route),
            (Self::Ecom, Route::Ecom) | (Self::Epayment(_), Route::Epayment)
        )
    }
}

/// A payment at the shadow upstream.
pub(super) struct Twin {
    /// Where it was made.
    pub(super) side: Side,
    /// How far it is.
    pub(super) state: State,
    /// How often it was changed.
    pub(super) made: Made,
    /// That of its URL, for the test user's approval.
    pub(super) token: Option<String>,
}

/// The place of a twin: one call at a time.
#[derive(Default)]
pub(super) struct Place {
    lost: AtomicBool,
    pub(super) line: Line,
    /// None until it is made.
    pub(super) twin: tokio::sync::Mutex<Option<Twin>>,
}

impl Place {
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// From now on the twin is lost, unless it is found to be in step: also where this work is dropped in its middle.
    pub(super) const fn doubt(&self) -> Doubt<'_> {
        Doubt(Some(self))
    }
}

/// Loses the twin when it is dropped.
#[must_use]
pub(super) struct Doubt<'a>(Option<&'a Place>);

impl Doubt<'_> {
    /// It is in step.
    pub(super) fn settle(mut self) {
        self.0 = None;
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.0 {
            place.lose();
        }
    }
}

type Key = (Scope, OrderText);

/// All of them.
pub(super) struct Twins(Cache<Key, Arc<Place>>);

impl Twins {
    pub(super) fn new() -> Self {
        let places = Cache::builder()
            .max_capacity(MOST)
            .time_to_idle(IDLE)
            // The newest is never turned away.
            .eviction_policy(EvictionPolicy::lru());
        Self(places.build())
    }

    /// The place of an order, made where there is none.
    pub(super) fn place(&self, scope: &Scope, order: &OrderText) -> Arc<Place> {
        self.0
            .get_with((scope.clone(), order.clone()), Arc::<Place>::default)
    }

    /// The place of an order, if there is one.
    pub(super) fn known(&self, scope: &Scope, order: &OrderText) -> Option<Arc<Place>> {
        self.0.get(&(scope.clone(), order.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_that_nobody_settles_loses_the_twin() {
        let place = Place::default();
        place.doubt().settle();
        assert!(!place.is_lost());
        drop(place.doubt());
        assert!(place.is_lost());
    }

    #[test]
    fn an_order_has_one_place() {
        let (twins, scope) = (Twins::new(), Scope::parse("123456").unwrap());
        let order = OrderText::parse("order-0001").unwrap();
        assert!(twins.known(&scope, &order).is_none());
        let place = twins.place(&scope, &order);
        assert!(Arc::ptr_eq(&place, &twins.place(&scope, &order)));
        assert!(Arc::ptr_eq(&place, &twins.known(&scope, &order).unwrap()));
        let other = Scope::parse("654321").unwrap();
        assert!(twins.known(&other, &order).is_none());
    }
}
