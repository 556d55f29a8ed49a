//! What today's translation answers to a recorded read: the same functions as `serve`, over what ePayment showed then.
//!
//! Must not: ask anybody, or fill in what was not recorded (but user data, which have a source of their own).

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::record::line::{Call, CallState, Known, Line};
use crate::ecom::error::Failure;
use crate::ecom::route::Operation;
use crate::epayment::model::UserDetails;
use crate::payments::{self, Order, Subject};
use crate::store::{self, Adjustment, AdjustmentId, AdjustmentState, PaymentFacts, PaymentRecord};
use crate::translate::details::{self, Sources};
use crate::types::{IdempotencyKey, Kind, Moment, OrderText, RequestId};

/// An answer that was made again.
pub(in crate::shadow) struct Again {
    pub(in crate::shadow) status: u16,
    pub(in crate::shadow) body: Vec<u8>,
}

/// Why a read can't be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shadow) enum NotAgain {
    /// ePayment's side was not recorded.
    NoLook,
    /// What was recorded of it is not what ePayment shows.
    Unreadable,
}

/// The answer to a read.
pub(in crate::shadow) fn answered(line: &Line) -> Result<Again, NotAgain> {
    let recorded = line.look.as_ref().ok_or(NotAgain::NoLook)?;
    let events = recorded.events.iter().map(read);
    let look = payments::Look {
        payment: read(&recorded.payment)?,
        events: events.collect::<Result<_, _>>()?,
    };
    let subject = subject(line).ok_or(NotAgain::Unreadable)?;
    let known = line
        .known
        .as_ref()
        .map_or_else(store::Known::default, |known| known_of(&subject, known));
    let calls: Vec<Adjustment> = line.calls.iter().map(call).collect();
    let remembered = payments::remembered(&subject, &known, &calls, &look.events);
    let sources = Sources {
        order: &subject.order.order,
        scope: &subject.order.scope,
        payment: &look.payment,
        events: &look.events,
        remembered: &remembered,
    };
    let made = if line.operation == Operation::Status {
        details::status(sources).map(|status| serde_json::to_vec(&status))
    } else {
        let user = user(line, look.payment.user_details.clone());
        let details = details::details(sources, user.as_ref());
        Some(serde_json::to_vec(&details))
    };
    match made {
        Some(Ok(body)) => Ok(Again { status: 200, body }),
        Some(Err(_)) => Err(NotAgain::Unreadable),
        None => {
            let failure = Failure::unreachable("ePayment's event log of this payment is empty");
            let body = serde_json::to_vec(&failure.body("replay"));
            Ok(Again {
                status: failure.status,
                body: body.map_err(|_| NotAgain::Unreadable)?,
            })
        }
    }
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, NotAgain> {
    T::deserialize(value).map_err(|_| NotAgain::Unreadable)
}

/// From the payment, else from the Userinfo API, else (it was asked, and not recorded) from the merchant's answer.
fn user(line: &Line, shown: Option<UserDetails>) -> Option<UserDetails> {
    let told = |value: Option<&Value>| value.and_then(|value| read(value).ok());
    let asked = line.look.as_ref().and_then(|look| look.user.as_ref());
    let answer = line.answer.body.as_ref();
    shown
        .or_else(|| told(asked))
        .or_else(|| told(answer.and_then(|body| body.get("userDetails"))))
}

fn subject(line: &Line) -> Option<Subject> {
    let order = OrderText::parse(line.request.order.as_deref()?)?;
    Some(Subject {
        reference: order.reference()?,
        order: Order {
            scope: line.unit.scope.clone(),
            order,
            currency: line.unit.currency,
            country: line.unit.country.clone(),
            direct_capture: line.unit.direct_capture,
        },
    })
}

fn known_of(subject: &Subject, known: &Known) -> store::Known {
    let facts = PaymentFacts {
        origin: known.origin,
        kind: Kind::Unproven,
        reference: Some(subject.reference.clone()),
        amount: None,
        currency: None,
        text: known.text.clone(),
        callback: None,
        scope_asked: known.scope_asked.clone(),
        fall_back: None,
        request_id: known.request_id.as_deref().and_then(RequestId::parse),
    };
    if known.accepted {
        return store::Known {
            payment: Some(PaymentRecord {
                scope: subject.order.scope.clone(),
                order: subject.order.order.clone(),
                facts,
                create_key: None,
                created_at: Moment::default(),
            }),
            attempt: None,
        };
    }
    store::Known {
        payment: None,
        attempt: Some(store::Attempt {
            id: store::AttemptId(0),
            facts,
            key: None,
            fingerprint: [0; 16],
            state: store::AttemptState::Unknown,
            begun_at: Moment::default(),
        }),
    }
}

fn call(call: &Call) -> Adjustment {
    let state = match call.state {
        CallState::Open => AdjustmentState::Open(Moment::default()),
        CallState::Refused => AdjustmentState::Refused,
        CallState::NotDone => AdjustmentState::NotDone,
        CallState::Succeeded => AdjustmentState::Succeeded {
            amount: crate::types::Amount::ZERO,
            transaction_id: None,
            at: Moment::default(),
        },
    };
    Adjustment {
        id: AdjustmentId(0),
        op: call.op,
        api: call.api,
        request_id: call.request_id.as_deref().and_then(RequestId::parse),
        key: call.key.as_deref().and_then(IdempotencyKey::parse),
        attempt: 0,
        amount: None,
        computed: false,
        text: call.text.clone(),
        cancelled_before: None,
        state,
        begun_at: Moment::default(),
        changed_at: Moment::default(),
    }
}
