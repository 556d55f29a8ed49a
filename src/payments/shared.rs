//! One look for identical reads of a payment: those that come while it is under way, and shortly after it began.
//!
//! Identical are reads of the same payment whose credentials equal those that ePayment accepted for the look, with no
//! change in between that the bridge knows of: what it sent, was told or saw (`upstream::changes`), and what any
//! instance wrote of the payment's money calls (the store's version). All of that is the key, so a look that began
//! before a change is never found after it. Must not: serve a money call, share a failure, or let a read wait for
//! another one beyond its own time.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OnceCell, watch};

use super::read::{Look, NoLook, look};
use super::{Caller, Payments, Subject};
use crate::epayment::event::PaymentEvent;
use crate::epayment::model::{Payment, Userinfo};
use crate::store::{Adjustment, Version};
use crate::types::{Moment, Reference, Scope};
use crate::upstream::changes::Generation;
use crate::upstream::epayment::{Call, Epayment, Sent};
use crate::upstream::reads::Reads;
use crate::upstream::{Credentials, Reply, SendFailure};

/// All looks together take about so many bytes at the most.
const BYTES_MAX: u64 = 32 << 20;
/// What a payment takes, and an event of its log, about.
const PAYMENT_BYTES: usize = 4 << 10;
const EVENT_BYTES: usize = 512;
/// The longest window that the settings allow; nothing is kept longer.
const KEPT: Duration = Duration::from_secs(10);

/// What makes reads identical.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    scope: Scope,
    reference: Reference,
    /// Keyed hash of what lets the call in.
    credentials: [u8; 16],
    version: i64,
    generation: Generation,
}

/// A look that may answer several reads.
pub(super) struct Seen {
    pub(super) look: Look,
    user: OnceCell<Userinfo>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seen(hidden)")
    }
}

#[derive(Clone, Debug)]
enum State {
    Flying,
    Landed(Arc<Seen>),
    /// ePayment refused, or gave no answer: that is between it and whoever asked.
    Failed,
    /// Whoever asked has gone.
    Left,
}

/// One look, from its beginning on.
#[derive(Debug)]
struct Flight {
    began: Moment,
    state: watch::Receiver<State>,
}

impl Flight {
    fn serves(&self, now: Moment, window: Duration) -> bool {
        let is_young = self.began <= now && now.since(self.began) < window;
        is_young && matches!(*self.state.borrow(), State::Flying | State::Landed(_))
    }

    fn landed(&self) -> Option<Arc<Seen>> {
        match &*self.state.borrow() {
            State::Landed(seen) => Some(Arc::clone(seen)),
            State::Flying | State::Failed | State::Left => None,
        }
    }

    /// About how many bytes it takes.
    fn weight(&self) -> u32 {
        let events = self.landed().map_or(0, |seen| seen.look.events.len());
        u32::try_from(PAYMENT_BYTES + events * EVENT_BYTES).unwrap_or(u32::MAX)
    }
}

/// Whoever makes the look that others wait for.
#[derive(Debug)]
struct Pilot(watch::Sender<State>);

impl Pilot {
    fn end(&self, state: State) {
        self.0.send_replace(state);
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        self.0.send_if_modified(|state| {
            let left = matches!(state, State::Flying);
            if left {
                *state = State::Left;
            }
            left
        });
    }
}

/// The looks that are shared now. Nothing until the first read that may share.
#[derive(Debug, Default)]
pub(super) struct SharedLooks(OnceLock<Cache<Key, Arc<Flight>>>);

impl SharedLooks {
    fn flights(&self) -> &Cache<Key, Arc<Flight>> {
        self.0.get_or_init(|| {
            Cache::builder()
                .max_capacity(BYTES_MAX)
                .weigher(|_: &Key, flight: &Arc<Flight>| flight.weight())
                .time_to_live(KEPT)
                .build()
        })
    }

    /// The look under way or made within `window`; else a new one, whose pilot is whoever asked.
    fn board(&self, key: &Key, now: Moment, window: Duration) -> (Arc<Flight>, Option<Pilot>) {
        let mut pilot = None;
        let begin = || {
            let (sender, state) = watch::channel(State::Flying);
            pilot = Some(Pilot(sender));
            Arc::new(Flight { began: now, state })
        };
        let entry = self
            .flights()
            .entry_by_ref(key)
            .or_insert_with_if(begin, |old| !old.serves(now, window));
        (entry.into_value(), pilot)
    }
}

/// What a read found, with the record of the money calls where that is as fresh.
pub(super) struct Found {
    pub(super) seen: Arc<Seen>,
    pub(super) calls: Option<Vec<Adjustment>>,
}

impl From<Look> for Seen {
    fn from(look: Look) -> Self {
        Self {
            look,
            user: OnceCell::new(),
        }
    }
}

impl Payments {
    /// A look at a payment, that of an identical read where one began within `window`.
    ///
    /// # Errors
    /// Without a look.
    pub(super) async fn shared_look(
        &self,
        caller: &Caller,
        subject: &Subject,
        window: Duration,
    ) -> Result<Found, NoLook> {
        let order = &subject.order;
        let Ok((calls, version)) = self.store.adjustments(&order.scope, &order.order).await else {
            // What another instance has begun is not known: nothing is shared.
            return self.alone(caller, subject).await;
        };
        let key = self.key(caller, subject, version);
        loop {
            let (flight, pilot) = self.looks.board(&key, self.clock.now(), window);
            if let Some(pilot) = pilot {
                return self.fly(caller, subject, (key, flight, pilot)).await;
            }
            if let Some(seen) = flight.landed() {
                self.meters.details_cache("hit");
                let calls = Some(calls);
                return Ok(Found { seen, calls });
            }
            // Half of the time: the other half is for a look of its own.
            let patience = caller.budget.next_call() / 2;
            let mut state = flight.state.clone();
            let ended = state.wait_for(|state| !matches!(state, State::Flying));
            let ended = tokio::time::timeout(patience, ended).await;
            match ended.map(|ended| ended.map(|state| state.clone())) {
                Ok(Ok(State::Landed(seen))) => {
                    self.meters.details_cache("joined");
                    return Ok(Found { seen, calls: None });
                }
                Ok(Ok(State::Left) | Err(_)) => {}
                Ok(Ok(State::Failed | State::Flying)) | Err(_) => {
                    return self.alone(caller, subject).await;
                }
            }
        }
    }

    async fn fly(
        &self,
        caller: &Caller,
        subject: &Subject,
        (key, flight, pilot): (Key, Arc<Flight>, Pilot),
    ) -> Result<Found, NoLook> {
        self.meters.details_cache("miss");
        let flights = self.looks.flights();
        match look(&self.epayment, caller, subject).await {
            Ok(look) => {
                let kept = self.note(subject, &look, key.generation);
                let seen = Arc::new(Seen::from(look));
                pilot.end(State::Landed(Arc::clone(&seen)));
                match kept {
                    // Again, for its weight; and under the generation that it is the first to show.
                    Some(generation) => flights.insert(Key { generation, ..key }, flight),
                    None => flights.invalidate(&key),
                }
                Ok(Found { seen, calls: None })
            }
            Err(trouble) => {
                pilot.end(State::Failed);
                flights.invalidate(&key);
                Err(trouble)
            }
        }
    }

    /// A look that nobody shares.
    async fn alone(&self, caller: &Caller, subject: &Subject) -> Result<Found, NoLook> {
        self.meters.details_cache("miss");
        let began = self.epayment.changes().generation(&subject.reference);
        let look = look(&self.epayment, caller, subject).await?;
        let _kept = self.note(subject, &look, began);
        Ok(Found {
            seen: Arc::new(look.into()),
            calls: None,
        })
    }

    fn note(&self, subject: &Subject, look: &Look, began: Generation) -> Option<Generation> {
        let changes = self.epayment.changes();
        let marks = changes.marks(&look.payment, &look.events);
        changes.shown(&subject.reference, marks, began)
    }

    fn key(&self, caller: &Caller, subject: &Subject, Version(version): Version) -> Key {
        let credentials = proof(&caller.credentials);
        Key {
            scope: subject.order.scope.clone(),
            reference: subject.reference.clone(),
            credentials: self.store.secret().hash("details-cache", &credentials),
            version,
            generation: self.epayment.changes().generation(&subject.reference),
        }
    }
}

/// All that lets a call in upstream, each part with its length before it: no two sets give the same bytes.
fn proof(credentials: &Credentials) -> Vec<u8> {
    let Credentials {
        authorization,
        subscription_key,
        msn,
        ..
    } = credentials;
    let parts = [
        authorization.as_ref().map(http::HeaderValue::as_bytes),
        subscription_key.as_ref().map(http::HeaderValue::as_bytes),
        msn.as_ref().map(|msn| msn.as_str().as_bytes()),
    ];
    let mut bytes = Vec::with_capacity(1 << 10);
    for part in parts {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part.unwrap_or_default());
    }
    bytes
}

/// ePayment, whose Userinfo API is asked once for all who share a look.
pub(super) struct AskedOnce<'a> {
    pub(super) epayment: &'a Epayment,
    pub(super) seen: &'a Seen,
}

impl Reads for AskedOnce<'_> {
    async fn get(&self, call: Call<'_>, reference: &Reference) -> Sent<Payment> {
        Reads::get(self.epayment, call, reference).await
    }

    async fn events(&self, call: Call<'_>, reference: &Reference) -> Sent<Vec<PaymentEvent>> {
        Reads::events(self.epayment, call, reference).await
    }

    async fn userinfo(&self, call: Call<'_>, sub: &str) -> Sent<Userinfo> {
        let ask = || async {
            match self.epayment.userinfo(call, sub).await {
                Ok(Reply::Done(user)) => Ok(user),
                other => Err(other),
            }
        };
        let asked = self.seen.user.get_or_try_init(ask);
        match tokio::time::timeout(call.budget.next_call(), asked).await {
            Ok(Ok(user)) => Ok(Reply::Done(user.clone())),
            Ok(Err(other)) => other,
            Err(_) => Err(SendFailure::MaybeSent("no user in time".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
