//! The real binary on a shop's store, at a fixed address, to be killed and started again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::callbacks::{Shop, free_address};
use super::client::Client;
use super::{LIMIT, eventually};

/// A bridge in a process of its own; killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) addr: SocketAddr,
    pub(crate) admin: SocketAddr,
    log: PathBuf,
}

impl Process {
    /// Starts it, the `n`-th of its store: the first one is what Vipps reaches. It may end at a step of the store's
    /// (`src/store/timed/crash.rs`).
    pub(crate) fn spawn(shop: &Shop, addr: SocketAddr, n: usize, crash: Option<&str>) -> Self {
        let (text, folder) = shop.app.configuration();
        let file: PathBuf = folder.join(format!("bridge-{n}.toml"));
        let admin = free_address();
        let own = text
            .replace(
                "[admin]\nlisten = \"127.0.0.1:0\"",
                &format!("[admin]\nlisten = \"{admin}\""),
            )
            .replace("listen = \"127.0.0.1:0\"", &format!("listen = \"{addr}\""));
        let hooks = format!("listen = \"{}\"", shop.app.settings().webhooks.listen);
        let own = match n {
            0 => own,
            _ => own.replace(&hooks, &format!("listen = \"{}\"", free_address())),
        };
        std::fs::write(&file, own).unwrap();
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(Self::log(shop, n))
            .unwrap();
        // Another build of it, such as a release.
        let other = std::env::var_os("BINARY");
        let binary = other.unwrap_or_else(|| env!("CARGO_BIN_EXE_ecom-bridge").into());
        let mut command = Command::new(binary);
        command.args(["serve", "--config"]).arg(file);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        if let Some(crash) = crash {
            command.env("ECOM_BRIDGE_CRASH_AT", crash);
        }
        let child = command.spawn().unwrap();
        let log = Self::log(shop, n);
        Self {
            child,
            addr,
            admin,
            log,
        }
    }

    /// Where the `n`-th one logs.
    pub(crate) fn log(shop: &Shop, n: usize) -> PathBuf {
        shop.app.configuration().1.join(format!("bridge-{n}.log"))
    }

    pub(crate) async fn start(shop: &Shop, addr: SocketAddr, n: usize) -> Self {
        let mut process = Self::spawn(shop, addr, n, None);
        assert!(process.listens().await, "the bridge did not start");
        process
    }

    /// Until it listens, or has ended.
    pub(crate) async fn listens(&mut self) -> bool {
        let began = Instant::now();
        let mut beat = tokio::time::interval(Duration::from_millis(5));
        loop {
            if self.ended() {
                return false;
            }
            if TcpStream::connect(self.addr).await.is_ok() {
                return true;
            }
            if began.elapsed() > LIMIT {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                let at = log.len().saturating_sub(4_000);
                panic!("it does not start: {}", log.get(at..).unwrap_or_default());
            }
            beat.tick().await;
        }
    }

    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its exit code, when it has ended by itself.
    pub(crate) async fn end(&mut self) -> Option<i32> {
        let mut status = None;
        eventually(async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap().code()
    }

    /// A line of `/proc/PID/status`, in its own unit.
    pub(crate) fn status(&self, name: &str) -> u64 {
        let file = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(file).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.unwrap().trim_start_matches(':').split_whitespace();
        value.map(|word| word.parse().unwrap()).next().unwrap()
    }

    /// How many files it has open.
    pub(crate) fn files(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(folder).unwrap().count()
    }

    /// A metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let mut client = Client::try_to(self.admin).await?;
        let ask = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let text = client.ask(ask).await.text();
        let line = text
            .lines()
            .find(|line| line.split(' ').next() == Some(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
