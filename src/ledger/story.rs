//! One payment's story in order: what was asked, with which key, what upstream said, what the log says, what the shop was
//! told: pure.
//!
//! Must not: show more of a callback's address than its host, or a text of the merchant.

use serde::Serialize;

use super::verdict::{Judging, Proof, Standing, Verdict, is_bridges, judge};
use crate::store::{
    AdjustmentState, CallbackState, CallbackView, KeptMismatch, LedgerCall, LedgerEntry,
    LedgerEvent, Source,
};
use crate::types::{Amount, Currency, Moment, MoneyOp, Origin};

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// The payment was created.
    Created,
    /// A money call was recorded, before it was sent.
    Asked,
    /// Something happened, as the event log or a webhook says.
    Event,
    /// What came of a money call.
    Answered,
    /// What the shop was told.
    Callback,
    /// What the payment showed when it was last read.
    Read,
    /// Something does not fit together.
    Mismatch,
}

/// One line of the story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// When, as eCom writes time.
    pub at: String,
    /// What it is about.
    pub what: What,
    /// In words.
    pub text: String,
    /// Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The merchant's X-Request-Id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The key that was sent, or that the event carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Upstream's number of the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
}

/// Minor units and currency as people write them; integers only.
#[must_use]
pub fn money(amount: Amount, currency: Currency) -> String {
    let units = amount.minor_units();
    format!("{}.{:02} {}", units / 100, units % 100, currency.code())
}

/// All lines, oldest first.
#[must_use]
pub fn lines(
    entry: &LedgerEntry,
    callbacks: &[CallbackView],
    mismatches: &[KeptMismatch],
    judging: Judging,
) -> (Vec<Line>, Verdict) {
    let verdict = judge(entry, judging);
    let mut lines = vec![created(entry)];
    for (one, proof) in entry.calls.iter().zip(&verdict.proofs) {
        lines.push(asked(entry, one));
        lines.extend(answered(entry, one, *proof));
    }
    for (n, event) in entry.events.iter().enumerate() {
        lines.push(happened(entry, event, verdict.foreign.contains(&n)));
    }
    lines.extend(callbacks.iter().map(|callback| told(entry, callback)));
    lines.extend(read(entry));
    lines.extend(mismatches.iter().map(mismatch));
    lines.sort_by_key(|(at, line)| (*at, line.what));
    (lines.into_iter().map(|(_, line)| line).collect(), verdict)
}

/// In one word, and why.
#[must_use]
pub const fn standing(standing: Standing) -> (&'static str, Option<&'static str>) {
    match standing {
        Standing::Proven => ("proven", None),
        Standing::Mismatch => ("mismatch", None),
        Standing::NotVerified(why) => ("not_verified", Some(why)),
    }
}

type Placed = (Moment, Line);

fn line(at: Moment, what: What, text: String) -> Placed {
    let line = Line {
        at: at.to_string(),
        what,
        text,
        amount: None,
        request_id: None,
        idempotency_key: None,
        transaction_id: None,
    };
    (at, line)
}

const fn api(origin: Origin) -> &'static str {
    match origin {
        Origin::Ecom => "eCom",
        Origin::Epayment => "ePayment",
    }
}

fn created(entry: &LedgerEntry) -> Placed {
    let payment = &entry.payment;
    let text = match (payment.origin, entry.whole) {
        (Some(origin), true) => format!("created in {}", api(origin)),
        (Some(origin), false) => format!("first seen; created in {} before", api(origin)),
        (None, _) => "first seen by a change of it; where it was created is not known".to_owned(),
    };
    let ordered = payment.amount.map(|amount| money(amount, payment.currency));
    let text = ordered.map_or(text.clone(), |ordered| format!("{text} over {ordered}"));
    let (at, line) = line(payment.created_at, What::Created, text);
    let line = Line {
        amount: payment.amount.map(Amount::minor_units),
        request_id: entry.request_id.clone().map(String::from),
        idempotency_key: entry.create_key.as_ref().map(ToString::to_string),
        ..line
    };
    (at, line)
}

fn asked(entry: &LedgerEntry, one: &LedgerCall) -> Placed {
    let call = &one.call;
    let sum = match call.amount {
        Some(amount) if call.computed => format!(
            " of all that remained, {}",
            money(amount, entry.payment.currency)
        ),
        Some(amount) => format!(" of {}", money(amount, entry.payment.currency)),
        None => String::new(),
    };
    let again = match call.attempt {
        0 => String::new(),
        times => format!(", after {times} refused"),
    };
    let text = format!(
        "{}{sum} asked for, to {}{again}",
        call.op.word(),
        api(call.api)
    );
    let (at, line) = line(call.begun_at, What::Asked, text);
    let line = Line {
        amount: call.amount.map(Amount::minor_units),
        request_id: call.request_id.clone().map(String::from),
        idempotency_key: call.key.as_ref().map(ToString::to_string),
        ..line
    };
    (at, line)
}

fn answered(entry: &LedgerEntry, one: &LedgerCall, proof: Proof) -> Option<Placed> {
    let call = &one.call;
    let op = call.op.word();
    let proven = match proof {
        Proof::Seen => "; the event log has it",
        Proof::Absent => "; the event log does not have it",
        Proof::Unproven => "; not verified yet",
        Proof::Contradicted => "; the evidence says otherwise",
    };
    // The answer to a cancel names the order's sum; the event says what was released.
    let (text, number) = match &call.state {
        AdjustmentState::Open(_) => return None,
        AdjustmentState::Succeeded {
            amount,
            transaction_id,
            ..
        } if amount.is_zero() || call.op == MoneyOp::Cancel => {
            (format!("{op} done{proven}"), transaction_id.clone())
        }
        AdjustmentState::Succeeded {
            amount,
            transaction_id,
            ..
        } => (
            format!(
                "{op} done, {}{proven}",
                money(*amount, entry.payment.currency)
            ),
            transaction_id.clone(),
        ),
        AdjustmentState::Refused => (format!("{op} refused{proven}"), None),
        AdjustmentState::NotDone => (format!("{op} not done{proven}"), None),
    };
    let (at, line) = line(
        one.closed_at.unwrap_or(call.changed_at),
        What::Answered,
        text,
    );
    let line = Line {
        request_id: call.request_id.clone().map(String::from),
        idempotency_key: call.key.as_ref().map(ToString::to_string),
        transaction_id: number,
        ..line
    };
    Some((at, line))
}

fn happened(entry: &LedgerEntry, event: &LedgerEvent, foreign: bool) -> Placed {
    let sum = money(event.amount, entry.payment.currency);
    let success = if event.success { "" } else { " failed," };
    let way = match event.source {
        Source::Webhook => "by webhook",
        Source::Poll => "from the event log",
    };
    let whose = match (foreign, event.name.money_op(), &event.key) {
        (true, _, _) => ", another system's",
        (false, Some(op), Some(key)) if is_bridges(entry, op, key) => ", the bridge's",
        _ => "",
    };
    let text = format!("{}{success} {sum}, {way}{whose}", event.name.word());
    let (at, line) = line(event.at, What::Event, text);
    let line = Line {
        amount: Some(event.amount.minor_units()),
        idempotency_key: event.key.as_ref().map(ToString::to_string),
        transaction_id: Some(event.psp_reference.clone()),
        ..line
    };
    (at, line)
}

fn told(entry: &LedgerEntry, callback: &CallbackView) -> Placed {
    let status = serde_json::to_value(callback.status).unwrap_or_default();
    let status = status.as_str().unwrap_or_default().to_owned();
    let (at, end) = match callback.state {
        CallbackState::Delivered => (callback.ended_at, "delivered"),
        CallbackState::Dead => (callback.ended_at, "given up; `callbacks replay` repeats it"),
        CallbackState::Dropped => (callback.ended_at, "dropped by an operator"),
        CallbackState::Capture => (None, "waits for its direct capture"),
        CallbackState::Pending => (None, "waits to be delivered"),
    };
    let text = format!(
        "callback {} {status} to {}: {end}, {} tries",
        callback.id.0, callback.host, callback.attempts
    );
    line(
        at.unwrap_or(callback.queued_at.max(entry.payment.created_at)),
        What::Callback,
        text,
    )
}

fn read(entry: &LedgerEntry) -> Option<Placed> {
    let payment = &entry.payment;
    let sums = &payment.balance.sums;
    let at = payment.checked_at?;
    let show = |amount| money(amount, payment.currency);
    let text = format!(
        "read: authorized {}, captured {}, refunded {}, cancelled {}",
        show(sums.authorized),
        show(sums.captured),
        show(sums.refunded),
        show(sums.cancelled)
    );
    (payment.balance.learnt == crate::store::Learnt::Reconcile).then(|| line(at, What::Read, text))
}

fn mismatch(kept: &KeptMismatch) -> Placed {
    let found = &kept.found;
    let end = match kept.resolved_at {
        Some(at) => format!(" (resolved {at})"),
        None => String::new(),
    };
    let text = format!("MISMATCH {}: {}{end}", found.kind.word(), found.about);
    line(kept.found_at, What::Mismatch, text)
}

#[cfg(test)]
mod tests;
