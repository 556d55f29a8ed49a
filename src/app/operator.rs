//! What the operator's listener asks the bridge: readiness with its detail, and the metrics that are read at a scrape.
//!
//! Must not: show a secret.

use std::sync::Arc;

use axum::Router;
use secrecy::SecretString;

use crate::admin::automatic::AutomaticApi;
use crate::admin::callbacks::CallbackApi;
use crate::admin::explain::ExplainApi;
use crate::admin::reload::ReloadApi;
use crate::admin::steering::SteeringApi;
use crate::admin::traffic::TrafficApi;
use crate::admin::{Admin, Readiness};
use crate::callbacks::receive::Queued;
use crate::callbacks::register::Registrar;
use crate::lifecycle::Lifecycle;
use crate::observe::{Keeper, Observer};
use crate::payments::Payments;
use crate::readiness::{Gatherer, TurnedBack};
use crate::steering::Steerer;
use crate::steering::auto::Automat;
use crate::steering::reload::Reloader;
use crate::store::{CallbackStore, ObservationStore, Store};
use crate::telemetry::Meters;

/// The parts that are asked.
pub(super) struct Operator {
    pub(super) store: Arc<dyn Store>,
    pub(super) callbacks: Arc<dyn CallbackStore>,
    pub(super) steerer: Arc<Steerer>,
    pub(super) automat: Arc<Automat>,
    pub(super) observer: Arc<Observer>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) observations: Arc<dyn ObservationStore>,
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
        let traffic = TrafficApi {
            observer: self.observer,
            keeper: self.keeper,
            gatherer: Gatherer {
                observations: self.observations,
                callbacks: Arc::clone(&self.callbacks),
                changes: Arc::clone(self.steerer.store()),
                live: Arc::clone(self.steerer.live()),
                clock: Arc::clone(&self.payments.clock),
                // The ledger will count them.
                open: None,
                turned_back: Some(turned_back(Arc::clone(&self.automat))),
            },
        };
        let routes = CallbackApi {
            store: Arc::clone(&self.callbacks),
            changes: Arc::clone(self.steerer.store()),
            clock: Arc::clone(&self.payments.clock),
            wake: self.queued,
            registrar: self.registrar.clone(),
            name: self.store.secret().public_name(),
        }
        .router()
        .merge(
            ExplainApi {
                store: Arc::clone(&self.store),
                live: Arc::clone(self.steerer.live()),
            }
            .router(),
        )
        .merge(SteeringApi::new(self.steerer).router())
        .merge(ReloadApi::new(self.reloader).router())
        .merge(traffic.router())
        .merge(AutomaticApi::new(self.automat).router());
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
        let metrics = move || {
            let (callbacks, payments, meters) = (
                Arc::clone(&callbacks),
                Arc::clone(&payments),
                Arc::clone(&meters),
            );
            async move {
                // Read at the scrape, so that they go back to 0 by themselves.
                if let Ok(open) = payments.store.ambiguous(payments.clock.now()).await {
                    meters.set_ambiguous_open(open);
                }
                if let Ok(counts) = callbacks.callback_counts().await {
                    meters.set_callbacks(counts.pending, counts.dead, counts.unmatched);
                }
                meters.render()
            }
        };
        (Admin::new(token, readiness, metrics), routes)
    }
}

/// What the rollback holds back; where the store can't be asked, nothing is said.
fn turned_back(automat: Arc<Automat>) -> TurnedBack {
    Arc::new(move |msn| {
        let (automat, msn) = (Arc::clone(&automat), msn.clone());
        Box::pin(async move { automat.turned_back(&msn).await.ok().flatten() })
    })
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
