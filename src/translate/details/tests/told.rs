//! What the merchant said itself: request ids read back from keys or from the store, and its texts.

use super::*;
use crate::types::OrderId;

fn maker<'a>(scope: &'a Scope, order: &'a OrderId) -> KeyMaker<'a> {
    KeyMaker { scope, order }
}

fn key_of(op: MoneyOp, request: &str, attempt: u32) -> String {
    let (scope, order) = (scope(), OrderId::parse("order-1234").unwrap());
    let request = RequestId::parse(request).unwrap();
    let key = maker(&scope, &order).key(op, &request, attempt);
    key.as_str().to_owned()
}

fn call(op: MoneyOp, key: Option<&str>, request: Option<&str>, succeeded: bool) -> RememberedCall {
    RememberedCall {
        op,
        key: key.map(|key| IdempotencyKey::parse(key).unwrap()),
        request_id: request.map(|id| RequestId::parse(id).unwrap()),
        text: format!("text of {}", request.unwrap_or("none")),
        succeeded,
    }
}

/// Request id and text of the newest entry.
fn newest(case: &Case) -> (String, String) {
    let entry = case.log().swap_remove(0);
    (entry.request_id, entry.transaction_text)
}

fn with_last(last: PaymentEvent, calls: Vec<RememberedCall>) -> Case {
    let mut events = whole_life();
    events.push(last);
    let mut case = Case::new(State::Authorized, PAID, &events);
    case.remembered.text = Some("initiate text".to_owned());
    case.remembered.calls = calls;
    case
}

fn pair(request: &str, text: &str) -> (String, String) {
    (request.to_owned(), text.to_owned())
}

#[test]
fn without_a_store_the_key_gives_the_request_id_back() {
    for (op, name) in [(MoneyOp::Capture, Captured), (MoneyOp::Refund, Refunded)] {
        for request in ["1", "0:wc_order_x", "req-id-77.8"] {
            for attempt in [0, 1, 7] {
                let key = key_of(op, request, attempt);
                let last = keyed(event(name, 300, "20:00:00", "9"), &key);
                assert_eq!(
                    newest(&with_last(last, vec![])),
                    pair(request, "initiate text")
                );
            }
        }
    }
    let key = key_of(MoneyOp::Cancel, "c-1", 0);
    let last = keyed(event(Cancelled, 300, "20:00:00", "9"), &key);
    assert_eq!(newest(&with_last(last, vec![])).0, "c-1");
}

#[test]
fn a_key_of_another_operation_or_system_is_shown_as_it_stands() {
    let refund = key_of(MoneyOp::Refund, "1", 0);
    for key in [refund.as_str(), "0:wc_order_x", "1", "a-b-c"] {
        let last = keyed(event(Captured, 300, "20:00:00", "9"), key);
        assert_eq!(newest(&with_last(last, vec![])), pair(key, "initiate text"));
    }
}

#[test]
fn keys_that_the_bridge_made_up_are_shown_as_none() {
    let own = IdempotencyKey::own(uuid::Uuid::nil());
    for name in [
        Created, Authorized, Captured, Refunded, Cancelled, Terminated, Expired,
    ] {
        let last = keyed(event(name, 300, "20:00:00", "9"), own.as_str());
        let case = Case::new(State::Authorized, PAID, &[last]);
        assert_eq!(newest(&case), pair("", ""), "{name:?}");
    }
    for name in [Captured, Authorized, Aborted] {
        let without = event(name, 300, "20:00:00", "9");
        let empty = keyed(without.clone(), "");
        for last in [without, empty] {
            assert_eq!(
                newest(&Case::new(State::Aborted, PAID, &[last])),
                pair("", "")
            );
        }
    }
    let foreign = keyed(event(Authorized, 300, "20:00:00", "9"), "their-key");
    assert_eq!(newest(&with_last(foreign, vec![])).0, "their-key");
}

#[test]
fn a_remembered_call_is_found_by_operation_and_key() {
    let odd = key_of(MoneyOp::Capture, "a,b", 0);
    let calls = vec![
        call(MoneyOp::Refund, Some(&odd), Some("refund"), true),
        call(MoneyOp::Capture, Some("other-key"), Some("other"), true),
        call(MoneyOp::Capture, Some(&odd), Some("a,b"), true),
    ];
    let last = keyed(event(Captured, 300, "20:00:00", "9"), &odd);
    assert_eq!(
        newest(&with_last(last.clone(), calls)),
        pair("a,b", "text of a,b")
    );
    // Its key is a hash: without the store it can't be read back.
    assert_eq!(newest(&with_last(last, vec![])).0, odd);
    // The merchant sent no X-Request-Id.
    let own = IdempotencyKey::own(uuid::Uuid::nil());
    let calls = vec![call(MoneyOp::Capture, Some(own.as_str()), None, true)];
    let last = keyed(event(Captured, 300, "20:00:00", "9"), own.as_str());
    assert_eq!(newest(&with_last(last, calls)), pair("", "text of none"));
}

#[test]
fn a_cancelled_event_without_a_key_is_the_remembered_cancel() {
    for name in [Cancelled, Terminated] {
        let last = event(name, 300, "20:00:00", "9");
        let calls = vec![
            call(MoneyOp::Capture, Some("k1"), Some("cap"), true),
            call(MoneyOp::Cancel, Some("k2"), Some("refused"), false),
            call(MoneyOp::Cancel, Some("k3"), Some("can"), true),
        ];
        assert_eq!(
            newest(&with_last(last.clone(), calls)),
            pair("can", "text of can")
        );
        // One whose outcome is not known proves nothing.
        let open = vec![call(MoneyOp::Cancel, Some("k2"), Some("open"), false)];
        assert_eq!(newest(&with_last(last, open)), pair("", "initiate text"));
    }
    // With another system's key it is another system's cancel.
    let last = keyed(event(Cancelled, 300, "20:00:00", "9"), "theirs");
    let calls = vec![call(MoneyOp::Cancel, Some("k3"), Some("can"), true)];
    assert_eq!(
        newest(&with_last(last, calls)),
        pair("theirs", "initiate text")
    );
    // Only a cancel comes without a key.
    let last = event(Captured, 300, "20:00:00", "9");
    let calls = vec![call(MoneyOp::Capture, Some("k1"), Some("cap"), true)];
    assert_eq!(newest(&with_last(last, calls)), pair("", "initiate text"));
}

#[test]
fn failed_changes_stay_with_the_merchants_request_id() {
    let key = key_of(MoneyOp::Capture, "mag-1", 0);
    let last = failed(keyed(event(Captured, 300, "20:00:00", "9"), &key));
    let case = with_last(last, vec![]);
    let entry = case.log().swap_remove(0);
    assert_eq!(entry.operation, LogOperation::Capture);
    assert!(!entry.operation_success);
    assert_eq!(entry.request_id, "mag-1");
    assert_eq!(entry.transaction_id, "9");
}

#[test]
fn initiate_shows_the_initiates_own_request_id_and_text() {
    let mut case = Case::new(State::Authorized, PAID, &whole_life()[..2]);
    case.events[0].idempotency_key = Some("their-create-key".to_owned());
    let oldest = |case: &Case| {
        let entry = case.log().pop().unwrap();
        (entry.request_id, entry.transaction_text)
    };
    assert_eq!(oldest(&case), pair("their-create-key", ""));
    case.remembered.request_id = RequestId::parse("init-1");
    case.remembered.text = Some("socks".to_owned());
    assert_eq!(oldest(&case), pair("init-1", "socks"));
    assert_eq!(
        newest(&case),
        pair("", "socks"),
        "the reservation is the user's"
    );
}

#[test]
fn an_order_that_no_reference_can_be_shows_keys_as_they_stand() {
    let mut case = with_last(keyed(event(Captured, 300, "20:00:00", "9"), "k-1"), vec![]);
    case.order = "a_b";
    assert_eq!(newest(&case).0, "k-1");
}
