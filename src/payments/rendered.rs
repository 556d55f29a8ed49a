//! An answer as it goes out: status, headers and body.
//!
//! Every answer has a body of JSON; upstream's own keep their status, headers and body. Must not: decide anything.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::Answer;
use crate::ecom::error::Failure;

impl Answer {
    /// The whole answer; `request_id` becomes the `contextId` of an error.
    #[must_use]
    pub fn rendered(self, request_id: &str) -> Response<Bytes> {
        match self {
            Self::Json(json) => with_json(json.into(), StatusCode::OK),
            Self::Failure(failure, retry_after) => {
                let mut response = refusal(&failure, request_id);
                if let Some(after) = retry_after {
                    response.headers_mut().insert(RETRY_AFTER, after);
                }
                response
            }
            Self::Raw(raw) => {
                let mut response = Response::new(raw.body);
                *response.status_mut() =
                    StatusCode::from_u16(raw.status).unwrap_or(StatusCode::BAD_GATEWAY);
                *response.headers_mut() = raw.headers;
                // The length is the body's own again.
                response.headers_mut().remove(CONTENT_LENGTH);
                response
            }
        }
    }
}

fn refusal(failure: &Failure, request_id: &str) -> Response<Bytes> {
    // Four texts an entry: this can't fail, and an empty array would still be an error by its status.
    let body = serde_json::to_vec(&failure.body(request_id)).unwrap_or_else(|_| b"[]".to_vec());
    let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_json(body.into(), status)
}

fn with_json(body: Bytes, status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
