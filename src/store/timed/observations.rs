//! The steps of the traffic's counts and of the machine's memory, timed.
//!
//! Must not: change what the store inside does or returns.

use async_trait::async_trait;

use super::Timed;
use crate::store::{
    Automatic, AutomaticStore, Change, Hour, Observation, ObservationStore, StoreError,
};
use crate::types::{Moment, Msn};

#[async_trait]
impl<S: ObservationStore + ?Sized> ObservationStore for Timed<S> {
    async fn add_observations(&self, more: Vec<Observation>) -> Result<(), StoreError> {
        let work = self.inner.add_observations(more);
        self.timed("add_observations", work).await
    }

    async fn observations(&self, msn: &Msn, from: Hour) -> Result<Vec<Observation>, StoreError> {
        let work = self.inner.observations(msn, from);
        self.timed("observations", work).await
    }

    async fn observed_units(&self, from: Hour) -> Result<Vec<Msn>, StoreError> {
        self.timed("observed_units", self.inner.observed_units(from))
            .await
    }

    async fn prune_observations(&self, before: Hour, limit: usize) -> Result<u64, StoreError> {
        let work = self.inner.prune_observations(before, limit);
        self.timed("prune_observations", work).await
    }
}

#[async_trait]
impl<S: AutomaticStore + ?Sized> AutomaticStore for Timed<S> {
    async fn automatic(&self) -> Result<Vec<Automatic>, StoreError> {
        self.timed("automatic", self.inner.automatic()).await
    }

    async fn save_automatic(
        &self,
        next: Automatic,
        change: Option<Change>,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let work = self.inner.save_automatic(next, change, now);
        self.timed("save_automatic", work).await
    }
}
