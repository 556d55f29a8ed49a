//! How many of the calls in flight may wait for one API: nearly all, so that an API which hangs leaves places to the
//! others. Must not: wait for a place, or count work of the bridge's own.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bridge::Bridge;
use super::calls::Call;
use crate::ecom::error::Failure;
use crate::telemetry::Api;
use crate::upstream::{SendFailure, Unsent};

/// One in so many places is kept from each API, and at least one.
const KEPT: usize = 64;

/// A place at an API, given back when it is dropped.
pub type Berth = OwnedSemaphorePermit;

/// The places at each API.
#[derive(Clone, Debug)]
pub struct Bulkheads([Arc<Semaphore>; 4]);

impl Bulkheads {
    /// Of so many calls in flight.
    #[must_use]
    pub fn new(max_in_flight: usize) -> Self {
        let kept = (max_in_flight / KEPT).max(1);
        let places = max_in_flight.saturating_sub(kept).max(1);
        let places = places.min(Semaphore::MAX_PERMITS);
        Self(std::array::from_fn(|_| Arc::new(Semaphore::new(places))))
    }

    fn enter(&self, api: Api) -> Result<Berth, Unsent> {
        let berth = match api {
            Api::Ecom => &self.0[0],
            Api::Epayment => &self.0[1],
            Api::Token => &self.0[2],
            Api::Pass => &self.0[3],
        };
        let place = Arc::clone(berth).try_acquire_owned();
        place.map_err(|_| Unsent::TooMany)
    }
}

impl Bridge {
    /// A place at `api`; none where too many wait for it already.
    pub(super) fn berth(&self, api: Api) -> Result<Berth, SendFailure> {
        self.bulkheads.enter(api).map_err(|why| {
            let full = SendFailure::NotSent(why);
            self.meters.upstream_error(api, full.kind());
            full
        })
    }

    /// The same for a call, which holds it until its work has ended or goes on at the other API.
    pub(super) fn wait_at(&self, call: &Call, api: Api) -> Result<(), SendFailure> {
        let berth = self.berth(api)?;
        *call
            .berth
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(berth);
        Ok(())
    }

    /// Before anything is recorded or sent.
    pub(super) fn wait_at_epayment(&self, call: &Call) -> Result<(), Failure> {
        self.wait_at(call, Api::Epayment).map_err(|_| {
            let told = "Too many calls wait for ePayment, and nothing was done. Repeat later";
            Failure::unreachable(told)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_api_has_nearly_all_places_and_leaves_some_to_the_others() {
        for (in_flight, at_one) in [(1, 1), (2, 1), (4, 3), (63, 62), (64, 63), (1024, 1008)] {
            let bulkheads = Bulkheads::new(in_flight);
            let held: Vec<Berth> = (0..at_one)
                .map(|_| bulkheads.enter(Api::Epayment).unwrap())
                .collect();
            assert_eq!(bulkheads.enter(Api::Epayment).unwrap_err(), Unsent::TooMany);
            for other in [Api::Ecom, Api::Token, Api::Pass] {
                assert!(bulkheads.enter(other).is_ok());
            }
            drop(held);
            assert!(bulkheads.enter(Api::Epayment).is_ok());
        }
    }
}
