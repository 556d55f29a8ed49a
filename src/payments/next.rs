//! What may be done about a money call, given the record of the payment's money calls. Pure.
//!
//! Must not: allow a call beside an open one, or a second one where a success of the same request is recorded.

use super::adjust::Adjustment;
use crate::store::{self, AdjustmentState};
use crate::translate::adjust::Asked;
use crate::types::{Moment, MoneyOp};

/// What the record allows.
#[derive(Clone, Debug)]
pub(super) enum Next {
    /// Nothing of this request is open or done: the attempt's number.
    New(u32),
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
        None => {
            // A refusal of eCom ends no key.
            let refused = |call: &&store::Adjustment| {
                call.state == AdjustmentState::Refused && call.key.is_some()
            };
            Next::New(
                u32::try_from(calls.iter().filter(same).filter(refused).count())
                    .unwrap_or(u32::MAX),
            )
        }
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
