//! What an operator sees of callbacks and does to them, as SQL.
//!
//! Must not: return a token or more of a callback address than its host, or change one that is being delivered.

use super::super::db::{Db, Row, query};

use super::super::error::damaged;
use super::super::rows;
use crate::store::{
    CallbackCounts, CallbackFilter, CallbackId, CallbackOrigin, CallbackState, CallbackView,
    Handled, Stage, StoreError, words,
};
use crate::types::{Moment, Msn, OrderText};

/// The columns of a view.
macro_rules! view {
    ($rest:literal) => {
        concat!(
            "SELECT id, msn, order_id, status, stage, ended, attempts, queued_at, due_at, ended_at, note, host ",
            "FROM callbacks WHERE ",
            $rest
        )
    };
}

const ONE: &str = view!("id = ?");

// ?1: the unit, ?2: the order, ?3: older than, ?4: at most, ?5: the state's word.
const ALL: &str = view!(
    "(?1 IS NULL OR msn = ?1) AND (?2 IS NULL OR order_id = ?2) AND id < ?3
    AND (?5 IS NULL OR ended = ?5) ORDER BY id DESC LIMIT ?4"
);
const DEAD: &str = view!(
    "ended = 'dead' AND (?1 IS NULL OR msn = ?1) AND (?2 IS NULL OR order_id = ?2) AND id < ?3
    AND ended = ?5 ORDER BY id DESC LIMIT ?4"
);
const WAITING: &str = view!(
    "ended_at IS NULL AND stage = ?5 AND (?1 IS NULL OR msn = ?1) AND (?2 IS NULL OR order_id = ?2) AND id < ?3
    ORDER BY id DESC LIMIT ?4"
);
const OF_ORDER: &str = view!(
    "order_id = ?2 AND (?1 IS NULL OR msn = ?1) AND id < ?3
    AND (?5 IS NULL OR coalesce(ended, stage) = ?5) ORDER BY id DESC LIMIT ?4"
);

// Of each kind some, as the index has them, or those that died last; the rest of a long backlog goes to the same shops.
const ORIGINS: &str = "SELECT payments.callback_prefix AS prefix, due.waits AS waits FROM (
        SELECT * FROM (SELECT scope, order_id, 1 AS waits FROM callbacks
            WHERE ended_at IS NULL AND stage = 'capture' LIMIT ?1)
        UNION ALL SELECT * FROM (SELECT scope, order_id, 1 AS waits FROM callbacks
            WHERE ended_at IS NULL AND stage = 'deliver' LIMIT ?1)
        UNION ALL SELECT * FROM (SELECT scope, order_id, 0 AS waits FROM callbacks
            WHERE ended = 'dead' AND id > 0 ORDER BY id DESC LIMIT ?1)) AS due
    JOIN payments ON payments.scope = due.scope AND payments.order_id = due.order_id
    WHERE payments.callback_prefix IS NOT NULL";

const STANDS: &str = "SELECT ended, leased, due_at FROM callbacks WHERE id = ?";

const REPLAY: &str =
    "UPDATE callbacks SET ended = NULL, ended_at = NULL, attempts = 0, queued_at = ?2, due_at = ?2
    WHERE id = ?1 AND ended = 'dead' RETURNING scope, order_id";

const DROP: &str = "UPDATE callbacks SET lease = lease + 1, leased = 0, ended = 'dropped', ended_at = ?2, note = ?3
    WHERE id = ?1 AND (ended IS NULL OR ended = 'dead') RETURNING scope, order_id";

const COUNTS: &str = "SELECT
    (SELECT count(*) FROM callbacks WHERE ended_at IS NULL AND stage = 'capture')
    + (SELECT count(*) FROM callbacks WHERE ended_at IS NULL AND stage = 'deliver') AS pending,
    (SELECT count(*) FROM callbacks WHERE ended = 'dead') AS dead,
    (SELECT count(*) FROM events WHERE matched = 0) AS unmatched";

fn view(row: &Row) -> Result<CallbackView, StoreError> {
    let stage = rows::word(row, "stage", words::stage_of)?;
    let ended: Option<&str> = row.try_get("ended")?;
    Ok(CallbackView {
        id: CallbackId(row.try_get("id")?),
        msn: rows::word(row, "msn", Msn::parse)?,
        order: rows::word(row, "order_id", OrderText::parse)?,
        status: rows::word(row, "status", words::status_of)?,
        state: words::state_of(ended, stage).ok_or_else(|| damaged("ended"))?,
        attempts: rows::count(row, "attempts")?,
        queued_at: rows::moment(row, "queued_at")?,
        due_at: rows::moment(row, "due_at")?,
        ended_at: rows::maybe_moment(row, "ended_at")?,
        note: row.try_get("note")?,
        host: row.try_get("host")?,
    })
}

pub(super) fn list(db: &mut Db, filter: CallbackFilter) -> Result<Vec<CallbackView>, StoreError> {
    let word = filter.state.map(|state| match state {
        CallbackState::Capture => words::stage(Stage::Capture),
        CallbackState::Pending => words::stage(Stage::Deliver),
        ended => words::ended(ended).unwrap_or(""),
    });
    let waiting = matches!(
        filter.state,
        Some(CallbackState::Capture | CallbackState::Pending)
    );
    let which = match &filter.order {
        Some(_) => OF_ORDER,
        None if waiting => WAITING,
        _ if filter.state == Some(CallbackState::Dead) => DEAD,
        _ => ALL,
    };
    let rows = query(which)
        .bind(filter.msn.as_ref().map(Msn::as_str))
        .bind(filter.order.as_ref().map(OrderText::as_str))
        .bind(filter.before.map_or(i64::MAX, |id| id.0))
        .bind(super::bound(filter.limit))
        .bind(word)
        .fetch_all(db)?;
    rows.iter().map(view).collect()
}

pub(super) fn one(db: &mut Db, id: CallbackId) -> Result<Option<CallbackView>, StoreError> {
    let row = query(ONE).bind(id.0).fetch_optional(db)?;
    row.as_ref().map(view).transpose()
}

/// Where a callback stands for a command.
enum Stands {
    No,
    Waiting,
    Leased,
    Dead,
    Over,
}

fn stands(db: &mut Db, id: CallbackId, now: Moment) -> Result<Stands, StoreError> {
    let row = query(STANDS).bind(id.0).fetch_optional(db)?;
    let Some(row) = row else {
        return Ok(Stands::No);
    };
    let leased = row.try_get::<bool>("leased")? && rows::moment(&row, "due_at")? > now;
    Ok(match row.try_get::<Option<&str>>("ended")? {
        None if leased => Stands::Leased,
        None => Stands::Waiting,
        Some("dead") => Stands::Dead,
        Some(_) => Stands::Over,
    })
}

pub(super) fn replay(db: &mut Db, id: CallbackId, now: Moment) -> Result<Handled, StoreError> {
    match stands(db, id, now)? {
        Stands::No => return Ok(Handled::NoSuch),
        Stands::Waiting | Stands::Leased => return Ok(Handled::Waiting),
        Stands::Over => return Ok(Handled::Ended),
        Stands::Dead => {}
    }
    let row = query(REPLAY).bind(id.0).bind(now.millis()).fetch_one(db)?;
    super::outbox::change_payment(db, &row, false, now)?;
    Ok(Handled::Done)
}

pub(super) fn drop_one(
    db: &mut Db,
    id: CallbackId,
    note: String,
    now: Moment,
) -> Result<Handled, StoreError> {
    match stands(db, id, now)? {
        Stands::No => return Ok(Handled::NoSuch),
        Stands::Leased => return Ok(Handled::Waiting),
        Stands::Over => return Ok(Handled::Ended),
        Stands::Dead | Stands::Waiting => {}
    }
    let row = query(DROP)
        .bind(id.0)
        .bind(now.millis())
        .bind(words::cut(note, words::NOTE))
        .fetch_one(db)?;
    super::outbox::change_payment(db, &row, true, now)?;
    Ok(Handled::Done)
}

pub(super) fn counts(db: &mut Db) -> Result<CallbackCounts, StoreError> {
    let row = query(COUNTS).fetch_one(db)?;
    let of = |column| -> Result<u64, StoreError> {
        u64::try_from(row.try_get::<i64>(column)?).map_err(|_| damaged(column))
    };
    Ok(CallbackCounts {
        pending: of("pending")?,
        dead: of("dead")?,
        unmatched: of("unmatched")?,
    })
}

pub(in crate::store::sqlite) fn origins(
    db: &mut Db,
    limit: usize,
) -> Result<Vec<CallbackOrigin>, StoreError> {
    let rows = query(ORIGINS).bind(super::bound(limit)).fetch_all(db)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        found.push((row.try_get("prefix")?, row.try_get::<i64>("waits")? == 1));
    }
    Ok(words::origins(found))
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 8] = [ORIGINS, ONE, DEAD, WAITING, OF_ORDER, STANDS, REPLAY, DROP];
