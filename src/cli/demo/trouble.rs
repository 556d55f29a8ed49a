//! Chapters about what goes wrong: a lost answer, an outcome that stays unknown, and an error of each kind.
//!
//! Must not: wait for anything but the bridge's own answers.

use super::day::{Day, changes};
use crate::cli::scene::shop::{self, Auth, Call};
use crate::epayment::event::EventName;
use crate::simulator::{Action, Fault, Surface};

impl Day<'_> {
    /// How many captures succeeded at the simulator.
    fn captures(&self, order: &str) -> usize {
        self.payment(order)
            .map_or(0, |payment| payment.count(EventName::Captured))
    }
}

pub(super) async fn lost_answer(day: &mut Day<'_>) {
    let order = "woo-shop-1006";
    day.chapter(
        "A capture whose answer is lost",
        "The connection breaks after ePayment has captured. The bridge does not guess: it reads the payment's event \
         log, finds its own key there, and answers.",
    );
    day.initiate(order, 22_000).await;
    day.approve(order).await;
    day.happens("The next answer to a capture will be lost.");
    let path = format!("/{order}/capture");
    day.world()
        .add_fault(Fault::once(&path, Action::ResetAfter));
    let (heard, seen) = day.change(order, "capture", "1", Some(22_000)).await;
    day.world().clear_faults();
    let hit = seen.iter().any(|s| s.fault.is_some());
    let read = seen.iter().any(|s| s.path().ends_with("/events"));
    let good = hit && read && heard.text("/transactionInfo/status") == Some("Captured");
    day.check(good, "found in the event log, and told as done");
    let once = day.captures(order) == 1;
    day.check(once, "captured once");
    day.sums(order, 22_000, 0, 0);
}

pub(super) async fn unknown_outcome(day: &mut Day<'_>) {
    let order = "woo-shop-1007";
    day.chapter(
        "An outcome that stays unknown for a while",
        "Now the event log can't be read either. The bridge repeats with the same key while it has time, and then says \
         the truth: unknown, repeat later (502 with 94). It claims neither success nor failure.",
    );
    day.initiate(order, 31_000).await;
    day.approve(order).await;
    day.happens("Every answer to this capture is lost, and the event log answers 503.");
    let (capture, events) = (format!("/{order}/capture"), format!("/{order}/events"));
    let down = Action::Status {
        status: 503,
        body: None,
        headers: Vec::new(),
        processed: false,
    };
    day.world()
        .add_fault(Fault::always(&capture, Action::ResetAfter));
    day.world().add_fault(Fault::always(&events, down));
    let (heard, seen) = day.change(order, "capture", "1", Some(31_000)).await;
    let keys: Vec<_> = changes(&seen)
        .iter()
        .map(|s| s.header("idempotency-key").map(str::to_owned))
        .collect();
    let one_key = keys
        .first()
        .is_some_and(|key| key.is_some() && keys.iter().all(|k| k == key));
    let good = heard.is_error(502, "94") && one_key;
    day.check(
        good,
        "unknown, said as such; every sending had the same key",
    );
    day.happens("The upstream recovers. The shop repeats: same X-Request-Id, same amount.");
    day.world().clear_faults();
    let (heard, _) = day.change(order, "capture", "1", Some(31_000)).await;
    let good = heard.status == 200 && heard.number("/transactionInfo/amount") == Some(31_000);
    day.check(good, "now it is known: captured");
    let once = day.captures(order) == 1;
    day.check(once, "captured once, however often it was sent");
    day.sums(order, 31_000, 0, 0);
}

pub(super) async fn errors(day: &mut Day<'_>) {
    day.chapter(
        "An error of each kind",
        "The shop's code knows eCom's errors: an array with group, code, message and contextId. It keeps getting them.",
    );
    let order = "woo-shop-1008";
    day.happens("An amount below eCom's minimum: refused by the bridge, with the field's name.");
    let body = shop::new_order(order, 99, &day.callback_prefix());
    let (heard, seen) = day.call(Call::post("/ecomm/v2/payments").body(body)).await;
    let good = heard.is_error(400, "transaction.amount") && seen.is_empty();
    day.check(good, "InvalidRequest transaction.amount");
    day.initiate(order, 10_000).await;
    day.approve(order).await;
    more_than_reserved(day, order).await;
    other_amount(day, order).await;
    day.happens("The orderId is used a second time.");
    let body = shop::new_order(order, 10_000, &day.callback_prefix());
    let (heard, _) = day.call(Call::post("/ecomm/v2/payments").body(body)).await;
    day.check(heard.is_error(400, "34"), "Merchant 34");
    day.happens("An order that nobody has ever heard of.");
    let (heard, seen) = day.details("woo-shop-9999").await;
    let both = [Surface::Ecom, Surface::Epayment]
        .iter()
        .all(|api| seen.iter().any(|s| s.surface == *api));
    let good = heard.is_error(404, "35") && both;
    day.check(
        good,
        "Merchant 35, once both APIs have said that they do not know it",
    );
    day.happens("A token that is not valid: the gateway's own answer, as it always was.");
    let call = Call::get(format!("/ecomm/v2/payments/{order}/details")).auth(Auth::Wrong);
    let (heard, _) = day.call(call.clone()).await;
    let direct = day.compare(&call).await;
    let good = heard.status == 401 && heard.body == direct.body;
    day.check(good, "401, the same bytes as without the bridge");
    day.sums(order, 10_000, 0, 0);
}

async fn more_than_reserved(day: &mut Day<'_>, order: &str) {
    day.happens("A capture of more than is reserved; then the right amount, same X-Request-Id.");
    let (heard, _) = day.change(order, "capture", "1", Some(10_100)).await;
    day.check(heard.is_error(400, "61"), "Payment 61");
    let (heard, _) = day.change(order, "capture", "1", Some(10_000)).await;
    let good = heard.status == 200;
    day.check(
        good,
        "a refused call may be repeated with the same X-Request-Id",
    );
}

async fn other_amount(day: &mut Day<'_>, order: &str) {
    day.happens("That X-Request-Id once more, with another amount.");
    let (heard, seen) = day.change(order, "capture", "1", Some(5_000)).await;
    let good = heard.is_error(400, "93") && changes(&seen).is_empty();
    day.check(good, "VippsError 93, and nothing was sent");
}
