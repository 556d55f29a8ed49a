//! The listener that Vipps calls: `POST /webhooks/{msn}`, and nothing else.
//!
//! A front proxy may keep or strip the path prefix of the public URL; both are taken. Must not: look at a body before its
//! size is known to be small, or answer with anything that helps a forger.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use super::answer::unread;
use super::body::{ProxyBody, collect};
use super::headers::{BRIDGE_STORE, RequestId};
use super::layers::{Held, refuse};
use super::memory::BodyMemory;
use super::{Handler, Peer};
use crate::callbacks::receive::{Received, Receiver};
use crate::ecom::error::Failure;
use crate::lifecycle::Lifecycle;
use crate::types::Msn;

/// Events are far smaller, in bytes.
const BODY_MAX: usize = 64 << 10;
/// Vipps waits 10 seconds for an answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// Answers Vipps.
#[derive(Clone)]
pub struct Webhooks {
    /// Checks and records.
    pub receiver: Arc<Receiver>,
    /// Where recording runs, so that a caller that hangs up does not cut it.
    pub lifecycle: Lifecycle,
    /// The path of the public URL, without its last slash; usually empty.
    pub prefix: String,
    /// Told in every answer, so that `doctor` knows which bridge a public address leads to.
    pub name: http::HeaderValue,
    /// Where bodies are read.
    pub memory: BodyMemory,
}

impl Handler for Webhooks {
    async fn handle(
        &self,
        request: Request<Incoming>,
        id: RequestId,
        _peer: Peer,
        place: Held,
    ) -> Response<ProxyBody> {
        let mut answer = self.answer(request, id, place).await;
        answer.headers_mut().insert(BRIDGE_STORE, self.name.clone());
        answer
    }
}

impl Webhooks {
    async fn answer(
        &self,
        request: Request<Incoming>,
        id: RequestId,
        place: Held,
    ) -> Response<ProxyBody> {
        let refused = |status: u16, told: &str| {
            refuse(&Failure::field("webhook", told).with_status(status), id)
        };
        let Some(msn) = self.unit(request.uri().path()) else {
            return refused(404, "only POST /webhooks/{msn} is answered here");
        };
        if request.method() != Method::POST {
            return refused(405, "only POST is answered here");
        }
        let (parts, body) = request.into_parts();
        let deadline = Instant::now() + PATIENCE;
        let (body, part) = match collect(body, BODY_MAX, deadline, &self.memory).await {
            Ok(body) => body,
            Err(failure) => return unread(failure, id),
        };
        let receiver = Arc::clone(&self.receiver);
        let work = self.lifecycle.run(async move {
            let _held = (place, part);
            receiver.receive(&msn, &parts.headers, &body).await
        });
        let received = tokio::time::timeout(PATIENCE, work).await;
        match received {
            Ok(Ok(Received::Accepted)) => empty(StatusCode::OK),
            Ok(Ok(Received::Unauthorized)) => refused(401, "the signature is missing or wrong"),
            Ok(Ok(Received::Unknown)) => refused(404, "no such sales unit"),
            Ok(Ok(Received::NotRecorded) | Err(_)) | Err(_) => {
                let mut answer = refused(503, "the event could not be recorded; send it again");
                answer.headers_mut().insert(
                    http::header::RETRY_AFTER,
                    http::HeaderValue::from_static("5"),
                );
                answer
            }
        }
    }

    fn unit(&self, path: &str) -> Option<Msn> {
        let path = path.strip_prefix(self.prefix.as_str()).unwrap_or(path);
        Msn::parse(path.strip_prefix("/webhooks/")?)
    }
}

fn empty(status: StatusCode) -> Response<ProxyBody> {
    let mut response = Response::new(ProxyBody::empty());
    *response.status_mut() = status;
    response
}
