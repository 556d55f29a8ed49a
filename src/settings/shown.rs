//! How values, keys and paths are shown to an operator: as TOML, cut where long, with what may be a secret left out.
//!
//! Must not: show the user part or the query of a URL, or anything of a key known to hold a secret.

use super::tree::{Node, Origin, Value};

/// Stands for a secret that is set.
pub(super) const MASK: &str = "\"(set)\"";

/// A text is cut after so many characters.
const LONGEST: usize = 400;

/// The value as TOML; of a table only that it is one.
pub(super) fn plain(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => quoted(&masked(text)),
        Value::Whole(number) => number.to_string(),
        Value::Truth(truth) => truth.to_string(),
        other @ (Value::Other(_) | Value::Table(_)) => format!("({})", other.kind()),
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(plain).collect();
            format!("[{}]", items.join(", "))
        }
    }
}

/// As [`plain`], for numbers and truths that the environment gives as text.
pub(super) fn bare(node: &Node) -> String {
    match (&node.value, &node.origin) {
        (Value::Text(text), Origin::Environment(_))
            if !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            cut(text)
        }
        _ => plain(node),
    }
}

/// As [`plain`], for lists that the environment gives as text.
pub(super) fn list(node: &Node) -> String {
    match (&node.value, &node.origin) {
        (Value::Text(text), Origin::Environment(_)) => {
            let items: Vec<String> = parts(text).map(|part| quoted(&masked(part))).collect();
            format!("[{}]", items.join(", "))
        }
        _ => plain(node),
    }
}

/// The items of a list in the environment.
pub(super) fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// A key as TOML writes it.
pub(super) fn key(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if is_bare {
        cut(name)
    } else {
        quoted(&cut(name))
    }
}

/// `section.key`, or the one that is not empty.
pub(super) fn join(section: &str, key: &str) -> String {
    match (section, key) {
        ("", one) | (one, "") => one.to_owned(),
        (section, key) => format!("{section}.{key}"),
    }
}

/// The known key that was probably meant.
pub(super) fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    if key.len() > 40 {
        return None;
    }
    known
        .iter()
        .map(|known| (distance(key, known), *known))
        .min()
        .filter(|(distance, known)| *distance <= known.len().div_ceil(3))
        .map(|(_, known)| known)
}

fn quoted(text: &str) -> String {
    let mut quoted = serde_json::Value::from(text).to_string();
    if quoted.contains('\u{7f}') {
        quoted = quoted.replace('\u{7f}', "\\u007f");
    }
    quoted
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Hides the user part and the query of anything that may be a URL: whatever holds a colon.
fn masked(text: &str) -> String {
    if !text.contains(':') {
        return cut(text);
    }
    let mut text = text.to_owned();
    let start = text.find("://").map_or(0, |at| at + 3);
    if let Some(at) = text.rfind('@') {
        text.replace_range(if start <= at { start } else { 0 }..at, "…");
    }
    if let Some(at) = text.find('?') {
        text.replace_range(at + 1.., "…");
    }
    cut(&text)
}

/// How many letters must change (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_their_user_and_query() {
        for (text, want) in [
            ("postgres://me:canary@host/db", "postgres://…@host/db"),
            ("https://h/x?token=canary", "https://h/x?…"),
            ("https://canary@x@h", "https://…@h"),
            ("me:canary@host", "…@host"),
            ("https://h/x?a=canary@b", "https://…@b"),
            ("a:@", "…@"),
            ("/etc/a@b?/key", "/etc/a@b?/key"),
            ("a@b://c", "…@b://c"),
            ("sqlite:a.db", "sqlite:a.db"),
        ] {
            assert_eq!(masked(text), want);
            assert!(!masked(text).contains("canary"));
        }
    }

    #[test]
    fn a_slip_finds_the_key_that_was_meant() {
        let known = ["listen", "max_body", "max_in_flight"];
        assert_eq!(nearest("max_boddy", &known), Some("max_body"));
        assert_eq!(nearest("lisen", &known), Some("listen"));
        assert_eq!(nearest("color", &known), None);
    }
}
