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
/// So many in one transaction: with many merchants all of them would keep the store's only writer for too long.
const BATCH: usize = 50;
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
        let mut left = self.observer.take();
        while !left.is_empty() {
            let some = left.split_off(left.len().saturating_sub(BATCH));
            match self.store.add_observations(some.clone()).await {
                Ok(()) => self.failing.store(false, Ordering::Relaxed),
                Err(error) => {
                    self.observer.give_back(&some);
                    self.observer.give_back(&left);
                    if !self.failing.swap(true, Ordering::Relaxed) {
                        tracing::warn!(error = %error, "the traffic's counts can't be kept; it is tried again");
                    }
                    return;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::ecom::route::Operation;
    use crate::store::{Observation, StoreError};
    use crate::telemetry::{RequestFacts, Route};
    use crate::types::{ManualClock, Moment, Msn};

    /// Takes so many transactions; the calls that it has of each unit.
    #[derive(Debug)]
    struct Failing {
        takes: Mutex<u32>,
        kept: Mutex<BTreeMap<Msn, u64>>,
    }

    #[async_trait]
    impl ObservationStore for Failing {
        async fn add_observations(&self, more: Vec<Observation>) -> Result<(), StoreError> {
            assert!(more.len() <= BATCH, "{} at once", more.len());
            let mut takes = self.takes.lock().unwrap();
            *takes = takes.checked_sub(1).ok_or(StoreError::Locked)?;
            for one in more {
                let calls: u64 = one.counts.iter().map(|(_, count)| count).sum();
                *self
                    .kept
                    .lock()
                    .unwrap()
                    .entry(one.msn.unwrap())
                    .or_default() += calls;
            }
            Ok(())
        }

        async fn observations(&self, _: &Msn, _: Hour) -> Result<Vec<Observation>, StoreError> {
            Ok(Vec::new())
        }

        async fn observed_units(&self, _: Hour) -> Result<Vec<Msn>, StoreError> {
            Ok(Vec::new())
        }

        async fn prune_observations(&self, _: Hour, _: usize) -> Result<u64, StoreError> {
            Ok(0)
        }
    }

    #[tokio::test]
    async fn the_counts_of_many_units_go_in_steps_and_once_although_one_fails() {
        let clock = ManualClock::new(Moment::from_millis(1_700_000_000_000));
        let observer = Arc::new(Observer::new(Arc::new(clock)));
        let units: u64 = 2 * BATCH as u64 + 1;
        for n in 0..units {
            let id = uuid::Uuid::nil();
            let mut call = RequestFacts::begin(id, &http::Method::POST, Operation::Initiate);
            call.msn(&Msn::parse(&format!("{}", 100_000 + n)).unwrap());
            observer.note(&call, Route::Epayment, 200);
        }
        let store = Arc::new(Failing {
            takes: Mutex::new(1),
            kept: Mutex::default(),
        });
        let keeper = Keeper::new(observer, Arc::<Failing>::clone(&store));
        keeper.keep().await;
        assert_eq!(store.kept.lock().unwrap().len(), BATCH);
        *store.takes.lock().unwrap() = 10;
        keeper.keep().await;
        keeper.keep().await;
        let kept = store.kept.lock().unwrap();
        assert_eq!(kept.len() as u64, units);
        let first = kept.values().next().unwrap();
        assert!(*first > 0 && kept.values().all(|calls| calls == first));
    }
}
