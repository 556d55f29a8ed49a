//! Events and payments find each other, whichever comes first.
//!
//! Must not: know which back end it runs on.

use super::races::at_once;
use super::*;
use crate::ecom::callback::CallbackStatus;
use crate::epayment::event::EventName;
use crate::store::{Accepted, NewEvent};

/// Whether a callback was queued.
async fn finish(both: &Both, id: AttemptId, outcome: Outcome, now: i64) -> bool {
    let end = both.store.finish_payment(id, outcome, at(now)).await;
    end.unwrap()
}

async fn unmatched(both: &Both) -> u64 {
    both.callbacks.callback_counts().await.unwrap().unmatched
}

pub(in crate::store) async fn an_event_before_the_attempt_is_finished_waits_for_it(both: Both) {
    let id = fresh(&both.store, new_payment("o1", Origin::Epayment, "a")).await;
    let early = accept(&both, approved("o1"), 1200).await;
    assert_eq!(early, Accepted::Unmatched);
    assert_eq!(unmatched(&both).await, 1);
    assert!(!finish(&both, id, Outcome::Unknown(at(31_000)), 1300).await);
    assert!(of_order(&both, "o1").await.is_empty());
    assert!(finish(&both, id, succeeded(), 1500).await);
    let view = the_one(&both, "o1").await;
    assert_eq!(view.status, CallbackStatus::Reserved);
    assert_eq!((view.queued_at, view.due_at), (at(1500), at(1500)));
    assert_eq!(unmatched(&both).await, 0);
    assert_eq!(
        accept(&both, approved("o1"), 1600).await,
        Accepted::Duplicate
    );
    the_one(&both, "o1").await;
}

pub(in crate::store) async fn an_event_before_a_refusal_stays_unmatched(both: Both) {
    for (text, outcome) in [
        ("o1", Outcome::Refused),
        ("o2", Outcome::NotDone(at(31_000))),
    ] {
        let id = fresh(&both.store, new_payment(text, Origin::Epayment, "a")).await;
        accept(&both, approved(text), 1200).await;
        assert!(!finish(&both, id, outcome, 1500).await);
        assert!(of_order(&both, text).await.is_empty());
    }
    assert_eq!(unmatched(&both).await, 2);
    // A later attempt that succeeds finds it.
    paid(&both, "o1").await;
    the_one(&both, "o1").await;
    assert_eq!(unmatched(&both).await, 1);
}

pub(in crate::store) async fn an_event_before_learning_waits_for_it(both: Both) {
    accept(&both, approved("o1"), 1200).await;
    for now in [1500, 1600] {
        let learned = both
            .store
            .learn_payment(
                &shop(),
                &order("o1"),
                caller("a"),
                facts(Origin::Epayment),
                at(now),
            )
            .await;
        learned.unwrap();
        assert_eq!(the_one(&both, "o1").await.queued_at, at(1500));
    }
    assert_eq!(unmatched(&both).await, 0);
    // By its reference with the prefix of short orders, and by a long one.
    for text in ["order-of-more-than-seven", "Woo17"] {
        accept(&both, approved(text), 1200).await;
        paid(&both, text).await;
        the_one(&both, text).await;
    }
}

pub(in crate::store) async fn events_that_waited_follow_in_their_order(both: Both) {
    let declined = NewEvent {
        success: false,
        callback: None,
        ..approved("o1")
    };
    accept(&both, declined, 1200).await;
    accept(&both, event("o1", EventName::Expired), 1201).await;
    accept(&both, approved("o1"), 1202).await;
    // Silent end first: nothing follows, and the token is gone.
    accept(&both, event("o2", EventName::Terminated), 1203).await;
    accept(&both, event("o2", EventName::Expired), 1204).await;
    paid(&both, "o1").await;
    paid(&both, "o2").await;
    let view = the_one(&both, "o1").await;
    assert_eq!(view.status, CallbackStatus::Rejected);
    assert!(of_order(&both, "o2").await.is_empty());
    assert_eq!(token_of(&both, "o2").await, None);
    assert_eq!(unmatched(&both).await, 0);
}

pub(in crate::store) async fn an_event_with_the_attempts_key_makes_it_the_payment(both: Both) {
    let id = fresh(&both.store, new_payment("o1", Origin::Epayment, "a")).await;
    let other_key = NewEvent {
        key: key("another-key"),
        ..event("o1", EventName::Captured)
    };
    assert_eq!(accept(&both, other_key, 1100).await, Accepted::Unmatched);
    let own = NewEvent {
        key: key("bridge-1"),
        ..approved("o1")
    };
    let accepted = accept(&both, own, 1200).await;
    let view = the_one(&both, "o1").await;
    assert_eq!(accepted, Accepted::Queued(view.id));
    assert_eq!(unmatched(&both).await, 0, "the earlier one is matched too");
    let look = || async {
        let known = both.store.payment(&shop(), &order("o1"), caller("a")).await;
        known.unwrap()
    };
    let known = look().await;
    assert!(known.attempt.is_none());
    let payment = known.payment.unwrap();
    assert_eq!(payment.create_key, key("bridge-1"));
    assert_eq!(payment.created_at, at(1200));
    assert_same(&payment.facts, &facts(Origin::Epayment));
    // The sender's own end comes too late to change it, even a refusal.
    for outcome in [succeeded(), Outcome::Refused] {
        finish(&both, id, outcome, 1500).await;
        assert_eq!(look().await.payment.unwrap().created_at, at(1200));
    }
    the_one(&both, "o1").await;

    // Where the payment is known already, it stays as it is and the attempt ends.
    let learn = both
        .store
        .learn_payment(
            &shop(),
            &order("o2"),
            caller("a"),
            facts(Origin::Epayment),
            at(900),
        )
        .await;
    learn.unwrap();
    fresh(&both.store, new_payment("o2", Origin::Epayment, "a")).await;
    let own = NewEvent {
        key: key("bridge-1"),
        ..approved("o2")
    };
    let accepted = accept(&both, own, 1200).await;
    assert!(matches!(accepted, Accepted::Queued(_)));
    let known = both.store.payment(&shop(), &order("o2"), caller("a")).await;
    let known = known.unwrap();
    assert!(known.attempt.is_none());
    assert_eq!(known.payment.unwrap().created_at, at(900));
}

pub(in crate::store) async fn a_failed_creation_proves_nothing(both: Both) {
    fresh(&both.store, new_payment("o1", Origin::Epayment, "a")).await;
    let failed = NewEvent {
        key: key("bridge-1"),
        success: false,
        ..event("o1", EventName::Created)
    };
    assert_eq!(accept(&both, failed, 1200).await, Accepted::Unmatched);
    let known = both.store.payment(&shop(), &order("o1"), caller("a")).await;
    let known = known.unwrap();
    assert!(known.payment.is_none() && known.attempt.is_some());
}

pub(in crate::store) async fn events_match_their_own_unit_and_order_only(both: Both) {
    paid(&both, "o1").await;
    for (unit, text) in [("654321", "o1"), ("123456", "O1"), ("123456", "o11")] {
        let other = accept(&both, elsewhere(unit, approved(text)), 6000).await;
        assert_eq!(other, Accepted::Unmatched, "{unit} {text}");
    }
    // A reference that no order id has.
    let long = NewEvent {
        reference: Reference::parse(&"r".repeat(64)).unwrap(),
        ..approved("o1")
    };
    assert_eq!(accept(&both, long, 6000).await, Accepted::Unmatched);
    // An attempt with the same key elsewhere is not it.
    fresh(&both.store, new_payment("o2", Origin::Epayment, "a")).await;
    let other = NewEvent {
        key: key("bridge-1"),
        ..elsewhere("654321", approved("o2"))
    };
    assert_eq!(accept(&both, other, 6000).await, Accepted::Unmatched);
    assert!(of_order(&both, "o1").await.is_empty());
    assert!(of_order(&both, "o2").await.is_empty());
    let owner = Scope::Caller(caller("a"));
    let mut new = new_payment("o3", Origin::Epayment, "a");
    new.scope = owner;
    let id = fresh(&both.store, new).await;
    finish(&both, id, succeeded(), 1500).await;
    assert_eq!(
        accept(&both, approved("o3"), 6000).await,
        Accepted::Unmatched
    );
}

pub(in crate::store) async fn finishing_and_events_at_once_lose_nothing(both: Both) {
    for round in 0..20 {
        let text = format!("o{round}");
        let id = fresh(&both.store, new_payment(&text, Origin::Epayment, "a")).await;
        at_once(6, |n| {
            let (both, text) = (both.clone(), text.clone());
            async move {
                if n == 0 {
                    finish(&both, id, succeeded(), 1500).await;
                } else if n == 1 {
                    let (scope, order) = (shop(), order(&text));
                    let facts = facts(Origin::Epayment);
                    let learned =
                        both.store
                            .learn_payment(&scope, &order, caller("a"), facts, at(1500));
                    learned.await.unwrap();
                } else {
                    let event = NewEvent {
                        key: key("bridge-1").filter(|_| n == 3),
                        ..approved(&text)
                    };
                    accept(&both, event, 1500).await;
                }
            }
        })
        .await;
        the_one(&both, &text).await;
    }
    assert_eq!(unmatched(&both).await, 0);
}
