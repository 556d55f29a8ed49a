//! The merchant-facing surface: what is a call of eCom is worked on, everything else is passed through.
//!
//! A call that may move money runs on the task tracker and is awaited, so a client that hangs up can't cut it in half.
//! Must not: touch a target, a header or a body of what passes through.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::header::HeaderValue;
use http::{Request, Response};
use hyper::body::Incoming;

use super::answer::{dotted_path, response, unknown_call, unread, wrong_method};
use super::body::{BodyFailure, ProxyBody, collect};
use super::bulkheads::Bulkheads;
use super::calls::Call;
use super::headers::{BRIDGE_ROUTE, RequestId};
use super::layers::{Held, Hooks, refuse};
use super::memory::BodyMemory;
use super::{Handler, Peer};
use crate::callbacks::served::Served;
use crate::ecom::error::Failure;
use crate::ecom::route::{self, Operation, Target};
use crate::lifecycle::Lifecycle;
use crate::observe::Observer;
use crate::payments::{Early, Payments};
use crate::settings::Live;
use crate::shadow::Shadow;
use crate::store::StoreError;
use crate::telemetry::{Api, Meters, Op, RequestFacts, Route};
use crate::upstream::Spent;
use crate::upstream::ecom::Forwarder;

/// What every call shares.
#[derive(Clone)]
pub struct Bridge {
    /// The use cases.
    pub payments: Arc<Payments>,
    /// The way to eCom and to every other path.
    pub forwarder: Forwarder,
    /// The settings in force.
    pub live: Arc<Live>,
    /// Where money work runs.
    pub lifecycle: Lifecycle,
    /// Counts.
    pub meters: Arc<Meters>,
    /// Counts what readiness rests on.
    pub observer: Arc<Observer>,
    /// Told what upstream has accepted, for what the bridge does by itself; none: nobody is told.
    pub served: Option<Arc<Served>>,
    /// Shown every call when it is answered; none: nothing is shadowed.
    pub shadow: Option<Arc<Shadow>>,
    /// How many may wait for each API.
    pub bulkheads: Bulkheads,
    /// Where bodies are read.
    pub memory: BodyMemory,
}

impl Handler for Bridge {
    async fn handle(
        &self,
        request: Request<Incoming>,
        id: RequestId,
        _peer: Peer,
        place: Held,
    ) -> Response<ProxyBody> {
        match route::parse(request.method().as_str(), request.uri().path()) {
            Target::Outside => self.pass(request, id).await,
            Target::Call { operation, order } => {
                self.call(request, id, (operation, order), place).await
            }
            Target::WrongMethod(operation) => {
                self.refused(&request, id, operation, wrong_method(operation, id))
            }
            Target::Unknown => self.refused(&request, id, Op::Pass, unknown_call(id)),
            Target::Refused => self.refused(&request, id, Op::Pass, dotted_path(id)),
        }
    }
}

impl Bridge {
    fn facts(request: &Request<Incoming>, id: RequestId, op: impl Into<Op>) -> RequestFacts {
        RequestFacts::begin(id.uuid(), request.method(), op)
    }

    fn refused(
        &self,
        request: &Request<Incoming>,
        id: RequestId,
        op: impl Into<Op>,
        answer: Response<ProxyBody>,
    ) -> Response<ProxyBody> {
        let mut facts = Self::facts(request, id, op);
        facts.routed(Route::Refused, "no-call");
        self.finish(facts, Route::Refused, answer)
    }

    /// Counts and logs a call, once.
    fn finish(
        &self,
        facts: RequestFacts,
        route: Route,
        answer: Response<ProxyBody>,
    ) -> Response<ProxyBody> {
        let status = answer.status().as_u16();
        self.meters.request(
            facts.operation(),
            route,
            status,
            facts.elapsed().as_secs_f64(),
        );
        self.observer.note(&facts, route, status);
        facts.finish(status);
        answer
    }

    /// Streams a request through, both ways.
    async fn pass(&self, request: Request<Incoming>, id: RequestId) -> Response<ProxyBody> {
        let mut facts = Self::facts(&request, id, Op::Pass);
        facts.routed(Route::Pass, "outside-ecom");
        let api = if is_token(request.uri().path()) {
            Api::Token
        } else {
            Api::Pass
        };
        let berth = match self.berth(api) {
            Ok(berth) => berth,
            Err(_) => {
                facts.outcome("no-answer");
                let told = "Too many calls wait for the API behind the bridge. Nothing was done. Repeat later";
                let answer = refuse(&Failure::unreachable(told), id);
                return self.finish(facts, Route::Refused, answer);
            }
        };
        let idle = self.live.settings().upstream.timeout;
        let began = Instant::now();
        let passed = self.forwarder.forward_within(request, idle).await;
        let took = began.elapsed();
        facts.upstream(took);
        self.meters.upstream(api, "pass", took.as_secs_f64());
        let mut answer = match passed {
            Ok(answer) => answer.map(|body| ProxyBody::passed(body, idle, Some(berth))),
            Err(failure) => {
                facts.outcome("no-answer");
                self.meters.upstream_error(api, failure.kind());
                refuse(&failure.failure(), id)
            }
        };
        answer
            .headers_mut()
            .insert(BRIDGE_ROUTE, HeaderValue::from_static(Route::Pass.word()));
        self.finish(facts, Route::Pass, answer)
    }

    /// Reads a call's body, and works on it where no hang-up can reach.
    async fn call(
        &self,
        request: Request<Incoming>,
        id: RequestId,
        (operation, order): (Operation, String),
        place: Held,
    ) -> Response<ProxyBody> {
        let mut facts = Self::facts(&request, id, operation);
        let snapshot = self.live.snapshot();
        let proxy = &snapshot.settings.proxy;
        let deadline = Instant::now() + proxy.request_timeout;
        let (parts, body) = request.into_parts();
        let collected = collect(body, proxy.max_body_bytes, deadline, &self.memory).await;
        let (body, memory) = match collected {
            Ok(collected) => collected,
            Err(failure) => {
                facts.routed(Route::Refused, body_word(failure));
                if failure == BodyFailure::NoRoom {
                    self.meters.shed();
                }
                return self.finish(facts, Route::Refused, unread(failure, id));
            }
        };
        let gone = Arc::new(Gone::default());
        let noted = Arc::clone(&gone);
        let bridge = self.clone();
        let (spent, early) = (Arc::default(), Arc::default());
        let late = Late {
            spent: Arc::clone(&spent),
            early: Arc::clone(&early),
        };
        let call = Call {
            parts,
            body,
            operation,
            order,
            deadline,
            snapshot: Arc::clone(&snapshot),
            spent,
            early,
            decided: Mutex::default(),
            berth: Mutex::default(),
            _memory: memory,
        };
        // Boxed: it is large, and a task moves what it is made of more than once.
        let work = self.lifecycle.run(Box::pin(async move {
            let (answer, route) = bridge.work(&call, &mut facts).await;
            if noted.0.load(Ordering::Relaxed) {
                facts.client_gone();
            }
            let answer = bridge.finish(facts, route, response(answer, route, id));
            bridge.offer(&call, route, &answer);
            drop(place);
            answer
        }));
        let watch = Watch(Some(gone));
        let answer = tokio::time::timeout_at((deadline + LATE).into(), work).await;
        watch.disarm();
        let Ok(answer) = answer else {
            return late.answer(id);
        };
        answer.unwrap_or_else(|_| {
            tracing::error!("the work on a call panicked");
            refuse(
                &Failure::unknown("the bridge failed in the middle of the call"),
                id,
            )
        })
    }
}

/// How long after its time a call may still be at its record, before it is answered without.
const LATE: Duration = Duration::from_millis(500);

/// A call whose time is over while its work goes on: the store is slow, for nothing else is waited for then.
struct Late {
    spent: Arc<Spent>,
    early: Arc<Early>,
}

impl Late {
    /// What is known; else whether anything may have been done. Nothing is sent any more that could change that.
    fn answer(&self, id: RequestId) -> Response<ProxyBody> {
        if let Some((answer, route)) = self.early.known() {
            tracing::warn!("a call was answered before its record was closed: the store is slow");
            return response(answer, route, id);
        }
        if self.spent.may_have_changed() {
            tracing::warn!("a call was answered before its outcome was kept: the store is slow");
            let why = "the bridge's store is too slow to keep what came of it";
            return refuse(&Failure::unknown(why), id);
        }
        response(StoreError::Locked.into(), Route::Refused, id)
    }
}

/// Whether the client has hung up.
#[derive(Debug, Default)]
struct Gone(AtomicBool);

/// Notes the hang-up: dropped before the answer was there. None: it was there.
struct Watch(Option<Arc<Gone>>);

impl Watch {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(gone) = &self.0 {
            gone.0.store(true, Ordering::Relaxed);
        }
    }
}

fn is_token(path: &str) -> bool {
    path.trim_matches('/')
        .eq_ignore_ascii_case("accesstoken/get")
}

const fn body_word(failure: BodyFailure) -> &'static str {
    match failure {
        BodyFailure::TooLarge(_) => "body-too-large",
        BodyFailure::TooSlow => "body-too-slow",
        BodyFailure::Broken => "body-broken",
        BodyFailure::NoRoom => "no-room",
    }
}

/// Lets the edge count what it sees.
#[derive(Debug)]
pub struct Counting(Arc<Meters>);

impl Counting {
    /// Counts into `meters`.
    #[must_use]
    pub const fn new(meters: Arc<Meters>) -> Self {
        Self(meters)
    }
}

impl Hooks for Counting {
    fn began(&self) {
        self.0.began();
    }
    fn ended(&self) {
        self.0.ended();
    }
    fn shed(&self) {
        self.0.shed();
        tracing::warn!(target: "request", outcome = "shed", status = 503, "all places in flight are taken");
    }
    fn refused(&self, why: &'static str) {
        tracing::info!(target: "request", outcome = "refused-at-the-edge", why, "a head was refused");
    }
    fn panicked(&self) {
        tracing::error!(target: "request", outcome = "panicked", status = 500, "the handler of a request panicked");
    }
    fn connection_refused(&self) {
        tracing::warn!(target: "request", outcome = "connection-refused", status = 503, "too many connections");
    }
}

/// How long the edge waits for a head; the documents name no limit.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    /// F8: an answered call once left a few bytes behind, each.
    #[test]
    fn a_call_that_was_answered_leaves_nothing_behind() {
        let gone = Arc::new(Gone::default());
        Watch(Some(Arc::clone(&gone))).disarm();
        assert_eq!(Arc::strong_count(&gone), 1);
        assert!(!gone.0.load(Ordering::Relaxed));
        drop(Watch(Some(Arc::clone(&gone))));
        assert_eq!(Arc::strong_count(&gone), 1);
        assert!(gone.0.load(Ordering::Relaxed));
    }
}
