//! The common suite on SQLite files, and what only a file can do: be locked, be newer, be garbage, be full.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::db::{query, raw};
use super::*;
use crate::store::suite::*;
use crate::store::{AdjustmentState, Begun, Origin, Store};
use crate::types::{CallerHash, Scope};

async fn in_new_file() -> (Both, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.db")).await;
    (Both::of(store), folder)
}

async fn sealed_in_new_file() -> (Both, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = open_sealed(&folder.path().join("store.db"), [5; 32]).await;
    (Both::of(store), folder)
}

/// Without the bounded wait playing a part: two busy cores may be slow.
pub(super) fn options(file: &Path) -> SqliteOptions {
    SqliteOptions {
        busy_timeout: Duration::from_secs(60),
        ..SqliteOptions::new(file)
    }
}

async fn open(file: &Path) -> SqliteStore {
    SqliteStore::open(options(file)).await.unwrap()
}

async fn open_sealed(file: &Path, key: [u8; 32]) -> SqliteStore {
    let sealed = SqliteOptions {
        sealer: Some(Sealer::new(key)),
        ..options(file)
    };
    SqliteStore::open(sealed).await.unwrap()
}

mod plain {
    crate::store::suite::behaviours!(super::in_new_file);
}

mod sealed {
    crate::store::suite::behaviours!(super::sealed_in_new_file:
        a_success_makes_the_attempt_the_payment,
        learning_records_once_and_changes_nothing,
        odd_but_allowed_values_come_back_as_they_were,
        a_token_stays_while_a_callback_can_follow,
        a_claim_carries_what_a_delivery_needs,
        payments_are_looked_at_when_due,
        a_new_registration_retires_the_old,
    );
}

mod timed {
    async fn observed() -> (super::Both, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = super::open(&folder.path().join("store.db")).await;
        let observe = std::sync::Arc::new(|_: &'static str, _: std::time::Duration| {});
        let timed = crate::store::Timed::new(std::sync::Arc::new(store), observe);
        (super::Both::of(timed), folder)
    }
    crate::store::suite::behaviours!(observed:
        a_success_makes_the_attempt_the_payment,
        learning_records_once_and_changes_nothing,
        units_are_those_of_the_callers_payments_and_two_at_most,
        the_version_belongs_to_the_payment,
        ambiguous_counts_what_is_open_without_an_owner,
        a_store_is_ready_and_its_secret_stays,
        a_look_is_a_lease,
        a_capture_comes_before_its_delivery,
        the_next_due_time_is_told,
        callbacks_are_listed_newest_first,
        a_drop_ends_a_callback_and_says_why,
        a_recheck_makes_a_unit_due,
        a_new_registration_retires_the_old,
        mismatches_are_told_once_and_resolved,
        what_ecom_shows_is_learnt_when_it_differs,
        payments_are_listed_and_paged,
        guarantees_that_end_are_listed_by_time,
        ended_callbacks_go_before_their_payment,
    );
}

#[test]
fn a_url_names_its_file() {
    for (url, file) in [
        ("sqlite:ecom-bridge.db", Some("ecom-bridge.db")),
        ("sqlite:/var/lib/b/b.db", Some("/var/lib/b/b.db")),
        ("sqlite://b.db", Some("b.db")),
        ("sqlite:///var/b.db", Some("/var/b.db")),
        ("sqlite:", None),
        ("sqlite:folder/", None),
        ("sqlite::memory:", None),
        ("sqlite:b.db?mode=ro", None),
        ("postgres://user@host/db", None),
        ("b.db", None),
    ] {
        assert_eq!(SqliteStore::path_of(url), file.map(PathBuf::from), "{url}");
    }
}

#[tokio::test]
async fn a_second_opening_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let first = open(&file).await;
    match SqliteStore::open(options(&file)).await {
        Err(StoreError::InUse { path }) => assert_eq!(path, folder.path().join("store.db.lock")),
        other => panic!("{other:?}"),
    }
    first.ready().await.unwrap();
    first.close().await;
    let second = open(&file).await;
    second.ready().await.unwrap();
    drop(second);
    let third = open(&file).await;
    third.ready().await.unwrap();
    #[cfg(unix)]
    {
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let by_link = SqliteStore::open(options(&link)).await;
        assert!(matches!(by_link, Err(StoreError::InUse { .. })));
    }
    third.close().await;
    // A closed store says so and records nothing.
    assert!(matches!(third.ready().await, Err(StoreError::Other(_))));
    let look = third.units_of_caller(caller("a")).await;
    assert!(matches!(look, Err(StoreError::Other(_))));
    open(&file).await.ready().await.unwrap();
}

/// Readers that close in the same moment leave the log behind; the writer, which closes after them, takes it along.
#[tokio::test]
async fn the_writer_closes_when_no_reader_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&folder.path().join("store.db")).await);
    let (begun, begins) = tokio::sync::oneshot::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let reads = Arc::clone(&store);
    let reads = tokio::spawn(async move {
        let held = reads.read(move |_| {
            begun.send(()).unwrap();
            let _dropped = ended.recv();
            Ok(())
        });
        held.await
    });
    begins.await.unwrap();
    let closes = Arc::clone(&store);
    let closes = tokio::spawn(async move { closes.close().await });
    while store.read(|_| Ok(())).await.is_ok() {}
    store.writer.run(|_| Ok(())).await.unwrap();
    drop(end);
    reads.await.unwrap().unwrap();
    closes.await.unwrap();
    assert!(!folder.path().join("store.db-wal").exists());
}

#[tokio::test]
async fn opening_again_finds_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = open_sealed(&file, [5; 32]).await;
    let secret = store.secret().clone();
    let any: Arc<dyn Store> = Arc::new(store);
    let paid = fresh(&any, new_payment("o1", Origin::Epayment, "a")).await;
    any.finish_payment(paid, succeeded(), at(1500))
        .await
        .unwrap();
    let open_one = fresh(&any, new_payment("o2", Origin::Epayment, "a")).await;
    let (_, seen) = any.adjustments(&shop(), &order("o1")).await.unwrap();
    let call = any.begin_adjustment(new_capture("o1"), seen).await;
    let call = call.unwrap().unwrap();
    any.finish_adjustment(call, succeeded(), at(2600))
        .await
        .unwrap();
    let (_, version) = any.adjustments(&shop(), &order("o1")).await.unwrap();
    drop(any);

    let store = open_sealed(&file, [5; 32]).await;
    assert!(*store.secret() == secret);
    let known = store.payment(&shop(), &order("o1"), caller("a")).await;
    let payment = known.unwrap().payment.unwrap();
    assert_same(&payment.facts, &facts(Origin::Epayment));
    let known = store.payment(&shop(), &order("o2"), caller("a")).await;
    assert_eq!(known.unwrap().attempt.unwrap().id, open_one);
    let (list, same) = store.adjustments(&shop(), &order("o1")).await.unwrap();
    assert_eq!((list.len(), same), (1, version));
    assert!(matches!(list[0].state, AdjustmentState::Succeeded { .. }));
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    open(&file).await.close().await;
    let mut db = raw(&file);
    let newer = "UPDATE schema_version SET version = 99";
    query(newer).execute(&mut db).unwrap();
    db.close().unwrap();
    for _again in 0..2 {
        match SqliteStore::open(options(&file)).await {
            Err(StoreError::TooNew { found: 99, known }) => assert_eq!(known, open::KNOWN),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage");
    let bytes = b"this is a letter, not a database. ".repeat(300);
    std::fs::write(&garbage, &bytes).unwrap();
    let foreign = folder.path().join("foreign");
    let mut db = raw(&foreign);
    let table = "CREATE TABLE recipes (name TEXT)";
    query(table).execute(&mut db).unwrap();
    db.close().unwrap();
    for file in [&garbage, &foreign] {
        match SqliteStore::open(options(file)).await {
            Err(StoreError::Damaged(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(std::fs::read(&garbage).unwrap(), bytes);
}

#[tokio::test]
async fn a_path_that_cannot_be_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        folder.path().join("missing").join("store.db"),
        folder.path().to_path_buf(),
    ] {
        match SqliteStore::open(options(&path)).await {
            Err(StoreError::Unreachable(text)) => {
                assert!(text.contains(&*path.display().to_string()), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let (Both { store, .. }, folder) = in_new_file().await;
    store.ready().await.unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        seen += 1;
    }
    assert!(seen >= 3, "the file, its log and its lock");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_be_written_is_said_to_be_so() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    open(&file).await.close().await;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o400)).unwrap();
    if std::fs::OpenOptions::new().write(true).open(&file).is_ok() {
        return; // The superuser may write everything: nothing to see here.
    }
    let refused = SqliteStore::open(options(&file)).await;
    assert!(matches!(refused, Err(StoreError::ReadOnly(_))));
}

/// Sets a pragma on the writer: how the tests make a disk full or read-only.
async fn pragma(store: &SqliteStore, pragma: &'static str) {
    let set = store.writer.run(move |db| {
        query(pragma).execute(db)?;
        Ok(())
    });
    set.await.unwrap();
}

#[tokio::test]
async fn a_refused_write_is_told_and_the_connection_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.db")).await;
    pragma(&store, "PRAGMA query_only = ON").await;
    let begun = store.begin_payment(new_payment("o1", Origin::Ecom, "a"));
    assert!(matches!(begun.await, Err(StoreError::ReadOnly(_))));
    // The next transaction has a connection of its own again.
    store.ready().await.unwrap();
    let known = store.payment(&shop(), &order("o1"), caller("a")).await;
    assert!(known.unwrap().attempt.is_none());
}

#[tokio::test]
async fn a_full_disk_is_noticed_and_nothing_is_half_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.db")).await;
    pragma(&store, "PRAGMA max_page_count = 1").await; // SQLite takes the present size instead: no page more.
    let mut acknowledged = Vec::new();
    let full = loop {
        let mut new = new_payment("o1", Origin::Ecom, "a");
        new.facts.text = Some("x".repeat(2000));
        match store.begin_payment(new).await {
            Ok(Begun::Fresh(id)) => acknowledged.push(id),
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 1000);
    };
    assert!(matches!(full, StoreError::Full), "{full:?}");
    pragma(&store, "PRAGMA max_page_count = 1000000").await;
    store.ready().await.unwrap();
    let known = store.payment(&shop(), &order("o1"), caller("a")).await;
    let newest = known.unwrap().attempt.map(|attempt| attempt.id);
    assert_eq!(newest, acknowledged.last().copied());
    store
        .begin_payment(new_payment("o1", Origin::Ecom, "a"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_locked_store_says_so_in_time_and_goes_on_after() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let short = SqliteOptions {
        busy_timeout: Duration::from_millis(50),
        ..SqliteOptions::new(&file)
    };
    let store = SqliteStore::open(short).await.unwrap();
    let mut intruder = raw(&file);
    let hold = "BEGIN IMMEDIATE";
    query(hold).execute(&mut intruder).unwrap();
    let many = (0..20).map(|n| {
        let new = new_payment(&format!("o{n}"), Origin::Ecom, "a");
        store.begin_payment(new)
    });
    for begun in futures_util::future::join_all(many).await {
        assert!(matches!(begun, Err(StoreError::Locked)), "{begun:?}");
    }
    assert!(matches!(store.ready().await, Err(StoreError::Locked)));
    // Reading goes on.
    let known = store.payment(&shop(), &order("o0"), caller("a")).await;
    assert!(known.unwrap().attempt.is_none());
    query("ROLLBACK").execute(&mut intruder).unwrap();
    drop(store);
    let store = open(&file).await;
    for n in 0..20 {
        let text = order(&format!("o{n}"));
        let known = store.payment(&shop(), &text, caller("a")).await;
        assert!(known.unwrap().attempt.is_none(), "refused, yet recorded");
    }
    store.ready().await.unwrap();
}

/// Every byte of every file of the store.
fn bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        all.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[tokio::test]
async fn a_sealed_token_is_not_in_the_file_and_subscription_keys_never_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = open_sealed(&file, [5; 32]).await;
    let subscription_key = b"c0ffee00c0ffee00c0ffee00c0ffee00";
    let who = CallerHash::of(subscription_key, store.secret());
    let any: Arc<dyn Store> = Arc::new(store);
    let mut new = new_payment("o1", Origin::Epayment, "a");
    (new.caller, new.scope) = (who, Scope::Caller(who));
    let id = fresh(&any, new).await;
    assert!(!holds(&bytes(folder.path()), b"shop-token-4711"));
    any.finish_payment(id, succeeded(), at(1500)).await.unwrap();
    any.learn_payment(&shop(), &order("o2"), who, facts(Origin::Ecom), at(1))
        .await
        .unwrap();
    drop(any);
    let all = bytes(folder.path());
    assert!(!holds(&all, b"shop-token-4711"));
    assert!(!holds(&all, subscription_key));
    assert!(holds(&all, b"shop.example"), "the search itself works");
}

#[tokio::test]
async fn a_token_that_does_not_open_counts_as_absent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store: Arc<dyn Store> = Arc::new(open_sealed(&file, [5; 32]).await);
    let id = fresh(&store, new_payment("o1", Origin::Epayment, "a")).await;
    store
        .finish_payment(id, succeeded(), at(1500))
        .await
        .unwrap();
    drop(store);
    let read = async |store: SqliteStore| {
        let known = store.payment(&shop(), &order("o1"), caller("a")).await;
        store.close().await;
        let facts = known.unwrap().payment.unwrap().facts;
        assert!(facts.callback.is_some(), "where to call is still known");
        token(&facts).map(str::to_owned)
    };
    assert_eq!(read(open_sealed(&file, [6; 32]).await).await, None);
    assert_eq!(read(open(&file).await).await, None);
    let right = read(open_sealed(&file, [5; 32]).await).await;
    assert_eq!(right.as_deref(), Some("Bearer shop-token-4711"));

    // Kept as it came without a key, it is read with one too.
    let plain = folder.path().join("plain.db");
    let store: Arc<dyn Store> = Arc::new(open(&plain).await);
    let id = fresh(&store, new_payment("o1", Origin::Epayment, "a")).await;
    store
        .finish_payment(id, succeeded(), at(1500))
        .await
        .unwrap();
    drop(store);
    let kept = read(open_sealed(&plain, [5; 32]).await).await;
    assert_eq!(kept.as_deref(), Some("Bearer shop-token-4711"));
}

#[tokio::test]
async fn every_lookup_uses_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    open(&file).await.close().await;
    let db = raw(&file);
    let all = payments::LOOKUPS
        .into_iter()
        .chain(adjustments::LOOKUPS)
        .chain(steering::LOOKUPS)
        .chain(observations::LOOKUPS)
        .chain(shadow::LOOKUPS)
        .chain(ledger::lookups());
    for lookup in all.chain(callbacks::lookups()) {
        let steps = db.plan(lookup);
        let scans = steps.iter().any(|step| {
            // What a statement has gathered itself it may walk: it is as small as what was asked for.
            let gathered = [
                "CONSTANT ROW",
                "subquery",
                "json_each",
                "picked VIRTUAL",
                "SCAN leasing",
                "SCAN idle",
                "SCAN busy",
                "SCAN most",
                "SCAN ranked",
                "SCAN (",
            ];
            step.starts_with("SCAN") && !gathered.iter().any(|own| step.contains(own))
        });
        assert!(!scans, "{lookup}: {steps:?}");
        // What is asked for in small batches must come in order from the index.
        let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
        let gathers = lookup.contains("ranked") || lookup.contains("host FROM callbacks");
        assert!(
            !sorts || gathers || !lookup.contains("LIMIT"),
            "{lookup}: {steps:?}"
        );
        // A claim sorts what it has picked of a unit, never the unit's backlog.
        let backlog = steps.iter().any(|step| {
            step.contains(
                "SEARCH l USING PRIMARY KEY (stage=? AND msn=? AND due_at>? AND due_at<?)",
            )
        });
        let sorted = steps.iter().any(|step| step.contains("LAST TERM"));
        // Nor does it look at more units than it takes: they come in order.
        let units = steps
            .iter()
            .any(|step| step.contains("SEARCH w USING COVERING INDEX waiting_first"));
        assert!(
            !lookup.contains("ranked") || (backlog && units && !sorted),
            "{steps:?}"
        );
    }
}
