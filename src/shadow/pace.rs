//! How fast shadows may read upstream: so many a second, of all payments together.
//!
//! A bucket of tokens, full at the start: what was not used within a second is not saved. Must not: wait.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts reads.
#[derive(Debug)]
pub struct Pace {
    each_second: u32,
    /// When the bucket will be full again.
    full_at: Mutex<Instant>,
}

impl Pace {
    /// So many reads a second, at least 1.
    #[must_use]
    pub fn new(each_second: u32, now: Instant) -> Self {
        Self {
            each_second: each_second.max(1),
            full_at: Mutex::new(now),
        }
    }

    /// Takes so many reads now, all or none. More than a second's worth is let through when the bucket is full.
    pub fn take(&self, reads: u32, now: Instant) -> bool {
        let one = Duration::from_secs(1) / self.each_second;
        let wanted = one * reads.min(self.each_second);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let after = (*full_at).max(now) + wanted;
        if after > now + Duration::from_secs(1) {
            return false;
        }
        *full_at = after;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_a_second_s_worth_at_once_nor_more_than_the_rate() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let pace = Pace::new(5, start);
        let taken = (0..10).filter(|_| pace.take(1, at(0))).count();
        assert_eq!(taken, 5);
        assert!(!pace.take(1, at(199)));
        assert!(pace.take(1, at(200)));
        assert!(!pace.take(2, at(400)));
        assert!(pace.take(2, at(600)));
        let taken = (0..10_000)
            .filter(|ms| pace.take(1, at(1_000 + ms)))
            .count();
        assert!((50..=55).contains(&taken), "{taken}");
    }

    #[test]
    fn more_than_a_second_s_worth_waits_for_a_full_bucket() {
        let start = Instant::now();
        let pace = Pace::new(2, start);
        assert!(pace.take(3, start));
        assert!(!pace.take(3, start + Duration::from_millis(900)));
        assert!(pace.take(3, start + Duration::from_secs(1)));
    }
}
