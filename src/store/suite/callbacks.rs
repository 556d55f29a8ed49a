//! What the behaviours of events and callbacks share.
//!
//! Must not: know which back end it runs on.

use super::*;
use crate::ecom::callback::CallbackStatus;
use crate::epayment::event::EventName;
use crate::store::{
    AutomaticStore, CallbackFilter, CallbackStore, CallbackView, ClaimLimits, DueCallback,
    LedgerStore, NewEvent, ObservationStore, ShadowStore, Source, Stage, SteeringStore,
};

/// All traits of one store.
#[derive(Clone, Debug)]
pub(in crate::store) struct Both {
    pub(in crate::store) store: Any,
    pub(in crate::store) callbacks: Arc<dyn CallbackStore>,
    pub(in crate::store) ledger: Arc<dyn LedgerStore>,
    pub(in crate::store) steering: Arc<dyn SteeringStore>,
    pub(in crate::store) observations: Arc<dyn ObservationStore>,
    pub(in crate::store) automatic: Arc<dyn AutomaticStore>,
    pub(in crate::store) shadow: Arc<dyn ShadowStore>,
}

impl Both {
    pub(in crate::store) fn of<
        S: Store
            + CallbackStore
            + LedgerStore
            + SteeringStore
            + ObservationStore
            + AutomaticStore
            + ShadowStore
            + 'static,
    >(
        store: S,
    ) -> Self {
        let store = Arc::new(store);
        Self {
            store: Arc::<S>::clone(&store),
            callbacks: Arc::<S>::clone(&store),
            ledger: Arc::<S>::clone(&store),
            steering: Arc::<S>::clone(&store),
            observations: Arc::<S>::clone(&store),
            automatic: Arc::<S>::clone(&store),
            shadow: store,
        }
    }
}

impl From<Both> for Any {
    fn from(both: Both) -> Self {
        both.store
    }
}

pub(in crate::store) fn msn() -> Msn {
    Msn::parse("123456").unwrap()
}

/// A successful event at 5000, with the callback that the mapping says.
pub(in crate::store) fn event(text: &str, name: EventName) -> NewEvent {
    let status = match name {
        EventName::Authorized => Some(CallbackStatus::Reserved),
        EventName::Aborted => Some(CallbackStatus::Cancelled),
        EventName::Expired => Some(CallbackStatus::Rejected),
        _ => None,
    };
    NewEvent {
        msn: msn(),
        reference: order(text).reference().unwrap(),
        name,
        success: true,
        psp_reference: format!("psp-{}", name.word()),
        amount: kroner(150),
        at: at(5000),
        key: None,
        source: Source::Webhook,
        callback: status.map(|status| (status, Stage::Deliver)),
    }
}

pub(super) fn approved(text: &str) -> NewEvent {
    event(text, EventName::Authorized)
}

/// The same of another unit.
pub(super) fn elsewhere(unit: &str, event: NewEvent) -> NewEvent {
    NewEvent {
        msn: Msn::parse(unit).unwrap(),
        ..event
    }
}

/// An ePayment payment of this caller, recorded at 1500.
pub(super) async fn paid(both: &Both, text: &str) {
    paid_in(both, "123456", text).await;
}

pub(super) async fn paid_in(both: &Both, msn: &str, text: &str) {
    let new = NewPayment {
        scope: unit(msn),
        ..new_payment(text, Origin::Epayment, "a")
    };
    let id = fresh(&both.store, new).await;
    let end = both.store.finish_payment(id, succeeded(), at(1500)).await;
    end.unwrap();
}

pub(super) async fn accept(both: &Both, event: NewEvent, now: i64) -> crate::store::Accepted {
    both.callbacks.accept_event(event, at(now)).await.unwrap()
}

/// The callbacks of an order.
pub(super) async fn of_order(both: &Both, text: &str) -> Vec<CallbackView> {
    let filter = CallbackFilter {
        order: Some(order(text)),
        limit: 100,
        ..CallbackFilter::default()
    };
    both.callbacks.callbacks(filter).await.unwrap()
}

/// The one callback of an order.
pub(super) async fn the_one(both: &Both, text: &str) -> CallbackView {
    let mut all = of_order(both, text).await;
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

pub(super) const PLENTY: ClaimLimits = ClaimLimits {
    total: 1000,
    per_unit: 1000,
};

pub(super) async fn claim(both: &Both, stage: Stage, now: i64, until: i64) -> Vec<DueCallback> {
    claim_some(both, stage, (now, until), PLENTY).await
}

pub(super) async fn claim_some(
    both: &Both,
    stage: Stage,
    (now, until): (i64, i64),
    limits: ClaimLimits,
) -> Vec<DueCallback> {
    let claim = both
        .callbacks
        .claim_callbacks(stage, at(now), limits, at(until));
    claim.await.unwrap()
}

/// The payment's authToken as the store still has it.
pub(super) async fn token_of(both: &Both, text: &str) -> Option<String> {
    let known = both.store.payment(&shop(), &order(text), caller("a")).await;
    let facts = known.unwrap().payment.unwrap().facts;
    token(&facts).map(str::to_owned)
}

/// A payment whose callback is queued at `now`.
pub(super) async fn queued(both: &Both, text: &str, now: i64) {
    paid(both, text).await;
    accept(both, approved(text), now).await;
}
