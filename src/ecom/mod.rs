//! The legacy wire: eCom API v2 as merchants write and read it.
//!
//! Floor F1: imports `types` only. Source: `eCom API 2.0.3` and its guide. Must not know that ePayment exists.

pub mod callback;
pub mod error;
mod fold;
pub mod lenient;
pub mod read;
pub mod request;
pub mod response;
pub mod route;
pub mod used;
