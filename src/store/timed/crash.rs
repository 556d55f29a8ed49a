//! For the tests, in debug builds only: the process ends without a word at a named step of the store, as by `kill -9`.
//!
//! `ECOM_BRIDGE_CRASH_AT="after begin_adjustment 3"`: when the third one is recorded and nobody has been told. What is
//! sent outside happens between two steps, so the steps name every moment of it. Must not: be compiled into a release.

use std::sync::atomic::{AtomicU32, Ordering};

const VARIABLE: &str = "ECOM_BRIDGE_CRASH_AT";

/// Before or after which step, and the how manieth time.
#[derive(Debug)]
pub(super) struct Crash {
    side: String,
    step: String,
    left: AtomicU32,
}

impl Crash {
    /// As the environment says it, if it says anything.
    pub(super) fn wanted() -> Option<Self> {
        let text = std::env::var(VARIABLE).ok()?;
        let mut words = text.split(' ').map(str::to_owned);
        Some(Self {
            side: words.next()?,
            step: words.next()?,
            left: AtomicU32::new(words.next()?.parse().ok()?),
        })
    }

    /// Ends the process where it is wanted.
    pub(super) fn at(&self, side: &str, step: &str) {
        let here = self.side == side && self.step == step;
        if here && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::process::abort();
        }
    }
}
