//! `doctor`, as an operator types it: the real binary against the simulator, with and without a running bridge.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ecom_bridge::app::{App, Ended};
use ecom_bridge::lifecycle::Lifecycle;
use ecom_bridge::settings;
use ecom_bridge::simulator::Simulator;
use ecom_bridge::simulator::merchant::{Manner, Merchant};
use ecom_bridge::store::{CallbackStore, SqliteOptions, SqliteStore};
use ecom_bridge::telemetry::LinesDropped;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::app::{KEY, MSN};
use crate::support::client::Client;
use crate::support::postgres::Postgres;
use crate::support::{eventually, soon};

const TOKEN: &str = "canary-token-of-the-operator";

/// A configuration and its surroundings; the bridge of it may run.
struct Site {
    simulator: Simulator,
    shop: Merchant,
    dir: tempfile::TempDir,
    hooks: SocketAddr,
    admin: SocketAddr,
    store: String,
}

/// A bridge of a site.
struct Running {
    lifecycle: Lifecycle,
    proxy: SocketAddr,
    store: Arc<dyn CallbackStore>,
    served: JoinHandle<Ended>,
}

/// What a run of doctor gave.
#[derive(Debug)]
struct Ran {
    good: bool,
    out: String,
    err: String,
}

/// A port that nobody has: asked for and given back.
async fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

impl Site {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        Self {
            simulator: Simulator::local().await.unwrap(),
            shop: Merchant::start(listener).unwrap(),
            hooks: free().await,
            admin: free().await,
            store: format!("sqlite:{}", dir.path().join("store.db").display()),
            dir,
        }
    }

    fn text(&self) -> String {
        format!(
            "[proxy]\nlisten = \"127.0.0.1:0\"\n[upstream]\nbase_url = \"{}\"\n\
             [webhooks]\nlisten = \"{hooks}\"\npublic_url = \"http://{hooks}\"\n\
             [callbacks]\nallow_http = true\nallow_private_addresses = true\nschedule = [\"0s\", \"1h\"]\n\
             [store]\nurl = \"{}\"\n[admin]\nlisten = \"{}\"\ntoken = \"{TOKEN}\"\n\
             [[merchants]]\nmsn = \"{MSN}\"\nclient_id = \"demo-client\"\nclient_secret = \"demo-secret\"\n\
             subscription_key = \"{KEY}\"\n",
            self.simulator.base_url(),
            self.store,
            self.admin,
            hooks = self.hooks,
        )
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("store.db")
    }

    async fn start(&self) -> Running {
        let settings = settings::from_text(&self.text()).unwrap();
        let app = App::build(settings, &LinesDropped::default()).await;
        let app = app.unwrap_or_else(|error| panic!("{error}"));
        let running = Running {
            lifecycle: app.lifecycle().clone(),
            proxy: app.proxy_addr(),
            store: Arc::clone(app.callbacks()),
            served: tokio::spawn(app.serve()),
        };
        eventually(async || !running.store.webhooks(None).await.unwrap().is_empty()).await;
        running
    }

    /// Runs doctor with some keys set otherwise.
    async fn doctor(&self, set: &[(&str, &str)]) -> Ran {
        self.asked(set, &[]).await
    }

    async fn asked(&self, set: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let file = self.dir.path().join("bridge.toml");
        std::fs::write(&file, self.text()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecom-bridge"));
        command.arg("doctor").arg("--config").arg(&file);
        command.args(arguments);
        for (key, value) in set {
            command.env(format!("ECOM_BRIDGE__{key}"), value);
        }
        let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = soon(ran).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ran = Ran {
            good: output.status.success(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        // Whatever happens: no secret of the configuration, of a token or of a shop.
        for secret in [
            "canary",
            "Y2Fu",
            "demo-secret",
            "demo-client",
            KEY,
            "simulated.",
        ] {
            assert!(!ran.out.contains(secret), "{secret}: {}", ran.out);
            assert!(!ran.err.contains(secret), "{secret}: {}", ran.err);
        }
        ran
    }

    /// Without what differs from run to run.
    fn shown(&self, out: &str) -> String {
        let mut text = out.to_owned();
        for (part, name) in [
            (self.simulator.addr().to_string(), "UPSTREAM"),
            (self.hooks.to_string(), "HOOKS"),
            (self.admin.to_string(), "ADMIN"),
            (self.shop.addr().to_string(), "SHOP"),
            (self.dir.path().display().to_string(), "FOLDER"),
        ] {
            text = text.replace(&part, name);
        }
        let between = |line: &str, start: &str, end: &str| {
            let (before, rest) = line.split_once(start)?;
            let (_, after) = rest.split_once(end)?;
            Some(format!("{before}{start}SOME{end}{after}"))
        };
        let clock = |line: &str| {
            between(line, "(within ", " s)")
                .or_else(|| between(line, "this machine is ", " behind"))
        };
        let room = |line: &str| match line.split_once(" free") {
            Some((before, after)) if before.ends_with('B') => {
                let number = before.rfind(", ").unwrap();
                format!("{}, ROOM free{after}", &before[..number])
            }
            _ => clock(line).unwrap_or_else(|| line.to_owned()),
        };
        text.lines().map(room).collect::<Vec<_>>().join("\n")
    }

    /// What doctor may ask of Vipps: tokens and lists.
    fn assert_nothing_changed(&self) {
        for seen in self.simulator.world().requests() {
            // One of the tests takes the simulator's for the bridge's own address.
            let token = ["/accesstoken/get", "/webhooks/123456"].contains(&seen.path());
            assert!(
                token || seen.method == "GET",
                "{} {}",
                seen.method,
                seen.target
            );
        }
    }
}

impl Running {
    async fn stop(self) {
        self.lifecycle.begin_shutdown();
        soon(self.served).await.unwrap();
        // The store lets go of its file when its last user has gone.
        drop(self.store);
    }

    /// A payment that the user approves, with this shop's answer to its callback waited for.
    async fn approved(&self, site: &Site, order: &str) {
        let token = site.simulator.world().issue_token(KEY).unwrap();
        let body = json!({
            "merchantInfo": {"merchantSerialNumber": MSN,
                "callbackPrefix": format!("{}/canary-path", site.shop.base_url()),
                "fallBack": "https://shop.example/done", "authToken": "canary-callback-token"},
            "customerInfo": {},
            "transaction": {"orderId": order, "amount": 4200, "transactionText": "One book"},
        })
        .to_string();
        let mut client = Client::to(self.proxy).await;
        let head = format!(
            "POST /ecomm/v2/payments HTTP/1.1\r\nHost: b\r\nAuthorization: {token}\r\n\
             Ocp-Apim-Subscription-Key: {KEY}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = client.ask(format!("{head}{body}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(site.simulator.world().approve(MSN, order));
        eventually(async || !site.shop.callbacks().is_empty()).await;
    }
}

impl Ran {
    /// The line with these words.
    fn line(&self, words: &str) -> &str {
        let mut lines = self.out.lines();
        let found = lines.find(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("no {words:?} in {}{}", self.out, self.err))
    }

    fn says(&self, verdict: &str, words: &str) {
        let line = self.line(words);
        assert!(line.starts_with(verdict), "{words}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_in_order_is_ok_in_every_line() {
    let site = Site::new().await;
    let running = site.start().await;
    site.simulator.world().clear_requests();
    let ran = site.doctor(&[]).await;
    assert!(ran.good, "{}{}", ran.out, ran.err);
    insta::assert_snapshot!(site.shown(&ran.out), @r"
    OK   config    good, 1 warning(s): `ecom-bridge check` shows them
    OK   bridge    runs and is ready (ADMIN)
    OK   store     sqlite:FOLDER/store.db: in use by the running bridge, which can write to it, ROOM free
    OK   upstream  http://UPSTREAM answers
    OK   clock     agrees with UPSTREAM (within SOME s)
    OK   token     123456: access token granted, good for 60 min
    OK   webhooks  http://HOOKS leads to this bridge
    OK   webhooks  123456: registered, with all 7 events
    OK   callbacks none waits, and none was given up; any host may be called, private ones too
    9 OK, 0 WARN, 0 FAIL
    ");
    site.assert_nothing_changed();
    let json = site.asked(&[], &["--json"]).await;
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["good"], true);
    assert_eq!(json["fail"], 0);
    assert_eq!(
        json["checks"][0],
        json!({"area": "config", "verdict": "OK", "remedy": null, "what": "good, 1 warning(s): `ecom-bridge check` shows them"})
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_at_once_is_told_at_once() {
    let site = Site::new().await;
    site.simulator
        .world()
        .change_rules(|rules| rules.date_ahead_s = 1_800);
    let gone = format!("sqlite:{}", site.dir.path().join("gone/store.db").display());
    let elsewhere = site.simulator.base_url();
    let ran = site
        .doctor(&[
            ("MERCHANTS__123456__CLIENT_SECRET", "canary-secret"),
            ("MERCHANTS__123456__WEBHOOK_SECRET", "canary-webhook"),
            ("MERCHANTS__234567__DIRECT_CAPTURE", "true"),
            (
                "STORE__ENCRYPTION_KEY",
                "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmE=",
            ),
            ("WEBHOOKS__PUBLIC_URL", &elsewhere),
            ("STORE__URL", &gone),
            ("CALLBACKS__ALLOW_PRIVATE_ADDRESSES", "false"),
            ("CALLBACKS__ALLOW_HTTP", "false"),
            ("CALLBACKS__ALLOWED_HOSTS", "10.0.0.1"),
        ])
        .await;
    assert!(!ran.good);
    insta::assert_snapshot!(site.shown(&ran.out), @r"
    OK   config    good
    WARN bridge    is not asked: nothing answers at ADMIN (admin.listen). Is the bridge running, and is this its configuration (--config FILE)? What only it knows is left out below
    FAIL store     sqlite:FOLDER/gone/store.db: is not there and can't be made (FOLDER/gone: No such file or directory (os error 2)): whoever set up this machine: make the folder, and let the bridge's user write to it
    OK   upstream  http://UPSTREAM answers
    FAIL clock     this machine is SOME behind UPSTREAM: times in logs and records are wrong, instances that share a database take over each other's work, and certificates may count as expired or not yet valid. Webhooks are taken all the same: the bridge compares no signature's date with this clock. Whoever runs this machine: switch on time synchronisation (NTP), and set the clock while the bridge is stopped, as a jump cuts short what it waits for
    FAIL token     123456: its keys are refused (401): the configuration: client_id, client_secret and subscription_key must be this sales unit's own, of the same environment as upstream.base_url (test and production have different ones). Until then the bridge works for it with the shop's own calls only
    WARN token     234567: no keys of its own are configured; the bridge uses those of the shop's calls: with direct_capture it must capture while the shop is quiet: configure client_id, client_secret and subscription_key
    WARN webhooks  http://UPSTREAM is not judged, as the bridge does not run; 401 comes from there now: run doctor again when it runs
    FAIL callbacks 10.0.0.1: allowed, but callbacks do not go there: the host has a private address, and callbacks.allow_private_addresses is false: the configuration contradicts itself: take it out of callbacks.allowed_hosts, or allow what stands against it where that can be allowed (docs/callbacks.md)
    2 OK, 3 WARN, 4 FAIL
    ");
    assert!(!site.dir.path().join("gone").exists());
    site.assert_nothing_changed();
}

#[tokio::test(flavor = "multi_thread")]
async fn c9_a_clock_ten_minutes_off_is_told_with_its_direction() {
    let site = Site::new().await;
    for (ahead, direction) in [(600, "behind"), (-600, "ahead of")] {
        site.simulator
            .world()
            .change_rules(|rules| rules.date_ahead_s = ahead);
        let ran = site.doctor(&[]).await;
        assert!(!ran.good);
        let line = ran.line("this machine is");
        let of = format!(" s {direction} {}", site.simulator.addr());
        let by = ["is 10 min ", "is 9 min 5"]
            .iter()
            .any(|by| line.contains(by));
        assert!(by && line.contains(&of), "{line}");
        assert!(
            line.starts_with("FAIL clock") && line.contains("NTP"),
            "{line}"
        );
        // The rest is looked at all the same.
        ran.says("OK", "123456: access token granted");
    }
    site.simulator
        .world()
        .change_rules(|rules| rules.date_ahead_s = 20);
    let ran = site.doctor(&[]).await;
    assert!(ran.good);
    ran.says("WARN", "this machine is");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_keys_are_the_configurations_fault() {
    let site = Site::new().await;
    for key in ["CLIENT_ID", "CLIENT_SECRET", "SUBSCRIPTION_KEY"] {
        let key = format!("MERCHANTS__123456__{key}");
        let ran = site.doctor(&[(&key, "canary-of-another")]).await;
        assert!(!ran.good);
        ran.says(
            "FAIL",
            "123456: its keys are refused (401): the configuration",
        );
    }
    // Keys of another unit get a token, and nothing else.
    let ran = site
        .doctor(&[
            ("MERCHANTS__123456__CLIENT_ID", "other-client"),
            ("MERCHANTS__123456__CLIENT_SECRET", "other-secret"),
            (
                "MERCHANTS__123456__SUBSCRIPTION_KEY",
                "other-subscription-key",
            ),
        ])
        .await;
    ran.says("OK", "123456: access token granted");
    ran.says("FAIL", "123456: the Webhooks API answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_down_does_not_end_the_rest() {
    let site = Site::new().await;
    let running = site.start().await;
    site.simulator.world().set_down(true).await;
    let ran = site.doctor(&[]).await;
    assert!(!ran.good);
    ran.says("FAIL", "can't be reached");
    ran.says("WARN", "can't be compared with");
    ran.says("FAIL", "123456: no token (no connection)");
    ran.says("OK", "in use by the running bridge");
    ran.says("OK", "leads to this bridge");
    ran.says("OK", "none waits");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_address_is_known_by_the_store_behind_it() {
    let (site, other) = (Site::new().await, Site::new().await);
    let (running, stranger) = (site.start().await, other.start().await);
    let elsewhere = site.simulator.base_url();
    let another = format!("http://{}", other.hooks);
    let nobody = format!("http://{}", free().await);
    for (url, said) in [
        (
            &elsewhere,
            "something else than this bridge answers (401): the bridge itself answers",
        ),
        (&another, "leads to another bridge"),
        (&nobody, "can't be reached from here"),
    ] {
        let ran = site.doctor(&[("WEBHOOKS__PUBLIC_URL", url)]).await;
        assert!(!ran.good);
        ran.says("FAIL", said);
        // Registered under that address is nothing.
        ran.says("WARN", "123456: no registration of this public_url");
        ran.says("WARN", "is registered, too");
    }
    let none = site.doctor(&[("WEBHOOKS__PUBLIC_URL", "")]).await;
    assert!(none.good);
    none.says("WARN", "webhooks.public_url is empty");
    running.stop().await;
    stranger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_store_is_found_out_without_disturbing_it() {
    let site = Site::new().await;
    let running = site.start().await;
    let nobody = free().await.to_string();
    let ran = site.doctor(&[("ADMIN__LISTEN", &nobody)]).await;
    ran.says("WARN", "is not asked: nothing answers at");
    ran.says("WARN", "in use by another process, and no bridge answers");
    ran.says(
        "WARN",
        "leads to a bridge, but none answers at admin.listen",
    );
    let other = format!("sqlite:{}", site.dir.path().join("other.db").display());
    let ran = site.doctor(&[("STORE__URL", &other)]).await;
    ran.says("WARN", "does not have this one");
    let ran = site.doctor(&[("ADMIN__TOKEN", "canary-of-somebody")]).await;
    assert!(!ran.good);
    ran.says("FAIL", "does not take this token");
    ran.says("OK", "in use by the running bridge");
    assert!(!site.dir.path().join("other.db").exists());
    running.stop().await;
}

/// Names and contents of the files in a folder, but for the configuration.
fn everything(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|end| end != "toml"))
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}

async fn set_schema(file: &Path, version: i64) {
    let options = SqliteConnectOptions::new().filename(file);
    let mut db = options.connect().await.unwrap();
    sqlx::query("UPDATE schema_version SET version = ?")
        .bind(version)
        .execute(&mut db)
        .await
        .unwrap();
    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_nobody_has_is_read_and_left_as_it_is() {
    let site = Site::new().await;
    let ran = site.doctor(&[]).await;
    assert!(ran.good);
    ran.says("OK", "the first start will make it");
    assert!(everything(site.dir.path()).is_empty(), "nothing was made");

    let store = SqliteStore::open(SqliteOptions::new(site.file())).await;
    store.unwrap().close().await;
    for (version, verdict, said) in [
        (2, "OK", "can be written, schema 2, no payments yet"),
        (1, "OK", "schema 1, which the next start brings up to 2"),
        (99, "FAIL", "made by a later release (schema 99"),
    ] {
        set_schema(&site.file(), version).await;
        let before = everything(site.dir.path());
        let ran = site.doctor(&[]).await;
        ran.says(verdict, said);
        assert_eq!(ran.good, verdict == "OK");
        assert_eq!(everything(site.dir.path()), before, "{said}");
    }
    std::fs::write(site.file(), "no database, but longer than nothing at all").unwrap();
    site.doctor(&[])
        .await
        .says("FAIL", "the store is damaged or is not one");
    let inside_a_file = format!("sqlite:{}", site.file().join("x.db").display());
    let ran = site.doctor(&[("STORE__URL", &inside_a_file)]).await;
    ran.says("FAIL", "is not there and can't be made");
}

#[tokio::test(flavor = "multi_thread")]
async fn b4_a_lost_store_is_told_by_what_vipps_still_has() {
    let site = Site::new().await;
    site.start().await.stop().await;
    let ran = site.doctor(&[]).await;
    ran.says("OK", "123456: registered, with all 7 events");
    for end in ["", "-wal", "-shm"] {
        let _not_always_there =
            std::fs::remove_file(site.dir.path().join(format!("store.db{end}")));
    }
    let ran = site.doctor(&[]).await;
    assert!(ran.good, "the bridge can go on");
    ran.says(
        "WARN",
        "was it lost or replaced? Vipps has 1 registration(s)",
    );
    ran.says(
        "WARN",
        "123456: registered, but the store has no secret of it",
    );
    // A bridge that has begun anew registers beside the old one.
    let running = site.start().await;
    let ran = site.doctor(&[]).await;
    ran.says(
        "WARN",
        "1 more of this public_url that the store does not know",
    );
    assert!(!ran.out.contains("was it lost"), "{}", ran.out);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shops_are_tried_by_the_rules_of_a_delivery_and_hear_nothing() {
    let site = Site::new().await;
    let running = site.start().await;
    site.shop.answer(Manner::status(500));
    running.approved(&site, "order-0001").await;
    let heard = site.shop.callbacks().len();
    let place = format!("{}, 1 waiting", site.shop.base_url());
    let ran = site.doctor(&[]).await;
    ran.says("OK", &format!("{place}: resolves and connects"));
    let private = [("CALLBACKS__ALLOW_PRIVATE_ADDRESSES", "false")];
    let ran = site.doctor(&private).await;
    assert!(!ran.good);
    ran.says(
        "FAIL",
        &format!("{place}: callbacks do not go there: the host has a loopback address"),
    );
    running.stop().await;
    // The same from the file, when nobody has it.
    let ran = site.doctor(&[]).await;
    ran.says("OK", &format!("{place}: resolves and connects"));
    assert_eq!(site.shop.callbacks().len(), heard);
    let ran = site
        .doctor(&[
            ("CALLBACKS__ALLOWED_HOSTS", "127.0.0.1,no-such-shop.invalid"),
            ("CALLBACKS__ALLOW_HTTP", "false"),
            ("CALLBACKS__ALLOW_PRIVATE_ADDRESSES", "false"),
        ])
        .await;
    ran.says(
        "FAIL",
        "127.0.0.1: allowed, but callbacks do not go there: the host has a loopback address",
    );
    ran.says(
        "FAIL",
        "no-such-shop.invalid: allowed, but the name leads nowhere",
    );
    ran.says(
        "FAIL",
        "callbackPrefix is http, and callbacks.allow_http is false",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_looked_at_beside_those_who_use_it() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let mut site = Site::new().await;
    site.store = server.setting().trim_matches('"').to_owned();
    let ran = site.doctor(&[]).await;
    assert!(ran.good, "{}{}", ran.out, ran.err);
    ran.says("OK", "empty; the first start will make its tables");
    ran.says("OK", "agrees with the database server");
    let running = site.start().await;
    let ran = site.doctor(&[]).await;
    assert!(ran.good, "{}{}", ran.out, ran.err);
    ran.says("OK", ", schema 2, no payments yet");
    ran.says("OK", "leads to this bridge");
    ran.says("OK", "123456: registered, with all 7 events");
    running.stop().await;
    let nowhere = "postgres://canary-user:canary-password@127.0.0.1:1/x?sslmode=disable";
    let ran = site.doctor(&[("STORE__URL", nowhere)]).await;
    assert!(!ran.good);
    ran.says("FAIL", "the store can't be reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_with_a_problem_ends_it_as_it_ends_check() {
    let site = Site::new().await;
    let ran = site.doctor(&[("CALLBACKS__TIMEOUT", "soon")]).await;
    assert!(!ran.good && ran.out.is_empty());
    assert!(
        ran.err.starts_with("error: callbacks.timeout"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("1 problem in the configuration"));
}
