//! What wraps every call, outermost first: request id, refusals, the limit of calls in flight, secrets marked, panics
//! caught; then the handler.
//!
//! A place in flight is held until the last byte of the answer has been taken. Must not: read a body, or log a header.

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::Empty;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Layer, Service, ServiceExt};
use tower_http::body::UnsyncBoxBody;
use tower_http::catch_panic::{CatchPanic, ResponseForPanic};
use tower_http::sensitive_headers::{SetSensitiveRequestHeaders, SetSensitiveRequestHeadersLayer};

use super::body::ProxyBody;
use super::headers::{self, BRIDGE_REQUEST_ID, BRIDGE_ROUTE, Refusal, RequestId, SECRET};
use super::{Handler, Peer};
use crate::ecom::error::{Code, Failure};

const SHED: &str = "shed";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

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
    handler: SetSensitiveRequestHeaders<CatchPanic<Calls<H>, Mark>>,
    places: Arc<Semaphore>,
    hooks: Arc<dyn Hooks>,
}

impl<H: Handler> Edge<H> {
    pub(crate) fn new(handler: Arc<H>, max_in_flight: usize, hooks: Arc<dyn Hooks>) -> Self {
        Self {
            handler: SetSensitiveRequestHeadersLayer::new(SECRET)
                .layer(CatchPanic::custom(Calls(handler), Mark)),
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
        let (mut response, close) = match self.admit(request, id) {
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
        // After these two the rest of the request's body is not read; and where chunks were refused, what followed them may
        // mean something else to somebody else.
        let unread = [StatusCode::REQUEST_TIMEOUT, StatusCode::PAYLOAD_TOO_LARGE];
        let odd = in_chunks && response.status() == StatusCode::BAD_REQUEST;
        let close =
            close || odd || version == Version::HTTP_10 || unread.contains(&response.status());
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

    fn admit(
        &self,
        request: Request<Incoming>,
        id: RequestId,
    ) -> Result<(Request<Incoming>, Place), Refusal> {
        let (mut parts, body) = request.into_parts();
        headers::judge(&mut parts).inspect_err(|refusal| self.hooks.refused(refusal.why))?;
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            self.hooks.shed();
            return Err(Refusal {
                failure: overloaded(),
                why: SHED,
                close: false,
            });
        };
        self.hooks.began();
        parts.extensions.insert(id);
        let place = Place {
            hooks: Arc::clone(&self.hooks),
            answered: false,
            _permit: permit,
        };
        Ok((Request::from_parts(parts, body), place))
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: Peer,
        id: RequestId,
        mut place: Place,
    ) -> (Response<EdgeBody>, bool) {
        request.extensions_mut().insert(peer);
        let Ok(mut response) = self.handler.clone().oneshot(request).await;
        place.answered = true;
        if response.extensions_mut().remove::<Panicked>().is_some() {
            self.hooks.panicked();
            tracing::error!(request_id = %id, "the handler panicked");
            let failure = Failure::code(Code::Vipps99);
            return (refuse(&failure, id).map(EdgeBody::free), true);
        }
        (
            response.map(|inner| EdgeBody {
                inner: Inner::Handled(inner),
                _place: Some(place),
            }),
            false,
        )
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

/// A place in flight.
struct Place {
    hooks: Arc<dyn Hooks>,
    answered: bool,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.answered {
            self.hooks.abandoned();
        }
        self.hooks.ended();
    }
}

/// The handler as tower's service.
struct Calls<H>(Arc<H>);

impl<H> Clone for Calls<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H: Handler> Service<Request<Incoming>> for Calls<H> {
    type Response = Response<ProxyBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        let handler = Arc::clone(&self.0);
        Box::pin(async move {
            match request.extensions_mut().remove::<Peer>() {
                Some(peer) => Ok(handler.handle(request, peer).await),
                // The edge always puts it there.
                None => Ok(Response::new(ProxyBody::empty())),
            }
        })
    }
}

/// Marks the answer of a handler that panicked.
#[derive(Clone, Copy)]
struct Panicked;

/// Answers a panic with the mark alone. The payload is dropped unread: it may quote what it choked on.
#[derive(Clone, Copy)]
struct Mark;

impl ResponseForPanic for Mark {
    type ResponseBody = Empty<Bytes>;

    fn response_for_panic(&mut self, _payload: Box<dyn Any + Send>) -> Response<Empty<Bytes>> {
        let mut response = Response::new(Empty::new());
        response.extensions_mut().insert(Panicked);
        response
    }
}

/// The body of an answer, which holds the call's place until it has ended.
pub(crate) struct EdgeBody {
    inner: Inner,
    _place: Option<Place>,
}

enum Inner {
    /// The edge's own.
    Own(ProxyBody),
    /// The handler's, boxed on its way through the layers.
    Handled(UnsyncBoxBody<Bytes, BoxError>),
}

impl EdgeBody {
    const fn free(body: ProxyBody) -> Self {
        Self {
            inner: Inner::Own(body),
            _place: None,
        }
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().inner {
            Inner::Own(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
            Inner::Handled(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Own(body) => body.is_end_stream(),
            Inner::Handled(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Own(body) => body.size_hint(),
            Inner::Handled(body) => body.size_hint(),
        }
    }
}
