//! The one writer: a task that owns the writing connection, so a caller who goes away leaves no transaction behind.
//!
//! What waits when a transaction begins, or comes while it runs, shares it and its one flush to disk: a step that fails
//! takes no other with it, and all are answered after the commit. Must not: answer before the commit, or run a step
//! whose caller has already been told `Locked`.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::store::StoreError;

/// How many steps may wait; more wait for a place, each no longer than its time.
const QUEUE: usize = 1024;
/// How many steps share a transaction at most.
const BATCH: usize = 256;

/// What a step returns.
pub(super) type Step<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;

/// Hands steps to the writing task.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    wait: Duration,
    stop: CancellationToken,
    task: TaskTracker,
}

impl Writer {
    /// Starts the task. `wait` bounds how long a step may wait before it begins.
    pub(super) fn start(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        wait: Duration,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (stop, task) = (CancellationToken::new(), TaskTracker::new());
        let desk = Desk {
            connection: Some(connection),
            options,
        };
        task.spawn(desk.serve(queue, stop.clone()));
        task.close();
        Self {
            jobs,
            wait,
            stop,
            task,
        }
    }

    /// Runs `step` inside a transaction and returns after its commit. A step that could not begin in time is never run.
    pub(super) async fn run<T, F>(&self, step: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Step<'c, T> + Send + 'static,
    {
        let deadline = Instant::now() + self.wait;
        let taken = Arc::new(AtomicBool::new(false));
        let (reply, mut answer) = oneshot::channel();
        let job = Box::new(Typed {
            taken: Arc::clone(&taken),
            step: Some(step),
            value: None,
            reply,
        });
        match timeout_at(deadline, self.jobs.send(job)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(ended()),
            Err(_) => return Err(StoreError::Locked),
        }
        let answered = match timeout_at(deadline, &mut answer).await {
            Ok(answered) => answered,
            Err(_) if !taken.swap(true, Ordering::AcqRel) => return Err(StoreError::Locked),
            // It has begun: only its own end tells whether it was recorded.
            Err(_) => answer.await,
        };
        answered.unwrap_or_else(|_| Err(ended()))
    }

    /// Takes no more steps and returns when the last one is done and the connection closed.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.task.wait().await;
    }
}

fn ended() -> StoreError {
    StoreError::Other("its writer has ended".to_owned())
}

/// A step with its type hidden.
#[async_trait]
trait Job: Send {
    /// Whether the caller still waits for it. Asked once.
    fn take(&self) -> bool;
    /// Runs it and keeps what it returned.
    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError>;
    /// Answers the caller: with what was kept, or with the error.
    fn answer(self: Box<Self>, end: Result<(), StoreError>);
}

struct Typed<T, F> {
    taken: Arc<AtomicBool>,
    step: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

#[async_trait]
impl<T, F> Job for Typed<T, F>
where
    T: Send,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> Step<'c, T> + Send,
{
    fn take(&self) -> bool {
        !self.taken.swap(true, Ordering::AcqRel)
    }

    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        if let Some(step) = self.step.take() {
            self.value = Some(step(connection).await?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, end: Result<(), StoreError>) {
        let Self { value, reply, .. } = *self;
        let answer = end.and_then(|()| value.ok_or_else(ended));
        // A caller that has gone away needs no answer: the record stands, and tells whoever asks next.
        let _gone = reply.send(answer);
    }
}

/// The writing task.
struct Desk {
    connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
}

impl Desk {
    async fn serve(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>, stop: CancellationToken) {
        loop {
            let next = tokio::select! {
                biased;
                () = stop.cancelled(), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
                next = queue.recv() => next,
            };
            match next {
                Some(first) => self.transaction(first, &mut queue).await,
                None => break,
            }
        }
        if let Some(connection) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the store did not close cleanly");
        }
    }

    /// One transaction for `first` and for what comes until it commits. After an error that leaves the connection in
    /// doubt it is dropped, which rolls back, and the next transaction opens another.
    async fn transaction(&mut self, first: Box<dyn Job>, queue: &mut mpsc::Receiver<Box<dyn Job>>) {
        let mut connection = match self.begin().await {
            Ok(connection) => connection,
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
                match run(&mut connection, job.as_mut(), done.is_empty()).await {
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
                next = queue.try_recv().ok();
            }
        }
        let end = match lost {
            Some(error) => Err(error),
            None => execute(&mut connection, "COMMIT").await,
        };
        if end.is_ok() || execute(&mut connection, "ROLLBACK").await.is_ok() {
            self.connection = Some(connection);
        }
        for job in done {
            job.answer(end.clone());
        }
    }

    async fn begin(&mut self) -> Result<SqliteConnection, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        match execute(&mut connection, "BEGIN IMMEDIATE").await {
            Ok(()) => Ok(connection),
            Err(StoreError::Locked) => {
                self.connection = Some(connection);
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
async fn run(connection: &mut SqliteConnection, job: &mut dyn Job, first: bool) -> Ran {
    if first {
        return match job.run(connection).await {
            Ok(()) => Ran::Done,
            Err(error) => Ran::Lost(error),
        };
    }
    if let Err(error) = execute(connection, "SAVEPOINT step").await {
        return Ran::Lost(error);
    }
    let end = job.run(connection).await;
    // A full or broken disk may have rolled everything back: then there is no savepoint to return to.
    let back = match end {
        Ok(()) => Ok(()),
        Err(_) => execute(connection, "ROLLBACK TO step").await,
    };
    let left = match back {
        Ok(()) => execute(connection, "RELEASE step").await,
        Err(error) => Err(error),
    };
    match (end, left) {
        (Ok(()), Ok(())) => Ran::Done,
        (Err(error), Ok(())) => Ran::Failed(error),
        (Err(error), Err(_)) | (Ok(()), Err(error)) => Ran::Lost(error),
    }
}

async fn execute(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<(), StoreError> {
    sqlx::query(statement).execute(connection).await?;
    Ok(())
}
