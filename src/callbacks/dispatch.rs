//! Takes due callbacks from the outbox, posts them, and settles them.
//!
//! At least once: a claim is a lease, and whatever ends without being settled is claimed again when the lease has
//! ended. A sales unit has few places, and so has a host, so a dead shop or platform holds up nobody else. Nothing is
//! queued here but what waits for its host for a moment: what is due is known to the store alone. Must not: hold a lock
//! while a merchant is called.

mod deliver;
mod hosts;
mod post;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use reqwest::Url;
use reqwest::dns::Resolve;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::hosts::{Hosts, Turn};
use self::post::Poster;
use super::target::{Refusal, SystemResolver, Targets};
use crate::ecom::response::UserDetails;
use crate::lifecycle::Lifecycle;
use crate::settings;
use crate::store::{CallbackStore, ClaimLimits, DueCallback, Stage, StoreError};
use crate::telemetry::meters::Meters;
use crate::types::{Clock, Moment};

/// However it was missed: what is due goes out this much later at most. Also finds what another instance has queued.
const SAFETY: Duration = Duration::from_secs(15);

/// While something is due whose unit has no free place, perhaps because of another instance.
const BLOCKED: Duration = Duration::from_secs(1);

/// After the store has failed.
const STORE_AGAIN: Duration = Duration::from_secs(1);

/// On top of what an attempt may take: for the store, and for clocks that differ.
const LEASE_MARGIN: Duration = Duration::from_secs(15);

/// The longest that a callback waits for a place at its host: the rest of its lease is for the attempt.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who knows the user of a payment.
#[async_trait]
pub trait UserSource: Send + Sync + std::fmt::Debug {
    /// `sub` and the user's data, as far as the payment's scope asked for it; none while it can't be had.
    async fn user(&self, due: &DueCallback) -> Option<(String, UserDetails)>;
}

/// How many callbacks are in flight at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In this process.
    pub total: usize,
    /// Of one sales unit, in all instances.
    pub per_unit: usize,
    /// To one host, in this process: many units may be shops of one platform.
    pub per_host: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total: 256,
            per_unit: 4,
            per_host: 32,
        }
    }
}

/// What a dispatcher needs.
#[derive(Debug)]
pub struct Parts {
    /// The outbox.
    pub store: Arc<dyn CallbackStore>,
    /// `[callbacks]`.
    pub settings: settings::Callbacks,
    /// In flight at once.
    pub limits: Limits,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where attempts are counted.
    pub meters: Arc<Meters>,
    /// Whose end stops the claiming.
    pub lifecycle: Lifecycle,
    /// Asked for payments with a scope.
    pub user: Arc<dyn UserSource>,
}

/// Delivers callbacks. Clones are the same dispatcher.
#[derive(Clone, Debug)]
pub struct Dispatcher(Arc<Inner>);

/// Where and how callbacks go: `[callbacks]`, and the clients made by it.
#[derive(Debug)]
pub struct Rules {
    settings: settings::Callbacks,
    targets: Targets,
    poster: Poster,
}

struct Inner {
    store: Arc<dyn CallbackStore>,
    resolver: Arc<dyn Resolve>,
    /// In force for the next claim; what is in flight keeps its own.
    rules: ArcSwap<Rules>,
    limits: Limits,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
    lifecycle: Lifecycle,
    user: Arc<dyn UserSource>,
    places: Arc<Semaphore>,
    hosts: Hosts,
    /// One claim at a time, so that free places are not counted twice. Never held during a delivery.
    claiming: Mutex<()>,
    bell: Notify,
    /// Something may be due that the last claim had no place for: an ended delivery rings the bell.
    more: AtomicBool,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// A callback on its way, by the rules that held when it was claimed.
struct Flight {
    due: DueCallback,
    rules: Arc<Rules>,
    until: Moment,
    /// Where it goes.
    url: Result<Url, Refusal>,
    turn: Turn,
    /// In flight; none while it waits for its host.
    place: Option<OwnedSemaphorePermit>,
}

/// What a claim brought.
struct Claimed {
    flights: Vec<Flight>,
    /// As many as there were places for: there may be more.
    full: bool,
    /// Some of them wait for their host and have given their places back: there is room for others.
    room: bool,
}

impl Rules {
    fn new(
        settings: settings::Callbacks,
        resolver: &Arc<dyn Resolve>,
    ) -> Result<Self, reqwest::Error> {
        let targets = Targets::new(&settings);
        let poster = Poster::new(&targets, resolver, settings.timeout)?;
        Ok(Self {
            settings,
            targets,
            poster,
        })
    }
}

impl Dispatcher {
    /// A dispatcher that resolves names as the machine does.
    ///
    /// # Errors
    /// When the TLS set-up of the machine can't be used.
    pub fn new(parts: Parts) -> Result<Self, reqwest::Error> {
        Self::with_resolver(parts, &(Arc::new(SystemResolver) as Arc<dyn Resolve>))
    }

    /// The same with another resolver; what it says is judged all the same.
    ///
    /// # Errors
    /// When the TLS set-up of the machine can't be used.
    pub fn with_resolver(
        parts: Parts,
        resolver: &Arc<dyn Resolve>,
    ) -> Result<Self, reqwest::Error> {
        let rules = Rules::new(parts.settings, resolver)?;
        Ok(Self(Arc::new(Inner {
            resolver: Arc::clone(resolver),
            rules: ArcSwap::from_pointee(rules),
            places: Arc::new(Semaphore::new(parts.limits.total)),
            hosts: Hosts::new(parts.limits.per_host),
            store: parts.store,
            limits: parts.limits,
            clock: parts.clock,
            meters: parts.meters,
            lifecycle: parts.lifecycle,
            user: parts.user,
            claiming: Mutex::new(()),
            bell: Notify::new(),
            more: AtomicBool::new(false),
        })))
    }

    /// Other rules, ready to be put in force.
    ///
    /// # Errors
    /// When the TLS set-up of the machine can't be used.
    pub fn prepare(&self, settings: &settings::Callbacks) -> Result<Rules, reqwest::Error> {
        Rules::new(settings.clone(), &self.0.resolver)
    }

    /// Puts other rules in force, for what is claimed from now on.
    pub fn adopt(&self, rules: Rules) {
        self.0.rules.store(Arc::new(rules));
        self.wake();
    }

    /// Says that something has been queued.
    pub fn wake(&self) {
        self.0.bell.notify_one();
    }

    /// Delivers what is due at `now` and has a place, and waits until all of it is settled. Says how many were claimed.
    ///
    /// # Errors
    /// When the store could not be asked.
    pub async fn run_once(&self, now: Moment) -> Result<usize, StoreError> {
        let claimed = self.claim(now).await?;
        let flying: Vec<JoinHandle<()>> =
            claimed.flights.into_iter().map(|f| self.fly(f)).collect();
        let count = flying.len();
        for flight in flying {
            let _a_panic_is_reported_by_the_runtime = flight.await;
        }
        Ok(count)
    }

    /// Delivers until the process is asked to end. What is in flight then goes on as work of the lifecycle.
    pub async fn run(&self) {
        let soft = self.0.lifecycle.soft().clone();
        while !soft.is_cancelled() {
            let wait = match self.round().await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(error = %error, "due callbacks could not be claimed; trying again");
                    STORE_AGAIN
                }
            };
            tokio::select! {
                () = soft.cancelled() => {}
                () = self.0.bell.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Starts what is due, and says how long nothing else is, unless the bell rings.
    async fn round(&self) -> Result<Duration, StoreError> {
        let inner = &self.0;
        // Set before the claim: a delivery that ends meanwhile rings, rather than be missed.
        inner.more.store(true, Ordering::SeqCst);
        loop {
            let claimed = self.claim(inner.clock.now()).await?;
            for flight in claimed.flights {
                drop(self.fly(flight));
            }
            match claimed {
                Claimed { full: false, .. } => break,
                Claimed { room: false, .. } => return Ok(SAFETY),
                // Behind those who wait for a crowded host there may be others.
                Claimed { room: true, .. } => {}
            }
        }
        let next = inner.store.next_callback_at(Stage::Deliver).await?;
        let now = inner.clock.now();
        Ok(match next {
            Some(at) if at <= now => BLOCKED,
            other => {
                inner.more.store(false, Ordering::SeqCst);
                other.map_or(SAFETY, |at| at.since(now).min(SAFETY))
            }
        })
    }

    async fn claim(&self, now: Moment) -> Result<Claimed, StoreError> {
        let inner = &self.0;
        let _one_at_a_time = inner.claiming.lock().await;
        let total = inner.places.available_permits();
        if total == 0 {
            return Ok(Claimed {
                flights: Vec::new(),
                full: true,
                room: false,
            });
        }
        // Taken before the claim: what waited for its host takes places at any time, and what is claimed must have one.
        let many = u32::try_from(total).unwrap_or(u32::MAX);
        let Ok(mut places) = Arc::clone(&inner.places).try_acquire_many_owned(many) else {
            return Ok(Claimed {
                flights: Vec::new(),
                full: true,
                room: true,
            });
        };
        let rules = inner.rules.load_full();
        let until = now.plus(rules.settings.timeout + deliver::GRACE + LEASE_MARGIN);
        let limits = ClaimLimits {
            total,
            per_unit: inner.limits.per_unit,
        };
        let claimed = inner
            .store
            .claim_callbacks(Stage::Deliver, now, limits, until)
            .await?;
        let full = claimed.len() >= total;
        // A store that hands out more than it was asked for gets the rest back when the leases end.
        let flights: Vec<Flight> = claimed
            .into_iter()
            .filter_map(|due| inner.flight(due, &rules, until, places.split(1)?))
            .collect();
        drop(places);
        Ok(Claimed {
            room: inner.places.available_permits() > 0,
            flights,
            full,
        })
    }

    /// Delivers in a task of its own, which the end of the process waits for.
    fn fly(&self, mut flight: Flight) -> JoinHandle<()> {
        let inner = Arc::clone(&self.0);
        self.0.lifecycle.run(async move {
            let again = if inner.may_go(&mut flight).await {
                inner.deliver(&flight).await
            } else {
                tracing::warn!(
                    callback = flight.due.id.0, msn = %flight.due.msn,
                    "a callback was not sent: its host has too many on their way; it will be claimed again"
                );
                false
            };
            drop(flight);
            if again || inner.more.load(Ordering::SeqCst) {
                inner.bell.notify_one();
            }
        })
    }
}

impl Inner {
    /// What becomes of a claim: it has its places, or waits for its host without one. None where it can do neither: it
    /// is claimed again when its lease has ended.
    fn flight(
        &self,
        due: DueCallback,
        rules: &Arc<Rules>,
        until: Moment,
        place: OwnedSemaphorePermit,
    ) -> Option<Flight> {
        let url = rules.targets.check(&due.target.prefix, &due.order);
        let turn = url
            .as_ref()
            .map_or(Turn::Nowhere, |url| self.hosts.turn(url));
        let place = match turn {
            Turn::Nowhere | Turn::Now { .. } => Some(place),
            Turn::Later(..) => None,
            Turn::Never => return None,
        };
        Some(Flight {
            due,
            rules: Arc::clone(rules),
            until,
            url,
            turn,
            place,
        })
    }

    /// Waits for the places that it has not yet; false where they do not come in time, or the process ends.
    async fn may_go(&self, flight: &mut Flight) -> bool {
        let Turn::Later(host, _room) = &flight.turn else {
            return true;
        };
        let host = Arc::clone(host);
        let places = async {
            // In this order: a place in flight is held by nobody who waits for a host.
            let here = host.acquire_owned().await.ok()?;
            let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
            Some((here, place))
        };
        let soft = self.lifecycle.soft();
        let waited = soft.run_until_cancelled(timeout(PATIENCE, places)).await;
        let Some(Ok(Some((here, place)))) = waited else {
            return false;
        };
        (flight.turn, flight.place) = (Turn::Now { _place: here }, Some(place));
        true
    }
}

#[cfg(test)]
pub(super) mod fake;
#[cfg(test)]
mod tests;
