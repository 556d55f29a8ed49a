//! What `demo` and `rehearse` are played with: a bridge of this process, a shop's client, and what is printed on.
//!
//! Must not: know what is played.

pub(in crate::cli) mod bridge;
pub(in crate::cli) mod brief;
pub(in crate::cli) mod page;
pub(in crate::cli) mod shop;
