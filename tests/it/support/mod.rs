//! What the tests share. No fixed ports, no sleeping: every wait is for a condition, under one limit.

pub(crate) mod app;
pub(crate) mod books;
pub(crate) mod bridge;
pub(crate) mod callbacks;
pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod line;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod shadow;
pub(crate) mod shop;
pub(crate) mod site;
pub(crate) mod trade;
pub(crate) mod upstream;
pub(crate) mod visitor;
pub(crate) mod webdriver;

use std::time::Duration;

use ecom_bridge::simulator::Action;
use serde_json::Value;

/// No wait of a test is longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Waits for something that must come.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what)
        .await
        .expect("came in time")
}

/// Waits until a condition holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    soon(async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The same for a condition that must be asked for.
pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let mut beat = tokio::time::interval(Duration::from_millis(5));
    soon(async {
        while !holds().await {
            beat.tick().await;
        }
    })
    .await;
}

/// What upstream answers although it does something else.
pub(crate) fn says(status: u16, body: &Value, processed: bool) -> Action {
    Action::Status {
        status,
        body: Some(body.to_string()),
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        processed,
    }
}

/// Numbers that look random and come again from the same seed; `SEED=` in the environment sets it.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn from_environment(seed: u64) -> Self {
        let set = std::env::var("SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        Self::new(set.unwrap_or(seed))
    }

    /// Below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.number() % u64::try_from(limit).unwrap()).unwrap()
    }

    /// Any number: the seed of others.
    pub(crate) fn number(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
