//! Opens the configured store, once, as all of its faces, with its steps timed.
//!
//! Must not: choose for the operator (the URL does).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::settings::{Settings, StoreUrl};
use crate::store::{
    AutomaticStore, CallbackStore, LedgerStore, ObservationStore, PostgresOptions, PostgresStore,
    Sealer, ShadowStore, SqliteOptions, SqliteStore, SteeringStore, Store, StoreError, Timed,
};
use crate::telemetry::Meters;

/// The faces of the one store.
#[derive(Clone)]
pub(super) struct Faces {
    pub(super) payments: Arc<dyn Store>,
    pub(super) callbacks: Arc<dyn CallbackStore>,
    pub(super) ledger: Arc<dyn LedgerStore>,
    pub(super) steering: Arc<dyn SteeringStore>,
    pub(super) observations: Arc<dyn ObservationStore>,
    pub(super) automatic: Arc<dyn AutomaticStore>,
    pub(super) shadow: Arc<dyn ShadowStore>,
    pub(super) end: End,
}

/// Closes the store.
#[derive(Clone)]
pub(super) struct End(Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>);

impl End {
    /// How long it may take; what was acknowledged is on disk before.
    const LONGEST: Duration = Duration::from_secs(5);

    fn of<S, F>(store: &Arc<S>, close: impl Fn(Arc<S>) -> F + Send + Sync + 'static) -> Self
    where
        S: Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let store = Arc::clone(store);
        Self(Arc::new(move || close(Arc::clone(&store)).boxed()))
    }

    /// Nothing uses the store after that: what is asked fails, and its files are free for whoever comes next.
    pub(super) async fn close(self) {
        if tokio::time::timeout(Self::LONGEST, (self.0)())
            .await
            .is_err()
        {
            tracing::warn!(
                "the store did not close in time; nothing that was acknowledged is lost"
            );
        }
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("End")
    }
}

/// Seals what is kept, where a key is configured.
pub(super) fn sealer(settings: &Settings) -> Option<Sealer> {
    let store = &settings.store;
    let key = store.encryption_key.as_ref()?;
    let previous = store.encryption_key_previous.iter();
    let begun = Sealer::new(*key.expose());
    Some(previous.fold(begun, |sealer, key| sealer.with_previous(*key.expose())))
}

pub(super) async fn open(settings: &Settings, meters: &Arc<Meters>) -> Result<Faces, StoreError> {
    match &settings.store.url {
        StoreUrl::Sqlite(file) => {
            let mut options = SqliteOptions::new(file);
            options.sealer = sealer(settings);
            let store = Arc::new(SqliteStore::open(options).await?);
            let end = End::of(&store, |store| async move { store.close().await });
            Ok(faces(store, meters, end))
        }
        StoreUrl::Postgres(url) => {
            let mut options = PostgresOptions::new(url.secret().clone());
            options.sealer = sealer(settings);
            let store = Arc::new(PostgresStore::open(options).await?);
            let end = End::of(&store, |store| async move { store.close().await });
            Ok(faces(store, meters, end))
        }
    }
}

fn faces<S>(store: Arc<S>, meters: &Arc<Meters>, end: End) -> Faces
where
    S: Store
        + CallbackStore
        + LedgerStore
        + SteeringStore
        + ObservationStore
        + AutomaticStore
        + ShadowStore
        + 'static,
{
    let timing = Arc::clone(meters);
    let observe = Arc::new(move |step, took: Duration| timing.store(step, took.as_secs_f64()));
    let timed = Arc::new(Timed::new(store, observe));
    Faces {
        payments: Arc::<Timed<S>>::clone(&timed),
        callbacks: Arc::<Timed<S>>::clone(&timed),
        ledger: Arc::<Timed<S>>::clone(&timed),
        steering: Arc::<Timed<S>>::clone(&timed),
        observations: Arc::<Timed<S>>::clone(&timed),
        automatic: Arc::<Timed<S>>::clone(&timed),
        shadow: timed,
        end,
    }
}
