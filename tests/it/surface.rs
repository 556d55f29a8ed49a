//! The edge against malformed, hostile and excessive input.

use std::time::Duration;

use crate::support::bridge::{Bridge, Wanted, is};
use crate::support::client::{Client, Cut, ask, healthy};
use crate::support::upstream::Upstream;
use crate::support::{soon, until};

async fn started() -> (Upstream, Bridge) {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    (upstream, bridge)
}

/// Sends bytes and half-closes nothing: what the bridge makes of them is read until it closes, or for a moment.
async fn outcome(bridge: &Bridge, bytes: &[u8]) -> (Vec<u16>, bool) {
    let mut client = Client::to(bridge.addr).await;
    client.send(bytes).await;
    let mut statuses = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_millis(400), client.read(false)).await;
        match next {
            Ok(Ok(answer)) => statuses.push(answer.status),
            Ok(Err(_)) => return (statuses, true),
            Err(_) => return (statuses, false),
        }
    }
}

/// E1: each is refused and its connection closed, or served, and then upstream saw one request, well-formed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e1_what_two_servers_could_read_in_two_ways_is_refused() {
    let (upstream, bridge) = started().await;
    let post = |headers: &str, body: &str| {
        format!("POST /x HTTP/1.1\r\nHost: b\r\n{headers}\r\n\r\n{body}").into_bytes()
    };
    let chunked = |body: &str| post("Transfer-Encoding: chunked", body);
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n";
    let raw = |text: &str| text.as_bytes().to_vec();
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        (
            "two CL",
            post("Content-Length: 1\r\nContent-Length: 2", "ab"),
        ),
        ("CL list", post("Content-Length: 1, 1", "a")),
        ("CL +", post("Content-Length: +5", "abcde")),
        ("CL hex", post("Content-Length: 0x5", "abcde")),
        ("CL -", post("Content-Length: -1", "a")),
        ("CL empty", post("Content-Length:", "a")),
        ("CL space", post("Content-Length: 1 0", "a")),
        ("CL underscore", post("Content-Length: 1_0", "a")),
        ("CL huge", post("Content-Length: 99999999999999999999", "a")),
        ("CL colon space", post("Content-Length : 5", "abcde")),
        (
            "TE colon space",
            post("Transfer-Encoding : chunked", smuggled),
        ),
        ("TE gzip", post("Transfer-Encoding: gzip", "a")),
        (
            "TE gzip, chunked",
            post("Transfer-Encoding: gzip, chunked", smuggled),
        ),
        (
            "TE chunked, gzip",
            post("Transfer-Encoding: chunked, gzip", smuggled),
        ),
        (
            "TE chunked twice",
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                smuggled,
            ),
        ),
        (
            "TE identity",
            post(
                "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
                smuggled,
            ),
        ),
        ("TE xchunked", post("Transfer-Encoding: xchunked", smuggled)),
        (
            "TE quoted",
            post("Transfer-Encoding: \"chunked\"", smuggled),
        ),
        (
            "TE vertical tab",
            post("Transfer-Encoding: \u{b}chunked", smuggled),
        ),
        ("TE empty", post("Transfer-Encoding:", smuggled)),
        (
            "TE in 1.0",
            raw("POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        ("obs-fold", post("X-A: 1\r\n  folded", "")),
        (
            "obs-fold TE",
            post("Transfer-Encoding:\r\n chunked", smuggled),
        ),
        (
            "first line folded",
            raw("GET /x HTTP/1.1\r\n Host: b\r\n\r\n"),
        ),
        (
            "bare CR",
            raw("GET /x HTTP/1.1\r\nHost: b\r\nX: a\rY: b\r\n\r\n"),
        ),
        (
            "NUL in value",
            raw("GET /x HTTP/1.1\r\nHost: b\r\nX: a\0b\r\n\r\n"),
        ),
        (
            "NUL in name",
            raw("GET /x HTTP/1.1\r\nHost: b\r\nX\0: a\r\n\r\n"),
        ),
        ("NUL in target", raw("GET /x\0 HTTP/1.1\r\nHost: b\r\n\r\n")),
        (
            "space in name",
            raw("GET /x HTTP/1.1\r\nHost: b\r\nX Y: a\r\n\r\n"),
        ),
        ("no name", raw("GET /x HTTP/1.1\r\nHost: b\r\n: a\r\n\r\n")),
        ("no colon", raw("GET /x HTTP/1.1\r\nHost: b\r\nabc\r\n\r\n")),
        ("two spaces", raw("GET  /x HTTP/1.1\r\nHost: b\r\n\r\n")),
        ("tab in line", raw("GET\t/x HTTP/1.1\r\nHost: b\r\n\r\n")),
        (
            "space in target",
            raw("GET /x y HTTP/1.1\r\nHost: b\r\n\r\n"),
        ),
        ("no target", raw("GET HTTP/1.1\r\nHost: b\r\n\r\n")),
        ("relative target", raw("GET x HTTP/1.1\r\nHost: b\r\n\r\n")),
        ("version 1.2", raw("GET /x HTTP/1.2\r\nHost: b\r\n\r\n")),
        ("version 2.0", raw("GET /x HTTP/2.0\r\nHost: b\r\n\r\n")),
        ("version lower", raw("GET /x http/1.1\r\nHost: b\r\n\r\n")),
        ("no Host", raw("GET /x HTTP/1.1\r\n\r\n")),
        (
            "two Hosts",
            raw("GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ),
        (
            "same Hosts",
            raw("GET /x HTTP/1.1\r\nHost: b\r\nhost: b\r\n\r\n"),
        ),
        ("Host list", raw("GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n")),
        ("Host path", raw("GET /x HTTP/1.1\r\nHost: b/c\r\n\r\n")),
        ("Host empty", raw("GET /x HTTP/1.1\r\nHost:\r\n\r\n")),
        (
            "other absolute",
            raw("GET http://a/x HTTP/1.1\r\nHost: b\r\n\r\n"),
        ),
        (
            "authority form",
            raw("GET b:80 HTTP/1.1\r\nHost: b\r\n\r\n"),
        ),
        (
            "binary",
            vec![
                0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, b'\r', b'\n', b'\r', b'\n',
            ],
        ),
        ("chunk -", chunked("-1\r\na\r\n0\r\n\r\n")),
        ("chunk +", chunked("+1\r\na\r\n0\r\n\r\n")),
        ("chunk 0x", chunked("0x1\r\na\r\n0\r\n\r\n")),
        ("chunk empty", chunked("\r\na\r\n0\r\n\r\n")),
        ("chunk huge", chunked("fffffffffffffffff\r\na\r\n0\r\n\r\n")),
        ("chunk longer", chunked("1\r\nabc\r\n0\r\n\r\n")),
        ("chunk underscore", chunked("1_\r\na\r\n0\r\n\r\n")),
        ("chunk bare LF", chunked("1\na\r\n0\r\n\r\n")),
        ("chunk ext bare LF", chunked("1;a\nb\r\na\r\n0\r\n\r\n")),
        ("chunk bare CR", chunked("1\ra\r\n0\r\n\r\n")),
        ("chunk end bare LF", chunked("1\r\na\n0\r\n\r\n")),
    ];
    cases.push((
        "long chunk extension",
        chunked(&format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(100_000))),
    ));
    cases.push((
        "long trailer",
        chunked(&format!("0\r\nX: {}\r\n\r\n", "t".repeat(1 << 20))),
    ));
    for (name, bytes) in cases {
        let (statuses, closed) = outcome(&bridge, &bytes).await;
        let seen = upstream.take();
        assert!(closed, "{name}: open after {statuses:?}");
        assert!(
            matches!(statuses[..], [] | [400] | [413..=414] | [431]),
            "{name}: {statuses:?}"
        );
        assert!(seen.is_empty(), "{name}: upstream saw {seen:?}");
    }
    assert!(healthy(bridge.addr).await);
}

/// E1: odd, but with one reading.
#[tokio::test]
async fn e1_what_has_one_reading_is_served_and_framed_anew() {
    let (upstream, bridge) = started().await;
    for (name, bytes, body, closes) in [
        // RFC 9112, 6.3: the chunks count, the length is dropped and the connection ends.
        (
            "CL and TE",
            "POST /x HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n\
             1\r\na\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n",
            "a",
            true,
        ),
        (
            "TE and CL",
            "POST /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n\
             1\r\na\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n",
            "a",
            true,
        ),
        (
            "same CL twice",
            "POST /x HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
            "a",
            false,
        ),
        (
            "TE in capitals",
            "POST /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n",
            "a",
            false,
        ),
        (
            "chunk size with zeros, extension, trailer",
            "POST /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n\
             00001;a=\"b\"\r\na\r\n000\r\nContent-Length: 9\r\nHost: c\r\n\r\n",
            "a",
            false,
        ),
        (
            "line feeds",
            "POST /x HTTP/1.1\nHost: b\nContent-Length: 1\n\na",
            "a",
            false,
        ),
        (
            "empty lines before",
            "\r\n\r\nPOST /x HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\na",
            "a",
            false,
        ),
        (
            "high bytes",
            "POST /x HTTP/1.1\r\nHost: b\r\nX: \u{e6}\u{1f4b0}\r\nContent-Length: 1\r\n\r\na",
            "a",
            false,
        ),
        (
            "absolute form",
            "POST http://b/x HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\na",
            "a",
            false,
        ),
        (
            "GET with body",
            "GET /x HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\nnull",
            "null",
            false,
        ),
    ] {
        let (statuses, closed) = outcome(&bridge, bytes.as_bytes()).await;
        let seen = upstream.take();
        assert_eq!((&statuses[..], closed), (&[200][..], closes), "{name}");
        assert_eq!(seen.len(), 1, "{name}: {seen:?}");
        assert_eq!(
            (seen[0].target.as_str(), &seen[0].body[..]),
            ("/x", body.as_bytes()),
            "{name}"
        );
        let framed = ["content-length", "transfer-encoding"]
            .iter()
            .filter(|name| seen[0].headers.contains_key(**name))
            .count();
        assert_eq!(framed, 1, "{name}");
    }
    assert_eq!(upstream.malformed(), 0);
    assert!(healthy(bridge.addr).await);
}

#[tokio::test]
async fn e1_refusals_of_the_edge_have_ecoms_shape_and_close() {
    let (upstream, bridge) = started().await;
    for (request, status, code) in [
        ("GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "Host"),
        ("GET /x HTTP/1.1\r\n\r\n", 400, "Host"),
        (
            "GET /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            400,
            "Transfer-Encoding",
        ),
        (
            "GET /x HTTP/1.1\r\nHost: b\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x01\x02",
            400,
            "Upgrade",
        ),
        ("TRACE /x HTTP/1.1\r\nHost: b\r\n\r\n", 405, "method"),
        (
            "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            405,
            "method",
        ),
    ] {
        let mut client = Client::to(bridge.addr).await;
        let answer = client.ask(request).await;
        assert_eq!(
            (answer.status, answer.ecom_code().as_str()),
            (status, code),
            "{request}"
        );
        assert_eq!(answer.header("connection"), Some("close"), "{request}");
        assert!(client.rest().await.is_empty(), "{request}");
    }
    assert!(upstream.seen().is_empty());
    assert!(is(&bridge.counts.refused, 6));
    assert!(healthy(bridge.addr).await);
}

#[tokio::test]
async fn e2_other_protocols_are_not_spoken_on_the_plain_listener() {
    let (upstream, bridge) = started().await;
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..],
        b"GET /x\r\n\r\n",
        b"GET /x\r\n",
    ] {
        let (statuses, closed) = outcome(&bridge, bytes).await;
        assert!(closed && matches!(statuses[..], [] | [400]), "{statuses:?}");
    }
    assert!(upstream.seen().is_empty());
    assert!(healthy(bridge.addr).await);
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
    let (statuses, closed) = outcome(&bridge, flood.as_bytes()).await;
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

/// B8, B9: the path is judged, and never changed.
#[tokio::test]
async fn b8_odd_paths_are_routed_or_refused_but_never_another_operation() {
    let (upstream, bridge) = started().await;
    for (line, status, forwarded) in [
        ("PUT /ECOMM/v2//payments/o/cancel/", 200, true),
        ("POST /ecomm/v2/payments/o%2Fcapture", 404, false),
        ("POST /ecomm/v2/payments/o/capture.", 404, false),
        ("POST /ecomm/v2/payments/%2e%2e/capture", 400, false),
        ("POST /ecomm/v2/payments/o/capture/..", 400, false),
        ("POST /%65comm/v2/payments", 404, false),
        ("GET /ecomm/v2/payments/o/cancel", 405, false),
        (
            "GET /ecomm/v2/payments/%F0%9F%92%B0/details?b=2&a=1",
            200,
            true,
        ),
    ] {
        let answer = ask(bridge.addr, format!("{line} HTTP/1.1\r\nHost: b\r\n\r\n")).await;
        assert_eq!(answer.status, status, "{line}");
        let seen = upstream.take();
        assert_eq!(!seen.is_empty(), forwarded, "{line}");
        if let Some(seen) = seen.first() {
            assert_eq!(format!("{} {}", seen.method, seen.target), line);
        }
    }
}
