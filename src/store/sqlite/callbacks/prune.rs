//! What is old enough goes, in small batches, as SQL.
//!
//! A payment that must stay is looked at again only after all others, so that many of them never make a batch slow.
//! Must not: take a payment with a dead letter, a waiting callback, an open money call or an open mismatch.

use super::super::db::{Db, query};

use crate::store::{Pruned, Retention, StoreError};
use crate::types::{Moment, Msn, OrderText, Scope};

use super::super::rows;

const OLD: &str = "SELECT id, scope, order_id,
    EXISTS (SELECT 1 FROM adjustments a WHERE a.scope = p.scope AND a.order_id = p.order_id AND a.state = 'open')
    OR EXISTS (SELECT 1 FROM callbacks c WHERE c.scope = p.scope AND c.order_id = p.order_id
        AND (c.ended IS NULL OR c.ended = 'dead'))
    OR EXISTS (SELECT 1 FROM mismatches m WHERE m.scope = p.scope AND m.order_id = p.order_id
        AND m.resolved_at IS NULL) AS kept
    FROM payments p WHERE changed_at < ? ORDER BY changed_at LIMIT ?";

const POSTPONE: &str =
    "UPDATE payments SET changed_at = ?2 WHERE id IN (SELECT value FROM json_each(?1))";

const DELETE_CALLS: &str = "DELETE FROM adjustments WHERE scope = ? AND order_id = ?";
const DELETE_CALLBACK: &str = "DELETE FROM callbacks WHERE scope = ? AND order_id = ?";
const DELETE_LEDGER: &str = "DELETE FROM ledger WHERE scope = ? AND order_id = ?";
const DELETE_MISMATCHES: &str = "DELETE FROM mismatches WHERE scope = ? AND order_id = ?";
const DELETE_EVENTS: &str = "DELETE FROM events WHERE msn = ? AND reference = ?";
const DELETE_PAYMENT: &str = "DELETE FROM payments WHERE id = ?";

const DELETE_OVER: &str = "DELETE FROM callbacks WHERE id IN (SELECT id FROM callbacks
    WHERE ended IN ('delivered', 'dropped') AND ended_at < ?1 ORDER BY ended_at LIMIT ?2)";
const DELETE_STRAYS: &str = "DELETE FROM strays WHERE id IN (SELECT id FROM strays
    WHERE kept_at < ?1 ORDER BY kept_at LIMIT ?2)";
/// Of payments that never became known.
const DELETE_UNMATCHED: &str = "DELETE FROM events WHERE id IN (SELECT id FROM events
    WHERE matched = 0 AND received_at < ?1 ORDER BY received_at LIMIT ?2)";

pub(super) fn prune(db: &mut Db, retention: Retention) -> Result<Pruned, StoreError> {
    let (before, batch) = (retention.payments_before, super::bound(retention.batch));
    let callbacks = delete(db, DELETE_OVER, retention.callbacks_before, batch)?;
    let strays = delete(db, DELETE_STRAYS, retention.callbacks_before, batch)?;
    let unmatched = delete(db, DELETE_UNMATCHED, before, batch)?;
    let (looked_at, payments) = payments(db, before, batch)?;
    Ok(Pruned {
        payments,
        callbacks,
        more: retention.leaves([callbacks, strays, unmatched, looked_at]),
    })
}

fn delete(db: &mut Db, what: &'static str, before: Moment, batch: i64) -> Result<u64, StoreError> {
    let done = query(what).bind(before.millis()).bind(batch).execute(db)?;
    Ok(done)
}

/// How many were looked at, and how many of them went.
fn payments(db: &mut Db, before: Moment, batch: i64) -> Result<(u64, u64), StoreError> {
    let old = query(OLD).bind(before.millis()).bind(batch).fetch_all(db)?;
    let (mut kept, mut gone) = (Vec::new(), 0);
    for row in &old {
        let id: i64 = row.try_get("id")?;
        if row.try_get("kept")? {
            kept.push(id);
            continue;
        }
        let scope = rows::word(row, "scope", Scope::parse)?;
        let order = rows::word(row, "order_id", OrderText::parse)?;
        delete_payment(db, id, &scope, &order)?;
        gone += 1;
    }
    query(POSTPONE)
        .bind(super::json(&kept))
        .bind(before.millis())
        .execute(db)?;
    Ok((old.len() as u64, gone))
}

fn delete_payment(
    db: &mut Db,
    id: i64,
    scope: &Scope,
    order: &OrderText,
) -> Result<(), StoreError> {
    for of_order in [
        DELETE_CALLS,
        DELETE_CALLBACK,
        DELETE_LEDGER,
        DELETE_MISMATCHES,
    ] {
        query(of_order)
            .bind(scope.text())
            .bind(order.as_str())
            .execute(db)?;
    }
    if let (Some(msn), Some(reference)) = (scope.msn(), order.reference()) {
        query(DELETE_EVENTS)
            .bind(Msn::as_str(msn))
            .bind(reference.as_str())
            .execute(db)?;
    }
    query(DELETE_PAYMENT).bind(id).execute(db)?;
    Ok(())
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 11] = [
    OLD,
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
