//! Looks at payments whose final state nobody has told.
//!
//! Must not: know which back end it runs on.

use std::collections::BTreeSet;

use super::races::at_once;
use super::*;
use crate::epayment::event::EventName;
use crate::store::{DuePayment, NewEvent, Source};

fn looked_at(text: &str, origin: Origin, poll_at: i64) -> NewPayment {
    NewPayment {
        poll_at: Some(at(poll_at)),
        end_at: Some(at(77_000)),
        ..new_payment(text, origin, "a")
    }
}

async fn pay_looked_at(both: &Both, text: &str, poll_at: i64) {
    let id = fresh(&both.store, looked_at(text, Origin::Epayment, poll_at)).await;
    let end = both.store.finish_payment(id, succeeded(), at(1500)).await;
    end.unwrap();
}

async fn look(both: &Both, now: i64, until: i64) -> Vec<DuePayment> {
    let claim = both.callbacks.claim_polls(at(now), 100, at(until));
    claim.await.unwrap()
}

async fn settle_look(both: &Both, due: &DuePayment, next: Option<i64>) -> bool {
    let settle = both
        .callbacks
        .settle_poll(&due.scope, &due.order, due.lease, next.map(at));
    settle.await.unwrap()
}

pub(in crate::store) async fn payments_are_looked_at_when_due(both: Both) {
    pay_looked_at(&both, "o1", 5000).await;
    pay_looked_at(&both, "o2", 4000).await;
    paid(&both, "never").await;
    let id = fresh(&both.store, looked_at("ecom", Origin::Ecom, 4000)).await;
    let end = both.store.finish_payment(id, succeeded(), at(1500)).await;
    end.unwrap();
    // An open attempt is no payment.
    fresh(&both.store, looked_at("open", Origin::Epayment, 4000)).await;
    assert!(look(&both, 3999, 9000).await.is_empty());
    let none = both.callbacks.claim_polls(at(9000), 0, at(9500)).await;
    assert!(none.unwrap().is_empty());
    let one = both.callbacks.claim_polls(at(5000), 1, at(9000)).await;
    let one = one.unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].order, order("o2"), "the longest waiting first");
    let mut other = look(&both, 5000, 9000).await;
    assert_eq!(other.len(), 1);
    let due = other.remove(0);
    assert_eq!((&due.scope, &due.order), (&shop(), &order("o1")));
    assert_eq!(
        Some(&due.reference),
        facts(Origin::Epayment).reference.as_ref()
    );
    assert_same(&due.facts, &facts(Origin::Epayment));
    assert_eq!(due.caller, caller("a"));
    assert_eq!((due.looks, due.created_at), (0, at(1500)));
    assert_eq!(due.end_at, Some(at(77_000)));

    // Without a remembered reference it is the order's own.
    let mut new = looked_at("o3", Origin::Epayment, 20_000);
    new.facts.reference = None;
    let id = fresh(&both.store, new).await;
    let end = both.store.finish_payment(id, succeeded(), at(1500)).await;
    end.unwrap();
    let all = look(&both, 20_000, 30_000).await;
    let due = all.iter().find(|due| due.order == order("o3")).unwrap();
    assert_eq!(due.reference.as_str(), "ecom-id-o3");
}

pub(in crate::store) async fn a_look_is_a_lease(both: Both) {
    pay_looked_at(&both, "o1", 5000).await;
    let first = look(&both, 5000, 9000).await.remove(0);
    assert!(look(&both, 8999, 20_000).await.is_empty());
    let second = look(&both, 9000, 12_000).await.remove(0);
    assert_ne!(first.lease, second.lease);
    assert!(!settle_look(&both, &first, None).await, "too late");
    assert!(settle_look(&both, &second, Some(15_000)).await);
    assert!(!settle_look(&both, &second, Some(1)).await, "once");
    assert!(look(&both, 14_999, 20_000).await.is_empty());
    let third = look(&both, 15_000, 20_000).await.remove(0);
    assert_eq!(third.looks, 1);
    // Never again.
    assert!(settle_look(&both, &third, None).await);
    assert!(look(&both, i64::MAX, i64::MAX).await.is_empty());
}

pub(in crate::store) async fn a_known_end_stops_the_looks(both: Both) {
    let finals = [
        EventName::Authorized,
        EventName::Aborted,
        EventName::Expired,
        EventName::Terminated,
    ];
    for (n, name) in finals.into_iter().enumerate() {
        // Before the payment is known, before a look, and during one.
        for way in 0..3 {
            let text = format!("o{n}-{way}");
            let event = NewEvent {
                source: Source::Poll,
                ..event(&text, name)
            };
            if way == 0 {
                accept(&both, event, 1200).await;
                pay_looked_at(&both, &text, 5000).await;
            } else if way == 1 {
                pay_looked_at(&both, &text, 5000).await;
                accept(&both, event, 2000).await;
            } else {
                pay_looked_at(&both, &text, 5000).await;
                let due = look(&both, 5000, 9000).await.remove(0);
                accept(&both, event, 5100).await;
                assert!(settle_look(&both, &due, Some(6000)).await, "still its own");
            }
            assert!(look(&both, 99_000, 99_999).await.is_empty(), "{text}");
        }
    }
    // What is no end leaves it due.
    pay_looked_at(&both, "open", 5000).await;
    let declined = NewEvent {
        success: false,
        callback: None,
        ..approved("open")
    };
    accept(&both, declined, 2000).await;
    accept(&both, event("open", EventName::Captured), 2000).await;
    assert_eq!(look(&both, 5000, 9000).await.len(), 1);
}

pub(in crate::store) async fn lookers_at_once_claim_each_payment_once(both: Both) {
    for n in 0..20 {
        pay_looked_at(&both, &format!("o{n}"), 5000).await;
    }
    let claims = at_once(8, |_| {
        let both = both.clone();
        async move {
            let claim = both.callbacks.claim_polls(at(6000), 3, at(9000));
            claim.await.unwrap()
        }
    })
    .await;
    let all: Vec<_> = claims
        .iter()
        .flatten()
        .map(|due| due.order.as_str())
        .collect();
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(all.len(), distinct.len(), "claimed twice");
    let rest = look(&both, 6000, 9000).await;
    assert_eq!(all.len() + rest.len(), 20);
}
