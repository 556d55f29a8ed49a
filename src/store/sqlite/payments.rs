//! Payments and the attempts at one, as SQL.
//!
//! Each function runs inside a transaction that the caller holds. Must not: overwrite a payment's record.

use super::db::{Db, Row, query};

use super::callbacks;
use super::error::damaged;
use super::ledger;
use super::rows::{self, bind_facts, fact_columns};
use crate::store::tokens::Tokens;
use crate::store::words;
use crate::store::{
    Attempt, AttemptId, AttemptState, Begun, First, Known, NewPayment, Origin, Outcome, PayState,
    PaymentFacts, PaymentRecord, StoreError,
};
use crate::types::{CallerHash, Moment, Msn, OrderText, Scope};

const PAYMENT: &str = concat!(
    "SELECT create_key, created_at, ",
    fact_columns!(),
    " FROM payments WHERE scope = ? AND order_id = ?"
);

const NEWEST_ATTEMPT: &str = concat!(
    "SELECT id, create_key, fingerprint, until, begun_at, ",
    fact_columns!(),
    " FROM attempts WHERE scope = ? AND order_id = ? AND caller = ? ORDER BY id DESC LIMIT 1"
);

const NEWEST_ATTEMPT_AT_EPAYMENT: &str = concat!(
    "SELECT id, create_key, fingerprint, until, begun_at, ",
    fact_columns!(),
    " FROM attempts WHERE scope = ? AND order_id = ? AND caller = ? AND origin = 'epayment'",
    " ORDER BY id DESC LIMIT 1"
);

/// At most two sales units: the first and the last of an index range, so a million payments cost what one does.
const UNITS_OF_ORDER: &str = "SELECT
    (SELECT min(msn) FROM payments WHERE caller = ?1 AND order_id = ?2 AND msn IS NOT NULL) AS first,
    (SELECT max(msn) FROM payments WHERE caller = ?1 AND order_id = ?2 AND msn IS NOT NULL) AS last";

const UNITS_OF_CALLER: &str = "SELECT
    (SELECT min(msn) FROM payments WHERE caller = ?1 AND msn IS NOT NULL) AS first,
    (SELECT max(msn) FROM payments WHERE caller = ?1 AND msn IS NOT NULL) AS last";

/// The API that binds an order: a payment's, or one of this caller's open attempts'.
const BOUND_TO_OTHER: &str = "SELECT origin FROM payments
    WHERE scope = ?1 AND order_id = ?2 AND origin <> ?4
    UNION ALL
    SELECT origin FROM attempts
    WHERE scope = ?1 AND order_id = ?2 AND caller = ?3 AND origin <> ?4
    LIMIT 1";

const INSERT_ATTEMPT: &str = concat!(
    "INSERT INTO attempts (scope, order_id, caller, msn, create_key, fingerprint, until, begun_at, poll_at, end_at, ",
    fact_columns!(),
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
);

/// `OR FAIL` as in the ledger's notes.
const PROMOTE: &str = concat!(
    "INSERT OR FAIL INTO payments (scope, order_id, caller, msn, create_key, created_at, changed_at, poll_at, end_at, ",
    fact_columns!(),
    ") SELECT scope, order_id, caller, msn, create_key, ?2, ?2, poll_at, end_at, ",
    fact_columns!(),
    " FROM attempts WHERE id = ?1 ON CONFLICT (scope, order_id) DO NOTHING"
);

const RELEASE: &str = "UPDATE attempts SET until = NULL WHERE id = ? AND until = ?";

const DELETE_OWN: &str = "DELETE FROM attempts WHERE id = ? AND until = ?";

const ORDER_OF_ATTEMPT: &str = "SELECT scope, order_id FROM attempts WHERE id = ?";

const LEARN: &str = concat!(
    "INSERT INTO payments (scope, order_id, caller, msn, created_at, changed_at, ",
    fact_columns!(),
    ", poll_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    " ON CONFLICT (scope, order_id) DO NOTHING"
);

pub(super) fn known(
    db: &mut Db,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
    caller: CallerHash,
) -> Result<Known, StoreError> {
    Ok(Known {
        payment: payment(db, tokens, scope, order)?,
        attempt: attempt(db, NEWEST_ATTEMPT, tokens, scope, order, caller)?,
    })
}

pub(super) fn payment(
    db: &mut Db,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
) -> Result<Option<PaymentRecord>, StoreError> {
    let row = query(PAYMENT)
        .bind(scope.text())
        .bind(order.as_str())
        .fetch_optional(db)?;
    row.map(|row| {
        Ok(PaymentRecord {
            scope: scope.clone(),
            order: order.clone(),
            facts: rows::facts(&row, tokens, scope, order)?,
            create_key: rows::key(&row, "create_key")?,
            created_at: rows::moment(&row, "created_at")?,
        })
    })
    .transpose()
}

fn attempt(
    db: &mut Db,
    which: &'static str,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
    caller: CallerHash,
) -> Result<Option<Attempt>, StoreError> {
    let row = query(which)
        .bind(scope.text())
        .bind(order.as_str())
        .bind(&caller.as_bytes()[..])
        .fetch_optional(db)?;
    row.map(|row| {
        let fingerprint: &[u8] = row.try_get("fingerprint")?;
        let until: Option<i64> = row.try_get("until")?;
        Ok(Attempt {
            id: AttemptId(row.try_get("id")?),
            facts: rows::facts(&row, tokens, scope, order)?,
            key: rows::key(&row, "create_key")?,
            fingerprint: fingerprint.try_into().map_err(|_| damaged("fingerprint"))?,
            state: until.map_or(AttemptState::Unknown, |until| {
                AttemptState::InFlight(Moment::from_millis(until))
            }),
            begun_at: rows::moment(&row, "begun_at")?,
        })
    })
    .transpose()
}

pub(super) fn units_of_order(
    db: &mut Db,
    caller: CallerHash,
    order: &OrderText,
) -> Result<Vec<Msn>, StoreError> {
    let row = query(UNITS_OF_ORDER)
        .bind(&caller.as_bytes()[..])
        .bind(order.as_str())
        .fetch_one(db)?;
    first_and_last(&row)
}

pub(super) fn units_of_caller(db: &mut Db, caller: CallerHash) -> Result<Vec<Msn>, StoreError> {
    let row = query(UNITS_OF_CALLER)
        .bind(&caller.as_bytes()[..])
        .fetch_one(db)?;
    first_and_last(&row)
}

fn first_and_last(row: &Row) -> Result<Vec<Msn>, StoreError> {
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

pub(super) fn begin(db: &mut Db, tokens: Tokens, new: NewPayment) -> Result<Begun, StoreError> {
    let (scope, order, caller) = (&new.scope, &new.order, new.caller);
    let bound = query(BOUND_TO_OTHER)
        .bind(scope.text())
        .bind(order.as_str())
        .bind(&caller.as_bytes()[..])
        .bind(words::origin(new.facts.origin))
        .fetch_optional(db)?;
    if let Some(row) = bound {
        return rows::origin(&row, "origin").map(Begun::Bound);
    }
    if new.facts.origin == Origin::Epayment {
        let which = NEWEST_ATTEMPT_AT_EPAYMENT;
        if let Some(open) = attempt(db, which, &tokens, scope, order, caller)? {
            return Ok(Begun::Open(Box::new(open)));
        }
    }
    Ok(Begun::Fresh(insert_attempt(db, &tokens, new)?))
}

pub(super) fn begin_first(
    db: &mut Db,
    tokens: &Tokens,
    new: NewPayment,
) -> Result<First, StoreError> {
    let known = known(db, tokens, &new.scope, &new.order, new.caller)?;
    if known.is_nothing() {
        return insert_attempt(db, tokens, new).map(First::Begun);
    }
    Ok(First::Known(Box::new(known)))
}

fn insert_attempt(db: &mut Db, tokens: &Tokens, new: NewPayment) -> Result<AttemptId, StoreError> {
    let (scope, order, caller) = (&new.scope, &new.order, new.caller);
    // Only a payment that ePayment can be asked about is looked at.
    let named = new.facts.reference.is_some() || order.reference().is_some();
    let can_be_read = named && new.facts.origin == Origin::Epayment;
    let poll_at = new.poll_at.filter(|_| can_be_read);
    let insert = query(INSERT_ATTEMPT)
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
    // Not RETURNING: SQLite keeps what it returns in a table of its own first.
    bind_facts(insert, tokens, scope, order, new.facts).execute(db)?;
    Ok(AttemptId(db.last_id()))
}

pub(super) fn resume(
    db: &mut Db,
    attempt: AttemptId,
    now: Moment,
    until: Moment,
) -> Result<bool, StoreError> {
    let done =
        query("UPDATE attempts SET until = ?3 WHERE id = ?1 AND (until IS NULL OR until <= ?2)")
            .bind(attempt.0)
            .bind(now.millis())
            .bind(until.millis())
            .execute(db)?;
    Ok(done == 1)
}

pub(super) fn finish(
    db: &mut Db,
    attempt: AttemptId,
    outcome: Outcome,
    now: Moment,
) -> Result<bool, StoreError> {
    let mut queued = false;
    match outcome {
        Outcome::Unknown(until) => {
            query(RELEASE)
                .bind(attempt.0)
                .bind(until.millis())
                .execute(db)?;
            return Ok(false);
        }
        Outcome::NotDone(until) => {
            query(DELETE_OWN)
                .bind(attempt.0)
                .bind(until.millis())
                .execute(db)?;
            return Ok(false);
        }
        Outcome::Succeeded { .. } => {
            if let Some((scope, order)) = promote(db, attempt, now)? {
                queued = callbacks::catch_up(db, &scope, &order, now)?.is_some();
            }
        }
        Outcome::Refused => {}
    }
    delete_attempt(db, attempt)?;
    Ok(queued)
}

/// Makes an attempt the payment. Which, where there was none before.
pub(super) fn promote(
    db: &mut Db,
    attempt: AttemptId,
    now: Moment,
) -> Result<Option<(Scope, OrderText)>, StoreError> {
    let made = query(PROMOTE)
        .bind(attempt.0)
        .bind(now.millis())
        .execute(db)?;
    if made == 0 {
        return Ok(None);
    }
    let row = query(ORDER_OF_ATTEMPT).bind(attempt.0).fetch_one(db)?;
    let scope = rows::word(&row, "scope", Scope::parse)?;
    let order = rows::word(&row, "order_id", OrderText::parse)?;
    ledger::opened(db, &scope, &order, PayState::Created, now)?;
    Ok(Some((scope, order)))
}

pub(super) fn delete_attempt(db: &mut Db, attempt: AttemptId) -> Result<(), StoreError> {
    query("DELETE FROM attempts WHERE id = ?")
        .bind(attempt.0)
        .execute(db)?;
    Ok(())
}

/// What a read has shown.
pub(super) struct Learned {
    pub(super) scope: Scope,
    pub(super) order: OrderText,
    pub(super) caller: CallerHash,
    pub(super) facts: PaymentFacts,
    pub(super) now: Moment,
}

pub(super) fn learn(
    db: &mut Db,
    tokens: Tokens,
    new: Learned,
) -> Result<PaymentRecord, StoreError> {
    let (scope, order) = (&new.scope, &new.order);
    let insert = query(LEARN)
        .bind(scope.text())
        .bind(order.as_str())
        .bind(&new.caller.as_bytes()[..])
        .bind(scope.msn().map(Msn::as_str))
        .bind(new.now.millis());
    // One that was to be called back for is looked at: nobody may tell its final state again.
    let poll_at = new.facts.callback.is_some().then_some(new.now);
    let done = bind_facts(insert, &tokens, scope, order, new.facts)
        .bind(poll_at.map(Moment::millis))
        .execute(db)?;
    if done == 1 {
        ledger::opened(db, scope, order, PayState::Unknown, new.now)?;
        callbacks::catch_up(db, scope, order, new.now)?;
    }
    payment(db, &tokens, scope, order)?.ok_or_else(|| damaged("a payment just recorded"))
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 7] = [
    PAYMENT,
    NEWEST_ATTEMPT,
    NEWEST_ATTEMPT_AT_EPAYMENT,
    UNITS_OF_ORDER,
    UNITS_OF_CALLER,
    BOUND_TO_OTHER,
    PROMOTE,
];
