//! A PostgreSQL server for tests that need a shared store, from the system's binaries, on a Unix socket.
//!
//! `TEST_POSTGRES_URL` names another one (an empty database of its own). Where there is neither, the test says loudly
//! that it was skipped. The server ends with its test.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

/// Waits for the test to end (its end of the pipe closes), then ends the server.
const WATCH: &str =
    r#"shift 0; "$@" >"$LOG" 2>&1 & pid=$!; cat >/dev/null; kill -QUIT $pid; wait $pid"#;

pub(crate) struct Postgres {
    url: String,
    _own: Option<Own>,
}

/// A server from the system's binaries, in a folder of its own.
pub(crate) struct Own {
    folder: TempDir,
    binaries: PathBuf,
    user: Option<&'static str>,
    watch: Mutex<Option<Child>>,
}

impl Drop for Own {
    fn drop(&mut self) {
        self.stop();
        // Another user's files: the folder's own removal may not be allowed.
        let _removed = Command::new("rm")
            .arg("-rf")
            .arg(self.folder.path())
            .status();
    }
}

fn told_loudly<T>(started: Option<T>) -> Option<T> {
    if started.is_none() {
        // Past the capture of test output, which would swallow it.
        let told = "\n*** SKIPPED: no PostgreSQL binaries, and no TEST_POSTGRES_URL ***\n";
        std::io::stderr().write_all(told.as_bytes()).unwrap();
    }
    started
}

impl Postgres {
    pub(crate) fn start() -> Option<Self> {
        if let Ok(url) = std::env::var("TEST_POSTGRES_URL") {
            return Some(Self { url, _own: None });
        }
        let own = told_loudly(Own::start())?;
        let socket = own.folder.path().display().to_string().replace('/', "%2F");
        Some(Self {
            url: format!("postgres://bridge@{socket}:5432/postgres"),
            _own: Some(own),
        })
    }

    /// As `store.url` says it.
    pub(crate) fn setting(&self) -> String {
        format!("\"{}\"", self.url)
    }

    /// The same with a new database of its own.
    pub(crate) async fn database(&self, name: &str) -> String {
        self.run(format!("CREATE DATABASE {name}")).await;
        let (server, _) = self.url.rsplit_once('/').unwrap();
        format!("\"{server}/{name}\"")
    }

    /// Removes it, whoever is still connected.
    pub(crate) async fn without(&self, name: &str) {
        self.run(format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }

    async fn run(&self, sql: String) {
        let mut db = PgConnection::connect(&self.url).await.unwrap();
        let sql = sqlx::AssertSqlSafe(sql);
        sqlx::query(sql).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    }
}

impl Own {
    /// One that the test may stop.
    pub(crate) fn to_be_stopped() -> Option<Self> {
        told_loudly(Self::start())
    }

    fn start() -> Option<Self> {
        let binaries = binaries()?;
        let root = Command::new("id").arg("-u").output().ok()?.stdout == b"0\n";
        let there = |user: &&str| {
            let asked = Command::new("id").arg(user).output();
            asked.is_ok_and(|told| told.status.success())
        };
        // As root the server refuses to run.
        let user = match root {
            true => Some(["postgres", "nobody"].into_iter().find(there)?),
            false => None,
        };
        let own = Self::in_a_folder(binaries, user);
        let made = of(&own.binaries, "initdb", user, own.folder.path())
            .args([
                "-A",
                "trust",
                "-U",
                "bridge",
                "-E",
                "UTF8",
                "--no-sync",
                "--locale=C",
                "-D",
            ])
            .arg(own.data())
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb");
        own.up();
        Some(own)
    }

    fn in_a_folder(binaries: PathBuf, user: Option<&'static str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some(user) = user {
            let owned = Command::new("chown").arg(user).arg(folder.path()).status();
            assert!(owned.unwrap().success());
        }
        Self {
            folder,
            binaries,
            user,
            watch: Mutex::new(None),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// Starts it; it answers then.
    pub(crate) fn up(&self) {
        let folder = self.folder.path();
        let mut server = of(&self.binaries, "postgres", self.user, folder);
        server.arg("-D").arg(self.data()).arg("-k").arg(folder);
        server.args([
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            "full_page_writes=off",
        ]);
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh"]);
        watch.arg(server.get_program()).args(server.get_args());
        let watch = watch
            .env("LOG", folder.join("log"))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        *self.watch.lock().unwrap() = Some(watch);
        let began = Instant::now();
        let ready = || {
            let mut asked = Command::new(self.binaries.join("pg_isready"));
            asked.args(["-q", "-t", "1", "-h"]).arg(folder);
            asked.status().is_ok_and(|status| status.success())
        };
        while !ready() {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "PostgreSQL did not start"
            );
        }
    }

    /// Stops it at once, in the middle of whatever it does.
    pub(crate) fn stop(&self) {
        if let Some(mut watch) = self.watch.lock().unwrap().take() {
            drop(watch.stdin.take());
            let _ended = watch.wait();
        }
    }

    /// Another server with the same data, not running; this one must be stopped.
    pub(crate) fn copy(&self) -> Self {
        let other = Self::in_a_folder(self.binaries.clone(), self.user);
        let mut copy = Command::new("cp");
        let copied = copy.arg("-a").arg(self.data()).arg(other.data()).status();
        assert!(copied.unwrap().success());
        other
    }

    /// From its next start on it is a standby, which may only be read.
    pub(crate) fn becomes_a_standby(&self) {
        std::fs::write(self.data().join("standby.signal"), "").unwrap();
    }
}

fn of(binaries: &Path, name: &str, user: Option<&str>, folder: &Path) -> Command {
    let binary = binaries.join(name);
    let mut command = match user {
        None => Command::new(binary),
        Some(user) => {
            let mut command = Command::new("setpriv");
            command
                .args(["--init-groups", "--reuid", user, "--regid", user, "--"])
                .arg(binary);
            command
        }
    };
    command.current_dir(folder);
    command
}

fn binaries() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    folders.extend(
        installed
            .flatten()
            .map(|version| version.path().join("bin")),
    );
    let all = |folder: &PathBuf| {
        ["initdb", "postgres", "pg_isready"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    folders.into_iter().find(all)
}
