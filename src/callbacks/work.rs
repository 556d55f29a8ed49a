//! What the callback workers tell each other: which payment should be looked at, and how a worker waits.
//!
//! Hints are dropped when there are too many: the poll finds the payment anyway. Must not: block who gives one.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{Notify, mpsc};

use crate::types::{Msn, Reference};

/// A payment is looked at on a hint at most this often.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
const WAITING_MAX: usize = 1_000;
/// Hints of senders that proved nothing: so many a minute.
const UNPROVEN_MAX: u64 = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// Gives hints.
#[derive(Clone, Debug)]
pub struct Hints {
    sender: mpsc::Sender<(Msn, Reference)>,
    given: Cache<(Msn, Reference), ()>,
    unproven: Cache<(Msn, Reference), ()>,
}

/// Takes hints.
#[derive(Debug)]
pub struct HintsTaken(mpsc::Receiver<(Msn, Reference)>);

impl Hints {
    /// Both ends.
    #[must_use]
    pub fn channel() -> (Self, HintsTaken) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let given = Cache::builder()
            .max_capacity(10_000)
            .time_to_live(AGAIN_AFTER)
            .build();
        let unproven = Cache::builder().time_to_live(MINUTE).build();
        let hints = Self {
            sender,
            given,
            unproven,
        };
        (hints, HintsTaken(receiver))
    }

    /// The same on the word of somebody who may be anybody: only so often.
    pub fn give_unproven(&self, msn: &Msn, reference: &Reference) {
        self.unproven.run_pending_tasks();
        if self.unproven.entry_count() < UNPROVEN_MAX {
            self.unproven.insert((msn.clone(), reference.clone()), ());
            self.give(msn, reference);
        }
    }

    /// Says that a payment should be looked at.
    pub fn give(&self, msn: &Msn, reference: &Reference) {
        let name = (msn.clone(), reference.clone());
        if self.given.contains_key(&name) {
            return;
        }
        if self.sender.try_send(name.clone()).is_ok() {
            self.given.insert(name, ());
        }
    }
}

impl HintsTaken {
    /// The next one; none when nobody can give one any more.
    pub async fn next(&mut self) -> Option<(Msn, Reference)> {
        self.0.recv().await
    }
}

/// Waits for a wake-up, at most `longest`.
pub(crate) async fn woken(wake: &Arc<Notify>, longest: Duration) {
    let _either = tokio::time::timeout(longest, wake.notified()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hint_comes_once_in_a_while() {
        let (hints, mut taken) = Hints::channel();
        let (msn, one) = (
            Msn::parse("123456").unwrap(),
            Reference::parse("order-0001").unwrap(),
        );
        hints.give(&msn, &one);
        hints.give(&msn, &one);
        let two = Reference::parse("order-0002").unwrap();
        hints.give(&msn, &two);
        assert_eq!(taken.next().await, Some((msn.clone(), one)));
        assert_eq!(taken.next().await, Some((msn, two)));
    }

    #[tokio::test]
    async fn who_proves_nothing_is_heard_only_so_often() {
        let (hints, taken) = Hints::channel();
        let msn = Msn::parse("123456").unwrap();
        for n in 0..500 {
            let any = Reference::parse(&format!("order-{n:04}")).unwrap();
            hints.give_unproven(&msn, &any);
        }
        assert_eq!(taken.0.len(), 60);
    }
}
