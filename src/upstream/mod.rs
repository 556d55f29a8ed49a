//! Calls to Vipps: typed ones to ePayment, forwarded ones to eCom and everything else.
//!
//! Policies are stated, not inherited: no redirects, no proxies from the environment, no decompression, no hidden
//! retries. Must not: decide what a failure means for money (`payments` does), or log a header or a body.

pub mod breaker;
pub mod changes;
mod client;
mod credentials;
pub mod ecom;
pub mod epayment;
mod error;
mod head;
pub mod keyring;
pub mod probe;
pub mod reads;
pub mod retries;
pub mod shadow;
pub mod share;
pub mod token;
pub mod turns;
mod unreadable;
pub mod webhooks;
mod whole;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub use client::ClientError;
pub use credentials::{Credentials, MERCHANT_SERIAL_NUMBER, SHADOW_MARK, SUBSCRIPTION_KEY};
pub use error::{RawReply, Reply, SendFailure, Unsent};

/// How much time upstream took for one merchant call, for its log event.
#[derive(Debug, Default)]
pub struct Spent {
    calls: AtomicU32,
    micros: AtomicU64,
    changes: AtomicBool,
}

impl Spent {
    /// Adds one call.
    pub fn add(&self, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(
            u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    /// Something that may change a payment is about to be sent.
    ///
    /// # Errors
    /// Where no time is left for it. The time is looked at after this was noted, so that whoever asks when it is over is
    /// not told too little.
    pub fn begin_change(&self, budget: Budget) -> Result<(), Unsent> {
        self.changes.store(true, Ordering::SeqCst);
        if budget.left().is_zero() {
            return Err(Unsent::NoConnection("no time was left for it".to_owned()));
        }
        Ok(())
    }

    /// Whether anything was sent that may have changed a payment.
    #[must_use]
    pub fn may_have_changed(&self) -> bool {
        self.changes.load(Ordering::SeqCst)
    }

    /// Number of calls, and their time together.
    #[must_use]
    pub fn total(&self) -> (u32, Duration) {
        (
            self.calls.load(Ordering::Relaxed),
            Duration::from_micros(self.micros.load(Ordering::Relaxed)),
        )
    }
}

/// When a call must have ended, and how long one sending of it may take.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// The end of the whole merchant call.
    pub deadline: Instant,
    /// The longest that one sending may take.
    pub per_call: Duration,
}

impl Budget {
    /// What is left, at most `per_call`.
    #[must_use]
    pub fn next_call(&self) -> Duration {
        self.left().min(self.per_call)
    }

    /// One sending within `limit`.
    #[must_use]
    pub fn of(limit: Duration) -> Self {
        Self {
            deadline: Instant::now() + limit,
            per_call: limit,
        }
    }

    /// Whether `allowed` is a fair time for one sending. What is left after a slow client or a first try is none:
    /// that it was not enough says nothing about upstream.
    fn is_fair(&self, allowed: Duration) -> bool {
        allowed >= self.per_call / 2
    }

    /// What is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The same with `reserve` kept back at its end.
    #[must_use]
    pub fn keeping(&self, reserve: Duration) -> Self {
        Self {
            deadline: self.deadline.checked_sub(reserve).unwrap_or(self.deadline),
            ..*self
        }
    }
}
