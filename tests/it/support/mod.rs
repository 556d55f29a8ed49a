//! What the tests share. No fixed ports, no sleeping: every wait is for a condition, under one limit.

pub(crate) mod app;
pub(crate) mod bridge;
pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod shop;
pub(crate) mod upstream;

use std::time::Duration;

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
