//! What the operator's listener asks the bridge: readiness with its detail, and the metrics that are read at a scrape.
//!
//! Must not: show a secret.

use std::sync::Arc;

use axum::Router;
use secrecy::SecretString;

use crate::admin::callbacks::CallbackApi;
use crate::admin::pages::figures::{Figure, Figures};
use crate::admin::pages::{Pages, Sources};
use crate::admin::steering::SteeringApi;
use crate::admin::{Admin, Asked, Gate, Readiness};
use crate::callbacks::receive::Queued;
use crate::callbacks::register::Registrar;
use crate::lifecycle::Lifecycle;
use crate::payments::Payments;
use crate::steering::Steerer;
use crate::store::{CallbackStore, Store};
use crate::telemetry::Meters;

/// The parts that are asked.
pub(super) struct Operator {
    pub(super) store: Arc<dyn Store>,
    pub(super) callbacks: Arc<dyn CallbackStore>,
    pub(super) steerer: Arc<Steerer>,
    pub(super) payments: Arc<Payments>,
    pub(super) meters: Arc<Meters>,
    pub(super) lifecycle: Lifecycle,
    pub(super) queued: Queued,
    pub(super) registrar: Option<Arc<Registrar>>,
}

impl Operator {
    /// The listener's base routes; the routes that are open, and those behind its gate.
    pub(super) fn build(self, token: Option<SecretString>) -> (Admin, (Router, Router)) {
        let callbacks = CallbackApi {
            store: Arc::clone(&self.callbacks),
            changes: Arc::clone(self.steerer.store()),
            clock: Arc::clone(&self.payments.clock),
            wake: Arc::clone(&self.queued),
            registrar: self.registrar.clone(),
        };
        let gate = Gate::new(
            token,
            Arc::clone(&self.payments.clock),
            Arc::clone(&self.meters),
        );
        let admin = Admin::new(Arc::new(gate), self.readiness(), self.metrics());
        let steerer = Arc::clone(&self.steerer);
        let pages = Pages::new(&admin, self.sources(), steerer, callbacks.clone());
        let (open, closed) = pages.routers();
        let closed = closed
            .merge(callbacks.router())
            .merge(SteeringApi::new(self.steerer).router());
        (admin, (open, closed))
    }

    fn readiness(&self) -> impl Fn() -> Asked<Readiness> + Send + Sync + 'static {
        let (store, callbacks) = (Arc::clone(&self.store), Arc::clone(&self.callbacks));
        let lifecycle = self.lifecycle.clone();
        move || {
            let (store, callbacks) = (Arc::clone(&store), Arc::clone(&callbacks));
            let draining = lifecycle.draining();
            Box::pin(async move {
                let trouble = store.ready().await.err().map(|error| error.to_string());
                let mut readiness = Readiness::of(trouble, draining);
                // Told, but no reason to take no traffic: the poll finds what webhooks do not bring.
                readiness.registrations = callbacks
                    .registrations()
                    .await
                    .unwrap_or_default()
                    .iter()
                    .filter_map(trouble_of)
                    .collect();
                readiness
            })
        }
    }

    fn metrics(&self) -> impl Fn() -> Asked<String> + Send + Sync + 'static {
        let (callbacks, payments) = (Arc::clone(&self.callbacks), Arc::clone(&self.payments));
        let meters = Arc::clone(&self.meters);
        move || {
            let (callbacks, payments) = (Arc::clone(&callbacks), Arc::clone(&payments));
            let meters = Arc::clone(&meters);
            Box::pin(async move {
                // Read at the scrape, so that they go back to 0 by themselves.
                if let Ok(open) = payments.store.ambiguous(payments.clock.now()).await {
                    meters.set_ambiguous_open(open);
                }
                if let Ok(counts) = callbacks.callback_counts().await {
                    meters.set_callbacks(counts.pending, counts.dead, counts.unmatched);
                }
                meters.render()
            })
        }
    }

    /// What the pages show of the rest of the bridge. What this release does not measure is left at its default.
    fn sources(&self) -> Sources {
        let (callbacks, payments) = (Arc::clone(&self.callbacks), Arc::clone(&self.payments));
        let meters = Arc::clone(&self.meters);
        let figures = move |()| -> Asked<Figures> {
            let (callbacks, payments) = (Arc::clone(&callbacks), Arc::clone(&payments));
            let in_flight = meters.in_flight();
            Box::pin(async move {
                let now = payments.clock.now();
                Figures {
                    in_flight: Figure::Known(in_flight),
                    ambiguous: payments.store.ambiguous(now).await.into(),
                    callbacks: callbacks.callback_counts().await.into(),
                    ..Figures::default()
                }
            })
        };
        Sources {
            figures: Arc::new(figures),
            story: None,
            reload: None,
        }
    }
}

/// A registration that is not in order, for the detail of `/readyz`.
fn trouble_of(state: &crate::store::RegistrationState) -> Option<String> {
    let why = state.why.as_deref()?;
    (state.failures > 0).then(|| {
        format!(
            "{}: {why} ({} failures; next try {})",
            state.msn, state.failures, state.next_at
        )
    })
}
