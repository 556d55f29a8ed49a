//! The edge with a small handler: what is eCom's is read and forwarded whole, everything else streams through.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ecom_bridge::ecom::error::Failure;
use ecom_bridge::ecom::route::{Target, parse};
use ecom_bridge::proxy::memory::BodyMemory;
use ecom_bridge::proxy::{
    BRIDGE_ROUTE, Drained, Handler, Held, Hooks, Peer, ProxyBody, RequestId, Server,
    ServerSettings, body, refuse,
};
use ecom_bridge::upstream::Budget;
use ecom_bridge::upstream::ecom::Forwarder;
use ecom_bridge::workers::Workers;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::LIMIT;

/// Counts what the edge tells.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) in_flight: AtomicUsize,
    pub(crate) shed: AtomicUsize,
    pub(crate) refused: AtomicUsize,
    pub(crate) abandoned: AtomicUsize,
    pub(crate) panicked: AtomicUsize,
    pub(crate) connections_refused: AtomicUsize,
}

impl Hooks for Counts {
    fn began(&self) {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
    }
    fn ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
    fn shed(&self) {
        self.shed.fetch_add(1, Ordering::SeqCst);
    }
    fn refused(&self, _why: &'static str) {
        self.refused.fetch_add(1, Ordering::SeqCst);
    }
    fn abandoned(&self) {
        self.abandoned.fetch_add(1, Ordering::SeqCst);
    }
    fn panicked(&self) {
        self.panicked.fetch_add(1, Ordering::SeqCst);
    }
    fn connection_refused(&self) {
        self.connections_refused.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) fn is(count: &AtomicUsize, value: usize) -> bool {
    count.load(Ordering::SeqCst) == value
}

/// What a test sets.
pub(crate) struct Wanted {
    pub(crate) settings: ServerSettings,
    pub(crate) idle: Duration,
    pub(crate) read_time: Duration,
    pub(crate) max_body: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            settings: ServerSettings::at(([127, 0, 0, 1], 0).into()),
            idle: LIMIT,
            read_time: LIMIT,
            max_body: 1 << 20,
        }
    }
}

/// A running edge.
pub(crate) struct Bridge {
    pub(crate) addr: SocketAddr,
    pub(crate) counts: Arc<Counts>,
    pub(crate) shutdown: CancellationToken,
    /// Lets calls of `/wait` end.
    pub(crate) gate: Arc<Notify>,
    pub(crate) served: JoinHandle<Drained>,
}

impl Bridge {
    pub(crate) async fn to(upstream: SocketAddr) -> Self {
        Self::with(upstream, Wanted::default()).await
    }

    pub(crate) async fn with(upstream: SocketAddr, wanted: Wanted) -> Self {
        let base = format!("http://{upstream}");
        let gate = Arc::new(Notify::new());
        let handler = Passing {
            forwarder: Forwarder::new(&base, Duration::from_secs(2), wanted.idle).unwrap(),
            gate: Arc::clone(&gate),
            read_time: wanted.read_time,
            max_body: wanted.max_body,
        };
        let server = Server::bind(wanted.settings).await.unwrap();
        let server = server.on(Workers::start(2).unwrap());
        let counts = Arc::new(Counts::default());
        let shutdown = CancellationToken::new();
        Self {
            addr: server.local_addr(),
            counts: Arc::clone(&counts),
            shutdown: shutdown.clone(),
            gate,
            served: tokio::spawn(server.serve(Arc::new(handler), counts, shutdown)),
        }
    }
}

struct Passing {
    forwarder: Forwarder,
    gate: Arc<Notify>,
    read_time: Duration,
    max_body: usize,
}

impl Handler for Passing {
    async fn handle(
        &self,
        request: Request<Incoming>,
        id: RequestId,
        _peer: Peer,
        _place: Held,
    ) -> Response<ProxyBody> {
        let target = parse(request.method().as_str(), request.uri().path());
        let answered = match target {
            Target::Call { .. } => self.read(request).await,
            Target::WrongMethod(_) => Err(Failure::field("method", "wrong").with_status(405)),
            Target::Unknown => Err(Failure::field("path", "unknown").with_status(404)),
            Target::Refused => Err(Failure::field("path", "refused")),
            Target::Outside => match request.uri().path() {
                "/panic" => panic!("canary"),
                "/wait" => {
                    self.gate.notified().await;
                    Ok(Response::new(ProxyBody::full("waited")))
                }
                _ => self.pass(request).await,
            },
        };
        answered.unwrap_or_else(|failure| refuse(&failure, id))
    }
}

impl Passing {
    async fn pass(&self, request: Request<Incoming>) -> Result<Response<ProxyBody>, Failure> {
        let answer = self
            .forwarder
            .forward(request)
            .await
            .map_err(|f| f.failure())?;
        let mut response = answer.map(|body| ProxyBody::passed(body, self.forwarder.idle(), None));
        response
            .headers_mut()
            .insert(BRIDGE_ROUTE, HeaderValue::from_static("pass"));
        Ok(response)
    }

    async fn read(&self, request: Request<Incoming>) -> Result<Response<ProxyBody>, Failure> {
        let (parts, body) = request.into_parts();
        let deadline = Instant::now() + self.read_time;
        let memory = BodyMemory::new(self.max_body);
        let (body, _memory) = body::collect(body, self.max_body, deadline, &memory)
            .await
            .map_err(|f| f.failure())?;
        let raw = self
            .forwarder
            .forward_bytes(&parts, body, Budget::of(LIMIT))
            .await
            .map_err(|_| Failure::unknown("no answer"))?;
        let mut response = Response::new(ProxyBody::full(raw.body));
        *response.status_mut() = raw.status.try_into().unwrap();
        *response.headers_mut() = raw.headers;
        response
            .headers_mut()
            .insert(BRIDGE_ROUTE, HeaderValue::from_static("ecom"));
        Ok(response)
    }
}
