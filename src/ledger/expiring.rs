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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_days() {
        let from = Moment::parse("2026-01-30T12:00:00Z").unwrap();
        assert_eq!(until(from, DAYS).to_string(), "2026-02-02T12:00:00.000Z");
        assert_eq!(until(from, 0), from);
    }
}
