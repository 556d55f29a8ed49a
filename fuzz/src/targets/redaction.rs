//! What a recording and a report keep of any document: a word that is on no list comes out nowhere, whatever stands around
//! it and whether it is a value or a member's name.
//!
//! Must not: choose the place of the word by anything but the input.

use serde_json::{Map, Value};

use crate::shadow::redact::{Redactor, name, shown};
use crate::types::FieldPath;

/// On no list of words, and of no form that is kept.
const CANARY: &str = "Nordmann Lykke 7391";

/// Places where the canary may stand. A document of either API has hardly more.
const PLACES: usize = 64;

/// The document's length says which place has the canary.
pub fn run(data: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let mut left = data.len() % PLACES;
    let document = planted(document, &mut left);
    let redactor = Redactor::new([7; 32]);
    let once = redactor.redacted(&document);
    assert!(!once.to_string().contains(CANARY), "recorded: {once}");
    let twice = redactor.redacted(&once);
    assert!(!twice.to_string().contains(CANARY));
    show(&mut Vec::new(), &document);
}

/// The document with the canary in place of one of its texts or members' names.
fn planted(value: Value, left: &mut usize) -> Value {
    match value {
        Value::String(_) if is_here(left) => Value::String(CANARY.to_owned()),
        Value::Array(entries) => {
            Value::Array(entries.into_iter().map(|one| planted(one, left)).collect())
        }
        Value::Object(members) => {
            let mut all = Map::new();
            for (member, value) in members {
                let member = if is_here(left) { CANARY.to_owned() } else { member };
                all.insert(member, planted(value, left));
            }
            Value::Object(all)
        }
        other => other,
    }
}

/// Whether the next place is the one.
fn is_here(left: &mut usize) -> bool {
    let is_here = *left == 0;
    *left = left.wrapping_sub(1);
    is_here
}

/// Each value as a report shows it, under its path.
fn show(path: &mut Vec<String>, value: &Value) {
    let field = FieldPath::of(path.iter().map(String::as_str));
    let told = shown(&field, value);
    assert!(!told.contains(CANARY), "shown at {field:?}: {told}");
    match value {
        Value::Array(entries) => {
            path.push("*".to_owned());
            entries.iter().for_each(|one| show(path, one));
            path.pop();
        }
        Value::Object(members) => {
            for (member, value) in members {
                let told = name(member);
                assert!(!told.contains(CANARY), "named: {told}");
                path.push(told.into_owned());
                show(path, value);
                path.pop();
            }
        }
        _ => {}
    }
}
