//! The only place that wires: settings to parts, parts to a running bridge.
//!
//! `build` binds every listener and opens the store, so that a start that can't succeed fails at once and says why;
//! `serve` runs until it is told to stop, and drains. Must not: hold a rule.

mod callbacks;
mod certificate;
mod figures;
mod ledger;
mod operator;
mod reload;
mod shadow;
mod stores;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use self::callbacks::{Base, CallbackWorks};
use self::certificate::InForce;
use self::operator::Operator;
pub use self::reload::Reloading;
use self::stores::Faces;
use crate::lifecycle::Lifecycle;
use crate::observe::{Keeper, Observer};
use crate::payments::{Parts, Payments};
use crate::proxy::bulkheads::Bulkheads;
use crate::proxy::memory::BodyMemory;
use crate::proxy::server::BindError;
use crate::proxy::{Bridge, Counting, Drained, Server, ServerSettings};
use crate::settings::{Live, Settings};
use crate::shadow::Shadow;
use crate::shadow::mirror::NoMirror;
use crate::shadow::record::RecordError;
use crate::steering::Steerer;
use crate::steering::auto::Automat;
use crate::steering::reload::{self as steering_reload, Reloader};
use crate::store::{CallbackStore, LedgerStore, ShadowStore, StoreError};
use crate::telemetry::{Api, LinesDropped, Meters};
use crate::types::{Clock, SystemClock};
use crate::upstream::ClientError;
use crate::upstream::breaker::{Breaker, Rules};
use crate::upstream::ecom::{Forwarder, ForwarderError};
use crate::upstream::epayment::Epayment;
use crate::workers::Workers;

/// Why the bridge did not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error("the store can't be used: {0}")]
    Store(#[from] StoreError),
    /// The merchant-facing listener.
    #[error("proxy: {0}")]
    Proxy(#[from] BindError),
    /// The listener for Vipps.
    #[error("webhooks: {0}")]
    Webhooks(BindError),
    /// The operator's listener.
    #[error("admin.listen: {0} can't be listened on: {1}. Choose a free address")]
    Admin(SocketAddr, std::io::Error),
    /// Forwarding.
    #[error("upstream.base_url: {0}")]
    Forwarder(#[from] ForwarderError),
    /// The typed client.
    #[error("the client for upstream can't be made: {0}")]
    Client(#[from] ClientError),
    /// The client for callbacks.
    #[error("the client for callbacks can't be made: {0}")]
    Callbacks(#[from] reqwest::Error),
    /// The shadow upstream.
    #[error("{0}")]
    Mirror(#[from] NoMirror),
    /// The recording of shadowed calls.
    #[error("shadow.record_file: {0}")]
    Recording(#[from] RecordError),
}

/// How long the store may take to close at the end; what was acknowledged is on disk before.
const CLOSING: Duration = Duration::from_secs(5);

/// A bridge that is ready to serve.
pub struct App {
    bridge: Bridge,
    faces: Faces,
    steerer: Arc<Steerer>,
    works: CallbackWorks,
    server: Server,
    certificate: Option<InForce>,
    admin: TcpListener,
    lifecycle: Lifecycle,
    reloader: Option<(Arc<Reloader>, Duration)>,
    /// Kept to the very end: what goes on after its client has left runs on them, too.
    workers: Workers,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Connections that were cut at the end of the drain time.
    pub cut: usize,
    /// Whether all work ended by itself.
    pub clean: bool,
}

impl App {
    /// Opens the store, makes the clients and binds the listeners.
    ///
    /// # Errors
    /// The first thing that can't be had.
    pub async fn build(settings: Settings, dropped: &LinesDropped) -> Result<Self, StartError> {
        Self::build_with(settings, dropped, Arc::new(SystemClock)).await
    }

    /// The same with another clock.
    ///
    /// # Errors
    /// The first thing that can't be had.
    pub async fn build_with(
        settings: Settings,
        dropped: &LinesDropped,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let meters = Arc::new(Meters::new(dropped));
        let settings = Arc::new(settings);
        let faces = stores::open(&settings, &meters).await?;
        let live = Arc::new(Live::new(Arc::clone(&settings)));
        let steerer = Arc::new(
            Steerer::new(
                Arc::clone(&faces.steering),
                Arc::clone(&live),
                Arc::clone(&clock),
                Arc::clone(&meters),
            )
            .with_automatic(Arc::clone(&faces.automatic)),
        );
        // What was steered holds from the first call on.
        steerer.refresh().await?;
        let (epayment, forwarder) = clients(&settings, &meters)?;
        let lifecycle = Lifecycle::new();
        let payments = Payments::new(Parts {
            store: Arc::clone(&faces.payments),
            ledger: Arc::clone(&faces.ledger),
            epayment,
            clock: Arc::clone(&clock),
            sealer: stores::sealer(&settings),
            meters: Arc::clone(&meters),
            lifecycle: lifecycle.clone(),
        });
        let works = CallbackWorks::build(Base {
            live: &live,
            payments: &payments,
            store: &faces.callbacks,
            ledger: &faces.ledger,
            clock: &clock,
            meters: &meters,
            lifecycle: &lifecycle,
        })
        .await?;
        let shadow = shadow::build(&settings, &payments, &faces, works.share.clone())?;
        let bulkheads = Bulkheads::new(settings.proxy.max_in_flight);
        let memory = BodyMemory::new(settings.proxy.max_body_bytes);
        let drain = Arc::clone(&live);
        let server = Server::bind(server_settings(&settings))
            .await?
            .draining_within(move || drain.settings().proxy.drain_timeout);
        let at = settings.admin.listen;
        let admin = TcpListener::bind(at)
            .await
            .map_err(|error| StartError::Admin(at, error))?;
        let certificate = server.certificate();
        let certificate = certificate.map(|one| InForce::new(one, &meters, &clock));
        let bridge = Bridge {
            payments,
            forwarder,
            live,
            lifecycle: lifecycle.clone(),
            meters,
            observer: Arc::new(Observer::new(clock)),
            served: Some(Arc::clone(&works.served)),
            shadow,
            bulkheads,
            memory,
        };
        Ok(Self {
            bridge,
            faces,
            steerer,
            works,
            server,
            certificate,
            admin,
            lifecycle,
            reloader: None,
            workers: Workers::default(),
        })
    }

    /// The same, reading its configuration again when a file changes or when it is asked to.
    #[must_use]
    pub fn reloading(mut self, from: Reloading) -> Self {
        let dispatcher = self.works.dispatcher.clone();
        let ecom = self.bridge.forwarder.breaker().cloned();
        let epayment = self.bridge.payments.epayment.breaker().clone();
        let breakers = ecom.into_iter().chain([epayment]).collect();
        let reloader = Reloader::new(steering_reload::Parts {
            sources: from.sources,
            started_with: from.started_with,
            steerer: Arc::clone(&self.steerer),
            meters: Arc::clone(&self.bridge.meters),
            lifecycle: self.lifecycle.clone(),
            level: from.level,
            prepare: reload::prepare(
                dispatcher,
                Arc::clone(&self.works.served),
                self.certificate.clone(),
                breakers,
            ),
        });
        self.reloader = Some((Arc::new(reloader), from.every));
        self
    }

    /// The same with merchants' connections on these workers.
    #[must_use]
    pub fn on(mut self, workers: Workers) -> Self {
        self.server = self.server.on(workers.clone());
        self.workers = workers;
        self
    }

    /// Reads the configuration again, where that is possible.
    #[must_use]
    pub fn reloader(&self) -> Option<&Arc<Reloader>> {
        self.reloader.as_ref().map(|(reloader, _)| reloader)
    }

    /// Where merchants call.
    #[must_use]
    pub const fn proxy_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Where operators look.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn admin_addr(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// The tasks, and the way to end them.
    #[must_use]
    pub const fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// The use cases, for tests that look at the record.
    #[must_use]
    pub const fn payments(&self) -> &Arc<Payments> {
        &self.bridge.payments
    }

    /// The callback records, for tests that look at them.
    #[must_use]
    pub const fn callbacks(&self) -> &Arc<dyn CallbackStore> {
        &self.faces.callbacks
    }

    /// The levers, for tests that move them.
    #[must_use]
    pub const fn steerer(&self) -> &Arc<Steerer> {
        &self.steerer
    }

    /// The money ledger, for tests that look at it.
    #[must_use]
    pub const fn ledger(&self) -> &Arc<dyn LedgerStore> {
        &self.faces.ledger
    }

    /// Shadowing, where it is on.
    #[must_use]
    pub const fn shadow(&self) -> Option<&Arc<Shadow>> {
        self.bridge.shadow.as_ref()
    }

    /// What shadowing has found, for tests that look at it.
    #[must_use]
    pub const fn findings(&self) -> &Arc<dyn ShadowStore> {
        &self.faces.shadow
    }

    /// Where Vipps calls, where anything listens.
    #[must_use]
    pub fn webhooks_addr(&self) -> Option<SocketAddr> {
        self.works.addr()
    }

    /// Serves until `lifecycle().begin_shutdown()`, then drains within the configured time.
    pub async fn serve(self) -> Ended {
        let Self {
            bridge,
            faces,
            steerer,
            works,
            server,
            certificate: _,
            admin,
            lifecycle,
            reloader,
            workers,
        } = self;
        let live = Arc::clone(&bridge.live);
        let meters = Arc::clone(&bridge.meters);
        let keeper = Arc::new(Keeper::new(
            Arc::clone(&bridge.observer),
            Arc::clone(&faces.observations),
        ));
        let automat = Arc::new(Automat::new(
            Arc::clone(&bridge.observer),
            Arc::clone(&faces.automatic),
            Arc::clone(&steerer),
            Arc::clone(&meters),
        ));
        let store = Arc::clone(&faces.payments);
        let operator = Operator {
            faces,
            live: Arc::clone(&live),
            automat: Arc::clone(&automat),
            observer: Arc::clone(&bridge.observer),
            keeper: Arc::clone(&keeper),
            steerer: Arc::clone(&steerer),
            reloader: reloader.as_ref().map(|(reloader, _)| Arc::clone(reloader)),
            payments: Arc::clone(&bridge.payments),
            meters: Arc::clone(&meters),
            lifecycle: lifecycle.clone(),
            queued: Arc::clone(&works.queued),
            registrar: works.registrar.clone(),
            shadow: shadow::source(bridge.shadow.as_ref()),
        };
        // The operator's listener goes on while calls are drained: probes must see that the bridge is not ready.
        let until = lifecycle.hard().child_token();
        let stop_admin = until.clone();
        let (operator, routes) = operator.build();
        let admin_task = tokio::spawn(operator.serve(admin, routes, until));
        lifecycle.spawn("steering", steerer.run(lifecycle.clone()));
        lifecycle.spawn("automatic", automat.run(lifecycle.clone()));
        lifecycle.spawn("observation", Arc::clone(&keeper).run(lifecycle.clone()));
        if let Some((reloader, every)) = reloader {
            lifecycle.spawn("reload", reloader.watch(every));
        }
        if let Some(shadow) = &bridge.shadow {
            shadow.start(&lifecycle);
        }
        let shadow = bridge.shadow.clone();
        works.start(&live.settings(), &lifecycle, lifecycle.soft().clone());
        let hooks = Arc::new(Counting::new(meters));
        let Drained { cut } = server
            .serve(Arc::new(bridge), hooks, lifecycle.soft().clone())
            .await;
        let drain = live.settings().proxy.drain_timeout;
        let clean = lifecycle.shutdown_within(drain).await;
        // What the last calls were is kept, too.
        keeper.keep().await;
        if let Some(shadow) = shadow {
            shadow.close().await;
        }
        stop_admin.cancel();
        let _ended = tokio::time::timeout(Duration::from_secs(1), admin_task).await;
        if tokio::time::timeout(CLOSING, store.close()).await.is_err() {
            tracing::warn!(
                "the store did not close in time; nothing that was acknowledged is lost"
            );
        }
        drop(workers);
        Ended { cut, clean }
    }
}

/// The ways to both APIs, each with its breaker.
fn clients(settings: &Settings, meters: &Arc<Meters>) -> Result<(Epayment, Forwarder), StartError> {
    let upstream = &settings.upstream;
    let (base, connect) = (upstream.base_url.as_str(), upstream.connect_timeout);
    let epayment = Epayment::new(base, connect, Arc::clone(meters))?;
    let rules = breaker_rules(settings);
    epayment.breaker().rule(rules);
    let breaker = Breaker::new(Api::Ecom, rules, Arc::clone(meters));
    let forwarder = Forwarder::new(base, connect, upstream.timeout)?.guarded(breaker);
    Ok((epayment, forwarder))
}

/// The rules of both breakers.
fn breaker_rules(settings: &Settings) -> Rules {
    Rules {
        failures: settings.upstream.breaker_failures,
        open: settings.upstream.breaker_open,
    }
}

fn server_settings(settings: &Settings) -> ServerSettings {
    let proxy = &settings.proxy;
    ServerSettings {
        tls: settings.proxy.tls.clone(),
        max_in_flight: proxy.max_in_flight,
        drain_timeout: proxy.drain_timeout,
        ..ServerSettings::at(proxy.listen)
    }
}
