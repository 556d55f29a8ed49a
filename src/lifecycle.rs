//! The life of the process: the tasks it runs, and how they are asked to end and then made to.
//!
//! Two tokens: `soft` asks to finish what is going on, `hard` ends it. Must not: exit the process (`main` does).

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Tasks and their end. Clones share both.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// A life that has just begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when no new work should begin.
    #[must_use]
    pub const fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Cancelled when whatever goes on must end now.
    #[must_use]
    pub const fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Whether the end was announced.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Runs work that must not be cut in half when the one who waits for it goes away: await the handle, or drop it.
    /// It ends by itself or with the process; [`Self::shutdown_within`] waits for it.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tasks.spawn(work)
    }

    /// Runs a background task for as long as the process lives. It should end soon after [`Self::soft`], and is
    /// dropped at [`Self::hard`]; a panic is logged under its name.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let hard = self.hard.clone();
        let running = self.tasks.spawn(async move {
            if hard.run_until_cancelled(task).await.is_none() {
                tracing::warn!(task = name, "ended before it was done");
            }
        });
        self.tasks.spawn(async move {
            if running.await.is_err_and(|error| error.is_panic()) {
                tracing::error!(task = name, "panicked");
            }
        });
    }

    /// Asks everything to end.
    pub fn begin_shutdown(&self) {
        self.soft.cancel();
        self.tasks.close();
    }

    /// Asks everything to end, and makes it end after `limit`. Says whether all ended by themselves.
    ///
    /// What [`Self::run`] started is given up then, not cancelled: the end of the runtime ends it.
    pub async fn shutdown_within(&self, limit: Duration) -> bool {
        self.begin_shutdown();
        if timeout(limit, self.tasks.wait()).await.is_ok() {
            return true;
        }
        self.hard.cancel();
        // The dropped ones need a moment to be gone.
        let _rest = timeout(Duration::from_secs(1), self.tasks.wait()).await;
        false
    }

    /// Takes over SIGHUP, which from then on does not end the process.
    ///
    /// # Errors
    /// When the signal can't be taken over.
    pub fn hangups() -> io::Result<Hangups> {
        Ok(Hangups(signal(SignalKind::hangup())?))
    }

    /// Waits for SIGTERM or SIGINT and gives its name. Take it before serving: from then on neither ends the process.
    ///
    /// # Errors
    /// When the signals can't be taken over.
    pub fn signals() -> io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }
}

/// SIGTERM and SIGINT, taken over.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// The next of them, by name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}

/// SIGHUP, taken over.
#[derive(Debug)]
pub struct Hangups(Signal);

impl Hangups {
    /// The next one. Several at once may come as one.
    pub async fn next(&mut self) -> Option<()> {
        self.0.recv().await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_in_hand_is_finished_and_tasks_are_asked_first() {
        let life = Lifecycle::new();
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        let asked = life.soft().clone();
        // The one who waits goes away.
        drop(life.run(async move {
            asked.cancelled().await;
            seen.store(true, Ordering::SeqCst);
        }));
        let soft = life.soft().clone();
        life.spawn("polite", async move { soft.cancelled().await });
        assert!(!life.draining());
        assert!(life.shutdown_within(Duration::from_secs(10)).await);
        assert!(done.load(Ordering::SeqCst) && life.draining());
    }

    #[tokio::test]
    async fn what_does_not_end_is_dropped_after_the_limit() {
        let life = Lifecycle::new();
        life.spawn("stubborn", pending());
        life.spawn("broken", async { panic!("on purpose") });
        assert!(!life.shutdown_within(Duration::from_millis(20)).await);
        assert!(life.hard().is_cancelled());
    }

    #[tokio::test]
    async fn a_signal_is_named() {
        let mut signals = Lifecycle::signals().unwrap();
        let own = std::process::id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-TERM", &own])
            .status();
        assert!(sent.unwrap().success());
        assert_eq!(signals.next().await, "SIGTERM");
    }
}
