//! A look at the file from outside: is it there, does a process have it, what stands in it.
//!
//! A file that a process has is not opened. The lock is tried for the blink of an eye and shared, which nobody but a
//! bridge that starts in that very moment could notice. Must not: make, write, migrate or keep locked anything.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::OpenFlags;

use super::callbacks::origins;
use super::db::{Connect, Db, query};
use super::open::{KNOWN, READING, schema_version};
use super::rows;
use crate::store::StoreError;
use crate::store::look::{CALLBACKS, Contents, FileState, KnownWebhook, SqliteLook};
use crate::types::Msn;

/// How long somebody else's lock in the database is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks.
pub(super) async fn look(path: &Path) -> SqliteLook {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = std::fs::canonicalize(&path).ok();
    let place = real.clone().unwrap_or_else(|| path.clone());
    let state = match &real {
        None => FileState::Missing,
        Some(real) => state(real).await,
    };
    SqliteLook {
        refused: refused(&place, real.is_some()),
        of_another_user: real.as_deref().is_some_and(disk::of_another_user),
        free: disk::free(folder(&place)),
        state,
        path,
    }
}

async fn state(real: &Path) -> FileState {
    match taken(real) {
        Ok(true) => return FileState::InUse,
        Ok(false) => {}
        Err(error) => return FileState::Free(Err(error)),
    }
    let place = real.to_owned();
    let read = tokio::task::spawn_blocking(move || contents(&place));
    let contents = read
        .await
        .unwrap_or_else(|error| Err(StoreError::Other(error.to_string())));
    // A bridge that has started meanwhile changes it under the reader: what was read then says nothing.
    match taken(real) {
        Ok(true) => FileState::InUse,
        _ => FileState::Free(contents),
    }
}

/// Whether a process has the lock. A lock file that is not there is nobody's, and is not made.
fn taken(real: &Path) -> Result<bool, StoreError> {
    let lock = beside(real, ".lock");
    let file = match File::open(&lock) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => {
            let told = format!("{}: {error}", lock.display());
            return Err(StoreError::Unreachable(told));
        }
    };
    match file.try_lock_shared() {
        Ok(()) => {
            let _freed_when_closed = file.unlock();
            Ok(false)
        }
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(StoreError::Unreachable(error.to_string())),
    }
}

/// What keeps this user from writing. Opening for writing changes nothing; a folder is asked for its permissions.
fn refused(place: &Path, is_there: bool) -> Option<String> {
    let told = |at: &Path, error: &std::io::Error| Some(format!("{}: {error}", at.display()));
    if is_there && let Err(error) = OpenOptions::new().write(true).open(place) {
        return told(place, &error);
    }
    let folder = folder(place);
    disk::may_write(folder)
        .err()
        .and_then(|error| told(folder, &error))
}

fn folder(place: &Path) -> &Path {
    place.parent().unwrap_or(place)
}

fn beside(real: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(real);
    name.push(end);
    PathBuf::from(name)
}

fn contents(real: &Path) -> Result<Contents, StoreError> {
    // After a clean end all is in the one file, which is then read without a trace. What a crash has left in the log
    // beside it belongs to the records, and is read as SQLite does.
    let log = std::fs::metadata(beside(real, "-wal")).map_or(0, |log| log.len());
    let db = &mut Connect {
        path: match log {
            0 => unchanging(real),
            _ => real.to_owned(),
        },
        flags: OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI,
        busy_timeout: PATIENCE,
        pragmas: READING,
    }
    .connect()?;
    query("BEGIN").execute(db)?;
    read(db)
}

/// The file as a URI that promises that nobody writes it.
fn unchanging(real: &Path) -> PathBuf {
    let path = percent_encode(real.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
    PathBuf::from(format!("file:{path}?immutable=true"))
}

fn read(db: &mut Db) -> Result<Contents, StoreError> {
    let schema = schema_version(db)?;
    let mut found = Contents {
        schema,
        known: KNOWN,
        ..Contents::default()
    };
    if schema > KNOWN {
        return Err(StoreError::TooNew {
            found: schema,
            known: KNOWN,
        });
    }
    if schema >= 1 {
        let row = query("SELECT EXISTS (SELECT 1 FROM payments) AS some").fetch_one(db)?;
        found.any_payment = row.try_get::<i64>("some")? == 1;
    }
    if schema >= 2 {
        let known =
            "SELECT msn, webhook, retired_at IS NOT NULL AS retired FROM webhooks ORDER BY id";
        for row in query(known).fetch_all(db)? {
            found.webhooks.push(KnownWebhook {
                msn: rows::word(&row, "msn", Msn::parse)?,
                id: row.try_get("webhook")?,
                retired: row.try_get::<i64>("retired")? == 1,
            });
        }
        found.origins = origins(db, CALLBACKS)?;
    }
    Ok(found)
}

/// What the system says of a place.
#[cfg(unix)]
mod disk {
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use rustix::fs::{Access, access, statvfs};

    pub(super) fn free(folder: &Path) -> Option<u64> {
        let told = statvfs(folder).ok()?;
        told.f_bavail.checked_mul(told.f_frsize)
    }

    pub(super) fn may_write(folder: &Path) -> io::Result<()> {
        Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
    }

    pub(super) fn of_another_user(file: &Path) -> bool {
        let own = rustix::process::geteuid().as_raw();
        std::fs::metadata(file).is_ok_and(|told| told.uid() != own)
    }
}

#[cfg(not(unix))]
mod disk {
    use std::io;
    use std::path::Path;

    pub(super) fn free(_: &Path) -> Option<u64> {
        None
    }

    pub(super) fn may_write(folder: &Path) -> io::Result<()> {
        std::fs::metadata(folder).map(|_| ())
    }

    pub(super) fn of_another_user(_: &Path) -> bool {
        false
    }
}
