//! Where in a message something stands: a JSON pointer without positions, so that all entries of a list are one field.
//!
//! Must not: hold anything of a value. Names come from the outside, so they are bounded and printable.

use std::fmt;

/// A field of a message: `/transactionInfo/amount`, `/transactionLogHistory/*/operation`, or, outside of the body,
/// `(status)` and `(header retry-after)`. 1 to 160 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(String);

impl FieldPath {
    /// The longest path, in bytes.
    pub const LONGEST: usize = 160;

    /// Reads a path as it is written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.starts_with(['/', '('])
            && text.len() <= Self::LONGEST
            && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        fits.then(|| Self(text.to_owned()))
    }

    /// The HTTP status.
    #[must_use]
    pub fn status() -> Self {
        Self("(status)".to_owned())
    }

    /// The body as a whole.
    #[must_use]
    pub fn body() -> Self {
        Self("(body)".to_owned())
    }

    /// Fields that there was no room to name.
    #[must_use]
    pub fn more() -> Self {
        Self("(more)".to_owned())
    }

    /// A header, by its name in lower case.
    #[must_use]
    pub fn header(name: &http::HeaderName) -> Self {
        let mut text = format!("(header {name})");
        text.truncate(Self::LONGEST);
        Self(text)
    }

    /// The path of a body's member; `*` stands for a position in a list. What does not fit is cut, what is not printable
    /// becomes `?`: a path is shown, and never used to find a value again.
    #[must_use]
    pub fn of<'a>(steps: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        for step in steps {
            text.push('/');
            for character in step.chars() {
                match character {
                    '~' => text.push_str("~0"),
                    '/' => text.push_str("~1"),
                    ' '..='~' => text.push(character),
                    _ => text.push('?'),
                }
            }
        }
        if text.is_empty() {
            return Self::body();
        }
        text.truncate(Self::LONGEST);
        Self(text)
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_names_members_and_lists_without_positions() {
        for (steps, want) in [
            (
                &["transactionInfo", "amount"][..],
                "/transactionInfo/amount",
            ),
            (
                &["transactionLogHistory", "*", "operation"],
                "/transactionLogHistory/*/operation",
            ),
            (&["a/b", "c~d"], "/a~1b/c~0d"),
            (&["é\n"], "/??"),
            (&[], "(body)"),
        ] {
            assert_eq!(FieldPath::of(steps.iter().copied()).as_str(), want);
        }
        assert_eq!(FieldPath::status().as_str(), "(status)");
        let header = FieldPath::header(&http::header::RETRY_AFTER);
        assert_eq!(header.as_str(), "(header retry-after)");
        for own in [FieldPath::body(), FieldPath::more(), header] {
            assert_eq!(FieldPath::parse(own.as_str()), Some(own));
        }
    }

    #[test]
    fn only_paths_are_read() {
        for text in ["/", "/a/*/b", "(status)", "(header retry-after)"] {
            assert_eq!(
                FieldPath::parse(text).map(|path| path.0),
                Some(text.to_owned())
            );
        }
        for text in ["", "a", "/é", "/a\n", &format!("/{}", "a".repeat(160))] {
            assert_eq!(FieldPath::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_made_can_be_read(steps in prop::collection::vec("\\PC{0,60}", 0..8)) {
            let made = FieldPath::of(steps.iter().map(String::as_str));
            prop_assert_eq!(FieldPath::parse(made.as_str()), Some(made.clone()));
        }
    }
}
