//! Errors of the operator's API as problem JSON, and the parameters that several routes read.
//!
//! Must not: take a filter that can't be read for none.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::store::StoreError;
use crate::types::{Msn, OrderText};

/// An error as problem JSON.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("error");
    let body =
        json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
    (
        status,
        [("content-type", "application/problem+json")],
        Json(body),
    )
        .into_response()
}

/// The store can't be asked.
pub(super) fn failed(error: &StoreError) -> Response {
    problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
}

/// A sales unit, where one is named.
pub(super) fn unit(text: Option<&str>) -> Result<Option<Msn>, Box<Response>> {
    let read = text.map(|text| Msn::parse(text).ok_or("an MSN is 4 to 7 digits"));
    read.transpose().map_err(bad)
}

/// An order, where one is named.
pub(super) fn order(text: Option<&str>) -> Result<Option<OrderText>, Box<Response>> {
    let read = text.map(|text| OrderText::parse(text).ok_or("an order id is 1 to 50 characters"));
    read.transpose().map_err(bad)
}

fn bad(detail: &str) -> Box<Response> {
    Box::new(problem(StatusCode::BAD_REQUEST, detail))
}
