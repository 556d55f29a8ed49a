//! Delivering out of the real outbox, from the event to the merchant (C1, C12, C16).

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;

use super::odd::{Manner as Oddly, Odd};
use crate::callbacks::Dispatcher;
use crate::callbacks::dispatch::Parts;
use crate::callbacks::dispatch::fake::{Bench, START};
use crate::ecom::callback::CallbackStatus;
use crate::epayment::event::EventName;
use crate::simulator::merchant::{Manner, Merchant};
use crate::store::{
    Accepted, CallbackId, CallbackState, CallbackStore, CallbackTarget, ClaimLimits, Handled, Kind,
    NewEvent, Origin, PaymentFacts, Source, SqliteOptions, SqliteStore, Stage, Store,
};
use crate::types::{Amount, CallerHash, Clock, Msn, OrderText, Scope};

const LONG: Duration = Duration::from_secs(60);

struct Real {
    bench: Bench,
    store: Arc<SqliteStore>,
    _folder: TempDir,
}

impl Real {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = SqliteOptions::new(folder.path().join("store.db"));
        options.busy_timeout = LONG;
        let store = Arc::new(SqliteStore::open(options).await.unwrap());
        Self {
            bench: Bench::new(),
            store,
            _folder: folder,
        }
    }

    fn dispatcher(&self) -> Dispatcher {
        let store = Arc::clone(&self.store) as Arc<dyn CallbackStore>;
        Dispatcher::new(Parts {
            store,
            ..self.bench.parts()
        })
        .unwrap()
    }

    /// A payment whose approval has just been heard of.
    async fn approve(&self, msn: &str, order: &str, prefix: &str) -> CallbackId {
        let msn = Msn::parse(msn).unwrap();
        let order = OrderText::parse(order).unwrap();
        let (reference, amount) = (order.reference().unwrap(), Amount::new(49_900).unwrap());
        let facts = PaymentFacts {
            origin: Origin::Epayment,
            kind: Kind::Regular,
            reference: Some(reference.clone()),
            amount: Some(amount),
            currency: None,
            text: None,
            callback: Some(CallbackTarget {
                prefix: prefix.to_owned(),
                auth_token: Some("shop-token".into()),
            }),
            scope_asked: None,
            fall_back: None,
            request_id: None,
        };
        let (scope, now) = (Scope::Unit(msn.clone()), self.bench.clock.now());
        let caller = CallerHash::of(b"key", self.store.secret());
        let learnt = self
            .store
            .learn_payment(&scope, &order, caller, facts, now)
            .await;
        learnt.unwrap();
        let event = NewEvent {
            msn,
            reference,
            name: EventName::Authorized,
            success: true,
            psp_reference: "5001".to_owned(),
            amount,
            at: now,
            key: None,
            source: Source::Webhook,
            callback: Some((CallbackStatus::Reserved, Stage::Deliver)),
        };
        match self.store.accept_event(event, now).await.unwrap() {
            Accepted::Queued(id) => id,
            other => panic!("{other:?}"),
        }
    }

    async fn state(&self, id: CallbackId) -> CallbackState {
        self.store.callback(id).await.unwrap().unwrap().state
    }

    async fn once(&self) -> usize {
        self.dispatcher()
            .run_once(self.bench.clock.now())
            .await
            .unwrap()
    }
}

async fn merchant() -> Merchant {
    Merchant::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap()
}

#[tokio::test]
async fn from_the_event_to_the_merchant_with_its_token_and_only_once() {
    let (real, shop) = (Real::new().await, merchant().await);
    let id = real.approve("123456", "order-0001", &shop.base_url()).await;
    assert_eq!(real.once().await, 1);
    assert_eq!(real.state(id).await, CallbackState::Delivered);
    let got = shop.callbacks();
    assert_eq!(got[0].header("authorization"), Some("shop-token"));
    assert_eq!(
        got[0].json()["transactionInfo"],
        serde_json::json!({
            "amount": 49900, "status": "RESERVED", "timeStamp": START.to_string(), "transactionId": "5001",
        })
    );
    real.bench.clock.advance(LONG * 60);
    assert_eq!((real.once().await, shop.callbacks().len()), (0, 1));
}

/// C16.
#[tokio::test]
async fn a_dead_letter_is_delivered_once_for_each_replay() {
    let (mut real, shop) = (Real::new().await, merchant().await);
    real.bench.settings.schedule = vec![Duration::ZERO];
    shop.answer(Manner::status(500));
    let id = real.approve("123456", "order-0001", &shop.base_url()).await;
    real.once().await;
    let view = real.store.callback(id).await.unwrap().unwrap();
    assert_eq!(view.state, CallbackState::Dead);
    assert_eq!(
        view.note.as_deref(),
        Some("given up after 1 attempt; the last: answered 500")
    );
    let now = real.bench.clock.now();
    shop.answer(Manner::status(200));
    assert_eq!(
        real.store.replay_callback(id, now).await.unwrap(),
        Handled::Done
    );
    assert_eq!(
        real.store.replay_callback(id, now).await.unwrap(),
        Handled::Waiting
    );
    assert_eq!((real.once().await, real.once().await), (1, 0));
    assert_eq!(real.state(id).await, CallbackState::Delivered);
    assert_eq!(
        real.store.replay_callback(id, now).await.unwrap(),
        Handled::Ended
    );
    // The token was kept for the replay.
    let tokens: Vec<_> = shop
        .callbacks()
        .iter()
        .map(|c| c.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(tokens, vec![Some("shop-token".to_owned()); 2]);
}

#[tokio::test]
async fn what_a_dead_worker_held_is_sent_when_its_lease_has_ended() {
    let (real, shop) = (Real::new().await, merchant().await);
    let id = real.approve("123456", "order-0001", &shop.base_url()).await;
    let (now, limits) = (
        real.bench.clock.now(),
        ClaimLimits {
            total: 1,
            per_unit: 1,
        },
    );
    let until = now.plus(Duration::from_secs(30));
    let held = real
        .store
        .claim_callbacks(Stage::Deliver, now, limits, until)
        .await;
    assert_eq!(held.unwrap().len(), 1);
    assert_eq!(real.once().await, 0);
    real.bench.clock.advance(Duration::from_secs(30));
    assert_eq!(real.once().await, 1);
    assert_eq!(real.state(id).await, CallbackState::Delivered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_shop_and_two_workers_and_nobody_waits() {
    let (real, shop) = (Real::new().await, merchant().await);
    let dead = Odd::start(Oddly::Hang).await;
    for order in 0..60 {
        let order = format!("order-{order:04}");
        real.approve("111111", &order, &dead.url).await;
        real.approve("222222", &order, &shop.base_url()).await;
    }
    for _ in 0..2 {
        let dispatcher = real.dispatcher();
        real.bench
            .lifecycle
            .spawn("callbacks", async move { dispatcher.run().await });
    }
    assert!(shop.wait_for(60, Duration::from_secs(9)).await);
    assert!(dead.requests() <= 4, "of both workers together");
    real.bench.lifecycle.begin_shutdown();
    assert_eq!(shop.callbacks().len(), 60, "none twice");
}

#[tokio::test]
async fn an_event_is_on_its_way_as_soon_as_it_is_told() {
    let (real, shop) = (Real::new().await, merchant().await);
    let dispatcher = real.dispatcher();
    let running = dispatcher.clone();
    real.bench
        .lifecycle
        .spawn("callbacks", async move { running.run().await });
    let mut took = Vec::new();
    for order in 0..50 {
        real.approve("123456", &format!("order-{order:04}"), &shop.base_url())
            .await;
        let told = std::time::Instant::now();
        dispatcher.wake();
        assert!(shop.wait_for(order + 1, LONG).await);
        took.push(told.elapsed());
    }
    took.sort_unstable();
    // About 2 ms, in a debug build; the promise is 50 ms at the median, and two busy cores may be slow.
    assert!(took[25] < Duration::from_millis(500), "{:?}", took[25]);
}
