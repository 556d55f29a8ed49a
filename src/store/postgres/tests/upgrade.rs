//! A database of an earlier release, with live data.

use super::*;
use crate::epayment::event::EventName;
use crate::store::{Accepted, CallbackStore, LedgerStore, NewEvent, PayState, Retention};

/// As the release with schema 1 left it: a payment that was captured, one without, one of eCom, an open attempt, an open
/// money call.
const LIVE: &str = "
    UPDATE schema_version SET version = 1;
    INSERT INTO meta (name, value) VALUES ('secret', '\\x0101010101010101010101010101010101010101010101010101010101010101');
    INSERT INTO payments (scope, order_id, caller, msn, origin, kind, reference, amount, currency, text,
        callback_prefix, auth_token, auth_sealed, created_at, create_key) VALUES
        ('123456', 'captured', '\\x00112233445566778899aabbccddeeff', '123456', 'epayment', 'regular', 'captured',
            20000, 'NOK', 'socks', 'https://shop.example/cb', 'Bearer old'::bytea, false, 1000, 'key-captured'),
        ('123456', 'order-open', '\\x00112233445566778899aabbccddeeff', '123456', 'epayment', 'regular', 'order-open',
            20000, 'NOK', 'socks', 'https://shop.example/cb', NULL, false, 1000, 'key-order'),
        ('123456', 'order-ecom', '\\x00112233445566778899aabbccddeeff', '123456', 'ecom', 'unproven', NULL,
            NULL, NULL, NULL, NULL, NULL, false, 1000, NULL);
    INSERT INTO attempts (scope, order_id, caller, msn, origin, kind, reference, amount, callback_prefix, auth_sealed,
        create_key, fingerprint, until, begun_at) VALUES
        ('123456', 'attempted', '\\x00112233445566778899aabbccddeeff', '123456', 'epayment', 'regular', 'attempted',
            20000, 'https://shop.example/cb', false, 'key-attempted', '\\x00112233445566778899aabbccddeeff', NULL, 1000);
    INSERT INTO adjustments (scope, order_id, op, api, attempt, computed, text, state, until, done_amount, done_at,
        begun_at, changed_at, closed_at, revision) VALUES
        ('123456', 'captured', 'capture', 'epayment', 0, false, '', 'succeeded', 0, 100, 1, 3000, 3000, 5000, 2),
        ('123456', 'order-open', 'capture', 'epayment', 0, false, '', 'open', 0, NULL, NULL, 1000, 1000, NULL, 1);
";

fn event_of(text: &str) -> NewEvent {
    event(text, EventName::Authorized)
}

#[tokio::test]
async fn a_database_of_schema_1_goes_on_with_its_live_data() {
    let Some(database) = database().await else {
        return;
    };
    let mut db = database.raw().await;
    let old = concat!(
        "CREATE SCHEMA ecom_bridge; ",
        include_str!("../../migrations/0001_init.postgres.sql")
    );
    sqlx::raw_sql(old).execute(&mut db).await.unwrap();
    sqlx::raw_sql(LIVE).execute(&mut db).await.unwrap();

    for _again in 0..2 {
        let store = database.open().await;
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
    let store = database.open().await;
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
    let row = sqlx::query(changed).fetch_one(&mut db).await.unwrap();
    assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), 5000);
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
