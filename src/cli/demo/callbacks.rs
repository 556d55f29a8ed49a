//! Chapters about callbacks: a shop that is down, a payment that tells who paid, a sales unit with direct capture.
//!
//! Must not: show anything of the user but how much is told.

use serde_json::{Value, json};

use super::day::{Day, changes};
use super::told::{Wanted, yes};
use crate::cli::callbacks::listed;
use crate::cli::scene::page::Look;
use crate::cli::scene::shop::{self, Call, OTHER_MSN};
use crate::simulator::Act;
use crate::simulator::merchant::Manner;

pub(super) async fn shop_is_down(day: &mut Day<'_>) {
    let order = "woo-shop-1014";
    day.chapter(
        "A shop that is down when it is called back",
        "eCom called back once and never again. The bridge keeps the callback and tries again by its schedule (here in \
         tenths of a second) until the shop answers 2xx.",
    );
    day.initiate(order, 16_000).await;
    day.happens("The shop's server breaks: it answers 500. The user approves in the app.");
    for _ in 0..3 {
        day.stage.merchant.answer_next(Manner::status(500));
    }
    let wanted = Wanted {
        act: Act::Approve,
        event: "AUTHORIZED",
        status: "RESERVED",
        answers: &[500, 500, 500, 200],
    };
    let (heard, _) = day.hears(order, wanted).await;
    day.check(heard.is_some(), "the shop came back, and was told");
    let command = format!("ecom-bridge callbacks list --order {order}");
    day.page.beside(Look::Sent, "operator", &command);
    let query = [
        ("order", order.to_owned()),
        ("state", "delivered".to_owned()),
    ];
    let list = day.stage.eventually(async |bridge| {
        let found = listed(bridge, &query).await.ok()?;
        (!found.is_empty()).then_some(found)
    });
    let list = list.await.unwrap_or_default();
    for line in list.lines() {
        day.page.exact(&format!("    {line}"));
    }
    let row = list.lines().nth(1).unwrap_or_default();
    let row: Vec<_> = row.split_whitespace().collect();
    let good = matches!(row[..], [_, "delivered", "RESERVED", "4", ..]);
    day.check(good, "the outbox says so, too: delivered at the 4th try");
}

pub(super) async fn who_paid(day: &mut Day<'_>) {
    let order = "woo-shop-1015";
    day.chapter(
        "A callback that says who paid",
        "The shop asked for the user's name, email and phone number (scope). ePayment's webhook does not have to hold \
         them: the bridge reads them when the callback leaves, and stores none of them.",
    );
    let mut body = shop::new_order(order, 8_000, &day.callback_prefix());
    body["transaction"]["scope"] = json!("name email phoneNumber");
    day.initiate_with(body).await;
    day.happens("The user approves in the app, and agrees to share the data.");
    let (heard, seen) = day.hears(order, yes("RESERVED")).await;
    let heard = heard.map(|callback| callback.json()).unwrap_or_default();
    let user = heard.get("userDetails").and_then(Value::as_object);
    let has = |name: &str| user.is_some_and(|user| user.contains_key(name));
    let all = ["email", "firstName", "lastName", "mobileNumber", "userId"];
    let good = all.iter().all(|name| has(name)) && heard.get("sub").is_some();
    let good = good && changes(&seen).is_empty() && !seen.is_empty();
    day.check(good, &format!("userDetails: {}", all.join(", ")));
}

pub(super) async fn direct_capture(day: &mut Day<'_>) {
    let order = "woo-shop-1016";
    day.chapter(
        "A sales unit with direct capture",
        "eCom captured this unit's payments with the approval, and the shop heard SALE. ePayment only reserves, so the \
         bridge captures as soon as it hears of the approval, and then tells the shop.",
    );
    day.msn = OTHER_MSN;
    let mut body = shop::new_order(order, 21_000, &day.callback_prefix());
    body["merchantInfo"]["merchantSerialNumber"] = json!(OTHER_MSN);
    day.initiate_with(body).await;
    day.happens("The user approves in the app.");
    let (_, seen) = day.hears(order, yes("SALE")).await;
    let captured = changes(&seen);
    let good = matches!(&captured[..], [only] if only.path().ends_with("/capture"));
    day.check(
        good,
        "captured once, by the bridge, before the shop was told",
    );
    let told = (order.to_owned(), "capture".to_owned(), "SALE".to_owned());
    day.tally.told.insert(told, 21_000);
    let call = Call::get(format!("/ecomm/v2/payments/{order}/details"));
    let (heard, _) = day.call(call).await;
    let log = super::day::operations(&heard);
    let line = format!("the log, newest first: {}", log.join(", "));
    let good = log == ["SALE", "INITIATE"];
    day.check(good, &line);
    day.sums(order, 21_000, 0, 0);
    day.msn = shop::MSN;
}
