//! Parts D, E and F: shadowing, the HTTP surface, the process.
//!
//! Must not: play what only a broken machine shows.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::creating::refused;
use super::outcomes::WHOLE;
use super::routes::{healthy, odd};
use super::{Row, not_here, row};
use crate::cli::rehearse::plan::Way;
use crate::cli::rehearse::play::{Going, Play, Stop};
use crate::cli::rehearse::words::told;
use crate::cli::scene::shop::Call;
use crate::settings::ShadowMode;
use crate::simulator::{Action, Fault};

pub(super) const SHADOW: &[Row] = &[
    row("D1", "the shadow target is dead", |p| Box::pin(d1(p))),
    not_here(
        "D2",
        "the shadow queue is full for ten minutes",
        "takes ten minutes: the test suite does it",
    ),
    row(
        "D3",
        "shadow on with an invalid target, put over yours",
        |p| Box::pin(d3(p)),
    ),
    not_here(
        "D4",
        "the comparator fails",
        "needs a defect inside: the test suite does it",
    ),
    not_here("D5", "changes of every shape", "the test suite does it"),
    not_here(
        "D6",
        "a shadow call comes back to the bridge",
        "see E5: refused by its header",
    ),
    not_here(
        "D7",
        "A/A: nothing differs, and a planted change is seen",
        "the test suite does it",
    ),
    not_here(
        "D8",
        "secrets and phone numbers in bodies",
        "the test suite searches all outputs",
    ),
    not_here("D9", "the report's store is full", "the test suite does it"),
];

pub(super) const HTTP: &[Row] = &[
    row("E1", "requests that two servers read in two ways", |p| {
        Box::pin(e1(p))
    }),
    not_here(
        "E2",
        "Upgrade, CONNECT, TRACE, HTTP/0.9, HTTP/2 preface",
        "needs no configuration: the test suite does it",
    ),
    row("E3", "a header of 64 kB, a body over the limit", |p| {
        Box::pin(e3(p))
    }),
    not_here(
        "E4",
        "100 pipelined requests, then a reset",
        "needs no configuration: the test suite does it",
    ),
    row("E5", "the bridge's own headers come from outside", |p| {
        Box::pin(e5(p))
    }),
    row("E6", "JSON: a key twice, cut, deep, not UTF-8", |p| {
        Box::pin(e6(p))
    }),
    row("E7", "members that nobody knows", |p| Box::pin(e7(p))),
    not_here(
        "E8",
        "20,000 idle connections",
        "needs load: the test suite does it",
    ),
];

pub(super) const PROCESS: &[Row] = &[
    row("F1", "stopped with 21 calls in flight", |p| Box::pin(f1(p))),
    not_here(
        "F2",
        "two instances, one frozen for 60 s",
        "needs a second process: the test suite does it",
    ),
    not_here(
        "F3",
        "database locked, slow, connection lost",
        "needs your database in trouble: the test suite does it",
    ),
    not_here(
        "F4",
        "clock jumps by an hour",
        "the test suite moves the clock",
    ),
    not_here(
        "F5",
        "the log target blocks",
        "nothing is logged here: the test suite does it",
    ),
    not_here(
        "F6",
        "64 MiB of memory at full load",
        "needs load: the test suite does it",
    ),
    not_here(
        "F7",
        "upgrade and downgrade with live data",
        "needs other releases: the test suite does it",
    ),
    not_here(
        "F8",
        "an hour with all faults at 1 %",
        "takes an hour: the test suite does it",
    ),
    not_here(
        "F9",
        "the operator's listener from outside",
        "it needs your listener: the test suite does it",
    ),
];

async fn d1(p: &mut Play<'_>) -> Going {
    match p.plan.shadow() {
        ShadowMode::Off => Err(Stop::Skipped("shadow.mode is off".to_owned())),
        ShadowMode::Dry => Err(Stop::Skipped(
            "shadow.mode is dry: no target is called".to_owned(),
        )),
        ShadowMode::Read => {
            // An Express payment is read from eCom, and asked of ePayment beside it.
            let order = p.next_order();
            p.begin();
            let body = p.express(&order, WHOLE);
            let made = p.call(&Call::post("/ecomm/v2/payments").body(body)).await;
            p.fault(Fault::always("/epayment/", Action::Hang { processed: false }).on("GET"));
            let call = p.details_of(&order);
            let heard = p.call(&call).await;
            let good = made.status == 200 && heard.status == 200 && heard.route == "ecom";
            p.expect(good, "the shop gets eCom's answer all the same");
            Ok(())
        }
        ShadowMode::Write => {
            if let Some(mirror) = &p.stage.mirror {
                mirror.world().set_down(true).await;
            }
            let payment = p.reserved(WHOLE).await?;
            p.begin();
            let call = p.details_of(&payment.order);
            let heard = p.call(&call).await;
            p.expect(heard.status == 200, "the shop gets its answer all the same");
            Ok(())
        }
    }
}

async fn d3(p: &mut Play<'_>) -> Going {
    refused(
        p,
        "[shadow]\nmode = \"write\"\nupstream_base_url = \"https://api.vipps.no\"\n",
        "shadow.upstream_base_url",
    )
}

async fn e1(p: &mut Play<'_>) -> Going {
    p.begin();
    let head = "POST /ecomm/v2/payments HTTP/1.1\r\nHost: b\r\nConnection: close\r\n";
    for (what, rest) in [
        (
            "two Content-Length that differ",
            "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
        ),
        ("Content-Length: +2", "Content-Length: +2\r\n\r\n{}"),
        (
            "a negative chunk",
            "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        ),
        (
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        ),
        ("two Hosts", "Host: c\r\nContent-Length: 2\r\n\r\n{}"),
    ] {
        let got = odd(p, what, format!("{head}{rest}").as_bytes()).await;
        p.expect(got == [400], "refused with 400, and the connection ends");
    }
    p.expect(p.seen().is_empty(), "nothing of it reached upstream");
    healthy(p).await;
    Ok(())
}

async fn e3(p: &mut Play<'_>) -> Going {
    p.begin();
    let long = "v".repeat(64 << 10);
    let bomb = format!("GET /ecomm/v2/payments/o/details HTTP/1.1\r\nHost: b\r\nx: {long}\r\n\r\n");
    let got = odd(p, "a header of 64 kB", bomb.as_bytes()).await;
    p.expect(got == [431], "refused with 431");
    let most = p.plan.own.proxy.max_body_bytes;
    let body = format!(
        "POST /ecomm/v2/payments HTTP/1.1\r\nHost: b\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{{",
        most.saturating_add(1)
    );
    let what = format!(
        "Content-Length {} (proxy.max_body is {most})",
        most.saturating_add(1)
    );
    let got = odd(p, &what, body.as_bytes()).await;
    p.expect(got == [413], "refused with 413 before it is read");
    p.expect(p.seen().is_empty(), "nothing of it reached upstream");
    healthy(p).await;
    Ok(())
}

async fn e5(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    let call = p.money(&payment, 4_000, "1");
    let forged = call
        .header("bridge-route", "ecom")
        .header("bridge-request-id", "forged")
        .header("x-forwarded-for", "1.2.3.4");
    let forged = match p.way(&payment) {
        Way::Epayment => forged.header("Idempotency-Key", "forged"),
        Way::Ecom => forged,
    };
    let heard = p.call(&forged).await;
    let seen = p.seen();
    let names = ["bridge-route", "bridge-request-id", "x-forwarded-for"];
    let clean = seen.iter().all(|one| {
        names.iter().all(|name| one.header(name).is_none())
            && one.header("idempotency-key") != Some("forged")
    });
    p.expect(
        heard.status == 200 && clean,
        "served; none of them reached upstream",
    );
    let looped = p.details_of(&payment.order).header("bridge-shadow", "1");
    let heard = p.call(&looped).await;
    p.expect(
        heard.status == 508,
        "a shadow call that comes back is refused with 508",
    );
    Ok(())
}

async fn e6(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    let unit = p.msn();
    let who = format!(r#""merchantInfo":{{"merchantSerialNumber":"{unit}"}}"#);
    let twice =
        format!(r#"{{{who},"transaction":{{"amount":100,"amount":9000,"transactionText":"x"}}}}"#);
    let infinite = format!(r#"{{{who},"transaction":{{"amount":1e400,"transactionText":"x"}}}}"#);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let cut = format!(r#"{{{who},"transaction":{{"amou"#);
    let before = p.moved(&payment, p.operation());
    for (what, text) in [
        ("amount twice", twice),
        ("amount 1e400", infinite),
        ("10,000 levels", deep),
        ("cut in the middle", cut),
    ] {
        let mut call = p.money(&payment, 0, "1").text(text);
        call.body = None;
        let heard = p.quietly(&call).await;
        p.tell("sent", format!("{}, {what}", p.operation()));
        p.tell("shop saw", told(&heard));
        p.expect((400..500).contains(&heard.status), "refused");
    }
    let same = p.moved(&payment, p.operation()) == before;
    p.expect(same, "no money was moved by what can be read in two ways");
    Ok(())
}

async fn e7(p: &mut Play<'_>) -> Going {
    p.begin();
    let order = p.next_order();
    let mut body = p.body(&order, WHOLE);
    body["somethingNew"] = json!({"a": [1, 2, 3]});
    body["transaction"]["alsoNew"] = json!(true);
    let heard = p.call(&Call::post("/ecomm/v2/payments").body(body)).await;
    p.expect(
        heard.status == 200,
        "ignored by the translation, or eCom's to judge",
    );
    Ok(())
}

async fn f1(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    let limit = p.plan.limits().upstream.timeout;
    let slow = Duration::from_secs(1).min(limit / 2);
    let before_ms = u64::try_from(slow.as_millis()).unwrap_or(1_000);
    p.fault(Fault::always(
        "/payments/",
        Action::Delay {
            before_ms,
            after_ms: 0,
        },
    ));
    let mut calls: Vec<Call> = (0..20).map(|_| p.details_of(&payment.order)).collect();
    calls.push(p.money(&payment, 4_000, "1"));
    p.tell("sent", "20 details and a change, at once; upstream is slow");
    let lifecycle = p.stage.bridge.lifecycle.clone();
    let ((), heard) = tokio::join!(
        async {
            // In flight: all have reached upstream, or the first is about to be answered.
            let all = async {
                while p.seen().len() < 21 {
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
            };
            let _not_all = tokio::time::timeout(slow * 3 / 4, all).await;
            lifecycle.begin_shutdown();
        },
        join_all(calls.iter().map(|call| p.quietly(call)))
    );
    p.tell("then", "the bridge is told to stop, as by SIGTERM");
    let served = heard.iter().filter(|one| one.status == 200).count();
    let cut = heard.iter().filter(|one| one.failure.is_some()).count();
    p.tell(
        "shop saw",
        format!("200 x{served}; {cut} without an answer"),
    );
    let change = heard.last().is_some_and(|one| one.status == 200);
    let done = p.moved_once(&payment, 4_000);
    p.expect(change == done, "the change is told as what became of it");
    let refused = heard
        .iter()
        .all(|one| one.status == 200 || one.failure.is_some());
    p.expect(
        served > 0 && refused,
        "what was taken is answered; what comes later is not taken",
    );
    Ok(())
}
