//! Direct capture: for sales units so marked, an approval is captured at once, and only then the shop hears `SALE`.
//!
//! The capture is a money call like any other: recorded, keyed by the payment, done once whatever happens. The callback
//! waits while it is not settled. Must not: report a failure of something that may have happened.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::poll::caller;
use super::receive::Queued;
use super::work::woken;
use crate::ecom::callback::CallbackStatus;
use crate::lifecycle::Lifecycle;
use crate::payments::{DirectCapture, Payments, Subject};
use crate::settings::Live;
use crate::store::{CallbackStore, ClaimLimits, DueCallback, Settled, Stage, StoreError};
use crate::types::{Clock, Scope};
use crate::upstream::keyring::Keyring;

const LEASE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_secs(5);
const LIMITS: ClaimLimits = ClaimLimits {
    total: 16,
    per_unit: 4,
};

/// Captures what was approved.
pub struct DirectCapturer {
    /// Which payments.
    pub store: Arc<dyn CallbackStore>,
    /// The use cases.
    pub payments: Arc<Payments>,
    /// Credentials.
    pub keyring: Keyring,
    /// The settings in force: one snapshot for each capture.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Woken when a callback is queued.
    pub wake: Arc<Notify>,
    /// Wakes the dispatcher.
    pub ready: Queued,
}

impl DirectCapturer {
    /// Works until the bridge ends.
    pub async fn run(self: Arc<Self>, lifecycle: Lifecycle) {
        while !lifecycle.draining() {
            if let Err(error) = self.run_once().await {
                tracing::warn!(error = %error, "direct captures can't be looked at now");
            }
            let _ended = lifecycle
                .soft()
                .run_until_cancelled(woken(&self.wake, LOOK_EVERY))
                .await;
        }
    }

    /// Works on what is due; says how many.
    ///
    /// # Errors
    /// When the store can't be used.
    pub async fn run_once(&self) -> Result<usize, StoreError> {
        // What is due stays so while nobody can be asked.
        if self.payments.epayment.breaker().refuses() {
            return Ok(0);
        }
        let now = self.clock.now();
        let due = self
            .store
            .claim_callbacks(Stage::Capture, now, LIMITS, now.plus(LEASE))
            .await?;
        let work = due.iter().map(|callback| self.capture(callback));
        for settled in futures_util::future::join_all(work).await {
            settled?;
        }
        Ok(due.len())
    }

    async fn capture(&self, due: &DueCallback) -> Result<(), StoreError> {
        let settings = self.live.settings();
        let unit = settings.merchant(&due.msn);
        let subject = Subject {
            order: super::order_of(Scope::Unit(due.msn.clone()), due.order.clone(), unit),
            reference: due.reference.clone(),
        };
        let mut tries = self.keyring.tries(&due.msn);
        let settled = loop {
            let Some(credentials) = tries.credentials().await else {
                break self.later(due, "no credentials to capture with");
            };
            let caller = caller(credentials, due.caller, &settings);
            let outcome = self.payments.capture_directly(&caller, &subject).await;
            if outcome == DirectCapture::NoAccess && tries.refused().await {
                continue;
            }
            break self.settle(due, outcome);
        };
        let is_ready = matches!(settled, Settled::Ready { .. });
        self.store
            .settle_callback(due.id, due.lease, settled, self.clock.now())
            .await?;
        if is_ready {
            (self.ready)();
        }
        Ok(())
    }

    fn settle(&self, due: &DueCallback, outcome: DirectCapture) -> Settled {
        match outcome {
            DirectCapture::Done { transaction_id, at } => Settled::Ready {
                status: CallbackStatus::Sale,
                transaction_id,
                at,
            },
            DirectCapture::Refused { at } => Settled::Ready {
                status: CallbackStatus::SaleFailed,
                transaction_id: None,
                at,
            },
            DirectCapture::NotNow(why) => self.later(due, why),
            DirectCapture::NoAccess => self.later(due, "the credentials are refused"),
        }
    }

    /// Tried again for as long as the reservation stands: the shop hears nothing before the outcome is known.
    fn later(&self, due: &DueCallback, why: &str) -> Settled {
        Settled::Retry {
            at: self.clock.now().plus(again_after(due.attempts)),
            why: why.to_owned(),
        }
    }
}

fn again_after(attempts: u32) -> Duration {
    Duration::from_secs(5 << attempts.min(9)).min(Duration::from_secs(1800))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_pause_longer_up_to_half_an_hour() {
        let pauses = [0, 1, 2, 8, 9, 1_000].map(|attempts| again_after(attempts).as_secs());
        assert_eq!(pauses, [5, 10, 20, 1_280, 1_800, 1_800]);
    }
}
