//! Everything that the simulator's tasks share, behind one lock.
//!
//! A change runs under the lock and its effects are handed on before the lock is free, so events keep their order.
//! Must not: wait while it holds the lock.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::Asked;
use super::faults::Faults;
use super::gateway::Gateway;
use super::hooks::Hooks;
use super::outbound;
use super::world::{CallbackOrder, Effect, World};
use crate::types::{Clock, Moment};

/// Which part of the upstream a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Surface {
    /// Access tokens.
    Token,
    /// eCom v2.
    Ecom,
    /// ePayment v1.
    Epayment,
    /// Webhook registrations.
    Webhooks,
    /// Userinfo.
    Userinfo,
    /// The echo under `/_echo/`.
    Echo,
    /// Anything else.
    Other,
}

/// A request as it arrived, and what became of it.
#[derive(Clone, Debug)]
pub struct SeenRequest {
    /// Its number; later ones are larger.
    pub id: u64,
    /// When, by the simulator's clock.
    pub at: Moment,
    /// Which part of the upstream.
    pub surface: Surface,
    /// The method.
    pub method: String,
    /// Path and query as they stood in the request line.
    pub target: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body's bytes; empty for what was streamed.
    pub body: Bytes,
    /// The status that was answered; none while it runs, or where no answer was given.
    pub status: Option<u16>,
    /// The fault that hit it.
    pub fault: Option<String>,
}

impl SeenRequest {
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
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The target without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.id, "at": self.at.to_string(), "api": self.surface, "method": self.method,
            "target": self.target, "headers": self.headers, "status": self.status, "fault": self.fault,
            "body": String::from_utf8_lossy(&self.body),
        })
    }
}

/// A callback of eCom, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallbackRecord {
    /// The sales unit.
    pub msn: String,
    /// The order.
    pub order: String,
    /// Where it went.
    pub url: String,
    /// The body.
    pub body: Value,
    /// Whether it is over.
    pub done: bool,
    /// The merchant's status.
    pub status: Option<u16>,
    /// Why there is none.
    pub error: Option<String>,
}

/// How many callbacks are remembered at most; later ones are sent all the same.
const CALLBACKS_KEPT: usize = 100_000;

/// What the lock guards.
pub(super) struct State {
    pub(super) world: World,
    pub(super) gateway: Gateway,
    pub(super) faults: Faults,
    pub(super) seen: VecDeque<SeenRequest>,
    pub(super) seen_serial: u64,
    pub(super) callbacks: Vec<CallbackRecord>,
}

/// Whether anybody can connect: what is wanted, and what is.
pub(super) struct Network {
    pub(super) wanted: watch::Sender<bool>,
    pub(super) is_down: watch::Sender<bool>,
}

/// What all tasks share.
pub(super) struct Shared {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    offset_ms: AtomicI64,
    pub(super) hooks: Hooks,
    pub(super) network: Network,
    pub(super) addr: SocketAddr,
    pub(super) record: usize,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) runtime: tokio::runtime::Handle,
}

impl Shared {
    pub(super) fn new(
        state: State,
        clock: Arc<dyn Clock>,
        addr: SocketAddr,
        record: usize,
    ) -> Self {
        Self {
            state: Mutex::new(state),
            clock,
            offset_ms: AtomicI64::new(0),
            hooks: Hooks::default(),
            network: Network {
                wanted: watch::Sender::new(false),
                is_down: watch::Sender::new(false),
            },
            addr,
            record,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            runtime: tokio::runtime::Handle::current(),
        }
    }

    /// The given clock's time.
    pub(super) fn clock_now(&self) -> Moment {
        self.clock.now()
    }

    /// The simulator's own time: the given clock's and the offset.
    pub(super) fn now(&self) -> Moment {
        let offset = self.offset_ms.load(Ordering::SeqCst);
        Moment::from_millis(self.clock.now().millis().saturating_add(offset))
    }

    pub(super) fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.offset_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub(super) fn reset_offset(&self) {
        self.offset_ms.store(0, Ordering::SeqCst);
    }

    /// Runs a change and hands on what follows from it.
    pub(super) fn change<T>(self: &Arc<Self>, f: impl FnOnce(&mut State, Moment) -> T) -> T {
        let now = self.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = f(&mut state, now);
        let time = Duration::from_millis(state.world.rules().callback_timeout_ms);
        for effect in state.world.take_effects() {
            match effect {
                Effect::Event {
                    msn,
                    reference,
                    name,
                    body,
                } => self.hooks.raise(&msn, &reference, name, &body),
                Effect::Callback(order) => self.call_back(&mut state, *order, time),
            }
        }
        result
    }

    /// Sends a callback once, outside the lock.
    fn call_back(self: &Arc<Self>, state: &mut State, order: CallbackOrder, time: Duration) {
        let at = state.callbacks.len();
        let target = outbound::target(&order.url);
        if at < CALLBACKS_KEPT {
            state.callbacks.push(CallbackRecord {
                msn: order.msn,
                order: order.order,
                url: order.url,
                body: order.body.clone(),
                done: target.is_err(),
                status: None,
                error: target.as_ref().err().map(|why| format!("not sent: {why}")),
            });
        }
        let Ok(target) = target else {
            return;
        };
        let shared = Arc::clone(self);
        let send = async move {
            let headers: Vec<_> = order
                .authorization
                .map(|token| ("authorization".to_owned(), token))
                .into_iter()
                .collect();
            let body = Bytes::from(order.body.to_string());
            let result = outbound::post(&target, &headers, body, time).await;
            shared.change(|state, _| {
                if let Some(record) = state.callbacks.get_mut(at) {
                    record.done = true;
                    match result {
                        Ok(status) => record.status = Some(status),
                        Err(why) => record.error = Some(why),
                    }
                }
            });
        };
        self.spawn(send);
    }

    /// Runs until done or until the simulator stops.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        let task = async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        };
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// Writes a request down; its number.
    pub(super) fn saw(self: &Arc<Self>, asked: &Asked, surface: Surface) -> u64 {
        let record = self.record;
        self.change(|state, now| {
            state.seen_serial += 1;
            let headers = asked.headers.iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            });
            state.seen.push_back(SeenRequest {
                id: state.seen_serial,
                at: now,
                surface,
                method: asked.method.clone(),
                target: asked.target.clone(),
                headers: headers.collect(),
                body: asked.body.clone(),
                status: None,
                fault: None,
            });
            while state.seen.len() > record {
                state.seen.pop_front();
            }
            state.seen_serial
        })
    }

    /// Writes down what became of it.
    pub(super) fn told(self: &Arc<Self>, id: u64, status: Option<u16>, fault: Option<String>) {
        self.change(|state, _| {
            if let Some(seen) = state.seen.iter_mut().rev().find(|s| s.id == id) {
                seen.status = status;
                seen.fault = fault;
            }
        });
    }
}
