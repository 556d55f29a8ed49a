//! Where offered calls wait and are worked on: bounded in number and bytes, a few at a time.
//!
//! What there is no room for is dropped at once, what has waited too long is dropped when it is its turn. A panic ends
//! one comparison and nothing else. Must not: make whoever offers wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::task::AbortOnDropHandle;

use super::books::{End, Ticket};
use super::mirror::Turn;
use super::offer::Offer;
use crate::store::{ShadowOutcome, Way};
use crate::types::Clock;

/// All that waits together, in bytes.
const MOST_BYTES: usize = 64 << 20;
/// After so long in line a payment has changed too often for a comparison to say something.
const STALE: Duration = Duration::from_secs(30);

/// A call in line.
#[derive(Debug)]
struct Job {
    offer: Offer,
    planned: Planned,
    ticket: Ticket,
    room: Room,
}

/// How a call is compared.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) way: Way,
    /// Of write mode: its turn among the calls of its payment.
    pub(super) turn: Option<Turn>,
}

/// The bytes that a waiting call holds.
#[derive(Debug)]
struct Room {
    bytes: usize,
    held: Arc<AtomicUsize>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What does the work.
#[async_trait::async_trait]
pub(super) trait Work: Send + Sync + 'static {
    /// Compares one call.
    async fn compare(&self, planned: Planned, offer: Offer) -> End;
}

/// The way into the lanes.
#[derive(Debug)]
pub(super) struct Lanes {
    into: Sender<Job>,
    held: Arc<AtomicUsize>,
}

/// The lanes themselves, until they run.
#[derive(Debug)]
pub(super) struct Waiting(Mutex<Receiver<Job>>);

impl Lanes {
    /// Room for so many calls.
    pub(super) fn new(queue: usize) -> (Self, Waiting) {
        let (into, from) = channel(queue);
        let lanes = Self {
            into,
            held: Arc::default(),
        };
        (lanes, Waiting(Mutex::new(from)))
    }

    /// Puts a call in line.
    ///
    /// # Errors
    /// Where there is no room; then the ticket is given back with the reason.
    pub(super) fn put(
        &self,
        offer: Offer,
        planned: Planned,
        ticket: Ticket,
    ) -> Result<(), (Ticket, ShadowOutcome)> {
        let bytes = offer.bytes();
        if self.held.fetch_add(bytes, Ordering::Relaxed) + bytes > MOST_BYTES {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            return Err((ticket, ShadowOutcome::Dropped("queue-bytes")));
        }
        let room = Room {
            bytes,
            held: Arc::clone(&self.held),
        };
        let job = Job {
            offer,
            planned,
            ticket,
            room,
        };
        match self.into.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(job)) => Err((job.ticket, ShadowOutcome::Dropped("queue-full"))),
            Err(TrySendError::Closed(job)) => Err((job.ticket, ShadowOutcome::Dropped("shutdown"))),
        }
    }
}

impl Waiting {
    /// Works on what comes, one at a time, each within `limit`. Several of these share one line.
    pub(super) async fn work(
        self: Arc<Self>,
        work: Arc<dyn Work>,
        clock: Arc<dyn Clock>,
        limit: Duration,
    ) {
        loop {
            let next = self.0.lock().await.recv().await;
            let Some(job) = next else { return };
            let Job {
                offer,
                planned,
                ticket,
                room,
            } = job;
            drop(room);
            let now = clock.now();
            if offer.answered_at.elapsed() > STALE {
                ticket.settle(&End::Not(ShadowOutcome::Dropped("stale")), now);
                continue;
            }
            let (work, clock) = (Arc::clone(&work), Arc::clone(&clock));
            // A task of its own: a panic ends there, and the ticket that it held says so.
            let one = tokio::spawn(async move {
                let end = tokio::time::timeout(limit, work.compare(planned, offer)).await;
                let end = end.unwrap_or(End::Not(ShadowOutcome::Failed("timeout")));
                ticket.settle(&end, clock.now());
            });
            if AbortOnDropHandle::new(one).await.is_err() {
                tracing::error!("a comparison panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests;
