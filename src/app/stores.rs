//! Opens the configured store, once, as both of its faces, with its steps timed.
//!
//! Must not: choose for the operator (the URL does).

use std::sync::Arc;
use std::time::Duration;

use crate::settings::{Settings, StoreUrl};
use crate::store::{
    CallbackStore, PostgresOptions, PostgresStore, Sealer, SqliteOptions, SqliteStore, Store,
    StoreError, Timed,
};
use crate::telemetry::Meters;

/// Seals what is kept, where a key is configured.
pub(super) fn sealer(settings: &Settings) -> Option<Sealer> {
    settings
        .store
        .encryption_key
        .as_ref()
        .map(|key| Sealer::new(*key.expose()))
}

pub(super) async fn open(
    settings: &Settings,
    meters: &Arc<Meters>,
) -> Result<(Arc<dyn Store>, Arc<dyn CallbackStore>), StoreError> {
    match &settings.store.url {
        StoreUrl::Sqlite(file) => {
            let mut options = SqliteOptions::new(file);
            options.sealer = sealer(settings);
            Ok(both(SqliteStore::open(options).await?, meters))
        }
        StoreUrl::Postgres(url) => {
            let mut options = PostgresOptions::new(url.secret().clone());
            options.sealer = sealer(settings);
            Ok(both(PostgresStore::open(options).await?, meters))
        }
    }
}

fn both<S: Store + CallbackStore + 'static>(
    store: S,
    meters: &Arc<Meters>,
) -> (Arc<dyn Store>, Arc<dyn CallbackStore>) {
    let timing = Arc::clone(meters);
    let observe = Arc::new(move |step, took: Duration| timing.store(step, took.as_secs_f64()));
    let timed = Arc::new(Timed::new(Arc::new(store), observe));
    (Arc::clone(&timed) as Arc<dyn Store>, timed)
}
