//! What the user does, or time does: approve, say no, let it expire, be declined; and what eCom then calls back.
//!
//! Source: eCom guide (callbacks and states), ePayment (states). Callbacks go out only for payments created in eCom, once,
//! for the approval or the end; never for what the merchant did.

use serde_json::{Value, json};

use super::payment::{Api, EMAIL, FIRST_NAME, LAST_NAME, Origin, Payment, User};
use super::problems::Kind;
use super::{CallbackOrder, Effect, Id, World};
use crate::ecom::callback::{CallbackStatus, callback_url};
use crate::epayment::event::EventName;
use crate::epayment::model::State;
use crate::types::Moment;

/// What a test, a demo or a user does to a payment from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The user says yes.
    Approve,
    /// The user says no.
    Reject,
    /// Nobody acts until it is too late.
    Expire,
    /// The user says yes, but the card is declined; the payment stays open.
    Fail,
    /// Vipps works on it: changes are refused for now.
    Lock,
    /// It is free again.
    Unlock,
    /// The next capture, cancel or refund fails and leaves a failed event.
    FailNext,
}

impl Act {
    /// Reads its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "approve" => Some(Self::Approve),
            "reject" => Some(Self::Reject),
            "expire" => Some(Self::Expire),
            "fail" => Some(Self::Fail),
            "lock" => Some(Self::Lock),
            "unlock" => Some(Self::Unlock),
            "fail_next" => Some(Self::FailNext),
            _ => None,
        }
    }
}

/// No payment has this unit and reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchPayment;

const DEFAULT_PHONE: &str = "4791234567";

impl World {
    /// Does it. Tells whether anything changed: what has ended cannot be approved or ended again.
    ///
    /// # Errors
    /// Where there is no such payment.
    pub fn act(
        &mut self,
        msn: &str,
        reference: &str,
        act: Act,
        now: Moment,
    ) -> Result<bool, NoSuchPayment> {
        self.tick(now);
        let id: Id = (msn.to_owned(), reference.to_owned());
        let payment = self.payments.get_mut(&id).ok_or(NoSuchPayment)?;
        if matches!(act, Act::Lock | Act::Unlock) {
            let locked = act == Act::Lock;
            return Ok(std::mem::replace(&mut payment.locked, locked) != locked);
        }
        if act == Act::FailNext {
            return Ok(!std::mem::replace(&mut payment.fail_next, true));
        }
        if !payment.is_created() {
            return Ok(false);
        }
        match act {
            Act::Approve => self.authorize(&id, None, now),
            Act::Reject => self.end(&id, EventName::Aborted, now),
            Act::Expire => self.expire(&id, now),
            Act::Fail => {
                let amount = payment.amount;
                let mut event = self.event(Api::User, amount, now, None);
                event.name = EventName::Authorized;
                event.success = false;
                self.note(&id, event);
            }
            Act::Lock | Act::Unlock | Act::FailNext => {}
        }
        Ok(true)
    }

    pub(super) fn expire(&mut self, id: &Id, now: Moment) {
        self.end(id, EventName::Expired, now);
    }

    fn end(&mut self, id: &Id, name: EventName, now: Moment) {
        let Some(payment) = self.payments.get_mut(id) else {
            return;
        };
        let (state, status) = match name {
            EventName::Expired => (State::Expired, CallbackStatus::Rejected),
            _ => (State::Aborted, CallbackStatus::Cancelled),
        };
        payment.state = state;
        payment.sums.cancelled = payment.amount;
        let amount = payment.amount;
        let mut event = self.event(Api::User, amount, now, None);
        event.name = name;
        self.note(id, event);
        self.call_back(id, status);
    }

    /// The user said yes. A unit of eCom with direct capture takes the money at once.
    pub(super) fn authorize(&mut self, id: &Id, phone: Option<&str>, now: Moment) {
        let Some(payment) = self.payments.get_mut(id) else {
            return;
        };
        payment.state = State::Authorized;
        payment.sums.authorized = payment.amount;
        payment.authorized_at = Some(now);
        let phone = phone.or(payment.phone.as_deref()).unwrap_or(DEFAULT_PHONE);
        payment.user = Some(User::new(phone));
        let amount = payment.amount;
        let number = payment.first_number.clone();
        let express = payment.origin == Origin::Express;
        let direct = payment.ecom.as_ref().is_some_and(|e| e.direct);
        let mut event = self.event(Api::User, amount, now, None);
        event.name = EventName::Authorized;
        event.number = number;
        self.note(id, event);
        if direct {
            let event = self.event(Api::User, amount, now, None);
            self.apply(id, Kind::Capture, event);
        }
        self.call_back(
            id,
            match (direct, express) {
                (true, _) => CallbackStatus::Sale,
                (false, true) => CallbackStatus::Reserve,
                (false, false) => CallbackStatus::Reserved,
            },
        );
    }

    fn call_back(&mut self, id: &Id, status: CallbackStatus) {
        let Some(payment) = self.payments.get(id) else {
            return;
        };
        let (Some(ecom), Some(event)) = (&payment.ecom, payment.events.last()) else {
            return;
        };
        let mut body = json!({
            "merchantSerialNumber": payment.msn,
            "orderId": payment.reference,
            "transactionInfo": {
                "amount": payment.amount,
                "status": status,
                "timeStamp": event.at.to_string(),
                "transactionId": payment.first_number,
            },
        });
        let approved = payment.state == State::Authorized;
        if let Some(object) = body.as_object_mut()
            && approved
        {
            if let Some(user) = payment.ecom_user() {
                object.insert("userDetails".to_owned(), user);
            }
            if let Some(shipping) = payment.shipping() {
                object.insert("shippingDetails".to_owned(), shipping);
            }
        }
        self.out.push(Effect::Callback(Box::new(CallbackOrder {
            msn: id.0.clone(),
            order: id.1.clone(),
            url: callback_url(&ecom.callback_prefix, &id.1),
            authorization: ecom.auth_token.clone(),
            body,
        })));
    }

    /// What Userinfo answers for a `sub`.
    #[must_use]
    pub fn userinfo(&self, sub: &str) -> Option<Value> {
        let payment = self
            .payments
            .values()
            .rev()
            .find(|p| p.scope.is_some() && p.user.as_ref().is_some_and(|u| u.sub == sub))?;
        let user = payment.user.as_ref()?;
        let mut info = json!({"sub": user.sub, "sid": user.sub.get(..16)});
        let object = info.as_object_mut()?;
        if payment.asks_for("name") {
            object.insert("name".into(), json!(format!("{FIRST_NAME} {LAST_NAME}")));
            object.insert("given_name".into(), json!(FIRST_NAME));
            object.insert("family_name".into(), json!(LAST_NAME));
        }
        if payment.asks_for("email") {
            object.insert("email".into(), json!(EMAIL));
            object.insert("email_verified".into(), json!(true));
        }
        if payment.asks_for("phoneNumber") {
            object.insert("phone_number".into(), json!(user.msisdn));
        }
        if payment.asks_for("birthDate") {
            object.insert("birthdate".into(), json!("1815-12-10"));
        }
        if payment.asks_for("nin") {
            object.insert("nin".into(), json!("10121512345"));
        }
        if payment.asks_for("address") {
            object.insert(
                "address".into(),
                json!({"address_type": "home", "country": "NO", "postal_code": "0001",
                    "region": "OSLO", "street_address": "Example street 1",
                    "formatted": "Example street 1\n0001\nOSLO\nNO"}),
            );
        }
        Some(info)
    }
}

impl Payment {
    /// User data as eCom shows it: all of it for Express, else what the scope asked for.
    pub(super) fn ecom_user(&self) -> Option<Value> {
        let user = self.user.as_ref()?;
        let express = self.origin == Origin::Express;
        if !express && self.scope.is_none() {
            return None;
        }
        let given = |word: &str, value: &str| {
            (express || self.asks_for(word)).then(|| Value::String(value.to_owned()))
        };
        let members = [
            ("email", given("email", EMAIL)),
            ("firstName", given("name", FIRST_NAME)),
            ("lastName", given("name", LAST_NAME)),
            ("mobileNumber", given("phoneNumber", user.local())),
            ("userId", Some(json!(user.sub))),
        ];
        let object = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Some(Value::Object(object.collect()))
    }

    /// Where an Express order goes. Both spellings of the postcode, because clients read either.
    pub(super) fn shipping(&self) -> Option<Value> {
        let ecom = self.ecom.as_ref().filter(|_| self.user.is_some())?;
        let chosen = ecom.shipping.as_ref()?;
        Some(json!({
            "address": {
                "addressLine1": "Example street 1",
                "addressLine2": "",
                "city": "Oslo",
                "country": "Norway",
                "postCode": "0001",
                "zipCode": "0001",
            },
            "shippingCost": chosen.get("shippingCost").cloned().unwrap_or(json!(0)),
            "shippingMethod": chosen.get("shippingMethod").cloned().unwrap_or(json!("Pickup")),
            "shippingMethodId": chosen.get("shippingMethodId").cloned().unwrap_or(json!("pickup")),
        }))
    }
}
