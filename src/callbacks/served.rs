//! The sales units that are served: which credentials upstream has accepted, and that a registration is wanted.
//!
//! Called in the answer path of every translated call, so it costs a look into memory. Must not: fail or delay a call.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::lifecycle::Lifecycle;
use crate::store::{CallbackStore, StoreError};
use crate::types::{Clock, Msn};
use crate::upstream::Credentials;
use crate::upstream::keyring::Keyring;

/// Notes who is served.
#[derive(Debug)]
pub struct Served {
    keyring: Keyring,
    store: Arc<dyn CallbackStore>,
    clock: Arc<dyn Clock>,
    /// Wakes the registrar; none where nothing is registered.
    registrar: Option<Arc<Notify>>,
    lifecycle: Lifecycle,
    seen: Mutex<HashSet<Msn>>,
}

impl Served {
    /// Nobody has been seen yet.
    #[must_use]
    pub fn new(
        keyring: Keyring,
        store: Arc<dyn CallbackStore>,
        clock: Arc<dyn Clock>,
        registrar: Option<Arc<Notify>>,
        lifecycle: Lifecycle,
    ) -> Self {
        Self {
            keyring,
            store,
            clock,
            registrar,
            lifecycle,
            seen: Mutex::default(),
        }
    }

    /// ePayment has accepted a call of this unit with these credentials.
    pub async fn accepted(self: &Arc<Self>, msn: &Msn, credentials: &Credentials) {
        let first = self.keyring.accepted(msn, credentials).await;
        if self.registrar.is_none() || !(self.lock().insert(msn.clone()) || first) {
            return;
        }
        let (served, msn) = (Arc::clone(self), msn.clone());
        drop(self.lifecycle.run(async move { served.note(&msn).await }));
    }

    /// The configuration has brought or changed these units: a registration is wanted, and one that failed is tried now.
    pub fn configured(self: &Arc<Self>, units: Vec<Msn>) {
        if self.registrar.is_none() {
            return;
        }
        let served = Arc::clone(self);
        drop(self.lifecycle.run(async move {
            for msn in units {
                served.note(&msn).await;
            }
        }));
    }

    async fn note(&self, msn: &Msn) {
        match (self.want(msn).await, &self.registrar) {
            (Ok(()), Some(registrar)) => registrar.notify_one(),
            (Ok(()), None) => {}
            (Err(error), _) => {
                tracing::warn!(error = %error, "a sales unit could not be noted; its next call tries again");
                self.lock().remove(msn);
            }
        }
    }

    /// A unit whose registration failed, or is just failing, waits no longer: what was missing may have come with this
    /// call.
    async fn want(&self, msn: &Msn) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.store.see_unit(msn, now).await?;
        let states = self.store.registrations().await?;
        if states
            .iter()
            .any(|state| state.msn == *msn && (state.failures > 0 || state.good_at.is_none()))
        {
            self.store.recheck_unit(msn, now).await?;
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<Msn>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
