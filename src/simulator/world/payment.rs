//! One payment as both APIs share it: sums, state, events, who may see what of it.
//!
//! State and sums are ePayment's: the state stays AUTHORIZED through capture, refund and release. Must not: decide whether
//! a change is allowed (`change`).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::epayment::event::EventName;
use crate::epayment::model::{Aggregate, Money, State, UserDetails};
use crate::types::{Amount, Currency, Moment};

/// Where a payment was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// In eCom, regular.
    Ecom,
    /// In eCom, Express.
    Express,
    /// In ePayment.
    Epayment,
}

/// Who caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// A merchant, through eCom.
    Ecom,
    /// A merchant, through ePayment.
    Epayment,
    /// The user, or time.
    User,
}

/// The sums of a payment in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) authorized: Amount,
    pub(super) captured: Amount,
    pub(super) cancelled: Amount,
    pub(super) refunded: Amount,
}

impl Sums {
    pub(super) fn to_capture(self) -> Amount {
        self.authorized.less(self.captured).less(self.cancelled)
    }

    pub(super) fn to_refund(self) -> Amount {
        self.captured.less(self.refunded)
    }
}

/// One entry of the log of both APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: EventName,
    pub(super) amount: Amount,
    pub(super) at: Moment,
    pub(super) number: String,
    /// ePayment's Idempotency-Key.
    pub(super) key: Option<String>,
    /// eCom's X-Request-Id.
    pub(super) request_id: Option<String>,
    pub(super) text: Option<String>,
    pub(super) success: bool,
    pub(super) by: Api,
}

/// Who approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) msisdn: String,
    pub(super) sub: String,
}

pub(super) const FIRST_NAME: &str = "Ada";
pub(super) const LAST_NAME: &str = "Lovelace";
pub(super) const EMAIL: &str = "ada.lovelace@example.com";

impl User {
    pub(super) fn new(msisdn: &str) -> Self {
        let sub = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, msisdn.as_bytes());
        Self {
            msisdn: msisdn.to_owned(),
            sub: sub.simple().to_string(),
        }
    }

    /// The number as eCom shows it.
    pub(super) fn local(&self) -> &str {
        self.msisdn.strip_prefix("47").unwrap_or(&self.msisdn)
    }
}

/// What only eCom knows of its payments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EcomSide {
    pub(super) callback_prefix: String,
    pub(super) auth_token: Option<String>,
    pub(super) skip_landing_page: bool,
    /// The chosen shipping method of an Express payment.
    pub(super) shipping: Option<Value>,
    pub(super) direct: bool,
}

/// One payment.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) msn: String,
    pub(super) reference: String,
    pub(super) origin: Origin,
    pub(super) amount: Amount,
    pub(super) currency: Currency,
    pub(super) state: State,
    pub(super) sums: Sums,
    pub(super) events: Vec<Event>,
    /// The payment's own, not numeric.
    pub(super) psp: String,
    /// The number that INITIATE and RESERVE share.
    pub(super) first_number: String,
    pub(super) token: String,
    pub(super) redirect_url: Option<String>,
    pub(super) expires: Option<Moment>,
    pub(super) authorized_at: Option<Moment>,
    pub(super) scope: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) method: String,
    pub(super) user: Option<User>,
    pub(super) locked: bool,
    /// The next change fails and leaves a failed event.
    pub(super) fail_next: bool,
    pub(super) ecom: Option<EcomSide>,
}

impl Payment {
    pub(super) fn is_created(&self) -> bool {
        self.state == State::Created
    }

    pub(super) fn money(&self, value: Amount) -> Money {
        Money {
            currency: self.currency,
            value,
        }
    }

    pub(super) fn aggregate(&self) -> Aggregate {
        Aggregate {
            authorized_amount: self.money(self.sums.authorized),
            cancelled_amount: self.money(self.sums.cancelled),
            captured_amount: self.money(self.sums.captured),
            refunded_amount: self.money(self.sums.refunded),
        }
    }

    /// The event as the log and the webhooks show it.
    pub(super) fn event_json(&self, event: &Event) -> Value {
        let number = if event.name == EventName::Created {
            &self.psp
        } else {
            &event.number
        };
        let mut shown = json!({
            "reference": self.reference,
            "pspReference": number,
            "name": event.name,
            "amount": self.money(event.amount),
            "timestamp": seven_decimals(event.at, number),
            "success": event.success,
        });
        if event.name != EventName::Cancelled
            && let (Some(key), Some(object)) = (&event.key, shown.as_object_mut())
        {
            object.insert("idempotencyKey".to_owned(), json!(key));
        }
        shown
    }

    /// The body of a webhook; none for a reference that ePayment cannot name.
    pub(super) fn webhook(&self, event: &Event, with_user: bool) -> Option<Value> {
        crate::types::Reference::parse(&self.reference)?;
        let mut body = self.event_json(event);
        let object = body.as_object_mut()?;
        object.insert("msn".to_owned(), json!(self.msn));
        if event.name == EventName::Authorized && event.success && self.shows_user() {
            object.insert(
                "profile".to_owned(),
                json!({"sub": self.user.as_ref()?.sub}),
            );
            if with_user {
                object.insert("userDetails".to_owned(), json!(self.user_details()));
            }
        }
        Some(body)
    }

    /// Whether a scope was asked for and somebody approved, in a way that ePayment shows.
    pub(super) fn shows_user(&self) -> bool {
        self.scope.is_some() && self.user.is_some() && self.origin != Origin::Express
    }

    pub(super) fn asks_for(&self, word: &str) -> bool {
        self.scope
            .as_ref()
            .is_some_and(|s| s.split_whitespace().any(|w| w == word))
    }

    /// What the scope asked for, in ePayment's words.
    pub(super) fn user_details(&self) -> Option<UserDetails> {
        let user = self.user.as_ref()?;
        let given = |word: &str, value: &str| self.asks_for(word).then(|| value.to_owned());
        Some(UserDetails {
            first_name: given("name", FIRST_NAME),
            last_name: given("name", LAST_NAME),
            email: given("email", EMAIL),
            mobile_number: given("phoneNumber", &user.msisdn),
        })
    }

    pub(super) fn view(&self) -> PaymentView {
        PaymentView {
            msn: self.msn.clone(),
            reference: self.reference.clone(),
            origin: self.origin,
            state: self.state,
            amount: self.amount,
            currency: self.currency,
            authorized: self.sums.authorized,
            captured: self.sums.captured,
            cancelled: self.sums.cancelled,
            refunded: self.sums.refunded,
            locked: self.locked,
            scope: self.scope.clone(),
            phone: self.phone.clone(),
            token: self.token.clone(),
            psp_reference: self.psp.clone(),
            events: self
                .events
                .iter()
                .map(|e| EventView {
                    name: e.name,
                    amount: e.amount,
                    success: e.success,
                    at: e.at.to_string(),
                    psp_reference: if e.name == EventName::Created {
                        self.psp.clone()
                    } else {
                        e.number.clone()
                    },
                    key: e.key.clone(),
                    request_id: e.request_id.clone(),
                    text: e.text.clone(),
                    by: e.by,
                })
                .collect(),
        }
    }
}

/// ePayment's times have seven decimals; the last four come from the event's number.
fn seven_decimals(at: Moment, number: &str) -> String {
    let text = at.to_string();
    let digits = number.bytes().filter(u8::is_ascii_digit).rev().take(4);
    let tail: String = digits.map(char::from).collect();
    format!("{}{tail:0<4}Z", text.trim_end_matches('Z'))
}

/// A payment for whoever looks from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it; sums are minor units")]
pub struct PaymentView {
    pub msn: String,
    pub reference: String,
    pub origin: Origin,
    pub state: State,
    pub amount: Amount,
    pub currency: Currency,
    pub authorized: Amount,
    pub captured: Amount,
    pub cancelled: Amount,
    pub refunded: Amount,
    pub locked: bool,
    pub scope: Option<String>,
    pub phone: Option<String>,
    pub token: String,
    pub psp_reference: String,
    pub events: Vec<EventView>,
}

impl PaymentView {
    /// The names of the events that happened, oldest first.
    #[must_use]
    pub fn operations(&self) -> Vec<EventName> {
        self.events.iter().map(|e| e.name).collect()
    }

    /// How many events of this name succeeded.
    #[must_use]
    pub fn count(&self, name: EventName) -> usize {
        self.events
            .iter()
            .filter(|e| e.name == name && e.success)
            .count()
    }
}

/// An event for whoever looks from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it; the amount is minor units")]
pub struct EventView {
    pub name: EventName,
    pub amount: Amount,
    pub success: bool,
    pub at: String,
    pub psp_reference: String,
    pub key: Option<String>,
    pub request_id: Option<String>,
    pub text: Option<String>,
    pub by: Api,
}
