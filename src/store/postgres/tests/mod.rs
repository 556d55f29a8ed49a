//! The common suite on PostgreSQL, and what only a server can do: be shared, be newer, be another program's.

mod loss;
mod measure;
mod plans;
pub(super) mod server;
mod shared;
mod upgrade;

use std::sync::Arc;

use super::*;
use crate::store::suite::*;
use server::{Database, database};

async fn in_new_database() -> Option<(Both, Database)> {
    let database = database().await?;
    let store = database.open().await;
    Some((Both::of(store), database))
}

async fn sealed_in_new_database() -> Option<(Both, Database)> {
    let database = database().await?;
    let store = database.open_sealed([5; 32]).await;
    Some((Both::of(store), database))
}

mod plain {
    crate::store::suite::behaviours!(super::in_new_database);
}

mod sealed {
    crate::store::suite::behaviours!(super::sealed_in_new_database:
        a_success_makes_the_attempt_the_payment,
        learning_records_once_and_changes_nothing,
        odd_but_allowed_values_come_back_as_they_were,
        a_token_stays_while_a_callback_can_follow,
        a_claim_carries_what_a_delivery_needs,
        payments_are_looked_at_when_due,
        a_new_registration_retires_the_old,
    );
}

#[tokio::test]
async fn another_key_seals_everything_again_and_the_old_one_may_go() {
    let Some(database) = database().await else {
        return;
    };
    a_changed_key_seals_again(async |keys: &[u8]| {
        let sealed = PostgresOptions {
            sealer: Some(sealer(keys)),
            ..database.options()
        };
        Both::of(PostgresStore::open(sealed).await.unwrap())
    })
    .await;
}
