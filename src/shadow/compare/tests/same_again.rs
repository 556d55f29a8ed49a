//! The same answer against itself, as another server would have written it: nothing differs.
//!
//! What is made another way: numbers of operations, ids of contexts, words of errors, times within the tolerance, the
//! order of members and of an error array, the address of the landing page. A linear congruential generator with a
//! fixed seed makes it: a failure names its round.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::*;

pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % count.max(1)
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            let j = usize::try_from(self.below(i as u64 + 1)).unwrap_or(0);
            list.swap(i, j);
        }
    }
}

/// JSON with the members of each object in any order, and blanks.
fn written(value: &Value, dice: &mut Dice, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            dice.shuffle(&mut members);
            out.push('{');
            for (i, (name, value)) in members.into_iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                out.push_str(&json!(name).to_string());
                out.push_str(if dice.below(2) == 0 { ":" } else { ": " });
                written(value, dice, out);
            }
            out.push('}');
        }
        Value::Array(entries) => {
            out.push('[');
            for (i, entry) in entries.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ",\n" });
                written(entry, dice, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

struct Again<'d> {
    dice: &'d mut Dice,
    numbers: HashMap<String, String>,
    /// The last time that was written, in milliseconds, as it was and as it is: a history goes back strictly.
    last: Option<(i64, i64)>,
}

impl Again<'_> {
    fn value(&mut self, name: &str, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members.iter_mut() {
                    self.value(name, value);
                }
            }
            Value::Array(entries) => {
                for entry in entries.iter_mut() {
                    self.value(name, entry);
                }
                if entries.iter().any(|entry| entry.get("errorCode").is_some()) {
                    self.dice.shuffle(entries);
                }
            }
            Value::String(text) => *text = self.text(name, text),
            _ => {}
        }
    }

    fn text(&mut self, name: &str, text: &str) -> String {
        match name {
            "transactionId" => {
                let made = format!(
                    "7{:09}{}",
                    self.dice.below(1_000_000_000),
                    self.numbers.len()
                );
                self.numbers.entry(text.to_owned()).or_insert(made).clone()
            }
            "contextId" => format!("context-{}", self.dice.below(u64::MAX)),
            "errorMessage" => format!("{text} ({})", self.dice.below(1_000)),
            "url" => format!("https://other.example/{}", self.dice.below(u64::MAX)),
            "timeStamp" => {
                let before = Moment::parse(text).expect("a time").millis();
                let shift = i64::try_from(self.dice.below(4_001)).unwrap_or(0) - 2_000;
                let mut after = before + shift;
                if let Some((_, newer)) = self.last {
                    after = after.min(newer - 1).max(before - 2_000);
                }
                self.last = Some((before, after));
                Moment::from_millis(after).to_string()
            }
            _ => text.to_owned(),
        }
    }
}

/// The same answer as another server would have given it.
pub(super) fn again(answer: &Answer, dice: &mut Dice) -> Answer {
    let mut body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let mut again = Again {
        dice,
        numbers: HashMap::new(),
        last: None,
    };
    again.value("", &mut body);
    let mut text = String::new();
    written(&body, dice, &mut text);
    Answer {
        body: text.into_bytes(),
        ..answer.clone()
    }
}

#[test]
fn ten_thousand_pairs_of_the_same_differ_in_nothing() {
    let all = world::all();
    let mut dice = Dice(5);
    let mut fired = std::collections::BTreeMap::new();
    for round in 0..10_000 {
        let at = usize::try_from(dice.below(all.len() as u64)).unwrap_or(0);
        let (name, operation, control) = all.get(at).expect("an answer");
        let compared = read(*operation, control, &again(control, &mut dice));
        assert_eq!(told(&compared), [""; 0], "round {round}: {name}");
        for (rule, times) in compared.normalised {
            *fired.entry(rule).or_insert(0) += times;
        }
    }
    let rules = [
        "error-order",
        "error-words",
        "landing-address",
        "operation-number",
        "time-tolerance",
    ];
    assert_eq!(fired.keys().copied().collect::<Vec<_>>(), rules);
    assert!(fired.values().all(|times| *times > 50), "{fired:?}");
}

#[test]
fn the_same_bytes_are_the_same_whatever_they_are() {
    for body in [
        &b"<html>"[..],
        b"",
        b"\xff\xfe",
        b"[1,",
        b"{\"a\":1,\"a\":2}",
    ] {
        let answer = Answer::raw(body);
        assert_eq!(
            read(Operation::Details, &answer, &answer),
            Compared::default()
        );
    }
    let large = Answer::raw(&vec![b'x'; 20 * 1024 * 1024]);
    assert_eq!(
        read(Operation::Details, &large, &large),
        Compared::default()
    );
}
