//! Whether a redacted call translates as the call itself does.
//!
//! Must not: take a recording on trust: what differs for another reason than the translation would be a false alarm.

use serde_json::Value;

use super::line::{Line, Outgoing, Sent};
use super::taken::Taken;
use crate::ecom::route::Operation;
use crate::shadow::compare::Compared;
use crate::shadow::replay::outgoing::Judge;
use crate::shadow::replay::{Options, Replayed, read_again, written};

/// Whether `line` says of the call what the call says itself.
pub(super) fn is(taken: &Taken<'_>, line: &Line, judge: Judge) -> bool {
    let plain = taken.plain();
    match taken.operation {
        Operation::Details | Operation::Status => {
            let options = Options::default();
            let before = read_again(&plain, taken.answer.body, &options);
            let after = read_again(line, &written(line.answer.body.as_ref()), &options);
            match (before, after) {
                (Replayed::Compared(before), Replayed::Compared(after)) => {
                    adds_none(&before, &after)
                }
                (Replayed::Skipped(_), Replayed::Skipped(_)) => true,
                _ => false,
            }
        }
        _ => match (judge(&plain, taken.body), &line.outgoing) {
            (Some(before), Some(after)) => same_verdict(&before, after),
            (None, None) => true,
            _ => false,
        },
    }
}

/// Whether every difference was there before.
fn adds_none(before: &Compared, after: &Compared) -> bool {
    let there = |field, kind| {
        let mut all = before.differences.iter();
        all.any(|one| one.field == field && one.kind == kind)
    };
    after.more <= before.more
        && after
            .differences
            .iter()
            .all(|one| there(one.field.clone(), one.kind))
}

fn same_verdict(before: &Outgoing, after: &Outgoing) -> bool {
    match (before, after) {
        (Outgoing::Sent(before), Outgoing::Sent(after)) => same_request(before, after),
        (before, after) => before == after,
    }
}

fn same_request(before: &Sent, after: &Sent) -> bool {
    before.all_that_remains == after.all_that_remains
        && before.losses == after.losses
        && before.key.is_some() == after.key.is_some()
        && before.msn.is_some() == after.msn.is_some()
        && match (&before.body, &after.body) {
            (Some(before), Some(after)) => same_form(before, after),
            (None, None) => true,
            _ => false,
        }
}

/// The same members with values of the same kind; numbers and truths are the same, texts are empty or not.
fn same_form(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            before.len() == after.len()
                && before.iter().all(|(name, value)| {
                    let other = after.get(name);
                    other.is_some_and(|other| same_form(value, other))
                })
        }
        (Value::Array(before), Value::Array(after)) => {
            let mut pairs = before.iter().zip(after);
            before.len() == after.len() && pairs.all(|(before, after)| same_form(before, after))
        }
        (Value::String(before), Value::String(after)) => before.is_empty() == after.is_empty(),
        (before, after) => before == after,
    }
}
