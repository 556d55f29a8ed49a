//! When what was read before the log will do.

use super::*;
use crate::store::AdjustmentId;
use crate::translate::testing;
use crate::types::{Amount, Moment};

const NOW: Moment = Moment::from_millis(100_000);

fn call(key: &str, state: AdjustmentState) -> Adjustment {
    Adjustment {
        id: AdjustmentId(1),
        op: MoneyOp::Capture,
        api: Origin::Epayment,
        request_id: None,
        key: IdempotencyKey::parse(key),
        attempt: 0,
        amount: None,
        computed: false,
        text: String::new(),
        cancelled_before: None,
        state,
        begun_at: NOW,
        changed_at: NOW,
    }
}

fn done(key: &str) -> Adjustment {
    let state = AdjustmentState::Succeeded {
        amount: Amount::ZERO,
        transaction_id: None,
        at: NOW,
    };
    call(key, state)
}

fn event(name: EventName, key: Option<&str>) -> PaymentEvent {
    PaymentEvent {
        idempotency_key: key.map(str::to_owned),
        ..testing::event(name, 100, "2024-01-01T10:00:00Z", "1")
    }
}

#[test]
fn a_record_read_before_the_log_will_do_while_it_has_all_that_the_log_shows() {
    use EventName::{Authorized, Cancelled, Captured, Created, Expired};
    let (one, two) = ("key-of-the-first", "key-of-the-second");
    let cases = [
        (
            vec![],
            vec![event(Created, Some("made")), event(Authorized, None)],
            true,
        ),
        (vec![], vec![event(Expired, None)], true),
        (vec![done(one)], vec![event(Captured, Some(one))], true),
        // Refused, or not done: nothing of it is in the log.
        (
            vec![done(one), call(two, AdjustmentState::Refused)],
            vec![event(Captured, Some(one))],
            true,
        ),
        (
            vec![call(one, AdjustmentState::NotDone)],
            vec![event(Created, None)],
            true,
        ),
        // A call that came to its end meanwhile.
        (
            vec![call(one, AdjustmentState::Open(NOW))],
            vec![event(Created, None)],
            false,
        ),
        // One that began and ended meanwhile.
        (vec![], vec![event(Captured, Some(one))], false),
        (
            vec![done(one)],
            vec![event(Captured, Some(one)), event(Captured, Some(two))],
            false,
        ),
        // Whose it is can't be told.
        (vec![done(one)], vec![event(Cancelled, None)], false),
    ];
    for (calls, events, will_do) in cases {
        assert_eq!(covers(&calls, &events), will_do, "{calls:?} {events:?}");
    }
}
