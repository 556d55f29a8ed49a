//! The body on its way to upstream, and what it tells about its progress.
//!
//! A body with trailers is broken: they would be dropped on this hop anyway, and hyper takes what stands behind a bare
//! line feed in them, a next request perhaps, for nothing. Must not: buffer or copy.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

/// When the body last moved, and who is waited for.
#[derive(Debug)]
pub(super) struct Progress {
    began: Instant,
    /// Microseconds after `began`.
    moved: AtomicU64,
    waiting: AtomicBool,
    broken: AtomicBool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            moved: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        }
    }

    /// The last time that a piece was taken.
    pub(super) fn last(&self) -> Instant {
        self.began + Duration::from_micros(self.moved.load(Ordering::Relaxed))
    }

    /// Whether the client is waited for.
    pub(super) fn waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether the client's body ended in an error.
    pub(super) fn broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn note(&self, polled: &Poll<Option<Result<Frame<Bytes>, Unsound>>>) {
        self.waiting.store(polled.is_pending(), Ordering::Relaxed);
        match polled {
            Poll::Pending => {}
            Poll::Ready(Some(Err(_))) => self.broken.store(true, Ordering::Relaxed),
            Poll::Ready(_) => {
                let micros = self.began.elapsed().as_micros();
                self.moved
                    .store(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        }
    }
}

/// Why a client's body is not sent on to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsound {
    /// It broke off, or is not well-formed.
    #[error("the client's body broke off")]
    Broken(#[from] hyper::Error),
    /// It has trailers.
    #[error("the client's body has trailers")]
    Trailers,
}

/// The body of a request to upstream.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// Passed on as it comes.
    Stream(Incoming, Arc<Progress>),
    /// Read before; `None` when taken.
    Bytes(Option<Bytes>),
}

impl Outgoing {
    pub(super) const fn stream(body: Incoming, progress: Arc<Progress>) -> Self {
        Self::Stream(body, progress)
    }

    pub(super) fn bytes(body: Bytes) -> Self {
        Self::Bytes((!body.is_empty()).then_some(body))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Unsound;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unsound>>> {
        match self.get_mut() {
            Self::Bytes(body) => Poll::Ready(body.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(body, progress) => {
                let polled = Pin::new(&mut *body).poll_frame(cx).map(|frame| {
                    frame.map(|frame| match frame {
                        Ok(frame) if frame.is_trailers() => Err(Unsound::Trailers),
                        other => other.map_err(Into::into),
                    })
                });
                progress.note(&polled);
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Stream(body, _) => body.is_end_stream(),
            Self::Bytes(body) => body.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Stream(body, _) => body.size_hint(),
            Self::Bytes(body) => SizeHint::with_exact(body.as_ref().map_or(0, Bytes::len) as u64),
        }
    }
}
