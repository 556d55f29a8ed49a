//! The connections of the operator's listener: few, and none for ever.
//!
//! A request is read whole, in bounded time and size, before anybody works on it, so that whoever sends slowly can be told
//! from whoever waits for an answer. Must not: hold up a probe because of others that were opened and left.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::LONGEST_BODY;
use super::places::{Place, Places};

/// The largest head, and the read buffer of a connection.
const HEAD_MAX: usize = 64 << 10;

/// What the listener bears.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest that a head may take to come, and a connection may wait for its next request.
    pub head: Duration,
    /// The longest that a body may take.
    pub body: Duration,
    /// The most connections.
    pub connections: usize,
    /// The most connections of one client.
    pub per_client: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            body: Duration::from_secs(30),
            connections: 128,
            per_client: 64,
        }
    }
}

/// Serves until `shutdown`; what is being answered then is answered.
pub(super) async fn serve(
    router: Router,
    listener: TcpListener,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let places = Places::new(limits.connections, limits.per_client);
    let tasks = TaskTracker::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((socket, from)) => {
                // Where there is no place it is closed: whoever asks again a moment later finds one.
                if let Some(place) = places.take(from.ip()) {
                    let door = Door {
                        router: router.clone(),
                        place,
                        from,
                        limits,
                    };
                    tasks.spawn(connection(socket, Arc::new(door), shutdown.clone()));
                }
            }
            Err(error) => {
                // Out of files, mostly: connections that end give some back.
                tracing::warn!(%error, "no connection of an operator could be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// What one connection needs.
struct Door {
    router: Router,
    place: Place,
    from: SocketAddr,
    limits: Limits,
}

async fn connection(socket: TcpStream, door: Arc<Door>, shutdown: CancellationToken) {
    let asked = Arc::clone(&door);
    let service = service_fn(move |request| Arc::clone(&asked).answer(request));
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(door.limits.head)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(socket), service);
    let mut http = pin!(http);
    let gives_way = door.place.end();
    tokio::select! {
        _ended = http.as_mut() => return,
        () = gives_way.cancelled() => return,
        () = shutdown.cancelled() => http.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ended = http => {}
        () = gives_way.cancelled() => {}
    }
}

impl Door {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response, Infallible> {
        let (parts, body) = request.into_parts();
        let body = match timeout(self.limits.body, whole(body)).await {
            Ok(Some(body)) => body,
            Ok(None) => return Ok(last(StatusCode::BAD_REQUEST)),
            Err(_) => return Ok(last(StatusCode::REQUEST_TIMEOUT)),
        };
        if !self.place.works() {
            return Ok(last(StatusCode::SERVICE_UNAVAILABLE));
        }
        let mut request = Request::from_parts(parts, Body::from(body));
        request.extensions_mut().insert(ConnectInfo(self.from));
        let answer = self.router.clone().oneshot(request).await;
        self.place.waits();
        answer
    }
}

/// A body; none where it broke off. One that is too long becomes another that is too long: each route refuses it in its
/// own shape, behind the gate.
async fn whole(body: Incoming) -> Option<Bytes> {
    match Limited::new(body, LONGEST_BODY).collect().await {
        Ok(read) => Some(read.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Some(vec![0; LONGEST_BODY + 1].into()),
        Err(_) => None,
    }
}

/// An answer behind which the connection ends.
fn last(status: StatusCode) -> Response {
    let close = (header::CONNECTION, HeaderValue::from_static("close"));
    (status, [close]).into_response()
}

#[cfg(test)]
mod tests;
