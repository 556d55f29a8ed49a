//! What a look from outside finds of a store, for `doctor`: nothing is made, brought up to date, locked or written.
//!
//! Must not: hold a secret, or more of a callback address than its place.

use std::path::PathBuf;

use super::{CallbackOrigin, StoreError};
use crate::types::{Msn, Reading};

/// More callbacks of one kind are not looked at.
pub(super) const CALLBACKS: usize = 1000;

/// What stands in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Version of its schema; 0 where it is empty.
    pub schema: i64,
    /// The newest that this release knows.
    pub known: i64,
    /// Whether it knows any payment.
    pub any_payment: bool,
    /// The registrations that it knows; those whose secret does not open, too.
    pub webhooks: Vec<KnownWebhook>,
    /// Where callbacks go that wait or were given up.
    pub origins: Vec<CallbackOrigin>,
}

/// A registration that a store knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownWebhook {
    /// The sales unit.
    pub msn: Msn,
    /// Vipps' id of it.
    pub id: String,
    /// Whether a newer one has replaced it.
    pub retired: bool,
}

/// An SQLite file as it is.
#[derive(Clone, Debug)]
pub struct SqliteLook {
    /// Its whole path.
    pub path: PathBuf,
    /// What is there.
    pub state: FileState,
    /// Bytes that are free for it; `None` where the system does not say.
    pub free: Option<u64>,
    /// What keeps this user from writing the file or its folder.
    pub refused: Option<String>,
    /// Whether the file belongs to another user than the one that looks.
    pub of_another_user: bool,
}

/// Where an SQLite file stands.
#[derive(Clone, Debug)]
pub enum FileState {
    /// There is none.
    Missing,
    /// A process has it.
    InUse,
    /// Nobody has it.
    Free(Result<Contents, StoreError>),
}

/// A PostgreSQL database as it is.
#[derive(Clone, Debug)]
pub struct PostgresLook {
    /// The server's own version.
    pub version: String,
    /// What stands there; an empty `Contents` where the schema is not made yet.
    pub contents: Contents,
    /// What the user of `store.url` may not do, though the bridge needs it.
    pub lacks: Vec<String>,
    /// Whether what the server acknowledges survives a power cut.
    pub lasting: bool,
    /// Whether the connection is encrypted.
    pub encrypted: bool,
    /// The server's clock.
    pub clock: Reading,
}
