//! A runtime of one thread beside the merchants' calls, which steps back where both want the processor.
//!
//! Its tasks have connections and timers of their own. It lives as long as the shadow, since connections of the store may
//! have been opened on it. Must not: run anything that a merchant waits for.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Its niceness: about a tenth of the share that the merchants' calls have.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Runs what nobody waits for.
#[derive(Debug)]
pub(super) struct Aside(Option<Runtime>);

impl Aside {
    /// # Errors
    /// Where the machine gives no thread for it.
    pub(super) fn new() -> io::Result<Self> {
        let log = tracing::dispatcher::get_default(Clone::clone);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("shadow")
            .on_thread_start(move || {
                // For as long as the thread lives.
                std::mem::forget(tracing::dispatcher::set_default(&log));
                step_back();
            })
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs a task there.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        match &self.0 {
            Some(runtime) => runtime.spawn(task),
            None => tokio::spawn(task),
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting is not allowed where this may be dropped.
            runtime.shutdown_background();
        }
    }
}

#[cfg(target_os = "linux")]
fn step_back() {
    let own = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(own), NICE) {
        tracing::info!(%error, "comparisons have the same priority as calls");
    }
}

#[cfg(not(target_os = "linux"))]
const fn step_back() {}
