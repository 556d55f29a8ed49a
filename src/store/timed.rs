//! A store that tells how long each step took.
//!
//! Must not: change what the store inside does or returns.

mod callbacks;
#[cfg(debug_assertions)]
mod crash;
mod ledger;
mod observations;
mod shadow;
mod steering;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{
    Adjustment, AdjustmentId, AttemptId, Begun, First, Known, NewAdjustment, NewPayment, Outcome,
    PaymentFacts, PaymentRecord, Store, StoreError, Version,
};
use crate::types::{CallerHash, Moment, Msn, OrderText, Scope, StoreSecret};

/// Is told each step's name and how long it took, failed ones too.
pub type Observe = dyn Fn(&'static str, Duration) + Send + Sync;

/// A store with an observer. It is whatever the store inside is: a `Store`, a `CallbackStore` or both.
pub struct Timed<S: ?Sized = dyn Store> {
    inner: Arc<S>,
    observe: Arc<Observe>,
    #[cfg(debug_assertions)]
    crash: Option<crash::Crash>,
}

impl<S: ?Sized> Timed<S> {
    /// Tells `observe` of every step of `inner`.
    #[must_use]
    pub fn new(inner: Arc<S>, observe: Arc<Observe>) -> Self {
        Self {
            inner,
            observe,
            #[cfg(debug_assertions)]
            crash: crash::Crash::wanted(),
        }
    }

    async fn timed<T>(&self, step: &'static str, work: impl Future<Output = T>) -> T {
        self.passes("before", step);
        let begin = Instant::now();
        let answer = work.await;
        (self.observe)(step, begin.elapsed());
        self.passes("after", step);
        answer
    }

    #[cfg(debug_assertions)]
    fn passes(&self, side: &str, step: &str) {
        if let Some(crash) = &self.crash {
            crash.at(side, step);
        }
    }

    #[cfg(not(debug_assertions))]
    #[expect(clippy::unused_self, reason = "nothing happens in a release")]
    const fn passes(&self, _side: &str, _step: &str) {}
}

impl<S: fmt::Debug + ?Sized> fmt::Debug for Timed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timed").field(&self.inner).finish()
    }
}

#[async_trait]
impl<S: Store + ?Sized> Store for Timed<S> {
    async fn close(&self) {
        self.inner.close().await;
    }

    fn secret(&self) -> &StoreSecret {
        self.inner.secret()
    }

    async fn payment(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
    ) -> Result<Known, StoreError> {
        self.timed("payment", self.inner.payment(scope, order, caller))
            .await
    }

    async fn units_of_order(
        &self,
        caller: CallerHash,
        order: &OrderText,
    ) -> Result<Vec<Msn>, StoreError> {
        self.timed("units_of_order", self.inner.units_of_order(caller, order))
            .await
    }

    async fn units_of_caller(&self, caller: CallerHash) -> Result<Vec<Msn>, StoreError> {
        self.timed("units_of_caller", self.inner.units_of_caller(caller))
            .await
    }

    async fn begin_payment(&self, new: NewPayment) -> Result<Begun, StoreError> {
        self.timed("begin_payment", self.inner.begin_payment(new))
            .await
    }

    async fn begin_first_payment(&self, new: NewPayment) -> Result<First, StoreError> {
        let step = self.inner.begin_first_payment(new);
        self.timed("begin_first_payment", step).await
    }

    async fn resume_payment(
        &self,
        attempt: AttemptId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        let work = self.inner.resume_payment(attempt, now, until);
        self.timed("resume_payment", work).await
    }

    async fn finish_payment(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let work = self.inner.finish_payment(attempt, outcome, now);
        self.timed("finish_payment", work).await
    }

    async fn learn_payment(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
        facts: PaymentFacts,
        now: Moment,
    ) -> Result<PaymentRecord, StoreError> {
        let work = self.inner.learn_payment(scope, order, caller, facts, now);
        self.timed("learn_payment", work).await
    }

    async fn adjustments(
        &self,
        scope: &Scope,
        order: &OrderText,
    ) -> Result<(Vec<Adjustment>, Version), StoreError> {
        self.timed("adjustments", self.inner.adjustments(scope, order))
            .await
    }

    async fn payment_and_adjustments(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
    ) -> Result<(Known, (Vec<Adjustment>, Version)), StoreError> {
        let step = self.inner.payment_and_adjustments(scope, order, caller);
        self.timed("payment_and_adjustments", step).await
    }

    async fn begin_adjustment(
        &self,
        new: NewAdjustment,
        seen: Version,
    ) -> Result<Option<AdjustmentId>, StoreError> {
        self.timed("begin_adjustment", self.inner.begin_adjustment(new, seen))
            .await
    }

    async fn resume_adjustment(
        &self,
        id: AdjustmentId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        let work = self.inner.resume_adjustment(id, now, until);
        self.timed("resume_adjustment", work).await
    }

    async fn finish_adjustment(
        &self,
        id: AdjustmentId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<(), StoreError> {
        let work = self.inner.finish_adjustment(id, outcome, now);
        self.timed("finish_adjustment", work).await
    }

    async fn ambiguous(&self, now: Moment) -> Result<u64, StoreError> {
        self.timed("ambiguous", self.inner.ambiguous(now)).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.timed("ready", self.inner.ready()).await
    }
}
