//! How much may be sent again: a share of what is sent for the first time, so that trouble makes no storm.
//!
//! A bucket: each first sending brings a fifth of a repeat, up to a reserve, and a quiet bridge gains one a second. So
//! repeats are at most a fifth of the calls, beside the reserve. Must not: hold up a first sending.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::telemetry::{Api, Meters};

/// First sendings that pay for one repeat.
const FOR_ONE: u32 = 5;
/// Repeats that may be saved up: a blip of a second is bridged for so many calls at once.
const RESERVE: u32 = 50;

/// In fifths of a repeat.
#[derive(Debug)]
struct Bucket {
    saved: u32,
    at: Instant,
}

impl Bucket {
    const fn full(at: Instant) -> Self {
        Self {
            saved: RESERVE * FOR_ONE,
            at,
        }
    }

    fn add(&mut self, fifths: u32) {
        self.saved = self.saved.saturating_add(fifths).min(RESERVE * FOR_ONE);
    }

    const fn first(&mut self) {
        if self.saved < RESERVE * FOR_ONE {
            self.saved += 1;
        }
    }

    fn again(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.at).as_secs();
        if seconds > 0 {
            self.at += std::time::Duration::from_secs(seconds);
            let seconds = u32::try_from(seconds).unwrap_or(RESERVE);
            self.add(seconds.saturating_mul(FOR_ONE));
        }
        let may = self.saved >= FOR_ONE;
        if may {
            self.saved -= FOR_ONE;
        }
        may
    }
}

/// The repeats of one API; clones share them.
#[derive(Clone, Debug)]
pub struct Retries {
    api: Api,
    bucket: Arc<Mutex<Bucket>>,
    meters: Arc<Meters>,
}

impl Retries {
    /// With the whole reserve.
    #[must_use]
    pub fn new(api: Api, meters: Arc<Meters>) -> Self {
        Self {
            api,
            bucket: Arc::new(Mutex::new(Bucket::full(Instant::now()))),
            meters,
        }
    }

    /// Whether a call may be sent for the `attempt`th time, from 0; the first time always.
    #[must_use]
    pub fn allow(&self, attempt: u8) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        if attempt == 0 {
            bucket.first();
            return true;
        }
        let may = bucket.again(Instant::now());
        if !may {
            self.meters.retry_refused(self.api);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// However long everything fails: a fifth of the calls, the reserve, and one a second.
    #[test]
    fn repeats_are_a_fifth_of_the_calls_beside_the_reserve() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        let mut repeats = 0;
        for call in 0..10_000_u64 {
            let now = start + Duration::from_millis(call);
            bucket.first();
            repeats += (0..2).filter(|_| bucket.again(now)).count();
        }
        assert!(repeats >= 2_000, "{repeats}");
        assert!(repeats <= 2_000 + 50 + 10, "{repeats}");
    }

    #[test]
    fn a_quiet_bridge_may_repeat_again_after_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        while bucket.again(start) {}
        assert!(!bucket.again(start + Duration::from_millis(999)));
        assert!(bucket.again(start + Duration::from_secs(1)));
        assert!(!bucket.again(start + Duration::from_secs(1)));
        // The reserve is the most, however long it was quiet.
        let later = start + Duration::from_secs(1_000_000_000);
        assert_eq!((0..1_000).filter(|_| bucket.again(later)).count(), 50);
    }

    #[test]
    fn what_is_refused_is_counted_and_a_first_sending_never_is() {
        let meters = Arc::new(Meters::default());
        let retries = Retries::new(Api::Epayment, Arc::clone(&meters));
        while retries.allow(1) {}
        assert!(retries.allow(0) && !retries.allow(2));
        let line = "bridge_upstream_retries_refused_total{api=\"epayment\"} 2";
        assert!(meters.render().contains(line));
        for _ in 0..FOR_ONE {
            assert!(retries.allow(0));
        }
        assert!(retries.allow(1), "so many first sendings earn one repeat");
    }
}
