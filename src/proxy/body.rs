//! Bodies: those that the bridge reads (bounded in size and time, read as JSON), and those of its answers.
//!
//! What is said about a bad body names the member and the place, and never quotes it: a body may hold personal data
//! and secrets. Must not: buffer a body that is passed on.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use serde::de::DeserializeOwned;
use tokio::time::{Sleep, sleep, timeout_at};

use super::bulkheads::Berth;
use super::layers::overloaded;
use super::memory::{BodyMemory, Part};
use crate::ecom::error::{Code, Failure};

/// The body of an answer.
#[derive(Debug)]
pub struct ProxyBody(Kind);

#[derive(Debug)]
enum Kind {
    /// Made here; `None` when taken.
    Full(Option<Bytes>),
    /// Passed on as it comes from upstream.
    Passed {
        body: Incoming,
        idle: Duration,
        /// Runs while upstream is waited for.
        timer: Option<Pin<Box<Sleep>>>,
        /// Its place at the API, until it has ended.
        _berth: Option<Berth>,
    },
}

/// Why a body that is passed on broke off. The client's connection is cut then, so that it can't take the part for
/// the whole.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// Upstream broke off.
    #[error("the answer of upstream broke off")]
    Broken(#[from] hyper::Error),
    /// Upstream fell silent.
    #[error("the answer of upstream stopped coming")]
    Idle,
}

impl ProxyBody {
    /// These bytes.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self(Kind::Full((!bytes.is_empty()).then_some(bytes)))
    }

    /// All of it, where it was made here and nothing of it was taken.
    #[must_use]
    pub fn whole(&self) -> Option<Bytes> {
        match &self.0 {
            Kind::Full(bytes) => Some(bytes.clone().unwrap_or_default()),
            Kind::Passed { .. } => None,
        }
    }

    /// No bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Full(None))
    }

    /// What upstream sends, piece by piece, without its trailers; `idle` is the longest wait between two pieces. Time
    /// that the client takes to read does not count.
    #[must_use]
    pub const fn passed(body: Incoming, idle: Duration, berth: Option<Berth>) -> Self {
        Self(Kind::Passed {
            body,
            idle,
            timer: None,
            _berth: berth,
        })
    }
}

impl Body for ProxyBody {
    type Data = Bytes;
    type Error = PassError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PassError>>> {
        match &mut self.get_mut().0 {
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Passed {
                body, idle, timer, ..
            } => loop {
                let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
                    let timer = timer.get_or_insert_with(|| Box::pin(sleep(*idle)));
                    return match timer.as_mut().poll(cx) {
                        Poll::Ready(()) => Poll::Ready(Some(Err(PassError::Idle))),
                        Poll::Pending => Poll::Pending,
                    };
                };
                *timer = None;
                match frame {
                    Some(Ok(frame)) if frame.is_trailers() => {}
                    other => return Poll::Ready(other.map(|frame| frame.map_err(Into::into))),
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Passed { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Passed { body, .. } => body.size_hint(),
        }
    }
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFailure {
    /// Larger than the limit, in bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// Not there in time.
    #[error("the body came too slowly")]
    TooSlow,
    /// Broken off, not well-formed, or with trailers.
    #[error("the body broke off")]
    Broken,
    /// Too many long bodies are being read.
    #[error("there is no room for the body")]
    NoRoom,
}

impl BodyFailure {
    /// What the client is told: 413, 408, 400 or 503. The rest of the body is not read, but after 400.
    #[must_use]
    pub fn failure(self) -> Failure {
        match self {
            Self::TooLarge(limit) => {
                let message = format!("The body is larger than {limit} bytes. Nothing was done");
                Failure::field("body", message).with_status(413)
            }
            Self::TooSlow => Failure::told(
                Code::Vipps99,
                "The body of the request came too slowly. Nothing was done",
            )
            .with_status(408),
            Self::Broken => Failure::field(
                "body",
                "The body broke off, is not well-formed, or has trailers",
            ),
            Self::NoRoom => overloaded(),
        }
    }
}

/// The longest that a body may take to come: calls have a kilobyte or two. Seconds.
const BODY_TIME: Duration = Duration::from_secs(10);

/// A body that was read whole, and the room that it takes.
pub type Collected = (Bytes, Part);

/// Reads a whole body of at most `max` bytes before `deadline`, and within 10 seconds. One that came in one piece is not
/// copied.
///
/// # Errors
/// When it is too large (known from its `Content-Length` before a byte is read), too slow or broken, and when many long
/// ones are being read.
pub async fn collect(
    body: Incoming,
    max: usize,
    deadline: Instant,
    memory: &BodyMemory,
) -> Result<Collected, BodyFailure> {
    if body.size_hint().lower() > max as u64 {
        return Err(BodyFailure::TooLarge(max));
    }
    let deadline = deadline.min(Instant::now() + BODY_TIME);
    timeout_at(deadline.into(), read(body, max, memory))
        .await
        .unwrap_or(Err(BodyFailure::TooSlow))
}

async fn read(
    mut body: Incoming,
    max: usize,
    memory: &BodyMemory,
) -> Result<Collected, BodyFailure> {
    let mut part = Part::default();
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Trailers are no part of a body that is read whole, and hyper passes over what stands behind a bare line feed in
        // them, a next request perhaps.
        let frame = frame.map_err(|_| BodyFailure::Broken)?;
        let data = frame.into_data().map_err(|_| BodyFailure::Broken)?;
        let before = first.len() + all.len();
        if data.len() > max - before {
            return Err(BodyFailure::TooLarge(max));
        }
        if !memory.grow(&mut part, before + data.len()) {
            return Err(BodyFailure::NoRoom);
        }
        if before == 0 {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    let bytes = if all.is_empty() { first } else { all.freeze() };
    Ok((bytes, part))
}

/// Reads a JSON object of media type `application/json` (or `…+json`), whatever its parameters and letter case; gives it
/// with the members that `T` does not know.
///
/// Not for a GET: its body is never judged. An empty body's media type isn't either.
///
/// # Errors
/// 415 for another media type; 400 for what is no JSON object in UTF-8, or does not fit `T`, naming the member.
pub fn read_json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(T, Vec<String>), Failure> {
    if !body.trim_ascii().is_empty() && !is_json(headers) {
        let message = "The media type must be application/json";
        return Err(Failure::field("Content-Type", message).with_status(415));
    }
    crate::ecom::read::object(body)
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let essence = value
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || (essence.ends_with("+json") && essence.starts_with("application/"))
}

#[cfg(test)]
mod tests;
