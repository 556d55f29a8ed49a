//! A step on its way to the thread that runs it, and its caller who waits.
//!
//! Must not: run a step whose caller has already been told `Locked`, or let a step's panic end its thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::db::Db;
use crate::store::StoreError;

/// A step with its type hidden.
pub(super) trait Job: Send {
    /// Whether the caller has not been told that it was too late. Asked once.
    fn take(&self) -> bool;
    /// Whether the caller has gone away.
    fn is_left(&self) -> bool;
    /// Runs it and keeps what it returned. A panic leaves the connection in doubt.
    fn run(&mut self, db: &mut Db) -> Result<(), StoreError>;
    /// Answers the caller: with what was kept, or with the error.
    fn answer(self: Box<Self>, end: Result<(), StoreError>);
}

/// The caller's part of a job.
pub(super) struct Waiting<T> {
    taken: Arc<AtomicBool>,
    answer: oneshot::Receiver<Result<T, StoreError>>,
}

/// Makes a job of a step.
pub(super) fn job<T, F>(step: F) -> (Box<dyn Job>, Waiting<T>)
where
    T: Send + 'static,
    F: FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
{
    let taken = Arc::new(AtomicBool::new(false));
    let (reply, answer) = oneshot::channel();
    let job = Typed {
        taken: Arc::clone(&taken),
        step: Some(step),
        value: None,
        reply,
    };
    (Box::new(job), Waiting { taken, answer })
}

impl<T> Waiting<T> {
    /// Waits for the answer. What has not begun at the deadline is called off.
    pub(super) async fn until(mut self, deadline: Instant) -> Result<T, StoreError> {
        let answered = match timeout_at(deadline, &mut self.answer).await {
            Ok(answered) => answered,
            Err(_) if !self.taken.swap(true, Ordering::AcqRel) => return Err(StoreError::Locked),
            // It has begun: only its own end tells whether it was recorded.
            Err(_) => self.answer.await,
        };
        answered.unwrap_or_else(|_| Err(ended()))
    }
}

/// Its threads have ended, or end without having come to it.
pub(super) fn ended() -> StoreError {
    StoreError::Other("the store is closed".to_owned())
}

struct Typed<T, F> {
    taken: Arc<AtomicBool>,
    step: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Typed<T, F>
where
    T: Send,
    F: FnOnce(&mut Db) -> Result<T, StoreError> + Send,
{
    fn take(&self) -> bool {
        !self.taken.swap(true, Ordering::AcqRel)
    }

    fn is_left(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, db: &mut Db) -> Result<(), StoreError> {
        let Some(step) = self.step.take() else {
            return Ok(());
        };
        // The connection is not used any more after a panic, so it may be left in any state.
        let Ok(end) = catch_unwind(AssertUnwindSafe(|| step(db))) else {
            db.doubt();
            return Err(StoreError::Other(
                "a step of the store panicked: a bug of the bridge".to_owned(),
            ));
        };
        self.value = Some(end?);
        Ok(())
    }

    fn answer(self: Box<Self>, end: Result<(), StoreError>) {
        let Self { value, reply, .. } = *self;
        let answer = end.and_then(|()| value.ok_or_else(ended));
        // A caller that has gone away needs no answer: the record stands, and tells whoever asks next.
        let _gone = reply.send(answer);
    }
}
