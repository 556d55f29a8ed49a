//! Which API a call goes to, and why: pure functions of the call, the payment's birth and the toggles.
//!
//! The mixing rules always win over toggles. Every decision says which rule made it; `trail` tells all that were asked.
//! Must not: do I/O, translate, or know how a payment's birth was found out.

pub mod explain;
pub mod mixing;
pub mod order;
pub mod policy;
pub mod rollout;
pub mod steering;
pub mod toggles;

pub use policy::{Ask, Decision, Facts, Known, Route, Why, decide, trail};
pub use steering::{Lever, Steering};
pub use toggles::{Policy, Routing, RoutingOverride, Source, Toggle, TransactionIdSource, Wish};
