//! Pruning what is old, in small steps with rests, so that a merchant's call hardly waits for it.
//!
//! Must not: delete what may still be needed: a dead letter, an open money call, a payment that can be refunded.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::lifecycle::Lifecycle;
use crate::settings::Live;
use crate::store::{CallbackStore, Retention};
use crate::types::{Clock, Moment};

const AFTER_START: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_secs(600);
/// A few milliseconds of the store's only writer, which nobody else can use in that time.
const BATCH: usize = 5;

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
        let stop = lifecycle.soft();
        let work = async {
            tokio::time::sleep(AFTER_START).await;
            loop {
                self.round().await;
                tokio::time::sleep(EVERY).await;
            }
        };
        let _ended = stop.run_until_cancelled(work).await;
    }

    /// Steps until nothing is left that was old when the round began. What must stay is looked at once a round.
    async fn round(&self) {
        let store = &self.live.settings().store;
        let retention = oldest(store.retention, store.callback_retention, self.clock.now());
        loop {
            let began = Instant::now();
            match self.store.prune(retention).await {
                Ok(pruned) if pruned.more => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(error = %error, "old records could not be pruned; it is tried again later");
                    return;
                }
            }
            let percent = self.live.settings().store.background_share_percent;
            tokio::time::sleep(rest(began.elapsed(), percent)).await;
        }
    }
}

/// The rest after a step that took so long, for steps to have no more than their share of the time.
fn rest(took: Duration, percent: u8) -> Duration {
    let percent = u32::from(percent.clamp(1, 100));
    took * (100 - percent) / percent
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
    fn a_step_has_its_share_of_the_time() {
        let step = Duration::from_millis(1);
        let of = |percent| rest(step, percent).as_micros();
        assert_eq!([1, 5, 50, 100].map(of), [99_000, 19_000, 1000, 0]);
    }

    #[test]
    fn payments_and_callbacks_have_their_own_age() {
        let now = Moment::from_millis(10_000);
        let kept = oldest(Duration::from_secs(7), Duration::from_secs(2), now);
        assert_eq!(kept.payments_before, Moment::from_millis(3_000));
        assert_eq!(kept.callbacks_before, Moment::from_millis(8_000));
    }
}
