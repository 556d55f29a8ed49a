//! Every member of every answer, spoiled in every simple way: what escapes is what the rules say, and nothing else.
//!
//! Test only. Must not: know an answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

/// Makes another value of a member's, by its name; none: the member goes.
type Spoil = fn(&str, &Value) -> Option<Value>;

/// What is done to a member.
const WAYS: &[(&str, Spoil)] = &[
    ("gone", |_, _| None),
    ("null", |_, _| Some(Value::Null)),
    ("another", |name, value| Some(another(name, value))),
    ("retyped", |_, value| Some(retyped(value))),
    ("in a list", |_, value| Some(json!([value]))),
    ("empty", |_, value| {
        Some(match value {
            Value::String(_) => json!(""),
            Value::Number(_) => json!(0),
            other => other.clone(),
        })
    }),
];

/// What escapes, with the rule that takes it.
const ESCAPES: &[(&str, &str, &str)] = &[
    ("another", "/*/contextId", "error-words"),
    ("another", "/*/errorMessage", "error-words"),
    ("another", "/message", "error-words"),
    ("another", "/transaction/transactionId", "operation-number"),
    (
        "another",
        "/transactionInfo/transactionId",
        "operation-number",
    ),
    (
        "another",
        "/transactionLogHistory/*/transactionId",
        "operation-number",
    ),
    ("another", "/url", "landing-address"),
    (
        "gone",
        "/transactionInfo/transactionId",
        "cancel-without-number",
    ),
    (
        "gone",
        "/transactionLogHistory/*/requestId",
        "request-id-absent",
    ),
];

fn another(name: &str, value: &Value) -> Value {
    match value {
        Value::Bool(flag) => json!(!flag),
        Value::Number(number) => json!(number.as_i64().expect("an integer") + 1),
        Value::String(text) if name == "timeStamp" => {
            let at = Moment::parse(text).expect("a time").millis();
            json!(Moment::from_millis(at + 5_000).to_string())
        }
        // Longer by a digit: numbers stay numbers.
        Value::String(text) => json!(format!("{text}9")),
        other => other.clone(),
    }
}

fn retyped(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => json!(flag.to_string()),
        Value::Number(number) => json!(number.to_string()),
        Value::String(text) => json!(text.len()),
        _ => json!("text"),
    }
}

/// The pointers of all members, with their names.
fn members(value: &Value, at: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(inside) => {
            for (name, value) in inside {
                let path = format!("{at}/{name}");
                out.push((path.clone(), name.clone()));
                members(value, &path, out);
            }
        }
        Value::Array(entries) => {
            for (i, entry) in entries.iter().enumerate() {
                members(entry, &format!("{at}/{i}"), out);
            }
        }
        _ => {}
    }
}

/// Positions become `*`.
fn shown(path: &str) -> String {
    let steps = path.split('/').map(|step| {
        if step.parse::<usize>().is_ok() {
            "*"
        } else {
            step
        }
    });
    steps.collect::<Vec<_>>().join("/")
}

#[test]
fn each_member_of_each_answer_is_watched() {
    let mut dice = Dice(13);
    let (mut planted, mut escaped) = (0, BTreeSet::new());
    for (answer, operation, sound) in world::all() {
        let control = ecom_gives(operation, &sound, &mut dice);
        let mut all = Vec::new();
        members(&Draft::of(&sound).body, "", &mut all);
        for (path, name) in all {
            for (how, spoil) in WAYS {
                let mut draft = Draft::of(&sound);
                let before = draft.at(&path).clone();
                match spoil(&name, &before) {
                    None => drop(draft.take(&path)),
                    Some(value) if value == before => continue,
                    Some(value) => draft.set(&path, value),
                }
                planted += 1;
                let field = shown(&path);
                let told = fields(Way::Read, operation, &control, &draft.into_answer());
                if told.is_empty() {
                    escaped.insert((*how, field));
                } else {
                    // A list in a list of one is told at its entry.
                    let named = told.contains(&field) || told.contains(&format!("{field}/*"));
                    assert!(named, "{answer}: {path} {how}: {told:?}");
                }
            }
        }
    }
    let allowed: BTreeSet<(&str, String)> = ESCAPES
        .iter()
        .map(|(how, field, _)| (*how, (*field).to_owned()))
        .collect();
    assert_eq!(escaped, allowed);
    for (_, _, rule) in ESCAPES {
        assert!(normal::RULES.iter().any(|row| row.name == *rule));
    }
    println!("{planted} members were spoiled");
    assert!(planted > 3_000, "{planted}");
}

#[test]
fn a_member_that_does_not_belong_is_told_wherever_it_is() {
    let mut dice = Dice(17);
    for (answer, operation, sound) in world::all() {
        let control = ecom_gives(operation, &sound, &mut dice);
        let mut all = vec![(String::new(), String::new())];
        members(&Draft::of(&sound).body, "", &mut all);
        for (path, _) in all {
            let mut draft = Draft::of(&sound);
            if !draft.at(&path).is_object() {
                continue;
            }
            let extra = format!("{path}/state");
            draft.set(&extra, "AUTHORIZED");
            let told = fields(Way::Read, operation, &control, &draft.into_answer());
            assert_eq!(told, [shown(&extra)], "{answer}");
        }
    }
}
