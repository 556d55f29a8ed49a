//! One money call per payment at a time within this process.
//!
//! Across instances the store's records do the same (`begin_adjustment` refuses beside an open call); this lock spares
//! them the collisions. Must not: be held while a callback is outstanding.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use crate::types::{OrderText, Scope};

type Key = (String, String);

/// The locks that somebody holds or waits for.
#[derive(Debug, Default)]
pub(super) struct Locks(Arc<Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>>);

/// Held while a payment is worked on.
#[derive(Debug)]
pub(super) struct Held {
    guard: Option<OwnedMutexGuard<()>>,
    waited: bool,
    key: Key,
    all: Arc<Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>>,
}

impl Locks {
    /// Waits for the payment, at most `within`.
    pub(super) async fn take(
        &self,
        scope: &Scope,
        order: &OrderText,
        within: Duration,
    ) -> Option<Held> {
        let key = (scope.text(), order.as_str().to_owned());
        let lock = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(key.clone()).or_default())
        };
        // Made before the wait: a caller that gives up leaves no lock behind.
        let mut held = Held {
            guard: Arc::clone(&lock).try_lock_owned().ok(),
            waited: false,
            key,
            all: Arc::clone(&self.0),
        };
        if held.guard.is_none() {
            held.guard = Some(tokio::time::timeout(within, lock.lock_owned()).await.ok()?);
            held.waited = true;
        }
        Some(held)
    }
}

impl Held {
    /// Whether somebody else had it first, and may have changed what was known before.
    pub(super) const fn waited(&self) -> bool {
        self.waited
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.guard.take();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the map itself holds it: nobody has it or waits for it.
        if all
            .get(&self.key)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (Scope, OrderText) {
        (
            Scope::parse("123456").unwrap(),
            OrderText::parse("o1").unwrap(),
        )
    }

    #[tokio::test]
    async fn one_holds_it_and_others_wait_their_time() {
        let (locks, (scope, order)) = (Locks::default(), names());
        let held = locks.take(&scope, &order, Duration::ZERO).await.unwrap();
        assert!(
            locks
                .take(&scope, &order, Duration::from_millis(1))
                .await
                .is_none()
        );
        // One that gave up waiting has not let the next one in.
        let next = locks.take(&scope, &order, Duration::from_millis(1));
        assert!(next.await.is_none());
        let other = OrderText::parse("o2").unwrap();
        assert!(locks.take(&scope, &other, Duration::ZERO).await.is_some());
        drop(held);
        assert!(locks.take(&scope, &order, Duration::ZERO).await.is_some());
        assert!(locks.0.lock().unwrap().is_empty(), "nothing is left behind");
    }
}
