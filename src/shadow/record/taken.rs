//! From a call that was answered to a line: as it came, for a look at whether redaction changes anything, or redacted.
//!
//! Must not: keep a header, a setting or a member of the record that the translation does not read.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, Uri};
use serde_json::{Value, json};

use super::keys::Keys;
use super::line::{Answer, Call, CallState, Known, Line, Look, Request, Unit};
use crate::ecom::route::{self, Operation, Target};
use crate::epayment::event::PaymentEvent;
use crate::epayment::model::UserDetails;
use crate::payments;
use crate::shadow::compare::{Answered, Way};
use crate::shadow::offer::Offer;
use crate::shadow::redact::Redactor;
use crate::store::{self, Adjustment, AdjustmentState};
use crate::telemetry::Route;
use crate::translate::loss::Loss;
use crate::types::{CallerHash, Moment, MoneyOp, Msn, OrderId, Scope};
use crate::upstream::MERCHANT_SERIAL_NUMBER;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A call that was answered, with what its translation reads. Holds personal data and is never printed.
#[derive(Clone)]
pub struct Taken<'a> {
    /// When it was answered.
    pub at: Moment,
    /// What it is.
    pub operation: Operation,
    /// Where it went.
    pub route: Route,
    /// How it was compared.
    pub way: Way,
    /// Its target, which names the order.
    pub target: &'a Uri,
    /// All headers of the request.
    pub headers: &'a HeaderMap,
    /// The whole body of the request.
    pub body: &'a [u8],
    /// The merchant's answer.
    pub answer: Answered<'a>,
    /// The settings of its sales unit.
    pub unit: Unit,
    /// What was known of the order.
    pub known: Option<&'a store::Known>,
    /// The record's money calls of the order, oldest first.
    pub calls: &'a [Adjustment],
    /// What ePayment showed; without it a read can't be replayed.
    pub look: Option<&'a payments::Look>,
    /// What the Userinfo API said, where it was asked.
    pub user: Option<&'a UserDetails>,
    /// Whether the payment has operations that this bridge did not send to ePayment.
    pub elsewhere: bool,
    /// The losses that the comparison knew of.
    pub losses: &'a [Loss],
}

impl<'a> Taken<'a> {
    /// Of an offer. What ePayment showed, and the record's money calls, are for the caller to add.
    #[must_use]
    pub fn of(offer: &'a Offer, at: Moment, way: Way) -> Self {
        let settings = &offer.snapshot.settings;
        let order = offer.subject.as_ref().map(|(order, _)| order);
        let named = offer.request_headers.get(MERCHANT_SERIAL_NUMBER);
        let named = named
            .and_then(|value| value.to_str().ok())
            .and_then(|text| Msn::parse(text.trim()));
        let scope = order.map_or_else(
            || named.map_or(Scope::Caller(offer.caller.hash), Scope::Unit),
            |order| order.scope.clone(),
        );
        let merchant = scope.msn().map_or_else(
            || settings.merchant_defaults.clone(),
            |msn| settings.merchant(msn),
        );
        Self {
            at,
            operation: offer.operation,
            route: offer.route,
            way,
            target: &offer.target,
            headers: &offer.request_headers,
            body: &offer.request_body,
            answer: offer.answer.answered(),
            unit: Unit {
                scope,
                currency: merchant.currency,
                country: merchant.country_code,
                interaction: merchant.customer_interaction,
                direct_capture: merchant.direct_capture,
                http_callbacks: settings.callbacks.allow_http,
            },
            known: offer.subject.as_ref().map(|(_, known)| known),
            calls: &[],
            look: None,
            user: None,
            elsewhere: false,
            losses: &[],
        }
    }

    /// As it came. Only for a look at what it translates to; never to be written.
    pub(super) fn plain(&self) -> Line {
        self.line(&Plain)
    }

    /// Redacted.
    pub(in crate::shadow) fn redacted(&self, redactor: &Redactor) -> Line {
        let scope = match &self.unit.scope {
            Scope::Unit(msn) => Msn::parse(&redactor.id(msn.as_str())).map(Scope::Unit),
            Scope::Caller(_) => CallerHash::from_bytes(&[0; 16]).map(Scope::Caller),
        };
        // A number of digits has a pseudonym of as many.
        let scope = scope.unwrap_or_else(|| self.unit.scope.clone());
        let order = self.order();
        let strict = |order: &str| OrderId::parse(order);
        let keys = Keys::new(
            redactor,
            (&self.unit.scope, order.as_deref().and_then(strict)),
            (
                &scope,
                order.as_deref().and_then(|id| strict(&redactor.id(id))),
            ),
            self.calls.iter().filter_map(|call| call.request_id.clone()),
        );
        self.line(&Redacted {
            redactor,
            keys: &keys,
            scope: &scope,
        })
    }

    /// The order id in the target.
    fn order(&self) -> Option<String> {
        match route::parse(self.operation.method(), self.target.path()) {
            Target::Call { order, .. } => Some(order).filter(|order| !order.is_empty()),
            _ => None,
        }
    }

    fn line(&self, mask: &impl Mask) -> Line {
        let json = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
        let answer = &self.answer;
        Line {
            at: self.at.to_string(),
            operation: self.operation,
            route: self.route.word().to_owned(),
            way: self.way,
            request: Request {
                order: self.order().map(|order| mask.id(&order)),
                request_id: text(self.headers, &REQUEST_ID).map(|id| mask.request(id)),
                msn: text(self.headers, &MERCHANT_SERIAL_NUMBER).map(|msn| mask.id(msn)),
                body: json(self.body).map(|body| mask.document(&body)),
            },
            answer: Answer {
                status: answer.status,
                content_type: header(mask, answer.headers, &CONTENT_TYPE),
                retry_after: header(mask, answer.headers, &RETRY_AFTER),
                body: json(answer.body).map(|body| mask.document(&body)),
            },
            unit: Unit {
                scope: mask.scope(&self.unit.scope),
                ..self.unit.clone()
            },
            known: self.known.and_then(|known| known_of(mask, known)),
            calls: self.calls.iter().map(|one| call(mask, one)).collect(),
            look: self.look.and_then(|look| self.look_of(mask, look)),
            outgoing: None,
        }
    }

    fn look_of(&self, mask: &impl Mask, look: &payments::Look) -> Option<Look> {
        let events = look.events.iter().map(|one| event(mask, one));
        let user = self.user.map(|user| serde_json::to_value(user).ok());
        Some(Look {
            payment: mask.document(&serde_json::to_value(&look.payment).ok()?),
            events: events.collect::<Option<_>>()?,
            user: user.flatten().map(|user| mask.document(&user)),
            elsewhere: self.elsewhere,
            losses: self
                .losses
                .iter()
                .map(|one| one.code().to_owned())
                .collect(),
        })
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

fn header(mask: &impl Mask, headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    mask.header(name.as_str(), text(headers, name)?)
}

fn known_of(mask: &impl Mask, known: &store::Known) -> Option<Known> {
    let payment = known.payment.as_ref().map(|payment| &payment.facts);
    let facts = payment.or(known.attempt.as_ref().map(|attempt| &attempt.facts))?;
    Some(Known {
        origin: facts.origin,
        accepted: payment.is_some(),
        text: facts.text.as_deref().map(|text| mask.text(text)),
        request_id: facts
            .request_id
            .as_ref()
            .map(|id| mask.request(id.as_str())),
        scope_asked: facts.scope_asked.as_deref().map(|asked| mask.asked(asked)),
    })
}

fn call(mask: &impl Mask, call: &Adjustment) -> Call {
    Call {
        op: call.op,
        api: call.api,
        request_id: call.request_id.as_ref().map(|id| mask.request(id.as_str())),
        key: call
            .key
            .as_ref()
            .map(|key| mask.key(Some(call.op), key.as_str())),
        text: mask.text(&call.text),
        state: match call.state {
            AdjustmentState::Open(_) => CallState::Open,
            AdjustmentState::Succeeded { .. } => CallState::Succeeded,
            AdjustmentState::Refused => CallState::Refused,
            AdjustmentState::NotDone => CallState::NotDone,
        },
    }
}

fn event(mask: &impl Mask, event: &PaymentEvent) -> Option<Value> {
    let mut document = mask.document(&serde_json::to_value(event).ok()?);
    if let Some(key) = &event.idempotency_key {
        let made = mask.key(event.name.money_op(), key);
        document
            .as_object_mut()?
            .insert("idempotencyKey".to_owned(), Value::from(made));
    }
    Some(document)
}

/// What becomes of each kind of value.
trait Mask {
    fn id(&self, text: &str) -> String;
    fn request(&self, text: &str) -> String;
    fn key(&self, op: Option<MoneyOp>, key: &str) -> String;
    fn scope(&self, scope: &Scope) -> Scope;
    fn header(&self, name: &str, value: &str) -> Option<String>;
    fn text(&self, text: &str) -> String;
    fn asked(&self, scope: &str) -> String;
    fn document(&self, document: &Value) -> Value;
}

struct Plain;

impl Mask for Plain {
    fn id(&self, text: &str) -> String {
        text.to_owned()
    }
    fn request(&self, text: &str) -> String {
        text.to_owned()
    }
    fn key(&self, _: Option<MoneyOp>, key: &str) -> String {
        key.to_owned()
    }
    fn scope(&self, scope: &Scope) -> Scope {
        scope.clone()
    }
    fn header(&self, _: &str, value: &str) -> Option<String> {
        Some(value.to_owned())
    }
    fn text(&self, text: &str) -> String {
        text.to_owned()
    }
    fn asked(&self, scope: &str) -> String {
        scope.to_owned()
    }
    fn document(&self, document: &Value) -> Value {
        document.clone()
    }
}

struct Redacted<'a> {
    redactor: &'a Redactor,
    keys: &'a Keys<'a>,
    scope: &'a Scope,
}

impl Redacted<'_> {
    /// As the value of a member with this name.
    fn member(&self, name: &str, text: &str) -> String {
        let document = self.redactor.redacted(&json!({ name: text }));
        let made = document.get(name).and_then(Value::as_str);
        made.unwrap_or_default().to_owned()
    }
}

impl Mask for Redacted<'_> {
    fn id(&self, text: &str) -> String {
        self.redactor.id(text)
    }
    fn request(&self, text: &str) -> String {
        Keys::request(self.redactor, text)
    }
    fn key(&self, op: Option<MoneyOp>, key: &str) -> String {
        self.keys.key(op, key)
    }
    fn scope(&self, _: &Scope) -> Scope {
        self.scope.clone()
    }
    fn header(&self, name: &str, value: &str) -> Option<String> {
        self.redactor.header(name, value)
    }
    fn text(&self, text: &str) -> String {
        self.member("transactionText", text)
    }
    /// Word by word: one that is not known takes nothing from the others.
    fn asked(&self, scope: &str) -> String {
        let words = scope.split_whitespace();
        let made: Vec<String> = words.map(|word| self.member("scope", word)).collect();
        made.join(" ")
    }
    fn document(&self, document: &Value) -> Value {
        self.redactor.redacted(document)
    }
}
