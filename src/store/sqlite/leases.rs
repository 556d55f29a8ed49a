//! What a process had claimed when it ended: due again at the next opening, for a new claim only.
//!
//! Must not: hold for a database that several share, where another instance may be at work.

use super::db::query;
use super::open::{for_writing, free_claims};
use super::*;
use crate::epayment::event::EventName;
use crate::store::suite::*;
use crate::store::{
    ClaimLimits, DueCallback, DuePayment, Lease, NewEvent, Origin, Registered, Settled, Stage,
};

const FAR: i64 = 1_000_000_000;
const PLENTY: ClaimLimits = ClaimLimits {
    total: 100,
    per_unit: 100,
};

async fn opened(file: &std::path::Path) -> Both {
    Both::of(SqliteStore::open(tests::options(file)).await.unwrap())
}

async fn claimed(both: &Both, stage: Stage, now: i64) -> Vec<DueCallback> {
    let claim = both
        .callbacks
        .claim_callbacks(stage, at(now), PLENTY, at(FAR));
    claim.await.unwrap()
}

async fn looked(both: &Both, now: i64) -> Vec<DuePayment> {
    let look = both.callbacks.claim_polls(at(now), 100, at(FAR));
    look.await.unwrap()
}

async fn registering(both: &Both, now: i64) -> Option<Lease> {
    let claim = both
        .callbacks
        .claim_registration(&msn(), at(now), at(FAR))
        .await;
    claim.unwrap()
}

/// The next look is due at 9000.
async fn registered(both: &Both, lease: Lease, how: Registered) -> bool {
    let msn = msn();
    let settle = both
        .callbacks
        .settle_registration(&msn, lease, how, at(9000), at(7000));
    settle.await.unwrap()
}

/// An order whose callback is queued at 6000, and that is looked at from 5000 on until its end is known.
async fn queued_at(both: &Both, text: &str, stage: Option<Stage>) {
    let new = NewPayment {
        poll_at: Some(at(5000)),
        ..new_payment(text, Origin::Epayment, "a")
    };
    let id = fresh(&both.store, new).await;
    let end = both.store.finish_payment(id, succeeded(), at(1500)).await;
    end.unwrap();
    let Some(stage) = stage else { return };
    let event = event(text, EventName::Authorized);
    let event = NewEvent {
        callback: event.callback.map(|(status, _)| (status, stage)),
        ..event
    };
    let accepted = both.callbacks.accept_event(event, at(6000)).await;
    accepted.unwrap();
}

async fn delivered(both: &Both, due: &DueCallback) -> bool {
    let settle = both
        .callbacks
        .settle_callback(due.id, due.lease, Settled::Delivered, at(7000));
    settle.await.unwrap()
}

#[tokio::test]
async fn what_was_claimed_is_due_at_the_next_opening() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let both = opened(&file).await;
    queued_at(&both, "delivering", Some(Stage::Deliver)).await;
    queued_at(&both, "capturing", Some(Stage::Capture)).await;
    queued_at(&both, "looked-at", None).await;
    both.callbacks.see_unit(&msn(), at(6000)).await.unwrap();
    let first = claimed(&both, Stage::Deliver, 6000).await.remove(0);
    let capture = claimed(&both, Stage::Capture, 6000).await.remove(0);
    let look = looked(&both, 6000).await.remove(0);
    let registration = registering(&both, 6000).await.unwrap();
    // As after `kill -9`: nothing is settled, nothing closed.
    drop(both);

    let both = opened(&file).await;
    for stage in [Stage::Deliver, Stage::Capture] {
        let next = both.callbacks.next_callback_at(stage).await.unwrap();
        assert!(next.unwrap() <= at(6000), "{stage:?}");
    }
    // What the dead one still has to say changes nothing, neither before the new claim nor after it.
    assert!(!delivered(&both, &first).await);
    let late = both
        .callbacks
        .settle_poll(&look.scope, &look.order, look.lease, None);
    assert!(!late.await.unwrap());
    let again = claimed(&both, Stage::Deliver, 6000).await;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].id, again[0].attempts), (first.id, 0));
    assert_ne!(again[0].lease, first.lease);
    assert!(!delivered(&both, &first).await);
    let captures = claimed(&both, Stage::Capture, 6000).await;
    assert_eq!(captures.len(), 1);
    assert_ne!(captures[0].lease, capture.lease);
    let looks = looked(&both, 6000).await;
    assert_eq!(looks.len(), 1);
    assert_eq!((&looks[0].order, looks[0].looks), (&look.order, 0));
    assert_ne!(looks[0].lease, look.lease);
    let lease = registering(&both, 6000).await.unwrap();
    assert_ne!(lease, registration);
    let kept = Registered::Kept;
    assert!(!registered(&both, registration, kept).await);
    // The new claims are claims: they keep others out and settle.
    assert!(claimed(&both, Stage::Deliver, 6000).await.is_empty());
    assert!(delivered(&both, &again[0]).await);
}

#[tokio::test]
async fn what_was_settled_is_not_made_due() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let both = opened(&file).await;
    for text in ["order-retried", "order-delivered", "order-heard"] {
        queued_at(&both, text, None).await;
    }
    both.callbacks.see_unit(&msn(), at(6000)).await.unwrap();
    let looks = looked(&both, 6000).await;
    assert_eq!(looks.len(), 3);
    for look in &looks {
        if look.order != order("order-heard") {
            let settle =
                both.callbacks
                    .settle_poll(&look.scope, &look.order, look.lease, Some(at(9000)));
            assert!(settle.await.unwrap());
        }
        // The end of one becomes known while somebody looks at it.
        let event = event(look.order.as_str(), EventName::Authorized);
        both.callbacks.accept_event(event, at(6000)).await.unwrap();
    }
    for due in claimed(&both, Stage::Deliver, 6000).await {
        let how = if due.order == order("order-retried") {
            Settled::Retry {
                at: at(9000),
                why: "503".to_owned(),
            }
        } else {
            Settled::Delivered
        };
        let settle = both
            .callbacks
            .settle_callback(due.id, due.lease, how, at(6100));
        assert!(settle.await.unwrap());
    }
    let lease = registering(&both, 6000).await.unwrap();
    let kept = Registered::Kept;
    assert!(registered(&both, lease, kept).await);
    drop(both);

    let both = opened(&file).await;
    assert!(claimed(&both, Stage::Deliver, 8999).await.is_empty());
    assert!(looked(&both, FAR).await.is_empty(), "every end is known");
    assert_eq!(registering(&both, 8999).await, None);
    assert_eq!(claimed(&both, Stage::Deliver, 9000).await.len(), 1);
    assert!(registering(&both, 9000).await.is_some());
}

/// What was sent may still be on its way: nobody takes a money call over before its time.
#[tokio::test]
async fn a_money_call_keeps_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let both = opened(&file).await;
    queued_at(&both, "order-asked", None).await;
    let (_, seen) = both
        .store
        .adjustments(&shop(), &order("order-asked"))
        .await
        .unwrap();
    let call = both
        .store
        .begin_adjustment(new_capture("order-asked"), seen)
        .await;
    let call = call.unwrap().unwrap();
    let attempt = fresh(
        &both.store,
        new_payment("order-begun", Origin::Epayment, "a"),
    )
    .await;
    drop(both);

    let both = opened(&file).await;
    for (now, free) in [(31_999, false), (32_000, true)] {
        let taken = both.store.resume_adjustment(call, at(now), at(FAR)).await;
        assert_eq!(taken.unwrap(), free, "{now}");
    }
    for (now, free) in [(30_999, false), (31_000, true)] {
        let taken = both.store.resume_payment(attempt, at(now), at(FAR)).await;
        assert_eq!(taken.unwrap(), free, "{now}");
    }
}

/// On a full or read-only disk the bridge starts, reads, and says that it is not ready.
#[tokio::test]
async fn a_claim_that_cannot_be_freed_does_not_keep_the_store_shut() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let both = opened(&file).await;
    queued_at(&both, "delivering", Some(Stage::Deliver)).await;
    assert_eq!(claimed(&both, Stage::Deliver, 6000).await.len(), 1);
    drop(both);

    let connect = for_writing(&file, Duration::from_secs(60));
    let mut db = connect.connect().unwrap();
    let leased = |db: &mut Db| -> i64 {
        let leased = "SELECT count(*) FROM callbacks WHERE leased = 1";
        query(leased).fetch_one(db).unwrap().first()
    };
    let refuse = "PRAGMA query_only = ON";
    query(refuse).execute(&mut db).unwrap();
    free_claims(&mut db);
    assert_eq!(leased(&mut db), 1);
    let allow = "PRAGMA query_only = OFF";
    query(allow).execute(&mut db).unwrap();
    free_claims(&mut db);
    assert_eq!(leased(&mut db), 0);
}
