//! Webhooks: registrations, queues, signed deliveries with repeats.
//!
//! In order per registration; a failed delivery holds back the later events of its payment and is repeated with growing
//! waits until a 2xx. Deliveries can be paused, doubled, reversed, repeated and forged. Source: Webhooks API.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::outbound;
use super::state::Shared;
use crate::epayment::event::EventName;
use crate::epayment::signature::{Signed, sign};
use crate::types::Moment;

/// How a delivery is spoilt on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forgery {
    /// The signature is another secret's.
    Signature,
    /// No signature at all.
    Missing,
    /// Signed for another host.
    Host,
    /// One byte of the body differs from what was signed.
    Body,
    /// Signed an hour ago by the clock.
    Old,
}

/// One attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// To which registration.
    pub registration: String,
    /// About which payment.
    pub reference: String,
    /// What happened.
    pub name: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The receiver's status.
    pub status: Option<u16>,
    /// Why there is none.
    pub error: Option<String>,
}

/// A registration for whoever looks from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RegistrationView {
    pub id: String,
    pub url: String,
    pub events: Vec<String>,
    pub units: Vec<String>,
    pub waiting: usize,
}

#[derive(Clone)]
struct Item {
    reference: String,
    name: String,
    body: Bytes,
    attempts: u32,
    due: Option<Instant>,
    forgery: Option<Forgery>,
}

impl Item {
    fn same(&self, other: &Self) -> bool {
        self.body == other.body && self.attempts == other.attempts && self.forgery == other.forgery
    }
}

pub(super) struct Registration {
    pub(super) id: String,
    secret: String,
    pub(super) url: String,
    pub(super) events: Vec<String>,
    pub(super) units: Vec<String>,
    queue: VecDeque<Item>,
    done: VecDeque<Item>,
    busy: bool,
}

#[derive(Default)]
struct Inner {
    registrations: Vec<Registration>,
    paused: bool,
    log: VecDeque<Delivery>,
}

/// All registrations.
#[derive(Default)]
pub(super) struct Hooks {
    inner: Mutex<Inner>,
    wake: Notify,
}

/// How many events wait, and how many attempts are remembered, at most.
const KEPT: usize = 10_000;

/// The name of an event as registrations write it.
pub(super) fn event_name(name: EventName) -> String {
    format!("epayments.payment.{}.v1", name.word().to_lowercase())
}

impl Hooks {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers; false where a unit has 25 for one of the events already.
    pub(super) fn register(
        &self,
        id: &str,
        secret: &str,
        url: &str,
        events: Vec<String>,
        units: Vec<String>,
    ) -> bool {
        let mut inner = self.lock();
        let full = events.iter().any(|event| {
            units.iter().any(|unit| {
                let same = |r: &&Registration| r.events.contains(event) && r.units.contains(unit);
                inner.registrations.iter().filter(same).count() >= 25
            })
        });
        if !full {
            inner.registrations.push(Registration {
                id: id.to_owned(),
                secret: secret.to_owned(),
                url: url.to_owned(),
                events,
                units,
                queue: VecDeque::new(),
                done: VecDeque::new(),
                busy: false,
            });
        }
        !full
    }

    pub(super) fn remove(&self, id: &str, units: &[String]) -> bool {
        let mut inner = self.lock();
        let before = inner.registrations.len();
        inner
            .registrations
            .retain(|r| r.id != id || !r.units.iter().any(|u| units.contains(u)));
        inner.registrations.len() < before
    }

    pub(super) fn list(&self) -> Vec<RegistrationView> {
        let shown = |r: &Registration| RegistrationView {
            id: r.id.clone(),
            url: r.url.clone(),
            events: r.events.clone(),
            units: r.units.clone(),
            waiting: r.queue.len(),
        };
        self.lock().registrations.iter().map(shown).collect()
    }

    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        self.lock().log.iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        let mut inner = self.lock();
        *inner = Inner::default();
    }

    pub(super) fn pause(&self, paused: bool) {
        self.lock().paused = paused;
        self.wake.notify_one();
    }

    /// Queues an event for every registration that wants it.
    pub(super) fn raise(&self, msn: &str, reference: &str, name: EventName, body: &Value) {
        let word = event_name(name);
        let item = Item {
            reference: reference.to_owned(),
            name: name.word().to_owned(),
            body: Bytes::from(body.to_string()),
            attempts: 0,
            due: None,
            forgery: None,
        };
        let mut inner = self.lock();
        for registration in &mut inner.registrations {
            let wanted = registration.units.iter().any(|u| u == msn)
                && registration.events.contains(&word)
                && registration.queue.len() < KEPT;
            if wanted {
                registration.queue.push_back(item.clone());
            }
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// Queues any body for every registration of the unit, forged if asked.
    pub(super) fn send(&self, msn: &str, body: &[u8], forgery: Option<Forgery>) -> usize {
        let shown: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| {
            let text = shown.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let item = Item {
            reference: text("reference"),
            name: text("name"),
            body: Bytes::copy_from_slice(body),
            attempts: 0,
            due: None,
            forgery,
        };
        let mut inner = self.lock();
        let mut count = 0;
        for registration in &mut inner.registrations {
            if registration.units.iter().any(|u| u == msn) && registration.queue.len() < KEPT {
                registration.queue.push_back(item.clone());
                count += 1;
            }
        }
        drop(inner);
        self.wake.notify_one();
        count
    }

    /// Doubles everything that waits.
    pub(super) fn duplicate(&self) {
        for registration in &mut self.lock().registrations {
            let doubled = registration.queue.drain(..).flat_map(|i| [i.clone(), i]);
            registration.queue = doubled.collect();
        }
        self.wake.notify_one();
    }

    /// Reverses the order of everything that waits.
    pub(super) fn reverse(&self) {
        for registration in &mut self.lock().registrations {
            registration.queue.make_contiguous().reverse();
        }
    }

    /// Queues everything that was delivered once more.
    pub(super) fn redeliver(&self, reference: Option<&str>) -> usize {
        let mut count = 0;
        for registration in &mut self.lock().registrations {
            let again = registration
                .done
                .iter()
                .filter(|i| reference.is_none_or(|r| i.reference == r))
                .cloned();
            let again: Vec<Item> = again.collect();
            count += again.len();
            registration.queue.extend(again.into_iter().map(|i| Item {
                attempts: 0,
                due: None,
                ..i
            }));
        }
        self.wake.notify_one();
        count
    }

    /// The next delivery of each idle registration, and when to look again.
    fn due(&self) -> (Vec<Order>, Option<Instant>) {
        let mut inner = self.lock();
        let now = Instant::now();
        let (mut orders, mut next) = (Vec::new(), None);
        if inner.paused {
            return (orders, next);
        }
        for registration in &mut inner.registrations {
            if registration.busy {
                continue;
            }
            let queue = &registration.queue;
            let held = |at: usize, item: &Item| {
                queue
                    .iter()
                    .take(at)
                    .any(|earlier| earlier.reference == item.reference)
            };
            let ready = |item: &Item| item.due.is_none_or(|due| due <= now);
            let at = (0..queue.len()).find(|at| ready(&queue[*at]) && !held(*at, &queue[*at]));
            if let Some(at) = at
                && let Some(item) = registration.queue.get(at).cloned()
            {
                registration.busy = true;
                orders.push(Order {
                    registration: registration.id.clone(),
                    url: registration.url.clone(),
                    secret: registration.secret.clone(),
                    item,
                });
            } else {
                let waiting = registration.queue.iter().filter_map(|i| i.due).min();
                next = match (next, waiting) {
                    (Some(a), Some(b)) => Some(std::cmp::min(a, b)),
                    (a, b) => a.or(b),
                };
            }
        }
        (orders, next)
    }

    /// What became of a delivery.
    fn settle(&self, order: &Order, result: Result<u16, String>, backoff: Duration) {
        let mut inner = self.lock();
        let delivered = result.as_ref().is_ok_and(|s| (200..300).contains(s));
        let attempt = order.item.attempts + 1;
        if inner.log.len() >= KEPT {
            inner.log.pop_front();
        }
        inner.log.push_back(Delivery {
            registration: order.registration.clone(),
            reference: order.item.reference.clone(),
            name: order.item.name.clone(),
            attempt,
            status: result.as_ref().ok().copied(),
            error: result.err(),
        });
        let found = inner
            .registrations
            .iter_mut()
            .find(|r| r.id == order.registration);
        if let Some(registration) = found {
            registration.busy = false;
            let forged = order.item.forgery.is_some();
            // the queue may have been doubled or reversed meanwhile
            let at = registration.queue.iter().position(|i| i.same(&order.item));
            if let Some(at) = at {
                if delivered || forged {
                    if let Some(item) = registration.queue.remove(at)
                        && !forged
                    {
                        if registration.done.len() >= KEPT {
                            registration.done.pop_front();
                        }
                        registration.done.push_back(item);
                    }
                } else if let Some(item) = registration.queue.get_mut(at) {
                    item.attempts = attempt;
                    let wait = backoff.saturating_mul(1 << attempt.saturating_sub(1).min(6));
                    item.due = Some(Instant::now() + wait);
                }
            }
        }
        drop(inner);
        self.wake.notify_one();
    }
}

/// One delivery to make.
struct Order {
    registration: String,
    url: String,
    secret: String,
    item: Item,
}

/// Delivers until the simulator stops.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let (orders, next) = shared.hooks.due();
        for order in orders {
            let mine = Arc::clone(&shared);
            shared.spawn(async move { deliver(&mine, order).await });
        }
        let later = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.hooks.wake.notified() => {}
            () = later => {}
        }
    }
}

async fn deliver(shared: &Arc<Shared>, order: Order) {
    let (time, backoff) = shared.change(|state, _| {
        let rules = state.world.rules();
        (
            Duration::from_millis(rules.webhook_timeout_ms),
            Duration::from_millis(rules.webhook_backoff_ms),
        )
    });
    let result = match outbound::target(&order.url) {
        Err(why) => Err(format!("not sent: {why}")),
        Ok(target) => {
            let now = shared.clock_now();
            let (headers, body) = signed(&order, &target, now);
            outbound::post(&target, &headers, body, time).await
        }
    };
    shared.hooks.settle(&order, result, backoff);
}

/// Headers and body of a delivery, spoilt where that was asked for.
fn signed(order: &Order, target: &outbound::Target, now: Moment) -> (Vec<(String, String)>, Bytes) {
    let forgery = order.item.forgery;
    let at = match forgery {
        Some(Forgery::Old) => Moment::from_millis(now.millis() - 3_600_000),
        _ => now,
    };
    let date = at.http_date();
    let host = match forgery {
        Some(Forgery::Host) => "another.example",
        _ => target.host.as_str(),
    };
    let secret = match forgery {
        Some(Forgery::Signature) => "another secret",
        _ => order.secret.as_str(),
    };
    let made = sign(
        &Signed {
            path_and_query: &target.path_and_query,
            host,
            date: &date,
            body: &order.item.body,
        },
        secret,
    );
    let mut headers = vec![("x-ms-date".to_owned(), date)];
    if forgery != Some(Forgery::Missing) {
        headers.push(("x-ms-content-sha256".to_owned(), made.content_sha256));
        headers.push(("authorization".to_owned(), made.authorization));
    }
    let body = if forgery == Some(Forgery::Body) {
        let mut bytes = order.item.body.to_vec();
        bytes.push(b' ');
        bytes.into()
    } else {
        order.item.body.clone()
    };
    (headers, body)
}

/// All of it for the controls.
pub(super) fn shown(hooks: &Hooks) -> Value {
    json!({"registrations": hooks.list(), "deliveries": hooks.deliveries(), "paused": hooks.lock().paused})
}
