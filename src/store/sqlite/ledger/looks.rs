//! Looks of the reconciler and the mismatches that they find, as SQL.
//!
//! Each claim of a payment has the next number, and so has each settlement. Must not: let a read that is older than the
//! latest news replace what is known.

use super::super::db::{Db, Row, query};

use super::super::error::damaged;
use super::super::rows;
use super::note::bind_balance;
use super::read::{payment, payment_columns};
use crate::store::balance::SOON;
use crate::store::ledger::{
    DueLook, KeptMismatch, LookEnd, Mismatch, MismatchKind, WhichMismatches,
};
use crate::store::{Lease, StoreError, words};
use crate::types::{Moment, OrderText, Scope};

const ANY_DUE: &str = "SELECT 1 FROM ledger WHERE due_at <= ? LIMIT 1";

const PICK: &str = "SELECT id FROM ledger WHERE due_at <= ? ORDER BY due_at, id LIMIT ?";

const TAKE: &str = "UPDATE ledger SET lease = lease + 1, due_at = ?2
    WHERE id IN (SELECT value FROM json_each(?1))";

const TAKEN: &str = concat!(
    "SELECT l.lease, l.news, ",
    payment_columns!(),
    " FROM json_each(?1) picked CROSS JOIN ledger l ON l.id = picked.value ORDER BY picked.key"
);

/// ?2 to ?16 as in a balance; ?17: lease; ?18: news; ?19: now; ?20: next; ?21, ?22: ordered.
const READ: &str =
    "UPDATE ledger SET state = ?2, authorized = ?3, captured = ?4, refunded = ?5, cancelled = ?6,
    reserved_at = ?7, captured_at = ?8, guaranteed_until = ?9, learnt_at = ?10, learnt = ?11, class = ?12,
    capture_day = ?13, refund_day = ?14, to_capture = ?15, to_refund = ?16, lease = lease + 1, looks = looks + 1,
    trouble = NULL, checked_at = ?19, due_at = ?20, amount = ?21,
    currency = ?22 WHERE id = ?1 AND lease = ?17 AND news = ?18";

/// News came meanwhile: another look, soon.
const OVERTAKEN: &str =
    "UPDATE ledger SET lease = lease + 1, due_at = ?3 WHERE id = ?1 AND lease = ?2";

const NOT_READ: &str = "UPDATE ledger SET lease = lease + 1, looks = looks + 1, trouble = ?3,
    due_at = CASE WHEN news = ?4 THEN ?5 ELSE ?6 END WHERE id = ?1 AND lease = ?2";

const FOUND: &str = "INSERT INTO mismatches (scope, order_id, kind, about, found_at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (order_id, scope, kind, about) DO UPDATE SET
    found_at = CASE WHEN mismatches.resolved_at IS NULL THEN mismatches.found_at ELSE excluded.found_at END,
    told = CASE WHEN mismatches.resolved_at IS NULL THEN mismatches.told ELSE 0 END, resolved_at = NULL";

const OF_PAYMENT: &str =
    "SELECT id, scope, order_id, kind, about, found_at, told, resolved_at FROM mismatches
    WHERE order_id = ?1 AND scope = ?2 AND resolved_at IS NULL ORDER BY id";

const RESOLVE: &str = "UPDATE mismatches SET resolved_at = ?2 WHERE id = ?1";

const TELL: &str = "UPDATE mismatches SET told = 1 WHERE id IN (SELECT value FROM json_each(?1))";

const OPEN: &str =
    "SELECT id, scope, order_id, kind, about, found_at, told, resolved_at FROM mismatches
    WHERE resolved_at IS NULL ORDER BY id DESC LIMIT ?1";

const ALL: &str =
    "SELECT id, scope, order_id, kind, about, found_at, told, resolved_at FROM mismatches
    ORDER BY id DESC LIMIT ?1";

const ALL_OF_ORDER: &str =
    "SELECT id, scope, order_id, kind, about, found_at, told, resolved_at FROM mismatches
    WHERE order_id = ?2 ORDER BY id DESC LIMIT ?1";

const COUNTS: &str =
    "SELECT kind, count(*) AS open FROM mismatches WHERE resolved_at IS NULL GROUP BY kind";

/// Whether anything is due, asked of a reader so that an idle worker does not wait for the writer.
pub(super) fn any_due(db: &mut Db, now: Moment) -> Result<bool, StoreError> {
    let row = query(ANY_DUE).bind(now.millis()).fetch_optional(db)?;
    Ok(row.is_some())
}

pub(super) fn claim(
    db: &mut Db,
    now: Moment,
    limit: usize,
    until: Moment,
) -> Result<Vec<DueLook>, StoreError> {
    let picked = query(PICK)
        .bind(now.millis())
        .bind(super::bound(limit))
        .fetch_all(db)?;
    if picked.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Result<Vec<i64>, StoreError> = picked.iter().map(|row| row.try_get("id")).collect();
    let ids = json(&ids?);
    query(TAKE)
        .bind(ids.as_str())
        .bind(until.millis())
        .execute(db)?;
    let taken = query(TAKEN).bind(ids.as_str()).fetch_all(db)?;
    taken.iter().map(due).collect()
}

fn json(ids: &[i64]) -> String {
    let texts: Vec<String> = ids.iter().map(i64::to_string).collect();
    format!("[{}]", texts.join(","))
}

fn due(row: &Row) -> Result<DueLook, StoreError> {
    Ok(DueLook {
        lease: Lease(row.try_get("lease")?),
        news: row.try_get("news")?,
        payment: payment(row)?,
    })
}

pub(super) fn settle(
    db: &mut Db,
    due: DueLook,
    end: LookEnd,
    (next, now): (Option<Moment>, Moment),
) -> Result<Option<Vec<KeptMismatch>>, StoreError> {
    let (id, lease) = (due.payment.id.0, due.lease.0);
    let (found, is_whole) = match end {
        LookEnd::Read {
            balance,
            ordered,
            mismatches,
        } => {
            let write = bind_balance(query(READ).bind(id), &balance, due.payment.created_at);
            let written = write
                .bind(lease)
                .bind(due.news)
                .bind(now.millis())
                .bind(next.map(Moment::millis))
                .bind(ordered.value.minor_units())
                .bind(ordered.currency.code())
                .execute(db)?;
            if written == 0 {
                let mine = query(OVERTAKEN)
                    .bind(id)
                    .bind(lease)
                    .bind(now.plus(SOON).millis())
                    .execute(db)?;
                return Ok((mine == 1).then(Vec::new));
            }
            (mismatches, true)
        }
        LookEnd::NotRead { why, mismatches } => {
            let mine = query(NOT_READ)
                .bind(id)
                .bind(lease)
                .bind(why)
                .bind(due.news)
                .bind(next.map(Moment::millis))
                .bind(now.plus(SOON).millis())
                .execute(db)?;
            if mine == 0 {
                return Ok(None);
            }
            (mismatches, false)
        }
    };
    keep(db, &due, &found, is_whole, now).map(Some)
}

/// Keeps what was found; where everything was looked at, what is not found any more is resolved.
fn keep(
    db: &mut Db,
    due: &DueLook,
    found: &[Mismatch],
    is_whole: bool,
    now: Moment,
) -> Result<Vec<KeptMismatch>, StoreError> {
    let (scope, order) = (&due.payment.scope, &due.payment.order);
    for one in found {
        query(FOUND)
            .bind(scope.text())
            .bind(order.as_str())
            .bind(one.kind.word())
            .bind(words::cut(one.about.clone(), words::ABOUT))
            .bind(now.millis())
            .execute(db)?;
    }
    let open = query(OF_PAYMENT)
        .bind(order.as_str())
        .bind(scope.text())
        .fetch_all(db)?;
    let mut untold = Vec::new();
    for row in &open {
        let kept = mismatch(row)?;
        if found.contains(&kept.found) {
            untold.extend((!kept.told).then_some(kept));
        } else if is_whole {
            query(RESOLVE)
                .bind(kept.id)
                .bind(now.millis())
                .execute(db)?;
        }
    }
    Ok(untold)
}

fn mismatch(row: &Row) -> Result<KeptMismatch, StoreError> {
    Ok(KeptMismatch {
        id: row.try_get("id")?,
        scope: rows::word(row, "scope", Scope::parse)?,
        order: rows::word(row, "order_id", OrderText::parse)?,
        found: Mismatch {
            kind: rows::word(row, "kind", MismatchKind::parse)?,
            about: row.try_get("about")?,
        },
        found_at: rows::moment(row, "found_at")?,
        told: row.try_get("told")?,
        resolved_at: rows::maybe_moment(row, "resolved_at")?,
    })
}

pub(super) fn told(db: &mut Db, ids: Vec<i64>) -> Result<(), StoreError> {
    query(TELL).bind(json(&ids)).execute(db)?;
    Ok(())
}

pub(super) fn mismatches(
    db: &mut Db,
    which: &WhichMismatches,
    limit: usize,
) -> Result<Vec<KeptMismatch>, StoreError> {
    let query = match which {
        WhichMismatches::Open => query(OPEN).bind(super::bound(limit)),
        WhichMismatches::All => query(ALL).bind(super::bound(limit)),
        WhichMismatches::Of(order) => query(ALL_OF_ORDER)
            .bind(super::bound(limit))
            .bind(order.as_str()),
    };
    let found = query.fetch_all(db)?;
    found.iter().map(mismatch).collect()
}

pub(super) fn counts(db: &mut Db) -> Result<Vec<(MismatchKind, u64)>, StoreError> {
    let found = query(COUNTS).fetch_all(db)?;
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
pub(super) const LOOKUPS: [&str; 11] = [
    ANY_DUE, PICK, TAKE, TAKEN, READ, OVERTAKEN, NOT_READ, FOUND, OF_PAYMENT, RESOLVE, TELL,
];
