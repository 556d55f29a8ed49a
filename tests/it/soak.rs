//! F8: a shop's day for any length, with faults at one percent, against the real binary; at the end nothing is lost and
//! nothing has grown.
//!
//! `MINUTES=60 cargo test --test it soak -- --ignored --nocapture`. `RATE=50` calls a second, `BINARY=PATH` another build,
//! `STORE=postgres` the other store, `EVERY=60` seconds between two lines, `SEED=` other orders. It prints memory (kB),
//! open files, threads, the store's size (kB), answers by status, and what waits; the bridge runs in a process of its own.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ecom_bridge::simulator::merchant::Manner;
use ecom_bridge::simulator::{Action, Fault, SeenRequest};
use rusqlite::Connection;
use tokio::time::Interval;

use crate::support::Random;
use crate::support::app::{MSN, OTHER_MSN};
use crate::support::books::{self, Sent, Told, born};
use crate::support::callbacks::{Shop, free_address, reached};
use crate::support::check;
use crate::support::eventually;
use crate::support::postgres::Postgres;
use crate::support::process::Process;
use crate::support::trade::{self, Order, Trade, Went};

const SHOPPERS: usize = 16;
/// One call in so many meets a fault of upstream's, one callback a shop in trouble, one webhook comes twice.
const ONE_IN: u64 = 100;
/// A direct capture that upstream keeps waiting has up to 30 s; the time to drain is as long as it is by default.
const DRAIN: Duration = Duration::from_secs(40);

fn number(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok().and_then(|text| text.parse().ok());
    set.unwrap_or(otherwise)
}

/// Everything that upstream can do wrong, one percent in all.
fn faults() -> Vec<Fault> {
    let status = |status, processed| Action::Status {
        status,
        body: None,
        headers: Vec::new(),
        processed,
    };
    let cut = |bytes, reset| Action::Truncate {
        bytes,
        head: false,
        reset,
    };
    let all = vec![
        status(500, false),
        status(500, true),
        status(503, false),
        status(502, true),
        status(429, false),
        Action::Hang { processed: false },
        Action::Hang { processed: true },
        Action::ResetBefore,
        Action::ResetAfter,
        Action::CloseBefore,
        Action::CloseAfter,
        cut(3, false),
        cut(9, true),
        Action::Malformed,
        Action::Html,
        Action::Empty,
        Action::Unexpected,
        Action::WrongReference,
        Action::BadChunk,
        Action::WrongLength { length: 9 },
        Action::BrokenGzip,
        Action::Delay {
            before_ms: 0,
            after_ms: 600,
        },
    ];
    let every = ONE_IN * u64::try_from(all.len()).unwrap();
    let fault = |(n, action): (usize, Action)| {
        let mut fault = Fault::always("/epayment/", action);
        // Not all at the same call.
        fault.skip = ONE_IN * u64::try_from(n).unwrap();
        fault.every = Some(every);
        fault
    };
    all.into_iter().enumerate().map(fault).collect()
}

/// What is measured once a minute.
#[derive(Clone, Copy, Debug)]
struct Sample {
    memory: f64,
    files: f64,
    threads: f64,
    /// Of the store, for each payment so far; 0 where it has no file.
    per_payment: f64,
}

struct Soak {
    shop: Shop,
    process: Process,
    pace: tokio::sync::Mutex<Interval>,
    stop: AtomicBool,
    calls: AtomicU64,
    answers: Mutex<BTreeMap<u16, u64>>,
    sent: Mutex<Sent>,
    /// Each key and what it stood for, in short, of every window so far.
    keys: Mutex<HashMap<String, u64>>,
    told: Mutex<Told>,
    file: Option<std::path::PathBuf>,
}

impl Soak {
    /// One shopper: an open order goes on or a new one is begun, whenever it is its turn.
    async fn shopper(&self, name: String, mut random: Random) -> Vec<Order> {
        let (mut open, mut over): (Vec<Order>, Vec<Order>) = (Vec::new(), Vec::new());
        let mut made = 0;
        while !self.stop.load(Ordering::SeqCst) {
            self.pace.lock().await.tick().await;
            let at = random.below(open.len() + 1);
            if at == open.len() {
                made += 1;
                open.push(trade::new_order(format!("{name}-{made}"), &mut random));
            }
            let went = open[at].step(&self.shop, self.process.addr).await;
            let n = self.calls.fetch_add(1, Ordering::SeqCst);
            *self
                .answers
                .lock()
                .unwrap()
                .entry(open[at].last)
                .or_default() += 1;
            assert!(!matches!(went, Went::Gone) || open[at].last == 0);
            if n.is_multiple_of(ONE_IN) {
                self.trouble(n / ONE_IN, &open[at].id);
            }
            if !open[at].open() {
                over.push(open.swap_remove(at));
            }
        }
        over.extend(open);
        over
    }

    /// What goes wrong around the bridge besides upstream.
    fn trouble(&self, n: u64, id: &str) {
        let mut slow = Manner::status(200);
        slow.delay = Duration::from_secs(3);
        let manner = match n % 4 {
            0 => Manner::status(500),
            1 => Manner::status(404),
            2 => slow,
            _ => Manner::status(429),
        };
        self.shop.merchant.answer_next(manner);
        self.shop.app.world().redeliver_webhooks(Some(id));
    }

    /// Another program has the file: one percent of the time.
    async fn lock(&self) {
        let Some(file) = &self.file else { return };
        let db = Connection::open(file).unwrap();
        if db.execute_batch("BEGIN IMMEDIATE").is_ok() {
            let held = Duration::from_millis(600);
            let _over = tokio::time::timeout(held, std::future::pending::<()>()).await;
        }
        drop(db);
    }

    fn size(&self) -> u64 {
        let Some(file) = &self.file else { return 0 };
        let length = |end: &str| {
            let file = format!("{}{end}", file.display());
            std::fs::metadata(Path::new(&file)).map_or(0, |data| data.len())
        };
        (length("") + length("-wal")) >> 10
    }

    async fn measure(&self, began: Instant) -> Sample {
        // What was sent is kept in short.
        let requests = self.shop.app.world().requests();
        self.shop.app.world().clear_requests();
        check::kept(&self.shop.app, &requests);
        check::sums(&self.shop.app.world().payments());
        one_body(&mut self.keys.lock().unwrap(), &requests);
        self.sent.lock().unwrap().add(&requests);
        self.told.lock().unwrap().add(&self.shop.merchant.take());
        let payments = u64::try_from(born(&self.shop.app).len()).unwrap();
        let sample = Sample {
            memory: figure(self.process.status("VmRSS")),
            files: figure(u64::try_from(self.process.files()).unwrap()),
            threads: figure(self.process.status("Threads")),
            per_payment: figure(self.size() << 10) / figure(payments.max(1)),
        };
        let told = self.told.lock().unwrap().count();
        let answers = std::mem::take(&mut *self.answers.lock().unwrap());
        let metric = async |name| self.process.metric(name).await.unwrap_or(-1.0);
        eprintln!(
            "{:>5} s  memory {}  files {}  threads {}  store {}  answers {answers:?}  in flight {}  in doubt {}  callbacks told {} waiting {} dead {}  log lines dropped {}",
            began.elapsed().as_secs(),
            sample.memory,
            sample.files,
            sample.threads,
            self.size(),
            metric("bridge_in_flight").await,
            metric("bridge_ambiguous_open").await,
            told,
            metric("bridge_callbacks_pending").await,
            metric("bridge_callbacks_dead").await,
            metric("bridge_log_lines_dropped_total").await,
        );
        sample
    }

    /// Measures until the time is over.
    async fn watch(&self, time: Duration) -> Vec<Sample> {
        let (began, every) = (Instant::now(), Duration::from_secs(number("EVERY", 60)));
        let mut samples = Vec::new();
        let mut beat = tokio::time::interval_at((began + every).into(), every);
        while began.elapsed() + every <= time {
            self.lock().await;
            beat.tick().await;
            samples.push(self.measure(began).await);
        }
        self.stop.store(true, Ordering::SeqCst);
        samples
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
const fn figure(n: u64) -> f64 {
    n as f64
}

/// I2, from one window to the next.
fn one_body(keys: &mut HashMap<String, u64>, requests: &[SeenRequest]) {
    for request in requests {
        if let Some(key) = request.header("idempotency-key") {
            let mut hasher = DefaultHasher::new();
            (&request.target, &request.body[..]).hash(&mut hasher);
            let what = hasher.finish();
            let first = *keys.entry(key.to_owned()).or_insert(what);
            assert_eq!(first, what, "I2: one key, two bodies: {key}");
        }
    }
}

/// By how much something grew from one measurement to the next, by least squares; and its mean.
fn slope(values: &[f64]) -> (f64, f64) {
    let n = figure(u64::try_from(values.len()).unwrap());
    let mean = values.iter().sum::<f64>() / n;
    let middle = (n - 1.0) / 2.0;
    let (mut over, mut under) = (0.0, 0.0);
    for (x, value) in (0_u32..).map(f64::from).zip(values) {
        over += (x - middle) * (value - mean);
        under += (x - middle) * (x - middle);
    }
    (over / under, mean)
}

/// After the first fifth nothing grows: not by more than 5 % and a little over all the rest.
fn flat(samples: &[Sample]) {
    let rest = &samples[samples.len() / 5..];
    if rest.len() < 2 {
        return;
    }
    type Pick = fn(&Sample) -> f64;
    let all: [(&str, f64, Pick); 4] = [
        ("memory in kB", 2048.0, |s| s.memory),
        ("files", 8.0, |s| s.files),
        ("threads", 4.0, |s| s.threads),
        ("store bytes for each payment", 256.0, |s| s.per_payment),
    ];
    for (name, little, pick) in all {
        let values: Vec<f64> = rest.iter().map(pick).collect();
        let (slope, mean) = slope(&values);
        let grown = slope * figure(u64::try_from(rest.len()).unwrap());
        eprintln!(
            "{name}: {mean:.0} on average, {slope:+.2} from line to line, {grown:+.0} in all"
        );
        // A short run has not warmed up.
        if rest.len() >= 10 {
            assert!(grown < mean / 20.0 + little, "{name} grows: {values:?}");
        }
    }
}

async fn begin(values: &[(&str, &str)]) -> (Shop, Process) {
    let unit = |msn: &str, direct: bool| {
        format!(
            "msn = \"{msn}\"\nclient_id = \"demo-client\"\nclient_secret = \"demo-secret\"\n\
             subscription_key = \"demo-subscription-key\"\ndirect_capture = {direct}"
        )
    };
    let (one, other) = (unit(MSN, false), unit(OTHER_MSN, true));
    let mut wanted = reached(&[
        (
            "callbacks.schedule",
            "[\"0s\", \"1s\", \"2s\", \"5s\", \"10s\", \"10s\", \"10s\", \"10s\"]",
        ),
        ("proxy.drain_timeout", &format!("\"{}s\"", DRAIN.as_secs())),
        ("telemetry.log_level", "\"warn\""),
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
        .change_rules(|rules| rules.webhook_backoff_ms = 200);
    let process = Process::start(&shop, free_address(), 0).await;
    (shop, process)
}

#[tokio::test]
#[ignore = "as long as you like: see the file's head"]
async fn f8_soak() {
    let server = match std::env::var("STORE").as_deref() {
        Ok("postgres") => Some(Postgres::start().expect("a PostgreSQL server")),
        _ => None,
    };
    let url = server.as_ref().map(Postgres::setting);
    let values: Vec<_> = url.iter().map(|url| ("store.url", url.as_str())).collect();
    let (shop, process) = begin(&values).await;
    let file = shop.app.configuration().1.join("bridge.db");
    for fault in faults() {
        shop.app.world().add_fault(fault);
    }
    let every = Duration::from_secs(1).div_f64(figure(number("RATE", 50)));
    let soak = Soak {
        file: server.is_none().then_some(file),
        shop,
        process,
        pace: tokio::sync::Mutex::new(tokio::time::interval(every)),
        stop: AtomicBool::default(),
        calls: AtomicU64::default(),
        answers: Mutex::default(),
        sent: Mutex::default(),
        keys: Mutex::default(),
        told: Mutex::default(),
    };
    let mut seeds = Random::from_environment(1);
    let shoppers: Vec<_> = (0..SHOPPERS)
        .map(|n| soak.shopper(format!("soak-{n}"), Random::new(seeds.number())))
        .collect();
    let time = Duration::from_secs(60 * number("MINUTES", 60));
    let (samples, orders) =
        tokio::join!(soak.watch(time), futures_util::future::join_all(shoppers));
    let mut trade = Trade::new("soak", 0);
    trade.orders = orders;
    finish(soak, trade).await;
    flat(&samples);
}

/// Upstream is well again: all that was begun ends, and the books are opened.
async fn finish(soak: Soak, mut trade: Trade) {
    let Soak {
        mut shop,
        mut process,
        calls,
        sent,
        keys,
        told,
        ..
    } = soak;
    let applied: u64 = shop.app.world().faults().iter().map(|f| f.applied).sum();
    shop.app.world().clear_faults();
    process.signal("-TERM");
    let (began, mut beat) = (
        Instant::now(),
        tokio::time::interval(Duration::from_millis(50)),
    );
    while !process.ended() && began.elapsed() < 2 * DRAIN {
        beat.tick().await;
    }
    let code = process.end().await;
    let log = std::fs::read_to_string(Process::log(&shop, 0)).unwrap_or_default();
    let from = log.len().saturating_sub(2_000);
    assert_eq!(code, Some(0), "{}", log.get(from..).unwrap_or_default());
    // What the process logged is looked through with the rest (I11).
    shop.app.log.clone().write_all(log.as_bytes()).unwrap();
    shop.app.advance(Duration::from_secs(300));
    shop.app.up().await;
    trade.customers_approve(&shop);
    let began = Instant::now();
    let mut told = told.into_inner().unwrap();
    loop {
        let all = trade.goes_on(&shop).await;
        told.add(&shop.merchant.take());
        let missing = told.missing(&shop);
        if all && missing.is_empty() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(300), "{missing:?}");
        shop.pass(Duration::from_secs(60)).await;
    }
    shop.quiet().await;
    told.add(&shop.merchant.take());
    let mut sent = sent.into_inner().unwrap();
    let requests = shop.app.world().requests();
    one_body(&mut keys.into_inner().unwrap(), &requests);
    sent.add(&requests);
    books::upstream_agrees(&shop, &trade);
    books::everybody_was_told(&shop, &told).await;
    books::records_agree(&shop, &trade, sent).await;
    let proof = books::ledger_verifies(&shop, Duration::from_secs(60)).await;
    eprintln!(
        "{} calls, {applied} faults upstream, {} payments, {} callbacks, {proof}",
        calls.into_inner(),
        born(&shop.app).len(),
        told.count()
    );
}
