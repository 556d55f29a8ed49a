//! What shadowing costs the merchant: the same reads through a bridge that shadows all of them and through one that
//! shadows none, in one run.
//!
//! `cargo bench --bench shadow` starts an upstream that gives each answer that it has given before, after `LATENCY`
//! milliseconds (20; the real one takes longer, 0 is the worst case), and two bridges before it. Each round asks both,
//! one after the other, at a fixed rate over kept connections; which comes first changes from round to round. It prints
//! p50 and p99 of each round and the medians, and the ratios; it asserts that no call fails and that the calls were
//! compared, and no timing. `ROUNDS=n`, `CALLS=n` (of a round), `RATE=n` (a second) and `CONNECTIONS=n` change the size;
//! `UPSTREAM=hang` lets all reads of the shadow wait for ever.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement ends where something is not as it must be"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ecom_bridge::app::App;
use ecom_bridge::lifecycle::Lifecycle;
use ecom_bridge::settings;
use ecom_bridge::shadow::Shadow;
use ecom_bridge::simulator::{Action, Fault, Options, Simulator};
use ecom_bridge::telemetry::LinesDropped;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

const MSN: &str = "123456";
const KEY: &str = "demo-subscription-key";
const PAYMENTS: usize = 200;

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// A bridge that sends reads to eCom.
struct Bridge {
    addr: std::net::SocketAddr,
    shadow: Option<Arc<Shadow>>,
    lifecycle: Lifecycle,
    _folder: tempfile::TempDir,
}

async fn bridge(upstream: &str, mode: &str) -> Bridge {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[proxy]\nlisten=\"127.0.0.1:0\"\n[admin]\nlisten=\"127.0.0.1:0\"\n[upstream]\nbase_url=\"{upstream}\"\n\
         [routing]\ninitiate=\"ecom\"\ncapture=\"ecom\"\ncancel=\"ecom\"\nrefund=\"ecom\"\ndetails=\"ecom\"\nstatus=\"ecom\"\n\
         [reads]\npoll=false\nbackground_share=100\n[store]\nurl=\"sqlite:{}/bench.db\"\n\
         [shadow]\nmode=\"{mode}\"\nreads_per_second=10000\nqueue=100000\nnoise_percent=1\n",
        folder.path().display()
    );
    let settings = settings::from_text(&text).unwrap();
    let app = App::build(settings, &LinesDropped::default())
        .await
        .unwrap();
    let bridge = Bridge {
        addr: app.proxy_addr(),
        shadow: app.shadow().cloned(),
        lifecycle: app.lifecycle().clone(),
        _folder: folder,
    };
    tokio::spawn(app.serve());
    bridge
}

fn order(n: usize) -> String {
    format!("order-{n:06}")
}

fn request(method: &str, path: &str, token: &str, body: String) -> hyper::Request<Full<Bytes>> {
    hyper::Request::builder()
        .method(method)
        .uri(path)
        .header("host", "bridge")
        .header("authorization", format!("Bearer {token}"))
        .header("ocp-apim-subscription-key", KEY)
        .header("merchant-serial-number", MSN)
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap()
}

/// An upstream that costs next to nothing: what the simulator has answered to a GET once is its answer from then on.
async fn upstream(simulator: std::net::SocketAddr, latency: Duration) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let known: Known = Arc::default();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            let known = Arc::clone(&known);
            let behind = Arc::new(Mutex::new(connect(simulator).await));
            let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let (known, behind) = (Arc::clone(&known), Arc::clone(&behind));
                async move { Ok::<_, hyper::Error>(given(request, &known, &behind, latency).await) }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), answer),
            );
        }
    });
    addr
}

type Known = Arc<std::sync::Mutex<HashMap<String, (u16, Bytes)>>>;

async fn given(
    request: hyper::Request<hyper::body::Incoming>,
    known: &Known,
    behind: &Mutex<Sender>,
    latency: Duration,
) -> hyper::Response<Full<Bytes>> {
    let target = request.uri().path().to_owned();
    let is_read = request.method() == "GET";
    if is_read && !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let found = known.lock().unwrap().get(&target).cloned();
    let (status, body) = match found.filter(|_| is_read) {
        Some(found) => found,
        None => {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let request = hyper::Request::from_parts(head, Full::from(body));
            let mut behind = behind.lock().await;
            behind.ready().await.unwrap();
            let answer = behind.send_request(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            if is_read && status == 200 {
                let mut known = known.lock().unwrap();
                known.insert(target, (status, body.clone()));
            }
            (status, body)
        }
    };
    hyper::Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap()
}

type Sender = hyper::client::conn::http1::SendRequest<Full<Bytes>>;

async fn connect(addr: std::net::SocketAddr) -> Sender {
    let socket = TcpStream::connect(addr).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut Sender, request: hyper::Request<Full<Bytes>>) {
    sender.ready().await.unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
}

/// Payments that both bridges know; each has its own.
async fn fill(bridge: &Bridge, simulator: &Simulator, token: &str, first: usize) {
    let mut sender = connect(bridge.addr).await;
    for n in first..first + PAYMENTS {
        let order = order(n);
        let body = format!(
            r#"{{"customerInfo":{{}},"merchantInfo":{{"merchantSerialNumber":"{MSN}","callbackPrefix":"https://shop.example.com/cb","fallBack":"https://shop.example.com/back","paymentType":"eComm Regular Payment"}},"transaction":{{"orderId":"{order}","amount":49900,"transactionText":"A pair of socks"}}}}"#
        );
        ask(
            &mut sender,
            request("POST", "/ecomm/v2/payments", token, body),
        )
        .await;
        assert!(simulator.world().approve(MSN, &order));
    }
}

/// A round of reads at a fixed rate: a slow answer puts nothing off.
async fn round(bridge: &Bridge, token: &str, first: usize, size: Size) -> Vec<Duration> {
    let (next, all) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(Mutex::new(Vec::new())),
    );
    let began = Instant::now();
    let mut senders = Vec::new();
    for _ in 0..size.connections {
        let (next, all, token) = (Arc::clone(&next), Arc::clone(&all), token.to_owned());
        let mut sender = connect(bridge.addr).await;
        senders.push(tokio::spawn(async move {
            let mut own = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= size.calls {
                    break;
                }
                let each = Duration::from_secs(1) / u32::try_from(size.rate).unwrap();
                let planned = began + each * u32::try_from(n).unwrap();
                let path = format!("/ecomm/v2/payments/{}/details", order(first + n % PAYMENTS));
                // Where the connection was still busy, the time that counts is the planned one.
                let mut asked = planned;
                if Instant::now() < planned {
                    tokio::time::sleep_until(planned.into()).await;
                    asked = Instant::now();
                }
                ask(&mut sender, request("GET", &path, &token, String::new())).await;
                own.push(asked.elapsed());
            }
            all.lock().await.extend(own);
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let mut all = std::mem::take(&mut *all.lock().await);
    all.sort();
    all
}

#[derive(Clone, Copy)]
struct Size {
    calls: usize,
    rate: usize,
    connections: usize,
}

async fn idle(bridge: &Bridge) {
    let Some(shadow) = &bridge.shadow else { return };
    while shadow
        .figures()
        .accounts
        .values()
        .any(|one| one.in_flight > 0)
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn main() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    // Upstream and the load generator have a runtime of their own: the bridges share none of their threads.
    let (others, bridges) = (runtime(), runtime());
    let size = Size {
        calls: number("CALLS", 4_000),
        rate: number("RATE", 400),
        connections: number("CONNECTIONS", 16),
    };
    let simulator = others.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Simulator::start(listener, Options::default()).unwrap()
    });
    let token = simulator.world().issue_token(KEY).unwrap();
    let latency = Duration::from_millis(number("LATENCY", 20).try_into().unwrap());
    let upstream = others.block_on(upstream(simulator.addr(), latency));
    let upstream = format!("http://{upstream}");
    let (off, on) = bridges.block_on(async {
        (
            bridge(&upstream, "off").await,
            bridge(&upstream, "read").await,
        )
    });
    others.block_on(async {
        fill(&off, &simulator, &token, 0).await;
        fill(&on, &simulator, &token, PAYMENTS).await;
        if std::env::var("UPSTREAM").as_deref() == Ok("hang") {
            let action = Action::Hang { processed: false };
            simulator
                .world()
                .add_fault(Fault::always("/epayment/v1/payments/", action));
        }
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for n in 0..number("ROUNDS", 9) {
            let mut each = [None, None];
            for which in [n % 2, (n + 1) % 2] {
                let (bridge, first) = if which == 0 {
                    (&off, 0)
                } else {
                    (&on, PAYMENTS)
                };
                let times = round(bridge, &token, first, size).await;
                each[which] = Some((quantile(&times, 50), quantile(&times, 99)));
                // What the one has left to do is not the other's burden.
                idle(bridge).await;
                simulator.world().clear_requests();
            }
            let [Some(a), Some(b)] = each else {
                unreachable!("both were asked")
            };
            println!(
                "round {n}: off {:>8.1?} {:>8.1?}   read {:>8.1?} {:>8.1?}",
                a.0, a.1, b.0, b.1
            );
            without.push(a);
            with.push(b);
        }
        report(&without, &with);
        let figures = on.shadow.as_ref().unwrap().figures();
        println!("{:?}", figures.accounts);
        assert!(!figures.silent || std::env::var("UPSTREAM").is_ok());
    });
    off.lifecycle.begin_shutdown();
    on.lifecycle.begin_shutdown();
}

/// The medians, and how much more the one takes.
fn report(off: &[(Duration, Duration)], on: &[(Duration, Duration)]) {
    for (name, pick) in [("p50", 0), ("p99", 1)] {
        let median = |all: &[(Duration, Duration)]| {
            let mut all: Vec<Duration> = all
                .iter()
                .map(|one| if pick == 0 { one.0 } else { one.1 })
                .collect();
            all.sort();
            quantile(&all, 50)
        };
        let (off, on) = (median(off), median(on));
        let ratio = on.as_secs_f64() / off.as_secs_f64();
        println!("{name}: off {off:>8.1?}, read at 100 % {on:>8.1?}, ratio {ratio:.3}");
    }
}
