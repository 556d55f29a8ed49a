//! What an operator sees of callbacks and does to them.
//!
//! Must not: know which back end it runs on.

use super::outbox::settle;
use super::races::at_once;
use super::*;
use crate::ecom::callback::CallbackStatus;
use crate::store::{
    CallbackFilter, CallbackId, CallbackState, CallbackView, Handled, NewEvent, Settled, Stage,
};

/// A callback that has died at its first delivery.
async fn dead(both: &Both, text: &str) -> CallbackId {
    queued(both, text, 6000).await;
    let all = claim(both, Stage::Deliver, 6000, 9000).await;
    let due = all.iter().find(|due| due.order == order(text)).unwrap();
    let why = "404".to_owned();
    assert!(settle(both, due, Settled::Dead { why }, 6100).await);
    due.id
}

async fn replay(both: &Both, id: CallbackId, now: i64) -> Handled {
    both.callbacks.replay_callback(id, at(now)).await.unwrap()
}

async fn drop_it(both: &Both, id: CallbackId, now: i64) -> Handled {
    let note = "kari: shop is closed".to_owned();
    let drop = both.callbacks.drop_callback(id, note, at(now));
    drop.await.unwrap()
}

/// Five callbacks of the shop, one of another unit, one dead letter. The numbers of the five.
async fn seven(both: &Both) -> Vec<CallbackId> {
    let mut ids = Vec::new();
    for n in 0..5 {
        queued(both, &format!("o{n}"), 6000).await;
        ids.push(the_one(both, &format!("o{n}")).await.id);
    }
    paid_in(both, "200000", "o1").await;
    accept(both, elsewhere("200000", approved("o1")), 6000).await;
    dead(both, "dead").await;
    ids
}

async fn list(both: &Both, filter: CallbackFilter) -> Vec<CallbackView> {
    let all = both.callbacks.callbacks(filter).await.unwrap();
    let falls = all.windows(2).all(|two| two[0].id > two[1].id);
    assert!(falls, "newest first");
    all
}

fn every() -> CallbackFilter {
    CallbackFilter {
        limit: 100,
        ..CallbackFilter::default()
    }
}

pub(in crate::store) async fn callbacks_are_listed_newest_first(both: Both) {
    let ids = seven(&both).await;
    let all = list(&both, every()).await;
    assert_eq!(all.len(), 7);
    let none = list(&both, CallbackFilter::default()).await;
    assert!(none.is_empty(), "limit 0");
    let page = |before, limit| CallbackFilter {
        before,
        limit,
        ..CallbackFilter::default()
    };
    let first = list(&both, page(None, 3)).await;
    let second = list(&both, page(Some(first[2].id), 3)).await;
    let last = list(&both, page(Some(second[2].id), 3)).await;
    let paged: Vec<_> = [first, second, last]
        .concat()
        .iter()
        .map(|v| v.id)
        .collect();
    assert_eq!(paged, all.iter().map(|v| v.id).collect::<Vec<_>>());

    let view = both.callbacks.callback(ids[3]).await.unwrap().unwrap();
    assert_eq!((view.id, view.order), (ids[3], order("o3")));
    let none = both.callbacks.callback(CallbackId(999_999)).await.unwrap();
    assert!(none.is_none());
}

pub(in crate::store) async fn where_callbacks_go_is_told_without_more_of_their_address(both: Both) {
    seven(&both).await;
    let all = both.callbacks.callback_origins(100).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((all[0].waiting, all[0].dead), (6, 1));
    assert_eq!(all[0].origin, "https://shop.example");
    let few = both.callbacks.callback_origins(2).await.unwrap();
    assert_eq!((few[0].waiting, few[0].dead), (2, 1));
}

pub(in crate::store) async fn callbacks_are_listed_by_state_unit_and_order(both: Both) {
    let ids = seven(&both).await;
    for (state, count) in [
        (CallbackState::Pending, 6),
        (CallbackState::Dead, 1),
        (CallbackState::Capture, 0),
        (CallbackState::Delivered, 0),
        (CallbackState::Dropped, 0),
    ] {
        for msn in [None, Some(msn())] {
            let of_shop = usize::from(msn.is_some() && state == CallbackState::Pending);
            let filter = CallbackFilter {
                state: Some(state),
                msn,
                ..every()
            };
            let found = list(&both, filter).await;
            assert_eq!(found.len(), count - of_shop, "{state:?}");
            assert!(found.iter().all(|view| view.state == state));
        }
    }
    let orders = CallbackFilter {
        order: Some(order("o1")),
        ..every()
    };
    assert_eq!(list(&both, orders.clone()).await.len(), 2);
    let one = CallbackFilter {
        msn: Some(msn()),
        state: Some(CallbackState::Pending),
        ..orders.clone()
    };
    assert_eq!(list(&both, one).await[0].id, ids[1]);
    let none = CallbackFilter {
        state: Some(CallbackState::Dead),
        ..orders
    };
    assert!(list(&both, none).await.is_empty());
}

pub(in crate::store) async fn a_dead_letter_is_replayed_with_a_fresh_schedule(both: Both) {
    let id = dead(&both, "o1").await;
    assert!(claim(&both, Stage::Deliver, 9000, 9500).await.is_empty());
    assert_eq!(both.callbacks.callback_counts().await.unwrap().dead, 1);
    for again in 0..2 {
        let now = 10_000 * (again + 1);
        assert_eq!(replay(&both, id, now).await, Handled::Done);
        // One delivery per command.
        assert_eq!(replay(&both, id, now).await, Handled::Waiting);
        let view = the_one(&both, "o1").await;
        assert_eq!((view.state, view.attempts), (CallbackState::Pending, 0));
        assert_eq!((view.due_at, view.ended_at), (at(now), None));
        let counts = both.callbacks.callback_counts().await.unwrap();
        assert_eq!((counts.pending, counts.dead), (1, 0));
        let due = claim(&both, Stage::Deliver, now, now + 500).await.remove(0);
        assert_eq!((due.id, due.attempts), (id, 0));
        assert!(due.target.auth_token.is_some());
        assert_eq!(replay(&both, id, now + 1).await, Handled::Waiting);
        let why = "404".to_owned();
        assert!(settle(&both, &due, Settled::Dead { why }, now + 100).await);
    }
}

pub(in crate::store) async fn a_dead_capture_is_replayed_as_a_capture(both: Both) {
    paid(&both, "o1").await;
    let event = NewEvent {
        callback: Some((CallbackStatus::Sale, Stage::Capture)),
        ..approved("o1")
    };
    accept(&both, event, 6000).await;
    let due = claim(&both, Stage::Capture, 6000, 9000).await.remove(0);
    let why = "unknown".to_owned();
    assert!(settle(&both, &due, Settled::Dead { why }, 6100).await);
    assert_eq!(the_one(&both, "o1").await.state, CallbackState::Dead);
    assert_eq!(replay(&both, due.id, 7000).await, Handled::Done);
    assert_eq!(the_one(&both, "o1").await.state, CallbackState::Capture);
    assert!(claim(&both, Stage::Deliver, 7000, 9000).await.is_empty());
    assert_eq!(claim(&both, Stage::Capture, 7000, 9000).await.len(), 1);
}

pub(in crate::store) async fn what_waits_or_has_ended_is_not_replayed(both: Both) {
    let unheard = CallbackId(999_999);
    assert_eq!(replay(&both, unheard, 1).await, Handled::NoSuch);
    assert_eq!(drop_it(&both, unheard, 1).await, Handled::NoSuch);
    queued(&both, "o1", 6000).await;
    let id = the_one(&both, "o1").await.id;
    assert_eq!(replay(&both, id, 6001).await, Handled::Waiting);
    let due = claim(&both, Stage::Deliver, 6001, 9000).await.remove(0);
    assert_eq!(replay(&both, id, 6002).await, Handled::Waiting);
    assert!(settle(&both, &due, Settled::Delivered, 6100).await);
    assert_eq!(replay(&both, id, 6200).await, Handled::Ended);
    assert_eq!(drop_it(&both, id, 6200).await, Handled::Ended);
    let view = the_one(&both, "o1").await;
    assert_eq!(view.state, CallbackState::Delivered);
    assert_eq!(view.note, None);
}

pub(in crate::store) async fn a_drop_ends_a_callback_and_says_why(both: Both) {
    dead(&both, "o1").await;
    queued(&both, "o2", 6000).await;
    for text in ["o1", "o2"] {
        let id = the_one(&both, text).await.id;
        assert!(token_of(&both, text).await.is_some());
        assert_eq!(drop_it(&both, id, 7000).await, Handled::Done);
        let view = the_one(&both, text).await;
        assert_eq!(view.state, CallbackState::Dropped);
        assert_eq!(view.note.as_deref(), Some("kari: shop is closed"));
        assert_eq!(view.ended_at, Some(at(7000)));
        assert_eq!(token_of(&both, text).await, None);
        assert_eq!(drop_it(&both, id, 7001).await, Handled::Ended);
        assert_eq!(replay(&both, id, 7001).await, Handled::Ended);
    }
    assert!(
        claim(&both, Stage::Deliver, 99_000, 99_999)
            .await
            .is_empty()
    );
    let counts = both.callbacks.callback_counts().await.unwrap();
    assert_eq!((counts.pending, counts.dead), (0, 0));
}

pub(in crate::store) async fn what_is_being_delivered_is_not_dropped(both: Both) {
    queued(&both, "o1", 6000).await;
    let due = claim(&both, Stage::Deliver, 6000, 9000).await.remove(0);
    assert_eq!(drop_it(&both, due.id, 8999).await, Handled::Waiting);
    // Its worker is gone: it may be dropped, and the worker's word comes too late.
    assert_eq!(drop_it(&both, due.id, 9000).await, Handled::Done);
    assert!(!settle(&both, &due, Settled::Delivered, 9001).await);
    assert_eq!(the_one(&both, "o1").await.state, CallbackState::Dropped);
}

pub(in crate::store) async fn replays_at_once_queue_one_delivery(both: Both) {
    let id = dead(&both, "o1").await;
    let told = at_once(20, |_| {
        let both = both.clone();
        async move { replay(&both, id, 7000).await }
    })
    .await;
    assert_eq!(told.iter().filter(|h| **h == Handled::Done).count(), 1);
    assert_eq!(told.iter().filter(|h| **h == Handled::Waiting).count(), 19);
    assert_eq!(claim(&both, Stage::Deliver, 7000, 9000).await.len(), 1);
}
