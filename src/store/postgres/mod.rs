//! The store in a PostgreSQL database: for several instances of the bridge, with every committed step on disk.
//!
//! Each method of the trait is one transaction. What the trait forbids two callers is forbidden by locks of an order and
//! by conditions that are asked again under the row's lock. Must not: hold a transaction across anything but the database.

mod adjustments;
mod callbacks;
mod fault;
mod ledger;
mod look;
mod observations;
mod open;
mod payments;
mod pool;
mod reseal;
mod rows;
mod shadow;
mod steering;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::timeout;

use super::seal::Sealer;
use super::{
    Adjustment, AdjustmentId, AttemptId, Begun, First, Known, NewAdjustment, NewPayment, Outcome,
    PaymentFacts, PaymentRecord, Store, StoreError, Version,
};
use crate::store::tokens::Tokens;
use crate::types::{CallerHash, Moment, Msn, OrderText, Scope, StoreSecret};
use fault::Fault;
use pool::{Mode, Pool, transaction};

/// How to open a store.
#[derive(Debug)]
pub struct PostgresOptions {
    /// `postgres://user:password@host/database`; hidden, as it may hold a password.
    pub url: SecretString,
    /// Seals the merchants' `authToken`; without one they are kept as they came. All instances need the same.
    pub sealer: Option<Sealer>,
    /// Connections of this instance at most.
    pub connections: usize,
    /// How long a step may wait for a connection.
    pub patience: Duration,
    /// How long a step may take in all.
    pub longest: Duration,
}

impl PostgresOptions {
    /// The address with ten connections, a wait of two seconds, and ten in all.
    #[must_use]
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            sealer: None,
            connections: 10,
            patience: Duration::from_secs(2),
            longest: Duration::from_secs(10),
        }
    }
}

/// The store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Pool,
    tokens: Tokens,
    secret: StoreSecret,
}

impl PostgresStore {
    /// Connects, makes the tables where there are none, and brings them up to date.
    ///
    /// # Errors
    /// `Unreachable`, `ReadOnly`, `Damaged`, `TooNew`, `Full`, `Locked` or `Other`.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let connect = open::options(&options.url)?;
        let pool = Pool::new(
            connect,
            options.connections,
            options.patience,
            options.longest,
        );
        let mut lent = pool.tries(Mode::Statement).begin().await?;
        let prepared = timeout(open::OPENING, open::prepare(lent.db())).await;
        let secret = prepared
            .unwrap_or(Err(Fault::Late))
            .map_err(|fault| fault.told())?;
        drop(lent);
        let tokens = Tokens::new(options.sealer);
        reseal::all(&pool, &tokens).await?;
        Ok(Self {
            pool,
            tokens,
            secret,
        })
    }

    /// Looks at a store without opening it as one: nothing is made, brought up to date or locked.
    ///
    /// # Errors
    /// As `open`.
    pub async fn look(
        url: &SecretString,
        clock: &dyn crate::types::Clock,
    ) -> Result<super::look::PostgresLook, StoreError> {
        look::look(url, clock).await
    }

    /// Lets the connections go; what is asked after that fails.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[async_trait]
impl Store for PostgresStore {
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
        transaction!(self.pool, Mode::Statement, |db| payments::known(
            db,
            &self.tokens,
            scope,
            order,
            caller
        ))
    }

    async fn units_of_order(
        &self,
        caller: CallerHash,
        order: &OrderText,
    ) -> Result<Vec<Msn>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| payments::units_of_order(
            db, caller, order
        ))
    }

    async fn units_of_caller(&self, caller: CallerHash) -> Result<Vec<Msn>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| payments::units_of_caller(
            db, caller
        ))
    }

    async fn begin_payment(&self, new: NewPayment) -> Result<Begun, StoreError> {
        transaction!(self.pool, Mode::Once, |db| payments::begin(
            db,
            &self.tokens,
            &new
        ))
    }

    async fn begin_first_payment(&self, new: NewPayment) -> Result<First, StoreError> {
        transaction!(self.pool, Mode::Once, |db| payments::begin_first(
            db,
            &self.tokens,
            &new
        ))
    }

    async fn resume_payment(
        &self,
        attempt: AttemptId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        transaction!(self.pool, Mode::Once, |db| payments::resume(
            db, attempt, now, until
        ))
    }

    async fn finish_payment(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<bool, StoreError> {
        transaction!(self.pool, Mode::Repeatable, |db| {
            payments::finish(db, attempt, &outcome, now)
        })
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
        let known: Result<_, StoreError> =
            transaction!(self.pool, Mode::Statement, |db| payments::payment(
                db,
                &self.tokens,
                scope,
                order
            ));
        if let Some(known) = known? {
            return Ok(known);
        }
        let new = payments::Learned {
            scope,
            order,
            caller,
            facts: &facts,
            now,
        };
        transaction!(self.pool, Mode::Repeatable, |db| payments::learn(
            db,
            &self.tokens,
            &new
        ))
    }

    async fn adjustments(
        &self,
        scope: &Scope,
        order: &OrderText,
    ) -> Result<(Vec<Adjustment>, Version), StoreError> {
        transaction!(self.pool, Mode::Statement, |db| adjustments::all(
            db, scope, order
        ))
    }

    async fn begin_adjustment(
        &self,
        new: NewAdjustment,
        seen: Version,
    ) -> Result<Option<AdjustmentId>, StoreError> {
        transaction!(self.pool, Mode::Once, |db| adjustments::begin(
            db, &new, seen
        ))
    }

    async fn resume_adjustment(
        &self,
        id: AdjustmentId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        transaction!(self.pool, Mode::Once, |db| adjustments::resume(
            db, id, now, until
        ))
    }

    async fn finish_adjustment(
        &self,
        id: AdjustmentId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<(), StoreError> {
        transaction!(self.pool, Mode::Repeatable, |db| {
            adjustments::finish(db, id, &outcome, now)
        })
    }

    async fn ambiguous(&self, now: Moment) -> Result<u64, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| adjustments::ambiguous(
            db, now
        ))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        transaction!(self.pool, Mode::Statement, |db| open::probe(db))
    }
}
