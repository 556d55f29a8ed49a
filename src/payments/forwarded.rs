//! Calls that go to eCom: sent once, as they came, with the same records as the translated ones.
//!
//! eCom has its own idempotency, so nothing is repeated here; a call without an answer is reported as unknown. Must not:
//! touch a body, or pass on a 402 or 404 to a read of a payment that is known to exist (shops cancel the order on it).

use std::sync::Arc;

use super::adjust::{Adjustment, BUSY_LOOK};
use super::next::{Next, next};
use super::said::{self, done_at_ecom, is_success, says_no_such_order};
use super::seen;
use super::send::reserve;
use super::{Answer, Caller, NotFirst, Order, Payments, Subject};
use crate::ecom::error::{Code, Failure};
use crate::store::{Begun, First, NewAdjustment, NewPayment, Outcome, PaymentFacts};
use crate::telemetry::{Api, Route};
use crate::translate::adjust::Asked;
use crate::types::{Amount, Kind, Moment, MoneyOp, Origin, RequestId};
use crate::upstream::{RawReply, SendFailure};

/// The one sending of a call to eCom.
pub trait Forwarding: Future<Output = Result<RawReply, SendFailure>> + Send {}
impl<F: Future<Output = Result<RawReply, SendFailure>> + Send> Forwarding for F {}

/// What eCom made of a forwarded call.
#[derive(Debug)]
pub enum AtEcom {
    /// The answer to give.
    Answered(Answer),
    /// eCom says that there is no such order (35), so nothing happened: its answer, for where nobody else knows it.
    NoSuchOrder(Answer),
}

/// A new payment for eCom, as far as its body could be read.
#[derive(Debug)]
pub struct NewAtEcom {
    /// Regular where the bridge knows it, else Express or not proven.
    pub kind: Kind,
    /// Minor units, where readable.
    pub amount: Option<Amount>,
    /// The merchant's text, where readable.
    pub text: Option<String>,
    /// The merchant's own.
    pub request_id: Option<RequestId>,
    /// Keyed hash of the body.
    pub fingerprint: [u8; 16],
}

impl Payments {
    /// Creates a payment in eCom: the order is bound before the call, and freed by a definite refusal.
    ///
    /// # Errors
    /// `first` says that nothing is known of the order, and it is not so: nothing was done, and another decision is needed.
    pub async fn initiate_at_ecom(
        &self,
        caller: &Caller,
        order: &Order,
        new: NewAtEcom,
        first: bool,
        send: impl Forwarding,
    ) -> Result<Answer, NotFirst> {
        let now = self.clock.now();
        let until = now.plus(caller.budget.left());
        let record = NewPayment {
            scope: order.scope.clone(),
            order: order.order.clone(),
            caller: caller.hash,
            facts: PaymentFacts {
                origin: Origin::Ecom,
                kind: new.kind,
                reference: None,
                amount: new.amount,
                currency: Some(order.currency),
                text: new.text,
                callback: None,
                scope_asked: None,
                fall_back: None,
                request_id: new.request_id,
            },
            key: None,
            fingerprint: new.fingerprint,
            poll_at: None,
            end_at: None,
            now,
            until,
        };
        let attempt = if first {
            match self.store.begin_first_payment(record).await? {
                First::Begun(attempt) => attempt,
                First::Known(known) => return Err(NotFirst::Known(known)),
            }
        } else {
            match self.store.begin_payment(record).await {
                Ok(Begun::Fresh(attempt)) => attempt,
                // Bound to ePayment meanwhile: the repeat is routed anew.
                Ok(Begun::Bound(_) | Begun::Open(_)) => {
                    return Ok(Failure::code(Code::Vipps94).into());
                }
                Err(error) => return Ok(error.into()),
            }
        };
        let sent = only_of(send.await, order);
        let outcome = match &sent {
            Ok(raw) if is_success(raw) => Outcome::Succeeded {
                amount: Amount::ZERO,
                transaction_id: None,
                at: self.clock.now(),
            },
            Ok(raw) if raw.status < 500 && raw.status != 408 => Outcome::Refused,
            Err(SendFailure::NotSent(_)) => Outcome::NotDone(until),
            Ok(_) | Err(_) => Outcome::Unknown(until),
        };
        let answer = self.as_it_came(sent, "eCom gave no answer about the new payment");
        let closing = self.close_attempt(attempt, outcome);
        caller.telling(&answer, Route::Ecom, closing).await;
        Ok(answer)
    }

    /// A money call for eCom. What is open in ePayment is settled first: never two at a time.
    pub async fn adjust_at_ecom(
        self: &Arc<Self>,
        caller: &Caller,
        order: &Order,
        subject: Option<&Subject>,
        asked: &Adjustment,
        send: impl Forwarding,
    ) -> AtEcom {
        let Some(_held) = self.hold(caller, order).await else {
            return AtEcom::Answered(Failure::code(Code::Vipps94).into());
        };
        let (id, until) = loop {
            let now = self.clock.now();
            let until = now.plus(caller.budget.left());
            let begun = self.begin_at_ecom(caller, order, subject, asked, (now, until));
            match begun.await {
                Ok(Some(id)) => break (id, until),
                Ok(None) => {}
                Err(answer) => return AtEcom::Answered(answer),
            }
        };
        let sent = self.beside(order, send).await;
        let no_such_order = sent.as_ref().is_ok_and(says_no_such_order);
        let outcome = match &sent {
            Ok(raw) if is_success(raw) => done_at_ecom(raw, self.clock.now()),
            Ok(raw) if raw.status < 500 && !matches!(raw.status, 401 | 408 | 423 | 429) => {
                Outcome::Refused
            }
            Ok(raw) if matches!(raw.status, 401 | 423 | 429) => Outcome::NotDone(until),
            Err(SendFailure::NotSent(_)) => Outcome::NotDone(until),
            Ok(_) | Err(_) => Outcome::Unknown(until),
        };
        let answer = self.as_it_came(sent, "eCom gave no answer");
        let closing = self.close(id, outcome);
        if no_such_order {
            // Not the last word: ePayment may have it.
            closing.await;
            AtEcom::NoSuchOrder(answer)
        } else {
            caller.telling(&answer, Route::Ecom, closing).await;
            AtEcom::Answered(answer)
        }
    }

    /// Sends to eCom what may change a payment that ePayment shows, or may tell the merchant of a newer state than a
    /// look at ePayment that others share.
    async fn beside(&self, order: &Order, send: impl Forwarding) -> Result<RawReply, SendFailure> {
        let reference = order.order.reference();
        let _changing = reference.map(|named| self.epayment.changes().begin(&named));
        only_of(send.await, order)
    }

    async fn begin_at_ecom(
        self: &Arc<Self>,
        caller: &Caller,
        order: &Order,
        subject: Option<&Subject>,
        asked: &Adjustment,
        (now, until): (Moment, Moment),
    ) -> Result<Option<crate::store::AdjustmentId>, Answer> {
        let (calls, version) = self.store.adjustments(&order.scope, &order.order).await?;
        let attempt = match next(&calls, asked, now) {
            Next::Conflict => return Err(Failure::code(Code::Vipps93).into()),
            Next::Wait if caller.budget.left() < reserve(caller.budget) + BUSY_LOOK => {
                return Err(Failure::code(Code::Vipps94).into());
            }
            Next::Wait => {
                tokio::time::sleep(BUSY_LOOK).await;
                return Ok(None);
            }
            Next::Resolve { open, same: true } if open.api == Origin::Ecom => {
                let taken = self.store.resume_adjustment(open.id, now, until).await?;
                return Ok(taken.then_some(open.id));
            }
            Next::Resolve { open, .. } => {
                self.clear(caller, subject, &open).await?;
                return Ok(None);
            }
            // eCom answers the repeat of what it did itself; what ePayment did never gets here.
            Next::Repeat(call) if call.api == Origin::Ecom => return Ok(Some(call.id)),
            Next::Repeat(_) => return Err(Failure::code(Code::Vipps94).into()),
            Next::New { attempt, .. } => attempt,
        };
        let new = NewAdjustment {
            scope: order.scope.clone(),
            order: order.order.clone(),
            op: asked.op,
            api: Origin::Ecom,
            request_id: asked.request_id.clone(),
            key: None,
            attempt,
            amount: match (asked.op, asked.command.asked) {
                (MoneyOp::Cancel, _) | (_, Asked::AllThatRemains) => None,
                (_, Asked::Exactly(amount)) => Some(amount),
            },
            computed: asked.command.asked == Asked::AllThatRemains,
            text: asked.command.text.clone(),
            cancelled_before: None,
            now,
            until,
        };
        Ok(self.store.begin_adjustment(new, version).await?)
    }

    /// A read by eCom. `known` says that the payment exists; success teaches an unknown payment's birth.
    pub async fn read_at_ecom(
        &self,
        caller: &Caller,
        order: &Order,
        known: bool,
        send: impl Forwarding,
    ) -> AtEcom {
        let asked_at = self.clock.now();
        let sent = self.beside(order, send).await;
        let missing = matches!(&sent, Ok(raw) if matches!(raw.status, 402 | 404));
        if !known && sent.as_ref().is_ok_and(says_no_such_order) {
            return AtEcom::NoSuchOrder(self.as_it_came(sent, ""));
        }
        if missing {
            let told = if known {
                "eCom does not show this payment, though it should exist. Repeat later"
            } else {
                "eCom gave an answer that does not say whether the payment exists. Repeat later"
            };
            return AtEcom::Answered(Failure::unreachable(told).into());
        }
        if !known && sent.as_ref().is_ok_and(is_success) {
            self.learn_ecom(caller, order).await;
        }
        match sent {
            Ok(raw) => {
                self.note_sums(order, &raw, asked_at);
                AtEcom::Answered(Answer::Raw(raw))
            }
            Err(failure) => {
                self.meters.upstream_error(Api::Ecom, failure.kind());
                let told = match failure {
                    SendFailure::OfAnother => "eCom answered for another order. Repeat later",
                    _ => "eCom gave no answer. Repeat later",
                };
                AtEcom::Answered(Failure::unreachable(told).into())
            }
        }
    }

    /// What eCom's details show of the sums goes to the ledger; the answer does not wait for it.
    fn note_sums(&self, order: &Order, raw: &RawReply, asked_at: Moment) {
        let Some(balance) = seen::balance(&raw.body, asked_at).filter(|_| is_success(raw)) else {
            return;
        };
        let (ledger, order) = (Arc::clone(&self.ledger), order.clone());
        self.lifecycle.spawn("sums", async move {
            let learn = ledger.learn_balance(&order.scope, &order.order, balance);
            if let Err(error) = learn.await {
                tracing::warn!(error = %error, "what eCom shows of a payment's sums could not be noted");
            }
        });
    }

    /// eCom knows the payment: it was born there, and it may be Express.
    pub async fn learn_ecom(&self, caller: &Caller, order: &Order) {
        let facts = PaymentFacts {
            origin: Origin::Ecom,
            kind: Kind::Unproven,
            reference: None,
            amount: None,
            currency: Some(order.currency),
            text: None,
            callback: None,
            scope_asked: None,
            fall_back: None,
            request_id: None,
        };
        let now = self.clock.now();
        if let Err(error) = self
            .store
            .learn_payment(&order.scope, &order.order, caller.hash, facts, now)
            .await
        {
            tracing::warn!(error = %error, "a payment's birth could not be remembered");
        }
    }

    fn as_it_came(&self, sent: Result<RawReply, SendFailure>, unknown: &str) -> Answer {
        match sent {
            Ok(raw) => Answer::Raw(raw),
            Err(failure) => {
                self.meters.upstream_error(Api::Ecom, failure.kind());
                match failure {
                    SendFailure::NotSent(_) => Failure::unreachable(
                        "eCom can't be reached, and nothing was done. Repeat later",
                    )
                    .into(),
                    SendFailure::OfAnother => {
                        Failure::unknown("eCom answered for another order").into()
                    }
                    SendFailure::MaybeSent(_) | SendFailure::Unreadable { .. } => {
                        Failure::unknown(unknown).into()
                    }
                }
            }
        }
    }
}

/// What eCom said, where it is about this order. A success that names another one is no answer: nothing follows from it, and
/// no merchant is told of it.
fn only_of(sent: Result<RawReply, SendFailure>, order: &Order) -> Result<RawReply, SendFailure> {
    match sent {
        Ok(raw) if said::is_of_another(&raw, &order.order) => {
            tracing::error!("eCom contradicts the request: treated as unknown");
            Err(SendFailure::OfAnother)
        }
        other => other,
    }
}
