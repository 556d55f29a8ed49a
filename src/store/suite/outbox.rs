//! The outbox: leases, limits, settlements.
//!
//! Must not: know which back end it runs on.

use std::collections::BTreeSet;

use super::races::at_once;
use super::*;
use crate::ecom::callback::CallbackStatus;
use crate::store::{CallbackState, ClaimLimits, DueCallback, Lease, NewEvent, Settled, Stage};

pub(super) async fn settle(both: &Both, due: &DueCallback, how: Settled, now: i64) -> bool {
    let settle = both
        .callbacks
        .settle_callback(due.id, due.lease, how, at(now));
    settle.await.unwrap()
}

fn retry(then: i64) -> Settled {
    Settled::Retry {
        at: at(then),
        why: "503".to_owned(),
    }
}

pub(in crate::store) async fn a_claim_carries_what_a_delivery_needs(both: Both) {
    queued(&both, "o1", 6000).await;
    let none = claim(&both, Stage::Deliver, 5999, 9000).await;
    assert!(none.is_empty(), "not due yet");
    assert!(claim(&both, Stage::Capture, 6000, 9000).await.is_empty());
    let mut all = claim(&both, Stage::Deliver, 6000, 9000).await;
    assert_eq!(all.len(), 1);
    let due = all.remove(0);
    assert_eq!(due.id, the_one(&both, "o1").await.id);
    assert_eq!((due.msn, due.order), (msn(), order("o1")));
    assert_eq!(due.reference.as_str(), "ecom-id-o1");
    assert_eq!(due.status, CallbackStatus::Reserved);
    assert_eq!(due.amount, kroner(200), "the ordered amount");
    assert_eq!((due.at, due.queued_at), (at(5000), at(6000)));
    assert_eq!(due.transaction_id, "psp-AUTHORIZED");
    assert_eq!(due.attempts, 0);
    let given = facts(Origin::Epayment);
    assert_eq!(due.scope_asked, given.scope_asked);
    assert_eq!(due.caller, caller("a"));
    assert_eq!(due.target.prefix, given.callback.unwrap().prefix);
    let sent = due.target.auth_token.unwrap();
    assert_eq!(sent.expose_secret(), "Bearer shop-token-4711");

    // Where the order's amount is not remembered, it is the event's; a target may have no token.
    let mut new = new_payment("o2", Origin::Epayment, "a");
    new.facts.amount = None;
    new.facts.scope_asked = None;
    if let Some(target) = &mut new.facts.callback {
        target.auth_token = None;
    }
    let id = fresh(&both.store, new).await;
    let end = both.store.finish_payment(id, succeeded(), at(1500)).await;
    end.unwrap();
    accept(&both, approved("o2"), 6000).await;
    let due = claim(&both, Stage::Deliver, 6000, 9000).await.remove(0);
    assert_eq!(due.amount, kroner(150));
    assert!(due.target.auth_token.is_none() && due.scope_asked.is_none());
}

pub(in crate::store) async fn a_claim_is_a_lease(both: Both) {
    queued(&both, "o1", 6000).await;
    let first = claim(&both, Stage::Deliver, 6000, 9000).await.remove(0);
    for now in [6000, 8999] {
        assert!(claim(&both, Stage::Deliver, now, 20_000).await.is_empty());
    }
    // The worker has died: another takes it, with another lease and the same count of tries.
    let second = claim(&both, Stage::Deliver, 9000, 12_000).await.remove(0);
    assert_eq!((second.id, second.attempts), (first.id, 0));
    assert_ne!(second.lease, first.lease);
    assert!(
        claim(&both, Stage::Deliver, 11_999, 20_000)
            .await
            .is_empty()
    );
}

pub(in crate::store) async fn a_late_settlement_changes_nothing(both: Both) {
    queued(&both, "o1", 6000).await;
    let first = claim(&both, Stage::Deliver, 6000, 9000).await.remove(0);
    let second = claim(&both, Stage::Deliver, 9000, 12_000).await.remove(0);
    let ready = Settled::Ready {
        status: CallbackStatus::Sale,
        transaction_id: None,
        at: at(1),
    };
    let dead = Settled::Dead {
        why: "410".to_owned(),
    };
    for how in [Settled::Delivered, retry(1), dead, ready] {
        assert!(!settle(&both, &first, how, 9500).await);
        let view = the_one(&both, "o1").await;
        assert_eq!((view.state, view.attempts), (CallbackState::Pending, 0));
    }
    assert!(token_of(&both, "o1").await.is_some());
    assert!(
        claim(&both, Stage::Deliver, 11_999, 20_000)
            .await
            .is_empty()
    );
    assert!(settle(&both, &second, Settled::Delivered, 9600).await);
    // Late, but nobody else has taken it: still this worker's.
    queued(&both, "o2", 6000).await;
    let late = claim(&both, Stage::Deliver, 6000, 9000).await.remove(0);
    assert!(settle(&both, &late, Settled::Delivered, 99_000).await);
    assert!(
        claim(&both, Stage::Deliver, 99_000, 99_999)
            .await
            .is_empty()
    );
}

pub(in crate::store) async fn a_settlement_counts_once(both: Both) {
    queued(&both, "o1", 6000).await;
    let due = claim(&both, Stage::Deliver, 6000, 9000).await.remove(0);
    let other = DueCallback {
        lease: Lease(due.lease.0 + 1000),
        ..due.clone()
    };
    assert!(!settle(&both, &other, Settled::Delivered, 6100).await);
    assert!(settle(&both, &due, Settled::Delivered, 6100).await);
    assert_eq!(token_of(&both, "o1").await, None, "erased with delivery");
    for how in [Settled::Delivered, retry(1)] {
        assert!(!settle(&both, &due, how, 6200).await);
    }
    let view = the_one(&both, "o1").await;
    assert_eq!((view.state, view.attempts), (CallbackState::Delivered, 1));
    assert_eq!(view.ended_at, Some(at(6100)));
    let counts = both.callbacks.callback_counts().await.unwrap();
    assert_eq!((counts.pending, counts.dead), (0, 0));
    let never = claim(&both, Stage::Deliver, i64::MAX, i64::MAX).await;
    assert!(never.is_empty());
}

pub(in crate::store) async fn a_retry_comes_back_when_it_is_due(both: Both) {
    queued(&both, "o1", 6000).await;
    for tried in 0..3 {
        let now = 10_000 * (i64::from(tried) + 1);
        let due = claim(&both, Stage::Deliver, now, now + 500).await.remove(0);
        assert_eq!((due.attempts, due.queued_at), (tried, at(6000)));
        assert!(settle(&both, &due, retry(now + 10_000), now + 100).await);
        let view = the_one(&both, "o1").await;
        assert_eq!(
            (view.state, view.attempts),
            (CallbackState::Pending, tried + 1)
        );
        assert_eq!(view.due_at, at(now + 10_000));
        assert_eq!(view.note.as_deref(), Some("503"));
        let early = claim(&both, Stage::Deliver, now + 9999, now + 99_000).await;
        assert!(early.is_empty());
        // Long texts are cut, never refused.
        assert!(token_of(&both, "o1").await.is_some());
    }
    let due = claim(&both, Stage::Deliver, 50_000, 60_000).await.remove(0);
    let why = "é".repeat(600);
    assert!(settle(&both, &due, Settled::Dead { why }, 50_100).await);
    let view = the_one(&both, "o1").await;
    assert_eq!((view.state, view.attempts), (CallbackState::Dead, 4));
    assert_eq!(view.note.unwrap().chars().count(), 500);
    assert_eq!(view.ended_at, Some(at(50_100)));
    assert!(
        token_of(&both, "o1").await.is_some(),
        "a dead letter keeps it"
    );
}

pub(in crate::store) async fn a_capture_comes_before_its_delivery(both: Both) {
    for text in ["o1", "o2"] {
        paid(&both, text).await;
        let event = NewEvent {
            callback: Some((CallbackStatus::Sale, Stage::Capture)),
            ..approved(text)
        };
        accept(&both, event, 6000).await;
    }
    assert_eq!(the_one(&both, "o1").await.state, CallbackState::Capture);
    assert_eq!(both.callbacks.callback_counts().await.unwrap().pending, 2);
    assert!(claim(&both, Stage::Deliver, 9000, 9500).await.is_empty());
    let due = claim(&both, Stage::Capture, 6000, 9000).await;
    assert_eq!(due.len(), 2);
    assert!(settle(&both, &due[0], retry(7000), 6100).await);
    let again = claim(&both, Stage::Capture, 7000, 9000).await.remove(0);
    assert_eq!((again.id, again.attempts), (due[0].id, 1));
    // The first worker's lease has ended: what it has to say about the capture is not heard.
    let late = Settled::Ready {
        status: CallbackStatus::Sale,
        transaction_id: None,
        at: at(7020),
    };
    assert!(!settle(&both, &due[0], late, 7050).await);
    for (due, transaction_id) in [(&again, Some("777".to_owned())), (&due[1], None)] {
        let ready = Settled::Ready {
            status: CallbackStatus::SaleFailed,
            transaction_id,
            at: at(7050),
        };
        assert!(settle(&both, due, ready.clone(), 7100).await);
        assert!(!settle(&both, due, ready, 7101).await);
    }
    assert!(claim(&both, Stage::Capture, 9900, 9950).await.is_empty());
    let mut told = claim(&both, Stage::Deliver, 7100, 9000).await;
    told.sort_by_key(|due| due.id);
    assert_eq!(told.len(), 2);
    for due in &told {
        assert_eq!(due.status, CallbackStatus::SaleFailed);
        assert_eq!((due.at, due.attempts), (at(7050), 0));
        assert_eq!(due.amount, kroner(200));
    }
    assert_eq!(told[0].transaction_id, "777");
    assert_eq!(told[1].transaction_id, "psp-AUTHORIZED", "as it was");
    // What is to be delivered has no capture to settle.
    let ready = Settled::Ready {
        status: CallbackStatus::Sale,
        transaction_id: None,
        at: at(1),
    };
    assert!(!settle(&both, &told[0], ready, 7200).await);
    assert!(settle(&both, &told[0], Settled::Delivered, 7300).await);
}

pub(in crate::store) async fn units_do_not_take_each_others_places(both: Both) {
    for n in 0..6 {
        queued(&both, &format!("o{n}"), 6000 + n).await;
    }
    for msn in ["200000", "300000"] {
        let text = format!("late-{msn}");
        paid_in(&both, msn, &text).await;
        accept(&both, elsewhere(msn, approved(&text)), 7000).await;
    }
    let limits = ClaimLimits {
        total: 10,
        per_unit: 2,
    };
    let count =
        |due: &[DueCallback], msn: &str| due.iter().filter(|due| due.msn.as_str() == msn).count();
    let first = claim_some(&both, Stage::Deliver, (8000, 9000), limits).await;
    for (msn, expected) in [("123456", 2), ("200000", 1), ("300000", 1)] {
        assert_eq!(count(&first, msn), expected, "{msn}");
    }
    // Those already leased count.
    let more = claim_some(&both, Stage::Deliver, (8000, 9000), limits).await;
    assert!(more.is_empty());
    let wider = ClaimLimits {
        per_unit: 3,
        ..limits
    };
    let more = claim_some(&both, Stage::Deliver, (8000, 9000), wider).await;
    assert_eq!(more.len(), 1);
    // A settled one and an ended lease make room.
    let own = first.iter().find(|due| due.msn == msn()).unwrap();
    assert!(settle(&both, own, Settled::Delivered, 8100).await);
    let more = claim_some(&both, Stage::Deliver, (8200, 9000), wider).await;
    assert_eq!(more.len(), 1);
    let after = claim_some(&both, Stage::Deliver, (9000, 9900), limits).await;
    assert_eq!(after.len(), 4);
    // The other stage has its own places, and nothing asked is nothing given.
    for nothing in [
        ClaimLimits {
            total: 0,
            per_unit: 9,
        },
        ClaimLimits {
            total: 9,
            per_unit: 0,
        },
    ] {
        let none = claim_some(&both, Stage::Deliver, (9900, 9999), nothing).await;
        assert!(none.is_empty());
    }
    // In all no more than asked, and each unit gets its turn before any gets a second.
    let three = ClaimLimits {
        total: 3,
        per_unit: 5,
    };
    let few = claim_some(&both, Stage::Deliver, (9900, 9999), three).await;
    for msn in ["123456", "200000", "300000"] {
        assert_eq!(count(&few, msn), 1, "{msn}");
    }
}

pub(in crate::store) async fn the_longest_waiting_of_a_unit_comes_first(both: Both) {
    for (text, now) in [("o1", 6002), ("o2", 6000), ("o3", 6001)] {
        queued(&both, text, now).await;
    }
    let one = ClaimLimits {
        total: 1,
        per_unit: 9,
    };
    for text in ["o2", "o3", "o1"] {
        let due = claim_some(&both, Stage::Deliver, (7000, 9000), one).await;
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].order, order(text));
    }
}

pub(in crate::store) async fn workers_at_once_claim_each_callback_once(both: Both) {
    for n in 0..30 {
        let msn = ["123456", "200000", "300000"][n % 3];
        let text = format!("o{n}");
        paid_in(&both, msn, &text).await;
        accept(&both, elsewhere(msn, approved(&text)), 6000).await;
    }
    let limits = ClaimLimits {
        total: 4,
        per_unit: 1000,
    };
    let claims = at_once(10, |_| {
        let both = both.clone();
        async move { claim_some(&both, Stage::Deliver, (7000, 9000), limits).await }
    })
    .await;
    let all: Vec<_> = claims.iter().flatten().map(|due| due.id).collect();
    let distinct: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!(all.len(), distinct.len(), "claimed twice");
    assert!(claims.iter().all(|claim| claim.len() <= 4));
    let rest = claim(&both, Stage::Deliver, 7000, 9000).await;
    assert_eq!(all.len() + rest.len(), 30);
    assert!(rest.iter().all(|due| !distinct.contains(&due.id)));
}

pub(in crate::store) async fn the_next_due_time_is_told(both: Both) {
    let next = |stage| {
        let both = both.clone();
        async move { both.callbacks.next_callback_at(stage).await.unwrap() }
    };
    assert_eq!(next(Stage::Deliver).await, None);
    queued(&both, "o1", 6000).await;
    queued(&both, "o2", 6500).await;
    assert_eq!(next(Stage::Deliver).await, Some(at(6000)));
    assert_eq!(next(Stage::Capture).await, None);
    let one = ClaimLimits {
        total: 1,
        per_unit: 1,
    };
    let due = claim_some(&both, Stage::Deliver, (6100, 9000), one).await;
    assert_eq!(next(Stage::Deliver).await, Some(at(6500)));
    settle(&both, &due[0], retry(8000), 6200).await;
    let two = claim(&both, Stage::Deliver, 6500, 9000).await;
    assert_eq!(two.len(), 1);
    assert_eq!(next(Stage::Deliver).await, Some(at(8000)));
    claim(&both, Stage::Deliver, 8000, 9500).await;
    assert_eq!(next(Stage::Deliver).await, Some(at(9000)), "end of a lease");
    settle(&both, &two[0], Settled::Delivered, 8100).await;
    assert_eq!(next(Stage::Deliver).await, Some(at(9500)));
}
