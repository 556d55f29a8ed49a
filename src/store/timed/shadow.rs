//! The steps of what shadowing found, timed.
//!
//! Must not: change what the store inside does or returns.

use async_trait::async_trait;

use super::Timed;
use crate::ecom::route::Operation;
use crate::store::{Added, Findings, Judging, Reason, ShadowRecord, ShadowStore, StoreError};
use crate::types::Moment;

#[async_trait]
impl<S: ShadowStore + ?Sized> ShadowStore for Timed<S> {
    async fn add_findings(&self, more: &Findings, now: Moment) -> Result<Added, StoreError> {
        let work = self.inner.add_findings(more, now);
        self.timed("add_findings", work).await
    }

    async fn shadow_record(&self, samples: bool) -> Result<ShadowRecord, StoreError> {
        let work = self.inner.shadow_record(samples);
        self.timed("shadow_record", work).await
    }

    async fn reset_shadow(
        &self,
        operation: Option<Operation>,
        reason: Reason,
        now: Moment,
    ) -> Result<u64, StoreError> {
        let work = self.inner.reset_shadow(operation, reason, now);
        self.timed("reset_shadow", work).await
    }

    async fn judge_difference(&self, judging: Judging, now: Moment) -> Result<u64, StoreError> {
        let work = self.inner.judge_difference(judging, now);
        self.timed("judge_difference", work).await
    }
}
