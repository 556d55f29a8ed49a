//! The lines of a head, as a client may write them: `Name: value`, one a line.
//!
//! Must not: refuse what a server's parser lets through.

use http::{HeaderMap, HeaderName, HeaderValue};

/// A line.
pub(crate) type Line = (HeaderName, HeaderValue);

/// Those of these lines that can be headers at all.
pub(crate) fn read(text: &[u8]) -> Vec<Line> {
    let line = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..at]).ok()?;
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?;
        Some((name, value))
    };
    text.split(|byte| *byte == b'\n').filter_map(line).collect()
}

/// The head of these lines.
pub(crate) fn head<'a>(lines: impl IntoIterator<Item = &'a Line>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(name.clone(), value.clone());
    }
    map
}

/// The values of the lines with this name, in order.
pub(crate) fn all<'a>(lines: &'a [Line], name: &str) -> Vec<&'a [u8]> {
    let named = lines.iter().filter(|(one, _)| one.as_str() == name);
    named.map(|(_, value)| value.as_bytes()).collect()
}

/// The one value of a name, where it is text.
pub(crate) fn one<'a>(lines: &'a [Line], name: &str) -> Option<&'a str> {
    match all(lines, name)[..] {
        [value] if value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) => std::str::from_utf8(value).ok(),
        _ => None,
    }
}
