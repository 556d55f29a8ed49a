//! The merchant-facing listener: connections, their limits and their end.
//!
//! Plain: HTTP/1.1 (1.0 is served and closed). With a certificate: HTTP/2, too, by ALPN. Every refusal has eCom's shape,
//! also of a head that is no HTTP at all (`shaped`). Must not: end a connection while an answer is on its way, but at the
//! end of the drain time.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::headers::RequestId;
use super::idle::Usage;
use super::layers::{Edge, EdgeBody, Hooks, overloaded};
use super::shaped::Shaped;
use super::tls::{Acceptor, Certificate, Guarded, TlsError, TlsFiles, Transport, close_gently};
use super::{Handler, Peer};
use crate::ecom::error::{Code, Failure};
use crate::workers::Workers;

/// Larger than any head that is let in, so that most refusals of heads are ours; also the read buffer of a connection.
const BUFFER: usize = 128 << 10;

/// The same for HTTP/2, which refuses larger ones itself.
const HEADER_LIST_MAX: u32 = 128 << 10;

/// How the listener behaves.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The most calls in flight, each until its answer has been taken; more get 503.
    pub max_in_flight: usize,
    /// The most connections; more get 503 and are closed.
    pub max_connections: usize,
    /// The longest that a head may take to come, and a connection may wait for its next call.
    pub header_timeout: Duration,
    /// The longest that a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// The longest that a client may take nothing of its answer.
    pub write_timeout: Duration,
    /// The longest that calls in flight may go on after the end was announced.
    pub drain_timeout: Duration,
}

impl ServerSettings {
    /// Defaults for everything but the address.
    #[must_use]
    pub const fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            max_in_flight: 1_024,
            max_connections: 4_096,
            header_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(40),
        }
    }
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address.
    #[error("{0} can't be listened on: {1}. Choose a free address for `listen`")]
    Address(SocketAddr, io::Error),
    /// The certificate.
    #[error("{0}. Name a certificate chain and the key that belongs to it, both PEM")]
    Tls(#[from] TlsError),
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut at the end of the drain time.
    pub cut: usize,
}

/// A bound listener.
pub struct Server {
    listener: TcpListener,
    local: SocketAddr,
    acceptor: Option<Acceptor>,
    settings: ServerSettings,
    workers: Workers,
    /// Asked when the end is announced.
    drain_timeout: Box<dyn Fn() -> Duration + Send + Sync>,
}

impl Server {
    /// Binds the address and reads the certificate.
    ///
    /// # Errors
    /// When either can't be used.
    pub async fn bind(settings: ServerSettings) -> Result<Self, BindError> {
        let acceptor = settings.tls.as_ref().map(Acceptor::new).transpose()?;
        let unusable = |error| BindError::Address(settings.listen, error);
        let listener = TcpListener::bind(settings.listen).await.map_err(unusable)?;
        let local = listener.local_addr().map_err(unusable)?;
        let drain_timeout = settings.drain_timeout;
        Ok(Self {
            listener,
            local,
            acceptor,
            drain_timeout: Box::new(move || drain_timeout),
            settings,
            workers: Workers::default(),
        })
    }

    /// With its connections on these workers.
    #[must_use]
    pub fn on(mut self, workers: Workers) -> Self {
        self.workers = workers;
        self
    }

    /// With a drain time that may change: it is asked for when the end is announced.
    #[must_use]
    pub fn draining_within(mut self, limit: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.drain_timeout = Box::new(limit);
        self
    }

    /// The certificate, to be replaced while connections come and go; none with plain HTTP.
    #[must_use]
    pub fn certificate(&self) -> Option<Certificate> {
        let acceptor = self.acceptor.as_ref();
        acceptor.map(|acceptor| acceptor.certificate().clone())
    }

    /// The real address.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Serves until `shutdown` is cancelled. Then no new connection is taken, idle ones are closed, calls in flight
    /// are answered, and what is left after the drain time is cut.
    pub async fn serve<H: Handler>(
        self,
        handler: Arc<H>,
        hooks: Arc<dyn Hooks>,
        shutdown: CancellationToken,
    ) -> Drained {
        let edge = Edge::new(handler, self.settings.max_in_flight, hooks);
        let drain_timeout = self.drain_timeout;
        let (listener, workers) = (self.listener, self.workers);
        let connections = Connections {
            edge: Arc::new(edge),
            acceptor: self.acceptor,
            soft: shutdown.clone(),
            hard: CancellationToken::new(),
            cut: Arc::new(AtomicUsize::new(0)),
            places: Arc::new(Semaphore::new(
                self.settings.max_connections.min(Semaphore::MAX_PERMITS),
            )),
            farewells: Arc::new(Semaphore::new(64)),
            settings: Arc::new(self.settings),
        };
        let tasks = TaskTracker::new();
        while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((socket, from)) => connections.take((&tasks, &workers), socket, from),
                Err(error) => {
                    // Out of file descriptors, mostly: those that end give some back.
                    tracing::warn!(%error, "no connection could be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(listener);
        tasks.close();
        if timeout(drain_timeout(), tasks.wait()).await.is_err() {
            connections.hard.cancel();
            tasks.wait().await;
        }
        Drained {
            cut: connections.cut.load(Ordering::Relaxed),
        }
    }
}

struct Connections<H> {
    edge: Arc<Edge<H>>,
    acceptor: Option<Acceptor>,
    settings: Arc<ServerSettings>,
    soft: CancellationToken,
    hard: CancellationToken,
    cut: Arc<AtomicUsize>,
    places: Arc<Semaphore>,
    /// Refused connections that are being told so.
    farewells: Arc<Semaphore>,
}

impl<H> Clone for Connections<H> {
    fn clone(&self) -> Self {
        Self {
            edge: Arc::clone(&self.edge),
            acceptor: self.acceptor.clone(),
            settings: Arc::clone(&self.settings),
            soft: self.soft.clone(),
            hard: self.hard.clone(),
            cut: Arc::clone(&self.cut),
            places: Arc::clone(&self.places),
            farewells: Arc::clone(&self.farewells),
        }
    }
}

impl<H: Handler> Connections<H> {
    fn take(
        &self,
        (tasks, workers): (&TaskTracker, &Workers),
        socket: TcpStream,
        from: SocketAddr,
    ) {
        // Answers are written whole: waiting for more to send would only cost time. Not being able to is no harm.
        let _set = socket.set_nodelay(true);
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.edge.hooks().connection_refused();
            if self.acceptor.is_none() {
                match Arc::clone(&self.farewells).try_acquire_owned() {
                    Ok(place) => drop(tasks.spawn(farewell(socket, place))),
                    Err(_) => parting_word(socket),
                }
            }
            return;
        };
        let connection = self.clone();
        let handed_on = workers.serve(tasks, socket, async move |socket| {
            if connection.serve(socket, from).await == End::Cut {
                connection.cut.fetch_add(1, Ordering::Relaxed);
            }
            drop(place);
        });
        if let Err(error) = handed_on {
            tracing::warn!(%error, "a connection could not be handed to a worker");
        }
    }

    /// What is only needed for a while is boxed: ten thousand idle connections should cost little each.
    async fn serve(&self, socket: TcpStream, from: SocketAddr) -> End {
        let mut peer = Peer {
            addr: from,
            tls: false,
        };
        let Some(acceptor) = &self.acceptor else {
            return self.http1(socket, peer).await;
        };
        let handshake = timeout(self.settings.handshake_timeout, acceptor.accept(socket));
        let stream = match self.soft.run_until_cancelled(Box::pin(handshake)).await {
            Some(Ok(Ok(stream))) => stream,
            Some(Ok(Err(error))) => {
                tracing::debug!(%error, "the TLS handshake failed");
                return End::Own;
            }
            Some(Err(_)) | None => return End::Own,
        };
        peer.tls = true;
        if stream.is_h2() {
            Box::pin(self.http2(stream, peer)).await
        } else {
            Box::pin(self.http1(stream, peer)).await
        }
    }

    async fn http1<T: Transport>(&self, stream: T, peer: Peer) -> End {
        let edge = Arc::clone(&self.edge);
        let service = service_fn(move |request| answered(Arc::clone(&edge), request, peer));
        let guarded = Guarded::new(stream, self.settings.write_timeout);
        let io = TokioIo::new(Shaped::new(guarded, bare_refusal));
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.settings.header_timeout)
            .max_buf_size(BUFFER)
            .preserve_header_case(true)
            // A client that closes its side has hung up: its call's place is freed.
            .half_close(false)
            .serve_connection(io, service);
        let ended = {
            let mut draining = pin!(self.soft.cancelled());
            let mut cutting = pin!(self.hard.cancelled());
            let mut drained = false;
            poll_fn(|cx| {
                if !drained && draining.as_mut().poll(cx).is_ready() {
                    drained = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
                // The end of the drain time comes after its beginning: until then there is nothing to look at.
                if drained && cutting.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                connection.poll_without_shutdown(cx).map(Some)
            })
            .await
        };
        let Some(ended) = ended else {
            return End::Cut;
        };
        let parts = connection.into_parts();
        let mut stream = parts.io.into_inner().io.io;
        match ended {
            Ok(()) => {}
            Err(error) if error.is_timeout() && !parts.read_buf.is_empty() => {
                let failure = Failure::told(Code::Vipps99, "The head came too slowly");
                let answer = plain(&failure.with_status(408), "Request Timeout");
                let _told = timeout(Duration::from_secs(1), stream.write_all(&answer)).await;
            }
            Err(error) if error.is_user() => {
                // An answer broke off: a reset is an end that no client takes for a whole answer.
                let _set = stream.socket().set_zero_linger();
                tracing::debug!("an answer broke off, its connection was cut");
                return End::Own;
            }
            Err(error) => {
                if error.is_parse() {
                    self.edge.hooks().refused("unreadable_head");
                }
                tracing::debug!(%error, "a connection ended");
            }
        }
        Box::pin(close_gently(&mut stream)).await;
        End::Own
    }

    async fn http2<T: Transport>(&self, stream: T, peer: Peer) -> End {
        let (edge, usage) = (Arc::clone(&self.edge), Usage::new());
        let used = usage.clone();
        let service = service_fn(move |request| {
            let (answered, working) = (answered(Arc::clone(&edge), request, peer), used.began());
            async move {
                let _working = working;
                answered.await
            }
        });
        let io = TokioIo::new(Guarded::new(stream, self.settings.write_timeout));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(self.settings.header_timeout)
            .max_concurrent_streams(128)
            .max_header_list_size(HEADER_LIST_MAX)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            // What is still on its way either way may end.
            () = until_either(self.soft.cancelled(), usage.idle(self.settings.header_timeout)) => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    () = self.hard.cancelled() => return End::Cut,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
        End::Own
    }
}

async fn until_either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// By itself: answered, left or given up.
    Own,
    /// At the end of the drain time, with an answer on its way.
    Cut,
}

type Answered = Pin<Box<dyn Future<Output = Result<Response<EdgeBody>, Infallible>> + Send>>;

fn answered<H: Handler>(edge: Arc<Edge<H>>, request: Request<Incoming>, peer: Peer) -> Answered {
    Box::pin(async move { Ok(edge.call(request, peer).await) })
}

/// Tells a client that there are too many connections.
async fn farewell(mut socket: TcpStream, _place: OwnedSemaphorePermit) {
    let answer = plain(&overloaded(), "Service Unavailable");
    let told = timeout(Duration::from_secs(1), socket.write_all(&answer)).await;
    if matches!(told, Ok(Ok(()))) {
        Box::pin(close_gently(&mut socket)).await;
    }
}

/// The same without waiting for the client to hear it: where many must be told.
fn parting_word(socket: TcpStream) {
    let answer = plain(&overloaded(), "Service Unavailable");
    if let Ok(mut socket) = socket.into_std() {
        // It does not block, and the buffer of a new socket is empty. A client that has gone needs no answer.
        let _told = io::Write::write(&mut socket, &answer);
    }
}

/// In place of the answer that hyper has for a head that it can't read.
fn bare_refusal(failure: &Failure) -> Vec<u8> {
    let reason = match failure.status {
        414 => "URI Too Long",
        431 => "Request Header Fields Too Large",
        _ => "Bad Request",
    };
    plain(failure, reason)
}

/// A whole answer with `Connection: close`, for where no HTTP machinery runs.
fn plain(failure: &Failure, reason: &str) -> Vec<u8> {
    let id = RequestId::fresh().to_string();
    let body = serde_json::to_string(&failure.body(&id)).unwrap_or_else(|_| "[]".to_owned());
    let retry = if failure.status == 503 {
        "retry-after: 1\r\n"
    } else {
        ""
    };
    format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         bridge-route: refused\r\nbridge-request-id: {id}\r\n{retry}connection: close\r\n\r\n{body}",
        failure.status,
        body.len(),
    )
    .into_bytes()
}
