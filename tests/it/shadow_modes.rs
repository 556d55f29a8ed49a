//! Dry runs, recordings and mirrored writes, through the whole bridge.

use std::collections::BTreeSet;

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::simulator::{Action, Client, Fault, Options, SeenRequest, Simulator};
use ecom_bridge::store::{DifferenceKind, Way};
use serde_json::json;

use crate::shadow::{approved, counts, fields, settled, shadowing};
use crate::support::app::{KEY, MSN, Wanted};
use crate::support::shadow::{SHADOW_KEY, SHADOW_MSN, SHADOW_PHONE};
use crate::support::shop::{AUTH_TOKEN, PHONE, express, order};

#[tokio::test]
async fn dry_runs_translate_what_goes_to_ecom_and_send_nothing() {
    let app = shadowing(&[("shadow.mode", "\"dry\"")]).start().await;
    app.world().change_rules(|rules| rules.any_order_id = true);
    approved(&app, "order-0001").await;
    app.capture("order-0001", 4_000, "c1").await.ok();
    app.changing("refund", "order-0001", 1_000, "r1")
        .send()
        .await
        .ok();
    app.details("order-0001").await.ok();
    app.initiating(&express("express-01", 10_000))
        .send()
        .await
        .ok();
    app.initiate("under_score", 10_000).await.ok();
    let dry = |operation| (operation, Way::Dry);
    for operation in [Operation::Capture, Operation::Refund] {
        let counts = counts(&app, dry(operation)).await;
        assert_eq!(counts.compared(), 1, "{counts:?}");
    }
    assert_eq!(counts(&app, dry(Operation::Details)).await.clean, 1);
    let initiate = counts(&app, dry(Operation::Initiate)).await;
    assert_eq!(initiate.filtered.of("express"), 1, "{initiate:?}");
    assert_eq!(initiate.differing, 2, "{initiate:?}");
    let found = fields(&app).await;
    assert!(
        found.contains("(untranslatable order-characters)"),
        "{found:?}"
    );
    let record = app.findings().await;
    let broken = record
        .fields
        .iter()
        .filter(|one| one.kind == DifferenceKind::Rule);
    assert_eq!(broken.count(), 1, "{:?}", record.fields);
    let asked = app.world().requests();
    let epayment = asked.iter().filter(|r| r.path().starts_with("/epayment/"));
    assert_eq!(epayment.count(), 0, "nothing is sent");
}

#[tokio::test]
async fn what_was_recorded_is_replayed_without_a_difference_and_a_wrong_answer_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("calls.jsonl");
    let name = format!("\"{}\"", file.display());
    let mut app = shadowing(&[("shadow.record_file", name.as_str())])
        .start()
        .await;
    approved(&app, "order-0001").await;
    app.capture("order-0001", 4_000, "c1").await.ok();
    app.details("order-0001").await.ok();
    settled(&app).await;
    app.down().await;
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in [AUTH_TOKEN, PHONE, KEY, app.token.as_str(), "order-0001"] {
        assert!(!text.contains(secret), "{secret} was recorded");
    }
    let replay = |file: &std::path::Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ecom-bridge"));
        let output = command
            .args(["shadow", "replay", "--json"])
            .arg(file)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, told) = replay(&file);
    assert_eq!(code, Some(0), "{told}\n{text}");
    let wrong = folder.path().join("wrong.jsonl");
    let spoiled = text.replace("capturedAmount\\\":4000", "capturedAmount\\\":40");
    let spoiled = spoiled.replace("capturedAmount\":4000", "capturedAmount\":40");
    assert_ne!(spoiled, text);
    std::fs::write(&wrong, spoiled).unwrap();
    let (code, told) = replay(&wrong);
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("/transactionSummary/capturedAmount"),
        "{told}"
    );
}

/// A shadow upstream that knows nothing of the first one's keys.
async fn second_upstream() -> Simulator {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new("shadow-client", "shadow-secret", SHADOW_KEY, &[SHADOW_MSN]);
    let options = Options {
        clients: vec![client],
        seed: 7,
        ..Options::default()
    };
    Simulator::start(listener, options).unwrap()
}

/// A bridge that mirrors there.
fn mirroring(second: &Simulator, values: &[(&str, &str)]) -> Wanted {
    let base = format!("\"{}\"", second.base_url());
    let mut wanted = shadowing(&[
        ("shadow.mode", "\"write\""),
        ("shadow.upstream_base_url", base.as_str()),
    ]);
    wanted.add(values);
    wanted.merchant(&format!(
        "msn = \"{MSN}\"\nshadow = {{ msn = \"{SHADOW_MSN}\", subscription_key = \"{SHADOW_KEY}\", \
         client_id = \"shadow-client\", client_secret = \"shadow-secret\", phone_number = \"{SHADOW_PHONE}\" }}"
    ));
    wanted
}

#[tokio::test]
async fn writes_are_mirrored_on_the_shadow_upstream_and_kept_in_step() {
    let second = second_upstream().await;
    let app = mirroring(&second, &[]).start().await;
    let mut body = order("order-0001", 10_000);
    body["merchantInfo"]["isApp"] = json!(true);
    app.initiating(&body).send().await.ok();
    assert!(app.world().approve(MSN, "order-0001"));
    app.details("order-0001").await.ok();
    app.capture("order-0001", 4_000, "c1").await.ok();
    app.changing("refund", "order-0001", 1_000, "r1")
        .send()
        .await
        .ok();
    app.details("order-0001").await.ok();
    assert_eq!(fields(&app).await, BTreeSet::new());
    for (operation, calls) in [
        (Operation::Initiate, 1),
        (Operation::Details, 2),
        (Operation::Capture, 1),
        (Operation::Refund, 1),
    ] {
        let counts = counts(&app, (operation, Way::Write)).await;
        assert_eq!(counts.compared(), calls, "{operation:?} {counts:?}");
    }
    let twins = second.world().payments();
    let [twin] = twins.as_slice() else {
        panic!("{twins:?}")
    };
    assert_ne!(twin.reference, "order-0001");
    assert_eq!(
        (twin.captured.minor_units(), twin.refunded.minor_units()),
        (4_000, 1_000)
    );
    let sent = second.world().requests();
    for secret in [
        AUTH_TOKEN,
        PHONE,
        KEY,
        app.token.as_str(),
        "order-0001",
        "shop.example.com",
    ] {
        let told = |r: &SeenRequest| {
            let headers = format!("{:?} {}", r.headers, r.target);
            headers.contains(secret) || String::from_utf8_lossy(&r.body).contains(secret)
        };
        assert!(
            !sent.iter().any(told),
            "{secret} went to the shadow upstream"
        );
    }
    // A wrong translation: the shadow's ePayment captures another sum than it was asked to.
    second
        .world()
        .add_fault(Fault::always("/epayment/v1/payments/", Action::WrongAmount));
    app.details("order-0001").await.ok();
    let found = fields(&app).await;
    assert!(
        found.iter().any(|field| field.contains("mount")),
        "{found:?}"
    );
    let primary = app.world().requests();
    assert!(primary.iter().all(|r| r.header("bridge-shadow").is_none()));
    assert!(!primary.iter().any(|r| r.target.contains(&twin.reference)));
}

#[tokio::test]
async fn a_shadow_upstream_that_hangs_costs_the_shop_nothing() {
    let second = second_upstream().await;
    let narrow = [
        ("shadow.timeout", "\"200ms\""),
        ("shadow.concurrency", "1"),
        ("shadow.queue", "1"),
    ];
    second
        .world()
        .add_fault(Fault::always("/", Action::Hang { processed: false }));
    let app = mirroring(&second, &narrow).start().await;
    for n in 0..20 {
        app.initiate(&format!("order-{n:04}"), 10_000).await.ok();
    }
    let initiate = counts(&app, (Operation::Initiate, Way::Write)).await;
    assert_eq!(initiate.ended(), 20, "{initiate:?}");
    assert_eq!(initiate.compared(), 0, "{initiate:?}");
    assert!(initiate.dropped.of("queue-full") > 0, "{initiate:?}");
    assert!(app.shadow().figures().silent);
}
