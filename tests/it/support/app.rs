//! The whole bridge on port 0, in front of a simulator on port 0, with a store in a temporary folder and its log kept.
//!
//! When a test ends well, the app checks the invariants (`check`). Restarting keeps the store; wiping loses it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecom_bridge::app::{App, Ended, Reloading, StartError};
use ecom_bridge::lifecycle::Lifecycle;
use ecom_bridge::payments::Payments;
use ecom_bridge::settings::{self, Settings, Sources};
use ecom_bridge::shadow::Shadow;
use ecom_bridge::simulator::{Handle, Options, PaymentView, Simulator};
use ecom_bridge::store::{CallbackStore, ShadowRecord, ShadowStore};
use ecom_bridge::telemetry::LinesDropped;
use ecom_bridge::telemetry::logging::{Format, Level, LevelHandle, adjustable};
use ecom_bridge::types::Clock;
use ecom_bridge::workers::Workers;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tracing::dispatcher;

use super::client::{Answer, Client};
use super::clock::Shifted;
use super::{check, soon};

/// The simulator's first client and its units.
pub(crate) const KEY: &str = "demo-subscription-key";
pub(crate) const MSN: &str = "123456";
pub(crate) const OTHER_MSN: &str = "234567";

/// What was logged.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl std::io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A running bridge.
struct Running {
    addr: SocketAddr,
    admin: SocketAddr,
    lifecycle: Lifecycle,
    payments: Arc<Payments>,
    callbacks: Arc<dyn CallbackStore>,
    shadow: Option<Arc<Shadow>>,
    findings: Arc<dyn ShadowStore>,
    served: JoinHandle<Ended>,
}

/// Simulator, bridge and store.
pub(crate) struct TestApp {
    pub(crate) simulator: Simulator,
    pub(crate) clock: Arc<Shifted>,
    pub(crate) token: String,
    pub(crate) log: Kept,
    /// Whether reads of ePayment-born payments may reach eCom: the store was lost, or the payment is not the bridge's.
    pub(crate) forgetful: bool,
    level: LevelHandle,
    dir: TempDir,
    wanted: Wanted,
    running: Option<Running>,
    _logging: tracing::subscriber::DefaultGuard,
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// How an app is set up.
#[derive(Clone)]
pub(crate) struct Wanted {
    values: BTreeMap<String, BTreeMap<String, String>>,
    merchants: Vec<String>,
    /// How often the configuration's file is looked at; none: there is no file.
    looks: Option<Duration>,
    /// Threads for the shops' connections; none: all on the test's own.
    workers: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        let mut wanted = Self {
            values: BTreeMap::new(),
            merchants: Vec::new(),
            looks: None,
            // Every test may run with workers.
            workers: std::env::var("WORKERS").map_or(0, |count| count.parse().expect("a number")),
        };
        for (key, value) in [
            ("proxy.listen", "\"127.0.0.1:0\""),
            ("proxy.request_timeout", "\"4s\""),
            ("proxy.drain_timeout", "\"6s\""),
            ("upstream.timeout", "\"500ms\""),
            ("upstream.connect_timeout", "\"400ms\""),
            ("admin.listen", "\"127.0.0.1:0\""),
            ("callbacks.allow_http", "true"),
        ] {
            wanted.set(key, value);
        }
        // Every test may run with shadowing: nothing that a merchant sees may change by it.
        if let Ok(mode) = std::env::var("SHADOW") {
            wanted.set("shadow.mode", &format!("\"{mode}\""));
            wanted.set("shadow.reads_per_second", "1000");
            wanted.set("shadow.noise_percent", "50");
        }
        wanted
    }
}

impl Wanted {
    /// Sets `section.key` to a TOML value.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> &mut Self {
        let (section, key) = key.split_once('.').unwrap();
        self.values
            .entry(section.to_owned())
            .or_default()
            .insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets several; `merchant` adds one.
    pub(crate) fn add(&mut self, values: &[(&str, &str)]) {
        for (key, value) in values {
            if *key == "merchant" {
                self.merchants.push((*value).to_owned());
            } else {
                self.set(key, value);
            }
        }
    }

    /// Adds a merchant.
    pub(crate) fn merchant(&mut self, toml: &str) {
        self.merchants.push(toml.to_owned());
    }

    /// In a file that the bridge looks at so often.
    pub(crate) fn looks(mut self, every: Duration) -> Self {
        self.looks = Some(every);
        self
    }

    /// With so many threads for the shops' connections.
    pub(crate) fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    fn is_set(&self, key: &str) -> bool {
        let (section, key) = key.split_once('.').unwrap();
        self.values
            .get(section)
            .is_some_and(|s| s.contains_key(key))
    }

    /// What was set.
    pub(crate) fn value(&self, key: &str) -> &str {
        let (section, key) = key.split_once('.').unwrap();
        &self.values[section][key]
    }

    /// The configuration as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (section, values) in &self.values {
            text.push_str(&format!("[{section}]\n"));
            for (key, value) in values {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        for merchant in &self.merchants {
            text.push_str(&format!("[[merchants]]\n{merchant}\n"));
        }
        text
    }

    pub(crate) fn settings(&self) -> Settings {
        settings::from_text(&self.text()).expect("a good configuration")
    }

    /// Starts it.
    pub(crate) async fn start(self) -> TestApp {
        TestApp::from(self, Options::default()).await
    }
}

/// An app whose configuration differs in `values`.
pub(crate) fn with(values: &[(&str, &str)]) -> Wanted {
    let mut wanted = Wanted::default();
    wanted.add(values);
    wanted
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Wanted::default().start().await
    }

    async fn from(mut wanted: Wanted, options: Options) -> Self {
        let log = Kept::default();
        let target = log.clone();
        let make = move || target.clone();
        let (subscriber, level) = adjustable(Format::Json, Level::Trace, false, make);
        let logging = tracing::subscriber::set_default(subscriber);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let simulator = Simulator::start(listener, options).unwrap();
        // Clocks are moved by days: tokens live on.
        simulator
            .world()
            .change_rules(|rules| rules.token_s = 400_000_000);
        let token = simulator.world().issue_token(KEY).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("bridge.db");
        if !wanted.is_set("store.url") {
            wanted.set("store.url", &format!("\"sqlite:{}\"", store.display()));
        }
        if !wanted.is_set("upstream.base_url") {
            wanted.set(
                "upstream.base_url",
                &format!("\"{}\"", simulator.base_url()),
            );
        }
        let mut app = Self {
            simulator,
            clock: Arc::default(),
            token,
            log,
            forgetful: false,
            level,
            dir,
            wanted,
            running: None,
            _logging: logging,
        };
        app.up().await;
        app
    }

    /// From now on the log has what operators see, and no more.
    pub(crate) fn quiet_log(&self) {
        self.level.set(Level::Info);
    }

    /// Builds a bridge on this app's store, or says why not.
    pub(crate) async fn build(&self) -> Result<App, StartError> {
        let clock: Arc<dyn Clock> = Arc::<Shifted>::clone(&self.clock);
        let dropped = LinesDropped::default();
        let Some(every) = self.wanted.looks else {
            return App::build_with(self.settings(), &dropped, clock).await;
        };
        self.write(&self.wanted.text());
        let sources = Sources::new(vec![self.file()]).with_variables(Vec::new);
        let texts = sources.texts();
        let started_with = texts.fingerprint();
        let settings = sources.load(texts).expect("a good configuration");
        let app = App::build_with(settings, &dropped, clock).await?;
        Ok(app.reloading(Reloading {
            sources,
            started_with,
            level: Some(self.level.clone()),
            every,
        }))
    }

    /// The configuration's file.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("bridge.toml")
    }

    /// Puts other text into the configuration's file.
    pub(crate) fn write(&self, text: &str) {
        std::fs::write(self.file(), text).unwrap();
    }

    pub(crate) async fn up(&mut self) {
        let app = Box::pin(self.build()).await.expect("the bridge starts");
        let log = dispatcher::get_default(Clone::clone);
        let workers = Workers::start_in(self.wanted.workers, move || dispatcher::set_default(&log));
        let app = app.on(workers.unwrap());
        self.running = Some(Running {
            addr: app.proxy_addr(),
            admin: app.admin_addr().unwrap(),
            lifecycle: app.lifecycle().clone(),
            payments: Arc::clone(app.payments()),
            callbacks: Arc::clone(app.callbacks()),
            shadow: app.shadow().cloned(),
            findings: Arc::clone(app.findings()),
            served: tokio::spawn(app.serve()),
        });
    }

    /// Stops the bridge; what it knows stays in the store.
    pub(crate) async fn down(&mut self) {
        let running = self.running.take().unwrap();
        running.lifecycle.begin_shutdown();
        soon(running.served).await.unwrap();
        drop((running.payments, running.callbacks));
        drop((running.shadow, running.findings));
    }

    /// Stops it and starts it again with the same store (and what was set meanwhile).
    pub(crate) async fn restart(&mut self) {
        self.down().await;
        self.up().await;
    }

    /// Sets `section.key`; counts from the next start.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.wanted.set(key, value);
    }

    /// Forgets the merchants' own settings; counts from the next start.
    pub(crate) fn unset_merchants(&mut self) {
        self.wanted.merchants.clear();
    }

    /// Adds a merchant; counts from the next start.
    pub(crate) fn merchant(&mut self, toml: &str) {
        self.wanted.merchant(toml);
    }

    /// Loses the store.
    pub(crate) async fn wipe_store(&mut self) {
        self.down().await;
        self.lose_store();
        self.up().await;
    }

    /// The same while the bridge is down.
    pub(crate) fn lose_store(&mut self) {
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        self.forgetful = true;
    }

    /// The store as it is now, while the bridge is down: a backup.
    pub(crate) fn back_up(&self) -> TempDir {
        let backup = tempfile::tempdir().unwrap();
        copy_files(self.dir.path(), backup.path());
        backup
    }

    /// As when an operator puts a backup in the store's place: what was recorded after it is not known.
    pub(crate) async fn restore(&mut self, backup: &TempDir) {
        self.down().await;
        self.lose_store();
        copy_files(backup.path(), self.dir.path());
        self.up().await;
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    /// Where the bridge listens; nowhere while it is down.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.running
            .as_ref()
            .map_or(([127, 0, 0, 1], 0).into(), |running| running.addr)
    }

    /// Of the bridge; while it is down, of upstream.
    pub(crate) fn addr_or_upstream(&self) -> SocketAddr {
        let upstream = self.simulator.addr();
        self.running
            .as_ref()
            .map_or(upstream, |running| running.addr)
    }

    pub(crate) fn payments(&self) -> &Arc<Payments> {
        &self.running().payments
    }

    pub(crate) fn callbacks(&self) -> &Arc<dyn CallbackStore> {
        &self.running().callbacks
    }

    /// Shadowing, which is on.
    pub(crate) fn shadow(&self) -> &Arc<Shadow> {
        self.running().shadow.as_ref().expect("it shadows")
    }

    /// What shadowing has found, the last call included.
    pub(crate) async fn findings(&self) -> ShadowRecord {
        if let Some(shadow) = &self.running().shadow {
            shadow.keep().await;
        }
        self.running().findings.shadow_record(true).await.unwrap()
    }

    pub(crate) fn admin_addr(&self) -> SocketAddr {
        self.running().admin
    }

    pub(crate) fn settings(&self) -> Settings {
        self.wanted.settings()
    }

    /// The configuration as text, and a folder for it.
    pub(crate) fn configuration(&self) -> (String, PathBuf) {
        (self.wanted.text(), self.dir.path().to_owned())
    }

    pub(crate) fn world(&self) -> &Handle {
        self.simulator.world()
    }

    /// The payment as upstream has it.
    pub(crate) fn seen(&self, reference: &str) -> PaymentView {
        self.world()
            .payment(MSN, reference)
            .expect("a payment upstream")
    }

    /// Captured, refunded and cancelled at upstream.
    pub(crate) fn sums(&self, reference: &str) -> (i64, i64, i64) {
        let seen = self.seen(reference);
        (
            seen.captured.minor_units(),
            seen.refunded.minor_units(),
            seen.cancelled.minor_units(),
        )
    }

    /// Time passes for bridge and upstream alike.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.world().advance(by);
    }

    /// A page of the operator's listener.
    pub(crate) async fn admin(&self, path: &str) -> Answer {
        let mut client = Client::to(self.running().admin).await;
        client
            .ask(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .await
    }

    /// A metric, with its labels where it has any.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        self.counted(name).await.expect("the metric is there")
    }

    /// The same where nothing may have been counted yet.
    pub(crate) async fn counted(&self, name: &str) -> Option<f64> {
        let text = String::from_utf8(self.admin("/metrics").await.body).unwrap();
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        Some(value.parse().unwrap())
    }

    /// Requests that reached upstream since the last look, as `METHOD path`.
    pub(crate) fn took(&self) -> Vec<String> {
        let all = self.world().requests();
        self.world().clear_requests();
        check::kept(self, &all);
        all.iter()
            .filter(|r| r.header(check::DIRECT).is_none() && r.header("bridge-shadow").is_none())
            .map(|r| format!("{} {}", r.method, r.path()))
            .collect()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            check::invariants(self);
        }
    }
}
