//! Reads of ePayment that more than one use case needs, and what is learned from them.
//!
//! Must not: take a failed read for an answer. Every doubt comes back as a doubt.

use super::evidence::{self, Finding, Question};
use super::locks::Held;
use super::send::reserve;
use super::{
    Answer, Caller, MoneyCalls, Order, Payments, Subject, doubtful_not_found, is_not_found,
    no_answer, refusal,
};
use crate::ecom::error::{Code, Failure};
use crate::epayment::model::Payment;
use crate::store::{CallbackTarget, Known, PaymentFacts};
use crate::translate::error::During;
use crate::translate::recovery::{self, Recovery};
use crate::types::{Kind, MoneyOp, Origin};
use crate::upstream::Reply;

/// What a look at the evidence gave.
#[derive(Debug)]
pub(super) enum Looked {
    /// The evidence was read.
    Found(Finding),
    /// It could not be read.
    Doubt,
}

impl Payments {
    /// Holds the payment against other calls of this process, waiting while there is time to do something afterwards.
    pub(super) async fn hold(&self, caller: &Caller, order: &Order) -> Option<Held> {
        let within = caller.budget.keeping(reserve(caller.budget)).left();
        self.locks.take(&order.scope, &order.order, within).await
    }

    /// Looks for evidence of a money call: the event log, and for a cancel the payment as well.
    pub(super) async fn look(
        &self,
        caller: &Caller,
        subject: &Subject,
        question: Question<'_>,
    ) -> Looked {
        let events = self.epayment.events(caller.call(), &subject.reference);
        let (events, payment) = if question.op == MoneyOp::Cancel {
            let payment = self.epayment.get(caller.call(), &subject.reference);
            let (events, payment) = tokio::join!(events, payment);
            match payment {
                Ok(Reply::Done(payment)) => (events, Some(payment)),
                Ok(reply) if is_not_found(&reply) => {
                    return self.nothing_there(caller, subject).await;
                }
                _ => return Looked::Doubt,
            }
        } else {
            (events.await, None)
        };
        match events {
            Ok(Reply::Done(events)) => Looked::Found(evidence::judge(
                question,
                &events,
                payment.as_ref().map(|payment| &payment.aggregate),
            )),
            Ok(reply) if is_not_found(&reply) => self.nothing_there(caller, subject).await,
            _ => Looked::Doubt,
        }
    }

    /// "Not found" is a word about the money call only where no record says that there is or may be a payment.
    async fn nothing_there(&self, caller: &Caller, subject: &Subject) -> Looked {
        match self.known(caller, &subject.order).await {
            Ok(known) if known.payment.is_none() && known.attempt.is_none() => {
                Looked::Found(Finding::Absent)
            }
            Ok(_) | Err(_) => Looked::Doubt,
        }
    }

    /// Reads the payment; anything else comes back as the merchant's answer. `known` says that it should exist.
    pub(super) async fn payment(
        &self,
        caller: &Caller,
        subject: &Subject,
        known: bool,
        during: During,
    ) -> Result<Payment, Answer> {
        match self.epayment.get(caller.call(), &subject.reference).await {
            Ok(Reply::Done(payment)) => {
                if !known {
                    self.learn(caller, subject, &payment).await;
                }
                Ok(payment)
            }
            Ok(reply) if is_not_found(&reply) => Err(if known {
                doubtful_not_found()
            } else {
                Failure::code(Code::Merchant35).into()
            }),
            Ok(reply) => Err(refusal(reply, during)),
            Err(failure) => Err(no_answer(&failure)),
        }
    }

    /// Remembers a payment of the bridge's own that the store does not know: the marker in its metadata says so.
    pub async fn learn(&self, caller: &Caller, subject: &Subject, payment: &Payment) {
        let Some(mark) = payment.metadata.as_ref().and_then(recovery::read) else {
            return;
        };
        self.learn_as(caller, subject, payment, mark.sealed).await;
    }

    /// Remembers that a payment was born in ePayment, with what the sealed data says of its callbacks.
    pub(super) async fn learn_as(
        &self,
        caller: &Caller,
        subject: &Subject,
        payment: &Payment,
        sealed: Option<Vec<u8>>,
    ) {
        let opened = self
            .sealer
            .as_ref()
            .zip(sealed)
            .and_then(|(sealer, sealed)| {
                let plain = sealer.open("recovery", subject.reference.as_str(), &sealed)?;
                serde_json::from_slice::<Recovery>(&plain).ok()
            });
        let facts = PaymentFacts {
            origin: Origin::Epayment,
            kind: Kind::Regular,
            reference: Some(subject.reference.clone()),
            amount: Some(payment.amount.value),
            currency: Some(payment.amount.currency),
            text: None,
            callback: opened.map(|data| CallbackTarget {
                prefix: data.callback_prefix,
                auth_token: data.auth_token.map(Into::into),
            }),
            scope_asked: None,
            fall_back: None,
            request_id: None,
        };
        let now = self.clock.now();
        let learned = self
            .store
            .learn_payment(
                &subject.order.scope,
                &subject.order.order,
                caller.hash,
                facts,
                now,
            )
            .await;
        match learned {
            Ok(_) => self.queued_callback.notify_one(),
            Err(error) => {
                tracing::warn!(error = %error, "a payment's birth could not be remembered");
            }
        }
    }

    /// What the store knows of an order.
    ///
    /// # Errors
    /// The answer to give where the store can't be read.
    pub async fn known(&self, caller: &Caller, order: &Order) -> Result<Known, Answer> {
        Ok(self
            .store
            .payment(&order.scope, &order.order, caller.hash)
            .await?)
    }

    /// What the store knows of an order, and of the money calls on it.
    ///
    /// # Errors
    /// The answer to give where the store can't be read.
    pub async fn known_with_calls(
        &self,
        caller: &Caller,
        order: &Order,
    ) -> Result<(Known, MoneyCalls), Answer> {
        Ok(self
            .store
            .payment_and_adjustments(&order.scope, &order.order, caller.hash)
            .await?)
    }
}
