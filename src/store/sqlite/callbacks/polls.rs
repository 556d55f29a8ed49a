//! Looks at payments whose final state nobody has told, as SQL.
//!
//! Each claim of a payment has the next number, and so has each settlement. Must not: make a payment due again whose
//! final state became known while somebody looked.

use super::super::db::{Db, Row, query};

use super::super::error::damaged;
use super::super::rows::{self, fact_columns};
use crate::store::tokens::Tokens;
use crate::store::{DuePayment, Lease, StoreError};
use crate::types::{Moment, OrderText, Scope};

const PICK: &str = "SELECT id FROM payments WHERE poll_at <= ? ORDER BY poll_at, id LIMIT ?";

const TAKE: &str = "UPDATE payments SET poll_lease = poll_lease + 1, poll_leased = 1, poll_at = ?2
    WHERE id IN (SELECT value FROM json_each(?1))";

const TAKEN: &str = concat!(
    "SELECT scope, order_id, caller, poll_lease, looks, created_at, end_at, ",
    fact_columns!(),
    " FROM json_each(?1) picked CROSS JOIN payments p ON p.id = picked.value ORDER BY picked.key"
);

const ANY_DUE: &str = "SELECT 1 FROM payments WHERE poll_at <= ? LIMIT 1";

/// Of payments whose claimer is dead. A final state that came meanwhile stays: such a payment has no time any more.
const FREE: &str = "UPDATE payments SET poll_lease = poll_lease + 1, poll_leased = 0, poll_at = min(poll_at, created_at)
    WHERE poll_leased = 1";

const SETTLE: &str =
    "UPDATE payments SET poll_lease = poll_lease + 1, poll_leased = 0, looks = looks + 1,
    poll_at = CASE WHEN heard IS NULL THEN ?4 END
    WHERE scope = ?1 AND order_id = ?2 AND poll_lease = ?3";

/// Whether anything is due, asked of a reader so that an idle worker does not wait for the writer.
pub(super) fn any_due(db: &mut Db, now: Moment) -> Result<bool, StoreError> {
    let row = query(ANY_DUE).bind(now.millis()).fetch_optional(db)?;
    Ok(row.is_some())
}

pub(super) fn claim(
    db: &mut Db,
    tokens: Tokens,
    now: Moment,
    limit: usize,
    until: Moment,
) -> Result<Vec<DuePayment>, StoreError> {
    let picked = query(PICK)
        .bind(now.millis())
        .bind(super::bound(limit))
        .fetch_all(db)?;
    if picked.is_empty() {
        return Ok(Vec::new());
    }
    let ids = super::id_list(&picked)?;
    query(TAKE)
        .bind(ids.as_str())
        .bind(until.millis())
        .execute(db)?;
    let taken = query(TAKEN).bind(ids.as_str()).fetch_all(db)?;
    taken.iter().map(|row| due(row, &tokens)).collect()
}

fn due(row: &Row, tokens: &Tokens) -> Result<DuePayment, StoreError> {
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

/// Ends every claim; how many.
pub(super) fn free(db: &mut Db) -> Result<u64, StoreError> {
    query(FREE).execute(db)
}

pub(super) fn settle(
    db: &mut Db,
    (scope, order): (Scope, OrderText),
    lease: Lease,
    next: Option<Moment>,
) -> Result<bool, StoreError> {
    let done = query(SETTLE)
        .bind(scope.text())
        .bind(order.as_str())
        .bind(lease.0)
        .bind(next.map(Moment::millis))
        .execute(db)?;
    Ok(done == 1)
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 6] = [PICK, TAKE, TAKEN, ANY_DUE, FREE, SETTLE];
