//! States, sums that count once, and sums that never overflow.

use proptest::prelude::*;

use super::*;

fn sum(units: i64) -> Amount {
    Amount::new(units).unwrap()
}

fn at(millis: i64) -> Moment {
    Moment::from_millis(millis)
}

fn heard(balance: &mut Balance, name: EventName, amount: i64) {
    let news = News {
        name,
        success: true,
        amount: sum(amount),
        at: at(5),
        counted: false,
    };
    balance.hear(news, Some(sum(1000)), Learnt::Webhook, at(9));
}

fn sums(balance: &Balance) -> [i64; 4] {
    let sums = &balance.sums;
    [
        sums.authorized,
        sums.captured,
        sums.refunded,
        sums.cancelled,
    ]
    .map(Amount::minor_units)
}

#[test]
fn a_payment_goes_through_its_states() {
    use EventName::{Authorized, Cancelled, Captured, Refunded};
    let mut balance = Balance::new(PayState::Created, at(1));
    for (name, amount, state, want) in [
        (Authorized, 1000, PayState::Reserved, [1000, 0, 0, 0]),
        (Captured, 400, PayState::PartlyCaptured, [1000, 400, 0, 0]),
        (Refunded, 100, PayState::PartlyCaptured, [1000, 400, 100, 0]),
        (Cancelled, 600, PayState::Captured, [1000, 400, 100, 600]),
        (Refunded, 300, PayState::Refunded, [1000, 400, 400, 600]),
    ] {
        heard(&mut balance, name, amount);
        assert_eq!((balance.state, sums(&balance)), (state, want), "{name:?}");
    }
    assert_eq!(balance.counted(at(1)), None);
}

#[test]
fn what_failed_counts_for_nothing() {
    let mut balance = Balance::new(PayState::Created, at(1));
    heard(&mut balance, EventName::Authorized, 1000);
    for name in [
        EventName::Captured,
        EventName::Refunded,
        EventName::Cancelled,
    ] {
        let news = News {
            name,
            success: false,
            amount: sum(300),
            at: at(5),
            counted: false,
        };
        balance.hear(news, Some(sum(1000)), Learnt::Webhook, at(9));
        assert_eq!(
            (balance.state, sums(&balance)),
            (PayState::Reserved, [1000, 0, 0, 0]),
            "{name:?}"
        );
    }
}

#[test]
fn what_ends_before_approval_is_closed_and_never_after_it() {
    for (name, state) in [
        (EventName::Aborted, PayState::Failed),
        (EventName::Expired, PayState::Failed),
        (EventName::Terminated, PayState::Cancelled),
    ] {
        let mut early = Balance::new(PayState::Created, at(1));
        heard(&mut early, name, 1000);
        assert_eq!(early.state, state);
        let mut late = Balance::new(PayState::Created, at(1));
        heard(&mut late, EventName::Authorized, 1000);
        heard(&mut late, name, 1000);
        assert_eq!(late.state, PayState::Reserved);
    }
}

#[test]
fn a_capture_before_its_approval_is_heard_keeps_the_order() {
    let mut balance = Balance::new(PayState::Created, at(1));
    heard(&mut balance, EventName::Captured, 300);
    assert_eq!(balance.state, PayState::PartlyCaptured);
    heard(&mut balance, EventName::Authorized, 1000);
    assert_eq!(sums(&balance), [1000, 300, 0, 0]);
}

#[test]
fn an_operation_that_was_counted_is_not_counted_again() {
    let mut balance = Balance::new(PayState::Created, at(1));
    heard(&mut balance, EventName::Captured, 300);
    let done = DoneCall {
        op: MoneyOp::Capture,
        amount: sum(300),
        at: at(5),
        counted: true,
    };
    balance.call(done, Some(sum(1000)), at(9));
    assert_eq!(sums(&balance), [1000, 300, 0, 0]);
    assert_eq!(balance.learnt, Learnt::MoneyCall);
}

#[test]
fn words_read_back() {
    for state in PayState::ALL {
        assert_eq!(PayState::parse(state.word()), Some(state));
    }
    for class in OpenClass::ALL {
        assert_eq!(OpenClass::parse(class.word()), Some(class));
    }
    for learnt in Learnt::ALL {
        assert_eq!(Learnt::parse(learnt.word()), Some(learnt));
    }
    assert_eq!(PayState::parse("paid"), None);
}

proptest! {
    #[test]
    fn nothing_overflows_and_what_is_open_has_a_day(
        steps in proptest::collection::vec((0..6_usize, 0..=i64::MAX), 0..12)
    ) {
        let names = [EventName::Authorized, EventName::Captured, EventName::Refunded, EventName::Cancelled,
            EventName::Aborted, EventName::Terminated];
        let mut balance = Balance::new(PayState::Unknown, at(1));
        for (name, amount) in steps {
            heard(&mut balance, names[name], amount);
            if let Some(counted) = balance.counted(at(1)) {
                prop_assert!(counted.capture_day.is_some() || counted.refund_day.is_some());
                prop_assert!(counted.to_capture.minor_units() <= COUNTED_MAX);
                prop_assert!(counted.to_refund.minor_units() <= COUNTED_MAX);
            }
        }
    }
}
