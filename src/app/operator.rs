//! What the operator's listener asks the bridge: readiness with its detail, and the metrics that are read at a scrape.
//!
//! Must not: show a secret.

use std::sync::Arc;

use axum::Router;
use secrecy::SecretString;

use super::stores::Faces;
use crate::admin::callbacks::CallbackApi;
use crate::admin::explain::ExplainApi;
use crate::admin::ledger::LedgerApi;
use crate::admin::reload::ReloadApi;
use crate::admin::steering::SteeringApi;
use crate::admin::{Admin, Readiness};
use crate::callbacks::receive::Queued;
use crate::callbacks::register::Registrar;
use crate::callbacks::terms_of;
use crate::lifecycle::Lifecycle;
use crate::payments::Payments;
use crate::settings::Live;
use crate::steering::Steerer;
use crate::steering::reload::Reloader;
use crate::telemetry::Meters;

/// The parts that are asked.
pub(super) struct Operator {
    pub(super) faces: Faces,
    pub(super) live: Arc<Live>,
    pub(super) steerer: Arc<Steerer>,
    pub(super) reloader: Option<Arc<Reloader>>,
    pub(super) payments: Arc<Payments>,
    pub(super) meters: Arc<Meters>,
    pub(super) lifecycle: Lifecycle,
    pub(super) queued: Queued,
    pub(super) registrar: Option<Arc<Registrar>>,
}

impl Operator {
    /// The listener's base routes, and those behind its token.
    pub(super) fn build(
        self,
        token: impl Fn() -> Option<SecretString> + Send + Sync + 'static,
    ) -> (Admin, Router) {
        let Faces {
            payments: store,
            callbacks,
            ledger: ledger_store,
            ..
        } = self.faces;
        let live = Arc::clone(&self.live);
        let ledger = LedgerApi {
            store: Arc::clone(&ledger_store),
            callbacks: Arc::clone(&callbacks),
            clock: Arc::clone(&self.payments.clock),
            settle: Arc::new(move || terms_of(&live.settings()).settle),
        };
        let explain = ExplainApi {
            store: Arc::clone(&store),
            live: self.live,
        };
        let routes = CallbackApi {
            store: Arc::clone(&callbacks),
            changes: Arc::clone(self.steerer.store()),
            clock: Arc::clone(&self.payments.clock),
            wake: self.queued,
            registrar: self.registrar.clone(),
            name: store.secret().public_name(),
        }
        .router()
        .merge(explain.router())
        .merge(ledger.router())
        .merge(SteeringApi::new(self.steerer).router())
        .merge(ReloadApi::new(self.reloader).router());
        let lifecycle = self.lifecycle;
        let outbox = Arc::clone(&callbacks);
        let readiness = move || {
            let (store, outbox, draining) = (
                Arc::clone(&store),
                Arc::clone(&outbox),
                lifecycle.draining(),
            );
            async move {
                let trouble = store.ready().await.err().map(|error| error.to_string());
                let mut readiness = Readiness::of(trouble, draining);
                // Told, but no reason to take no traffic: the poll finds what webhooks do not bring.
                readiness.registrations = outbox
                    .registrations()
                    .await
                    .unwrap_or_default()
                    .iter()
                    .filter_map(trouble_of)
                    .collect();
                readiness
            }
        };
        let (payments, meters) = (self.payments, self.meters);
        let metrics = move || {
            let (callbacks, payments, meters) = (
                Arc::clone(&callbacks),
                Arc::clone(&payments),
                Arc::clone(&meters),
            );
            let ledger = Arc::clone(&ledger_store);
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
