//! Who shares a look with whom, and for how long.

use proptest::prelude::*;

use super::*;
use crate::epayment::event::EventName;
use crate::epayment::model;
use crate::translate::testing::{event, payment};
use crate::types::Msn;
use crate::upstream::changes::Changes;

const WINDOW: Duration = Duration::from_secs(1);

fn key(credentials: u8) -> Key {
    let reference = Reference::parse("order-1234").unwrap();
    Key {
        scope: Scope::Unit(Msn::parse("123456").unwrap()),
        generation: Changes::default().generation(&reference),
        reference,
        credentials: [credentials; 16],
        version: 0,
    }
}

fn at(millis: i64) -> Moment {
    Moment::from_millis(millis)
}

fn seen(events: usize) -> Arc<Seen> {
    let one = event(EventName::Created, 1, "10:00:00", "1");
    let look = Look {
        payment: payment(model::State::Created, [0; 4]),
        events: vec![one; events],
    };
    Arc::new(look.into())
}

#[test]
fn one_flies_and_the_others_join_until_the_window_ends() {
    let looks = SharedLooks::default();
    let (first, pilot) = looks.board(&key(1), at(0), WINDOW);
    let pilot = pilot.unwrap();
    assert!(looks.board(&key(1), at(10), WINDOW).1.is_none());
    assert!(
        looks.board(&key(2), at(10), WINDOW).1.is_some(),
        "another caller"
    );
    pilot.end(State::Landed(seen(1)));
    drop(pilot);
    let (same, pilot) = looks.board(&key(1), at(999), WINDOW);
    assert!(pilot.is_none() && Arc::ptr_eq(&same, &first));
    assert!(looks.board(&key(1), at(1_000), WINDOW).1.is_some());
}

#[test]
fn a_window_counts_from_the_beginning_also_of_a_look_under_way() {
    let looks = SharedLooks::default();
    let (_flight, _pilot) = looks.board(&key(1), at(5_000), WINDOW);
    assert!(looks.board(&key(1), at(6_000), WINDOW).1.is_some());
    // A clock that was set back makes nothing live longer.
    assert!(looks.board(&key(1), at(4_000), WINDOW).1.is_some());
}

#[test]
fn who_failed_or_left_is_followed_by_a_new_look() {
    for leaves in [true, false] {
        let looks = SharedLooks::default();
        let (flight, pilot) = looks.board(&key(1), at(0), WINDOW);
        let pilot = pilot.unwrap();
        if !leaves {
            pilot.end(State::Failed);
        }
        drop(pilot);
        let left = matches!(*flight.state.borrow(), State::Left);
        assert_eq!(left, leaves);
        assert!(looks.board(&key(1), at(1), WINDOW).1.is_some());
    }
}

#[test]
fn a_look_weighs_what_its_log_weighs() {
    let (_sender, state) = watch::channel(State::Landed(seen(100)));
    let flight = Flight {
        began: at(0),
        state,
    };
    assert_eq!(flight.weight(), 4_096 + 100 * 512);
}

#[test]
fn nothing_is_told_by_debug() {
    assert_eq!(format!("{:?}", seen(1)), "Seen(hidden)");
}

fn credentials(parts: &[Option<String>; 2], msn: bool) -> Credentials {
    let value = |part: &Option<String>| {
        part.as_ref()
            .and_then(|text| http::HeaderValue::from_str(text).ok())
    };
    Credentials {
        authorization: value(&parts[0]),
        subscription_key: value(&parts[1]),
        msn: msn.then(|| Msn::parse("123456").unwrap()),
        system: Vec::new(),
    }
}

fn parts() -> impl Strategy<Value = ([Option<String>; 2], bool)> {
    let part = || proptest::option::of("[ab]{0,3}");
    ([part(), part()], any::<bool>())
}

proptest! {
    #[test]
    fn only_equal_credentials_prove_the_same(a in parts(), b in parts()) {
        let same = proof(&credentials(&a.0, a.1)) == proof(&credentials(&b.0, b.1));
        prop_assert_eq!(same, a == b);
    }
}
