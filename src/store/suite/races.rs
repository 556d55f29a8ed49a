//! Many at once: exactly one gets through.
//!
//! Must not: know which back end it runs on.

use super::adjustments::look;
use super::*;

/// Starts `count` of `work` at the same moment and returns what they returned.
pub(super) async fn at_once<T, F, W>(count: usize, work: W) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
    W: Fn(usize) -> F,
{
    let gate = Arc::new(tokio::sync::Barrier::new(count));
    let tasks: Vec<_> = (0..count)
        .map(|n| {
            let (gate, work) = (Arc::clone(&gate), work(n));
            tokio::spawn(async move {
                gate.wait().await;
                work.await
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.push(task.await.unwrap());
    }
    all
}

pub(in crate::store) async fn fifty_at_once_begin_one_payment(store: Any) {
    let begun = at_once(50, |_| {
        let store = Arc::clone(&store);
        async move {
            let new = new_payment("o1", Origin::Epayment, "a");
            store.begin_payment(new).await.unwrap()
        }
    })
    .await;
    let mut id = None;
    for one in &begun {
        if let Begun::Fresh(fresh) = one {
            assert_eq!(id.replace(*fresh), None, "two got through");
        }
    }
    let others = begun.iter().filter(|one| match one {
        Begun::Open(open) => Some(open.id) == id,
        _ => false,
    });
    assert_eq!(others.count(), 49);
}

pub(in crate::store) async fn both_apis_at_once_never_bind_both(store: Any) {
    for round in 0..10 {
        let begun = at_once(8, |n| {
            let store = Arc::clone(&store);
            let api = [Origin::Ecom, Origin::Epayment][n % 2];
            async move {
                let new = new_payment(&format!("o{round}"), api, "a");
                (api, store.begin_payment(new).await.unwrap())
            }
        })
        .await;
        let fresh: Vec<Origin> = begun
            .iter()
            .filter(|(_, begun)| matches!(begun, Begun::Fresh(_)))
            .map(|(api, _)| *api)
            .collect();
        assert!(!fresh.is_empty());
        assert!(fresh.iter().all(|api| *api == fresh[0]), "bound to both");
        for (api, begun) in &begun {
            if *api != fresh[0] {
                assert!(matches!(begun, Begun::Bound(to) if *to == fresh[0]));
            }
        }
    }
}

pub(in crate::store) async fn two_callers_succeed_at_once_and_one_payment_stands(store: Any) {
    let ids = [
        fresh(&store, new_payment("o1", Origin::Ecom, "a")).await,
        fresh(&store, new_payment("o1", Origin::Epayment, "b")).await,
    ];
    at_once(2, |n| {
        let store = Arc::clone(&store);
        async move {
            let end = store.finish_payment(ids[n], succeeded(), at(1500)).await;
            end.unwrap();
        }
    })
    .await;
    let mine = store.payment(&shop(), &order("o1"), caller("a")).await;
    let theirs = store.payment(&shop(), &order("o1"), caller("b")).await;
    let (mine, theirs) = (mine.unwrap(), theirs.unwrap());
    assert!(mine.attempt.is_none() && theirs.attempt.is_none());
    assert_same(&mine.payment.unwrap().facts, &theirs.payment.unwrap().facts);
}

pub(in crate::store) async fn fifty_at_once_begin_one_money_call(store: Any) {
    let (_, seen) = look(&store, "o1").await;
    let begun = at_once(50, |_| {
        let store = Arc::clone(&store);
        async move {
            let new = new_capture("o1");
            store.begin_adjustment(new, seen).await.unwrap()
        }
    })
    .await;
    assert_eq!(begun.iter().flatten().count(), 1);
    assert_eq!(look(&store, "o1").await.0.len(), 1);
}

pub(in crate::store) async fn fifty_at_once_take_over_one_money_call(store: Any) {
    let (_, seen) = look(&store, "o1").await;
    let id = store.begin_adjustment(new_capture("o1"), seen).await;
    let id = id.unwrap().unwrap();
    let taken = at_once(50, |_| {
        let store = Arc::clone(&store);
        async move {
            let taken = store.resume_adjustment(id, at(32_000), at(62_000)).await;
            taken.unwrap()
        }
    })
    .await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
}
