//! An answer's body, read whole to a bound.
//!
//! Must not: hold more of an answer than its caller has room for.

use bytes::{Bytes, BytesMut};

/// Why there is no whole body.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is longer than the bound.
    TooLong,
    /// It broke off, or did not come in time.
    Broken(reqwest::Error),
}

/// The body of an answer, of `most` bytes at most.
pub(super) async fn whole(mut response: reqwest::Response, most: usize) -> Result<Bytes, Unread> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(Unread::Broken)? {
        if body.len() + chunk.len() > most {
            return Err(Unread::TooLong);
        }
        if body.is_empty() && response.content_length() == Some(chunk.len() as u64) {
            return Ok(chunk);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
