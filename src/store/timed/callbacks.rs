//! The same for events, the outbox, polls and registrations.
//!
//! Must not: change what the store inside does or returns.

use async_trait::async_trait;

use super::Timed;
use crate::store::{
    Accepted, CallbackCounts, CallbackFilter, CallbackId, CallbackOrigin, CallbackStore,
    CallbackView, ClaimLimits, DueCallback, DuePayment, Handled, Lease, NewEvent, Pruned,
    Registered, RegistrationState, Retention, Settled, Stage, StoreError, Stray, UnmatchedEvent,
    Webhook,
};
use crate::types::{Moment, Msn, OrderText, Scope};

#[async_trait]
impl<S: CallbackStore + ?Sized> CallbackStore for Timed<S> {
    async fn accept_event(&self, event: NewEvent, now: Moment) -> Result<Accepted, StoreError> {
        let work = self.inner.accept_event(event, now);
        self.timed("accept_event", work).await
    }

    async fn keep_stray(&self, stray: Stray, now: Moment) -> Result<(), StoreError> {
        let work = self.inner.keep_stray(stray, now);
        self.timed("keep_stray", work).await
    }

    async fn unmatched(
        &self,
        after: (Moment, i64),
        limit: usize,
    ) -> Result<Vec<UnmatchedEvent>, StoreError> {
        let work = self.inner.unmatched(after, limit);
        self.timed("unmatched", work).await
    }

    async fn claim_callbacks(
        &self,
        stage: Stage,
        now: Moment,
        limits: ClaimLimits,
        until: Moment,
    ) -> Result<Vec<DueCallback>, StoreError> {
        let work = self.inner.claim_callbacks(stage, now, limits, until);
        self.timed("claim_callbacks", work).await
    }

    async fn settle_callback(
        &self,
        id: CallbackId,
        lease: Lease,
        settled: Settled,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let work = self.inner.settle_callback(id, lease, settled, now);
        self.timed("settle_callback", work).await
    }

    async fn next_callback_at(&self, stage: Stage) -> Result<Option<Moment>, StoreError> {
        let work = self.inner.next_callback_at(stage);
        self.timed("next_callback_at", work).await
    }

    async fn callbacks(&self, filter: CallbackFilter) -> Result<Vec<CallbackView>, StoreError> {
        let work = self.inner.callbacks(filter);
        self.timed("callbacks", work).await
    }

    async fn callback(&self, id: CallbackId) -> Result<Option<CallbackView>, StoreError> {
        let work = self.inner.callback(id);
        self.timed("callback", work).await
    }

    async fn replay_callback(&self, id: CallbackId, now: Moment) -> Result<Handled, StoreError> {
        let work = self.inner.replay_callback(id, now);
        self.timed("replay_callback", work).await
    }

    async fn drop_callback(
        &self,
        id: CallbackId,
        note: String,
        now: Moment,
    ) -> Result<Handled, StoreError> {
        let work = self.inner.drop_callback(id, note, now);
        self.timed("drop_callback", work).await
    }

    async fn callback_counts(&self) -> Result<CallbackCounts, StoreError> {
        let work = self.inner.callback_counts();
        self.timed("callback_counts", work).await
    }

    async fn callback_origins(&self, limit: usize) -> Result<Vec<CallbackOrigin>, StoreError> {
        let work = self.inner.callback_origins(limit);
        self.timed("callback_origins", work).await
    }

    async fn claim_polls(
        &self,
        now: Moment,
        limit: usize,
        until: Moment,
    ) -> Result<Vec<DuePayment>, StoreError> {
        let work = self.inner.claim_polls(now, limit, until);
        self.timed("claim_polls", work).await
    }

    async fn settle_poll(
        &self,
        scope: &Scope,
        order: &OrderText,
        lease: Lease,
        next: Option<Moment>,
    ) -> Result<bool, StoreError> {
        let work = self.inner.settle_poll(scope, order, lease, next);
        self.timed("settle_poll", work).await
    }

    async fn webhooks(&self, msn: Option<&Msn>) -> Result<Vec<Webhook>, StoreError> {
        let work = self.inner.webhooks(msn);
        self.timed("webhooks", work).await
    }

    async fn see_unit(&self, msn: &Msn, now: Moment) -> Result<(), StoreError> {
        let work = self.inner.see_unit(msn, now);
        self.timed("see_unit", work).await
    }

    async fn recheck_unit(&self, msn: &Msn, now: Moment) -> Result<(), StoreError> {
        let work = self.inner.recheck_unit(msn, now);
        self.timed("recheck_unit", work).await
    }

    async fn claim_registration(
        &self,
        msn: &Msn,
        now: Moment,
        until: Moment,
    ) -> Result<Option<Lease>, StoreError> {
        let work = self.inner.claim_registration(msn, now, until);
        self.timed("claim_registration", work).await
    }

    async fn settle_registration(
        &self,
        msn: &Msn,
        lease: Lease,
        end: Registered,
        next: Moment,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let work = self.inner.settle_registration(msn, lease, end, next, now);
        self.timed("settle_registration", work).await
    }

    async fn forget_webhook(&self, msn: &Msn, id: &str) -> Result<(), StoreError> {
        let work = self.inner.forget_webhook(msn, id);
        self.timed("forget_webhook", work).await
    }

    async fn registrations(&self) -> Result<Vec<RegistrationState>, StoreError> {
        let work = self.inner.registrations();
        self.timed("registrations", work).await
    }

    async fn prune(&self, retention: Retention) -> Result<Pruned, StoreError> {
        let work = self.inner.prune(retention);
        self.timed("prune", work).await
    }
}
