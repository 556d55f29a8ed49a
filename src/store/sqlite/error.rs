//! What SQLite says, as the store's errors.
//!
//! Must not: carry a stored value. SQLite's messages name tables and columns only, and so do ours.

use std::fmt;

use crate::store::StoreError;

// The primary result codes; an extended code has its primary one in the low byte.
const PERM: i32 = 3;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const NOTADB: i32 = 26;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error;
        match error {
            Error::SqliteFailure(code, message) => {
                let message = message.unwrap_or_else(|| code.to_string());
                of_code(code.extended_code, &message)
            }
            // Without the statement's text.
            Error::SqlInputError { error, msg, .. } => of_code(error.extended_code, &msg),
            Error::InvalidPath(path) => {
                Self::Unreachable(format!("{}: no path that SQLite can open", path.display()))
            }
            other => Self::Other(other.to_string()),
        }
    }
}

fn of_code(extended: i32, message: &str) -> StoreError {
    match extended & 0xff {
        BUSY | LOCKED => StoreError::Locked,
        FULL => StoreError::Full,
        READONLY | PERM => StoreError::ReadOnly(message.to_owned()),
        CANTOPEN => StoreError::Unreachable(message.to_owned()),
        CORRUPT | NOTADB => StoreError::Damaged(message.to_owned()),
        _ => StoreError::Other(format!("{message} (SQLite code {extended})")),
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
        let of = |code| of_code(code, "text");
        assert!(matches!(of(5), StoreError::Locked));
        assert!(matches!(of(261), StoreError::Locked));
        assert!(matches!(of(6), StoreError::Locked));
        assert!(matches!(of(13), StoreError::Full));
        assert!(matches!(of(8), StoreError::ReadOnly(_)));
        assert!(matches!(of(1032), StoreError::ReadOnly(_)));
        assert!(matches!(of(3), StoreError::ReadOnly(_)));
        assert!(matches!(of(14), StoreError::Unreachable(_)));
        assert!(matches!(of(11), StoreError::Damaged(_)));
        assert!(matches!(of(26), StoreError::Damaged(_)));
        assert!(matches!(of(778), StoreError::Other(_)));
        assert!(matches!(
            StoreError::from(rusqlite::Error::InvalidQuery),
            StoreError::Other(_)
        ));
    }
}
