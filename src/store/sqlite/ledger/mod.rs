//! The ledger in SQLite: which step runs on the writer and which on a reader.
//!
//! Must not: hold a transaction across anything but the database.

mod looks;
mod note;
mod read;

pub(super) use note::{Heard, begun, called, hear, opened};

use async_trait::async_trait;

use super::SqliteStore;
use crate::store::StoreError;
use crate::store::balance::Balance;
use crate::store::ledger::{
    DueLook, KeptMismatch, LedgerEntry, LedgerId, LedgerPayment, LedgerStore, LookEnd,
    MismatchKind, OpenDays, PaymentFilter, WhichMismatches,
};
use crate::types::{Moment, Msn, OrderText, Scope};

/// A limit as SQLite takes it.
fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[async_trait]
impl LedgerStore for SqliteStore {
    async fn ledger(&self, after: LedgerId, limit: usize) -> Result<Vec<LedgerEntry>, StoreError> {
        self.read(move |db| read::page(db, after, limit)).await
    }

    async fn ledger_of(
        &self,
        order: &OrderText,
        msn: Option<&Msn>,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let (order, msn) = (order.clone(), msn.cloned());
        self.read(move |db| read::of_order(db, &order, msn.as_ref()))
            .await
    }

    async fn list_payments(&self, filter: PaymentFilter) -> Result<Vec<LedgerPayment>, StoreError> {
        self.read(move |db| read::list(db, &filter)).await
    }

    async fn learn_balance(
        &self,
        scope: &Scope,
        order: &OrderText,
        balance: Balance,
    ) -> Result<(), StoreError> {
        // Mostly it is known already: then nothing is written.
        let (scope, order) = (scope.clone(), order.clone());
        let asked = (scope.clone(), order.clone(), balance);
        let is_news = self.read(move |db| {
            let (scope, order, balance) = &asked;
            note::is_news(db, scope, order, balance)
        });
        if !is_news.await? {
            return Ok(());
        }
        self.writer
            .run(move |db| note::learn(db, scope, order, balance))
            .await
    }

    async fn claim_looks(
        &self,
        now: Moment,
        limit: usize,
        until: Moment,
    ) -> Result<Vec<DueLook>, StoreError> {
        if !self.read(move |db| looks::any_due(db, now)).await? {
            return Ok(Vec::new());
        }
        self.writer
            .run(move |db| looks::claim(db, now, limit, until))
            .await
    }

    async fn settle_look(
        &self,
        due: &DueLook,
        end: LookEnd,
        next: Option<Moment>,
        now: Moment,
    ) -> Result<Option<Vec<KeptMismatch>>, StoreError> {
        let due = due.clone();
        self.writer
            .run(move |db| looks::settle(db, due, end, (next, now)))
            .await
    }

    async fn told_mismatches(&self, ids: &[i64]) -> Result<(), StoreError> {
        let ids = ids.to_vec();
        self.writer.run(move |db| looks::told(db, ids)).await
    }

    async fn mismatches(
        &self,
        which: WhichMismatches,
        limit: usize,
    ) -> Result<Vec<KeptMismatch>, StoreError> {
        self.read(move |db| looks::mismatches(db, &which, limit))
            .await
    }

    async fn mismatch_counts(&self) -> Result<Vec<(MismatchKind, u64)>, StoreError> {
        self.read(looks::counts).await
    }

    async fn open_payments(&self) -> Result<Vec<OpenDays>, StoreError> {
        self.read(move |db| read::open(db, read::COUNTED)).await
    }

    async fn recount_open(&self) -> Result<Vec<OpenDays>, StoreError> {
        self.read(move |db| read::open(db, read::RECOUNTED)).await
    }

    async fn expiring(
        &self,
        until: Moment,
        limit: usize,
    ) -> Result<Vec<LedgerPayment>, StoreError> {
        self.read(move |db| read::expiring(db, until, limit)).await
    }
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) fn lookups() -> Vec<&'static str> {
    [&note::LOOKUPS[..], &looks::LOOKUPS[..], &read::LOOKUPS[..]].concat()
}
