//! ePayment's create: who may pay how, and what a new payment begins with.
//!
//! Permissions are 403 with their numbers, a used reference is 409. Source: ePayment API 1.4.1 and its error table. Must
//! not: read the body itself (`check` does) or mind the key (`epayment` does).

use serde_json::{Value, json};

use super::check::{self, Create, Flow};
use super::payment::{Api, Event, Origin, Payment, Sums};
use super::problems::Refusal;
use super::rules::CaptureType;
use super::{Id, Reply, World};
use crate::epayment::event::EventName;
use crate::epayment::model::State;
use crate::types::{Moment, Msn};

impl World {
    /// Whether the unit and the user may pay like this.
    fn permit(&self, msn: &Msn, create: &Create, now: Moment) -> Result<(), Refusal> {
        let forbidden = |code, title| Err(Refusal::new(403, code, title, title));
        if let Some(unit) = self.units.get(msn.as_str()) {
            if unit.blocked {
                return forbidden(5040, "Operation not allowed");
            }
            if unit.capture_type == CaptureType::Direct {
                return forbidden(5060, "Reserve capture not allowed");
            }
            if create.flow == Flow::Push && !unit.push_allowed {
                return forbidden(5080, "Skip landing page not allowed");
            }
            if create.expires_at.is_some() && !unit.long_living_allowed {
                return forbidden(5050, "Long-living payment not allowed");
            }
            if let Some(scope) = &create.scope {
                let nin = scope.split_whitespace().any(|w| w == "nin");
                if !unit.scope_allowed || nin && !unit.nin_allowed {
                    return forbidden(5030, "Illegal scope");
                }
            }
            if unit.limit.is_some_and(|limit| create.amount.value > limit) {
                return Err(Refusal::new(
                    400,
                    10_070,
                    "Payment limit exceeded",
                    "Above the limit",
                ));
            }
        }
        if let Some(at) = &create.expires_at {
            let ahead = Moment::parse(at).map(|at| at.since(now).as_secs());
            if !ahead.is_some_and(|s| (600..28 * 86_400).contains(&s)) {
                return Err(Refusal::field(
                    "expiresAt",
                    "must be 10 minutes to 28 days ahead",
                ));
            }
        }
        match &create.phone {
            Some(phone) if self.rules.unknown_numbers.contains(phone) => Err(Refusal::new(
                400,
                7010,
                "Customer not found",
                "No user has it",
            )),
            Some(phone) if self.rules.numbers_without_card.contains(phone) => Err(Refusal::new(
                400,
                10_050,
                "No cards",
                "The user has no valid card",
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn create(
        &mut self,
        msn: &Msn,
        key: &str,
        body: &Value,
        now: Moment,
    ) -> Result<Reply, Refusal> {
        let create = check::create(body)?;
        self.permit(msn, &create, now)?;
        let id: Id = (
            msn.as_str().to_owned(),
            create.reference.as_str().to_owned(),
        );
        if self.payments.contains_key(&id) {
            return Err(Refusal::new(
                409,
                4150,
                "Idempotency error: reference exists",
                "A payment of this sales unit has this reference already",
            ));
        }
        let token = self.uuid();
        let redirect_url = match create.flow {
            Flow::Push => None,
            Flow::Native => Some(format!("vipps://?token={token}")),
            Flow::Web | Flow::Qr => Some(format!("{}{token}", self.landing)),
        };
        let expires = create.expires_at.as_deref().and_then(Moment::parse);
        let payment = Payment {
            msn: id.0.clone(),
            reference: id.1.clone(),
            origin: Origin::Epayment,
            amount: create.amount.value,
            currency: create.amount.currency,
            state: State::Created,
            sums: Sums::default(),
            events: Vec::new(),
            psp: self.uuid(),
            first_number: self.number(),
            token,
            redirect_url: redirect_url.clone(),
            expires: expires.or_else(|| self.lifetime(now)),
            authorized_at: None,
            scope: create.scope,
            phone: create.phone,
            metadata: create.metadata,
            method: create.method,
            user: None,
            locked: false,
            fail_next: false,
            ecom: None,
        };
        self.insert(&id, payment);
        let event = Event {
            name: EventName::Created,
            amount: create.amount.value,
            at: now,
            number: self.number(),
            key: Some(key.to_owned()),
            request_id: None,
            text: create.description,
            success: true,
            by: Api::Epayment,
        };
        self.note(&id, event);
        let mut body = json!({"reference": id.1});
        if let (Some(url), Some(object)) = (redirect_url, body.as_object_mut()) {
            object.insert("redirectUrl".to_owned(), json!(url));
        }
        Ok(Reply {
            status: 201,
            body: Some(body),
            modification: false,
        })
    }

    pub(super) fn lifetime(&self, now: Moment) -> Option<Moment> {
        let seconds = self.rules.lifetime_s;
        (seconds > 0).then(|| now.plus(std::time::Duration::from_secs(seconds)))
    }
}
