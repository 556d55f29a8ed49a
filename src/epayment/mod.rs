//! The new wire: ePayment API v1, and what its webhooks carry.
//!
//! Floor F1: imports `types` only. Source: `ePayment API 1.4.1` with its later changes. Must not know that eCom exists.

pub mod event;
pub mod model;
pub mod problem;
pub mod signature;

/// Reads a body.
///
/// # Errors
/// Where it is no JSON of this type.
pub fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(body) {
        // Checked as a whole, which is faster than each of its texts for itself.
        Ok(text) => serde_json::from_str(text),
        // Tells where.
        Err(_) => serde_json::from_slice(body),
    }
}
