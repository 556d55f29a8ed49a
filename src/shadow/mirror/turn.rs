//! Whose turn it is: calls of one payment are mirrored in the order in which they were answered, whoever works on them.
//!
//! A turn that is dropped before it was used was a call that is not mirrored; if it may have changed the payment, the twin
//! is lost. Must not: wait where it is taken.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::twin::Place;

/// The turns of one payment.
#[derive(Debug, Default)]
pub(super) struct Line {
    numbers: Mutex<Numbers>,
    moved: Notify,
}

#[derive(Debug, Default)]
struct Numbers {
    given: u64,
    /// All below have ended.
    now: u64,
    /// Those above that have.
    ended: BTreeSet<u64>,
}

impl Line {
    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> u64 {
        let mut numbers = self.numbers();
        let own = numbers.given;
        numbers.given += 1;
        own
    }

    async fn wait(&self, own: u64) {
        loop {
            let moved = self.moved.notified();
            if self.numbers().now == own {
                return;
            }
            moved.await;
        }
    }

    fn end(&self, own: u64) {
        let mut guard = self.numbers();
        let numbers = &mut *guard;
        numbers.ended.insert(own);
        while numbers.ended.remove(&numbers.now) {
            numbers.now += 1;
        }
        drop(guard);
        self.moved.notify_waiters();
    }
}

/// The place of a call among those of its payment; ends when it is dropped.
#[must_use = "a turn that is dropped is a call that is not mirrored"]
pub struct Turn(Option<Taken>);

struct Taken {
    place: Arc<Place>,
    number: u64,
    /// Whether the call may change the payment, and was not mirrored yet.
    owes: bool,
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0.as_ref().map(|taken| taken.number);
        f.debug_tuple("Turn").field(&number).finish()
    }
}

impl Turn {
    /// Of a payment that has no twin.
    pub(super) const NONE: Self = Self(None);

    /// The next one.
    pub(super) fn take(place: Arc<Place>, changes: bool) -> Self {
        let number = place.line.next();
        Self(Some(Taken {
            place,
            number,
            owes: changes,
        }))
    }

    /// The place, if there is one, when it is this call's turn.
    pub(super) async fn come(&mut self) -> Option<&Place> {
        let taken = self.0.as_mut()?;
        taken.place.line.wait(taken.number).await;
        taken.owes = false;
        Some(&taken.place)
    }

    /// The call is not mirrored, and nothing was changed by it.
    pub(super) const fn waive(&mut self) {
        if let Some(taken) = &mut self.0 {
            taken.owes = false;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(taken) = &self.0 else { return };
        if taken.owes {
            taken.place.lose();
        }
        taken.place.line.end(taken.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_come_in_the_order_in_which_they_were_taken() {
        let place = Arc::new(Place::default());
        let turns: Vec<Turn> = (0..8)
            .map(|_| Turn::take(Arc::clone(&place), false))
            .collect();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut works = Vec::new();
        for mut turn in turns.into_iter().rev() {
            let seen = Arc::clone(&seen);
            works.push(tokio::spawn(async move {
                let number = turn.0.as_ref().unwrap().number;
                if number % 3 == 1 {
                    return;
                }
                assert!(turn.come().await.is_some());
                seen.lock().unwrap().push(number);
                tokio::task::yield_now().await;
            }));
        }
        for work in works {
            work.await.unwrap();
        }
        assert_eq!(*seen.lock().unwrap(), [0, 2, 3, 5, 6]);
        assert!(!place.is_lost());
        let mut none = Turn::NONE;
        assert!(none.come().await.is_none());
    }

    #[tokio::test]
    async fn a_change_that_never_has_its_turn_loses_the_twin() {
        let take = |place: &Arc<Place>| Turn::take(Arc::clone(place), true);
        let place = Arc::<Place>::default();
        let mut turn = take(&place);
        turn.waive();
        drop(turn);
        let mut turn = take(&place);
        assert!(turn.come().await.is_some());
        drop(turn);
        assert!(!place.is_lost(), "what comes of it is the work's to say");
        drop(take(&place));
        assert!(place.is_lost());
    }
}
