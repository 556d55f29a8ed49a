//! What a call is about and who makes it: the sales unit, the order, the caller, the route.
//!
//! The MSN comes from header or body, else from the caller's own record of the order, else from what is configured for
//! or seen with the subscription key, else from the only configured merchant. None or several: upstream judges. Must
//! not: take another caller's record for one's own.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::bridge::Bridge;
use super::calls::Call;
use crate::ecom::error::Failure;
use crate::ecom::request::InitiatePayment;
use crate::ecom::route::Operation;
use crate::epayment::model::Money;
use crate::payments::{AdjustOptions, Answer, Caller, INITIATE_DOUBT, Order, Subject};
use crate::routing::{self, Ask, Decision, Facts};
use crate::settings::MerchantSettings;
use crate::store::{Attempt, Known};
use crate::telemetry::{Api, Class, RequestFacts, Route};
use crate::translate::initiate::PaymentType;
use crate::types::{CallerHash, Kind, Msn, OrderText, Origin, Scope};
use crate::upstream::{Budget, Credentials, RawReply, SUBSCRIPTION_KEY, SendFailure};

const MSN_NAME: &str = "merchantInfo.merchantSerialNumber";

/// Kept back from the merchant's time for writing the answer.
const ANSWER_MARGIN: Duration = Duration::from_millis(200);

impl Bridge {
    pub(super) fn caller_hash(&self, call: &Call) -> CallerHash {
        let key = call
            .parts
            .headers
            .get(SUBSCRIPTION_KEY)
            .map_or(&b""[..], |value| value.as_bytes());
        CallerHash::of(key, self.payments.store.secret())
    }

    /// The sales unit of a call that names an order.
    pub(super) async fn sales_unit(
        &self,
        call: &Call,
        named: Option<Msn>,
        order: &OrderText,
    ) -> Result<Option<Msn>, Answer> {
        if named.is_some() {
            return Ok(named);
        }
        let store = &self.payments.store;
        let caller = self.caller_hash(call);
        if let [one] = store.units_of_order(caller, order).await?.as_slice() {
            return Ok(Some(one.clone()));
        }
        let settings = &call.snapshot.settings;
        let configured = call
            .header(&SUBSCRIPTION_KEY)
            .map(|key| settings.msn_for_subscription_key(key));
        match configured.as_deref().unwrap_or_default() {
            [one] => return Ok(Some((*one).clone())),
            [] => {}
            _ => return Ok(None),
        }
        match store.units_of_caller(caller).await?.as_slice() {
            [one] => Ok(Some(one.clone())),
            [] => Ok(settings.only_merchant().cloned()),
            _ => Ok(None),
        }
    }

    pub(super) fn unit(&self, call: &Call, msn: Option<&Msn>) -> MerchantSettings {
        let settings = &call.snapshot.settings;
        msn.map_or_else(
            || settings.merchant_defaults.clone(),
            |msn| settings.merchant(msn),
        )
    }

    pub(super) fn order(&self, call: &Call, msn: Option<Msn>, order: OrderText) -> Order {
        let unit = self.unit(call, msn.as_ref());
        let scope = msn.map_or_else(|| Scope::Caller(self.caller_hash(call)), Scope::Unit);
        crate::callbacks::order_of(scope, order, unit)
    }

    pub(super) fn caller(&self, call: &Call, msn: Option<Msn>) -> Caller {
        let deadline = call
            .deadline
            .checked_sub(ANSWER_MARGIN)
            .unwrap_or(call.deadline);
        let settings = &call.snapshot.settings;
        Caller {
            credentials: Credentials::of(&call.parts.headers, msn),
            hash: self.caller_hash(call),
            budget: Budget {
                deadline,
                per_call: settings.upstream.timeout,
            },
            terms: crate::callbacks::terms_of(settings),
            spent: Arc::clone(&call.spent),
            early: Arc::clone(&call.early),
        }
    }

    /// When a new payment is first asked for: soon where no webhook can come, else as a safety net.
    pub(super) fn poll_after(&self, call: &Call) -> Option<Duration> {
        let settings = &call.snapshot.settings;
        let pause = if settings.webhooks.public_url.is_some() {
            60
        } else {
            5
        };
        settings.reads.poll.then_some(Duration::from_secs(pause))
    }

    /// ePayment has accepted a call: its credentials may serve the sales unit, and the unit is served.
    pub(super) async fn accepted(&self, caller: &Caller, answer: &Answer) {
        if let (Some(served), Some(msn), Answer::Json(_)) =
            (&self.served, &caller.credentials.msn, answer)
        {
            let noted = served.accepted(msn, &caller.credentials);
            caller.telling(answer, Route::Epayment, noted).await;
        }
    }

    /// Decides, and notes the decision.
    pub(super) fn decide(
        &self,
        call: &Call,
        ask: Ask,
        order: &Order,
        known: &Known,
        open_at: Option<Origin>,
        facts: &mut RequestFacts,
    ) -> Decision {
        let asked = Facts {
            ask,
            msn: order.scope.msn(),
            order: &order.order,
            known: self.birth(known),
            open_at,
        };
        let decision = routing::decide(&asked, &call.snapshot.policy);
        if self.shadow.is_some() {
            // The last one counts: what was taken for a new order may be known.
            *call.decided.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((order.clone(), known.clone()));
        }
        let route = match decision.route {
            routing::Route::Epayment => Route::Epayment,
            routing::Route::Ecom | routing::Route::EcomThenEpayment => Route::Ecom,
            routing::Route::Refused => Route::Refused,
        };
        facts.routed(route, decision.why.word());
        facts.seen.side = Some(route);
        facts.seen.free = by_toggle(decision.why);
        decision
    }

    /// What the record says of a payment's birth. An attempt of unknown outcome binds the order as well.
    fn birth(&self, known: &Known) -> routing::Known {
        if let Some(payment) = &known.payment {
            return routing::Known::Born(payment.facts.origin, payment.facts.kind);
        }
        match &known.attempt {
            Some(attempt) if self.binds(attempt) => {
                routing::Known::Born(attempt.facts.origin, attempt.facts.kind)
            }
            _ => routing::Known::Nothing,
        }
    }

    /// An attempt at eCom that nobody has resolved does not bind for ever: nothing resolves it but another call.
    fn binds(&self, attempt: &Attempt) -> bool {
        attempt.facts.origin == Origin::Epayment
            || self.payments.clock.now().since(attempt.begun_at) < INITIATE_DOUBT
    }

    /// Whether the payment is known to exist, or may just have been made.
    pub(super) fn exists(&self, known: &Known) -> bool {
        known.payment.is_some()
            || known
                .attempt
                .as_ref()
                .is_some_and(|attempt| self.binds(attempt))
    }

    /// What else decides how a money call is done.
    pub(super) fn adjust_options(
        &self,
        call: &Call,
        subject: &Subject,
        known: &Known,
    ) -> AdjustOptions {
        AdjustOptions {
            transaction_id: call.snapshot.policy.transaction_id(subject.scope.msn()),
            known: self.exists(known),
            whole: goes_back(known),
            created: created_over(known),
        }
    }

    /// The one sending of a call to eCom, as it came.
    pub(super) async fn forward(
        &self,
        call: &Call,
        facts: &mut RequestFacts,
    ) -> Result<RawReply, SendFailure> {
        self.wait_at(call, Api::Ecom)?;
        let budget = Budget {
            deadline: call.deadline,
            per_call: call.snapshot.settings.upstream.timeout,
        };
        if !matches!(call.operation, Operation::Details | Operation::Status) {
            let begun = call.spent.begin_change(budget);
            begun.map_err(SendFailure::NotSent)?;
        }
        let began = Instant::now();
        let sent = self
            .forwarder
            .forward_bytes(&call.parts, call.body.clone(), budget)
            .await;
        if !sent.as_ref().is_err_and(SendFailure::is_kept_back) {
            let took = began.elapsed();
            facts.upstream(took);
            self.meters
                .upstream(Api::Ecom, call.operation.word(), took.as_secs_f64());
        }
        sent
    }

    /// Passes a call to eCom that can't be remembered.
    pub(super) async fn as_it_came(&self, call: &Call, facts: &mut RequestFacts) -> Answer {
        facts.routed(Route::Ecom, "unreadable");
        facts.seen.side = Some(Route::Ecom);
        match self.forward(call, facts).await {
            Ok(raw) => Answer::Raw(raw),
            Err(SendFailure::NotSent(_)) => {
                Failure::unreachable("eCom can't be reached, and nothing was done. Repeat later")
                    .into()
            }
            Err(_) => Failure::unknown("eCom gave no answer about the new payment").into(),
        }
    }

    /// Tells an equal repeat: a keyed hash of the parsed body, in which the time stamp's value does not stand.
    pub(super) fn fingerprint(&self, body: &InitiatePayment) -> [u8; 16] {
        let secret = self.payments.store.secret();
        secret.hash_value("initiate", body)
    }
}

/// Whether the record goes back to the payment's creation. What was only read of it may be all that a new store knows.
fn goes_back(known: &Known) -> bool {
    known
        .payment
        .as_ref()
        .map_or(known.attempt.is_some(), |record| {
            match record.facts.origin {
                Origin::Epayment => record.create_key.is_some(),
                Origin::Ecom => record.facts.kind != Kind::Unproven,
            }
        })
}

/// The sum of a payment that the bridge created in ePayment.
fn created_over(known: &Known) -> Option<Money> {
    let record = known.payment.as_ref()?;
    record.create_key.as_ref()?;
    Some(Money {
        currency: record.facts.currency?,
        value: record.facts.amount?,
    })
}

/// Notes upstream's time for the log.
pub(super) fn spent(caller: &Caller, facts: &mut RequestFacts) {
    let (calls, took) = caller.spent.total();
    facts.upstream_calls(calls, took);
}

/// The order as ePayment names it, where it can.
pub(super) fn subject(order: Order) -> Option<Subject> {
    let reference = order.order.reference()?;
    Some(Subject { order, reference })
}

pub(super) fn note(facts: &mut RequestFacts, msn: Option<&Msn>, order: &OrderText) {
    if let Some(msn) = msn {
        facts.msn(msn);
    }
    if let Some(order) = order.strict() {
        facts.order(&order);
    }
}

/// A sales unit that the header names.
pub(super) fn named_unit(text: &str) -> Result<Msn, Failure> {
    let told = "must be the sales unit's number, 4 to 7 digits";
    Msn::parse(text).ok_or_else(|| Failure::field("Merchant-Serial-Number", told))
}

/// Whether a failure says that it is not clear whose call it is: then nothing is sent anywhere.
pub(super) fn names_the_unit(failure: &Failure) -> bool {
    failure
        .entries
        .iter()
        .any(|(_, code, _)| code == MSN_NAME || code == "Merchant-Serial-Number")
}

/// Whether the toggles decided, and either API could have had the call.
const fn by_toggle(why: routing::Why) -> bool {
    use routing::Why::{
        Automatic, Bucket, KillSwitch, Override, Toggle, UnitKillSwitch, UnitOverride, UnitToggle,
    };
    matches!(
        why,
        Automatic
            | Bucket
            | KillSwitch
            | Override
            | Toggle
            | UnitKillSwitch
            | UnitOverride
            | UnitToggle
    )
}

/// What became of a call, for the log.
pub(super) const fn outcome_word(answer: &Answer, class: Class) -> &'static str {
    match (answer, class) {
        (Answer::Json(_), _) | (Answer::Raw(_), Class::Done) => "done",
        (Answer::Raw(raw), _) if raw.status < 400 => "error-in-success",
        (Answer::Raw(_), _) => "refused-upstream",
        (Answer::Failure(failure, _), _) => match failure.status {
            502 => "unknown-or-unreachable",
            503 => "store",
            _ => "refused",
        },
    }
}

/// A payment type that the bridge does not know may be Express in eCom's eyes.
pub(super) const fn kind_of(kind: PaymentType) -> Kind {
    match kind {
        PaymentType::Regular => Kind::Regular,
        PaymentType::Express => Kind::Express,
        PaymentType::Other => Kind::Unproven,
    }
}
