//! What shadowing has found, by API, command, page and metric, over a store that has findings.

use std::path::Path;

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::store::{
    DifferenceKind, FieldFinding, Findings, Sample, ShadowOutcome, ShadowStore, SqliteOptions,
    SqliteStore, Way,
};
use ecom_bridge::types::{FieldPath, Moment, OrderId};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api_document::{asked, because, document};
use crate::support::app::MSN;
use crate::support::callbacks::Shop;
use crate::support::visitor::{WHO, hidden, visitor};

const AMOUNT: &str = "/transactionSummary/capturedAmount";

/// 100 comparisons of details, 3 of which differ in one field, another in noise only.
async fn plant(file: &Path) {
    let store = SqliteStore::open(SqliteOptions::new(file)).await.unwrap();
    let at = Moment::parse("2026-11-24T14:18:15.742Z").unwrap();
    let ended = |outcome, count| ((Operation::Details, Way::Read, outcome), count);
    let field = |path: &str, differing, noise| FieldFinding {
        operation: Operation::Details,
        way: Way::Read,
        field: FieldPath::parse(path).unwrap(),
        kind: DifferenceKind::Value,
        differing,
        noise,
        ignored: 0,
        first_at: at,
        last_at: at,
        samples: vec![Sample {
            at,
            order: OrderId::parse("order-4711"),
            control: "0".to_owned(),
            candidate: "<b>1000</b>".to_owned(),
        }],
    };
    let findings = Findings {
        ended: [
            ended(ShadowOutcome::Clean, 96),
            ended(ShadowOutcome::Differing, 4),
            ended(ShadowOutcome::Filtered("sample"), 50),
            ended(ShadowOutcome::Failed("timeout"), 2),
        ]
        .into(),
        fields: vec![field(AMOUNT, 3, 0), field("/transactionLogHistory", 1, 90)],
        noise_pairs: [((Operation::Details, Way::Read), 100)].into(),
    };
    store.add_findings(&findings, at).await.unwrap();
    store.close().await;
}

/// A shop whose bridge opens a store that has findings.
pub(crate) async fn found(values: &[(&str, &str)]) -> (Shop, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("found.db");
    plant(&file).await;
    let url = format!("\"sqlite:{}\"", file.display());
    let mut all = vec![("store.url", url.as_str())];
    all.extend(values);
    let shop = Shop::with(&all).await;
    // So that there is a log to look through.
    shop.order("found-0001").await;
    (shop, folder)
}

#[tokio::test]
async fn real_answers_about_shadowing_fit_the_description() {
    let (shop, _folder) = found(&[("merchant", &format!("msn = \"{MSN}\""))]).await;
    let document = document();
    let ask = async |method: &'static str, path: &str, body, want| {
        asked(&shop, &document, (method, path, &[][..], body, want)).await
    };
    let told = ask("get", "/api/shadow", Value::Null, 200).await;
    let account = &told["accounts"][0];
    assert_eq!(
        (&account["offered"], &account["compared"]),
        (&json!(152), &json!(100))
    );
    assert_eq!(
        (&account["counting"], &told["mode"]),
        (&json!(3), &json!("off"))
    );
    assert_eq!(told["fields"][0]["field"], AMOUNT);
    assert_eq!(told["fields"][1]["signal"], "noise");
    let told = ask("get", "/api/shadow?operation=capture", Value::Null, 200).await;
    assert!(told["accounts"].as_array().unwrap().is_empty());
    ask("get", "/api/shadow?operation=settle", Value::Null, 400).await;

    let readiness = format!("/api/readiness?msn={MSN}");
    let differs = async || {
        let told = ask("get", &readiness, Value::Null, 200).await;
        let steps = told["merchants"][0]["steps"].as_array().unwrap();
        let details = steps.iter().find(|step| step["operation"] == "details");
        let reasons = details.unwrap()["reasons"].as_array().unwrap().iter();
        let told = reasons.filter(|reason| reason["code"] == "shadow");
        told.map(|reason| reason["weighs"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(differs().await, ["wait"]);
    assert!((shop.app.metric("bridge_shadow_fields").await - 1.0).abs() < 0.1);

    let judge = |field: &str, verdict: &str| {
        because(&format!(
            r#", "operation": "details", "way": "read", "field": "{field}", "verdict": "{verdict}""#
        ))
    };
    ask(
        "post",
        "/api/shadow/judge",
        judge("/nothing", "accepted"),
        404,
    )
    .await;
    ask("post", "/api/shadow/judge", judge(AMOUNT, "none"), 404).await;
    ask("post", "/api/shadow/judge", judge(AMOUNT, "fine"), 400).await;
    ask(
        "post",
        "/api/shadow/judge",
        judge("amount", "accepted"),
        400,
    )
    .await;
    ask("post", "/api/shadow/judge", json!({"who": "ann"}), 422).await;
    let silent = json!({"operation": "details", "field": AMOUNT, "verdict": "accepted", "who": "ann", "why": " "});
    ask("post", "/api/shadow/judge", silent, 400).await;
    ask("post", "/api/shadow/judge", judge(AMOUNT, "accepted"), 200).await;
    let told = ask("get", "/api/shadow", Value::Null, 200).await;
    assert_eq!(told["accounts"][0]["counting"], 0);
    assert_eq!(told["fields"].as_array().unwrap().len(), 2);
    assert_eq!(differs().await, ["go"]);
    ask("post", "/api/shadow/judge", judge(AMOUNT, "new-wrong"), 200).await;
    assert_eq!(differs().await, ["wait"]);
}

#[tokio::test]
async fn a_new_count_fits_the_description_and_is_listed() {
    let (shop, _folder) = found(&[]).await;
    let document = document();
    let ask = async |method: &'static str, path: &str, body, want| {
        asked(&shop, &document, (method, path, &[][..], body, want)).await
    };
    let of = because(r#", "operation": "details""#);
    let told = ask("post", "/api/shadow/reset", of, 200).await;
    assert_eq!(told["forgotten"], 152);
    ask("post", "/api/shadow/reset", because(""), 200).await;
    ask(
        "post",
        "/api/shadow/reset",
        because(r#", "operation": "all""#),
        400,
    )
    .await;
    let readiness = format!("/api/readiness?msn={MSN}");
    let told = ask("get", &readiness, Value::Null, 200).await.to_string();
    assert!(told.contains("shadow-not-measured") && !told.contains("comparisons"));
    let changes = ask("get", "/api/changes", Value::Null, 200).await;
    let what: Vec<&str> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert_eq!(what, ["shadow-reset", "shadow-reset"]);
}

#[tokio::test]
async fn the_commands_report_judge_and_reset() {
    let (shop, _folder) = found(&[]).await;
    let app = &shop.app;
    let (good, told) = app.command(&["shadow", "report"]).await;
    assert!(
        good && told.contains("off now") && told.contains(AMOUNT),
        "{told}"
    );
    assert!(
        !told.contains("/transactionLogHistory ") && told.contains("--all"),
        "{told}"
    );
    let (_, json) = app
        .command(&["shadow", "report", "--json", "--operation", "details"])
        .await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["fields"][0]["samples"][0]["orderId"], "order-4711");
    for slip in [
        &["shadow", "judge", "details", AMOUNT, "accepted"][..],
        &[
            "shadow", "judge", "details", "amount", "accepted", "--why", "x",
        ],
        &[
            "shadow", "judge", "settle", AMOUNT, "accepted", "--why", "x",
        ],
        &["shadow", "judge", "details", AMOUNT, "fine", "--why", "x"],
        &[
            "shadow", "judge", "details", "/nothing", "accepted", "--why", "x", "--by", "ann",
        ],
        &["shadow", "reset", "--why", "x"],
        &[
            "shadow",
            "reset",
            "--all",
            "--operation",
            "details",
            "--why",
            "x",
        ],
    ] {
        let (good, told) = app.command(slip).await;
        assert!(!good, "{slip:?}: {told}");
    }
    let because = ["--reason", "eCom rounds", "--by", "ann"];
    let judge = [
        &["shadow", "judge", "details", AMOUNT, "old-wrong"][..],
        &because,
    ]
    .concat();
    let (good, told) = app.command(&judge).await;
    assert!(
        good && told.contains("old-wrong (1 kind of difference)"),
        "{told}"
    );
    let (_, told) = app.command(&["shadow", "report"]).await;
    assert!(!told.contains(AMOUNT), "{told}");
    let (_, told) = app.command(&["shadow", "report", "--all"]).await;
    assert!(told.contains("old-wrong by ann: eCom rounds"), "{told}");
    let reset = [&["shadow", "reset", "--all"][..], &because].concat();
    let (good, told) = app.command(&reset).await;
    assert!(
        good && told.contains("152 calls were counted before"),
        "{told}"
    );
    let (_, told) = app.command(&["shadow", "report"]).await;
    assert!(told.contains("nothing was ever compared"), "{told}");
}

#[tokio::test]
async fn the_page_shows_and_judges_without_an_order_id() {
    let (shop, _folder) = found(&[]).await;
    let visitor = visitor(&shop.app);
    let html = visitor.page("/shadow").await;
    assert!(
        html.contains(AMOUNT) && html.contains("&#60;b&#62;1000"),
        "{html}"
    );
    assert!(!html.contains("order-4711") && !html.contains("<b>1000"));
    let (csrf, once) = (hidden(&html, "csrf"), hidden(&html, "once"));
    let mut fields = vec![
        ("csrf", csrf.as_str()),
        ("once", once.as_str()),
        ("operation", "details"),
        ("way", "read"),
        ("field", AMOUNT),
        ("verdict", "accepted"),
    ];
    let refused = visitor.post("/shadow/judge", &fields).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    fields.extend(WHO);
    let judged = visitor.post("/shadow/judge", &fields).await;
    assert_eq!(judged.status, 303, "{}", judged.text());
    let html = visitor.page(judged.header("location").unwrap()).await;
    assert!(html.contains("is judged: accepted"), "{html}");
    assert!(html.contains(">accepted</span>"), "{html}");
    fields[0].1 = "wrong";
    let foreign = visitor.post("/shadow/judge", &fields).await;
    assert_eq!(foreign.status, 403);
}
