//! Every member of eCom's schemas, and what becomes of it: the proof that none is forgotten.
//!
//! The tables are data; tests hold them against the published specification, against the types that read and write the
//! members, and against `docs/limitations.md`. Must not: decide anything (the other files here do).

mod requests;
mod responses;

use super::loss::{Loss, Untranslatable};

pub use requests::{HEADERS, REQUESTS, UNDOCUMENTED};
pub use responses::RESPONSES;

/// What becomes of a member. One member may have several fates, by its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Goes to this member of ePayment, or comes from it.
    Mapped(&'static str),
    /// The bridge works it out, from this.
    MadeUp(&'static str),
    /// The bridge keeps it, for this.
    Remembered(&'static str),
    /// Lost, and told under this code.
    Dropped(Loss),
    /// Can't be translated, and goes to eCom under this code.
    Refused(Untranslatable),
    /// Read by nobody, on purpose: this is why.
    Ignored(&'static str),
    /// Express: goes to eCom, and comes from it, as it is.
    EcomOnly,
}

/// A member and its fates.
pub type Member = (&'static str, &'static [Fate]);

/// A schema of the specification and its members.
pub type Schema = (&'static str, &'static [Member]);

/// Every fate in all the tables.
pub fn fates() -> impl Iterator<Item = Fate> {
    REQUESTS
        .iter()
        .chain(RESPONSES)
        .flat_map(|(_, members)| members.iter())
        .chain(HEADERS)
        .chain(UNDOCUMENTED)
        .flat_map(|(_, fates)| fates.iter().copied())
}

#[cfg(test)]
mod tests;
