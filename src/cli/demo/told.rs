//! What the shop is told: the webhooks that reached the bridge, and the callbacks that reached the shop.
//!
//! Both are seen at their ends (the simulator's own log, the toy shop's desk). Must not: wait for anything but these.

use serde_json::json;

use super::day::Day;
use crate::cli::scene::bridge::until;
use crate::cli::scene::page::Look;
use crate::cli::scene::shop::AUTH_TOKEN;
use crate::simulator::merchant::Received;
use crate::simulator::{Act, Delivery, SeenRequest, Surface};

/// What should come of something that the user does.
pub(super) struct Wanted<'a> {
    pub(super) act: Act,
    /// The event's name.
    pub(super) event: &'a str,
    /// The callback's status.
    pub(super) status: &'a str,
    /// What the shop answers to each callback; the last is 200.
    pub(super) answers: &'a [u16],
}

/// A payment's name in ePayment.
pub(super) fn reference(order: &str) -> String {
    if order.len() < 8 {
        format!("ecom-id-{order}")
    } else {
        order.to_owned()
    }
}

impl Day<'_> {
    /// The user says yes in the app, and the shop hears of it.
    pub(super) async fn approve(&mut self, order: &str) {
        self.happens("The user approves in the app.");
        self.hears(order, yes("RESERVED")).await;
    }

    /// The same where a call of the shop's own has approved it.
    pub(super) async fn heard_of(&mut self, order: &str, status: &str) {
        until(|| !self.callbacks_of(order).is_empty()).await;
        let heard = self.callbacks_of(order);
        for callback in &heard {
            self.show_callback(callback, "200");
        }
        let good = matches!(&heard[..], [only] if tells(only, order, status));
        self.check(good, &format!("the shop heard {status}, once"));
        self.tally.told_back += 1;
    }

    /// Something happens to a payment of ePayment: shows the webhook, what the bridge asked because of it, and what the
    /// shop heard. The last callback and the requests.
    pub(super) async fn hears(
        &mut self,
        order: &str,
        wanted: Wanted<'_>,
    ) -> (Option<Received>, Vec<SeenRequest>) {
        let (mark, reference) = (self.last_seen(), reference(order));
        let (before, times) = (self.callbacks_of(order).len(), wanted.answers.len());
        let acted = self.world().act(self.msn, &reference, wanted.act);
        if acted != Ok(true) {
            self.check(false, "this can happen to the payment");
        }
        let came = until(|| self.callbacks_of(order).len() >= before + times).await;
        let taken = until(|| {
            self.webhooks_of(&reference, wanted.event)
                .iter()
                .any(is_taken)
        })
        .await;
        for hook in self.webhooks_of(&reference, wanted.event) {
            let became = hook
                .status
                .map_or("no answer".to_owned(), |s| s.to_string());
            let line = format!("{} of {} -> {became}", hook.name, hook.reference);
            self.page.beside(Look::Upstream, "webhook", &line);
        }
        let mut seen = self.seen_since(mark);
        seen.retain(|request| request.surface != Surface::Webhooks);
        for request in &seen {
            self.show_seen(request, "");
        }
        let heard = self.callbacks_of(order).split_off(before);
        for (callback, answer) in heard.iter().zip(wanted.answers) {
            self.show_callback(callback, &answer.to_string());
        }
        let last = heard.last().cloned();
        let good = came && taken && heard.len() == times;
        let good = good
            && heard
                .iter()
                .all(|callback| tells(callback, order, wanted.status));
        let how = if times == 1 { "once, " } else { "" };
        let line = format!(
            "the shop heard {}, {how}with its own authToken",
            wanted.status
        );
        self.check(good, &line);
        self.tally.told_back += times;
        (last, seen)
    }

    /// One callback, with its body.
    pub(super) fn show_callback(&mut self, callback: &Received, became: &str) {
        let line = format!("{} {} -> {became}", callback.method, callback.target);
        self.page.beside(Look::Upstream, "callback", &line);
        if became == "200" {
            let body = callback.json();
            self.page.json(&body, self.detail);
        }
    }

    /// The callbacks of an order, oldest first.
    pub(super) fn callbacks_of(&self, order: &str) -> Vec<Received> {
        let mut all = self.stage.merchant.callbacks();
        let target = format!("/vipps/v2/payments/{order}");
        all.retain(|callback| callback.target == target);
        all
    }

    fn webhooks_of(&self, reference: &str, event: &str) -> Vec<Delivery> {
        let mut all = self.world().deliveries();
        all.retain(|hook| hook.reference == reference && hook.name == event);
        all
    }

    /// The webhook that the bridge registers when a sales unit's first call was accepted.
    pub(super) async fn registration(&mut self) {
        self.happens(
            "ePayment has webhooks in place of callbacks. Now that it has accepted the shop's keys, the bridge registers one for this sales unit.",
        );
        let registered = self.stage.registered(self.msn).await;
        let mut asked = self.world().requests_to(Surface::Webhooks);
        asked.retain(|request| request.id > self.began);
        for request in &asked {
            self.show_seen(request, "");
        }
        let hooks = self.world().webhooks();
        let own = hooks
            .iter()
            .filter(|hook| hook.units.iter().any(|unit| unit == self.msn));
        let good = registered && own.count() == 1;
        self.check(good, "registered once, for the events that matter");
    }

    /// The events of a payment that reached the bridge, none of them a callback's.
    pub(super) async fn recorded_only(&mut self, order: &str, want: &[&str]) {
        let of = |day: &Self| -> Vec<String> {
            let mut all = day.world().deliveries();
            all.retain(|hook| hook.reference == order && is_taken(hook));
            all.into_iter().map(|hook| hook.name).skip(1).collect()
        };
        let came = until(|| of(self).len() >= want.len()).await;
        let line = of(self).join(", ");
        self.page.beside(Look::Upstream, "webhook", &line);
        let good = came && of(self) == want && self.callbacks_of(order).len() == 1;
        self.check(good, "recorded; eCom never called back for these");
    }
}

/// An approval, told once.
pub(super) const fn yes(status: &str) -> Wanted<'_> {
    Wanted {
        act: Act::Approve,
        event: "AUTHORIZED",
        status,
        answers: &[200],
    }
}

fn is_taken(hook: &Delivery) -> bool {
    hook.status == Some(200)
}

fn tells(callback: &Received, order: &str, status: &str) -> bool {
    let body = callback.json();
    callback.header("authorization") == Some(AUTH_TOKEN)
        && body.pointer("/orderId") == Some(&json!(order))
        && body.pointer("/transactionInfo/status") == Some(&json!(status))
}
