//! The one writer: a thread that owns the writing connection, so a caller who goes away leaves no transaction behind.
//!
//! What waits when a transaction begins, or comes while it runs, shares it and its one flush to disk: a step that fails
//! takes no other with it, and all are answered after the commit. Must not: answer before the commit, or run a step
//! whose caller has already been told `Locked`.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use super::db::{Connect, Db, query};
use super::job::{Job, ended, job};
use super::thread;
use crate::store::StoreError;

/// How many steps may wait; more wait for a place, each no longer than its time.
const QUEUE: usize = 1024;
/// How many steps share a transaction at most.
const BATCH: usize = 256;

/// What the thread is asked for.
enum Asked {
    Step(Box<dyn Job>),
    /// To take no more.
    Stop,
}

/// Hands steps to the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Asked>,
    wait: Duration,
    thread: TaskTracker,
}

impl Writer {
    /// Starts the thread, which connects and then does `first`. `wait` bounds how long a step may wait before it begins.
    pub(super) async fn start<T: Send + 'static>(
        connect: Connect,
        wait: Duration,
        first: impl FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<(Self, T), StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = TaskTracker::new();
        let (is_open, opened) = oneshot::channel();
        thread::start("sqlite-writer", &thread, move || {
            let begun = connect.connect().and_then(|mut db| {
                let value = first(&mut db)?;
                Ok((db, value))
            });
            let (connection, told) = match begun {
                Ok((db, value)) => (Some(db), Ok(value)),
                Err(error) => (None, Err(error)),
            };
            let serves = told.is_ok();
            if is_open.send(told).is_ok() && serves {
                Desk {
                    connection,
                    connect,
                }
                .serve(queue);
            }
        })?;
        thread.close();
        let value = opened.await.unwrap_or_else(|_| Err(ended()))?;
        Ok((Self { jobs, wait, thread }, value))
    }

    /// Runs `step` inside a transaction and returns after its commit. A step that could not begin in time is never run.
    pub(super) async fn run<T, F>(&self, step: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    {
        let deadline = Instant::now() + self.wait;
        let (job, waiting) = job(step);
        match timeout_at(deadline, self.jobs.send(Asked::Step(job))).await {
            Ok(Ok(())) => waiting.until(deadline).await,
            Ok(Err(_)) => Err(ended()),
            Err(_) => Err(StoreError::Locked),
        }
    }

    /// How many steps wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Takes no more steps and returns when the last one is done and the connection closed.
    pub(super) async fn stop(&self) {
        // Where it does not arrive, the thread has ended.
        let _ended = self.jobs.send(Asked::Stop).await;
        self.thread.wait().await;
    }
}

/// The writing thread.
struct Desk {
    connection: Option<Db>,
    connect: Connect,
}

impl Desk {
    fn serve(mut self, mut queue: mpsc::Receiver<Asked>) {
        while let Some(asked) = queue.blocking_recv() {
            match asked {
                Asked::Step(first) => self.transaction(first, &mut queue),
                Asked::Stop => queue.close(),
            }
        }
        if let Some(db) = self.connection
            && let Err(error) = db.close()
        {
            tracing::warn!(%error, "the store did not close cleanly");
        }
    }

    /// One transaction for `first` and for what comes until it commits. After an error that leaves the connection in
    /// doubt it is dropped, which rolls back, and the next transaction opens another.
    fn transaction(&mut self, first: Box<dyn Job>, queue: &mut mpsc::Receiver<Asked>) {
        let mut db = match self.begin() {
            Ok(db) => db,
            Err(error) => {
                if first.take() {
                    first.answer(Err(error));
                }
                return;
            }
        };
        let mut done = Vec::new();
        let mut next = Some(first);
        let mut lost = None;
        while let Some(mut job) = next.take() {
            if job.take() {
                match run(&mut db, job.as_mut(), done.is_empty()) {
                    Ran::Done => done.push(job),
                    Ran::Failed(error) => job.answer(Err(error)),
                    Ran::Lost(error) => {
                        lost = Some(error.clone());
                        job.answer(Err(error));
                        break;
                    }
                }
            }
            if done.len() < BATCH {
                next = match queue.try_recv() {
                    Ok(Asked::Step(job)) => Some(job),
                    Ok(Asked::Stop) => {
                        queue.close();
                        None
                    }
                    Err(_) => None,
                };
            }
        }
        let end = match lost {
            Some(error) => Err(error),
            None => execute(&mut db, "COMMIT"),
        };
        if end.is_ok() || (!db.is_in_doubt() && execute(&mut db, "ROLLBACK").is_ok()) {
            self.connection = Some(db);
        } else {
            // Before anybody is answered: it may be all that keeps the file from the next connection.
            drop(db);
        }
        for job in done {
            job.answer(end.clone());
        }
    }

    fn begin(&mut self) -> Result<Db, StoreError> {
        let mut db = match self.connection.take() {
            Some(db) => db,
            None => self.connect.connect()?,
        };
        match execute(&mut db, "BEGIN IMMEDIATE") {
            Ok(()) => Ok(db),
            Err(StoreError::Locked) => {
                self.connection = Some(db);
                Err(StoreError::Locked)
            }
            Err(error) => Err(error),
        }
    }
}

/// What became of a step inside a transaction that has not ended.
enum Ran {
    Done,
    /// Only this step is undone.
    Failed(StoreError),
    /// The transaction is lost, with all that it did.
    Lost(StoreError),
}

/// Runs one step. Before the `first` there is nothing to keep, so it needs no savepoint.
fn run(db: &mut Db, job: &mut dyn Job, first: bool) -> Ran {
    if first {
        return match job.run(db) {
            Ok(()) => Ran::Done,
            Err(error) => Ran::Lost(error),
        };
    }
    if let Err(error) = execute(db, "SAVEPOINT step") {
        return Ran::Lost(error);
    }
    let end = job.run(db);
    // A full or broken disk may have rolled everything back: then there is no savepoint to return to.
    let back = match &end {
        Ok(()) => Ok(()),
        Err(error) if db.is_in_doubt() => Err(error.clone()),
        Err(_) => execute(db, "ROLLBACK TO step"),
    };
    let left = back.and_then(|()| execute(db, "RELEASE step"));
    match (end, left) {
        (Ok(()), Ok(())) => Ran::Done,
        (Err(error), Ok(())) => Ran::Failed(error),
        (Err(error), Err(_)) | (Ok(()), Err(error)) => Ran::Lost(error),
    }
}

fn execute(db: &mut Db, statement: &'static str) -> Result<(), StoreError> {
    query(statement).execute(db)?;
    Ok(())
}
