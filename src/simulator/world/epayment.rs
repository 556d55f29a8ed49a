//! ePayment API v1: create, read, event log, capture, cancel, refund, force approve, and the keys they come with.
//!
//! A key serves one request: the same request again gets the stored reply, another one a conflict. Refusals are stored,
//! too (a rule). Source: ePayment API 1.4.1 with later changes. Must not know how an HTTP request looks.

use serde_json::{Value, json};

use super::change::{self, Cancel};
use super::check;
use super::payment::{Api, Event, Origin, Payment};
use super::problems::{Kind, Refusal};
use super::{Id, Remembered, World};
use crate::epayment::event::EventName;
use crate::epayment::model::{Modified, PaymentMethod, Profile, State};
use crate::types::{Amount, Moment, Msn, Reference};

/// One call, after its path and headers have been read.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "the reference, the body and the key of each call"
)]
pub enum Call {
    Create {
        key: String,
        body: Value,
    },
    Get {
        reference: String,
    },
    Events {
        reference: String,
    },
    Capture {
        reference: String,
        key: String,
        body: Value,
    },
    Cancel {
        reference: String,
        key: String,
        body: Value,
    },
    Refund {
        reference: String,
        key: String,
        body: Value,
    },
    Approve {
        reference: String,
        body: Value,
    },
}

/// What ePayment answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body; none for an empty one.
    pub body: Option<Value>,
    /// Whether this is the 200 of a modification, which has a media type of its own.
    pub modification: bool,
}

impl World {
    /// Answers one call for a unit.
    pub fn epayment(&mut self, msn: &Msn, call: Call, now: Moment) -> Reply {
        self.tick(now);
        let result = match call {
            Call::Get { reference } => self.get(msn, &reference),
            Call::Events { reference } => self.event_log(msn, &reference),
            Call::Approve { reference, body } => self.force_approve(msn, &reference, &body, now),
            Call::Create { key, body } => {
                return self.keyed(msn, Kind::Create, "", &key, &body, now);
            }
            Call::Capture {
                reference,
                key,
                body,
            } => return self.keyed(msn, Kind::Capture, &reference, &key, &body, now),
            Call::Cancel {
                reference,
                key,
                body,
            } => return self.keyed(msn, Kind::Cancel, &reference, &key, &body, now),
            Call::Refund {
                reference,
                key,
                body,
            } => return self.keyed(msn, Kind::Refund, &reference, &key, &body, now),
        };
        result.unwrap_or_else(|no| self.refuse(&no))
    }

    /// A refusal that has nothing to do with a payment: wrong headers, no JSON.
    pub fn invalid(&mut self, status: u16, name: &str, reason: &str) -> Reply {
        let mut no = Refusal::field(name, reason);
        no.status = status;
        self.refuse(&no)
    }

    fn refuse(&mut self, no: &Refusal) -> Reply {
        let trace = self.uuid();
        Reply {
            status: no.status,
            body: Some(json!(no.problem(trace))),
            modification: false,
        }
    }

    /// Runs a call once per key.
    fn keyed(
        &mut self,
        msn: &Msn,
        kind: Kind,
        reference: &str,
        key: &str,
        body: &Value,
        now: Moment,
    ) -> Reply {
        let place = if self.rules.keys_per_operation {
            format!("{msn}/{}/{reference}", kind.word())
        } else {
            msn.to_string()
        };
        let place = (place, key.to_owned());
        let fingerprint = format!("{} {reference} {body}", kind.word());
        if let Some(before) = self.keys.get(&place) {
            if before.fingerprint == fingerprint {
                return before.reply.clone();
            }
            return self.refuse(&Refusal::key_used(kind));
        }
        let result = match kind {
            Kind::Create => self.create(msn, key, body, now),
            Kind::Capture | Kind::Cancel | Kind::Refund | Kind::Approve => {
                self.modify(msn, kind, reference, key, body, now)
            }
        };
        let (reply, remember) = match result {
            Ok(reply) => (reply, true),
            Err(no) => {
                let final_no =
                    self.rules.repeat_refusals && no.status != 423 && no.fields.is_empty();
                (self.refuse(&no), final_no)
            }
        };
        if remember {
            let reply = reply.clone();
            self.keys.insert(place, Remembered { fingerprint, reply });
        }
        reply
    }

    fn named(&self, msn: &Msn, reference: &str) -> Result<&Payment, Refusal> {
        if Reference::parse(reference).is_none() {
            return Err(Refusal::field(
                "reference",
                "must be 8 to 64 of [a-zA-Z0-9-]",
            ));
        }
        self.find(msn.as_str(), reference)
            .ok_or_else(Refusal::not_found)
    }

    fn get(&self, msn: &Msn, reference: &str) -> Result<Reply, Refusal> {
        let payment = self.named(msn, reference)?;
        let authorized = payment.state == State::Authorized;
        let sub = if payment.shows_user() {
            payment.user.as_ref().map(|u| u.sub.clone())
        } else {
            None
        };
        let mut body = json!({
            "aggregate": payment.aggregate(),
            "amount": payment.money(payment.amount),
            "state": payment.state,
            "paymentMethod": PaymentMethod {
                kind: payment.method.clone(),
                card_bin: authorized.then(|| "540185".to_owned()),
            },
            "profile": Profile { sub },
            "pspReference": payment.psp,
            "reference": payment.reference,
        });
        if let Some(object) = body.as_object_mut() {
            if let Some(url) = &payment.redirect_url {
                object.insert("redirectUrl".to_owned(), json!(url));
            }
            if let Some(metadata) = &payment.metadata {
                object.insert("metadata".to_owned(), json!(metadata));
            }
            if payment.shows_user() && self.rules.user_details_in_payment {
                object.insert("userDetails".to_owned(), json!(payment.user_details()));
            }
            if let Some(at) = payment.authorized_at {
                let until = std::time::Duration::from_secs(self.rules.capture_days * 86_400);
                object.insert(
                    "captureGuaranteedUntil".to_owned(),
                    json!(at.plus(until).to_string()),
                );
            }
        }
        Ok(Reply {
            status: 200,
            body: Some(body),
            modification: false,
        })
    }

    fn event_log(&self, msn: &Msn, reference: &str) -> Result<Reply, Refusal> {
        let payment = self.named(msn, reference)?;
        let events: Vec<Value> = payment
            .events
            .iter()
            .map(|e| payment.event_json(e))
            .collect();
        Ok(Reply {
            status: 200,
            body: Some(Value::Array(events)),
            modification: false,
        })
    }

    fn modify(
        &mut self,
        msn: &Msn,
        kind: Kind,
        reference: &str,
        key: &str,
        body: &Value,
        now: Moment,
    ) -> Result<Reply, Refusal> {
        let payment = self.named(msn, reference)?;
        let asked = match kind {
            Kind::Capture | Kind::Refund => Some(modification(payment, body)?),
            Kind::Create | Kind::Cancel | Kind::Approve => None,
        };
        let how = match body.get("cancelTransactionOnly") {
            None | Some(Value::Null | Value::Bool(false)) => Cancel::Rest,
            Some(Value::Bool(true)) => Cancel::Unreserved,
            Some(_) => {
                return Err(Refusal::field(
                    "cancelTransactionOnly",
                    "must be true or false",
                ));
            }
        };
        let refundable = self
            .unit(msn.as_str())
            .is_none_or(|unit| unit.refund_allowed);
        let amount = match kind {
            Kind::Capture => change::capture(payment, asked, now, &self.rules),
            Kind::Refund if !refundable => Err(change::No::NotAllowed),
            Kind::Refund => change::refund(payment, asked, now, &self.rules),
            Kind::Create | Kind::Cancel | Kind::Approve => {
                change::cancel(payment, how, now, &self.rules)
            }
        };
        let state = format!("{:?}", payment.state).to_uppercase();
        let amount = amount.map_err(|no| Refusal::change(kind, no, &state))?;
        let id: Id = (msn.as_str().to_owned(), reference.to_owned());
        let event = self.event(Api::Epayment, amount, now, Some(key));
        if self.fails(&id, kind, &event) {
            return Err(Refusal::change(kind, change::No::Fails, &state));
        }
        self.apply(&id, kind, event);
        let payment = self.named(msn, reference)?;
        let reference = Reference::parse(&payment.reference).ok_or_else(Refusal::not_found)?;
        Ok(Reply {
            status: 200,
            body: Some(json!(Modified {
                amount: payment.money(payment.amount),
                state: payment.state,
                aggregate: payment.aggregate(),
                psp_reference: payment.psp.clone(),
                reference,
            })),
            modification: true,
        })
    }

    /// An event without its name.
    pub(super) fn event(
        &mut self,
        by: Api,
        amount: Amount,
        now: Moment,
        key: Option<&str>,
    ) -> Event {
        Event {
            name: EventName::Unknown,
            amount,
            at: now,
            number: self.number(),
            key: key.map(str::to_owned),
            request_id: None,
            text: None,
            success: true,
            by,
        }
    }

    /// Whether this change was told to fail; then only the failure is noted.
    pub(super) fn fails(&mut self, id: &Id, kind: Kind, event: &Event) -> bool {
        let told = self
            .payments
            .get_mut(id)
            .is_some_and(|p| std::mem::take(&mut p.fail_next));
        if told {
            let name = match kind {
                Kind::Capture => EventName::Captured,
                Kind::Refund => EventName::Refunded,
                Kind::Create | Kind::Cancel | Kind::Approve => EventName::Cancelled,
            };
            let failed = Event {
                name,
                success: false,
                ..event.clone()
            };
            self.note(id, failed);
        }
        told
    }

    /// Moves the money of an allowed change, and notes it.
    pub(super) fn apply(&mut self, id: &Id, kind: Kind, mut event: Event) {
        let Some(payment) = self.payments.get_mut(id) else {
            return;
        };
        let sum = |a: Amount, b: Amount| a.checked_add(b).unwrap_or(a);
        let sums = &mut payment.sums;
        event.name = match kind {
            Kind::Capture => {
                sums.captured = sum(sums.captured, event.amount);
                EventName::Captured
            }
            Kind::Refund => {
                sums.refunded = sum(sums.refunded, event.amount);
                EventName::Refunded
            }
            Kind::Create | Kind::Cancel | Kind::Approve => {
                sums.cancelled = sum(sums.cancelled, event.amount);
                if payment.state == State::Created {
                    payment.state = State::Terminated;
                    EventName::Terminated
                } else {
                    EventName::Cancelled
                }
            }
        };
        self.note(id, event);
    }

    fn force_approve(
        &mut self,
        msn: &Msn,
        reference: &str,
        body: &Value,
        now: Moment,
    ) -> Result<Reply, Refusal> {
        let payment = self.named(msn, reference)?;
        let state = format!("{:?}", payment.state).to_uppercase();
        if !payment.is_created() {
            return Err(Refusal::change(
                Kind::Approve,
                change::No::NothingLeft,
                &state,
            ));
        }
        let failed = |code, detail: &str| Refusal::new(400, code, "Approve failed", detail);
        if payment.origin == Origin::Express {
            return Err(failed(10_030, "Express payments cannot be force approved"));
        }
        let phone = match body.get("customer") {
            None | Some(Value::Null) if payment.phone.is_none() => {
                return Err(failed(10_010, "No customer is named"));
            }
            None | Some(Value::Null) => None,
            Some(customer) => check::identified(customer)?,
        };
        match body.get("token").and_then(Value::as_str) {
            Some(token) if token != payment.token => {
                return Err(failed(10_020, "The token is not this payment's"));
            }
            _ => {}
        }
        let id: Id = (msn.as_str().to_owned(), reference.to_owned());
        self.authorize(&id, phone.as_deref(), now);
        Ok(Reply {
            status: 200,
            body: None,
            modification: false,
        })
    }
}

/// The amount of a capture or refund.
fn modification(payment: &Payment, body: &Value) -> Result<Amount, Refusal> {
    let Some(body) = body.as_object() else {
        return Err(Refusal::field("body", "must be a JSON object"));
    };
    let money = check::money(body, "modificationAmount")?;
    if money.currency != payment.currency {
        return Err(Refusal::new(
            400,
            6010,
            "Amount invalid",
            "The payment has another currency",
        ));
    }
    if money.value.is_zero() {
        return Err(Refusal::new(
            400,
            4040,
            "Amount too small",
            "Nothing to move",
        ));
    }
    Ok(money.value)
}
