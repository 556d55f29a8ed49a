//! Payments that an event named and the store does not know: ePayment says whether they are the bridge's.
//!
//! Looked up at once on a hint, and again and again while the event waits (credentials may come later, upstream may be
//! away, a crash forgets hints). Only what carries the bridge's mark becomes known. Must not: hold up the polls, or tell
//! a shop of a payment that is not proven the bridge's.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::poll::{caller, record};
use super::receive::Receiver;
use super::work::HintsTaken;
use crate::epayment::event::{EventName, PaymentEvent};
use crate::epayment::model::Payment;
use crate::lifecycle::Lifecycle;
use crate::payments::{Caller, Payments, Subject};
use crate::settings::{Live, Settings};
use crate::store::{CallbackStore, Source, StoreError};
use crate::translate::recovery;
use crate::types::{Clock, Moment, Msn, Reference, Scope};
use crate::upstream::Reply;
use crate::upstream::keyring::Keyring;

const TICK: Duration = Duration::from_secs(1);
/// Events that came lately are looked at this often, all others each hour, for as long as Vipps itself would repeat them.
const AGAIN: Duration = Duration::from_secs(60);
const LATELY: Duration = Duration::from_secs(15 * 60);
const HOUR: Duration = Duration::from_secs(3600);
const DAYS: Duration = Duration::from_secs(8 * 24 * 3600);
/// In one tick, so that reads in the background stay few.
const PAGE: usize = 10;

/// Looks up what the store does not know.
pub struct Finder {
    /// Events.
    pub store: Arc<dyn CallbackStore>,
    /// The use cases.
    pub payments: Arc<Payments>,
    /// Records what is found.
    pub receiver: Arc<Receiver>,
    /// Credentials.
    pub keyring: Keyring,
    /// The settings in force: one snapshot for each look.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What a look gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// It is the bridge's, and its events are recorded.
    Ours,
    /// It has no mark of the bridge.
    Foreign,
    /// Not known yet.
    Later,
    /// Upstream asks for peace.
    Slower,
}

/// Where a walk through the waiting events stands.
struct Walk {
    foreign: Cache<(Msn, Reference), ()>,
    /// The next page begins behind this; none between two walks.
    at: Option<(Moment, i64)>,
    next: Moment,
    next_long: Moment,
}

impl Finder {
    /// Works until the bridge ends.
    pub async fn run(self: Arc<Self>, lifecycle: Lifecycle, mut hints: HintsTaken) {
        let stop = lifecycle.soft().clone();
        let mut walk = Walk {
            foreign: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(DAYS)
                .build(),
            at: None,
            next: Moment::default(),
            next_long: Moment::default(),
        };
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let worked = tokio::select! {
                () = stop.cancelled() => return,
                hint = hints.next() => {
                    let Some(named) = hint else { return };
                    self.look(&mut walk, named).await.map(|_found| ())
                }
                _ = ticks.tick() => self.step(&mut walk).await,
            };
            if let Err(error) = worked {
                tracing::warn!(error = %error, "payments that events named can't be looked up now");
            }
        }
    }

    /// One page of the events that wait, when it is time.
    async fn step(&self, walk: &mut Walk) -> Result<(), StoreError> {
        if self.payments.epayment.breaker().refuses() {
            return Ok(());
        }
        let now = self.clock.now();
        let after = match walk.at {
            Some(at) => at,
            None if now < walk.next => return Ok(()),
            None => {
                walk.next = now.plus(AGAIN);
                let mut reach = LATELY;
                if now >= walk.next_long {
                    walk.next_long = now.plus(HOUR);
                    reach = DAYS;
                }
                let reach = Moment::default().plus(reach).millis();
                (Moment::from_millis(now.millis().saturating_sub(reach)), 0)
            }
        };
        let page = self.store.unmatched(after, PAGE).await?;
        walk.at = page.last().map(|event| event.place);
        for event in page {
            let named = (event.msn, event.reference);
            if walk.foreign.contains_key(&named) {
                continue;
            }
            if self.look(walk, named).await? == Found::Slower {
                walk.at = None;
                walk.next = self.clock.now().plus(AGAIN);
                return Ok(());
            }
        }
        Ok(())
    }

    async fn look(&self, walk: &mut Walk, named: (Msn, Reference)) -> Result<Found, StoreError> {
        let (msn, reference) = &named;
        let settings = self.live.settings();
        let mut tries = self.keyring.tries(msn);
        let found = loop {
            let Some(credentials) = tries.credentials().await else {
                break Found::Later;
            };
            let caller = caller(credentials, self.payments.anyone(), &settings);
            match self.payments.epayment.get(caller.call(), reference).await {
                Ok(Reply::Done(payment)) => {
                    break self.judge(&settings, &caller, &named, &payment).await?;
                }
                Ok(reply) => match reply.refused_status() {
                    Some(401) if tries.refused().await => {}
                    Some(429) => break Found::Slower,
                    _ => break Found::Later,
                },
                Err(_) => break Found::Later,
            }
        };
        if found == Found::Foreign {
            tracing::info!(%msn, "an event names a payment that is not the bridge's: no callback");
            walk.foreign.insert(named, ());
        }
        Ok(found)
    }

    async fn judge(
        &self,
        settings: &Settings,
        caller: &Caller,
        (msn, reference): &(Msn, Reference),
        payment: &Payment,
    ) -> Result<Found, StoreError> {
        let mark = payment.metadata.as_ref().and_then(recovery::read);
        let (Some(mark), Some(order)) = (mark, reference.order_id()) else {
            return Ok(Found::Foreign);
        };
        let log = self.payments.epayment.events(caller.call(), reference);
        let Ok(Reply::Done(events)) = log.await else {
            return Ok(Found::Later);
        };
        // An attempt that is still open becomes the payment, with all that the shop asked for; only where there is none
        // is the payment learned from what it carries itself.
        if let Some(created) = events.iter().find(|e| e.name == EventName::Created) {
            let key = mark.key.map(|key| key.as_str().to_owned());
            let created = PaymentEvent {
                idempotency_key: key.or_else(|| created.idempotency_key.clone()),
                ..created.clone()
            };
            self.receiver.accept(msn, &created, Source::Poll).await?;
        }
        let unit = settings.merchant(msn);
        let order = super::order_of(Scope::Unit(msn.clone()), order.into(), unit);
        let subject = Subject {
            order,
            reference: reference.clone(),
        };
        self.payments.learn(caller, &subject, payment).await;
        record(&self.receiver, msn, &events).await?;
        Ok(Found::Ours)
    }
}
