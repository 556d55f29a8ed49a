//! Whether anybody uses an HTTP/2 connection: one that waits too long for its next call is ended, as HTTP/1.1's are.
//!
//! PING is no use of it. Must not: tell of a connection with a call on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The use of one connection. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Usage(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    calls: usize,
    /// The end of the last call, or the beginning of the connection.
    since: Instant,
}

/// Held while a call is worked on.
#[derive(Debug)]
pub(super) struct Working(Usage);

impl Usage {
    /// Of a connection that begins now.
    pub(super) fn new() -> Self {
        let since = Instant::now();
        Self(Arc::new(Mutex::new(State { calls: 0, since })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins.
    pub(super) fn began(&self) -> Working {
        self.state().calls += 1;
        Working(self.clone())
    }

    /// Returns when there has been no call for so long.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let now = Instant::now();
            let end = {
                let state = self.state();
                let since = if state.calls > 0 { now } else { state.since };
                since + limit
            };
            if end <= now {
                return;
            }
            sleep_until(end).await;
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.calls -= 1;
        state.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_idle_when_its_last_call_has_ended_for_so_long() {
        let usage = Usage::new();
        let (one, two) = (usage.began(), usage.began());
        let limit = Duration::from_millis(20);
        let mut idle = std::pin::pin!(usage.idle(limit));
        let busy = tokio::time::timeout(limit * 4, idle.as_mut()).await;
        assert!(busy.is_err(), "two calls are worked on");
        drop(one);
        let busy = tokio::time::timeout(limit * 4, idle.as_mut()).await;
        assert!(busy.is_err(), "one is");
        let ended = Instant::now();
        drop(two);
        let in_time = tokio::time::timeout(Duration::from_secs(20), idle).await;
        assert!(in_time.is_ok(), "it is never idle");
        assert!(ended.elapsed() >= limit);
    }
}
