//! What is read of the ledger, as SQL.
//!
//! Must not: change anything, or walk the ledger where a few rows are asked for (a recount does, on purpose).

use super::super::db::{Db, Row, query};

use super::super::adjustments;
use super::super::error::damaged;
use super::super::rows;
use crate::store::balance::{Balance, Counted, Day, Learnt, OpenClass, PayState, Sums};
use crate::store::ledger::{
    LedgerCall, LedgerEntry, LedgerEvent, LedgerId, LedgerPayment, OpenDays, PaymentFilter,
};
use crate::store::{Kind, Origin, StoreError, words};
use crate::types::{Amount, Currency, Moment, Msn, OrderText, RequestId, Scope};

/// The columns that `balance` reads, of a table named `l`.
macro_rules! balance_columns {
    () => {
        "l.state, l.authorized, l.captured, l.refunded, l.cancelled, l.reserved_at, l.captured_at, \
         l.guaranteed_until, l.learnt_at, l.learnt"
    };
}
pub(super) use balance_columns;

/// The columns that `payment` reads.
macro_rules! payment_columns {
    () => {
        concat!(
            "l.id, l.scope, l.order_id, l.origin, l.kind, l.amount, l.currency, l.created_at, l.checked_at, l.due_at, \
             l.looks, l.trouble, ",
            $crate::store::sqlite::ledger::read::balance_columns!()
        )
    };
}
pub(super) use payment_columns;

const PAGE: &str = concat!(
    "SELECT p.id IS NOT NULL AS known, p.create_key, p.request_id, ",
    payment_columns!(),
    " FROM ledger l LEFT JOIN payments p ON p.scope = l.scope AND p.order_id = l.order_id",
    " WHERE l.id > ?1 ORDER BY l.id LIMIT ?2"
);

const CALLS: &str = "SELECT l.id AS ledger, a.id, a.op, a.api, a.request_id, a.key, a.attempt, a.amount, a.computed,
    a.text, a.cancelled_before, a.state, a.until, a.done_amount, a.transaction_id, a.done_at, a.begun_at, a.changed_at,
    a.closed_at FROM ledger l CROSS JOIN adjustments a ON a.scope = l.scope AND a.order_id = l.order_id
    WHERE l.id > ?1 AND l.id <= ?2 ORDER BY l.id, a.id";

const EVENTS: &str =
    "SELECT l.id AS ledger, e.name, e.success, e.psp_reference, e.amount, e.at, e.key, e.source,
    e.received_at FROM ledger l CROSS JOIN events e ON e.msn = l.msn AND e.reference = l.reference
    WHERE l.id > ?1 AND l.id <= ?2 ORDER BY l.id, e.id";

const OF_ORDER: &str = "SELECT id FROM ledger WHERE order_id = ?1 AND (?2 IS NULL OR msn = ?2) ORDER BY scope LIMIT 10";

const LIST: &str = concat!(
    "SELECT ",
    payment_columns!(),
    " FROM ledger l WHERE l.id < ?1 ORDER BY l.id DESC LIMIT ?2"
);
const LIST_OF_UNIT: &str = concat!(
    "SELECT ",
    payment_columns!(),
    " FROM ledger l WHERE l.id < ?1 AND l.msn = ?3 ORDER BY l.id DESC LIMIT ?2"
);
const LIST_OF_ORDER: &str = concat!(
    "SELECT ",
    payment_columns!(),
    " FROM ledger l WHERE l.order_id = ?4 AND l.id < ?1 AND (?3 IS NULL OR l.msn = ?3) ORDER BY l.scope LIMIT ?2"
);

const EXPIRING: &str = concat!(
    "SELECT ",
    payment_columns!(),
    " FROM ledger l WHERE l.guaranteed_until IS NOT NULL AND l.class IN ('reserved', 'partly_captured')",
    " AND l.guaranteed_until < ?1 ORDER BY l.guaranteed_until LIMIT ?2"
);

pub(super) const COUNTED: &str = "SELECT msn, origin, class, currency, capture_day, refund_day, payments, to_capture, to_refund FROM open_days";

pub(super) const RECOUNTED: &str =
    "SELECT msn, origin, class, currency, capture_day, refund_day, count(*) AS payments,
    sum(to_capture) AS to_capture, sum(to_refund) AS to_refund FROM ledger WHERE class <> ''
    GROUP BY msn, origin, class, currency, capture_day, refund_day";

pub(super) fn balance(row: &Row) -> Result<Balance, StoreError> {
    let sum = |column| rows::amount(row, column)?.ok_or_else(|| damaged(column));
    Ok(Balance {
        state: rows::word(row, "state", PayState::parse)?,
        sums: Sums {
            authorized: sum("authorized")?,
            captured: sum("captured")?,
            refunded: sum("refunded")?,
            cancelled: sum("cancelled")?,
        },
        reserved_at: rows::maybe_moment(row, "reserved_at")?,
        captured_at: rows::maybe_moment(row, "captured_at")?,
        guaranteed_until: rows::maybe_moment(row, "guaranteed_until")?,
        learnt_at: rows::moment(row, "learnt_at")?,
        learnt: rows::word(row, "learnt", Learnt::parse)?,
    })
}

fn origin(row: &Row) -> Result<Option<Origin>, StoreError> {
    let word: &str = row.try_get("origin")?;
    if word.is_empty() {
        return Ok(None);
    }
    rows::origin(row, "origin").map(Some)
}

pub(super) fn payment(row: &Row) -> Result<LedgerPayment, StoreError> {
    Ok(LedgerPayment {
        id: LedgerId(row.try_get("id")?),
        scope: rows::word(row, "scope", Scope::parse)?,
        order: rows::word(row, "order_id", OrderText::parse)?,
        origin: origin(row)?,
        kind: rows::word(row, "kind", words::kind_of)?,
        amount: rows::amount(row, "amount")?,
        currency: rows::word(row, "currency", Currency::parse)?,
        created_at: rows::moment(row, "created_at")?,
        balance: balance(row)?,
        checked_at: rows::maybe_moment(row, "checked_at")?,
        due_at: rows::maybe_moment(row, "due_at")?,
        looks: rows::count(row, "looks")?,
        trouble: row.try_get("trouble")?,
    })
}

pub(super) fn page(
    db: &mut Db,
    after: LedgerId,
    limit: usize,
) -> Result<Vec<LedgerEntry>, StoreError> {
    let found = query(PAGE)
        .bind(after.0)
        .bind(super::bound(limit))
        .fetch_all(db)?;
    let mut entries = Vec::with_capacity(found.len());
    for row in &found {
        entries.push(entry(row)?);
    }
    let Some(last) = entries.last().map(|entry| entry.payment.id) else {
        return Ok(entries);
    };
    let place = |entries: &[LedgerEntry], row: &Row| -> Result<Option<usize>, StoreError> {
        let id = LedgerId(row.try_get("ledger")?);
        Ok(entries
            .binary_search_by_key(&id, |entry| entry.payment.id)
            .ok())
    };
    let bounds = |statement: &'static str| query(statement).bind(after.0).bind(last.0);
    // Events first: whose event is seen, its call was begun before, and is seen as well.
    for row in &bounds(EVENTS).fetch_all(db)? {
        if let Some(place) = place(&entries, row)? {
            entries[place].events.push(event(row)?);
        }
    }
    for row in &bounds(CALLS).fetch_all(db)? {
        if let Some(place) = place(&entries, row)? {
            entries[place].calls.push(LedgerCall {
                call: adjustments::adjustment(row)?,
                closed_at: rows::maybe_moment(row, "closed_at")?,
            });
        }
    }
    Ok(entries)
}

fn entry(row: &Row) -> Result<LedgerEntry, StoreError> {
    let payment = payment(row)?;
    let create_key = rows::key(row, "create_key")?;
    let known: bool = row.try_get("known")?;
    let whole = known
        && match payment.origin {
            Some(Origin::Epayment) => create_key.is_some(),
            Some(Origin::Ecom) => payment.kind != Kind::Unproven,
            None => false,
        };
    Ok(LedgerEntry {
        payment,
        create_key,
        request_id: rows::optional(row, "request_id", RequestId::parse)?,
        whole,
        calls: Vec::new(),
        events: Vec::new(),
    })
}

fn event(row: &Row) -> Result<LedgerEvent, StoreError> {
    Ok(LedgerEvent {
        name: rows::word(row, "name", words::event_name_of)?,
        success: row.try_get("success")?,
        psp_reference: row.try_get("psp_reference")?,
        amount: rows::amount(row, "amount")?.ok_or_else(|| damaged("amount"))?,
        at: rows::moment(row, "at")?,
        key: rows::key(row, "key")?,
        source: rows::word(row, "source", words::source_of)?,
        received_at: rows::moment(row, "received_at")?,
    })
}

pub(super) fn of_order(
    db: &mut Db,
    order: &OrderText,
    msn: Option<&Msn>,
) -> Result<Vec<LedgerEntry>, StoreError> {
    let ids = query(OF_ORDER)
        .bind(order.as_str())
        .bind(msn.map(Msn::as_str))
        .fetch_all(db)?;
    let mut entries = Vec::new();
    for row in &ids {
        let id: i64 = row.try_get("id")?;
        entries.extend(page(db, LedgerId(id - 1), 1)?);
    }
    Ok(entries)
}

pub(super) fn list(db: &mut Db, filter: &PaymentFilter) -> Result<Vec<LedgerPayment>, StoreError> {
    let which = match (&filter.order, &filter.msn) {
        (Some(_), _) => LIST_OF_ORDER,
        (None, Some(_)) => LIST_OF_UNIT,
        (None, None) => LIST,
    };
    let mut query = query(which)
        .bind(filter.before.map_or(i64::MAX, |id| id.0))
        .bind(super::bound(filter.limit));
    if filter.order.is_some() || filter.msn.is_some() {
        query = query.bind(filter.msn.as_ref().map(Msn::as_str));
    }
    if let Some(order) = &filter.order {
        query = query.bind(order.as_str());
    }
    query.fetch_all(db)?.iter().map(payment).collect()
}

pub(super) fn expiring(
    db: &mut Db,
    until: Moment,
    limit: usize,
) -> Result<Vec<LedgerPayment>, StoreError> {
    let found = query(EXPIRING)
        .bind(until.millis())
        .bind(super::bound(limit))
        .fetch_all(db)?;
    found.iter().map(payment).collect()
}

pub(super) fn open(db: &mut Db, which: &'static str) -> Result<Vec<OpenDays>, StoreError> {
    let found = query(which).fetch_all(db)?;
    let mut days: Vec<OpenDays> = found.iter().map(open_days).collect::<Result<_, _>>()?;
    days.sort_by(|one, other| one.place().cmp(&other.place()));
    Ok(days)
}

fn open_days(row: &Row) -> Result<OpenDays, StoreError> {
    let sum = |column| rows::amount(row, column).map(|sum| sum.unwrap_or(Amount::ZERO));
    let day = |column| -> Result<Option<Day>, StoreError> {
        let day: i64 = row.try_get(column)?;
        Ok((day >= 0).then_some(Day(day)))
    };
    let msn: &str = row.try_get("msn")?;
    let payments: i64 = row.try_get("payments")?;
    Ok(OpenDays {
        msn: Msn::parse(msn),
        origin: origin(row)?,
        currency: rows::word(row, "currency", Currency::parse)?,
        counted: Counted {
            class: rows::word(row, "class", OpenClass::parse)?,
            capture_day: day("capture_day")?,
            refund_day: day("refund_day")?,
            to_capture: sum("to_capture")?,
            to_refund: sum("to_refund")?,
        },
        payments: u64::try_from(payments).map_err(|_| damaged("payments"))?,
    })
}

/// The statements that must not walk a whole table.
#[cfg(test)]
pub(super) const LOOKUPS: [&str; 8] = [
    PAGE,
    CALLS,
    EVENTS,
    OF_ORDER,
    LIST,
    LIST_OF_UNIT,
    LIST_OF_ORDER,
    EXPIRING,
];
