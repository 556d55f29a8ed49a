//! What differs before redaction differs after it, in the same fields and in the same way, and nothing else does.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::shadow::replay::{Options, Replayed, read_again};

/// Each value in a document, by its pointer.
fn leaves(at: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                leaves(&format!("{at}/{name}"), value, found);
            }
        }
        Value::Array(entries) => {
            for (n, value) in entries.iter().enumerate() {
                leaves(&format!("{at}/{n}"), value, found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

/// Another value of the same type, and one of another type.
fn others(value: &Value) -> [Value; 2] {
    match value {
        Value::String(text) => [json!(format!("{text}9")), json!(1)],
        Value::Number(number) => [json!(number.as_i64().unwrap_or_default() + 1), json!("1")],
        Value::Bool(is) => [json!(!is), json!("true")],
        _ => [json!("x"), json!(2)],
    }
}

fn told(line: &Line, answer: &[u8]) -> BTreeSet<String> {
    match read_again(line, answer, &Options::default()) {
        Replayed::Compared(compared) => compared
            .differences
            .iter()
            .map(|one| format!("{} {}", one.kind.word(), one.field))
            .collect(),
        Replayed::Skipped(why) | Replayed::Failed(why) => BTreeSet::from([why.to_owned()]),
    }
}

#[test]
fn redaction_neither_makes_nor_hides_a_difference() {
    let redactor = Redactor::new([7; 32]);
    let mut differing = 0;
    for case in reads() {
        let answer: Value = serde_json::from_slice(&case.answer).expect("JSON");
        let mut all = vec![];
        leaves("", &answer, &mut all);
        for pointer in all {
            let mut changed = case.clone();
            let there = answer.pointer(&pointer).expect("there");
            for other in others(there) {
                let mut answer = answer.clone();
                if let Some(place) = answer.pointer_mut(&pointer) {
                    *place = other;
                }
                changed = changed.answered(200, &answer);
                let (plain, line) = (changed.taken().plain(), changed.taken().redacted(&redactor));
                let before = told(&plain, &changed.answer);
                let after = told(&line, &written(line.answer.body.as_ref()));
                let names = [
                    "/userDetails/email",
                    "/userDetails/firstName",
                    "/userDetails/lastName",
                ];
                if names.contains(&pointer.as_str()) {
                    // Of a name nothing is kept, but that it is there.
                    assert!(after.is_subset(&before), "{pointer}");
                    continue;
                }
                assert_eq!(before, after, "{pointer} of {}", case.operation.word());
                differing += usize::from(!before.is_empty());
            }
        }
    }
    assert!(differing > 300, "{differing}");
}
