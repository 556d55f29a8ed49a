//! C1: the real binary, killed without warning at random moments under load, and started again.
//!
//! Nothing that was acknowledged is lost, nothing is captured twice, and at worst a callback is repeated. The seed is
//! printed; `SEED=` in the environment runs another.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault, PaymentView};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::app::{MSN, OTHER_MSN};
use crate::support::callbacks::{Shop, free_address, reached};
use crate::support::postgres::Postgres;
use crate::support::shop::Ask;
use crate::support::{LIMIT, Random, eventually, until};

const ROUNDS: usize = 20;
const SHOPPERS: usize = 4;

fn unit(msn: &str, direct: bool) -> String {
    format!(
        "msn = \"{msn}\"\nclient_id = \"demo-client\"\nclient_secret = \"demo-secret\"\n\
         subscription_key = \"demo-subscription-key\"\ndirect_capture = {direct}"
    )
}

/// A bridge in a process of its own.
struct Process {
    child: Child,
    addr: SocketAddr,
}

impl Process {
    async fn start(shop: &Shop, addr: SocketAddr, n: usize) -> Self {
        let (text, folder) = shop.app.configuration();
        let file: PathBuf = folder.join(format!("bridge-{n}.toml"));
        let own = text
            .replace(
                "[admin]\nlisten = \"127.0.0.1:0\"",
                &format!("[admin]\nlisten = \"{}\"", free_address()),
            )
            .replace("listen = \"127.0.0.1:0\"", &format!("listen = \"{addr}\""));
        // Vipps reaches the first one only.
        let hooks = format!("listen = \"{}\"", shop.app.settings().webhooks.listen);
        let own = match n {
            0 => own,
            _ => own.replace(&hooks, &format!("listen = \"{}\"", free_address())),
        };
        std::fs::write(&file, own).unwrap();
        let log = std::fs::File::create(folder.join(format!("bridge-{n}.log"))).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ecom-bridge"))
            .args(["serve", "--config"])
            .arg(file)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut process = Self { child, addr };
        eventually(async || {
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none(), "the bridge did not start: {ended:?}");
            TcpStream::connect(process.addr).await.is_ok()
        })
        .await;
        process
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Sends; the answer's status, none where the connection broke.
async fn try_send(addr: SocketAddr, ask: &Ask) -> Option<u16> {
    let exchange = async {
        let mut socket = TcpStream::connect(addr).await.ok()?;
        socket.write_all(&ask.bytes()).await.ok()?;
        let mut read = [0; 64];
        let length = socket.read(&mut read).await.ok()?;
        std::str::from_utf8(read.get(9..12).filter(|_| length > 12)?)
            .ok()?
            .parse()
            .ok()
    };
    tokio::time::timeout(LIMIT, exchange).await.ok().flatten()
}

/// One shopper after the other, until the bridge is gone; each approves what was created.
async fn shopping(shop: &Shop, addr: SocketAddr, name: String) {
    for n in 0..1_000 {
        let msn = if n % 2 == 0 { MSN } else { OTHER_MSN };
        let id = format!("{name}-{n:04}");
        let mut body = shop.body(&id, 1_000);
        body["merchantInfo"]["merchantSerialNumber"] = json!(msn);
        let ask = shop.app.past("POST", "/ecomm/v2/payments").json(&body);
        let ask = ask
            .without("x-test-direct")
            .header("Merchant-Serial-Number", msn);
        if try_send(addr, &ask).await.is_none() {
            return;
        }
        shop.app.world().approve(msn, &id);
    }
}

fn born(shop: &Shop) -> Vec<PaymentView> {
    let mut all = shop.app.world().payments();
    all.retain(|p| p.origin == ecom_bridge::simulator::Origin::Epayment);
    all
}

async fn rounds(shop: &mut Shop, random: &mut Random, addrs: &[SocketAddr]) {
    shop.app.down().await;
    shop.app
        .world()
        .change_rules(|rules| rules.webhook_backoff_ms = 20);
    let mut running = Vec::new();
    for (n, addr) in addrs.iter().enumerate() {
        running.push(Process::start(shop, *addr, n).await);
    }
    for round in 0..ROUNDS {
        let victim = random.below(addrs.len());
        let goal = shop.merchant.callbacks().len() + shop.app.world().deliveries().len();
        let goal = goal + 3 + random.below(20);
        let shoppers = (0..SHOPPERS).map(|s| {
            let addr = addrs[s % addrs.len()];
            shopping(shop, addr, format!("order-{round:02}-{s}"))
        });
        let moment = async {
            eventually(async || {
                shop.merchant.callbacks().len() + shop.app.world().deliveries().len() >= goal
            })
            .await;
            for _ in 0..random.below(400) {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = moment => {}
            _ = futures_util::future::join_all(shoppers) => {}
        }
        running.remove(victim).kill();
        running.insert(victim, Process::start(shop, addrs[victim], victim).await);
    }
    for process in running {
        process.kill();
    }
}

/// What nobody approved yet is approved; then the last start, with time enough for every lease to end.
async fn settle(shop: &mut Shop) {
    for payment in born(shop) {
        shop.app.world().approve(&payment.msn, &payment.reference);
    }
    shop.app.world().clear_faults();
    shop.app.advance(Duration::from_secs(300));
    shop.app.up().await;
    shop.registered().await;
    let wanted: BTreeSet<(String, String)> = born(shop)
        .into_iter()
        .map(|p| (p.msn, p.reference))
        .collect();
    assert!(wanted.len() >= ROUNDS, "{} payments", wanted.len());
    let missing = || {
        let told = told(shop);
        wanted
            .iter()
            .filter(|name| !told.contains_key(*name))
            .cloned()
            .collect::<Vec<_>>()
    };
    let mut beat = tokio::time::interval(Duration::from_millis(50));
    let began = std::time::Instant::now();
    while !missing().is_empty() {
        beat.tick().await;
        shop.pass(Duration::from_secs(5)).await;
        let (counts, listed) = (shop.counts().await, shop.listed().await);
        assert!(
            began.elapsed() < LIMIT * 2,
            "lost: {:?} {counts:?} {listed:?}",
            missing()
        );
    }
    shop.quiet().await;
    for payment in born(shop) {
        let captured = payment.captured.minor_units();
        let direct = payment.msn == OTHER_MSN;
        assert_eq!(captured, if direct { 1_000 } else { 0 }, "{payment:?}");
        let statuses = &told(shop)[&(payment.msn.clone(), payment.reference.clone())];
        let status = if direct { "SALE" } else { "RESERVED" };
        assert!(
            statuses.iter().all(|s| s == status),
            "{payment:?} {statuses:?}"
        );
    }
    one_key_each(shop);
}

fn told(shop: &Shop) -> BTreeMap<(String, String), Vec<String>> {
    let mut all: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for callback in shop.merchant.callbacks() {
        let body = callback.json();
        let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
        let name = (text(&body["merchantSerialNumber"]), text(&body["orderId"]));
        all.entry(name)
            .or_default()
            .push(text(&body["transactionInfo"]["status"]));
    }
    all
}

/// A capture is sent again with its own key only.
fn one_key_each(shop: &Shop) {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in shop.app.world().requests() {
        if request.path().ends_with("/capture") {
            let key = request.header("idempotency-key").unwrap().to_owned();
            keys.entry(request.path().to_owned())
                .or_default()
                .insert(key);
        }
    }
    assert!(keys.values().all(|all| all.len() == 1), "{keys:?}");
}

async fn killed(values: &[(&str, &str)], bridges: usize) {
    let seed = 20_261_124;
    let mut random = Random::from_environment(seed);
    let (one, other) = (unit(MSN, false), unit(OTHER_MSN, true));
    let mut wanted = reached(&[
        ("callbacks.timeout", "\"1s\""),
        // Polling would make up for a lost event: here nothing may.
        ("reads.poll", "false"),
        ("merchant", &one),
        ("merchant", &other),
    ]);
    wanted.add(values);
    let mut shop = Shop::of(wanted).await;
    shop.registered().await;
    eventually(async || shop.app.callbacks().webhooks(None).await.unwrap().len() == 2).await;
    let addrs: Vec<_> = (0..bridges).map(|_| free_address()).collect();
    let began = std::time::Instant::now();
    rounds(&mut shop, &mut random, &addrs).await;
    eprintln!("rounds {:?}", began.elapsed());
    settle(&mut shop).await;
    eprintln!("settled {:?}", began.elapsed());
    let (born, told) = (born(&shop).len(), shop.merchant.callbacks().len());
    eprintln!("{ROUNDS} kills, {born} payments, {told} callbacks");
}

#[tokio::test]
async fn c1_sqlite_loses_nothing() {
    killed(&[], 1).await;
}

#[tokio::test]
async fn c1_postgresql_loses_nothing() {
    let Some(server) = Postgres::start() else {
        return;
    };
    killed(&[("store.url", &server.setting())], 1).await;
}

/// Two instances on one database, one of them killed each time.
#[tokio::test]
async fn f2_two_instances_lose_nothing() {
    let Some(server) = Postgres::start() else {
        return;
    };
    killed(&[("store.url", &server.setting())], 2).await;
}

#[tokio::test]
async fn two_instances_register_once() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let mut shop = Shop::with(&[("store.url", &server.setting())]).await;
    shop.app.down().await;
    shop.app.merchant(&unit(MSN, false));
    shop.app.merchant(&unit(OTHER_MSN, true));
    // Slow enough to meet.
    let slow = Action::Delay {
        before_ms: 0,
        after_ms: 300,
    };
    shop.app
        .world()
        .add_fault(Fault::always("/webhooks/v1", slow));
    let (one, two) = tokio::join!(
        Process::start(&shop, free_address(), 0),
        Process::start(&shop, free_address(), 1)
    );
    let elsewhere = free_address();
    shop.app.set("webhooks.listen", &format!("\"{elsewhere}\""));
    shop.app.up().await;
    eventually(async || shop.app.callbacks().webhooks(None).await.unwrap().len() == 2).await;
    eventually(async || {
        let states = shop.app.callbacks().registrations().await.unwrap();
        states.len() == 2 && states.iter().all(|state| state.good_at.is_some())
    })
    .await;
    assert_eq!(shop.app.world().webhooks().len(), 2, "one for each unit");
    drop((one, two));
}

/// Between the capture and its record: upstream has captured and never answers, and the bridge dies waiting.
#[tokio::test]
async fn a_direct_capture_whose_record_is_cut_off_is_done_once() {
    let other = unit(OTHER_MSN, true);
    let mut shop = Shop::with(&[("merchant", &other)]).await;
    for processed in [true, false] {
        let id = format!("order-{processed}");
        eventually(async || {
            !shop
                .app
                .callbacks()
                .webhooks(None)
                .await
                .unwrap()
                .is_empty()
        })
        .await;
        shop.app.down().await;
        let process = Process::start(&shop, free_address(), 0).await;
        let mut body = shop.body(&id, 1_000);
        body["merchantInfo"]["merchantSerialNumber"] = json!(OTHER_MSN);
        let ask = shop.app.past("POST", "/ecomm/v2/payments").json(&body);
        let ask = ask
            .without("x-test-direct")
            .header("Merchant-Serial-Number", OTHER_MSN);
        assert_eq!(try_send(process.addr, &ask).await, Some(200));
        let path = format!("/{id}/capture");
        shop.app
            .world()
            .add_fault(Fault::once(&path, Action::Hang { processed }));
        assert!(shop.app.world().approve(OTHER_MSN, &id));
        until(|| {
            shop.app
                .world()
                .requests()
                .iter()
                .any(|r| r.path().ends_with(&path))
        })
        .await;
        process.kill();
        assert!(shop.statuses(&id).is_empty());
        shop.app.advance(Duration::from_secs(300));
        shop.app.up().await;
        eventually(async || shop.counts().await.pending == 0).await;
        assert_eq!(shop.statuses(&id), ["SALE"]);
        let seen = shop.app.world().payment(OTHER_MSN, &id).unwrap();
        assert_eq!(seen.captured.minor_units(), 1_000);
    }
    one_key_each(&shop);
}
