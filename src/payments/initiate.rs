//! A new regular payment in ePayment.
//!
//! The record is written before the create call and belongs to its attempt: it becomes the payment's when ePayment has
//! accepted it, and a definite refusal deletes it. Must not: create a second payment for one order, or report a used
//! reference (34) when it is our own first sending that used it.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::send::{is_definite, pause, reserve};
use super::{Answer, Caller, INITIATE_DOUBT, Payments, Subject, is_not_found, refusal};
use crate::ecom::error::{Code, Failure};
use crate::epayment::event::EventName;
use crate::epayment::model::{CreatePayment, Created, CustomerInteraction, Payment};
use crate::store::{
    Attempt, AttemptId, AttemptState, Begun, CallbackTarget, NewPayment, Outcome, PaymentFacts,
};
use crate::telemetry::Api;
use crate::translate::error::During;
use crate::translate::initiate::{CreateContext, Initiate, to_answer, to_create};
use crate::translate::loss::Loss;
use crate::translate::recovery::{self, Recovery};
use crate::types::{IdempotencyKey, Kind, Moment, Origin, RequestId};
use crate::upstream::{Reply, SendFailure};

const BUSY_LOOK: Duration = Duration::from_millis(100);

/// A new order as the merchant asks for it.
#[derive(Debug)]
pub struct NewOrder {
    /// Checked against eCom's rules.
    pub command: Initiate,
    /// Keyed hash of the parsed body without its time stamp.
    pub fingerprint: [u8; 16],
    /// The merchant's own; only shown in details.
    pub request_id: Option<RequestId>,
    /// Of the sales unit.
    pub interaction: CustomerInteraction,
    /// Randomness for the key, from the edge.
    pub random: uuid::Uuid,
    /// After how long the payment's state is asked for, if nobody has told it; none: never.
    pub poll_after: Option<Duration>,
    /// After how long it is ended, if nobody has approved it.
    pub end_after: Option<Duration>,
}

/// What became of a create call.
enum Fate {
    /// Accepted, with the user's URL where there is one.
    Ours(Created),
    /// Refused, and nothing was created.
    Refused(Answer),
    /// Another payment has the reference.
    Taken,
    /// Never sent.
    NotSent,
    /// Nobody knows.
    Unknown,
}

/// What a look at ePayment shows of an attempt.
enum Seen {
    Ours(Created),
    Foreign,
    Absent,
    Doubt,
}

impl Payments {
    /// Creates it. The losses are for the log.
    pub async fn initiate(
        self: &Arc<Self>,
        caller: &Caller,
        subject: &Subject,
        new: NewOrder,
    ) -> (Answer, Vec<Loss>) {
        let key = IdempotencyKey::own(new.random);
        let (metadata, too_long) = self.metadata(caller, &key, subject, &new.command);
        let context = CreateContext {
            currency: subject.currency,
            interaction: new.interaction,
            metadata,
        };
        let (create, mut losses) = to_create(&new.command, subject.reference.clone(), context);
        losses.extend(too_long);
        let Some(_held) = self.hold(caller, subject).await else {
            return (Failure::code(Code::Vipps94).into(), losses);
        };
        let work = Work {
            payments: self,
            caller,
            subject,
            new: &new,
            create,
        };
        let answer = loop {
            match work.step(&key).await {
                Ok(Some(answer)) | Err(answer) => break answer,
                Ok(None) => {}
            }
        };
        (answer, losses)
    }

    /// The marker, and the sealed data for a lost store.
    fn metadata(
        &self,
        caller: &Caller,
        key: &IdempotencyKey,
        subject: &Subject,
        command: &Initiate,
    ) -> (
        Option<std::collections::BTreeMap<String, String>>,
        Option<Loss>,
    ) {
        if !caller.terms.recovery {
            return (None, None);
        }
        let sealed = self.sealer.as_ref().and_then(|sealer| {
            let data = Recovery {
                callback_prefix: command.callback_prefix.clone(),
                auth_token: command
                    .auth_token
                    .as_ref()
                    .map(|token| token.expose_secret().to_owned()),
            };
            let plain = serde_json::to_vec(&data).ok()?;
            Some(sealer.seal(
                "recovery",
                subject.reference.as_str(),
                &plain,
                nonce_of(key, &plain),
            ))
        });
        let (metadata, loss) = recovery::write(key, sealed.as_deref());
        (Some(metadata), loss)
    }

    /// What ePayment shows of the attempt with this key: its marker, or the key on its CREATED event.
    async fn see(&self, caller: &Caller, subject: &Subject, key: &IdempotencyKey) -> Seen {
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

    async fn close_attempt(&self, attempt: AttemptId, outcome: Outcome) {
        let is_payment = matches!(outcome, Outcome::Succeeded { .. });
        if let Err(error) = self
            .store
            .finish_payment(attempt, outcome, self.clock.now())
            .await
        {
            tracing::error!(error = %error, "an attempt could not be closed in the store; a later call will close it");
        } else if is_payment {
            self.became_known.notify_one();
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
}

fn created(payment: Payment) -> Created {
    Created {
        redirect_url: payment.redirect_url,
        reference: payment.reference,
    }
}

fn accepted(at: Moment) -> Outcome {
    Outcome::Succeeded {
        amount: crate::types::Amount::ZERO,
        transaction_id: None,
        at,
    }
}

/// The same key seals the same data to the same bytes: a create that is sent again must have the same body.
fn nonce_of(key: &IdempotencyKey, plain: &[u8]) -> [u8; 24] {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new()
        .chain_update(key.as_str())
        .chain_update([0])
        .chain_update(plain)
        .finalize();
    let mut nonce = [0; 24];
    nonce.copy_from_slice(&digest[..24]);
    nonce
}

/// One initiate at work, with the order held.
struct Work<'a> {
    payments: &'a Arc<Payments>,
    caller: &'a Caller,
    subject: &'a Subject,
    new: &'a NewOrder,
    create: CreatePayment,
}

impl Work<'_> {
    /// One look at the record and what follows. `None`: look again.
    async fn step(&self, key: &IdempotencyKey) -> Result<Option<Answer>, Answer> {
        let payments = self.payments;
        match payments.store.begin_payment(self.record(key)).await? {
            Begun::Fresh(attempt) => {
                let fate = self.send(&self.create, key, false).await;
                Ok(Some(self.conclude(attempt, key, fate).await))
            }
            // Decided otherwise while this call was on its way: the repeat is routed anew.
            Begun::Bound(_) => Ok(Some(Failure::code(Code::Vipps94).into())),
            Begun::Open(attempt) => self.take_up(*attempt).await,
        }
    }

    fn until(&self, now: Moment) -> Moment {
        now.plus(self.caller.budget.left())
    }

    fn record(&self, key: &IdempotencyKey) -> NewPayment {
        let command = &self.new.command;
        let now = self.payments.clock.now();
        NewPayment {
            scope: self.subject.order.scope.clone(),
            order: self.subject.order.order.clone(),
            caller: self.caller.hash,
            facts: PaymentFacts {
                origin: Origin::Epayment,
                kind: Kind::Regular,
                reference: Some(self.subject.reference.clone()),
                amount: Some(command.amount),
                currency: Some(self.subject.currency),
                text: Some(command.text.clone()),
                callback: Some(CallbackTarget {
                    prefix: command.callback_prefix.clone(),
                    auth_token: command.auth_token.clone(),
                }),
                scope_asked: command.scope.clone(),
                fall_back: Some(command.fall_back.clone()),
                request_id: self.new.request_id.clone(),
            },
            key: Some(key.clone()),
            fingerprint: self.new.fingerprint,
            poll_at: self.new.poll_after.map(|pause| now.plus(pause)),
            end_at: self.new.end_after.map(|limit| now.plus(limit)),
            now,
            until: self.until(now),
        }
    }

    /// An earlier attempt of this caller is open: an equal body finds out what became of it, any other is a duplicate.
    async fn take_up(&self, open: Attempt) -> Result<Option<Answer>, Answer> {
        let payments = self.payments;
        let now = payments.clock.now();
        if matches!(open.state, AttemptState::InFlight(until) if until > now) {
            if self.caller.budget.left() < reserve(self.caller.budget) + BUSY_LOOK {
                return Ok(Some(Failure::code(Code::Vipps94).into()));
            }
            tokio::time::sleep(BUSY_LOOK).await;
            return Ok(None);
        }
        let Some(key) = open.key.clone() else {
            return Ok(Some(Failure::code(Code::Merchant34).into()));
        };
        if !payments
            .store
            .resume_payment(open.id, now, self.until(now))
            .await?
        {
            return Ok(None);
        }
        let equal = open.fingerprint == self.new.fingerprint;
        let fate = match payments.see(self.caller, self.subject, &key).await {
            Seen::Ours(created) if equal => Fate::Ours(created),
            Seen::Ours(_) => {
                payments.close_attempt(open.id, accepted(now)).await;
                return Ok(Some(Failure::code(Code::Merchant34).into()));
            }
            Seen::Foreign => Fate::Taken,
            Seen::Absent if equal => {
                let (metadata, _) =
                    payments.metadata(self.caller, &key, self.subject, &self.new.command);
                let create = CreatePayment {
                    metadata,
                    ..self.create.clone()
                };
                self.send(&create, &key, true).await
            }
            Seen::Absent | Seen::Doubt if equal => Fate::Unknown,
            Seen::Absent if now.since(open.begun_at) >= INITIATE_DOUBT => {
                payments.close_attempt(open.id, Outcome::NotDone).await;
                return Ok(None);
            }
            Seen::Absent | Seen::Doubt => {
                payments.close_attempt(open.id, Outcome::Unknown).await;
                return Ok(Some(Failure::code(Code::Merchant34).into()));
            }
        };
        Ok(Some(self.conclude(open.id, &key, fate).await))
    }

    /// Sends, and sends again with the same key and body, until something is known or the time is up.
    async fn send(&self, create: &CreatePayment, key: &IdempotencyKey, resend: bool) -> Fate {
        let payments = self.payments;
        let budget = self.caller.budget.keeping(reserve(self.caller.budget));
        let mut doubt = resend;
        for attempt in 0..=self.caller.terms.retries {
            if !payments.epayment.retries().allow(attempt) {
                break;
            }
            if attempt > 0 {
                tokio::time::sleep(pause(attempt).min(budget.left())).await;
            }
            if budget.left().is_zero() {
                break;
            }
            match payments
                .epayment
                .create(self.caller.call_within(budget), create, key)
                .await
            {
                Ok(Reply::Done(created)) if created.reference == create.reference => {
                    return Fate::Ours(created);
                }
                Ok(Reply::Done(_)) => {
                    payments.contradiction("answer to create");
                    doubt = true;
                }
                Ok(reply) => match (reply.refused_status(), doubt) {
                    (Some(408 | 500..), _) => {
                        payments
                            .meters
                            .upstream_error(Api::Epayment, "server_error");
                        doubt = true;
                    }
                    (_, false) => return Fate::Refused(refusal(reply, During::Initiate)),
                    (_, true) => return self.refused_in_doubt(key, reply).await,
                },
                Err(failure) => {
                    payments
                        .meters
                        .upstream_error(Api::Epayment, failure.kind());
                    if failure.is_kept_back() {
                        break;
                    }
                    doubt |= !matches!(failure, SendFailure::NotSent(_));
                }
            }
            if doubt {
                match payments.see(self.caller, self.subject, key).await {
                    Seen::Ours(created) => return Fate::Ours(created),
                    Seen::Foreign => return Fate::Taken,
                    Seen::Absent | Seen::Doubt => {}
                }
            }
        }
        if doubt { Fate::Unknown } else { Fate::NotSent }
    }

    /// A refusal of a later sending, "exists" above all, says nothing about the first one: the payment is read.
    async fn refused_in_doubt(&self, key: &IdempotencyKey, reply: Reply<Created>) -> Fate {
        let exists = reply.refused_status() == Some(409);
        let counts = !exists && is_definite(&reply, During::Initiate);
        match self.payments.see(self.caller, self.subject, key).await {
            Seen::Ours(created) => Fate::Ours(created),
            Seen::Foreign => Fate::Taken,
            Seen::Absent if counts => Fate::Refused(refusal(reply, During::Initiate)),
            Seen::Absent | Seen::Doubt => Fate::Unknown,
        }
    }

    /// From what is known to the record and the answer.
    async fn conclude(&self, attempt: AttemptId, key: &IdempotencyKey, fate: Fate) -> Answer {
        let payments = self.payments;
        match fate {
            Fate::Ours(created) => {
                payments
                    .close_attempt(attempt, accepted(payments.clock.now()))
                    .await;
                Answer::json(&to_answer(
                    &self.subject.order.order,
                    &created,
                    &self.new.command.fall_back,
                ))
            }
            Fate::Refused(answer) => {
                payments.close_attempt(attempt, Outcome::Refused).await;
                answer
            }
            Fate::Taken => {
                payments.close_attempt(attempt, Outcome::Refused).await;
                Failure::code(Code::Merchant34).into()
            }
            Fate::NotSent => {
                payments.close_attempt(attempt, Outcome::NotDone).await;
                Failure::unreachable(
                    "ePayment can't be reached, and nothing was created. Repeat later",
                )
                .into()
            }
            Fate::Unknown => {
                payments.close_attempt(attempt, Outcome::Unknown).await;
                payments.find_attempt_later(self.caller, self.subject, attempt, key);
                let mut failure = Failure::unknown("ePayment gave no answer about the new payment");
                failure.entries[0].2 =
                    "The outcome is not known yet: ePayment gave no answer about the new payment. Repeat the same \
                     request, or ask for its details"
                        .to_owned();
                failure.into()
            }
        }
    }
}

impl Payments {
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
            Seen::Absent if now.since(open.begun_at) >= INITIATE_DOUBT => {
                self.close_attempt(attempt, Outcome::NotDone).await;
            }
            Seen::Absent | Seen::Doubt => return false,
        }
        true
    }
}
