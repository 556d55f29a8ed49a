//! What the operator's listener asks the bridge: readiness with its detail, and the metrics that are read at a scrape.
//!
//! Must not: show a secret.

use std::sync::Arc;

use axum::Router;
use secrecy::SecretString;

use crate::admin::callbacks::CallbackApi;
use crate::admin::ledger::LedgerApi;
use crate::admin::{Admin, Readiness};
use crate::callbacks::receive::Queued;
use crate::callbacks::register::Registrar;
use crate::lifecycle::Lifecycle;
use crate::payments::Payments;
use crate::store::{CallbackStore, LedgerStore, Store};
use crate::telemetry::Meters;

/// The parts that are asked.
pub(super) struct Operator {
    pub(super) store: Arc<dyn Store>,
    pub(super) callbacks: Arc<dyn CallbackStore>,
    pub(super) ledger: Arc<dyn LedgerStore>,
    pub(super) payments: Arc<Payments>,
    pub(super) meters: Arc<Meters>,
    pub(super) lifecycle: Lifecycle,
    pub(super) queued: Queued,
    pub(super) registrar: Option<Arc<Registrar>>,
}

impl Operator {
    /// The listener's base routes, and those behind its token.
    pub(super) fn build(self, token: Option<SecretString>) -> (Admin, Router) {
        let routes = CallbackApi {
            store: Arc::clone(&self.callbacks),
            clock: Arc::clone(&self.payments.clock),
            wake: self.queued,
            registrar: self.registrar.clone(),
        }
        .router();
        let ledger_api = LedgerApi {
            store: Arc::clone(&self.ledger),
            callbacks: Arc::clone(&self.callbacks),
            clock: Arc::clone(&self.payments.clock),
            settle: self.payments.settle,
        };
        let routes = routes.merge(ledger_api.router());
        let (store, callbacks, lifecycle) =
            (self.store, Arc::clone(&self.callbacks), self.lifecycle);
        let readiness = move || {
            let (store, callbacks, draining) = (
                Arc::clone(&store),
                Arc::clone(&callbacks),
                lifecycle.draining(),
            );
            async move {
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
            }
        };
        let (callbacks, payments, meters) = (self.callbacks, self.payments, self.meters);
        let ledger = self.ledger;
        let metrics = move || {
            let (callbacks, payments, meters) = (
                Arc::clone(&callbacks),
                Arc::clone(&payments),
                Arc::clone(&meters),
            );
            let ledger = Arc::clone(&ledger);
            async move {
                // Read at the scrape, so that they go back to 0 by themselves.
                if let Ok(open) = payments.store.ambiguous(payments.clock.now()).await {
                    meters.set_ambiguous_open(open);
                }
                if let Ok(counts) = callbacks.callback_counts().await {
                    meters.set_callbacks(counts.pending, counts.dead, counts.unmatched);
                }
                super::ledger::measure(&*ledger, &meters, payments.clock.now()).await;
                meters.render()
            }
        };
        (Admin::new(token, readiness, metrics), routes)
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
