//! What PostgreSQL says, and what follows from it: try again, give up, or nobody knows.
//!
//! Must not: carry a stored value. Only the server's main message is told; its detail may quote a row.

use std::fmt;

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::store::StoreError;

/// Why a step did not end well.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server or the way to it.
    Sql(sqlx::Error),
    /// Decided already.
    Store(StoreError),
    /// It took longer than a step may.
    Late,
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// Whether the connection is of no more use.
    pub(super) fn lost(&self) -> bool {
        match self {
            Self::Late => true,
            Self::Store(_) => false,
            Self::Sql(error) => match error {
                sqlx::Error::Database(_) => {
                    let Some(db) = server(error) else { return true };
                    ends_the_session(db.code())
                        || !matches!(db.severity(), PgSeverity::Error | PgSeverity::Warning)
                }
                // The row was read to its end: the connection is in order.
                sqlx::Error::RowNotFound
                | sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::ColumnNotFound(_) => false,
                _ => true,
            },
        }
    }

    /// Whether two transactions got into each other's way, and this one was rolled back.
    pub(super) fn clash(&self) -> bool {
        matches!(self.code(), Some("40001" | "40P01"))
    }

    /// Whether the session leads to a server that only reads: a primary that became a standby.
    pub(super) fn of_a_standby(&self) -> bool {
        self.code() == Some("25006")
    }

    /// Whether a new connection could be had a little later.
    pub(super) fn passing(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::Io(_)) => true,
            _ => matches!(self.code(), Some("57P01" | "57P02" | "57P03" | "53300")),
        }
    }

    fn code(&self) -> Option<&str> {
        match self {
            Self::Sql(error) => server(error).map(PgDatabaseError::code),
            Self::Store(_) | Self::Late => None,
        }
    }

    /// Where nothing was recorded.
    pub(super) fn told(&self) -> StoreError {
        let error = match self {
            Self::Store(error) => return error.clone(),
            Self::Late => return StoreError::Locked,
            Self::Sql(error) => error,
        };
        if let Some(db) = server(error) {
            return of_code(db.code(), db.message());
        }
        match error {
            sqlx::Error::Io(io) => StoreError::Unreachable(io.to_string()),
            sqlx::Error::Tls(why) => StoreError::Unreachable(format!("TLS: {why}")),
            sqlx::Error::Protocol(why) => StoreError::Unreachable(why.clone()),
            sqlx::Error::ColumnDecode { index, .. } => damaged(index),
            // May hold the address, and so a password.
            sqlx::Error::Configuration(_) => {
                StoreError::Unreachable("store.url does not fit".to_owned())
            }
            _ => StoreError::Other(error.to_string()),
        }
    }

    /// Where the answer to a commit did not come.
    pub(super) fn in_doubt(&self) -> StoreError {
        let why = match self {
            Self::Late => "it did not come in time".to_owned(),
            other => other.told().to_string(),
        };
        StoreError::Other(format!(
            "no answer to a commit, so the step may or may not be recorded: {why}"
        ))
    }
}

fn server(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    match error {
        sqlx::Error::Database(db) => db.try_downcast_ref::<PgDatabaseError>(),
        _ => None,
    }
}

/// Whether the server has closed the session with this SQLSTATE.
fn ends_the_session(code: &str) -> bool {
    code.starts_with("08") || matches!(code, "57P01" | "57P02" | "57P03" | "57P05" | "25P03")
}

fn of_code(code: &str, message: &str) -> StoreError {
    let told = || format!("{message} (SQLSTATE {code})");
    match code {
        "55P03" | "40001" | "40P01" | "57014" => StoreError::Locked,
        "53100" => StoreError::Full,
        "25006" | "42501" => StoreError::ReadOnly(told()),
        "42P01" | "42703" | "3F000" | "XX001" | "XX002" => StoreError::Damaged(told()),
        "3D000" => StoreError::Unreachable(told()),
        _ if ends_the_session(code) || code.starts_with("28") || code.starts_with("53") => {
            StoreError::Unreachable(told())
        }
        _ => StoreError::Other(told()),
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
        let of = |code: &str| of_code(code, "text");
        for code in ["55P03", "40001", "40P01", "57014"] {
            assert!(matches!(of(code), StoreError::Locked), "{code}");
        }
        assert!(matches!(of("53100"), StoreError::Full));
        for code in ["25006", "42501"] {
            assert!(matches!(of(code), StoreError::ReadOnly(_)), "{code}");
        }
        for code in ["42P01", "42703", "3F000", "XX001", "XX002"] {
            assert!(matches!(of(code), StoreError::Damaged(_)), "{code}");
        }
        for code in [
            "08006", "57P01", "57P02", "57P03", "28P01", "28000", "3D000", "53300", "25P03",
        ] {
            assert!(matches!(of(code), StoreError::Unreachable(_)), "{code}");
        }
        match of("23505") {
            StoreError::Other(told) => assert_eq!(told, "text (SQLSTATE 23505)"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_lost_connection_is_told_from_a_refusal() {
        let io = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(Fault::Sql(io()).lost() && Fault::Sql(io()).passing());
        assert!(Fault::Late.lost() && !Fault::Late.passing());
        assert!(!Fault::Sql(sqlx::Error::RowNotFound).lost());
        assert!(!Fault::Store(StoreError::Locked).lost());
        assert!(matches!(
            Fault::Sql(io()).told(),
            StoreError::Unreachable(_)
        ));
        assert!(matches!(Fault::Late.told(), StoreError::Locked));
        let doubt = Fault::Sql(io()).in_doubt().to_string();
        assert!(doubt.contains("may or may not be recorded"), "{doubt}");
        let secret = sqlx::Error::Configuration("postgres://me:canary@h".into());
        assert!(!Fault::Sql(secret).told().to_string().contains("canary"));
    }
}
