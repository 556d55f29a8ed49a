//! A store that fails: nothing is sent before a record stands, and what was done is told as it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use ecom_bridge::lifecycle::Lifecycle;
use ecom_bridge::payments::{Parts, Payments};
use ecom_bridge::proxy::{Bridge, Counting, Drained, Server, ServerSettings};
use ecom_bridge::store::{
    Adjustment, AdjustmentId, AttemptId, Begun, First, Known, NewAdjustment, NewPayment, Outcome,
    PaymentFacts, PaymentRecord, Store, StoreError, Version,
};
use ecom_bridge::telemetry::Meters;
use ecom_bridge::types::{CallerHash, Clock, Moment, Msn, OrderText, Scope, StoreSecret};
use ecom_bridge::upstream::ecom::Forwarder;
use ecom_bridge::upstream::epayment::Epayment;
use serde_json::Value;

use crate::support::LIMIT;
use crate::support::app::{MSN, TestApp};
use crate::support::shop::order;

/// Passes all steps on until so many are left, and then none.
#[derive(Debug)]
pub(crate) struct Failing {
    inner: Arc<dyn Store>,
    pub(crate) left: AtomicI64,
    used: AtomicI64,
}

/// A second instance in this process: its own locks and clients, the same store.
pub(crate) struct Door {
    pub(crate) addr: std::net::SocketAddr,
    pub(crate) store: Arc<Failing>,
    lifecycle: Lifecycle,
    served: tokio::task::JoinHandle<Drained>,
}

impl Door {
    /// Its calls end first; then nothing of it uses the store any more.
    pub(crate) async fn close(self) {
        self.lifecycle.begin_shutdown();
        self.served.await.unwrap();
        self.lifecycle.shutdown_within(LIMIT).await;
    }
}

impl Failing {
    fn step(&self) -> Result<(), StoreError> {
        self.used.fetch_add(1, Ordering::SeqCst);
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            Ok(())
        } else {
            Err(StoreError::Full)
        }
    }
}

#[async_trait]
impl Store for Failing {
    async fn close(&self) {
        self.inner.close().await;
    }

    fn secret(&self) -> &StoreSecret {
        self.inner.secret()
    }
    async fn payment(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
    ) -> Result<Known, StoreError> {
        self.step()?;
        self.inner.payment(scope, order, caller).await
    }
    async fn units_of_order(
        &self,
        caller: CallerHash,
        order: &OrderText,
    ) -> Result<Vec<Msn>, StoreError> {
        self.step()?;
        self.inner.units_of_order(caller, order).await
    }
    async fn units_of_caller(&self, caller: CallerHash) -> Result<Vec<Msn>, StoreError> {
        self.step()?;
        self.inner.units_of_caller(caller).await
    }
    async fn begin_payment(&self, new: NewPayment) -> Result<Begun, StoreError> {
        self.step()?;
        self.inner.begin_payment(new).await
    }
    async fn begin_first_payment(&self, new: NewPayment) -> Result<First, StoreError> {
        self.step()?;
        self.inner.begin_first_payment(new).await
    }
    async fn resume_payment(
        &self,
        attempt: AttemptId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        self.step()?;
        self.inner.resume_payment(attempt, now, until).await
    }
    async fn finish_payment(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<bool, StoreError> {
        self.step()?;
        self.inner.finish_payment(attempt, outcome, now).await
    }
    async fn learn_payment(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
        facts: PaymentFacts,
        now: Moment,
    ) -> Result<PaymentRecord, StoreError> {
        self.step()?;
        self.inner
            .learn_payment(scope, order, caller, facts, now)
            .await
    }
    async fn adjustments(
        &self,
        scope: &Scope,
        order: &OrderText,
    ) -> Result<(Vec<Adjustment>, Version), StoreError> {
        self.step()?;
        self.inner.adjustments(scope, order).await
    }
    async fn payment_and_adjustments(
        &self,
        scope: &Scope,
        order: &OrderText,
        caller: CallerHash,
    ) -> Result<(Known, (Vec<Adjustment>, Version)), StoreError> {
        self.step()?;
        self.inner
            .payment_and_adjustments(scope, order, caller)
            .await
    }
    async fn begin_adjustment(
        &self,
        new: NewAdjustment,
        seen: Version,
    ) -> Result<Option<AdjustmentId>, StoreError> {
        self.step()?;
        self.inner.begin_adjustment(new, seen).await
    }
    async fn resume_adjustment(
        &self,
        id: AdjustmentId,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        self.step()?;
        self.inner.resume_adjustment(id, now, until).await
    }
    async fn finish_adjustment(
        &self,
        id: AdjustmentId,
        outcome: Outcome,
        now: Moment,
    ) -> Result<(), StoreError> {
        self.step()?;
        self.inner.finish_adjustment(id, outcome, now).await
    }
    async fn ambiguous(&self, now: Moment) -> Result<u64, StoreError> {
        self.inner.ambiguous(now).await
    }
    async fn ready(&self) -> Result<(), StoreError> {
        self.step()
    }
}

/// A second way in, over a store that fails.
pub(crate) async fn door(app: &TestApp) -> Door {
    let settings = app.settings();
    let upstream = settings.upstream.clone();
    let base = upstream.base_url.as_str();
    let (meters, lifecycle) = (Arc::new(Meters::default()), Lifecycle::new());
    let store = Arc::new(Failing {
        inner: Arc::clone(&app.payments().store),
        left: AtomicI64::new(i64::MAX),
        used: AtomicI64::new(0),
    });
    let clock: Arc<dyn Clock> = Arc::<crate::support::clock::Shifted>::clone(&app.clock);
    let payments = Payments::new(Parts {
        store: Arc::<Failing>::clone(&store),
        ledger: Arc::clone(&app.payments().ledger),
        epayment: Epayment::new(base, upstream.connect_timeout, Arc::clone(&meters)).unwrap(),
        clock,
        sealer: None,
        meters: Arc::clone(&meters),
        lifecycle: lifecycle.clone(),
    });
    let bridge = Bridge {
        payments,
        forwarder: Forwarder::new(base, upstream.connect_timeout, upstream.timeout).unwrap(),
        live: Arc::new(ecom_bridge::settings::Live::new(Arc::new(settings))),
        lifecycle: lifecycle.clone(),
        meters: Arc::clone(&meters),
        observer: Arc::new(ecom_bridge::observe::Observer::new(Arc::new(
            ecom_bridge::types::SystemClock,
        ))),
        served: None,
        shadow: None,
        bulkheads: ecom_bridge::proxy::bulkheads::Bulkheads::new(64),
        memory: ecom_bridge::proxy::memory::BodyMemory::new(1 << 20),
    };
    let server = Server::bind(ServerSettings::at(([127, 0, 0, 1], 0).into()))
        .await
        .unwrap();
    let addr = server.local_addr();
    let hooks = Arc::new(Counting::new(meters));
    let served = tokio::spawn(server.serve(Arc::new(bridge), hooks, lifecycle.soft().clone()));
    Door {
        addr,
        store,
        lifecycle,
        served,
    }
}

#[tokio::test]
async fn f3_wherever_the_store_fails_the_answer_is_true_and_the_money_moves_once() {
    let app = TestApp::start().await;
    let Door {
        addr: at, store, ..
    } = door(&app).await;
    for op in ["initiate", "capture", "refund", "cancel"] {
        for steps in 0..8 {
            let id = format!("order-{op}-{steps}");
            if op != "initiate" {
                app.reserved(&id, 1_000).await;
            }
            if op == "refund" {
                app.capture(&id, 1_000, "before").await.ok();
            }
            let ask = match op {
                "initiate" => app.initiating(&order(&id, 1_000)),
                _ => app.changing(op, &id, Value::Null, "x"),
            };
            app.took();
            store.left.store(steps, Ordering::SeqCst);
            let before = store.used.load(Ordering::SeqCst);
            let answer = ask.clone().to(at).send().await;
            let used = store.used.load(Ordering::SeqCst) - before;
            store.left.store(i64::MAX, Ordering::SeqCst);
            let changed = app.took().iter().any(|r| !r.starts_with("GET"));
            match answer.status {
                503 => {
                    assert_eq!(answer.error(), (503, "99".into()));
                    assert!(answer.header("retry-after").is_some());
                    assert!(!changed, "{id}: nothing was sent");
                }
                200 => assert!(changed, "{id}"),
                _ => panic!("{id} {used}: {}", answer.text()),
            }
            // The repeat ends well, whatever the record says: the killed owner's time must pass first.
            app.clock.advance(std::time::Duration::from_secs(5));
            let again = ask.send().await;
            if op == "initiate" && answer.status == 200 {
                assert!(
                    again.status == 200 || again.error().1 == "34",
                    "{}",
                    again.text()
                );
            } else {
                again.ok();
            }
            let sums = app
                .world()
                .payment(MSN, &id)
                .map(|_| app.sums(&id))
                .unwrap();
            let want = match op {
                "initiate" => (0, 0, 0),
                "capture" => (1_000, 0, 0),
                "refund" => (1_000, 1_000, 0),
                _ => (0, 0, 1_000),
            };
            assert_eq!(sums, want, "{id}");
        }
    }
}

#[tokio::test]
async fn reads_without_a_store_are_503_and_a_store_that_fails_later_hides_no_state() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 1_000).await;
    let Door {
        addr: at, store, ..
    } = door(&app).await;
    for steps in 0..3 {
        store.left.store(steps, Ordering::SeqCst);
        let answer = app
            .ask("GET", "/ecomm/v2/payments/order-0001/details")
            .to(at)
            .send()
            .await;
        match answer.status {
            503 => assert_eq!(steps, 0),
            _ => assert_eq!(
                answer.ok()["transactionLogHistory"][0]["operation"],
                "RESERVE"
            ),
        }
    }
}
