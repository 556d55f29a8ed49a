//! The ledger in PostgreSQL: which step may run again when a connection is lost.
//!
//! Must not: hold a transaction across anything but the database.

mod looks;
mod note;
mod read;

pub(super) use note::{Heard, begun, called, hear, opened};

use async_trait::async_trait;

use super::PostgresStore;
use super::pool::{Mode, transaction};
use crate::store::StoreError;
use crate::store::balance::Balance;
use crate::store::ledger::{
    DueLook, KeptMismatch, LedgerEntry, LedgerId, LedgerPayment, LedgerStore, LookEnd,
    MismatchKind, OpenDays, PaymentFilter, WhichMismatches,
};
use crate::types::{Moment, Msn, OrderText, Scope};

/// A limit as PostgreSQL takes it.
fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// So many changes of the counts are added up at a time.
const ADDED_UP: i64 = 5_000;

#[async_trait]
impl LedgerStore for PostgresStore {
    async fn ledger(&self, after: LedgerId, limit: usize) -> Result<Vec<LedgerEntry>, StoreError> {
        transaction!(self.pool, Mode::Repeatable, |db| read::page(
            db, after, limit
        ))
    }

    async fn ledger_of(
        &self,
        order: &OrderText,
        msn: Option<&Msn>,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        transaction!(self.pool, Mode::Repeatable, |db| read::of_order(
            db, order, msn
        ))
    }

    async fn list_payments(&self, filter: PaymentFilter) -> Result<Vec<LedgerPayment>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| read::list(db, &filter))
    }

    async fn learn_balance(
        &self,
        scope: &Scope,
        order: &OrderText,
        balance: Balance,
    ) -> Result<(), StoreError> {
        // Mostly it is known already: then nothing is written.
        let news: Result<bool, StoreError> =
            transaction!(self.pool, Mode::Statement, |db| note::is_news(
                db, scope, order, &balance
            ));
        if !news? {
            return Ok(());
        }
        transaction!(self.pool, Mode::Repeatable, |db| note::learn(
            db, scope, order, &balance
        ))
    }

    async fn claim_looks(
        &self,
        now: Moment,
        limit: usize,
        until: Moment,
    ) -> Result<Vec<DueLook>, StoreError> {
        let changes: Result<bool, StoreError> =
            transaction!(self.pool, Mode::Statement, |db| looks::any_changes(db));
        if changes? {
            let added: Result<(), StoreError> =
                transaction!(self.pool, Mode::Once, |db| looks::add_up(db, ADDED_UP));
            added?;
        }
        let any: Result<bool, StoreError> =
            transaction!(self.pool, Mode::Statement, |db| looks::any_due(db, now));
        if !any? {
            return Ok(Vec::new());
        }
        transaction!(self.pool, Mode::Once, |db| looks::claim(
            db, now, limit, until
        ))
    }

    async fn settle_look(
        &self,
        due: &DueLook,
        end: LookEnd,
        next: Option<Moment>,
        now: Moment,
    ) -> Result<Option<Vec<KeptMismatch>>, StoreError> {
        transaction!(self.pool, Mode::Once, |db| looks::settle(
            db,
            due,
            &end,
            (next, now)
        ))
    }

    async fn told_mismatches(&self, ids: &[i64]) -> Result<(), StoreError> {
        transaction!(self.pool, Mode::Statement, |db| looks::told(db, ids))
    }

    async fn mismatches(
        &self,
        which: WhichMismatches,
        limit: usize,
    ) -> Result<Vec<KeptMismatch>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| looks::mismatches(
            db, &which, limit
        ))
    }

    async fn mismatch_counts(&self) -> Result<Vec<(MismatchKind, u64)>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| looks::counts(db))
    }

    async fn open_payments(&self) -> Result<Vec<OpenDays>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| read::open(
            db,
            read::COUNTED
        ))
    }

    async fn recount_open(&self) -> Result<Vec<OpenDays>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| read::open(
            db,
            read::RECOUNTED
        ))
    }

    async fn expiring(
        &self,
        until: Moment,
        limit: usize,
    ) -> Result<Vec<LedgerPayment>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| read::expiring(
            db, until, limit
        ))
    }
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) fn lookups() -> Vec<&'static str> {
    [&note::LOOKUPS[..], &looks::LOOKUPS[..], &read::LOOKUPS[..]].concat()
}
