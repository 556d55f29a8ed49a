//! Opening the file: the lock, owner-only permissions, the connections' pragmas, the schema.
//!
//! Must not: touch a file that another process has, that is no store, or that a later release made.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;

use super::callbacks;
use super::db::{Connect, Db, query};
use super::error::damaged;
use crate::store::StoreError;
use crate::store::seal::Sealer;
use crate::types::StoreSecret;

/// The steps from nothing to the newest schema; their number is its version.
const MIGRATIONS: [&str; 9] = [
    include_str!("../migrations/0001_init.sqlite.sql"),
    include_str!("../migrations/0002_callbacks.sqlite.sql"),
    include_str!("../migrations/0003_steering.sqlite.sql"),
    include_str!("../migrations/0004_waiting.sqlite.sql"),
    include_str!("../migrations/0005_ledger.sqlite.sql"),
    include_str!("../migrations/0006_traffic.sqlite.sql"),
    include_str!("../migrations/0007_line.sqlite.sql"),
    include_str!("../migrations/0008_shadow.sqlite.sql"),
    include_str!("../migrations/0009_checks.sqlite.sql"),
];
/// The newest version that this release knows.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// The lock of a store's file, held by this process.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Frees it. Closing the file alone would leave it with a child that is just being started.
    pub(super) fn free(&self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the store's lock file could not be freed");
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.free();
    }
}

/// Makes the file where there is none and takes its lock file, or says that another process has it. Returns the file's
/// real path: a link to it meets the same lock. A lock is freed when its file is closed, also by a crash.
pub(super) fn take(store: &Path) -> Result<(PathBuf, Lock), StoreError> {
    drop(owned_file(store)?);
    let real = std::fs::canonicalize(store).map_err(|error| unreachable_file(store, &error))?;
    let mut name = OsString::from(&real);
    name.push(".lock");
    let path = PathBuf::from(name);
    let lock = owned_file(&path)?;
    match lock.try_lock() {
        Ok(()) => Ok((real, Lock(lock))),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path }),
        Err(TryLockError::Error(error)) => Err(unreachable_file(&path, &error)),
    }
}

/// Opens or makes a file that only its owner may read. SQLite gives its side files the same permissions.
fn owned_file(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map_err(|error| unreachable_file(path, &error))
}

fn unreachable_file(path: &Path, error: &std::io::Error) -> StoreError {
    use std::io::ErrorKind;
    let text = format!("{}: {error}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly(text),
        ErrorKind::StorageFull => StoreError::Full,
        _ => StoreError::Unreachable(text),
    }
}

/// How the writer connects. `FULL`: what is committed survives a power cut. Up to 8 MiB of pages stay in memory.
pub(super) fn for_writing(path: &Path, busy_timeout: Duration) -> Connect {
    Connect {
        path: path.to_owned(),
        flags: OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        busy_timeout,
        pragmas: "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;
            PRAGMA journal_size_limit = 67108864; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -8192;",
    }
}

/// How the readers connect, which cannot write.
pub(super) fn for_reading(path: &Path, busy_timeout: Duration) -> Connect {
    Connect {
        pragmas: READING,
        ..for_writing(path, busy_timeout)
    }
}

/// What a connection is told that only reads.
pub(super) const READING: &str = "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;";

/// Brings the schema up to date, in one transaction, and reads the store's secret, made with the store.
pub(super) fn prepare(db: &mut Db) -> Result<StoreSecret, StoreError> {
    db.immediate(|db| {
        let found = schema_version(db)?;
        if found > KNOWN {
            return Err(StoreError::TooNew {
                found,
                known: KNOWN,
            });
        }
        let done = usize::try_from(found).map_err(|_| damaged("schema_version"))?;
        for step in MIGRATIONS.iter().skip(done) {
            db.execute_batch(step)?;
        }
        if found < KNOWN {
            query("UPDATE schema_version SET version = ?")
                .bind(KNOWN)
                .execute(db)?;
        }
        secret(db)
    })
}

/// Ends what the process that had the file before has claimed: its lock was free, so it is dead. Where that can't be
/// written (a full disk) the claims end by their time, and what can be done without writing goes on.
pub(super) fn free_claims(db: &mut Db) {
    if let Err(error) = db.immediate(callbacks::free_claims) {
        tracing::warn!(%error, "what a dead process had claimed could not be freed: it waits until its leases end");
    }
}

/// 0 for an empty file.
pub(super) fn schema_version(db: &mut Db) -> Result<i64, StoreError> {
    let tables = query(
        "SELECT count(*) AS every, count(*) FILTER (WHERE name = 'schema_version') AS ours
         FROM sqlite_schema WHERE type = 'table'",
    )
    .fetch_one(&mut *db)?;
    if tables.try_get::<i64>("every")? == 0 {
        return Ok(0);
    }
    if tables.try_get::<i64>("ours")? == 0 {
        return Err(StoreError::Damaged(
            "the file is another program's database".to_owned(),
        ));
    }
    let row = query("SELECT version FROM schema_version").fetch_optional(db)?;
    row.ok_or_else(|| damaged("schema_version"))?
        .try_get("version")
        .map_err(|_| damaged("schema_version"))
}

fn secret(db: &mut Db) -> Result<StoreSecret, StoreError> {
    // 32 bytes from the operating system; only the first opening keeps them.
    let mut fresh = [0; 32];
    fresh[..24].copy_from_slice(&Sealer::fresh_nonce());
    fresh[24..].copy_from_slice(&Sealer::fresh_nonce()[..8]);
    query("INSERT INTO meta (name, value) VALUES ('secret', ?) ON CONFLICT (name) DO NOTHING")
        .bind(&fresh[..])
        .execute(&mut *db)?;
    let row = query("SELECT value FROM meta WHERE name = 'secret'").fetch_one(db)?;
    let kept: &[u8] = row.try_get("value")?;
    let bytes: [u8; 32] = kept.try_into().map_err(|_| damaged("the store's secret"))?;
    Ok(StoreSecret::new(bytes))
}

/// A write of no meaning. It must be committed: a full or read-only disk is noticed only when pages reach it.
pub(super) fn probe(db: &mut Db) -> Result<(), StoreError> {
    query("UPDATE probe SET count = count + 1").execute(db)?;
    Ok(())
}
