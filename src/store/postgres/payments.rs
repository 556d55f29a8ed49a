//! Payments and the attempts at one, as SQL.
//!
//! Each function runs inside a transaction that the caller holds. Must not: overwrite a payment's record.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::callbacks;
use super::fault::{Fault, damaged};
use super::ledger;
use super::rows::{self, bind_facts, fact_columns};
use crate::store::tokens::Tokens;
use crate::store::words;
use crate::store::{
    Attempt, AttemptId, AttemptState, Begun, First, Known, NewPayment, Origin, Outcome, PayState,
    PaymentFacts, PaymentRecord,
};
use crate::types::{CallerHash, Moment, Msn, OrderText, Scope};

const PAYMENT: &str = concat!(
    "SELECT create_key, created_at, ",
    fact_columns!(),
    " FROM payments WHERE scope = $1 AND order_id = $2"
);

/// Payment and newest attempt in one statement, and so of one moment: an attempt never vanishes between the two.
const KNOWN: &str = concat!(
    "(SELECT 0::bigint AS id, create_key, NULL::bytea AS fingerprint, NULL::bigint AS until, created_at AS begun_at, ",
    fact_columns!(),
    " FROM payments WHERE scope = $1 AND order_id = $2)",
    " UNION ALL ",
    "(SELECT id, create_key, fingerprint, until, begun_at, ",
    fact_columns!(),
    " FROM attempts WHERE scope = $1 AND order_id = $2 AND caller = $3 ORDER BY id DESC LIMIT 1)"
);

const NEWEST_ATTEMPT_AT_EPAYMENT: &str = concat!(
    "SELECT id, create_key, fingerprint, until, begun_at, ",
    fact_columns!(),
    " FROM attempts WHERE scope = $1 AND order_id = $2 AND caller = $3 AND origin = 'epayment'",
    " ORDER BY id DESC LIMIT 1"
);

/// At most two sales units: the first and the last of an index range, so a million payments cost what one does.
const UNITS_OF_ORDER: &str = "SELECT
    (SELECT min(msn) FROM payments WHERE caller = $1 AND order_id = $2 AND msn IS NOT NULL) AS first,
    (SELECT max(msn) FROM payments WHERE caller = $1 AND order_id = $2 AND msn IS NOT NULL) AS last";

const UNITS_OF_CALLER: &str = "SELECT
    (SELECT min(msn) FROM payments WHERE caller = $1 AND msn IS NOT NULL) AS first,
    (SELECT max(msn) FROM payments WHERE caller = $1 AND msn IS NOT NULL) AS last";

/// The API that binds an order: a payment's, or one of this caller's open attempts'.
const BOUND_TO_OTHER: &str = "SELECT origin FROM payments
    WHERE scope = $1 AND order_id = $2 AND origin <> $4
    UNION ALL
    SELECT origin FROM attempts
    WHERE scope = $1 AND order_id = $2 AND caller = $3 AND origin <> $4
    LIMIT 1";

const INSERT_ATTEMPT: &str = concat!(
    "INSERT INTO attempts (scope, order_id, caller, msn, create_key, fingerprint, until, begun_at, poll_at, end_at, ",
    fact_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
    " RETURNING id"
);

const PROMOTE: &str = concat!(
    "INSERT INTO payments (scope, order_id, caller, msn, create_key, created_at, changed_at, poll_at, end_at, ",
    fact_columns!(),
    ") SELECT scope, order_id, caller, msn, create_key, $2, $2, poll_at, end_at, ",
    fact_columns!(),
    " FROM attempts WHERE id = $1 ON CONFLICT (scope, order_id) DO NOTHING RETURNING scope, order_id"
);

const RELEASE: &str = "UPDATE attempts SET until = NULL WHERE id = $1 AND until = $2";

const DELETE_OWN: &str = "DELETE FROM attempts WHERE id = $1 AND until = $2";

const LEARN: &str = concat!(
    "INSERT INTO payments (scope, order_id, caller, msn, created_at, changed_at, ",
    fact_columns!(),
    ", poll_at) VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
    " ON CONFLICT (scope, order_id) DO NOTHING"
);

pub(super) async fn known(
    db: &mut PgConnection,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
    caller: CallerHash,
) -> Result<Known, Fault> {
    let found = sqlx::query(KNOWN)
        .bind(scope.text())
        .bind(order.as_str())
        .bind(&caller.as_bytes()[..])
        .fetch_all(db)
        .await?;
    let mut known = Known::default();
    for row in &found {
        if row.try_get::<i64, _>("id")? == 0 {
            known.payment = Some(record(row, "begun_at", tokens, scope, order)?);
        } else {
            known.attempt = Some(open_attempt(row, tokens, scope, order)?);
        }
    }
    Ok(known)
}

pub(super) async fn payment(
    db: &mut PgConnection,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
) -> Result<Option<PaymentRecord>, Fault> {
    let row = sqlx::query(PAYMENT)
        .bind(scope.text())
        .bind(order.as_str())
        .fetch_optional(db)
        .await?;
    row.map(|row| record(&row, "created_at", tokens, scope, order))
        .transpose()
}

fn record(
    row: &PgRow,
    created: &'static str,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
) -> Result<PaymentRecord, Fault> {
    Ok(PaymentRecord {
        scope: scope.clone(),
        order: order.clone(),
        facts: rows::facts(row, tokens, scope, order)?,
        create_key: rows::key(row, "create_key")?,
        created_at: rows::moment(row, created)?,
    })
}

fn open_attempt(
    row: &PgRow,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
) -> Result<Attempt, Fault> {
    let fingerprint: &[u8] = row.try_get("fingerprint")?;
    let until: Option<i64> = row.try_get("until")?;
    Ok(Attempt {
        id: AttemptId(row.try_get("id")?),
        facts: rows::facts(row, tokens, scope, order)?,
        key: rows::key(row, "create_key")?,
        fingerprint: fingerprint.try_into().map_err(|_| damaged("fingerprint"))?,
        state: until.map_or(AttemptState::Unknown, |until| {
            AttemptState::InFlight(Moment::from_millis(until))
        }),
        begun_at: rows::moment(row, "begun_at")?,
    })
}

pub(super) async fn units_of_order(
    db: &mut PgConnection,
    caller: CallerHash,
    order: &OrderText,
) -> Result<Vec<Msn>, Fault> {
    let row = sqlx::query(UNITS_OF_ORDER)
        .bind(&caller.as_bytes()[..])
        .bind(order.as_str())
        .fetch_one(db)
        .await?;
    first_and_last(&row)
}

pub(super) async fn units_of_caller(
    db: &mut PgConnection,
    caller: CallerHash,
) -> Result<Vec<Msn>, Fault> {
    let row = sqlx::query(UNITS_OF_CALLER)
        .bind(&caller.as_bytes()[..])
        .fetch_one(db)
        .await?;
    first_and_last(&row)
}

fn first_and_last(row: &PgRow) -> Result<Vec<Msn>, Fault> {
    let mut units: Vec<Msn> = [
        rows::optional(row, "first", Msn::parse)?,
        rows::optional(row, "last", Msn::parse)?,
    ]
    .into_iter()
    .flatten()
    .collect();
    units.dedup();
    Ok(units)
}

/// The lock of the order makes the looks and the insertion one step: another begin of it waits.
pub(super) async fn begin(
    db: &mut PgConnection,
    tokens: &Tokens,
    new: &NewPayment,
) -> Result<Begun, Fault> {
    let (scope, order, caller) = (&new.scope, &new.order, new.caller);
    rows::lock_order(db, scope, order).await?;
    let bound = sqlx::query(BOUND_TO_OTHER)
        .bind(scope.text())
        .bind(order.as_str())
        .bind(&caller.as_bytes()[..])
        .bind(words::origin(new.facts.origin))
        .fetch_optional(&mut *db)
        .await?;
    if let Some(row) = bound {
        return rows::origin(&row, "origin").map(Begun::Bound);
    }
    if new.facts.origin == Origin::Epayment {
        let open = sqlx::query(NEWEST_ATTEMPT_AT_EPAYMENT)
            .bind(scope.text())
            .bind(order.as_str())
            .bind(&caller.as_bytes()[..])
            .fetch_optional(&mut *db)
            .await?;
        if let Some(row) = open {
            let open = open_attempt(&row, tokens, scope, order)?;
            return Ok(Begun::Open(Box::new(open)));
        }
    }
    insert_attempt(db, tokens, new).await.map(Begun::Fresh)
}

/// Under the same lock.
pub(super) async fn begin_first(
    db: &mut PgConnection,
    tokens: &Tokens,
    new: &NewPayment,
) -> Result<First, Fault> {
    rows::lock_order(db, &new.scope, &new.order).await?;
    let known = known(db, tokens, &new.scope, &new.order, new.caller).await?;
    if known.is_nothing() {
        return insert_attempt(db, tokens, new).await.map(First::Begun);
    }
    Ok(First::Known(Box::new(known)))
}

async fn insert_attempt(
    db: &mut PgConnection,
    tokens: &Tokens,
    new: &NewPayment,
) -> Result<AttemptId, Fault> {
    let (scope, order, caller) = (&new.scope, &new.order, new.caller);
    // Only a payment that ePayment can be asked about is looked at.
    let named = new.facts.reference.is_some() || order.reference().is_some();
    let can_be_read = named && new.facts.origin == Origin::Epayment;
    let poll_at = new.poll_at.filter(|_| can_be_read);
    let insert = sqlx::query(INSERT_ATTEMPT)
        .bind(scope.text())
        .bind(order.as_str())
        .bind(&caller.as_bytes()[..])
        .bind(scope.msn().map(Msn::as_str))
        .bind(new.key.as_ref().map(|key| key.as_str()))
        .bind(&new.fingerprint[..])
        .bind(new.until.millis())
        .bind(new.now.millis())
        .bind(poll_at.map(Moment::millis))
        .bind(new.end_at.map(Moment::millis));
    let row = bind_facts(insert, tokens, scope, order, &new.facts)
        .fetch_one(db)
        .await?;
    Ok(AttemptId(row.try_get("id")?))
}

pub(super) async fn resume(
    db: &mut PgConnection,
    attempt: AttemptId,
    now: Moment,
    until: Moment,
) -> Result<bool, Fault> {
    let done = sqlx::query(
        "UPDATE attempts SET until = $3 WHERE id = $1 AND (until IS NULL OR until <= $2)",
    )
    .bind(attempt.0)
    .bind(now.millis())
    .bind(until.millis())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A second run changes nothing: the attempt is gone, or without an owner, after the first (and tells of no callback: it is
/// found when the dispatcher next looks).
pub(super) async fn finish(
    db: &mut PgConnection,
    attempt: AttemptId,
    outcome: &Outcome,
    now: Moment,
) -> Result<bool, Fault> {
    let mut queued = false;
    match outcome {
        Outcome::Unknown(until) => {
            as_owner(db, RELEASE, attempt, *until).await?;
            return Ok(false);
        }
        Outcome::NotDone(until) => {
            as_owner(db, DELETE_OWN, attempt, *until).await?;
            return Ok(false);
        }
        Outcome::Succeeded { .. } => {
            lock_order_of(db, attempt).await?;
            if let Some((scope, order)) = promote(&mut *db, attempt, now).await? {
                let callback = callbacks::catch_up(&mut *db, &scope, &order, now).await?;
                queued = callback.is_some();
            }
        }
        Outcome::Refused => {}
    }
    delete_attempt(db, attempt).await?;
    Ok(queued)
}

async fn as_owner(
    db: &mut PgConnection,
    statement: &'static str,
    attempt: AttemptId,
    until: Moment,
) -> Result<(), Fault> {
    sqlx::query(statement)
        .bind(attempt.0)
        .bind(until.millis())
        .execute(db)
        .await?;
    Ok(())
}

async fn lock_order_of(db: &mut PgConnection, attempt: AttemptId) -> Result<(), Fault> {
    let row = sqlx::query("SELECT scope, order_id FROM attempts WHERE id = $1")
        .bind(attempt.0)
        .fetch_optional(&mut *db)
        .await?;
    if let Some(row) = row {
        let (scope, order) = names(&row)?;
        rows::lock_order(db, &scope, &order).await?;
    }
    Ok(())
}

fn names(row: &PgRow) -> Result<(Scope, OrderText), Fault> {
    let scope = rows::word(row, "scope", Scope::parse)?;
    Ok((scope, rows::word(row, "order_id", OrderText::parse)?))
}

/// Makes an attempt the payment. Which, where there was none before. The order's lock is held.
pub(super) async fn promote(
    db: &mut PgConnection,
    attempt: AttemptId,
    now: Moment,
) -> Result<Option<(Scope, OrderText)>, Fault> {
    let row = sqlx::query(PROMOTE)
        .bind(attempt.0)
        .bind(now.millis())
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (scope, order) = names(&row)?;
    ledger::opened(db, &scope, &order, PayState::Created, now).await?;
    Ok(Some((scope, order)))
}

pub(super) async fn delete_attempt(db: &mut PgConnection, attempt: AttemptId) -> Result<(), Fault> {
    sqlx::query("DELETE FROM attempts WHERE id = $1")
        .bind(attempt.0)
        .execute(db)
        .await?;
    Ok(())
}

/// What a read has shown.
pub(super) struct Learned<'a> {
    pub(super) scope: &'a Scope,
    pub(super) order: &'a OrderText,
    pub(super) caller: CallerHash,
    pub(super) facts: &'a PaymentFacts,
    pub(super) now: Moment,
}

pub(super) async fn learn(
    db: &mut PgConnection,
    tokens: &Tokens,
    new: &Learned<'_>,
) -> Result<PaymentRecord, Fault> {
    let (scope, order) = (new.scope, new.order);
    rows::lock_order(db, scope, order).await?;
    let insert = sqlx::query(LEARN)
        .bind(scope.text())
        .bind(order.as_str())
        .bind(&new.caller.as_bytes()[..])
        .bind(scope.msn().map(Msn::as_str))
        .bind(new.now.millis());
    // One that was to be called back for is looked at: nobody may tell its final state again.
    let poll_at = new.facts.callback.is_some().then_some(new.now);
    let done = bind_facts(insert, tokens, scope, order, new.facts)
        .bind(poll_at.map(Moment::millis))
        .execute(&mut *db)
        .await?;
    if done.rows_affected() == 1 {
        ledger::opened(&mut *db, scope, order, PayState::Unknown, new.now).await?;
        callbacks::catch_up(&mut *db, scope, order, new.now).await?;
    }
    payment(db, tokens, scope, order)
        .await?
        .ok_or_else(|| damaged("a payment just recorded").into())
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 7] = [
    PAYMENT,
    KNOWN,
    NEWEST_ATTEMPT_AT_EPAYMENT,
    UNITS_OF_ORDER,
    UNITS_OF_CALLER,
    BOUND_TO_OTHER,
    PROMOTE,
];
