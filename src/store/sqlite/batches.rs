//! What shares a transaction: nobody is answered before the commit, and no step takes another with it.
//!
//! Steps are held open by gates, so each test sees exactly the moment it is about. No sleeps.

use std::sync::Arc;

use sqlx::{Connection, Row};
use tokio::sync::oneshot;

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
        let held = store.writer.run(|_| {
            Box::pin(async move {
                runs.send(()).unwrap();
                opened.await.unwrap();
                Ok(())
            })
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
    let step = store.writer.run(|db| {
        Box::pin(async move {
            let half = "INSERT INTO meta (name, value) VALUES ('half', x'00')";
            sqlx::query(half).execute(&mut *db).await?;
            sqlx::query("INSERT INTO nowhere VALUES (1)")
                .execute(db)
                .await?;
            Ok(())
        })
    });
    step.await
}

async fn halves(store: &SqliteStore) -> i64 {
    let mut view = store.view().await.unwrap();
    let row = sqlx::query("SELECT count(*) FROM meta WHERE name = 'half'")
        .fetch_one(&mut *view)
        .await;
    row.unwrap().get(0)
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
    let breaking = store.writer.run(|db| {
        Box::pin(async move {
            sqlx::query("ROLLBACK").execute(db).await?;
            Err::<(), _>(StoreError::Full)
        })
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
    let file = folder.path().join("store.db");
    let connect = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut db = sqlx::SqliteConnection::connect_with(&connect)
        .await
        .unwrap();
    let row = sqlx::query("PRAGMA integrity_check")
        .fetch_one(&mut db)
        .await;
    assert_eq!(row.unwrap().get::<String, _>(0), "ok");
}
