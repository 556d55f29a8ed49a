//! The log's times and its order, whichever way ePayment gives it.

use super::*;

#[test]
fn times_have_three_decimals_and_increase_strictly() {
    let times = |events: &[PaymentEvent]| {
        let log = Case::new(State::Authorized, PAID, events).log();
        let times: Vec<_> = log.into_iter().map(|e| e.time_stamp).collect();
        times.join("\n")
    };
    insta::assert_snapshot!(times(&whole_life()), @r"
    2026-03-01T13:00:00.999Z
    2026-03-01T12:00:00.000Z
    2026-03-01T11:00:00.000Z
    2026-03-01T10:01:00.500Z
    2026-03-01T10:00:00.123Z
    ");
    // Equal at three decimals, equal altogether, before the creation, and not a time at all.
    let close = [
        event(Created, 50_000, "10:00:00.1230001", "p"),
        event(Authorized, 50_000, "10:00:00.1239999", "1"),
        event(Captured, 300, "10:00:00.1239999", "2"),
        event(Refunded, 100, "10:00:00.124", "3"),
        event(Captured, 300, "10:00:00.999", "4"),
    ];
    insta::assert_snapshot!(times(&close), @r"
    2026-03-01T10:00:00.999Z
    2026-03-01T10:00:00.126Z
    2026-03-01T10:00:00.125Z
    2026-03-01T10:00:00.124Z
    2026-03-01T10:00:00.123Z
    ");
    let odd = [
        event(Created, 50_000, "10:00:00", "p"),
        event(Authorized, 50_000, "09:59:59", "1"),
        event(Captured, 300, "later", "2"),
    ];
    insta::assert_snapshot!(times(&odd), @r"
    2026-03-01T10:00:00.002Z
    2026-03-01T10:00:00.001Z
    2026-03-01T10:00:00.000Z
    ");
}

#[test]
fn the_direction_of_the_log_does_not_matter() {
    let ascending = Case::new(State::Authorized, PAID, &whole_life()).details();
    let mut events = whole_life();
    events.reverse();
    assert_eq!(
        Case::new(State::Authorized, PAID, &events).details(),
        ascending
    );
    for shuffle in [
        [2, 0, 4, 1, 3],
        [4, 2, 0, 3, 1],
        [1, 0, 2, 3, 4],
        [3, 4, 1, 2, 0],
    ] {
        let events: Vec<_> = shuffle.iter().map(|n| whole_life()[*n].clone()).collect();
        let shuffled = Case::new(State::Authorized, PAID, &events).details();
        assert_eq!(shuffled, ascending, "{shuffle:?}");
    }
}

#[test]
fn equal_times_keep_the_direction_of_the_log() {
    let at = |name, number| event(name, 50_000, "10:00:00", number);
    let ascending = [
        at(Created, "p"),
        at(Authorized, "1"),
        at(Captured, "2"),
        at(Refunded, "3"),
    ];
    let mut descending = ascending.to_vec();
    descending.reverse();
    let story = "REFUND 50000, CAPTURE 50000, RESERVE 50000, INITIATE 50000";
    assert_eq!(
        Case::new(State::Authorized, PAID, &ascending).story(),
        story
    );
    assert_eq!(
        Case::new(State::Authorized, PAID, &descending).story(),
        story
    );
    // Two equal ones at the end of a log that goes down.
    let mut later = vec![
        event(Refunded, 1, "10:05:00", "4"),
        at(Captured, "2"),
        at(Authorized, "1"),
    ];
    later.push(event(Created, 50_000, "09:00:00", "p"));
    assert_eq!(
        Case::new(State::Authorized, PAID, &later).story(),
        "REFUND 1, CAPTURE 50000, RESERVE 50000, INITIATE 50000"
    );
}

proptest::proptest! {
    #[test]
    fn any_order_of_the_events_gives_the_same_details(
        events in proptest::strategy::Strategy::prop_shuffle(proptest::strategy::Just(whole_life())),
    ) {
        let sorted = Case::new(State::Authorized, PAID, &whole_life());
        let shuffled = Case::new(State::Authorized, PAID, &events);
        proptest::prop_assert_eq!(shuffled.details(), sorted.details());
        proptest::prop_assert_eq!(shuffled.status(), sorted.status());
    }
}
