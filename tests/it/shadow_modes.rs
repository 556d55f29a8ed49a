//! Dry runs, recordings and mirrored writes, through the whole bridge.

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::store::{DifferenceKind, Way};

use crate::shadow::{approved, counts, fields, settled, shadowing};
use crate::support::app::KEY;
use crate::support::shop::{AUTH_TOKEN, PHONE, express};

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
