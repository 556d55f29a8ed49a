//! A clock that tests move on and put forward or back. Must not: stand still.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ecom_bridge::types::{Clock, Moment, SystemClock};

/// The system's time and what was added by hand.
#[derive(Debug)]
pub(crate) struct Shifted {
    added: AtomicI64,
    /// Milliseconds that passed by hand since the last jump forward.
    steady: AtomicI64,
}

impl Default for Shifted {
    fn default() -> Self {
        Self {
            added: AtomicI64::new(0),
            steady: AtomicI64::new(i64::MAX / 2),
        }
    }
}

impl Shifted {
    fn add(&self, by: Duration) -> i64 {
        let by = i64::try_from(by.as_millis()).unwrap();
        self.added.fetch_add(by, Ordering::SeqCst);
        by
    }

    /// So much time passes.
    pub(crate) fn advance(&self, by: Duration) {
        let by = self.add(by);
        self.steady.fetch_add(by, Ordering::SeqCst);
    }

    /// As when a machine's clock is put right: no time passes.
    pub(crate) fn jump_forward(&self, by: Duration) {
        self.add(by);
        self.steady.store(0, Ordering::SeqCst);
    }

    pub(crate) fn jump_back(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap();
        self.added.fetch_sub(by, Ordering::SeqCst);
    }
}

impl Clock for Shifted {
    fn now(&self) -> Moment {
        Moment::from_millis(SystemClock.now().millis() + self.added.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.steady.load(Ordering::SeqCst).unsigned_abs())
    }
}
