//! Part A: money calls whose answer is late, lost, spoilt or refused.
//!
//! Must not: expect more of a call that goes to eCom than that eCom's answer is passed on.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use super::outcomes::{AMOUNT, Told, WHOLE, doubt, judge, no_log, settle, status};
use super::{Row, not_here, row};
use crate::cli::rehearse::plan::Way;
use crate::cli::rehearse::play::{Going, Play, Stop};
use crate::cli::rehearse::words::{told, told_call};
use crate::cli::scene::bridge::until;
use crate::ecom::route::Operation;
use crate::simulator::{Action, Fault};

pub(super) const ROWS: &[Row] = &[
    row("A1", "connection refused", |p| Box::pin(a1(p))),
    row("A2", "reset after the request, before the reply", |p| {
        Box::pin(a2(p))
    }),
    row("A3", "timeout, upstream did it", |p| Box::pin(a3(p))),
    row("A4", "timeout, upstream did not do it", |p| Box::pin(a4(p))),
    row("A5", "timeout, and reads time out, too", |p| {
        Box::pin(a5(p))
    }),
    row(
        "A6",
        "reply cut, wrong length, bad chunk, broken gzip",
        |p| Box::pin(a6(p)),
    ),
    row("A7", "200 with a web page, and the event log down", |p| {
        Box::pin(a7(p))
    }),
    row("A8", "500, 502, 503, 504 after having done it", |p| {
        Box::pin(a8(p))
    }),
    row("A9", "429 with Retry-After", |p| Box::pin(a9(p))),
    row("A10", "same X-Request-Id, another amount", |p| {
        Box::pin(a10(p))
    }),
    row("A11", "the same call 50 times at once", |p| {
        Box::pin(a11(p))
    }),
    row("A12", "the same capture twice without X-Request-Id", |p| {
        Box::pin(a12(p))
    }),
    row("A13", "the shop hangs up in the middle of the call", |p| {
        Box::pin(a13(p))
    }),
    row("A14", "three partial captures race a full cancel", |p| {
        Box::pin(a14(p))
    }),
    row("A15", "negative, fractional, too large amounts", |p| {
        Box::pin(a15(p))
    }),
    row("A16", "capture after 180, refund after 365 days", |p| {
        Box::pin(a16(p))
    }),
    row("A17", "the shop's own token has expired (401)", |p| {
        Box::pin(a17(p))
    }),
    not_here(
        "A18",
        "token endpoint down while the token is valid",
        "tokens of the bridge's own live for hours: the test suite does it",
    ),
    row(
        "A19",
        "a reply about another payment, sum or currency",
        |p| Box::pin(a19(p)),
    ),
    row("A20", "slow drip, a byte at a time", |p| Box::pin(a20(p))),
];

async fn a1(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    p.world().set_down(true).await;
    let call = p.money(&payment, AMOUNT, "1");
    let heard = p.call(&call).await;
    let failed = heard.is_error(502, "99");
    p.expect(failed, "told as failed (502 with 99): nothing was done");
    p.world().set_down(false).await;
    p.expect(p.changes().is_empty(), "nothing reached upstream");
    settle(p, &payment, &heard).await;
    Ok(())
}

async fn a2(p: &mut Play<'_>) -> Going {
    let faults = vec![p.money_fault(Action::ResetAfter)];
    doubt(p, faults, Told::Done).await
}

async fn a3(p: &mut Play<'_>) -> Going {
    let faults = vec![p.money_fault(Action::Hang { processed: true })];
    doubt(p, faults, Told::Done).await
}

async fn a4(p: &mut Play<'_>) -> Going {
    let faults = vec![p.money_fault(Action::Hang { processed: false })];
    doubt(p, faults, Told::Either).await
}

async fn a5(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    p.fault(p.money_fault(Action::Hang { processed: true }));
    let call = p.money(&payment, AMOUNT, "1");
    p.tell("sent", told_call(&call));
    let began = Instant::now();
    let (heard, _) = tokio::join!(p.quietly(&call), async {
        // What is looked at before the change is sent must pass.
        let sent = until(|| p.sent(p.operation()) > 0).await;
        let no_answer = Action::Hang { processed: false };
        p.fault(Fault::always("/payments/", no_answer).on("GET"));
        sent
    });
    p.saw(&heard, began.elapsed());
    judge(p, &payment, &heard, Told::Unknown);
    p.world().clear_faults();
    settle(p, &payment, &heard).await;
    Ok(())
}

/// Several spoilt answers, one payment each.
async fn each(
    p: &mut Play<'_>,
    actions: Vec<(&str, Action)>,
    with: Option<fn() -> Fault>,
    told: Told,
) -> Going {
    for (name, action) in actions {
        p.tell("fault", name);
        let mut faults = vec![p.money_fault(action)];
        if with.is_some() {
            // Each further sending, too: else a repeat with the same key would be answered well.
            faults[0].count = None;
        }
        faults.extend(with.map(|more| more()));
        doubt(p, faults, told).await?;
    }
    Ok(())
}

async fn a6(p: &mut Play<'_>) -> Going {
    let cut = |bytes, head| Action::Truncate {
        bytes,
        head,
        reset: false,
    };
    let all = vec![
        ("cut in the head", cut(9, true)),
        ("cut in the body", cut(5, false)),
        (
            "a Content-Length that is too long",
            Action::WrongLength { length: 5_000 },
        ),
        ("a chunk without a size", Action::BadChunk),
        ("gzip that is none", Action::BrokenGzip),
    ];
    each(p, all, None, Told::Done).await
}

async fn a7(p: &mut Play<'_>) -> Going {
    each(
        p,
        vec![("a web page", Action::Html)],
        Some(no_log),
        Told::Unknown,
    )
    .await
}

async fn a8(p: &mut Play<'_>) -> Going {
    let all = [("500", 500), ("502", 502), ("503", 503), ("504", 504)];
    let all = all.map(|(name, code)| (name, status(code, true)));
    each(p, all.to_vec(), None, Told::Done).await
}

async fn a9(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    p.fault(p.money_fault(Action::Status {
        status: 429,
        body: None,
        headers: vec![("Retry-After".to_owned(), "17".to_owned())],
        processed: false,
    }));
    let call = p.money(&payment, AMOUNT, "1");
    let heard = p.call(&call).await;
    let wait = heard.retry_after.as_deref() == Some("17");
    p.expect(
        heard.status == 429 && wait,
        "429 and its Retry-After are passed on",
    );
    p.expect(p.sent(p.operation()) == 1, "sent once: no burst");
    settle(p, &payment, &heard).await;
    Ok(())
}

async fn a10(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    let call = p.money(&payment, AMOUNT, "1");
    let heard = p.call(&call).await;
    p.expect(heard.status == 200, "the first is done");
    let other = p.money(&payment, AMOUNT + 100, "1");
    let heard = p.call(&other).await;
    p.expect(heard.is_error(400, "93"), "the second is refused with 93");
    p.expect(p.sent(p.operation()) == 1, "nothing was sent again");
    let once = p.moved_once(&payment, AMOUNT);
    p.expect(once, "upstream did the first, once");
    Ok(())
}

async fn a11(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    let call = p.money(&payment, AMOUNT, "1");
    let all = (0..50).map(|_| p.quietly(&call));
    let heard = join_all(all).await;
    p.tell("sent", format!("50 at once: {}", told_call(&call)));
    let mut kinds: Vec<String> = heard.iter().map(told).collect();
    kinds.sort();
    kinds.dedup();
    p.tell("shop saw", kinds.join("; "));
    let same = heard.iter().all(|one| one.status == 200)
        && heard
            .iter()
            .all(|one| id_of(&one.json) == id_of(&heard[0].json));
    p.expect(same, "all 50 got the same answer: done");
    let once = p.moved_once(&payment, AMOUNT);
    p.expect(once, "upstream did it once");
    Ok(())
}

fn id_of(json: &Value) -> Option<&Value> {
    let at = [
        "/transactionInfo/transactionId",
        "/transaction/transactionId",
    ];
    at.iter().find_map(|at| json.pointer(at))
}

/// Rows about captures that the shop itself makes.
fn captures(p: &Play<'_>) -> Going {
    if p.plan.captures_directly() {
        let why = "direct_capture: the bridge captures all at once, the shop nothing";
        return Err(Stop::Skipped(why.to_owned()));
    }
    Ok(())
}

async fn a12(p: &mut Play<'_>) -> Going {
    captures(p)?;
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    let call = p.changing("capture", &payment.order, Some(AMOUNT));
    for _ in 0..2 {
        let heard = p.call(&call).await;
        p.expect(
            heard.status == 200,
            "without X-Request-Id each is a capture of its own",
        );
    }
    let heard = p.call(&call).await;
    p.expect(
        heard.is_error(400, "61"),
        "the third is more than is reserved: 61",
    );
    let sum = p.moved(&payment, "capture");
    p.expect(sum == 2 * AMOUNT, "upstream captured just the two");
    Ok(())
}

async fn a13(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    // Long enough to hang up in the middle, and within the limit of one attempt.
    let limit = p.plan.limits().upstream.timeout;
    let slow = Duration::from_secs(1).min(limit / 2);
    let after_ms = u64::try_from(slow.as_millis()).unwrap_or(1_000);
    p.fault(p.money_fault(Action::Delay {
        before_ms: 0,
        after_ms,
    }));
    let call = p.money(&payment, AMOUNT, "1");
    p.tell("sent", told_call(&call));
    let reached = {
        let asking = p.quietly(&call);
        let reached = async {
            while p.sent(p.operation()) == 0 {
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        };
        tokio::select! {
            heard = asking => Err(heard),
            () = reached => Ok(()),
        }
    };
    match reached {
        Ok(()) => p.tell("shop saw", "nothing: it hung up while upstream worked"),
        Err(heard) => p.saw(&heard, Duration::ZERO),
    }
    p.expect(
        reached_upstream(p),
        "upstream had the call before the shop hung up",
    );
    let heard = p.call(&call).await;
    p.expect(heard.status == 200, "the shop's repeat gets the result");
    let once = p.moved_once(&payment, AMOUNT);
    p.expect(once, "upstream did it once");
    Ok(())
}

fn reached_upstream(p: &Play<'_>) -> bool {
    p.sent(p.operation()) > 0
}

async fn a14(p: &mut Play<'_>) -> Going {
    captures(p)?;
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    let mut calls: Vec<_> = (1..=3)
        .map(|n| {
            p.changing("capture", &payment.order, Some(2_000))
                .id(&format!("c{n}"))
        })
        .collect();
    calls.push(p.changing("cancel", &payment.order, None).id("x"));
    p.tell("sent", "3 captures of 20.00 and a cancel, at once");
    let heard = join_all(calls.iter().map(|call| p.quietly(call))).await;
    for (name, one) in ["capture", "capture", "capture", "cancel"]
        .iter()
        .zip(&heard)
    {
        p.tell("shop saw", format!("{name}: {}", told(one)));
    }
    let done = |one: &crate::cli::scene::shop::Heard| one.status == 200;
    let captured = heard[..3].iter().filter(|one| done(one)).count();
    let captured = 2_000 * i64::try_from(captured).unwrap_or(0);
    let is = p.moved(&payment, "capture");
    p.expect(
        is == captured,
        "upstream captured what the shop was told as done",
    );
    let released = p.moved(&payment, "cancel");
    p.expect(is + released <= WHOLE, "never more than was reserved");
    p.expect(
        done(&heard[3]) == (released > 0),
        "the cancel is told as what became of it",
    );
    p.expect(
        released == 0 || is == 0,
        "captures or the cancel came first, not both",
    );
    Ok(())
}

async fn a15(p: &mut Play<'_>) -> Going {
    captures(p)?;
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    let unit = p.msn();
    for amount in ["-1", "100.5", "9223372036854775808", "10001"] {
        let text = format!(
            r#"{{"merchantInfo":{{"merchantSerialNumber":"{unit}"}},"transaction":{{"amount":{amount},"transactionText":"x"}}}}"#
        );
        let mut call = p.changing("capture", &payment.order, None).text(text);
        call.body = None;
        p.tell("sent", format!("capture, amount {amount}"));
        let heard = p.quietly(&call).await;
        p.saw(&heard, Duration::ZERO);
        let refused = (400..500).contains(&heard.status);
        p.expect(refused, format!("amount {amount} is refused"));
    }
    let moved = p.moved(&payment, "capture");
    p.expect(
        moved == 0,
        "no money was moved: nothing was rounded or wrapped",
    );
    Ok(())
}

async fn a16(p: &mut Play<'_>) -> Going {
    captures(p)?;
    let payment = p.reserved(WHOLE).await?;
    let call = p.changing("capture", &payment.order, Some(AMOUNT)).id("1");
    let first = p.quietly(&call).await;
    p.expect(first.status == 200, "a capture on the first day is done");
    p.begin();
    for (days, operation, code) in [(181, "capture", "98"), (185, "refund", "95")] {
        p.world().change_rules(|rules| rules.token_s = 400_000_000);
        p.stage.fetch_tokens().await;
        p.world().advance(Duration::from_secs(days * 86_400));
        let call = p
            .changing(operation, &payment.order, Some(1_000))
            .id(operation);
        let heard = p.call(&call).await;
        let what = format!("the {operation} is refused with {code}");
        p.expect(heard.is_error(400, code), what);
    }
    Ok(())
}

async fn a17(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    p.world().expire_tokens();
    let call = p.money(&payment, AMOUNT, "1");
    let heard = p.call(&call).await;
    p.expect(heard.status == 401, "401 is passed on, as it always was");
    p.stage.fetch_tokens().await;
    settle(p, &payment, &heard).await;
    Ok(())
}

async fn a19(p: &mut Play<'_>) -> Going {
    let mut all = vec![
        ("another reference", Action::WrongReference),
        ("another currency", Action::WrongCurrency),
        ("another sum", Action::WrongAmount),
    ];
    if p.plan.born() == Way::Ecom {
        // The whole sum of a payment that eCom made is eCom's to say.
        all.pop();
    }
    if p.plan.way(Operation::Capture, p.plan.born()) == Way::Ecom {
        let why = "eCom's answers are passed on as they come: nothing compares them";
        return Err(Stop::Skipped(why.to_owned()));
    }
    each(p, all, Some(no_log), Told::Unknown).await
}

async fn a20(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    let limit = p.plan.limits().proxy.request_timeout;
    let tenth = p.plan.limits().upstream.timeout / 10;
    let interval_ms = u64::try_from(tenth.as_millis()).unwrap_or(100).max(1);
    p.fault(p.money_fault(Action::SlowDrip {
        bytes: 1,
        interval_ms,
    }));
    let call = p.money(&payment, AMOUNT, "1");
    let began = Instant::now();
    let heard = p.call(&call).await;
    judge(p, &payment, &heard, Told::Either);
    // Generous: this machine may be busy.
    let held = began.elapsed() < limit * 2 + Duration::from_secs(2);
    p.expect(held, "answered within proxy.request_timeout");
    p.world().clear_faults();
    settle(p, &payment, &heard).await;
    Ok(())
}
