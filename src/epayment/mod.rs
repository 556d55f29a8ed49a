//! The new wire: ePayment API v1, and what its webhooks carry.
//!
//! Floor F1: imports `types` only. Source: `ePayment API 1.4.1` with its later changes. Must not know that eCom exists.

pub mod event;
pub mod model;
pub mod problem;
pub mod signature;
