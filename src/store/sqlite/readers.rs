//! The readers: a few threads with a connection each, which see what was committed when their transaction began.
//!
//! One list of jobs for all, and each job wakes one thread. Must not: write, or take more jobs than have a place.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use super::db::{Connect, Db, query};
use super::job::{Job, ended, job};
use super::thread;
use crate::store::StoreError;

/// How many readers.
pub(super) const READERS: usize = 4;
/// How many reads may wait; more wait for a place, each no longer than its time.
const QUEUE: usize = 1024;

/// Hands reads to the threads.
#[derive(Debug)]
pub(super) struct Readers {
    list: Arc<List>,
    places: Arc<Semaphore>,
    wait: Duration,
    threads: TaskTracker,
}

impl Readers {
    /// Starts the threads, which connect when they are first asked. `wait` bounds how long a read may wait before it begins.
    pub(super) fn start(connect: &Connect, wait: Duration) -> Result<Self, StoreError> {
        let readers = Self {
            list: Arc::default(),
            places: Arc::new(Semaphore::new(QUEUE)),
            wait,
            threads: TaskTracker::new(),
        };
        for _ in 0..READERS {
            let (list, connect) = (Arc::clone(&readers.list), connect.clone());
            let serve = move || serve(&list, &connect);
            thread::start("sqlite-reader", &readers.threads, serve)?;
        }
        readers.threads.close();
        Ok(readers)
    }

    /// Runs `step` with a view of one moment.
    pub(super) async fn run<T, F>(&self, step: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    {
        let deadline = Instant::now() + self.wait;
        let place = match timeout_at(deadline, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(ended()),
            Err(_) => return Err(StoreError::Locked),
        };
        let (job, waiting) = job(step);
        self.list.add((job, place))?;
        waiting.until(deadline).await
    }

    /// Takes no more reads and returns when the last one is done and the connections closed.
    pub(super) async fn close(&self) {
        self.list.end();
        self.threads.wait().await;
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.list.end();
    }
}

type Read = (Box<dyn Job>, OwnedSemaphorePermit);

/// What waits for a thread.
#[derive(Default)]
struct List {
    state: Mutex<State>,
    added: Condvar,
}

#[derive(Default)]
struct State {
    reads: VecDeque<Read>,
    ended: bool,
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("List").finish_non_exhaustive()
    }
}

impl List {
    /// No step runs under the lock, so what it holds is always whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, read: Read) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.ended {
            return Err(ended());
        }
        state.reads.push_back(read);
        drop(state);
        self.added.notify_one();
        Ok(())
    }

    fn end(&self) {
        self.state().ended = true;
        self.added.notify_all();
    }

    /// The next one; none when all is done and no more come.
    fn next(&self) -> Option<Read> {
        let idle = |state: &mut State| state.reads.is_empty() && !state.ended;
        let waited = self.added.wait_while(self.state(), idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.reads.pop_front()
    }
}

fn serve(list: &List, connect: &Connect) {
    let mut connection = None;
    while let Some((job, place)) = list.next() {
        drop(place);
        if !job.is_left() && job.take() {
            connection = read(connection, connect, job);
        }
    }
}

/// Runs one job and answers it. The connection, unless it is in doubt: then the next job opens another.
fn read(connection: Option<Db>, connect: &Connect, mut job: Box<dyn Job>) -> Option<Db> {
    let begun = connection.map_or_else(|| connect.connect(), Ok);
    let begun = begun.and_then(|mut db| {
        query("BEGIN").execute(&mut db)?;
        Ok(db)
    });
    let mut db = match begun {
        Ok(db) => db,
        Err(error) => {
            job.answer(Err(error));
            return None;
        }
    };
    let end = job.run(&mut db);
    // Before the answer, so that whoever has it meets no old view.
    let is_sound = !db.is_in_doubt() && query("ROLLBACK").execute(&mut db).is_ok();
    let kept = is_sound.then_some(db);
    job.answer(end);
    kept
}
