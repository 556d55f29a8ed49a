//! A recording of a right bridge differs nowhere; what is wrong is found and named; what can't be read is told.

mod files;

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::shadow::compare::PathPattern;
use crate::shadow::record::Recorder;
use crate::shadow::record::testing::{Case, adjust, changes, initiate, reads};

/// What a recorder writes of these.
async fn recorded(cases: &[Case]) -> Vec<Value> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("calls");
    // A session for each few: the queue is shorter than the set, and several headers are met.
    for some in cases.chunks(100) {
        record(&path, some).await;
    }
    let text = std::fs::read_to_string(&path).expect("a file");
    let json = |line: &str| serde_json::from_str(line).expect("JSON");
    text.lines().map(json).collect()
}

async fn record(path: &Path, cases: &[Case]) {
    let recorder = Recorder::open(path, 1 << 30).expect("a recorder");
    cases.iter().for_each(|case| recorder.offer(&case.taken()));
    recorder.close().await;
    assert_eq!(recorder.figures().written, cases.len() as u64);
}

fn file(lines: &[Value]) -> Vec<u8> {
    let lines = lines.iter().map(|line| format!("{line}\n"));
    lines.collect::<String>().into_bytes()
}

fn run(bytes: &[u8]) -> Report {
    replay(bytes, &Options::default()).expect("a recording")
}

fn told(report: &Report) -> Vec<String> {
    let told = |one: &Field| {
        format!(
            "{} {} {} {}",
            one.operation, one.kind, one.field, one.differing
        )
    };
    report.fields.iter().map(told).collect()
}

/// The lines of one operation, each changed, with the header before them.
fn mutated(lines: &[Value], operation: &str, change: impl Fn(&mut Value) -> bool) -> Vec<u8> {
    let mut all = vec![lines[0].clone()];
    for line in lines.iter().filter(|line| line["operation"] == operation) {
        let mut line = line.clone();
        if change(&mut line) {
            all.push(line);
        }
    }
    assert!(all.len() > 1, "nothing of {operation} was changed");
    file(&all)
}

/// Sets what is at this pointer, where there is something.
fn set(pointer: &'static str, value: Value) -> impl Fn(&mut Value) -> bool {
    move |line| {
        let there = line.pointer_mut(pointer);
        there.is_some_and(|there| std::mem::replace(there, value.clone()) != value)
    }
}

#[tokio::test]
async fn what_was_recorded_of_a_right_bridge_differs_nowhere() {
    let cases = [changes(), reads()].concat();
    let report = run(&file(&recorded(&cases).await));
    assert_eq!(told(&report), Vec::<String>::new());
    assert_eq!(report.verdict(), Verdict::Same);
    assert_eq!(report.compared_calls(), cases.len() as u64);
    assert_eq!(report.operations.len(), 7);
    for tally in report.operations.values() {
        assert_eq!((tally.recorded, tally.compared), (tally.clean, tally.clean));
    }
    assert_eq!(report.recorded_by, [env!("CARGO_PKG_VERSION")]);
    assert_eq!((report.unreadable, report.cut, report.more), (0, 0, 0));
}

#[tokio::test]
async fn an_error_of_the_translation_of_reads_is_named_by_its_field() {
    let lines = recorded(&reads()).await;
    for (operation, pointer, value, field) in [
        (
            "details",
            "/answer/body/transactionSummary/capturedAmount",
            json!(1),
            "value /transactionSummary/capturedAmount",
        ),
        (
            "details",
            "/answer/body/transactionLogHistory/0/operation",
            json!("SALE"),
            "value /transactionLogHistory/*/operation",
        ),
        (
            "details",
            "/answer/body/orderId",
            json!("another"),
            "value /orderId",
        ),
        (
            "details",
            "/answer/body/userDetails/firstName",
            json!("Other"),
            "value /userDetails/firstName",
        ),
        (
            "status",
            "/answer/body/transactionInfo/amount",
            json!("1"),
            "type /transactionInfo/amount",
        ),
        ("status", "/answer/status", json!(404), "value (status)"),
    ] {
        let report = run(&mutated(&lines, operation, set(pointer, value)));
        let told = told(&report);
        assert!(
            told.iter()
                .any(|one| one.starts_with(&format!("{operation} {field} "))),
            "{pointer}: {told:?}"
        );
        assert_eq!(report.verdict(), Verdict::Differs);
        // User data that were not recorded are taken from the answer.
        let stand_in = u64::from(pointer.contains("userDetails"));
        let all = report.compared_calls() - stand_in;
        assert_eq!(report.differing_calls(), all, "{pointer}");
    }
}

#[tokio::test]
async fn an_error_of_the_translation_of_changes_is_named_by_its_part() {
    let lines = recorded(&changes()).await;
    let sent = "/outgoing/body";
    for (operation, change, want) in [
        (
            "capture",
            ("/outgoing/body/modificationAmount/value", json!(1)),
            "value /modificationAmount/value",
        ),
        (
            "refund",
            ("/outgoing/body/modificationAmount/currency", json!("DKK")),
            "value /modificationAmount/currency",
        ),
        (
            "capture",
            ("/outgoing/path", json!("/elsewhere")),
            "value (path)",
        ),
        (
            "capture",
            ("/outgoing/msn", json!("1")),
            "value (header merchant-serial-number)",
        ),
        (
            "refund",
            ("/outgoing/key", json!("1")),
            "value (header idempotency-key)",
        ),
        (
            "cancel",
            ("/outgoing/losses", json!([])),
            "loss (loss adjust-text-kept-here)",
        ),
        (
            "capture",
            ("/outgoing/allThatRemains", json!(false)),
            "extra (amount)",
        ),
        (
            "initiate",
            ("/outgoing/body/userFlow", json!("QR")),
            "value /userFlow",
        ),
        (
            "initiate",
            ("/outgoing/body/customer/phoneNumber", json!("1")),
            "value /customer/phoneNumber",
        ),
        (
            "initiate",
            ("/outgoing/reason", json!("other")),
            "value (reason)",
        ),
        (
            "initiate",
            ("/outgoing/errors/0/1", json!("other")),
            "value /*/errorCode",
        ),
        (
            "initiate",
            ("/outgoing/status", json!(403)),
            "value (status)",
        ),
        (
            "capture",
            (
                "/outgoing",
                json!({"verdict": "to-ecom", "reason": "order-collides"}),
            ),
            "value (verdict)",
        ),
    ] {
        let ((pointer, value), wanted) = (change, format!("{operation} {want} "));
        let report = run(&mutated(&lines, operation, set(pointer, value)));
        let told = told(&report);
        assert!(
            told.iter().any(|one| one.starts_with(&wanted)),
            "{pointer}: {told:?}"
        );
        assert_eq!(report.verdict(), Verdict::Differs);
    }
    let unseen = mutated(&lines, "capture", |line| {
        let there = line.pointer(sent).is_some();
        line["outgoing"] = Value::Null;
        there
    });
    let report = run(&unseen);
    assert_eq!(report.verdict(), Verdict::Incomplete);
    assert!(
        report.operations["capture"]
            .skipped
            .contains_key("not translated then")
    );
}

#[tokio::test]
async fn samples_are_few_have_their_lines_and_show_nothing_unknown() {
    let cases: Vec<Case> = (0..5)
        .map(|_| Case::new(Operation::Capture, "order-1234", &adjust(json!(5_000))))
        .collect();
    let lines = recorded(&cases).await;
    let report = run(&mutated(&lines, "capture", |line| {
        line["outgoing"]["body"]["modificationAmount"]["value"] = json!(1);
        line["outgoing"]["path"] = json!("/Kari");
        line["outgoing"]["body"]["Kari"] = json!("Kari");
        true
    }));
    let amount = report
        .fields
        .iter()
        .find(|one| one.field.ends_with("value"));
    let amount = amount.expect("the amount");
    assert_eq!(amount.differing, 5);
    let samples: Vec<(u64, &str, &str)> = amount
        .samples
        .iter()
        .map(|one| (one.line, one.recorded.as_str(), one.now.as_str()))
        .collect();
    assert_eq!(
        samples,
        [(2, "1", "5000"), (3, "1", "5000"), (4, "1", "5000")]
    );
    let json = serde_json::to_string(&report).expect("JSON");
    assert!(!json.contains("Kari"));
}

#[tokio::test]
async fn what_is_ignored_is_counted_and_no_difference() {
    let lines = recorded(&reads()).await;
    let bytes = mutated(&lines, "details", |line| {
        line["answer"]["body"]["orderId"] = json!("another");
        true
    });
    let captures: Vec<Case> = vec![Case::new(
        Operation::Capture,
        "order-1234",
        &adjust(json!(500)),
    )];
    let captures = recorded(&captures).await;
    let bytes = [
        bytes,
        mutated(&captures, "capture", set("/outgoing/path", json!("/other"))),
    ]
    .concat();
    let rule = |path: &str, until: Option<Moment>| IgnoreRule {
        path: PathPattern::parse(path).expect("a path"),
        operation: None,
        reason: String::new(),
        until,
    };
    let now = Moment::from_millis(1_000);
    let with = |ignore: &[IgnoreRule]| {
        let options = Options {
            ignore,
            now,
            ..Options::default()
        };
        replay(&bytes[..], &options).expect("a recording")
    };
    let report = with(&[rule("/orderId", None), rule("(path)", None)]);
    assert_eq!(report.verdict(), Verdict::Same);
    assert_eq!(report.ignored["(path)"], 1);
    assert!(report.ignored["/orderId"] > 1);
    let expired = with(&[rule("/orderId", Some(now)), rule("(path)", Some(now))]);
    assert_eq!(expired.verdict(), Verdict::Differs);
    let only = Options {
        operation: Some(Operation::Status),
        ..Options::default()
    };
    let report = replay(&bytes[..], &only).expect("a recording");
    assert_eq!(
        (report.compared_calls(), report.verdict()),
        (0, Verdict::Incomplete)
    );
}

#[tokio::test]
async fn a_read_without_a_look_is_skipped_and_a_wrong_look_fails() {
    let mut blind = reads()[0].clone();
    blind.look = None;
    let lines = recorded(&[blind]).await;
    let report = run(&file(&lines));
    assert_eq!(
        report.operations["details"].skipped["no look at ePayment"],
        1
    );
    assert_eq!(report.verdict(), Verdict::Incomplete);
    let lines = recorded(&reads()[..1]).await;
    let wrong = set("/look/payment/state", json!("SOMETHING"));
    let report = run(&mutated(&lines, "details", wrong));
    assert_eq!(report.operations["details"].failed["unreadable look"], 1);
    assert_eq!(report.verdict(), Verdict::Incomplete);
}

#[test]
fn a_judge_of_another_kind_is_asked() {
    let line = Case::new(Operation::Initiate, "", &initiate(&[]));
    let redactor = crate::shadow::redact::Redactor::new([7; 32]);
    let mut line = line.taken().redacted(&redactor);
    line.outgoing = outgoing::translated(&line, &written(line.request.body.as_ref()));
    let nothing = Options {
        judge: |_, _| None,
        ..Options::default()
    };
    assert!(matches!(
        once(&line, &nothing),
        Replayed::Skipped("not translated now")
    ));
    assert!(
        matches!(once(&line, &Options::default()), Replayed::Compared(same) if same.is_clean())
    );
}
