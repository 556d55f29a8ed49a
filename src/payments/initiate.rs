//! A new regular payment in ePayment.
//!
//! The record is written before the create call and belongs to its attempt: it becomes the payment's when ePayment has
//! accepted it, and a definite refusal deletes it. Must not: create a second payment for one order, or report a used
//! reference (34) when it is our own first sending that used it.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::attempts::{Seen, accepted};
use super::send::{is_definite, pause, reserve};
use super::{Answer, Caller, INITIATE_DOUBT, Payments, Subject, refusal};
use crate::ecom::error::{Code, Failure};
use crate::epayment::model::{CreatePayment, Created, CustomerInteraction};
use crate::store::{
    Attempt, AttemptId, AttemptState, Begun, CallbackTarget, First, Known, NewPayment, Outcome,
    PaymentFacts, StoreError,
};
use crate::telemetry::{Api, Route};
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

/// Why nothing was begun for an order that was taken for a new one.
#[derive(Debug)]
pub enum NotFirst {
    /// The store knows the order: it is to be decided anew.
    Known(Box<Known>),
    /// The store could not record it.
    Store(Answer),
}

impl From<StoreError> for NotFirst {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl Payments {
    /// Creates it, of an order of which something may be known. The losses are for the log.
    pub async fn initiate(
        self: &Arc<Self>,
        caller: &Caller,
        subject: &Subject,
        new: &NewOrder,
    ) -> (Answer, Vec<Loss>) {
        let (work, losses) = self.work(caller, subject, new);
        let Some(_held) = self.hold(caller, subject).await else {
            return (Failure::code(Code::Vipps94).into(), losses);
        };
        let answer = loop {
            match work.step().await {
                Ok(Some(answer)) | Err(answer) => break answer,
                Ok(None) => {}
            }
        };
        (answer, losses)
    }

    /// Creates it, if nothing is known of the order: decided and recorded in one step of the store.
    ///
    /// # Errors
    /// Nothing was done, and another decision is needed.
    pub async fn initiate_first(
        self: &Arc<Self>,
        caller: &Caller,
        subject: &Subject,
        new: &NewOrder,
    ) -> Result<(Answer, Vec<Loss>), NotFirst> {
        let (work, losses) = self.work(caller, subject, new);
        let Some(_held) = self.hold(caller, subject).await else {
            return Ok((Failure::code(Code::Vipps94).into(), losses));
        };
        let record = work.record();
        let until = record.until;
        match self.store.begin_first_payment(record).await? {
            First::Begun(id) => Ok((work.begun(id, until).await, losses)),
            First::Known(known) => Err(NotFirst::Known(known)),
        }
    }

    fn work<'a>(
        self: &'a Arc<Self>,
        caller: &'a Caller,
        subject: &'a Subject,
        new: &'a NewOrder,
    ) -> (Work<'a>, Vec<Loss>) {
        let key = IdempotencyKey::own(new.random);
        let (metadata, too_long) = self.metadata(caller, &key, subject, &new.command);
        let context = CreateContext {
            currency: subject.currency,
            interaction: new.interaction,
            metadata,
        };
        let (create, mut losses) = to_create(&new.command, subject.reference.clone(), context);
        losses.extend(too_long);
        let work = Work {
            payments: self,
            caller,
            subject,
            new,
            key,
            create,
        };
        (work, losses)
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

/// An attempt as the call that has it knows it.
struct Own<'a> {
    id: AttemptId,
    key: &'a IdempotencyKey,
    /// The end of the time for which this call has it.
    until: Moment,
}

/// One initiate at work, with the order held.
struct Work<'a> {
    payments: &'a Arc<Payments>,
    caller: &'a Caller,
    subject: &'a Subject,
    new: &'a NewOrder,
    /// Of a sending of its own.
    key: IdempotencyKey,
    create: CreatePayment,
}

impl Work<'_> {
    /// One look at the record and what follows. `None`: look again.
    async fn step(&self) -> Result<Option<Answer>, Answer> {
        let record = self.record();
        let until = record.until;
        match self.payments.store.begin_payment(record).await? {
            Begun::Fresh(id) => Ok(Some(self.begun(id, until).await)),
            // Decided otherwise while this call was on its way: the repeat is routed anew.
            Begun::Bound(_) => Ok(Some(Failure::code(Code::Vipps94).into())),
            Begun::Open(attempt) => self.take_up(*attempt).await,
        }
    }

    /// Sends what is recorded.
    async fn begun(&self, id: AttemptId, until: Moment) -> Answer {
        let fate = self.send(&self.create, &self.key, false).await;
        let key = &self.key;
        self.conclude(Own { id, key, until }, fate).await
    }

    fn until(&self, now: Moment) -> Moment {
        now.plus(self.caller.budget.left())
    }

    fn record(&self) -> NewPayment {
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
            key: Some(self.key.clone()),
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
        let until = self.until(now);
        if !payments.store.resume_payment(open.id, now, until).await? {
            return Ok(None);
        }
        let id = open.id;
        let equal = open.fingerprint == self.new.fingerprint;
        let fate = match payments.see(self.caller, self.subject, &key).await {
            Seen::Ours(created) if equal => Fate::Ours(created),
            Seen::Ours(_) => {
                payments.close_attempt(id, accepted(now)).await;
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
            Seen::Absent if payments.has_passed(INITIATE_DOUBT, open.begun_at, now) => {
                payments.close_attempt(id, Outcome::NotDone(until)).await;
                return Ok(None);
            }
            Seen::Absent | Seen::Doubt => {
                payments.close_attempt(id, Outcome::Unknown(until)).await;
                return Ok(Some(Failure::code(Code::Merchant34).into()));
            }
        };
        let key = &key;
        Ok(Some(self.conclude(Own { id, key, until }, fate).await))
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
                    payments.epayment.contradiction("answer to create");
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

    /// The answer, which does not wait for a slow store.
    async fn tell(&self, answer: Answer, closing: impl Future<Output = ()> + Send) -> Answer {
        self.caller.telling(&answer, Route::Epayment, closing).await;
        answer
    }

    /// From what is known to the record and the answer.
    async fn conclude(&self, own: Own<'_>, fate: Fate) -> Answer {
        let payments = self.payments;
        let Own { id, key, until } = own;
        match fate {
            Fate::Ours(created) => {
                let answer = Answer::json(&to_answer(
                    &self.subject.order.order,
                    &created,
                    &self.new.command.fall_back,
                ));
                let closing = payments.close_attempt(id, accepted(payments.clock.now()));
                self.tell(answer, closing).await
            }
            Fate::Refused(answer) => {
                let closing = payments.close_attempt(id, Outcome::NotDone(until));
                self.tell(answer, closing).await
            }
            Fate::Taken => {
                let closing = payments.close_attempt(id, Outcome::Refused);
                self.tell(Failure::code(Code::Merchant34).into(), closing)
                    .await
            }
            Fate::NotSent => {
                payments.close_attempt(id, Outcome::NotDone(until)).await;
                Failure::unreachable(
                    "ePayment can't be reached, and nothing was created. Repeat later",
                )
                .into()
            }
            Fate::Unknown => {
                payments.close_attempt(id, Outcome::Unknown(until)).await;
                payments.find_attempt_later(self.caller, self.subject, id, key);
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
