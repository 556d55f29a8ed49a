//! No answer without a shape: what the framework refuses by itself becomes problem JSON, or a page for a browser.
//!
//! Must not: touch an answer that has a shape already.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{gate, pages, problem::Problem};

/// So much of the framework's own words is kept.
const LONGEST: usize = 1_000;

/// Gives every error its shape.
pub(super) async fn tidy(request: Request, next: Next) -> Response {
    let page = gate::wants_page(request.uri().path(), request.headers());
    let response = next.run(request).await;
    let status = response.status();
    let kind = kind_of(response.headers());
    let shaped = match kind {
        Kind::None | Kind::Text => false,
        // The gate speaks to programs and browsers alike.
        Kind::Problem => !page,
        Kind::Other => true,
    };
    if shaped || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, LONGEST).await.unwrap_or_default();
    let said = match kind {
        Kind::Problem => serde_json::from_slice(&body)
            .ok()
            .and_then(|json: serde_json::Value| Some(json["detail"].as_str()?.to_owned())),
        _ => std::str::from_utf8(&body).ok().map(str::to_owned),
    };
    let said = said.filter(|said| !said.is_empty());
    let said = said.unwrap_or_else(|| in_words(status).to_owned());
    let mut made = if page {
        pages::error(status, &said)
    } else {
        Problem::new(status, said).into_response()
    };
    for name in [header::ALLOW, header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = parts.headers.get(&name) {
            made.headers_mut().insert(name, value.clone());
        }
    }
    made
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    None,
    Text,
    Problem,
    Other,
}

fn kind_of(headers: &HeaderMap) -> Kind {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return Kind::None;
    };
    match kind.as_bytes() {
        kind if kind.starts_with(b"text/plain") => Kind::Text,
        b"application/problem+json" => Kind::Problem,
        _ => Kind::Other,
    }
}

fn in_words(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "there is nothing of this name here",
        StatusCode::METHOD_NOT_ALLOWED => "this can't be done with that method",
        StatusCode::PAYLOAD_TOO_LARGE => "that is more than is read here",
        _ => "the bridge could not answer this",
    }
}
