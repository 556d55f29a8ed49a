//! What shadowing found, as SQL.
//!
//! Must not: overwrite a count, or drop a row without counting it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{SqliteStore, rows, steering};
use crate::ecom::route::Operation;
use crate::store::shadow::{DAYS, EVICTED, EVICTED_DIFFERING, Samples, reset_change, signed};
use crate::store::{
    Added, DifferenceKind, FieldFinding, FieldRecord, Findings, Given, Judgement, Judging,
    MOST_FIELDS, Reason, ShadowRecord, ShadowStore, StoreError, Verdict, Way,
};
use crate::types::{FieldPath, Moment};

const COUNT: &str = "INSERT INTO shadow_counts (operation, way, what, reason, count)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (operation, way, what, reason) DO UPDATE SET count = count + excluded.count";

const SINCE: &str = "INSERT INTO shadow_since (operation, since) VALUES (?1, ?2)
    ON CONFLICT (operation) DO NOTHING";

const SAMPLES: &str = "SELECT samples FROM shadow_fields
    WHERE operation = ?1 AND way = ?2 AND field = ?3 AND kind = ?4";

const KEEP: &str = "INSERT INTO shadow_fields
    (operation, way, field, kind, differing, noise, ignored, first_at, last_at, samples, judged)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, EXISTS (SELECT 1 FROM shadow_judgements
        WHERE operation = ?1 AND way = ?2 AND field = ?3 AND kind = ?4))
    ON CONFLICT (operation, way, field, kind) DO UPDATE SET
        differing = differing + excluded.differing, noise = noise + excluded.noise,
        ignored = ignored + excluded.ignored, first_at = min(first_at, excluded.first_at),
        last_at = max(last_at, excluded.last_at), samples = excluded.samples";

const AGED: &str = "DELETE FROM shadow_fields WHERE judged IN (0, 1) AND last_at < ?1
    RETURNING operation, way, differing";

const EVICT: &str = "DELETE FROM shadow_fields WHERE rowid IN
    (SELECT rowid FROM shadow_fields ORDER BY judged, last_at
     LIMIT max(0, (SELECT count(*) FROM shadow_fields) - ?1))
    RETURNING operation, way, differing";

const COUNTS: &str = "SELECT operation, way, what, reason, count FROM shadow_counts";

const BEGUN: &str = "SELECT operation, since FROM shadow_since";

const FIELDS: &str = "SELECT f.operation, f.way, f.field, f.kind, f.differing, f.noise, f.ignored, f.first_at, f.last_at,
        iif(?1, f.samples, '') AS samples, j.verdict, j.who, j.why, j.at
    FROM shadow_fields f LEFT JOIN shadow_judgements j USING (operation, way, field, kind)
    ORDER BY f.last_at DESC, f.operation, f.way, f.field, f.kind";

const ENDED: &str = "SELECT coalesce(sum(count), 0) AS ended FROM shadow_counts
    WHERE (?1 IS NULL OR operation = ?1) AND what IN ('clean', 'differing', 'filtered', 'dropped', 'failed')";

const FORGET: [&str; 2] = [
    "DELETE FROM shadow_counts WHERE ?1 IS NULL OR operation = ?1",
    "DELETE FROM shadow_fields WHERE ?1 IS NULL OR operation = ?1",
];

const BEGIN: &str = "UPDATE shadow_since SET since = ?2 WHERE ?1 IS NULL OR operation = ?1";

const JUDGED: &str = "SELECT way, kind, verdict FROM shadow_judgements
    WHERE operation = ?1 AND way IN (?2, ?3, ?4) AND field = ?5";

const SEEN: &str = "SELECT way, kind FROM shadow_fields
    WHERE operation = ?1 AND way IN (?2, ?3, ?4) AND field = ?5";

const JUDGE: &str = "INSERT INTO shadow_judgements (operation, way, field, kind, verdict, who, why, at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (operation, way, field, kind)
    DO UPDATE SET verdict = excluded.verdict, who = excluded.who, why = excluded.why, at = excluded.at";

const WITHDRAW: &str = "DELETE FROM shadow_judgements
    WHERE operation = ?1 AND way = ?2 AND field = ?3 AND kind = ?4";

const MARK: &str = "UPDATE shadow_fields SET judged = ?5
    WHERE operation = ?1 AND way = ?2 AND field = ?3 AND kind = ?4";

async fn count(
    db: &mut SqliteConnection,
    (operation, way, what, reason): (&str, &str, &str, &str),
    more: i64,
) -> Result<(), StoreError> {
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

async fn keep(db: &mut SqliteConnection, one: &FieldFinding) -> Result<(), StoreError> {
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

async fn add(db: &mut SqliteConnection, more: Findings, now: Moment) -> Result<Added, StoreError> {
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

fn number(row: &SqliteRow, column: &'static str) -> Result<u64, StoreError> {
    Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
}

fn judgement(row: &SqliteRow) -> Result<Option<Judgement>, StoreError> {
    let Some(verdict) = row.try_get::<Option<&str>, _>("verdict")? else {
        return Ok(None);
    };
    Ok(Some(Judgement {
        verdict: Given::read(verdict),
        who: row.try_get("who")?,
        why: row.try_get("why")?,
        at: rows::moment(row, "at")?,
    }))
}

/// None where a later release has written it.
fn field(row: &SqliteRow) -> Result<Option<FieldRecord>, StoreError> {
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

async fn record(db: &mut SqliteConnection, samples: bool) -> Result<ShadowRecord, StoreError> {
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
    db: &mut SqliteConnection,
    operation: Option<Operation>,
    reason: Reason,
    now: Moment,
) -> Result<u64, StoreError> {
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
    let change = reset_change(operation, row.try_get("ended")?, &reason);
    steering::list(db, &change, now).await?;
    number(&row, "ended")
}

async fn judge(
    db: &mut SqliteConnection,
    judging: Judging,
    now: Moment,
) -> Result<u64, StoreError> {
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
                .bind(judging.reason.who())
                .bind(judging.reason.why())
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
            .bind(judging.verdict.is_some())
            .execute(&mut *db)
            .await?;
    }
    let old = crate::store::shadow::said(places.values().map(Option::as_deref));
    steering::list(db, &judging.change(&old), now).await?;
    Ok(places.len() as u64)
}

#[async_trait]
impl ShadowStore for SqliteStore {
    async fn add_findings(&self, more: &Findings, now: Moment) -> Result<Added, StoreError> {
        let more = more.clone();
        self.writer
            .run(move |db| Box::pin(add(db, more, now)))
            .await
    }

    async fn shadow_record(&self, samples: bool) -> Result<ShadowRecord, StoreError> {
        let mut view = self.view().await?;
        record(&mut view, samples).await
    }

    async fn reset_shadow(
        &self,
        operation: Option<Operation>,
        reason: Reason,
        now: Moment,
    ) -> Result<u64, StoreError> {
        self.writer
            .run(move |db| Box::pin(reset(db, operation, reason, now)))
            .await
    }

    async fn judge_difference(&self, judging: Judging, now: Moment) -> Result<u64, StoreError> {
        self.writer
            .run(move |db| Box::pin(judge(db, judging, now)))
            .await
    }
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 9] = [
    COUNT, SINCE, SAMPLES, KEEP, AGED, JUDGED, SEEN, WITHDRAW, MARK,
];
