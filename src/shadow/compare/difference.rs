//! What a comparison says: differences by field and kind, what was normalised, what was ignored, or why there is none.
//!
//! Must not: hold a value that may be personal. Values come through `redact::shown`.

use std::collections::BTreeMap;
use std::fmt;

pub use crate::store::{Difference, DifferenceKind, Way};

/// What came of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Each field and kind once, with the first values that were met; at most [`super::KEPT`].
    pub differences: Vec<Difference>,
    /// How often each normalisation made two values equal, by its name in [`super::normal::RULES`].
    pub normalised: BTreeMap<&'static str, u32>,
    /// How many differences each ignore rule took away, by its pattern as it was written.
    pub ignored: BTreeMap<String, u32>,
    /// Differences beyond them; one field may be counted several times.
    pub more: u32,
}

impl Compared {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What the merchant got.
    Control,
    /// What the other API would have given.
    Candidate,
}

/// Why two answers can't be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareFailure {
    /// The body is not JSON.
    NotJson(Side),
    /// The body is above [`super::tree::LARGEST`], or has more in it than [`super::tree::BUDGET`].
    TooLarge(Side),
    /// The body is nested deeper than [`super::tree::DEEPEST`].
    TooDeep(Side),
}

impl CompareFailure {
    /// Its word, in metrics and reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotJson(Side::Control) => "control-not-json",
            Self::NotJson(Side::Candidate) => "candidate-not-json",
            Self::TooLarge(Side::Control) => "control-too-large",
            Self::TooLarge(Side::Candidate) => "candidate-too-large",
            Self::TooDeep(Side::Control) => "control-too-deep",
            Self::TooDeep(Side::Candidate) => "candidate-too-deep",
        }
    }
}

impl fmt::Display for CompareFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl std::error::Error for CompareFailure {}
