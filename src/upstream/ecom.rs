//! Forwarding to eCom and to every other path of the host: what came is what is sent.
//!
//! Bodies stream both ways, the target's bytes stay as they are, header names keep their letter case. Removed are the
//! headers of one hop (RFC 9110, 7.6.1) and those by which a client could speak in the bridge's or a proxy's name.
//! Must not: follow a redirect, decompress, add a header of its own, or send a body twice.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri, Version, request};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout, timeout_at};

use self::body::{Outgoing, Progress};
use self::connect::Connector;
use super::breaker::Breaker;
use super::head::{self, without_hop};
use super::{Budget, RawReply, SendFailure, Unsent};
use crate::ecom::error::{Code, Failure};
use crate::workers::PerWorker;

mod body;
mod connect;

/// No answer that the bridge itself must read is larger.
const ANSWER_MAX: usize = 4 << 20;

/// Connections to upstream, which wait here between requests.
type Pool = Client<Connector, Outgoing>;

/// Sends requests on to one host.
#[derive(Clone, Debug)]
pub struct Forwarder {
    clients: PerWorker<Pool>,
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
    /// The path of the base URL without its last slash; usually empty.
    prefix: String,
    idle: Duration,
    /// Whether what is sent is a shadow's.
    shadow: bool,
    /// Of eCom's calls. What streams through is other APIs': their trouble is not eCom's, nor the other way round.
    breaker: Option<Breaker>,
}

/// Why there is no forwarder.
#[derive(Debug, thiserror::Error)]
pub enum ForwarderError {
    /// Not `http(s)://host[:port][/path]`.
    #[error("the base URL is not http(s)://host[:port][/path]")]
    BaseUrl,
    /// The machine's certificates can't be used.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] std::io::Error),
}

/// Why a forwarded request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForwardFailure {
    /// Nothing reached upstream: the connection was never made.
    #[error("upstream could not be reached: {0}")]
    NotSent(Unsent),
    /// The request may have been handled: no answer came.
    #[error("upstream gave no answer: {0}")]
    MaybeSent(String),
    /// The client's body stopped coming. Upstream saw an unfinished request.
    #[error("the body of the request stopped coming")]
    SlowBody,
    /// The client's body broke off, is not well-formed, or has trailers. Upstream saw an unfinished request.
    #[error("the body of the request broke off")]
    BrokenBody,
}

impl ForwardFailure {
    /// The metric label.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotSent(why) => why.kind(),
            Self::MaybeSent(_) => "no_answer",
            Self::SlowBody | Self::BrokenBody => "request_body",
        }
    }

    /// What a client is told where nothing is known about the call: for paths outside eCom.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::NotSent(_) => Failure::unreachable(
                "The API behind the bridge could not be reached, nothing was sent. Repeat later",
            ),
            Self::MaybeSent(_) => Failure::unreachable(
                "The API behind the bridge gave no answer. It may have handled the request",
            ),
            Self::SlowBody => {
                Failure::told(Code::Vipps99, "The body of the request came too slowly")
                    .with_status(408)
            }
            Self::BrokenBody => Failure::field(
                "body",
                "The body of the request broke off, is not well-formed, or has trailers",
            ),
        }
    }
}

impl From<ForwardFailure> for SendFailure {
    fn from(failure: ForwardFailure) -> Self {
        match failure {
            ForwardFailure::NotSent(why) => Self::NotSent(why),
            other => Self::MaybeSent(other.to_string()),
        }
    }
}

impl Forwarder {
    /// A forwarder to `base_url`. `connect_timeout` covers DNS, TCP and TLS; `idle` is the longest that upstream may be
    /// silent after the request, or after its last piece.
    ///
    /// # Errors
    /// When the URL has another form, or the machine's certificates can't be used.
    pub fn new(
        base_url: &str,
        connect_timeout: Duration,
        idle: Duration,
    ) -> Result<Self, ForwarderError> {
        let uri: Uri = base_url.parse().map_err(|_| ForwarderError::BaseUrl)?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(ForwarderError::BaseUrl);
        };
        let path = parts.path_and_query.as_ref();
        if (scheme != Scheme::HTTP && scheme != Scheme::HTTPS)
            || authority.as_str().contains('@')
            || path.is_some_and(|path| path.query().is_some())
        {
            return Err(ForwarderError::BaseUrl);
        }
        let prefix = path.map_or("", PathAndQuery::path).trim_end_matches('/');
        let connector = Connector::new(&scheme, connect_timeout)?;
        Ok(Self {
            clients: PerWorker::new(pool(&connector), move |_| pool(&connector)),
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| ForwarderError::BaseUrl)?,
            prefix: prefix.to_owned(),
            scheme,
            authority,
            idle,
            shadow: false,
            breaker: None,
        })
    }

    /// The same for shadows: what it sends says so.
    #[must_use]
    pub fn marked(self) -> Self {
        Self {
            shadow: true,
            ..self
        }
    }

    /// The same with a breaker for eCom's calls ([`Self::forward_bytes`]).
    #[must_use]
    pub fn guarded(self, breaker: Breaker) -> Self {
        Self {
            breaker: Some(breaker),
            ..self
        }
    }

    /// The breaker, where there is one.
    #[must_use]
    pub const fn breaker(&self) -> Option<&Breaker> {
        self.breaker.as_ref()
    }

    /// The longest that upstream may be silent: also the limit between two pieces of an answer.
    #[must_use]
    pub const fn idle(&self) -> Duration {
        self.idle
    }

    /// [`Self::forward_within`] the time it was made with.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn forward(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Incoming>, ForwardFailure> {
        self.forward_within(request, self.idle).await
    }

    /// Sends a request on and gives the answer as soon as its head is there; neither body is buffered.
    ///
    /// Waiting ends when nothing has moved for `idle`: no piece of the request, no head of the answer. The answer's
    /// body has no limit yet: wrap it (`proxy::body::ProxyBody::passed`).
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn forward_within(
        &self,
        request: Request<Incoming>,
        idle: Duration,
    ) -> Result<Response<Incoming>, ForwardFailure> {
        let (mut parts, body) = request.into_parts();
        self.address(&mut parts)?;
        if !body.is_end_stream() && body.size_hint().exact().is_none() {
            // Said explicitly: left to itself the client would drop the body of a GET.
            parts.headers.remove(CONTENT_LENGTH);
            parts
                .headers
                .insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let progress = Arc::new(Progress::new());
        let body = Outgoing::stream(body, Arc::clone(&progress));
        let mut answer = std::pin::pin!(
            self.clients
                .here()
                .request(Request::from_parts(parts, body))
        );
        loop {
            match timeout_at(progress.last() + idle, answer.as_mut()).await {
                Ok(Ok(response)) => return cleaned(response),
                Ok(Err(_)) if progress.broken() => return Err(ForwardFailure::BrokenBody),
                Ok(Err(error)) => return Err(judged(&error)),
                Err(_) if progress.last() + idle > Instant::now() => {}
                Err(_) if progress.waiting() => return Err(ForwardFailure::SlowBody),
                Err(_) => return Err(ForwardFailure::MaybeSent(silent(idle))),
            }
        }
    }

    /// Sends the head of a request with a body that the bridge has read, and reads the whole answer (at most 4 MiB),
    /// within the time for one sending.
    ///
    /// # Errors
    /// When there is no answer, or not all of it; when the breaker is open.
    pub async fn forward_bytes(
        &self,
        parts: &request::Parts,
        body: Bytes,
        budget: Budget,
    ) -> Result<RawReply, SendFailure> {
        let mut request = Request::new(());
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.headers_mut() = parts.headers.clone();
        *request.extensions_mut() = parts.extensions.clone();
        let (mut head, ()) = request.into_parts();
        self.address(&mut head)?;
        if !body.is_empty() || head.headers.contains_key(CONTENT_LENGTH) {
            head.headers
                .insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let request = Request::from_parts(head, Outgoing::bytes(body));
        let pass = self.breaker.as_ref().map(Breaker::enter).transpose();
        let pass = pass.map_err(SendFailure::NotSent)?;
        let limit = budget.next_call();
        let answered = timeout(limit, self.exchange(request)).await;
        let in_time = answered.is_ok();
        let sent = answered.unwrap_or_else(|_| Err(SendFailure::MaybeSent(silent(limit))));
        match (&sent, pass) {
            (Ok(raw), Some(pass)) => pass.status(raw.status),
            (Err(_), Some(pass)) if in_time || budget.is_fair(limit) => pass.failed(),
            (Ok(_) | Err(_), _) => {}
        }
        sent
    }

    async fn exchange(&self, request: Request<Outgoing>) -> Result<RawReply, SendFailure> {
        let response = self.clients.here().request(request).await;
        let (mut parts, mut body) =
            cleaned(response.map_err(|error| judged(&error))?)?.into_parts();
        let status = parts.status.as_u16();
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| SendFailure::MaybeSent(chain(&error)))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if read.len() + data.len() > ANSWER_MAX {
                return Err(SendFailure::Unreadable {
                    status,
                    why: "longer than 4 MiB".to_owned(),
                });
            }
            read.extend_from_slice(&data);
        }
        Ok(RawReply {
            status,
            headers: std::mem::take(&mut parts.headers),
            body: read.freeze(),
        })
    }

    /// Directs a head at upstream and cleans its headers.
    fn address(&self, parts: &mut request::Parts) -> Result<(), ForwardFailure> {
        let unfit = || {
            ForwardFailure::NotSent(Unsent::NoConnection(
                "the target can't be sent on".to_owned(),
            ))
        };
        let came = parts.uri.path_and_query();
        let path = match came {
            Some(came) if self.prefix.is_empty() => came.clone(),
            Some(came) => {
                PathAndQuery::from_maybe_shared(Bytes::from(format!("{}{came}", self.prefix)))
                    .map_err(|_| unfit())?
            }
            None => return Err(unfit()),
        };
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = Some(path);
        parts.uri = Uri::from_parts(uri).map_err(|_| unfit())?;
        let came = std::mem::take(&mut parts.headers);
        parts.headers = head::onward(came, parts.version, &self.host);
        parts.version = Version::HTTP_11;
        if self.shadow {
            let mark = HeaderValue::from_static("1");
            parts.headers.insert(super::SHADOW_MARK, mark);
        }
        Ok(())
    }
}

fn pool(connector: &Connector) -> Pool {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(50))
        .timer(TokioTimer::new())
        // Only a request that no connection has taken is tried on another one: its body is untouched.
        .retry_canceled_requests(true)
        .set_host(false)
        .http1_preserve_header_case(true)
        .http1_max_buf_size(128 << 10)
        .build(connector.clone())
}

/// An answer as it may be passed on: with one reading of its length, whoever reads it.
fn cleaned(response: Response<Incoming>) -> Result<Response<Incoming>, ForwardFailure> {
    let unfit = |why: &str| Err(ForwardFailure::MaybeSent(why.to_owned()));
    let (mut parts, body) = response.into_parts();
    if parts.status.is_informational() {
        return unfit("upstream switched protocols unasked");
    }
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = match (codings.next(), codings.next()) {
        (None, _) => false,
        (Some(one), None) if one.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => true,
        _ => return unfit("upstream used a transfer coding that can't be passed on"),
    };
    parts.version = Version::HTTP_11;
    // Where both stand, the chunks count (RFC 9112, 6.3).
    parts.headers = without_hop(parts.headers, |name| chunked && name == CONTENT_LENGTH);
    let mut lengths = parts.headers.get_all(CONTENT_LENGTH).iter();
    if let Some(first) = lengths.next()
        && (lengths.next().is_some() || first.as_bytes().contains(&b','))
    {
        // The same length several times: others were refused when the head was read.
        let once = first.as_bytes().split(|byte| *byte == b',').next();
        let Ok(once) = HeaderValue::from_bytes(once.unwrap_or_default().trim_ascii()) else {
            return unfit("upstream sent a length that can't be passed on");
        };
        parts.headers.insert(CONTENT_LENGTH, once);
    }
    Ok(Response::from_parts(parts, body))
}

fn judged(error: &hyper_util::client::legacy::Error) -> ForwardFailure {
    let why = chain(error);
    if error.is_connect() {
        ForwardFailure::NotSent(Unsent::NoConnection(why))
    } else {
        ForwardFailure::MaybeSent(why)
    }
}

fn silent(limit: Duration) -> String {
    format!("nothing within {} ms", limit.as_millis())
}

/// The innermost causes as text; they hold no address and nothing of the request.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
