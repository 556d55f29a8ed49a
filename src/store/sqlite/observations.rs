//! The counts of the traffic and the machine's memory, as SQL.
//!
//! Must not: overwrite a count. What is there is read and added to in one transaction.

use super::db::{Db, Row, query};
use async_trait::async_trait;

use super::SqliteStore;
use super::error::damaged;
use super::{rows, steering};
use crate::ecom::route::Operation;
use crate::store::{
    Automatic, AutomaticStore, Change, Counts, Hour, Observation, ObservationStore, Side,
    StoreError,
};
use crate::types::{Moment, Msn};

const KEPT: &str = "SELECT counts FROM observations
    WHERE msn = ?1 AND hour = ?2 AND operation = ?3 AND side = ?4";

const KEEP: &str =
    "INSERT INTO observations (msn, hour, operation, side, last_at, counts) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (msn, hour, operation, side)
    DO UPDATE SET counts = excluded.counts, last_at = max(last_at, excluded.last_at)";

const OF_UNIT: &str = "SELECT msn, hour, operation, side, last_at, counts FROM observations
    WHERE msn = ?1 AND hour >= ?2 ORDER BY hour, operation, side";

const UNITS: &str =
    "SELECT DISTINCT msn FROM observations WHERE hour >= ?1 AND msn <> '' ORDER BY msn";

const PRUNE: &str = "DELETE FROM observations WHERE rowid IN
    (SELECT rowid FROM observations WHERE hour < ?1 LIMIT ?2)";

const AUTOMATIC: &str = "SELECT msn, revision, percent, state FROM automatic ORDER BY msn";

const SAVE: &str = "INSERT INTO automatic (msn, revision, percent, state, saved_at) VALUES (?1, ?2 + 1, ?3, ?4, ?5)
    ON CONFLICT (msn) DO UPDATE SET revision = ?2 + 1, percent = ?3, state = ?4, saved_at = ?5
    WHERE revision = ?2";

fn read(row: &Row) -> Result<Observation, StoreError> {
    Ok(Observation {
        msn: rows::word(row, "msn", |text| {
            (text.is_empty())
                .then_some(None)
                .or_else(|| Msn::parse(text).map(Some))
        })?,
        operation: rows::word(row, "operation", Operation::parse)?,
        side: rows::word(row, "side", Side::parse)?,
        hour: Hour(row.try_get("hour")?),
        last_at: rows::moment(row, "last_at")?,
        counts: rows::word(row, "counts", Counts::read)?,
    })
}

fn add(db: &mut Db, more: Vec<Observation>) -> Result<(), StoreError> {
    for one in more {
        let msn = one.msn.as_ref().map_or("", Msn::as_str);
        let (operation, side) = (one.operation.word(), one.side.word());
        let kept = query(KEPT)
            .bind(msn)
            .bind(one.hour.0)
            .bind(operation)
            .bind(side)
            .fetch_optional(db)?;
        let mut counts = one.counts;
        if let Some(row) = kept {
            counts.merge(&rows::word(&row, "counts", Counts::read)?);
        }
        query(KEEP)
            .bind(msn)
            .bind(one.hour.0)
            .bind(operation)
            .bind(side)
            .bind(one.last_at.millis())
            .bind(counts.text())
            .execute(db)?;
    }
    Ok(())
}

fn of_unit(db: &mut Db, msn: &Msn, from: Hour) -> Result<Vec<Observation>, StoreError> {
    let rows = query(OF_UNIT)
        .bind(msn.as_str())
        .bind(from.0)
        .fetch_all(db)?;
    rows.iter().map(read).collect()
}

fn units(db: &mut Db, from: Hour) -> Result<Vec<Msn>, StoreError> {
    let rows = query(UNITS).bind(from.0).fetch_all(db)?;
    rows.iter()
        .map(|row| rows::word(row, "msn", Msn::parse))
        .collect()
}

fn prune(db: &mut Db, before: Hour, limit: i64) -> Result<u64, StoreError> {
    let done = query(PRUNE).bind(before.0).bind(limit).execute(db)?;
    Ok(done)
}

#[async_trait]
impl ObservationStore for SqliteStore {
    async fn add_observations(&self, more: Vec<Observation>) -> Result<(), StoreError> {
        self.writer.run(move |db| add(db, more)).await
    }

    async fn observations(&self, msn: &Msn, from: Hour) -> Result<Vec<Observation>, StoreError> {
        let msn = msn.clone();
        self.read(move |db| of_unit(db, &msn, from)).await
    }

    async fn observed_units(&self, from: Hour) -> Result<Vec<Msn>, StoreError> {
        self.read(move |db| units(db, from)).await
    }

    async fn prune_observations(&self, before: Hour, limit: usize) -> Result<u64, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.writer.run(move |db| prune(db, before, limit)).await
    }
}

fn save(
    db: &mut Db,
    next: Automatic,
    change: Option<Change>,
    now: Moment,
) -> Result<bool, StoreError> {
    let done = query(SAVE)
        .bind(next.msn.as_str())
        .bind(next.revision)
        .bind(next.percent.map(i64::from))
        .bind(next.state)
        .bind(now.millis())
        .execute(db)?;
    let saved = done == 1;
    if let (true, Some(change)) = (saved, &change) {
        steering::list(db, change, now)?;
    }
    Ok(saved)
}

fn automatic(db: &mut Db) -> Result<Vec<Automatic>, StoreError> {
    let rows = query(AUTOMATIC).fetch_all(db)?;
    rows.iter()
        .map(|row| {
            let percent: Option<i64> = row.try_get("percent")?;
            let percent = percent.map(u8::try_from).transpose();
            Ok(Automatic {
                msn: rows::word(row, "msn", Msn::parse)?,
                revision: row.try_get("revision")?,
                percent: percent.map_err(|_| damaged("percent"))?,
                state: row.try_get("state")?,
            })
        })
        .collect()
}

#[async_trait]
impl AutomaticStore for SqliteStore {
    async fn automatic(&self) -> Result<Vec<Automatic>, StoreError> {
        self.read(automatic).await
    }

    async fn save_automatic(
        &self,
        next: Automatic,
        change: Option<Change>,
        now: Moment,
    ) -> Result<bool, StoreError> {
        self.writer.run(move |db| save(db, next, change, now)).await
    }
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 4] = [KEPT, OF_UNIT, PRUNE, SAVE];
