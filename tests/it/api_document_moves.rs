//! Real answers about traffic, readiness, ramp and rollback, and the reload, against the API's description.

use std::time::Duration;

use ecom_bridge::readiness::Silent;
use ecom_bridge::simulator::{Action, Fault};
use serde_json::{Value, json};

use crate::api_document::{asked, because, document, fits};
use crate::support::app::{MSN, OTHER_MSN};
use crate::support::callbacks::{Shop, reached};
use crate::support::eventually;
use crate::support::shop::{express, order};

#[tokio::test]
async fn real_answers_about_readiness_fit_the_description() {
    let shop = Shop::with(&[("routing.refund", "\"ecom\"")]).await;
    let app = &shop.app;
    for id in ["order-0001", "order-0002"] {
        app.reserved(id, 10_000).await;
    }
    let mut web = order("order-0004", 10_000);
    web["merchantInfo"]["isApp"] = json!(false);
    app.initiating(&web).send().await.ok();
    let asks = app.initiating(&express("express-01", 10_000));
    asks.send().await.ok();
    app.initiating(&order("under_score", 10_000)).send().await;
    app.initiating(&order("order-0003", 1)).send().await;
    app.capture("order-0001", 1_000, "1").await.ok();
    app.refund("order-0001", 500, "1").await.ok();
    app.cancel("order-0002", "1").await.ok();
    app.details("order-0001").await.ok();
    app.read("order-0001", "status").await.ok_status();
    app.details("no-such-order").await;
    app.read("../accesstoken", "get").await;

    let document = document();
    let ask = async |path: &str, want: u16| {
        asked(&shop, &document, ("get", path, &[], Value::Null, want)).await
    };
    let told = ask("/api/traffic", 200).await;
    let minutes = told["minutes"].as_array().unwrap();
    let sent = |minute: &Value| minute["requests"]["epayment"].as_u64() > Some(0);
    assert!(minutes.iter().any(sent), "{told}");
    ask("/api/readiness", 200).await;
    let mut told = ask(&format!("/api/readiness?msn={MSN}"), 200).await;
    let merchant = &told["merchants"][0];
    assert!(merchant["next"].is_object() && merchant["observedFrom"].is_string());
    assert_eq!(merchant["operations"].as_array().unwrap().len(), 6);
    let text = merchant.to_string();
    for filled in ["told", "untranslatable", "losses", "used"] {
        assert!(text.contains(&format!("\"{filled}\":{{\"")), "{filled}");
    }
    // A silence takes weeks.
    let silent = Silent {
        since: merchant["at"].as_str().unwrap().to_owned(),
        expected_calls: 12,
        after_toggle: true,
    };
    told["merchants"][0]["silent"] = serde_json::to_value(silent).unwrap();
    fits(&document, ("get", "/api/readiness"), 200, &told);
    ask(&format!("/api/readiness?msn={OTHER_MSN}"), 200).await;

    let told = ask(&format!("/api/readiness/remove?msn={MSN}"), 200).await;
    let merchant = &told["merchants"][0];
    assert!(merchant["openPayments"].is_object(), "{merchant}");
    assert!(merchant["openPayments"]["goneAt"].is_string(), "{merchant}");
    for (member, most) in [("onlyEcom", 2), ("requests", 8)] {
        let found = merchant[member].as_array().unwrap().len();
        assert!(found >= most, "{member}: {merchant}");
    }
    for path in ["/api/readiness?msn=x", "/api/readiness/remove?msn=x"] {
        ask(path, 400).await;
    }
}

#[tokio::test]
async fn real_answers_about_ramp_and_rollback_fit_the_description() {
    let shop = Shop::with(&[
        ("ramp.enabled", "true"),
        ("ramp.steps", "[50, 100]"),
        ("rollback.enabled", "true"),
        ("rollback.min_samples", "5"),
        ("upstream.retries", "0"),
        ("merchant", &format!("msn = \"{MSN}\"")),
        ("merchant", &format!("msn = \"{OTHER_MSN}\"")),
    ])
    .await;
    let document = document();
    let ask = async || {
        let ask = ("get", "/api/automatic", &[][..], Value::Null, 200);
        asked(&shop, &document, ask).await
    };
    eventually(async || ask().await["merchants"][1]["acting"]["phase"] == "climbing").await;
    let problem = json!({"title": "Bad Request", "status": 400, "detail": "broken"});
    let broken = Action::Status {
        status: 400,
        body: Some(problem.to_string()),
        headers: vec![(
            "Content-Type".to_owned(),
            "application/problem+json".to_owned(),
        )],
        processed: false,
    };
    let fault = Fault::always("/epayment/v1/payments", broken).on("POST");
    shop.app.world().add_fault(fault);
    let mut sent = 0;
    for n in 0..200 {
        let answer = shop.app.initiate(&format!("broken-{n:04}"), 10_000).await;
        sent += usize::from(answer.route() == "epayment");
        if sent == 5 {
            break;
        }
    }
    eventually(async || ask().await["merchants"][0]["acting"]["phase"] == "back").await;
    let told = ask().await;
    let unit = &told["merchants"][0];
    assert_eq!(unit["acting"]["lastMove"]["kind"], "back", "{unit}");
    for member in ["since", "until", "why"] {
        assert!(unit["acting"][member].is_string(), "{member}: {unit}");
    }

    let reset = "/api/automatic/reset";
    let of = |msn: &str| because(&format!(r#", "msn": "{msn}""#));
    for (body, want) in [(of(MSN), 200), (of("999999"), 404), (because(""), 422)] {
        asked(&shop, &document, ("post", reset, &[], body, want)).await;
    }
}

#[tokio::test]
async fn real_answers_about_the_reload_fit_the_description() {
    /// It is read when it is asked for, and only then.
    const NEVER: Duration = Duration::from_secs(24 * 3600);
    let mut shop = Shop::of(reached(&[]).looks(NEVER)).await;
    shop.app.set("callbacks.timeout", "\"7s\"");
    let good = shop.app.configuration().0;
    let document = document();
    let reload = async |text: &str, want: u16| {
        shop.app.write(text);
        let ask = ("post", "/api/reload", &[][..], because(""), want);
        asked(&shop, &document, ask).await
    };
    let done = reload(&good, 200).await;
    assert_eq!(done["changes"][0]["key"], "callbacks.timeout", "{done}");
    let told = reload(&format!("{good}\ncolour = 1\n[shadow]\nqueue = 0\n"), 422).await;
    assert_eq!(told["problems"].as_array().unwrap().len(), 2, "{told}");
    let restart = good.replace("[proxy]\n", "[proxy]\nmax_in_flight = 7\n");
    let told = reload(&restart, 409).await;
    assert_eq!(told["problems"].as_array().unwrap().len(), 1, "{told}");
    let short = json!({"who": "ann"});
    let told = asked(&shop, &document, ("post", "/api/reload", &[], short, 422)).await;
    assert_eq!(told.get("problems"), None, "{told}");
}
