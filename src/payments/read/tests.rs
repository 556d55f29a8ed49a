//! When what was read before the log will do.

use super::super::next::tests::{call as of_request, done};
use super::*;
use crate::translate::testing;
use crate::types::Moment;

fn call(key: &str, state: AdjustmentState) -> Adjustment {
    Adjustment {
        key: IdempotencyKey::parse(key),
        ..of_request("id", 0, state)
    }
}

fn event(name: EventName, key: Option<&str>) -> PaymentEvent {
    PaymentEvent {
        idempotency_key: key.map(str::to_owned),
        ..testing::event(name, 100, "10:00:00", "1")
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
        (
            vec![call(one, done())],
            vec![event(Captured, Some(one))],
            true,
        ),
        // Refused, or not done: nothing of it is in the log.
        (
            vec![call(one, done()), call(two, AdjustmentState::Refused)],
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
            vec![call(one, AdjustmentState::Open(Moment::default()))],
            vec![event(Created, None)],
            false,
        ),
        // One that began and ended meanwhile.
        (vec![], vec![event(Captured, Some(one))], false),
        (
            vec![call(one, done())],
            vec![event(Captured, Some(one)), event(Captured, Some(two))],
            false,
        ),
        // Whose it is can't be told.
        (vec![call(one, done())], vec![event(Cancelled, None)], false),
    ];
    for (calls, events, will_do) in cases {
        assert_eq!(covers(&calls, &events), will_do, "{calls:?} {events:?}");
    }
}
