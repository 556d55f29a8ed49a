//! The pure state machine: sales units, payments, the keys they were asked with, and what follows from each request.
//!
//! One ledger serves both APIs: eCom's payments are seen by ePayment, ePayment's are unknown to eCom. Time is an
//! argument; randomness is a counter, so the same requests give the same world. Must not: wait, send or look outside.
//! What has to be sent is collected as [`Effect`]s. Source: eCom API 2.0.3, ePayment API 1.4.1 with later changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::epayment::event::EventName;
use crate::types::{Amount, Moment, Msn};

mod change;
mod check;
mod create;
mod ecom;
mod ecom_view;
mod epayment;
mod initiate;
mod payment;
mod problems;
mod rules;
mod user;

#[cfg(test)]
mod tests;

pub use ecom::Adjustment;
pub use epayment::{Call, Reply};
pub use payment::{Api, EventView, Origin, PaymentView};
pub use rules::{CaptureType, Rules, Unit};
pub use user::{Act, NoSuchPayment};

use payment::{Event, Payment};

/// What must be sent because of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// eCom's own callback, once.
    Callback(Box<CallbackOrder>),
    /// An event for the webhooks of a sales unit.
    Event {
        /// The sales unit.
        msn: String,
        /// Whose event.
        reference: String,
        /// What happened.
        name: EventName,
        /// The body of the webhook.
        body: serde_json::Value,
    },
}

/// One callback of eCom.
#[derive(Clone, Debug, PartialEq)]
pub struct CallbackOrder {
    /// The sales unit.
    pub msn: String,
    /// The order.
    pub order: String,
    /// Prefix and suffix, as text.
    pub url: String,
    /// The merchant's own `authToken`.
    pub authorization: Option<String>,
    /// The body.
    pub body: serde_json::Value,
}

/// Sales unit and reference.
type Id = (String, String);

/// A granted eCom request that may be repeated.
struct Granted {
    amount: Option<Amount>,
    answer: serde_json::Value,
}

/// An ePayment request whose key is used up.
struct Remembered {
    fingerprint: String,
    reply: Reply,
}

/// Everything that is true upstream.
pub struct World {
    rules: Rules,
    units: BTreeMap<String, Unit>,
    payments: BTreeMap<Id, Payment>,
    /// When open payments expire.
    deadlines: BTreeSet<(Moment, Id)>,
    keys: HashMap<(String, String), Remembered>,
    granted: HashMap<(Id, &'static str, String), Granted>,
    landing: String,
    seed: u64,
    serial: u64,
    out: Vec<Effect>,
}

impl World {
    /// An empty world with these units; `landing` is what redirect URLs begin with.
    #[must_use]
    pub fn new(rules: Rules, units: Vec<Unit>, landing: String, seed: u64) -> Self {
        Self {
            rules,
            units: units
                .into_iter()
                .map(|u| (u.msn.as_str().to_owned(), u))
                .collect(),
            payments: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            keys: HashMap::new(),
            granted: HashMap::new(),
            landing,
            seed,
            serial: 0,
            out: Vec::new(),
        }
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Other rules from now on.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// The settings of a unit.
    #[must_use]
    pub fn unit(&self, msn: &str) -> Option<&Unit> {
        self.units.get(msn)
    }

    /// All units.
    pub fn units(&self) -> impl Iterator<Item = &Unit> {
        self.units.values()
    }

    /// Adds or replaces a unit.
    pub fn set_unit(&mut self, unit: Unit) {
        self.units.insert(unit.msn.as_str().to_owned(), unit);
    }

    /// Forgets payments and keys; units and rules stay.
    pub fn clear(&mut self) {
        self.payments.clear();
        self.deadlines.clear();
        self.keys.clear();
        self.granted.clear();
        self.out.clear();
    }

    /// What is to be sent since the last call.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.out)
    }

    /// One payment.
    #[must_use]
    pub fn payment(&self, msn: &str, reference: &str) -> Option<PaymentView> {
        self.find(msn, reference).map(Payment::view)
    }

    /// All payments.
    #[must_use]
    pub fn payments(&self) -> Vec<PaymentView> {
        self.payments.values().map(Payment::view).collect()
    }

    /// Which of these units has such an order.
    #[must_use]
    pub fn unit_of_order<'a>(&self, units: &'a [Msn], order: &str) -> Option<&'a Msn> {
        units
            .iter()
            .find(|msn| self.find(msn.as_str(), order).is_some())
    }

    /// The payment behind a landing token: unit and reference.
    #[must_use]
    pub fn by_token(&self, token: &str) -> Option<(String, String)> {
        self.payments
            .iter()
            .find(|(_, p)| p.token == token)
            .map(|(id, _)| id.clone())
    }

    /// Lets time pass: what nobody acted on in time ends.
    pub fn tick(&mut self, now: Moment) {
        while let Some((at, id)) = self.deadlines.first().cloned() {
            if at > now {
                break;
            }
            self.deadlines.pop_first();
            if self.payments.get(&id).is_some_and(Payment::is_created) {
                self.expire(&id, at);
            }
        }
    }

    fn insert(&mut self, id: &Id, payment: Payment) {
        if let Some(at) = payment.expires {
            self.deadlines.insert((at, id.clone()));
        }
        self.payments.insert(id.clone(), payment);
    }

    fn find(&self, msn: &str, reference: &str) -> Option<&Payment> {
        self.payments.get(&(msn.to_owned(), reference.to_owned()))
    }

    fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A fresh number, as eCom and the event log show it.
    fn number(&mut self) -> String {
        let serial = self.next();
        (7_000_000_000 + self.seed % 1_000 * 1_000_000 + serial).to_string()
    }

    /// A fresh id; the same seed and the same requests give the same one.
    pub fn uuid(&mut self) -> String {
        let serial = self.next();
        let name = format!("{}:{serial}", self.seed);
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
    }

    /// Appends an event and tells the webhooks. Times within one payment are strictly increasing.
    fn note(&mut self, id: &Id, mut event: Event) {
        let everyone = self.rules.ecom_webhooks;
        let sub_and_user = self.rules.user_details_in_payment;
        let Some(payment) = self.payments.get_mut(id) else {
            return;
        };
        if let Some(last) = payment.events.last()
            && event.at <= last.at
        {
            event.at = Moment::from_millis(last.at.millis() + 1);
        }
        payment.events.push(event);
        if (payment.origin == Origin::Epayment || everyone)
            && let Some(event) = payment.events.last()
            && let Some(body) = payment.webhook(event, sub_and_user)
        {
            self.out.push(Effect::Event {
                msn: id.0.clone(),
                reference: id.1.clone(),
                name: event.name,
                body,
            });
        }
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("payments", &self.payments.len())
            .finish_non_exhaustive()
    }
}
