//! What the bridge does in a merchant's place: the direct capture, and the end of a payment that nobody approved.
//!
//! Both are money calls with the same records as a merchant's own, under request ids of the bridge, so each is done once
//! whatever happens. Must not: touch a payment that the bridge did not create.

use std::sync::Arc;

use super::adjust::{AdjustOptions, Adjustment};
use super::{Answer, Caller, Payments, Subject};
use crate::epayment::model::{Modified, Payment, State};
use crate::routing::TransactionIdSource;
use crate::store::{AdjustmentId, AdjustmentState, NewAdjustment, Outcome, Version};
use crate::translate::adjust::{Adjusting, Asked};
use crate::translate::callback::ending_key;
use crate::translate::error::During;
use crate::types::{Amount, CallerHash, IdempotencyKey, Moment, MoneyOp, Origin, RequestId, Scope};
use crate::upstream::{Reply, SendFailure};

/// The request id of a direct capture; details show the capture and its reservation as one SALE.
pub const DIRECT_CAPTURE: &str = "bridge-direct-capture";
/// The request id of the release after a direct capture was refused.
const DIRECT_RELEASE: &str = "bridge-direct-capture-refused";

/// What came of a direct capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectCapture {
    /// Captured.
    Done {
        /// The capture's own number, where it was read.
        transaction_id: Option<String>,
        /// When.
        at: Moment,
    },
    /// Definitely refused, nothing captured, the reservation released.
    Refused {
        /// When.
        at: Moment,
    },
    /// Not settled: to be tried again.
    NotNow(&'static str),
    /// The credentials were refused (401): to be tried again with others.
    NoAccess,
}

/// Whether an answer says that this payment has ended without an approval.
fn has_ended(done: &Modified, subject: &Subject) -> bool {
    let is_over = matches!(
        done.state,
        State::Terminated | State::Aborted | State::Expired
    );
    is_over && done.reference == subject.reference
}

impl Payments {
    /// The hash of no caller: for what no merchant's call has brought about.
    #[must_use]
    pub fn anyone(&self) -> CallerHash {
        CallerHash::of(b"", self.store.secret())
    }

    /// Captures all that is reserved of a payment of the bridge's own, once.
    pub async fn capture_directly(
        self: &Arc<Self>,
        caller: &Caller,
        subject: &Subject,
    ) -> DirectCapture {
        if let Some(settled) = self.captured_directly(subject).await {
            return settled;
        }
        let during = During::Adjust(MoneyOp::Capture);
        let payment = match self.payment(caller, subject, true, during).await {
            Ok(payment) => payment,
            Err(Answer::Raw(raw)) if raw.status == 401 => return DirectCapture::NoAccess,
            Err(Answer::Failure(failure, _)) if failure.status == 401 => {
                return DirectCapture::NoAccess;
            }
            Err(_) => return DirectCapture::NotNow("the payment can't be read"),
        };
        if !may_capture_directly(&payment) {
            return self.settled_elsewhere(&payment);
        }
        let _answer = self
            .in_merchants_place(caller, subject, MoneyOp::Capture, DIRECT_CAPTURE)
            .await;
        match self.captured_directly(subject).await {
            Some(settled) => settled,
            None => self.release_after_refusal(caller, subject).await,
        }
    }

    /// Something was captured or released already: by an earlier try whose record is lost or whose end a crash cut off,
    /// or by another system. Nothing is sent; where nothing is left to wait for, the shop is told what is true.
    fn settled_elsewhere(&self, payment: &Payment) -> DirectCapture {
        let at = self.clock.now();
        let sums = &payment.aggregate;
        let ended = matches!(
            payment.state,
            State::Terminated | State::Aborted | State::Expired
        );
        match (
            sums.captured_amount.value.is_zero(),
            sums.to_capture().is_zero(),
        ) {
            (true, true) => DirectCapture::Refused { at },
            (true, false) if ended => DirectCapture::Refused { at },
            (false, true) => DirectCapture::Done {
                transaction_id: None,
                at,
            },
            _ => DirectCapture::NotNow("the payment is not simply reserved"),
        }
    }

    /// What the record says of an earlier try, if it is settled as done.
    async fn captured_directly(&self, subject: &Subject) -> Option<DirectCapture> {
        match self
            .state_of(subject, MoneyOp::Capture, DIRECT_CAPTURE)
            .await?
        {
            AdjustmentState::Succeeded {
                transaction_id, at, ..
            } => Some(DirectCapture::Done { transaction_id, at }),
            AdjustmentState::Open(_) | AdjustmentState::Refused | AdjustmentState::NotDone => None,
        }
    }

    /// Only a definite refusal of a payment with nothing captured ends in `SALE_FAILED`, and the reservation goes first.
    async fn release_after_refusal(
        self: &Arc<Self>,
        caller: &Caller,
        subject: &Subject,
    ) -> DirectCapture {
        let state = self
            .state_of(subject, MoneyOp::Capture, DIRECT_CAPTURE)
            .await;
        if state != Some(AdjustmentState::Refused) {
            return DirectCapture::NotNow("the capture is not settled");
        }
        let during = During::Adjust(MoneyOp::Cancel);
        match self.payment(caller, subject, true, during).await {
            Ok(payment) if payment.aggregate.captured_amount.value.is_zero() => {}
            Ok(_) => return DirectCapture::NotNow("something was captured by another system"),
            Err(_) => return DirectCapture::NotNow("the payment can't be read"),
        }
        let _answer = self
            .in_merchants_place(caller, subject, MoneyOp::Cancel, DIRECT_RELEASE)
            .await;
        match self
            .state_of(subject, MoneyOp::Cancel, DIRECT_RELEASE)
            .await
        {
            Some(AdjustmentState::Succeeded { at, .. }) => DirectCapture::Refused { at },
            _ => DirectCapture::NotNow("the reservation could not be released"),
        }
    }

    async fn state_of(&self, subject: &Subject, op: MoneyOp, id: &str) -> Option<AdjustmentState> {
        let (calls, _) = self
            .store
            .adjustments(&subject.order.scope, &subject.order.order)
            .await
            .ok()?;
        let ours = calls.into_iter().filter(|call| call.op == op);
        ours.filter(|call| {
            call.request_id
                .as_ref()
                .is_some_and(|own| own.as_str() == id)
        })
        .map(|call| call.state)
        .next_back()
    }

    async fn in_merchants_place(
        self: &Arc<Self>,
        caller: &Caller,
        subject: &Subject,
        op: MoneyOp,
        id: &str,
    ) -> Answer {
        let command = Adjusting {
            msn: subject.order.scope.msn().cloned(),
            asked: Asked::AllThatRemains,
            text: String::new(),
            release: false,
            losses: Vec::new(),
        };
        let asked = Adjustment {
            op,
            command,
            request_id: RequestId::parse(id),
            random: uuid::Uuid::nil(),
        };
        let options = AdjustOptions {
            transaction_id: TransactionIdSource::Event,
            known: true,
            whole: false,
            created: None,
        };
        self.adjust(caller, subject, &asked, options, None).await
    }

    /// Ends a payment that nobody has approved in the merchant's time. Touches unauthorized payments only: where the user
    /// was faster, nothing happens. True when it may have ended.
    pub async fn end_unapproved(&self, caller: &Caller, subject: &Subject) -> bool {
        let Scope::Unit(msn) = &subject.order.scope else {
            return false;
        };
        let Some(_held) = self.hold(caller, subject).await else {
            return false;
        };
        let key = ending_key(msn, &subject.reference);
        let now = self.clock.now();
        let until = now.plus(caller.budget.left());
        let Some(id) = self.begin_ending(subject, &key, (now, until)).await else {
            return false;
        };
        let (outcome, ended) = match self
            .epayment
            .end_unapproved(caller.call(), &subject.reference, &key)
            .await
        {
            Ok(Reply::Done(done)) if !has_ended(&done, subject) => {
                self.epayment.contradiction("answer to an ending");
                (Outcome::Unknown(until), true)
            }
            Ok(Reply::Done(done)) => {
                let at = self.clock.now();
                (
                    Outcome::Succeeded {
                        amount: done.amount.value,
                        transaction_id: None,
                        at,
                    },
                    true,
                )
            }
            Ok(Reply::Problem { status, .. }) if is_refused_for_good(status) => {
                (Outcome::Refused, false)
            }
            Ok(Reply::Gateway(_)) | Err(SendFailure::NotSent(_)) => {
                (Outcome::NotDone(until), false)
            }
            Ok(_) | Err(_) => (Outcome::Unknown(until), true),
        };
        self.close(id, outcome).await;
        ended
    }

    /// The record of the ending, written before it is sent; an open one is taken up with its own key. None where it was
    /// done or refused before, or another money call is open.
    async fn begin_ending(
        &self,
        subject: &Subject,
        key: &IdempotencyKey,
        (now, until): (Moment, Moment),
    ) -> Option<AdjustmentId> {
        let order = &subject.order;
        let (calls, version) = self
            .store
            .adjustments(&order.scope, &order.order)
            .await
            .ok()?;
        if let Some(ours) = calls.iter().find(|call| call.key.as_ref() == Some(key)) {
            return match ours.state {
                AdjustmentState::Open(_) => self
                    .store
                    .resume_adjustment(ours.id, now, until)
                    .await
                    .ok()?
                    .then_some(ours.id),
                // Never sent: sent now, with the same key.
                AdjustmentState::NotDone => {
                    self.record_ending(subject, key, (now, until), version)
                        .await
                }
                AdjustmentState::Succeeded { .. } | AdjustmentState::Refused => None,
            };
        }
        self.record_ending(subject, key, (now, until), version)
            .await
    }

    async fn record_ending(
        &self,
        subject: &Subject,
        key: &IdempotencyKey,
        (now, until): (Moment, Moment),
        version: Version,
    ) -> Option<AdjustmentId> {
        let new = NewAdjustment {
            scope: subject.order.scope.clone(),
            order: subject.order.order.clone(),
            op: MoneyOp::Cancel,
            api: Origin::Epayment,
            request_id: None,
            key: Some(key.clone()),
            attempt: 0,
            amount: None,
            computed: false,
            text: String::new(),
            cancelled_before: Some(Amount::ZERO),
            now,
            until,
        };
        self.store.begin_adjustment(new, version).await.ok()?
    }
}

/// Approved, and nothing captured or released yet.
fn may_capture_directly(payment: &Payment) -> bool {
    payment.state == State::Authorized
        && payment.aggregate.captured_amount.value.is_zero()
        && payment.aggregate.cancelled_amount.value.is_zero()
}

/// Whether ePayment refuses for good to end an unapproved payment (6060: the user was faster).
fn is_refused_for_good(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 401 | 408 | 423 | 429)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_asked_again_is_no_approval() {
        for status in [400, 403, 404, 409, 422] {
            assert!(is_refused_for_good(status), "{status}");
        }
        for status in [200, 401, 408, 423, 429, 500, 503] {
            assert!(!is_refused_for_good(status), "{status}");
        }
    }
}
