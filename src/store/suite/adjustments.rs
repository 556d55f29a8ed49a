//! Money calls: what the trait promises, sentence by sentence.
//!
//! Must not: know which back end it runs on.

use super::*;
use crate::store::{Adjustment, AdjustmentId, AdjustmentState, Version};

/// Of whoever began `new_capture`.
const OWNER: Moment = at(32_000);
const NOT_DONE: Outcome = Outcome::NotDone(OWNER);
const UNKNOWN: Outcome = Outcome::Unknown(OWNER);

pub(super) async fn look(store: &Any, text: &str) -> (Vec<Adjustment>, Version) {
    store.adjustments(&shop(), &order(text)).await.unwrap()
}

pub(super) async fn begin(store: &Any, new: NewAdjustment) -> AdjustmentId {
    let (_, seen) = store.adjustments(&new.scope, &new.order).await.unwrap();
    store.begin_adjustment(new, seen).await.unwrap().unwrap()
}

async fn finish(store: &Any, id: AdjustmentId, outcome: Outcome, now: i64) {
    store.finish_adjustment(id, outcome, at(now)).await.unwrap();
}

pub(in crate::store) async fn no_money_calls_at_first(store: Any) {
    assert!(look(&store, "o1").await.0.is_empty());
    assert_eq!(store.ambiguous(at(i64::MAX)).await.unwrap(), 0);
    let unheard = AdjustmentId(77);
    assert!(
        !store
            .resume_adjustment(unheard, at(1), at(2))
            .await
            .unwrap()
    );
    finish(&store, unheard, succeeded(), 1).await;
    assert!(look(&store, "o1").await.0.is_empty());
}

pub(in crate::store) async fn a_money_call_is_kept_as_it_was_begun(store: Any) {
    let full = NewAdjustment {
        op: MoneyOp::Cancel,
        attempt: u32::MAX,
        amount: Amount::new(i64::MAX),
        computed: true,
        text: "é\u{0}'🧦".to_owned(),
        cancelled_before: Some(Amount::ZERO),
        ..new_capture("o1")
    };
    let least = NewAdjustment {
        op: MoneyOp::Refund,
        api: Origin::Ecom,
        request_id: None,
        key: None,
        amount: None,
        text: String::new(),
        ..new_capture("o2")
    };
    for new in [full, least, new_capture("o3")] {
        let id = begin(&store, new.clone()).await;
        let (list, _) = look(&store, new.order.as_str()).await;
        assert_eq!(list.len(), 1);
        let kept = &list[0];
        assert_eq!((kept.id, kept.op, kept.api), (id, new.op, new.api));
        assert_eq!((&kept.request_id, &kept.key), (&new.request_id, &new.key));
        assert_eq!((kept.attempt, kept.amount), (new.attempt, new.amount));
        assert_eq!((kept.computed, &kept.text), (new.computed, &new.text));
        assert_eq!(kept.cancelled_before, new.cancelled_before);
        assert_eq!(kept.state, AdjustmentState::Open(at(32_000)));
        assert_eq!((kept.begun_at, kept.changed_at), (at(2000), at(2000)));
        assert!(kept.is_open());
    }
}

pub(in crate::store) async fn a_stale_look_begins_nothing(store: Any) {
    let (_, seen) = look(&store, "o1").await;
    let first = store.begin_adjustment(new_capture("o1"), seen).await;
    finish(&store, first.unwrap().unwrap(), NOT_DONE, 2500).await;
    // Nothing is open, but it is not what it was at `seen`.
    let late = store.begin_adjustment(new_capture("o1"), seen).await;
    assert_eq!(late.unwrap(), None);
    assert_eq!(look(&store, "o1").await.0.len(), 1);
    begin(&store, new_capture("o1")).await;
    assert_eq!(look(&store, "o1").await.0.len(), 2);
}

pub(in crate::store) async fn a_payment_and_its_money_calls_are_told_as_each_is(store: Any) {
    let told = || async {
        let (scope, order) = (shop(), order("o1"));
        let both = store.payment_and_adjustments(&scope, &order, caller("a"));
        let (known, (calls, version)) = both.await.unwrap();
        let (alone, seen) = look(&store, "o1").await;
        let ids = |calls: &[Adjustment]| calls.iter().map(|call| call.id).collect::<Vec<_>>();
        assert_eq!((ids(&calls), version), (ids(&alone), seen));
        (known, calls.len())
    };
    let (known, calls) = told().await;
    assert!(known.is_nothing() && calls == 0);
    let attempt = fresh(&store, new_payment("o1", Origin::Epayment, "a")).await;
    let (known, _) = told().await;
    assert_eq!(known.attempt.map(|open| open.id), Some(attempt));
    let end = store.finish_payment(attempt, succeeded(), at(1500)).await;
    end.unwrap();
    begin(&store, new_capture("o1")).await;
    let (known, calls) = told().await;
    assert!(known.payment.is_some() && known.attempt.is_none() && calls == 1);
}

pub(in crate::store) async fn an_open_money_call_keeps_every_other_out(store: Any) {
    let id = begin(&store, new_capture("o1")).await;
    for op in MoneyOp::ALL {
        // Owned, without an owner, and long after: open is open.
        for now in [2001, 32_000, 999_999] {
            let (_, seen) = look(&store, "o1").await;
            let new = NewAdjustment {
                op,
                now: at(now),
                until: at(now + 30_000),
                ..new_capture("o1")
            };
            assert_eq!(store.begin_adjustment(new, seen).await.unwrap(), None);
        }
        finish(&store, id, UNKNOWN, 2500).await;
    }
    assert_eq!(look(&store, "o1").await.0.len(), 1);
    // Another payment is not kept out, nor the same order of another unit.
    begin(&store, new_capture("o2")).await;
    let elsewhere = NewAdjustment {
        scope: unit("654321"),
        ..new_capture("o1")
    };
    begin(&store, elsewhere).await;
}

pub(in crate::store) async fn money_calls_are_closed_as_told_and_listed_oldest_first(store: Any) {
    let bare = Outcome::Succeeded {
        amount: Amount::ZERO,
        transaction_id: None,
        at: at(-7),
    };
    let mut ids = Vec::new();
    for (n, outcome) in [succeeded(), Outcome::Refused, NOT_DONE, bare]
        .into_iter()
        .enumerate()
    {
        let mut new = new_capture("o1");
        // Neither the time nor the amount orders them.
        new.now = at(9000 - i64::try_from(n).unwrap());
        let id = begin(&store, new).await;
        finish(&store, id, outcome, 9500).await;
        ids.push(id);
    }
    let (list, _) = look(&store, "o1").await;
    assert_eq!(list.iter().map(|a| a.id).collect::<Vec<_>>(), ids);
    assert!(list.iter().all(|a| !a.is_open()));
    assert_eq!(
        list[0].state,
        AdjustmentState::Succeeded {
            amount: kroner(100),
            transaction_id: Some("5001420062".to_owned()),
            at: at(2500),
        }
    );
    assert_eq!(list[1].state, AdjustmentState::Refused);
    assert_eq!(list[2].state, AdjustmentState::NotDone);
    assert_eq!(
        list[3].state,
        AdjustmentState::Succeeded {
            amount: Amount::ZERO,
            transaction_id: None,
            at: at(-7),
        }
    );
    // Closing is no sending.
    assert_eq!(list[0].changed_at, at(9000));
}

pub(in crate::store) async fn a_closed_money_call_never_changes_again(store: Any) {
    for (text, first) in [
        ("o1", succeeded()),
        ("o2", Outcome::Refused),
        ("o3", NOT_DONE),
    ] {
        let id = begin(&store, new_capture(text)).await;
        finish(&store, id, first, 2500).await;
        let (before, version) = look(&store, text).await;
        let other = Outcome::Succeeded {
            amount: kroner(1),
            transaction_id: None,
            at: at(1),
        };
        for later in [other, Outcome::Refused, NOT_DONE, UNKNOWN] {
            finish(&store, id, later, 2600).await;
            assert!(
                !store
                    .resume_adjustment(id, at(99_000), at(100_000))
                    .await
                    .unwrap()
            );
            let (after, same) = look(&store, text).await;
            assert_eq!(format!("{after:?}"), format!("{before:?}"));
            assert_eq!(
                same, version,
                "nothing changed, so neither does the version"
            );
        }
    }
}

pub(in crate::store) async fn an_unknown_money_call_waits_for_an_owner(store: Any) {
    let id = begin(&store, new_capture("o1")).await;
    finish(&store, id, UNKNOWN, 2500).await;
    let (list, seen) = look(&store, "o1").await;
    let AdjustmentState::Open(until) = list[0].state else {
        panic!("closed by nothing");
    };
    assert!(until <= at(2500), "nobody owns it");
    assert_eq!(list[0].changed_at, at(2000));
    assert_eq!(store.ambiguous(at(2500)).await.unwrap(), 1);
    let early = store.begin_adjustment(new_capture("o1"), seen).await;
    assert_eq!(early.unwrap(), None);
    let taken = store.resume_adjustment(id, at(2500), at(9000)).await;
    assert!(taken.unwrap());
    finish(&store, id, succeeded(), 3000).await;
    assert_eq!(store.ambiguous(at(99_000)).await.unwrap(), 0);
    begin(&store, new_capture("o1")).await;
}

pub(in crate::store) async fn a_money_call_has_one_owner_at_a_time(store: Any) {
    let id = begin(&store, new_capture("o1")).await;
    let take = |now, until| store.resume_adjustment(id, at(now), at(until));
    let (_, begun) = look(&store, "o1").await;
    assert!(!take(31_999, 90_000).await.unwrap());
    assert_eq!(look(&store, "o1").await.1, begun);
    assert!(take(32_000, 62_000).await.unwrap());
    assert!(!take(61_999, 90_000).await.unwrap());
    let (list, resumed) = look(&store, "o1").await;
    assert_ne!(resumed, begun);
    assert_eq!(list[0].state, AdjustmentState::Open(at(62_000)));
    assert_eq!(
        (list[0].begun_at, list[0].changed_at),
        (at(2000), at(32_000))
    );
    assert!(take(62_000, 92_000).await.unwrap());
}

/// It stood still between recording and sending, and another instance is at it since.
pub(in crate::store) async fn whoever_has_lost_a_money_call_says_nothing_of_it(store: Any) {
    let id = begin(&store, new_capture("o1")).await;
    let taken = store.resume_adjustment(id, OWNER, at(62_000)).await;
    assert!(taken.unwrap());
    let (_, version) = look(&store, "o1").await;
    for late in [NOT_DONE, UNKNOWN] {
        finish(&store, id, late.clone(), 33_000).await;
        let (list, same) = look(&store, "o1").await;
        let owned = AdjustmentState::Open(at(62_000));
        assert_eq!((&list[0].state, same), (&owned, version), "{late:?}");
    }
    // Evidence is evidence, whoever has it.
    finish(&store, id, succeeded(), 33_000).await;
    assert!(!look(&store, "o1").await.0[0].is_open());
}

pub(in crate::store) async fn the_version_belongs_to_the_payment(store: Any) {
    let (_, empty) = look(&store, "o1").await;
    let elsewhere = begin(&store, new_capture("o2")).await;
    finish(&store, elsewhere, succeeded(), 2500).await;
    assert_eq!(look(&store, "o1").await.1, empty);
    let mut seen = vec![empty.0];
    let not_done = Outcome::NotDone(at(62_000));
    for outcome in [Outcome::Refused, not_done, succeeded()] {
        let id = begin(&store, new_capture("o1")).await;
        seen.push(look(&store, "o1").await.1.0);
        let taken = store.resume_adjustment(id, at(32_000), at(62_000)).await;
        assert!(taken.unwrap());
        seen.push(look(&store, "o1").await.1.0);
        finish(&store, id, outcome, 33_000).await;
        seen.push(look(&store, "o1").await.1.0);
    }
    let told = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), told, "no version comes twice");
}

pub(in crate::store) async fn ambiguous_counts_what_is_open_without_an_owner(store: Any) {
    let mut ids = Vec::new();
    for text in ["o1", "o2", "o3"] {
        ids.push(begin(&store, new_capture(text)).await);
    }
    assert_eq!(store.ambiguous(at(31_999)).await.unwrap(), 0);
    assert_eq!(store.ambiguous(at(32_000)).await.unwrap(), 3);
    finish(&store, ids[0], UNKNOWN, 2500).await;
    finish(&store, ids[1], Outcome::Refused, 2500).await;
    assert_eq!(store.ambiguous(at(2500)).await.unwrap(), 1);
    assert_eq!(store.ambiguous(at(32_000)).await.unwrap(), 2);
}

pub(in crate::store) async fn a_store_is_ready_and_its_secret_stays(store: Any) {
    store.ready().await.unwrap();
    store.ready().await.unwrap();
    assert!(*store.secret() != StoreSecret::new([0; 32]));
    assert!(store.secret() == store.secret());
}
