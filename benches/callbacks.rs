//! Webhooks in, callbacks out: how many a second, and how long a callback takes to leave.
//!
//! `cargo bench --bench callbacks` starts a bridge with a SQLite store (full durability) and a shop on loopback, records
//! payments, posts signed webhooks over kept connections, and waits until the shop has heard of every payment. It prints
//! figures; it asserts that nothing is lost and nothing comes twice, and no timing. `PAYMENTS=n` and `CONNECTIONS=n`
//! change the size, `RATE=n` posts so many a second instead of as many as go.

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
use ecom_bridge::epayment::signature::{Signed, sign};
use ecom_bridge::settings;
use ecom_bridge::store::{Begun, CallbackTarget, NewPayment, Outcome, PaymentFacts, Store};
use ecom_bridge::telemetry::LinesDropped;
use ecom_bridge::types::{
    Amount, CallerHash, Currency, IdempotencyKey, Kind, Moment, Msn, OrderText, Origin, Scope,
};
use futures_util::StreamExt;
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

const MSN: &str = "123456";
const SECRET: &str = "a-secret-of-the-benchmark";

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

/// When each order was heard of, by the shop.
type Heard = Arc<Mutex<HashMap<String, Vec<Instant>>>>;

async fn shop(heard: Heard) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let heard = Arc::clone(&heard);
            tokio::spawn(async move {
                let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let heard = Arc::clone(&heard);
                    async move {
                        let order = request.uri().path().rsplit('/').next().unwrap().to_owned();
                        request.into_body().collect().await?;
                        heard
                            .lock()
                            .await
                            .entry(order)
                            .or_default()
                            .push(Instant::now());
                        Ok::<_, hyper::Error>(hyper::Response::new(Empty::<Bytes>::new()))
                    }
                });
                let _ended = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), answer)
                    .await;
            });
        }
    });
    addr
}

async fn record(store: &Arc<dyn Store>, n: usize, shop: std::net::SocketAddr) {
    let now = Moment::from_millis(1_800_000_000_000);
    let order = OrderText::parse(&format!("order-{n:08}")).unwrap();
    let new = NewPayment {
        scope: Scope::Unit(Msn::parse(MSN).unwrap()),
        order: order.clone(),
        caller: CallerHash::of(b"bench", store.secret()),
        facts: PaymentFacts {
            origin: Origin::Epayment,
            kind: Kind::Regular,
            reference: order.reference(),
            amount: Amount::new(49_900),
            currency: Some(Currency::Nok),
            text: Some("A pair of socks".to_owned()),
            callback: Some(CallbackTarget {
                prefix: format!("http://{shop}/cb"),
                auth_token: Some("token".into()),
            }),
            scope_asked: None,
            fall_back: None,
            request_id: None,
        },
        key: Some(IdempotencyKey::own(uuid::Uuid::new_v4())),
        fingerprint: [0; 16],
        poll_at: None,
        end_at: None,
        now,
        until: now,
    };
    let Begun::Fresh(attempt) = store.begin_payment(new).await.unwrap() else {
        panic!("a new order")
    };
    let done = Outcome::Succeeded {
        amount: Amount::ZERO,
        transaction_id: None,
        at: now,
    };
    store.finish_payment(attempt, done, now).await.unwrap();
}

fn webhook(n: usize, host: &str) -> hyper::Request<Full<Bytes>> {
    let body = format!(
        r#"{{"msn":"{MSN}","reference":"order-{n:08}","pspReference":"{n}","name":"AUTHORIZED","amount":{{"currency":"NOK","value":49900}},"timestamp":"2026-11-24T12:00:00.1234567Z","success":true}}"#
    );
    let path = format!("/webhooks/{MSN}");
    let date = "Tue, 24 Nov 2026 12:00:00 GMT";
    let headers = sign(
        &Signed {
            path_and_query: &path,
            host,
            date,
            body: body.as_bytes(),
        },
        SECRET,
    );
    hyper::Request::post(&path)
        .header("host", host)
        .header("x-ms-date", date)
        .header("x-ms-content-sha256", headers.content_sha256)
        .header("authorization", headers.authorization)
        .body(Full::from(body))
        .unwrap()
}

fn quantile(sorted: &[Duration], at: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((sorted.len() - 1) as f64 * at) as usize;
    sorted[index]
}

/// What was answered: number, when, and after how long.
type Answered = Arc<Mutex<Vec<(usize, Instant, Duration)>>>;

/// Records payments, many at a time.
async fn fill(store: &Arc<dyn Store>, payments: usize, shop: std::net::SocketAddr) {
    let began = Instant::now();
    let each = futures_util::stream::iter((0..payments).map(|n| record(store, n, shop)));
    each.buffer_unordered(256).collect::<Vec<()>>().await;
    println!(
        "payments recorded (two durable steps each)   {:>8.0}/s",
        per_second(payments, began)
    );
}

/// Sends webhooks over one connection until there are no more; at a rate, where one is asked for.
async fn send(
    free: std::net::SocketAddr,
    payments: usize,
    next: Arc<AtomicUsize>,
    answered: Answered,
    rate: usize,
) {
    let began = Instant::now();
    let socket = TcpStream::connect(free).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut own = Vec::new();
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= payments {
            break;
        }
        // The time that counts is the planned one: a slow answer does not put off the next question.
        let mut asked = Instant::now();
        if rate > 0 {
            asked = began
                + Duration::from_secs(1) * u32::try_from(n).unwrap() / u32::try_from(rate).unwrap();
            tokio::time::sleep_until(asked.into()).await;
        }
        let request = webhook(n, &free.to_string());
        sender.ready().await.unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200, "webhook {n}");
        answer.into_body().collect().await.unwrap();
        own.push((n, Instant::now(), asked.elapsed()));
    }
    answered.lock().await.extend(own);
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn per_second(count: usize, since: Instant) -> f64 {
    count as f64 / since.elapsed().as_secs_f64()
}

async fn start(folder: &tempfile::TempDir) -> (App, std::net::SocketAddr) {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let text = format!(
        "[proxy]\nlisten=\"127.0.0.1:0\"\n[admin]\nlisten=\"127.0.0.1:0\"\n[upstream]\nbase_url=\"http://127.0.0.1:1\"\n\
         [webhooks]\nlisten=\"{free}\"\npublic_url=\"http://{free}\"\nregister=\"off\"\n[callbacks]\nallow_http=true\n\
         allow_private_addresses=true\n[reads]\npoll=false\n[store]\nurl=\"sqlite:{}/bench.db\"\n[[merchants]]\nmsn=\"{MSN}\"\n\
         webhook_secret=\"{SECRET}\"\n",
        folder.path().display()
    );
    let settings = settings::from_text(&text).unwrap();
    (
        App::build(settings, &LinesDropped::default())
            .await
            .unwrap(),
        free,
    )
}

#[tokio::main]
async fn main() {
    let (payments, connections) = (number("PAYMENTS", 10_000), number("CONNECTIONS", 32));
    let rate = number("RATE", 0);
    let folder = tempfile::tempdir().unwrap();
    let (app, free) = start(&folder).await;
    let heard: Heard = Arc::default();
    let shop = shop(Arc::clone(&heard)).await;
    fill(&app.payments().store, payments, shop).await;
    let lifecycle = app.lifecycle().clone();
    let serving = tokio::spawn(app.serve());

    let next = Arc::new(AtomicUsize::new(0));
    let answered: Answered = Arc::default();
    let began = Instant::now();
    let senders: Vec<_> = (0..connections)
        .map(|_| {
            tokio::spawn(send(
                free,
                payments,
                Arc::clone(&next),
                Arc::clone(&answered),
                rate,
            ))
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    println!(
        "webhooks taken in, {connections} connections            {:>8.0}/s",
        per_second(payments, began)
    );
    while heard.lock().await.len() < payments {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!(
        "callbacks out, until the last                {:>8.0}/s",
        per_second(payments, began)
    );
    report(&*heard.lock().await, &answered.lock().await);
    lifecycle.begin_shutdown();
    serving.await.unwrap();
}

fn report(heard: &HashMap<String, Vec<Instant>>, answered: &[(usize, Instant, Duration)]) {
    assert!(
        heard.values().all(|times| times.len() == 1),
        "no callback comes twice without a reason"
    );
    let mut waits: Vec<_> = answered.iter().map(|(_, _, took)| *took).collect();
    let left =
        |n: &usize, at: &Instant| heard[&format!("order-{n:08}")][0].saturating_duration_since(*at);
    let mut leaves: Vec<_> = answered.iter().map(|(n, at, _)| left(n, at)).collect();
    waits.sort();
    leaves.sort();
    println!(
        "webhook to its 200, median and 99 %          {:>8.1?} {:>8.1?}",
        quantile(&waits, 0.5),
        quantile(&waits, 0.99)
    );
    println!(
        "200 to the shop's callback, median and 99 %  {:>8.1?} {:>8.1?}",
        quantile(&leaves, 0.5),
        quantile(&leaves, 0.99)
    );
}
