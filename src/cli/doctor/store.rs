//! The store, looked at from outside: can it be used, is there room, what would the next start do to it.
//!
//! Must not: make, migrate, lock or write one. Where the running bridge has it, the bridge is believed.

use super::bridge::Bridge;
use super::clock;
use super::finding::{Area, Finding};
use crate::settings::{Settings, StoreUrl};
use crate::store::{
    Contents, FileState, PostgresLook, PostgresStore, SqliteLook, SqliteStore, StoreError,
};
use crate::types::Clock;

const MB: u64 = 1_000_000;
/// Somebody should look.
const LOW: u64 = 1_000 * MB;
/// The next busy hour may fill it.
const TOO_LOW: u64 = 50 * MB;

/// What was found.
pub(super) enum Look {
    Sqlite(SqliteLook),
    Postgres(String, Result<Box<PostgresLook>, StoreError>),
}

/// Looks.
pub(super) async fn look(settings: &Settings, clock: &dyn Clock) -> Look {
    match &settings.store.url {
        StoreUrl::Sqlite(file) => Look::Sqlite(SqliteStore::look(file).await),
        StoreUrl::Postgres(url) => Look::Postgres(
            url.to_string(),
            PostgresStore::look(url.secret(), clock).await.map(Box::new),
        ),
    }
}

impl Look {
    /// What stands in it, where that could be read.
    pub(super) fn contents(&self) -> Option<Contents> {
        match self {
            Self::Sqlite(look) => match &look.state {
                FileState::Missing => Some(Contents::default()),
                FileState::Free(Ok(contents)) => Some(contents.clone()),
                FileState::Free(Err(_)) | FileState::InUse => None,
            },
            Self::Postgres(_, look) => look.as_ref().ok().map(|look| look.contents.clone()),
        }
    }

    /// What to say of it.
    pub(super) fn judge(&self, bridge: &Bridge) -> Vec<Finding> {
        match self {
            Self::Sqlite(look) => sqlite(look, bridge),
            Self::Postgres(url, Ok(look)) => postgres(url, look),
            Self::Postgres(url, Err(error)) => vec![broken(url, error)],
        }
    }
}

fn sqlite(look: &SqliteLook, bridge: &Bridge) -> Vec<Finding> {
    let name = format!("sqlite:{}", look.path.display());
    let space = look.free.map(|free| format!(", {} free", size(free)));
    let space = space.unwrap_or_default();
    let mut all = vec![match (&look.state, bridge) {
        (FileState::InUse, Bridge::Up(up)) if up.health.store == "ok" => Area::Store.ok(format!(
            "{name}: in use by the running bridge, which can write to it{space}"
        )),
        (FileState::InUse, Bridge::Up(up)) => Area::Store.fail(
            format!("{name}: in use by the running bridge, which can't write to it"),
            &up.health.store,
        ),
        (FileState::InUse, Bridge::Silent(_)) => Area::Store.warn(
            format!("{name}: in use by another process, and no bridge answers at admin.listen"),
            "if that is a bridge, give doctor the configuration that it was started with; else end that process. \
             Never delete the .lock file",
        ),
        (_, Bridge::Up(up)) => Area::Store.warn(
            format!("{name}: the bridge at {} does not have this one", up.addr),
            "give doctor the configuration that it was started with, from the same folder where store.url is relative",
        ),
        (FileState::Free(Err(error)), Bridge::Silent(_)) => broken(&name, error),
        (FileState::Missing, Bridge::Silent(_)) => match &look.refused {
            Some(why) => Area::Store.fail(
                format!("{name}: is not there and can't be made ({why})"),
                "whoever set up this machine: make the folder, and let the bridge's user write to it",
            ),
            None => Area::Store.ok(format!(
                "{name}: is not there yet; the first start will make it{space}"
            )),
        },
        (FileState::Free(Ok(contents)), Bridge::Silent(_)) => match &look.refused {
            Some(why) => Area::Store.fail(
                format!("{name}: can't be written by this user ({why})"),
                "run doctor as the bridge's user; where it is that, give it the file and its folder",
            ),
            None => Area::Store.ok(format!(
                "{name}: can be written, {}{space}",
                schema(contents)
            )),
        },
    }];
    if look.of_another_user {
        all.push(Area::Store.warn(
            "the file belongs to another user than the one who runs doctor",
            "run doctor as the bridge's user, for what it says of permissions holds for who runs it",
        ));
    }
    all.extend(look.free.and_then(room));
    all
}

/// Too little space.
fn room(free: u64) -> Option<Finding> {
    let what = format!("{} are free on the store's disk", size(free));
    let remedy =
        "whoever runs this machine: free some space. A full disk stops captures and refunds (503)";
    if free < TOO_LOW {
        Some(Area::Store.fail(what, remedy))
    } else if free < LOW {
        Some(Area::Store.warn(what, remedy))
    } else {
        None
    }
}

fn postgres(url: &str, look: &PostgresLook) -> Vec<Finding> {
    let mut all = Vec::new();
    let lacks = look.lacks.join("; ");
    all.push(if lacks.is_empty() {
        Area::Store.ok(format!(
            "{url}: PostgreSQL {}, {}, {}",
            look.version,
            if look.encrypted {
                "encrypted"
            } else {
                "not encrypted"
            },
            schema(&look.contents)
        ))
    } else {
        Area::Store.fail(
            format!("{url}: its user may not do what the bridge needs ({lacks})"),
            "the database's owner: grant it, or let the bridge's user own the schema ecom_bridge",
        )
    });
    if !look.lasting {
        all.push(Area::Store.warn(
            "the server runs with fsync or full_page_writes off",
            "the database's administrator: switch both on, or a power cut loses what was acknowledged",
        ));
    }
    all.push(clock::database(look.clock));
    all
}

/// Why it can't be used, with what to do.
fn broken(name: &str, error: &StoreError) -> Finding {
    let remedy = match error {
        StoreError::Unreachable(_) if name.starts_with("postgres") => {
            "the server, its network, or store.url (docs/postgres.md)"
        }
        StoreError::Unreachable(_) => "whoever set up this machine: the file or its folder",
        StoreError::Damaged(_) => {
            "keep the file as it is for a look, and see docs/operations.md, Backup and restore"
        }
        StoreError::TooNew { .. } => "or restore the backup that was made before the upgrade",
        StoreError::Locked => "another program is in it, such as a backup by copying: end that",
        _ => "the bridge would not start with it",
    };
    Area::Store.fail(format!("{name}: {error}"), remedy)
}

/// What the next start does to it.
fn schema(contents: &Contents) -> String {
    match (contents.schema, contents.known) {
        (0, _) => "empty; the first start will make its tables".to_owned(),
        (found, known) if found < known => {
            format!("schema {found}, which the next start brings up to {known} (back it up before)")
        }
        (found, _) if contents.any_payment => format!("schema {found}"),
        (found, _) => format!("schema {found}, no payments yet"),
    }
}

fn size(bytes: u64) -> String {
    if bytes >= 10_000 * MB {
        format!("{} GB", bytes / (1_000 * MB))
    } else {
        format!("{} MB", bytes / MB)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bridge::{Health, Up};
    use super::super::finding::Verdict;
    use super::*;

    fn up(store: &str) -> Bridge {
        Bridge::Up(Box::new(Up {
            addr: ([127, 0, 0, 1], 9090).into(),
            health: Health {
                store: store.to_owned(),
                draining: false,
                ready: store == "ok",
            },
            inside: Err(String::new()),
        }))
    }

    fn silent() -> Bridge {
        Bridge::Silent(String::new())
    }

    fn file(state: FileState, refused: Option<&str>) -> SqliteLook {
        SqliteLook {
            path: "/var/lib/b.db".into(),
            state,
            free: Some(20_000 * MB),
            refused: refused.map(str::to_owned),
            of_another_user: false,
        }
    }

    fn read(schema: i64) -> FileState {
        FileState::Free(Ok(Contents {
            schema,
            known: 2,
            ..Contents::default()
        }))
    }

    fn said(state: FileState, refused: Option<&str>, bridge: &Bridge) -> (Verdict, String) {
        let all = sqlite(&file(state, refused), bridge);
        assert_eq!(all.len(), 1, "{all:?}");
        (all[0].verdict, all[0].line())
    }

    #[test]
    fn who_has_the_file_is_told() {
        for (state, bridge, verdict, words) in [
            (
                FileState::InUse,
                up("ok"),
                Verdict::Ok,
                "in use by the running bridge",
            ),
            (
                FileState::InUse,
                up("full"),
                Verdict::Fail,
                "can't write to it: full",
            ),
            (
                FileState::InUse,
                silent(),
                Verdict::Warn,
                "in use by another process",
            ),
            (
                FileState::Missing,
                up("ok"),
                Verdict::Warn,
                "does not have this one",
            ),
            (read(2), up("ok"), Verdict::Warn, "does not have this one"),
        ] {
            let (found, line) = said(state, None, &bridge);
            assert_eq!(found, verdict, "{words}");
            assert!(line.contains(words), "{line}");
        }
    }

    #[test]
    fn what_the_next_start_will_find_is_told() {
        let too_new = FileState::Free(Err(StoreError::TooNew { found: 9, known: 2 }));
        for (state, refused, verdict, words) in [
            (
                FileState::Missing,
                None,
                Verdict::Ok,
                "the first start will make it, 20 GB free",
            ),
            (
                FileState::Missing,
                Some("no folder"),
                Verdict::Fail,
                "can't be made (no folder)",
            ),
            (
                read(2),
                None,
                Verdict::Ok,
                "can be written, schema 2, no payments yet",
            ),
            (
                read(1),
                None,
                Verdict::Ok,
                "brings up to 2 (back it up before)",
            ),
            (read(0), None, Verdict::Ok, "empty; the first start"),
            (
                read(2),
                Some("denied"),
                Verdict::Fail,
                "can't be written by this user (denied)",
            ),
            (
                too_new,
                None,
                Verdict::Fail,
                "made by a later release (schema 9",
            ),
        ] {
            let (found, line) = said(state, refused, &silent());
            assert_eq!(found, verdict, "{words}");
            assert!(line.contains(words), "{line}");
        }
    }

    #[test]
    fn little_space_is_told_in_time() {
        assert_eq!(room(2_000 * MB), None);
        assert_eq!(room(900 * MB).map(|f| f.verdict), Some(Verdict::Warn));
        let full = room(10 * MB).map(|f| f.line());
        assert!(full.unwrap().starts_with("FAIL store     10 MB are free"));
    }
}
