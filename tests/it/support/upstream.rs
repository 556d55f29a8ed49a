//! The host behind the bridge: one that speaks HTTP and remembers what it saw, and one that follows a script in bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Error = Box<dyn std::error::Error + Send + Sync>;
type AnyBody = UnsyncBoxBody<Bytes, Error>;

/// One request as upstream read it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A host that speaks HTTP.
pub(crate) struct Upstream {
    pub(crate) addr: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    malformed: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self {
            addr: listener.local_addr().unwrap(),
            seen: Arc::default(),
            malformed: Arc::default(),
            connections: Arc::default(),
        };
        let (seen, malformed) = (Arc::clone(&upstream.seen), Arc::clone(&upstream.malformed));
        let connections = Arc::clone(&upstream.connections);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (seen, malformed) = (Arc::clone(&seen), Arc::clone(&malformed));
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, Arc::clone(&seen)));
                    let served = hyper::server::conn::http1::Builder::new()
                        .max_buf_size(256 << 10)
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                    if served.is_err_and(|error| error.is_parse()) {
                        malformed.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        upstream
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// Connections that ended in something that is no HTTP.
    pub(crate) fn malformed(&self) -> usize {
        self.malformed.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<AnyBody>, Error> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let number = |prefix: &str| {
        path.strip_prefix(prefix)
            .and_then(|n| n.parse::<usize>().ok())
    };
    // Bodies of these are not kept: they may be large.
    let streams = path == "/echo" || path == "/count";
    let (kept, body) = if streams {
        (Bytes::new(), Some(body))
    } else {
        (body.collect().await?.to_bytes(), None)
    };
    seen.lock().unwrap().push(Seen {
        method: parts.method.clone(),
        target: parts.uri.to_string(),
        headers: parts.headers.clone(),
        body: kept.clone(),
    });
    let mut response = match (path.as_str(), body) {
        ("/echo", Some(body)) => {
            let length = body.size_hint().exact();
            let mut response = Response::new(body.map_err(Into::into).boxed_unsync());
            if let Some(length) = length {
                response
                    .headers_mut()
                    .insert("content-length", HeaderValue::from(length));
            }
            response
        }
        (_, Some(mut body)) => {
            let mut total = 0;
            while let Some(frame) = body.frame().await {
                total += frame?.into_data().map_or(0, |data| data.len());
            }
            Response::new(full(total.to_string()))
        }
        (_, None) => Response::new(full(kept)),
    };
    if let Some(size) = number("/size/") {
        response = Response::new(filled(size));
        response
            .headers_mut()
            .insert("content-length", HeaderValue::from(size));
    } else if let Some(size) = number("/chunks/") {
        response = Response::new(filled(size));
    } else if let Some(status) = number("/status/") {
        *response.status_mut() = u16::try_from(status).unwrap().try_into().unwrap();
    }
    for (name, value) in [
        ("x-up", "1"),
        ("set-cookie", "a=1"),
        ("x-mid", "2"),
        ("set-cookie", "b=2"),
        ("connection", "x-hop"),
        ("x-hop", "gone"),
        ("keep-alive", "timeout=9"),
        ("bridge-route", "forged"),
    ] {
        response
            .headers_mut()
            .append(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

fn full(bytes: impl Into<Bytes>) -> AnyBody {
    Full::new(bytes.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

/// `size` bytes, made while they are sent.
fn filled(size: usize) -> AnyBody {
    static PIECE: [u8; 64 << 10] = [b'u'; 64 << 10];
    let pieces = stream::unfold(size, |left| async move {
        let now = left.min(PIECE.len());
        (now > 0).then(|| {
            (
                Ok::<_, Error>(Frame::data(Bytes::from_static(&PIECE[..now]))),
                left - now,
            )
        })
    });
    StreamBody::new(Box::pin(pieces)).boxed_unsync()
}

/// A host that follows `script` on each connection, given its number from 0.
pub(crate) async fn scripted<F>(
    script: impl Fn(TcpStream, usize) -> F + Send + 'static,
) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(script(socket, number));
            number += 1;
        }
    });
    addr
}

/// Reads a head, byte by byte.
pub(crate) async fn head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// Sends bytes; a peer that has gone is no failure.
pub(crate) async fn say(socket: &mut TcpStream, bytes: &str) {
    let _sent = socket.write_all(bytes.as_bytes()).await;
}

/// An address where nothing listens.
pub(crate) async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}
