//! The invariants of callbacks (I5, I6) and of reads, after every step.
//!
//! Must not: change anything but take what the shops received.

use std::collections::BTreeMap;

use ecom_bridge::epayment::event::EventName;
use ecom_bridge::epayment::model::State;
use ecom_bridge::simulator::{Origin, PaymentView};
use ecom_bridge::store::CallbackState;
use serde_json::Value;

use super::plan::{Order, UNITS};
use super::told::Shops;
use super::world::World;
use crate::support::client::Answer;
use crate::support::shop::AUTH_TOKEN;

/// What the shops heard.
#[derive(Default)]
pub(super) struct Post {
    /// Each callback of a payment, and whether the shop took it.
    heard: BTreeMap<Order, Vec<(String, bool)>>,
}

/// What its shop hears in the end; none where nothing is to be heard (yet).
fn wanted(direct: bool, seen: &PaymentView) -> Option<&'static [&'static str]> {
    match seen.state {
        _ if seen.authorized.minor_units() > 0 && direct => Some(&["SALE", "SALE_FAILED"]),
        _ if seen.authorized.minor_units() > 0 => Some(&["RESERVED"]),
        State::Aborted => Some(&["CANCELLED"]),
        State::Expired => Some(&["REJECTED"]),
        State::Created | State::Authorized | State::Terminated => None,
    }
}

impl Post {
    /// What came in this step, and what is on its way; the lines are for the trace.
    pub(super) async fn check(&mut self, world: &World, shops: &Shops, over: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for received in world.shop.merchant.take() {
            let took = (200..300).contains(&received.answered);
            let body = received.json();
            let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
            let msn = text(&body["merchantSerialNumber"]);
            let unit = UNITS.iter().position(|unit| unit.msn == msn).unwrap();
            let id = text(&body["orderId"]);
            let order = Order { unit, id };
            let seen = world.seen(&order).expect("a callback of a payment");
            // eCom's own are eCom's.
            if seen.origin != Origin::Epayment {
                continue;
            }
            let status = text(&body["transactionInfo"]["status"]);
            let authorization = received.header("authorization");
            assert_eq!(
                authorization,
                Some(AUTH_TOKEN),
                "callbacks: not the shop's word: {order:?}"
            );
            if UNITS[unit].direct && status == "SALE" {
                assert_eq!(
                    seen.captured, seen.authorized,
                    "callbacks: told before it was captured: {seen:?}"
                );
            }
            lines.push(format!("{} {} {status} {took}", unit, order.id));
            self.heard.entry(order).or_default().push((status, took));
        }
        lines.sort();
        self.once(world, shops, over).await;
        lines
    }

    /// One record for each final state, one word for each payment, and no second time for who has taken it.
    async fn once(&self, world: &World, shops: &Shops, over: bool) {
        // In this order: what is matched by then is in the list.
        let waiting = world.store.unmatched().await;
        let listed = world.shop.listed().await;
        for order in shops.created.keys() {
            let Some(seen) = world.seen(order) else {
                continue;
            };
            let mine: Vec<_> = listed
                .iter()
                .filter(|c| c.order.as_str() == order.id && c.msn.as_str() == order.msn())
                .collect();
            let heard = self.heard.get(order).map(Vec::as_slice).unwrap_or_default();
            let want = match seen.origin {
                Origin::Epayment => wanted(UNITS[order.unit].direct, &seen),
                // Its callbacks are eCom's.
                _ => None,
            };
            let Some(want) = want else {
                assert!(
                    mine.is_empty() && heard.is_empty(),
                    "I5: a callback that nobody may hear: {mine:?} {heard:?} {seen:?}"
                );
                continue;
            };
            // An event about a payment in doubt is kept, and the payment looked up: at once, then after a minute.
            let not_yet = world.paused || (!over && waiting.contains(&seen.reference));
            assert!(
                mine.len() == 1 || (not_yet && mine.is_empty()),
                "I5: not one record: {mine:?} {seen:?}"
            );
            let word = |status: &String| want.contains(&status.as_str()) && *status == heard[0].0;
            assert!(
                heard.iter().all(|(status, _)| word(status)),
                "I6: not the word: {heard:?} {seen:?}"
            );
            let taken = heard.iter().filter(|(_, took)| *took).count();
            assert!(
                taken <= 1,
                "I5: told again who had taken it: {heard:?} {seen:?}"
            );
            let Some(record) = mine.first() else { continue };
            let delivered = record.state == CallbackState::Delivered;
            assert_eq!(
                delivered,
                taken == 1,
                "I5: delivered is not taken: {record:?} {heard:?}"
            );
            assert!(
                !over || matches!(record.state, CallbackState::Delivered | CallbackState::Dead),
                "I5: neither told nor dead: {record:?} {seen:?}"
            );
        }
    }
}

/// Details never contradict upstream; nothing that exists is said not to.
pub(super) fn details(order: &Order, answer: &Answer, exists: bool, seen: &PaymentView) {
    let text = answer.text();
    if exists {
        assert!(
            !matches!(answer.status, 402 | 404),
            "reads: it exists: {order:?}: {text}"
        );
    }
    let json = answer.json();
    let summary = &json["transactionSummary"];
    if answer.status != 200 || !summary.is_object() {
        return;
    }
    let value = |amount: ecom_bridge::types::Amount| amount.minor_units();
    let told = |name: &str| summary[name].as_i64().unwrap_or(0);
    let (captured, refunded) = (value(seen.captured), value(seen.refunded));
    let captured_is = told("capturedAmount");
    assert_eq!(captured_is, captured, "reads: captured: {order:?}: {text}");
    let refunded_is = told("refundedAmount");
    assert_eq!(refunded_is, refunded, "reads: refunded: {order:?}: {text}");
    let authorized = value(seen.authorized);
    if authorized > 0 {
        let left = authorized - captured - value(seen.cancelled);
        let left_is = told("remainingAmountToCapture");
        assert_eq!(left_is, left, "reads: left to capture: {order:?}: {text}");
        assert_eq!(
            told("remainingAmountToRefund"),
            captured - refunded,
            "reads: left to refund: {order:?}: {text}"
        );
    }
    if UNITS[order.unit].direct {
        return;
    }
    for (operation, name) in [
        ("CAPTURE", EventName::Captured),
        ("REFUND", EventName::Refunded),
    ] {
        let entries = json["transactionLogHistory"]
            .as_array()
            .into_iter()
            .flatten();
        let fits = |e: &&Value| e["operation"] == operation && e["operationSuccess"] == true;
        assert_eq!(
            entries.filter(fits).count(),
            seen.count(name),
            "reads: history: {order:?} {operation}: {text} {seen:?}"
        );
    }
}
