//! Payments whose final state nobody has told: asked for, with growing pauses, until it is known.
//!
//! With webhooks this is the safety net; without them (no public URL) it is the only source. What is found goes the same
//! way as a webhook, so the two never make two callbacks of one event. Reads at most the configured share of the
//! published limits, and stops at 429. Must not: hold up a merchant's call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::receive::Receiver;
use crate::epayment::event::{EventName, PaymentEvent};
use crate::lifecycle::Lifecycle;
use crate::payments::{Caller, Payments, Subject};
use crate::settings::{Live, Settings};
use crate::store::{CallbackStore, DuePayment, Source, StoreError};
use crate::types::{Clock, Moment, Msn};
use crate::upstream::keyring::Keyring;
use crate::upstream::share::{PEACE, READS_A_MINUTE, ReadShare};
use crate::upstream::turns::in_turn;
use crate::upstream::{Budget, Credentials, Reply, Spent};

const LEASE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(10);
/// Payments that are looked at in a second, at most.
const A_ROUND: u16 = 16;
/// After a look that met an open breaker.
const AGAIN: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3600);
/// A payment lives ten minutes; long after that only a lost event would change what is known.
const GIVE_UP_AFTER: Duration = Duration::from_secs(14 * 24 * 3600);

/// Looks at payments.
pub struct Poller {
    /// Which payments.
    pub store: Arc<dyn CallbackStore>,
    /// The use cases.
    pub payments: Arc<Payments>,
    /// Records what is found.
    pub receiver: Arc<Receiver>,
    /// Credentials.
    pub keyring: Keyring,
    /// What all reads of the bridge's own may use.
    pub share: ReadShare,
    /// The settings in force: one snapshot for each look.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What a look gave.
enum Looked {
    /// The final state is known and recorded.
    Final,
    /// Nobody has acted.
    Open,
    /// Not read now.
    Later,
    /// Nobody was asked: the breaker is open.
    KeptBack,
    /// Upstream asks for peace.
    Slower,
}

impl Poller {
    /// Works until the bridge ends.
    pub async fn run(self: Arc<Self>, lifecycle: Lifecycle) {
        let trouble = "payments can't be looked at now";
        in_turn(trouble, A_ROUND, || self.take(), lifecycle.soft()).await;
    }

    /// A payment that is due, and the look at it.
    async fn take(
        &self,
    ) -> Result<Option<impl Future<Output = Result<(), StoreError>>>, StoreError> {
        let settings = self.live.settings();
        // What is due stays so while nobody can be asked.
        if !settings.reads.poll || self.payments.epayment.breaker().refuses() {
            return Ok(None);
        }
        let now = self.clock.now();
        let mut due = self.store.claim_polls(now, 1, now.plus(LEASE)).await?;
        Ok(due
            .pop()
            .map(|due| async move { self.look(&settings, &due).await }))
    }

    async fn look(&self, settings: &Settings, due: &DuePayment) -> Result<(), StoreError> {
        let looked = match (due.scope.msn(), subject(settings, due)) {
            (Some(msn), Some(subject)) => self.ask(settings, msn, due, &subject).await?,
            _ => Looked::Final,
        };
        let now = self.clock.now();
        let pause = match looked {
            Looked::Final => None,
            Looked::KeptBack => Some(AGAIN),
            Looked::Slower => Some(PEACE.max(pause(settings, due, now))),
            Looked::Open | Looked::Later if now.since(due.created_at) > GIVE_UP_AFTER => None,
            Looked::Open | Looked::Later => Some(pause(settings, due, now)),
        };
        let next = pause.map(|pause| next_look(due.end_at, now, pause));
        self.store
            .settle_poll(&due.scope, &due.order, due.lease, next)
            .await?;
        Ok(())
    }

    async fn ask(
        &self,
        settings: &Settings,
        msn: &Msn,
        due: &DuePayment,
        subject: &Subject,
    ) -> Result<Looked, StoreError> {
        let Some((caller, events)) = self.events(settings, msn, due, subject).await else {
            return Ok(Looked::Later);
        };
        let events = match events {
            Ok(events) => events,
            Err(looked) => return Ok(looked),
        };
        if record(&self.receiver, msn, &events).await? {
            return Ok(Looked::Final);
        }
        let now = self.clock.now();
        if is_up(due.end_at, now) && self.payments.end_unapproved(&caller, subject).await {
            // Its own event tells what happened; it is read at once.
            if let Ok(Reply::Done(events)) = self
                .payments
                .epayment
                .events(caller.call(), &subject.reference)
                .await
                && record(&self.receiver, msn, &events).await?
            {
                return Ok(Looked::Final);
            }
        }
        Ok(Looked::Open)
    }

    /// The log; credentials that are refused are forgotten, and others tried at once. None where there are none.
    async fn events(
        &self,
        settings: &Settings,
        msn: &Msn,
        due: &DuePayment,
        subject: &Subject,
    ) -> Option<(Caller, Result<Vec<PaymentEvent>, Looked>)> {
        let mut tries = self.keyring.tries(msn);
        loop {
            let credentials = tries.credentials().await?;
            // Others of the bridge may have read this payment, or have been asked for peace.
            let percent = settings.reads.background_share_percent;
            let now = self.clock.now();
            let taken = self.share.take(msn, &subject.reference, (1, percent), now);
            let caller = caller(credentials, due.caller, settings);
            if taken.is_err() {
                return Some((caller, Err(Looked::Later)));
            }
            let asked = self
                .payments
                .epayment
                .events(caller.call(), &subject.reference);
            let looked = match asked.await {
                Ok(Reply::Done(events)) => Ok(events),
                Ok(reply) if reply.refused_status() == Some(401) => {
                    if tries.refused().await {
                        continue;
                    }
                    Err(Looked::Later)
                }
                Ok(reply) if reply.refused_status() == Some(429) => {
                    self.share.peace(msn, self.clock.now());
                    Err(Looked::Slower)
                }
                Err(failure) if failure.is_kept_back() => Err(Looked::KeptBack),
                Ok(_) | Err(_) => Err(Looked::Later),
            };
            return Some((caller, looked));
        }
    }
}

/// A tenth of the payment's age, at least what the share of the published limit allows, an hour at the most.
fn pause(settings: &Settings, due: &DuePayment, now: Moment) -> Duration {
    let share = u32::from(settings.reads.background_share_percent.max(1));
    let least = Duration::from_secs(60) * 100 / (READS_A_MINUTE * share);
    (now.since(due.created_at) / 10).clamp(least, HOUR)
}

fn subject(settings: &Settings, due: &DuePayment) -> Option<Subject> {
    let unit = settings.merchant(due.scope.msn()?);
    let mut order = super::order_of(due.scope.clone(), due.order.clone(), unit);
    order.currency = due.facts.currency.unwrap_or(order.currency);
    Some(Subject {
        order,
        reference: due.reference.clone(),
    })
}

/// Records what a log shows; true where a final state is among it.
pub(super) async fn record(
    receiver: &Receiver,
    msn: &Msn,
    events: &[PaymentEvent],
) -> Result<bool, StoreError> {
    let mut is_final = false;
    for event in events.iter().filter(|event| is_news(event)) {
        receiver.accept(msn, event, Source::Poll).await?;
        is_final = true;
    }
    Ok(is_final)
}

/// After the pause, or at the payment's limit where that comes first.
fn next_look(end_at: Option<Moment>, now: Moment, pause: Duration) -> Moment {
    match end_at {
        Some(end) if end > now && end < now.plus(pause) => end,
        _ => now.plus(pause),
    }
}

/// Whether the time is up that an unapproved payment has, where it has a limit.
fn is_up(end_at: Option<Moment>, now: Moment) -> bool {
    end_at.is_some_and(|end| end <= now)
}

/// An event that ends the waiting.
fn is_news(event: &PaymentEvent) -> bool {
    match event.name {
        EventName::Authorized => event.success,
        EventName::Aborted | EventName::Expired | EventName::Terminated => true,
        EventName::Created
        | EventName::Cancelled
        | EventName::Captured
        | EventName::Refunded
        | EventName::Unknown => false,
    }
}

/// The bridge itself, in a merchant's place.
/// Who reads in the background, with time for it.
#[must_use]
pub fn caller(
    credentials: Credentials,
    hash: crate::types::CallerHash,
    settings: &Settings,
) -> Caller {
    Caller {
        terms: super::terms_of(settings),
        credentials,
        hash,
        budget: Budget {
            deadline: Instant::now() + PATIENCE * 3,
            per_call: PATIENCE,
        },
        spent: Arc::new(Spent::default()),
        early: Arc::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_has_all_the_time_of_its_limit() {
        let at = Moment::from_millis;
        for (limit, now, up) in [
            (Some(600), 599, false),
            (Some(600), 600, true),
            (Some(600), 601, true),
            (None, 601, false),
        ] {
            assert_eq!(is_up(limit.map(at), at(now)), up, "{limit:?} at {now}");
        }
    }

    #[test]
    fn a_look_comes_after_its_pause_and_at_the_limit_at_the_latest() {
        let at = Moment::from_millis;
        for (limit, next) in [
            (None, 1_060),
            (Some(999), 1_060),
            (Some(1_000), 1_060),
            (Some(1_030), 1_030),
            (Some(1_090), 1_060),
        ] {
            let pause = Duration::from_millis(60);
            assert_eq!(
                next_look(limit.map(at), at(1_000), pause),
                at(next),
                "{limit:?}"
            );
        }
    }

    #[test]
    fn the_end_of_a_payment_is_news_and_a_refused_card_is_none() {
        for (name, success, news) in [
            ("AUTHORIZED", true, true),
            ("AUTHORIZED", false, false),
            ("ABORTED", true, true),
            ("EXPIRED", true, true),
            ("TERMINATED", true, true),
            ("CREATED", true, false),
            ("CAPTURED", true, false),
            ("CANCELLED", true, false),
            ("REFUNDED", true, false),
        ] {
            let event = serde_json::from_value(serde_json::json!({
                "reference": "order-0001", "pspReference": "1", "name": name, "success": success,
                "amount": {"currency": "NOK", "value": 100}, "timestamp": "2026-01-02T03:04:05Z",
            }));
            assert_eq!(is_news(&event.unwrap()), news, "{name} {success}");
        }
    }
}
