//! The edge against malformed, hostile and excessive input.

use std::time::Duration;

use tokio::io::AsyncReadExt;

use crate::support::app::TestApp;
use crate::support::bridge::{Bridge, Wanted, is};
use crate::support::client::{Client, Cut, ask, healthy, outcome};
use crate::support::shop::order;
use crate::support::upstream::Upstream;
use crate::support::{soon, until};

async fn started() -> (Upstream, Bridge) {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    (upstream, bridge)
}

#[tokio::test]
async fn e3_header_bombs_are_431_in_ecoms_shape() {
    let (upstream, bridge) = started().await;
    let many: String = (0..1_000).map(|n| format!("h{n}: v\r\n")).collect();
    let long = format!("h: {}\r\n", "v".repeat(64 << 10));
    let pieces: String = (0..70)
        .map(|n| format!("h{n}: {}\r\n", "v".repeat(1_000)))
        .collect();
    for headers in [many, long, pieces] {
        let answer = ask(
            bridge.addr,
            format!("GET /x HTTP/1.1\r\nHost: b\r\n{headers}\r\n"),
        )
        .await;
        assert_eq!(
            (answer.status, answer.ecom_code().as_str()),
            (431, "headers")
        );
    }
    // Beyond what is parsed at all there is no shape, but the same status.
    let flood = format!("GET /x HTTP/1.1\r\nHost: b\r\nh: {}", "v".repeat(1 << 20));
    let (statuses, closed) = outcome(bridge.addr, flood.as_bytes()).await;
    assert!(closed && matches!(statuses[..], [] | [431]), "{statuses:?}");
    let fine: String = (0..99)
        .map(|n| format!("h{n}: {}\r\n", "v".repeat(600)))
        .collect();
    let answer = ask(
        bridge.addr,
        format!("GET /x HTTP/1.1\r\nHost: b\r\n{fine}\r\n"),
    )
    .await;
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.seen().len(), 1);
    assert!(healthy(bridge.addr).await);
}

#[tokio::test]
async fn e3_targets_without_measure_are_414_and_nothing_of_them_is_sent_on() {
    let (upstream, bridge) = started().await;
    for size in [16 << 10, 60_000, 70_000, 1 << 20] {
        for start in ["/x?", "/ecomm/v2/payments/", "/ecomm/v2/payments?"] {
            let target = format!("{start}{}", "a".repeat(size));
            for form in [target.clone(), format!("http://b{target}")] {
                let flood = format!("POST {form} HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n");
                if size <= 60_000 {
                    let answer = ask(bridge.addr, &flood).await;
                    let told = (answer.status, answer.ecom_code());
                    assert_eq!(told, (414, "target".to_owned()), "{start} {size}");
                }
                let (statuses, closed) = outcome(bridge.addr, flood.as_bytes()).await;
                let refused = matches!(statuses[..], [] | [414 | 431]);
                assert!(closed && refused, "{start} {size}: {statuses:?}");
            }
        }
        assert!(upstream.seen().is_empty(), "{size}");
        assert!(healthy(bridge.addr).await, "{size}");
        upstream.take();
    }
    // What is long and no more is passed on as it came.
    let target = format!("/x?{}", "a".repeat((16 << 10) - 3));
    let fine = format!("GET {target} HTTP/1.1\r\nHost: b\r\n\r\n");
    assert_eq!(ask(bridge.addr, fine).await.status, 200);
    assert_eq!(upstream.take()[0].target, target);
}

/// The operator's listener has no more files than its own, and a probe has its share.
#[tokio::test]
async fn e8_half_open_connections_to_the_operator_end_and_probes_are_answered() {
    let app = TestApp::start().await;
    // So that there is a log to look through.
    let body = order("used-order-1", 100);
    app.initiating(&body).send().await.ok();
    let mut flood = Vec::new();
    for n in 0..100 {
        let mut half = Client::to(app.admin_addr()).await;
        half.send("GET /readyz HTTP/1.1\r\nHo").await;
        flood.push(half);
        if n % 20 == 19 {
            assert_eq!(app.admin("/healthz").await.status, 200);
            assert_eq!(app.admin("/readyz").await.status, 200);
        }
    }
    // Of one client 64 stay; the others are ended in the order in which they came.
    for half in &mut flood[..36] {
        assert!(half.rest().await.is_empty());
    }
    assert_eq!(app.admin("/metrics").await.status, 200);
}

#[tokio::test]
async fn e3_slow_heads_are_408_and_idle_connections_are_closed_silently() {
    let upstream = Upstream::start().await;
    let mut wanted = Wanted::default();
    wanted.settings.header_timeout = Duration::from_millis(200);
    let bridge = Bridge::with(upstream.addr, wanted).await;
    let mut slow = Client::to(bridge.addr).await;
    let answer = slow.ask("POST /x HTTP/1.1\r\nHost: b\r\nConten").await;
    assert_eq!((answer.status, answer.ecom_code().as_str()), (408, "99"));
    assert!(slow.rest().await.is_empty());
    let mut idle = Client::to(bridge.addr).await;
    assert_eq!(
        idle.ask("GET /x HTTP/1.1\r\nHost: b\r\n\r\n").await.status,
        200
    );
    assert_eq!(idle.read(false).await.unwrap_err(), Cut::Nothing);
}

#[tokio::test]
async fn e3_bodies_too_slow_or_too_large_are_refused_and_their_connection_closed() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::with(
        upstream.addr,
        Wanted {
            read_time: Duration::from_millis(200),
            max_body: 1_000,
            ..Wanted::default()
        },
    )
    .await;
    let chunk = format!("{:x}\r\n{}\r\n", 600, "a".repeat(600));
    for (framing, status, code) in [
        ("Content-Length: 10\r\n\r\nabc".to_owned(), 408, "99"),
        (
            format!("Content-Length: 1001\r\n\r\n{}", "a".repeat(1_001)),
            413,
            "body",
        ),
        (
            "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n".to_owned(),
            413,
            "body",
        ),
        (
            "Content-Length: 99999999999\r\n\r\n".to_owned(),
            413,
            "body",
        ),
        (
            format!("Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}"),
            413,
            "body",
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxx\r\n".to_owned(),
            400,
            "body",
        ),
    ] {
        let mut client = Client::to(bridge.addr).await;
        let answer = client
            .ask(format!(
                "POST /ecomm/v2/payments HTTP/1.1\r\nHost: b\r\n{framing}"
            ))
            .await;
        assert_eq!(
            (answer.status, answer.ecom_code().as_str()),
            (status, code),
            "{framing:.60}"
        );
        assert!(client.rest().await.is_empty());
    }
    // The 413 arrives even while the client goes on sending.
    let mut client = Client::to(bridge.addr).await;
    let body = "a".repeat(500_000);
    let answer = client
        .ask(format!(
            "POST /ecomm/v2/payments HTTP/1.1\r\nHost: b\r\nContent-Length: 500000\r\n\r\n{body}"
        ))
        .await;
    assert_eq!(answer.status, 413);
    // The end is an end, not a reset that could have overtaken the answer.
    let mut rest = Vec::new();
    assert_eq!(soon(client.socket.read_to_end(&mut rest)).await.unwrap(), 0);
    assert!(upstream.seen().is_empty());
    assert!(healthy(bridge.addr).await);
}

#[tokio::test]
async fn e4_pipelined_requests_are_answered_in_order_and_a_reset_harms_nobody() {
    let (upstream, bridge) = started().await;
    let requests: String = (0..100)
        .map(|n| {
            let body = format!("body-{n}");
            format!(
                "POST /x HTTP/1.1\r\nHost: b\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        })
        .collect();
    let mut client = Client::to(bridge.addr).await;
    client.send(&requests).await;
    for n in 0..100 {
        assert_eq!(
            client.read(false).await.unwrap().body,
            format!("body-{n}").into_bytes()
        );
    }
    assert_eq!(upstream.take().len(), 100);

    let mut client = Client::to(bridge.addr).await;
    client.send(&requests).await;
    client.head().await.unwrap();
    client.socket.set_zero_linger().unwrap();
    drop(client);
    until(|| is(&bridge.counts.in_flight, 0)).await;
    let bodies: Vec<_> = upstream.take().into_iter().map(|seen| seen.body).collect();
    let want: Vec<_> = (0..bodies.len()).map(|n| format!("body-{n}")).collect();
    assert_eq!(bodies, want);
    assert!(healthy(bridge.addr).await);
}

#[tokio::test]
async fn e5_the_bridges_own_headers_are_not_taken_from_outside() {
    let (upstream, bridge) = started().await;
    let shadow = ask(
        bridge.addr,
        "GET /x HTTP/1.1\r\nHost: b\r\nBridge-Shadow: 1\r\n\r\n",
    )
    .await;
    assert_eq!((shadow.status, shadow.ecom_code().as_str()), (508, "99"));
    let forged = "GET /x HTTP/1.1\r\nHost: b\r\nBridge-Route: ecom\r\nBridge-Request-Id: forged\r\n\
                  X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1\r\n\r\n";
    let answer = ask(bridge.addr, forged).await;
    assert_ne!(answer.header("bridge-request-id"), Some("forged"));
    assert_eq!(answer.header("bridge-route"), Some("pass"));
    let seen = upstream.take();
    assert_eq!(seen.len(), 1);
    let names: Vec<_> = seen[0]
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    assert_eq!(names, ["host"]);
}

#[tokio::test]
async fn over_the_limit_of_calls_in_flight_is_503_at_once() {
    let upstream = Upstream::start().await;
    let mut wanted = Wanted::default();
    wanted.settings.max_in_flight = 2;
    let bridge = Bridge::with(upstream.addr, wanted).await;
    let mut waiting = Client::to(bridge.addr).await;
    waiting.send("GET /wait HTTP/1.1\r\nHost: b\r\n\r\n").await;
    // An answer that nobody takes holds its place, too.
    let mut reading = Client::to(bridge.addr).await;
    reading
        .send("GET /size/100000000 HTTP/1.1\r\nHost: b\r\n\r\n")
        .await;
    reading.head().await.unwrap();
    until(|| is(&bridge.counts.in_flight, 2)).await;
    let mut client = Client::to(bridge.addr).await;
    let get = "GET /x HTTP/1.1\r\nHost: b\r\n\r\n";
    let shed = client.ask(get).await;
    assert_eq!((shed.status, shed.ecom_code().as_str()), (503, "99"));
    assert_eq!(shed.header("retry-after"), Some("1"));
    assert!(is(&bridge.counts.shed, 1));
    drop(reading);
    until(|| is(&bridge.counts.in_flight, 1)).await;
    assert_eq!(client.ask(get).await.status, 200);
    bridge.gate.notify_waiters();
    assert_eq!(waiting.read(false).await.unwrap().body, b"waited");
    until(|| is(&bridge.counts.in_flight, 0)).await;
}

#[tokio::test]
async fn e8_too_many_connections_are_told_and_closed() {
    let upstream = Upstream::start().await;
    let mut wanted = Wanted::default();
    wanted.settings.max_connections = 10;
    let bridge = Bridge::with(upstream.addr, wanted).await;
    let get = "GET /x HTTP/1.1\r\nHost: b\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..10 {
        let mut client = Client::to(bridge.addr).await;
        assert_eq!(client.ask(get).await.status, 200);
        open.push(client);
    }
    for _ in 0..20 {
        let mut client = Client::to(bridge.addr).await;
        let answer = client.ask(get).await;
        assert_eq!((answer.status, answer.ecom_code().as_str()), (503, "99"));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(client.rest().await.is_empty());
    }
    assert!(is(&bridge.counts.connections_refused, 20));
    assert_eq!(open[0].ask(get).await.status, 200);
    drop(open);
    soon(async { while ask(bridge.addr, get).await.status != 200 {} }).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let upstream = Upstream::start().await;
    let mut wanted = Wanted::default();
    wanted.settings.write_timeout = Duration::from_millis(200);
    let bridge = Bridge::with(upstream.addr, wanted).await;
    let mut client = Client::to(bridge.addr).await;
    client
        .send("GET /size/100000000 HTTP/1.1\r\nHost: b\r\n\r\n")
        .await;
    client.head().await.unwrap();
    until(|| is(&bridge.counts.in_flight, 0)).await;
}

#[tokio::test]
async fn a_panic_is_a_500_of_its_own_call_only() {
    let (_upstream, bridge) = started().await;
    let answer = ask(bridge.addr, "GET /panic HTTP/1.1\r\nHost: b\r\n\r\n").await;
    assert_eq!((answer.status, answer.ecom_code().as_str()), (500, "99"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("canary"));
    assert!(is(&bridge.counts.panicked, 1) && is(&bridge.counts.in_flight, 0));
    assert!(healthy(bridge.addr).await);
}

/// Connections that the test may open: both ends are here, and other tests need theirs.
fn connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|line| line.split_whitespace().next()?.parse().ok());
    (files.unwrap_or(1_024_usize) / 6).min(20_000)
}

/// E8: idle connections up to the limit are kept, beyond it they are told; those that are served stay served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_thousands_of_idle_connections_starve_nobody() {
    let upstream = Upstream::start().await;
    let all = connections();
    let kept = all * 2 / 3;
    let mut wanted = Wanted::default();
    wanted.settings.max_connections = kept;
    let bridge = Bridge::with(upstream.addr, wanted).await;
    let get = "GET /x HTTP/1.1\r\nHost: b\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..all {
        open.push(Client::to(bridge.addr).await);
    }
    until(|| is(&bridge.counts.connections_refused, all - kept)).await;
    assert_eq!(ask(bridge.addr, get).await.status, 503);
    assert_eq!(open[0].ask(get).await.status, 200);
    assert_eq!(open[kept - 1].ask(get).await.status, 200);
    open.truncate(kept - 1);
    soon(async { while ask(bridge.addr, get).await.status != 200 {} }).await;
}
