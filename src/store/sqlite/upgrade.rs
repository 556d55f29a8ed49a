//! Files of earlier releases, with live data, and what only the file shows of callbacks.

use super::db::{query, raw};
use super::*;
use crate::epayment::event::EventName;
use crate::store::suite::*;
use crate::store::{
    Accepted, CallbackStore, ClaimLimits, DueCallback, Lease, LedgerStore, NewEvent, PayState,
    Registered, Retention, Stage, Webhook,
};

/// As the release with schema 1 left it: a payment that was captured, one without, one of eCom, an open attempt, an open
/// money call.
const LIVE: &str = "
    UPDATE schema_version SET version = 1;
    INSERT INTO meta (name, value) VALUES ('secret', x'0101010101010101010101010101010101010101010101010101010101010101');
    INSERT INTO payments (scope, order_id, caller, msn, origin, kind, reference, amount, currency, text,
        callback_prefix, auth_token, auth_sealed, created_at, create_key) VALUES
        ('123456', 'captured', x'00112233445566778899aabbccddeeff', '123456', 'epayment', 'regular', 'captured',
            20000, 'NOK', 'socks', 'https://shop.example/cb', CAST('Bearer old' AS BLOB), 0, 1000, 'key-captured'),
        ('123456', 'order-open', x'00112233445566778899aabbccddeeff', '123456', 'epayment', 'regular', 'order-open',
            20000, 'NOK', 'socks', 'https://shop.example/cb', NULL, 0, 1000, 'key-order'),
        ('123456', 'order-ecom', x'00112233445566778899aabbccddeeff', '123456', 'ecom', 'unproven', NULL,
            NULL, NULL, NULL, NULL, NULL, 0, 1000, NULL);
    INSERT INTO attempts (scope, order_id, caller, msn, origin, kind, reference, amount, callback_prefix, auth_sealed,
        create_key, fingerprint, until, begun_at) VALUES
        ('123456', 'attempted', x'00112233445566778899aabbccddeeff', '123456', 'epayment', 'regular', 'attempted',
            20000, 'https://shop.example/cb', 0, 'key-attempted', x'00112233445566778899aabbccddeeff', NULL, 1000);
    INSERT INTO adjustments (scope, order_id, op, api, attempt, computed, text, state, until, done_amount, done_at,
        begun_at, changed_at, closed_at, revision) VALUES
        ('123456', 'captured', 'capture', 'epayment', 0, 0, '', 'succeeded', 0, 100, 1, 3000, 3000, 5000, 2),
        ('123456', 'order-open', 'capture', 'epayment', 0, 0, '', 'open', 0, NULL, NULL, 1000, 1000, NULL, 1);
";

fn event_of(text: &str) -> NewEvent {
    event(text, EventName::Authorized)
}

#[tokio::test]
async fn a_file_of_schema_1_goes_on_with_its_live_data() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let mut db = raw(&file);
    let old = include_str!("../migrations/0001_init.sqlite.sql");
    db.execute_batch(old).unwrap();
    db.execute_batch(LIVE).unwrap();
    db.close().unwrap();

    for _again in 0..2 {
        let store = SqliteStore::open(tests::options(&file)).await.unwrap();
        assert!(*store.secret() == StoreSecret::new([1; 32]));
        for text in ["captured", "order-open", "order-ecom"] {
            let known = store.payment(&shop(), &order(text), caller("a")).await;
            let payment = known.unwrap().payment.unwrap();
            assert_eq!(payment.created_at, at(1000), "{text}");
        }
        let (list, _) = store
            .adjustments(&shop(), &order("captured"))
            .await
            .unwrap();
        assert_eq!(list.len(), 1);
        assert_eq!(store.ambiguous(at(1)).await.unwrap(), 1);
        store.close().await;
    }
    let store = SqliteStore::open(tests::options(&file)).await.unwrap();
    // What was known is not looked at by itself: nobody knows what the shop has been told.
    let looks = store.claim_polls(at(i64::MAX), 9, at(i64::MAX)).await;
    assert!(looks.unwrap().is_empty());
    let accepted = store.accept_event(event_of("captured"), at(4000)).await;
    assert!(matches!(accepted, Ok(Accepted::Queued(_))));
    let accepted = store.accept_event(event_of("order-ecom"), at(4000)).await;
    assert_eq!(accepted.unwrap(), Accepted::Recorded);
    let by_key = NewEvent {
        key: key("key-attempted"),
        ..event_of("attempted")
    };
    let accepted = store.accept_event(by_key, at(4000)).await;
    assert!(matches!(accepted, Ok(Accepted::Queued(_))));
    // The ledger knows all that was there, and that it must be read.
    let counted = store.open_payments().await.unwrap();
    assert_eq!(counted, store.recount_open().await.unwrap());
    for (text, state) in [
        ("captured", PayState::Reserved),
        ("order-open", PayState::Unknown),
        ("order-ecom", PayState::Reserved),
        ("attempted", PayState::Reserved),
    ] {
        let entry = store.ledger_of(&order(text), None).await.unwrap().remove(0);
        assert_eq!(entry.payment.balance.state, state, "{text}");
        assert!(entry.payment.due_at.is_some(), "{text}");
    }
    // The last change counts, a money call's end too; what is open stays.
    let changed = "SELECT changed_at FROM payments WHERE order_id = 'captured'";
    let moment = store.read(|db| Ok(query(changed).fetch_one(db)?.first::<i64>()));
    assert_eq!(moment.await.unwrap(), 5000);
    let before = |moment| Retention {
        payments_before: at(moment),
        callbacks_before: at(0),
        batch: 10,
    };
    assert_eq!(store.prune(before(1000)).await.unwrap().payments, 0);
    let pruned = store.prune(before(1001)).await.unwrap();
    assert_eq!(pruned.payments, 1, "the one of eCom");
    let known = store
        .payment(&shop(), &order("order-open"), caller("a"))
        .await;
    assert!(known.unwrap().payment.is_some(), "its call is open");
    store.close().await;
}

/// As the release with schema 2 left it: callbacks that wait, are being delivered, captured first, or have ended, of
/// three units; and a payment that is looked at.
const OUTBOX: &str = "
    UPDATE schema_version SET version = 2;
    INSERT INTO payments (scope, order_id, caller, msn, origin, kind, reference, amount, callback_prefix, auth_sealed,
        created_at, changed_at, poll_at, poll_lease)
        SELECT value ->> 0, value ->> 1, x'00112233445566778899aabbccddeeff', value ->> 0, 'epayment', 'regular',
            value ->> 1, 20000, 'https://shop.example/cb', 0, 1000, 1000, value ->> 2, 1
        FROM json_each('[[\"100000\",\"order-early\",null],[\"100000\",\"order-later\",null],
            [\"200000\",\"order-leased\",null],[\"300000\",\"order-capture\",null],
            [\"300000\",\"order-over\",null],[\"300000\",\"order-polled\",9000]]');
    INSERT INTO callbacks (scope, order_id, msn, reference, status, amount, at, transaction_id, host, stage, attempts,
        queued_at, due_at, lease, leased, ended, ended_at)
        SELECT value ->> 0, value ->> 1, value ->> 0, value ->> 1, 'RESERVED', 20000, 1000, 'psp', 'shop.example',
            value ->> 2, 1, 2000, value ->> 3, 7, value ->> 4, value ->> 5, CASE WHEN value ->> 5 IS NOT NULL THEN 6 END
        FROM json_each('[[\"100000\",\"order-early\",\"deliver\",5000,0,null],
            [\"100000\",\"order-later\",\"deliver\",6000,0,null],
            [\"200000\",\"order-leased\",\"deliver\",9000,1,null],
            [\"300000\",\"order-capture\",\"capture\",7000,0,null],
            [\"300000\",\"order-over\",\"deliver\",4000,0,\"dead\"]]');
";

#[tokio::test]
async fn a_file_of_schema_2_goes_on_with_its_outbox() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let mut db = raw(&file);
    for step in [
        include_str!("../migrations/0001_init.sqlite.sql"),
        include_str!("../migrations/0002_callbacks.sqlite.sql"),
        OUTBOX,
    ] {
        db.execute_batch(step).unwrap();
    }
    db.close().unwrap();

    let store = SqliteStore::open(tests::options(&file)).await.unwrap();
    let claimed = async |stage, now: i64| {
        let limits = ClaimLimits {
            total: 9,
            per_unit: 9,
        };
        let claim = store.claim_callbacks(stage, at(now), limits, at(99_000));
        let all = claim.await.unwrap();
        let name = |due: &DueCallback| due.order.as_str().to_owned();
        all.iter().map(name).collect::<Vec<_>>()
    };
    let next = async |stage| store.next_callback_at(stage).await.unwrap();
    // The claim of the release before is that of a dead process: it stands where it was queued.
    assert_eq!(next(Stage::Deliver).await, Some(at(2000)));
    assert_eq!(next(Stage::Capture).await, Some(at(7000)));
    assert_eq!(claimed(Stage::Deliver, 4999).await, ["order-leased"]);
    let rest = claimed(Stage::Deliver, 6000).await;
    assert_eq!(rest, ["order-early", "order-later"]);
    assert!(claimed(Stage::Capture, 6999).await.is_empty());
    assert_eq!(claimed(Stage::Capture, 7000).await, ["order-capture"]);
    // Whether somebody looked was not recorded: it waits for its time.
    let look = async |now| store.claim_polls(at(now), 9, at(99_000)).await.unwrap();
    assert!(look(8999).await.is_empty());
    assert_eq!(look(9000).await.len(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_webhooks_secret_is_sealed_and_absent_where_it_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let open = async |sealing: Option<[u8; 32]>| {
        let options = SqliteOptions {
            sealer: sealing.map(Sealer::new),
            ..tests::options(&file)
        };
        SqliteStore::open(options).await.unwrap()
    };
    let store = open(Some([5; 32])).await;
    store.see_unit(&msn(), at(1)).await.unwrap();
    let lease = store.claim_registration(&msn(), at(1), at(9)).await;
    let lease: Lease = lease.unwrap().unwrap();
    let made = Webhook {
        msn: msn(),
        id: "w1".to_owned(),
        url: "https://bridge.example/webhooks/123456".to_owned(),
        secret: "webhook-secret-4711".to_owned().into(),
        made_at: at(2),
        retired_at: None,
    };
    let made = Registered::Made(made);
    let settled = store
        .settle_registration(&msn(), lease, made, at(9), at(2))
        .await;
    assert!(settled.unwrap());
    store.close().await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let secret = b"webhook-secret-4711";
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
    for (key, count) in [(Some([6; 32]), 0), (None, 0), (Some([5; 32]), 1)] {
        let store = open(key).await;
        assert_eq!(store.webhooks(None).await.unwrap().len(), count);
        assert_eq!(store.webhooks(Some(&msn())).await.unwrap().len(), count);
        store.close().await;
    }
}

/// What a later release has counted is left out here, and is still there for it.
#[tokio::test]
async fn words_of_a_later_release_are_left_out_and_stay() {
    use crate::store::{Findings, ShadowStore};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = SqliteStore::open(tests::options(&file)).await.unwrap();
    store.close().await;
    let later = "
        INSERT INTO shadow_counts VALUES ('details', 'read', 'clean', '', 3), ('details', 'read', 'painted', 'red', 9),
            ('details', 'dreamt', 'clean', '', 9), ('subscribe', 'read', 'clean', '', 9);
        INSERT INTO shadow_since VALUES ('subscribe', 1);
        INSERT INTO shadow_fields SELECT 'details', 'read', '/a', value, 1, 0, 0, 1, 1, 1, 'no JSON'
            FROM json_each('[\"value\", \"painted\"]');
        INSERT INTO shadow_judgements VALUES ('details', 'read', '/a', 'value', 'forgiven', 'ann', 'why', 1)";
    let mut db = raw(&file);
    db.execute_batch(later).unwrap();
    db.close().unwrap();

    let store = SqliteStore::open(tests::options(&file)).await.unwrap();
    store
        .add_findings(&Findings::default(), at(2))
        .await
        .unwrap();
    let record = store.shadow_record(true).await.unwrap();
    assert!(record.since.is_empty());
    assert_eq!((record.counts.len(), record.fields.len()), (1, 1));
    assert_eq!(record.counts.values().next().unwrap().ended(), 3);
    let said = record.fields[0].judgement.as_ref().unwrap();
    assert!(!said.verdict.excuses() && record.fields[0].samples.is_empty());
    for (table, rows) in [("shadow_counts", 4), ("shadow_fields", 2)] {
        let count = &*format!("SELECT count(*) FROM {table}").leak();
        let found = store.read(|db| Ok(query(count).fetch_one(db)?.first::<i64>()));
        assert_eq!(found.await.unwrap(), rows, "{table}");
    }
    store.close().await;
}

#[tokio::test]
async fn another_key_seals_everything_again_and_the_old_one_may_go() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    a_changed_key_seals_again(async |keys: &[u8]| {
        let sealed = SqliteOptions {
            sealer: Some(sealer(keys)),
            ..tests::options(&file)
        };
        Both::of(SqliteStore::open(sealed).await.unwrap())
    })
    .await;
}

#[tokio::test]
async fn checks_in_other_words_still_hold_and_need_no_table_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let mut db = raw(&file);
    db.execute_batch(include_str!("../migrations/0001_init.sqlite.sql"))
        .unwrap();
    db.execute_batch(LIVE).unwrap();
    db.close().unwrap();
    let store = SqliteStore::open(tests::options(&file)).await.unwrap();
    let queued = store.accept_event(event_of("captured"), at(4000)).await;
    assert!(matches!(queued, Ok(Accepted::Queued(_))));
    store.close().await;
    let mut db = raw(&file);
    let whole: String = query("PRAGMA integrity_check")
        .fetch_one(&mut db)
        .unwrap()
        .first();
    assert_eq!(whole, "ok");
    for set in [
        "UPDATE payments SET kind = ?",
        "UPDATE attempts SET kind = ?",
        "UPDATE ledger SET kind = ?",
        "UPDATE ledger SET origin = ?",
        "UPDATE adjustments SET op = ?",
        "UPDATE adjustments SET state = ?",
        "UPDATE callbacks SET ended = ?, ended_at = 1, leased = 0",
    ] {
        let refused = query(set).bind("other").execute(&mut db);
        let why = format!("{refused:?}");
        assert!(why.contains("CHECK"), "{set}: {why}");
    }
    let tables = query("SELECT sql FROM sqlite_schema WHERE type = 'table'").fetch_all(&mut db);
    for table in tables.unwrap() {
        let sql: String = table.first();
        let lists = sql.split("IN (").skip(1);
        let longest = lists.map(|list| list.split(')').next().unwrap().split(',').count());
        assert!(longest.max() <= Some(2), "{sql}");
    }
}
