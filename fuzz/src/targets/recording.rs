//! A recording that is read back: lines of any bytes. What was written is read as it was, and a damaged line takes no other
//! one with it.
//!
//! Must not: write a file.

use std::collections::BTreeSet;

use serde_json::Value;

use super::reading::{ReplayError, Told, each};
use crate::shadow::record::line::{Header, LONGEST_LINE, Line};

/// So many lines of an input are looked at.
const MOST: usize = 12;

/// What was told, in a form that can be held against another.
#[derive(Clone, Debug, PartialEq)]
enum Heard {
    Begins(String),
    Call(u64, Vec<u8>),
    Unreadable(u64),
    Cut,
}

fn heard(file: &[u8]) -> Result<Vec<Heard>, &'static str> {
    let mut all = Vec::new();
    let read = each(file, |told| {
        all.push(match told {
            Told::Begins(bridge) => Heard::Begins(bridge),
            Told::Call(number, line) => Heard::Call(number, written(&line)),
            Told::Unreadable(number, why) => {
                assert!(["too long", "no JSON", "JSON, but no call that this release knows"].contains(&why));
                Heard::Unreadable(number)
            }
            Told::Cut => Heard::Cut,
        });
    });
    match read {
        Ok(()) => Ok(all),
        Err(ReplayError::NoRecording) => Err("no recording"),
        Err(ReplayError::Version(..)) => Err("another version"),
        Err(ReplayError::Io(error)) => panic!("bytes can be read: {error}"),
    }
}

fn written(line: &Line) -> Vec<u8> {
    serde_json::to_vec(line).expect("a line is JSON")
}

pub fn run(data: &[u8]) {
    let _any = heard(data);
    let header = serde_json::to_vec(&Header::own()).expect("JSON");
    let given: Vec<&[u8]> = data.split(|byte| *byte == b'\n').take(MOST).collect();
    let calls: Vec<Vec<u8>> = given
        .iter()
        .filter_map(|line| serde_json::from_slice::<Line>(line).ok().map(|read| (line, written(&read))))
        .filter(|(_, line)| serde_json::from_slice(line).is_ok_and(|line| is_exact(&line)))
        .inspect(|(given, line)| nothing_is_lost(given, line))
        .map(|(_, line)| line)
        .filter(|line| line.len() <= LONGEST_LINE)
        .collect();
    let file = |lines: &[&[u8]]| [&[&header[..]], lines, &[b""]].concat().join(&b'\n');
    let all: Vec<&[u8]> = calls.iter().map(Vec::as_slice).collect();
    let whole = heard(&file(&all)).expect("a recording");
    assert!(matches!(whole[0], Heard::Begins(_)));
    let as_written = |lines: &[&[u8]], from: u64| -> Vec<Heard> {
        (from..).zip(lines).map(|(number, line)| Heard::Call(number, line.to_vec())).collect()
    };
    assert_eq!(whole[1..], as_written(&all, 2), "what was written is read");
    for damaged in given.iter().filter(|line| !is_fine(line)).chain([&&b"{\"at\":"[..], &&b"\xff"[..]]) {
        let place = data.len() % (all.len() + 1);
        damage(&file, &all, damaged, place);
    }
    if data.len().is_multiple_of(64) {
        damage(&file, &all, &vec![b'x'; LONGEST_LINE + 1 + data.len()], all.len());
    }
    cut(&header, &all, data.len());
    let foreign = [&b"{}\n"[..], &file(&all)].concat();
    assert_eq!(heard(&foreign), Err("no recording"));
}

/// Whether it is a line of a recording, or none at all.
fn is_fine(line: &[u8]) -> bool {
    line.trim_ascii().is_empty() || Header::read(line).is_some() || serde_json::from_slice::<Line>(line).is_ok()
}

/// A damaged line between the others is told, and they are as they were.
fn damage(file: &impl Fn(&[&[u8]]) -> Vec<u8>, all: &[&[u8]], damaged: &[u8], place: usize) {
    let lines = [&all[..place], &[damaged], &all[place..]].concat();
    let told = heard(&file(&lines)).expect("a recording");
    let at = place as u64 + 2;
    let before = all[..place].iter().zip(2..);
    let after = all[place..].iter().zip(at + 1..);
    let mut want: Vec<Heard> = before.map(|(line, number)| Heard::Call(number, line.to_vec())).collect();
    want.push(Heard::Unreadable(at));
    want.extend(after.map(|(line, number)| Heard::Call(number, line.to_vec())));
    assert_eq!(told[1..], want, "a damaged line changes another");
}

/// A crash cuts the last line and no other; the next session goes on behind it.
fn cut(header: &[u8], all: &[&[u8]], at: usize) {
    let Some((last, before)) = all.split_last() else {
        return;
    };
    let left = &last[..1 + at % (last.len() - 1)];
    let mut file = [&[header], before, &[left]].concat().join(&b'\n');
    let mut want = heard(&[&[header], before].concat().join(&b'\n')).expect("a recording");
    want.push(Heard::Cut);
    assert_eq!(heard(&file), Ok(want.clone()));
    file.push(b'\n');
    file.extend([header, last].join(&b'\n'));
    let release = want[0].clone();
    want.extend([release, Heard::Call(all.len() as u64 + 3, last.to_vec())]);
    assert_eq!(heard(&file), Ok(want), "the next session");
}

/// What is written of a line has everything that was read of it, and nothing else.
fn nothing_is_lost(given: &[u8], line: &[u8]) {
    let mut unknown = BTreeSet::new();
    let mut reader = serde_json::Deserializer::from_slice(given);
    let read: Result<Line, _> = serde_ignored::deserialize(&mut reader, |path| {
        unknown.insert(path.to_string().replace(".?", ""));
    });
    assert!(read.is_ok());
    // The reader of all members stumbles over half a surrogate in one that nobody knows.
    let Ok(mut given) = serde_json::from_slice::<Value>(given) else {
        return;
    };
    let mut line: Value = serde_json::from_slice(line).expect("a line is JSON");
    // Of what has a tag nobody tells which members are unknown; it is read again as it was.
    let verdict = |line: &mut Value| line.as_object_mut().and_then(|members| members.remove("outgoing"));
    let (before, after) = (verdict(&mut given), verdict(&mut line));
    assert_eq!(before.is_some_and(|verdict| !verdict.is_null()), after.is_some());
    same(&given, &line, "", &unknown);
}

/// Whether every number in it is read as it is written: the reader rounds a fraction of more than 15 digits, or of a large
/// exponent, in its last digit. No amount is one, and the translation refuses those that are.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) if number.is_f64() => {
            let text = number.to_string();
            !text.contains('e') && text.bytes().filter(u8::is_ascii_digit).count() <= 15
        }
        Value::Array(entries) => entries.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        _ => true,
    }
}

/// Null, empty and false are as good as nothing.
fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false)) || value.as_array().is_some_and(Vec::is_empty)
}

fn same(given: &Value, line: &Value, path: &str, unknown: &BTreeSet<String>) {
    match (given, line) {
        (Value::Object(given), Value::Object(line)) => {
            assert!(line.keys().all(|name| given.contains_key(name)), "made up at {path}");
            for (name, value) in given {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match line.get(name) {
                    Some(kept) => same(value, kept, &path, unknown),
                    None => assert!(is_nothing(value) || unknown.contains(&path), "lost: {path}"),
                }
            }
        }
        (Value::Array(given), Value::Array(line)) => {
            assert_eq!(given.len(), line.len(), "{path}");
            for (at, (given, line)) in given.iter().zip(line).enumerate() {
                same(given, line, &format!("{path}.{at}"), unknown);
            }
        }
        // Of an array the reader takes the entries for the members.
        (Value::Array(_), Value::Object(_)) => {}
        (given, line) => assert_eq!(given, line, "{path}"),
    }
}
