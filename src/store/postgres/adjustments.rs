//! Money calls, as SQL.
//!
//! Each function runs inside a transaction that the caller holds. Must not: open or change what is closed; every change
//! names `state = 'open'` in its condition.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::fault::{Fault, damaged};
use super::{ledger, rows};
use crate::store::words;
use crate::store::{Adjustment, AdjustmentId, AdjustmentState, NewAdjustment, Outcome, Version};
use crate::types::{Amount, Moment, MoneyOp, OrderText, RequestId, Scope};

const ALL: &str =
    "SELECT id, op, api, request_id, key, attempt, amount, computed, text, cancelled_before,
    state, until, done_amount, transaction_id, done_at, begun_at, changed_at, revision
    FROM adjustments WHERE scope = $1 AND order_id = $2 ORDER BY id";

/// Recorded only where the version is still the one that was seen and no call is open.
const BEGIN: &str = "INSERT INTO adjustments (scope, order_id, op, api, request_id, key, attempt, amount, computed,
    text, cancelled_before, state, until, begun_at, changed_at, revision)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'open', $12, $13, $13, 1
    WHERE $14::bigint = (SELECT coalesce(sum(revision), 0) FROM adjustments WHERE scope = $1 AND order_id = $2)
    AND NOT EXISTS (SELECT 1 FROM adjustments WHERE scope = $1 AND order_id = $2 AND state = 'open')
    RETURNING id";

const RESUME: &str = "UPDATE adjustments SET until = $3, changed_at = $2, revision = revision + 1
    WHERE id = $1 AND state = 'open' AND until <= $2";

const RELEASE: &str = "UPDATE adjustments SET until = $2, revision = revision + 1
    WHERE id = $1 AND state = 'open' AND until > $2 AND until = $3";

const CLOSE: &str =
    "UPDATE adjustments SET state = $2, closed_at = $3, done_amount = $4, transaction_id = $5,
    done_at = $6, revision = revision + 1
    WHERE id = $1 AND state = 'open' AND until = coalesce($7, until)";

/// The payment has changed: it is kept for its time from now on. An open call keeps it anyway.
const TOUCH_PAYMENT: &str = "UPDATE payments SET changed_at = greatest(changed_at, $2)
    WHERE (scope, order_id) = (SELECT scope, order_id FROM adjustments WHERE id = $1)";

const AMBIGUOUS: &str =
    "SELECT count(*) AS open FROM adjustments WHERE state = 'open' AND until <= $1";

pub(super) async fn all(
    db: &mut PgConnection,
    scope: &Scope,
    order: &OrderText,
) -> Result<(Vec<Adjustment>, Version), Fault> {
    let rows = sqlx::query(ALL)
        .bind(scope.text())
        .bind(order.as_str())
        .fetch_all(db)
        .await?;
    let mut version = 0;
    let mut list = Vec::with_capacity(rows.len());
    for row in &rows {
        version += row.try_get::<i64, _>("revision")?;
        list.push(adjustment(row)?);
    }
    Ok((list, Version(version)))
}

pub(super) fn adjustment(row: &PgRow) -> Result<Adjustment, Fault> {
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
        text: rows::free(row, "text")?.ok_or_else(|| damaged("text"))?,
        cancelled_before: rows::amount(row, "cancelled_before")?,
        state: state(row)?,
        begun_at: rows::moment(row, "begun_at")?,
        changed_at: rows::moment(row, "changed_at")?,
    })
}

fn state(row: &PgRow) -> Result<AdjustmentState, Fault> {
    let word: &str = row.try_get("state")?;
    Ok(match word {
        "open" => AdjustmentState::Open(rows::moment(row, "until")?),
        "succeeded" => AdjustmentState::Succeeded {
            amount: rows::amount(row, "done_amount")?.ok_or_else(|| damaged("done_amount"))?,
            transaction_id: rows::free(row, "transaction_id")?,
            at: rows::moment(row, "done_at")?,
        },
        "refused" => AdjustmentState::Refused,
        "not_done" => AdjustmentState::NotDone,
        _ => return Err(damaged("state").into()),
    })
}

pub(super) async fn begin(
    db: &mut PgConnection,
    new: &NewAdjustment,
    seen: Version,
) -> Result<Option<AdjustmentId>, Fault> {
    rows::lock_order(db, &new.scope, &new.order).await?;
    let row = sqlx::query(BEGIN)
        .bind(new.scope.text())
        .bind(new.order.as_str())
        .bind(new.op.word())
        .bind(words::origin(new.api))
        .bind(new.request_id.clone().map(String::from))
        .bind(new.key.as_ref().map(|key| key.as_str()))
        .bind(i64::from(new.attempt))
        .bind(new.amount.map(Amount::minor_units))
        .bind(new.computed)
        .bind(rows::kept(&new.text))
        .bind(new.cancelled_before.map(Amount::minor_units))
        .bind(new.until.millis())
        .bind(new.now.millis())
        .bind(seen.0)
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    ledger::begun(db, new).await?;
    Ok(Some(AdjustmentId(row.try_get("id")?)))
}

pub(super) async fn resume(
    db: &mut PgConnection,
    id: AdjustmentId,
    now: Moment,
    until: Moment,
) -> Result<bool, Fault> {
    let done = sqlx::query(RESUME)
        .bind(id.0)
        .bind(now.millis())
        .bind(until.millis())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn finish(
    db: &mut PgConnection,
    id: AdjustmentId,
    outcome: &Outcome,
    now: Moment,
) -> Result<(), Fault> {
    let (word, owner, done) = match outcome {
        Outcome::Unknown(until) => {
            sqlx::query(RELEASE)
                .bind(id.0)
                .bind(now.millis())
                .bind(until.millis())
                .execute(&mut *db)
                .await?;
            return ledger::called(db, id, None, now).await;
        }
        Outcome::Succeeded {
            amount,
            transaction_id,
            at,
        } => (
            "succeeded",
            None,
            Some((amount, transaction_id.as_deref(), at)),
        ),
        Outcome::Refused => ("refused", None, None),
        Outcome::NotDone(until) => ("not_done", Some(until), None),
    };
    let sum = done.map(|(amount, _, at)| (*amount, *at));
    let (amount, transaction_id, at) = match done {
        Some((amount, id, at)) => (Some(amount.minor_units()), id, Some(at.millis())),
        None => (None, None, None),
    };
    let closed = sqlx::query(CLOSE)
        .bind(id.0)
        .bind(word)
        .bind(now.millis())
        .bind(amount)
        .bind(transaction_id.map(rows::kept))
        .bind(at)
        .bind(owner.map(|until| until.millis()))
        .execute(&mut *db)
        .await?;
    if closed.rows_affected() == 1 {
        // The ledger's row before the payment's, as an event takes them: else the two would wait for each other.
        ledger::called(&mut *db, id, sum, now).await?;
        sqlx::query(TOUCH_PAYMENT)
            .bind(id.0)
            .bind(now.millis())
            .execute(db)
            .await?;
    }
    Ok(())
}

pub(super) async fn ambiguous(db: &mut PgConnection, now: Moment) -> Result<u64, Fault> {
    let row = sqlx::query(AMBIGUOUS)
        .bind(now.millis())
        .fetch_one(db)
        .await?;
    let open: i64 = row.try_get("open")?;
    Ok(u64::try_from(open).unwrap_or(0))
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 7] =
    [ALL, BEGIN, RESUME, RELEASE, CLOSE, TOUCH_PAYMENT, AMBIGUOUS];
