//! Looks of the reconciler and the mismatches that they find, as SQL.
//!
//! Each claim of a payment has the next number, and so has each settlement. Must not: let a read that is older than the
//! latest news replace what is known.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::fault::{Fault, damaged};
use super::super::rows;
use super::note::bind_balance;
use super::read::{payment, payment_columns};
use crate::store::balance::SOON;
use crate::store::ledger::{
    DueLook, KeptMismatch, LookEnd, Mismatch, MismatchKind, WhichMismatches,
};
use crate::store::{Lease, words};
use crate::types::{Moment, OrderText, Scope};

const ANY_DUE: &str = "SELECT 1 FROM ledger WHERE due_at <= $1 LIMIT 1";

/// What another instance claims or settles in this very moment is left alone.
const TAKE: &str = concat!(
    "WITH due AS (SELECT id AS due_id, due_at AS was FROM ledger WHERE due_at <= $1",
    " ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)",
    " UPDATE ledger l SET lease = l.lease + 1, due_at = $3 FROM due WHERE l.id = due.due_id",
    " RETURNING due.was, l.lease, l.news, ",
    payment_columns!()
);

const ANY_CHANGES: &str = "SELECT 1 FROM open_changes ORDER BY id LIMIT 1";

/// Adds up what has changed. In one order, so that two instances never wait for each other in a circle.
const ADD_UP: &str = "WITH gone AS (DELETE FROM open_changes WHERE id IN
    (SELECT id FROM open_changes ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING msn, origin, class, currency, capture_day, refund_day, payments, to_capture, to_refund)
    INSERT INTO open_days SELECT msn, origin, class, currency, capture_day, refund_day, sum(payments)::bigint,
        sum(to_capture)::bigint, sum(to_refund)::bigint
    FROM gone GROUP BY msn, origin, class, currency, capture_day, refund_day
    ORDER BY msn, origin, class, currency, capture_day, refund_day
    ON CONFLICT (msn, origin, class, currency, capture_day, refund_day) DO UPDATE SET
    payments = open_days.payments + excluded.payments, to_capture = open_days.to_capture + excluded.to_capture,
    to_refund = open_days.to_refund + excluded.to_refund";

const DROP_EMPTY: &str =
    "DELETE FROM open_days WHERE payments = 0 AND to_capture = 0 AND to_refund = 0";

/// $2 to $16 as in a balance; $17: lease; $18: news; $19: now; $20: next; $21, $22: ordered.
const READ: &str =
    "UPDATE ledger SET state = $2, authorized = $3, captured = $4, refunded = $5, cancelled = $6,
    reserved_at = $7, captured_at = $8, guaranteed_until = $9, learnt_at = $10, learnt = $11, class = $12,
    capture_day = $13, refund_day = $14, to_capture = $15, to_refund = $16, lease = lease + 1, looks = looks + 1,
    trouble = NULL, checked_at = $19, due_at = $20, amount = $21,
    currency = $22 WHERE id = $1 AND lease = $17 AND news = $18";

/// News came meanwhile: another look, soon.
const OVERTAKEN: &str =
    "UPDATE ledger SET lease = lease + 1, due_at = $3 WHERE id = $1 AND lease = $2";

const NOT_READ: &str = "UPDATE ledger SET lease = lease + 1, looks = looks + 1, trouble = $3,
    due_at = CASE WHEN news = $4 THEN $5::bigint ELSE $6::bigint END WHERE id = $1 AND lease = $2";

const FOUND: &str = "INSERT INTO mismatches (scope, order_id, kind, about, found_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (order_id, scope, kind, about) DO UPDATE SET
    found_at = CASE WHEN mismatches.resolved_at IS NULL THEN mismatches.found_at ELSE excluded.found_at END,
    told = CASE WHEN mismatches.resolved_at IS NULL THEN mismatches.told ELSE false END, resolved_at = NULL";

const OF_PAYMENT: &str =
    "SELECT id, scope, order_id, kind, about, found_at, told, resolved_at FROM mismatches
    WHERE order_id = $1 AND scope = $2 AND resolved_at IS NULL ORDER BY id";

const RESOLVE: &str = "UPDATE mismatches SET resolved_at = $2 WHERE id = $1";

const TELL: &str = "UPDATE mismatches SET told = true WHERE id = ANY($1)";

const OPEN: &str =
    "SELECT id, scope, order_id, kind, about, found_at, told, resolved_at FROM mismatches
    WHERE resolved_at IS NULL ORDER BY id DESC LIMIT $1";

const ALL: &str =
    "SELECT id, scope, order_id, kind, about, found_at, told, resolved_at FROM mismatches
    ORDER BY id DESC LIMIT $1";

const ALL_OF_ORDER: &str =
    "SELECT id, scope, order_id, kind, about, found_at, told, resolved_at FROM mismatches
    WHERE order_id = $2 ORDER BY id DESC LIMIT $1";

const COUNTS: &str =
    "SELECT kind, count(*) AS open FROM mismatches WHERE resolved_at IS NULL GROUP BY kind";

/// Whether anything is due, asked of a reader so that an idle worker does not wait for the writer.
pub(super) async fn any_due(db: &mut PgConnection, now: Moment) -> Result<bool, Fault> {
    let row = sqlx::query(ANY_DUE)
        .bind(now.millis())
        .fetch_optional(db)
        .await?;
    Ok(row.is_some())
}

/// Whether changes wait to be added up.
pub(super) async fn any_changes(db: &mut PgConnection) -> Result<bool, Fault> {
    let row = sqlx::query(ANY_CHANGES).fetch_optional(db).await?;
    Ok(row.is_some())
}

/// Adds up at most so many changes.
pub(super) async fn add_up(db: &mut PgConnection, limit: i64) -> Result<(), Fault> {
    sqlx::query(ADD_UP).bind(limit).execute(&mut *db).await?;
    sqlx::query(DROP_EMPTY).execute(db).await?;
    Ok(())
}

pub(super) async fn claim(
    db: &mut PgConnection,
    now: Moment,
    limit: usize,
    until: Moment,
) -> Result<Vec<DueLook>, Fault> {
    let taken = sqlx::query(TAKE)
        .bind(now.millis())
        .bind(super::bound(limit))
        .bind(until.millis())
        .fetch_all(db)
        .await?;
    let mut list = Vec::with_capacity(taken.len());
    for row in &taken {
        let place: i64 = row.try_get("was")?;
        list.push((place, due(row)?));
    }
    list.sort_by_key(|(place, look)| (*place, look.payment.id));
    Ok(list.into_iter().map(|(_, look)| look).collect())
}

fn due(row: &PgRow) -> Result<DueLook, Fault> {
    Ok(DueLook {
        lease: Lease(row.try_get("lease")?),
        news: row.try_get("news")?,
        payment: payment(row)?,
    })
}

pub(super) async fn settle(
    db: &mut PgConnection,
    due: &DueLook,
    end: &LookEnd,
    (next, now): (Option<Moment>, Moment),
) -> Result<Option<Vec<KeptMismatch>>, Fault> {
    let (id, lease) = (due.payment.id.0, due.lease.0);
    let (found, is_whole) = match end {
        LookEnd::Read {
            balance,
            ordered,
            mismatches,
        } => {
            let write = bind_balance(sqlx::query(READ).bind(id), balance, due.payment.created_at);
            let written = write
                .bind(lease)
                .bind(due.news)
                .bind(now.millis())
                .bind(next.map(Moment::millis))
                .bind(ordered.value.minor_units())
                .bind(ordered.currency.code())
                .execute(&mut *db)
                .await?;
            if written.rows_affected() == 0 {
                let mine = sqlx::query(OVERTAKEN)
                    .bind(id)
                    .bind(lease)
                    .bind(now.plus(SOON).millis())
                    .execute(db)
                    .await?;
                return Ok((mine.rows_affected() == 1).then(Vec::new));
            }
            (mismatches, true)
        }
        LookEnd::NotRead { why, mismatches } => {
            let mine = sqlx::query(NOT_READ)
                .bind(id)
                .bind(lease)
                .bind(*why)
                .bind(due.news)
                .bind(next.map(Moment::millis))
                .bind(now.plus(SOON).millis())
                .execute(&mut *db)
                .await?;
            if mine.rows_affected() == 0 {
                return Ok(None);
            }
            (mismatches, false)
        }
    };
    keep(db, due, found, is_whole, now).await.map(Some)
}

/// Keeps what was found; where everything was looked at, what is not found any more is resolved.
async fn keep(
    db: &mut PgConnection,
    due: &DueLook,
    found: &[Mismatch],
    is_whole: bool,
    now: Moment,
) -> Result<Vec<KeptMismatch>, Fault> {
    let (scope, order) = (&due.payment.scope, &due.payment.order);
    for one in found {
        sqlx::query(FOUND)
            .bind(scope.text())
            .bind(order.as_str())
            .bind(one.kind.word())
            .bind(rows::kept(&words::cut(one.about.clone(), words::ABOUT)))
            .bind(now.millis())
            .execute(&mut *db)
            .await?;
    }
    let open = sqlx::query(OF_PAYMENT)
        .bind(order.as_str())
        .bind(scope.text())
        .fetch_all(&mut *db)
        .await?;
    let mut untold = Vec::new();
    for row in &open {
        let kept = mismatch(row)?;
        if found.contains(&kept.found) {
            untold.extend((!kept.told).then_some(kept));
        } else if is_whole {
            sqlx::query(RESOLVE)
                .bind(kept.id)
                .bind(now.millis())
                .execute(&mut *db)
                .await?;
        }
    }
    Ok(untold)
}

fn mismatch(row: &PgRow) -> Result<KeptMismatch, Fault> {
    Ok(KeptMismatch {
        id: row.try_get("id")?,
        scope: rows::word(row, "scope", Scope::parse)?,
        order: rows::word(row, "order_id", OrderText::parse)?,
        found: Mismatch {
            kind: rows::word(row, "kind", MismatchKind::parse)?,
            about: rows::must(row, "about")?,
        },
        found_at: rows::moment(row, "found_at")?,
        told: row.try_get("told")?,
        resolved_at: rows::maybe_moment(row, "resolved_at")?,
    })
}

pub(super) async fn told(db: &mut PgConnection, ids: &[i64]) -> Result<(), Fault> {
    sqlx::query(TELL).bind(ids).execute(db).await?;
    Ok(())
}

pub(super) async fn mismatches(
    db: &mut PgConnection,
    which: &WhichMismatches,
    limit: usize,
) -> Result<Vec<KeptMismatch>, Fault> {
    let query = match which {
        WhichMismatches::Open => sqlx::query(OPEN).bind(super::bound(limit)),
        WhichMismatches::All => sqlx::query(ALL).bind(super::bound(limit)),
        WhichMismatches::Of(order) => sqlx::query(ALL_OF_ORDER)
            .bind(super::bound(limit))
            .bind(order.as_str()),
    };
    let found = query.fetch_all(db).await?;
    found.iter().map(mismatch).collect()
}

pub(super) async fn counts(db: &mut PgConnection) -> Result<Vec<(MismatchKind, u64)>, Fault> {
    let found = sqlx::query(COUNTS).fetch_all(db).await?;
    found
        .iter()
        .map(|row| {
            let open: i64 = row.try_get("open")?;
            let open = u64::try_from(open).map_err(|_| damaged("open"))?;
            Ok((rows::word(row, "kind", MismatchKind::parse)?, open))
        })
        .collect()
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 10] = [
    ANY_DUE, TAKE, ADD_UP, READ, OVERTAKEN, NOT_READ, FOUND, OF_PAYMENT, RESOLVE, TELL,
];
