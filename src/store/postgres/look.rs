//! A look at the database from outside: does it answer, may its user do what is needed, what stands in it.
//!
//! One connection, reads only, beside running instances. Must not: make, write, migrate or lock anything.

use std::time::Duration;

use secrecy::SecretString;
use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Connection, Row};
use tokio::time::timeout;

use super::callbacks::origins;
use super::fault::Fault;
use super::open::{self, KNOWN, look_at_the_server};
use super::rows;
use crate::store::StoreError;
use crate::store::look::{CALLBACKS, Contents, KnownWebhook, PostgresLook};
use crate::types::{Clock, Moment, Msn, Reading};

/// For all of it.
const PATIENCE: Duration = Duration::from_secs(8);

/// Looks.
pub(super) async fn look(
    url: &SecretString,
    clock: &dyn Clock,
) -> Result<PostgresLook, StoreError> {
    let options = open::options(url)?.disable_statement_logging();
    let looking = async {
        let mut db = options.connect().await?;
        let seen = see(&mut db, clock).await;
        let _only_read = db.close().await;
        seen
    };
    timeout(PATIENCE, Box::pin(looking))
        .await
        .unwrap_or(Err(Fault::Late))
        .map_err(|fault| match fault {
            Fault::Late => {
                StoreError::Unreachable(format!("no answer within {} s", PATIENCE.as_secs()))
            }
            other => other.told(),
        })
}

async fn see(db: &mut PgConnection, clock: &dyn Clock) -> Result<PostgresLook, Fault> {
    look_at_the_server(db).await?;
    let before = clock.now();
    let row = sqlx::query(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now,
         current_setting('server_version') AS version,
         current_setting('fsync')::bool AND current_setting('full_page_writes')::bool AS lasting,
         coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted",
    )
    .fetch_one(&mut *db)
    .await?;
    let reading = Reading {
        before,
        theirs: Moment::from_millis(row.try_get("now")?),
        after: clock.now(),
        step: Duration::from_millis(1),
    };
    let (contents, lacks) = contents(db).await?;
    Ok(PostgresLook {
        version: rows::must(&row, "version")?,
        contents,
        lacks,
        lasting: row.try_get("lasting")?,
        encrypted: row.try_get("encrypted")?,
        clock: reading,
    })
}

/// What is there, and what the user may not do.
async fn contents(db: &mut PgConnection) -> Result<(Contents, Vec<String>), Fault> {
    let mut found = Contents {
        known: KNOWN,
        ..Contents::default()
    };
    let row = sqlx::query(
        "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'ecom_bridge') AS there,
         has_database_privilege(current_database(), 'CREATE') AS may_make",
    )
    .fetch_one(&mut *db)
    .await?;
    if !row.try_get::<bool, _>("there")? {
        let lacks = if row.try_get("may_make")? {
            Vec::new()
        } else {
            vec!["CREATE on the database".to_owned()]
        };
        return Ok((found, lacks));
    }
    let row = sqlx::query(
        "SELECT has_schema_privilege('ecom_bridge', 'USAGE') AS may_use,
         has_schema_privilege('ecom_bridge', 'CREATE') AS may_make,
         (SELECT count(*) FROM pg_tables WHERE schemaname = 'ecom_bridge') AS every,
         (SELECT count(*) FROM pg_tables WHERE schemaname = 'ecom_bridge' AND tablename = 'schema_version') AS ours,
         (SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'ecom_bridge'::regnamespace
            AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
                AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))) AS closed",
    )
    .fetch_one(&mut *db)
    .await?;
    let mut lacks = Vec::new();
    if !row.try_get::<bool, _>("may_use")? {
        lacks.push("USAGE on the schema ecom_bridge".to_owned());
        return Ok((found, lacks));
    }
    let closed: Option<String> = rows::free(&row, "closed")?;
    if let Some(tables) = &closed {
        lacks.push(format!("reading and writing of {tables}"));
    }
    if row.try_get::<i64, _>("every")? > 0 {
        if row.try_get::<i64, _>("ours")? == 0 {
            let why = "the schema ecom_bridge is another program's";
            return Err(StoreError::Damaged(why.to_owned()).into());
        }
        if closed.is_none() {
            read(db, &mut found).await?;
        }
    }
    let must_grow = found.schema < KNOWN && closed.is_none();
    if must_grow && !row.try_get::<bool, _>("may_make")? {
        lacks.push("CREATE on the schema ecom_bridge".to_owned());
    }
    Ok((found, lacks))
}

async fn read(db: &mut PgConnection, found: &mut Contents) -> Result<(), Fault> {
    let row = sqlx::query("SELECT version FROM schema_version")
        .fetch_one(&mut *db)
        .await?;
    found.schema = row.try_get("version")?;
    if found.schema > KNOWN {
        let too_new = StoreError::TooNew {
            found: found.schema,
            known: KNOWN,
        };
        return Err(too_new.into());
    }
    let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM payments) AS some")
        .fetch_one(&mut *db)
        .await?;
    found.any_payment = row.try_get("some")?;
    if found.schema < 2 {
        return Ok(());
    }
    let known = "SELECT msn, webhook, retired_at IS NOT NULL AS retired FROM webhooks ORDER BY id";
    for row in sqlx::query(known).fetch_all(&mut *db).await? {
        found.webhooks.push(KnownWebhook {
            msn: rows::word(&row, "msn", Msn::parse)?,
            id: rows::must(&row, "webhook")?,
            retired: row.try_get("retired")?,
        });
    }
    found.origins = origins(db, CALLBACKS).await?;
    Ok(())
}
