//! A PostgreSQL server of the tests' own, from the system's binaries, in a folder of its own on a Unix socket.
//!
//! `TEST_POSTGRES_URL` names another one to use. Where there is neither, `database` says so and the tests are skipped.
//! The server ends when this process does, however it ends. Must not: sleep; whether it is ready is found by connecting.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use crate::store::{PostgresOptions, PostgresStore, Sealer};

/// Waits for the test to end (its end of the pipe closes), then ends the server.
const WATCH: &str = r#"shift 0; "$@" >"$LOG" 2>&1 & pid=$!; cat >/dev/null; kill -QUIT $pid 2>/dev/null; wait $pid"#;

/// A server that can be stopped and started.
pub(in crate::store::postgres) struct Server {
    folder: TempDir,
    binaries: PathBuf,
    user: Option<&'static str>,
    durable: bool,
    watch: std::sync::Mutex<Option<Child>>,
}

impl Server {
    /// A new one, running. `None` where the binaries are missing.
    pub(in crate::store::postgres) fn start(durable: bool) -> Option<Self> {
        let binaries = binaries()?;
        // As root the server refuses to run.
        let user = is_root().then(other_user).flatten();
        if is_root() && user.is_none() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        if let Some(user) = user {
            let owned = Command::new("chown").arg(user).arg(folder.path()).status();
            assert!(owned.unwrap().success());
        }
        let server = Self {
            folder,
            binaries,
            user,
            durable,
            watch: std::sync::Mutex::new(None),
        };
        let made = server
            .command("initdb")
            .args(["-A", "trust", "-U", "bridge", "-E", "UTF8", "--no-sync"])
            .args(["--locale=C", "-D"])
            .arg(server.data())
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb");
        server.up();
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        let binary = self.binaries.join(name);
        let mut command = match self.user {
            None => Command::new(binary),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command
                    .args(["--init-groups", "--reuid", user, "--regid", user, "--"])
                    .arg(binary);
                command
            }
        };
        command.current_dir(self.folder.path());
        command
    }

    /// Starts it and returns when it answers.
    pub(in crate::store::postgres) fn up(&self) {
        let mut server = self.command("postgres");
        server
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path());
        server.args(["-c", "listen_addresses="]);
        if !self.durable {
            // A killed server keeps what it wrote all the same; only a power cut would not.
            server.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        }
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh"]);
        watch.arg(server.get_program()).args(server.get_args());
        let child = watch
            .env("LOG", self.folder.path().join("log"))
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        *self.watch.lock().unwrap() = Some(child);
        let begin = Instant::now();
        while !self.is_ready() {
            assert!(begin.elapsed() < Duration::from_secs(60), "{}", self.log());
        }
    }

    fn is_ready(&self) -> bool {
        let asked = Command::new(self.binaries.join("pg_isready"))
            .args(["-q", "-t", "1", "-h"])
            .arg(self.folder.path())
            .status();
        asked.is_ok_and(|status: ExitStatus| status.success())
    }

    /// Kills it in the middle of whatever it does.
    pub(in crate::store::postgres) fn kill(&self) {
        let stopped = self
            .command("pg_ctl")
            .args(["stop", "-m", "immediate", "-s", "-D"])
            .arg(self.data())
            .status();
        assert!(stopped.unwrap().success());
        self.reap();
    }

    fn reap(&self) {
        if let Some(mut child) = self.watch.lock().unwrap().take() {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(in crate::store::postgres) fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    fn url(&self) -> String {
        let host = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://bridge@{host}:5432/postgres")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.reap();
    }
}

fn binaries() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut installed: Vec<PathBuf> = installed.flatten().map(|v| v.path().join("bin")).collect();
    installed.sort();
    folders.extend(installed.into_iter().rev());
    let all = |folder: &Path| {
        ["initdb", "pg_ctl", "postgres", "pg_isready"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    folders.into_iter().find(|folder| all(folder))
}

fn is_root() -> bool {
    let asked = Command::new("id").arg("-u").output();
    asked.is_ok_and(|told| told.stdout == b"0\n")
}

fn other_user() -> Option<&'static str> {
    let there = |user: &&str| {
        let asked = Command::new("id").arg(user).stdout(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    ["postgres", "nobody"].into_iter().find(there)
}

/// The one that all tests of this process share.
enum Shared {
    Own(Server),
    Named(String),
    None,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        if let Ok(url) = std::env::var("TEST_POSTGRES_URL") {
            return Shared::Named(url);
        }
        match Server::start(false) {
            Some(server) => {
                end_with_the_process(&server);
                Shared::Own(server)
            }
            None => Shared::None,
        }
    })
}

/// A static is never dropped: its folder would stay. The watcher removes it, after the server.
#[expect(clippy::zombie_processes, reason = "it outlives this process")]
fn end_with_the_process(server: &Server) {
    let folder = server.folder.path().display().to_string();
    let mut child = Command::new("sh")
        .args(["-c", r#"cat >/dev/null; while [ -e "$1/data/postmaster.pid" ]; do sleep 0.1; done; rm -rf "$1""#])
        .args(["sh", &folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Kept open until the process ends.
    #[expect(clippy::mem_forget, reason = "closed, it would end the server")]
    std::mem::forget(child.stdin.take());
}

/// A database, removed at the end where the server stays.
pub(in crate::store::postgres) struct Database {
    url: String,
    admin: Option<(String, String)>,
    /// A server of this test's own.
    pub(in crate::store::postgres) server: Option<Arc<Server>>,
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some((admin, name)) = self.admin.take() else {
            return;
        };
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                execute(&admin, statement).await;
            });
        });
        dropped.join().unwrap();
    }
}

async fn execute(url: &str, statement: String) {
    let options: PgConnectOptions = url.parse().unwrap();
    let mut db = options.disable_statement_logging().connect().await.unwrap();
    let safe = sqlx::AssertSqlSafe(statement);
    sqlx::raw_sql(safe).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

/// A fresh database; `None` where there is no server, and then it has been said.
pub(in crate::store::postgres) async fn database() -> Option<Database> {
    let shared = tokio::task::spawn_blocking(shared).await.unwrap();
    let (admin, stays) = match shared {
        Shared::Own(server) => (server.url(), false),
        Shared::Named(url) => (url.clone(), true),
        Shared::None => {
            loudly_skipped();
            return None;
        }
    };
    Some(fresh_in(&admin, stays, None).await)
}

/// A fresh database on a server of its own, which may be killed.
pub(in crate::store::postgres) async fn database_of_its_own(durable: bool) -> Option<Database> {
    let started = tokio::task::spawn_blocking(move || Server::start(durable));
    let Some(server) = started.await.unwrap() else {
        loudly_skipped();
        return None;
    };
    let admin = server.url();
    Some(fresh_in(&admin, false, Some(Arc::new(server))).await)
}

fn loudly_skipped() {
    // Past the capture of test output, which would swallow it.
    let mut out = std::io::stderr().lock();
    let told = "\n*** SKIPPED: no PostgreSQL: install its server, or set TEST_POSTGRES_URL to one where databases may be made ***\n";
    out.write_all(told.as_bytes()).unwrap();
}

async fn fresh_in(admin: &str, stays: bool, server: Option<Arc<Server>>) -> Database {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("bridge_test_{}_{number}", std::process::id());
    execute(
        admin,
        format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"),
    )
    .await;
    // The query first: a file that it names has slashes, too.
    let (address, query) = admin.split_once('?').unwrap_or((admin, ""));
    let (base, _) = address.rsplit_once('/').unwrap();
    let mark = if query.is_empty() { "" } else { "?" };
    Database {
        url: format!("{base}/{name}{mark}{query}"),
        admin: stays.then(|| (admin.to_owned(), name)),
        server,
    }
}

impl Database {
    pub(in crate::store::postgres) fn url(&self) -> SecretString {
        SecretString::from(self.url.clone())
    }

    pub(in crate::store::postgres) fn name(&self) -> &str {
        let address = self.url.split('?').next().unwrap();
        address.rsplit('/').next().unwrap()
    }

    /// The address of another database of the same server.
    pub(in crate::store::postgres) fn url_of(&self, name: &str) -> String {
        self.url.replace(self.name(), name)
    }

    /// The address for another user.
    pub(in crate::store::postgres) fn url_as(&self, user: &str, password: &str) -> SecretString {
        let (_, at) = self.url.split_once('@').unwrap();
        SecretString::from(format!("postgres://{user}:{password}@{at}"))
    }

    /// Without the bounded wait playing a part: two busy cores may be slow.
    pub(in crate::store::postgres) fn options(&self) -> PostgresOptions {
        PostgresOptions {
            patience: Duration::from_secs(60),
            longest: Duration::from_secs(120),
            ..PostgresOptions::new(self.url())
        }
    }

    pub(in crate::store::postgres) async fn open(&self) -> PostgresStore {
        PostgresStore::open(self.options()).await.unwrap()
    }

    pub(in crate::store::postgres) async fn open_sealed(&self, key: [u8; 32]) -> PostgresStore {
        let sealed = PostgresOptions {
            sealer: Some(Sealer::new(key)),
            ..self.options()
        };
        PostgresStore::open(sealed).await.unwrap()
    }

    pub(in crate::store::postgres) async fn raw(&self) -> PgConnection {
        let options: PgConnectOptions = self.url.parse().unwrap();
        options
            .options([("search_path", "ecom_bridge")])
            .connect()
            .await
            .unwrap()
    }

    /// The address with another host and port.
    pub(in crate::store::postgres) fn by_way_of(&self, port: u16) -> SecretString {
        let name = self.url.rsplit('/').next().unwrap();
        SecretString::from(format!(
            "postgres://bridge@127.0.0.1:{port}/{name}?sslmode=disable"
        ))
    }
}
