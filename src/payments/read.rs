//! Details and status: the payment and its events, read at the same time.
//!
//! A 404 or 402 makes shops cancel their order, so it is given only when the payment truly does not exist; any doubt is
//! a 502. Must not: answer from the record what only upstream can know.

use std::borrow::Cow;
use std::time::Duration;

use super::shared::{AskedOnce, Found};
use super::{
    Answer, Caller, DIRECT_CAPTURE, INITIATE_DOUBT, Payments, Subject, doubtful_not_found,
    is_not_found, no_answer, refusal,
};
use crate::ecom::error::{Code, Failure};
use crate::epayment::event::{EventName, PaymentEvent};
use crate::epayment::model::{Payment, UserDetails};
use crate::store::{Adjustment, AdjustmentState, Known};
use crate::telemetry::Api;
use crate::translate::details::{self, Remembered, RememberedCall, Sale, ScopeAsked, Sources};
use crate::translate::error::During;
use crate::translate::recovery;
use crate::types::{IdempotencyKey, KeyMaker, MoneyOp, Origin, RequestId};
use crate::upstream::reads::Reads;
use crate::upstream::{Reply, SendFailure};

/// A direct capture that was refused is released, so there are hardly ever more than one.
const DIRECT_ATTEMPTS: u32 = 8;

/// Which of the two answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The whole history.
    Details,
    /// The last operation.
    Status,
}

/// A read as the merchant asks for it.
#[derive(Debug)]
pub struct Reading {
    /// Which answer.
    pub view: View,
    /// What the store knows of the order.
    pub known: Known,
    /// The record of its money calls, where it was read before the look.
    pub calls: Option<Vec<Adjustment>>,
    /// Whether eCom has just said that it knows no such order: finding it here fixes its birth.
    pub fixes_birth: bool,
}

/// What ePayment shows of a payment.
#[derive(Clone, Debug)]
pub struct Look {
    /// The payment.
    pub payment: Payment,
    /// Its event log.
    pub events: Vec<PaymentEvent>,
}

/// Why there is no look at a payment.
#[derive(Debug)]
pub enum NoLook {
    /// ePayment says that there is no such payment.
    NotFound,
    /// ePayment refused, with this status; what a merchant is told of it.
    Refused(u16, Box<Answer>),
    /// No answer that can be used.
    NoAnswer(SendFailure),
    /// The answer is about another payment.
    OfAnother,
}

/// Asks ePayment for a payment and its log, at the same time.
///
/// # Errors
/// Without both.
pub async fn look(
    epayment: &impl Reads,
    caller: &Caller,
    subject: &Subject,
) -> Result<Look, NoLook> {
    let get = epayment.get(caller.call(), &subject.reference);
    let log = epayment.events(caller.call(), &subject.reference);
    let (payment, events) = tokio::join!(get, log);
    let (payment, events) = match (usable(payment), usable(events)) {
        (Ok(payment), Ok(events)) => (payment, events),
        // One of them says that it exists.
        (Ok(_), Err(NoLook::NotFound)) => return Err(half_missing("the payment, but not its log")),
        (Err(NoLook::NotFound), Ok(events)) if !events.is_empty() => {
            return Err(half_missing("the payment's log, but not the payment"));
        }
        (Err(trouble), _) | (_, Err(trouble)) => return Err(trouble),
    };
    Ok(Look { payment, events })
}

/// A doubt: no word about whether the payment exists.
fn half_missing(shown: &str) -> NoLook {
    let told = Failure::unreachable(&format!("ePayment shows {shown}. Repeat later"));
    NoLook::Refused(404, Box::new(told.into()))
}

fn usable<T>(sent: Result<Reply<T>, SendFailure>) -> Result<T, NoLook> {
    let reply = match sent {
        Ok(Reply::Done(value)) => return Ok(value),
        Ok(reply) if is_not_found(&reply) => return Err(NoLook::NotFound),
        Ok(reply) => reply,
        Err(SendFailure::OfAnother) => return Err(NoLook::OfAnother),
        Err(failure) => return Err(NoLook::NoAnswer(failure)),
    };
    let status = reply.refused_status().unwrap_or_default();
    let answer = match refusal(reply, During::Read) {
        // A definite-looking error of a read is no word about the payment: 402 and 404 never pass.
        Answer::Failure(failure, after) if matches!(failure.status, 400 | 402 | 404 | 500..) => {
            Answer::Failure(failure.with_status(502), after)
        }
        other => other,
    };
    Err(NoLook::Refused(status, Box::new(answer)))
}

impl Payments {
    /// Reads, and answers as eCom would. One look answers identical reads within `shared_for`; zero: none but its own.
    pub async fn read(
        &self,
        caller: &Caller,
        subject: &Subject,
        reading: Reading,
        shared_for: Duration,
    ) -> Answer {
        let read = if shared_for.is_zero() {
            self.read_alone(caller, subject, &reading).await
        } else {
            self.read_shared(caller, subject, &reading, shared_for)
                .await
        };
        match read {
            Ok(answer) => answer,
            Err(NoLook::NotFound) => self.not_found(&reading.known),
            Err(NoLook::Refused(_, answer)) => *answer,
            Err(NoLook::NoAnswer(failure)) => {
                self.meters.upstream_error(Api::Epayment, failure.kind());
                no_answer(&failure)
            }
            // Counted where it was read.
            Err(NoLook::OfAnother) => no_answer(&SendFailure::OfAnother),
        }
    }

    async fn read_alone(
        &self,
        caller: &Caller,
        subject: &Subject,
        reading: &Reading,
    ) -> Result<Answer, NoLook> {
        let look = look(&self.epayment, caller, subject).await?;
        self.notice(caller, subject, reading, &look.payment).await;
        let shown = self.shown(&self.epayment, caller, subject, reading, &look);
        Ok(shown.await)
    }

    async fn read_shared(
        &self,
        caller: &Caller,
        subject: &Subject,
        reading: &Reading,
        shared_for: Duration,
    ) -> Result<Answer, NoLook> {
        let Found { seen, calls } = self.shared_look(caller, subject, shared_for).await?;
        let look = &seen.look;
        self.notice(caller, subject, reading, &look.payment).await;
        let epayment = AskedOnce {
            epayment: &self.epayment,
            seen: &seen,
        };
        let calls = match calls {
            Some(calls) => Cow::Owned(calls),
            None => self.calls(subject, reading, &look.events).await,
        };
        Ok(told(&epayment, caller, subject, reading, look, &calls).await)
    }

    /// 35, unless the record says that the payment exists, or an initiate may just have made it.
    pub(crate) fn not_found(&self, known: &Known) -> Answer {
        let now = self.clock.now();
        let recent = known
            .attempt
            .as_ref()
            .is_some_and(|attempt| now.since(attempt.begun_at) < INITIATE_DOUBT);
        if known.payment.is_some() || recent {
            return doubtful_not_found();
        }
        Failure::code(Code::Merchant35).into()
    }

    /// What the read teaches: an attempt has become the payment, or a payment of unknown birth has one.
    async fn notice(
        &self,
        caller: &Caller,
        subject: &Subject,
        reading: &Reading,
        payment: &Payment,
    ) {
        match (&reading.known.payment, &reading.known.attempt) {
            (None, Some(attempt)) if attempt.facts.origin == Origin::Epayment => {
                self.promote(attempt, payment).await
            }
            (None, None) if reading.fixes_birth => {
                let sealed = payment
                    .metadata
                    .as_ref()
                    .and_then(recovery::read)
                    .and_then(|mark| mark.sealed);
                self.learn_as(caller, subject, payment, sealed).await;
            }
            (None, None) => self.learn(caller, subject, payment).await,
            _ => {}
        }
    }

    /// What eCom would answer of what ePayment shows, with the record's texts. Nothing is learned or changed.
    pub async fn shown(
        &self,
        epayment: &impl Reads,
        caller: &Caller,
        subject: &Subject,
        reading: &Reading,
        look: &Look,
    ) -> Answer {
        let calls = self.calls(subject, reading, &look.events).await;
        told(epayment, caller, subject, reading, look, &calls).await
    }

    /// The record of the payment's money calls, as far as it can be read. What was read before the look will do where
    /// nothing has happened since.
    async fn calls<'r>(
        &self,
        subject: &Subject,
        reading: &'r Reading,
        events: &[PaymentEvent],
    ) -> Cow<'r, [Adjustment]> {
        if let Some(calls) = &reading.calls
            && covers(calls, events)
        {
            return Cow::Borrowed(calls);
        }
        let order = &subject.order;
        match self.store.adjustments(&order.scope, &order.order).await {
            Ok((calls, _)) => Cow::Owned(calls),
            Err(error) => {
                // Texts and request ids are missing then; the sums and states are upstream's.
                tracing::warn!(error = %error, "details without the record's texts");
                Cow::Borrowed(&[])
            }
        }
    }
}

/// Whether a record that was read before the log has all that the log shows: no call of it was open, and each event of a
/// money call is by one of them.
fn covers(calls: &[Adjustment], events: &[PaymentEvent]) -> bool {
    let recorded = |event: &PaymentEvent| {
        let by = |call: &Adjustment| {
            let key = call.key.as_ref().map(IdempotencyKey::as_str);
            key.is_some() && key == event.idempotency_key.as_deref()
        };
        event.name.money_op().is_none() || calls.iter().any(by)
    };
    !calls.iter().any(Adjustment::is_open) && events.iter().all(recorded)
}

/// What eCom would answer of a look, with these records.
async fn told(
    epayment: &impl Reads,
    caller: &Caller,
    subject: &Subject,
    reading: &Reading,
    Look { payment, events }: &Look,
    calls: &[Adjustment],
) -> Answer {
    let remembered = remembered(subject, &reading.known, calls, events);
    let sources = Sources {
        order: &subject.order.order,
        scope: &subject.order.scope,
        payment,
        events,
        remembered: &remembered,
    };
    match reading.view {
        View::Details => {
            let user = user(epayment, caller, payment, &remembered).await;
            Answer::json(&details::details(sources, user.as_ref()))
        }
        View::Status => details::status(sources).map_or_else(
            || {
                Failure::unreachable("ePayment's event log of this payment is empty. Repeat later")
                    .into()
            },
            |status| Answer::json(&status),
        ),
    }
}

/// The user's data where a scope was asked for: from the payment, else from the Userinfo API, else none.
async fn user(
    epayment: &impl Reads,
    caller: &Caller,
    payment: &Payment,
    remembered: &Remembered,
) -> Option<UserDetails> {
    let sub = payment.profile.sub.as_deref()?;
    if remembered.scope == ScopeAsked::No || payment.user_details.is_some() {
        return payment.user_details.clone();
    }
    match epayment.userinfo(caller.call(), sub).await {
        Ok(Reply::Done(user)) => Some(user.into()),
        Ok(_) | Err(_) => {
            tracing::info!("user details were asked for and can't be had now");
            None
        }
    }
}

/// What only the record knows of a payment, for the translation of a look at it. Pure: a replay calls it offline.
#[must_use]
pub fn remembered(
    subject: &Subject,
    known: &Known,
    calls: &[Adjustment],
    events: &[PaymentEvent],
) -> Remembered {
    let facts = known.payment.as_ref().map(|payment| &payment.facts);
    let facts = facts.or(known.attempt.as_ref().map(|attempt| &attempt.facts));
    // A record without a text was learned from a read: what was asked for at its creation is not known.
    let seen_created = facts.is_some_and(|facts| facts.text.is_some());
    let scope = match facts.and_then(|facts| facts.scope_asked.clone()) {
        Some(scope) => ScopeAsked::Yes(scope),
        None if seen_created => ScopeAsked::No,
        None => ScopeAsked::NotKnown,
    };
    Remembered {
        text: facts.and_then(|facts| facts.text.clone()),
        request_id: facts.and_then(|facts| facts.request_id.clone()),
        scope,
        calls: calls.iter().map(call).collect(),
        country: subject.country.clone(),
        sale: made_sale(subject, calls, events).unwrap_or_else(|| sale(subject, known, calls)),
    }
}

/// The direct capture that the log itself shows: by its key, whatever the record says of it or has lost.
fn made_sale(subject: &Subject, calls: &[Adjustment], events: &[PaymentEvent]) -> Option<Sale> {
    let is_of_a_shop = |key: &str| {
        let mut others = calls.iter().filter(|call| !is_direct(call));
        others.any(|call| call.key.as_ref().is_some_and(|own| own.as_str() == key))
    };
    let captures = events
        .iter()
        .filter(|event| event.name == EventName::Captured && event.success)
        .filter_map(|event| event.idempotency_key.as_deref());
    // Keys cost two hashes each, and hardly any payment has a capture that its shop did not ask for.
    let unexplained: Vec<&str> = captures.filter(|key| !is_of_a_shop(key)).collect();
    if unexplained.is_empty() {
        return None;
    }
    let order = subject.order.order.strict()?;
    let keys = KeyMaker {
        scope: &subject.order.scope,
        order: &order,
    };
    let direct = RequestId::parse(DIRECT_CAPTURE)?;
    (0..DIRECT_ATTEMPTS)
        .map(|attempt| keys.key(MoneyOp::Capture, &direct, attempt))
        .find(|key| unexplained.contains(&key.as_str()))
        .map(Sale::Done)
}

fn is_direct(call: &Adjustment) -> bool {
    let id = call.request_id.as_ref();
    id.is_some_and(|id| id.as_str() == DIRECT_CAPTURE)
}

/// Where the direct capture of a payment stands, for a sales unit that has it.
fn sale(subject: &Subject, known: &Known, calls: &[Adjustment]) -> Sale {
    let ours = known
        .payment
        .as_ref()
        .is_some_and(|payment| payment.facts.origin == Origin::Epayment);
    match calls.iter().rfind(|call| is_direct(call)) {
        Some(Adjustment {
            state: AdjustmentState::Succeeded { .. },
            key: Some(key),
            ..
        }) => Sale::Done(key.clone()),
        Some(Adjustment {
            state: AdjustmentState::Refused,
            ..
        }) => Sale::No,
        Some(_) => Sale::Pending,
        None if subject.direct_capture && ours => Sale::Pending,
        None => Sale::No,
    }
}

fn call(call: &Adjustment) -> RememberedCall {
    RememberedCall {
        op: call.op,
        key: call.key.clone(),
        // The bridge's own ids are nobody's to see.
        request_id: call
            .request_id
            .clone()
            .filter(|id| !id.as_str().starts_with(DIRECT_CAPTURE)),
        text: call.text.clone(),
        succeeded: matches!(call.state, AdjustmentState::Succeeded { .. }),
    }
}

#[cfg(test)]
mod tests;
