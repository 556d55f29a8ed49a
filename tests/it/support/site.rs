//! A configuration in a folder, its simulator and its shop, for commands that are run as an operator types them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use ecom_bridge::app::{App, Ended};
use ecom_bridge::lifecycle::Lifecycle;
use ecom_bridge::settings;
use ecom_bridge::simulator::Simulator;
use ecom_bridge::simulator::merchant::Merchant;
use ecom_bridge::store::CallbackStore;
use ecom_bridge::telemetry::LinesDropped;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::app::{KEY, MSN};
use super::client::Client;
use super::{eventually, soon};

const TOKEN: &str = "canary-token-of-the-operator";

/// A configuration and its surroundings; the bridge of it may run.
pub(crate) struct Site {
    pub(crate) simulator: Simulator,
    pub(crate) shop: Merchant,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) hooks: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) store: String,
}

/// A bridge of a site.
pub(crate) struct Running {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) proxy: SocketAddr,
    pub(crate) store: Arc<dyn CallbackStore>,
    pub(crate) served: JoinHandle<Ended>,
}

/// What a run of doctor gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) good: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A port that nobody has: asked for and given back.
pub(crate) async fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

impl Site {
    pub(crate) async fn new() -> Self {
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

    pub(crate) fn text(&self) -> String {
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

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("store.db")
    }

    pub(crate) async fn start(&self) -> Running {
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
    pub(crate) async fn doctor(&self, set: &[(&str, &str)]) -> Ran {
        self.asked(set, &[]).await
    }

    pub(crate) async fn asked(&self, set: &[(&str, &str)], arguments: &[&str]) -> Ran {
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
    pub(crate) fn shown(&self, out: &str) -> String {
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
    pub(crate) fn assert_nothing_changed(&self) {
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
    pub(crate) async fn stop(self) {
        self.lifecycle.begin_shutdown();
        soon(self.served).await.unwrap();
        // The store lets go of its file when its last user has gone.
        drop(self.store);
    }

    /// A payment that the user approves, with this shop's answer to its callback waited for.
    pub(crate) async fn approved(&self, site: &Site, order: &str) {
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
    pub(crate) fn line(&self, words: &str) -> &str {
        let mut lines = self.out.lines();
        let found = lines.find(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("no {words:?} in {}{}", self.out, self.err))
    }

    pub(crate) fn says(&self, verdict: &str, words: &str) {
        let line = self.line(words);
        assert!(line.starts_with(verdict), "{words}: {line}");
    }
}
