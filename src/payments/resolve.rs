//! Finding out in the background what the merchant was told is unknown.
//!
//! Reads only, with growing pauses, with the credentials of the call that is in doubt, in memory. What is not found out
//! before they expire or the bridge stops is found out by the merchant's next call. Must not: send a money call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Caller, Payments, Subject};
use crate::store::AdjustmentId;
use crate::store::AttemptId;
use crate::types::IdempotencyKey;
use crate::upstream::{Budget, Spent};

/// Pauses between looks, in seconds: about an hour in all, far below the published read limits.
const PAUSES: [u64; 12] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1500];

/// What is left of the pauses. Where a look ends before an open breaker nobody was asked, and its pause comes again.
#[derive(Default)]
struct Pauses(usize);

impl Pauses {
    fn next(&mut self, is_refused: bool) -> Option<Duration> {
        if self.0 == 0 || !is_refused {
            self.0 += 1;
        }
        PAUSES
            .get(self.0 - 1)
            .map(|pause| Duration::from_secs(*pause))
    }
}

impl Payments {
    /// Goes on looking for the evidence of a money call.
    pub(super) fn find_out_later(
        self: &Arc<Self>,
        caller: &Caller,
        subject: &Subject,
        id: AdjustmentId,
    ) {
        let (payments, caller, subject) = (Arc::clone(self), caller.clone(), subject.clone());
        self.in_background(async move {
            let mut pauses = Pauses::default();
            while let Some(pause) = pauses.next(payments.epayment.breaker().refuses()) {
                tokio::time::sleep(pause).await;
                if payments
                    .settle_adjustment(&again(&caller), &subject, id)
                    .await
                {
                    return;
                }
            }
        });
    }

    /// What a dead process left open is settled by evidence as its own background would have done it: the merchant may
    /// never call again. Only of ePayment, whose log can tell.
    pub async fn settle_left_open(&self, caller: &Caller, subject: &Subject) {
        let order = &subject.order;
        let Ok((calls, _)) = self.store.adjustments(&order.scope, &order.order).await else {
            return;
        };
        for call in calls
            .iter()
            .filter(|call| call.is_left_open(self.clock.now()))
        {
            let _looked_at_again = self.settle_adjustment(caller, subject, call.id).await;
        }
    }

    /// Goes on looking for a payment that may have been created.
    pub(super) fn find_attempt_later(
        self: &Arc<Self>,
        caller: &Caller,
        subject: &Subject,
        attempt: AttemptId,
        key: &IdempotencyKey,
    ) {
        let (payments, caller, subject) = (Arc::clone(self), caller.clone(), subject.clone());
        let key = key.clone();
        self.in_background(async move {
            let mut pauses = Pauses::default();
            while let Some(pause) = pauses.next(payments.epayment.breaker().refuses()) {
                tokio::time::sleep(pause).await;
                if payments
                    .settle_attempt(&again(&caller), &subject, attempt, &key)
                    .await
                {
                    return;
                }
            }
        });
    }

    /// Ends with the bridge: what is open then is found out by the merchant's next call.
    fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.lifecycle.soft().clone();
        self.lifecycle.spawn("resolver", async move {
            let _ended = stop.run_until_cancelled(work).await;
        });
    }

    /// One look at an open money call. True when it is closed.
    async fn settle_adjustment(
        &self,
        caller: &Caller,
        subject: &Subject,
        id: AdjustmentId,
    ) -> bool {
        let Some(_held) = self.hold(caller, subject).await else {
            return false;
        };
        let Ok((calls, _)) = self
            .store
            .adjustments(&subject.order.scope, &subject.order.order)
            .await
        else {
            return false;
        };
        let now = self.clock.now();
        match calls.iter().find(|call| call.id == id) {
            Some(call) if call.is_owned(now) => false,
            Some(call) if call.is_open() => self
                .clear(caller, Some(subject), call)
                .await
                .is_ok_and(|()| true),
            Some(_) | None => true,
        }
    }
}

/// The same caller with fresh time.
fn again(caller: &Caller) -> Caller {
    let budget = Budget {
        deadline: Instant::now() + caller.budget.per_call * 2,
        ..caller.budget
    };
    Caller {
        budget,
        spent: Arc::new(Spent::default()),
        early: Arc::default(),
        ..caller.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_breaker_uses_no_pause_up() {
        let mut pauses = Pauses::default();
        for _ in 0..100 {
            assert_eq!(pauses.next(true), Some(Duration::from_secs(1)));
        }
        let then: Vec<u64> = std::iter::from_fn(|| pauses.next(false))
            .map(|pause| pause.as_secs())
            .collect();
        assert_eq!(then, PAUSES[1..], "and then each once, to the last");
    }
}
