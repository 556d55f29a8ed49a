//! What SQLite says, as the store's errors.
//!
//! Must not: carry a stored value. SQLite's messages name tables and columns only, and so do ours.

use std::fmt;

use crate::store::StoreError;

// The primary result codes; an extended code has its primary one in the low byte.
const PERM: u32 = 3;
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const NOTADB: u32 = 26;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Locked,
            sqlx::Error::Io(io) => Self::Unreachable(io.to_string()),
            sqlx::Error::Database(db) => of_code(db.code().as_deref(), db.message()),
            sqlx::Error::ColumnDecode { index, .. } => damaged(index),
            _ => Self::Other(error.to_string()),
        }
    }
}

fn of_code(code: Option<&str>, message: &str) -> StoreError {
    let extended: Option<u32> = code.and_then(|code| code.parse().ok());
    match extended.map(|code| code & 0xff) {
        Some(BUSY | LOCKED) => StoreError::Locked,
        Some(FULL) => StoreError::Full,
        Some(READONLY | PERM) => StoreError::ReadOnly(message.to_owned()),
        Some(CANTOPEN) => StoreError::Unreachable(message.to_owned()),
        Some(CORRUPT | NOTADB) => StoreError::Damaged(message.to_owned()),
        _ => StoreError::Other(format!(
            "{message} (SQLite code {})",
            code.unwrap_or("none")
        )),
    }
}

/// A stored value that this release cannot have written.
pub(super) fn damaged(what: impl fmt::Display) -> StoreError {
    StoreError::Damaged(format!("{what} holds a value that makes no sense"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_error() {
        let of = |code: &str| of_code(Some(code), "text");
        assert!(matches!(of("5"), StoreError::Locked));
        assert!(matches!(of("261"), StoreError::Locked));
        assert!(matches!(of("6"), StoreError::Locked));
        assert!(matches!(of("13"), StoreError::Full));
        assert!(matches!(of("8"), StoreError::ReadOnly(_)));
        assert!(matches!(of("1032"), StoreError::ReadOnly(_)));
        assert!(matches!(of("3"), StoreError::ReadOnly(_)));
        assert!(matches!(of("14"), StoreError::Unreachable(_)));
        assert!(matches!(of("11"), StoreError::Damaged(_)));
        assert!(matches!(of("26"), StoreError::Damaged(_)));
        assert!(matches!(of("778"), StoreError::Other(_)));
        assert!(matches!(of_code(None, "text"), StoreError::Other(_)));
        assert!(matches!(
            StoreError::from(sqlx::Error::PoolTimedOut),
            StoreError::Locked
        ));
    }
}
