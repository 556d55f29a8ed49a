//! What wraps every call, outermost first: request id, refusals, secrets marked, the limit of calls in flight, panics
//! caught; then the handler. Plain steps and no tower of services: each would cost every call a box or two.
//!
//! A place in flight is held until the last byte of the answer has been taken and the work has ended. Must not: read a body, or log a header.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::body::{PassError, ProxyBody};
use super::headers::{self, BRIDGE_REQUEST_ID, BRIDGE_ROUTE, Refusal, RequestId};
use super::{Handler, Peer};
use crate::ecom::error::{Code, Failure};

const SHED: &str = "shed";

/// What the edge tells about its calls; every method has an empty default.
pub trait Hooks: Send + Sync + 'static {
    /// A call took its place in flight.
    fn began(&self) {}
    /// It gave its place back: its answer has been taken, or its client is gone.
    fn ended(&self) {}
    /// A call was turned away because all places were taken.
    fn shed(&self) {}
    /// A head was refused; `why` is one of a few words, fit for a label.
    fn refused(&self, _why: &'static str) {}
    /// A client hung up before its answer began.
    fn abandoned(&self) {}
    /// The handler panicked.
    fn panicked(&self) {}
    /// A connection was turned away because there are too many.
    fn connection_refused(&self) {}
}

/// Marks an answer that was given before the request's body was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unread;

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {}

/// An error in eCom's shape, with `bridge-route: refused`; `id` becomes its `contextId`.
#[must_use]
pub fn refuse(failure: &Failure, id: RequestId) -> Response<ProxyBody> {
    // Four texts an entry: this can't fail, and an empty array would still be an error by its status.
    let body =
        serde_json::to_vec(&failure.body(&id.to_string())).unwrap_or_else(|_| b"[]".to_vec());
    let mut response = Response::new(ProxyBody::full(body));
    *response.status_mut() =
        StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(BRIDGE_ROUTE, HeaderValue::from_static("refused"));
    response
}

/// The edge of one listener.
pub(crate) struct Edge<H> {
    handler: Arc<H>,
    places: Arc<Semaphore>,
    hooks: Arc<dyn Hooks>,
}

impl<H: Handler> Edge<H> {
    pub(crate) fn new(handler: Arc<H>, max_in_flight: usize, hooks: Arc<dyn Hooks>) -> Self {
        Self {
            handler,
            places: Arc::new(Semaphore::new(max_in_flight.min(Semaphore::MAX_PERMITS))),
            hooks,
        }
    }

    pub(crate) fn hooks(&self) -> &dyn Hooks {
        self.hooks.as_ref()
    }

    /// Answers one request of a connection.
    pub(crate) async fn call(&self, request: Request<Incoming>, peer: Peer) -> Response<EdgeBody> {
        let id = RequestId::fresh();
        let version = request.version();
        let in_chunks = request.headers().contains_key(TRANSFER_ENCODING);
        let (mut response, close) = match self.admit(request) {
            Ok((request, place)) => self.answer(request, peer, id, place).await,
            Err(Refusal {
                failure,
                close,
                why,
            }) => {
                let mut response = refuse(&failure, id).map(EdgeBody::free);
                if why == SHED {
                    response
                        .headers_mut()
                        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
                }
                (response, close)
            }
        };
        // After these the rest of the request's body is not read; and where chunks were refused, what followed them may
        // mean something else to somebody else.
        let unread = [StatusCode::REQUEST_TIMEOUT, StatusCode::PAYLOAD_TOO_LARGE];
        let odd = in_chunks && response.status() == StatusCode::BAD_REQUEST;
        let close = close
            || odd
            || version == Version::HTTP_10
            || unread.contains(&response.status())
            || response.extensions().get::<Unread>().is_some();
        if version == Version::HTTP_10 {
            // Or hyper would announce keep-alive beside our close.
            *response.version_mut() = Version::HTTP_10;
        }
        if close && version != Version::HTTP_2 {
            headers::close(response.headers_mut());
        }
        if let Some(id) = id.header() {
            response.headers_mut().insert(BRIDGE_REQUEST_ID, id);
        }
        response
    }

    fn admit(&self, request: Request<Incoming>) -> Result<(Request<Incoming>, Held), Refusal> {
        let (mut parts, body) = request.into_parts();
        headers::judge(&mut parts).inspect_err(|refusal| self.hooks.refused(refusal.why))?;
        headers::mark_secrets(&mut parts.headers);
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            self.hooks.shed();
            return Err(Refusal {
                failure: overloaded(),
                why: SHED,
                close: false,
            });
        };
        self.hooks.began();
        let place = Held {
            _place: Arc::new(Place {
                hooks: Arc::clone(&self.hooks),
                _permit: permit,
            }),
        };
        Ok((Request::from_parts(parts, body), place))
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        id: RequestId,
        place: Held,
    ) -> (Response<EdgeBody>, bool) {
        let mut waiting = Waiting(Some(self.hooks.as_ref()));
        let handled = self.handler.handle(request, id, peer, place.clone());
        let answered = AssertUnwindSafe(handled).catch_unwind().await;
        waiting.0 = None;
        match answered {
            Ok(response) => (
                response.map(|inner| EdgeBody {
                    inner,
                    _place: Some(place),
                }),
                false,
            ),
            // The payload is dropped unread: it may quote what it choked on.
            Err(_payload) => {
                self.hooks.panicked();
                tracing::error!(request_id = %id, "the handler panicked");
                let failure = Failure::code(Code::Vipps99);
                (refuse(&failure, id).map(EdgeBody::free), true)
            }
        }
    }
}

/// What is said when all places are taken.
pub(crate) fn overloaded() -> Failure {
    Failure::told(
        Code::Vipps99,
        "The bridge has too much to do. Nothing was done. Repeat in a second",
    )
    .with_status(503)
}

/// A place in flight, given back when its last holder is gone: the answer's body, or work that goes on without a client.
#[derive(Clone)]
pub struct Held {
    _place: Arc<Place>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

struct Place {
    hooks: Arc<dyn Hooks>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hooks.ended();
    }
}

/// A client that waits for the beginning of its answer; dropped, it has hung up. None: the answer has begun.
struct Waiting<'a>(Option<&'a dyn Hooks>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(hooks) = self.0 {
            hooks.abandoned();
        }
    }
}

/// The body of an answer, which holds the call's place until it has ended.
pub(crate) struct EdgeBody {
    inner: ProxyBody,
    _place: Option<Held>,
}

impl EdgeBody {
    const fn free(inner: ProxyBody) -> Self {
        Self {
            inner,
            _place: None,
        }
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = PassError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PassError>>> {
        Pin::new(&mut self.get_mut().inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
