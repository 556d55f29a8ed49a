//! Problem JSON (RFC 9457), and what the routes read in the same way.
//!
//! Must not: show a secret.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::store::{Reason, StoreError};
use crate::types::Msn;

/// An answer that says what is wrong and what to do.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// All that is wrong, where it may be more than one thing.
    problems: Vec<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            status,
            detail,
            problems: Vec::new(),
        }
    }

    /// The same, naming all that is wrong.
    pub(super) fn naming(self, problems: Vec<String>) -> Self {
        Self { problems, ..self }
    }

    /// The request can't be understood.
    pub(super) fn wrong(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("error");
        let mut body = json!({
            "type": "about:blank",
            "title": title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if !self.problems.is_empty() {
            body["problems"] = json!(self.problems);
        }
        let kind = [("content-type", "application/problem+json")];
        (self.status, kind, Json(body)).into_response()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<JsonRejection> for Problem {
    fn from(error: JsonRejection) -> Self {
        Self::new(error.status(), error.body_text())
    }
}

/// A sales unit that may be named.
pub(super) fn unit(text: Option<&str>) -> Result<Option<Msn>, Problem> {
    text.map(|text| Msn::parse(text).ok_or_else(|| Problem::wrong("an MSN is 4 to 7 digits")))
        .transpose()
}

/// Every change says who and why.
pub(super) fn reason(who: &str, why: &str) -> Result<Reason, Problem> {
    Reason::new(who, why)
        .ok_or_else(|| Problem::wrong("say who you are and why: {\"who\": …, \"why\": …}"))
}
