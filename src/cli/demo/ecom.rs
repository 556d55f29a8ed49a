//! Chapters about what stays in eCom, or was born there: an Express payment, and one older than the bridge.
//!
//! eCom's own callbacks reach the shop from the simulator itself. Must not: sleep (waits are for a callback).

use serde_json::json;

use super::day::{Day, changes, one_epayment_change, operations};
use crate::cli::scene::bridge::until;
use crate::cli::scene::page::Look;
use crate::cli::scene::shop::{self, AUTH_TOKEN, Call};
use crate::simulator::{Origin, Surface};

impl Day<'_> {
    /// Waits for eCom's callback, shows it and checks it.
    async fn called_back(&mut self, order: &str, status: &str) {
        until(|| !self.callbacks_of(order).is_empty()).await;
        let Some(last) = self.callbacks_of(order).pop() else {
            self.check(false, "eCom's callback reached the shop");
            return;
        };
        let line = format!("{} {} (from eCom itself)", last.method, last.target);
        self.page.beside(Look::Upstream, "callback", &line);
        let body = last.json();
        self.page.json(&body, self.detail);
        let good = last.header("authorization") == Some(AUTH_TOKEN)
            && body.pointer("/transactionInfo/status") == Some(&json!(status));
        self.check(
            good,
            "eCom called the shop back, with the shop's own authToken",
        );
    }

    /// The user says yes; eCom knows, and ePayment raises no webhook.
    pub(super) fn approved_in_ecom(&mut self, order: &str) {
        self.happens("The user approves in the app.");
        let done = self.world().approve(shop::MSN, order);
        if !done {
            self.check(false, "the payment can be approved");
        }
    }

    /// Whether a payment was born in eCom, as the simulator knows it.
    fn born(&self, order: &str, origin: Origin) -> bool {
        self.payment(order).is_some_and(|p| p.origin == origin)
    }
}

pub(super) async fn express(day: &mut Day<'_>) {
    let order = "woo-shop-1005";
    day.chapter(
        "An Express payment",
        "Express stays in eCom: the body goes there byte for byte, and details come from there, because only eCom has \
         the address. The money is moved through ePayment.",
    );
    let mut body = shop::new_order(order, 25_000, &day.callback_prefix());
    if let Some(info) = body.pointer_mut("/merchantInfo") {
        info["paymentType"] = json!("eComm Express Payment");
        info["consentRemovalPrefix"] = json!("https://shop.example/consent");
        info["staticShippingDetails"] = json!([{
            "isDefault": "Y", "priority": 0, "shippingCost": 49,
            "shippingMethod": "Posten", "shippingMethodId": "posten",
        }]);
    }
    let sent = shop::text_of(&body);
    let (heard, seen) = day.call(Call::post("/Ecomm/v2/payments").body(body)).await;
    let untouched = matches!(&seen[..], [only]
        if only.surface == Surface::Ecom && only.body == sent.as_bytes());
    let good = heard.status == 200 && heard.route == "ecom" && untouched;
    let good = good && day.born(order, Origin::Express);
    day.check(good, "passed to eCom byte for byte");
    day.approved_in_ecom(order);
    day.called_back(order, "RESERVE").await;
    let (heard, seen) = day.details(order).await;
    let good = heard.route == "ecom"
        && heard.text("/shippingDetails/address/city").is_some()
        && seen.iter().all(|s| s.surface == Surface::Ecom);
    day.check(good, "details with the address, from eCom");
    let (heard, seen) = day.change(order, "capture", "1", Some(25_000)).await;
    let good = heard.status == 200 && one_epayment_change(&seen);
    day.check(good, "captured through ePayment, which serves both births");
    day.sums(order, 25_000, 0, 0);
}

pub(super) async fn before_the_bridge(day: &mut Day<'_>) {
    let order = "woo-shop-0977";
    day.chapter(
        "A payment older than the bridge",
        "Yesterday the shop still called eCom itself, so the bridge has no record of this order. It must work today.",
    );
    let body = shop::new_order(order, 18_000, &day.callback_prefix());
    let call = Call::post("/ecomm/v2/payments").body(body);
    let heard = day.call_without_bridge(call).await;
    let good = heard.status == 200 && day.born(order, Origin::Ecom);
    day.check(good, "created in eCom, without the bridge");
    day.approved_in_ecom(order);
    day.called_back(order, "RESERVED").await;
    day.happens("The shop now calls the bridge.");
    let (heard, seen) = day.details(order).await;
    let good = operations(&heard) == ["RESERVE", "INITIATE"] && changes(&seen).is_empty();
    day.check(good, "eCom was asked, and knows the order");
    let (heard, seen) = day.change(order, "capture", "1", Some(10_000)).await;
    let good = heard.status == 200 && one_epayment_change(&seen);
    day.check(good, "captured through ePayment");
    let (heard, seen) = day.change(order, "refund", "1", Some(4_000)).await;
    let good = heard.status == 200 && one_epayment_change(&seen);
    day.check(good, "refunded through ePayment");
    day.sums(order, 10_000, 4_000, 0);
}
