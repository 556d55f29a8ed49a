//! Reads asked of both APIs, through the whole bridge: what is compared, what is told, and what never reaches the merchant.

use std::collections::BTreeSet;

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::simulator::{Action, Fault, SeenRequest};
use ecom_bridge::store::{DifferenceKind, FieldRecord, ShadowCounts, Way};
use serde_json::json;

use crate::support::app::{MSN, TestApp, Wanted, with};
use crate::support::eventually;
use crate::support::shop::express;

const READ: (Operation, Way) = (Operation::Details, Way::Read);

/// A bridge before a migration, that shadows reads.
pub(crate) fn shadowing(values: &[(&str, &str)]) -> Wanted {
    let mut wanted = with(&[
        ("shadow.mode", "\"read\""),
        ("shadow.noise_percent", "0"),
        ("shadow.reads_per_second", "1000"),
        ("reads.background_share", "100"),
        ("reads.poll", "false"),
    ]);
    for operation in [
        "initiate", "capture", "cancel", "refund", "details", "status",
    ] {
        wanted.set(&format!("routing.{operation}"), "\"ecom\"");
    }
    wanted.add(values);
    wanted
}

/// Waits until nothing is in flight; all counts of this process.
pub(crate) async fn settled(app: &TestApp) {
    let shadow = app.shadow();
    eventually(async || {
        let figures = shadow.figures();
        figures.accounts.values().all(|one| one.in_flight == 0)
    })
    .await;
    for (name, one) in &shadow.figures().accounts {
        let dropped: u64 = one.dropped.values().sum();
        let ended = one.clean + one.differing + one.filtered + dropped + one.failed;
        assert_eq!(one.offered, ended, "I10: {name:?} {one:?}");
    }
}

pub(crate) async fn counts(app: &TestApp, name: (Operation, Way)) -> ShadowCounts {
    settled(app).await;
    let record = app.findings().await;
    record.counts.get(&name).cloned().unwrap_or_default()
}

pub(crate) async fn fields(app: &TestApp) -> BTreeSet<String> {
    settled(app).await;
    let fields = app.findings().await.fields;
    // A loss of the translation is told, and does not count.
    let counts = |one: &&FieldRecord| one.differing > 0 && one.kind != DifferenceKind::Loss;
    let differing = fields.iter().filter(counts);
    differing.map(|one| one.field.to_string()).collect()
}

/// An answer instead of the simulator's own.
fn status(status: u16, body: &str, headers: &[(&str, &str)]) -> Action {
    let headers = headers.iter();
    Action::Status {
        status,
        body: Some(body.to_owned()),
        headers: headers
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
        processed: false,
    }
}

/// Creates a payment in eCom through the bridge, and the user approves.
pub(crate) async fn approved(app: &TestApp, id: &str) {
    app.initiate(id, 10_000).await.ok();
    assert!(app.world().approve(MSN, id));
}

#[tokio::test]
async fn every_state_of_a_payment_is_compared_and_both_apis_say_the_same() {
    let app = shadowing(&[("shadow.noise_percent", "100")]).start().await;
    app.initiate("order-0001", 10_000).await.ok();
    let look = async || {
        app.details("order-0001").await.ok();
        app.ask("GET", "/ecomm/v2/payments/order-0001/status")
            .send()
            .await
            .ok();
        settled(&app).await;
    };
    look().await;
    assert!(app.world().approve(MSN, "order-0001"));
    look().await;
    app.capture("order-0001", 4_000, "c1").await.ok();
    look().await;
    app.changing("refund", "order-0001", 1_000, "r1")
        .send()
        .await
        .ok();
    look().await;
    app.changing("cancel", "order-0001", serde_json::Value::Null, "x1")
        .send()
        .await;
    look().await;
    for reject in ["order-0002", "order-0003"] {
        app.initiate(reject, 10_000).await.ok();
        match reject {
            "order-0002" => app.world().reject(MSN, reject),
            _ => app.world().expire(MSN, reject),
        };
        app.details(reject).await.ok();
    }
    assert_eq!(fields(&app).await, BTreeSet::new());
    let details = counts(&app, READ).await;
    assert_eq!((details.clean, details.differing), (7, 0), "{details:?}");
    assert_eq!(details.noise_pairs, 7);
    let status = counts(&app, (Operation::Status, Way::Read)).await;
    assert_eq!(status.compared(), 5, "{status:?}");
    assert!(!app.shadow().figures().silent);
}

#[tokio::test]
async fn a_wrong_translation_is_found_and_named_by_its_field() {
    let app = shadowing(&[]).start().await;
    approved(&app, "order-0001").await;
    app.capture("order-0001", 4_000, "c1").await.ok();
    app.world().add_fault(Fault::always(
        "/epayment/v1/payments/order-0001",
        Action::WrongAmount,
    ));
    let answer = app.details("order-0001").await;
    assert_eq!(answer.json()["transactionSummary"]["capturedAmount"], 4_000);
    let found = fields(&app).await;
    assert!(
        found.iter().all(|field| field.contains("mount")),
        "{found:?}"
    );
    assert!(!found.is_empty());
    let record = app.findings().await;
    let sample = &record.fields[0].samples[0];
    assert_eq!(sample.order.as_ref().unwrap().as_str(), "order-0001");
    assert!(sample.control.parse::<i64>().is_ok(), "{sample:?}");
}

#[tokio::test]
async fn d7_what_differs_only_once_is_a_race_and_no_difference() {
    let app = shadowing(&[]).start().await;
    approved(&app, "order-0001").await;
    let path = "/epayment/v1/payments/order-0001";
    app.world()
        .add_fault(Fault::once(path, Action::WrongAmount).times(2));
    app.details("order-0001").await.ok();
    assert_eq!(fields(&app).await, BTreeSet::new());
    assert_eq!(counts(&app, READ).await.clean, 1);
}

#[tokio::test]
async fn reads_that_epayment_answers_are_compared_with_ecom() {
    let app = shadowing(&[("routing.details", "\"epayment\"")])
        .start()
        .await;
    approved(&app, "order-0001").await;
    let answer = app.details("order-0001").await;
    assert_eq!(answer.route(), "epayment");
    assert_eq!(counts(&app, READ).await.clean, 1);
    assert_eq!(fields(&app).await, BTreeSet::new());
    // eCom can't read what ePayment made.
    let mut app = app;
    app.set("routing.initiate", "\"epayment\"");
    app.restart().await;
    app.reserved("order-0002", 10_000).await;
    app.details("order-0002").await.ok();
    let counts = counts(&app, READ).await;
    assert_eq!(counts.filtered.of("not-born-in-ecom"), 1, "{counts:?}");
}

#[tokio::test]
async fn what_is_filtered_says_why_and_what_the_operator_wants_is_no_alarm() {
    let mut app = shadowing(&[
        ("shadow.operations", "[\"details\", \"status\"]"),
        ("merchant", "msn = \"234567\"\nshadow = { enabled = false }"),
    ])
    .start()
    .await;
    app.initiating(&express("express-01", 10_000))
        .send()
        .await
        .ok();
    assert!(app.world().approve(MSN, "express-01"));
    app.details("express-01").await.ok();
    app.details("no-such-order").await;
    let unknown = Action::Status {
        status: 404,
        body: Some(json!({"extraDetails": [{"name": "5090", "reason": "reference not found"}], "title": "Reference not found", "detail": "reference not found", "status": 404}).to_string()),
        headers: vec![],
        processed: false,
    };
    app.world()
        .add_fault(Fault::always("/epayment/v1/payments/order-0009", unknown));
    app.reserved_in_ecom("order-0009", 10_000).await;
    app.details("order-0009").await.ok();
    let initiate = counts(&app, (Operation::Initiate, Way::Dry)).await;
    assert_eq!(initiate.filtered.of("operation-off"), 1, "{initiate:?}");
    let details = counts(&app, READ).await;
    assert_eq!(details.filtered.of("express"), 1, "{details:?}");
    assert_eq!(details.filtered.of("not-born-in-ecom"), 1, "{details:?}");
    assert_eq!(details.filtered.of("not-in-epayment"), 1, "{details:?}");
    assert!(!app.shadow().figures().silent);
    app.set("shadow.sample_percent", "0");
    app.merchant(&format!(
        "msn = \"{MSN}\"\nshadow = {{ sample_percent = 0 }}"
    ));
    app.merchant("msn = \"345678\"\nshadow = { sample_percent = 5 }");
    app.restart().await;
    approved(&app, "order-0001").await;
    for _ in 0..20 {
        app.details("order-0001").await.ok();
    }
    let details = counts(&app, READ).await;
    assert_eq!(details.filtered.of("not-sampled"), 20, "{details:?}");
    assert!(!app.shadow().figures().silent);
}

#[tokio::test]
async fn d1_a_target_that_is_dead_hangs_errs_or_floods_changes_nothing_for_the_merchant() {
    for (action, reason) in [
        (Action::Hang { processed: false }, "epayment-no-answer"),
        (Action::ResetBefore, "epayment-no-answer"),
        (Action::CloseAfter, "epayment-no-answer"),
        (Action::Html, "epayment-no-answer"),
        (
            Action::Status {
                status: 500,
                body: Some("x".repeat(3 << 20)),
                headers: vec![],
                processed: false,
            },
            "epayment-no-answer",
        ),
        (
            Action::Status {
                status: 429,
                body: None,
                headers: vec![],
                processed: false,
            },
            "after-429",
        ),
    ] {
        let app = shadowing(&[("shadow.timeout", "\"300ms\"")]).start().await;
        approved(&app, "order-0001").await;
        let plain = app.details("order-0001").await;
        settled(&app).await;
        let shown = format!("{action:?}");
        let fault = Fault::always("/epayment/v1/payments/order-0001", action);
        app.world().add_fault(fault);
        let answer = app.details("order-0001").await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, plain.json()),
            "{shown}"
        );
        let counts = counts(&app, READ).await;
        let told = counts.failed.of(reason) + counts.dropped.of(reason);
        assert_eq!(told, 1, "{shown}: {counts:?}");
        assert_eq!(counts.clean, 1);
    }
}

#[tokio::test]
async fn d2_a_full_queue_drops_counts_and_never_waits() {
    let app = shadowing(&[
        ("shadow.queue", "1"),
        ("shadow.concurrency", "1"),
        ("shadow.timeout", "\"2s\""),
    ])
    .start()
    .await;
    approved(&app, "order-0001").await;
    let path = "/epayment/v1/payments/order-0001";
    app.world()
        .add_fault(Fault::always(path, Action::Hang { processed: false }));
    for _ in 0..20 {
        app.details("order-0001").await.ok();
    }
    let figures = app.shadow().figures();
    let running = &figures.accounts[&READ];
    assert_eq!(running.offered, 20);
    assert!(running.dropped["queue-full"] >= 17, "{running:?}");
    assert!(running.in_flight >= 1, "the balance holds while it hangs");
    app.world().clear_faults();
    settled(&app).await;
}

#[tokio::test]
async fn d3_on_but_nothing_compared_is_an_alarm_until_something_is() {
    let app = shadowing(&[("shadow.operations", "[\"details\"]")])
        .start()
        .await;
    approved(&app, "order-0001").await;
    let path = "/epayment/v1/payments/order-0001";
    app.world()
        .add_fault(Fault::always(path, Action::ResetBefore));
    for _ in 0..12 {
        app.details("order-0001").await.ok();
        settled(&app).await;
    }
    assert!(app.shadow().figures().silent);
    app.world().clear_faults();
    app.details("order-0001").await.ok();
    settled(&app).await;
    assert!(!app.shadow().figures().silent);
    assert_eq!(app.metric("bridge_shadow_silent").await, 0.0);
}

#[tokio::test]
async fn d4_answers_that_cannot_be_compared_are_counted_as_failures() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let wide = format!("\"{}\"", "x".repeat(3 << 20));
    for (body, reason) in [
        ("<html>".to_owned(), "control-not-json"),
        (deep, "control-too-deep"),
        (wide, "control-too-large"),
    ] {
        let app = shadowing(&[]).start().await;
        approved(&app, "order-0001").await;
        let action = Action::Status {
            status: 200,
            body: Some(body),
            headers: vec![],
            processed: false,
        };
        app.world()
            .add_fault(Fault::once("/ecomm/v2/payments/order-0001/details", action));
        assert_eq!(app.details("order-0001").await.status, 200);
        let counts = counts(&app, READ).await;
        assert_eq!(counts.failed.of(reason), 1, "{counts:?}");
        app.details("order-0001").await.ok();
        settled(&app).await;
    }
}

#[tokio::test]
async fn failures_of_the_primary_are_shadowed_too() {
    let app = shadowing(&[]).start().await;
    approved(&app, "order-0001").await;
    let down = |times| {
        let action = Action::Status {
            status: 500,
            body: Some("{}".to_owned()),
            headers: vec![],
            processed: false,
        };
        Fault::once("/ecomm/v2/payments/order-0001/details", action).times(times)
    };
    app.world().add_fault(down(1));
    assert_eq!(app.details("order-0001").await.status, 500);
    assert_eq!(counts(&app, READ).await.clean, 1, "eCom was itself again");
    app.world().add_fault(down(2));
    assert_eq!(app.details("order-0001").await.status, 500);
    let counts = counts(&app, READ).await;
    assert_eq!(counts.failed.of("ecom-error"), 1, "{counts:?}");
    assert_eq!(fields(&app).await, BTreeSet::new());
}

#[tokio::test]
async fn d5_d6_shadows_only_read_are_marked_and_never_loop() {
    let app = shadowing(&[]).start().await;
    approved(&app, "order-0001").await;
    app.capture("order-0001", 4_000, "c1").await.ok();
    app.changing("refund", "order-0001", 1_000, "r1")
        .send()
        .await
        .ok();
    app.details("order-0001").await.ok();
    settled(&app).await;
    let marked: Vec<_> = app
        .world()
        .requests()
        .into_iter()
        .filter(|r| r.path().starts_with("/epayment/"))
        .collect();
    assert_eq!(marked.len(), 2, "{marked:?}");
    for request in &marked {
        assert_eq!(request.method, "GET");
        assert_eq!(request.header("bridge-shadow"), Some("1"));
        assert_eq!(
            request.header("vipps-system-plugin-name"),
            Some("ecom-bridge-shadow")
        );
    }
    let looped = app.ask("GET", "/ecomm/v2/payments/order-0001/details");
    let answer = looped.header("bridge-shadow", "1").send().await;
    assert_eq!(answer.status, 508, "{}", answer.text());
}

#[tokio::test]
async fn findings_outlive_a_restart_and_the_primary_s_metrics_stay_untouched() {
    let mut app = shadowing(&[]).start().await;
    approved(&app, "order-0001").await;
    app.details("order-0001").await.ok();
    settled(&app).await;
    let metrics = String::from_utf8(app.admin("/metrics").await.body).unwrap();
    let epayment = metrics.lines().filter(|line| {
        line.starts_with("bridge_upstream_seconds_count{") && line.contains("api=\"epayment\"")
    });
    assert_eq!(
        epayment.count(),
        0,
        "a shadow's reads are not the primary's"
    );
    assert!(
        metrics.contains("bridge_shadow_offered_total{operation=\"details\"} 1"),
        "{metrics}"
    );
    // Not asked for: the end of the process gives what was found to the store.
    app.restart().await;
    assert_eq!(counts(&app, READ).await.clean, 1);
    let report = app.admin("/api/shadow").await.json();
    assert_eq!(report["mode"], json!("read"), "{report}");
    let account = report["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["way"] == "read");
    assert_eq!(account.unwrap()["clean"], 1, "{report}");
}

#[tokio::test]
async fn nothing_is_shadowed_while_it_is_off() {
    let app = shadowing(&[("shadow.mode", "\"off\"")]).start().await;
    approved(&app, "order-0001").await;
    app.details("order-0001").await.ok();
    let record = app.findings().await;
    assert!(record.counts.is_empty(), "{record:?}");
    let asked = app.world().requests();
    assert!(asked.iter().all(|r| r.header("bridge-shadow").is_none()));
}

#[tokio::test]
async fn a_refusal_that_the_shop_got_counts_though_a_later_read_agrees() {
    let app = shadowing(&[("routing.details", "\"epayment\"")])
        .start()
        .await;
    approved(&app, "order-0001").await;
    let path = "/epayment/v1/payments/order-0001";
    app.world()
        .add_fault(Fault::once(path, status(403, "{}", &[])).times(2));
    let answer = app.details("order-0001").await;
    assert!((400..500).contains(&answer.status), "{}", answer.text());
    assert_eq!(fields(&app).await, BTreeSet::from(["(status)".to_owned()]));
}

#[tokio::test]
async fn an_answer_that_came_compressed_is_asked_for_again_whole() {
    let app = shadowing(&[]).start().await;
    approved(&app, "order-0001").await;
    let path = "/ecomm/v2/payments/order-0001/details";
    let packed = status(200, "no JSON at all", &[("Content-Encoding", "gzip")]);
    app.world().add_fault(Fault::once(path, packed));
    let asked = app.ask("GET", path).header("Accept-Encoding", "gzip");
    asked.header("If-None-Match", "x").send().await;
    assert_eq!(counts(&app, READ).await.clean, 1);
    let requests = app.world().requests();
    let again = |r: &&SeenRequest| r.path() == path && r.header("bridge-shadow").is_some();
    let again = requests.iter().find(again).expect("eCom was asked again");
    for name in ["accept-encoding", "if-none-match"] {
        assert_eq!(again.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn after_a_429_of_the_merchant_s_own_nothing_is_asked_for_a_minute() {
    let app = shadowing(&[]).start().await;
    approved(&app, "order-0001").await;
    let path = "/ecomm/v2/payments/order-0001/details";
    app.world()
        .add_fault(Fault::once(path, status(429, "{}", &[])));
    assert_eq!(app.details("order-0001").await.status, 429);
    app.details("order-0001").await.ok();
    assert_eq!(counts(&app, READ).await.dropped.of("after-429"), 2);
    let requests = app.world().requests();
    assert!(requests.iter().all(|r| r.header("bridge-shadow").is_none()));
    app.advance(std::time::Duration::from_secs(61));
    app.details("order-0001").await.ok();
    assert_eq!(counts(&app, READ).await.clean, 1);
}
