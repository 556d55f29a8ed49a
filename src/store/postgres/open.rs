//! Reaching the server: the session's settings, the schema, the shared secret.
//!
//! Everything lives in a schema of its own, `ecom_bridge`. Must not: touch one that a later release or another program
//! made, or let two instances migrate at once.

use std::net::IpAddr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{Connection, Row};

use super::fault::{Fault, damaged};
use crate::store::StoreError;
use crate::store::seal::Sealer;
use crate::types::StoreSecret;

/// The steps from nothing to the newest schema; their number is its version.
const MIGRATIONS: [&str; 6] = [
    include_str!("../migrations/0001_init.postgres.sql"),
    include_str!("../migrations/0002_callbacks.postgres.sql"),
    include_str!("../migrations/0003_steering.postgres.sql"),
    include_str!("../migrations/0005_ledger.postgres.sql"),
    include_str!("../migrations/0006_traffic.postgres.sql"),
    include_str!("../migrations/0008_shadow.postgres.sql"),
];
/// The newest version that this release knows.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const KNOWN: i64 = MIGRATIONS.len() as i64;
/// The oldest server that has all that is used, as it tells its version.
const OLDEST_SERVER: i32 = 140_000;
/// "eCom bri", as a number: the lock of whoever migrates.
const MIGRATING: i64 = 0x6543_6f6d_2062_7269;

/// What every session is told. No `statement_timeout`: on a commit that waits for a standby it would make an
/// acknowledgement of it. A lock is waited for in bounded time, and the server ends the transaction of a frozen instance.
const SESSION: [(&str, &str); 13] = [
    ("search_path", "ecom_bridge"),
    ("synchronous_commit", "on"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_deferrable", "off"),
    ("statement_timeout", "0"),
    ("lock_timeout", "2000"),
    ("idle_in_transaction_session_timeout", "10000"),
    ("client_connection_check_interval", "5000"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("jit", "off"),
    // Every statement has its index; a plan made while the tables were small must not stay.
    ("enable_seqscan", "off"),
];

/// How to connect, from the text of `store.url`. Another machine is reached by TLS unless the address says otherwise.
pub(super) fn options(url: &SecretString) -> Result<PgConnectOptions, StoreError> {
    let text = url.expose_secret();
    let options: PgConnectOptions = text
        .parse()
        .map_err(|_| StoreError::Unreachable("store.url is no address of PostgreSQL".to_owned()))?;
    let host = options.get_host().to_owned();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut options = if bare == host {
        options
    } else {
        options.host(bare)
    };
    if !text.contains("sslmode=") {
        let is_near = options.get_socket().is_some()
            || host.starts_with('/')
            || bare == "localhost"
            || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        options = options.ssl_mode(if is_near {
            PgSslMode::Prefer
        } else {
            PgSslMode::Require
        });
    }
    Ok(options.application_name("ecom-bridge").options(SESSION))
}

/// Brings the schema up to date, one instance at a time, and reads the secret that all instances share.
pub(super) async fn prepare(db: &mut PgConnection) -> Result<StoreSecret, Fault> {
    look_at_the_server(db).await?;
    let mut transaction = db.begin().await?;
    sqlx::raw_sql("SET LOCAL lock_timeout = '5min'")
        .execute(&mut *transaction)
        .await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MIGRATING)
        .execute(&mut *transaction)
        .await?;
    let found = schema_version(&mut transaction).await?;
    if found > KNOWN {
        return Err(StoreError::TooNew {
            found,
            known: KNOWN,
        }
        .into());
    }
    let done = usize::try_from(found).map_err(|_| damaged("schema_version"))?;
    for step in MIGRATIONS.iter().skip(done) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await?;
    }
    if found < KNOWN {
        sqlx::query("UPDATE schema_version SET version = $1")
            .bind(KNOWN)
            .execute(&mut *transaction)
            .await?;
    }
    let secret = secret(&mut transaction).await?;
    transaction.commit().await?;
    Ok(secret)
}

pub(super) async fn look_at_the_server(db: &mut PgConnection) -> Result<(), Fault> {
    let row = sqlx::query(
        "SELECT current_setting('server_version_num')::int AS version,
         current_setting('server_version') AS name,
         current_setting('server_encoding') AS encoding,
         current_setting('fsync')::bool AND current_setting('full_page_writes')::bool AS lasting,
         current_setting('synchronous_commit') IN ('on', 'remote_apply') AS synced,
         pg_is_in_recovery() AS standby",
    )
    .fetch_one(db)
    .await?;
    let name: &str = row.try_get("name")?;
    if row.try_get::<i32, _>("version")? < OLDEST_SERVER {
        let why = format!("PostgreSQL {name} is too old: 14 is the oldest that will do");
        return Err(StoreError::Unreachable(why).into());
    }
    if row.try_get::<&str, _>("encoding")? != "UTF8" {
        let why = "the database's encoding is not UTF8: make one with ENCODING 'UTF8'";
        return Err(StoreError::Unreachable(why.to_owned()).into());
    }
    if row.try_get("standby")? {
        let why = "the server is a standby: name the primary";
        return Err(StoreError::ReadOnly(why.to_owned()).into());
    }
    // A pooler that swallows the session's settings leaves the database's defaults in force.
    if !row.try_get::<bool, _>("synced")? {
        let why = "synchronous_commit is not on, so the session's settings do not arrive: name the server itself, or a \
            pooler that passes them on";
        return Err(StoreError::Unreachable(why.to_owned()).into());
    }
    if !row.try_get::<bool, _>("lasting")? {
        tracing::warn!(
            "the server runs with fsync or full_page_writes off: what it acknowledges may be lost in a power cut"
        );
    }
    Ok(())
}

/// 0 where there is nothing yet; then there is a schema afterwards.
async fn schema_version(db: &mut PgConnection) -> Result<i64, Fault> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'ecom_bridge') AS there,
         (SELECT count(*) FROM pg_tables WHERE schemaname = 'ecom_bridge') AS every,
         (SELECT count(*) FROM pg_tables WHERE schemaname = 'ecom_bridge' AND tablename = 'schema_version') AS ours",
    )
    .fetch_one(&mut *db)
    .await?;
    if !row.try_get::<bool, _>("there")? {
        sqlx::raw_sql("CREATE SCHEMA ecom_bridge")
            .execute(db)
            .await?;
        return Ok(0);
    }
    if row.try_get::<i64, _>("every")? == 0 {
        return Ok(0);
    }
    if row.try_get::<i64, _>("ours")? == 0 {
        let why = "the schema ecom_bridge is another program's";
        return Err(StoreError::Damaged(why.to_owned()).into());
    }
    let row = sqlx::query("SELECT version FROM schema_version")
        .fetch_optional(db)
        .await?;
    let row = row.ok_or_else(|| damaged("schema_version"))?;
    Ok(row.try_get("version")?)
}

async fn secret(db: &mut PgConnection) -> Result<StoreSecret, Fault> {
    const KEPT: &str = "SELECT value FROM meta WHERE name = 'secret'";
    let row = match sqlx::query(KEPT).fetch_optional(&mut *db).await? {
        Some(row) => row,
        None => {
            // 32 bytes from the operating system; only the first opening keeps them.
            let mut fresh = [0; 32];
            fresh[..24].copy_from_slice(&Sealer::fresh_nonce());
            fresh[24..].copy_from_slice(&Sealer::fresh_nonce()[..8]);
            sqlx::query("INSERT INTO meta (name, value) VALUES ('secret', $1)")
                .bind(&fresh[..])
                .execute(&mut *db)
                .await?;
            sqlx::query(KEPT).fetch_one(db).await?
        }
    };
    let kept: &[u8] = row.try_get("value")?;
    let bytes: [u8; 32] = kept.try_into().map_err(|_| damaged("the store's secret"))?;
    Ok(StoreSecret::new(bytes))
}

/// A write of no meaning: a full disk or a server that turned standby is noticed only by one.
pub(super) async fn probe(db: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query("UPDATE probe SET count = count + 1")
        .execute(db)
        .await?;
    Ok(())
}

/// How long opening may take once the server answers: another instance may be migrating.
pub(super) const OPENING: Duration = Duration::from_secs(330);
