//! Events, the outbox, polls and registrations in PostgreSQL: which step may run again when a connection is lost.
//!
//! What mostly finds nothing to do looks first, without a transaction. A claim or settlement runs once: its answer tells
//! who has what. Must not: hold a transaction across
//! anything but the database.

mod events;
mod operator;
mod outbox;
mod polls;
mod prune;
mod registrations;

pub(super) use events::catch_up;
pub(super) use operator::origins;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::fault::Fault;
use super::pool::{Mode, transaction};
use crate::store::{
    Accepted, CallbackCounts, CallbackFilter, CallbackId, CallbackOrigin, CallbackStore,
    CallbackView, ClaimLimits, DueCallback, DuePayment, Handled, Lease, NewEvent, Pruned,
    Registered, RegistrationState, Retention, Settled, Stage, StoreError, Stray, UnmatchedEvent,
    Webhook,
};
use crate::types::{Moment, Msn, OrderText, Scope};

/// A limit as PostgreSQL takes it.
fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn id_list(rows: &[PgRow]) -> Result<Vec<i64>, Fault> {
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

#[async_trait]
impl CallbackStore for PostgresStore {
    async fn accept_event(&self, event: NewEvent, now: Moment) -> Result<Accepted, StoreError> {
        // Run again it is a duplicate, which is as true.
        transaction!(self.pool, Mode::Repeatable, |db| events::accept(
            db,
            event.clone(),
            now
        ))
    }

    async fn keep_stray(&self, stray: Stray, now: Moment) -> Result<(), StoreError> {
        transaction!(self.pool, Mode::Once, |db| events::keep_stray(
            db,
            stray.clone(),
            now
        ))
    }

    async fn unmatched(
        &self,
        after: (Moment, i64),
        limit: usize,
    ) -> Result<Vec<UnmatchedEvent>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| events::unmatched(
            db, after, limit
        ))
    }

    async fn claim_callbacks(
        &self,
        stage: Stage,
        now: Moment,
        limits: ClaimLimits,
        until: Moment,
    ) -> Result<Vec<DueCallback>, StoreError> {
        let any: Result<bool, StoreError> =
            transaction!(self.pool, Mode::Statement, |db| outbox::any_due(
                db, stage, now
            ));
        if !any? {
            return Ok(Vec::new());
        }
        let what = (stage, now);
        transaction!(self.pool, Mode::Once, |db| outbox::claim(
            db,
            &self.tokens,
            what,
            limits,
            until
        ))
    }

    async fn settle_callback(
        &self,
        id: CallbackId,
        lease: Lease,
        settled: Settled,
        now: Moment,
    ) -> Result<bool, StoreError> {
        transaction!(self.pool, Mode::Once, |db| outbox::settle(
            db,
            (id, lease),
            settled.clone(),
            now
        ))
    }

    async fn next_callback_at(&self, stage: Stage) -> Result<Option<Moment>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| outbox::next_at(db, stage))
    }

    async fn callbacks(&self, filter: CallbackFilter) -> Result<Vec<CallbackView>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| operator::list(
            db,
            filter.clone()
        ))
    }

    async fn callback(&self, id: CallbackId) -> Result<Option<CallbackView>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| operator::one(db, id))
    }

    async fn replay_callback(&self, id: CallbackId, now: Moment) -> Result<Handled, StoreError> {
        transaction!(self.pool, Mode::Once, |db| operator::replay(db, id, now))
    }

    async fn drop_callback(
        &self,
        id: CallbackId,
        note: String,
        now: Moment,
    ) -> Result<Handled, StoreError> {
        transaction!(self.pool, Mode::Once, |db| operator::drop_one(
            db,
            id,
            note.clone(),
            now
        ))
    }

    async fn callback_counts(&self) -> Result<CallbackCounts, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| operator::counts(db))
    }

    async fn callback_origins(&self, limit: usize) -> Result<Vec<CallbackOrigin>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| operator::origins(
            db, limit
        ))
    }

    async fn claim_polls(
        &self,
        now: Moment,
        limit: usize,
        until: Moment,
    ) -> Result<Vec<DuePayment>, StoreError> {
        let any: Result<bool, StoreError> =
            transaction!(self.pool, Mode::Statement, |db| polls::any_due(db, now));
        if !any? {
            return Ok(Vec::new());
        }
        transaction!(self.pool, Mode::Once, |db| polls::claim(
            db,
            &self.tokens,
            now,
            limit,
            until
        ))
    }

    async fn settle_poll(
        &self,
        scope: &Scope,
        order: &OrderText,
        lease: Lease,
        next: Option<Moment>,
    ) -> Result<bool, StoreError> {
        transaction!(self.pool, Mode::Once, |db| polls::settle(
            db,
            (scope, order),
            lease,
            next
        ))
    }

    async fn webhooks(&self, msn: Option<&Msn>) -> Result<Vec<Webhook>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| registrations::webhooks(
            db,
            &self.tokens,
            msn
        ))
    }

    async fn see_unit(&self, msn: &Msn, now: Moment) -> Result<(), StoreError> {
        // Mostly it is known already: then nothing is written.
        let seen: Result<bool, StoreError> =
            transaction!(self.pool, Mode::Statement, |db| registrations::is_seen(
                db, msn
            ));
        if seen? {
            return Ok(());
        }
        transaction!(self.pool, Mode::Statement, |db| registrations::see(
            db, msn, now
        ))
    }

    async fn recheck_unit(&self, msn: &Msn, now: Moment) -> Result<(), StoreError> {
        transaction!(self.pool, Mode::Statement, |db| registrations::recheck(
            db, msn, now
        ))
    }

    async fn claim_registration(
        &self,
        msn: &Msn,
        now: Moment,
        until: Moment,
    ) -> Result<Option<Lease>, StoreError> {
        transaction!(self.pool, Mode::Once, |db| registrations::claim(
            db, msn, now, until
        ))
    }

    async fn settle_registration(
        &self,
        msn: &Msn,
        lease: Lease,
        end: Registered,
        next: Moment,
        now: Moment,
    ) -> Result<bool, StoreError> {
        transaction!(self.pool, Mode::Once, |db| registrations::settle(
            db,
            &self.tokens,
            (msn, lease),
            end.clone(),
            (next, now)
        ))
    }

    async fn forget_webhook(&self, msn: &Msn, id: &str) -> Result<(), StoreError> {
        transaction!(self.pool, Mode::Statement, |db| registrations::forget(
            db, msn, id
        ))
    }

    async fn registrations(&self) -> Result<Vec<RegistrationState>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| registrations::states(db))
    }

    async fn prune(&self, retention: Retention) -> Result<Pruned, StoreError> {
        transaction!(self.pool, Mode::Once, |db| prune::prune(db, retention))
    }
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) fn lookups() -> Vec<&'static str> {
    [
        &events::LOOKUPS[..],
        &outbox::LOOKUPS[..],
        &operator::LOOKUPS[..],
        &polls::LOOKUPS[..],
        &registrations::LOOKUPS[..],
        &prune::LOOKUPS[..],
    ]
    .concat()
}

/// What a worker asks again and again, with the types of its parameters and values for a look at the plan.
#[cfg(test)]
pub(super) const fn claims() -> [(&'static str, &'static str, &'static str); 5] {
    outbox::CLAIMS
}
