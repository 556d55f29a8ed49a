//! The books at the end of a trade: nothing acknowledged may be missing, nothing may have been done twice, and what nobody
//! acknowledged is done at most once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ecom_bridge::epayment::event::EventName;
use ecom_bridge::simulator::merchant::Received;
use ecom_bridge::simulator::{Origin, PaymentView, SeenRequest};
use ecom_bridge::store::{AdjustmentState, CallbackFilter, CallbackState};
use ecom_bridge::types::{MoneyOp, Msn, OrderText, Scope};
use serde_json::Value;

use super::app::{OTHER_MSN, TestApp};
use super::callbacks::Shop;
use super::check;
use super::trade::{AMOUNT, Trade};

/// The keys that were sent for each payment: sales unit and reference.
#[derive(Default)]
pub(crate) struct Sent(BTreeMap<(String, String), BTreeSet<String>>);

impl Sent {
    pub(crate) fn add(&mut self, requests: &[SeenRequest]) {
        for request in requests {
            let parts: Vec<&str> = request.path().split('/').collect();
            let (Some(key), ["", "epayment", "v1", "payments", id, _]) =
                (request.header("idempotency-key"), &parts[..])
            else {
                continue;
            };
            let unit = request.header("merchant-serial-number").unwrap();
            let name = (unit.to_owned(), (*id).to_owned());
            self.0.entry(name).or_default().insert(key.to_owned());
        }
    }
}

/// The payments that the bridge made.
pub(crate) fn born(app: &TestApp) -> Vec<PaymentView> {
    let mut all = app.world().payments();
    all.retain(|p| p.origin == Origin::Epayment);
    all
}

/// What the shop was told of each payment: sales unit and order.
#[derive(Default)]
pub(crate) struct Told(BTreeMap<(String, String), Vec<String>>);

impl Told {
    pub(crate) fn of(shop: &Shop) -> Self {
        let mut told = Self::default();
        told.add(&shop.merchant.callbacks());
        told
    }

    pub(crate) fn add(&mut self, callbacks: &[Received]) {
        for callback in callbacks {
            let body = callback.json();
            let text = |v: &Value| v.as_str().unwrap().to_owned();
            let name = (text(&body["merchantSerialNumber"]), text(&body["orderId"]));
            let status = text(&body["transactionInfo"]["status"]);
            self.0.entry(name).or_default().push(status);
        }
    }

    /// How many callbacks came.
    pub(crate) fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Whose shop has not been told yet.
    pub(crate) fn missing(&self, shop: &Shop) -> Vec<(String, String)> {
        born(&shop.app)
            .into_iter()
            .map(|p| (p.msn, p.reference))
            .filter(|name| !self.0.contains_key(name))
            .collect()
    }
}

/// Nothing acknowledged is missing upstream, nothing was done twice (I1, I2).
pub(crate) fn upstream_agrees(shop: &Shop, trade: &Trade) {
    let requests = shop.app.world().requests();
    check::kept(&shop.app, &requests);
    let payments = shop.app.world().payments();
    check::sums(&payments);
    let named: BTreeMap<(&str, &str), &PaymentView> = payments
        .iter()
        .map(|p| ((p.msn.as_str(), p.reference.as_str()), p))
        .collect();
    for order in trade.each() {
        let Some(seen) = named.get(&(order.msn, order.id.as_str())) else {
            assert_eq!(order.done, 0, "acknowledged, and not upstream: {order:?}");
            continue;
        };
        assert!(order.agrees(seen), "{}", order.story(shop));
    }
}

/// How often a call was done under its key, as the event log shows it. A cancel is done by one event or the other: a
/// payment that nobody has approved is terminated.
pub(crate) fn effects(seen: &PaymentView, op: MoneyOp, key: &str) -> usize {
    let names: &[EventName] = match op {
        MoneyOp::Capture => &[EventName::Captured],
        MoneyOp::Refund => &[EventName::Refunded],
        MoneyOp::Cancel => &[EventName::Cancelled, EventName::Terminated],
    };
    let done = seen.events.iter().filter(|e| e.success);
    done.filter(|e| e.key.as_deref() == Some(key) && names.contains(&e.name))
        .count()
}

/// What proves that a call was done. ePayment shows no key for a cancel, so that of another one proves it, too, and so does
/// any other end that leaves nothing to cancel.
pub(crate) fn proofs(seen: &PaymentView, op: MoneyOp, key: &str) -> usize {
    let ends = [
        EventName::Cancelled,
        EventName::Terminated,
        EventName::Aborted,
        EventName::Expired,
    ];
    match op {
        MoneyOp::Capture | MoneyOp::Refund => effects(seen, op, key),
        MoneyOp::Cancel => {
            let mut done = seen.events.iter().filter(|event| event.success);
            usize::from(done.any(|event| ends.contains(&event.name)))
        }
    }
}

/// The records agree with upstream: written before it was sent (I3), closed by evidence (I4).
pub(crate) async fn records_agree(shop: &Shop, trade: &Trade, mut sent: Sent) {
    for order in trade.each() {
        let name = (order.msn.to_owned(), order.id.clone());
        let Some(seen) = shop.app.world().payment(order.msn, &order.id) else {
            assert!(!sent.0.contains_key(&name));
            continue;
        };
        let scope = Scope::Unit(Msn::parse(order.msn).unwrap());
        let text = OrderText::parse(&order.id).unwrap();
        let store = &shop.app.payments().store;
        let (calls, _) = store.adjustments(&scope, &text).await.unwrap();
        let mut asked = BTreeSet::new();
        for call in &calls {
            let key = call.key.as_ref().unwrap().as_str();
            let effects = effects(&seen, call.op, key);
            match call.state {
                AdjustmentState::Succeeded { .. } => {
                    let proofs = proofs(&seen, call.op, key);
                    assert_eq!(proofs, 1, "I4: {call:?} {seen:?}");
                }
                AdjustmentState::Refused => assert_eq!(effects, 0, "I4: {call:?} {seen:?}"),
                AdjustmentState::NotDone => {
                    // Its shop may have repeated it later: under the same key, in a record of its own.
                    let again = calls.iter().any(|other| {
                        other.key == call.key
                            && matches!(other.state, AdjustmentState::Succeeded { .. })
                    });
                    assert_eq!(effects, usize::from(again), "I4: {call:?} {seen:?}");
                }
                // Nobody asks again, and the bridge that would have looked is dead.
                AdjustmentState::Open(_) => {
                    let nobody = order.given_up || order.msn == OTHER_MSN;
                    assert!(nobody && effects <= 1, "{order:?} {call:?}");
                }
            }
            // One key for each X-Request-Id, another one only after a refusal; what was not done is asked again under it.
            if call.state != AdjustmentState::NotDone {
                let again = (call.request_id.clone(), call.attempt);
                assert!(asked.insert(again), "{calls:?}");
            }
        }
        let recorded: BTreeSet<String> = calls
            .iter()
            .map(|call| call.key.as_ref().unwrap().as_str().to_owned())
            .collect();
        let sent = sent.0.remove(&name).unwrap_or_default();
        assert!(sent.is_subset(&recorded), "I3: {sent:?} {recorded:?}");
    }
}

/// Every end was told at least once, always in the same words, from one record (I5, I6).
pub(crate) async fn everybody_was_told(shop: &Shop, told: &Told) {
    let mut records: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut filter = CallbackFilter {
        limit: 500,
        ..CallbackFilter::default()
    };
    loop {
        let page = shop
            .app
            .callbacks()
            .callbacks(filter.clone())
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        filter.before = Some(last.id);
        for one in page {
            assert_eq!(one.state, CallbackState::Delivered, "{one:?}");
            let name = (one.msn.to_string(), one.order.as_str().to_owned());
            *records.entry(name).or_default() += 1;
        }
    }
    for payment in born(&shop.app) {
        let name = (payment.msn.clone(), payment.reference.clone());
        assert_eq!(records.get(&name), Some(&1), "I5: {payment:?}");
        let status = match payment.authorized.minor_units() {
            0 => "CANCELLED",
            _ if payment.msn == OTHER_MSN => "SALE",
            _ => "RESERVED",
        };
        let heard = &told.0[&name];
        assert!(
            heard.iter().all(|s| s == status),
            "I5: {payment:?} {heard:?}"
        );
        if payment.msn == OTHER_MSN {
            assert_eq!(payment.captured.minor_units(), AMOUNT, "{payment:?}");
        }
    }
}

/// The proof of the command: nothing is in the way of what is read within `patience` (some payments a second are).
pub(crate) async fn ledger_verifies(shop: &Shop, patience: Duration) -> Value {
    shop.pass(Duration::from_secs(120)).await;
    let began = Instant::now();
    loop {
        let (sound, text) = shop.app.command(&["ledger", "verify", "--json"]).await;
        assert!(sound, "{text}");
        let proof: Value = serde_json::from_str(&text).unwrap();
        let all = proof["notVerified"].as_object().unwrap().is_empty();
        if all || began.elapsed() > patience {
            return proof;
        }
        shop.pass(Duration::from_secs(1)).await;
    }
}
