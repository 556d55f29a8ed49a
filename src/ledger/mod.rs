//! The money ledger: intents against evidence. What was asked of each payment, with which key, what upstream said, what
//! the event log says; whether it fits together; and which payments may still change.
//!
//! `verdict`, `story`, `open` and `schedule` are pure; `reconcile` reads upstream in the background. Must not: change
//! money, hold up a call, or say that something is in order which nobody has looked at.

pub mod expiring;
pub mod open;
pub mod reconcile;
mod schedule;
pub mod story;
pub mod verdict;

pub use open::OpenGroup;
pub use reconcile::Reconciler;
pub use story::Line;
pub use verdict::{Standing, Verdict};
