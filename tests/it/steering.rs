//! Levers moved while the bridge runs: by the admin API, with calls in flight, over restarts, on two instances.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault};
use serde_json::{Value, json};

use crate::support::app::{MSN, OTHER_MSN, TestApp, with};
use crate::support::client::{Answer, Client};
use crate::support::postgres::Postgres;
use crate::support::shop::{Ask, order};
use crate::support::{Random, eventually, soon, until};

/// Asks the operator's listener.
async fn ask(app: &TestApp, method: &str, path: &str, body: Option<Value>) -> Answer {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let length = body.len();
    let mut client = Client::to(app.admin_addr()).await;
    client
        .ask(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ))
        .await
}

async fn set(app: &TestApp, key: &str, value: &str, more: Value) -> Answer {
    let mut body = json!({"key": key, "value": value, "who": "ann", "why": "a test"});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    ask(app, "POST", "/api/toggles", Some(body)).await
}

async fn kill(app: &TestApp, on: bool) -> Answer {
    let body = json!({"on": on, "who": "ann", "why": "a test"});
    ask(app, "POST", "/api/kill-switch", Some(body)).await
}

fn because() -> Option<Value> {
    Some(json!({"who": "ann", "why": "seen enough"}))
}

/// Which way a new order goes.
async fn way(app: &TestApp, id: &str) -> String {
    let answer = app.initiate(id, 10_000).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.route().to_owned()
}

#[tokio::test]
async fn an_override_acts_at_once_says_who_and_is_undone_with_one_call() {
    let app = TestApp::start().await;
    assert_eq!(way(&app, "order-0001").await, "epayment");
    let made = set(&app, "initiate", "ecom", json!({"msn": MSN})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_i64().unwrap();
    assert_eq!(way(&app, "order-0002").await, "ecom");
    let toggles = ask(&app, "GET", "/api/toggles", None).await.json();
    assert_eq!(toggles["overrides"][0]["who"], "ann");
    assert_eq!(
        toggles["merchants"][0]["toggles"][0]["decidedBy"],
        "unit-override"
    );
    assert_eq!(
        toggles["merchants"][0]["toggles"][0]["configured"],
        "epayment"
    );
    assert_eq!(toggles["toggles"][0]["decidedBy"], "toggle");
    assert!((app.metric("bridge_overrides").await - 1.0).abs() < 0.1);
    let undone = ask(&app, "DELETE", &format!("/api/toggles/{id}"), because()).await;
    assert_eq!(undone.status, 200, "{}", undone.text());
    assert_eq!(way(&app, "order-0003").await, "epayment");
    let twice = ask(&app, "DELETE", &format!("/api/toggles/{id}"), because()).await;
    assert_eq!(twice.status, 404, "{}", twice.text());
    let changes = ask(&app, "GET", "/api/changes", None).await.json();
    let list: Vec<String> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{} {} {} {}", c["what"], c["key"], c["new"], c["why"]).replace('"', ""))
        .collect();
    assert_eq!(
        list,
        [
            "undo initiate as configured seen enough",
            "override initiate ecom a test"
        ]
    );
    assert!(app.log.text().contains("a lever was moved"));
}

#[tokio::test]
async fn what_can_not_be_set_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    for (body, status, told) in [
        (json!({"key": "initiate", "value": "ecom"}), 422, "who"),
        (
            json!({"key": "initiate", "value": "ecom", "who": " ", "why": "x"}),
            400,
            "who you are",
        ),
        (
            json!({"key": "initiate", "value": "ecom", "who": "x", "why": ""}),
            400,
            "why",
        ),
        (
            json!({"key": "capture", "value": "5%", "who": "x", "why": "x"}),
            400,
            "only initiate",
        ),
        (
            json!({"key": "initiate", "value": "101%", "who": "x", "why": "x"}),
            400,
            "percentage",
        ),
        (
            json!({"key": "kill_switch", "value": "ecom", "who": "x", "why": "x"}),
            400,
            "key is",
        ),
        (
            json!({"key": "approve", "value": "ecom", "who": "x", "why": "x"}),
            400,
            "key is",
        ),
        (
            json!({"key": "initiate", "value": "ecom", "who": "x", "why": "x", "msn": "1"}),
            400,
            "MSN",
        ),
        (
            json!({"key": "initiate", "value": "ecom", "who": "x", "why": "x", "for": "0s"}),
            400,
            "over",
        ),
        (
            json!({"key": "initiate", "value": "ecom", "who": "x", "why": "x", "for": "soon"}),
            400,
            "duration",
        ),
        (
            json!({"key": "initiate", "value": "ecom", "who": "x", "why": "x", "fro": "2h"}),
            422,
            "fro",
        ),
    ] {
        let answer = ask(&app, "POST", "/api/toggles", Some(body.clone())).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.text().contains(told), "{body}: {}", answer.text());
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/problem+json"), "{kind}");
    }
    assert_eq!(way(&app, "order-0001").await, "epayment");
    let off = kill(&app, false).await;
    assert_eq!(off.status, 409, "{}", off.text());
    let toggles = ask(&app, "GET", "/api/toggles", None).await.json();
    assert_eq!(toggles["overrides"], json!([]));
    let changes = ask(&app, "GET", "/api/changes", None).await.json();
    assert_eq!(changes["changes"], json!([]));
}

#[tokio::test]
async fn an_override_survives_a_restart_and_ends_by_itself() {
    let mut app = TestApp::start().await;
    set(&app, "initiate", "ecom", json!({"for": "2h"}))
        .await
        .ok_status();
    app.restart().await;
    // From the first call on.
    assert_eq!(way(&app, "order-0001").await, "ecom");
    app.advance(Duration::from_secs(3600));
    assert_eq!(way(&app, "order-0002").await, "ecom");
    app.advance(Duration::from_secs(3601));
    let n = AtomicUsize::new(10);
    eventually(async || {
        let id = format!("order-{:04}", n.fetch_add(1, Ordering::SeqCst));
        way(&app, &id).await == "epayment"
    })
    .await;
    let changes = ask(&app, "GET", "/api/changes", None).await.json();
    assert_eq!(changes["changes"][0]["what"], "expired");
}

#[tokio::test]
async fn the_kill_switch_leaves_payments_where_they_were_born() {
    let app = TestApp::start().await;
    app.reserved("order-0001", 10_000).await;
    app.reserved_in_ecom("order-0002", 10_000).await;
    // What eCom has is known to the bridge once it was read.
    app.details("order-0002").await.ok_status();
    kill(&app, true).await.ok_status();
    assert_eq!(way(&app, "order-0003").await, "ecom");
    let born_here = app.capture("order-0001", 4_000, "a").await;
    assert_eq!((born_here.status, born_here.route()), (200, "epayment"));
    let born_there = app.capture("order-0002", 4_000, "b").await;
    assert_eq!((born_there.status, born_there.route()), (200, "ecom"));
    let repeated = app.initiate("order-0001", 10_000).await;
    assert_eq!(repeated.route(), "epayment", "{}", repeated.text());
    let off = kill(&app, false).await;
    assert_eq!(off.status, 200, "{}", off.text());
    assert_eq!(way(&app, "order-0004").await, "epayment");
    let born_there = app.capture("order-0002", 4_000, "c").await;
    assert_eq!(born_there.route(), "epayment");
}

/// B5: a thousand calls, many of them in flight, while the switch goes on: none fails, and what is asked after the
/// switch was acknowledged goes to eCom.
#[tokio::test]
async fn b5_the_kill_switch_during_traffic_fails_nothing_and_acts_at_once() {
    let app = Arc::new(TestApp::start().await);
    let slow = Action::Delay {
        before_ms: 20,
        after_ms: 20,
    };
    app.world().add_fault(Fault::always("/payments", slow));
    let on = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..50)
        .map(|task| {
            let (app, on, done) = (Arc::clone(&app), Arc::clone(&on), Arc::clone(&done));
            tokio::spawn(async move {
                let mut after = 0;
                for n in 0..20 {
                    let was_on = on.load(Ordering::SeqCst);
                    let body = order(&format!("order-{task:02}-{n:03}"), 10_000);
                    let answer = app.initiating(&body).send().await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    if was_on {
                        assert_eq!(answer.route(), "ecom");
                        after += 1;
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                }
                after
            })
        })
        .collect();
    until(|| done.load(Ordering::SeqCst) > 200).await;
    kill(&app, true).await.ok_status();
    on.store(true, Ordering::SeqCst);
    let mut after = 0;
    for task in tasks {
        after += soon(task).await.unwrap();
    }
    assert!(after > 100, "the switch was on for {after} calls");
}

#[tokio::test]
async fn two_instances_on_one_database_follow_each_other() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = server.setting();
    let one = with(&[("store.url", &url)]).start().await;
    let two = with(&[("store.url", &url)]).start().await;
    set(&one, "initiate", "ecom", json!({"msn": OTHER_MSN}))
        .await
        .ok_status();
    kill(&one, true).await.ok_status();
    let n = AtomicUsize::new(0);
    eventually(async || {
        let id = format!("order-{:04}", n.fetch_add(1, Ordering::SeqCst));
        way(&two, &id).await == "ecom"
    })
    .await;
    let seen = ask(&two, "GET", "/api/toggles", None).await.json();
    assert_eq!(seen["overrides"].as_array().unwrap().len(), 2);
    let off = kill(&two, false).await;
    assert_eq!(off.status, 200, "{}", off.text());
    let n = AtomicUsize::new(0);
    eventually(async || {
        let id = format!("other-{:04}", n.fetch_add(1, Ordering::SeqCst));
        way(&one, &id).await == "epayment"
    })
    .await;
}

/// Moves a lever at random, mostly not.
async fn jiggle(app: &TestApp, random: &mut Random) {
    if random.below(12) == 0 {
        let key = [
            "initiate", "capture", "cancel", "refund", "details", "status",
        ][random.below(6)];
        let value = match random.below(3) {
            0 if key == "initiate" => format!("{}%", random.below(101)),
            1 => "ecom".to_owned(),
            _ => "epayment".to_owned(),
        };
        let msn = match random.below(2) {
            0 => json!({"msn": MSN}),
            _ => json!({}),
        };
        set(app, key, &value, msn).await.ok_status();
    }
    if random.below(40) == 0 {
        let moved = kill(app, random.below(2) == 0).await;
        assert!(matches!(moved.status, 200 | 201 | 409), "{}", moved.text());
    }
}

/// A call about an order, and the query that asks for its explanation.
fn any_call(
    app: &TestApp,
    id: &str,
    fresh: bool,
    step: usize,
    random: &mut Random,
) -> (Ask, String) {
    let express = random.below(5) == 0;
    if fresh || random.below(10) == 0 {
        let body = match express {
            true => crate::support::shop::express(id, 10_000),
            false => order(id, 10_000),
        };
        let query = format!("method=POST&path=/ecomm/v2/payments&order={id}&express={express}");
        return (app.initiating(&body), query);
    }
    let (method, op) = [
        ("POST", "capture"),
        ("POST", "refund"),
        ("PUT", "cancel"),
        ("GET", "details"),
        ("GET", "status"),
    ][random.below(5)];
    let path = format!("/ecomm/v2/payments/{id}/{op}");
    let ask = match method {
        "GET" => app.ask("GET", &path),
        _ => app.changing(op, id, 100, &format!("{step}")),
    };
    (ask, format!("method={method}&path={path}"))
}

/// I12: what `explain` says of the running bridge is what it then does. `EXPLAIN_CASES=` sets how many.
#[tokio::test]
async fn i12_explain_says_what_serve_does() {
    let cases = std::env::var("EXPLAIN_CASES").ok();
    let cases = cases.and_then(|n| n.parse().ok()).unwrap_or(800);
    let app = TestApp::start().await;
    let mut random = Random::from_environment(0x112);
    let mut orders: Vec<String> = Vec::new();
    for step in 0..cases {
        jiggle(&app, &mut random).await;
        let fresh = orders.is_empty() || random.below(4) == 0;
        let id = match (fresh, random.below(4)) {
            (false, _) => orders[random.below(orders.len())].clone(),
            (true, 0) => format!("S{step}"),
            (true, 1) => format!("odd.{step}"),
            (true, _) => format!("order-{step:06}"),
        };
        let (call, query) = any_call(&app, &id, fresh, step, &mut random);
        let told = ask(
            &app,
            "GET",
            &format!("/api/explain?{query}&msn={MSN}"),
            None,
        )
        .await;
        let told = told.json();
        let answer = soon(call.send()).await;
        let (route, served) = (told["route"].as_str().unwrap(), answer.route());
        assert!(
            route.split(" then ").any(|route| route == served),
            "step {step} {query}: {told}, but {served}: {}",
            answer.text()
        );
        if fresh {
            if random.below(3) > 0 {
                let named = crate::support::shop::reference(&id);
                let _one_of_them =
                    app.world().approve(MSN, &id) || app.world().approve(MSN, &named);
            }
            orders.push(id);
        }
        if step % 200 == 0 {
            app.took();
        }
    }
    app.took();
}
