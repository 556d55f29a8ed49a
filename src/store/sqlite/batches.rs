//! What shares a transaction: nobody is answered before the commit, and no step takes another with it.
//!
//! Steps are held open by gates, so each test sees exactly the moment it is about. No sleeps.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::db::{query, raw};
use super::*;
use crate::store::suite::*;
use crate::store::{Begun, Origin};

async fn open_in(folder: &tempfile::TempDir, busy_timeout: Duration) -> Arc<SqliteStore> {
    let options = SqliteOptions {
        busy_timeout,
        ..SqliteOptions::new(folder.path().join("store.db"))
    };
    Arc::new(SqliteStore::open(options).await.unwrap())
}

const LONG: Duration = Duration::from_secs(60);

/// A step that says when it runs and goes on when it is let.
struct Gate {
    running: oneshot::Receiver<()>,
    open: oneshot::Sender<()>,
    step: tokio::task::JoinHandle<Result<(), StoreError>>,
}

fn gate(store: &Arc<SqliteStore>) -> Gate {
    let (runs, running) = oneshot::channel();
    let (open, opened) = oneshot::channel();
    let store = Arc::clone(store);
    let step = tokio::spawn(async move {
        let held = store.writer.run(move |_| {
            runs.send(()).unwrap();
            opened.blocking_recv().unwrap();
            Ok(())
        });
        held.await
    });
    Gate {
        running,
        open,
        step,
    }
}

/// Half a write, then an error.
async fn bad(store: &SqliteStore) -> Result<(), StoreError> {
    let step = store.writer.run(move |db| {
        let half = "INSERT INTO meta (name, value) VALUES ('half', x'00')";
        query(half).execute(db)?;
        query("INSERT INTO nowhere VALUES (1)").execute(db)?;
        Ok(())
    });
    step.await
}

async fn halves(store: &SqliteStore) -> i64 {
    let count = "SELECT count(*) FROM meta WHERE name = 'half'";
    let halves = store.read(|db| Ok(query(count).fetch_one(db)?.first()));
    halves.await.unwrap()
}

#[tokio::test]
async fn nobody_is_answered_before_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(&folder, LONG).await;
    let first = gate(&store);
    first.running.await.unwrap();
    let mut begun = store.begin_payment(new_payment("o1", Origin::Epayment, "a"));
    assert!(futures_util::poll!(&mut begun).is_pending());
    let second = gate(&store);
    while store.writer.waiting() < 2 {
        tokio::task::yield_now().await;
    }
    first.open.send(()).unwrap();
    second.running.await.unwrap();
    // The payment's step has run, and the transaction it shares has not ended.
    assert!(futures_util::poll!(&mut begun).is_pending());
    assert!(!first.step.is_finished());
    let known = store.payment(&shop(), &order("o1"), caller("a")).await;
    assert!(known.unwrap().attempt.is_none());
    second.open.send(()).unwrap();
    assert!(matches!(begun.await, Ok(Begun::Fresh(_))));
    first.step.await.unwrap().unwrap();
    second.step.await.unwrap().unwrap();
    let known = store.payment(&shop(), &order("o1"), caller("a")).await;
    assert!(known.unwrap().attempt.is_some());
}

#[tokio::test]
async fn a_failing_step_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(&folder, LONG).await;
    // First of its transaction, then in the middle of one.
    assert!(matches!(bad(&store).await, Err(StoreError::Other(_))));
    let first = gate(&store);
    first.running.await.unwrap();
    let work = async {
        tokio::join!(
            store.begin_payment(new_payment("o1", Origin::Ecom, "a")),
            bad(&store),
            store.begin_payment(new_payment("o2", Origin::Ecom, "a")),
            async { first.open.send(()).unwrap() },
        )
    };
    let (one, bad, two, ()) = work.await;
    assert!(matches!(bad, Err(StoreError::Other(_))));
    assert!(matches!(one, Ok(Begun::Fresh(_))));
    assert!(matches!(two, Ok(Begun::Fresh(_))));
    assert_eq!(halves(&store).await, 0);
    for text in ["o1", "o2"] {
        let known = store.payment(&shop(), &order(text), caller("a")).await;
        assert!(known.unwrap().attempt.is_some());
    }
}

#[tokio::test]
async fn a_lost_transaction_answers_all_that_shared_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(&folder, LONG).await;
    let first = gate(&store);
    first.running.await.unwrap();
    // As a broken disk does: everything is rolled back in the middle of the batch.
    let breaking = store.writer.run(move |db| {
        query("ROLLBACK").execute(db)?;
        Err::<(), _>(StoreError::Full)
    });
    let (begun, broken, ()) = tokio::join!(
        store.begin_payment(new_payment("o1", Origin::Ecom, "a")),
        breaking,
        async { first.open.send(()).unwrap() },
    );
    assert!(matches!(begun, Err(StoreError::Full)), "{begun:?}");
    assert!(matches!(broken, Err(StoreError::Full)));
    assert!(matches!(first.step.await.unwrap(), Err(StoreError::Full)));
    let known = store.payment(&shop(), &order("o1"), caller("a")).await;
    assert!(known.unwrap().attempt.is_none());
    store.ready().await.unwrap();
}

#[tokio::test]
async fn a_step_that_panics_takes_its_transaction_with_it_and_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(&folder, LONG).await;
    let panics = |error: &StoreError| error.to_string().contains("panicked");
    let first = gate(&store);
    first.running.await.unwrap();
    // In the middle of a batch, then first of its transaction.
    let step = |db: &mut Db| -> Result<(), StoreError> {
        let half = "INSERT INTO meta (name, value) VALUES ('half', x'00')";
        query(half).execute(db)?;
        panic!("a bug");
    };
    let (begun, panicked, ()) = tokio::join!(
        store.begin_payment(new_payment("o1", Origin::Ecom, "a")),
        store.writer.run(step),
        async { first.open.send(()).unwrap() },
    );
    assert!(panics(&panicked.unwrap_err()) && panics(&begun.unwrap_err()));
    assert!(panics(&first.step.await.unwrap().unwrap_err()));
    assert!(panics(&store.writer.run(step).await.unwrap_err()));
    store.ready().await.unwrap();
    assert_eq!(halves(&store).await, 0);
    let known = store.payment(&shop(), &order("o1"), caller("a")).await;
    assert!(known.unwrap().attempt.is_none());
    // More often than there are readers.
    for _ in 0..9 {
        let read = store.read(|_| -> Result<(), StoreError> { panic!("a bug") });
        assert!(panics(&read.await.unwrap_err()));
    }
    assert_eq!(halves(&store).await, 0);
}

#[tokio::test]
async fn a_read_sees_one_moment_and_what_cannot_begin_in_time_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(&folder, Duration::from_millis(50)).await;
    let count = |db: &mut Db| -> Result<i64, StoreError> {
        let row = query("SELECT count(*) FROM attempts").fetch_one(db)?;
        Ok(row.first())
    };
    let mut held = Vec::new();
    for _ in 0..readers::READERS {
        let (runs, running) = oneshot::channel();
        let (open, opened) = oneshot::channel::<()>();
        let same = Arc::clone(&store);
        let read = tokio::spawn(async move {
            let read = same.read(move |db| {
                let before = count(db)?;
                runs.send(()).unwrap();
                opened.blocking_recv().unwrap();
                Ok((before, count(db)?))
            });
            read.await
        });
        running.await.unwrap();
        held.push((open, read));
    }
    // No reader is free.
    let late = store.units_of_caller(caller("a")).await;
    assert!(matches!(late, Err(StoreError::Locked)));
    let begun = store.begin_payment(new_payment("o1", Origin::Ecom, "a"));
    assert!(matches!(begun.await, Ok(Begun::Fresh(_))));
    for (open, read) in held {
        open.send(()).unwrap();
        assert_eq!(read.await.unwrap().unwrap(), (0, 0));
    }
    assert_eq!(store.read(count).await.unwrap(), 1);
}

#[tokio::test]
async fn a_step_that_was_called_off_never_runs() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(&folder, Duration::from_millis(50)).await;
    let first = gate(&store);
    first.running.await.unwrap();
    let begun = store.begin_payment(new_payment("o1", Origin::Ecom, "a"));
    assert!(matches!(begun.await, Err(StoreError::Locked)));
    // The first one has begun, so it is waited for, however long it takes.
    assert!(!first.step.is_finished());
    first.open.send(()).unwrap();
    first.step.await.unwrap().unwrap();
    store.close().await;
    drop(store);
    let store = open_in(&folder, LONG).await;
    let known = store.payment(&shop(), &order("o1"), caller("a")).await;
    assert!(known.unwrap().attempt.is_none());
}

#[tokio::test]
async fn closing_ends_what_was_begun_and_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(&folder, LONG).await;
    let first = gate(&store);
    first.running.await.unwrap();
    let mut begun = store.begin_payment(new_payment("o1", Origin::Ecom, "a"));
    assert!(futures_util::poll!(&mut begun).is_pending());
    let (begun, (), ()) = tokio::join!(begun, store.close(), async {
        first.open.send(()).unwrap();
    });
    assert!(matches!(begun, Ok(Begun::Fresh(_))));
    first.step.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_store_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(&folder, LONG).await;
    for n in 0..50 {
        let mut work = store.begin_payment(new_payment(&format!("o{n}"), Origin::Epayment, "a"));
        // Polled once, so it waits in the queue, then dropped.
        assert!(futures_util::poll!(&mut work).is_pending());
        drop(work);
    }
    store.ready().await.unwrap();
    let any: Any = store;
    fresh(&any, new_payment("after", Origin::Epayment, "a")).await;
    let mut db = raw(&folder.path().join("store.db"));
    let row = query("PRAGMA integrity_check").fetch_one(&mut db).unwrap();
    assert_eq!(row.first::<String>(), "ok");
}
