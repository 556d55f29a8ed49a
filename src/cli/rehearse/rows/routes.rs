//! Part B: which way a call goes, in whatever spelling, and what moves it.
//!
//! Must not: decide a route itself (`routing` does).

use std::time::Duration;

use serde_json::json;

use super::outcomes::{AMOUNT, WHOLE};
use crate::cli::rehearse::plan::Way;
use crate::cli::rehearse::play::{Going, Play, Stop};
use crate::cli::rehearse::raw;
use crate::cli::scene::shop::{Call, text_of};
use crate::ecom::route::Operation;
use crate::routing::explain::Question;
use crate::routing::{Known, Toggle};
use crate::simulator::{Origin as Born, Surface};
use crate::types::{Kind, OrderText, Origin};

pub(super) async fn b5(p: &mut Play<'_>) -> Going {
    let before = p.reserved(WHOLE).await?;
    p.begin();
    let body = json!({"on": true, "who": "rehearse", "why": "rehearsed"});
    let done = p
        .stage
        .bridge
        .operator
        .post("/api/kill-switch", Some(body))
        .await;
    p.tell("operator", "kill-switch on");
    if let Err(trouble) = done {
        return Err(Stop::Failed(format!(
            "the kill switch could not be set: {}",
            trouble.told
        )));
    }
    let order = p.next_order();
    let call = p.initiating(&order, WHOLE);
    let heard = p.call(&call).await;
    let good = heard.status == 200 && heard.route == "ecom";
    p.expect(good, "a new payment is made in eCom");
    let call = p.money(&before, AMOUNT, "1");
    let heard = p.call(&call).await;
    let stays = before.born == Way::Ecom || heard.route == "epayment";
    p.expect(
        heard.status == 200 && stays,
        "a payment of before is served where it was born",
    );
    let once = p.moved_once(&before, AMOUNT);
    p.expect(once, "upstream did it once");
    Ok(())
}

pub(super) async fn b7(p: &mut Play<'_>) -> Going {
    p.begin();
    for (path, word) in [
        ("/ecomm/v2/payments", "eComm Express Payment"),
        ("/Ecomm/v2/payments/", "  ECOMM EXPRESS PAYMENT "),
    ] {
        let order = p.next_order();
        let mut body = p.express(&order, WHOLE);
        body["merchantInfo"]["paymentType"] = json!(word);
        let sent = text_of(&body);
        let call = Call::post(path).body(body);
        let heard = p.call(&call).await;
        let seen = p.changes();
        let same = seen.last().is_some_and(|one| {
            one.surface == Surface::Ecom && one.body == sent.as_bytes() && one.target == path
        });
        let express = p
            .payment(&order)
            .is_some_and(|view| view.origin == Born::Express);
        let good = heard.status == 200 && heard.route == "ecom" && same && express;
        p.expect(good, "passed to eCom byte for byte");
    }
    Ok(())
}

pub(super) async fn b8(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    let order = payment.order.clone();
    let call = Call::get(format!("//ECOMM/V2//payments/{order}/Details/")).of_unit(p.msn());
    let heard = p.call(&call).await;
    let seen = p.world().requests();
    match p.plan.way(Operation::Details, payment.born) {
        Way::Epayment => p.expect(
            heard.status == 200,
            "case and doubled slashes do not matter",
        ),
        Way::Ecom => {
            let as_it_came = seen.iter().any(|one| one.target == call.path);
            p.expect(as_it_came, "passed to eCom in the spelling that came");
        }
    }
    let odd = [
        (format!("POST /ecomm/v2/payments/x/../{order}/capture"), 400),
        (format!("POST /ecomm/v2/payments/{order}%2Fcapture"), 404),
        (format!("POST /ecomm/v2/payments/{order}/capture."), 404),
        (format!("POST /ecomm/v2/payments/{order}/cancel"), 405),
    ];
    for (line, want) in odd {
        let bytes = format!(
            "{line} HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        let got = raw::statuses(p.stage.bridge.addr, bytes.as_bytes()).await;
        p.tell("sent", line);
        p.tell("shop saw", words(&got));
        p.expect(got == [want], format!("refused with {want}"));
    }
    p.expect(p.changes().is_empty(), "no change reached upstream");
    Ok(())
}

/// No call: the rule that serves is asked for many orders.
pub(super) async fn b12(p: &mut Play<'_>) -> Going {
    let mut policy = p.plan.policy.clone();
    let orders: Vec<OrderText> = (0..1_000)
        .filter_map(|n| OrderText::parse(&format!("rehearse-b12-{n}")))
        .collect();
    let mut members = Vec::new();
    for percent in [10, 20, 10] {
        policy.all.initiate = Toggle::Percent(percent);
        for unit in policy.units.values_mut() {
            unit.initiate = None;
        }
        let asked = orders
            .iter()
            .map(|order| question(p, order, Operation::Initiate));
        let asked = asked.map(|q| q.explain(Known::Nothing, &policy).route == "epayment");
        members.push(asked.collect::<Vec<bool>>());
    }
    let counts: Vec<usize> = members
        .iter()
        .map(|all| all.iter().filter(|is| **is).count())
        .collect();
    p.tell(
        "asked",
        format!("1000 orders at 10, 20, 10 percent; by ePayment: {counts:?}"),
    );
    let grows = members[0]
        .iter()
        .zip(&members[1])
        .all(|(low, high)| !low || *high);
    p.expect(grows, "a raise only adds orders");
    p.expect(
        members[0] == members[2],
        "the way back restores the same ones",
    );
    policy.all.initiate = Toggle::Ecom;
    let born = Known::Born(Origin::Epayment, Kind::Regular);
    let stay = orders.iter().all(|order| {
        question(p, order, Operation::Capture)
            .explain(born, &policy)
            .route
            == "epayment"
    });
    p.expect(stay, "nobody born in ePayment leaves it");
    Ok(())
}

fn question(p: &Play<'_>, order: &OrderText, operation: Operation) -> Question {
    Question {
        order: order.clone(),
        operation,
        msn: Some(p.plan.msn.clone()),
        express: false,
    }
}

/// What came of bytes that no client writes.
pub(super) async fn odd(p: &mut Play<'_>, what: &str, bytes: &[u8]) -> Vec<u16> {
    let got = raw::statuses(p.stage.bridge.addr, bytes).await;
    p.tell("sent", what);
    p.tell("shop saw", words(&got));
    got
}

fn words(statuses: &[u16]) -> String {
    let all: Vec<String> = statuses.iter().map(u16::to_string).collect();
    if all.is_empty() {
        "no answer".to_owned()
    } else {
        all.join(", ")
    }
}

/// The bridge serves after all that.
pub(super) async fn healthy(p: &mut Play<'_>) {
    let order = p.next_order();
    let call = p.initiating(&order, WHOLE);
    let heard = p.quietly(&call).await;
    p.tell("then", "an ordinary initiate");
    p.saw(&heard, Duration::ZERO);
    p.expect(
        heard.status == 200,
        "afterwards the bridge serves as before",
    );
}
