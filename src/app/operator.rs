//! What the operator's listener asks the bridge: readiness with its detail, and the metrics that are read at a scrape.
//!
//! Must not: show a secret.

use std::sync::Arc;

use axum::Router;

use super::stores::Faces;
use crate::admin::automatic::AutomaticApi;
use crate::admin::callbacks::CallbackApi;
use crate::admin::explain::ExplainApi;
use crate::admin::ledger::LedgerApi;
use crate::admin::pages::Pages;
use crate::admin::reload::ReloadApi;
use crate::admin::shadow::ShadowSource;
use crate::admin::steering::SteeringApi;
use crate::admin::traffic::TrafficApi;
use crate::admin::{Admin, Asked, Gate, Readiness, TokenNow};
use crate::callbacks::receive::Queued;
use crate::callbacks::register::Registrar;
use crate::callbacks::terms_of;
use crate::lifecycle::Lifecycle;
use crate::observe::{Keeper, Observer};
use crate::payments::Payments;
use crate::readiness::{Gatherer, TurnedBack};
use crate::settings::Live;
use crate::steering::Steerer;
use crate::steering::auto::Automat;
use crate::steering::reload::Reloader;
use crate::telemetry::Meters;

/// The parts that are asked.
pub(super) struct Operator {
    pub(super) faces: Faces,
    pub(super) live: Arc<Live>,
    pub(super) steerer: Arc<Steerer>,
    pub(super) automat: Arc<Automat>,
    pub(super) observer: Arc<Observer>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) reloader: Option<Arc<Reloader>>,
    pub(super) payments: Arc<Payments>,
    pub(super) meters: Arc<Meters>,
    pub(super) lifecycle: Lifecycle,
    pub(super) queued: Queued,
    pub(super) registrar: Option<Arc<Registrar>>,
    pub(super) shadow: ShadowSource,
}

impl Operator {
    /// The listener's base routes; the routes that are open, and those behind its gate.
    pub(super) fn build(self) -> (Admin, (Router, Router)) {
        let callbacks = CallbackApi {
            store: Arc::clone(&self.faces.callbacks),
            changes: Arc::clone(&self.faces.steering),
            clock: Arc::clone(&self.payments.clock),
            wake: Arc::clone(&self.queued),
            registrar: self.registrar.clone(),
            name: self.faces.payments.secret().public_name(),
        };
        let live = Arc::clone(&self.live);
        let ledger = LedgerApi {
            store: Arc::clone(&self.faces.ledger),
            callbacks: Arc::clone(&self.faces.callbacks),
            clock: Arc::clone(&self.payments.clock),
            settle: Arc::new(move || terms_of(&live.settings()).settle),
        };
        let explain = ExplainApi {
            store: Arc::clone(&self.faces.payments),
            live: Arc::clone(&self.live),
        };
        let live = Arc::clone(&self.live);
        let token: TokenNow = Arc::new(move || live.settings().admin.token.clone());
        let gate = Gate::new(
            token,
            Arc::clone(&self.payments.clock),
            Arc::clone(&self.meters),
        );
        let admin = Admin::new(Arc::new(gate), self.readiness(), self.metrics());
        let traffic = TrafficApi {
            observer: Arc::clone(&self.observer),
            keeper: Arc::clone(&self.keeper),
            gatherer: self.gatherer(),
        };
        let steerer = Arc::clone(&self.steerer);
        let sources = self.sources(&ledger, &traffic);
        let shadow = self.shadow_api();
        let (open, closed) =
            Pages::new(&admin, sources, steerer, callbacks.clone(), shadow.clone()).routers();
        let closed = closed
            .merge(callbacks.router())
            .merge(explain.router())
            .merge(ledger.router())
            .merge(SteeringApi::new(self.steerer).router())
            .merge(ReloadApi::new(self.reloader).router())
            .merge(traffic.router())
            .merge(shadow.router())
            .merge(AutomaticApi::new(self.automat).router());
        (admin, (open, closed))
    }

    fn gatherer(&self) -> Gatherer {
        Gatherer {
            observations: Arc::clone(&self.faces.observations),
            callbacks: Arc::clone(&self.faces.callbacks),
            changes: Arc::clone(&self.faces.steering),
            live: Arc::clone(&self.live),
            clock: Arc::clone(&self.payments.clock),
            open: Some(super::ledger::count_open(
                Arc::clone(&self.faces.ledger),
                Arc::clone(&self.payments.clock),
            )),
            turned_back: Some(turned_back(Arc::clone(&self.automat))),
            shadow: Some(super::shadow::found(
                Arc::clone(&self.faces.shadow),
                self.shadow.clone(),
            )),
        }
    }

    fn readiness(&self) -> impl Fn() -> Asked<Readiness> + Send + Sync + 'static {
        let faces = self.faces.clone();
        let lifecycle = self.lifecycle.clone();
        move || {
            let (faces, draining) = (faces.clone(), lifecycle.draining());
            Box::pin(async move {
                let trouble = faces.payments.ready().await.err();
                let mut readiness = Readiness::of(trouble.map(|error| error.to_string()), draining);
                // Told, but no reason to take no traffic: the poll finds what webhooks do not bring.
                readiness.registrations = faces
                    .callbacks
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
        let (faces, clock) = (self.faces.clone(), Arc::clone(&self.payments.clock));
        let (meters, shadow) = (Arc::clone(&self.meters), self.shadow.clone());
        move || {
            let (faces, now, meters) = (faces.clone(), clock.now(), Arc::clone(&meters));
            let shadow = shadow.clone();
            Box::pin(async move {
                // Read at the scrape, so that they go back to 0 by themselves.
                if let Ok(open) = faces.payments.ambiguous(now).await {
                    meters.set_ambiguous_open(open);
                }
                if let Ok(counts) = faces.callbacks.callback_counts().await {
                    meters.set_callbacks(counts.pending, counts.dead, counts.unmatched);
                }
                super::ledger::measure(&*faces.ledger, &meters, now).await;
                super::shadow::measure(&*faces.shadow, &shadow, &meters).await;
                meters.render()
            })
        }
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
