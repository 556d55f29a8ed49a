//! Webhook registrations and the sales units they belong to, as SQL.
//!
//! Must not: keep a secret in clear where there is an encryption key, or let two settle one claim.

use super::super::db::{Db, Row, query};

use super::super::rows;
use crate::store::tokens::Tokens;
use crate::store::{Lease, Registered, RegistrationState, StoreError, Webhook, words};
use crate::types::{Moment, Msn};

const ALL: &str = "SELECT msn, webhook, url, secret, sealed, made_at, retired_at FROM webhooks
    ORDER BY made_at DESC, id DESC";
const OF_UNIT: &str = "SELECT msn, webhook, url, secret, sealed, made_at, retired_at FROM webhooks
    WHERE msn = ? ORDER BY made_at DESC, id DESC";

const IS_SEEN: &str = "SELECT 1 FROM registrations WHERE msn = ?";

const SEE: &str = "INSERT INTO registrations (msn, next_at, failures, lease) VALUES (?, ?, 0, 0)
    ON CONFLICT (msn) DO NOTHING";

const RECHECK: &str =
    "INSERT INTO registrations (msn, next_at, failures, lease) VALUES (?1, ?2, 0, 0)
    ON CONFLICT (msn) DO UPDATE SET next_at = min(next_at, ?2)";

const CLAIM: &str = "UPDATE registrations SET lease = lease + 1, lease_until = ?3, next_at = ?3
    WHERE msn = ?1 AND next_at <= ?2 AND (lease_until IS NULL OR lease_until <= ?2)
    RETURNING lease";

/// Of units whose claimer is dead: due since ever, but for a recheck that was asked for meanwhile.
const FREE: &str = "UPDATE registrations SET lease = lease + 1, lease_until = NULL,
    next_at = CASE WHEN next_at = lease_until THEN 0 ELSE next_at END WHERE lease_until IS NOT NULL";

/// A recheck that was asked for meanwhile stays due. `?3`: whether it is good.
const SETTLE: &str = "UPDATE registrations SET
    next_at = CASE WHEN next_at = lease_until THEN ?4 ELSE next_at END,
    lease_until = NULL,
    good_at = CASE WHEN ?3 THEN ?5 ELSE good_at END,
    failures = CASE WHEN ?3 THEN 0 ELSE failures + 1 END,
    why = ?6
    WHERE msn = ?1 AND lease = ?2 AND lease_until IS NOT NULL";

const RETIRE: &str =
    "UPDATE webhooks SET retired_at = ?3 WHERE msn = ?1 AND webhook <> ?2 AND retired_at IS NULL";

const KEEP: &str = "INSERT INTO webhooks (msn, webhook, url, secret, sealed, made_at, retired_at)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (msn, webhook) DO UPDATE SET url = excluded.url, secret = excluded.secret,
    sealed = excluded.sealed, made_at = excluded.made_at, retired_at = excluded.retired_at";

const FORGET: &str = "DELETE FROM webhooks WHERE msn = ? AND webhook = ?";

const STATES: &str = "SELECT msn, good_at, next_at, failures, why FROM registrations ORDER BY msn";

pub(super) fn webhooks(
    db: &mut Db,
    tokens: &Tokens,
    msn: Option<&Msn>,
) -> Result<Vec<Webhook>, StoreError> {
    let query = match msn {
        Some(msn) => query(OF_UNIT).bind(msn.as_str()),
        None => query(ALL),
    };
    let mut list = Vec::new();
    for row in &query.fetch_all(db)? {
        list.extend(webhook(row, tokens)?);
    }
    Ok(list)
}

/// None where the secret does not open: it is of no use, and another is made.
fn webhook(row: &Row, tokens: &Tokens) -> Result<Option<Webhook>, StoreError> {
    let msn = rows::word(row, "msn", Msn::parse)?;
    let id: String = row.try_get("webhook")?;
    let secret = tokens.read_secret(&msn, &id, row.try_get("secret")?, row.try_get("sealed")?);
    let Some(secret) = secret else {
        return Ok(None);
    };
    Ok(Some(Webhook {
        url: row.try_get("url")?,
        made_at: rows::moment(row, "made_at")?,
        retired_at: rows::maybe_moment(row, "retired_at")?,
        msn,
        id,
        secret,
    }))
}

pub(super) fn is_seen(db: &mut Db, msn: &Msn) -> Result<bool, StoreError> {
    let row = query(IS_SEEN).bind(msn.as_str()).fetch_optional(db)?;
    Ok(row.is_some())
}

pub(super) fn see(db: &mut Db, msn: Msn, now: Moment) -> Result<(), StoreError> {
    let see = query(SEE).bind(msn.as_str()).bind(now.millis());
    see.execute(db)?;
    Ok(())
}

pub(super) fn recheck(db: &mut Db, msn: Msn, now: Moment) -> Result<(), StoreError> {
    let recheck = query(RECHECK).bind(msn.as_str()).bind(now.millis());
    recheck.execute(db)?;
    Ok(())
}

pub(super) fn claim(
    db: &mut Db,
    msn: Msn,
    now: Moment,
    until: Moment,
) -> Result<Option<Lease>, StoreError> {
    let row = query(CLAIM)
        .bind(msn.as_str())
        .bind(now.millis())
        .bind(until.millis())
        .fetch_optional(db)?;
    row.map(|row| Ok(Lease(row.try_get("lease")?))).transpose()
}

/// Ends every claim; how many.
pub(super) fn free(db: &mut Db) -> Result<u64, StoreError> {
    query(FREE).execute(db)
}

pub(super) fn settle(
    db: &mut Db,
    tokens: Tokens,
    (msn, lease): (Msn, Lease),
    end: Registered,
    (next, now): (Moment, Moment),
) -> Result<bool, StoreError> {
    let (made, why) = match end {
        Registered::Kept => (None, None),
        Registered::Made(webhook) => (Some(webhook), None),
        Registered::Failed(why) => (None, Some(words::cut(why, words::NOTE))),
    };
    let done = query(SETTLE)
        .bind(msn.as_str())
        .bind(lease.0)
        .bind(why.is_none())
        .bind(next.millis())
        .bind(now.millis())
        .bind(why)
        .execute(db)?;
    if done != 1 {
        return Ok(false);
    }
    let Some(webhook) = made else {
        return Ok(true);
    };
    query(RETIRE)
        .bind(msn.as_str())
        .bind(webhook.id.as_str())
        .bind(now.millis())
        .execute(db)?;
    let (secret, sealed) = tokens.keep_secret(&msn, &webhook.id, &webhook.secret);
    query(KEEP)
        .bind(msn.as_str())
        .bind(webhook.id.as_str())
        .bind(webhook.url.as_str())
        .bind(secret)
        .bind(sealed)
        .bind(webhook.made_at.millis())
        .bind(webhook.retired_at.map(Moment::millis))
        .execute(db)?;
    Ok(true)
}

pub(super) fn forget(db: &mut Db, msn: Msn, id: String) -> Result<(), StoreError> {
    let forget = query(FORGET).bind(msn.as_str()).bind(id);
    forget.execute(db)?;
    Ok(())
}

pub(super) fn states(db: &mut Db) -> Result<Vec<RegistrationState>, StoreError> {
    let rows = query(STATES).fetch_all(db)?;
    rows.iter()
        .map(|row| {
            Ok(RegistrationState {
                msn: rows::word(row, "msn", Msn::parse)?,
                good_at: rows::maybe_moment(row, "good_at")?,
                next_at: rows::moment(row, "next_at")?,
                failures: rows::count(row, "failures")?,
                why: row.try_get("why")?,
            })
        })
        .collect()
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 9] = [
    OF_UNIT, IS_SEEN, SEE, RECHECK, CLAIM, SETTLE, RETIRE, KEEP, FORGET,
];
