//! The simulator from inside the process: look at everything, do everything that its controls can.
//!
//! Every method takes the lock for a moment and never waits. Must not: offer what the HTTP controls cannot do (tests
//! against a simulator in another process must be able to do the same).

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::faults::Fault;
use super::hooks::{Delivery, Forgery, RegistrationView};
use super::state::{CallbackRecord, SeenRequest, Shared, Surface};
use super::world::{Act, NoSuchPayment, PaymentView, Rules, Unit};
use crate::types::Moment;

/// What `Simulator::world` gives.
#[derive(Clone)]
pub struct Handle(pub(super) Arc<Shared>);

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handle({})", self.0.addr)
    }
}

impl Handle {
    /// One payment, eCom's and ePayment's alike.
    #[must_use]
    pub fn payment(&self, msn: &str, reference: &str) -> Option<PaymentView> {
        self.0.change(|s, _| s.world.payment(msn, reference))
    }

    /// All payments.
    #[must_use]
    pub fn payments(&self) -> Vec<PaymentView> {
        self.0.change(|s, _| s.world.payments())
    }

    /// Does something to a payment; whether that changed anything.
    ///
    /// # Errors
    /// Where there is no such payment.
    pub fn act(&self, msn: &str, reference: &str, act: Act) -> Result<bool, NoSuchPayment> {
        self.0
            .change(|s, now| s.world.act(msn, reference, act, now))
    }

    /// The user says yes; false where there is no such open payment.
    pub fn approve(&self, msn: &str, reference: &str) -> bool {
        self.act(msn, reference, Act::Approve) == Ok(true)
    }

    /// The user says no; false where there is no such open payment.
    pub fn reject(&self, msn: &str, reference: &str) -> bool {
        self.act(msn, reference, Act::Reject) == Ok(true)
    }

    /// Time is up; false where there is no such open payment.
    pub fn expire(&self, msn: &str, reference: &str) -> bool {
        self.act(msn, reference, Act::Expire) == Ok(true)
    }

    /// The card is declined; false where there is no such open payment.
    pub fn fail(&self, msn: &str, reference: &str) -> bool {
        self.act(msn, reference, Act::Fail) == Ok(true)
    }

    /// The next capture, cancel or refund fails and leaves a failed event.
    pub fn fail_next(&self, msn: &str, reference: &str) -> bool {
        self.act(msn, reference, Act::FailNext) == Ok(true)
    }

    /// Changes are refused for now.
    pub fn lock(&self, msn: &str, reference: &str) -> bool {
        self.act(msn, reference, Act::Lock) == Ok(true)
    }

    /// Changes are possible again.
    pub fn unlock(&self, msn: &str, reference: &str) -> bool {
        self.act(msn, reference, Act::Unlock) == Ok(true)
    }

    /// Every request so far, oldest first (the last ones, where there were too many).
    #[must_use]
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.0.change(|s, _| s.seen.iter().cloned().collect())
    }

    /// The requests for one part of the upstream.
    #[must_use]
    pub fn requests_to(&self, surface: Surface) -> Vec<SeenRequest> {
        let mut all = self.requests();
        all.retain(|r| r.surface == surface);
        all
    }

    /// Forgets the requests.
    pub fn clear_requests(&self) {
        self.0.change(|s, _| s.seen.clear());
    }

    /// Adds a fault; its number.
    pub fn add_fault(&self, fault: Fault) -> u64 {
        self.0.change(|s, _| s.faults.add(fault))
    }

    /// All faults, used up or not.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.0.change(|s, _| s.faults.list())
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.0.change(|s, _| s.faults.clear());
    }

    /// Takes the simulator off the network (connections are refused, open ones end) or brings it back; what it knows
    /// stays. Returns when it is so.
    pub async fn set_down(&self, down: bool) {
        let mut is_down = self.0.network.is_down.subscribe();
        self.0.network.wanted.send_replace(down);
        let _stopped_meanwhile = is_down.wait_for(|is| *is == down).await;
    }

    /// The simulator's own time.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.0.now()
    }

    /// Lets time pass, for the simulator alone.
    pub fn advance(&self, by: Duration) {
        self.0.advance(by);
        self.0.change(|s, now| s.world.tick(now));
    }

    /// All tokens end now.
    pub fn expire_tokens(&self) {
        self.0.change(|s, _| s.gateway.expire_tokens());
    }

    /// A token for a subscription key, without a request.
    #[must_use]
    pub fn issue_token(&self, subscription_key: &str) -> Option<String> {
        self.0.change(|s, now| {
            let token = format!("simulated.{}", s.world.uuid());
            let seconds = s.world.rules().token_s;
            s.gateway
                .issue(subscription_key, &token, now, seconds)
                .then_some(token)
        })
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.0.change(|s, _| s.world.rules().clone())
    }

    /// Changes the rules.
    pub fn change_rules(&self, f: impl FnOnce(&mut Rules)) {
        self.0.change(|s, _| {
            let mut rules = s.world.rules().clone();
            f(&mut rules);
            s.world.set_rules(rules);
        });
    }

    /// Changes a unit's settings; false where there is no such unit.
    pub fn change_unit(&self, msn: &str, f: impl FnOnce(&mut Unit)) -> bool {
        self.0.change(|s, _| {
            let Some(mut unit) = s.world.unit(msn).cloned() else {
                return false;
            };
            f(&mut unit);
            s.world.set_unit(unit);
            true
        })
    }

    /// eCom's own callbacks, sent or not.
    #[must_use]
    pub fn callbacks(&self) -> Vec<CallbackRecord> {
        self.0.change(|s, _| s.callbacks.clone())
    }

    /// All webhook registrations.
    #[must_use]
    pub fn webhooks(&self) -> Vec<RegistrationView> {
        self.0.hooks.list()
    }

    /// All attempts to deliver.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.0.hooks.deliveries()
    }

    /// Holds webhooks back.
    pub fn pause_webhooks(&self) {
        self.0.hooks.pause(true);
    }

    /// Lets them go.
    pub fn resume_webhooks(&self) {
        self.0.hooks.pause(false);
    }

    /// Doubles what waits (pause first).
    pub fn duplicate_webhooks(&self) {
        self.0.hooks.duplicate();
    }

    /// Reverses what waits (pause first).
    pub fn reverse_webhooks(&self) {
        self.0.hooks.reverse();
    }

    /// Sends again what was delivered, of one payment or of all; how many.
    pub fn redeliver_webhooks(&self, reference: Option<&str>) -> usize {
        self.0.hooks.redeliver(reference)
    }

    /// Sends any body to the registrations of a unit, forged if asked; to how many.
    pub fn send_webhook(&self, msn: &str, body: &Value, forgery: Option<Forgery>) -> usize {
        self.0.hooks.send(msn, body.to_string().as_bytes(), forgery)
    }

    /// Forgets everything but clients, units and rules.
    pub fn reset(&self) {
        self.0.reset_offset();
        self.0.hooks.clear();
        self.0.change(|s, _| {
            s.world.clear();
            s.gateway.expire_tokens();
            s.faults.clear();
            s.seen.clear();
            s.callbacks.clear();
        });
    }
}
