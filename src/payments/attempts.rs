//! What became of an attempt at a payment: looked for at ePayment, and closed in the record.
//!
//! An attempt is known by its key, in the payment's metadata or on its CREATED event. Must not: take a doubt for absence,
//! or another's payment for this attempt's.

use super::{Caller, INITIATE_DOUBT, Payments, Subject, is_not_found};
use crate::epayment::event::EventName;
use crate::epayment::model::{Created, Payment};
use crate::store::{Attempt, AttemptId, AttemptState, Outcome};
use crate::translate::recovery;
use crate::types::{IdempotencyKey, Moment};
use crate::upstream::Reply;

/// What a look at ePayment shows of an attempt.
pub(super) enum Seen {
    Ours(Created),
    Foreign,
    Absent,
    Doubt,
}

impl Payments {
    /// What ePayment shows of the attempt with this key: its marker, or the key on its CREATED event.
    pub(super) async fn see(
        &self,
        caller: &Caller,
        subject: &Subject,
        key: &IdempotencyKey,
    ) -> Seen {
        let payment = match self.epayment.get(caller.call(), &subject.reference).await {
            Ok(Reply::Done(payment)) => payment,
            Ok(reply) if is_not_found(&reply) => return Seen::Absent,
            _ => return Seen::Doubt,
        };
        let mark = payment.metadata.as_ref().and_then(recovery::read);
        if let Some(made_with) = mark.and_then(|mark| mark.key) {
            return if made_with == *key {
                Seen::Ours(created(payment))
            } else {
                Seen::Foreign
            };
        }
        let Ok(Reply::Done(events)) = self
            .epayment
            .events(caller.call(), &subject.reference)
            .await
        else {
            return Seen::Doubt;
        };
        let creation = events.iter().find(|event| event.name == EventName::Created);
        match creation.and_then(|event| event.idempotency_key.as_deref()) {
            Some(made_with) if made_with == key.as_str() => Seen::Ours(created(payment)),
            Some(_) => Seen::Foreign,
            None => Seen::Doubt,
        }
    }

    pub(super) async fn close_attempt(&self, attempt: AttemptId, outcome: Outcome) {
        let closed = self
            .store
            .finish_payment(attempt, outcome, self.clock.now());
        match closed.await {
            Ok(true) => self.queued_callback.notify_one(),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(error = %error, "an attempt could not be closed in the store; a later call will close it");
            }
        }
    }

    /// An attempt that a read has shown to be the payment: its record becomes the payment's.
    pub(super) async fn promote(&self, attempt: &Attempt, payment: &Payment) {
        let mark = payment.metadata.as_ref().and_then(recovery::read);
        if mark.is_some_and(|mark| mark.is_of(attempt.key.as_ref())) {
            self.close_attempt(attempt.id, accepted(self.clock.now()))
                .await;
        }
    }

    /// One look at an attempt of unknown outcome. True when it is settled.
    pub(super) async fn settle_attempt(
        &self,
        caller: &Caller,
        subject: &Subject,
        attempt: AttemptId,
        key: &IdempotencyKey,
    ) -> bool {
        let Some(_held) = self.hold(caller, subject).await else {
            return false;
        };
        let Ok(known) = self
            .store
            .payment(&subject.order.scope, &subject.order.order, caller.hash)
            .await
        else {
            return false;
        };
        let now = self.clock.now();
        let Some(open) = known.attempt.filter(|open| open.id == attempt) else {
            return true;
        };
        if matches!(open.state, AttemptState::InFlight(until) if until > now) {
            return false;
        }
        match self.see(caller, subject, key).await {
            Seen::Ours(_) => self.close_attempt(attempt, accepted(now)).await,
            Seen::Foreign => self.close_attempt(attempt, Outcome::Refused).await,
            Seen::Absent if self.has_passed(INITIATE_DOUBT, open.begun_at, now) => {
                let until = now.plus(caller.budget.left());
                let taken = self.store.resume_payment(attempt, now, until).await;
                if !taken.unwrap_or(false) {
                    return false;
                }
                self.close_attempt(attempt, Outcome::NotDone(until)).await;
            }
            Seen::Absent | Seen::Doubt => return false,
        }
        true
    }
}

fn created(payment: Payment) -> Created {
    Created {
        redirect_url: payment.redirect_url,
        reference: payment.reference,
    }
}

pub(super) fn accepted(at: Moment) -> Outcome {
    Outcome::Succeeded {
        amount: crate::types::Amount::ZERO,
        transaction_id: None,
        at,
    }
}
