//! An independent witness: both upstream APIs, as their documents describe them.
//!
//! Imports `types`, `ecom` and `epayment` only; must never see `translate`.
