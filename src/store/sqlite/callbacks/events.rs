//! Events, and the callbacks that follow from them, as SQL.
//!
//! Each function runs inside a transaction that the caller holds, so event and outbox row are there together or not at
//! all. Must not: queue a second callback for a payment, not even after the first was pruned.

use super::super::db::{Db, Row, query};

use super::super::error::damaged;
use super::super::ledger::{self, Heard};
use super::super::{payments, rows};
use crate::ecom::callback::CallbackStatus;
use crate::epayment::event::EventName;
use crate::store::{
    Accepted, AttemptId, CallbackId, NewEvent, Origin, Source, Stage, StoreError, Stray,
    UnmatchedEvent, words,
};
use crate::types::{Amount, Moment, Msn, OrderText, Reference, Scope};

const RECORD: &str = "INSERT INTO events (msn, reference, name, success, psp_reference, amount, at, key, source, status,
    stage, received_at, matched)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
    EXISTS (SELECT 1 FROM payments WHERE scope = ?1 AND order_id = ?13))
    ON CONFLICT (msn, reference, name, success, psp_reference) DO NOTHING
    RETURNING id, matched";

const ATTEMPT_OF_KEY: &str = "SELECT id FROM attempts
    WHERE scope = ? AND order_id = ? AND create_key = ? AND origin = 'epayment'";

const PAYMENT: &str = "SELECT id, origin, amount, callback_prefix, callback_id, heard FROM payments
    WHERE scope = ? AND order_id = ?";

const QUEUE: &str = "INSERT INTO callbacks (scope, order_id, msn, reference, status, amount, at, transaction_id, host,
    stage, attempts, queued_at, due_at, lease, leased)
    VALUES (?1, ?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, ?10, 0, 0)
    ON CONFLICT (order_id, scope) DO NOTHING";

/// ?2: the final event's name; ?3: the callback queued; ?4: whether the authToken goes.
const NOTE: &str = "UPDATE payments SET heard = coalesce(heard, ?2),
    poll_at = CASE WHEN ?2 IS NULL THEN poll_at END,
    callback_id = coalesce(callback_id, ?3),
    auth_token = CASE WHEN ?4 THEN NULL ELSE auth_token END,
    auth_sealed = CASE WHEN ?4 THEN 0 ELSE auth_sealed END,
    changed_at = max(changed_at, ?5) WHERE id = ?1";

const WAITING: &str =
    "SELECT id, name, success, psp_reference, amount, at, key, source, status, stage FROM events
    WHERE msn = ? AND reference = ? AND matched = 0 ORDER BY id";

const MATCHED: &str =
    "UPDATE events SET matched = 1 WHERE msn = ? AND reference = ? AND matched = 0";

/// In the order of their index.
const UNMATCHED: &str = "SELECT id, msn, reference, received_at FROM events
    WHERE matched = 0 AND status IS NOT NULL AND (received_at, id) > (?, ?)
    ORDER BY received_at, id LIMIT ?";

const KEEP_STRAY: &str = "INSERT INTO strays (msn, why, redacted, kept_at) VALUES (?, ?, ?, ?)";

/// What a recorded event means for its payment.
struct Happened {
    name: EventName,
    success: bool,
    psp_reference: String,
    amount: Amount,
    at: Moment,
    key: Option<String>,
    source: Source,
    callback: Option<(CallbackStatus, Stage)>,
}

/// The payment that events are about.
struct Subject<'a> {
    scope: &'a Scope,
    order: &'a OrderText,
    reference: &'a Reference,
}

pub(super) fn accept(db: &mut Db, event: NewEvent, now: Moment) -> Result<Accepted, StoreError> {
    let order = event.reference.order_id().map(OrderText::from);
    let row = query(RECORD)
        .bind(event.msn.as_str())
        .bind(event.reference.as_str())
        .bind(event.name.word())
        .bind(event.success)
        .bind(event.psp_reference.as_str())
        .bind(event.amount.minor_units())
        .bind(event.at.millis())
        .bind(event.key.as_ref().map(|key| key.as_str()))
        .bind(words::source(event.source))
        .bind(event.callback.map(|(status, _)| words::status(status)))
        .bind(event.callback.map(|(_, stage)| words::stage(stage)))
        .bind(now.millis())
        .bind(order.as_ref().map(OrderText::as_str))
        .fetch_optional(db)?;
    let Some(row) = row else {
        return Ok(Accepted::Duplicate);
    };
    let (id, known): (i64, bool) = (row.try_get("id")?, row.try_get("matched")?);
    // A reference that no order id has is never the bridge's.
    let Some(order) = order else {
        return Ok(Accepted::Unmatched);
    };
    let scope = Scope::Unit(event.msn.clone());
    let born = promote(db, &event, &scope, &order, now)?;
    let subject = Subject {
        scope: &scope,
        order: &order,
        reference: &event.reference,
    };
    if known {
        let happened = Happened {
            name: event.name,
            success: event.success,
            psp_reference: event.psp_reference,
            amount: event.amount,
            at: event.at,
            key: event.key.map(|key| key.to_string()),
            source: event.source,
            callback: event.callback,
        };
        let queued = follow(db, &subject, &happened, now)?;
        return Ok(queued.map_or(Accepted::Recorded, Accepted::Queued));
    }
    if !born {
        return Ok(Accepted::Unmatched);
    }
    let queued = catch_up(db, &scope, &order, now)?;
    Ok(match queued {
        Some((of, callback)) if of == id => Accepted::Queued(callback),
        _ => Accepted::Recorded,
    })
}

/// Makes the open attempt that the event's key belongs to the payment. Whether there is a payment that was not before.
fn promote(
    db: &mut Db,
    event: &NewEvent,
    scope: &Scope,
    order: &OrderText,
    now: Moment,
) -> Result<bool, StoreError> {
    // A creation that failed says nothing of the attempt's success.
    let failed = event.name == EventName::Created && !event.success;
    let Some(key) = event.key.as_ref().filter(|_| !failed) else {
        return Ok(false);
    };
    let attempt = query(ATTEMPT_OF_KEY)
        .bind(scope.text())
        .bind(order.as_str())
        .bind(key.as_str())
        .fetch_optional(db)?;
    let Some(attempt) = attempt else {
        return Ok(false);
    };
    let id = AttemptId(attempt.try_get("id")?);
    let born = payments::promote(db, id, now)?;
    payments::delete_attempt(db, id)?;
    Ok(born.is_some())
}

/// Does for a payment that has just become known what the events that came before ask for. The callback that was
/// queued, and the event it is of.
pub(in super::super) fn catch_up(
    db: &mut Db,
    scope: &Scope,
    order: &OrderText,
    now: Moment,
) -> Result<Option<(i64, CallbackId)>, StoreError> {
    let (Some(msn), Some(reference)) = (scope.msn(), order.reference()) else {
        return Ok(None);
    };
    let waiting = query(WAITING)
        .bind(msn.as_str())
        .bind(reference.as_str())
        .fetch_all(db)?;
    if waiting.is_empty() {
        return Ok(None);
    }
    let subject = Subject {
        scope,
        order,
        reference: &reference,
    };
    let mut queued = None;
    for row in &waiting {
        let callback = follow(db, &subject, &happened(row)?, now)?;
        if let Some(callback) = callback {
            queued = Some((row.try_get("id")?, callback));
        }
    }
    query(MATCHED)
        .bind(msn.as_str())
        .bind(reference.as_str())
        .execute(db)?;
    Ok(queued)
}

fn happened(row: &Row) -> Result<Happened, StoreError> {
    let status = rows::optional(row, "status", words::status_of)?;
    let stage = rows::optional(row, "stage", words::stage_of)?;
    Ok(Happened {
        name: rows::word(row, "name", words::event_name_of)?,
        success: row.try_get("success")?,
        psp_reference: row.try_get("psp_reference")?,
        amount: rows::amount(row, "amount")?.ok_or_else(|| damaged("amount"))?,
        at: rows::moment(row, "at")?,
        key: row.try_get("key")?,
        source: rows::word(row, "source", words::source_of)?,
        callback: status.zip(stage),
    })
}

/// What an event means for its known payment: that its final state is known, that its callback is queued, that its
/// authToken goes.
fn follow(
    db: &mut Db,
    subject: &Subject<'_>,
    event: &Happened,
    now: Moment,
) -> Result<Option<CallbackId>, StoreError> {
    let heard = Heard {
        name: event.name,
        success: event.success,
        amount: event.amount,
        at: event.at,
        key: event.key.as_deref(),
        source: event.source,
    };
    ledger::hear(db, subject.scope, subject.order, heard, now)?;
    let row = query(PAYMENT)
        .bind(subject.scope.text())
        .bind(subject.order.as_str())
        .fetch_one(db)?;
    if rows::origin(&row, "origin")? == Origin::Ecom {
        return Ok(None);
    }
    let heard: Option<String> = row.try_get("heard")?;
    let called: Option<i64> = row.try_get("callback_id")?;
    let prefix: Option<String> = row.try_get("callback_prefix")?;
    // The first final event decides; what comes after it is recorded.
    let open = called.is_none() && heard.is_none();
    let queued = match (event.callback, prefix) {
        (Some(callback), Some(prefix)) if open => {
            let amount = rows::amount(&row, "amount")?.unwrap_or(event.amount);
            let host = words::host(&prefix);
            queue(db, subject, event, callback, (amount, host), now)?
        }
        _ => None,
    };
    let is_final = words::is_final(event.name, event.success, event.callback.is_some());
    let silent_end = is_final && event.name == EventName::Terminated && event.callback.is_none();
    query(NOTE)
        .bind(row.try_get::<i64>("id")?)
        .bind(is_final.then(|| event.name.word()))
        .bind(queued.map(|id| id.0))
        .bind(silent_end && called.is_none())
        .bind(now.millis())
        .execute(db)?;
    Ok(queued)
}

fn queue(
    db: &mut Db,
    subject: &Subject<'_>,
    event: &Happened,
    (status, stage): (CallbackStatus, Stage),
    (amount, host): (Amount, String),
    now: Moment,
) -> Result<Option<CallbackId>, StoreError> {
    let made = query(QUEUE)
        .bind(subject.scope.text())
        .bind(subject.order.as_str())
        .bind(subject.reference.as_str())
        .bind(words::status(status))
        .bind(amount.minor_units())
        .bind(event.at.millis())
        .bind(event.psp_reference.as_str())
        .bind(host)
        .bind(words::stage(stage))
        .bind(now.millis())
        .execute(db)?;
    Ok((made == 1).then(|| CallbackId(db.last_id())))
}

pub(super) fn unmatched(
    db: &mut Db,
    after: (Moment, i64),
    limit: usize,
) -> Result<Vec<UnmatchedEvent>, StoreError> {
    let found = query(UNMATCHED)
        .bind(after.0.millis())
        .bind(after.1)
        .bind(super::bound(limit))
        .fetch_all(db)?;
    found
        .iter()
        .map(|row| {
            Ok(UnmatchedEvent {
                place: (rows::moment(row, "received_at")?, row.try_get("id")?),
                msn: rows::word(row, "msn", Msn::parse)?,
                reference: rows::word(row, "reference", Reference::parse)?,
            })
        })
        .collect()
}

pub(super) fn keep_stray(db: &mut Db, stray: Stray, now: Moment) -> Result<(), StoreError> {
    query(KEEP_STRAY)
        .bind(stray.msn.as_str())
        .bind(stray.why)
        .bind(words::cut(stray.redacted, words::STRAY))
        .bind(now.millis())
        .execute(db)?;
    Ok(())
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 8] = [
    RECORD,
    ATTEMPT_OF_KEY,
    PAYMENT,
    QUEUE,
    NOTE,
    WAITING,
    MATCHED,
    UNMATCHED,
];
