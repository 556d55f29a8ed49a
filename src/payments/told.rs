//! What the merchant is told of a money call: from the reply, from the payment as it is now, or from a refusal.
//!
//! Must not: send anything but reads, or tell of a success as a failure because a read failed.

use super::adjust::{Intent, Work, succeeded};
use super::evidence::{Finding, Happened, Question};
use super::send::{Sent, is_definite};
use super::{Answer, refusal};
use crate::ecom::error::{Code, Failure};
use crate::epayment::model::{Aggregate, Modified, Payment};
use crate::routing::TransactionIdSource;
use crate::store::{self, AdjustmentState, Outcome};
use crate::telemetry::Route;
use crate::translate::adjust::{self, Done};
use crate::translate::error::{self, During, Meaning};
use crate::types::MoneyOp;
use crate::upstream::Reply;

impl Work<'_> {
    /// From what is known to the record and the answer.
    pub(super) async fn conclude(&self, intent: &Intent, sent: Sent) -> Answer {
        let payments = self.payments;
        let (id, until) = (intent.id, intent.until);
        match sent {
            Sent::Done(done) => self.answer_done(intent, done).await,
            Sent::Proven(happened) => {
                let outcome = succeeded(
                    &happened,
                    intent.amount.unwrap_or_default(),
                    payments.clock.now(),
                );
                payments.close(id, outcome.clone()).await;
                self.answer_from_payment(&outcome)
                    .await
                    .unwrap_or_else(|_| sums_unread())
            }
            Sent::Refused(reply) => {
                let outcome = if is_definite(&reply, During::Adjust(self.asked.op)) {
                    Outcome::Refused
                } else {
                    Outcome::NotDone(until)
                };
                payments.close(id, outcome).await;
                self.answer_refused(*reply).await
            }
            Sent::Failed => {
                payments.close(id, Outcome::Refused).await;
                Failure::told(
                    Code::Payment63,
                    "ePayment's event log shows that it was tried and failed",
                )
                .into()
            }
            Sent::Never => {
                payments.close(id, Outcome::NotDone(until)).await;
                Failure::unreachable(
                    "ePayment can't be reached, and nothing was done. Repeat later",
                )
                .into()
            }
            Sent::Unknown => {
                payments.close(id, Outcome::Unknown(until)).await;
                payments.find_out_later(self.caller, self.subject, id);
                Failure::unknown(
                    "ePayment gave no answer, and the payment's event log could not settle it",
                )
                .into()
            }
        }
    }

    pub(super) async fn answer_done(&self, intent: &Intent, done: Modified) -> Answer {
        let payments = self.payments;
        let mut event = None;
        if self.options.transaction_id == TransactionIdSource::Event {
            event = self.event_of(intent, &done).await;
        }
        let at = event
            .as_ref()
            .and_then(|event| event.at)
            .unwrap_or_else(|| payments.clock.now());
        let transaction_id = event.and_then(|event| event.transaction_id);
        let amount = intent.amount.unwrap_or(done.amount.value);
        let recorded = Outcome::Succeeded {
            amount,
            transaction_id: transaction_id.clone(),
            at,
        };
        // On a cancel the number may be left out; the payment's own is no number.
        let stand_in = (self.asked.op != MoneyOp::Cancel).then_some(done.psp_reference);
        let told = Done {
            amount,
            transaction_id: transaction_id.or(stand_in),
            at,
            text: self.asked.command.text.clone(),
        };
        let answer = Answer::json(&adjust::to_answer(
            self.asked.op,
            &self.subject.order.order,
            told,
            &done.aggregate,
        ));
        let closing = payments.close(intent.id, recorded);
        self.caller.telling(&answer, Route::Epayment, closing).await;
        answer
    }

    /// The event behind an answer, from one read of the log.
    async fn event_of(&self, intent: &Intent, done: &Modified) -> Option<Happened> {
        let question = Question {
            op: self.asked.op,
            key: intent.key.as_str(),
            amount: intent.amount,
            cancelled_before: intent.cancelled_before,
        };
        let events = self
            .payments
            .epayment
            .events(self.caller.call(), &self.subject.reference)
            .await;
        let Ok(Reply::Done(events)) = events else {
            return None;
        };
        match super::evidence::judge(question, &events, Some(&done.aggregate)) {
            Finding::Done(happened) => Some(happened),
            Finding::Failed | Finding::Absent => None,
        }
    }

    /// A recorded success, with today's sums; reading them proves the caller's keys.
    pub(super) async fn repeat(&self, call: &store::Adjustment) -> Result<Answer, Answer> {
        let AdjustmentState::Succeeded {
            amount,
            transaction_id,
            at,
        } = &call.state
        else {
            return Err(Failure::code(Code::Vipps94).into());
        };
        let outcome = Outcome::Succeeded {
            amount: *amount,
            transaction_id: transaction_id.clone(),
            at: *at,
        };
        self.answer_from_payment(&outcome)
            .await
            .map_err(|trouble| match trouble {
                // Of the caller's keys, which upstream judges.
                Answer::Raw(raw) => Answer::Raw(raw),
                Answer::Failure(failure, after) if matches!(failure.status, 400..=403 | 429) => {
                    Answer::Failure(failure, after)
                }
                // Not a word about the operation, which is done; whose keys are not proven is not told even that.
                Answer::Failure(..) | Answer::Json(_) => {
                    Failure::unknown("the payment can't be read now").into()
                }
            })
    }

    pub(super) async fn answer_from_payment(&self, outcome: &Outcome) -> Result<Answer, Answer> {
        let Outcome::Succeeded {
            amount,
            transaction_id,
            at,
        } = outcome
        else {
            return Err(Failure::code(Code::Vipps99).into());
        };
        let op = self.asked.op;
        let payment = self
            .payments
            .payment(self.caller, self.subject, true, During::Adjust(op))
            .await?;
        let cancel = op == MoneyOp::Cancel;
        let told = Done {
            amount: if cancel {
                payment.amount.value
            } else {
                *amount
            },
            transaction_id: transaction_id
                .clone()
                .or_else(|| (!cancel).then(|| payment.psp_reference.clone())),
            at: *at,
            text: self.asked.command.text.clone(),
        };
        Ok(Answer::json(&adjust::to_answer(
            op,
            &self.subject.order.order,
            told,
            &payment.aggregate,
        )))
    }

    /// A refusal in eCom's words; where only the payment's state can tell which, the payment is read.
    pub(super) async fn answer_refused(&self, reply: Reply<Modified>) -> Answer {
        let during = During::Adjust(self.asked.op);
        let Reply::Problem {
            status,
            problem,
            retry_after,
        } = reply
        else {
            return refusal(reply, during);
        };
        let mut meaning = error::meaning(&problem, status, during);
        if let Meaning::ByState(otherwise) = meaning {
            let read = self
                .payments
                .epayment
                .get(self.caller.call(), &self.subject.reference)
                .await;
            let told = match &read {
                Ok(Reply::Done(payment)) => by_state_or(self.asked.op, payment, otherwise),
                _ => otherwise,
            };
            meaning = Meaning::Is(told);
        }
        if meaning == Meaning::NotFound && self.options.known {
            return super::doubtful_not_found();
        }
        Answer::Failure(error::to_failure(&meaning, &problem, status), retry_after)
    }
}

/// It happened, and more can't be said.
pub(super) fn sums_unread() -> Answer {
    Failure::unknown("it was done, but the sums of the payment can't be read now").into()
}

/// By the state where it explains the refusal; money left means that the amount was the reason.
fn by_state_or(op: MoneyOp, payment: &Payment, otherwise: Code) -> Code {
    let left = |sums: &Aggregate| match op {
        MoneyOp::Refund => sums.to_refund(),
        MoneyOp::Capture | MoneyOp::Cancel => sums.to_capture(),
    };
    let by_state = adjust::by_state(op, payment);
    let nothing_left_of_it = by_state == Code::Vipps92;
    if !left(&payment.aggregate).is_zero() || (nothing_left_of_it && otherwise == Code::Payment71) {
        return otherwise;
    }
    by_state
}
