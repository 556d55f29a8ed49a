//! Initiate: a new order is decided as one, and recorded in the same step of the store that tells whether it is new.
//!
//! Must not: send, or take for new what the store knows.

use super::super::answer::express_on_epayment_order;
use super::super::body::read_json;
use super::super::bridge::Bridge;
use super::super::context::{kind_of, note, spent, subject};
use super::{Answered, Call, refused, used};
use crate::ecom::error::Failure;
use crate::ecom::request::InitiatePayment;
use crate::ecom::used::Used;
use crate::payments::{Answer, Caller, NewAtEcom, NewOrder, NotFirst, Order, Subject};
use crate::routing::{self, Ask};
use crate::store::Known;
use crate::telemetry::{Fit, RequestFacts, Route};
use crate::translate::initiate::{self, PaymentType, Rules};
use crate::translate::loss::Loss;
use crate::types::{RequestId, Untranslatable};

/// An initiate as it was read.
struct New {
    kind: PaymentType,
    /// What is created; none where eCom judges the body.
    checked: Option<Result<NewOrder, Failure>>,
    untranslatable: Option<Untranslatable>,
    /// Whether it has members that the bridge does not know.
    unknown: bool,
    request_id: Option<RequestId>,
    fingerprint: [u8; 16],
    order: Order,
    subject: Option<Subject>,
    caller: Caller,
}

impl Bridge {
    pub(super) async fn initiate(&self, call: &Call, facts: &mut RequestFacts) -> Answered {
        let (body, unknown) = or_refuse!(read_json::<InitiatePayment>(
            &call.parts.headers,
            &call.body
        ));
        let request_id = or_refuse!(call.request_id());
        facts.seen.used = used(Used::of_initiate(&body), request_id.as_ref());
        let (msn, order) = initiate::identity(&body, call.header_msn());
        let kind = initiate::payment_type(&body);
        let settings = &call.snapshot.settings;
        let unit = self.unit(call, msn.as_ref());
        let rules = Rules {
            country: unit.country_code,
            allow_http_callbacks: settings.callbacks.allow_http,
        };
        let checked = match kind {
            PaymentType::Regular => Some(initiate::check(&body, call.header_msn(), &rules)),
            PaymentType::Express | PaymentType::Other => None,
        };
        let (Some(msn), Some(order)) = (msn, order) else {
            // Nothing to remember it by. eCom judges Express; of a regular one the members are missing.
            facts.seen.fit = Some(fit_of_initiate(kind, false, None));
            return match checked {
                Some(Err(failure)) => refused(failure),
                _ => (self.as_it_came(call, facts).await, Route::Ecom),
            };
        };
        note(facts, Some(&msn), &order);
        let order = self.order(call, Some(msn), order);
        let untranslatable = match &checked {
            None if kind == PaymentType::Other => Some(Untranslatable::PaymentType),
            Some(Ok(command)) => command.untranslatable(),
            _ => None,
        };
        let keeps_the_rules = matches!(checked, Some(Ok(_)));
        facts.seen.fit = Some(fit_of_initiate(kind, keeps_the_rules, untranslatable));
        let fingerprint = self.fingerprint(&body);
        let to_create = |command| NewOrder {
            fingerprint,
            interaction: unit.customer_interaction,
            random: uuid::Uuid::new_v4(),
            command,
            request_id: request_id.clone(),
            poll_after: self.poll_after(call),
            end_after: unit.unapproved_limit,
        };
        let new = New {
            kind,
            checked: checked.map(|checked| checked.map(to_create)),
            untranslatable,
            unknown: !unknown.is_empty(),
            request_id,
            fingerprint,
            subject: subject(order.clone()),
            caller: self.caller(call, order.scope.msn().cloned()),
            order,
        };
        let mut known = None;
        loop {
            match self.initiate_as(call, &new, known.as_deref(), facts).await {
                Ok(answered) => return answered,
                Err(NotFirst::Store(answer)) => return (answer, Route::Refused),
                Err(NotFirst::Known(found)) => known = Some(found),
            }
        }
    }

    /// Decides by what is known of the order, and does it. Without: as if nothing were, which holds of nearly every
    /// order; where it does not, nothing was done.
    async fn initiate_as(
        &self,
        call: &Call,
        new: &New,
        known: Option<&Known>,
        facts: &mut RequestFacts,
    ) -> Result<Answered, NotFirst> {
        let nothing = Known::default();
        let ask = Ask::Initiate {
            express: new.kind == PaymentType::Express,
            untranslatable: new.untranslatable,
        };
        let (order, first) = (&new.order, known.is_none());
        let known = known.unwrap_or(&nothing);
        let decision = self.decide(call, ask, order, known, None, facts);
        let to_epayment = decision.route == routing::Route::Epayment;
        let refusal = match &new.checked {
            _ if decision.route == routing::Route::Refused => Some(express_on_epayment_order()),
            Some(Err(failure)) if to_epayment => Some(failure.clone().into()),
            Some(Ok(_)) if to_epayment && new.subject.is_none() => Some(collides()),
            _ => None,
        };
        let answered = match (refusal, &new.checked, &new.subject) {
            // What is refused is not recorded, so only a look tells whether anything is known.
            (Some(_), ..) if first => {
                let known = self.payments.known(&new.caller, order).await;
                return Err(
                    known.map_or_else(NotFirst::Store, |known| NotFirst::Known(Box::new(known)))
                );
            }
            (Some(answer), ..) => (answer, Route::Refused),
            (None, Some(Ok(create)), Some(subject)) if to_epayment => {
                if let Err(full) = self.wait_at_epayment(call) {
                    return Ok(refused(full));
                }
                let answer = self
                    .create(&new.caller, subject, create, first, facts)
                    .await?;
                if new.unknown {
                    facts.loss(Loss::UnknownMemberDropped.code());
                }
                (answer, Route::Epayment)
            }
            _ => {
                let command = new
                    .checked
                    .as_ref()
                    .and_then(|checked| checked.as_ref().ok());
                let record = NewAtEcom {
                    kind: kind_of(new.kind),
                    amount: command.map(|create| create.command.amount),
                    text: command.map(|create| create.command.text.clone()),
                    request_id: new.request_id.clone(),
                    fingerprint: new.fingerprint,
                };
                let send = self.forward(call, facts);
                let initiated =
                    self.payments
                        .initiate_at_ecom(&new.caller, order, record, first, send);
                (initiated.await?, Route::Ecom)
            }
        };
        if let routing::Why::Untranslatable(reason) = decision.why {
            self.meters.untranslatable(reason.code());
        }
        Ok(answered)
    }

    /// A new payment in ePayment, of a body that was found good.
    async fn create(
        &self,
        caller: &Caller,
        subject: &Subject,
        new: &NewOrder,
        first: bool,
        facts: &mut RequestFacts,
    ) -> Result<Answer, NotFirst> {
        let (answer, losses) = if first {
            self.payments.initiate_first(caller, subject, new).await?
        } else {
            self.payments.initiate(caller, subject, new).await
        };
        losses.iter().for_each(|loss| facts.loss(loss.code()));
        spent(caller, facts);
        self.accepted(caller, &answer).await;
        Ok(answer)
    }
}

fn collides() -> Answer {
    Failure::field("transaction.orderId", Untranslatable::OrderCollides.told()).into()
}

/// Whether a new payment translates; of Express nothing is checked here.
const fn fit_of_initiate(
    kind: PaymentType,
    keeps_the_rules: bool,
    untranslatable: Option<Untranslatable>,
) -> Fit {
    match (kind, untranslatable) {
        (_, Some(reason)) => Fit::Not(reason.code()),
        (PaymentType::Express, None) => Fit::Express,
        (PaymentType::Regular | PaymentType::Other, None) if keeps_the_rules => Fit::Whole,
        (PaymentType::Regular | PaymentType::Other, None) => Fit::Invalid,
    }
}
