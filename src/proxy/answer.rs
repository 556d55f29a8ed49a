//! From a use case's answer to an HTTP answer.
//!
//! Every answer is JSON with a body; upstream's own answers keep their status, headers and body, without what belongs to
//! the connection only. Must not: decide anything.

use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderValue, Response};

use super::body::{BodyFailure, ProxyBody};
use super::headers::{BRIDGE_ROUTE, RequestId};
use super::layers::{Unread, refuse};
use crate::ecom::error::{Code, Failure};
use crate::ecom::route::Operation;
use crate::payments::Answer;
use crate::telemetry::Route;

/// The HTTP answer, with its route said.
pub(super) fn response(answer: Answer, route: Route, id: RequestId) -> Response<ProxyBody> {
    let mut response = answer.rendered(&id.to_string()).map(ProxyBody::full);
    response
        .headers_mut()
        .insert(BRIDGE_ROUTE, HeaderValue::from_static(route.word()));
    response
}

/// 404 for what is under `/ecomm/` and no call of eCom v2.
pub(super) fn unknown_call(id: RequestId) -> Response<ProxyBody> {
    let told = "This is no call of the eCom API v2 that the bridge knows; nothing was sent. Check the path";
    refuse(&Failure::field("path", told).with_status(404), id)
}

/// 405 with the method that the call has.
pub(super) fn wrong_method(operation: Operation, id: RequestId) -> Response<ProxyBody> {
    let told = format!(
        "The method of {} is {}; nothing was sent",
        operation.word(),
        operation.method()
    );
    let mut response = refuse(&Failure::field("method", told).with_status(405), id);
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(operation.method()));
    response
}

/// 400 for dot segments.
pub(super) fn dotted_path(id: RequestId) -> Response<ProxyBody> {
    let told = "The path has a '.' or '..' segment, which servers read in different ways; nothing was sent";
    refuse(&Failure::field("path", told), id)
}

/// A body that could not be read.
pub(super) fn unread(failure: BodyFailure, id: RequestId) -> Response<ProxyBody> {
    let mut response = refuse(&failure.failure(), id);
    if failure == BodyFailure::NoRoom {
        let again = HeaderValue::from_static("1");
        response.headers_mut().insert(RETRY_AFTER, again);
        response.extensions_mut().insert(Unread);
    }
    response
}

/// 34 for an Express initiate of an order that ePayment has.
pub(super) fn express_on_epayment_order() -> Answer {
    Failure::code(Code::Merchant34).into()
}
