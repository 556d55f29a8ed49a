//! The server killed, the connection cut: errors are clear, nothing acknowledged is lost, nothing is doubled.
//!
//! What was answered is noted and looked for afterwards. No sleeps: a cut happens at a byte, a kill after a count.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::*;
use crate::epayment::event::EventName;
use crate::store::{Accepted, AdjustmentState, CallbackFilter, CallbackStore, Origin};
use server::database_of_its_own;

/// What a store has answered about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Begun,
    Paid,
    Heard,
    Asked,
    Closed,
}

#[derive(Default)]
struct Notes {
    told: Mutex<BTreeMap<String, Told>>,
    errors: Mutex<Vec<StoreError>>,
    count: AtomicUsize,
    more: tokio::sync::Notify,
}

impl Notes {
    fn told(&self, text: &str, what: Told) {
        self.told.lock().unwrap().insert(text.to_owned(), what);
        self.count.fetch_add(1, Ordering::SeqCst);
        self.more.notify_one();
    }

    async fn reaches(&self, count: usize) {
        while self.count.load(Ordering::SeqCst) < count {
            self.more.notified().await;
        }
    }
}

/// One order's life, until something fails.
async fn one_life(store: &PostgresStore, text: &str, notes: &Notes) -> Result<(), StoreError> {
    let begun = store
        .begin_payment(new_payment(text, Origin::Epayment, "a"))
        .await?;
    let Begun::Fresh(id) = begun else {
        panic!("{text} was begun before: {begun:?}");
    };
    notes.told(text, Told::Begun);
    store.finish_payment(id, succeeded(), at(1500)).await?;
    notes.told(text, Told::Paid);
    let heard = event(text, EventName::Authorized);
    store.accept_event(heard, at(3000)).await?;
    notes.told(text, Told::Heard);
    let (_, seen) = store.adjustments(&shop(), &order(text)).await?;
    let call = store.begin_adjustment(new_capture(text), seen).await?;
    notes.told(text, Told::Asked);
    store
        .finish_adjustment(call.unwrap(), succeeded(), at(2600))
        .await?;
    notes.told(text, Told::Closed);
    Ok(())
}

async fn write_until_it_fails(store: Arc<PostgresStore>, prefix: String, notes: Arc<Notes>) {
    for n in 0_u32.. {
        if let Err(error) = one_life(&store, &format!("{prefix}-{n}"), &notes).await {
            notes.errors.lock().unwrap().push(error);
            return;
        }
    }
}

async fn assert_whole(store: &PostgresStore, text: &str, told: Told) {
    let known = store
        .payment(&shop(), &order(text), caller("a"))
        .await
        .unwrap();
    let (list, _) = store.adjustments(&shop(), &order(text)).await.unwrap();
    match (&known.payment, &known.attempt) {
        (Some(payment), None) => assert_same(&payment.facts, &facts(Origin::Epayment)),
        (None, Some(_)) => assert!(told < Told::Paid, "{text} was paid"),
        other => panic!("{text} is half there: {other:?}"),
    }
    let filter = CallbackFilter {
        order: Some(order(text)),
        limit: 9,
        ..CallbackFilter::default()
    };
    let queued = store.callbacks(filter).await.unwrap().len();
    assert!(queued <= 1, "{text} has two callbacks");
    assert!(queued == 1 || told < Told::Heard, "{text} was heard of");
    assert!(list.len() <= 1, "{text} has two money calls");
    let open = list.first().map(Adjustment::is_open);
    assert!(open.is_some() || told < Told::Asked, "{text} was asked");
    assert!(open == Some(false) || told < Told::Closed, "{text} is open");
}

fn is_clear(error: &StoreError) -> bool {
    match error {
        StoreError::Unreachable(_) => true,
        StoreError::Other(why) => why.contains("may or may not be recorded"),
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_and_doubles_nothing() {
    let Some(database) = database_of_its_own(false).await else {
        return;
    };
    let server = Arc::clone(database.server.as_ref().unwrap());
    let impatient = || PostgresOptions {
        patience: Duration::from_millis(300),
        ..PostgresOptions::new(database.url())
    };
    let mut stores = Vec::new();
    for _ in 0..2 {
        let store = PostgresStore::open(impatient()).await.unwrap();
        stores.push(Arc::new(store));
    }
    let mut told = BTreeMap::new();
    for (round, count) in [1, 3, 17, 60, 131, 250, 400, 650].into_iter().enumerate() {
        let notes = Arc::new(Notes::default());
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let store = Arc::clone(&stores[writer % 2]);
                let prefix = format!("order-{round}-{writer}");
                tokio::spawn(write_until_it_fails(store, prefix, Arc::clone(&notes)))
            })
            .collect();
        notes.reaches(count).await;
        let victim = Arc::clone(&server);
        tokio::task::spawn_blocking(move || victim.kill())
            .await
            .unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
        let errors = std::mem::take(&mut *notes.errors.lock().unwrap());
        assert_eq!(errors.len(), 8);
        for error in &errors {
            assert!(is_clear(error), "{error:?}");
        }
        let down = stores[0].ready().await;
        assert!(matches!(down, Err(StoreError::Unreachable(_))), "{down:?}");
        let again = Arc::clone(&server);
        tokio::task::spawn_blocking(move || again.up())
            .await
            .unwrap();
        // The same stores go on, without being opened again.
        for store in &stores {
            store.ready().await.unwrap();
        }
        told.extend(std::mem::take(&mut *notes.told.lock().unwrap()));
        for (text, what) in &told {
            assert_whole(&stores[round % 2], text, *what).await;
        }
    }
    let closed = told.values().filter(|what| **what == Told::Closed);
    assert!(closed.count() > 100, "it came far enough to matter");
}

/// What happens to the next commit that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    No,
    /// The server never sees it.
    Before,
    /// The server does it, and its answer is lost.
    After,
}

/// A way to the server that can be cut.
struct Cutter {
    port: u16,
    next: Arc<Mutex<Cut>>,
    cuts: Arc<AtomicUsize>,
}

impl Cutter {
    async fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cutter = Self {
            port: listener.local_addr().unwrap().port(),
            next: Arc::new(Mutex::new(Cut::No)),
            cuts: Arc::new(AtomicUsize::new(0)),
        };
        let (next, cuts) = (Arc::clone(&cutter.next), Arc::clone(&cutter.cuts));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.unwrap();
                let (next, cuts) = (Arc::clone(&next), Arc::clone(&cuts));
                tokio::spawn(pass(client, server, next, cuts));
            }
        });
        cutter
    }

    fn at_the_next_commit(&self, cut: Cut) {
        *self.next.lock().unwrap() = cut;
    }

    fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

/// Passes bytes both ways until either side ends or the cut comes.
async fn pass(
    mut client: TcpStream,
    mut server: UnixStream,
    next: Arc<Mutex<Cut>>,
    cuts: Arc<AtomicUsize>,
) {
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(1..) = read else { return };
                let sent = &up[..read.unwrap()];
                let commits = sent.windows(7).any(|word| word == b"COMMIT\0");
                let cut = if commits {
                    std::mem::replace(&mut *next.lock().unwrap(), Cut::No)
                } else {
                    Cut::No
                };
                match cut {
                    Cut::No => if server.write_all(sent).await.is_err() { return },
                    Cut::Before => {
                        cuts.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                    Cut::After => {
                        server.write_all(sent).await.unwrap();
                        let answered = server.read(&mut down).await.unwrap();
                        assert!(answered > 0);
                        cuts.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                }
            }
            read = server.read(&mut down) => {
                let Ok(1..) = read else { return };
                if client.write_all(&down[..read.unwrap()]).await.is_err() { return }
            }
        }
    }
}

fn is_in_doubt<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    match answer {
        Err(StoreError::Other(why)) if why.contains("may or may not be recorded") => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_to_a_commit_is_told_or_made_up_for() {
    let Some(database) = database_of_its_own(false).await else {
        return;
    };
    let cutter = Cutter::to(database.server.as_ref().unwrap().socket()).await;
    let options = PostgresOptions {
        url: database.by_way_of(cutter.port),
        ..database.options()
    };
    let store = PostgresStore::open(options).await.unwrap();
    for (n, cut) in [Cut::Before, Cut::After].into_iter().enumerate() {
        let done = cut == Cut::After;
        let text = format!("order-{n:04}");
        let before = cutter.cuts();
        // What is begun is told as not known, and what is there is found by the next look.
        cutter.at_the_next_commit(cut);
        let new = new_payment(&text, Origin::Epayment, "a");
        is_in_doubt(store.begin_payment(new.clone()).await);
        let again = store.begin_payment(new).await.unwrap();
        assert_eq!(matches!(again, Begun::Open(_)), done, "{cut:?}");
        let id = match again {
            Begun::Fresh(id) => id,
            Begun::Open(open) => open.id,
            Begun::Bound(_) => panic!("bound"),
        };
        // What a second run does not change is run again.
        cutter.at_the_next_commit(cut);
        store
            .finish_payment(id, succeeded(), at(1500))
            .await
            .unwrap();
        cutter.at_the_next_commit(cut);
        let heard = store.accept_event(event(&text, EventName::Authorized), at(3000));
        let heard = heard.await.unwrap();
        assert_eq!(matches!(heard, Accepted::Duplicate), done);

        let (_, seen) = store.adjustments(&shop(), &order(&text)).await.unwrap();
        cutter.at_the_next_commit(cut);
        is_in_doubt(store.begin_adjustment(new_capture(&text), seen).await);
        let again = store.begin_adjustment(new_capture(&text), seen).await;
        assert_eq!(again.unwrap().is_none(), done, "{cut:?}");
        let (list, _) = store.adjustments(&shop(), &order(&text)).await.unwrap();
        assert_eq!(list.len(), 1);
        cutter.at_the_next_commit(cut);
        is_in_doubt(
            store
                .resume_adjustment(list[0].id, at(32_000), at(62_000))
                .await,
        );
        cutter.at_the_next_commit(cut);
        let end = store.finish_adjustment(list[0].id, succeeded(), at(40_000));
        end.await.unwrap();
        let (list, _) = store.adjustments(&shop(), &order(&text)).await.unwrap();
        assert!(matches!(list[0].state, AdjustmentState::Succeeded { .. }));
        assert_eq!(cutter.cuts() - before, 6, "every cut took place");
        assert_whole(&store, &text, Told::Closed).await;
    }
}

async fn end_all_sessions(database: &Database) {
    let mut db = database.raw().await;
    sqlx::query(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .execute(&mut db)
    .await
    .unwrap();
    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_before_the_commit_is_not_noticed() {
    let Some(database) = server::database().await else {
        return;
    };
    let store = Arc::new(database.open().await);
    for round in 0..5 {
        let text = format!("o{round}");
        // Several idle connections, all of them dead.
        let looks = (0..10).map(|_| store.units_of_caller(caller("a")));
        for look in futures_util::future::join_all(looks).await {
            look.unwrap();
        }
        end_all_sessions(&database).await;
        let new = new_payment(&text, Origin::Epayment, "a");
        let begun = store.begin_payment(new).await;
        assert!(matches!(begun, Ok(Begun::Fresh(_))), "{begun:?}");
        end_all_sessions(&database).await;
        let known = store.payment(&shop(), &order(&text), caller("a")).await;
        assert!(known.unwrap().attempt.is_some());
    }
    // In the middle of a transaction, while it waits for another instance's lock.
    let mut holder = database.raw().await;
    let mut held = holder.begin().await.unwrap();
    rows::lock_order(&mut held, &shop(), &order("waits"))
        .await
        .unwrap();
    let waits = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let new = new_payment("waits", Origin::Epayment, "a");
            store.begin_payment(new).await
        })
    };
    let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND locktype = 'advisory' AND NOT granted";
    let mut watch = database.raw().await;
    loop {
        let row = sqlx::query(waiting).fetch_one(&mut watch).await.unwrap();
        if sqlx::Row::get::<i64, _>(&row, 0) == 1 {
            break;
        }
    }
    let others = "SELECT pg_terminate_backend(l.pid, 10000) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND locktype = 'advisory' AND NOT granted";
    sqlx::query(others).execute(&mut watch).await.unwrap();
    held.rollback().await.unwrap();
    assert!(matches!(waits.await.unwrap(), Ok(Begun::Fresh(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_leaves_the_store_whole() {
    let Some(database) = server::database().await else {
        return;
    };
    let store = database.open().await;
    for n in 0..50 {
        let new = new_payment(&format!("o{n}"), Origin::Epayment, "a");
        let mut work = store.begin_payment(new);
        // Polled a few times, so it is left at different places.
        for _ in 0..=n % 7 {
            if futures_util::poll!(&mut work).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(work);
    }
    // Nobody holds a lock, and no connection is in the middle of anything.
    for n in 0..50 {
        let new = new_payment(&format!("o{n}"), Origin::Epayment, "a");
        let begun = store.begin_payment(new).await.unwrap();
        assert!(matches!(begun, Begun::Fresh(_) | Begun::Open(_)));
    }
}
