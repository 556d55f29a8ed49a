//! The steps of the steering's records, timed.
//!
//! Must not: change what the store inside does or returns.

use async_trait::async_trait;

use super::Timed;
use crate::store::{
    Change, ChangeView, NewOverride, Override, OverrideId, Reason, SteeringStore, StoreError,
};
use crate::types::Moment;

#[async_trait]
impl<S: SteeringStore + ?Sized> SteeringStore for Timed<S> {
    async fn overrides(&self, now: Moment) -> Result<Vec<Override>, StoreError> {
        self.timed("overrides", self.inner.overrides(now)).await
    }

    async fn set_override(&self, new: NewOverride, now: Moment) -> Result<OverrideId, StoreError> {
        self.timed("set_override", self.inner.set_override(new, now))
            .await
    }

    async fn end_override(
        &self,
        id: OverrideId,
        reason: Reason,
        now: Moment,
    ) -> Result<Option<Override>, StoreError> {
        let work = self.inner.end_override(id, reason, now);
        self.timed("end_override", work).await
    }

    async fn expire_overrides(&self, now: Moment) -> Result<Vec<Override>, StoreError> {
        self.timed("expire_overrides", self.inner.expire_overrides(now))
            .await
    }

    async fn list_change(&self, change: Change, now: Moment) -> Result<(), StoreError> {
        self.timed("list_change", self.inner.list_change(change, now))
            .await
    }

    async fn changes(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<ChangeView>, StoreError> {
        self.timed("changes", self.inner.changes(before, limit))
            .await
    }
}
