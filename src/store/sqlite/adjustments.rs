//! Money calls, as SQL.
//!
//! Each function runs inside a transaction that the caller holds. Must not: open or change what is closed; every change
//! names `state = 'open'` in its condition.

use super::db::{Db, Row, query};

use super::error::damaged;
use super::{ledger, rows};
use crate::store::words;
use crate::store::{
    Adjustment, AdjustmentId, AdjustmentState, NewAdjustment, Outcome, StoreError, Version,
};
use crate::types::{Amount, Moment, MoneyOp, OrderText, RequestId, Scope};

const ALL: &str =
    "SELECT id, op, api, request_id, key, attempt, amount, computed, text, cancelled_before,
    state, until, done_amount, transaction_id, done_at, begun_at, changed_at, revision
    FROM adjustments WHERE scope = ? AND order_id = ? ORDER BY id";

/// Recorded only where the version is still the one that was seen and no call is open.
const BEGIN: &str = "INSERT INTO adjustments (scope, order_id, op, api, request_id, key, attempt, amount, computed,
    text, cancelled_before, state, until, begun_at, changed_at, revision)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'open', ?12, ?13, ?13, 1
    WHERE ?14 = (SELECT coalesce(sum(revision), 0) FROM adjustments WHERE scope = ?1 AND order_id = ?2)
    AND NOT EXISTS (SELECT 1 FROM adjustments WHERE scope = ?1 AND order_id = ?2 AND state = 'open')";

const RESUME: &str = "UPDATE adjustments SET until = ?3, changed_at = ?2, revision = revision + 1
    WHERE id = ?1 AND state = 'open' AND until <= ?2";

const RELEASE: &str = "UPDATE adjustments SET until = ?2, revision = revision + 1
    WHERE id = ?1 AND state = 'open' AND until > ?2 AND until = ?3";

const CLOSE: &str =
    "UPDATE adjustments SET state = ?2, closed_at = ?3, done_amount = ?4, transaction_id = ?5,
    done_at = ?6, revision = revision + 1
    WHERE id = ?1 AND state = 'open' AND until = coalesce(?7, until)";

/// The payment has changed: it is kept for its time from now on. An open call keeps it anyway.
const TOUCH_PAYMENT: &str = "UPDATE payments SET changed_at = max(changed_at, ?2)
    WHERE (scope, order_id) = (SELECT scope, order_id FROM adjustments WHERE id = ?1)";

const AMBIGUOUS: &str =
    "SELECT count(*) AS open FROM adjustments WHERE state = 'open' AND until <= ?";

pub(super) fn all(
    db: &mut Db,
    scope: &Scope,
    order: &OrderText,
) -> Result<(Vec<Adjustment>, Version), StoreError> {
    let rows = query(ALL)
        .bind(scope.text())
        .bind(order.as_str())
        .fetch_all(db)?;
    let mut version = 0;
    let mut list = Vec::with_capacity(rows.len());
    for row in &rows {
        version += row.try_get::<i64>("revision")?;
        list.push(adjustment(row)?);
    }
    Ok((list, Version(version)))
}

pub(super) fn adjustment(row: &Row) -> Result<Adjustment, StoreError> {
    let attempt: i64 = row.try_get("attempt")?;
    Ok(Adjustment {
        id: AdjustmentId(row.try_get("id")?),
        op: rows::word(row, "op", MoneyOp::parse)?,
        api: rows::origin(row, "api")?,
        request_id: rows::optional(row, "request_id", RequestId::parse)?,
        key: rows::key(row, "key")?,
        attempt: u32::try_from(attempt).map_err(|_| damaged("attempt"))?,
        amount: rows::amount(row, "amount")?,
        computed: row.try_get("computed")?,
        text: row.try_get("text")?,
        cancelled_before: rows::amount(row, "cancelled_before")?,
        state: state(row)?,
        begun_at: rows::moment(row, "begun_at")?,
        changed_at: rows::moment(row, "changed_at")?,
    })
}

fn state(row: &Row) -> Result<AdjustmentState, StoreError> {
    let word: &str = row.try_get("state")?;
    Ok(match word {
        "open" => AdjustmentState::Open(rows::moment(row, "until")?),
        "succeeded" => AdjustmentState::Succeeded {
            amount: rows::amount(row, "done_amount")?.ok_or_else(|| damaged("done_amount"))?,
            transaction_id: row.try_get("transaction_id")?,
            at: rows::moment(row, "done_at")?,
        },
        "refused" => AdjustmentState::Refused,
        "not_done" => AdjustmentState::NotDone,
        _ => return Err(damaged("state")),
    })
}

pub(super) fn begin(
    db: &mut Db,
    new: NewAdjustment,
    seen: Version,
) -> Result<Option<AdjustmentId>, StoreError> {
    let made = query(BEGIN)
        .bind(new.scope.text())
        .bind(new.order.as_str())
        .bind(new.op.word())
        .bind(words::origin(new.api))
        .bind(new.request_id.clone().map(String::from))
        .bind(new.key.as_ref().map(|key| key.as_str()))
        .bind(i64::from(new.attempt))
        .bind(new.amount.map(Amount::minor_units))
        .bind(new.computed)
        .bind(new.text.as_str())
        .bind(new.cancelled_before.map(Amount::minor_units))
        .bind(new.until.millis())
        .bind(new.now.millis())
        .bind(seen.0)
        .execute(db)?;
    if made == 0 {
        return Ok(None);
    }
    let id = AdjustmentId(db.last_id());
    ledger::begun(db, &new)?;
    Ok(Some(id))
}

pub(super) fn resume(
    db: &mut Db,
    id: AdjustmentId,
    now: Moment,
    until: Moment,
) -> Result<bool, StoreError> {
    let done = query(RESUME)
        .bind(id.0)
        .bind(now.millis())
        .bind(until.millis())
        .execute(db)?;
    Ok(done == 1)
}

pub(super) fn finish(
    db: &mut Db,
    id: AdjustmentId,
    outcome: Outcome,
    now: Moment,
) -> Result<(), StoreError> {
    let (word, owner, done) = match outcome {
        Outcome::Unknown(until) => {
            query(RELEASE)
                .bind(id.0)
                .bind(now.millis())
                .bind(until.millis())
                .execute(db)?;
            return ledger::called(db, id, None, now);
        }
        Outcome::Succeeded {
            amount,
            transaction_id,
            at,
        } => ("succeeded", None, Some((amount, transaction_id, at))),
        Outcome::Refused => ("refused", None, None),
        Outcome::NotDone(until) => ("not_done", Some(until), None),
    };
    let sum = done.as_ref().map(|(amount, _, at)| (*amount, *at));
    let (amount, transaction_id, at) = match done {
        Some((amount, id, at)) => (Some(amount.minor_units()), id, Some(at.millis())),
        None => (None, None, None),
    };
    let closed = query(CLOSE)
        .bind(id.0)
        .bind(word)
        .bind(now.millis())
        .bind(amount)
        .bind(transaction_id)
        .bind(at)
        .bind(owner.map(Moment::millis))
        .execute(db)?;
    if closed == 1 {
        query(TOUCH_PAYMENT)
            .bind(id.0)
            .bind(now.millis())
            .execute(db)?;
        ledger::called(db, id, sum, now)?;
    }
    Ok(())
}

pub(super) fn ambiguous(db: &mut Db, now: Moment) -> Result<u64, StoreError> {
    let row = query(AMBIGUOUS).bind(now.millis()).fetch_one(db)?;
    let open: i64 = row.try_get("open")?;
    Ok(u64::try_from(open).unwrap_or(0))
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 7] =
    [ALL, BEGIN, RESUME, RELEASE, CLOSE, TOUCH_PAYMENT, AMBIGUOUS];
