//! Claims of callbacks and what becomes of them, as SQL.
//!
//! Triggers keep two tables: `line`, what waits of each sales unit in its order, and `waiting`, where each line begins.
//! So a claim costs by what it takes and what is in flight: neither by the backlog nor by the units that wait. Each claim
//! of a row has the next number, and so has all that ends one; a settlement with another number changes nothing.
//! Must not: touch what has ended.

use super::super::db::{Db, Row, query};

use super::super::error::damaged;
use super::super::rows;
use crate::store::tokens::Tokens;
use crate::store::{
    CallbackId, ClaimLimits, DueCallback, Lease, Settled, Stage, StoreError, words,
};
use crate::types::{Moment, OrderText, Reference, Scope};

/// The fewest in flight first, then the longest waiting: a unit with many never stands before one with few.
///
/// `leasing` is as small as what is in flight. The other units come in order from the index of `waiting`, so that no
/// more than ?4 are looked at and those in flight are stepped over. Where ?4 units are found, each gives its first one
/// before any gives one of a higher place than the last of these. Each table kept aside costs more than its few rows.
/// What a line still has of those that were claimed or have moved is stepped over.
const PICK: &str = "WITH leasing(msn, leased) AS (
        SELECT msn, count(*) FROM callbacks WHERE leased = 1 AND stage = ?1 AND due_at > ?2 GROUP BY msn
    ), idle(msn, first, leased) AS (
        SELECT w.msn, w.first_at, 0 FROM waiting w
        WHERE w.stage = ?1 AND w.first_at <= ?2 AND ?3 > 0 AND NOT EXISTS (SELECT 1 FROM callbacks l
            WHERE l.leased = 1 AND l.stage = ?1 AND l.msn = w.msn AND l.due_at > ?2)
        ORDER BY w.first_at LIMIT ?4
    ), busy(msn, first, leased) AS MATERIALIZED (
        SELECT msn, first, leased FROM idle
        UNION ALL
        SELECT w.msn, w.first_at, leasing.leased FROM leasing
            CROSS JOIN waiting w ON w.stage = ?1 AND w.msn = leasing.msn
            WHERE w.first_at <= ?2 AND leasing.leased < ?3
        ORDER BY 3, 2 LIMIT ?4
    ), ranked(id, due_at, place) AS (
        SELECT c.id, c.due_at, busy.leased + row_number() OVER (PARTITION BY c.msn ORDER BY c.due_at, c.id)
        FROM busy CROSS JOIN callbacks c
        WHERE c.id IN (SELECT l.id FROM line l CROSS JOIN callbacks d ON d.id = l.id
            WHERE l.stage = ?1 AND l.msn = busy.msn AND l.due_at BETWEEN busy.first AND ?2
                AND d.leased = 0 AND d.ended_at IS NULL AND d.stage = l.stage AND d.due_at = l.due_at
            ORDER BY l.due_at, l.id
            LIMIT min(?3, ?4, (SELECT CASE WHEN count(*) < ?4 THEN ?3 ELSE max(leased) + 1 END FROM busy)))
    )
    SELECT id FROM ranked WHERE place <= ?3 ORDER BY place, due_at, id LIMIT ?4";

/// Puts what was claimed and not settled in time back in its line, due since then. Its number stays: whoever has it may
/// still settle it until somebody else claims it.
const EXPIRE: &str =
    "UPDATE callbacks SET leased = 0 WHERE leased = 1 AND stage = ?1 AND due_at <= ?2";

const TAKE: &str = "UPDATE callbacks SET lease = lease + 1, leased = 1, due_at = ?2
    WHERE id IN (SELECT value FROM json_each(?1))";

const TAKEN: &str = "SELECT c.id, c.lease, c.scope, c.order_id, c.reference, c.status, c.amount, c.at,
    c.transaction_id, c.attempts, c.queued_at, p.callback_prefix, p.auth_token, p.auth_sealed, p.scope_asked, p.caller
    FROM json_each(?1) picked CROSS JOIN callbacks c ON c.id = picked.value
    CROSS JOIN payments p ON p.scope = c.scope AND p.order_id = c.order_id
    ORDER BY picked.key";

const ANY_DUE: &str =
    "SELECT EXISTS (SELECT 1 FROM waiting WHERE stage = ?1 AND first_at <= ?2) AS waiting,
    EXISTS (SELECT 1 FROM callbacks WHERE leased = 1 AND stage = ?1 AND due_at <= ?2) AS expired";

const NEXT: &str =
    "SELECT min(at) AS next FROM (SELECT min(first_at) AS at FROM waiting WHERE stage = ?1
    UNION ALL SELECT min(due_at) FROM callbacks WHERE leased = 1 AND stage = ?1)";

/// Of callbacks whose claimer is dead. They have waited since they were queued, so that is where they stand in line.
const FREE: &str =
    "UPDATE callbacks SET lease = lease + 1, leased = 0, due_at = min(due_at, queued_at)
    WHERE leased = 1 AND stage IN ('capture', 'deliver')";

const END: &str =
    "UPDATE callbacks SET lease = lease + 1, leased = 0, ended = ?3, ended_at = ?4, attempts = attempts + 1,
    note = coalesce(?5, note) WHERE id = ?1 AND lease = ?2 AND ended_at IS NULL
    RETURNING scope, order_id";

const RETRY: &str =
    "UPDATE callbacks SET lease = lease + 1, leased = 0, due_at = ?3, attempts = attempts + 1, note = ?4
    WHERE id = ?1 AND lease = ?2 AND ended_at IS NULL";

const READY: &str =
    "UPDATE callbacks SET lease = lease + 1, leased = 0, due_at = ?6, attempts = 0, note = NULL, stage = 'deliver',
    status = ?3, transaction_id = coalesce(?4, transaction_id), at = ?5
    WHERE id = ?1 AND lease = ?2 AND ended_at IS NULL AND stage = 'capture'";

const CLOSE_PAYMENT: &str =
    "UPDATE payments SET auth_token = NULL, auth_sealed = 0, changed_at = max(changed_at, ?3)
    WHERE scope = ?1 AND order_id = ?2";

const TOUCH_PAYMENT: &str =
    "UPDATE payments SET changed_at = max(changed_at, ?3) WHERE scope = ?1 AND order_id = ?2";

/// What is due.
#[derive(Clone, Copy)]
pub(super) struct Due {
    /// Some whose lease has ended. They go back in line first, a step that is left out where there are none.
    expired: bool,
}

/// Whether anything is due, asked of a reader so that an idle worker does not wait for the writer.
pub(super) fn any_due(db: &mut Db, stage: Stage, now: Moment) -> Result<Option<Due>, StoreError> {
    let row = query(ANY_DUE)
        .bind(words::stage(stage))
        .bind(now.millis())
        .fetch_one(db)?;
    let (waiting, expired): (bool, bool) = (row.try_get("waiting")?, row.try_get("expired")?);
    Ok((waiting || expired).then_some(Due { expired }))
}

pub(super) fn claim(
    db: &mut Db,
    tokens: Tokens,
    (stage, now, found): (Stage, Moment, Due),
    limits: ClaimLimits,
    until: Moment,
) -> Result<Vec<DueCallback>, StoreError> {
    if found.expired {
        query(EXPIRE)
            .bind(words::stage(stage))
            .bind(now.millis())
            .execute(db)?;
    }
    let picked = query(PICK)
        .bind(words::stage(stage))
        .bind(now.millis())
        .bind(super::bound(limits.per_unit))
        .bind(super::bound(limits.total))
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
    // A damaged row must not hold up the others; it comes again when its lease has ended, and is told again.
    let readable = |row| {
        due(row, &tokens)
            .inspect_err(|error| tracing::error!(error = %error, "a callback can't be read"))
    };
    Ok(taken.iter().filter_map(|row| readable(row).ok()).collect())
}

fn due(row: &Row, tokens: &Tokens) -> Result<DueCallback, StoreError> {
    let scope = rows::word(row, "scope", Scope::parse)?;
    let order = rows::word(row, "order_id", OrderText::parse)?;
    let target = rows::target(row, tokens, &scope, &order)?;
    Ok(DueCallback {
        id: CallbackId(row.try_get("id")?),
        lease: Lease(row.try_get("lease")?),
        msn: scope.msn().cloned().ok_or_else(|| damaged("scope"))?,
        reference: rows::word(row, "reference", Reference::parse)?,
        status: rows::word(row, "status", words::status_of)?,
        amount: rows::amount(row, "amount")?.ok_or_else(|| damaged("amount"))?,
        at: rows::moment(row, "at")?,
        transaction_id: row.try_get("transaction_id")?,
        attempts: rows::count(row, "attempts")?,
        queued_at: rows::moment(row, "queued_at")?,
        target: target.ok_or_else(|| damaged("callback_prefix"))?,
        scope_asked: row.try_get("scope_asked")?,
        caller: rows::caller(row, "caller")?,
        order,
    })
}

pub(super) fn next_at(db: &mut Db, stage: Stage) -> Result<Option<Moment>, StoreError> {
    let row = query(NEXT).bind(words::stage(stage)).fetch_one(db)?;
    rows::maybe_moment(&row, "next")
}

/// Ends every claim; how many. What their holders settle changes nothing any more.
pub(super) fn free(db: &mut Db) -> Result<u64, StoreError> {
    query(FREE).execute(db)
}

pub(super) fn settle(
    db: &mut Db,
    (id, lease): (CallbackId, Lease),
    settled: Settled,
    now: Moment,
) -> Result<bool, StoreError> {
    let done = match settled {
        Settled::Delivered => return end(db, (id, lease), "delivered", None, now),
        Settled::Dead { why } => return end(db, (id, lease), "dead", Some(why), now),
        Settled::Retry { at, why } => query(RETRY)
            .bind(id.0)
            .bind(lease.0)
            .bind(at.millis())
            .bind(words::cut(why, words::NOTE))
            .execute(db)?,
        Settled::Ready {
            status,
            transaction_id,
            at,
        } => query(READY)
            .bind(id.0)
            .bind(lease.0)
            .bind(words::status(status))
            .bind(transaction_id)
            .bind(at.millis())
            .bind(now.millis())
            .execute(db)?,
    };
    Ok(done == 1)
}

/// Only a delivered one takes the authToken with it: a dead letter may be replayed.
fn end(
    db: &mut Db,
    (id, lease): (CallbackId, Lease),
    how: &'static str,
    why: Option<String>,
    now: Moment,
) -> Result<bool, StoreError> {
    let row = query(END)
        .bind(id.0)
        .bind(lease.0)
        .bind(how)
        .bind(now.millis())
        .bind(why.map(|why| words::cut(why, words::NOTE)))
        .fetch_optional(db)?;
    let Some(row) = row else {
        return Ok(false);
    };
    let erase = how == "delivered";
    change_payment(db, &row, erase, now)?;
    Ok(true)
}

/// Notes that the payment of a callback has changed, and erases its authToken where no callback can follow any more.
pub(super) fn change_payment(
    db: &mut Db,
    callback: &Row,
    erase: bool,
    now: Moment,
) -> Result<(), StoreError> {
    query(if erase { CLOSE_PAYMENT } else { TOUCH_PAYMENT })
        .bind(callback.try_get::<&str>("scope")?)
        .bind(callback.try_get::<&str>("order_id")?)
        .bind(now.millis())
        .execute(db)?;
    Ok(())
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 12] = [
    EXPIRE,
    PICK,
    TAKE,
    TAKEN,
    ANY_DUE,
    NEXT,
    FREE,
    END,
    RETRY,
    READY,
    CLOSE_PAYMENT,
    TOUCH_PAYMENT,
];
