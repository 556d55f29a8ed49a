//! The other way of a call that went to ePayment: the shop's own call, to eCom at the shadow upstream.
//!
//! Must not: send a target, a header or a body as it came from the shop.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Uri};

use super::asked::{Asked, why};
use super::rewrite::Rewritten;
use crate::ecom::route::Operation;
use crate::types::{CountryCode, Msisdn, Msn, OrderId};
use crate::upstream::shadow::{ShadowCall, ShadowCredentials, ShadowUpstream};
use crate::upstream::{Budget, MERCHANT_SERIAL_NUMBER};

/// Who asks, and how long.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) upstream: &'a ShadowUpstream,
    pub(super) pass: &'a ShadowCredentials,
    pub(super) budget: Budget,
}

/// eCom's answer to a call about an order.
pub(super) async fn ask(
    way: Way<'_>,
    operation: Operation,
    order: &OrderId,
    request: &Rewritten,
) -> Asked {
    let (Some(target), Ok(method)) = (
        target(operation, order),
        Method::from_bytes(operation.method().as_bytes()),
    ) else {
        return Asked::Filtered("unreadable");
    };
    let call = ShadowCall {
        method,
        target,
        headers: request.headers.clone(),
        body: request.body.clone(),
    };
    let sent = way.upstream.ecom(way.pass, call, way.budget.next_call());
    match sent.await {
        Ok(raw) => Asked::raw(raw),
        Err(failure) => Asked::Failed(why(&failure)),
    }
}

/// The test user approves.
pub(super) async fn approve(
    way: Way<'_>,
    order: &OrderId,
    msn: &Msn,
    (phone, country): (&str, &CountryCode),
    token: Option<&str>,
) -> Asked {
    let body = serde_json::json!({
        "customerPhoneNumber": Msisdn::local(phone, country),
        "token": token,
    });
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(msn) = HeaderValue::from_str(msn.as_str()) {
        headers.insert(MERCHANT_SERIAL_NUMBER, msn);
    }
    let request = Rewritten {
        headers,
        body: body.to_string().into(),
    };
    ask(way, Operation::Approve, order, &request).await
}

fn target(operation: Operation, order: &OrderId) -> Option<Uri> {
    let word = operation.word();
    let path = match operation {
        Operation::Initiate => "/ecomm/v2/payments".to_owned(),
        Operation::Approve => format!("/ecomm/v2/integration-test/payments/{order}/approve"),
        _ => format!("/ecomm/v2/payments/{order}/{word}"),
    };
    path.parse().ok()
}
