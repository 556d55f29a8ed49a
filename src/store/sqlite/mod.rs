//! The store in one SQLite file: for one process, with every committed step on disk.
//!
//! One writing thread, a few readers; each method of the trait is one transaction on either, so it costs one hop to the
//! thread and one back however many statements it has. Another process on the same file is refused. Must not: hold a
//! transaction across anything but the database.

mod adjustments;
#[cfg(test)]
mod batches;
mod callbacks;
#[cfg(test)]
mod crash;
mod db;
mod error;
mod job;
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
mod readers;
mod reseal;
mod rows;
mod shadow;
mod steering;
#[cfg(test)]
mod tests;
mod thread;
#[cfg(test)]
mod upgrade;
mod writer;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use super::seal::Sealer;
use super::{
    Adjustment, AdjustmentId, AttemptId, Begun, First, Known, NewAdjustment, NewPayment, Outcome,
    PaymentFacts, PaymentRecord, Store, StoreError, Version,
};
use crate::store::tokens::Tokens;
use crate::types::{CallerHash, Moment, Msn, OrderText, Scope, StoreSecret};
use db::Db;
use readers::Readers;
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
    readers: Readers,
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
        let tokens = Tokens::new(sealer);
        let to_reseal = tokens.clone();
        let begin = move |db: &mut Db| {
            let secret = open::prepare(db)?;
            open::free_claims(db);
            reseal::all(db, &to_reseal)?;
            Ok(secret)
        };
        let (writer, secret) = Writer::start(connect, busy_timeout, begin).await?;
        Ok(Self {
            writer,
            readers: Readers::start(&open::for_reading(&path, busy_timeout), busy_timeout)?,
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
        // The last connection takes the log along, unless two close in the same moment: so the one writer is the last.
        self.readers.close().await;
        self.writer.stop().await;
        self.lock.free();
    }

    /// Runs `step` on a reader, with a view of one moment.
    async fn read<T, F>(&self, step: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.run(step).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn close(&self) {
        Self::close(self).await;
    }

    fn secret(&self) -> &StoreSecret {
        &self.secret
    }

    async fn payment(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
    ) -> Result<Known, StoreError> {
        let (scope, order) = (scope.clone(), order.clone());
        let tokens = self.tokens.clone();
        self.read(move |db| payments::known(db, &tokens, &scope, &order, caller))
            .await
    }

    async fn units_of_order(
        &self,
        caller: CallerHash,
        order: &OrderText,
    ) -> Result<Vec<Msn>, StoreError> {
        let order = order.clone();
        self.read(move |db| payments::units_of_order(db, caller, &order))
            .await
    }

    async fn units_of_caller(&self, caller: CallerHash) -> Result<Vec<Msn>, StoreError> {
        self.read(move |db| payments::units_of_caller(db, caller))
            .await
    }

    async fn begin_payment(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let tokens = self.tokens.clone();
        self.writer
            .run(move |db| payments::begin(db, tokens, new))
            .await
    }

    async fn begin_first_payment(&self, new: NewPayment) -> Result<First, StoreError> {
        let tokens = self.tokens.clone();
        self.writer
            .run(move |db| payments::begin_first(db, &tokens, new))
            .await
    }

    async fn resume_payment(
        &self,
        attempt: AttemptId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |db| payments::resume(db, attempt, now, until))
            .await
    }

    async fn finish_payment(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |db| payments::finish(db, attempt, outcome, now))
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
        let asked = (self.tokens.clone(), scope.clone(), order.clone());
        let known = self.read(move |db| {
            let (tokens, scope, order) = &asked;
            payments::payment(db, tokens, scope, order)
        });
        if let Some(known) = known.await? {
            return Ok(known);
        }
        let learned = payments::Learned {
            scope: scope.clone(),
            order: order.clone(),
            caller,
            facts,
            now,
        };
        let tokens = self.tokens.clone();
        self.writer
            .run(move |db| payments::learn(db, tokens, learned))
            .await
    }

    async fn adjustments(
        &self,
        scope: &Scope,
        order: &OrderText,
    ) -> Result<(Vec<Adjustment>, Version), StoreError> {
        let (scope, order) = (scope.clone(), order.clone());
        self.read(move |db| adjustments::all(db, &scope, &order))
            .await
    }

    async fn payment_and_adjustments(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
    ) -> Result<(Known, (Vec<Adjustment>, Version)), StoreError> {
        let (scope, order) = (scope.clone(), order.clone());
        let tokens = self.tokens.clone();
        self.read(move |db| {
            let known = payments::known(db, &tokens, &scope, &order, caller)?;
            Ok((known, adjustments::all(db, &scope, &order)?))
        })
        .await
    }

    async fn begin_adjustment(
        &self,
        new: NewAdjustment,
        seen: Version,
    ) -> Result<Option<AdjustmentId>, StoreError> {
        self.writer
            .run(move |db| adjustments::begin(db, new, seen))
            .await
    }

    async fn resume_adjustment(
        &self,
        id: AdjustmentId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |db| adjustments::resume(db, id, now, until))
            .await
    }

    async fn finish_adjustment(
        &self,
        id: AdjustmentId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |db| adjustments::finish(db, id, outcome, now))
            .await
    }

    async fn ambiguous(&self, now: Moment) -> Result<u64, StoreError> {
        self.read(move |db| adjustments::ambiguous(db, now)).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.writer.run(open::probe).await
    }
}
