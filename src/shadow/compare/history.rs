//! What the entries of a transaction history mean together: their order in time, and their numbers.
//!
//! Clients take the newest entry for the last word, compare times as text, and tell operations apart by their numbers.
//! Must not: look at single values (the walk does).

use std::collections::HashMap;

use serde_json::Value;

use super::place::Step;

/// Where the history is.
pub(super) const FIELD: &str = "/transactionLogHistory";

/// A member of its entries.
pub(super) fn member(name: &'static str) -> [Step<'static>; 3] {
    [
        Step::Member("transactionLogHistory".into()),
        Step::Item(0),
        Step::Member(name.into()),
    ]
}

fn text<'a>(entry: &'a Value, name: &str) -> Option<&'a str> {
    entry.get(name).and_then(Value::as_str)
}

/// The text of the INITIATE entry.
pub(super) fn initiate_text(root: &Value) -> Option<String> {
    let entries = root.get("transactionLogHistory")?.as_array()?;
    let initiate = entries.iter().find(|entry| is(entry, "INITIATE"))?;
    text(initiate, "transactionText").map(str::to_owned)
}

fn is(entry: &Value, operation: &str) -> bool {
    text(entry, "operation") == Some(operation)
}

/// Whether the control's last word is a refused card, and the candidate's that nobody has acted.
pub(super) fn is_open_after_refusal(old: &Value, new: &Value) -> bool {
    let is = |root: &Value, word: &str| {
        root.pointer("/transactionInfo/status")
            .and_then(Value::as_str)
            == Some(word)
    };
    is(old, "FAILED") && is(new, "INITIATE")
}

/// Takes refused cards out of the control's entries while the candidate says that nobody has acted. How many.
pub(super) fn take_refused_cards(old: &mut Vec<&Value>, new: &[&Value]) -> usize {
    let before = old.len();
    if new.iter().all(|entry| is(entry, "INITIATE"))
        && old.iter().any(|entry| is(entry, "INITIATE"))
    {
        let failed = |entry: &Value| {
            is(entry, "RESERVE") && entry.get("operationSuccess") == Some(&Value::Bool(false))
        };
        old.retain(|entry| !failed(entry));
    }
    before - old.len()
}

/// Whether each entry is newer than the next, its time read as text.
pub(super) fn goes_back(entries: &[&Value]) -> bool {
    let time = |entry: &Value| text(entry, "timeStamp").map(str::to_owned);
    entries
        .windows(2)
        .filter_map(|pair| match pair {
            [newer, older] => time(newer).zip(time(older)),
            _ => None,
        })
        .all(|(newer, older)| newer > older)
}

/// Whether numbers that tell operations apart in the control do so in the candidate, too, whether digits stay digits, and
/// whether INITIATE has the number of the reservation in both; what is wrong otherwise. CANCEL and an early INITIATE may
/// have the payment's own number, which has letters (limitation initiate-number).
pub(super) fn numbers(old: &[&Value], new: &[&Value]) -> Option<(&'static str, &'static str)> {
    if old.len() != new.len() {
        return None;
    }
    let counted = ["RESERVE", "SALE", "CAPTURE", "REFUND", "VOID"];
    let digits = |number: &str| number.bytes().all(|byte| byte.is_ascii_digit());
    let mut first: HashMap<&str, &str> = HashMap::new();
    let (mut reserved, mut initiated) = (None, None);
    for (old, new) in old.iter().zip(new) {
        let numbers = (text(old, "transactionId"), text(new, "transactionId"));
        let (Some(control), Some(candidate)) = numbers else {
            continue;
        };
        if is(new, "INITIATE") {
            initiated = Some((control, candidate));
        }
        if !counted.iter().any(|word| is(new, word)) {
            continue;
        }
        if digits(control) && !digits(candidate) {
            return Some(("digits", "not digits only"));
        }
        if is(new, "RESERVE") || is(new, "SALE") {
            reserved = Some((control, candidate));
        }
        if *first.entry(candidate).or_insert(control) != control {
            return Some(("numbers that differ", "one number twice"));
        }
    }
    let (initiated, reserved) = initiated.zip(reserved)?;
    (initiated.0 == reserved.0 && initiated.1 != reserved.1)
        .then_some(("one number twice", "numbers that differ"))
}
