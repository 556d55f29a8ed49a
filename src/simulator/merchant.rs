//! A toy merchant: takes callbacks, writes them down, answers what it is told.
//!
//! Answers 200 until told otherwise. Must not: check anything (tests look at what was written down).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A request that reached the merchant.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The status that it is answered with.
    pub answered: u16,
}

impl Received {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// The body as JSON, `null` where it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What the merchant answers.
#[derive(Clone, Debug)]
pub struct Manner {
    /// The status.
    pub status: u16,
    /// How long it thinks first.
    pub delay: Duration,
    /// Such as `Location`.
    pub headers: Vec<(String, String)>,
}

impl Manner {
    /// A status, at once.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self {
            status,
            delay: Duration::ZERO,
            headers: Vec::new(),
        }
    }
}

#[derive(Debug)]
struct Inner {
    received: Vec<Received>,
    next: VecDeque<Manner>,
    always: Manner,
    answering: usize,
    most_at_once: usize,
}

#[derive(Debug)]
struct Desk {
    inner: Mutex<Inner>,
    news: Notify,
}

impl Desk {
    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request until it is answered, or its client is gone.
struct Answering(Arc<Desk>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.with(|d| d.answering -= 1);
    }
}

/// The toy merchant's server; stops when dropped.
#[derive(Debug)]
pub struct Merchant {
    desk: Arc<Desk>,
    addr: SocketAddr,
    _stop: DropGuard,
}

/// How many requests are remembered at most.
const KEPT: usize = 100_000;

impl Merchant {
    /// Serves on a listener.
    ///
    /// # Errors
    /// Where the listener has no address.
    pub fn start(listener: TcpListener) -> std::io::Result<Self> {
        let addr = listener.local_addr()?;
        let stop = CancellationToken::new();
        let desk = Arc::new(Desk {
            inner: Mutex::new(Inner {
                received: Vec::new(),
                next: VecDeque::new(),
                always: Manner::status(200),
                answering: 0,
                most_at_once: 0,
            }),
            news: Notify::new(),
        });
        let server = serve(listener, Arc::clone(&desk), stop.clone());
        let ended = stop.clone();
        tokio::spawn(async move {
            tokio::select! { () = server => {} () = ended.cancelled() => {} }
        });
        Ok(Self {
            desk,
            addr,
            _stop: stop.drop_guard(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:port`
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Everything received so far, oldest first.
    #[must_use]
    pub fn callbacks(&self) -> Vec<Received> {
        self.desk.with(|d| d.received.clone())
    }

    /// Everything received since the last time, which is forgotten.
    #[must_use]
    pub fn take(&self) -> Vec<Received> {
        self.desk.with(|d| std::mem::take(&mut d.received))
    }

    /// The most requests that were being answered at once.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.desk.with(|d| d.most_at_once)
    }

    /// Forgets what was received.
    pub fn clear(&self) {
        self.desk.with(|d| d.received.clear());
    }

    /// From now on it answers like this.
    pub fn answer(&self, manner: Manner) {
        self.desk.with(|d| d.always = manner);
    }

    /// The next request is answered like this; may be called several times.
    pub fn answer_next(&self, manner: Manner) {
        self.desk.with(|d| d.next.push_back(manner));
    }

    /// Waits until so many requests have come; false where they did not come in time.
    pub async fn wait_for(&self, count: usize, time: Duration) -> bool {
        let enough = async {
            loop {
                let news = self.desk.news.notified();
                if self.desk.with(|d| d.received.len()) >= count {
                    return;
                }
                news.await;
            }
        };
        tokio::time::timeout(time, enough).await.is_ok()
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>, stop: CancellationToken) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (desk, stop) = (Arc::clone(&desk), stop.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| receive(Arc::clone(&desk), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! { _ = connection => {} () = stop.cancelled() => {} }
        });
    }
}

async fn receive(
    desk: Arc<Desk>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let headers = headers.collect();
    let manner = desk.with(|d| {
        let manner = d.next.pop_front().unwrap_or_else(|| d.always.clone());
        if d.received.len() < KEPT {
            d.received.push(Received {
                method: parts.method.as_str().to_owned(),
                target: parts.uri.to_string(),
                headers,
                body,
                answered: manner.status,
            });
        }
        d.answering += 1;
        d.most_at_once = d.most_at_once.max(d.answering);
        manner
    });
    let answering = Answering(Arc::clone(&desk));
    desk.news.notify_waiters();
    tokio::time::sleep(manner.delay).await;
    drop(answering);
    let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
    *response.status_mut() =
        http::StatusCode::from_u16(manner.status).unwrap_or(http::StatusCode::OK);
    for (name, value) in manner.headers {
        if let (Ok(name), Ok(value)) = (
            name.parse::<http::HeaderName>(),
            value.parse::<http::HeaderValue>(),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}
