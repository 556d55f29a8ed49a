//! Where a walk through two answers stands, and patterns over such places.
//!
//! A pattern is a JSON pointer: `*` stands for one level, a number for a position of a list, and what is below a place
//! that fits is covered as well. Must not: look at values.

use std::borrow::Cow;
use std::fmt;

use crate::shadow::redact;
use crate::types::FieldPath;

/// One level of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A member of an object.
    Member(Cow<'a, str>),
    /// A position of a list.
    Item(usize),
}

/// The place as it is shown and counted: positions become `*`, and names that no document has are hidden.
pub(super) fn field(at: &[Step<'_>]) -> FieldPath {
    let steps: Vec<Cow<'_, str>> = at
        .iter()
        .map(|step| match step {
            Step::Member(name) => redact::name(name),
            Step::Item(_) => Cow::Borrowed("*"),
        })
        .collect();
    FieldPath::of(steps.iter().map(AsRef::as_ref))
}

/// Whether a place is this field of a table, written like a [`FieldPath`]: `*` is a list's position and nothing else.
pub(super) fn is(at: &[Step<'_>], field: &str) -> bool {
    let mut names = field.split('/').skip(1);
    let all = at.iter().all(|step| match (step, names.next()) {
        (Step::Item(_), Some("*")) => true,
        (Step::Member(name), Some(wanted)) => name == wanted,
        _ => false,
    });
    all && names.next().is_none()
}

/// Which fields an ignore rule covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    written: String,
    steps: Vec<String>,
}

impl PathPattern {
    /// Reads a JSON pointer with at least one level, such as `/transactionLogHistory/*/requestId`, or `(status)`,
    /// `(body)`, `(more)`, `(header retry-after)`. At most 160 bytes, printable. `None` for anything else: an empty pointer would
    /// cover everything.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        FieldPath::parse(text)?;
        let steps = match text.strip_prefix('/') {
            Some(rest) => rest.split('/').map(unescaped).collect::<Option<_>>()?,
            None => vec![],
        };
        Some(Self {
            written: text.to_owned(),
            steps,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether it covers a place in a body.
    pub(super) fn covers(&self, at: &[Step<'_>]) -> bool {
        let fits = |(wanted, step): (&String, &Step<'_>)| match step {
            _ if wanted == "*" => true,
            Step::Member(name) => name == wanted,
            Step::Item(position) => wanted.parse() == Ok(*position),
        };
        !self.steps.is_empty()
            && at.len() >= self.steps.len()
            && self.steps.iter().zip(at).all(fits)
    }

    /// Whether it is one of the fields outside of a body's members.
    pub(super) fn names(&self, field: &FieldPath) -> bool {
        self.steps.is_empty() && self.written.eq_ignore_ascii_case(field.as_str())
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// `~1` is `/` and `~0` is `~`; any other use of `~` is none.
fn unescaped(step: &str) -> Option<String> {
    let mut text = String::new();
    let mut letters = step.chars();
    while let Some(letter) = letters.next() {
        text.push(match letter {
            '~' => match letters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(text)
}
