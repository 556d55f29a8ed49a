//! Nothing personal is written, nothing is written that redaction has changed, and the file keeps its limits.

mod canaries;
mod differences;
mod files;

use std::path::Path;

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::json;

use super::line::{Line, Outgoing};
use super::testing::{Case, adjust, changes, initiate, key, reads};
use super::*;
use crate::ecom::route::Operation;
use crate::epayment::event::{EventName, PaymentEvent};
use crate::epayment::model::{Payment, Profile, State, UserDetails};
use crate::translate::testing::{event, payment};
use crate::types::{KeyMaker, MoneyOp, OrderId, Seen};

/// Records all of these, and gives what is in the file then.
async fn recorded(path: &Path, cases: &[Case]) -> (String, RecordFigures) {
    let recorder = Recorder::open(path, 1 << 30).expect("a recorder");
    for case in cases {
        let before = recorder.figures();
        recorder.offer(&case.taken());
        // The queue is shorter than some sets.
        while recorder.queue.capacity() == 0 {
            tokio::task::yield_now().await;
        }
        let dropped = recorder.figures().dropped;
        assert_eq!(before.dropped, dropped, "{}", case.operation.word());
    }
    recorder.close().await;
    let text = std::fs::read_to_string(path).expect("a file");
    (text, recorder.figures())
}

fn lines(text: &str) -> Vec<Line> {
    let calls = text.lines().filter(|line| !line.contains("\"format\""));
    calls
        .map(|line| serde_json::from_str(line).expect("a line"))
        .collect()
}

#[tokio::test]
async fn every_call_is_recorded_with_what_it_translates_to() {
    let dir = tempfile::tempdir().expect("a directory");
    let cases = [changes(), reads()].concat();
    let (text, figures) = recorded(&dir.path().join("calls.jsonl"), &cases).await;
    let lines = lines(&text);
    assert_eq!(lines.len(), cases.len());
    assert_eq!(figures.written, cases.len() as u64);
    assert_eq!(figures.bytes, text.len() as u64);
    assert!(!figures.full && !figures.failed && figures.dropped.is_empty());
    let words: std::collections::BTreeSet<&str> = lines
        .iter()
        .filter_map(|line| line.outgoing.as_ref())
        .map(Outgoing::word)
        .collect();
    assert_eq!(
        words.into_iter().collect::<Vec<_>>(),
        ["refused", "sent", "to-ecom"]
    );
}

#[test]
fn a_line_keeps_what_belongs_together() {
    let redactor = Redactor::new([7; 32]);
    let case = Case::new(Operation::Capture, "order-1234", &adjust(json!(5_000)))
        .header("x-request-id", "1")
        .header("merchant-serial-number", "123456");
    let line = case.taken().redacted(&redactor);
    let scope = line.unit.scope.text();
    assert_eq!(line.request.msn.as_deref(), Some(scope.as_str()));
    assert_ne!(scope, "123456");
    assert_eq!(line.request.order, Some(redactor.id("order-1234")));
    let Some(Outgoing::Sent(sent)) =
        outgoing::translated(&line, &written(line.request.body.as_ref()))
    else {
        panic!("not sent");
    };
    assert_eq!(
        sent.path,
        format!(
            "/epayment/v1/payments/{}/capture",
            redactor.id("order-1234")
        )
    );
    assert_eq!(sent.msn, Some(scope));
    let modification = json!({"modificationAmount": {"currency": "NOK", "value": 5_000}});
    assert_eq!(sent.body, Some(modification));
    let id = redactor.id("1");
    assert!(
        sent.key
            .is_some_and(|key| key.starts_with(&format!("{id}-")))
    );
}

#[test]
fn a_key_reads_as_the_pseudonym_of_its_request_id() {
    let redactor = Redactor::new([7; 32]);
    for case in reads() {
        let (plain, line) = (case.taken().plain(), case.taken().redacted(&redactor));
        let order = OrderId::parse(line.request.order.as_deref().expect("an order"));
        let order = order.expect("an order id");
        let maker = KeyMaker {
            scope: &line.unit.scope,
            order: &order,
        };
        let events = |line: &Line| line.look.as_ref().expect("a look").events.clone();
        for (before, after) in events(&plain).iter().zip(events(&line)) {
            let key =
                |event: &serde_json::Value| event["idempotencyKey"].as_str().map(str::to_owned);
            let (Some(before), Some(after)) = (key(before), key(&after)) else {
                continue;
            };
            assert_eq!(before.len(), after.len());
            for op in MoneyOp::ALL {
                for (id, attempt) in [("1", 0), ("2", 1), ("0:wc_order_x", 0), ("9", 0)] {
                    if before == super::testing::key(op, id, attempt) {
                        let read = maker.read(op, &after);
                        assert!(
                            matches!(read, Seen::Request(read) if read.as_str() == redactor.id(id))
                        );
                    }
                }
            }
            if before == "another-systems-key" {
                assert_eq!(after, redactor.id(&before));
            }
        }
    }
    assert_eq!(key(MoneyOp::Capture, "a,b", 0).len(), 36);
}

#[tokio::test]
async fn what_redaction_would_change_is_not_recorded() {
    let dir = tempfile::tempdir().expect("a directory");
    let recorder = Recorder::open(&dir.path().join("x"), 1 << 20).expect("a recorder");
    let mut twice = Case::new(Operation::Capture, "order-1234", &json!({}));
    twice.body = br#"{"transaction":{"transactionText":"a","amount":1,"amount":500}}"#.to_vec();
    recorder.offer(&twice.taken());
    let mut no_json = reads()[0].clone();
    no_json.answer = b"<html>".to_vec();
    recorder.offer(&no_json.taken());
    let mut long = Case::new(Operation::Initiate, "", &initiate(&[]));
    long.answer = vec![b' '; LONGEST_LINE];
    recorder.offer(&long.taken());
    recorder.close().await;
    let figures = recorder.figures();
    assert_eq!(figures.dropped, BTreeMap::from([("form", 2), ("long", 1)]));
    assert_eq!(figures.written, 0);
}

#[test]
fn a_full_queue_drops_and_counts() {
    let (queue, _lines) = mpsc::channel(1);
    let recorder = Recorder {
        queue,
        counts: Arc::default(),
        redactor: Redactor::new([7; 32]),
        judge: outgoing::translated,
    };
    let case = Case::new(Operation::Initiate, "", &initiate(&[]));
    for _ in 0..3 {
        recorder.offer(&case.taken());
    }
    assert_eq!(recorder.figures().dropped, BTreeMap::from([("queue", 2)]));
}

fn any_payment() -> impl Strategy<Value = Payment> {
    let text = || proptest::option::of("\\PC{0,12}");
    let state = proptest::sample::select(vec![
        State::Created,
        State::Aborted,
        State::Expired,
        State::Authorized,
        State::Terminated,
    ]);
    let sums = [0..i64::MAX, 0..9_i64, 0..i64::MAX, 0..9_i64];
    let metadata = proptest::option::of(proptest::collection::btree_map(
        "\\PC{1,9}",
        "\\PC{0,9}",
        0..3,
    ));
    (
        state,
        sums,
        [text(), text(), text(), text()],
        proptest::option::of([text(), text(), text(), text()]),
        metadata,
    )
        .prop_map(|(state, sums, [bin, sub, url, until], user, metadata)| {
            let mut payment = payment(state, sums);
            payment.payment_method.card_bin = bin;
            payment.profile = Profile { sub };
            payment.redirect_url = url;
            payment.capture_guaranteed_until = until;
            payment.metadata = metadata;
            payment.user_details =
                user.map(
                    |[first_name, last_name, email, mobile_number]| UserDetails {
                        first_name,
                        last_name,
                        email,
                        mobile_number,
                    },
                );
            payment
        })
}

proptest! {
    #[test]
    fn a_payment_is_written_and_read_without_loss(payment in any_payment()) {
        let written = serde_json::to_value(&payment).expect("JSON");
        let read: Payment = serde_json::from_value(written.clone()).expect("a payment");
        prop_assert_eq!(format!("{payment:?}"), format!("{read:?}"));
        prop_assert_eq!(&payment.user_details, &read.user_details);
        prop_assert_eq!(written, serde_json::to_value(&read).expect("JSON"));
    }

    #[test]
    fn an_event_is_written_and_read_without_loss(
        name in proptest::sample::select(vec![
            EventName::Created, EventName::Aborted, EventName::Expired, EventName::Cancelled, EventName::Captured,
            EventName::Refunded, EventName::Authorized, EventName::Terminated, EventName::Unknown,
        ]),
        amount in 0..i64::MAX, key in proptest::option::of("\\PC{0,12}"), success in any::<bool>(), at in "\\PC{0,12}",
    ) {
        let mut event = event(name, amount, &at, "1");
        event.idempotency_key = key;
        event.success = success;
        let written = serde_json::to_value(&event).expect("JSON");
        let read: PaymentEvent = serde_json::from_value(written).expect("an event");
        prop_assert_eq!(event, read);
    }
}

#[test]
fn a_header_of_a_request_that_no_translation_reads_is_not_kept() {
    let mut case = Case::new(Operation::Initiate, "", &initiate(&[]));
    let all = [
        "authorization",
        "ocp-apim-subscription-key",
        "client_secret",
        "vipps-system-name",
    ];
    for name in all {
        let name = HeaderName::from_static(name);
        case.headers
            .insert(name, HeaderValue::from_static("Geheim"));
    }
    let line = case.taken().redacted(&Redactor::new([7; 32]));
    let text = serde_json::to_string(&line).expect("JSON");
    assert!(!text.contains("Geheim") && all.iter().all(|name| !text.contains(name)));
}
