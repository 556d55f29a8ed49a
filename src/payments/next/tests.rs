//! Each state of the calls before, and what becomes of the next one.

use super::*;
use crate::store::AdjustmentId;
use crate::translate::adjust::Adjusting;
use crate::types::{IdempotencyKey, Origin, RequestId};

use AdjustmentState::{NotDone, Open, Refused};

const NOW: Moment = Moment::from_millis(100_000);

fn sum(units: i64) -> Amount {
    Amount::new(units).unwrap()
}

pub(in crate::payments) fn done() -> AdjustmentState {
    AdjustmentState::Succeeded {
        amount: sum(500),
        transaction_id: None,
        at: NOW,
    }
}

fn owned() -> AdjustmentState {
    Open(Moment::from_millis(100_001))
}

fn left() -> AdjustmentState {
    Open(NOW)
}

/// A capture of 500 that was asked for by its sum.
pub(in crate::payments) fn call(
    id: &str,
    attempt: u32,
    state: AdjustmentState,
) -> store::Adjustment {
    store::Adjustment {
        id: AdjustmentId(i64::from(attempt) + 1),
        op: MoneyOp::Capture,
        api: Origin::Epayment,
        request_id: RequestId::parse(id),
        key: IdempotencyKey::parse("k"),
        attempt,
        amount: Some(sum(500)),
        computed: false,
        text: String::new(),
        cancelled_before: None,
        state,
        begun_at: NOW,
        changed_at: NOW,
    }
}

fn rest(id: &str, state: AdjustmentState) -> store::Adjustment {
    store::Adjustment {
        computed: true,
        ..call(id, 0, state)
    }
}

fn asked(op: MoneyOp, id: &str, asked: Asked) -> Adjustment {
    Adjustment {
        op,
        command: Adjusting {
            msn: None,
            asked,
            text: String::new(),
            release: false,
            losses: vec![],
        },
        request_id: RequestId::parse(id),
        random: uuid::Uuid::nil(),
    }
}

fn told(next: &Next) -> String {
    match next {
        Next::New {
            attempt,
            worked_out,
        } => format!("new {attempt} {worked_out:?}"),
        Next::Repeat(_) => "repeat".to_owned(),
        Next::Conflict => "conflict".to_owned(),
        Next::Wait => "wait".to_owned(),
        Next::Resolve { same, .. } => format!("resolve {same}"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row a case")]
fn what_came_before_decides_what_comes_next() {
    let exactly = |units| Asked::Exactly(sum(units));
    let capture = |id, asked_for| asked(MoneyOp::Capture, id, asked_for);
    let same = || capture("1", exactly(500));
    let remaining = || capture("1", Asked::AllThatRemains);
    for (name, calls, asked, want) in [
        ("nothing before", vec![], same(), "new 0 None"),
        ("done", vec![call("1", 0, done())], same(), "repeat"),
        ("owned", vec![call("1", 0, owned())], same(), "wait"),
        (
            "left open",
            vec![call("1", 0, left())],
            same(),
            "resolve true",
        ),
        (
            "not done",
            vec![call("1", 0, NotDone)],
            same(),
            "new 0 None",
        ),
        ("refused", vec![call("1", 0, Refused)], same(), "new 1 None"),
        (
            "refused twice",
            vec![call("1", 0, Refused), call("1", 1, Refused)],
            same(),
            "new 2 None",
        ),
        (
            "refused, then done",
            vec![call("1", 0, Refused), call("1", 1, done())],
            same(),
            "repeat",
        ),
        (
            "done with another sum",
            vec![call("1", 0, done())],
            capture("1", exactly(400)),
            "conflict",
        ),
        (
            "done with a larger sum",
            vec![call("1", 0, done())],
            capture("1", exactly(600)),
            "conflict",
        ),
        (
            "done with a sum, asked for all",
            vec![call("1", 0, done())],
            remaining(),
            "conflict",
        ),
        (
            "owned with another sum",
            vec![call("1", 0, owned())],
            capture("1", exactly(400)),
            "conflict",
        ),
        (
            "not done with another sum",
            vec![call("1", 0, NotDone)],
            capture("1", exactly(400)),
            "new 1 None",
        ),
        (
            "all done, asked for all",
            vec![rest("1", done())],
            remaining(),
            "repeat",
        ),
        (
            "all not done",
            vec![rest("1", NotDone)],
            remaining(),
            "new 0 Some(Amount(500))",
        ),
        (
            "all refused",
            vec![rest("1", Refused)],
            remaining(),
            "new 1 None",
        ),
        (
            "another is done",
            vec![call("2", 0, done())],
            same(),
            "new 0 None",
        ),
        (
            "another is owned",
            vec![call("2", 0, owned())],
            same(),
            "wait",
        ),
        (
            "another is left open",
            vec![call("2", 0, left())],
            same(),
            "resolve false",
        ),
        (
            "a refund with its id",
            vec![call("1", 0, done())],
            asked(MoneyOp::Refund, "1", exactly(500)),
            "new 0 None",
        ),
        (
            "done before without an id",
            vec![call("", 0, done())],
            capture("", exactly(500)),
            "new 0 None",
        ),
        (
            "open before without an id",
            vec![call("", 0, left())],
            capture("", exactly(500)),
            "resolve false",
        ),
    ] {
        assert_eq!(told(&next(&calls, &asked, NOW)), want, "{name}");
    }
}

#[test]
fn a_call_that_never_had_a_key_gives_none_to_the_next() {
    let at_ecom = store::Adjustment {
        api: Origin::Ecom,
        key: None,
        ..call("1", 0, Refused)
    };
    let same = asked(MoneyOp::Capture, "1", Asked::Exactly(sum(500)));
    assert_eq!(told(&next(&[at_ecom], &same, NOW)), "new 0 None");
}
