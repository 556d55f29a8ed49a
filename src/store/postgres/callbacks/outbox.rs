//! Claims of callbacks and what becomes of them, as SQL.
//!
//! A claim walks the sales units with waiting callbacks, a few steps of indexes each, and takes a few of each: it costs
//! by the units that wait, not by the backlog of one. Each claim of a row has the next number; a settlement with another
//! one changes nothing. Must not: touch what has ended.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::fault::{Fault, damaged};
use super::super::rows;
use crate::store::tokens::Tokens;
use crate::store::{CallbackId, ClaimLimits, DueCallback, Lease, Settled, Stage, words};
use crate::types::{Moment, OrderText, Reference, Scope};

/// One claim of a stage at a time: two that count a unit's leases at once would both fill its limit.
const ONE_AT_A_TIME: &str = "SELECT pg_advisory_xact_lock(hashtextextended('claim/' || $1, 0))";

/// The fewest in flight first, then the longest waiting: a unit with many never stands before one with few.
const PICK: &str = "WITH RECURSIVE units(msn) AS (
        (SELECT msn FROM callbacks WHERE ended_at IS NULL AND stage = $1 ORDER BY msn LIMIT 1)
        UNION ALL
        SELECT (SELECT c.msn FROM callbacks c
            WHERE c.ended_at IS NULL AND c.stage = $1 AND c.msn > units.msn ORDER BY c.msn LIMIT 1)
        FROM units WHERE units.msn IS NOT NULL
    ), busy(msn, leased) AS MATERIALIZED (
        SELECT units.msn, (SELECT count(*) FROM callbacks l
            WHERE l.leased AND l.stage = $1 AND l.msn = units.msn AND l.due_at > $2)
        FROM units WHERE units.msn IS NOT NULL
    ), ranked(id, due_at, place) AS (
        SELECT c.id, c.due_at, busy.leased + row_number() OVER (PARTITION BY busy.msn ORDER BY c.due_at, c.id)
        FROM busy CROSS JOIN LATERAL (SELECT d.id, d.due_at FROM callbacks d
            WHERE d.ended_at IS NULL AND d.stage = $1 AND d.msn = busy.msn AND d.due_at <= $2
            ORDER BY d.due_at, d.id LIMIT $3) c
        WHERE busy.leased < $3
    )
    SELECT id FROM ranked WHERE place <= $3 ORDER BY place, due_at, id LIMIT $4";

/// What somebody settles in this very moment is left alone. What is asked of a row is asked after it was found by its
/// number: a planner that knows nothing of the table yet would else walk all that is due.
const TAKE: &str = "WITH free AS MATERIALIZED (SELECT id, stage, due_at, ended_at FROM callbacks
        WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED)
    UPDATE callbacks c SET lease = c.lease + 1, leased = true, due_at = $2
    FROM free WHERE c.id = free.id AND free.ended_at IS NULL AND free.stage = $3 AND free.due_at <= $4
    RETURNING c.id";

const TAKEN: &str = "SELECT c.id, c.lease, c.scope, c.order_id, c.reference, c.status, c.amount, c.at,
    c.transaction_id, c.attempts, c.queued_at, p.callback_prefix, p.auth_token, p.auth_sealed, p.scope_asked, p.caller
    FROM unnest($1::bigint[], $2::bigint[]) AS picked(id, place)
    JOIN callbacks c ON c.id = picked.id
    JOIN payments p ON p.scope = c.scope AND p.order_id = c.order_id
    ORDER BY picked.place";

const ANY_DUE: &str =
    "SELECT 1 FROM callbacks WHERE ended_at IS NULL AND stage = $1 AND due_at <= $2 LIMIT 1";

// Not min(): without statistics it is worked out from every row.
const NEXT: &str = "SELECT (SELECT due_at FROM callbacks WHERE ended_at IS NULL AND stage = $1
    ORDER BY due_at LIMIT 1) AS next";

const END: &str =
    "UPDATE callbacks SET leased = false, ended = $3, ended_at = $4, attempts = attempts + 1,
    note = coalesce($5, note) WHERE id = $1 AND lease = $2 AND leased
    RETURNING scope, order_id";

const RETRY: &str =
    "UPDATE callbacks SET leased = false, due_at = $3, attempts = attempts + 1, note = $4
    WHERE id = $1 AND lease = $2 AND leased";

const READY: &str =
    "UPDATE callbacks SET leased = false, due_at = $6, attempts = 0, note = NULL, stage = 'deliver',
    status = $3, transaction_id = coalesce($4, transaction_id), at = $5
    WHERE id = $1 AND lease = $2 AND leased AND stage = 'capture'";

const CLOSE_PAYMENT: &str =
    "UPDATE payments SET auth_token = NULL, auth_sealed = false, changed_at = greatest(changed_at, $3)
    WHERE scope = $1 AND order_id = $2";

const TOUCH_PAYMENT: &str =
    "UPDATE payments SET changed_at = greatest(changed_at, $3) WHERE scope = $1 AND order_id = $2";

/// Whether anything is due, asked of a reader so that an idle worker does not wait for the writer.
pub(super) async fn any_due(
    db: &mut PgConnection,
    stage: Stage,
    now: Moment,
) -> Result<bool, Fault> {
    let row = sqlx::query(ANY_DUE)
        .bind(words::stage(stage))
        .bind(now.millis())
        .fetch_optional(db)
        .await?;
    Ok(row.is_some())
}

pub(super) async fn claim(
    db: &mut PgConnection,
    tokens: &Tokens,
    (stage, now): (Stage, Moment),
    limits: ClaimLimits,
    until: Moment,
) -> Result<Vec<DueCallback>, Fault> {
    sqlx::query(ONE_AT_A_TIME)
        .bind(words::stage(stage))
        .execute(&mut *db)
        .await?;
    let picked = sqlx::query(PICK)
        .bind(words::stage(stage))
        .bind(now.millis())
        .bind(super::bound(limits.per_unit))
        .bind(super::bound(limits.total))
        .fetch_all(&mut *db)
        .await?;
    if picked.is_empty() {
        return Ok(Vec::new());
    }
    let picked = super::id_list(&picked)?;
    let took = sqlx::query(TAKE)
        .bind(&picked[..])
        .bind(until.millis())
        .bind(words::stage(stage))
        .bind(now.millis())
        .fetch_all(&mut *db)
        .await?;
    let took = super::id_list(&took)?;
    let places: Vec<i64> = (0..)
        .zip(&picked)
        .filter(|(_, id)| took.contains(id))
        .map(|(place, _)| place)
        .collect();
    let ids: Vec<i64> = picked.into_iter().filter(|id| took.contains(id)).collect();
    let taken = sqlx::query(TAKEN)
        .bind(&ids[..])
        .bind(&places[..])
        .fetch_all(db)
        .await?;
    // A damaged row must not hold up the others; it comes again when its lease has ended, and is told again.
    let readable =
        |row| due(row, tokens).inspect_err(|_| tracing::error!("a callback can't be read"));
    Ok(taken.iter().filter_map(|row| readable(row).ok()).collect())
}

fn due(row: &PgRow, tokens: &Tokens) -> Result<DueCallback, Fault> {
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
        transaction_id: rows::must(row, "transaction_id")?,
        attempts: rows::count(row, "attempts")?,
        queued_at: rows::moment(row, "queued_at")?,
        target: target.ok_or_else(|| damaged("callback_prefix"))?,
        scope_asked: rows::free(row, "scope_asked")?,
        caller: rows::caller(row, "caller")?,
        order,
    })
}

pub(super) async fn next_at(db: &mut PgConnection, stage: Stage) -> Result<Option<Moment>, Fault> {
    let row = sqlx::query(NEXT)
        .bind(words::stage(stage))
        .fetch_one(db)
        .await?;
    rows::maybe_moment(&row, "next")
}

pub(super) async fn settle(
    db: &mut PgConnection,
    (id, lease): (CallbackId, Lease),
    settled: Settled,
    now: Moment,
) -> Result<bool, Fault> {
    let done = match settled {
        Settled::Delivered => return end(db, (id, lease), "delivered", None, now).await,
        Settled::Dead { why } => return end(db, (id, lease), "dead", Some(why), now).await,
        Settled::Retry { at, why } => {
            sqlx::query(RETRY)
                .bind(id.0)
                .bind(lease.0)
                .bind(at.millis())
                .bind(rows::kept(&words::cut(why, words::NOTE)))
                .execute(db)
                .await?
        }
        Settled::Ready {
            status,
            transaction_id,
            at,
        } => {
            sqlx::query(READY)
                .bind(id.0)
                .bind(lease.0)
                .bind(words::status(status))
                .bind(transaction_id.as_deref().map(rows::kept))
                .bind(at.millis())
                .bind(now.millis())
                .execute(db)
                .await?
        }
    };
    Ok(done.rows_affected() == 1)
}

/// Only a delivered one takes the authToken with it: a dead letter may be replayed.
async fn end(
    db: &mut PgConnection,
    (id, lease): (CallbackId, Lease),
    how: &'static str,
    why: Option<String>,
    now: Moment,
) -> Result<bool, Fault> {
    let row = sqlx::query(END)
        .bind(id.0)
        .bind(lease.0)
        .bind(how)
        .bind(now.millis())
        .bind(why.map(|why| rows::kept(&words::cut(why, words::NOTE)).into_owned()))
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else {
        return Ok(false);
    };
    let erase = how == "delivered";
    change_payment(db, &row, erase, now).await?;
    Ok(true)
}

/// Notes that the payment of a callback has changed, and erases its authToken where no callback can follow any more.
pub(super) async fn change_payment(
    db: &mut PgConnection,
    callback: &PgRow,
    erase: bool,
    now: Moment,
) -> Result<(), Fault> {
    sqlx::query(if erase { CLOSE_PAYMENT } else { TOUCH_PAYMENT })
        .bind(callback.try_get::<&str, _>("scope")?)
        .bind(callback.try_get::<&str, _>("order_id")?)
        .bind(now.millis())
        .execute(db)
        .await?;
    Ok(())
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 10] = [
    PICK,
    TAKE,
    TAKEN,
    ANY_DUE,
    NEXT,
    END,
    RETRY,
    READY,
    CLOSE_PAYMENT,
    TOUCH_PAYMENT,
];

/// With the types of their parameters, and values of a backlog that is due.
#[cfg(test)]
pub(super) const CLAIMS: [(&str, &str, &str); 5] = [
    (ANY_DUE, "text, bigint", "'deliver', 9000000"),
    (NEXT, "text", "'deliver'"),
    (
        PICK,
        "text, bigint, bigint, bigint",
        "'deliver', 9000000, 4, 16",
    ),
    (
        TAKE,
        "bigint[], bigint, text, bigint",
        "'IDS', 9500000, 'deliver', 9000000",
    ),
    (TAKEN, "bigint[], bigint[]", "'IDS', 'IDS'"),
];
