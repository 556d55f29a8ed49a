//! Opens the configured store, once, as all of its faces, with its steps timed.
//!
//! Must not: choose for the operator (the URL does).

use std::sync::Arc;
use std::time::Duration;

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
            Ok(faces(SqliteStore::open(options).await?, meters))
        }
        StoreUrl::Postgres(url) => {
            let mut options = PostgresOptions::new(url.secret().clone());
            options.sealer = sealer(settings);
            Ok(faces(PostgresStore::open(options).await?, meters))
        }
    }
}

fn faces<S>(store: S, meters: &Arc<Meters>) -> Faces
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
    let timed = Arc::new(Timed::new(Arc::new(store), observe));
    Faces {
        payments: Arc::<Timed<S>>::clone(&timed),
        callbacks: Arc::<Timed<S>>::clone(&timed),
        ledger: Arc::<Timed<S>>::clone(&timed),
        steering: Arc::<Timed<S>>::clone(&timed),
        observations: Arc::<Timed<S>>::clone(&timed),
        automatic: Arc::<Timed<S>>::clone(&timed),
        shadow: timed,
    }
}
