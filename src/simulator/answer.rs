//! One request as it was read, one answer before it is written.
//!
//! Answers stay values until the last moment, so that a fault can change, cut or withhold any byte of them.

use std::fmt::Write as _;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::Response;
use serde_json::Value;

/// The body type of the server.
pub(super) type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// A request with its body in memory.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    /// As it stood in the request line.
    pub(super) target: String,
    /// Without the query.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Asked {
    /// A header's text; none where it is absent, empty or no text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .map(str::trim)
            .filter(|v| !v.is_empty())
    }

    /// Whether the media type is JSON.
    pub(super) fn is_json(&self) -> bool {
        self.header("content-type")
            .and_then(|v| v.split(';').next())
            .is_some_and(|v| v.trim().eq_ignore_ascii_case("application/json"))
    }

    /// The body as a JSON object.
    pub(super) fn object(&self) -> Option<Value> {
        serde_json::from_slice::<Value>(&self.body)
            .ok()
            .filter(Value::is_object)
    }
}

/// An answer with its body in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn text(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), media_type.to_owned())],
            body: body.into(),
        }
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// The bytes of the whole answer, head first; the connection closes after it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head(&format!("content-length: {}", self.body.len()));
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The head alone, with another framing line.
    pub(super) fn head(&self, framing: &str) -> Vec<u8> {
        let reason = http::StatusCode::from_u16(self.status)
            .ok()
            .and_then(|s| s.canonical_reason())
            .unwrap_or("Unknown");
        let mut head = format!("HTTP/1.1 {} {reason}\r\n", self.status);
        for (name, value) in &self.headers {
            let _infallible = write!(head, "{name}: {value}\r\n");
        }
        let _infallible = write!(head, "{framing}\r\nconnection: close\r\n\r\n");
        head.into_bytes()
    }

    /// As hyper sends it. A header that cannot be sent is left out.
    pub(super) fn response(self) -> Response<Body> {
        let mut response = Response::new(Full::new(self.body).boxed_unsync());
        *response.status_mut() =
            http::StatusCode::from_u16(self.status).unwrap_or(http::StatusCode::OK);
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (
                name.parse::<http::HeaderName>(),
                value.parse::<http::HeaderValue>(),
            ) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}
