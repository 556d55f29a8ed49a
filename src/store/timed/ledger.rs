//! The same for the ledger.
//!
//! Must not: change what the store inside does or returns.

use async_trait::async_trait;

use super::Timed;
use crate::store::StoreError;
use crate::store::balance::Balance;
use crate::store::ledger::{
    DueLook, KeptMismatch, LedgerEntry, LedgerId, LedgerPayment, LedgerStore, LookEnd,
    MismatchKind, OpenDays, PaymentFilter, WhichMismatches,
};
use crate::types::{Moment, Msn, OrderText, Scope};

#[async_trait]
impl<S: LedgerStore + ?Sized> LedgerStore for Timed<S> {
    async fn ledger(&self, after: LedgerId, limit: usize) -> Result<Vec<LedgerEntry>, StoreError> {
        self.timed("ledger", self.inner.ledger(after, limit)).await
    }

    async fn ledger_of(
        &self,
        order: &OrderText,
        msn: Option<&Msn>,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        self.timed("ledger_of", self.inner.ledger_of(order, msn))
            .await
    }

    async fn list_payments(&self, filter: PaymentFilter) -> Result<Vec<LedgerPayment>, StoreError> {
        self.timed("list_payments", self.inner.list_payments(filter))
            .await
    }

    async fn learn_balance(
        &self,
        scope: &Scope,
        order: &OrderText,
        balance: Balance,
    ) -> Result<(), StoreError> {
        let work = self.inner.learn_balance(scope, order, balance);
        self.timed("learn_balance", work).await
    }

    async fn claim_looks(
        &self,
        now: Moment,
        limit: usize,
        until: Moment,
    ) -> Result<Vec<DueLook>, StoreError> {
        let work = self.inner.claim_looks(now, limit, until);
        self.timed("claim_looks", work).await
    }

    async fn settle_look(
        &self,
        due: &DueLook,
        end: LookEnd,
        next: Option<Moment>,
        now: Moment,
    ) -> Result<Option<Vec<KeptMismatch>>, StoreError> {
        let work = self.inner.settle_look(due, end, next, now);
        self.timed("settle_look", work).await
    }

    async fn told_mismatches(&self, ids: &[i64]) -> Result<(), StoreError> {
        let work = self.inner.told_mismatches(ids);
        self.timed("told_mismatches", work).await
    }

    async fn mismatches(
        &self,
        which: WhichMismatches,
        limit: usize,
    ) -> Result<Vec<KeptMismatch>, StoreError> {
        self.timed("mismatches", self.inner.mismatches(which, limit))
            .await
    }

    async fn mismatch_counts(&self) -> Result<Vec<(MismatchKind, u64)>, StoreError> {
        self.timed("mismatch_counts", self.inner.mismatch_counts())
            .await
    }

    async fn open_payments(&self) -> Result<Vec<OpenDays>, StoreError> {
        self.timed("open_payments", self.inner.open_payments())
            .await
    }

    async fn recount_open(&self) -> Result<Vec<OpenDays>, StoreError> {
        self.timed("recount_open", self.inner.recount_open()).await
    }

    async fn expiring(
        &self,
        until: Moment,
        limit: usize,
    ) -> Result<Vec<LedgerPayment>, StoreError> {
        self.timed("expiring", self.inner.expiring(until, limit))
            .await
    }
}
