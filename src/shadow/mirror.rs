//! Writes of a shadow: each call that went to one API is made as its counterpart on the shadow upstream.
//!
//! A payment there, the twin, is kept in step with the merchant's: made when it is made, approved by the test user when
//! it is seen approved, and changed by the merchant's own calls. Must not: send anything to the primary upstream, or
//! anything of a merchant's that is secret or personal.

mod alias;
mod rewrite;
mod step;
