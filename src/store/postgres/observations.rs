//! The counts of the traffic and the machine's memory, as SQL.
//!
//! Must not: overwrite a count. What is there is read and added to in one transaction, by one instance at a time.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::PostgresStore;
use super::fault::{Fault, damaged};
use super::pool::{Mode, transaction};
use super::{rows, steering};
use crate::ecom::route::Operation;
use crate::store::{
    Automatic, AutomaticStore, Change, Counts, Hour, Observation, ObservationStore, Side,
    StoreError,
};
use crate::types::{Moment, Msn};

/// Of places that are named member by member.
const KEPT: &str = "SELECT msn, hour, operation, side, last_at, counts
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) AS place(msn, hour, operation, side)
    JOIN observations USING (msn, hour, operation, side)";

/// Each place once: a statement can't change a row twice.
const KEEP: &str = "INSERT INTO observations (msn, hour, operation, side, last_at, counts)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[])
    ON CONFLICT (msn, hour, operation, side)
    DO UPDATE SET counts = excluded.counts, last_at = excluded.last_at";

const OF_UNIT: &str = "SELECT msn, hour, operation, side, last_at, counts FROM observations
    WHERE msn = $1 AND hour >= $2 ORDER BY hour, operation, side";

const UNITS: &str =
    "SELECT DISTINCT msn FROM observations WHERE hour >= $1 AND msn <> '' ORDER BY msn";

const PRUNE: &str = "DELETE FROM observations WHERE ctid IN
    (SELECT ctid FROM observations WHERE hour < $1 LIMIT $2)";

const AUTOMATIC: &str = "SELECT msn, revision, percent, state FROM automatic ORDER BY msn";

const SAVE: &str = "INSERT INTO automatic AS kept (msn, revision, percent, state, saved_at)
    VALUES ($1, $2 + 1, $3, $4, $5)
    ON CONFLICT (msn) DO UPDATE SET revision = $2 + 1, percent = $3, state = $4, saved_at = $5
    WHERE kept.revision = $2";

fn read(row: &PgRow) -> Result<Observation, Fault> {
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

/// The row of an observation.
type Place<'o> = (Option<&'o Msn>, Hour, Operation, Side);

const fn place(one: &Observation) -> Place<'_> {
    (one.msn.as_ref(), one.hour, one.operation, one.side)
}

fn add_up<'o>(sums: &mut HashMap<Place<'o>, (Moment, Counts)>, one: &'o Observation) {
    let (last_at, counts) = sums.entry(place(one)).or_default();
    *last_at = one.last_at.max(*last_at);
    counts.merge(&one.counts);
}

/// A statement about these places, each member in a list of its own.
fn of_places<'q>(
    statement: &'static str,
    places: &[Place<'q>],
) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
    let all = || places.iter();
    let msn = |(msn, ..): &Place<'q>| msn.map_or("", Msn::as_str);
    sqlx::query(statement)
        .bind(all().map(msn).collect::<Vec<_>>())
        .bind(all().map(|(_, hour, ..)| hour.0).collect::<Vec<_>>())
        .bind(all().map(|(.., op, _)| op.word()).collect::<Vec<_>>())
        .bind(all().map(|(.., side)| side.word()).collect::<Vec<_>>())
}

async fn add(db: &mut PgConnection, more: &[Observation]) -> Result<(), Fault> {
    // One instance at a time: two that read the same count would lose one of their additions.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('observations', 0))")
        .execute(&mut *db)
        .await?;
    let mut sums: HashMap<Place<'_>, (Moment, Counts)> = HashMap::new();
    for one in more {
        add_up(&mut sums, one);
    }
    // Each once, so that what is kept is added once.
    let places: Vec<_> = sums.keys().copied().collect();
    let kept = of_places(KEPT, &places).fetch_all(&mut *db).await?;
    let kept: Vec<Observation> = kept.iter().map(read).collect::<Result<_, _>>()?;
    for one in &kept {
        add_up(&mut sums, one);
    }
    let (places, sums): (Vec<_>, Vec<_>) = sums.into_iter().unzip();
    let (last, counts): (Vec<_>, Vec<_>) = sums
        .into_iter()
        .map(|(last_at, counts)| (last_at.millis(), counts.text()))
        .unzip();
    of_places(KEEP, &places)
        .bind(last)
        .bind(counts)
        .execute(&mut *db)
        .await?;
    Ok(())
}

async fn of_unit(db: &mut PgConnection, msn: &Msn, from: Hour) -> Result<Vec<Observation>, Fault> {
    let rows = sqlx::query(OF_UNIT)
        .bind(msn.as_str())
        .bind(from.0)
        .fetch_all(db)
        .await?;
    rows.iter().map(read).collect()
}

async fn units(db: &mut PgConnection, from: Hour) -> Result<Vec<Msn>, Fault> {
    let rows = sqlx::query(UNITS).bind(from.0).fetch_all(db).await?;
    rows.iter()
        .map(|row| rows::word(row, "msn", Msn::parse))
        .collect()
}

async fn prune(db: &mut PgConnection, before: Hour, limit: i64) -> Result<u64, Fault> {
    let done = sqlx::query(PRUNE)
        .bind(before.0)
        .bind(limit)
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

#[async_trait]
impl ObservationStore for PostgresStore {
    async fn add_observations(&self, more: Vec<Observation>) -> Result<(), StoreError> {
        transaction!(self.pool, Mode::Once, |db| add(db, &more))
    }

    async fn observations(&self, msn: &Msn, from: Hour) -> Result<Vec<Observation>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| of_unit(db, msn, from))
    }

    async fn observed_units(&self, from: Hour) -> Result<Vec<Msn>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| units(db, from))
    }

    async fn prune_observations(&self, before: Hour, limit: usize) -> Result<u64, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        transaction!(self.pool, Mode::Once, |db| prune(db, before, limit))
    }
}

async fn all(db: &mut PgConnection) -> Result<Vec<Automatic>, Fault> {
    let rows = sqlx::query(AUTOMATIC).fetch_all(db).await?;
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

async fn save(
    db: &mut PgConnection,
    next: &Automatic,
    change: Option<&Change>,
    now: Moment,
) -> Result<bool, Fault> {
    let done = sqlx::query(SAVE)
        .bind(next.msn.as_str())
        .bind(next.revision)
        .bind(next.percent.map(i64::from))
        .bind(next.state.as_str())
        .bind(now.millis())
        .execute(&mut *db)
        .await?;
    let saved = done.rows_affected() == 1;
    if let (true, Some(change)) = (saved, change) {
        steering::list(db, change, now).await?;
    }
    Ok(saved)
}

#[async_trait]
impl AutomaticStore for PostgresStore {
    async fn automatic(&self) -> Result<Vec<Automatic>, StoreError> {
        transaction!(self.pool, Mode::Statement, |db| all(db))
    }

    async fn save_automatic(
        &self,
        next: Automatic,
        change: Option<Change>,
        now: Moment,
    ) -> Result<bool, StoreError> {
        transaction!(self.pool, Mode::Once, |db| save(
            db,
            &next,
            change.as_ref(),
            now
        ))
    }
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 3] = [KEPT, OF_UNIT, SAVE];
