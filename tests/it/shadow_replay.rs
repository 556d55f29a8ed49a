//! `shadow replay` as an operator types it: the real binary over recordings that are right, wrong, or none.

use std::path::Path;
use std::process::{Command, Output};

use ecom_bridge::ecom::route::Operation;
use ecom_bridge::epayment::model::CustomerInteraction;
use ecom_bridge::payments::Look;
use ecom_bridge::shadow::compare::{Answered, Way};
use ecom_bridge::shadow::record::line::Unit;
use ecom_bridge::shadow::record::{Recorder, Taken};
use ecom_bridge::telemetry::Route;
use ecom_bridge::types::{CountryCode, Currency, Moment, Scope};
use http::{HeaderMap, HeaderValue, Uri};
use serde_json::{Value, json};

fn look() -> Look {
    let money = |value: u32| json!({"currency": "NOK", "value": value});
    let payment = json!({
        "aggregate": {
            "authorizedAmount": money(20_000), "cancelledAmount": money(0), "capturedAmount": money(0),
            "refundedAmount": money(0)
        },
        "amount": money(20_000), "state": "AUTHORIZED", "paymentMethod": {"type": "WALLET"}, "profile": {},
        "pspReference": "6f7c4f5e", "reference": "order-1234"
    });
    let event = |name: &str, at: &str, number: &str| {
        json!({
            "reference": "order-1234", "pspReference": number, "name": name, "amount": money(20_000),
            "timestamp": at, "success": true
        })
    };
    let events = json!([
        event("CREATED", "2026-03-01T10:00:00.1234567Z", "6f7c4f5e"),
        event("AUTHORIZED", "2026-03-01T10:01:00Z", "5001"),
    ]);
    Look {
        payment: serde_json::from_value(payment).unwrap(),
        events: serde_json::from_value(events).unwrap(),
    }
}

/// eCom's answer to `details` of the same payment.
fn details() -> Value {
    let entry = |operation: &str, at: &str| {
        json!({
            "amount": 20_000, "operation": operation, "operationSuccess": true, "requestId": "", "timeStamp": at,
            "transactionId": "5001", "transactionText": ""
        })
    };
    json!({
        "orderId": "order-1234",
        "transactionLogHistory": [
            entry("RESERVE", "2026-03-01T10:01:00.000Z"), entry("INITIATE", "2026-03-01T10:00:00.123Z"),
        ],
        "transactionSummary": {
            "capturedAmount": 0, "remainingAmountToCapture": 20_000, "refundedAmount": 0, "remainingAmountToRefund": 0
        }
    })
}

fn taken<'a>(operation: Operation, target: &'a Uri, headers: &'a HeaderMap) -> Taken<'a> {
    Taken {
        at: Moment::parse("2026-03-01T10:02:00Z").unwrap(),
        operation,
        route: Route::Ecom,
        way: Way::Read,
        target,
        headers,
        body: b"",
        answer: Answered {
            status: 200,
            headers,
            body: b"{}",
        },
        unit: Unit {
            scope: Scope::parse("123456").unwrap(),
            currency: Currency::Nok,
            country: CountryCode::default(),
            interaction: CustomerInteraction::CustomerNotPresent,
            direct_capture: false,
            http_callbacks: false,
        },
        known: None,
        calls: &[],
        look: None,
        user: None,
        elsewhere: false,
        losses: &[],
    }
}

/// Records a capture and a read that was answered so.
async fn record(path: &Path, answer: &Value) {
    let recorder = Recorder::open(path, 1 << 20).unwrap();
    let json = HeaderMap::from_iter([(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )]);
    let body = br#"{"merchantInfo":{"merchantSerialNumber":"123456"},"transaction":{"transactionText":"Kari","amount":500}}"#;
    let target = Uri::from_static("/ecomm/v2/payments/order-1234/capture");
    recorder.offer(&Taken {
        body,
        ..taken(Operation::Capture, &target, &json)
    });
    let (target, look, bytes) = (
        Uri::from_static("/ecomm/v2/payments/order-1234/details"),
        look(),
        answer.to_string(),
    );
    let mut read = taken(Operation::Details, &target, &json);
    read.look = Some(&look);
    read.answer.body = bytes.as_bytes();
    recorder.offer(&read);
    recorder.close().await;
    assert_eq!(recorder.figures().written, 2);
}

fn replay(file: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ecom-bridge"))
        .args(["shadow", "replay"])
        .arg(file)
        .args(more)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(both).unwrap()
}

#[tokio::test]
async fn a_recording_is_replayed_and_what_differs_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let right = dir.path().join("right");
    record(&right, &details()).await;
    let output = replay(&right, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        text(&output).contains("Nothing differs in 2 calls"),
        "{}",
        text(&output)
    );

    let mut answer = details();
    answer["transactionSummary"]["capturedAmount"] = json!(20_000);
    let wrong = dir.path().join("wrong");
    record(&wrong, &answer).await;
    let output = replay(&wrong, &[]);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("1 of 2 calls differ"), "{told}");
    let field = "/transactionSummary/capturedAmount";
    let row = told.lines().find(|line| line.contains(field)).unwrap();
    assert!(row.contains("line 3: 20000 -> 0"), "{told}");

    let report: Value = serde_json::from_slice(&replay(&wrong, &["--json"]).stdout).unwrap();
    assert_eq!(report["fields"][0]["field"], field);
    assert_eq!(report["operations"]["details"]["differing"], 1);
    assert_eq!(report["operations"]["capture"]["clean"], 1);

    let only = replay(&wrong, &["--operation", "capture"]);
    assert_eq!(only.status.code(), Some(0), "{}", text(&only));
    let config = dir.path().join("bridge.toml");
    let ignore = format!("[shadow]\nignore = [{{ path = \"{field}\", reason = \"known\" }}]\n");
    std::fs::write(&config, ignore).unwrap();
    let ignored = replay(&wrong, &["--config", config.to_str().unwrap()]);
    assert_eq!(ignored.status.code(), Some(0), "{}", text(&ignored));
    assert!(text(&ignored).contains(&format!("1 ignored by {field}")));
}

#[tokio::test]
async fn what_proves_nothing_is_not_called_good() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls");
    for (content, want) in [("a letter\n", "no recording"), ("", "no recording")] {
        std::fs::write(&path, content).unwrap();
        let output = replay(&path, &[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output).contains(want), "{}", text(&output));
    }
    let output = replay(&dir.path().join("none"), &[]);
    assert_eq!(output.status.code(), Some(2));
    std::fs::remove_file(&path).unwrap();
    record(&path, &details()).await;
    let recorded = std::fs::read_to_string(&path).unwrap();
    let header = recorded.lines().next().unwrap();
    std::fs::write(&path, format!("{header}\n")).unwrap();
    let output = replay(&path, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output).contains("this proves nothing"),
        "{}",
        text(&output)
    );
    std::fs::write(&path, format!("{recorded}{{\"half\n{recorded}x\n{{}}\n")).unwrap();
    let output = replay(&path, &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(
        text(&output).contains("line 9 can't be read"),
        "{}",
        text(&output)
    );
    let output = replay(&path, &["--operation", "juggle"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output).contains("an operation is"),
        "{}",
        text(&output)
    );
}
