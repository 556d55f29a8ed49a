//! What an operator has chosen not to hear of: by path, with a reason, perhaps until a day.
//!
//! What is ignored is counted and never lost. Must not: make a rule (the settings do).

use super::place::PathPattern;
use crate::ecom::route::Operation;
use crate::types::Moment;

/// One line of `shadow.ignore`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreRule {
    /// Which fields, and what is below them.
    pub path: PathPattern,
    /// Of which operation; of all where there is none.
    pub operation: Option<Operation>,
    /// Why, in the operator's words; empty where none was given.
    pub reason: String,
    /// From then on it covers nothing.
    pub until: Option<Moment>,
}

impl IgnoreRule {
    /// Whether it is in force.
    #[must_use]
    pub fn active(&self, now: Moment) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether it is in force, for this operation.
    pub(super) fn applies(&self, operation: Operation, now: Moment) -> bool {
        self.operation.is_none_or(|own| own == operation) && self.active(now)
    }
}
