//! Overrides and the list of changes, as SQL.
//!
//! Must not: end an override without listing it in the same transaction.

use super::db::{Db, Row, query};
use async_trait::async_trait;

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

fn read(row: &Row) -> Result<Override, StoreError> {
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

fn in_force(db: &mut Db, now: Moment) -> Result<Vec<Override>, StoreError> {
    let rows = query(IN_FORCE).bind(now.millis()).fetch_all(db)?;
    rows.iter().map(read).collect()
}

pub(super) fn list(db: &mut Db, change: &Change, now: Moment) -> Result<(), StoreError> {
    query(LIST)
        .bind(now.millis())
        .bind(change.what)
        .bind(change.key.as_str())
        .bind(change.msn.as_ref().map(Msn::as_str))
        .bind(change.old.as_str())
        .bind(change.new.as_str())
        .bind(change.reason.who())
        .bind(change.reason.why())
        .execute(db)?;
    Ok(())
}

fn set(db: &mut Db, new: NewOverride, now: Moment) -> Result<OverrideId, StoreError> {
    // One whose time is over is no longer in force, though nobody may have ended it yet.
    expire(db, now)?;
    let msn = new.msn.as_ref().map(Msn::as_str);
    let old = query(REPLACE)
        .bind(new.lever.word())
        .bind(msn)
        .bind(now.millis())
        .fetch_optional(db)?;
    let old = old.as_ref().map(read).transpose()?;
    let row = query(SET)
        .bind(new.lever.word())
        .bind(msn)
        .bind(new.toggle.to_string())
        .bind(new.reason.who())
        .bind(new.reason.why())
        .bind(now.millis())
        .bind(new.until.map(Moment::millis))
        .fetch_one(db)?;
    list(db, &Change::set(new, old.as_ref()), now)?;
    Ok(OverrideId(row.try_get("id")?))
}

fn end(
    db: &mut Db,
    id: OverrideId,
    reason: Reason,
    now: Moment,
) -> Result<Option<Override>, StoreError> {
    let row = query(END)
        .bind(id.0)
        .bind(now.millis())
        .fetch_optional(db)?;
    let Some(ended) = row.as_ref().map(read).transpose()? else {
        return Ok(None);
    };
    list(db, &Change::ended("undo", &ended, reason), now)?;
    Ok(Some(ended))
}

fn expire(db: &mut Db, now: Moment) -> Result<Vec<Override>, StoreError> {
    let rows = query(OVER).bind(now.millis()).fetch_all(db)?;
    let over: Vec<Override> = rows.iter().map(read).collect::<Result<_, _>>()?;
    for one in &over {
        list(db, &Change::expired(one), now)?;
    }
    Ok(over)
}

#[async_trait]
impl SteeringStore for SqliteStore {
    async fn overrides(&self, now: Moment) -> Result<Vec<Override>, StoreError> {
        self.read(move |db| in_force(db, now)).await
    }

    async fn set_override(&self, new: NewOverride, now: Moment) -> Result<OverrideId, StoreError> {
        self.writer.run(move |db| set(db, new, now)).await
    }

    async fn end_override(
        &self,
        id: OverrideId,
        reason: Reason,
        now: Moment,
    ) -> Result<Option<Override>, StoreError> {
        self.writer.run(move |db| end(db, id, reason, now)).await
    }

    async fn expire_overrides(&self, now: Moment) -> Result<Vec<Override>, StoreError> {
        // Asked of a reader, so that a clock that ticks does not wait for the writer.
        let any = self.read(move |db| {
            let over = query(ANY_OVER).bind(now.millis());
            Ok(over.fetch_optional(db)?.is_some())
        });
        if !any.await? {
            return Ok(Vec::new());
        }
        self.writer.run(move |db| expire(db, now)).await
    }

    async fn list_change(&self, change: Change, now: Moment) -> Result<(), StoreError> {
        self.writer.run(move |db| list(db, &change, now)).await
    }

    async fn changes(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<ChangeView>, StoreError> {
        self.read(move |db| changes(db, before, limit)).await
    }
}

fn changes(db: &mut Db, before: Option<i64>, limit: usize) -> Result<Vec<ChangeView>, StoreError> {
    let rows = query(CHANGES)
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)?;
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

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 3] = [REPLACE, END, CHANGES];
