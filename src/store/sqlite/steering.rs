//! Overrides and the list of changes, as SQL.
//!
//! Must not: end an override without listing it in the same transaction.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::SqliteStore;
use super::error::damaged;
use super::rows;
use crate::routing::{Lever, Toggle};
use crate::store::{
    Change, ChangeView, NewOverride, Override, OverrideId, Reason, SteeringStore, StoreError,
};
use crate::types::{Moment, Msn};

const IN_FORCE: &str = "SELECT id, lever, msn, toggle, who, why, made_at, until FROM overrides
    WHERE ended_at IS NULL AND (until IS NULL OR until > ?1) ORDER BY id";

const ANY_OVER: &str = "SELECT 1 FROM overrides WHERE ended_at IS NULL AND until <= ?1 LIMIT 1";

const OVER: &str = "UPDATE overrides SET ended_at = ?1 WHERE ended_at IS NULL AND until <= ?1
    RETURNING id, lever, msn, toggle, who, why, made_at, until";

const REPLACE: &str = "UPDATE overrides SET ended_at = ?3
    WHERE lever = ?1 AND coalesce(msn, '') = coalesce(?2, '') AND ended_at IS NULL
    RETURNING id, lever, msn, toggle, who, why, made_at, until";

const SET: &str = "INSERT INTO overrides (lever, msn, toggle, who, why, made_at, until)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id";

const END: &str = "UPDATE overrides SET ended_at = ?2
    WHERE id = ?1 AND ended_at IS NULL AND (until IS NULL OR until > ?2)
    RETURNING id, lever, msn, toggle, who, why, made_at, until";

const LIST: &str = "INSERT INTO changes (at, what, key, msn, old, new, who, why)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const CHANGES: &str = "SELECT id, at, what, key, msn, old, new, who, why FROM changes
    WHERE id < ?1 ORDER BY id DESC LIMIT ?2";

fn read(row: &SqliteRow) -> Result<Override, StoreError> {
    let reason = Reason::new(row.try_get("who")?, row.try_get("why")?);
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

async fn in_force(db: &mut SqliteConnection, now: Moment) -> Result<Vec<Override>, StoreError> {
    let rows = sqlx::query(IN_FORCE)
        .bind(now.millis())
        .fetch_all(db)
        .await?;
    rows.iter().map(read).collect()
}

pub(super) async fn list(
    db: &mut SqliteConnection,
    change: &Change,
    now: Moment,
) -> Result<(), StoreError> {
    sqlx::query(LIST)
        .bind(now.millis())
        .bind(change.what)
        .bind(change.key.as_str())
        .bind(change.msn.as_ref().map(Msn::as_str))
        .bind(change.old.as_str())
        .bind(change.new.as_str())
        .bind(change.reason.who())
        .bind(change.reason.why())
        .execute(db)
        .await?;
    Ok(())
}

async fn set(
    db: &mut SqliteConnection,
    new: NewOverride,
    now: Moment,
) -> Result<OverrideId, StoreError> {
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
        .bind(new.reason.who())
        .bind(new.reason.why())
        .bind(now.millis())
        .bind(new.until.map(Moment::millis))
        .fetch_one(&mut *db)
        .await?;
    list(db, &Change::set(new, old.as_ref()), now).await?;
    Ok(OverrideId(row.try_get("id")?))
}

async fn end(
    db: &mut SqliteConnection,
    id: OverrideId,
    reason: Reason,
    now: Moment,
) -> Result<Option<Override>, StoreError> {
    let row = sqlx::query(END)
        .bind(id.0)
        .bind(now.millis())
        .fetch_optional(&mut *db)
        .await?;
    let Some(ended) = row.as_ref().map(read).transpose()? else {
        return Ok(None);
    };
    list(db, &Change::ended("undo", &ended, reason), now).await?;
    Ok(Some(ended))
}

async fn expire(db: &mut SqliteConnection, now: Moment) -> Result<Vec<Override>, StoreError> {
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
impl SteeringStore for SqliteStore {
    async fn overrides(&self, now: Moment) -> Result<Vec<Override>, StoreError> {
        let mut view = self.view().await?;
        in_force(&mut view, now).await
    }

    async fn set_override(&self, new: NewOverride, now: Moment) -> Result<OverrideId, StoreError> {
        self.writer.run(move |db| Box::pin(set(db, new, now))).await
    }

    async fn end_override(
        &self,
        id: OverrideId,
        reason: Reason,
        now: Moment,
    ) -> Result<Option<Override>, StoreError> {
        self.writer
            .run(move |db| Box::pin(end(db, id, reason, now)))
            .await
    }

    async fn expire_overrides(&self, now: Moment) -> Result<Vec<Override>, StoreError> {
        // Asked of a reader, so that a clock that ticks does not wait for the writer.
        let mut view = self.view().await?;
        let over = sqlx::query(ANY_OVER).bind(now.millis());
        if over.fetch_optional(&mut *view).await?.is_none() {
            return Ok(Vec::new());
        }
        drop(view);
        self.writer.run(move |db| Box::pin(expire(db, now))).await
    }

    async fn list_change(&self, change: Change, now: Moment) -> Result<(), StoreError> {
        self.writer
            .run(move |db| Box::pin(async move { list(db, &change, now).await }))
            .await
    }

    async fn changes(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<ChangeView>, StoreError> {
        let mut view = self.view().await?;
        let rows = sqlx::query(CHANGES)
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *view)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(ChangeView {
                    id: row.try_get("id")?,
                    at: rows::moment(row, "at")?,
                    what: row.try_get("what")?,
                    key: row.try_get("key")?,
                    msn: rows::optional(row, "msn", Msn::parse)?,
                    old: row.try_get("old")?,
                    new: row.try_get("new")?,
                    who: row.try_get("who")?,
                    why: row.try_get("why")?,
                })
            })
            .collect()
    }
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 3] = [REPLACE, END, CHANGES];
