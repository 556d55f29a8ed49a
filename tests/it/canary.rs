//! I11, F9: marked secrets and personal data go in by every way, and every way out is searched: answers of errors, the
//! operator's pages and API, metrics, commands, the recording, the store's files; the log, at its finest, by `check`.

use std::path::Path;
use std::process::Command;

use ecom_bridge::simulator::merchant::Manner;
use ecom_bridge::simulator::{Action, Fault};
use serde_json::{Value, json};

use crate::reload::operate;
use crate::support::app::{KEY, MSN, TestApp};
use crate::support::callbacks::Shop;
use crate::support::client::Client;
use crate::support::shop::{AUTH_TOKEN, PHONE, change, express, order};
use crate::support::visitor::{TOKEN, visitor};
use crate::support::{eventually, soon};

/// The key in the configuration begins with "canary", too.
const SEAL: &str = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmE=";
/// What no way out may have: the keys and tokens of shop, bridge and operator, and the customer.
const MARKED: [&str; 9] = [
    "canary",
    "Y2FuYXJ5",
    "demo-secret",
    KEY,
    PHONE,
    "Lovelace",
    "ada.lovelace",
    "Example street",
    "simulated.",
];

fn searched(place: &str, text: &[u8], app: &TestApp) {
    for secret in MARKED.iter().copied().chain([app.token.as_str()]) {
        let is_there = text
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(
            !is_there,
            "{secret} in {place}: {}",
            String::from_utf8_lossy(text)
        );
    }
}

/// Files of the store (with its journals), of a recording, and whatever else came to lie beside them.
fn files(app: &TestApp, folder: &Path, but: &str) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name != but {
            searched(&name, &std::fs::read(&path).unwrap(), app);
            count += 1;
        }
    }
    count
}

/// Shops, customers, strangers and Vipps, each with something that is nobody's business.
#[expect(clippy::too_many_lines, reason = "every way in, one after the other")]
async fn traffic(shop: &Shop) {
    let app = &shop.app;
    for id in ["order-0001", "order-0002", "order-0003"] {
        shop.order(id).await;
    }
    shop.approve("order-0001");
    shop.approve("order-0002");
    eventually(async || shop.counts().await.pending == 2).await;
    app.capture("order-0001", 400, "one").await.ok();
    app.refund("order-0001", 100, "two").await.ok();
    app.cancel("order-0002", "three").await.ok();
    for read in ["details", "status"] {
        app.read("order-0001", read).await.ok();
    }
    let body = express("order-0004", 1_000);
    app.initiating(&body).send().await.ok();
    app.world().approve(MSN, "order-0004");
    app.details("order-0004").await.ok();

    // Refused by the bridge or by upstream, with what should not come back or be written down.
    let mut long = order("order-0005", 1_000);
    long["customerInfo"]["mobileNumber"] = json!("canary-phone");
    long["merchantInfo"]["fallBack"] = json!("canary fallback");
    long["merchantInfo"]["authToken"] = json!(format!("canary{}", "x".repeat(5_000)));
    let capture = app.changing("capture", "order-0001", 100, "four");
    let wrong = [
        app.initiating(&long),
        app.initiating(&json!({})).text("{\"transaction\": canary"),
        app.initiating(&order("order-0006", 1_000))
            .header("Authorization", "Bearer canary-wrong-token"),
        app.initiating(&order("order-0006", 1_000))
            .header("Ocp-Apim-Subscription-Key", "canary-wrong-key"),
        capture.clone().header("Authorization", "canary"),
        capture.clone().json(&change(-1, "canary text")),
        capture
            .clone()
            .id("above-the-sum")
            .json(&change(100_000, "x")),
        app.ask("GET", "/ecomm/v2/payments/order-0001/nothing?token=canary"),
        app.ask("GET", "/elsewhere?token=canary")
            .header("Cookie", "canary=1"),
    ];
    for ask in wrong {
        let answer = ask.send().await;
        assert!(answer.status >= 400, "{}", answer.text());
        // The echo of a stranger's own query is upstream's business; ours has none of it.
        searched("an error's answer", &answer.body, app);
    }
    // Upstream is in trouble, and says more than it should.
    let status = |status| Action::Status {
        status,
        body: Some("{\"detail\": \"canary-of-upstream\", \"title\": \"canary\"}".to_owned()),
        headers: vec![("x-trace".to_owned(), "canary".to_owned())],
        processed: false,
    };
    for (n, code) in [400, 401, 403, 409, 429, 500, 503].into_iter().enumerate() {
        app.world()
            .add_fault(Fault::always("/epayment/", status(code)));
        let id = format!("fault-{n}");
        let _any = app.capture("order-0001", 10, &id).await;
        let _any = app.initiate(&format!("order-01{n:02}"), 1_000).await;
        let _any = app.details("order-0001").await;
        app.world().clear_faults();
    }
    // Strangers at the other two doors.
    let hooks = app.settings().webhooks.listen;
    for body in ["canary", "{\"reference\": \"canary\"}"] {
        let text = format!(
            "POST /webhooks/{MSN}?canary=1 HTTP/1.1\r\nHost: canary\r\nAuthorization: HMAC canary\r\n\
             X-Ms-Date: canary\r\nX-Ms-Content-Sha256: canary\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = Client::to(hooks).await.ask(text).await;
        assert_eq!(answer.status, 401);
        searched("a webhook's answer", &answer.body, app);
    }
    let answer = operate(
        app,
        "canary-wrong-guess",
        "GET /api/toggles?x=canary",
        &Value::Null,
    );
    let answer = answer.await;
    assert_eq!(answer.status, 401);
    searched("a refusal of the operator's door", &answer.body, app);
}

#[expect(clippy::too_many_lines, reason = "every way out, one after the other")]
#[tokio::test]
async fn i11_nothing_secret_or_personal_comes_out_by_any_way() {
    let merchant = format!(
        "msn = \"{MSN}\"\nsubscription_key = \"{KEY}\"\nclient_id = \"demo-client\"\nclient_secret = \"demo-secret\"\n\
         webhook_secret = \"canary-hook\""
    );
    let recordings = tempfile::tempdir().unwrap();
    let recording = format!("\"{}\"", recordings.path().join("calls.jsonl").display());
    let shop = Shop::with(&[
        ("admin.token", &format!("\"{TOKEN}\"")),
        ("store.encryption_key", &format!("\"{SEAL}\"")),
        ("callbacks.schedule", "[\"0s\", \"7d\"]"),
        ("shadow.mode", "\"dry\""),
        ("shadow.record_file", &recording),
        ("merchant", &merchant),
    ])
    .await;
    shop.merchant.answer(Manner::status(500));
    let app = &shop.app;
    traffic(&shop).await;

    let mut visitor = visitor(app);
    assert_eq!(visitor.sign_in(TOKEN).await.status, 303);
    for path in crate::pages::PAGES.into_iter().chain([
        "/payments?order=order-0001",
        "/payments?order=order-0004",
        "/callbacks?state=pending",
        "/callbacks/1",
        "/nowhere?canary",
    ]) {
        let page = visitor.get(path).await;
        searched(path, page.text().as_bytes(), app);
    }
    for path in [
        "/metrics",
        "/readyz",
        "/api/toggles",
        "/api/changes",
        "/api/callbacks",
        "/api/callbacks/hosts",
        "/api/callbacks/1",
        "/api/webhooks",
        "/api/explain?operation=initiate&msn=123456&order=order-0001",
        "/api/ledger/verify",
        "/api/ledger/mismatches",
        "/api/ledger/order-0001",
        "/api/payments",
        "/api/payments/open",
        "/api/payments/expiring",
        "/api/shadow",
        "/api/traffic",
        "/api/readiness",
        "/api/readiness/remove",
        "/api/automatic",
    ] {
        let answer = operate(app, TOKEN, &format!("GET {path}"), &Value::Null).await;
        assert!(answer.status < 500, "{path}: {}", answer.text());
        searched(path, answer.text().as_bytes(), app);
    }

    let (text, folder) = app.configuration();
    let file = folder.join("bridge.toml");
    std::fs::write(&file, text).unwrap();
    for arguments in [
        &["check"][..],
        &["doctor"],
        &["callbacks", "list"],
        &["callbacks", "show", "1"],
        &["webhooks", "list"],
        &["toggle"],
        &["readiness"],
        &["ledger", "verify"],
        &["ledger", "show", "order-0001"],
        &["shadow", "report"],
        &["explain", "initiate", "--msn", MSN],
        &["healthcheck"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecom-bridge"));
        command.args(arguments).arg("--config").arg(&file);
        command.env("ECOM_BRIDGE__ADMIN__LISTEN", app.admin_addr().to_string());
        let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = soon(ran).await.unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(!said.is_empty() || arguments == ["healthcheck"]);
        searched(&arguments.join(" "), &said, app);
    }
    assert!(files(app, &folder, "bridge.toml") >= 2, "store and journal");
    assert_eq!(files(app, recordings.path(), ""), 1, "the recording");
}

#[tokio::test]
async fn a_token_without_a_key_lies_open_so_that_the_search_above_means_something() {
    let shop = Shop::start().await;
    shop.merchant.answer(Manner::status(500));
    shop.order("order-0001").await;
    let (_, folder) = shop.app.configuration();
    let is_there = std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes
            .windows(AUTH_TOKEN.len())
            .any(|part| part == AUTH_TOKEN.as_bytes())
    });
    assert!(is_there);
}
