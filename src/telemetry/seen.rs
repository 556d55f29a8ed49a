//! What the observation counts of a call, beside what stands in its log line.
//!
//! Words, classes and bits only. Must not: hold anything that a caller wrote.

use super::words::Route;
use crate::ecom::error::{Code, Failure, Group};
use crate::ecom::used::Used;

/// What became of a call, as a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// It did what was asked.
    Done,
    /// The API said no, and said why.
    Refused,
    /// The API failed, gave no answer, or nobody knows what it did.
    Failed,
    /// The bridge itself said no.
    RefusedHere,
}

/// Whether a call could be translated, wherever it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fit {
    /// As a whole.
    Whole,
    /// It is of eCom's Express, or reads a payment that may be.
    Express,
    /// It can't, by this reason.
    Not(&'static str),
    /// The bridge's own checks would refuse it; eCom may judge otherwise.
    Invalid,
}

/// Which error was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Told {
    /// A numbered one.
    Code(Code),
    /// A member.
    Field,
    /// One of no shape that eCom documents, such as the gateway's.
    Other,
}

impl Told {
    /// From an error in eCom's shape.
    #[must_use]
    pub fn of(failure: &Failure) -> Self {
        match failure.entries.first() {
            Some((Group::InvalidRequest, ..)) => Self::Field,
            Some((group, number, _)) => Self::named(*group, number),
            None => Self::Other,
        }
    }

    /// From a group and a number.
    #[must_use]
    pub fn named(group: Group, number: &str) -> Self {
        if group == Group::InvalidRequest {
            return Self::Field;
        }
        let is_it = |code: &Code| {
            let (own, own_number, _) = code.parts();
            own == group && own_number == number
        };
        Code::ALL
            .into_iter()
            .find(is_it)
            .map_or(Self::Other, Self::Code)
    }
}

/// What is counted of one call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// The API that the decision chose; none before there was one.
    pub side: Option<Route>,
    /// Whether the toggles decided, so that either API could have had it.
    pub free: bool,
    /// What became of it.
    pub class: Option<Class>,
    /// The error that was told.
    pub told: Option<Told>,
    /// Whether it translates.
    pub fit: Option<Fit>,
    /// What it used.
    pub used: Used,
}
