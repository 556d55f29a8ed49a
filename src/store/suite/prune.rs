//! What is old enough goes, and nothing else.
//!
//! Must not: know which back end it runs on.

use super::adjustments::{begin, look};
use super::outbox::settle;
use super::*;
use crate::store::{Accepted, CallbackState, Pruned, Retention, Settled, Stage, Stray};

/// Payments before the first moment, callbacks before the second.
async fn prune(both: &Both, payments: i64, callbacks: i64, batch: usize) -> Pruned {
    let retention = Retention {
        payments_before: at(payments),
        callbacks_before: at(callbacks),
        batch,
    };
    both.callbacks.prune(retention).await.unwrap()
}

/// Steps of one until nothing more may be old enough; the payments that went.
async fn round(both: &Both, before: i64) -> u64 {
    let mut gone = 0;
    // However small the step, what must stay keeps no other from going, and is looked at once.
    for _ in 0..20 {
        let pruned = prune(both, before, before, 1).await;
        gone += pruned.payments;
        if !pruned.more {
            return gone;
        }
    }
    panic!("a round has no end");
}

async fn is_known(both: &Both, text: &str) -> bool {
    let known = both.store.payment(&shop(), &order(text), caller("a")).await;
    known.unwrap().payment.is_some()
}

/// Its callback is queued at 6000 and ends at `then`.
async fn told(both: &Both, text: &str, how: Settled, then: i64) {
    queued(both, text, 6000).await;
    let all = claim(both, Stage::Deliver, 6000, 6000).await;
    let due = all.iter().find(|due| due.order == order(text)).unwrap();
    assert!(settle(both, due, how, then).await);
}

pub(in crate::store) async fn old_payments_go_with_all_that_is_theirs(both: Both) {
    told(&both, "o1", Settled::Delivered, 7000).await;
    let call = begin(&both.store, new_capture("o1")).await;
    let end = both
        .store
        .finish_adjustment(call, succeeded(), at(8000))
        .await;
    end.unwrap();
    paid(&both, "o2").await;
    accept(&both, approved("waits"), 6000).await;
    // A payment's last change is what counts: its money call's end.
    assert_eq!(prune(&both, 8000, 0, 100).await.payments, 1);
    assert!(is_known(&both, "o1").await && !is_known(&both, "o2").await);
    the_one(&both, "o1").await;
    let gone = prune(&both, 8001, 0, 100).await;
    assert_eq!(gone.payments, 1);
    assert!(!is_known(&both, "o1").await);
    assert!(of_order(&both, "o1").await.is_empty());
    assert!(look(&both.store, "o1").await.0.is_empty());
    assert_eq!(both.callbacks.callback_counts().await.unwrap().unmatched, 0);
    // Its events went too: the same one is new.
    let again = accept(&both, approved("o1"), 9000).await;
    assert_eq!(again, Accepted::Unmatched);
    assert_eq!(prune(&both, 8001, 0, 100).await, Pruned::default());
}

pub(in crate::store) async fn dead_letters_and_open_calls_keep_their_payment(both: Both) {
    let why = "404".to_owned();
    told(&both, "dead", Settled::Dead { why }, 7000).await;
    paid(&both, "open").await;
    let call = begin(&both.store, new_capture("open")).await;
    queued(&both, "waits", 6000).await;
    paid(&both, "free").await;
    assert_eq!(round(&both, 99_000).await, 1);
    assert!(!is_known(&both, "free").await);
    for text in ["dead", "open", "waits"] {
        assert!(is_known(&both, text).await, "{text}");
    }
    assert_eq!(the_one(&both, "dead").await.state, CallbackState::Dead);
    assert_eq!(look(&both.store, "open").await.0.len(), 1);
    assert!(token_of(&both, "dead").await.is_some());
    // Once they end, their time begins.
    let end = both.store.finish_adjustment(call, succeeded(), at(100_000));
    end.await.unwrap();
    for text in ["dead", "waits"] {
        let id = the_one(&both, text).await.id;
        let drop = both
            .callbacks
            .drop_callback(id, "x".to_owned(), at(100_000));
        drop.await.unwrap();
    }
    assert_eq!(round(&both, 99_000).await, 0);
    assert_eq!(round(&both, 100_001).await, 3);
}

pub(in crate::store) async fn ended_callbacks_go_before_their_payment(both: Both) {
    told(&both, "o1", Settled::Delivered, 7000).await;
    told(
        &both,
        "o2",
        Settled::Dead {
            why: "404".to_owned(),
        },
        7000,
    )
    .await;
    queued(&both, "o3", 6000).await;
    queued(&both, "o4", 6000).await;
    let id = the_one(&both, "o4").await.id;
    let drop = both.callbacks.drop_callback(id, "x".to_owned(), at(7001));
    drop.await.unwrap();
    let stray = Stray {
        msn: msn(),
        why: "unreadable",
        redacted: "[]".to_owned(),
    };
    both.callbacks.keep_stray(stray, at(100)).await.unwrap();
    assert_eq!(prune(&both, 0, 7000, 100).await, Pruned::default());
    let mut gone = Pruned {
        payments: 0,
        callbacks: 1,
        more: false,
    };
    assert_eq!(prune(&both, 0, 7001, 100).await, gone);
    assert!(of_order(&both, "o1").await.is_empty());
    gone.callbacks = 1;
    assert_eq!(prune(&both, 0, 99_000, 100).await, gone);
    assert!(of_order(&both, "o4").await.is_empty());
    the_one(&both, "o2").await;
    the_one(&both, "o3").await;
    // One per payment, ever: also when the first has been forgotten.
    let late = crate::store::NewEvent {
        psp_reference: "late".to_owned(),
        ..event("o1", crate::epayment::event::EventName::Aborted)
    };
    assert_eq!(accept(&both, late, 9000).await, Accepted::Recorded);
    assert_eq!(
        accept(&both, approved("o1"), 9000).await,
        Accepted::Duplicate
    );
    assert!(of_order(&both, "o1").await.is_empty());
}

pub(in crate::store) async fn pruning_goes_in_batches(both: Both) {
    for n in 0..7 {
        told(&both, &format!("o{n}"), Settled::Delivered, 7000).await;
    }
    for expected in [3, 3, 1, 0] {
        let gone = prune(&both, 0, 8000, 3).await;
        assert_eq!(
            gone,
            Pruned {
                payments: 0,
                callbacks: expected,
                more: expected == 3,
            }
        );
    }
    for expected in [3, 3, 1, 0] {
        let gone = prune(&both, 8000, 8000, 3).await;
        assert_eq!(
            gone,
            Pruned {
                payments: expected,
                callbacks: 0,
                more: expected == 3,
            }
        );
    }
}
