//! What may be done about a money call, given the record of the payment's money calls. Pure.
//!
//! Must not: allow a call beside an open one, or a second one where a success of the same request is recorded.

use super::adjust::Adjustment;
use crate::store::{self, AdjustmentState};
use crate::translate::adjust::Asked;
use crate::types::{Amount, Moment, MoneyOp};

/// What the record allows.
#[derive(Clone, Debug)]
pub(super) enum Next {
    /// Nothing of this request is open or done.
    New {
        /// The attempt's number: one key serves one body, so another body or a refusal makes it one more.
        attempt: u32,
        /// What an earlier sending under the same key had worked out as "all that remains".
        worked_out: Option<Amount>,
    },
    /// Recorded as done.
    Repeat(store::Adjustment),
    /// Another amount stands under this X-Request-Id.
    Conflict,
    /// Somebody is at it.
    Wait,
    /// Open without an owner; `same` where it is this very request.
    Resolve { open: store::Adjustment, same: bool },
}

/// What to do about a request, given the record.
pub(super) fn next(calls: &[store::Adjustment], asked: &Adjustment, now: Moment) -> Next {
    let same = |call: &&store::Adjustment| {
        call.op == asked.op && asked.request_id.is_some() && call.request_id == asked.request_id
    };
    let decided = |call: &&store::Adjustment| {
        call.is_open() || matches!(call.state, AdjustmentState::Succeeded { .. })
    };
    if let Some(call) = calls.iter().filter(same).find(decided) {
        return match () {
            () if conflicts(call, asked) => Next::Conflict,
            () if !call.is_open() => Next::Repeat(call.clone()),
            () if call.is_owned(now) => Next::Wait,
            () => Next::Resolve {
                open: call.clone(),
                same: true,
            },
        };
    }
    match calls.iter().find(|call| call.is_open()) {
        Some(call) if call.is_owned(now) => Next::Wait,
        Some(call) => Next::Resolve {
            open: call.clone(),
            same: false,
        },
        None => fresh(
            calls.iter().filter(same).rfind(|call| call.key.is_some()),
            asked,
        ),
    }
}

/// The attempt after the newest one of the same request, whose key eCom has not seen.
fn fresh(newest: Option<&store::Adjustment>, asked: &Adjustment) -> Next {
    match newest {
        None => Next::New {
            attempt: 0,
            worked_out: None,
        },
        Some(call) if call.state == AdjustmentState::NotDone && !conflicts(call, asked) => {
            Next::New {
                attempt: call.attempt,
                worked_out: call.amount.filter(|_| call.computed),
            }
        }
        Some(call) => Next::New {
            attempt: call.attempt.saturating_add(1),
            worked_out: None,
        },
    }
}

/// The same X-Request-Id with another amount. "All that remains" agrees with what it was worked out to be.
fn conflicts(call: &store::Adjustment, asked: &Adjustment) -> bool {
    match (asked.op, asked.command.asked) {
        (MoneyOp::Cancel, _) => false,
        (_, Asked::AllThatRemains) => !call.computed,
        (_, Asked::Exactly(amount)) => call.amount != Some(amount),
    }
}

#[cfg(test)]
pub(super) mod tests;
