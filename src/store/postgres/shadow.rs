//! What shadowing found, as SQL.
//!
//! Must not: overwrite a count, or drop a row without counting it. Reads and writes stand under one lock, so that what is
//! read is of one moment.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::PostgresStore;
use super::fault::Fault;
use super::pool::{Mode, transaction};
use super::{rows, steering};
use crate::ecom::route::Operation;
use crate::store::shadow::{DAYS, EVICTED, EVICTED_DIFFERING, Samples, reset_change, signed};
use crate::store::{
    Added, DifferenceKind, FieldFinding, FieldRecord, Findings, Given, Judgement, Judging,
    MOST_FIELDS, Reason, ShadowRecord, ShadowStore, StoreError, Verdict, Way,
};
use crate::types::{FieldPath, Moment};

const COUNT: &str = "INSERT INTO shadow_counts AS kept (operation, way, what, reason, count)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (operation, way, what, reason) DO UPDATE SET count = kept.count + excluded.count";

const SINCE: &str = "INSERT INTO shadow_since (operation, since) VALUES ($1, $2)
    ON CONFLICT (operation) DO NOTHING";

const SAMPLES: &str = "SELECT samples FROM shadow_fields
    WHERE operation = $1 AND way = $2 AND field = $3 AND kind = $4";

const KEEP: &str = "INSERT INTO shadow_fields AS kept
    (operation, way, field, kind, differing, noise, ignored, first_at, last_at, samples, judged)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, (EXISTS (SELECT FROM shadow_judgements
        WHERE operation = $1 AND way = $2 AND field = $3 AND kind = $4))::int)
    ON CONFLICT (operation, way, field, kind) DO UPDATE SET
        differing = kept.differing + excluded.differing, noise = kept.noise + excluded.noise,
        ignored = kept.ignored + excluded.ignored, first_at = least(kept.first_at, excluded.first_at),
        last_at = greatest(kept.last_at, excluded.last_at), samples = excluded.samples";

const AGED: &str = "DELETE FROM shadow_fields WHERE judged IN (0, 1) AND last_at < $1
    RETURNING operation, way, differing";

const EVICT: &str = "DELETE FROM shadow_fields WHERE ctid IN
    (SELECT ctid FROM shadow_fields ORDER BY judged, last_at
     LIMIT greatest(0, (SELECT count(*) FROM shadow_fields) - $1))
    RETURNING operation, way, differing";

const COUNTS: &str = "SELECT operation, way, what, reason, count FROM shadow_counts";

const BEGUN: &str = "SELECT operation, since FROM shadow_since";

const FIELDS: &str = "SELECT f.operation, f.way, f.field, f.kind, f.differing, f.noise, f.ignored, f.first_at, f.last_at,
        CASE WHEN $1 THEN f.samples ELSE '' END AS samples, j.verdict, j.who, j.why, j.at
    FROM shadow_fields f LEFT JOIN shadow_judgements j USING (operation, way, field, kind)
    ORDER BY f.last_at DESC, f.operation, f.way, f.field, f.kind";

const ENDED: &str = "SELECT coalesce(sum(count), 0)::bigint AS ended FROM shadow_counts
    WHERE ($1::text IS NULL OR operation = $1) AND what IN ('clean', 'differing', 'filtered', 'dropped', 'failed')";

const FORGET: [&str; 2] = [
    "DELETE FROM shadow_counts WHERE $1::text IS NULL OR operation = $1",
    "DELETE FROM shadow_fields WHERE $1::text IS NULL OR operation = $1",
];

const BEGIN: &str = "UPDATE shadow_since SET since = $2 WHERE $1::text IS NULL OR operation = $1";

const JUDGED: &str = "SELECT way, kind, verdict FROM shadow_judgements
    WHERE operation = $1 AND way IN ($2, $3, $4) AND field = $5";

const SEEN: &str = "SELECT way, kind FROM shadow_fields
    WHERE operation = $1 AND way IN ($2, $3, $4) AND field = $5";

const JUDGE: &str = "INSERT INTO shadow_judgements (operation, way, field, kind, verdict, who, why, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (operation, way, field, kind)
    DO UPDATE SET verdict = excluded.verdict, who = excluded.who, why = excluded.why, at = excluded.at";

const WITHDRAW: &str = "DELETE FROM shadow_judgements
    WHERE operation = $1 AND way = $2 AND field = $3 AND kind = $4";

const MARK: &str = "UPDATE shadow_fields SET judged = $5
    WHERE operation = $1 AND way = $2 AND field = $3 AND kind = $4";

/// One instance at a time: two that read the same samples would lose one's. Whoever reads all waits for it, too.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('shadow', 0))";
const LOCK_TO_READ: &str = "SELECT pg_advisory_xact_lock_shared(hashtextextended('shadow', 0))";

async fn count(
    db: &mut PgConnection,
    (operation, way, what, reason): (&str, &str, &str, &str),
    more: i64,
) -> Result<(), Fault> {
    sqlx::query(COUNT)
        .bind(operation)
        .bind(way)
        .bind(what)
        .bind(reason)
        .bind(more)
        .execute(db)
        .await?;
    Ok(())
}

async fn keep(db: &mut PgConnection, one: &FieldFinding) -> Result<(), Fault> {
    let (operation, way) = (one.operation.word(), one.way.word());
    let (field, kind) = (one.field.as_str(), one.kind.word());
    let kept = sqlx::query(SAMPLES)
        .bind(operation)
        .bind(way)
        .bind(field)
        .bind(kind)
        .fetch_optional(&mut *db)
        .await?;
    let mut samples = match &kept {
        Some(row) => Samples::read(row.try_get("samples")?),
        None => Samples::default(),
    };
    samples.add(&one.samples);
    sqlx::query(KEEP)
        .bind(operation)
        .bind(way)
        .bind(field)
        .bind(kind)
        .bind(signed(one.differing))
        .bind(signed(one.noise))
        .bind(signed(one.ignored))
        .bind(one.first_at.millis())
        .bind(one.last_at.millis())
        .bind(samples.text())
        .execute(db)
        .await?;
    Ok(())
}

async fn add(db: &mut PgConnection, more: &Findings, now: Moment) -> Result<Added, Fault> {
    sqlx::query(LOCK).execute(&mut *db).await?;
    for (name, sum) in more.counts() {
        count(db, name, sum).await?;
        sqlx::query(SINCE)
            .bind(name.0)
            .bind(now.millis())
            .execute(&mut *db)
            .await?;
    }
    for one in &more.fields {
        keep(db, one).await?;
    }
    let old = now.millis().saturating_sub(DAYS * 86_400_000);
    let mut gone = sqlx::query(AGED).bind(old).fetch_all(&mut *db).await?;
    let most = i64::try_from(MOST_FIELDS).unwrap_or(i64::MAX);
    gone.extend(sqlx::query(EVICT).bind(most).fetch_all(&mut *db).await?);
    for row in &gone {
        let (operation, way) = (row.try_get("operation")?, row.try_get("way")?);
        count(db, (operation, way, EVICTED, ""), 1).await?;
        let differing = row.try_get("differing")?;
        count(db, (operation, way, EVICTED_DIFFERING, ""), differing).await?;
    }
    Ok(Added {
        evicted: gone.len() as u64,
    })
}

fn number(row: &PgRow, column: &'static str) -> Result<u64, Fault> {
    Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
}

fn judgement(row: &PgRow) -> Result<Option<Judgement>, Fault> {
    let Some(verdict) = row.try_get::<Option<&str>, _>("verdict")? else {
        return Ok(None);
    };
    Ok(Some(Judgement {
        verdict: Given::read(verdict),
        who: rows::must(row, "who")?,
        why: rows::must(row, "why")?,
        at: rows::moment(row, "at")?,
    }))
}

/// None where a later release has written it.
fn field(row: &PgRow) -> Result<Option<FieldRecord>, Fault> {
    let names = (
        Operation::parse(row.try_get("operation")?),
        Way::parse(row.try_get("way")?),
        FieldPath::parse(row.try_get("field")?),
        DifferenceKind::parse(row.try_get("kind")?),
    );
    let (Some(operation), Some(way), Some(field), Some(kind)) = names else {
        return Ok(None);
    };
    Ok(Some(FieldRecord {
        operation,
        way,
        field,
        kind,
        differing: number(row, "differing")?,
        noise: number(row, "noise")?,
        ignored: number(row, "ignored")?,
        first_at: rows::moment(row, "first_at")?,
        last_at: rows::moment(row, "last_at")?,
        samples: Samples::read(row.try_get("samples")?).out(),
        judgement: judgement(row)?,
    }))
}

async fn record(db: &mut PgConnection, samples: bool) -> Result<ShadowRecord, Fault> {
    sqlx::query(LOCK_TO_READ).execute(&mut *db).await?;
    let mut record = ShadowRecord::default();
    for row in sqlx::query(BEGUN).fetch_all(&mut *db).await? {
        if let Some(operation) = Operation::parse(row.try_get("operation")?) {
            record.since.insert(operation, rows::moment(&row, "since")?);
        }
    }
    for row in sqlx::query(COUNTS).fetch_all(&mut *db).await? {
        let operation = Operation::parse(row.try_get("operation")?);
        if let (Some(operation), Some(way)) = (operation, Way::parse(row.try_get("way")?)) {
            let counts = record.counts.entry((operation, way)).or_default();
            counts.read(
                row.try_get("what")?,
                row.try_get("reason")?,
                row.try_get("count")?,
            );
        }
    }
    for row in sqlx::query(FIELDS)
        .bind(samples)
        .fetch_all(&mut *db)
        .await?
    {
        record.fields.extend(field(&row)?);
    }
    Ok(record)
}

async fn reset(
    db: &mut PgConnection,
    operation: Option<Operation>,
    reason: &Reason,
    now: Moment,
) -> Result<u64, Fault> {
    sqlx::query(LOCK).execute(&mut *db).await?;
    let word = operation.map(Operation::word);
    let row = sqlx::query(ENDED).bind(word).fetch_one(&mut *db).await?;
    for forget in FORGET {
        sqlx::query(forget).bind(word).execute(&mut *db).await?;
    }
    sqlx::query(BEGIN)
        .bind(word)
        .bind(now.millis())
        .execute(&mut *db)
        .await?;
    let change = reset_change(operation, row.try_get("ended")?, reason);
    steering::list(db, &change, now).await?;
    number(&row, "ended")
}

async fn judge(db: &mut PgConnection, judging: &Judging, now: Moment) -> Result<u64, Fault> {
    sqlx::query(LOCK).execute(&mut *db).await?;
    let ways = judging
        .way
        .map_or([Way::Dry, Way::Read, Way::Write], |way| [way; 3]);
    let (operation, path) = (judging.operation.word(), judging.field.as_str());
    let mut places: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    let asked = |lookup| {
        let query = sqlx::query(lookup).bind(operation);
        let query = ways.iter().fold(query, |query, way| query.bind(way.word()));
        query.bind(path)
    };
    if judging.verdict.is_some() {
        for row in asked(SEEN).fetch_all(&mut *db).await? {
            places.insert((row.try_get("way")?, row.try_get("kind")?), None);
        }
    }
    for row in asked(JUDGED).fetch_all(&mut *db).await? {
        let name = (row.try_get("way")?, row.try_get("kind")?);
        places.insert(name, row.try_get("verdict")?);
    }
    if places.is_empty() {
        return Ok(0);
    }
    for (way, kind) in places.keys() {
        let query = match judging.verdict {
            Some(verdict) => sqlx::query(JUDGE)
                .bind(operation)
                .bind(way)
                .bind(path)
                .bind(kind)
                .bind(Verdict::word(verdict))
                .bind(rows::kept(judging.reason.who()))
                .bind(rows::kept(judging.reason.why()))
                .bind(now.millis()),
            None => sqlx::query(WITHDRAW)
                .bind(operation)
                .bind(way)
                .bind(path)
                .bind(kind),
        };
        query.execute(&mut *db).await?;
        sqlx::query(MARK)
            .bind(operation)
            .bind(way)
            .bind(path)
            .bind(kind)
            .bind(i64::from(judging.verdict.is_some()))
            .execute(&mut *db)
            .await?;
    }
    let old = crate::store::shadow::said(places.values().map(Option::as_deref));
    steering::list(db, &judging.change(&old), now).await?;
    Ok(places.len() as u64)
}

#[async_trait]
impl ShadowStore for PostgresStore {
    async fn add_findings(&self, more: &Findings, now: Moment) -> Result<Added, StoreError> {
        transaction!(self.pool, Mode::Once, |db| add(db, more, now))
    }

    async fn shadow_record(&self, samples: bool) -> Result<ShadowRecord, StoreError> {
        transaction!(self.pool, Mode::Repeatable, |db| record(db, samples))
    }

    async fn reset_shadow(
        &self,
        operation: Option<Operation>,
        reason: Reason,
        now: Moment,
    ) -> Result<u64, StoreError> {
        transaction!(self.pool, Mode::Once, |db| reset(
            db, operation, &reason, now
        ))
    }

    async fn judge_difference(&self, judging: Judging, now: Moment) -> Result<u64, StoreError> {
        transaction!(self.pool, Mode::Once, |db| judge(db, &judging, now))
    }
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 9] = [
    COUNT, SINCE, SAMPLES, KEEP, AGED, JUDGED, SEEN, WITHDRAW, MARK,
];
