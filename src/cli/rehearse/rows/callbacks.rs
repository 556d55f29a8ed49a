//! Part C: events in, callbacks out.
//!
//! Must not: take the bridge's word for what the shop was told (the toy shop's desk has it).

use std::time::Duration;

use serde_json::{Value, json};

use super::outcomes::{AMOUNT, WHOLE};
use super::{Row, not_here, row, special};
use crate::cli::rehearse::plan::{Plan, Way};
use crate::cli::rehearse::play::{Going, Payment, Play, Stop};
use crate::cli::scene::bridge::until;
use crate::cli::scene::shop::Call;
use crate::settings::Settings;
use crate::simulator::merchant::Manner;
use crate::simulator::{Action, Fault, Forgery};

pub(super) const ROWS: &[Row] = &[
    row("C1", "a restart between the event and the callback", |p| Box::pin(c1(p))),
    not_here("C2", "power loss at the same points", "needs a torn disk: the test suite does it"),
    not_here("C3", "disk full, read-only, fsync error", "needs a broken disk: the test suite does it"),
    row("C4", "one event, many times", |p| Box::pin(c4(p))),
    row("C5", "events in reverse order", |p| Box::pin(c5(p))),
    row("C6", "the event comes before the initiate's reply", |p| Box::pin(c6(p))),
    row("C7", "an event about an unknown payment", |p| Box::pin(c7(p))),
    row("C8", "events forged in four ways, and one replayed", |p| Box::pin(c8(p))),
    not_here("C9", "clock skew of ten minutes", "`doctor` looks at your clock"),
    row("C10", "the shop answers 500, 404, 410, 301, or too late", |p| Box::pin(c10(p))),
    not_here("C11", "the shop is down for 70 hours, then up", "takes 70 hours: the test suite moves the clock"),
    not_here("C12", "one shop is slow, others are fine", "needs load: the test suite does it"),
    not_here("C13", "10,000 callbacks due at once", "needs load: the test suite does it"),
    special("C14", "callbacks to private addresses, as you allow them", |p| Box::pin(c14(p)), own_rules),
    not_here("C15", "the shop's TLS is expired, self-signed, misnamed", "needs certificates: `doctor` looks at your shops' hosts"),
    special("C16", "a dead letter is replayed twice", |p| Box::pin(c16(p)), one_attempt),
    row("C17", "during the move: who calls back, eCom or the bridge", |p| Box::pin(c17(p))),
    special("C18", "an operator drops a dead letter", |p| Box::pin(c18(p)), one_attempt),
];

/// Callbacks of the bridge's own need payments of ePayment.
fn told_by_the_bridge(p: &Play<'_>) -> Going {
    if p.plan.born() == Way::Ecom {
        let why = "new payments go to eCom, and eCom itself calls the shop back";
        return Err(Stop::Skipped(why.to_owned()));
    }
    if !p.plan.has_webhooks() && !p.plan.own.reads.poll {
        let why = "no events (webhooks.public_url, register) and no reads.poll: nobody tells the bridge";
        return Err(Stop::Failed(why.to_owned()));
    }
    Ok(())
}

fn with_events(p: &Play<'_>) -> Going {
    told_by_the_bridge(p)?;
    if !p.plan.has_webhooks() {
        let why = "no event reaches the bridge: webhooks.public_url is empty, or nothing is registered";
        return Err(Stop::Skipped(why.to_owned()));
    }
    Ok(())
}

/// What the shop is told of an approval.
fn word(p: &Play<'_>) -> &'static str {
    if p.plan.captures_directly() { "SALE" } else { "RESERVED" }
}

/// A payment that nobody has approved yet.
async fn open(p: &mut Play<'_>) -> Going<Payment> {
    let order = p.next_order();
    p.opened(&order, WHOLE).await?;
    Ok(Payment { order, born: Way::Epayment })
}

fn approve(p: &mut Play<'_>, order: &str) {
    p.tell("then", "the user approves");
    let done = p.world().approve(p.msn(), order);
    p.expect(done, "the payment can be approved");
}

/// One callback, and no second one.
async fn told_once(p: &mut Play<'_>, order: &str) {
    let came = p.told(order, 1).await;
    p.tell_callbacks(order);
    let once = p.heard(order) == [word(p)];
    p.expect(came && once, format!("the shop is told {}, once", word(p)));
}

async fn c1(p: &mut Play<'_>) -> Going {
    told_by_the_bridge(p)?;
    let payment = open(p).await?;
    p.begin();
    if !p.plan.has_webhooks() {
        let why = "without events a restart forgets the shop's keys until its next call";
        return Err(Stop::Skipped(why.to_owned()));
    }
    p.stage.merchant.answer(Manner::status(500));
    approve(p, &payment.order);
    p.told(&payment.order, 1).await;
    p.tell("shop", "answers 500");
    p.restart(true).await?;
    p.stage.merchant.answer(Manner::status(200));
    if p.plan.limits().callbacks.schedule.len() < 2 {
        let why = "callbacks.schedule has one attempt: it was made before the restart";
        return Err(Stop::Skipped(why.to_owned()));
    }
    let delivered = delivered(p, &payment.order).await;
    p.tell_callbacks(&payment.order);
    p.expect(delivered, "told again after the restart, until the shop says 200");
    Ok(())
}

/// What the outbox says of an order's callback, once it is `state`.
async fn in_outbox(p: &Play<'_>, order: &str, state: &str) -> Option<Value> {
    let query = [("order", order.to_owned()), ("state", state.to_owned())];
    let asking = async {
        loop {
            let answer = p.stage.bridge.operator.get("/api/callbacks", &query).await;
            let all = answer.ok().and_then(|json| json.get("callbacks")?.as_array().cloned());
            if let Some(one) = all.and_then(|all| all.into_iter().next()) {
                return one;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.ok()
}

async fn delivered(p: &Play<'_>, order: &str) -> bool {
    in_outbox(p, order, "delivered").await.is_some()
}

async fn c4(p: &mut Play<'_>) -> Going {
    with_events(p)?;
    let payment = open(p).await?;
    p.begin();
    p.world().pause_webhooks();
    approve(p, &payment.order);
    for _ in 0..4 {
        p.world().duplicate_webhooks();
    }
    p.tell("then", "its event is delivered 16 times");
    p.world().resume_webhooks();
    let all = p.events_answered(&payment.order, 16).await;
    p.expect(all, "each delivery is answered");
    delivered(p, &payment.order).await;
    told_once(p, &payment.order).await;
    Ok(())
}

async fn c5(p: &mut Play<'_>) -> Going {
    with_events(p)?;
    if p.plan.captures_directly() {
        let why = "direct_capture: the shop makes no captures";
        return Err(Stop::Skipped(why.to_owned()));
    }
    let payment = open(p).await?;
    p.begin();
    p.world().pause_webhooks();
    approve(p, &payment.order);
    let call = p.changing("capture", &payment.order, Some(AMOUNT)).id("1");
    p.call(&call).await;
    p.world().reverse_webhooks();
    p.tell("then", "CAPTURED is delivered before AUTHORIZED");
    p.world().resume_webhooks();
    p.events_answered(&payment.order, 2).await;
    delivered(p, &payment.order).await;
    told_once(p, &payment.order).await;
    let call = p.details_of(&payment.order);
    let heard = p.call(&call).await;
    let captured = heard.number("/transactionSummary/capturedAmount");
    p.expect(captured == Some(AMOUNT), "the late event undoes nothing: details show the capture");
    Ok(())
}

async fn c6(p: &mut Play<'_>) -> Going {
    with_events(p)?;
    // The registration is there before.
    open(p).await?;
    p.begin();
    let order = p.next_order();
    let limit = p.plan.limits().upstream.timeout;
    let slow = Duration::from_secs(1).min(limit / 2);
    let after_ms = u64::try_from(slow.as_millis()).unwrap_or(1_000);
    let delay = Action::Delay { before_ms: 0, after_ms };
    p.fault(Fault::once("/epayment/v1/payments", delay).on("POST"));
    let call = p.initiating(&order, WHOLE);
    p.tell("sent", crate::cli::rehearse::play::told_call(&call));
    p.tell("then", "the user approves before the reply comes");
    let (heard, approved) = tokio::join!(p.quietly(&call), async {
        until(|| p.payment(&order).is_some()).await && p.world().approve(p.msn(), &order)
    });
    p.saw(&heard, Duration::ZERO);
    p.expect(heard.status == 200 && approved, "the initiate is answered as ever");
    delivered(p, &order).await;
    told_once(p, &order).await;
    Ok(())
}

/// An event as upstream writes it.
fn event(p: &Play<'_>, reference: &str) -> Value {
    json!({
        "msn": p.msn(), "reference": reference, "pspReference": "rehearsed", "name": "AUTHORIZED",
        "amount": {"currency": "NOK", "value": WHOLE}, "timestamp": "2026-01-02T03:04:05.123Z",
        "success": true,
    })
}

/// Delivers an event and tells what the bridge answered.
async fn deliver(p: &mut Play<'_>, reference: &str, forgery: Option<Forgery>) -> Option<u16> {
    let before = p.world().deliveries().len();
    let body = event(p, reference);
    p.world().send_webhook(p.msn(), &body, forgery);
    let world = p.world().clone();
    until(|| world.deliveries().len() > before).await;
    p.world().deliveries().last().and_then(|one| one.status)
}

async fn c7(p: &mut Play<'_>) -> Going {
    with_events(p)?;
    open(p).await?;
    p.begin();
    let answer = deliver(p, "nobodys-order-1", None).await;
    p.tell("event", format!("AUTHORIZED of nobodys-order-1; the bridge answered {answer:?}"));
    p.expect(answer == Some(200), "recorded, and acknowledged");
    p.expect(p.stage.merchant.callbacks().is_empty(), "no shop is called");
    Ok(())
}

async fn c8(p: &mut Play<'_>) -> Going {
    with_events(p)?;
    let payment = open(p).await?;
    p.begin();
    for (how, forgery) in [
        ("another secret's signature", Forgery::Signature),
        ("no signature", Forgery::Missing),
        ("signed for another host", Forgery::Host),
        ("a body altered by a byte", Forgery::Body),
    ] {
        let answer = deliver(p, &payment.order, Some(forgery)).await;
        p.tell("event", format!("{how}; the bridge answered {answer:?}"));
        p.expect(answer == Some(401), "refused with 401");
    }
    p.expect(p.heard(&payment.order).is_empty(), "no forgery is told to the shop");
    approve(p, &payment.order);
    told_once(p, &payment.order).await;
    let before = p.world().deliveries().len();
    let again = p.world().redeliver_webhooks(Some(&payment.order));
    let world = p.world().clone();
    until(|| world.deliveries().len() >= before + again).await;
    p.tell("then", "the true event is replayed");
    told_once(p, &payment.order).await;
    Ok(())
}

async fn c10(p: &mut Play<'_>) -> Going {
    told_by_the_bridge(p)?;
    let attempts = p.plan.limits().callbacks.schedule.len();
    let late = Manner {
        delay: p.plan.limits().callbacks.timeout * 2 + Duration::from_millis(200),
        ..Manner::status(200)
    };
    let elsewhere = p.stage.simulator.base_url();
    for (how, mut manner) in [
        ("500", Manner::status(500)),
        ("404", Manner::status(404)),
        ("410", Manner::status(410)),
        ("301 to another place", Manner::status(301)),
        ("200, but too late", late),
    ] {
        if manner.status == 301 {
            manner.headers = vec![("Location".to_owned(), elsewhere.clone())];
        }
        let payment = open(p).await?;
        p.begin();
        p.stage.merchant.answer_next(manner);
        p.tell("shop", format!("answers {how}"));
        approve(p, &payment.order);
        if attempts < 2 {
            let dead = in_outbox(p, &payment.order, "dead").await.is_some();
            p.tell_callbacks(&payment.order);
            p.expect(dead, "kept as dead, as callbacks.schedule has one attempt");
            continue;
        }
        let done = delivered(p, &payment.order).await;
        p.tell_callbacks(&payment.order);
        let twice = p.heard(&payment.order).len() == 2;
        p.expect(done && twice, "told again by the schedule, until the shop says 200");
    }
    Ok(())
}

/// As the operator has them: this row is about them.
fn own_rules(plan: &Plan, settings: &mut Settings) {
    let (own, callbacks) = (&plan.own.callbacks, &mut settings.callbacks);
    callbacks.allow_http = own.allow_http;
    callbacks.allow_private_addresses = own.allow_private_addresses;
    callbacks.allowed_hosts.clone_from(&own.allowed_hosts);
}

async fn c14(p: &mut Play<'_>) -> Going {
    told_by_the_bridge(p)?;
    if p.plan.own.callbacks.allow_private_addresses {
        let why = "callbacks.allow_private_addresses is on: such addresses are called, as you say";
        return Err(Stop::Skipped(why.to_owned()));
    }
    p.begin();
    let port = p.stage.merchant.addr().port();
    for host in [format!("127.0.0.1:{port}"), "169.254.169.254".to_owned(), "10.1.2.3".to_owned()] {
        let order = p.next_order();
        let mut body = p.body(&order, WHOLE);
        body["merchantInfo"]["callbackPrefix"] = json!(format!("https://{host}/vipps"));
        let heard = p.quietly(&Call::post("/ecomm/v2/payments").body(body)).await;
        p.tell("sent", format!("initiate, callbackPrefix https://{}", host.split(':').next().unwrap_or_default()));
        p.saw(&heard, Duration::ZERO);
        if heard.status == 400 {
            p.expect(true, "refused where it came");
            continue;
        }
        if p.plan.has_webhooks() {
            p.stage.bridge.registered(p.msn()).await;
        }
        approve(p, &order);
        let dead = in_outbox(p, &order, "dead").await;
        let note = dead.as_ref().and_then(|one| one.get("note")?.as_str());
        p.tell("callback", note.unwrap_or("not given up").to_owned());
        p.expect(dead.is_some(), "not called: a dead letter, with the reason");
    }
    p.expect(p.stage.merchant.callbacks().is_empty(), "nobody was called");
    Ok(())
}

/// The first answer decides: a dead letter is what this row is about.
fn one_attempt(_: &Plan, settings: &mut Settings) {
    settings.callbacks.schedule = vec![Duration::ZERO];
}

/// A callback that was given up. Its number.
async fn dead(p: &mut Play<'_>) -> Going<(String, i64)> {
    told_by_the_bridge(p)?;
    let payment = open(p).await?;
    p.begin();
    p.stage.merchant.answer(Manner::status(500));
    p.tell("shop", "answers 500 to the only attempt (here callbacks.schedule is [\"0s\"])");
    approve(p, &payment.order);
    let dead = in_outbox(p, &payment.order, "dead").await;
    let id = dead.and_then(|one| one.get("id")?.as_i64());
    p.stage.merchant.answer(Manner::status(200));
    id.map(|id| (payment.order, id))
        .ok_or_else(|| Stop::Failed("the callback did not become a dead letter".to_owned()))
}

async fn c16(p: &mut Play<'_>) -> Going {
    let (order, id) = dead(p).await?;
    let path = format!("/api/callbacks/{id}/replay");
    let because = Some(json!({"who": "rehearse", "why": "rehearsed"}));
    let first = p.stage.bridge.operator.post(&path, because.clone()).await;
    let second = p.stage.bridge.operator.post(&path, because).await;
    let status = |it: &Result<Value, crate::cli::running::Trouble>| match it {
        Ok(_) => 200,
        Err(trouble) => trouble.status.unwrap_or_default(),
    };
    p.tell("operator", format!("callbacks replay, twice: {}, {}", status(&first), status(&second)));
    p.expect(first.is_ok(), "the first is taken");
    p.expect(status(&second) == 409, "the second is refused: it is on its way, or delivered");
    let done = delivered(p, &order).await;
    p.tell_callbacks(&order);
    let twice = p.heard(&order).len() == 2;
    p.expect(done && twice, "one more delivery for the one command");
    Ok(())
}

async fn c17(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    if payment.born == Way::Epayment {
        told_by_the_bridge(p)?;
    }
    let came = p.told(&payment.order, 1).await;
    if payment.born == Way::Epayment {
        delivered(p, &payment.order).await;
    }
    p.tell_callbacks(&payment.order);
    let (of_ecom, all) = (p.world().callbacks().len(), p.heard(&payment.order).len());
    let own = all.saturating_sub(of_ecom);
    p.tell("of these", format!("{of_ecom} by eCom itself, {own} by the bridge"));
    let right = match payment.born {
        Way::Epayment => of_ecom == 0,
        Way::Ecom => of_ecom == 1,
    };
    p.expect(came && all == 1 && right, "one callback, by the side where the payment was born");
    Ok(())
}

async fn c18(p: &mut Play<'_>) -> Going {
    let (order, id) = dead(p).await?;
    let because = json!({"who": "rehearse", "why": "told by phone"});
    let path = format!("/api/callbacks/{id}/drop");
    let done = p.stage.bridge.operator.post(&path, Some(because)).await;
    p.tell("operator", "callbacks drop");
    let dropped = in_outbox(p, &order, "dropped").await.map(|one| one.to_string());
    let who = dropped.unwrap_or_default();
    p.expect(done.is_ok() && who.contains("rehearse"), "recorded with who and why");
    p.expect(p.heard(&order).len() == 1, "the shop is not told again");
    Ok(())
}
