//! A look is never kept across a change: by hand, and against a model with looks of all ages.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::epayment::event::EventName;
use crate::epayment::model::State;
use crate::types::Amount;

fn reference() -> Reference {
    Reference::parse("order-1234").unwrap()
}

/// Authorized and captured; all else stays.
fn payment(state: State, [authorized, captured]: [i64; 2]) -> Payment {
    let text = include_str!("../../../tests/fixtures/epayment-payment.json");
    let mut payment: Payment = serde_json::from_str(text).unwrap();
    let amount = |value| Amount::new(value).unwrap();
    payment.state = state;
    payment.aggregate.authorized_amount.value = amount(authorized);
    payment.aggregate.captured_amount.value = amount(captured);
    payment
}

fn event(name: EventName, number: &str) -> PaymentEvent {
    let text = include_str!("../../../tests/fixtures/epayment-events.json");
    let events: Vec<PaymentEvent> = serde_json::from_str(text).unwrap();
    PaymentEvent {
        psp_reference: number.to_owned(),
        name,
        ..events[0].clone()
    }
}

fn marks(seen: u64) -> Marks {
    Marks {
        payment: seen,
        log: seen,
    }
}

#[test]
fn what_differs_is_marked_differently() {
    let changes = Changes::default();
    let log = [event(EventName::Created, "1")];
    let before = payment(State::Created, [0, 0]);
    let of = |payment, log| changes.marks(payment, log);
    assert_eq!(of(&before, &log), of(&before, &log));
    let reserved = payment(State::Authorized, [500, 0]);
    assert_ne!(of(&before, &log), of(&reserved, &log));
    let captured = payment(State::Authorized, [500, 500]);
    assert_ne!(of(&reserved, &log), of(&captured, &log));
    assert_ne!(of(&before, &log), of(&before, &[]));
}

#[test]
fn a_change_counts_when_it_begins_and_when_it_ends_in_whatever_way() {
    let (changes, reference) = (Changes::default(), reference());
    let began = changes.generation(&reference);
    let changing = changes.begin(&reference);
    assert_eq!(changes.shown(&reference, marks(1), began), None);
    let during = changes.generation(&reference);
    drop(changing);
    assert_eq!(changes.shown(&reference, marks(1), during), None);
    let after = changes.generation(&reference);
    assert!(changes.shown(&reference, marks(2), after).is_some());
}

#[test]
fn a_single_read_that_shows_news_ends_what_was_kept_and_one_that_shows_none_does_not() {
    let (changes, reference) = (Changes::default(), reference());
    let (state, log) = (payment(State::Created, [0, 0]), Vec::new());
    // Nobody shares anything yet.
    changes.payment_shown(&reference, &state);
    assert_eq!(changes.generation(&reference), Generation(0));
    let marks = changes.marks(&state, &log);
    let kept = changes.shown(&reference, marks, Generation(0)).unwrap();
    changes.payment_shown(&reference, &state);
    changes.log_shown(&reference, &log);
    assert_eq!(changes.generation(&reference), kept);
    changes.payment_shown(&reference, &payment(State::Authorized, [500, 0]));
    let after = changes.generation(&reference);
    assert_ne!(after, kept);
    changes.log_shown(&reference, &[event(EventName::Authorized, "2")]);
    assert_ne!(changes.generation(&reference), after);
}

#[derive(Clone, Debug)]
enum Step {
    /// A look begins.
    Begin,
    /// One of those under way ends; it saw the beginning's state, or the end's.
    End { which: usize, late: bool },
    /// The payment changes, and the bridge knows.
    Known,
    /// The payment changes, and the bridge does not know.
    Unknown,
    /// A read asks what is kept.
    Ask,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Begin),
        3 => (0..8_usize, any::<bool>()).prop_map(|(which, late)| Step::End { which, late }),
        1 => Just(Step::Known),
        1 => Just(Step::Unknown),
        4 => Just(Step::Ask),
    ]
}

proptest! {
    /// What is kept is at least as new as the last change that the bridge knows of, and as any look before.
    #[test]
    fn nothing_old_is_found(steps in prop::collection::vec(step(), 1..200), places in 1..3_usize) {
        let (changes, reference) = (Changes::with_places(places), reference());
        let mut kept: HashMap<Generation, u64> = HashMap::new();
        let mut under_way: Vec<(Generation, u64)> = Vec::new();
        let (mut now, mut known) = (1_u64, 0_u64);
        for step in steps {
            match step {
                Step::Begin => under_way.push((changes.generation(&reference), now)),
                Step::End { which, late } if which < under_way.len() => {
                    let (began, then) = under_way.swap_remove(which);
                    let seen = if late { now } else { then };
                    if let Some(generation) = changes.shown(&reference, marks(seen), began) {
                        kept.insert(generation, seen);
                        known = known.max(seen);
                    }
                }
                Step::End { .. } => {}
                Step::Known => {
                    now += 1;
                    known = now;
                    changes.changed(&reference);
                }
                Step::Unknown => now += 1,
                Step::Ask => {
                    if let Some(seen) = kept.get(&changes.generation(&reference)) {
                        prop_assert!(*seen >= known, "{seen} < {known}");
                    }
                }
            }
        }
    }
}
