//! What eCom answers, as far as the bridge looks into it before it passes it on: two bytes for the status, the rest is the
//! body.
//!
//! Must not: take what the product reads for what stands there.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use super::said::{done_at_ecom, is_of_another, is_success, says_no_such_order};
use super::seen::balance;
use crate::other::is_exactly;
use crate::store::{Learnt, Outcome, PayState};
use crate::types::{Moment, OrderText};
use crate::upstream::RawReply;

const ASKED: &str = "Order-1234";

pub fn run(data: &[u8]) {
    let Some(([high, low], body)) = data.split_first_chunk::<2>() else {
        return;
    };
    let status = u16::from_be_bytes([*high, *low]) % 500 + 100;
    let document = serde_json::from_slice::<Value>(body).ok();
    of_another(status, body, document.as_ref());
    no_such_order(status, body, document.as_ref());
    done(status, body, document.as_ref());
    sums(body, document.as_ref());
}

fn raw(status: u16, body: impl Into<Vec<u8>>) -> RawReply {
    RawReply {
        status,
        headers: HeaderMap::new(),
        body: Bytes::from(body.into()),
    }
}

fn asked() -> OrderText {
    OrderText::parse(ASKED).expect("an order id")
}

/// A success contradicts what was asked exactly where it names another order.
fn of_another(status: u16, body: &[u8], document: Option<&Value>) {
    let asked = asked();
    let another = is_of_another(&raw(status, body), &asked);
    assert!(!another || (200..300).contains(&status), "a refusal names no order");
    let is_other = |named: &str| {
        let named = named.trim().to_ascii_lowercase();
        !named.is_empty() && named != ASKED.to_ascii_lowercase()
    };
    let Some(document) = document else {
        return;
    };
    let named = document.get("orderId").and_then(Value::as_str);
    assert!(!another || named.is_some_and(is_other), "nobody named another one");
    let Value::Object(members) = document else {
        return;
    };
    let naming = |named: &Value| {
        let mut members = members.clone();
        members.insert("orderId".to_owned(), named.clone());
        is_of_another(&raw(200, Value::Object(members).to_string()), &asked)
    };
    for same in ["", " ", ASKED, "order-1234", "ORDER-1234", " Order-1234\n"] {
        assert!(!naming(&json!(same)), "{same:?}");
    }
    for other in ["Order-12345", "order-123", "x", "Order 1234"] {
        assert!(naming(&json!(other)), "{other:?}");
    }
    if let Some(named) = named {
        assert_eq!(naming(&json!(named)), is_other(named), "{named:?}");
    }
    for unreadable in [Value::Null, json!(1234), json!({}), json!(["x"])] {
        assert!(!naming(&unreadable), "{unreadable}");
    }
}

/// 35 and nothing else, in a refusal.
fn no_such_order(status: u16, body: &[u8], document: Option<&Value>) {
    let says = says_no_such_order(&raw(status, body));
    assert!(!says || status >= 400);
    let Some(document) = document else {
        return;
    };
    let entries = document.as_array().map_or(&[][..], Vec::as_slice);
    // Of an array within, the reader takes the entries for the members.
    if entries.iter().any(Value::is_array) {
        return;
    }
    let code = |entry: &Value| entry.get("errorCode").and_then(Value::as_str).map(str::to_owned);
    assert!(!says || entries.iter().any(|entry| code(entry).as_deref() == Some("35")));
    let is_entry = |entry: &&Value| entry.is_object() && (entry.get("errorCode").is_none() || code(entry).is_some());
    let mut others: Vec<Value> = entries.iter().filter(is_entry).cloned().collect();
    others.retain(|entry| code(entry).as_deref() != Some("35"));
    let text = |entries: &[Value]| Value::from(entries).to_string();
    assert!(!says_no_such_order(&raw(404, text(&others))));
    let at = body.len() % (others.len() + 1);
    others.insert(at, json!({"errorGroup": "Merchant", "errorCode": "35"}));
    assert!(says_no_such_order(&raw(400, text(&others))));
    assert!(!says_no_such_order(&raw(200, text(&others))), "a success");
}

/// A success stays one whatever stands in it, and its amount is what stands there, or none.
fn done(status: u16, body: &[u8], document: Option<&Value>) {
    let now = Moment::from_millis(1_790_000_000_000);
    let raw = raw(status, body);
    assert_eq!(is_success(&raw), status / 100 == 2);
    let Outcome::Succeeded { amount, transaction_id, at } = done_at_ecom(&raw, now) else {
        panic!("a success is taken for something else");
    };
    let Some(document) = document else {
        return;
    };
    let info = document.get("transactionInfo").or_else(|| document.get("transaction"));
    // Of an array within, the reader takes the entries for the members.
    if info.is_some_and(Value::is_array) {
        return;
    }
    let told = |name: &str| info.and_then(|info| info.get(name));
    assert!(amount.is_zero() || is_exactly(told("amount"), amount.minor_units()));
    if let Some(id) = transaction_id {
        assert_eq!(told("transactionId"), Some(&Value::String(id)));
    }
    if at != now {
        assert_eq!(told("timeStamp").and_then(Value::as_str).and_then(Moment::parse), Some(at));
    }
}

/// What details show of the sums: nothing is reserved that no entry says, nothing is released that is captured, and who
/// paid changes nothing.
fn sums(body: &[u8], document: Option<&Value>) {
    let now = Moment::from_millis(1_790_000_000_000);
    let shown = balance(body, now);
    let Some(document) = document else {
        return;
    };
    if let Some(shown) = shown {
        let sums = shown.sums;
        assert_eq!((shown.learnt, shown.learnt_at), (Learnt::EcomDetails, now));
        let log = document["transactionLogHistory"].as_array().expect("a log");
        // Of an array within, the reader takes the entries for the members.
        if log.iter().any(Value::is_array) || document["transactionSummary"].is_array() {
            return;
        }
        let reserved = |entry: &&Value| {
            entry["operationSuccess"] == json!(true) && ["RESERVE", "SALE"].iter().any(|word| entry["operation"] == *word)
        };
        if !log.iter().any(|entry| reserved(&entry)) {
            assert_eq!(sums, Default::default(), "nothing was reserved");
            assert!(matches!(shown.state, PayState::Created | PayState::Failed));
        }
        let left = sums.authorized.less(sums.captured);
        assert!(sums.cancelled <= left, "{sums:?}");
        assert!(shown.reserved_at.is_none() || log.iter().any(|entry| reserved(&entry)));
    }
    let Value::Object(members) = document else {
        return;
    };
    let mut another = members.clone();
    another.insert("userDetails".to_owned(), json!({"email": "somebody@example.com"}));
    let another = balance(Value::Object(another).to_string().as_bytes(), now);
    // Of a member that stands there twice this reader keeps one.
    assert!(shown.is_none() || another == shown, "who paid changes the sums");
    let mut refused = members.clone();
    if let Some(Value::Array(log)) = refused.get_mut("transactionLogHistory") {
        for entry in log.iter_mut().filter_map(Value::as_object_mut) {
            entry.insert("operationSuccess".to_owned(), json!(false));
        }
    }
    if let Some(shown) = balance(Value::Object(refused).to_string().as_bytes(), now) {
        assert_eq!(shown.state, PayState::Created, "nothing of it was done");
    }
}
