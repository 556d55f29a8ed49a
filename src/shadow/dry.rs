//! Dry shadowing: a call that went to eCom is translated, too, and the request that ePayment would have got is judged.
//!
//! Pure: nothing is sent, asked or kept. Two judges look at the request, and neither asks the translation: `fields` says
//! where each member must have come to, `rules` what ePayment documents. What cannot be known without the payment (how
//! much "all that remains" is) is left open and never guessed. What eCom answered decides only where it judged the same
//! thing: see `answer`. Must not: do I/O, or show a value that may be personal (all go through `redact::shown`).

mod answer;
mod call;
mod check;
mod fields;
mod outgoing;
mod place;
mod rules;
mod wanted;

#[cfg(test)]
mod tests;

pub use answer::Judged;
pub use call::{DryCall, Recovery};
pub use check::judge;
pub use outgoing::Outgoing;

use self::outgoing::{Made, Refused, make};
use super::compare::{Difference, DifferenceKind};
use crate::translate::loss::{Loss, Untranslatable};
use crate::types::FieldPath;

/// The largest body that is looked into, in bytes. What the documents know is far below 16 KiB.
pub const LARGEST: usize = 64 * 1024;

/// Whether a call translates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it is.
    Whole,
    /// With these losses, each once.
    WithLosses(Vec<Loss>),
    /// It goes to eCom as it came, for this reason, after a switch as well.
    Not(Untranslatable),
    /// It breaks a rule of eCom's: where, and what was wanted. The bridge would refuse it.
    Invalid(Vec<(FieldPath, String)>),
    /// Express, or perhaps: it stays with eCom by design.
    Express,
    /// Larger than [`LARGEST`].
    TooLarge,
}

impl Verdict {
    /// Its word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::WithLosses(_) => "with-losses",
            Self::Not(_) => "not",
            Self::Invalid(_) => "invalid",
            Self::Express => "express",
            Self::TooLarge => "too-large",
        }
    }
}

/// What came of a dry run, before eCom's answer was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dried {
    /// Whether it translates.
    pub verdict: Verdict,
    /// Losses by the eCom member that they happen to; everything else by the member of the ePayment request, where the
    /// control is what the documents want there, and the candidate what would have been sent.
    pub differences: Vec<Difference>,
    /// All that remains is asked for: only the payment can say how much, so the amount was not judged.
    pub open: bool,
}

/// Translates a call and judges the request. In time and memory bounded by [`LARGEST`].
#[must_use]
pub fn dry(call: &DryCall<'_>) -> Dried {
    let only = |verdict, differences| Dried {
        verdict,
        differences,
        open: false,
    };
    if call.body.len() > LARGEST {
        return only(Verdict::TooLarge, Vec::new());
    }
    match make(call) {
        Err(Refused::Express) => only(Verdict::Express, Vec::new()),
        Err(Refused::Not(reason)) => only(Verdict::Not(reason), vec![untranslatable(reason)]),
        Err(Refused::Invalid(failure)) => {
            let entries = failure.entries.iter();
            let places = entries.map(|(_, code, why)| (place::of_code(call.operation, code), why));
            let wrong = places.map(|(at, why)| (at, place::cut(why))).collect();
            only(Verdict::Invalid(wrong), Vec::new())
        }
        Ok(Made { request, outgoing }) => {
            let mut losses = outgoing.losses.clone();
            losses.sort_unstable();
            losses.dedup();
            Dried {
                differences: judge(call, &request, &outgoing),
                verdict: if losses.is_empty() {
                    Verdict::Whole
                } else {
                    Verdict::WithLosses(losses)
                },
                open: outgoing.open,
            }
        }
    }
}

/// A field of its own for each reason, so that each is counted, and judged by people, on its own.
fn untranslatable(reason: Untranslatable) -> Difference {
    Difference {
        field: place::fixed(&format!("(untranslatable {})", reason.code())),
        kind: DifferenceKind::Rule,
        control: place::cut(reason.told()),
        candidate: "goes to eCom as it came".to_owned(),
    }
}
