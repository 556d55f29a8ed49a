//! What may be shown of a value, and what a recording keeps of a document: an allow list by name and form.
//!
//! A value is shown only where its name can't be that of something personal *and* it has the form that belongs to the
//! name: an amount that is a number, a status that is one of the known words. Everything else is told by kind and
//! length, never by a hash (a phone number can be found again from one). Must not: show what it does not know.

mod names;
mod recording;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::Value;

use crate::types::{FieldPath, Moment};

pub use recording::Redactor;

/// The longest that [`shown`] gives, in characters.
pub const LONGEST: usize = 80;

/// A value as a report may show it; at most [`LONGEST`] characters. The last name of `field` decides.
#[must_use]
pub fn shown(field: &FieldPath, value: &Value) -> String {
    let name = field
        .as_str()
        .rsplit('/')
        .find(|name| *name != "*")
        .unwrap_or("");
    if is_harmless(name, value) {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        return text.chars().take(LONGEST).collect();
    }
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(number) if number.is_f64() => "number with a fraction".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(text) if text.is_empty() => "empty text".to_owned(),
        Value::String(text) => format!("text of {}", text.chars().count()),
        Value::Array(entries) => list(entries.len()),
        Value::Object(members) => format!("object of {}", members.len()),
    }
}

/// A list, as a report shows it.
#[must_use]
pub fn list(entries: usize) -> String {
    format!("list of {entries}")
}

/// A member's name as a report may show it: those that a document has, and else only how long it is.
#[must_use]
pub fn name(member: &str) -> Cow<'_, str> {
    if names::is_known(member) {
        Cow::Borrowed(member)
    } else {
        Cow::Owned(format!("(name of {})", member.chars().count()))
    }
}

/// Whether this value under this name can't be personal.
fn is_harmless(name: &str, value: &Value) -> bool {
    use names::Class;
    let text = value.as_str();
    match names::class(name) {
        Class::Amount => value.is_number(),
        Class::Flag => value.is_boolean(),
        Class::Word => text.is_some_and(names::is_word),
        Class::Time => text.is_some_and(is_time),
        Class::Code => text.is_some_and(|text| names::is_code(text) || names::is_word(text)),
        _ => false,
    }
}

/// A time, and nothing else beside it.
fn is_time(text: &str) -> bool {
    text.len() <= 40
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"-:.TZ+".contains(&b))
        && Moment::parse(text).is_some()
}
