//! Reserved payments whose guaranteed time to be captured is about to end: pure.
//!
//! eCom never told the shop of that time. Must not: ask the time.

use std::time::Duration;

use crate::types::Moment;

/// So many days ahead, where nothing else is asked for.
pub const DAYS: u32 = 3;
/// So many are told at most.
pub const MOST: usize = 1_000;

/// Guarantees that end before this moment end soon.
#[must_use]
pub fn until(now: Moment, days: u32) -> Moment {
    now.plus(Duration::from_secs(u64::from(days) * 24 * 3600))
}
