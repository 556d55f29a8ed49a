//! The HTTP surface for merchants: sockets, limits, refusals and bodies; what a call means is decided by a [`Handler`].
//!
//! A client that hangs up drops the future of [`Handler::handle`]. Whatever moves money is therefore spawned on the
//! tracker of [`crate::lifecycle::Lifecycle`] and awaited. Must not: decide where a call goes.

mod answer;
pub mod body;
pub mod bridge;
pub mod bulkheads;
mod calls;
mod context;
pub mod headers;
mod idle;
mod judge;
pub mod layers;
pub mod memory;
mod offer;
pub mod server;
mod shaped;
pub mod tls;
pub mod webhooks;

use std::future::Future;
use std::net::SocketAddr;

use http::{Request, Response};
use hyper::body::Incoming;

pub use body::ProxyBody;
pub use bridge::{Bridge, Counting};
pub use headers::{BRIDGE_ROUTE, BRIDGE_STORE, RequestId};
pub use layers::{Held, Hooks, NoHooks, refuse};
pub use server::{BindError, Drained, Server, ServerSettings};

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address of the other end of the connection.
    pub addr: SocketAddr,
    /// Whether the connection is TLS.
    pub tls: bool,
}

/// Answers the calls that the edge lets in.
///
/// The request's target is in origin form and has one `Host` (but for HTTP/1.0). Answers get `bridge-request-id` from the
/// edge, and `bridge-route` from the handler.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. The future is dropped when the client hangs up; a panic becomes a 500. Work that goes on
    /// after that keeps `place`, or clients that hang up could have more done than there are places for.
    fn handle(
        &self,
        request: Request<Incoming>,
        id: RequestId,
        peer: Peer,
        place: Held,
    ) -> impl Future<Output = Response<ProxyBody>> + Send;
}
