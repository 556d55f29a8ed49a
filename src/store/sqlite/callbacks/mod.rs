//! Events, the outbox, polls and registrations in SQLite: which step runs on the writer and which on a reader.
//!
//! What only looks, and what mostly finds nothing to do, asks a reader first. Must not: hold a transaction across
//! anything but the database.

mod events;
mod operator;
mod outbox;
mod polls;
mod prune;
mod registrations;

pub(super) use events::catch_up;
pub(super) use operator::origins;

use super::db::{Db, Row};
use async_trait::async_trait;

use super::SqliteStore;
use crate::store::{
    Accepted, CallbackCounts, CallbackFilter, CallbackId, CallbackOrigin, CallbackStore,
    CallbackView, ClaimLimits, DueCallback, DuePayment, Handled, Lease, NewEvent, Pruned,
    Registered, RegistrationState, Retention, Settled, Stage, StoreError, Stray, UnmatchedEvent,
    Webhook,
};
use crate::types::{Moment, Msn, OrderText, Scope};

/// A limit as SQLite takes it.
fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Numbers as a JSON list, for `json_each`.
fn json(ids: &[i64]) -> String {
    let texts: Vec<String> = ids.iter().map(i64::to_string).collect();
    format!("[{}]", texts.join(","))
}

fn id_list(rows: &[Row]) -> Result<String, StoreError> {
    let ids: Result<Vec<i64>, StoreError> = rows.iter().map(|row| row.try_get("id")).collect();
    Ok(json(&ids?))
}

/// Ends the claims of the process that had the file before. Nobody else can hold one: the lock file sees to that. Money
/// calls keep their owner until its time: what was sent may still be on its way.
pub(super) fn free_claims(db: &mut Db) -> Result<(), StoreError> {
    let callbacks = outbox::free(db)?;
    let polls = polls::free(db)?;
    let registrations = registrations::free(db)?;
    if callbacks + polls + registrations > 0 {
        tracing::info!(
            callbacks,
            polls,
            registrations,
            "what was being worked on when the store was last used is due again"
        );
    }
    Ok(())
}

#[async_trait]
impl CallbackStore for SqliteStore {
    async fn accept_event(&self, event: NewEvent, now: Moment) -> Result<Accepted, StoreError> {
        self.writer
            .run(move |db| events::accept(db, event, now))
            .await
    }

    async fn keep_stray(&self, stray: Stray, now: Moment) -> Result<(), StoreError> {
        self.writer
            .run(move |db| events::keep_stray(db, stray, now))
            .await
    }

    async fn unmatched(
        &self,
        after: (Moment, i64),
        limit: usize,
    ) -> Result<Vec<UnmatchedEvent>, StoreError> {
        self.read(move |db| events::unmatched(db, after, limit))
            .await
    }

    async fn claim_callbacks(
        &self,
        stage: Stage,
        now: Moment,
        limits: ClaimLimits,
        until: Moment,
    ) -> Result<Vec<DueCallback>, StoreError> {
        let due = self.read(move |db| outbox::any_due(db, stage, now));
        let Some(found) = due.await? else {
            return Ok(Vec::new());
        };
        let tokens = self.tokens.clone();
        self.writer
            .run(move |db| outbox::claim(db, tokens, (stage, now, found), limits, until))
            .await
    }

    async fn settle_callback(
        &self,
        id: CallbackId,
        lease: Lease,
        settled: Settled,
        now: Moment,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |db| outbox::settle(db, (id, lease), settled, now))
            .await
    }

    async fn next_callback_at(&self, stage: Stage) -> Result<Option<Moment>, StoreError> {
        self.read(move |db| outbox::next_at(db, stage)).await
    }

    async fn callbacks(&self, filter: CallbackFilter) -> Result<Vec<CallbackView>, StoreError> {
        self.read(move |db| operator::list(db, filter)).await
    }

    async fn callback(&self, id: CallbackId) -> Result<Option<CallbackView>, StoreError> {
        self.read(move |db| operator::one(db, id)).await
    }

    async fn replay_callback(&self, id: CallbackId, now: Moment) -> Result<Handled, StoreError> {
        self.writer
            .run(move |db| operator::replay(db, id, now))
            .await
    }

    async fn drop_callback(
        &self,
        id: CallbackId,
        note: String,
        now: Moment,
    ) -> Result<Handled, StoreError> {
        self.writer
            .run(move |db| operator::drop_one(db, id, note, now))
            .await
    }

    async fn callback_counts(&self) -> Result<CallbackCounts, StoreError> {
        self.read(operator::counts).await
    }

    async fn callback_origins(&self, limit: usize) -> Result<Vec<CallbackOrigin>, StoreError> {
        self.read(move |db| operator::origins(db, limit)).await
    }

    async fn claim_polls(
        &self,
        now: Moment,
        limit: usize,
        until: Moment,
    ) -> Result<Vec<DuePayment>, StoreError> {
        if !self.read(move |db| polls::any_due(db, now)).await? {
            return Ok(Vec::new());
        }
        let tokens = self.tokens.clone();
        self.writer
            .run(move |db| polls::claim(db, tokens, now, limit, until))
            .await
    }

    async fn settle_poll(
        &self,
        scope: &Scope,
        order: &OrderText,
        lease: Lease,
        next: Option<Moment>,
    ) -> Result<bool, StoreError> {
        let payment = (scope.clone(), order.clone());
        self.writer
            .run(move |db| polls::settle(db, payment, lease, next))
            .await
    }

    async fn webhooks(&self, msn: Option<&Msn>) -> Result<Vec<Webhook>, StoreError> {
        let (tokens, msn) = (self.tokens.clone(), msn.cloned());
        self.read(move |db| registrations::webhooks(db, &tokens, msn.as_ref()))
            .await
    }

    async fn see_unit(&self, msn: &Msn, now: Moment) -> Result<(), StoreError> {
        // Mostly it is known already: then nothing is written.
        let msn = msn.clone();
        let asked = msn.clone();
        if self
            .read(move |db| registrations::is_seen(db, &asked))
            .await?
        {
            return Ok(());
        }
        self.writer
            .run(move |db| registrations::see(db, msn, now))
            .await
    }

    async fn recheck_unit(&self, msn: &Msn, now: Moment) -> Result<(), StoreError> {
        let msn = msn.clone();
        self.writer
            .run(move |db| registrations::recheck(db, msn, now))
            .await
    }

    async fn claim_registration(
        &self,
        msn: &Msn,
        now: Moment,
        until: Moment,
    ) -> Result<Option<Lease>, StoreError> {
        let msn = msn.clone();
        self.writer
            .run(move |db| registrations::claim(db, msn, now, until))
            .await
    }

    async fn settle_registration(
        &self,
        msn: &Msn,
        lease: Lease,
        end: Registered,
        next: Moment,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let claim = (msn.clone(), lease);
        let tokens = self.tokens.clone();
        self.writer
            .run(move |db| registrations::settle(db, tokens, claim, end, (next, now)))
            .await
    }

    async fn forget_webhook(&self, msn: &Msn, id: &str) -> Result<(), StoreError> {
        let (msn, id) = (msn.clone(), id.to_owned());
        self.writer
            .run(move |db| registrations::forget(db, msn, id))
            .await
    }

    async fn registrations(&self) -> Result<Vec<RegistrationState>, StoreError> {
        self.read(registrations::states).await
    }

    async fn prune(&self, retention: Retention) -> Result<Pruned, StoreError> {
        self.writer.run(move |db| prune::prune(db, retention)).await
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
