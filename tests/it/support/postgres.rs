//! A PostgreSQL server for tests that need a shared store, from the system's binaries, on a Unix socket.
//!
//! `TEST_POSTGRES_URL` names another one (an empty database of its own). Where there is neither, the test says loudly
//! that it was skipped. The server ends with its test.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Waits for the test to end (its end of the pipe closes), then ends the server.
const WATCH: &str =
    r#"shift 0; "$@" >"$LOG" 2>&1 & pid=$!; cat >/dev/null; kill -QUIT $pid; wait $pid"#;

pub(crate) struct Postgres {
    url: String,
    _own: Option<Own>,
}

struct Own {
    folder: TempDir,
    watch: Child,
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        let _ended = self.watch.wait();
        // Another user's files: the folder's own removal may not be allowed.
        let _removed = Command::new("rm")
            .arg("-rf")
            .arg(self.folder.path())
            .status();
    }
}

impl Postgres {
    pub(crate) fn start() -> Option<Self> {
        if let Ok(url) = std::env::var("TEST_POSTGRES_URL") {
            return Some(Self { url, _own: None });
        }
        let started = Own::start();
        if started.is_none() {
            // Past the capture of test output, which would swallow it.
            let told = "\n*** SKIPPED: no PostgreSQL binaries, and no TEST_POSTGRES_URL ***\n";
            std::io::stderr().write_all(told.as_bytes()).unwrap();
        }
        let own = started?;
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
}

impl Own {
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
        let folder = tempfile::tempdir().unwrap();
        if let Some(user) = user {
            let owned = Command::new("chown").arg(user).arg(folder.path()).status();
            assert!(owned.unwrap().success());
        }
        let data = folder.path().join("data");
        let command = |name: &str| of(&binaries, name, user, folder.path());
        let made = command("initdb")
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
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb");
        let mut server = command("postgres");
        server.arg("-D").arg(&data).arg("-k").arg(folder.path());
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
            .env("LOG", folder.path().join("log"))
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let began = Instant::now();
        let ready = || {
            let mut asked = Command::new(binaries.join("pg_isready"));
            asked.args(["-q", "-t", "1", "-h"]).arg(folder.path());
            asked.status().is_ok_and(|status| status.success())
        };
        while !ready() {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "PostgreSQL did not start"
            );
        }
        Some(Self { folder, watch })
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
