//! A payment and its events as eCom's details and status.
//!
//! Source: eCom API guide "Get payment details", mapping of events to operations. Clients decide by the log's newest
//! entry and compare its times as text: exactly three decimals, strictly increasing. Must not: show a top-level state,
//! or user data of a payment for which no scope was asked.

use jiff::Timestamp;

use crate::ecom::response::{
    Details, LogEntry, LogOperation, Status, StatusInfo, StatusWord, UserDetails,
};
use crate::epayment::event::{EventName, PaymentEvent};
use crate::epayment::model::{Payment, State};
use crate::types::{
    CountryCode, IdempotencyKey, KeyMaker, Moment, MoneyOp, Msisdn, OrderText, RequestId, Scope,
    Seen,
};

/// A money call that the store remembers.
#[derive(Clone, Debug)]
pub struct RememberedCall {
    /// What was done.
    pub op: MoneyOp,
    /// The key it was sent with.
    pub key: Option<IdempotencyKey>,
    /// The merchant's own id.
    pub request_id: Option<RequestId>,
    /// The merchant's text.
    pub text: String,
    /// Whether it is recorded as done.
    pub succeeded: bool,
}

/// Which user data was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeAsked {
    /// None: none is shown.
    No,
    /// These, separated by blanks.
    Yes(String),
    /// The payment's creation was not seen: what ePayment says decides.
    NotKnown,
}

/// Whether approval and capture are one to the shop (direct capture).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sale {
    /// They are two.
    #[default]
    No,
    /// Approved, perhaps, but the capture is not settled: the shop sees nothing of it yet.
    Pending,
    /// The capture with this key made the sale.
    Done(IdempotencyKey),
}

/// What only the bridge knows of a payment.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// The text of the initiate.
    pub text: Option<String>,
    /// The X-Request-Id of the initiate.
    pub request_id: Option<RequestId>,
    /// The scope of the initiate.
    pub scope: ScopeAsked,
    /// The money calls, oldest first.
    pub calls: Vec<RememberedCall>,
    /// Whose numbers are shown without their country code.
    pub country: CountryCode,
    /// Direct capture.
    pub sale: Sale,
}

/// Everything that details and status are made of.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// As the merchant wrote it.
    pub order: &'a OrderText,
    /// Sales unit or caller: keys are read back under it.
    pub scope: &'a Scope,
    /// Just read.
    pub payment: &'a Payment,
    /// Just read, in any order.
    pub events: &'a [PaymentEvent],
    /// From the store.
    pub remembered: &'a Remembered,
}

struct Entry {
    log: LogEntry,
    word: StatusWord,
}

/// The answer to details. `user` is what ePayment or the Userinfo API said of the user.
#[must_use]
pub fn details(
    sources: Sources<'_>,
    user: Option<&crate::epayment::model::UserDetails>,
) -> Details {
    let payment = sources.payment;
    let unsettled = sources.remembered.sale == Sale::Pending && payment.state == State::Authorized;
    let acted = matches!(payment.state, State::Authorized | State::Aborted) && !unsettled;
    let transaction_summary = acted.then(|| {
        let mut summary = super::adjust::summary(&payment.aggregate);
        summary.bank_identification_number = payment
            .payment_method
            .card_bin
            .as_deref()
            .and_then(|bin| bin.parse().ok());
        summary
    });
    let sub = match sources.remembered.scope {
        ScopeAsked::No => None,
        ScopeAsked::Yes(_) | ScopeAsked::NotKnown => payment.profile.sub.clone(),
    };
    let user_details = sub.as_deref().and_then(|sub| {
        user_details(
            sub,
            user?,
            &sources.remembered.scope,
            &sources.remembered.country,
        )
    });
    Details {
        order_id: sources.order.as_str().to_owned(),
        transaction_log_history: entries(sources)
            .into_iter()
            .rev()
            .map(|entry| entry.log)
            .collect(),
        transaction_summary,
        sub,
        user_details,
    }
}

/// The answer to status: the last operation. `None` where the log is empty.
#[must_use]
pub fn status(sources: Sources<'_>) -> Option<Status> {
    let counts = |entry: &Entry| entry.log.operation_success || entry.word == StatusWord::Failed;
    let last = entries(sources).into_iter().rfind(counts)?;
    Some(Status {
        order_id: sources.order.as_str().to_owned(),
        transaction_info: StatusInfo {
            amount: last.log.amount,
            status: last.word,
            time_stamp: last.log.time_stamp,
            transaction_id: last.log.transaction_id,
        },
    })
}

/// The user data that the scope asked for; none where nothing of it can be had.
#[must_use]
pub fn user_details(
    sub: &str,
    user: &crate::epayment::model::UserDetails,
    scope: &ScopeAsked,
    country: &CountryCode,
) -> Option<UserDetails> {
    let asked = |word: &str| match scope {
        ScopeAsked::Yes(scope) => scope
            .split_whitespace()
            .any(|part| part.eq_ignore_ascii_case(word)),
        ScopeAsked::NotKnown => true,
        ScopeAsked::No => false,
    };
    let of = |word: &str, value: &Option<String>| value.clone().filter(|_| asked(word));
    let details = UserDetails {
        email: of("email", &user.email),
        first_name: of("name", &user.first_name),
        last_name: of("name", &user.last_name),
        mobile_number: of("phoneNumber", &user.mobile_number)
            .map(|number| Msisdn::local(&number, country).to_owned()),
        user_id: sub.to_owned(),
    };
    let any =
        details.email.is_some() || details.first_name.is_some() || details.mobile_number.is_some();
    any.then_some(details)
}

/// The log, oldest first.
fn entries(sources: Sources<'_>) -> Vec<Entry> {
    let sale = &sources.remembered.sale;
    let shown = in_order(sources.events)
        .into_iter()
        .filter(|(event, _)| is_shown(event, sources.payment, sale));
    let reserve_id = sources
        .events
        .iter()
        .find(|event| makes_reservation(event, sale))
        .map(|event| event.psp_reference.clone());
    let mut last = i64::MIN;
    shown
        .filter_map(|(event, at)| {
            let (operation, word) = words(event, sources.payment, sale)?;
            // Equal times are moved 1 ms apart: a client picks the older of two equal ones.
            let at = at
                .map_or(0, Timestamp::as_millisecond)
                .max(last.saturating_add(1));
            last = at;
            let (request_id, text) = told_by_merchant(event, sources);
            let transaction_id = match (&reserve_id, event.name) {
                (Some(id), EventName::Created) => id.clone(),
                _ => event.psp_reference.clone(),
            };
            let amount = match event.name {
                EventName::Created => sources.payment.amount.value,
                _ => event.amount.value,
            };
            let log = LogEntry {
                amount,
                operation,
                operation_success: event.success,
                request_id,
                time_stamp: Moment::from_millis(at).to_string(),
                transaction_id,
                transaction_text: text,
            };
            Some(Entry { log, word })
        })
        .collect()
}

/// With their times, oldest first; equal times keep the log's own direction, and a payment begins with its creation.
fn in_order(events: &[PaymentEvent]) -> Vec<(&PaymentEvent, Option<Timestamp>)> {
    let timed = events
        .iter()
        .map(|event| (event, event.timestamp.parse().ok()));
    let mut sorted: Vec<(_, Option<Timestamp>)> = timed.collect();
    let newest_first = match (sorted.first(), sorted.last()) {
        (Some((_, first)), Some((last, at))) => {
            first > at || (first == at && last.name == EventName::Created)
        }
        _ => false,
    };
    if newest_first {
        sorted.reverse();
    }
    sorted.sort_by_key(|(event, at)| (event.name != EventName::Created, *at));
    sorted
}

/// A refused card is no end while the user may try another one.
fn is_shown(event: &PaymentEvent, payment: &Payment, sale: &Sale) -> bool {
    // The sale stands for both: the approval is not shown beside it, or before it is made.
    if event.name == EventName::Authorized && event.success && *sale != Sale::No {
        return false;
    }
    event.success || event.name != EventName::Authorized || payment.state != State::Created
}

fn is_sale(event: &PaymentEvent, sale: &Sale) -> bool {
    let Sale::Done(key) = sale else { return false };
    event.name == EventName::Captured
        && event.success
        && event.idempotency_key.as_deref() == Some(key.as_str())
}

/// The event whose number INITIATE shows, too.
fn makes_reservation(event: &PaymentEvent, sale: &Sale) -> bool {
    match sale {
        Sale::No => event.name == EventName::Authorized && event.success,
        Sale::Pending => false,
        Sale::Done(_) => is_sale(event, sale),
    }
}

fn words(
    event: &PaymentEvent,
    payment: &Payment,
    sale: &Sale,
) -> Option<(LogOperation, StatusWord)> {
    if is_sale(event, sale) {
        return Some((LogOperation::Sale, StatusWord::Sale));
    }
    Some(match event.name {
        EventName::Created => (LogOperation::Initiate, StatusWord::Initiate),
        EventName::Authorized if event.success => (LogOperation::Reserve, StatusWord::Reserve),
        EventName::Authorized => (LogOperation::Reserve, StatusWord::Failed),
        EventName::Captured => (LogOperation::Capture, StatusWord::Capture),
        EventName::Refunded => (LogOperation::Refund, StatusWord::Refund),
        EventName::Cancelled if payment.state == State::Authorized => {
            (LogOperation::Void, StatusWord::Void)
        }
        EventName::Cancelled | EventName::Terminated | EventName::Aborted => {
            (LogOperation::Cancel, StatusWord::Cancel)
        }
        EventName::Expired => (LogOperation::Cancel, StatusWord::Rejected),
        EventName::Unknown => return None,
    })
}

/// The merchant's own request id and text for an event.
fn told_by_merchant(event: &PaymentEvent, sources: Sources<'_>) -> (String, String) {
    let remembered = sources.remembered;
    let initiate_text = remembered.text.clone().unwrap_or_default();
    if is_sale(event, &remembered.sale) {
        return (String::new(), initiate_text);
    }
    let key = event
        .idempotency_key
        .as_deref()
        .filter(|key| !key.is_empty());
    let Some(op) = event.name.money_op() else {
        let request = match event.name {
            EventName::Created => remembered
                .request_id
                .as_ref()
                .map(|id| id.as_str().to_owned()),
            _ => None,
        };
        return (request.unwrap_or_else(|| shown_key(key)), initiate_text);
    };
    let call = remembered
        .calls
        .iter()
        .filter(|call| call.op == op)
        .find(|call| {
            key.is_some_and(|key| call.key.as_ref().is_some_and(|own| own.as_str() == key))
        })
        // A release carries no key; there is one at the most.
        .or_else(|| {
            remembered.calls.iter().find(|call| {
                key.is_none() && call.op == op && op == MoneyOp::Cancel && call.succeeded
            })
        });
    if let Some(call) = call {
        let request = call
            .request_id
            .as_ref()
            .map(|id| id.as_str().to_owned())
            .unwrap_or_default();
        return (request, call.text.clone());
    }
    let request = match (key, sources.order.strict()) {
        (Some(key), Some(order)) => match (KeyMaker {
            scope: sources.scope,
            order: &order,
        })
        .read(op, key)
        {
            Seen::Request(id) => id.as_str().to_owned(),
            Seen::Own => String::new(),
            Seen::Foreign(key) => key,
        },
        (key, _) => shown_key(key),
    };
    (request, initiate_text)
}

/// A key that belongs to no money call: the bridge's own is shown as none.
fn shown_key(key: Option<&str>) -> String {
    key.filter(|key| !KeyMaker::is_own(key))
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests;
