//! Capture, cancel and refund through ePayment: one skeleton for all three.
//!
//! The record says what may be done next (`next`), the intent is written before the call, and closed by what is known
//! afterwards. Must not: send beside an open call, or compute a remainder from anything but a payment just read.

use std::time::Duration;

use super::before::Again;
use super::evidence::{Finding, Happened, Question};
use super::lookup::Looked;
use super::next::{Next, next};
use super::send::{Sending, Sent, reserve};
use super::{Answer, Caller, Payments, Subject};
use crate::ecom::error::{Code, Failure};
use crate::epayment::model::{Modification, Money, Payment};
use crate::routing::TransactionIdSource;
use crate::store::{self, AdjustmentId, AdjustmentState, NewAdjustment, Outcome, Version};
use crate::translate::adjust::{self, Adjusting, Asked};
use crate::types::{
    Amount, Currency, IdempotencyKey, KeyMaker, Moment, MoneyOp, Origin, RequestId,
};
use crate::upstream::Reply;

pub(super) const BUSY_LOOK: Duration = Duration::from_millis(100);

/// A money call as the merchant asks for it.
#[derive(Clone, Debug)]
pub struct Adjustment {
    /// What is done.
    pub op: MoneyOp,
    /// Its amount, text and flag.
    pub command: Adjusting,
    /// The merchant's own.
    pub request_id: Option<RequestId>,
    /// Randomness for a key of the bridge's own, from the edge.
    pub random: uuid::Uuid,
}

/// What else decides how it is done.
#[derive(Clone, Copy, Debug)]
pub struct AdjustOptions {
    /// Where the answer's `transactionId` comes from.
    pub transaction_id: TransactionIdSource,
    /// Whether the record says that the payment exists.
    pub known: bool,
    /// Whether the record goes back to the payment's creation, so that it has every money call of the bridge.
    pub whole: bool,
    /// What the payment was created over, where the bridge created it in ePayment.
    pub created: Option<Money>,
}

/// The record of a payment's money calls, and what tells whether it has changed.
pub type MoneyCalls = (Vec<store::Adjustment>, Version);

/// Where a request of this id was sent before, if it is open or done: its repeat goes the same way.
#[must_use]
pub fn sent_before(
    calls: &[store::Adjustment],
    op: MoneyOp,
    request_id: Option<&RequestId>,
) -> Option<Origin> {
    let id = request_id?;
    let same = |call: &&store::Adjustment| call.op == op && call.request_id.as_ref() == Some(id);
    // What eCom never answered was given up by time alone: only eCom itself can tell a repeat of it.
    let decided = |call: &store::Adjustment| match call.state {
        AdjustmentState::Open(_) | AdjustmentState::Succeeded { .. } => true,
        AdjustmentState::NotDone => call.api == Origin::Ecom,
        AdjustmentState::Refused => false,
    };
    calls
        .iter()
        .filter(same)
        .find(|call| decided(call))
        .map(|call| call.api)
}

impl store::Adjustment {
    /// The end of its last owner's time: nothing was sent after it. (Upstream may be at it still.)
    pub(super) fn silent_since(&self) -> Moment {
        match self.state {
            AdjustmentState::Open(until) => until.max(self.changed_at),
            _ => self.changed_at,
        }
    }

    pub(super) fn question(&self) -> Option<Question<'_>> {
        Some(Question {
            op: self.op,
            key: self.key.as_ref()?.as_str(),
            amount: self.amount,
            cancelled_before: self.cancelled_before,
        })
    }
}

impl Payments {
    /// Does it, and answers as eCom would. `seen`, where the record was read already, is a first look: nothing is begun
    /// or closed if it has changed since.
    pub async fn adjust(
        self: &std::sync::Arc<Self>,
        caller: &Caller,
        subject: &Subject,
        asked: &Adjustment,
        options: AdjustOptions,
        seen: Option<MoneyCalls>,
    ) -> Answer {
        let Some(held) = self.hold(caller, subject).await else {
            return Failure::code(Code::Vipps94).into();
        };
        // After a wait, an open call may have been sent again: absence would be counted from the sending before.
        let mut seen = seen.filter(|_| !held.waited());
        let work = Work {
            payments: self,
            caller,
            subject,
            asked,
            options,
        };
        loop {
            match work.step(seen.take()).await {
                Ok(Some(answer)) | Err(answer) => return answer,
                Ok(None) => {}
            }
        }
    }

    /// Closes a record. A store that fails now leaves the intent open, and evidence closes it later.
    pub(super) async fn close(&self, id: AdjustmentId, outcome: Outcome) {
        if let Err(error) = self
            .store
            .finish_adjustment(id, outcome, self.clock.now())
            .await
        {
            tracing::error!(error = %error, "a money call could not be closed in the store; evidence will close it");
        }
    }

    /// What to do about an open call of another request: closed where the evidence allows, else the answer to give.
    pub(super) async fn clear(
        &self,
        caller: &Caller,
        subject: Option<&Subject>,
        open: &store::Adjustment,
    ) -> Result<(), Answer> {
        // Absence counts from when the look began: what lands while it is under way is not in it.
        let now = self.clock.now();
        let looked = match (open.question(), subject) {
            (Some(question), Some(subject)) => self.look(caller, subject, question).await,
            // At eCom: only time can tell.
            _ => Looked::Found(Finding::Absent),
        };
        match looked {
            Looked::Found(Finding::Done(happened)) => {
                self.close(
                    open.id,
                    succeeded(&happened, open.amount.unwrap_or_default(), now),
                )
                .await;
            }
            Looked::Found(Finding::Failed) => self.close(open.id, Outcome::Refused).await,
            Looked::Found(Finding::Absent)
                if self.has_passed(caller.terms.settle, open.silent_since(), now) =>
            {
                // Of the time that was looked at: whoever has taken it up since may be sending it.
                if let AdjustmentState::Open(until) = open.state {
                    let outcome = Outcome::NotDone(until);
                    // A store that can't write ends the call: it would look again without end.
                    self.store.finish_adjustment(open.id, outcome, now).await?;
                }
            }
            Looked::Found(Finding::Absent) | Looked::Doubt => {
                return Err(Failure::code(Code::Vipps94).into());
            }
        }
        Ok(())
    }
}

pub(super) fn succeeded(happened: &Happened, asked: Amount, now: Moment) -> Outcome {
    let amount = if happened.amount.is_zero() {
        asked
    } else {
        happened.amount
    };
    Outcome::Succeeded {
        amount,
        transaction_id: happened.transaction_id.clone(),
        at: happened.at.unwrap_or(now),
    }
}

/// One merchant call at work, with the payment held.
pub(super) struct Work<'a> {
    pub(super) payments: &'a std::sync::Arc<Payments>,
    pub(super) caller: &'a Caller,
    pub(super) subject: &'a Subject,
    pub(super) asked: &'a Adjustment,
    pub(super) options: AdjustOptions,
}

/// An intent that is written and may be sent.
pub(super) struct Intent {
    pub(super) id: AdjustmentId,
    pub(super) key: IdempotencyKey,
    pub(super) amount: Option<Amount>,
    pub(super) money: Option<Money>,
    pub(super) cancelled_before: Option<Amount>,
    /// The end of the time for which this call has it.
    pub(super) until: Moment,
    /// Since when nobody is at an earlier sending of unknown outcome.
    pub(super) resend: Option<Moment>,
}

impl Work<'_> {
    /// One look at the record and what follows. `None`: look again.
    async fn step(&self, seen: Option<MoneyCalls>) -> Result<Option<Answer>, Answer> {
        let (payments, subject) = (self.payments, self.subject);
        let order = &subject.order;
        let (calls, version) = match seen {
            Some(seen) => seen,
            None => {
                payments
                    .store
                    .adjustments(&order.scope, &order.order)
                    .await?
            }
        };
        let now = payments.clock.now();
        match next(&calls, self.asked, now) {
            Next::Conflict => Ok(Some(Failure::code(Code::Vipps93).into())),
            Next::Repeat(call) => self.repeat(&call).await.map(Some),
            Next::Wait => {
                if self.caller.budget.left() < reserve(self.caller.budget) + BUSY_LOOK {
                    return Ok(Some(Failure::code(Code::Vipps94).into()));
                }
                tokio::time::sleep(BUSY_LOOK).await;
                Ok(None)
            }
            Next::Resolve { open, same: false } => {
                payments.clear(self.caller, Some(subject), &open).await?;
                Ok(None)
            }
            Next::Resolve { open, same: true } => self.take_up(open).await,
            Next::New {
                attempt,
                worked_out,
            } => self.begin(attempt, worked_out, version).await,
        }
    }

    /// Where the payment is not read: that of its creation, where the bridge saw it, else the merchant's.
    fn currency(&self) -> Currency {
        let created = self.options.created.map(|created| created.currency);
        created.unwrap_or(self.subject.currency)
    }

    /// The end of this call's time, as the record keeps it.
    fn until(&self, now: Moment) -> Moment {
        now.plus(self.caller.budget.left())
    }

    /// A repeat of a request that is open: found out first, and sent again only with the same key.
    async fn take_up(&self, open: store::Adjustment) -> Result<Option<Answer>, Answer> {
        let payments = self.payments;
        let now = payments.clock.now();
        let (Some(question), Some(key)) = (open.question(), open.key.clone()) else {
            return Ok(Some(Failure::code(Code::Vipps94).into()));
        };
        let until = self.until(now);
        if !payments
            .store
            .resume_adjustment(open.id, now, until)
            .await?
        {
            return Ok(None);
        }
        let found = payments.look(self.caller, self.subject, question).await;
        let intent = Intent {
            id: open.id,
            key,
            amount: open.amount,
            money: open.amount.map(|value| Money {
                currency: self.currency(),
                value,
            }),
            cancelled_before: open.cancelled_before,
            until,
            resend: Some(open.silent_since()),
        };
        let sent = match found {
            Looked::Found(Finding::Done(happened)) => Sent::Proven(happened),
            Looked::Found(Finding::Failed) => {
                payments.close(open.id, Outcome::Refused).await;
                return Ok(None);
            }
            Looked::Found(Finding::Absent) => match self.look_again(&open).await {
                Ok(()) => self.send(&intent).await,
                Err(Again::NoMore)
                    if payments.has_passed(self.caller.terms.settle, open.silent_since(), now) =>
                {
                    payments.close(open.id, Outcome::NotDone(until)).await;
                    return Ok(None);
                }
                Err(Again::NoMore | Again::Doubt) => Sent::Unknown,
            },
            Looked::Doubt => Sent::Unknown,
        };
        Ok(Some(self.conclude(&intent, sent).await))
    }

    /// A new intent: what is asked is worked out, written, and sent.
    async fn begin(
        &self,
        attempt: u32,
        worked_out: Option<Amount>,
        version: Version,
    ) -> Result<Option<Answer>, Answer> {
        let (payments, asked) = (self.payments, self.asked);
        let key = self.key(attempt);
        if !self.options.whole
            && asked.op != MoneyOp::Cancel
            && asked.request_id.is_some()
            && let Some(answer) = self.done_before_the_record(version).await?
        {
            return Ok(Some(answer));
        }
        let (before, amount) = match self.worked_out(worked_out).await {
            Ok(known) => known,
            // It may be this very request that another instance has done meanwhile.
            Err(_) if self.overtaken(version).await? => return Ok(None),
            Err(answer) => return self.unless_done(answer).await.map(Some),
        };
        let currency = before
            .as_ref()
            .map_or_else(|| self.currency(), |payment| payment.amount.currency);
        let cancelled_before = match asked.op {
            MoneyOp::Cancel => before.map(|payment| payment.aggregate.cancelled_amount.value),
            MoneyOp::Capture | MoneyOp::Refund => None,
        };
        let new = self.record(&key, attempt, amount, cancelled_before);
        let until = new.until;
        let Some(id) = payments.store.begin_adjustment(new, version).await? else {
            return Ok(None);
        };
        let money = amount.map(|value| Money { currency, value });
        let intent = Intent {
            id,
            key,
            amount,
            money,
            cancelled_before,
            until,
            resend: None,
        };
        let sent = self.send(&intent).await;
        let refused =
            matches!(&sent, Sent::Refused(reply) if matches!(**reply, Reply::Problem { .. }));
        let answer = self.conclude(&intent, sent).await;
        if refused {
            return self.unless_done(answer).await.map(Some);
        }
        Ok(Some(answer))
    }

    /// The payment as it is now, where that is needed, and the amount.
    async fn worked_out(
        &self,
        earlier: Option<Amount>,
    ) -> Result<(Option<Payment>, Option<Amount>), Answer> {
        let before = self.look_before().await?;
        let amount = match (self.asked.op, self.asked.command.asked, &before) {
            (MoneyOp::Cancel, _, _) => None,
            (_, Asked::Exactly(amount), _) => Some(amount),
            (op, Asked::AllThatRemains, Some(payment)) => match earlier {
                Some(amount) => Some(amount),
                None => Some(adjust::remaining(op, payment)?),
            },
            (_, Asked::AllThatRemains, None) => return Err(Failure::code(Code::Vipps99).into()),
        };
        Ok((before, amount))
    }

    /// Whether the record has changed since it was read.
    async fn overtaken(&self, version: Version) -> Result<bool, Answer> {
        Ok(self.version().await? != version)
    }

    pub(super) async fn version(&self) -> Result<Version, Answer> {
        let order = &self.subject.order;
        let record = self.payments.store.adjustments(&order.scope, &order.order);
        Ok(record.await?.1)
    }

    pub(super) fn key(&self, attempt: u32) -> IdempotencyKey {
        let derived = self
            .asked
            .request_id
            .as_ref()
            .zip(self.subject.order.order.strict())
            .map(|(id, order)| {
                KeyMaker {
                    scope: &self.subject.order.scope,
                    order: &order,
                }
                .key(self.asked.op, id, attempt)
            });
        derived.unwrap_or_else(|| IdempotencyKey::own(self.asked.random))
    }

    pub(super) fn record(
        &self,
        key: &IdempotencyKey,
        attempt: u32,
        amount: Option<Amount>,
        cancelled_before: Option<Amount>,
    ) -> NewAdjustment {
        let now = self.payments.clock.now();
        NewAdjustment {
            scope: self.subject.order.scope.clone(),
            order: self.subject.order.order.clone(),
            op: self.asked.op,
            api: Origin::Epayment,
            request_id: self.asked.request_id.clone(),
            key: Some(key.clone()),
            attempt,
            amount,
            computed: self.asked.command.asked == Asked::AllThatRemains
                && self.asked.op != MoneyOp::Cancel,
            text: self.asked.command.text.clone(),
            cancelled_before,
            now,
            until: self.until(now),
        }
    }

    async fn send(&self, intent: &Intent) -> Sent {
        let sending = Sending {
            caller: self.caller,
            subject: self.subject,
            op: self.asked.op,
            body: intent.money.map(|modification_amount| Modification {
                modification_amount,
            }),
            key: &intent.key,
            cancelled_before: intent.cancelled_before,
            created: self.options.created,
            resend: intent.resend,
        };
        self.payments.send(&sending).await
    }
}
