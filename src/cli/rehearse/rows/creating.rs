//! Part B: new payments, whose they are, and what the configuration says.
//!
//! Must not: expect the bridge's rules of a call that is eCom's to answer.

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;

use super::outcomes::{AMOUNT, WHOLE, is_unknown};
use super::routes::{b5, b7, b8, b12};
use super::{Row, not_here, row};
use crate::cli::rehearse::plan::Way;
use crate::cli::rehearse::play::{Going, Play, Stop};
use crate::cli::rehearse::words::told_call;
use crate::cli::scene::bridge::Folder;
use crate::cli::scene::shop::Call;
use crate::settings;
use crate::simulator::{Action, Fault};

pub(super) const ROWS: &[Row] = &[
    row("B1", "initiate times out, the payment was created", |p| {
        Box::pin(b1(p))
    }),
    row("B2", "the same orderId again after success", |p| {
        Box::pin(b2(p))
    }),
    not_here(
        "B3",
        "toggles flipped between initiate and capture",
        "a million random flips: the test suite does it",
    ),
    row(
        "B4",
        "the store is lost between approval and capture",
        |p| Box::pin(b4(p)),
    ),
    row("B5", "kill switch between initiate and capture", |p| {
        Box::pin(b5(p))
    }),
    row("B6", "a configuration with a mistake put over yours", |p| {
        Box::pin(b6(p))
    }),
    row("B7", "Express, in a spelling that old clients use", |p| {
        Box::pin(b7(p))
    }),
    row(
        "B8",
        "odd paths: case, slashes, dots, encoded slashes",
        |p| Box::pin(b8(p)),
    ),
    row(
        "B9",
        "orderIds with / and .., an emoji, 51 characters",
        |p| Box::pin(b9(p)),
    ),
    row("B10", "two sales units, one orderId", |p| Box::pin(b10(p))),
    row("B11", "keys of one merchant, sales unit of another", |p| {
        Box::pin(b11(p))
    }),
    row("B12", "a share of new payments: 10, 20, 10 percent", |p| {
        Box::pin(b12(p))
    }),
    row("B13", "phone numbers in every form", |p| Box::pin(b13(p))),
];

async fn b1(p: &mut Play<'_>) -> Going {
    let order = p.next_order();
    let way = p.plan.initiated(&order);
    p.begin();
    let hang = Action::Hang { processed: true };
    p.fault(Fault::once("/payments", hang).on("POST"));
    let call = p.initiating(&order, WHOLE);
    let heard = p.call(&call).await;
    let made = heard.status == 200 && heard.text("/url").is_some();
    p.expect(
        made || is_unknown(&heard),
        "a redirect, or unknown (502 with 94); never as failed",
    );
    p.world().clear_faults();
    if !made {
        let again = p.call(&call).await;
        match way {
            Way::Epayment => p.expect(
                again.status == 200 && again.text("/url").is_some(),
                "the identical repeat gets the redirect",
            ),
            Way::Ecom => p.expect(
                again.status == 200 || again.is_error(400, "34"),
                "the repeat gets eCom's own answer",
            ),
        }
    }
    let payments = p.world().payments();
    let same = payments.iter().filter(|one| one.reference == order).count();
    p.expect(
        same == 1 && payments.len() == 1,
        "there is one payment upstream",
    );
    Ok(())
}

async fn b2(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    let call = p.initiating(&payment.order, WHOLE);
    let heard = p.call(&call).await;
    p.expect(heard.is_error(400, "34"), "eCom's duplicate answer (34)");
    p.expect(
        p.world().payments().len() == 1,
        "no second payment upstream",
    );
    Ok(())
}

async fn b4(p: &mut Play<'_>) -> Going {
    if p.plan.captures_directly() {
        let why = "direct_capture: the shop makes no captures";
        return Err(Stop::Skipped(why.to_owned()));
    }
    let payment = p.reserved(WHOLE).await?;
    p.restart(false).await?;
    p.begin();
    let call = p.details_of(&payment.order);
    let heard = p.call(&call).await;
    let log = heard.json.get("transactionLogHistory").is_some();
    p.expect(
        heard.status == 200 && log,
        "its details are found by asking the APIs",
    );
    let call = p.changing("capture", &payment.order, Some(AMOUNT)).id("1");
    let heard = p.call(&call).await;
    p.expect(
        heard.status == 200,
        "a capture is done where the payment is",
    );
    p.expect(p.moved_once(&payment, AMOUNT), "upstream did it once");
    Ok(())
}

/// What `check` and a running bridge say of these lines put over the operator's files.
pub(super) fn refused(p: &mut Play<'_>, lines: &str, key: &str) -> Going {
    let failed = |_| Stop::Failed("no file can be written to the temporary folder".to_owned());
    let folder = Folder::fresh().map_err(Stop::Failed)?;
    let file = folder.path().join("mistake.toml");
    let written = std::fs::File::create(&file).and_then(|mut f| f.write_all(lines.as_bytes()));
    written.map_err(failed)?;
    let mut files = p.plan.files.clone();
    files.push(file);
    let read = settings::load(&files, settings::environment());
    let problems = read.err().unwrap_or_default();
    let named = problems.iter().find(|problem| problem.path == key);
    let one_line = lines.replace('\n', " ");
    p.tell("put over", one_line.trim().to_owned());
    p.tell(
        "check",
        named.map_or("nothing to say".to_owned(), |one| {
            format!("{}: {}", one.path, one.why)
        }),
    );
    p.expect(named.is_some(), "it is refused, and the key is named");
    Ok(())
}

async fn b6(p: &mut Play<'_>) -> Going {
    refused(
        p,
        "[proxy]\nrequest_timeout = \"soon\"\n",
        "proxy.request_timeout",
    )
}

async fn b9(p: &mut Play<'_>) -> Going {
    p.begin();
    let long = "o".repeat(51);
    for order in [
        "a/../../capture",
        "a%2Fb",
        "..",
        "tea-\u{1F375}-0001",
        long.as_str(),
    ] {
        let shown: String = order.chars().take(20).collect();
        p.tell("sent", format!("initiate, orderId {shown}"));
        let call = p.initiating(order, WHOLE);
        let heard = p.quietly(&call).await;
        p.saw(&heard, Duration::ZERO);
        let fits = (400..500).contains(&heard.status)
            || heard.status == 200 && heard.json.get("orderId") == Some(&json!(order));
        p.expect(fits, "refused, or this very order; never another one");
    }
    let seen = p.changes();
    let paths = seen
        .iter()
        .all(|one| one.path().trim_end_matches('/').ends_with("/payments"));
    p.expect(paths, "no orderId changed a path");
    Ok(())
}

async fn b10(p: &mut Play<'_>) -> Going {
    let order = p.next_order();
    p.begin();
    let call = p.initiating(&order, WHOLE);
    let heard = p.call(&call).await;
    p.expect(heard.status == 200, "the first unit's order is made");
    let mut theirs = call.clone();
    if let Some(body) = &mut theirs.body {
        body["merchantInfo"]["merchantSerialNumber"] = json!(p.plan.other.as_str());
        body["transaction"]["amount"] = json!(7_700);
    }
    let base = p.stage.bridge.base.clone();
    let heard = p.stage.stranger.call(&base, &theirs).await;
    p.tell("sent", "the same orderId by another sales unit, 77.00");
    p.saw(&heard, Duration::ZERO);
    p.expect(heard.status == 200, "the second unit's, too");
    for (unit, amount, own) in [
        (p.msn(), WHOLE, true),
        (p.plan.other.as_str(), 7_700, false),
    ] {
        let view = p.world().payment(unit, &order);
        let is = view.is_some_and(|view| view.amount.minor_units() == amount);
        p.expect(is, "each has its own payment upstream");
        let call = p.details_of(&order).of_unit(unit);
        let shop = if own {
            &p.stage.shop
        } else {
            &p.stage.stranger
        };
        let heard = shop.call(&base, &call).await;
        let text = heard.json.pointer("/transactionLogHistory/0/amount");
        let fits = heard.status == 200 && text == Some(&json!(amount));
        p.expect(fits, "details of each show its own amount");
    }
    Ok(())
}

async fn b11(p: &mut Play<'_>) -> Going {
    let payment = p.reserved(WHOLE).await?;
    p.begin();
    let base = p.stage.bridge.base.clone();
    let calls: [Call; 3] = [
        p.details_of(&payment.order),
        p.changing("capture", &payment.order, Some(AMOUNT)),
        p.initiating("rehearse-b11-theirs", WHOLE),
    ];
    for call in &calls {
        let told = told_call(call);
        p.tell("sent", format!("with another merchant's keys: {told}"));
        let heard = p.stage.stranger.call(&base, call).await;
        p.saw(&heard, Duration::ZERO);
        p.expect(heard.status >= 400, "refused, as upstream refuses it");
    }
    let captured = if p.plan.captures_directly() { WHOLE } else { 0 };
    let still = p.moved(&payment, "capture") == captured && p.world().payments().len() == 1;
    p.expect(still, "no money was moved and no payment made");
    Ok(())
}

async fn b13(p: &mut Play<'_>) -> Going {
    let order = p.next_order();
    if p.plan.initiated(&order) == Way::Ecom {
        let why = "new payments go to eCom, which reads the number as it always did";
        return Err(Stop::Skipped(why.to_owned()));
    }
    p.begin();
    let code = p.plan.own.merchant(&p.plan.msn).country_code;
    let code = code.as_str().to_owned();
    let forms = [
        ("8 digits", "91234567".to_owned()),
        ("with blanks", "912 34 567".to_owned()),
        ("+ and country code", format!("+{code} 91234567")),
        ("00 and country code", format!("00{code}91234567")),
    ];
    let want = format!("{code}91234567");
    for (form, number) in forms {
        let order = p.next_order();
        let mut body = p.body(&order, WHOLE);
        body["customerInfo"]["mobileNumber"] = json!(number);
        let heard = p
            .quietly(&Call::post("/ecomm/v2/payments").body(body))
            .await;
        p.tell("sent", format!("initiate, number written as: {form}"));
        p.saw(&heard, Duration::ZERO);
        let view = p.payment(&order);
        let is = view
            .and_then(|view| view.phone)
            .is_some_and(|phone| phone == want);
        let what = format!("{form}: upstream got the country code {code} and the 8 digits");
        p.expect(heard.status == 200 && is, what);
    }
    let order = p.next_order();
    let mut body = p.body(&order, WHOLE);
    body["customerInfo"]["mobileNumber"] = json!("twelve");
    let heard = p
        .quietly(&Call::post("/ecomm/v2/payments").body(body))
        .await;
    p.tell("sent", "initiate, a number that is none");
    p.saw(&heard, Duration::ZERO);
    p.expect(
        heard.is_error(400, "81"),
        "refused with 81: the phone number is not valid",
    );
    Ok(())
}
