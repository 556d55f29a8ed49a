//! What the other steps tell the ledger, inside their own transactions, as SQL.
//!
//! `OR FAIL`: without it SQLite keeps what a statement changes in memory, to undo that statement alone; but what fails here
//! undoes its whole step. Must not: fail because a payment is not in the ledger (it is not judged then), or count an operation twice.

use super::super::db::{Db, Query, Row, query};

use super::super::rows;
use super::read::{balance, balance_columns};
use crate::epayment::event::EventName;
use crate::store::balance::{AFTER_APPROVAL, Balance, Day, DoneCall, Learnt, News, PayState, SOON};
use crate::store::{AdjustmentId, NewAdjustment, Source, StoreError};
use crate::types::{Amount, Moment, MoneyOp, Msn, OrderText, Scope};

/// ?3: the state, whose word is its class's as well. ?5: due where nobody knows; ?6: due where nobody tells.
const OPENED: &str = "INSERT OR FAIL INTO ledger (scope, order_id, msn, reference, origin, kind, amount, currency, created_at,
    state, learnt_at, learnt, class, capture_day, refund_day, due_at)
    SELECT scope, order_id, coalesce(msn, ''), ?4, origin, kind, amount, coalesce(currency, 'NOK'), created_at,
    ?3, created_at, 'record', ?3, created_at / 86400000, -1,
    CASE WHEN ?3 = 'unknown' THEN ?5 WHEN origin = 'ecom' AND kind = 'regular' THEN ?6 END
    FROM payments WHERE scope = ?1 AND order_id = ?2
    ON CONFLICT (order_id, scope) DO UPDATE SET origin = excluded.origin, kind = excluded.kind,
    amount = coalesce(ledger.amount, excluded.amount), currency = excluded.currency,
    due_at = coalesce(ledger.due_at, excluded.due_at)";

/// A money call on a payment that nothing else is known of makes it known to the ledger.
const BEGUN: &str = "INSERT OR FAIL INTO ledger (scope, order_id, msn, reference, origin, kind, currency, created_at,
    state, learnt_at, learnt, class, capture_day, refund_day, due_at)
    VALUES (?1, ?2, ?3, ?4, '', 'unproven', 'NOK', ?5, 'unknown', ?5, 'record', 'unknown', ?6, -1, ?7)
    ON CONFLICT (order_id, scope) DO UPDATE SET due_at = min(coalesce(ledger.due_at, excluded.due_at), excluded.due_at)";

const OF_ORDER: &str = concat!(
    "SELECT l.id, l.amount AS ordered, l.created_at, ",
    balance_columns!(),
    " FROM ledger l WHERE l.order_id = ?1 AND l.scope = ?2"
);

const OF_CALL: &str = concat!(
    "SELECT l.id, l.amount AS ordered, l.created_at, a.scope, a.order_id, a.op, a.key, ",
    balance_columns!(),
    " FROM adjustments a CROSS JOIN ledger l ON l.order_id = a.order_id AND l.scope = a.scope WHERE a.id = ?1"
);

const CALL_TOLD: &str = "SELECT 1 FROM adjustments
    WHERE scope = ?1 AND order_id = ?2 AND key = ?3 AND op = ?4 AND state = 'succeeded' LIMIT 1";

const EVENT_TOLD: &str = "SELECT 1 FROM events
    WHERE msn = ?1 AND reference = ?2 AND name = ?3 AND success = 1 AND key = ?4 LIMIT 1";

/// ?2 to ?11: the balance; ?12 to ?16: how it is counted; ?17: whether it is news; ?18: due then, or null.
pub(super) const WRITE: &str =
    "UPDATE OR FAIL ledger SET state = ?2, authorized = ?3, captured = ?4, refunded = ?5, cancelled = ?6,
    reserved_at = ?7, captured_at = ?8, guaranteed_until = ?9, learnt_at = ?10, learnt = ?11, class = ?12,
    capture_day = ?13, refund_day = ?14, to_capture = ?15, to_refund = ?16, news = news + ?17,
    looks = CASE WHEN ?18 IS NULL THEN looks ELSE 0 END,
    due_at = CASE WHEN ?18 IS NULL THEN due_at ELSE min(coalesce(due_at, ?18), ?18) END WHERE id = ?1";

/// News without sums: a call that was refused, or whose outcome nobody knows.
const STIR: &str = "UPDATE OR FAIL ledger SET news = news + 1, looks = 0, due_at = min(coalesce(due_at, ?2), ?2) WHERE id = ?1";

/// An event as the ledger hears it.
pub(in super::super) struct Heard<'a> {
    pub(in super::super) name: EventName,
    pub(in super::super) success: bool,
    pub(in super::super) amount: Amount,
    pub(in super::super) at: Moment,
    pub(in super::super) key: Option<&'a str>,
    pub(in super::super) source: Source,
}

/// A payment has become known: created by the bridge, or learnt from a read (then nobody knows where it stands).
pub(in super::super) fn opened(
    db: &mut Db,
    scope: &Scope,
    order: &OrderText,
    state: PayState,
    now: Moment,
) -> Result<(), StoreError> {
    query(OPENED)
        .bind(scope.text())
        .bind(order.as_str())
        .bind(state.word())
        .bind(order.reference().map(String::from))
        .bind(now.plus(SOON).millis())
        .bind(now.plus(AFTER_APPROVAL).millis())
        .execute(db)?;
    Ok(())
}

/// A money call is about to be sent: however it ends, it is looked at.
pub(in super::super) fn begun(db: &mut Db, new: &NewAdjustment) -> Result<(), StoreError> {
    query(BEGUN)
        .bind(new.scope.text())
        .bind(new.order.as_str())
        .bind(new.scope.msn().map_or("", Msn::as_str))
        .bind(new.order.reference().map(String::from))
        .bind(new.now.millis())
        .bind(Day::of(new.now).0)
        .bind(new.until.plus(SOON).millis())
        .execute(db)?;
    Ok(())
}

/// An event of a known payment was recorded, for the first time.
pub(in super::super) fn hear(
    db: &mut Db,
    scope: &Scope,
    order: &OrderText,
    event: Heard<'_>,
    now: Moment,
) -> Result<(), StoreError> {
    let row = query(OF_ORDER)
        .bind(order.as_str())
        .bind(scope.text())
        .fetch_optional(db)?;
    let Some(row) = row else { return Ok(()) };
    let op = match event.name {
        EventName::Captured => Some(MoneyOp::Capture),
        EventName::Refunded => Some(MoneyOp::Refund),
        _ => None,
    };
    let webhook = event.source == Source::Webhook;
    let counted = match (op, event.key) {
        // Whoever reads the log reads the sums as well, and tells them at its end.
        (Some(_), _) if !webhook => true,
        (Some(op), Some(key)) => query(CALL_TOLD)
            .bind(scope.text())
            .bind(order.as_str())
            .bind(key)
            .bind(op.word())
            .fetch_optional(db)?
            .is_some(),
        _ => false,
    };
    let news = News {
        name: event.name,
        success: event.success,
        amount: event.amount,
        at: event.at,
        counted,
    };
    let learnt = if webhook {
        Learnt::Webhook
    } else {
        Learnt::EventLog
    };
    let mut known = balance(&row)?;
    known.hear(news, rows::amount(&row, "ordered")?, learnt, now);
    let due = (webhook || op.is_none()).then(|| now.plus(SOON));
    write(db, &row, &known, (webhook, due))
}

/// A money call was closed, or nobody knows its outcome. `done`: its sum and time, where it succeeded.
pub(in super::super) fn called(
    db: &mut Db,
    id: AdjustmentId,
    done: Option<(Amount, Moment)>,
    now: Moment,
) -> Result<(), StoreError> {
    let row = query(OF_CALL).bind(id.0).fetch_optional(db)?;
    let Some(row) = row else { return Ok(()) };
    let Some((amount, at)) = done else {
        query(STIR)
            .bind(row.try_get::<i64>("id")?)
            .bind(now.plus(SOON).millis())
            .execute(db)?;
        return Ok(());
    };
    let op = rows::word(&row, "op", MoneyOp::parse)?;
    let counted = event_told(db, &row, op)?;
    let mut known = balance(&row)?;
    let done = DoneCall {
        op,
        amount,
        at,
        counted,
    };
    known.call(done, rows::amount(&row, "ordered")?, now);
    write(db, &row, &known, (true, Some(now.plus(SOON))))
}

/// Whether the event of a money call came before its answer.
fn event_told(db: &mut Db, row: &Row, op: MoneyOp) -> Result<bool, StoreError> {
    let name = match op {
        MoneyOp::Capture => EventName::Captured,
        MoneyOp::Refund => EventName::Refunded,
        MoneyOp::Cancel => return Ok(false),
    };
    let scope = rows::word(row, "scope", Scope::parse)?;
    let order = rows::word(row, "order_id", OrderText::parse)?;
    let key: Option<&str> = row.try_get("key")?;
    let (Some(msn), Some(reference), Some(key)) = (scope.msn(), order.reference(), key) else {
        return Ok(false);
    };
    let told = query(EVENT_TOLD)
        .bind(msn.as_str())
        .bind(reference.as_str())
        .bind(name.word())
        .bind(key)
        .fetch_optional(db)?;
    Ok(told.is_some())
}

fn write(
    db: &mut Db,
    row: &Row,
    balance: &Balance,
    (news, due): (bool, Option<Moment>),
) -> Result<(), StoreError> {
    let created_at = rows::moment(row, "created_at")?;
    bind_balance(
        query(WRITE).bind(row.try_get::<i64>("id")?),
        balance,
        created_at,
    )
    .bind(i64::from(news))
    .bind(due.map(Moment::millis))
    .execute(db)?;
    Ok(())
}

/// Binds the ten columns of a balance and the five of how it is counted.
pub(super) fn bind_balance<'q>(
    query: Query<'q>,
    balance: &Balance,
    created_at: Moment,
) -> Query<'q> {
    let (sums, counted) = (&balance.sums, balance.counted(created_at));
    let day = |day: Option<Day>| day.map_or(-1, |day| day.0);
    query
        .bind(balance.state.word())
        .bind(sums.authorized.minor_units())
        .bind(sums.captured.minor_units())
        .bind(sums.refunded.minor_units())
        .bind(sums.cancelled.minor_units())
        .bind(balance.reserved_at.map(Moment::millis))
        .bind(balance.captured_at.map(Moment::millis))
        .bind(balance.guaranteed_until.map(Moment::millis))
        .bind(balance.learnt_at.millis())
        .bind(balance.learnt.word())
        .bind(counted.map_or("", |counted| counted.class.word()))
        .bind(day(counted.and_then(|counted| counted.capture_day)))
        .bind(day(counted.and_then(|counted| counted.refund_day)))
        .bind(counted.map_or(0, |counted| counted.to_capture.minor_units()))
        .bind(counted.map_or(0, |counted| counted.to_refund.minor_units()))
}

/// Whether `seen` differs from what is known and is not older.
pub(super) fn is_news(
    db: &mut Db,
    scope: &Scope,
    order: &OrderText,
    seen: &Balance,
) -> Result<bool, StoreError> {
    let row = query(OF_ORDER)
        .bind(order.as_str())
        .bind(scope.text())
        .fetch_optional(db)?;
    row.map_or(Ok(false), |row| {
        let known = balance(&row)?;
        let differs = (known.state, known.sums) != (seen.state, seen.sums);
        Ok(differs && known.learnt_at <= seen.learnt_at)
    })
}

pub(super) fn learn(
    db: &mut Db,
    scope: Scope,
    order: OrderText,
    seen: Balance,
) -> Result<(), StoreError> {
    if !is_news(db, &scope, &order, &seen)? {
        return Ok(());
    }
    let row = query(OF_ORDER)
        .bind(order.as_str())
        .bind(scope.text())
        .fetch_one(db)?;
    let known = balance(&row)?;
    let seen = Balance {
        reserved_at: seen.reserved_at.or(known.reserved_at),
        captured_at: seen.captured_at.or(known.captured_at),
        guaranteed_until: seen.guaranteed_until.or(known.guaranteed_until),
        ..seen
    };
    write(db, &row, &seen, (true, None))
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 8] = [
    OPENED, BEGUN, OF_ORDER, OF_CALL, CALL_TOLD, EVENT_TOLD, WRITE, STIR,
];
