//! Puts what was counted into the store every few seconds and at the end, and forgets what is old.
//!
//! Must not: lose what the store would not take; it is counted again and put in later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{EVERY, Observer};
use crate::lifecycle::Lifecycle;
use crate::store::{Hour, ObservationStore};

/// Counts are kept for so many days: two months show a rhythm, and the last call of a rare kind.
pub const DAYS: i64 = 60;
const BATCH: usize = 500;
/// A look for old ones comes with every so many puts: about once in ten minutes.
const PRUNE_EVERY: u32 = 120;

/// Keeps the counts.
#[derive(Debug)]
pub struct Keeper {
    observer: Arc<Observer>,
    store: Arc<dyn ObservationStore>,
    failing: AtomicBool,
}

impl Keeper {
    /// Of these counts, in this store.
    #[must_use]
    pub fn new(observer: Arc<Observer>, store: Arc<dyn ObservationStore>) -> Self {
        Self {
            observer,
            store,
            failing: AtomicBool::new(false),
        }
    }

    /// Puts what was counted into the store.
    pub async fn keep(&self) {
        let all = self.observer.take();
        if all.is_empty() {
            return;
        }
        match self.store.add_observations(all.clone()).await {
            Ok(()) => self.failing.store(false, Ordering::Relaxed),
            Err(error) => {
                self.observer.give_back(&all);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(error = %error, "the traffic's counts can't be kept; it is tried again");
                }
            }
        }
    }

    async fn prune(&self) {
        let before = Hour::of(self.observer.now()).back(DAYS * 24);
        loop {
            match self.store.prune_observations(before, BATCH).await {
                Ok(0) => return,
                Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(error) => {
                    tracing::warn!(error = %error, "old counts could not be pruned; it is tried again later");
                    return;
                }
            }
        }
    }

    /// Works until the bridge ends.
    pub async fn run(self: Arc<Self>, lifecycle: Lifecycle) {
        let stop = lifecycle.soft().clone();
        let mut puts: u32 = 0;
        while stop
            .run_until_cancelled(tokio::time::sleep(EVERY))
            .await
            .is_some()
        {
            self.keep().await;
            puts = puts.wrapping_add(1);
            if puts.is_multiple_of(PRUNE_EVERY) {
                let _cut = stop.run_until_cancelled(self.prune()).await;
            }
        }
    }
}
