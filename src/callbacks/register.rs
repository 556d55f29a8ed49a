//! The webhook registration of each sales unit: made once, kept in order, renewed when it is gone.
//!
//! Claimed in the store, so several instances do not make two. A registration whose secret the store holds is kept; one
//! of the bridge's own URL without a secret gets a newer one beside it and is deleted some days later, for Vipps still
//! holds events for it; another system's is never touched. Must not: delay or fail a merchant's call.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::receive::webhook_url;
use super::work::woken;
use crate::lifecycle::Lifecycle;
use crate::store::{CallbackStore, Lease, Registered, RegistrationState, StoreError, Webhook};
use crate::telemetry::Meters;
use crate::types::{Clock, Moment, Msn};
use crate::upstream::epayment::{Call, Epayment};
use crate::upstream::keyring::{From, Keyring};
use crate::upstream::webhooks::Listed;
use crate::upstream::{Budget, Credentials, Reply, Spent};

/// All events of a payment but its creation.
pub const EVENTS: [&str; 7] = [
    "epayments.payment.aborted.v1",
    "epayments.payment.expired.v1",
    "epayments.payment.cancelled.v1",
    "epayments.payment.captured.v1",
    "epayments.payment.refunded.v1",
    "epayments.payment.authorized.v1",
    "epayments.payment.terminated.v1",
];

const CHECK_AGAIN: Duration = Duration::from_secs(24 * 3600);
/// Vipps retries an event for 7 days: so long, and a day, an older registration stays beside a newer one.
const OLD_KEPT: Duration = Duration::from_secs(8 * 24 * 3600);
const LEASE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 8;

/// Keeps registrations in order.
pub struct Registrar {
    /// Registrations.
    pub store: Arc<dyn CallbackStore>,
    /// The Webhooks API.
    pub epayment: Epayment,
    /// Credentials.
    pub keyring: Keyring,
    /// Where Vipps reaches the bridge.
    pub public_url: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub meters: Arc<Meters>,
    /// Woken when a unit is first seen.
    pub wake: Arc<Notify>,
}

/// Why a registration is not in order; without secrets.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(
        "no credentials: neither a call of this sales unit nor the configuration has brought any"
    )]
    NoCredentials,
    #[error("the Webhooks API answered {0}")]
    Refused(u16),
    #[error("the Webhooks API gave no answer")]
    NoAnswer,
}

impl Registrar {
    /// Works until the bridge ends.
    pub async fn run(self: Arc<Self>, lifecycle: Lifecycle) {
        while !lifecycle.draining() {
            if let Err(error) = self.run_once().await {
                tracing::warn!(error = %error, "registrations can't be looked at now");
            }
            let _ended = lifecycle
                .soft()
                .run_until_cancelled(woken(&self.wake, LOOK_EVERY))
                .await;
        }
    }

    /// Looks at every registration that is due; says how many.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn run_once(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let due: Vec<_> = self
            .store
            .registrations()
            .await?
            .into_iter()
            .filter(|state| state.next_at <= now)
            .collect();
        // A few at once: one unit's slow answer does not make all others wait.
        let mut done = 0;
        for few in due.chunks(AT_ONCE) {
            let looks = few.iter().map(|state| self.claim(state, now));
            for claimed in futures_util::future::join_all(looks).await {
                done += usize::from(claimed?);
            }
        }
        Ok(done)
    }

    /// Looks at one unit now, whatever is due: by hand. False where another one is at it.
    ///
    /// # Errors
    /// When the store can't be used.
    pub async fn look_now(&self, msn: &Msn) -> Result<bool, StoreError> {
        let now = self.clock.now();
        self.store.see_unit(msn, now).await?;
        self.store.recheck_unit(msn, now).await?;
        let states = self.store.registrations().await?;
        match states.iter().find(|state| state.msn == *msn) {
            Some(state) => self.claim(state, now).await,
            None => Ok(false),
        }
    }

    async fn claim(&self, state: &RegistrationState, now: Moment) -> Result<bool, StoreError> {
        let until = now.plus(LEASE);
        match self
            .store
            .claim_registration(&state.msn, now, until)
            .await?
        {
            Some(lease) => self.look(state, lease).await.map(|()| true),
            None => Ok(false),
        }
    }

    async fn look(&self, state: &RegistrationState, lease: Lease) -> Result<(), StoreError> {
        let msn = &state.msn;
        let outcome = self.put_in_order(msn).await;
        let now = self.clock.now();
        let (end, next, made) = match outcome {
            Ok(None) => (Registered::Kept, now.plus(CHECK_AGAIN), None),
            Ok(Some(hook)) => {
                tracing::info!(%msn, "webhook registered");
                (
                    Registered::Made(hook.clone()),
                    now.plus(CHECK_AGAIN),
                    Some(hook),
                )
            }
            Err(trouble) => {
                tracing::warn!(%msn, error = %trouble, "the webhook registration is not in order; it is tried again");
                self.meters.webhook("registration", "failed");
                (
                    Registered::Failed(trouble.to_string()),
                    now.plus(again_after(state.failures)),
                    None,
                )
            }
        };
        let ours = self
            .store
            .settle_registration(msn, lease, end, next, now)
            .await?;
        if let (false, Some(hook)) = (ours, made) {
            // Another instance was faster: ours is one too many.
            self.delete(msn, &hook.id).await;
        }
        Ok(())
    }

    /// Keeps what is good, makes what is missing, deletes what is old. `Some` for a new registration.
    async fn put_in_order(&self, msn: &Msn) -> Result<Option<Webhook>, Trouble> {
        let (credentials, from) = self.keyring.of(msn).await.ok_or(Trouble::NoCredentials)?;
        let url = webhook_url(&self.public_url, msn);
        let spent = Spent::default();
        let listed = match self
            .epayment
            .list_webhooks(call(&credentials, &spent))
            .await
        {
            Ok(Reply::Done(listed)) => listed,
            Ok(reply) => return Err(self.refused(msn, (&credentials, from), &reply).await),
            Err(_) => return Err(Trouble::NoAnswer),
        };
        let own: Vec<_> = listed.iter().filter(|hook| hook.url == url).collect();
        let stored = self
            .store
            .webhooks(Some(msn))
            .await
            .map_err(|_| Trouble::NoAnswer)?;
        let now = self.clock.now();
        let good = stored
            .iter()
            .filter(|hook| hook.retired_at.is_none() && hook.url == url);
        let kept = good.into_iter().find(|hook| {
            own.iter()
                .any(|listed| listed.id == hook.id && is_complete(listed))
        });
        if let Some(kept) = kept {
            self.delete_old(msn, kept, &own, &stored, now).await;
            return Ok(None);
        }
        match self
            .epayment
            .register_webhook(call(&credentials, &spent), &url, &EVENTS)
            .await
        {
            Ok(Reply::Done(made)) => Ok(Some(Webhook {
                msn: msn.clone(),
                id: made.id,
                url,
                secret: made.secret,
                made_at: now,
                retired_at: None,
            })),
            Ok(reply) => Err(self.refused(msn, (&credentials, from), &reply).await),
            Err(_) => Err(Trouble::NoAnswer),
        }
    }

    /// Deletes registrations of the bridge's own URL that a newer one has replaced long enough ago.
    async fn delete_old(
        &self,
        msn: &Msn,
        kept: &Webhook,
        own: &[&Listed],
        stored: &[Webhook],
        now: Moment,
    ) {
        if now.since(kept.made_at) < OLD_KEPT {
            return;
        }
        for old in own.iter().filter(|hook| hook.id != kept.id) {
            if self.delete(msn, &old.id).await {
                tracing::info!(%msn, "an older webhook registration was deleted");
            }
        }
        for gone in stored
            .iter()
            .filter(|hook| hook.id != kept.id && !own.iter().any(|listed| listed.id == hook.id))
        {
            let _logged = self.store.forget_webhook(msn, &gone.id).await;
        }
    }

    /// Deletes one at Vipps and in the store; false where that failed.
    pub async fn delete(&self, msn: &Msn, id: &str) -> bool {
        let Some((credentials, _)) = self.keyring.of(msn).await else {
            return false;
        };
        let spent = Spent::default();
        let deleted = self
            .epayment
            .delete_webhook(call(&credentials, &spent), id)
            .await;
        matches!(deleted, Ok(Reply::Done(()))) && self.store.forget_webhook(msn, id).await.is_ok()
    }

    async fn refused<T>(
        &self,
        msn: &Msn,
        (credentials, from): (&Credentials, From),
        reply: &Reply<T>,
    ) -> Trouble {
        let status = reply.refused_status().unwrap_or_default();
        if status == 401 {
            self.keyring.refused(msn, from, credentials).await;
        }
        Trouble::Refused(status)
    }
}

fn is_complete(listed: &Listed) -> bool {
    let has: BTreeSet<_> = listed.events.iter().map(String::as_str).collect();
    has == EVENTS.into_iter().collect()
}

/// 15 s, doubled with each failure, an hour at the most.
fn again_after(failures: u32) -> Duration {
    Duration::from_secs(15 << failures.min(8)).min(Duration::from_secs(3600))
}

fn call<'a>(credentials: &'a Credentials, spent: &'a Spent) -> Call<'a> {
    Call {
        credentials,
        budget: Budget {
            deadline: Instant::now() + PATIENCE,
            per_call: PATIENCE,
        },
        spent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_pause_longer_up_to_an_hour() {
        let pauses = [0, 1, 2, 3, 7, 8, 1_000].map(|failures| again_after(failures).as_secs());
        assert_eq!(pauses, [15, 30, 60, 120, 1_920, 3_600, 3_600]);
    }

    #[test]
    fn a_registration_has_these_events_and_no_others() {
        let listed = |events: &[&str]| Listed {
            id: "1".to_owned(),
            url: "https://bridge.example/webhooks/123456".to_owned(),
            events: events.iter().map(|name| (*name).to_owned()).collect(),
        };
        let mut events = EVENTS.to_vec();
        assert!(is_complete(&listed(&events)));
        events.reverse();
        assert!(is_complete(&listed(&events)), "in any order");
        for missing in EVENTS {
            let fewer: Vec<&str> = EVENTS.into_iter().filter(|name| *name != missing).collect();
            assert!(!is_complete(&listed(&fewer)), "without {missing}");
        }
        events.push("epayments.payment.created.v1");
        assert!(!is_complete(&listed(&events)));
    }
}
