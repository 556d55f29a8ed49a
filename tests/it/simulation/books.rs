//! The invariants of money and of routes, after every step.
//!
//! Must not: change anything, or trust what the bridge says of itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ecom_bridge::epayment::event::EventName;
use ecom_bridge::epayment::model::State;
use ecom_bridge::simulator::{Origin, PaymentView, SeenRequest, Surface};
use ecom_bridge::store::AdjustmentState;
use ecom_bridge::types::{Amount, Msn, OrderText, Scope};

use super::plan::{Order, UNITS};
use super::told::{Request, Shops, Told};
use super::world::World;
use crate::support::books::{effects, proofs};
use crate::support::check;
use crate::support::shop::reference;

/// What was seen so far.
#[derive(Default)]
pub(super) struct Books {
    /// Each key, what it was sent for, and with which body.
    keys: HashMap<String, (String, Vec<u8>)>,
    /// Keys of money calls for each payment: sales unit and reference.
    sent: BTreeMap<(String, String), BTreeSet<String>>,
    /// Payments born in ePayment before this step.
    born: BTreeSet<(String, String)>,
}

fn value(amount: Amount) -> i64 {
    amount.minor_units()
}

impl Books {
    /// What upstream was asked in this step, and what it has now.
    pub(super) async fn check(&mut self, world: &World, shops: &Shops) {
        let upstream = world.shop.app.world();
        let requests = upstream.requests();
        upstream.clear_requests();
        let payments = upstream.payments();
        check::shadows(&requests);
        check::sums(&payments);
        for request in &requests {
            self.one_key_one_body(request);
            self.stays_where_it_was_born(request);
        }
        for payment in &payments {
            if payment.origin == Origin::Epayment {
                let name = (payment.msn.clone(), payment.reference.clone());
                self.born.insert(name);
            }
        }
        for (order, told) in &shops.created {
            let seen = world.seen(order);
            assert!(
                seen.is_some() || !matches!(told, Told::Done(_)),
                "answers: told and not made: {order:?}"
            );
            let Some(seen) = seen else { continue };
            assert!(
                !matches!(told, Told::Nothing | Told::Refused),
                "answers: made and not told: {order:?} {told:?}"
            );
            money(order, &seen, shops);
        }
    }

    /// I2.
    fn one_key_one_body(&mut self, request: &SeenRequest) {
        let Some(key) = request.header("idempotency-key") else {
            return;
        };
        let unit = request.header("merchant-serial-number").unwrap_or_default();
        let what = (format!("{unit} {}", request.target), request.body.to_vec());
        let first = self.keys.entry(key.to_owned()).or_insert(what.clone());
        assert_eq!(*first, what, "I2: one key, two bodies: {key}");
        let parts: Vec<&str> = request.path().split('/').collect();
        if let ["", "epayment", "v1", "payments", id, _] = parts[..] {
            let name = (unit.to_owned(), id.to_owned());
            self.sent.entry(name).or_default().insert(key.to_owned());
        }
    }

    /// I7.
    fn stays_where_it_was_born(&self, request: &SeenRequest) {
        if request.surface != Surface::Ecom || request.header(check::DIRECT).is_some() {
            return;
        }
        let body = request.json();
        let parts: Vec<&str> = request.path().split('/').collect();
        let at = parts.iter().position(|part| *part == "payments").unwrap();
        let order = match parts.get(at + 1) {
            Some(order) if !order.is_empty() => *order,
            _ => body["transaction"]["orderId"].as_str().unwrap_or_default(),
        };
        let unit = body["merchantInfo"]["merchantSerialNumber"].as_str();
        let unit = unit.or(request.header("merchant-serial-number"));
        let name = (unit.unwrap_or_default().to_owned(), reference(order));
        assert!(
            !self.born.contains(&name),
            "I7: it reached eCom, and was born in ePayment: {} {}",
            request.method,
            request.target
        );
    }

    /// I3 and I4: every call that was sent is recorded, and no record says more than upstream shows.
    pub(super) async fn records(&self, world: &World, order: &Order) {
        let Some(seen) = world.seen(order) else {
            return;
        };
        let scope = Scope::Unit(Msn::parse(order.msn()).unwrap());
        let text = OrderText::parse(&order.id).unwrap();
        let store = &world.shop.app.payments().store;
        let (calls, _) = store.adjustments(&scope, &text).await.unwrap();
        let name = (order.msn().to_owned(), seen.reference.clone());
        let recorded: BTreeSet<&str> = calls
            .iter()
            .filter_map(|call| call.key.as_ref())
            .map(|key| key.as_str())
            .collect();
        for key in self.sent.get(&name).into_iter().flatten() {
            assert!(
                recorded.contains(key.as_str()),
                "I3: sent and not recorded: {key}: {calls:?}"
            );
        }
        for call in &calls {
            let Some(key) = &call.key else { continue };
            let effects = effects(&seen, call.op, key.as_str());
            // A repeat of what was not done has the same key, and a record of its own.
            let by_another = calls.iter().any(|other| {
                let began = matches!(
                    other.state,
                    AdjustmentState::Succeeded { .. } | AdjustmentState::Open(_)
                );
                other.id != call.id && other.key == call.key && began
            });
            match call.state {
                AdjustmentState::Succeeded { .. } => {
                    let proofs = proofs(&seen, call.op, key.as_str());
                    assert_eq!(proofs, 1, "I4: recorded as done: {call:?} {seen:?}");
                }
                AdjustmentState::Refused | AdjustmentState::NotDone => {
                    assert!(
                        effects == 0 || by_another,
                        "I4: recorded as not done: {call:?} {seen:?}"
                    );
                }
                AdjustmentState::Open(_) => {
                    assert!(effects <= 1, "I4: done twice: {call:?} {seen:?}")
                }
            }
        }
    }
}

/// A payment's sums are what its shop was told, and perhaps something of what is unknown.
fn money(order: &Order, seen: &PaymentView, shops: &Shops) {
    let all = |op: &'static str| shops.of(order, op).collect::<Vec<_>>();
    let direct = UNITS[order.unit].direct && seen.origin == Origin::Epayment;
    let captured = value(seen.captured);
    // All that was approved, by the bridge itself.
    if !direct || (captured != 0 && captured != value(seen.authorized)) {
        explained("captured", captured, &all("capture"), seen);
    }
    explained("refunded", value(seen.refunded), &all("refund"), seen);
    let cancels = all("cancel");
    let done = |r: &&Request| matches!(r.told, Told::Done(_));
    let maybe = |r: &&Request| matches!(r.told, Told::Done(_) | Told::Unknown);
    let cancelled = match seen.state {
        State::Authorized => value(seen.cancelled) > 0,
        State::Terminated => true,
        State::Created | State::Aborted | State::Expired => {
            cancels.iter().copied().any(|r| done(&r))
        }
    };
    assert!(
        cancelled || !cancels.iter().copied().any(|r| done(&r)),
        "money: a cancel was told and not done: {seen:?}"
    );
    assert!(
        !cancelled || direct || cancels.iter().copied().any(|r| maybe(&r)),
        "money: a cancel was done and not told: {seen:?}"
    );
    let at = |name: EventName| {
        let mut all = seen.events.iter();
        all.position(|event| event.name == name && event.success)
    };
    if let (Some(captured), Some(cancelled)) = (at(EventName::Captured), at(EventName::Cancelled)) {
        let asked = cancels
            .iter()
            .copied()
            .any(|r| r.change.release && maybe(&r));
        assert!(
            cancelled < captured || asked || direct,
            "money: released after a capture, and nobody asked for that: {seen:?}"
        );
    }
}

/// A sum is what was told, and perhaps something of what is unknown.
fn explained(what: &str, sum: i64, requests: &[&Request], seen: &PaymentView) {
    let told = requests.iter().map(|r| match r.told {
        Told::Done(amount) => amount,
        _ => 0,
    });
    let told: i64 = told.sum();
    let mut possible = BTreeSet::from([told]);
    for request in requests.iter().filter(|r| r.told == Told::Unknown) {
        let Some(amount) = request.change.amount else {
            assert!(
                sum >= told,
                "money: {what} is less than was told: {sum} of {told}: {requests:?} {seen:?}"
            );
            return;
        };
        possible.extend(possible.clone().iter().map(|sum| sum + amount));
    }
    assert!(
        possible.contains(&sum),
        "money: {what} is not what was told: {sum} is not among {possible:?}: {requests:?} {seen:?}"
    );
}
