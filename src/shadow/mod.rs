//! Shadowing: what the other API would have answered, beside the answer that the merchant got.
//!
//! A call is offered when its answer is on its way, and nothing that happens to the offer can reach the merchant. Must
//! not: send anything that changes a payment to the primary upstream, keep a value that may be personal, or lose an
//! offer without counting it.

pub mod compare;
pub mod mirror;
pub mod offer;
pub mod redact;
pub mod report;
