//! What today's translation makes of a recorded change: the request to ePayment, a refusal, or eCom as it came.
//!
//! The same functions as `serve`, without routing: a toggle moves a call, and is no difference of the translation. Must
//! not: read the payment (what a remainder is, nobody knows offline), or use chance.

use serde::Serialize;
use serde_json::Value;

use super::super::record::line::{Line, Outgoing, Sent};
use crate::ecom::error::Failure;
use crate::ecom::read;
use crate::ecom::request::{Adjust, ForceApprove, InitiatePayment};
use crate::ecom::route::Operation;
use crate::epayment::model::{Modification, Money};
use crate::translate::adjust::{self, Asked};
use crate::translate::approve;
use crate::translate::initiate::{self, CreateContext, PaymentType, Rules};
use crate::translate::loss::Loss;
use crate::types::{KeyMaker, MoneyOp, OrderText, RequestId, Untranslatable};

/// The reason of what is Express: it is created in eCom.
const EXPRESS: &str = "express";

/// Says what becomes of a change with this body; `None` for a read.
pub type Judge = fn(&Line, &[u8]) -> Option<Outgoing>;

/// The translation of this release.
#[must_use]
pub fn translated(line: &Line, body: &[u8]) -> Option<Outgoing> {
    let made = match line.operation {
        Operation::Initiate => created(line, body),
        Operation::Capture => changed(line, body, MoneyOp::Capture),
        Operation::Cancel => changed(line, body, MoneyOp::Cancel),
        Operation::Refund => changed(line, body, MoneyOp::Refund),
        Operation::Approve => approved(line, body),
        Operation::Details | Operation::Status => return None,
    };
    Some(made.unwrap_or_else(refused))
}

fn refused(failure: Failure) -> Outgoing {
    let entries = failure.entries.into_iter();
    Outgoing::Refused {
        status: failure.status,
        errors: entries.map(|(group, code, _)| (group, code)).collect(),
    }
}

fn to_ecom(reason: Untranslatable) -> Outgoing {
    Outgoing::ToEcom {
        reason: reason.code().to_owned(),
    }
}

fn created(line: &Line, body: &[u8]) -> Result<Outgoing, Failure> {
    let (body, unknown) = read::object::<InitiatePayment>(body)?;
    match initiate::payment_type(&body) {
        PaymentType::Regular => {}
        PaymentType::Express => {
            return Ok(Outgoing::ToEcom {
                reason: EXPRESS.to_owned(),
            });
        }
        PaymentType::Other => return Ok(to_ecom(Untranslatable::PaymentType)),
    }
    let rules = Rules {
        country: line.unit.country.clone(),
        allow_http_callbacks: line.unit.http_callbacks,
    };
    let command = initiate::check(&body, header_msn(line), &rules)?;
    if let Some(reason) = command.untranslatable() {
        return Ok(to_ecom(reason));
    }
    let Some(reference) = command.order.reference() else {
        return Ok(to_ecom(of_order(&command.order)));
    };
    // The marker in `metadata` is made of chance.
    let context = CreateContext {
        currency: line.unit.currency,
        interaction: line.unit.interaction,
        metadata: None,
    };
    let (create, losses) = initiate::to_create(&command, reference, context);
    Ok(Outgoing::Sent(Sent {
        path: "/epayment/v1/payments".to_owned(),
        key: None,
        msn: Some(command.msn.to_string()),
        body: json(&create),
        all_that_remains: false,
        losses: codes(losses, &unknown),
    }))
}

fn changed(line: &Line, body: &[u8], op: MoneyOp) -> Result<Outgoing, Failure> {
    let (body, unknown) = read::object::<Adjust>(body)?;
    let request_id = request_id(line)?;
    let order = order(line)?;
    let command = adjust::check(op, &body, header_msn(line))?;
    let Some(reference) = order.reference() else {
        return Ok(to_ecom(of_order(&order)));
    };
    let key = request_id.as_ref().zip(order.strict()).map(|(id, order)| {
        let maker = KeyMaker {
            scope: &line.unit.scope,
            order: &order,
        };
        maker.key(op, id, 0).to_string()
    });
    let amount = match (op, command.asked) {
        (MoneyOp::Cancel, _) | (_, Asked::AllThatRemains) => None,
        (_, Asked::Exactly(value)) => Some(Modification {
            modification_amount: Money {
                currency: line.unit.currency,
                value,
            },
        }),
    };
    let mut losses = command.losses;
    if request_id.is_some_and(|id| !KeyMaker::is_carried(&id)) {
        losses.push(Loss::RequestIdHashed);
    }
    let named = command.msn.as_ref().or(line.unit.scope.msn());
    Ok(Outgoing::Sent(Sent {
        path: format!("/epayment/v1/payments/{reference}/{}", op.word()),
        key,
        msn: named.map(ToString::to_string),
        all_that_remains: op != MoneyOp::Cancel && amount.is_none(),
        body: amount.and_then(|amount| json(&amount)),
        losses: codes(losses, &unknown),
    }))
}

fn approved(line: &Line, body: &[u8]) -> Result<Outgoing, Failure> {
    let (body, unknown) = read::object::<ForceApprove>(body)?;
    let order = order(line)?;
    let approve = approve::to_approve(&body, &line.unit.country)?;
    let Some(reference) = order.reference() else {
        return Ok(to_ecom(of_order(&order)));
    };
    Ok(Outgoing::Sent(Sent {
        path: format!("/epayment/v1/test/payments/{reference}/approve"),
        key: None,
        msn: line.unit.scope.msn().map(ToString::to_string),
        body: json(&approve),
        all_that_remains: false,
        losses: codes(vec![], &unknown),
    }))
}

fn of_order(order: &OrderText) -> Untranslatable {
    Untranslatable::of_order(order).unwrap_or(Untranslatable::OrderCharacters)
}

fn json(value: &impl Serialize) -> Option<Value> {
    serde_json::to_value(value).ok()
}

/// Sorted, so that their order is no difference.
fn codes(losses: Vec<Loss>, unknown: &[String]) -> Vec<String> {
    let more = (!unknown.is_empty()).then_some(Loss::UnknownMemberDropped);
    let all = losses.into_iter().chain(more);
    let mut codes: Vec<String> = all.map(|loss| loss.code().to_owned()).collect();
    codes.sort_unstable();
    codes
}

fn header_msn(line: &Line) -> Option<&str> {
    let text = line.request.msn.as_deref().map(str::trim);
    text.filter(|text| !text.is_empty())
}

fn request_id(line: &Line) -> Result<Option<RequestId>, Failure> {
    let text = line.request.request_id.as_deref().map(str::trim);
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let read = RequestId::parse(text).map(Some);
    read.ok_or_else(|| Failure::field("X-Request-Id", "must be at most 64 printable characters"))
}

fn order(line: &Line) -> Result<OrderText, Failure> {
    let order = line.request.order.as_deref().and_then(OrderText::parse);
    order.ok_or_else(|| Failure::field("orderId", "must be 1 to 50 characters"))
}
