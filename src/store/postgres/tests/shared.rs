//! One database for several instances, and a database that is not what it should be.

use std::collections::BTreeSet;

use sqlx::{Connection, Row};

use super::*;
use crate::ecom::callback::CallbackStatus;
use crate::epayment::event::EventName;
use crate::store::{
    Accepted, CallbackStore, ClaimLimits, NewEvent, Origin, Registered, Settled, Source, Stage,
};

async fn scalar(database: &Database, statement: &'static str) -> i64 {
    let mut db = database.raw().await;
    let row = sqlx::query(statement).fetch_one(&mut db).await.unwrap();
    let value = row.get(0);
    db.close().await.unwrap();
    value
}

async fn run(database: &Database, statement: &'static str) {
    let mut db = database.raw().await;
    sqlx::raw_sql(statement).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_instances_may_start_at_once() {
    let Some(database) = database().await else {
        return;
    };
    let (one, two, three, four) = tokio::join!(
        PostgresStore::open(database.options()),
        PostgresStore::open(database.options()),
        PostgresStore::open(database.options()),
        PostgresStore::open(database.options()),
    );
    let stores = [one.unwrap(), two.unwrap(), three.unwrap(), four.unwrap()];
    for store in &stores {
        assert!(store.secret() == stores[0].secret(), "the secret is shared");
        store.ready().await.unwrap();
    }
    let versions = "SELECT version FROM schema_version";
    assert_eq!(scalar(&database, versions).await, open::KNOWN);
    assert_eq!(scalar(&database, "SELECT count(*) FROM meta").await, 1);
    assert_eq!(scalar(&database, "SELECT count FROM probe").await, 4);
}

#[tokio::test]
async fn a_later_schema_is_refused_and_left_alone() {
    let Some(database) = database().await else {
        return;
    };
    database.open().await.close().await;
    run(&database, "UPDATE schema_version SET version = 99").await;
    match PostgresStore::open(database.options()).await {
        Err(StoreError::TooNew { found, known }) => assert_eq!((found, known), (99, open::KNOWN)),
        other => panic!("{other:?}"),
    }
    let versions = "SELECT version FROM schema_version";
    assert_eq!(scalar(&database, versions).await, 99);
}

#[tokio::test]
async fn another_programs_tables_are_left_alone() {
    let Some(database) = database().await else {
        return;
    };
    run(&database, "CREATE TABLE public.payments (theirs INT)").await;
    let store = database.open().await;
    store.ready().await.unwrap();
    store.close().await;
    // What is closed says so.
    assert!(matches!(store.ready().await, Err(StoreError::Other(_))));
    run(
        &database,
        "DROP SCHEMA ecom_bridge CASCADE; CREATE SCHEMA ecom_bridge; CREATE TABLE ecom_bridge.x (theirs INT)",
    )
    .await;
    let refused = PostgresStore::open(database.options()).await;
    assert!(
        matches!(refused, Err(StoreError::Damaged(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_is_no_store_is_named() {
    let Some(database) = database().await else {
        return;
    };
    let at = |url: String| {
        let options = PostgresOptions {
            patience: Duration::from_millis(300),
            ..PostgresOptions::new(SecretString::from(url))
        };
        PostgresStore::open(options)
    };
    for url in [
        // Nobody listens there.
        "postgres://me:canary@127.0.0.1:1/b".to_owned(),
        // Not a database of this server.
        database.url_of("nowhere"),
        "mysql://me:canary@h/b".to_owned(),
    ] {
        match at(url).await {
            Err(error @ StoreError::Unreachable(_)) => {
                assert!(!error.to_string().contains("canary"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// An instance needs no right to make or change tables once they are there.
#[tokio::test]
async fn reading_and_writing_is_all_that_a_running_instance_needs() {
    let Some(database) = database().await else {
        return;
    };
    database.open().await.close().await;
    let role = format!("bridge_least_{}", database.name());
    let make = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'least';
         GRANT USAGE ON SCHEMA ecom_bridge TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ecom_bridge TO {role}"
    );
    let mut db = database.raw().await;
    let make = sqlx::AssertSqlSafe(make);
    sqlx::raw_sql(make).execute(&mut db).await.unwrap();
    let options = PostgresOptions {
        url: database.url_as(&role, "least"),
        ..database.options()
    };
    let store: Any = Arc::new(PostgresStore::open(options).await.unwrap());
    store.ready().await.unwrap();
    fresh(&store, new_payment("o1", Origin::Epayment, "a")).await;
    drop(store);
    let gone = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    let gone = sqlx::AssertSqlSafe(gone);
    sqlx::raw_sql(gone).execute(&mut db).await.unwrap();
}

/// What an administrator has set for the database does not weaken what is promised.
#[tokio::test]
async fn a_session_promises_what_the_store_does() {
    let Some(database) = database().await else {
        return;
    };
    let name = database.name();
    let weak = format!(
        "ALTER DATABASE {name} SET synchronous_commit = off;
         ALTER DATABASE {name} SET default_transaction_isolation = 'serializable';
         ALTER DATABASE {name} SET default_transaction_read_only = on"
    );
    let mut db = database.raw().await;
    let weak = sqlx::AssertSqlSafe(weak);
    sqlx::raw_sql(weak).execute(&mut db).await.unwrap();
    let store = database.open().await;
    let told = transaction!(store.pool, Mode::Repeatable, |db| async {
        let row = sqlx::query(
            "SELECT current_setting('synchronous_commit') || ' ' || current_setting('transaction_isolation')
             || ' ' || current_setting('lock_timeout')",
        );
        Ok::<String, Fault>(row.fetch_one(db).await?.get(0))
    });
    let told: Result<String, StoreError> = told;
    assert_eq!(told.unwrap(), "on read committed 2s");
}

/// As a pooler that swallows what a session is told.
#[tokio::test]
async fn a_session_that_would_not_wait_for_the_disk_is_refused() {
    let Some(database) = database().await else {
        return;
    };
    for (level, refused) in [
        ("off", true),
        ("local", true),
        ("remote_write", true),
        ("on", false),
        ("remote_apply", false),
    ] {
        let mut db = database.raw().await;
        let set = sqlx::AssertSqlSafe(format!("SET synchronous_commit = {level}"));
        sqlx::raw_sql(set).execute(&mut db).await.unwrap();
        match open::prepare(&mut db).await {
            Ok(_) => assert!(!refused, "{level}"),
            Err(fault) => {
                let told = fault.told();
                assert!(matches!(&told, StoreError::Unreachable(why) if why.contains("settings")));
                assert!(refused, "{level}: {told}");
            }
        }
        db.close().await.unwrap();
    }
}

async fn two_of(database: &Database) -> [Arc<PostgresStore>; 2] {
    [
        Arc::new(database.open().await),
        Arc::new(database.open().await),
    ]
}

/// Fifty at the same moment, on both in turn.
async fn fifty<T, F, W>(stores: &[Arc<PostgresStore>; 2], work: W) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
    W: Fn(Arc<PostgresStore>) -> F,
{
    let gate = Arc::new(tokio::sync::Barrier::new(50));
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let (gate, work) = (Arc::clone(&gate), work(Arc::clone(&stores[n % 2])));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_begin_one_money_call_and_one_payment() {
    let Some(database) = database().await else {
        return;
    };
    let stores = two_of(&database).await;
    for round in 0..10 {
        let text = format!("o{round}");
        let (_, seen) = stores[0].adjustments(&shop(), &order(&text)).await.unwrap();
        let begun = fifty(&stores, |store| {
            let new = new_capture(&text);
            async move { store.begin_adjustment(new, seen).await.unwrap() }
        });
        assert_eq!(begun.await.iter().flatten().count(), 1);
        let begun = fifty(&stores, |store| {
            let new = new_payment(&text, Origin::Epayment, "a");
            async move { store.begin_payment(new).await.unwrap() }
        });
        let fresh = begun.await;
        let fresh = fresh
            .iter()
            .filter(|begun| matches!(begun, Begun::Fresh(_)));
        assert_eq!(fresh.count(), 1);
    }
}

/// Begun and closed at once by the other instance: a look that is old by then begins nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_stale_look_begins_a_money_call_while_another_instance_closes_one() {
    let Some(database) = database().await else {
        return;
    };
    let stores = two_of(&database).await;
    for round in 0..10 {
        let text = format!("o{round}");
        let (_, seen) = stores[0].adjustments(&shop(), &order(&text)).await.unwrap();
        let begun = fifty(&stores, |store| {
            let new = new_capture(&text);
            async move {
                let id = store.begin_adjustment(new, seen).await.unwrap()?;
                let end = store.finish_adjustment(id, Outcome::NotDone(at(32_000)), at(2500));
                end.await.unwrap();
                Some(id)
            }
        });
        assert_eq!(begun.await.iter().flatten().count(), 1);
    }
}

fn event(text: &str, unit: &str) -> NewEvent {
    NewEvent {
        msn: Msn::parse(unit).unwrap(),
        reference: order(text).reference().unwrap(),
        name: EventName::Authorized,
        success: true,
        psp_reference: "p\u{0}1".to_owned(),
        amount: kroner(1),
        at: at(2000),
        key: None,
        source: Source::Webhook,
        callback: Some((CallbackStatus::Reserved, Stage::Deliver)),
    }
}

async fn pay(store: &PostgresStore, text: &str, msn: &str) {
    let mut new = new_payment(text, Origin::Epayment, "a");
    new.scope = unit(msn);
    let begun = store.begin_payment(new).await.unwrap();
    let Begun::Fresh(id) = begun else {
        panic!("{begun:?}");
    };
    store
        .finish_payment(id, succeeded(), at(1500))
        .await
        .unwrap();
}

const FEW: ClaimLimits = ClaimLimits {
    total: 7,
    per_unit: 3,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_claim_different_callbacks_within_one_limit() {
    let Some(database) = database().await else {
        return;
    };
    let stores = two_of(&database).await;
    for n in 0..40 {
        let (text, msn) = (format!("order-{n:04}"), ["123456", "654321"][n % 2]);
        pay(&stores[0], &text, msn).await;
        let accepted = stores[1].accept_event(event(&text, msn), at(3000)).await;
        assert!(matches!(accepted, Ok(Accepted::Queued(_))), "{accepted:?}");
    }
    let claims = fifty(&stores, |store| async move {
        let claim = store.claim_callbacks(Stage::Deliver, at(4000), FEW, at(9000));
        claim.await.unwrap()
    });
    let claimed: Vec<_> = claims.await.into_iter().flatten().collect();
    // Three of each unit, however many asked.
    assert_eq!(claimed.len(), 6);
    let ids: BTreeSet<_> = claimed.iter().map(|due| due.id).collect();
    assert_eq!(ids.len(), 6, "none twice");

    // A frozen worker: its leases end, the other instance takes over, and what it settles late changes nothing.
    let late = &claimed[0];
    let many = ClaimLimits {
        total: 60,
        per_unit: 30,
    };
    let again = stores[1].claim_callbacks(Stage::Deliver, at(9000), many, at(20_000));
    let again = again.await.unwrap();
    let taken = again.iter().find(|due| due.id == late.id).unwrap();
    assert_ne!(taken.lease, late.lease);
    let settle = |store: &Arc<PostgresStore>, lease| {
        let store = Arc::clone(store);
        let id = late.id;
        async move {
            let settled = store.settle_callback(id, lease, Settled::Delivered, at(9500));
            settled.await.unwrap()
        }
    };
    assert!(!settle(&stores[0], late.lease).await);
    assert!(settle(&stores[1], taken.lease).await);
    assert!(!settle(&stores[0], late.lease).await);
    assert!(!settle(&stores[1], taken.lease).await);
}

/// An event and the payment that it is about, recorded at the same moment by two instances: never is nothing queued.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_and_its_payment_never_pass_each_other_unseen() {
    let Some(database) = database().await else {
        return;
    };
    let [one, two] = two_of(&database).await;
    for n in 0..60 {
        let text = format!("order-{n:04}");
        let new = new_payment(&text, Origin::Epayment, "a");
        let Begun::Fresh(id) = one.begin_payment(new).await.unwrap() else {
            panic!("not fresh");
        };
        let finish = {
            let one = Arc::clone(&one);
            tokio::spawn(async move { one.finish_payment(id, succeeded(), at(1500)).await })
        };
        let accepted = two.accept_event(event(&text, "123456"), at(3000)).await;
        accepted.unwrap();
        finish.await.unwrap().unwrap();
    }
    assert_eq!(one.callback_counts().await.unwrap().pending, 60);
    assert_eq!(one.callback_counts().await.unwrap().unmatched, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_register_a_unit_once() {
    let Some(database) = database().await else {
        return;
    };
    let stores = two_of(&database).await;
    let msn = Msn::parse("123456").unwrap();
    let claims = fifty(&stores, |store| {
        let msn = msn.clone();
        async move {
            store.see_unit(&msn, at(1000)).await.unwrap();
            let claim = store.claim_registration(&msn, at(1000), at(9000));
            claim.await.unwrap()
        }
    });
    let claims: Vec<_> = claims.await.into_iter().flatten().collect();
    assert_eq!(claims.len(), 1);
    let later = stores[1].claim_registration(&msn, at(9000), at(20_000));
    let later = later.await.unwrap().unwrap();
    let settle = |lease| {
        let (store, msn) = (&stores[0], &msn);
        async move {
            let end = store.settle_registration(msn, lease, Registered::Kept, at(50_000), at(9500));
            end.await.unwrap()
        }
    };
    assert!(!settle(claims[0]).await, "the frozen one's claim is over");
    assert!(settle(later).await);
}

/// A bounded wait: for a connection, and for another instance's lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_without_end() {
    let Some(database) = database().await else {
        return;
    };
    let options = PostgresOptions {
        connections: 1,
        patience: Duration::from_secs(1),
        ..database.options()
    };
    let store = PostgresStore::open(options).await.unwrap();
    let mut tries = store.pool.tries(Mode::Statement);
    let only = tries.begin().await.unwrap();
    let look = store.units_of_caller(caller("a")).await;
    assert!(matches!(look, Err(StoreError::Locked)), "{look:?}");
    assert!(tries.end(only, Ok(())).await.is_some());
    store.units_of_caller(caller("a")).await.unwrap();

    // An instance that is frozen in the middle of beginning.
    let mut frozen = database.raw().await;
    let mut frozen = frozen.begin().await.unwrap();
    rows::lock_order(&mut frozen, &shop(), &order("o1"))
        .await
        .unwrap();
    let new = new_payment("o1", Origin::Epayment, "a");
    let begun = store.begin_payment(new.clone()).await;
    assert!(matches!(begun, Err(StoreError::Locked)), "{begun:?}");
    let other = new_payment("o2", Origin::Epayment, "a");
    store.begin_payment(other).await.unwrap();
    frozen.rollback().await.unwrap();
    assert!(matches!(
        store.begin_payment(new).await,
        Ok(Begun::Fresh(_))
    ));
}

/// The webhook of a capture comes while its answer is recorded: both want the payment's row and the ledger's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_call_and_its_event_never_wait_for_each_other() {
    let Some(database) = database().await else {
        return;
    };
    let stores = two_of(&database).await;
    for n in 0..60 {
        let text = format!("order-{n:04}");
        pay(&stores[0], &text, "123456").await;
        let (_, seen) = stores[0].adjustments(&shop(), &order(&text)).await.unwrap();
        let call = new_capture(&text);
        let captured = NewEvent {
            name: EventName::Captured,
            psp_reference: format!("capture-{n}"),
            key: call.key.clone(),
            callback: None,
            ..event(&text, "123456")
        };
        let id = stores[0].begin_adjustment(call, seen).await.unwrap();
        let (closed, heard) = tokio::join!(
            stores[0].finish_adjustment(id.unwrap(), succeeded(), at(2500)),
            stores[1].accept_event(captured, at(2500)),
        );
        closed.unwrap();
        heard.unwrap();
    }
    for store in &stores {
        store.close().await;
    }
    // A session tells what it counted when it ends.
    let others = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while scalar(&database, others).await > 0 {
        tokio::task::yield_now().await;
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(scalar(&database, deadlocks).await, 0);
}
