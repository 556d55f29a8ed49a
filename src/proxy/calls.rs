//! The seven calls of eCom: read, decide, hand to the use case.
//!
//! The decision is `routing`'s, the work is `payments`'; here the two meet the HTTP request. Must not: translate, send
//! by itself, or decide anything about money.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http::request;

use super::body::read_json;
use super::bridge::Bridge;
use super::bulkheads::Berth;
use super::context::{named_unit, names_the_unit, note, outcome_word, spent, subject};
use super::headers::read_once;
use super::judge::judged;
use super::memory::Part;
use crate::ecom::error::Failure;
use crate::ecom::request::{Adjust, ForceApprove};
use crate::ecom::route::Operation;
use crate::ecom::used::{Member, Used};
use crate::payments::{
    Adjustment, Answer, AtEcom, Caller, Early, Forwarding, Order, Reading, View, sent_before,
};
use crate::routing::{self, Ask};
use crate::settings::Snapshot;
use crate::store::Known;
use crate::telemetry::{Fit, RequestFacts, Route};
use crate::translate::adjust::{self, Adjusting, Asked};
use crate::translate::approve;
use crate::translate::loss::Loss;
use crate::types::{KeyMaker, MoneyOp, OrderText, RequestId, Untranslatable};
use crate::upstream::{MERCHANT_SERIAL_NUMBER, Spent};

/// A call of eCom with its body read.
pub(super) struct Call {
    pub(super) parts: request::Parts,
    pub(super) body: Bytes,
    pub(super) operation: Operation,
    /// As it stands in the path, decoded; empty for initiate.
    pub(super) order: String,
    pub(super) deadline: Instant,
    pub(super) snapshot: Arc<Snapshot>,
    /// Upstream's time, and whether anything may have been changed.
    pub(super) spent: Arc<Spent>,
    /// What may be told before all is done.
    pub(super) early: Arc<Early>,
    /// What was decided about, and what was known of it; for shadowing, empty where nobody looks.
    pub(super) decided: Mutex<Option<(Order, Known)>>,
    /// Its place at the API that it waits for.
    pub(super) berth: Mutex<Option<Berth>>,
    /// What its body takes of the memory for bodies.
    pub(super) _memory: Part,
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

mod initiate;

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
        let (known, calls) = or_answer!(self.payments.known_with_calls(&caller, &order).await);
        let open_at = sent_before(&calls.0, op, request_id.as_ref());
        let mut seen = Some(calls);
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
            seen = None;
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
        or_refuse!(self.wait_at_epayment(call));
        let options = self.adjust_options(call, &subject, &known);
        let answer = self
            .payments
            .adjust(&caller, &subject, &asked, options, seen)
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
        let (known, calls) = or_answer!(self.payments.known_with_calls(&caller, &order).await);
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
        or_refuse!(self.wait_at_epayment(call));
        let answer = self
            .payments
            .read(
                &caller,
                &subject,
                Reading {
                    view,
                    known,
                    calls: Some(calls.0),
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
        or_refuse!(self.wait_at_epayment(call));
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

/// Whether a call about an order translates.
fn fit_of(why: routing::Why, order: &Order) -> Fit {
    match why {
        routing::Why::Express | routing::Why::MaybeExpress => Fit::Express,
        _ => Untranslatable::of_order(&order.order)
            .map_or(Fit::Whole, |reason| Fit::Not(reason.code())),
    }
}
