//! Pruning what is old, in small batches, so that it never shows in a merchant's call.
//!
//! Must not: delete what may still be needed: a dead letter, an open money call, a payment that can be refunded.

use std::sync::Arc;
use std::time::Duration;

use crate::lifecycle::Lifecycle;
use crate::settings::Live;
use crate::store::{CallbackStore, Pruned, Retention};
use crate::types::{Clock, Moment};

const EVERY: Duration = Duration::from_secs(600);
const BATCH: usize = 200;
const BETWEEN_BATCHES: Duration = Duration::from_millis(200);

/// Prunes.
#[derive(Debug)]
pub struct Pruner {
    store: Arc<dyn CallbackStore>,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
}

impl Pruner {
    /// By the times in force.
    #[must_use]
    pub fn new(store: Arc<dyn CallbackStore>, live: Arc<Live>, clock: Arc<dyn Clock>) -> Self {
        Self { store, live, clock }
    }

    /// Works until the bridge ends.
    pub async fn run(self, lifecycle: Lifecycle) {
        let stop = lifecycle.soft().clone();
        loop {
            if stop
                .run_until_cancelled(tokio::time::sleep(EVERY))
                .await
                .is_none()
            {
                return;
            }
            while !stop.is_cancelled() && self.batch().await {
                let _ended = stop
                    .run_until_cancelled(tokio::time::sleep(BETWEEN_BATCHES))
                    .await;
            }
        }
    }

    /// One batch; true where there may be more.
    async fn batch(&self) -> bool {
        let store = &self.live.settings().store;
        let retention = oldest(store.retention, store.callback_retention, self.clock.now());
        match self.store.prune(retention).await {
            Ok(Pruned {
                payments: 0,
                callbacks: 0,
            }) => false,
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(error = %error, "old records could not be pruned; it is tried again later");
                false
            }
        }
    }
}

fn oldest(payments: Duration, callbacks: Duration, now: Moment) -> Retention {
    let before = |age: Duration| {
        Moment::from_millis(
            now.millis()
                .saturating_sub(Moment::default().plus(age).millis()),
        )
    };
    Retention {
        payments_before: before(payments),
        callbacks_before: before(callbacks),
        batch: BATCH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payments_and_callbacks_have_their_own_age() {
        let now = Moment::from_millis(10_000);
        let kept = oldest(Duration::from_secs(7), Duration::from_secs(2), now);
        assert_eq!(kept.payments_before, Moment::from_millis(3_000));
        assert_eq!(kept.callbacks_before, Moment::from_millis(8_000));
    }
}
