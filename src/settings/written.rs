//! A value as it was written, secrets included: kept to see whether it is another one, never to be shown.
//!
//! Must not: be printed, or tell by the time of a comparison how much of a secret is right.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::tree::{Node, Value};

/// One value in one form.
#[derive(Clone)]
pub(super) struct Written(SecretString);

impl Written {
    pub(super) fn of(node: &Node) -> Self {
        Self(text(node).into())
    }
}

impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.0.expose_secret(), other.0.expose_secret());
        one.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Eq for Written {}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written(hidden)")
    }
}

/// Lists and tables with an end mark behind each item, so that no two of them look the same.
fn text(node: &Node) -> String {
    let all = |items: &mut dyn Iterator<Item = String>| -> String {
        items.map(|item| format!("{item}\u{0}")).collect()
    };
    match &node.value {
        Value::Text(text) => text.clone(),
        Value::Whole(number) => number.to_string(),
        Value::Truth(truth) => truth.to_string(),
        Value::Other(kind) => (*kind).to_owned(),
        Value::List(list) => all(&mut list.iter().map(text)),
        Value::Table(table) => all(&mut table
            .iter()
            .map(|(key, node)| format!("{key}={}", text(node)))),
    }
}
