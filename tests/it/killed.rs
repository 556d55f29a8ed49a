//! C1, C2: the real binary, killed without warning at random moments and at every labelled step, under load, and
//! started again on the same store.
//!
//! `ROUNDS=5000` kills so often (in all, not for each store), `SEED=` runs another life. A failing life prints its seed.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ecom_bridge::simulator::merchant::Manner;
use ecom_bridge::simulator::{Action, Fault, SeenRequest};

use crate::support::app::{MSN, OTHER_MSN};
use crate::support::books::{self, Sent, Told, born};
use crate::support::callbacks::{Shop, free_address, reached};
use crate::support::postgres::Postgres;
use crate::support::process::Process;
use crate::support::trade::Trade;
use crate::support::{LIMIT, Random, eventually};

/// Kills in one life of a store.
const LIFE: usize = 24;
const SHOPPERS: usize = 6;
/// Answers after which a moment that has not come is given up.
const ENOUGH: usize = 250;

/// Steps of the store between which something is sent outside or said to somebody.
const STEPS: [&str; 12] = [
    "begin_first_payment",
    "begin_payment",
    "resume_payment",
    "finish_payment",
    "begin_adjustment",
    "finish_adjustment",
    "resume_adjustment",
    "accept_event",
    "claim_callbacks",
    "settle_callback",
    "claim_looks",
    "see_unit",
];
/// Those of which a bridge that is killed soon takes one at the most.
const RARE: [&str; 4] = [
    "begin_payment",
    "resume_payment",
    "resume_adjustment",
    "claim_looks",
];
/// Calls to upstream that end unanswered.
const CALLS: [(&str, &str); 5] = [
    ("POST", "/epayment/v1/payments"),
    ("POST", "*/capture"),
    ("POST", "*/refund"),
    ("POST", "*/cancel"),
    ("GET", "*/events"),
];

/// When a bridge dies.
#[derive(Clone, Debug)]
enum Moment {
    /// After so many answers, and a little.
    Random(usize),
    /// While it starts.
    Starting(usize),
    /// Before or after a step of the store.
    Step(String),
    /// Upstream has the call, has done it or not, and says nothing.
    Upstream(usize, bool),
    /// The shop has the callback and has said nothing.
    Shop,
}

impl Moment {
    /// Every labelled one in turn, every other time a random one.
    fn of(round: usize, random: &mut Random) -> Self {
        if round.is_multiple_of(2) {
            return match random.below(8) {
                0 => Self::Starting(random.below(40)),
                _ => Self::Random(random.below(60)),
            };
        }
        let label = round / 2 % (2 * STEPS.len() + 2 * CALLS.len() + 1);
        let (steps, calls) = (2 * STEPS.len(), 2 * CALLS.len());
        match label {
            n if n < steps => {
                let (side, step) = (["before", "after"][n % 2], STEPS[n / 2]);
                let nth = 1 + random.below(if RARE.contains(&step) { 1 } else { 4 });
                Self::Step(format!("{side} {step} {nth}"))
            }
            n if n < steps + calls => Self::Upstream((n - steps) / 2, n % 2 == 0),
            _ => Self::Shop,
        }
    }

    fn label(&self) -> String {
        match self {
            Self::Random(_) => "at random".to_owned(),
            Self::Starting(_) => "while starting".to_owned(),
            Self::Step(step) => step.rsplit_once(' ').unwrap().0.to_owned(),
            Self::Upstream(call, true) => format!("{} done, not answered", CALLS[*call].1),
            Self::Upstream(call, false) => format!("{} sent, not done", CALLS[*call].1),
            Self::Shop => "callback sent, not answered".to_owned(),
        }
    }
}

/// Where bridges died, and how often; over all lives of this run.
static DEATHS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

fn count(label: String) {
    *DEATHS.lock().unwrap().entry(label).or_default() += 1;
}

/// One store, its shop, and bridges that come and go.
struct Life {
    shop: Shop,
    trade: Trade,
    random: Random,
    addrs: Vec<SocketAddr>,
    running: Vec<Option<Process>>,
}

fn unit(msn: &str, direct: bool) -> String {
    format!(
        "msn = \"{msn}\"\nclient_id = \"demo-client\"\nclient_secret = \"demo-secret\"\n\
         subscription_key = \"demo-subscription-key\"\ndirect_capture = {direct}"
    )
}

impl Life {
    async fn begin(values: &[(&str, &str)], bridges: usize, seed: u64) -> Self {
        let (one, other) = (unit(MSN, false), unit(OTHER_MSN, true));
        let mut wanted = reached(&[
            ("callbacks.timeout", "\"1s\""),
            // A killed bridge's calls are owned for so long.
            ("proxy.request_timeout", "\"1500ms\""),
            ("upstream.timeout", "\"400ms\""),
            // Polling would make up for a lost event: here nothing may.
            ("reads.poll", "false"),
            ("merchant", &one),
            ("merchant", &other),
        ]);
        wanted.add(values);
        let mut shop = Shop::of(wanted).await;
        shop.registered().await;
        eventually(async || shop.app.callbacks().webhooks(None).await.unwrap().len() == 2).await;
        shop.app.down().await;
        shop.app
            .world()
            .change_rules(|rules| rules.webhook_backoff_ms = 20);
        Self {
            shop,
            trade: Trade::new(&format!("order-{seed}"), SHOPPERS),
            random: Random::new(seed),
            addrs: (0..bridges).map(|_| free_address()).collect(),
            running: (0..bridges).map(|_| None).collect(),
        }
    }

    /// Starts who is missing, lets the shops trade, and kills one at its moment.
    async fn round(&mut self, n: usize) {
        let moment = Moment::of(n, &mut self.random);
        let victim = self.random.below(self.addrs.len());
        if let Some(running) = self.running[victim].take() {
            running.kill();
        }
        let step = match &moment {
            Moment::Step(step) => Some(step.as_str()),
            _ => None,
        };
        let mut process = Process::spawn(&self.shop, self.addrs[victim], victim, step);
        if let Moment::Starting(spins) = moment {
            let mut beat = tokio::time::interval(Duration::from_millis(1));
            for _ in 0..spins {
                beat.tick().await;
            }
            process.kill();
            return count(moment.label());
        }
        for (n, other) in self.running.iter_mut().enumerate() {
            if n != victim && other.is_none() {
                *other = Some(Process::start(&self.shop, self.addrs[n], n).await);
            }
        }
        // Its step may be one of the start.
        let _listens = process.listens().await;
        let mut watch = Watch::set(&self.shop, moment.clone());
        let spins = self.random.below(400);
        let mut own = Random::new(self.random.number());
        let (answers, stop) = (
            Arc::clone(&self.trade.answers),
            Arc::clone(&self.trade.stop),
        );
        let shop = &self.shop;
        let dies = async {
            eventually(async || {
                let had = answers.load(Ordering::SeqCst);
                watch.hit(shop, had) || process.ended() || had >= ENOUGH
            })
            .await;
            for _ in 0..spins {
                tokio::task::yield_now().await;
            }
            let ended = process.ended();
            stop.store(true, Ordering::SeqCst);
            process.kill();
            ended
        };
        let (ended, ()) = tokio::join!(dies, self.trade.go(shop, &self.addrs, &mut own));
        match watch.reached || ended {
            true => count(moment.label()),
            false => count(format!("(not reached: {})", moment.label())),
        }
        shop.app.world().clear_faults();
        books::upstream_agrees(shop, &self.trade);
    }

    /// The last start, with time enough for every lease to end: all that was begun is brought to its end.
    async fn end(mut self) {
        for process in self.running.drain(..).flatten() {
            process.kill();
        }
        let shop = &mut self.shop;
        // What the processes logged is looked through with the rest (I11).
        for n in 0..self.addrs.len() {
            let lines = std::fs::read(Process::log(shop, n)).unwrap();
            shop.app.log.clone().write_all(&lines).unwrap();
        }
        self.trade.customers_approve(shop);
        shop.app.advance(Duration::from_secs(300));
        shop.app.up().await;
        shop.registered().await;
        let (began, mut passed) = (Instant::now(), Duration::ZERO);
        loop {
            let all = self.trade.goes_on(shop).await;
            let untold = Told::of(shop).missing(shop);
            if all && untold.is_empty() {
                break;
            }
            let counts = shop.counts().await;
            assert!(began.elapsed() < LIMIT * 2, "lost: {untold:?} {counts:?}");
            // At most a hundred times as fast as the machine's clock, by which payments are read in the background:
            // faster, and calls would count as open for hours that nobody had a second to look at.
            if passed < began.elapsed() * 100 {
                shop.pass(Duration::from_secs(5)).await;
                passed += Duration::from_secs(5);
            }
        }
        shop.quiet().await;
        books::upstream_agrees(shop, &self.trade);
        let told = Told::of(shop);
        books::everybody_was_told(shop, &told).await;
        let mut sent = Sent::default();
        sent.add(&shop.app.world().requests());
        books::records_agree(shop, &self.trade, sent).await;
        let proof = books::ledger_verifies(shop, Duration::from_secs(3)).await;
        let (born, told) = (born(&shop.app).len(), told.count());
        eprintln!("{born} payments, {told} callbacks, {proof}");
    }
}

/// Looks out for a labelled moment.
struct Watch {
    moment: Moment,
    fault: Option<u64>,
    heard: usize,
    reached: bool,
}

impl Watch {
    fn set(shop: &Shop, moment: Moment) -> Self {
        let mut fault = None;
        if let Moment::Upstream(call, processed) = moment {
            let (method, path) = CALLS[call];
            let hangs = Fault::once(path, Action::Hang { processed }).on(method);
            fault = Some(shop.app.world().add_fault(hangs));
        }
        if matches!(moment, Moment::Shop) {
            let mut silent = Manner::status(200);
            silent.delay = LIMIT;
            shop.merchant.answer_next(silent);
        }
        Self {
            moment,
            fault,
            heard: shop.merchant.callbacks().len(),
            reached: false,
        }
    }

    fn hit(&mut self, shop: &Shop, answers: usize) -> bool {
        let world = shop.app.world();
        self.reached |= match self.moment {
            Moment::Random(goal) => answers >= goal,
            Moment::Upstream(..) => {
                let used = |f: &Fault| Some(f.id) == self.fault && f.applied > 0;
                let hung = |r: &SeenRequest| r.fault.as_deref() == Some("hang");
                world.faults().iter().any(used) && world.requests().iter().any(hung)
            }
            Moment::Shop => shop.merchant.callbacks().len() > self.heard,
            Moment::Starting(_) | Moment::Step(_) => false,
        };
        self.reached
    }
}

/// How many kills in all of this run.
fn rounds() -> usize {
    let set = std::env::var("ROUNDS").ok().and_then(|n| n.parse().ok());
    set.unwrap_or(200)
}

/// So many kills, life after life.
async fn kills(rounds: usize, bridges: usize, server: Option<&Postgres>) {
    let began = Instant::now();
    let mut seeds = Random::from_environment(20_261_129);
    for first in (0..rounds).step_by(LIFE) {
        let seed = seeds.number() % 1_000_000_000;
        eprintln!("a life of seed {seed}");
        let url = match server {
            Some(server) => Some(server.database(&format!("life_{seed}")).await),
            None => None,
        };
        let url = url.as_ref().map(|url| ("store.url", url.as_str()));
        let mut life = Life::begin(url.as_slice(), bridges, seed).await;
        for n in first..rounds.min(first + LIFE) {
            life.round(n).await;
        }
        life.end().await;
    }
    let deaths = DEATHS.lock().unwrap();
    eprintln!("{rounds} kills in {:?}: {deaths:#?}", began.elapsed());
}

#[tokio::test]
async fn c1_c2_killed_on_sqlite_nothing_is_lost() {
    kills(rounds() * 5 / 10, 1, None).await;
}

#[tokio::test]
async fn c1_c2_killed_on_postgresql_nothing_is_lost() {
    let Some(server) = Postgres::start() else {
        return;
    };
    kills(rounds() * 4 / 10, 1, Some(&server)).await;
}

/// Two instances on one database, one of them killed each time.
#[tokio::test]
async fn f2_one_of_two_instances_killed_nothing_is_lost() {
    let Some(server) = Postgres::start() else {
        return;
    };
    kills(rounds() / 10, 2, Some(&server)).await;
}

/// Upstream has done it or not, the bridge is dead, and the shop never asks again: the ledger's look settles it.
#[tokio::test]
async fn a_capture_that_a_crash_left_open_is_settled_although_nobody_asks_again() {
    for processed in [true, false] {
        let mut shop = Shop::with(&[("merchant", &unit(MSN, false))]).await;
        shop.order("order-0001").await;
        shop.approve("order-0001");
        shop.quiet().await;
        shop.app.down().await;
        let process = Process::start(&shop, free_address(), 0).await;
        let hangs = Fault::always("/capture", Action::Hang { processed });
        shop.app.world().add_fault(hangs);
        let ask = shop.app.changing("capture", "order-0001", 400, "x");
        let client = ask.to(process.addr).begin().await;
        eventually(async || {
            let all = shop.app.world().requests();
            all.iter().any(|r| r.fault.as_deref() == Some("hang"))
        })
        .await;
        process.kill();
        drop(client);
        shop.app.advance(Duration::from_secs(300));
        shop.app.up().await;
        eventually(async || {
            shop.pass(Duration::from_secs(60)).await;
            let story = shop.app.admin("/api/ledger/order-0001").await.json();
            let open = shop.app.metric("bridge_ambiguous_open").await;
            story["payments"][0]["standing"] == "proven" && open == 0.0
        })
        .await;
        let captured = if processed { 400 } else { 0 };
        assert_eq!(shop.app.sums("order-0001"), (captured, 0, 0));
    }
}
