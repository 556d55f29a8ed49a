//! `/_echo/…`: says what arrived, so that a pass-through can be proven byte by byte.
//!
//! Any path answers method, target, headers, length and SHA-256 of the body, which is read as a stream; `bytes/N` answers
//! N bytes that follow from their position; `status/NNN` answers that status. Memory stays constant for any size.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::{Frame, Incoming};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::answer::{Answer, Asked, Body};

const PIECE: u64 = 16 * 1024;

/// Reads the body to its end and answers.
pub(super) async fn serve(
    asked: &Asked,
    mut body: Incoming,
) -> Result<Response<Body>, hyper::Error> {
    let (mut length, mut hash) = (0_u64, Sha256::new());
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            length += u64::try_from(data.len()).unwrap_or(u64::MAX);
            hash.update(&data);
        }
    }
    let rest = asked.path.strip_prefix("/_echo/").unwrap_or_default();
    if let Some(count) = rest.strip_prefix("bytes/").and_then(|n| n.parse().ok()) {
        return Ok(streamed(count));
    }
    Ok(told(asked, length, &hex(&hash.finalize())).response())
}

/// The same for a request that is in memory.
pub(super) fn whole(asked: &Asked) -> Answer {
    let length = u64::try_from(asked.body.len()).unwrap_or(u64::MAX);
    told(asked, length, &hex(&Sha256::digest(&asked.body)))
}

fn told(asked: &Asked, length: u64, hash: &str) -> Answer {
    let rest = asked.path.strip_prefix("/_echo/").unwrap_or_default();
    let status = rest.strip_prefix("status/").and_then(|n| n.parse().ok());
    let headers: Vec<(String, String)> = asked
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    Answer::json(
        status.unwrap_or(200),
        &json!({
            "method": asked.method,
            "target": asked.target,
            "headers": headers,
            "body_length": length,
            "body_sha256": hash,
        }),
    )
}

/// The byte at a position of `bytes/N`.
#[must_use]
pub fn byte_at(position: u64) -> u8 {
    let mixed = position.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_be_bytes()[0]
}

fn streamed(count: u64) -> Response<Body> {
    let pieces = stream::unfold(0_u64, move |at| async move {
        if at >= count {
            return None;
        }
        let end = (at + PIECE).min(count);
        let piece: Bytes = (at..end).map(byte_at).collect();
        Some((Ok::<_, Infallible>(Frame::data(piece)), end))
    });
    let mut response = Response::new(StreamBody::new(pieces).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(http::header::CONTENT_LENGTH, count.into());
    response
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
