//! `callbacks` and `webhooks`, as an operator types them: the real binary against a running bridge.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use ecom_bridge::app::App;
use ecom_bridge::settings;
use ecom_bridge::simulator::Simulator;
use ecom_bridge::simulator::merchant::{Manner, Merchant};
use ecom_bridge::store::{CallbackCounts, CallbackStore};
use ecom_bridge::telemetry::LinesDropped;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::app::{KEY, MSN};
use crate::support::client::Client;
use crate::support::{eventually, soon};

const TOKEN: &str = "an-operators-token-of-this-test";

/// A bridge with its shop, whose configuration is in a file.
struct Desk {
    simulator: Simulator,
    merchant: Merchant,
    proxy: SocketAddr,
    admin: SocketAddr,
    store: Arc<dyn CallbackStore>,
    file: PathBuf,
    dir: tempfile::TempDir,
}

/// A port that nobody has: asked for and given back.
async fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

impl Desk {
    async fn start() -> Self {
        let simulator = Simulator::local().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let merchant = Merchant::start(listener).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (hooks, store) = (free().await, dir.path().join("store.db"));
        let text = format!(
            "[proxy]\nlisten = \"127.0.0.1:0\"\n[upstream]\nbase_url = \"{}\"\n\
             [webhooks]\nlisten = \"{hooks}\"\npublic_url = \"http://{hooks}\"\n\
             [callbacks]\nallow_http = true\nallow_private_addresses = true\nschedule = [\"0s\"]\n\
             [store]\nurl = \"sqlite:{}\"\n[admin]\nlisten = \"127.0.0.1:0\"\ntoken = \"{TOKEN}\"\n",
            simulator.base_url(),
            store.display()
        );
        let file = dir.path().join("bridge.toml");
        std::fs::write(&file, &text).unwrap();
        let settings = settings::from_text(&text).unwrap();
        let app = App::build(settings, &LinesDropped::default()).await;
        let app = app.unwrap_or_else(|error| panic!("{error}"));
        let desk = Self {
            simulator,
            merchant,
            proxy: app.proxy_addr(),
            admin: app.admin_addr().unwrap(),
            store: Arc::clone(app.callbacks()),
            file,
            dir,
        };
        tokio::spawn(app.serve());
        desk
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecom-bridge"));
        command.args(arguments).arg("--config").arg(&self.file);
        command.env("ECOM_BRIDGE__ADMIN__LISTEN", self.admin.to_string());
        command
    }

    async fn run(&self, arguments: &[&str]) -> (bool, String, String) {
        ran(self.command(arguments)).await
    }

    /// Runs what must succeed; its standard output.
    async fn good(&self, arguments: &[&str]) -> String {
        let (good, out, err) = self.run(arguments).await;
        assert!(good, "{arguments:?}: {err}");
        for line in out.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        out
    }

    /// Runs what must fail; its standard error.
    async fn bad(&self, arguments: &[&str]) -> String {
        let (good, out, err) = self.run(arguments).await;
        assert!(!good && out.is_empty(), "{arguments:?}: {out}");
        assert!(err.starts_with("error: ") && !err.contains(TOKEN), "{err}");
        err
    }

    /// A payment that waits for its user.
    async fn initiated(&self, order: &str) {
        let token = self.simulator.world().issue_token(KEY).unwrap();
        let body = json!({
            "merchantInfo": {"merchantSerialNumber": MSN, "callbackPrefix": self.merchant.base_url(),
                "fallBack": "https://shop.example/done", "authToken": "callback-token"},
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
    }

    /// A payment that the user approves.
    async fn approved(&self, order: &str) {
        self.initiated(order).await;
        // Approved only when Vipps knows where to tell it, so that no poll is needed.
        soon(async {
            while self.store.webhooks(None).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert!(self.simulator.world().approve(MSN, order));
    }

    async fn until_counts(&self, holds: impl Fn(CallbackCounts) -> bool) {
        soon(async {
            while !holds(self.store.callback_counts().await.unwrap()) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

async fn ran(mut command: Command) -> (bool, String, String) {
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    let Output {
        status,
        stdout,
        stderr,
    } = soon(ran).await.unwrap();
    let code = status.code().unwrap();
    assert!(code <= 1, "{code}");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (code == 0, text(stdout), text(stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_callback_is_found_shown_replayed_and_dropped() {
    let desk = Desk::start().await;
    let (good, out, err) = desk.run(&["callbacks", "list"]).await;
    assert!(good && out.is_empty() && err.contains("no such callbacks"));

    desk.merchant.answer(Manner::status(500));
    desk.approved("order-0001").await;
    desk.approved("order-0002").await;
    desk.until_counts(|counts| counts.dead == 2).await;
    let listed = desk.good(&["callbacks", "list", "--state", "dead"]).await;
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(
        listed.starts_with("ID  STATE  TELLS     TRIES  MSN"),
        "{listed}"
    );
    let one = ["callbacks", "list", "--order", "order-0001", "--json"];
    let json: Value = serde_json::from_str(&desk.good(&one).await).unwrap();
    let id = json[0]["id"].to_string();
    assert_eq!(
        json[0]["note"],
        "given up after 1 attempt; the last: answered 500"
    );
    let shown = desk.good(&["callbacks", "show", &id]).await;
    assert!(shown.contains("state       dead") && shown.contains("answered 500"));
    assert!(shown.contains("host        127.0.0.1") && !shown.contains("callback-token"));

    desk.merchant.answer(Manner::status(200));
    let because = ["--why", "the shop is repaired", "--by", "kari"];
    let told = desk
        .good(&[&["callbacks", "replay", &id][..], &because].concat())
        .await;
    assert!(told.contains("is queued again"));
    desk.until_counts(|counts| counts.dead == 1 && counts.pending == 0)
        .await;
    let shown = desk.good(&["callbacks", "show", &id]).await;
    assert!(shown.contains("state       delivered"), "{shown}");
    let told = desk.bad(&["callbacks", "replay", &id]).await;
    assert!(told.contains("it has been delivered or dropped. `ecom-bridge callbacks show"));

    let two = ["callbacks", "list", "--order", "order-0002", "--json"];
    let json: Value = serde_json::from_str(&desk.good(&two).await).unwrap();
    let id = json[0]["id"].to_string();
    let why = ["--why", "the shop is gone", "--by", "kari"];
    desk.good(&[&["callbacks", "drop", &id][..], &why].concat())
        .await;
    let shown = desk.good(&["callbacks", "show", &id]).await;
    assert!(
        shown.contains("note        dropped by kari: the shop is gone"),
        "{shown}"
    );
    let limited = desk
        .good(&["callbacks", "list", "--limit", "1", "--msn", MSN])
        .await;
    assert_eq!(limited.lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_are_listed_made_and_deleted() {
    let desk = Desk::start().await;
    let (good, out, err) = desk.run(&["webhooks", "list"]).await;
    assert!(good && out.is_empty() && err.contains("there are none"));
    let told = desk.bad(&["webhooks", "register", MSN]).await;
    assert!(
        told.contains("no credentials") && told.contains("one call through the bridge"),
        "{told}"
    );

    desk.initiated("order-0001").await;
    // What its keys are good for is learnt beside the answer.
    eventually(async || desk.run(&["webhooks", "register", MSN]).await.0).await;
    let made = desk.good(&["webhooks", "register", MSN]).await;
    assert!(
        made.contains("123456  in order") && made.contains("in use"),
        "{made}"
    );
    let id = desk.simulator.world().webhooks()[0].id.clone();
    let listed = desk.good(&["webhooks", "list"]).await;
    assert!(
        listed.contains(&id) && listed.contains("/webhooks/123456\n"),
        "{listed}"
    );
    let told = desk.good(&["webhooks", "delete", MSN, &id]).await;
    assert!(told.contains("is deleted"));
    // Another takes its place at once.
    let hooks = desk.simulator.world().webhooks();
    assert!(hooks.iter().all(|hook| hook.id != id));
    let told = desk.bad(&["webhooks", "delete", MSN, &id]).await;
    assert!(told.contains("could not be deleted"), "{told}");
    let told = desk.bad(&["webhooks", "delete", MSN, "../x"]).await;
    assert!(told.contains("is no id"));
    let told = desk.bad(&["webhooks", "register", "12"]).await;
    assert!(told.contains("4 to 7 digits"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_wrong_is_said_with_what_to_do() {
    let desk = Desk::start().await;
    let told = desk.bad(&["callbacks", "show", "99"]).await;
    assert!(
        told.contains("no callback of this number. `ecom-bridge callbacks list`"),
        "{told}"
    );
    let told = desk.bad(&["callbacks", "list", "--msn", "x"]).await;
    assert!(told.contains("4 to 7 digits"));
    let told = desk
        .bad(&["callbacks", "drop", "1", "--why", " ", "--by", "kari"])
        .await;
    assert!(told.contains("must say something"));

    let mut other = desk.command(&["callbacks", "list"]);
    other.env("ECOM_BRIDGE__ADMIN__TOKEN", "another-operators-token");
    let (good, _, err) = ran(other).await;
    assert!(!good && err.contains("does not take this token"), "{err}");

    let mut elsewhere = desk.command(&["webhooks", "list"]);
    elsewhere.env("ECOM_BRIDGE__ADMIN__LISTEN", free().await.to_string());
    let (good, _, err) = ran(elsewhere).await;
    assert!(!good && err.contains("Is the bridge running"), "{err}");

    let mut strange = desk.command(&["webhooks", "list"]);
    strange.env(
        "ECOM_BRIDGE__ADMIN__LISTEN",
        desk.merchant.addr().to_string(),
    );
    let (good, _, err) = ran(strange).await;
    assert!(!good && err.contains("can't be read"), "{err}");
    drop(desk.dir);
}

#[tokio::test]
async fn levers_are_moved_listed_and_undone() {
    let desk = Desk::start().await;
    let because = ["--why", "try it", "--by", "ann"];
    let with = |more: &[&'static str]| [more, &because[..]].concat();

    let told = desk.good(&["toggle"]).await;
    assert!(told.contains("initiate   epayment  toggle"), "{told}");
    assert!(told.ends_with("\nNothing is overridden.\n"), "{told}");

    let told = desk
        .good(&with(&[
            "toggle",
            "initiate=0%",
            "--msn",
            MSN,
            "--for",
            "2h",
        ]))
        .await;
    assert!(
        told.starts_with("initiate is 0% for sales unit 123456 until 20"),
        "{told}"
    );
    assert!(
        told.contains("undo it with: ecom-bridge toggle --undo 1 --why TEXT"),
        "{told}"
    );
    let explained = [
        "explain",
        "POST",
        "/ecomm/v2/payments",
        "--order",
        "order-0001",
        "--msn",
        MSN,
    ];
    let explain = async |more: &[&'static str]| {
        let (good, out, err) = desk.run(&[&explained[..], more].concat()).await;
        assert!(good, "{err}");
        out
    };
    let told = explain(&[]).await;
    assert!(told.starts_with("ecom (bucket)\n"), "{told}");
    assert!(
        told.contains("overridden for this sales unit, says 0 %"),
        "{told}"
    );
    // The configuration alone knows nothing of it.
    let told = explain(&["--offline"]).await;
    assert!(told.starts_with("epayment (toggle)\n"), "{told}");

    let told = desk.good(&with(&["kill-switch", "on"])).await;
    assert!(
        told.starts_with("the kill switch is on for all: "),
        "{told}"
    );
    let told = explain(&[]).await;
    assert!(told.starts_with("ecom (kill-switch)\n"), "{told}");
    let told = desk.good(&["toggle"]).await;
    assert!(told.contains("In force for 123456:\n"), "{told}");
    assert!(told.contains("kill_switch  on     all"), "{told}");
    assert!(told.contains("ann  try it\n"), "{told}");

    let told = desk.good(&with(&["kill-switch", "off"])).await;
    assert_eq!(told, "the kill switch is off for all\n");
    let told = desk.good(&with(&["toggle", "--undo", "1"])).await;
    assert_eq!(told, "initiate is no longer 0% for sales unit 123456\n");
    assert!(
        desk.good(&explained)
            .await
            .starts_with("epayment (toggle)\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lever_that_can_not_be_moved_says_why() {
    let desk = Desk::start().await;
    let with = |more: &[&'static str]| [more, &["--why", "try it", "--by", "ann"]].concat();
    for (arguments, told) in [
        (
            with(&["toggle", "initiate=0%"])[..2].to_vec(),
            "say why with --why",
        ),
        (with(&["toggle", "initiate"]), "write KEY=VALUE"),
        (
            with(&["toggle", "approve=ecom"]),
            "there is no toggle approve",
        ),
        (
            with(&["toggle", "capture=5%"]),
            "only initiate can have a percentage",
        ),
        (
            with(&["toggle", "capture=off"]),
            "a value is epayment, ecom",
        ),
        (
            with(&["toggle", "--undo", "77"]),
            "no override of this number is in force",
        ),
        (
            with(&["kill-switch", "off"]),
            "the kill switch is not on for all",
        ),
        (
            with(&["kill-switch", "off", "--for", "2h"]),
            "--for belongs to on",
        ),
        (
            with(&["toggle", "capture=ecom", "--for", "soon"]),
            "a duration is whole numbers",
        ),
    ] {
        let error = desk.bad(&arguments).await;
        assert!(error.contains(told), "{arguments:?}: {error}");
    }
}
