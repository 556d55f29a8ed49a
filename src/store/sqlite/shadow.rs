//! What shadowing found, as SQL.
//!
//! Must not: overwrite a count, or drop a row without counting it.

use std::collections::BTreeMap;

use super::db::{Db, Row, query};
use async_trait::async_trait;

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

fn count(
    db: &mut Db,
    (operation, way, what, reason): (&str, &str, &str, &str),
    more: i64,
) -> Result<(), StoreError> {
    query(COUNT)
        .bind(operation)
        .bind(way)
        .bind(what)
        .bind(reason)
        .bind(more)
        .execute(db)?;
    Ok(())
}

fn keep(db: &mut Db, one: &FieldFinding) -> Result<(), StoreError> {
    let (operation, way) = (one.operation.word(), one.way.word());
    let (field, kind) = (one.field.as_str(), one.kind.word());
    let kept = query(SAMPLES)
        .bind(operation)
        .bind(way)
        .bind(field)
        .bind(kind)
        .fetch_optional(db)?;
    let mut samples = match &kept {
        Some(row) => Samples::read(row.try_get("samples")?),
        None => Samples::default(),
    };
    samples.add(&one.samples);
    query(KEEP)
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
        .execute(db)?;
    Ok(())
}

fn add(db: &mut Db, more: Findings, now: Moment) -> Result<Added, StoreError> {
    for (name, sum) in more.counts() {
        count(db, name, sum)?;
        query(SINCE).bind(name.0).bind(now.millis()).execute(db)?;
    }
    for one in &more.fields {
        keep(db, one)?;
    }
    let old = now.millis().saturating_sub(DAYS * 86_400_000);
    let mut gone = query(AGED).bind(old).fetch_all(db)?;
    let most = i64::try_from(MOST_FIELDS).unwrap_or(i64::MAX);
    gone.extend(query(EVICT).bind(most).fetch_all(db)?);
    for row in &gone {
        let (operation, way) = (row.try_get("operation")?, row.try_get("way")?);
        count(db, (operation, way, EVICTED, ""), 1)?;
        let differing = row.try_get("differing")?;
        count(db, (operation, way, EVICTED_DIFFERING, ""), differing)?;
    }
    Ok(Added {
        evicted: gone.len() as u64,
    })
}

fn number(row: &Row, column: &'static str) -> Result<u64, StoreError> {
    Ok(u64::try_from(row.try_get::<i64>(column)?).unwrap_or(0))
}

fn judgement(row: &Row) -> Result<Option<Judgement>, StoreError> {
    let Some(verdict) = row.try_get::<Option<&str>>("verdict")? else {
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
fn field(row: &Row) -> Result<Option<FieldRecord>, StoreError> {
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

fn record(db: &mut Db, samples: bool) -> Result<ShadowRecord, StoreError> {
    let mut record = ShadowRecord::default();
    for row in query(BEGUN).fetch_all(db)? {
        if let Some(operation) = Operation::parse(row.try_get("operation")?) {
            record.since.insert(operation, rows::moment(&row, "since")?);
        }
    }
    for row in query(COUNTS).fetch_all(db)? {
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
    for row in query(FIELDS).bind(samples).fetch_all(db)? {
        record.fields.extend(field(&row)?);
    }
    Ok(record)
}

fn reset(
    db: &mut Db,
    operation: Option<Operation>,
    reason: Reason,
    now: Moment,
) -> Result<u64, StoreError> {
    let word = operation.map(Operation::word);
    let row = query(ENDED).bind(word).fetch_one(db)?;
    for forget in FORGET {
        query(forget).bind(word).execute(db)?;
    }
    query(BEGIN).bind(word).bind(now.millis()).execute(db)?;
    let change = reset_change(operation, row.try_get("ended")?, &reason);
    steering::list(db, &change, now)?;
    number(&row, "ended")
}

fn judge(db: &mut Db, judging: Judging, now: Moment) -> Result<u64, StoreError> {
    let ways = judging
        .way
        .map_or([Way::Dry, Way::Read, Way::Write], |way| [way; 3]);
    let (operation, path) = (judging.operation.word(), judging.field.as_str());
    let mut places: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    let asked = |lookup| {
        let query = query(lookup).bind(operation);
        let query = ways.iter().fold(query, |query, way| query.bind(way.word()));
        query.bind(path)
    };
    if judging.verdict.is_some() {
        for row in asked(SEEN).fetch_all(db)? {
            places.insert((row.try_get("way")?, row.try_get("kind")?), None);
        }
    }
    for row in asked(JUDGED).fetch_all(db)? {
        let name = (row.try_get("way")?, row.try_get("kind")?);
        places.insert(name, row.try_get("verdict")?);
    }
    if places.is_empty() {
        return Ok(0);
    }
    for (way, kind) in places.keys() {
        let write = match judging.verdict {
            Some(verdict) => query(JUDGE)
                .bind(operation)
                .bind(way)
                .bind(path)
                .bind(kind)
                .bind(Verdict::word(verdict))
                .bind(judging.reason.who())
                .bind(judging.reason.why())
                .bind(now.millis()),
            None => query(WITHDRAW)
                .bind(operation)
                .bind(way)
                .bind(path)
                .bind(kind),
        };
        write.execute(db)?;
        query(MARK)
            .bind(operation)
            .bind(way)
            .bind(path)
            .bind(kind)
            .bind(judging.verdict.is_some())
            .execute(db)?;
    }
    let old = crate::store::shadow::said(places.values().map(Option::as_deref));
    steering::list(db, &judging.change(&old), now)?;
    Ok(places.len() as u64)
}

#[async_trait]
impl ShadowStore for SqliteStore {
    async fn add_findings(&self, more: &Findings, now: Moment) -> Result<Added, StoreError> {
        let more = more.clone();
        self.writer.run(move |db| add(db, more, now)).await
    }

    async fn shadow_record(&self, samples: bool) -> Result<ShadowRecord, StoreError> {
        self.read(move |db| record(db, samples)).await
    }

    async fn reset_shadow(
        &self,
        operation: Option<Operation>,
        reason: Reason,
        now: Moment,
    ) -> Result<u64, StoreError> {
        self.writer
            .run(move |db| reset(db, operation, reason, now))
            .await
    }

    async fn judge_difference(&self, judging: Judging, now: Moment) -> Result<u64, StoreError> {
        self.writer.run(move |db| judge(db, judging, now)).await
    }
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 9] = [
    COUNT, SINCE, SAMPLES, KEEP, AGED, JUDGED, SEEN, WITHDRAW, MARK,
];
