//! The store's own threads: SQLite blocks its caller, so no thread of the runtime calls it.
//!
//! Must not: start a thread whose end nobody can wait for.

use std::thread::Builder;

use tokio_util::task::TaskTracker;

use crate::store::StoreError;

/// Starts a thread that the tracker counts until it ends.
pub(super) fn start(
    name: &str,
    tracker: &TaskTracker,
    work: impl FnOnce() + Send + 'static,
) -> Result<(), StoreError> {
    let token = tracker.token();
    let started = Builder::new().name(name.to_owned()).spawn(move || {
        work();
        drop(token);
    });
    match started {
        Ok(_detached) => Ok(()),
        Err(error) => Err(StoreError::Unreachable(format!(
            "no thread could be started for the store: {error}"
        ))),
    }
}
