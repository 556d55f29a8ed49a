//! The only place that wires: settings to parts, parts to a running bridge.
//!
//! `build` binds every listener and opens the store, so that a start that can't succeed fails at once and says why;
//! `serve` runs until it is told to stop, and drains. Must not: hold a rule.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::admin::{Admin, Readiness};
use crate::lifecycle::Lifecycle;
use crate::payments::{Parts, Payments};
use crate::proxy::server::BindError;
use crate::proxy::tls::TlsFiles;
use crate::proxy::{Bridge, Counting, Drained, Server, ServerSettings, Snapshot};
use crate::settings::{Settings, StoreUrl};
use crate::store::{
    PostgresOptions, PostgresStore, Sealer, SqliteOptions, SqliteStore, Store, StoreError, Timed,
};
use crate::telemetry::{LinesDropped, Meters};
use crate::types::{Clock, SystemClock};
use crate::upstream::ecom::{Forwarder, ForwarderError};
use crate::upstream::epayment::Epayment;

/// Why the bridge did not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error("the store can't be used: {0}")]
    Store(#[from] StoreError),
    /// The merchant-facing listener.
    #[error("proxy.listen: {0}. Choose a free address")]
    Proxy(#[from] BindError),
    /// The operator's listener.
    #[error("admin.listen: {0} can't be listened on: {1}. Choose a free address")]
    Admin(SocketAddr, std::io::Error),
    /// Forwarding.
    #[error("upstream.base_url: {0}")]
    Forwarder(#[from] ForwarderError),
    /// The typed client.
    #[error("the client for upstream can't be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// A bridge that is ready to serve.
pub struct App {
    bridge: Bridge,
    store: Arc<dyn Store>,
    server: Server,
    admin: TcpListener,
    lifecycle: Lifecycle,
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
        let sealer = || {
            settings
                .store
                .encryption_key
                .as_ref()
                .map(|key| Sealer::new(*key.expose()))
        };
        let opened = open_store(&settings.store.url, sealer()).await?;
        let timing = Arc::clone(&meters);
        let store: Arc<dyn Store> = Arc::new(Timed::new(
            opened,
            Arc::new(move |step, took: Duration| timing.store(step, took.as_secs_f64())),
        ));
        let upstream = &settings.upstream;
        let epayment = Epayment::new(
            upstream.base_url.as_str(),
            upstream.connect_timeout,
            Arc::clone(&meters),
        )?;
        let forwarder = Forwarder::new(
            upstream.base_url.as_str(),
            upstream.connect_timeout,
            upstream.timeout,
        )?;
        let lifecycle = Lifecycle::new();
        let payments = Payments::new(Parts {
            store: Arc::clone(&store),
            epayment,
            clock,
            sealer: sealer(),
            recovery: settings.store.recovery_metadata,
            retries: upstream.retries,
            upstream_timeout: upstream.timeout,
            meters: Arc::clone(&meters),
            lifecycle: lifecycle.clone(),
        });
        let server = Server::bind(server_settings(&settings)).await?;
        let at = settings.admin.listen;
        let admin = TcpListener::bind(at)
            .await
            .map_err(|error| StartError::Admin(at, error))?;
        let bridge = Bridge {
            payments,
            forwarder,
            snapshot: Arc::new(Snapshot::from(settings)),
            lifecycle: lifecycle.clone(),
            meters,
        };
        Ok(Self {
            bridge,
            store,
            server,
            admin,
            lifecycle,
        })
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

    /// Serves until `lifecycle().begin_shutdown()`, then drains within the configured time.
    pub async fn serve(self) -> Ended {
        let Self {
            bridge,
            store,
            server,
            admin,
            lifecycle,
        } = self;
        let token = bridge.snapshot.settings.admin.token.clone();
        let drain = bridge.snapshot.settings.proxy.drain_timeout;
        let meters = Arc::clone(&bridge.meters);
        let operator = operator(
            token,
            store,
            Arc::clone(&bridge.payments),
            Arc::clone(&meters),
            lifecycle.clone(),
        );
        // The operator's listener goes on while calls are drained: probes must see that the bridge is not ready.
        let until = lifecycle.hard().clone();
        let stop_admin = until.clone();
        let admin_task = tokio::spawn(async move {
            if let Err(error) = operator.serve(admin, axum::Router::new(), until).await {
                tracing::error!(error = %error, "the admin listener failed");
            }
        });
        let hooks = Arc::new(Counting::new(meters));
        let Drained { cut } = server
            .serve(Arc::new(bridge), hooks, lifecycle.soft().clone())
            .await;
        let clean = lifecycle.shutdown_within(drain).await;
        stop_admin.cancel();
        let _ended = tokio::time::timeout(Duration::from_secs(1), admin_task).await;
        Ended { cut, clean }
    }
}

async fn open_store(url: &StoreUrl, sealer: Option<Sealer>) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match url {
        StoreUrl::Sqlite(file) => {
            let mut options = SqliteOptions::new(file);
            options.sealer = sealer;
            Arc::new(SqliteStore::open(options).await?)
        }
        StoreUrl::Postgres(url) => {
            let mut options = PostgresOptions::new(url.secret().clone());
            options.sealer = sealer;
            Arc::new(PostgresStore::open(options).await?)
        }
    })
}

fn server_settings(settings: &Settings) -> ServerSettings {
    let proxy = &settings.proxy;
    ServerSettings {
        tls: proxy.tls.as_ref().map(|files| TlsFiles {
            cert: files.cert.clone(),
            key: files.key.clone(),
        }),
        max_in_flight: proxy.max_in_flight,
        drain_timeout: proxy.drain_timeout,
        ..ServerSettings::at(proxy.listen)
    }
}

fn operator(
    token: Option<secrecy::SecretString>,
    store: Arc<dyn Store>,
    payments: Arc<Payments>,
    meters: Arc<Meters>,
    lifecycle: Lifecycle,
) -> Admin {
    let readiness = move || {
        let (store, draining) = (Arc::clone(&store), lifecycle.draining());
        async move {
            Readiness::of(
                store.ready().await.err().map(|error| error.to_string()),
                draining,
            )
        }
    };
    let metrics = move || {
        let (payments, meters) = (Arc::clone(&payments), Arc::clone(&meters));
        async move {
            // Read at the scrape, so that it goes back to 0 by itself.
            if let Ok(open) = payments.store.ambiguous(payments.clock.now()).await {
                meters.set_ambiguous_open(open);
            }
            meters.render()
        }
    };
    Admin::new(token, readiness, metrics)
}
