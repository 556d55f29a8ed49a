//! How the new payments of one sales unit went at one API, since somebody last asked: what ramp and rollback judge.
//!
//! Must not: judge.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

/// Counted in one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Calls.
    pub calls: u64,
    /// Those that did not do what was asked: refused by the API or by the bridge, failed, or unknown.
    pub bad: u64,
    /// Those at the end of the stretch that did not, one after the other.
    pub run: u64,
    /// Calls whose time is known.
    pub timed: u64,
    /// The sum of their classes of time (two a doubling, so it is the logarithm that is summed).
    pub times: u64,
    /// The sum of the squares of these.
    pub squares: u64,
}

impl Sample {
    /// This stretch and, after it, another.
    #[must_use]
    pub const fn then(self, later: Self) -> Self {
        // A later stretch with a success in it ends the run.
        let whole = later.run == later.calls;
        Self {
            calls: self.calls + later.calls,
            bad: self.bad + later.bad,
            run: if whole {
                self.run + later.run
            } else {
                later.run
            },
            timed: self.timed + later.timed,
            times: self.times + later.times,
            squares: self.squares + later.squares,
        }
    }
}

/// A sample that is being counted.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    calls: AtomicU64,
    bad: AtomicU64,
    run: AtomicU64,
    timed: AtomicU64,
    times: AtomicU64,
    squares: AtomicU64,
}

impl Fresh {
    pub(super) fn note(&self, good: bool, time_class: Option<usize>) {
        self.calls.fetch_add(1, Relaxed);
        if good {
            self.run.store(0, Relaxed);
        } else {
            self.bad.fetch_add(1, Relaxed);
            self.run.fetch_add(1, Relaxed);
        }
        if let Some(class) = time_class.and_then(|class| u64::try_from(class).ok()) {
            self.timed.fetch_add(1, Relaxed);
            self.times.fetch_add(class, Relaxed);
            self.squares.fetch_add(class * class, Relaxed);
        }
    }

    /// Takes what was counted. A call that is counted at the same moment may be in two samples by halves: that shifts a
    /// share by less than one call.
    pub(super) fn take(&self) -> Sample {
        let calls = self.calls.swap(0, Relaxed);
        let bad = self.bad.swap(0, Relaxed).min(calls);
        Sample {
            calls,
            bad,
            run: self.run.swap(0, Relaxed).min(bad),
            timed: self.timed.swap(0, Relaxed),
            times: self.times.swap(0, Relaxed),
            squares: self.squares.swap(0, Relaxed),
        }
    }

    pub(super) fn give_back(&self, sample: &Sample) {
        self.calls.fetch_add(sample.calls, Relaxed);
        self.bad.fetch_add(sample.bad, Relaxed);
        self.run.fetch_add(sample.run, Relaxed);
        self.timed.fetch_add(sample.timed, Relaxed);
        self.times.fetch_add(sample.times, Relaxed);
        self.squares.fetch_add(sample.squares, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_through_stretches_and_ends_with_a_success() {
        let fresh = Fresh::default();
        let of = |calls: &[bool]| {
            calls.iter().for_each(|good| fresh.note(*good, Some(3)));
            fresh.take()
        };
        let first = of(&[true, false, false]);
        assert_eq!((first.calls, first.bad, first.run), (3, 2, 2));
        let second = first.then(of(&[false]));
        assert_eq!((second.calls, second.run), (4, 3));
        let quiet = second.then(Sample::default());
        assert_eq!(quiet.run, 3);
        let third = quiet.then(of(&[false, true, false]));
        assert_eq!((third.calls, third.bad, third.run), (7, 5, 1));
        assert_eq!((third.timed, third.times, third.squares), (7, 21, 63));
        fresh.give_back(&third);
        assert_eq!(fresh.take(), third);
    }
}
