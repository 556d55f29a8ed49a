//! The common suite on PostgreSQL, and what only a server can do: be shared, be newer, be another program's.

mod loss;
mod measure;
pub(super) mod server;
mod shared;

use std::sync::Arc;

use super::*;
use crate::store::suite::*;
use server::{Database, database};

async fn in_new_database() -> Option<(Arc<dyn Store>, Database)> {
    let database = database().await?;
    let store = database.open().await;
    Some((Arc::new(store), database))
}

async fn sealed_in_new_database() -> Option<(Arc<dyn Store>, Database)> {
    let database = database().await?;
    let store = database.open_sealed([5; 32]).await;
    Some((Arc::new(store), database))
}

mod plain {
    crate::store::suite::behaviours!(super::in_new_database);
}

mod sealed {
    crate::store::suite::behaviours!(super::sealed_in_new_database:
        a_success_makes_the_attempt_the_payment,
        learning_records_once_and_changes_nothing,
        odd_but_allowed_values_come_back_as_they_were,
    );
}
