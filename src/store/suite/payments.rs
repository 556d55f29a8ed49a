//! Payments and the attempts at one: what the trait promises, sentence by sentence.
//!
//! Must not: know which back end it runs on.

use super::*;
use crate::store::{Attempt, AttemptState, First, Known};

async fn known(store: &Any, text: &str, who: &str) -> Known {
    let found = store.payment(&shop(), &order(text), caller(who)).await;
    found.unwrap()
}

async fn open_attempt(store: &Any, text: &str, who: &str) -> Attempt {
    known(store, text, who).await.attempt.unwrap()
}

async fn pay(store: &Any, text: &str, origin: Origin, who: &str) {
    let id = fresh(store, new_payment(text, origin, who)).await;
    store
        .finish_payment(id, succeeded(), at(1500))
        .await
        .unwrap();
}

fn bound(begun: &Begun) -> Option<Origin> {
    match begun {
        Begun::Bound(origin) => Some(*origin),
        _ => None,
    }
}

/// Of whoever began `new_payment`.
const OWNER: Moment = at(31_000);
const NOT_DONE: Outcome = Outcome::NotDone(OWNER);
const UNKNOWN: Outcome = Outcome::Unknown(OWNER);

pub(in crate::store) async fn nothing_is_known_of_a_new_order(store: Any) {
    let known = known(&store, "o1", "a").await;
    assert!(known.payment.is_none() && known.attempt.is_none());
    assert!(store.units_of_caller(caller("a")).await.unwrap().is_empty());
    let units = store.units_of_order(caller("a"), &order("o1")).await;
    assert!(units.unwrap().is_empty());
    let unheard = AttemptId(77);
    assert!(!store.resume_payment(unheard, at(1), at(2)).await.unwrap());
    store
        .finish_payment(unheard, succeeded(), at(1))
        .await
        .unwrap();
}

pub(in crate::store) async fn a_success_makes_the_attempt_the_payment(store: Any) {
    let new = new_payment("o1", Origin::Epayment, "a");
    let id = fresh(&store, new.clone()).await;
    let attempt = open_attempt(&store, "o1", "a").await;
    assert_eq!(attempt.id, id);
    assert_eq!(attempt.key, new.key);
    assert_eq!(attempt.fingerprint, [3; 16]);
    assert_eq!(attempt.state, AttemptState::InFlight(at(31_000)));
    assert_eq!(attempt.begun_at, at(1000));
    assert_same(&attempt.facts, &new.facts);
    assert!(known(&store, "o1", "a").await.payment.is_none());

    store
        .finish_payment(id, succeeded(), at(1500))
        .await
        .unwrap();
    let known = known(&store, "o1", "a").await;
    assert!(known.attempt.is_none());
    let payment = known.payment.unwrap();
    assert_eq!((&payment.scope, &payment.order), (&shop(), &order("o1")));
    assert_eq!(payment.create_key, new.key);
    assert_eq!(payment.created_at, at(1500));
    assert_same(&payment.facts, &new.facts);
}

pub(in crate::store) async fn a_refusal_or_not_done_frees_the_order(store: Any) {
    for (outcome, text) in [(Outcome::Refused, "o1"), (NOT_DONE, "o2")] {
        let id = fresh(&store, new_payment(text, Origin::Epayment, "a")).await;
        store.finish_payment(id, outcome, at(1500)).await.unwrap();
        let known = known(&store, text, "a").await;
        assert!(known.payment.is_none() && known.attempt.is_none());
        fresh(&store, new_payment(text, Origin::Ecom, "a")).await;
    }
}

pub(in crate::store) async fn an_unknown_attempt_stays_open_for_whoever_comes(store: Any) {
    let new = new_payment("o1", Origin::Epayment, "a");
    let id = fresh(&store, new.clone()).await;
    store.finish_payment(id, UNKNOWN, at(1500)).await.unwrap();
    let attempt = open_attempt(&store, "o1", "a").await;
    assert_eq!((attempt.id, attempt.state), (id, AttemptState::Unknown));
    match store.begin_payment(new).await.unwrap() {
        Begun::Open(open) => {
            assert_eq!((open.id, open.state), (id, AttemptState::Unknown));
        }
        other => panic!("{other:?}"),
    }
    assert!(store.resume_payment(id, at(1500), at(9000)).await.unwrap());
    let attempt = open_attempt(&store, "o1", "a").await;
    assert_eq!(attempt.state, AttemptState::InFlight(at(9000)));
    assert_eq!(attempt.begun_at, at(1000));
}

pub(in crate::store) async fn an_attempt_in_flight_stands_in_the_way_as_it_is(store: Any) {
    let id = fresh(&store, new_payment("o1", Origin::Epayment, "a")).await;
    // Also long after its owner's time: the caller of the store compares the moments.
    for now in [1001, 999_999] {
        let mut again = new_payment("o1", Origin::Epayment, "a");
        again.now = at(now);
        again.until = at(now + 30_000);
        match store.begin_payment(again).await.unwrap() {
            Begun::Open(open) => {
                assert_eq!(open.id, id);
                assert_eq!(open.state, AttemptState::InFlight(at(31_000)));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(open_attempt(&store, "o1", "a").await.id, id);
}

pub(in crate::store) async fn an_attempt_has_one_owner_at_a_time(store: Any) {
    let id = fresh(&store, new_payment("o1", Origin::Epayment, "a")).await;
    let take = |now, until| store.resume_payment(id, at(now), at(until));
    assert!(!take(30_999, 90_000).await.unwrap());
    assert!(take(31_000, 61_000).await.unwrap());
    assert!(!take(60_999, 90_000).await.unwrap());
    assert!(take(61_000, 91_000).await.unwrap());
}

pub(in crate::store) async fn whoever_has_lost_an_attempt_says_nothing_of_it(store: Any) {
    let id = fresh(&store, new_payment("o1", Origin::Epayment, "a")).await;
    let taken = store.resume_payment(id, OWNER, at(61_000)).await;
    assert!(taken.unwrap());
    for late in [NOT_DONE, UNKNOWN] {
        let end = store.finish_payment(id, late.clone(), at(32_000)).await;
        assert!(!end.unwrap());
        let attempt = open_attempt(&store, "o1", "a").await;
        let owned = AttemptState::InFlight(at(61_000));
        assert_eq!((attempt.id, attempt.state), (id, owned), "{late:?}");
    }
    let end = store.finish_payment(id, succeeded(), at(32_000)).await;
    end.unwrap();
    assert!(known(&store, "o1", "a").await.payment.is_some());
}

pub(in crate::store) async fn what_has_ended_stays_ended(store: Any) {
    for first in [succeeded(), Outcome::Refused, NOT_DONE] {
        let text =
            format!("o-{}", first == succeeded()) + &format!("{}", first == Outcome::Refused);
        let id = fresh(&store, new_payment(&text, Origin::Epayment, "a")).await;
        store
            .finish_payment(id, first.clone(), at(1500))
            .await
            .unwrap();
        for later in [UNKNOWN, succeeded(), Outcome::Refused, NOT_DONE] {
            store.finish_payment(id, later, at(1600)).await.unwrap();
            assert!(!store.resume_payment(id, at(1600), at(1700)).await.unwrap());
            let known = known(&store, &text, "a").await;
            assert!(known.attempt.is_none());
            let created = known.payment.map(|payment| payment.created_at);
            assert_eq!(created, (first == succeeded()).then(|| at(1500)));
        }
        // The number of an ended attempt is never another's.
        let next = fresh(&store, new_payment(&text, Origin::Epayment, "a")).await;
        assert_ne!(next, id);
        store
            .finish_payment(id, Outcome::Refused, at(1))
            .await
            .unwrap();
        assert_eq!(open_attempt(&store, &text, "a").await.id, next);
    }
}

pub(in crate::store) async fn a_payment_binds_the_order_for_every_caller(store: Any) {
    pay(&store, "o1", Origin::Epayment, "a").await;
    pay(&store, "o2", Origin::Ecom, "a").await;
    for who in ["a", "b"] {
        let new = new_payment("o1", Origin::Ecom, who);
        let begun = store.begin_payment(new).await.unwrap();
        assert_eq!(bound(&begun), Some(Origin::Epayment));
        let new = new_payment("o2", Origin::Epayment, who);
        let begun = store.begin_payment(new).await.unwrap();
        assert_eq!(bound(&begun), Some(Origin::Ecom));
        assert!(known(&store, "o1", who).await.attempt.is_none());
        assert!(known(&store, "o2", who).await.attempt.is_none());
        assert!(known(&store, "o1", who).await.payment.is_some());
    }
}

pub(in crate::store) async fn the_first_attempt_is_begun_only_where_nothing_is_known(store: Any) {
    let begun = |text: &str, origin, who: &str| {
        let (new, store) = (new_payment(text, origin, who), Arc::clone(&store));
        async move { store.begin_first_payment(new).await.unwrap() }
    };
    for (n, api) in [Origin::Epayment, Origin::Ecom].into_iter().enumerate() {
        let text = &format!("o{n}");
        let First::Begun(id) = begun(text, api, "a").await else {
            panic!("nothing was known");
        };
        let open = open_attempt(&store, text, "a").await;
        assert_eq!((open.id, open.facts.origin), (id, api));
        assert_same(&open.facts, &new_payment(text, api, "a").facts);
        // An open attempt of the same caller, in flight or not, and the payment of whichever caller.
        for asked in [Origin::Epayment, Origin::Ecom] {
            let First::Known(known) = begun(text, asked, "a").await else {
                panic!("an attempt was open");
            };
            assert_eq!(known.attempt.map(|open| open.id), Some(id));
        }
        let end = store.finish_payment(id, succeeded(), at(1500)).await;
        end.unwrap();
        for who in ["a", "b"] {
            let First::Known(known) = begun(text, api, who).await else {
                panic!("the order was a payment's");
            };
            assert!(known.attempt.is_none());
            assert_eq!(known.payment.unwrap().facts.origin, api);
        }
    }
    // Another caller's attempt is nothing that is known.
    assert!(matches!(
        begun("o9", Origin::Ecom, "a").await,
        First::Begun(_)
    ));
    assert!(matches!(
        begun("o9", Origin::Epayment, "b").await,
        First::Begun(_)
    ));
}

pub(in crate::store) async fn an_open_attempt_binds_the_order_for_its_caller_only(store: Any) {
    for (api, other, text) in [
        (Origin::Epayment, Origin::Ecom, "o1"),
        (Origin::Ecom, Origin::Epayment, "o2"),
    ] {
        let id = fresh(&store, new_payment(text, api, "a")).await;
        for _in_flight_and_unknown in 0..2 {
            let begun = store.begin_payment(new_payment(text, other, "a")).await;
            assert_eq!(bound(&begun.unwrap()), Some(api));
            let end = store.finish_payment(id, UNKNOWN, at(1500)).await;
            end.unwrap();
        }
        assert!(known(&store, text, "b").await.attempt.is_none());
        let theirs = fresh(&store, new_payment(text, other, "b")).await;
        assert_eq!(open_attempt(&store, text, "b").await.id, theirs);
        assert_eq!(open_attempt(&store, text, "a").await.id, id);
    }
}

pub(in crate::store) async fn a_payment_of_the_same_api_is_no_obstacle_and_not_overwritten(
    store: Any,
) {
    pay(&store, "o1", Origin::Epayment, "a").await;
    let mut again = new_payment("o1", Origin::Epayment, "b");
    again.key = key("bridge-2");
    again.facts = bare(Origin::Epayment);
    let id = fresh(&store, again).await;
    store
        .finish_payment(id, succeeded(), at(1900))
        .await
        .unwrap();
    let known = known(&store, "o1", "b").await;
    assert!(known.attempt.is_none());
    let payment = known.payment.unwrap();
    assert_eq!(payment.create_key, key("bridge-1"));
    assert_eq!(payment.created_at, at(1500));
    assert_same(&payment.facts, &facts(Origin::Epayment));
    assert!(store.units_of_caller(caller("b")).await.unwrap().is_empty());
}

pub(in crate::store) async fn several_ecom_attempts_may_be_open_and_the_newest_shows(store: Any) {
    let one = fresh(&store, new_payment("o1", Origin::Ecom, "a")).await;
    let two = fresh(&store, new_payment("o1", Origin::Ecom, "a")).await;
    let newest = open_attempt(&store, "o1", "a").await;
    assert_eq!((newest.id, newest.key), (two, None));
    store
        .finish_payment(two, Outcome::Refused, at(1500))
        .await
        .unwrap();
    assert_eq!(open_attempt(&store, "o1", "a").await.id, one);
    store
        .finish_payment(one, succeeded(), at(1600))
        .await
        .unwrap();
    let known = known(&store, "o1", "a").await;
    assert!(known.attempt.is_none());
    assert_eq!(known.payment.unwrap().facts.origin, Origin::Ecom);
}

pub(in crate::store) async fn learning_records_once_and_changes_nothing(store: Any) {
    let learn = |facts, who, now| {
        let store = &store;
        async move {
            let (scope, order) = (shop(), order("o1"));
            let record = store.learn_payment(&scope, &order, caller(who), facts, at(now));
            record.await.unwrap()
        }
    };
    let first = learn(facts(Origin::Ecom), "a", 1000).await;
    assert_eq!((first.created_at, first.create_key), (at(1000), None));
    assert_same(&first.facts, &facts(Origin::Ecom));
    let second = learn(bare(Origin::Epayment), "b", 2000).await;
    assert_eq!(second.created_at, at(1000));
    assert_same(&second.facts, &facts(Origin::Ecom));
    assert_same(
        &known(&store, "o1", "c").await.payment.unwrap().facts,
        &facts(Origin::Ecom),
    );
    assert!(store.units_of_caller(caller("b")).await.unwrap().is_empty());

    // An attempt that is open already and succeeds later does not overwrite it either, and learning ends no attempt.
    let id = fresh(&store, new_payment("o2", Origin::Epayment, "a")).await;
    let learned = store
        .learn_payment(
            &shop(),
            &order("o2"),
            caller("a"),
            bare(Origin::Epayment),
            at(1100),
        )
        .await
        .unwrap();
    assert_same(&learned.facts, &bare(Origin::Epayment));
    assert_eq!(open_attempt(&store, "o2", "a").await.id, id);
    store
        .finish_payment(id, succeeded(), at(1500))
        .await
        .unwrap();
    let payment = known(&store, "o2", "a").await.payment.unwrap();
    assert_eq!((payment.created_at, payment.create_key), (at(1100), None));
}

pub(in crate::store) async fn units_are_those_of_the_callers_payments_and_two_at_most(store: Any) {
    let mut expected: Vec<&str> = Vec::new();
    for msn in ["200001", "100001", "150001", "300001"] {
        let mut new = new_payment("o1", Origin::Epayment, "a");
        new.scope = unit(msn);
        let id = fresh(&store, new).await;
        let before = store.units_of_order(caller("a"), &order("o1")).await;
        assert_eq!(before.unwrap().len(), expected.len().min(2));
        store
            .finish_payment(id, succeeded(), at(1500))
            .await
            .unwrap();
        expected.push(msn);
        for units in [
            store.units_of_order(caller("a"), &order("o1")).await,
            store.units_of_caller(caller("a")).await,
        ] {
            let units = units.unwrap();
            assert_eq!(units.len(), expected.len().min(2));
            assert!(units.iter().all(|unit| expected.contains(&unit.as_str())));
        }
    }
    let other_order = store.units_of_order(caller("a"), &order("o2")).await;
    assert!(other_order.unwrap().is_empty());
    let other_caller = store.units_of_order(caller("b"), &order("o1")).await;
    assert!(other_caller.unwrap().is_empty());
    assert!(store.units_of_caller(caller("b")).await.unwrap().is_empty());

    // Two orders in one unit are one unit; a caller's own scope is none.
    pay(&store, "o3", Origin::Ecom, "c").await;
    pay(&store, "o4", Origin::Ecom, "c").await;
    let mut without = new_payment("o5", Origin::Ecom, "c");
    without.scope = Scope::Caller(caller("c"));
    let id = fresh(&store, without).await;
    store
        .finish_payment(id, succeeded(), at(1500))
        .await
        .unwrap();
    assert_eq!(store.units_of_caller(caller("c")).await.unwrap().len(), 1);
    let none = store.units_of_order(caller("c"), &order("o5")).await;
    assert!(none.unwrap().is_empty());
}

pub(in crate::store) async fn scopes_orders_and_their_case_never_mix(store: Any) {
    pay(&store, "order-a", Origin::Epayment, "a").await;
    let own = Scope::Caller(caller("a"));
    for (scope, text) in [
        (unit("654321"), "order-a"),
        (own.clone(), "order-a"),
        (shop(), "order-A"),
        (shop(), "order-a "),
    ] {
        let known = store.payment(&scope, &order(text), caller("a")).await;
        assert!(known.unwrap().payment.is_none());
        let mut new = new_payment(text, Origin::Ecom, "a");
        new.scope = scope;
        fresh(&store, new).await;
    }
    assert!(open_attempt(&store, "order-A", "a").await.key.is_none());
    let theirs = store.payment(&own, &order("order-a"), caller("a")).await;
    assert!(theirs.unwrap().attempt.is_some());
}

pub(in crate::store) async fn odd_but_allowed_values_come_back_as_they_were(store: Any) {
    let mut odd = facts(Origin::Ecom);
    odd.kind = Kind::Express;
    odd.amount = Amount::new(i64::MAX);
    odd.currency = Some(Currency::Eur);
    odd.text = Some("é\u{0}\n'; DROP TABLE payments; -- 🧦".to_owned());
    odd.scope_asked = Some(String::new());
    odd.callback = Some(CallbackTarget {
        prefix: String::new(),
        auth_token: Some(SecretString::from("")),
    });
    let text = "å_/.'\"%🧦";
    for (n, facts) in [odd, bare(Origin::Ecom)].into_iter().enumerate() {
        let mut new = new_payment(text, Origin::Ecom, "a");
        new.scope = unit(["1234", "1235"][n]);
        new.facts = facts.clone();
        new.now = at(-5);
        new.until = at(i64::MAX);
        let scope = new.scope.clone();
        let id = fresh(&store, new).await;
        let known = store.payment(&scope, &order(text), caller("a")).await;
        let attempt = known.unwrap().attempt.unwrap();
        assert_same(&attempt.facts, &facts);
        assert_eq!(attempt.state, AttemptState::InFlight(at(i64::MAX)));
        store.finish_payment(id, succeeded(), at(-1)).await.unwrap();
        let known = store.payment(&scope, &order(text), caller("a")).await;
        let payment = known.unwrap().payment.unwrap();
        assert_same(&payment.facts, &facts);
        assert_eq!(payment.created_at, at(-1));
    }
}
