//! The configuration read again while the bridge runs: under load, with good and bad files, and what it takes effect on.

use std::cell::Cell;
use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault, Origin};
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::app::{MSN, OTHER_MSN, TestApp, Wanted, with};
use crate::support::callbacks::{Shop, reached};
use crate::support::client::{Answer, Client};
use crate::support::shop::order;
use crate::support::{eventually, until};

/// No test lasts so long: the file is read when it is asked for, and only then.
const NEVER: Duration = Duration::from_secs(24 * 3600);
const TOKEN: &str = "canary-token-of-an-operator";
const KEYS: &str =
    "msn = \"123456\"\nclient_id = \"demo-client\"\nsubscription_key = \"demo-subscription-key\"";

fn asked_only(values: &[(&str, &str)]) -> Wanted {
    with(values).looks(NEVER)
}

/// A call of the operator's listener; `token` may be empty.
pub(crate) async fn operate(app: &TestApp, token: &str, call: &str, body: &Value) -> Answer {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let token = match token {
        "" => String::new(),
        token => format!("Authorization: Bearer {token}\r\n"),
    };
    let text = format!(
        "{call} HTTP/1.1\r\nHost: localhost\r\n{token}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Client::to(app.admin_addr()).await.ask(text).await
}

async fn reload_with(app: &TestApp, text: &str) -> Answer {
    app.write(text);
    let body = json!({"who": "ann", "why": "a test"});
    operate(app, "", "POST /api/reload", &body).await
}

/// Puts what was set since into the file, and lets it be read.
async fn reload(app: &TestApp) -> Answer {
    reload_with(app, &app.configuration().0).await
}

/// The keys that were changed.
fn changed(answer: &Answer) -> Vec<String> {
    let changes = answer.ok()["changes"].as_array().unwrap().clone();
    changes
        .iter()
        .map(|one| one["key"].as_str().unwrap().to_owned())
        .collect()
}

/// How often the configuration was read with this outcome.
pub(crate) async fn reloads(app: &TestApp, outcome: &str) -> u64 {
    let text = app.admin("/metrics").await.text();
    let name = format!("bridge_reloads_total{{outcome=\"{outcome}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.parse().unwrap())
}

async fn route(app: &TestApp, id: &str) -> String {
    let answer = app.initiate(id, 1_000).await;
    answer.ok_status();
    answer.route().to_owned()
}

/// `RELOAD_CALLS` in the environment sets how many calls there are at least.
#[tokio::test]
async fn no_call_is_lost_or_sees_half_a_configuration_while_files_come_and_go() {
    const SHOPS: usize = 8;
    const TIMES: usize = 48;
    let calls: usize = std::env::var("RELOAD_CALLS").map_or(2_000, |n| n.parse().unwrap());
    // One file is of eCom and Danish crowns, the other of ePayment and Norwegian ones: never of ePayment and Danish.
    let mut app = asked_only(&[]).start().await;
    let mut texts = Vec::new();
    for (to, currency) in [("ecom", "DKK"), ("epayment", "NOK")] {
        app.set("routing.initiate", &format!("\"{to}\""));
        app.set("merchant_defaults.currency", &format!("\"{currency}\""));
        texts.push(app.configuration().0);
    }
    let bad = format!("{}\n[routings]\nx = 1", texts[0]);
    let restart = texts[0].replace("[proxy]\n", "[proxy]\nmax_in_flight = 7\n");
    let (done, times) = (Cell::new(0), Cell::new(0));
    let shop = async |shop: usize| {
        let mut client = Client::to(app.addr()).await;
        let mut told = Vec::new();
        while told.len() < calls / SHOPS || times.get() < TIMES {
            let id = format!("load-{shop}-{:06}", told.len());
            let answer = client.ask(app.initiating(&order(&id, 1_000)).bytes()).await;
            answer.ok();
            told.push((id, answer.route().to_owned()));
            done.set(done.get() + 1);
        }
        told
    };
    let operator = async {
        while done.get() < calls || times.get() < TIMES {
            let n = times.get();
            let (text, want) = match n % 4 {
                0 => (&texts[0], 200),
                1 => (&bad, 422),
                2 => (&texts[1], 200),
                _ => (&restart, 409),
            };
            let answer = reload_with(&app, text).await;
            assert_eq!(answer.status, want, "{}", answer.text());
            times.set(n + 1);
        }
    };
    let (told, ()) = tokio::join!(join_all((0..SHOPS).map(shop)), operator);
    let mut routes = [0, 0];
    for (id, route) in told.iter().flatten() {
        let made = app.world().payment(MSN, id).expect("the payment is there");
        let (way, want, at) = match made.origin {
            Origin::Ecom | Origin::Express => ("ecom", None, 0),
            Origin::Epayment => ("epayment", Some("NOK"), 1),
        };
        assert_eq!(route, way, "{id}");
        assert!(want.is_none_or(|want| made.currency.code() == want), "{id}");
        routes[at] += 1;
    }
    assert_eq!(app.world().payments().len(), done.get());
    assert!(routes[0] > 0 && routes[1] > 0, "{routes:?}");
    assert_eq!(app.metric("bridge_in_flight").await, 0.0);
}

#[tokio::test]
async fn a_call_in_flight_keeps_the_settings_it_began_with() {
    let values = [
        ("upstream.timeout", "\"6s\""),
        ("proxy.request_timeout", "\"9s\""),
        ("proxy.drain_timeout", "\"10s\""),
    ];
    let mut app = asked_only(&values).start().await;
    // Half of its body is still to come.
    let bytes = app.initiating(&order("order-0001", 1_000)).bytes();
    let (first, rest) = bytes.split_at(bytes.len() - 10);
    let mut client = Client::to(app.addr()).await;
    client.send(first).await;
    eventually(async || app.metric("bridge_in_flight").await > 0.0).await;
    app.set("routing.initiate", "\"ecom\"");
    app.set("proxy.max_body", "\"1KiB\"");
    assert_eq!(
        changed(&reload(&app).await),
        ["proxy.max_body", "routing.initiate"]
    );
    client.send(rest).await;
    assert_eq!(client.read(false).await.unwrap().route(), "epayment");
    assert_eq!(route(&app, "order-0002").await, "ecom");
    let big = app
        .initiating(&order(&"x".repeat(2_000), 1_000))
        .send()
        .await;
    assert_eq!(big.status, 413);
    // Upstream has it and answers later; then the event log is read, as it was set.
    assert!(app.world().approve(MSN, "order-0001"));
    app.took();
    let slow = Action::Delay {
        before_ms: 700,
        after_ms: 0,
    };
    app.world().add_fault(Fault::once("/capture", slow));
    let mut client = app
        .changing("capture", "order-0001", 400, "x")
        .begin()
        .await;
    let sent = || {
        app.world()
            .requests()
            .iter()
            .any(|r| r.path().ends_with("/capture"))
    };
    until(sent).await;
    app.set("routing.transaction_id", "\"payment\"");
    assert_eq!(changed(&reload(&app).await), ["routing.transaction_id"]);
    client.read(false).await.unwrap().ok();
    let events = |all: &[String]| all.iter().filter(|r| r.ends_with("/events")).count();
    assert_eq!(events(&app.took()), 1);
    app.capture("order-0001", 400, "y").await.ok();
    assert_eq!(events(&app.took()), 0);
}

#[tokio::test]
async fn an_operator_hears_what_was_changed_and_what_is_wrong() {
    let mut app = asked_only(&[]).start().await;
    assert!(changed(&reload(&app).await).is_empty());
    app.set("callbacks.timeout", "\"7s\"");
    app.merchant("msn = \"777777\"\nsubscription_key = \"canary-one\"");
    let good = app.configuration().0;
    let answer = reload_with(&app, &good).await;
    let first = &answer.ok()["changes"][0];
    assert_eq!(
        *first,
        json!({"key": "callbacks.timeout", "old": "\"10s\"", "new": "\"7s\""})
    );
    let keys = [
        "callbacks.timeout",
        "merchants.777777.msn",
        "merchants.777777.subscription_key",
    ];
    assert_eq!(changed(&answer), keys);
    // All problems at once, and no line of the file.
    let wrong = format!("{good}\ncolour = \"canary-line\"\n[shadow]\nqueue = 0\n");
    let answer = reload_with(&app, &wrong).await;
    assert_eq!(answer.status, 422);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let problems = answer.json()["problems"].as_array().unwrap().clone();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[1]
            .as_str()
            .unwrap()
            .starts_with("shadow.queue = 0")
    );
    assert_eq!(app.metric("bridge_reload_failed").await, 1.0);
    // What needs a restart is named, each of it, and nothing else of the file is put in force.
    let other = good
        .replace("[proxy]\n", "[proxy]\nmax_in_flight = 7\n")
        .replace("[store]\n", "[store]\nencryption_key = \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"\n");
    let answer = reload_with(&app, &format!("{other}\n[routing]\ninitiate = \"ecom\"")).await;
    assert_eq!(answer.status, 409);
    let problems = answer.json()["problems"].to_string();
    for key in ["proxy.max_in_flight", "store.encryption_key"] {
        assert!(
            problems.contains(&format!("{key} needs a restart: ")),
            "{problems}"
        );
    }
    assert!(!problems.contains("routing"), "{problems}");
    assert_eq!(route(&app, "order-0001").await, "epayment");
    assert_eq!(app.metric("bridge_reload_failed").await, 1.0);
    // A secret is changed, and that is all that is said of it.
    let answer = reload_with(&app, &good.replace("canary-one", "canary-two")).await;
    assert_eq!(answer.ok()["changes"][0]["new"], "changed");
    assert_eq!(app.metric("bridge_reload_failed").await, 0.0);
    for (outcome, count) in [("applied", 2), ("unchanged", 1), ("refused", 2)] {
        assert_eq!(reloads(&app, outcome).await, count, "{outcome}");
    }
    for body in [
        json!({"who": "ann"}),
        json!({"who": "", "why": "x"}),
        json!([]),
    ] {
        let answer = operate(&app, "", "POST /api/reload", &body).await;
        assert!([400, 422].contains(&answer.status), "{}", answer.text());
    }
    let list = app.admin("/api/changes").await.ok();
    let listed: Vec<&Value> = list["changes"].as_array().unwrap().iter().collect();
    assert_eq!(listed.len(), 4);
    assert_eq!(
        (&listed[3]["key"], &listed[3]["what"]),
        (&json!(keys[0]), &json!("reload"))
    );
    assert_eq!(
        (&listed[0]["msn"], &listed[0]["who"]),
        (&json!("777777"), &json!("ann"))
    );
    let log = app.log.text();
    assert!(log.contains("\"a setting was changed\"") && log.contains("needs a restart"));
    for text in [list.to_string(), log, problems] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn merchants_come_and_go_and_an_override_stays() {
    let mut app = asked_only(&[]).start().await;
    let other = async |app: &TestApp, id: &str| {
        let mut body = order(id, 1_000);
        body["merchantInfo"]["merchantSerialNumber"] = OTHER_MSN.into();
        let ask = app
            .initiating(&body)
            .header("Merchant-Serial-Number", OTHER_MSN);
        let answer = ask.send().await;
        answer.ok();
        answer.route().to_owned()
    };
    assert_eq!(other(&app, "order-0001").await, "epayment");
    app.merchant(&format!(
        "msn = \"{OTHER_MSN}\"\nrouting = {{ initiate = \"ecom\" }}"
    ));
    assert_eq!(changed(&reload(&app).await).len(), 2);
    assert_eq!(other(&app, "order-0002").await, "ecom");
    assert_eq!(route(&app, "order-0003").await, "epayment");
    let wish = json!({"key": "initiate", "value": "ecom", "who": "ann", "why": "a test"});
    assert_eq!(
        operate(&app, "", "POST /api/toggles", &wish).await.status,
        201
    );
    app.unset_merchants();
    app.set("routing.initiate", "{ epayment_percent = 100 }");
    assert_eq!(changed(&reload(&app).await).len(), 3);
    let toggles = app.admin("/api/toggles").await.ok();
    assert_eq!(toggles["toggles"][0]["toggle"], "ecom");
    assert_eq!(toggles["toggles"][0]["configured"], "100%");
    assert_eq!(route(&app, "order-0004").await, "ecom");
    operate(
        &app,
        "",
        "DELETE /api/toggles/1",
        &json!({"who": "ann", "why": "done"}),
    )
    .await
    .ok();
    assert_eq!(other(&app, "order-0005").await, "epayment");
}

#[tokio::test]
async fn the_log_is_turned_and_the_token_exchanged() {
    let mut app = asked_only(&[]).start().await;
    app.set("telemetry.log_level", "\"warn\"");
    reload(&app).await.ok();
    app.initiate("order-0001", 1_000).await.ok();
    let quiet = app.log.text().matches("\"operation\":\"initiate\"").count();
    app.set("telemetry.log_level", "\"info\"");
    reload(&app).await.ok();
    app.initiate("order-0002", 1_000).await.ok();
    let loud = app.log.text().matches("\"operation\":\"initiate\"").count();
    assert_eq!((quiet, loud), (0, 1));
    // Both changes of the level can be read in the log.
    assert_eq!(
        app.log
            .text()
            .matches("\"key\":\"telemetry.log_level\"")
            .count(),
        2
    );
    app.set("admin.token", &format!("\"{TOKEN}\""));
    reload(&app).await.ok();
    let ask = async |token: &str| {
        operate(&app, token, "GET /metrics", &Value::Null)
            .await
            .status
    };
    assert_eq!((ask("").await, ask(TOKEN).await), (401, 200));
    app.write(&app.configuration().0.replace(TOKEN, "another-token-0123"));
    let why = json!({"who": "ann", "why": "a test"});
    operate(&app, TOKEN, "POST /api/reload", &why).await.ok();
    assert_eq!(
        (ask(TOKEN).await, ask("another-token-0123").await),
        (401, 200)
    );
    assert!(!app.log.text().contains("canary-token"));
}

#[tokio::test]
async fn credentials_of_the_configuration_are_used_from_then_on() {
    let mut shop = Shop::of(reached(&[]).looks(NEVER)).await;
    // Wrong ones: the failure is remembered for them, not for those that follow.
    let keys = |secret: &str| format!("{KEYS}\nclient_secret = \"{secret}\"");
    shop.app.merchant(&keys("wrong-canary"));
    reload(&shop.app).await.ok();
    eventually(async || shop.app.admin("/readyz").await.text().contains(MSN)).await;
    shop.app.unset_merchants();
    shop.app.merchant(&keys("demo-secret"));
    assert_eq!(
        changed(&reload(&shop.app).await),
        ["merchants.123456.client_secret"]
    );
    shop.registered().await;
    assert!(!shop.app.log.text().contains("wrong-canary"));
}

#[tokio::test]
async fn a_webhook_secret_counts_from_then_on() {
    let mut shop = Shop::of(reached(&[]).looks(NEVER)).await;
    shop.order("order-0001").await;
    let hooks = shop.app.callbacks().webhooks(None).await.unwrap();
    let secret = hooks[0].secret.expose_secret().to_owned();
    shop.app.world().pause_webhooks();
    shop.approve("order-0001");
    shop.app.wipe_store().await;
    shop.app.world().resume_webhooks();
    eventually(async || shop.last_answer() == Some(404)).await;
    shop.app
        .merchant(&format!("msn = \"{MSN}\"\nwebhook_secret = \"{secret}\""));
    reload(&shop.app).await.ok();
    shop.app.world().redeliver_webhooks(None);
    eventually(async || shop.last_answer() == Some(200)).await;
    assert!(!shop.app.log.text().contains(&secret));
}

#[tokio::test]
async fn rules_for_callbacks_are_exchanged() {
    let mut shop = Shop::of(reached(&[]).looks(NEVER)).await;
    shop.order("order-0001").await;
    shop.app
        .set("callbacks.allowed_hosts", "[\"shop.example\"]");
    reload(&shop.app).await.ok();
    shop.approve("order-0001");
    eventually(async || shop.counts().await.dead == 1).await;
    let listed = shop.app.admin("/api/callbacks").await.text();
    assert!(listed.contains("callbacks.allowed_hosts"), "{listed}");
    shop.app.set("callbacks.allowed_hosts", "[]");
    reload(&shop.app).await.ok();
    shop.order("order-0002").await;
    shop.approve("order-0002");
    shop.told(1).await;
    assert_eq!(shop.statuses("order-0002"), ["RESERVED"]);
}

/// With the time that it started with, the end would not come while the test waits.
#[tokio::test]
async fn the_drain_time_is_the_one_in_force_at_the_end() {
    let values = [
        ("proxy.drain_timeout", "\"1h\""),
        ("proxy.request_timeout", "\"10m\""),
        ("upstream.timeout", "\"9m\""),
    ];
    let mut app = asked_only(&values).start().await;
    let hang = Action::Hang { processed: false };
    app.world().add_fault(Fault::always("/payments", hang));
    let ask = app.initiating(&order("order-0001", 1_000));
    let _client = ask.begin().await;
    until(|| !app.world().requests().is_empty()).await;
    app.set("proxy.drain_timeout", "\"0s\"");
    assert_eq!(changed(&reload(&app).await), ["proxy.drain_timeout"]);
    app.down().await;
}
