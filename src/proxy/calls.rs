//! The seven calls of eCom: read, decide, hand to the use case.
//!
//! The decision is `routing`'s, the work is `payments`'; here the two meet the HTTP request. Must not: translate, send
//! by itself, or decide anything about money.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use http::request;

use super::answer::express_on_epayment_order;
use super::body::read_json;
use super::bridge::Bridge;
use super::context::{kind_of, named_unit, names_the_unit, note, outcome_word, spent, subject};
use super::headers::read_once;
use super::judge::judged;
use crate::ecom::error::Failure;
use crate::ecom::request::{Adjust, ForceApprove, InitiatePayment};
use crate::ecom::route::Operation;
use crate::ecom::used::{Member, Used};
use crate::payments::{
    Adjustment, Answer, AtEcom, Caller, Forwarding, NewAtEcom, NewOrder, Order, Reading, View,
};
use crate::routing::{self, Ask};
use crate::settings::Snapshot;
use crate::store::Known;
use crate::telemetry::{Fit, RequestFacts, Route};
use crate::translate::adjust::{self, Adjusting, Asked};
use crate::translate::approve;
use crate::translate::initiate::{self, PaymentType, Rules};
use crate::translate::loss::Loss;
use crate::types::{KeyMaker, MoneyOp, OrderText, RequestId, Untranslatable};
use crate::upstream::MERCHANT_SERIAL_NUMBER;

/// A call of eCom with its body read.
pub(super) struct Call {
    pub(super) parts: request::Parts,
    pub(super) body: Bytes,
    pub(super) operation: Operation,
    /// As it stands in the path, decoded; empty for initiate.
    pub(super) order: String,
    pub(super) deadline: Instant,
    pub(super) snapshot: Arc<Snapshot>,
    /// What was decided about, and what was known of it; for shadowing, empty where nobody looks.
    pub(super) decided: OnceLock<(Order, Known)>,
}

type Answered = (Answer, Route);

fn refused(failure: Failure) -> Answered {
    (failure.into(), Route::Refused)
}

/// Refuses with the bridge's own answer.
macro_rules! or_refuse {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(failure) => return refused(failure),
        }
    };
}

/// The store could not be asked: nothing was sent.
macro_rules! or_answer {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(answer) => return (answer, Route::Refused),
        }
    };
}

impl Call {
    pub(super) fn header(&self, name: &http::HeaderName) -> Option<&str> {
        self.parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
            .filter(|v| !v.is_empty())
    }

    fn header_msn(&self) -> Option<&str> {
        self.header(&MERCHANT_SERIAL_NUMBER)
    }

    /// `X-Request-Id`; empty counts as absent.
    fn request_id(&self) -> Result<Option<RequestId>, Failure> {
        let Some(value) = self.parts.headers.get("x-request-id") else {
            return Ok(None);
        };
        let wrong = || Failure::field("X-Request-Id", "must be at most 64 printable characters");
        let text = value.to_str().map_err(|_| wrong())?.trim();
        if text.is_empty() {
            return Ok(None);
        }
        RequestId::parse(text).map(Some).ok_or_else(wrong)
    }

    fn path_order(&self) -> Result<OrderText, Failure> {
        OrderText::parse(&self.order)
            .ok_or_else(|| Failure::field("orderId", "must be 1 to 50 characters"))
    }
}

impl Bridge {
    /// Does what the call asks.
    pub(super) async fn work(&self, call: &Call, facts: &mut RequestFacts) -> Answered {
        let answered = match call.operation {
            _ if let Err(failure) = read_once(&call.parts.headers) => refused(failure),
            Operation::Initiate => self.initiate(call, facts).await,
            Operation::Capture => self.adjust(call, MoneyOp::Capture, facts).await,
            Operation::Cancel => self.adjust(call, MoneyOp::Cancel, facts).await,
            Operation::Refund => self.adjust(call, MoneyOp::Refund, facts).await,
            Operation::Details => self.read(call, View::Details, facts).await,
            Operation::Status => self.read(call, View::Status, facts).await,
            Operation::Approve => self.approve(call, facts).await,
        };
        let (class, told) = judged(&answered.0, answered.1);
        facts.seen.class = Some(class);
        facts.seen.told = told;
        let outcome = outcome_word(&answered.0, class);
        if answered.1 == Route::Refused && facts.route() != Some(Route::Refused) {
            let why = if outcome == "store" {
                "store"
            } else {
                "invalid"
            };
            facts.routed(Route::Refused, why);
        }
        facts.outcome(outcome);
        answered
    }

    async fn initiate(&self, call: &Call, facts: &mut RequestFacts) -> Answered {
        let (body, unknown) = or_refuse!(read_json::<InitiatePayment>(
            &call.parts.headers,
            &call.body
        ));
        let request_id = or_refuse!(call.request_id());
        facts.seen.used = used(Used::of_initiate(&body), request_id.as_ref());
        let (msn, order) = initiate::identity(&body, call.header_msn());
        let kind = initiate::payment_type(&body);
        let settings = &call.snapshot.settings;
        let rules = Rules {
            country: self.unit(call, msn.as_ref()).country_code,
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
        let caller = self.caller(call, order.scope.msn().cloned());
        let known = or_answer!(self.payments.known(&caller, &order).await);
        let untranslatable = match &checked {
            None if kind == PaymentType::Other => Some(Untranslatable::PaymentType),
            Some(Ok(command)) => command.untranslatable(),
            _ => None,
        };
        let keeps_the_rules = matches!(checked, Some(Ok(_)));
        facts.seen.fit = Some(fit_of_initiate(kind, keeps_the_rules, untranslatable));
        let ask = Ask::Initiate {
            express: kind == PaymentType::Express,
            untranslatable,
        };
        let decision = self.decide(call, ask, &order, &known, None, facts);
        if let routing::Why::Untranslatable(reason) = decision.why {
            self.meters.untranslatable(reason.code());
        }
        match (decision.route, checked) {
            (routing::Route::Refused, _) => (express_on_epayment_order(), Route::Refused),
            (routing::Route::Epayment, Some(checked)) => {
                let command = or_refuse!(checked);
                if !unknown.is_empty() {
                    facts.loss(Loss::UnknownMemberDropped.code());
                }
                let new = NewOrder {
                    fingerprint: self.fingerprint(&body),
                    interaction: self.unit(call, order.scope.msn()).customer_interaction,
                    random: uuid::Uuid::new_v4(),
                    command,
                    request_id,
                    poll_after: self.poll_after(call),
                    end_after: self.unit(call, order.scope.msn()).unapproved_limit,
                };
                self.create(&caller, order, new, facts).await
            }
            (_, checked) => {
                let command = checked.and_then(Result::ok);
                let new = NewAtEcom {
                    kind: kind_of(kind),
                    amount: command.as_ref().map(|command| command.amount),
                    text: command.map(|command| command.text),
                    request_id,
                    fingerprint: self.fingerprint(&body),
                };
                let send = self.forward(call, facts);
                let initiated = self.payments.initiate_at_ecom(&caller, &order, new, send);
                (initiated.await, Route::Ecom)
            }
        }
    }

    /// A new payment in ePayment, of a body that was found good.
    async fn create(
        &self,
        caller: &Caller,
        order: Order,
        new: NewOrder,
        facts: &mut RequestFacts,
    ) -> Answered {
        let Some(subject) = subject(order) else {
            return refused(Failure::field(
                "transaction.orderId",
                Untranslatable::OrderCollides.told(),
            ));
        };
        let (answer, losses) = self.payments.initiate(caller, &subject, new).await;
        losses.iter().for_each(|loss| facts.loss(loss.code()));
        spent(caller, facts);
        self.accepted(caller, &answer).await;
        (answer, Route::Epayment)
    }

    async fn adjust(&self, call: &Call, op: MoneyOp, facts: &mut RequestFacts) -> Answered {
        let (body, unknown) = or_refuse!(read_json::<Adjust>(&call.parts.headers, &call.body));
        let request_id = or_refuse!(call.request_id());
        let text = or_refuse!(call.path_order());
        facts.seen.used = used(Used::of_adjust(&body), request_id.as_ref());
        let checked = adjust::check(op, &body, call.header_msn());
        facts.seen.fit = checked.is_err().then_some(Fit::Invalid);
        let named = match &checked {
            Ok(command) => command.msn.clone(),
            Err(failure) if names_the_unit(failure) => return refused(failure.clone()),
            Err(_) => None,
        };
        let msn = or_answer!(self.sales_unit(call, named, &text).await);
        note(facts, msn.as_ref(), &text);
        let order = self.order(call, msn, text);
        let caller = self.caller(call, order.scope.msn().cloned());
        let known = or_answer!(self.payments.known(&caller, &order).await);
        let open_at = or_answer!(
            self.payments
                .sent_before(&order, op, request_id.as_ref())
                .await
        );
        let decision = self.decide(
            call,
            Ask::About(call.operation),
            &order,
            &known,
            open_at,
            facts,
        );
        facts.seen.fit = facts
            .seen
            .fit
            .or_else(|| Some(fit_of(decision.why, &order)));
        let command = or_refuse!(commanded(decision.route, checked));
        let losses = command.losses.iter().map(|loss| loss.code());
        losses.for_each(|code| facts.loss(code));
        if request_id
            .as_ref()
            .is_some_and(|id| !KeyMaker::is_carried(id))
        {
            facts.loss(Loss::RequestIdHashed.code());
        }
        if !unknown.is_empty() {
            facts.loss(Loss::UnknownMemberDropped.code());
        }
        let asked = Adjustment {
            op,
            command,
            request_id,
            random: uuid::Uuid::new_v4(),
        };
        let exists = self.exists(&known);
        if matches!(
            decision.route,
            routing::Route::Ecom | routing::Route::EcomThenEpayment
        ) {
            let send = self.forward(call, facts);
            let told = self
                .change_at_ecom(&caller, &order, &asked, send, exists)
                .await;
            if let Some(answer) = told {
                return (answer, Route::Ecom);
            }
        }
        let Some(subject) = subject(order) else {
            return refused(Failure::field(
                "orderId",
                Untranslatable::OrderCharacters.told(),
            ));
        };
        let options = self.adjust_options(call, &subject, &known);
        let answer = self
            .payments
            .adjust(&caller, &subject, &asked, options)
            .await;
        spent(&caller, facts);
        self.accepted(&caller, &answer).await;
        (answer, Route::Epayment)
    }

    /// eCom's answer to a change; none where eCom knows no such order and ePayment is to be asked next.
    async fn change_at_ecom(
        &self,
        caller: &Caller,
        order: &Order,
        asked: &Adjustment,
        send: impl Forwarding,
        exists: bool,
    ) -> Option<Answer> {
        let subject = subject(order.clone());
        let at_ecom = self
            .payments
            .adjust_at_ecom(caller, order, subject.as_ref(), asked, send)
            .await;
        match (at_ecom, &subject) {
            // Of an order of unknown birth, eCom's "no such order" is no word about ePayment.
            (AtEcom::NoSuchOrder(_), Some(_)) if !exists => None,
            (AtEcom::NoSuchOrder(answer), _) => Some(answer),
            (AtEcom::Answered(answer), _) => {
                if !exists && matches!(&answer, Answer::Raw(raw) if raw.status < 300) {
                    self.payments.learn_ecom(caller, order).await;
                }
                Some(answer)
            }
        }
    }

    async fn read(&self, call: &Call, view: View, facts: &mut RequestFacts) -> Answered {
        let text = or_refuse!(call.path_order());
        let named = or_refuse!(call.header_msn().map(named_unit).transpose());
        let msn = or_answer!(self.sales_unit(call, named, &text).await);
        note(facts, msn.as_ref(), &text);
        let order = self.order(call, msn, text);
        let caller = self.caller(call, order.scope.msn().cloned());
        let known = or_answer!(self.payments.known(&caller, &order).await);
        let decision = self.decide(
            call,
            Ask::About(call.operation),
            &order,
            &known,
            None,
            facts,
        );
        facts.seen.fit = Some(fit_of(decision.why, &order));
        let exists = self.exists(&known);
        let fixes_birth = decision.route == routing::Route::EcomThenEpayment;
        if matches!(
            decision.route,
            routing::Route::Ecom | routing::Route::EcomThenEpayment
        ) {
            let send = self.forward(call, facts);
            match self
                .payments
                .read_at_ecom(&caller, &order, exists, send)
                .await
            {
                AtEcom::NoSuchOrder(_) if fixes_birth => {}
                AtEcom::NoSuchOrder(answer) | AtEcom::Answered(answer) => {
                    return (answer, Route::Ecom);
                }
            }
        }
        let Some(subject) = subject(order) else {
            return refused(Failure::field(
                "orderId",
                Untranslatable::OrderCharacters.told(),
            ));
        };
        let answer = self
            .payments
            .read(
                &caller,
                &subject,
                Reading {
                    view,
                    known,
                    fixes_birth,
                },
                call.snapshot.settings.reads.details_cache,
            )
            .await;
        spent(&caller, facts);
        self.accepted(&caller, &answer).await;
        (answer, Route::Epayment)
    }

    async fn approve(&self, call: &Call, facts: &mut RequestFacts) -> Answered {
        let (body, _) = or_refuse!(read_json::<ForceApprove>(&call.parts.headers, &call.body));
        let text = or_refuse!(call.path_order());
        let named = or_refuse!(call.header_msn().map(named_unit).transpose());
        let msn = or_answer!(self.sales_unit(call, named, &text).await);
        note(facts, msn.as_ref(), &text);
        let order = self.order(call, msn, text);
        let caller = self.caller(call, order.scope.msn().cloned());
        let known = or_answer!(self.payments.known(&caller, &order).await);
        let decision = self.decide(
            call,
            Ask::About(call.operation),
            &order,
            &known,
            None,
            facts,
        );
        if matches!(
            decision.route,
            routing::Route::Ecom | routing::Route::EcomThenEpayment
        ) {
            let send = self.forward(call, facts);
            match self
                .payments
                .read_at_ecom(&caller, &order, false, send)
                .await
            {
                AtEcom::NoSuchOrder(_) if decision.route == routing::Route::EcomThenEpayment => {}
                AtEcom::NoSuchOrder(answer) | AtEcom::Answered(answer) => {
                    return (answer, Route::Ecom);
                }
            }
        }
        let approval = or_refuse!(approve::to_approve(&body, &order.country));
        let Some(subject) = subject(order) else {
            return refused(Failure::field(
                "orderId",
                Untranslatable::OrderCharacters.told(),
            ));
        };
        let answer = self.payments.approve(&caller, &subject, &approval).await;
        spent(&caller, facts);
        self.accepted(&caller, &answer).await;
        (answer, Route::Epayment)
    }
}

/// What is asked, where it can be read. eCom judges what goes to it as it came.
fn commanded(
    route: routing::Route,
    checked: Result<Adjusting, Failure>,
) -> Result<Adjusting, Failure> {
    match (route, checked) {
        (routing::Route::Ecom, Err(_)) => Ok(Adjusting {
            msn: None,
            asked: Asked::AllThatRemains,
            text: String::new(),
            release: false,
            losses: vec![],
        }),
        (_, checked) => checked,
    }
}

/// With the header that names a request.
fn used(members: Used, request_id: Option<&RequestId>) -> Used {
    match request_id {
        Some(_) => members.and(Member::RequestId),
        None => members,
    }
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

/// Whether a call about an order translates.
fn fit_of(why: routing::Why, order: &Order) -> Fit {
    match why {
        routing::Why::Express | routing::Why::MaybeExpress => Fit::Express,
        _ => Untranslatable::of_order(&order.order)
            .map_or(Fit::Whole, |reason| Fit::Not(reason.code())),
    }
}
