//! Part C: events in, callbacks out.
//!
//! Must not: take the bridge's word for what the shop was told (the toy shop's desk has it).

use std::time::Duration;

use serde_json::{Value, json};

use super::outbox::{c10, c14, c16, c18, delivered, one_attempt, own_rules};
use super::outcomes::{AMOUNT, WHOLE};
use super::{Row, not_here, row, special};
use crate::cli::rehearse::plan::Way;
use crate::cli::rehearse::play::{Going, Payment, Play, Stop};
use crate::cli::rehearse::words::told_call;
use crate::cli::scene::bridge::until;
use crate::simulator::merchant::Manner;
use crate::simulator::{Action, Fault, Forgery, Handle};

pub(super) const ROWS: &[Row] = &[
    row("C1", "a restart between the event and the callback", |p| {
        Box::pin(c1(p))
    }),
    not_here(
        "C2",
        "power loss at the same points",
        "needs a torn disk: the test suite does it",
    ),
    not_here(
        "C3",
        "disk full, read-only, fsync error",
        "needs a broken disk: the test suite does it",
    ),
    row("C4", "one event, many times", |p| Box::pin(c4(p))),
    row("C5", "events in reverse order", |p| Box::pin(c5(p))),
    row("C6", "the event comes before the initiate's reply", |p| {
        Box::pin(c6(p))
    }),
    row("C7", "an event about an unknown payment", |p| {
        Box::pin(c7(p))
    }),
    row("C8", "events forged in four ways, and one replayed", |p| {
        Box::pin(c8(p))
    }),
    not_here(
        "C9",
        "clock skew of ten minutes",
        "`doctor` looks at your clock",
    ),
    row(
        "C10",
        "the shop answers 500, 404, 410, 301, or too late",
        |p| Box::pin(c10(p)),
    ),
    not_here(
        "C11",
        "the shop is down for 70 hours, then up",
        "takes 70 hours: the test suite moves the clock",
    ),
    not_here(
        "C12",
        "one shop is slow, others are fine",
        "needs load: the test suite does it",
    ),
    not_here(
        "C13",
        "10,000 callbacks due at once",
        "needs load: the test suite does it",
    ),
    special(
        "C14",
        "callbacks to private addresses, as you allow them",
        |p| Box::pin(c14(p)),
        own_rules,
    ),
    not_here(
        "C15",
        "the shop's TLS is expired, self-signed, misnamed",
        "needs certificates: `doctor` looks at your shops' hosts",
    ),
    special(
        "C16",
        "a dead letter is replayed twice",
        |p| Box::pin(c16(p)),
        one_attempt,
    ),
    row(
        "C17",
        "during the move: who calls back, eCom or the bridge",
        |p| Box::pin(c17(p)),
    ),
    special(
        "C18",
        "an operator drops a dead letter",
        |p| Box::pin(c18(p)),
        one_attempt,
    ),
];

/// Callbacks of the bridge's own need payments of ePayment.
pub(super) fn told_by_the_bridge(p: &Play<'_>) -> Going {
    if p.plan.born() == Way::Ecom {
        let why = "new payments go to eCom, and eCom itself calls the shop back";
        return Err(Stop::Skipped(why.to_owned()));
    }
    if let Some(why) = p.plan.hears_late() {
        return Err(Stop::Failed(why.to_owned()));
    }
    if !p.plan.has_webhooks() && !p.plan.own.reads.poll {
        let why =
            "no events (webhooks.public_url, register) and no reads.poll: nobody tells the bridge";
        return Err(Stop::Failed(why.to_owned()));
    }
    Ok(())
}

fn with_events(p: &Play<'_>) -> Going {
    told_by_the_bridge(p)?;
    if !p.plan.has_webhooks() {
        let why =
            "no event reaches the bridge: webhooks.public_url is empty, or nothing is registered";
        return Err(Stop::Skipped(why.to_owned()));
    }
    Ok(())
}

/// What the shop is told of an approval.
fn word(p: &Play<'_>) -> &'static str {
    if p.plan.captures_directly() {
        "SALE"
    } else {
        "RESERVED"
    }
}

/// A payment that nobody has approved yet.
pub(super) async fn open(p: &mut Play<'_>) -> Going<Payment> {
    let order = p.next_order();
    p.opened(&order, WHOLE).await?;
    Ok(Payment {
        order,
        born: Way::Epayment,
    })
}

pub(super) fn approve(p: &mut Play<'_>, order: &str) {
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
    p.expect(
        delivered,
        "told again after the restart, until the shop says 200",
    );
    Ok(())
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
    p.expect(
        captured == Some(AMOUNT),
        "the late event undoes nothing: details show the capture",
    );
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
    let delay = Action::Delay {
        before_ms: 0,
        after_ms,
    };
    p.fault(Fault::once("/epayment/v1/payments", delay).on("POST"));
    let call = p.initiating(&order, WHOLE);
    p.tell("sent", told_call(&call));
    p.tell("then", "the user approves before the reply comes");
    let (heard, approved) = tokio::join!(p.quietly(&call), async {
        until(|| p.payment(&order).is_some()).await && p.world().approve(p.msn(), &order)
    });
    p.saw(&heard, Duration::ZERO);
    p.expect(
        heard.status == 200 && approved,
        "the initiate is answered as ever",
    );
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
    // Others of this payment may be on their way: CREATED is not the one.
    let of = |world: &Handle| {
        let mut all = world.deliveries();
        all.retain(|one| one.reference == reference && one.name == "AUTHORIZED");
        all
    };
    let before = of(p.world()).len();
    let body = event(p, reference);
    p.world().send_webhook(p.msn(), &body, forgery);
    let world = p.world().clone();
    until(|| of(&world).len() > before).await;
    of(&world).last().and_then(|one| one.status)
}

fn status_word(status: Option<u16>) -> String {
    status.map_or_else(|| "nothing".to_owned(), |status| status.to_string())
}

async fn c7(p: &mut Play<'_>) -> Going {
    with_events(p)?;
    open(p).await?;
    p.begin();
    let answer = deliver(p, "nobodys-order-1", None).await;
    p.tell(
        "event",
        format!(
            "AUTHORIZED of nobodys-order-1; the bridge answered {}",
            status_word(answer)
        ),
    );
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
        p.tell(
            "event",
            format!("{how}; the bridge answered {}", status_word(answer)),
        );
        p.expect(answer == Some(401), "refused with 401");
    }
    p.expect(
        p.heard(&payment.order).is_empty(),
        "no forgery is told to the shop",
    );
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
    p.tell(
        "of these",
        format!("{of_ecom} by eCom itself, {own} by the bridge"),
    );
    let right = match payment.born {
        Way::Epayment => of_ecom == 0,
        Way::Ecom => of_ecom == 1,
    };
    p.expect(
        came && all == 1 && right,
        "one callback, by the side where the payment was born",
    );
    Ok(())
}
