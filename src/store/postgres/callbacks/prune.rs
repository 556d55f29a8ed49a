//! What is old enough goes, in small batches, as SQL.
//!
//! A payment that must stay is looked at again only after all others, so that many of them never make a batch slow.
//! Must not: take a payment with a dead letter, a waiting callback, an open money call or an open mismatch.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::store::tokens;
use crate::store::{Pruned, Retention};
use crate::types::{Moment, Msn, OrderText, Scope};

use super::super::fault::Fault;
use super::super::rows;

/// What another instance prunes in this very moment is left to it.
const OLD: &str = "SELECT id, scope, order_id FROM payments
    WHERE changed_at < $1 ORDER BY changed_at LIMIT $2 FOR UPDATE SKIP LOCKED";

/// Nothing of this order begins while it goes; where something does, it stays.
const LOCK: &str = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS got";

const KEPT: &str = "SELECT
    EXISTS (SELECT 1 FROM adjustments WHERE scope = $1 AND order_id = $2 AND state = 'open')
    OR EXISTS (SELECT 1 FROM callbacks WHERE scope = $1 AND order_id = $2
        AND (ended IS NULL OR ended = 'dead'))
    OR EXISTS (SELECT 1 FROM mismatches WHERE scope = $1 AND order_id = $2 AND resolved_at IS NULL) AS kept";

const POSTPONE: &str = "UPDATE payments SET changed_at = $2 WHERE id = ANY($1)";

const DELETE_CALLS: &str = "DELETE FROM adjustments WHERE scope = $1 AND order_id = $2";
const DELETE_CALLBACK: &str = "DELETE FROM callbacks WHERE scope = $1 AND order_id = $2";
const DELETE_LEDGER: &str = "DELETE FROM ledger WHERE scope = $1 AND order_id = $2";
const DELETE_MISMATCHES: &str = "DELETE FROM mismatches WHERE scope = $1 AND order_id = $2";
const DELETE_EVENTS: &str = "DELETE FROM events WHERE msn = $1 AND reference = $2";
const DELETE_PAYMENT: &str = "DELETE FROM payments WHERE id = $1";

const DELETE_OVER: &str = "DELETE FROM callbacks WHERE id IN (SELECT id FROM callbacks
    WHERE ended IN ('delivered', 'dropped') AND ended_at < $1 ORDER BY ended_at LIMIT $2)";
const DELETE_STRAYS: &str = "DELETE FROM strays WHERE id IN (SELECT id FROM strays
    WHERE kept_at < $1 ORDER BY kept_at LIMIT $2)";
/// Of payments that never became known.
const DELETE_UNMATCHED: &str = "DELETE FROM events WHERE id IN (SELECT id FROM events
    WHERE NOT matched AND received_at < $1 ORDER BY received_at LIMIT $2)";

pub(super) async fn prune(db: &mut PgConnection, retention: Retention) -> Result<Pruned, Fault> {
    let (before, batch) = (retention.payments_before, super::bound(retention.batch));
    let callbacks = delete(db, DELETE_OVER, retention.callbacks_before, batch).await?;
    let strays = delete(db, DELETE_STRAYS, retention.callbacks_before, batch).await?;
    let unmatched = delete(db, DELETE_UNMATCHED, before, batch).await?;
    let (looked_at, payments) = payments(db, before, batch).await?;
    Ok(Pruned {
        payments,
        callbacks,
        more: retention.leaves([callbacks, strays, unmatched, looked_at]),
    })
}

async fn delete(
    db: &mut PgConnection,
    what: &'static str,
    before: Moment,
    batch: i64,
) -> Result<u64, Fault> {
    let done = sqlx::query(what)
        .bind(before.millis())
        .bind(batch)
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

/// How many were looked at, and how many of them went.
async fn payments(db: &mut PgConnection, before: Moment, batch: i64) -> Result<(u64, u64), Fault> {
    let old = sqlx::query(OLD)
        .bind(before.millis())
        .bind(batch)
        .fetch_all(&mut *db)
        .await?;
    let (mut kept, mut gone) = (Vec::new(), 0);
    for row in &old {
        let id: i64 = row.try_get("id")?;
        let scope = rows::word(row, "scope", Scope::parse)?;
        let order = rows::word(row, "order_id", OrderText::parse)?;
        if !may_go(db, &scope, &order).await? {
            kept.push(id);
            continue;
        }
        delete_payment(db, id, &scope, &order).await?;
        gone += 1;
    }
    sqlx::query(POSTPONE)
        .bind(&kept[..])
        .bind(before.millis())
        .execute(db)
        .await?;
    Ok((old.len() as u64, gone))
}

async fn may_go(db: &mut PgConnection, scope: &Scope, order: &OrderText) -> Result<bool, Fault> {
    let lock = sqlx::query(LOCK)
        .bind(tokens::place(scope, order))
        .fetch_one(&mut *db)
        .await?;
    if !lock.try_get::<bool, _>("got")? {
        return Ok(false);
    }
    let row = sqlx::query(KEPT)
        .bind(scope.text())
        .bind(order.as_str())
        .fetch_one(db)
        .await?;
    Ok(!row.try_get::<bool, _>("kept")?)
}

async fn delete_payment(
    db: &mut PgConnection,
    id: i64,
    scope: &Scope,
    order: &OrderText,
) -> Result<(), Fault> {
    for of_order in [
        DELETE_CALLS,
        DELETE_CALLBACK,
        DELETE_LEDGER,
        DELETE_MISMATCHES,
    ] {
        sqlx::query(of_order)
            .bind(scope.text())
            .bind(order.as_str())
            .execute(&mut *db)
            .await?;
    }
    if let (Some(msn), Some(reference)) = (scope.msn(), order.reference()) {
        sqlx::query(DELETE_EVENTS)
            .bind(Msn::as_str(msn))
            .bind(reference.as_str())
            .execute(&mut *db)
            .await?;
    }
    sqlx::query(DELETE_PAYMENT).bind(id).execute(db).await?;
    Ok(())
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 12] = [
    OLD,
    KEPT,
    POSTPONE,
    DELETE_CALLS,
    DELETE_CALLBACK,
    DELETE_LEDGER,
    DELETE_MISMATCHES,
    DELETE_EVENTS,
    DELETE_PAYMENT,
    DELETE_OVER,
    DELETE_STRAYS,
    DELETE_UNMATCHED,
];
