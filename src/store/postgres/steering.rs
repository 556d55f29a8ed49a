//! Overrides and the list of changes, as SQL.
//!
//! Must not: end an override without listing it in the same transaction.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::PostgresStore;
use super::fault::{Fault, damaged};
use super::pool::{Mode, transaction};
use super::rows;
use crate::routing::{Lever, Toggle};
use crate::store::{
    Change, ChangeView, NewOverride, Override, OverrideId, Reason, SteeringStore, StoreError,
};
use crate::types::{Moment, Msn};

const IN_FORCE: &str = "SELECT id, lever, msn, toggle, who, why, made_at, until FROM overrides
    WHERE ended_at IS NULL AND (until IS NULL OR until > $1) ORDER BY id";

const ANY_OVER: &str = "SELECT 1 FROM overrides WHERE ended_at IS NULL AND until <= $1 LIMIT 1";

const OVER: &str = "UPDATE overrides SET ended_at = $1 WHERE ended_at IS NULL AND until <= $1
    RETURNING id, lever, msn, toggle, who, why, made_at, until";

const REPLACE: &str = "UPDATE overrides SET ended_at = $3
    WHERE lever = $1 AND coalesce(msn, '') = coalesce($2::text, '') AND ended_at IS NULL
    RETURNING id, lever, msn, toggle, who, why, made_at, until";

const SET: &str = "INSERT INTO overrides (lever, msn, toggle, who, why, made_at, until)
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";

const END: &str = "UPDATE overrides SET ended_at = $2
    WHERE id = $1 AND ended_at IS NULL AND (until IS NULL OR until > $2)
    RETURNING id, lever, msn, toggle, who, why, made_at, until";

const LIST: &str = "INSERT INTO changes (at, what, key, msn, old, new, who, why)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const CHANGES: &str = "SELECT id, at, what, key, msn, old, new, who, why FROM changes
    WHERE id < $1 ORDER BY id DESC LIMIT $2";

fn read(row: &PgRow) -> Result<Override, Fault> {
    let reason = Reason::new(&rows::must(row, "who")?, &rows::must(row, "why")?);
    Ok(Override {
        id: OverrideId(row.try_get("id")?),
        lever: rows::word(row, "lever", Lever::parse)?,
        msn: rows::optional(row, "msn", Msn::parse)?,
        toggle: rows::word(row, "toggle", Toggle::parse)?,
        reason: reason.ok_or_else(|| damaged("who"))?,
        made_at: rows::moment(row, "made_at")?,
        until: rows::maybe_moment(row, "until")?,
    })
}

async fn in_force(db: &mut PgConnection, now: Moment) -> Result<Vec<Override>, Fault> {
    let rows = sqlx::query(IN_FORCE)
        .bind(now.millis())
        .fetch_all(db)
        .await?;
    rows.iter().map(read).collect()
}

pub(super) async fn list(db: &mut PgConnection, change: &Change, now: Moment) -> Result<(), Fault> {
    sqlx::query(LIST)
        .bind(now.millis())
        .bind(change.what)
        .bind(rows::kept(&change.key))
        .bind(change.msn.as_ref().map(Msn::as_str))
        .bind(rows::kept(&change.old))
        .bind(rows::kept(&change.new))
        .bind(rows::kept(change.reason.who()))
        .bind(rows::kept(change.reason.why()))
        .execute(db)
        .await?;
    Ok(())
}

async fn set(db: &mut PgConnection, new: &NewOverride, now: Moment) -> Result<OverrideId, Fault> {
    // One after the other for the same lever and unit; the index would refuse the second otherwise.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('overrides', 0))")
        .execute(&mut *db)
        .await?;
    // One whose time is over is no longer in force, though nobody may have ended it yet.
    expire(db, now).await?;
    let msn = new.msn.as_ref().map(Msn::as_str);
    let old = sqlx::query(REPLACE)
        .bind(new.lever.word())
        .bind(msn)
        .bind(now.millis())
        .fetch_optional(&mut *db)
        .await?;
    let old = old.as_ref().map(read).transpose()?;
    let row = sqlx::query(SET)
        .bind(new.lever.word())
        .bind(msn)
        .bind(new.toggle.to_string())
        .bind(rows::kept(new.reason.who()))
        .bind(rows::kept(new.reason.why()))
        .bind(now.millis())
        .bind(new.until.map(Moment::millis))
        .fetch_one(&mut *db)
        .await?;
    list(db, &Change::set(new.clone(), old.as_ref()), now).await?;
    Ok(OverrideId(row.try_get("id")?))
}

async fn end(
    db: &mut PgConnection,
    id: OverrideId,
    reason: &Reason,
    now: Moment,
) -> Result<Option<Override>, Fault> {
    let row = sqlx::query(END)
        .bind(id.0)
        .bind(now.millis())
        .fetch_optional(&mut *db)
        .await?;
    let Some(ended) = row.as_ref().map(read).transpose()? else {
        return Ok(None);
    };
    list(db, &Change::ended("undo", &ended, reason.clone()), now).await?;
    Ok(Some(ended))
}

async fn expire(db: &mut PgConnection, now: Moment) -> Result<Vec<Override>, Fault> {
    let rows = sqlx::query(OVER)
        .bind(now.millis())
        .fetch_all(&mut *db)
        .await?;
    let over: Vec<Override> = rows.iter().map(read).collect::<Result<_, _>>()?;
    for one in &over {
        list(db, &Change::expired(one), now).await?;
    }
    Ok(over)
}

#[async_trait]
impl SteeringStore for PostgresStore {
    async fn overrides(&self, now: Moment) -> Result<Vec<Override>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| in_force(db, now))
    }

    async fn set_override(&self, new: NewOverride, now: Moment) -> Result<OverrideId, StoreError> {
        transaction!(self.pool, Mode::Once, |db| set(db, &new, now))
    }

    async fn end_override(
        &self,
        id: OverrideId,
        reason: Reason,
        now: Moment,
    ) -> Result<Option<Override>, StoreError> {
        transaction!(self.pool, Mode::Once, |db| end(db, id, &reason, now))
    }

    async fn expire_overrides(&self, now: Moment) -> Result<Vec<Override>, StoreError> {
        let any: Result<bool, StoreError> =
            transaction!(self.pool, Mode::Statement, |db| any_over(db, now));
        if !any? {
            return Ok(Vec::new());
        }
        transaction!(self.pool, Mode::Once, |db| expire(db, now))
    }

    async fn list_change(&self, change: Change, now: Moment) -> Result<(), StoreError> {
        transaction!(self.pool, Mode::Once, |db| list(db, &change, now))
    }

    async fn changes(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<ChangeView>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| newest(db, before, limit))
    }
}

async fn any_over(db: &mut PgConnection, now: Moment) -> Result<bool, Fault> {
    let row = sqlx::query(ANY_OVER)
        .bind(now.millis())
        .fetch_optional(db)
        .await?;
    Ok(row.is_some())
}

async fn newest(
    db: &mut PgConnection,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<ChangeView>, Fault> {
    let rows = sqlx::query(CHANGES)
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ChangeView {
                id: row.try_get("id")?,
                at: rows::moment(row, "at")?,
                what: row.try_get("what")?,
                key: rows::must(row, "key")?,
                msn: rows::optional(row, "msn", Msn::parse)?,
                old: rows::must(row, "old")?,
                new: rows::must(row, "new")?,
                who: rows::must(row, "who")?,
                why: rows::must(row, "why")?,
            })
        })
        .collect()
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 3] = [REPLACE, END, CHANGES];
