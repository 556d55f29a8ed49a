//! Looks at payments whose final state nobody has told, as SQL.
//!
//! Each claim of a payment has the next number, and so has each settlement. Must not: make a payment due again whose
//! final state became known while somebody looked.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::fault::{Fault, damaged};
use super::super::rows::{self, fact_columns};
use crate::store::tokens::Tokens;
use crate::store::{DuePayment, Lease};
use crate::types::{Moment, OrderText, Scope};

/// What another instance claims or settles in this very moment is left alone.
const TAKE: &str = concat!(
    "WITH due AS (SELECT id AS due_id, poll_at AS was FROM payments WHERE poll_at <= $1",
    " ORDER BY poll_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)",
    " UPDATE payments SET poll_lease = poll_lease + 1, poll_at = $3 FROM due WHERE id = due_id",
    " RETURNING was, id, scope, order_id, caller, poll_lease, looks, created_at, end_at, ",
    fact_columns!()
);

const ANY_DUE: &str = "SELECT 1 FROM payments WHERE poll_at <= $1 LIMIT 1";

const SETTLE: &str = "UPDATE payments SET poll_lease = poll_lease + 1, looks = looks + 1,
    poll_at = CASE WHEN heard IS NULL THEN $4::bigint END
    WHERE scope = $1 AND order_id = $2 AND poll_lease = $3";

/// Whether anything is due, asked of a reader so that an idle worker does not wait for the writer.
pub(super) async fn any_due(db: &mut PgConnection, now: Moment) -> Result<bool, Fault> {
    let row = sqlx::query(ANY_DUE)
        .bind(now.millis())
        .fetch_optional(db)
        .await?;
    Ok(row.is_some())
}

pub(super) async fn claim(
    db: &mut PgConnection,
    tokens: &Tokens,
    now: Moment,
    limit: usize,
    until: Moment,
) -> Result<Vec<DuePayment>, Fault> {
    let taken = sqlx::query(TAKE)
        .bind(now.millis())
        .bind(super::bound(limit))
        .bind(until.millis())
        .fetch_all(db)
        .await?;
    let mut list = Vec::with_capacity(taken.len());
    for row in &taken {
        let place: (i64, i64) = (row.try_get("was")?, row.try_get("id")?);
        list.push((place, due(row, tokens)?));
    }
    list.sort_by_key(|(place, _)| *place);
    Ok(list.into_iter().map(|(_, due)| due).collect())
}

fn due(row: &PgRow, tokens: &Tokens) -> Result<DuePayment, Fault> {
    let scope = rows::word(row, "scope", Scope::parse)?;
    let order = rows::word(row, "order_id", OrderText::parse)?;
    let facts = rows::facts(row, tokens, &scope, &order)?;
    let reference = facts.reference.clone().or_else(|| order.reference());
    Ok(DuePayment {
        lease: Lease(row.try_get("poll_lease")?),
        reference: reference.ok_or_else(|| damaged("reference"))?,
        caller: rows::caller(row, "caller")?,
        looks: rows::count(row, "looks")?,
        created_at: rows::moment(row, "created_at")?,
        end_at: rows::maybe_moment(row, "end_at")?,
        scope,
        order,
        facts,
    })
}

pub(super) async fn settle(
    db: &mut PgConnection,
    (scope, order): (&Scope, &OrderText),
    lease: Lease,
    next: Option<Moment>,
) -> Result<bool, Fault> {
    let done = sqlx::query(SETTLE)
        .bind(scope.text())
        .bind(order.as_str())
        .bind(lease.0)
        .bind(next.map(Moment::millis))
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 3] = [TAKE, ANY_DUE, SETTLE];
