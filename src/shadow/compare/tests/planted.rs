//! Mistakes planted in the translation: each must be found, and its field named, and nothing else be told.
//!
//! The control is eCom's own answer, with all that it may do otherwise; the candidate is the translation's, spoiled. An
//! answer that nobody spoiled must be clean, or finding would mean nothing.

mod answers;
mod everywhere;
mod history;
mod members;
mod sums;

use std::collections::BTreeSet;

use serde_json::json;

use super::same_again::{Dice, again};
use super::*;

/// The answer that is spoiled (a name of [`world::all`]), what is wrong with it, the fields that must be named (with a
/// comma between them), and how it is spoiled.
type Row = (&'static str, &'static str, &'static str, fn(&mut Draft));

/// What no comparison can see, by row, with the reason.
const UNSEEN: &[(&str, &str)] = &[
    (
        "the address of another payment",
        "an address is opaque, and each API makes its own",
    ),
    (
        "two captures have each other's number",
        "a number is opaque, and each API makes its own",
    ),
];

/// An answer in the making.
pub(super) struct Draft {
    status: u16,
    headers: HeaderMap,
    body: Value,
    /// Sent in place of the body.
    bytes: Option<String>,
}

impl Draft {
    fn of(answer: &Answer) -> Self {
        Self {
            status: answer.status,
            headers: answer.headers.clone(),
            body: serde_json::from_slice(&answer.body).expect("JSON"),
            bytes: None,
        }
    }

    fn into_answer(self) -> Answer {
        Answer {
            status: self.status,
            headers: self.headers,
            body: self
                .bytes
                .unwrap_or_else(|| self.body.to_string())
                .into_bytes(),
        }
    }

    fn at(&mut self, path: &str) -> &mut Value {
        self.body
            .pointer_mut(path)
            .unwrap_or_else(|| panic!("nothing at {path}"))
    }

    /// Sets or adds a member.
    fn set(&mut self, path: &str, value: impl Into<Value>) {
        let (parent, name) = path.rsplit_once('/').expect("a pointer");
        match self.at(parent) {
            Value::Object(members) => {
                members.insert(name.to_owned(), value.into());
            }
            Value::Array(entries) => {
                let at: usize = name.parse().expect("a position");
                *entries.get_mut(at).expect("an entry") = value.into();
            }
            _ => panic!("nothing can be added at {parent}"),
        }
    }

    /// Takes a member or an entry away.
    fn take(&mut self, path: &str) -> Value {
        let (parent, name) = path.rsplit_once('/').expect("a pointer");
        match self.at(parent) {
            Value::Object(members) => members.remove(name).expect("a member"),
            Value::Array(entries) => entries.remove(name.parse().expect("a position")),
            _ => panic!("nothing can be taken from {parent}"),
        }
    }

    fn swap(&mut self, a: &str, b: &str) {
        let value = self.at(a).take();
        let value = std::mem::replace(self.at(b), value);
        *self.at(a) = value;
    }

    fn copy(&mut self, from: &str, to: &str) {
        let value = self.at(from).clone();
        *self.at(to) = value;
    }

    /// Gives a member another name.
    fn rename(&mut self, from: &str, to: &str) {
        let value = self.take(from);
        self.set(to, value);
    }

    fn log(&mut self) -> &mut Vec<Value> {
        self.at("/transactionLogHistory")
            .as_array_mut()
            .expect("a list")
    }

    /// Writes a time in another form: `form` is for `jiff`, `seconds` are added first.
    fn time(&mut self, path: &str, seconds: i64, form: &str) {
        let at = Moment::parse(self.at(path).as_str().expect("a time")).expect("a time");
        let at = jiff::Timestamp::from_millisecond(at.millis() + seconds * 1_000).expect("a time");
        *self.at(path) = json!(at.strftime(form).to_string());
    }
}

/// eCom's own answer: its numbers, its clock, its words, its blanks, and the members that only it has.
fn ecom_gives(operation: Operation, translated: &Answer, dice: &mut Dice) -> Answer {
    let mut draft = Draft::of(translated);
    let is_change = matches!(
        operation,
        Operation::Capture | Operation::Cancel | Operation::Refund
    );
    if draft.body.get("transactionSummary").is_some() && is_change {
        draft.set("/transactionSummary/bankIdentificationNumber", 545_454);
        draft.set("/paymentInstrument", "535535");
    }
    if operation == Operation::Cancel && draft.body.get("transactionInfo").is_some() {
        draft.take("/transactionInfo/transactionId");
    }
    if let Some(entries) = draft.body.pointer_mut("/transactionLogHistory") {
        for entry in entries.as_array_mut().expect("a list") {
            let members = entry.as_object_mut().expect("an entry");
            members.retain(|name, value| name != "requestId" || value != "");
        }
    }
    draft.headers.extend([
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/json;charset=UTF-8"),
        ),
        (
            http::header::DATE,
            HeaderValue::from_static("Sun, 01 Mar 2026 10:00:00 GMT"),
        ),
    ]);
    again(&draft.into_answer(), dice)
}

/// What is told of two answers, or why nothing is.
fn fields(way: Way, operation: Operation, control: &Answer, candidate: &Answer) -> Vec<String> {
    match compare(
        operation,
        way,
        &control.as_answered(),
        &candidate.as_answered(),
        &Rules::default(),
    ) {
        Ok(compared) => {
            let all: BTreeSet<String> = compared
                .differences
                .iter()
                .map(|difference| difference.field.to_string())
                .collect();
            all.into_iter().collect()
        }
        Err(failure) => vec![failure.word().to_owned()],
    }
}

/// Whether these fields name what was spoiled, and nothing that was not.
fn name(told: &[String], wanted: &str) -> bool {
    let wanted: Vec<&str> = wanted.split(", ").collect();
    let below = |field: &str, wanted: &str| {
        field == wanted
            || field
                .strip_prefix(wanted)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    wanted.iter().all(|wanted| told.iter().any(|t| t == wanted))
        && told.iter().all(|t| wanted.iter().any(|w| below(t, w)))
}

/// The rows that are not found and named, each with what was told.
fn escaped(way: Way) -> Vec<(&'static str, String)> {
    let all = world::all();
    let mut dice = Dice(7);
    rows()
        .filter_map(|(answer, wrong, wanted, spoil)| {
            let (_, operation, sound) = all
                .iter()
                .find(|(name, ..)| name == answer)
                .unwrap_or_else(|| panic!("no answer is called {answer}"));
            let control = ecom_gives(*operation, sound, &mut dice);
            assert_eq!(
                fields(way, *operation, &control, sound),
                [""; 0],
                "{answer}"
            );
            let mut draft = Draft::of(sound);
            spoil(&mut draft);
            let told = fields(way, *operation, &control, &draft.into_answer());
            (!name(&told, wanted)).then(|| (*wrong, format!("{answer}: {told:?}, not {wanted}")))
        })
        .collect()
}

fn rows() -> impl Iterator<Item = &'static Row> {
    [sums::ROWS, history::ROWS, members::ROWS, answers::ROWS]
        .into_iter()
        .flatten()
}

#[test]
fn what_nobody_spoiled_is_clean() {
    let mut dice = Dice(3);
    for (name, operation, sound) in world::all() {
        for way in [Way::Dry, Way::Read, Way::Write] {
            let control = ecom_gives(operation, &sound, &mut dice);
            assert_ne!(control.body, sound.body, "{name}: eCom never says the same");
            let told = fields(way, operation, &control, &sound);
            assert_eq!(told, [""; 0], "{name}, {}", way.word());
        }
    }
}

#[test]
fn planted_mistakes_are_found_and_named() {
    let planted = rows().count();
    let names: BTreeSet<&str> = rows().map(|row| row.1).collect();
    assert_eq!(names.len(), planted, "two mistakes have one name");
    let escaped = escaped(Way::Read);
    for (wrong, how) in &escaped {
        println!("escaped: {wrong} ({how})");
    }
    let unseen: BTreeSet<&str> = UNSEEN.iter().map(|row| row.0).collect();
    let wrong: BTreeSet<&str> = escaped.iter().map(|row| row.0).collect();
    assert_eq!(wrong, unseen, "{escaped:#?}");
    let found = planted - escaped.len();
    println!("{found} of {planted} planted mistakes are found and named");
    assert!(planted >= 60 && found * 100 >= planted * 98);
}

#[test]
fn the_shadow_payment_of_write_hides_only_what_is_its_own() {
    // It lives later and is paid by a test user, so `write` can't tell times and users; `read` does.
    let own = [
        "/timeStamp",
        "/userDetails/",
        "/sub",
        "/bankIdentificationNumber",
    ];
    let unseen = |wrong: &str| UNSEEN.iter().any(|row| row.0 == wrong);
    for (wrong, how) in escaped(Way::Write) {
        let hidden = own.iter().any(|part| how.contains(part));
        assert!(hidden || unseen(wrong), "{wrong} ({how})");
    }
}
