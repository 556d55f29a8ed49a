//! The store in one SQLite file: for one process, with every committed step on disk.
//!
//! One writing task, a few readers; each method of the trait is one transaction on either. Another process on the same
//! file is refused. Must not: hold a transaction across anything but the database.

mod adjustments;
#[cfg(test)]
mod batches;
mod callbacks;
#[cfg(test)]
mod crash;
mod error;
#[cfg(test)]
mod leases;
mod ledger;
#[cfg(test)]
mod line;
#[cfg(test)]
mod load;
mod look;
#[cfg(test)]
mod measure;
mod observations;
mod open;
mod payments;
#[cfg(test)]
mod power;
mod reseal;
mod rows;
mod shadow;
mod steering;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod upgrade;
mod writer;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{Sqlite, SqlitePool};
use sqlx::{ConnectOptions, Transaction};

use super::seal::Sealer;
use super::{
    Adjustment, AdjustmentId, AttemptId, Begun, Known, NewAdjustment, NewPayment, Outcome,
    PaymentFacts, PaymentRecord, Store, StoreError, Version,
};
use crate::store::tokens::Tokens;
use crate::types::{CallerHash, Moment, Msn, OrderText, Scope, StoreSecret};
use writer::Writer;

/// How to open a store.
#[derive(Debug)]
pub struct SqliteOptions {
    /// The file. It and its lock file are made where they are missing; the folder must be there.
    pub path: PathBuf,
    /// Seals the merchants' `authToken`; without one they are kept as they came.
    pub sealer: Option<Sealer>,
    /// How long a transaction may wait before it begins.
    pub busy_timeout: Duration,
}

impl SqliteOptions {
    /// The file with the default wait of two seconds and no sealing.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            sealer: None,
            busy_timeout: Duration::from_secs(2),
        }
    }
}

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    // In this order: the writer is let go before the lock is.
    writer: Writer,
    readers: SqlitePool,
    tokens: Tokens,
    secret: StoreSecret,
    lock: open::Lock,
}

impl SqliteStore {
    /// The file that a `store.url` of the form `sqlite:FILE` names; `None` for any other form.
    #[must_use]
    pub fn path_of(url: &str) -> Option<PathBuf> {
        let file = url.strip_prefix("sqlite:")?;
        let file = file.strip_prefix("//").unwrap_or(file);
        let names_a_file = !file.is_empty() && !file.ends_with('/') && !file.contains(['?', '\0']);
        (names_a_file && file != ":memory:").then(|| PathBuf::from(file))
    }

    /// Opens the store, makes it where there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// `InUse`, `ReadOnly`, `Unreachable`, `Damaged`, `TooNew`, `Full` or `Locked`.
    pub async fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let SqliteOptions {
            path,
            sealer,
            busy_timeout,
        } = options;
        let (path, lock) = open::take(&path)?;
        let connect = open::for_writing(&path, busy_timeout);
        let mut connection = connect.connect().await?;
        let secret = open::prepare(&mut connection).await?;
        open::free_claims(&mut connection).await;
        let tokens = Tokens::new(sealer);
        reseal::all(&mut connection, &tokens).await?;
        Ok(Self {
            writer: Writer::start(connection, connect, busy_timeout),
            readers: open::readers(&path, busy_timeout),
            tokens,
            secret,
            lock,
        })
    }

    /// Looks at a store without opening it as one: nothing is made, brought up to date or kept locked.
    pub async fn look(path: &std::path::Path) -> super::look::SqliteLook {
        look::look(path).await
    }

    /// Ends what was begun, closes the file and frees its lock; what is asked after that fails. A store that is only
    /// dropped loses nothing either: what it answered is on disk.
    pub async fn close(&self) {
        self.writer.stop().await;
        self.readers.close().await;
        self.lock.free();
    }

    /// A reader's view of one moment. Dropping it ends the transaction.
    async fn view(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.readers.begin().await?)
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn secret(&self) -> &StoreSecret {
        &self.secret
    }

    async fn payment(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
    ) -> Result<Known, StoreError> {
        let mut view = self.view().await?;
        payments::known(&mut view, &self.tokens, scope, order, caller).await
    }

    async fn units_of_order(
        &self,
        caller: CallerHash,
        order: &OrderText,
    ) -> Result<Vec<Msn>, StoreError> {
        let mut view = self.view().await?;
        payments::units_of_order(&mut view, caller, order).await
    }

    async fn units_of_caller(&self, caller: CallerHash) -> Result<Vec<Msn>, StoreError> {
        let mut view = self.view().await?;
        payments::units_of_caller(&mut view, caller).await
    }

    async fn begin_payment(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let tokens = self.tokens.clone();
        self.writer
            .run(move |db| Box::pin(payments::begin(db, tokens, new)))
            .await
    }

    async fn resume_payment(
        &self,
        attempt: AttemptId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |db| Box::pin(payments::resume(db, attempt, now, until)))
            .await
    }

    async fn finish_payment(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |db| Box::pin(payments::finish(db, attempt, outcome, now)))
            .await
    }

    async fn learn_payment(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
        facts: PaymentFacts,
        now: Moment,
    ) -> Result<PaymentRecord, StoreError> {
        // Mostly it is known already: then nothing is written.
        let mut view = self.view().await?;
        if let Some(known) = payments::payment(&mut view, &self.tokens, scope, order).await? {
            return Ok(known);
        }
        drop(view);
        let learned = payments::Learned {
            scope: scope.clone(),
            order: order.clone(),
            caller,
            facts,
            now,
        };
        let tokens = self.tokens.clone();
        self.writer
            .run(move |db| Box::pin(payments::learn(db, tokens, learned)))
            .await
    }

    async fn adjustments(
        &self,
        scope: &Scope,
        order: &OrderText,
    ) -> Result<(Vec<Adjustment>, Version), StoreError> {
        let mut view = self.view().await?;
        adjustments::all(&mut view, scope, order).await
    }

    async fn begin_adjustment(
        &self,
        new: NewAdjustment,
        seen: Version,
    ) -> Result<Option<AdjustmentId>, StoreError> {
        self.writer
            .run(move |db| Box::pin(adjustments::begin(db, new, seen)))
            .await
    }

    async fn resume_adjustment(
        &self,
        id: AdjustmentId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |db| Box::pin(adjustments::resume(db, id, now, until)))
            .await
    }

    async fn finish_adjustment(
        &self,
        id: AdjustmentId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |db| Box::pin(adjustments::finish(db, id, outcome, now)))
            .await
    }

    async fn ambiguous(&self, now: Moment) -> Result<u64, StoreError> {
        let mut view = self.view().await?;
        adjustments::ambiguous(&mut view, now).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.writer.run(|db| Box::pin(open::probe(db))).await
    }
}
