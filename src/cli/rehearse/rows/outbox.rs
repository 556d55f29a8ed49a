//! Part C: what becomes of a callback that the shop does not take, and what an operator does about it.
//!
//! Must not: call an address that the operator's rules refuse.

use std::time::Duration;

use serde_json::{Value, json};

use super::callbacks::{approve, open, told_by_the_bridge};
use super::outcomes::WHOLE;
use crate::cli::rehearse::plan::Plan;
use crate::cli::rehearse::play::{Going, Play, Stop};
use crate::cli::running::Trouble;
use crate::cli::scene::shop::Call;
use crate::settings::Settings;
use crate::simulator::merchant::Manner;

/// What the outbox says of an order's callback, once it is `state`.
async fn in_outbox(p: &Play<'_>, order: &str, state: &str) -> Option<Value> {
    let query = [("order", order.to_owned()), ("state", state.to_owned())];
    let asking = async {
        loop {
            let answer = p.stage.bridge.operator.get("/api/callbacks", &query).await;
            let all = answer
                .ok()
                .and_then(|json| json.get("callbacks")?.as_array().cloned());
            if let Some(one) = all.and_then(|all| all.into_iter().next()) {
                return one;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking)
        .await
        .ok()
}

pub(super) async fn delivered(p: &Play<'_>, order: &str) -> bool {
    in_outbox(p, order, "delivered").await.is_some()
}

pub(super) async fn c10(p: &mut Play<'_>) -> Going {
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
        p.expect(
            done && twice,
            "told again by the schedule, until the shop says 200",
        );
    }
    Ok(())
}

/// As the operator has them: this row is about them.
pub(super) fn own_rules(plan: &Plan, settings: &mut Settings) {
    let (own, callbacks) = (&plan.own.callbacks, &mut settings.callbacks);
    callbacks.allow_http = own.allow_http;
    callbacks.allow_private_addresses = own.allow_private_addresses;
    callbacks.allowed_hosts.clone_from(&own.allowed_hosts);
}

pub(super) async fn c14(p: &mut Play<'_>) -> Going {
    told_by_the_bridge(p)?;
    if p.plan.own.callbacks.allow_private_addresses {
        let why = "callbacks.allow_private_addresses is on: such addresses are called, as you say";
        return Err(Stop::Skipped(why.to_owned()));
    }
    p.begin();
    let port = p.stage.merchant.addr().port();
    for host in [
        format!("127.0.0.1:{port}"),
        "169.254.169.254".to_owned(),
        "10.1.2.3".to_owned(),
    ] {
        let order = p.next_order();
        let mut body = p.body(&order, WHOLE);
        body["merchantInfo"]["callbackPrefix"] = json!(format!("https://{host}/vipps"));
        let heard = p
            .quietly(&Call::post("/ecomm/v2/payments").body(body))
            .await;
        p.tell(
            "sent",
            format!(
                "initiate, callbackPrefix https://{}",
                host.split(':').next().unwrap_or_default()
            ),
        );
        p.saw(&heard, Duration::ZERO);
        if heard.status == 400 {
            p.expect(true, "refused where it came");
            continue;
        }
        if p.plan.has_webhooks() && !p.plan.needs_a_hook() {
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
pub(super) fn one_attempt(_: &Plan, settings: &mut Settings) {
    settings.callbacks.schedule = vec![Duration::ZERO];
}

/// A callback that was given up. Its number.
async fn dead(p: &mut Play<'_>) -> Going<(String, i64)> {
    told_by_the_bridge(p)?;
    let payment = open(p).await?;
    p.begin();
    p.stage.merchant.answer(Manner::status(500));
    p.tell(
        "shop",
        "answers 500 to the only attempt (here callbacks.schedule is [\"0s\"])",
    );
    approve(p, &payment.order);
    let dead = in_outbox(p, &payment.order, "dead").await;
    let id = dead.and_then(|one| one.get("id")?.as_i64());
    p.stage.merchant.answer(Manner::status(200));
    id.map(|id| (payment.order, id))
        .ok_or_else(|| Stop::Failed("the callback did not become a dead letter".to_owned()))
}

pub(super) async fn c16(p: &mut Play<'_>) -> Going {
    let (order, id) = dead(p).await?;
    let path = format!("/api/callbacks/{id}/replay");
    let because = Some(json!({"who": "rehearse", "why": "rehearsed"}));
    let first = p.stage.bridge.operator.post(&path, because.clone()).await;
    let second = p.stage.bridge.operator.post(&path, because).await;
    let status = |it: &Result<Value, Trouble>| match it {
        Ok(_) => 200,
        Err(trouble) => trouble.status.unwrap_or_default(),
    };
    p.tell(
        "operator",
        format!(
            "callbacks replay, twice: {}, {}",
            status(&first),
            status(&second)
        ),
    );
    p.expect(first.is_ok(), "the first is taken");
    p.expect(
        status(&second) == 409,
        "the second is refused: it is on its way, or delivered",
    );
    let done = delivered(p, &order).await;
    p.tell_callbacks(&order);
    let twice = p.heard(&order).len() == 2;
    p.expect(done && twice, "one more delivery for the one command");
    Ok(())
}

pub(super) async fn c18(p: &mut Play<'_>) -> Going {
    let (order, id) = dead(p).await?;
    let because = json!({"who": "rehearse", "why": "told by phone"});
    let path = format!("/api/callbacks/{id}/drop");
    let done = p.stage.bridge.operator.post(&path, Some(because)).await;
    p.tell("operator", "callbacks drop");
    let dropped = in_outbox(p, &order, "dropped")
        .await
        .map(|one| one.to_string());
    let who = dropped.unwrap_or_default();
    p.expect(
        done.is_ok() && who.contains("rehearse"),
        "recorded with who and why",
    );
    p.expect(p.heard(&order).len() == 1, "the shop is not told again");
    Ok(())
}
