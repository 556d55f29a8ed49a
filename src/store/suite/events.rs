//! Events: recorded once, with the callback that follows.
//!
//! Must not: know which back end it runs on.

use super::races::at_once;
use super::*;
use crate::ecom::callback::CallbackStatus;
use crate::epayment::event::EventName;
use crate::store::{Accepted, CallbackCounts, CallbackState, NewEvent, Source, Stage, Stray};

pub(in crate::store) async fn an_event_queues_the_callback_that_follows(both: Both) {
    for (n, name) in [
        EventName::Authorized,
        EventName::Aborted,
        EventName::Expired,
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!("o{n}");
        paid(&both, &text).await;
        let event = event(&text, name);
        let status = event.callback.unwrap().0;
        let Accepted::Queued(id) = accept(&both, event, 6000).await else {
            panic!("{name:?} queued nothing");
        };
        let view = the_one(&both, &text).await;
        assert_eq!((view.id, view.status), (id, status));
        assert_eq!((view.msn, view.order), (msn(), order(&text)));
        assert_eq!((view.state, view.attempts), (CallbackState::Pending, 0));
        assert_eq!((view.queued_at, view.due_at), (at(6000), at(6000)));
        assert_eq!((view.ended_at, view.note), (None, None));
        assert_eq!(view.host, "shop.example");
    }
    let counts = both.callbacks.callback_counts().await.unwrap();
    assert_eq!((counts.pending, counts.dead, counts.unmatched), (3, 0, 0));
}

pub(in crate::store) async fn an_event_is_recorded_once(both: Both) {
    paid(&both, "o1").await;
    let first = accept(&both, approved("o1"), 6000).await;
    assert!(matches!(first, Accepted::Queued(_)));
    let again = accept(&both, approved("o1"), 6001).await;
    assert_eq!(again, Accepted::Duplicate);
    // The same news by the other way, in other words.
    let polled = NewEvent {
        source: Source::Poll,
        at: at(5001),
        amount: kroner(1),
        key: key("another-key"),
        callback: None,
        ..approved("o1")
    };
    assert_eq!(accept(&both, polled, 6002).await, Accepted::Duplicate);
    the_one(&both, "o1").await;
    // One that waits for its payment is one too.
    assert_eq!(
        accept(&both, approved("o2"), 6000).await,
        Accepted::Unmatched
    );
    assert_eq!(
        accept(&both, approved("o2"), 6001).await,
        Accepted::Duplicate
    );
    assert_eq!(both.callbacks.callback_counts().await.unwrap().unmatched, 1);
}

pub(in crate::store) async fn fifty_duplicates_at_once_make_one_callback(both: Both) {
    for text in ["o1", "o2", "o3"] {
        paid(&both, text).await;
        let told = at_once(50, |_| {
            let both = both.clone();
            async move { accept(&both, approved(text), 6000).await }
        })
        .await;
        let queued = told.iter().filter(|a| matches!(a, Accepted::Queued(_)));
        assert_eq!(queued.count(), 1);
        let others = told.iter().filter(|a| **a == Accepted::Duplicate);
        assert_eq!(others.count(), 49);
        the_one(&both, text).await;
    }
}

pub(in crate::store) async fn what_differs_is_another_event(both: Both) {
    paid(&both, "o1").await;
    paid_in(&both, "654321", "o1").await;
    paid(&both, "o2").await;
    let declined = NewEvent {
        success: false,
        callback: None,
        ..approved("o1")
    };
    let second_card = NewEvent {
        psp_reference: "another".to_owned(),
        ..declined.clone()
    };
    for recorded in [declined, second_card] {
        assert_eq!(accept(&both, recorded, 6000).await, Accepted::Recorded);
    }
    for queues in [
        approved("o1"),
        approved("o2"),
        elsewhere("654321", approved("o1")),
    ] {
        let accepted = accept(&both, queues, 6000).await;
        assert!(matches!(accepted, Accepted::Queued(_)));
    }
    let other = event("o1", EventName::Captured);
    assert_eq!(accept(&both, other, 6000).await, Accepted::Recorded);
    assert_eq!(of_order(&both, "o1").await.len(), 2, "one in each unit");
}

pub(in crate::store) async fn an_event_without_a_callback_is_recorded_only(both: Both) {
    paid(&both, "o1").await;
    for name in [
        EventName::Created,
        EventName::Captured,
        EventName::Cancelled,
        EventName::Refunded,
        EventName::Unknown,
    ] {
        let accepted = accept(&both, event("o1", name), 6000).await;
        assert_eq!(accepted, Accepted::Recorded, "{name:?}");
    }
    assert!(of_order(&both, "o1").await.is_empty());
    // A captured that came before its authorized takes nothing from it.
    let late = accept(&both, approved("o1"), 6001).await;
    assert!(matches!(late, Accepted::Queued(_)));
}

pub(in crate::store) async fn the_first_final_event_wins(both: Both) {
    paid(&both, "o1").await;
    accept(&both, approved("o1"), 6000).await;
    for name in [EventName::Aborted, EventName::Expired] {
        let late = accept(&both, event("o1", name), 6001).await;
        assert_eq!(late, Accepted::Recorded);
    }
    assert_eq!(the_one(&both, "o1").await.status, CallbackStatus::Reserved);
    // Also once the first is delivered.
    let due = claim(&both, Stage::Deliver, 6002, 7000).await.remove(0);
    let delivered = crate::store::Settled::Delivered;
    let settle = both
        .callbacks
        .settle_callback(due.id, due.lease, delivered, at(6003));
    assert!(settle.await.unwrap());
    let later = NewEvent {
        psp_reference: "second".to_owned(),
        ..event("o1", EventName::Aborted)
    };
    assert_eq!(accept(&both, later, 6004).await, Accepted::Recorded);
    let view = the_one(&both, "o1").await;
    assert_eq!(view.status, CallbackStatus::Reserved);
    assert_eq!(view.state, CallbackState::Delivered);
}

pub(in crate::store) async fn two_final_events_at_once_make_one_callback(both: Both) {
    let names = [
        EventName::Authorized,
        EventName::Aborted,
        EventName::Expired,
    ];
    for round in 0..10 {
        let text = format!("o{round}");
        paid(&both, &text).await;
        let told = at_once(12, |n| {
            let both = both.clone();
            let event = event(&text, names[n % 3]);
            async move { accept(&both, event, 6000).await }
        })
        .await;
        let queued = told.iter().filter(|a| matches!(a, Accepted::Queued(_)));
        assert_eq!(queued.count(), 1);
        let recorded = told.iter().filter(|a| **a == Accepted::Recorded);
        assert_eq!(recorded.count(), 2);
        the_one(&both, &text).await;
    }
}

pub(in crate::store) async fn a_payment_of_ecom_is_never_called_back(both: Both) {
    let id = fresh(&both.store, new_payment("o1", Origin::Ecom, "a")).await;
    let end = both.store.finish_payment(id, succeeded(), at(1500)).await;
    assert!(!end.unwrap(), "no callback was queued");
    assert_eq!(
        accept(&both, approved("o1"), 6000).await,
        Accepted::Recorded
    );
    // Also where the event was first.
    assert_eq!(
        accept(&both, approved("o2"), 6000).await,
        Accepted::Unmatched
    );
    let id = fresh(&both.store, new_payment("o2", Origin::Ecom, "a")).await;
    let end = both.store.finish_payment(id, succeeded(), at(6500)).await;
    assert!(!end.unwrap(), "no callback was queued");
    for text in ["o1", "o2"] {
        assert!(of_order(&both, text).await.is_empty());
    }
    let counts = both.callbacks.callback_counts().await.unwrap();
    assert_eq!(counts, CallbackCounts::default());
    assert!(token_of(&both, "o1").await.is_some(), "left as it is");
}

pub(in crate::store) async fn a_payment_without_an_address_is_never_called_back(both: Both) {
    let mut new = new_payment("o1", Origin::Epayment, "a");
    new.facts.callback = None;
    let id = fresh(&both.store, new).await;
    let end = both.store.finish_payment(id, succeeded(), at(1500)).await;
    end.unwrap();
    assert_eq!(
        accept(&both, approved("o1"), 6000).await,
        Accepted::Recorded
    );
    assert!(of_order(&both, "o1").await.is_empty());
}

pub(in crate::store) async fn a_token_goes_with_an_end_that_has_no_callback(both: Both) {
    paid(&both, "o1").await;
    paid(&both, "o2").await;
    let refused = NewEvent {
        success: false,
        ..event("o1", EventName::Terminated)
    };
    accept(&both, refused, 6000).await;
    assert!(token_of(&both, "o1").await.is_some(), "it did not end");
    let ended = accept(&both, event("o1", EventName::Terminated), 6001).await;
    assert_eq!(ended, Accepted::Recorded);
    assert_eq!(token_of(&both, "o1").await, None);
    let known = both
        .store
        .payment(&shop(), &order("o1"), caller("a"))
        .await
        .unwrap();
    let target = known.payment.unwrap().facts.callback;
    assert!(target.is_some(), "the address stays");
    assert!(token_of(&both, "o2").await.is_some(), "another's stays");
    // Nothing can follow any more.
    let late = accept(&both, event("o1", EventName::Expired), 6002).await;
    assert_eq!(late, Accepted::Recorded);
    assert!(of_order(&both, "o1").await.is_empty());
}

pub(in crate::store) async fn a_token_stays_while_a_callback_can_follow(both: Both) {
    paid(&both, "o1").await;
    // Ended by the bridge's own limit: the shop hears of it.
    let own = NewEvent {
        callback: Some((CallbackStatus::Rejected, Stage::Deliver)),
        ..event("o1", EventName::Terminated)
    };
    let accepted = accept(&both, own, 6000).await;
    assert!(matches!(accepted, Accepted::Queued(_)));
    let other = NewEvent {
        psp_reference: "another".to_owned(),
        ..event("o1", EventName::Terminated)
    };
    accept(&both, other, 6001).await;
    assert!(token_of(&both, "o1").await.is_some());
    let due = claim(&both, Stage::Deliver, 6002, 7000).await.remove(0);
    let sent = due.target.auth_token.unwrap();
    assert_eq!(sent.expose_secret(), "Bearer shop-token-4711");
}

pub(in crate::store) async fn strays_are_kept(both: Both) {
    for redacted in [String::new(), "é".repeat(3000)] {
        let stray = Stray {
            msn: msn(),
            why: "unreadable",
            redacted,
        };
        both.callbacks.keep_stray(stray, at(6000)).await.unwrap();
    }
    let counts = both.callbacks.callback_counts().await.unwrap();
    assert_eq!(counts, CallbackCounts::default());
}
