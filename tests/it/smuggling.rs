//! E1, E2: input that two servers could read in two ways. It is refused and the connection closed, or upstream sees one
//! well-formed request, framed by the bridge; and the bridge is healthy afterwards.

use crate::support::bridge::{Bridge, is};
use crate::support::client::{Client, healthy, outcome};
use crate::support::upstream::Upstream;

async fn started() -> (Upstream, Bridge) {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    (upstream, bridge)
}

const SMUGGLED: &str = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n";

/// Headers of a POST, and what follows its head.
const FRAMINGS: &[(&str, &str)] = &[
    ("Content-Length: 1\r\nContent-Length: 2", "ab"),
    ("Content-Length: 1, 1", "a"),
    ("Content-Length: +5", "abcde"),
    ("Content-Length: 0x5", "abcde"),
    ("Content-Length: -1", "a"),
    ("Content-Length:", "a"),
    ("Content-Length: 1 0", "a"),
    ("Content-Length: 1_0", "a"),
    ("Content-Length: 99999999999999999999", "a"),
    ("Content-Length : 5", "abcde"),
    ("Content-Length\t: 5", "abcde"),
    ("Transfer-Encoding : chunked", SMUGGLED),
    ("Transfer-Encoding: gzip", "a"),
    ("Transfer-Encoding: gzip, chunked", SMUGGLED),
    ("Transfer-Encoding: chunked, gzip", SMUGGLED),
    ("Transfer-Encoding: chunked, chunked", SMUGGLED),
    (
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        SMUGGLED,
    ),
    (
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        SMUGGLED,
    ),
    (
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        SMUGGLED,
    ),
    ("Transfer-Encoding: xchunked", SMUGGLED),
    ("Transfer-Encoding: \"chunked\"", SMUGGLED),
    ("Transfer-Encoding: \u{b}chunked", SMUGGLED),
    ("Transfer-Encoding: chunked;a=b", SMUGGLED),
    ("Transfer-Encoding: ,chunked", SMUGGLED),
    ("Transfer-Encoding:", SMUGGLED),
    ("Transfer-Encoding:\r\n chunked", SMUGGLED),
    ("X-A: 1\r\n  folded", ""),
    ("X-A: 1\r\n\tTransfer-Encoding: chunked", SMUGGLED),
];

/// Bodies in chunks.
const CHUNKS: &[&str] = &[
    "-1\r\na\r\n0\r\n\r\n",
    "+1\r\na\r\n0\r\n\r\n",
    "0x1\r\na\r\n0\r\n\r\n",
    "\r\na\r\n0\r\n\r\n",
    "fffffffffffffffff\r\na\r\n0\r\n\r\n",
    "1\r\nabc\r\n0\r\n\r\n",
    "1_\r\na\r\n0\r\n\r\n",
    "1\na\r\n0\r\n\r\n",
    "1;a\nb\r\na\r\n0\r\n\r\n",
    "1\ra\r\n0\r\n\r\n",
    "1\r\na\n0\r\n\r\n",
    "g\r\na\r\n0\r\n\r\n",
];

/// Whole requests.
const REQUESTS: &[&str] = &[
    "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET /x HTTP/1.1\r\n Host: b\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: b\r\nX: a\rY: b\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: b\r\nX: a\0b\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: b\r\nX\0: a\r\n\r\n",
    "GET /x\0 HTTP/1.1\r\nHost: b\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: b\r\nX Y: a\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: b\r\nX\u{e6}: a\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: b\r\n: a\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: b\r\nabc\r\n\r\n",
    "GET  /x HTTP/1.1\r\nHost: b\r\n\r\n",
    "GET\t/x HTTP/1.1\r\nHost: b\r\n\r\n",
    "GET /x y HTTP/1.1\r\nHost: b\r\n\r\n",
    "GET HTTP/1.1\r\nHost: b\r\n\r\n",
    "GET x HTTP/1.1\r\nHost: b\r\n\r\n",
    "G(T /x HTTP/1.1\r\nHost: b\r\n\r\n",
    "GET /x HTTP/1.2\r\nHost: b\r\n\r\n",
    "GET /x HTTP/2.0\r\nHost: b\r\n\r\n",
    "GET /x http/1.1\r\nHost: b\r\n\r\n",
    "GET /x HTTP/1.1\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: b\r\nhost: b\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: b/c\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: u@b\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost:\r\n\r\n",
    "GET http://a/x HTTP/1.1\r\nHost: b\r\n\r\n",
    "GET b:80 HTTP/1.1\r\nHost: b\r\n\r\n",
    "\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n",
];

#[tokio::test]
async fn e1_what_two_servers_could_read_in_two_ways_is_refused() {
    let (upstream, bridge) = started().await;
    let post = |headers: &str, rest: &str| {
        format!("POST /x HTTP/1.1\r\nHost: b\r\n{headers}\r\n\r\n{rest}")
    };
    let chunked = |body: &str| post("Transfer-Encoding: chunked", body);
    let mut cases: Vec<String> = FRAMINGS
        .iter()
        .map(|(headers, rest)| post(headers, rest))
        .collect();
    cases.extend(CHUNKS.iter().map(|body| chunked(body)));
    cases.extend(REQUESTS.iter().map(|request| (*request).to_owned()));
    cases.push(chunked(&format!(
        "1;{}\r\na\r\n0\r\n\r\n",
        "e".repeat(100_000)
    )));
    cases.push(chunked(&format!("0\r\nX: {}\r\n\r\n", "t".repeat(1 << 20))));
    for case in cases {
        let shown = &case[..case.len().min(120)];
        let (statuses, closed) = outcome(bridge.addr, case.as_bytes()).await;
        let seen = upstream.take();
        assert!(closed, "{shown:?}: open after {statuses:?}");
        assert!(
            matches!(statuses[..], [] | [400 | 414 | 431]),
            "{shown:?}: {statuses:?}"
        );
        assert!(seen.is_empty(), "{shown:?}: upstream saw {seen:?}");
    }
    assert!(healthy(bridge.addr).await);
}

/// E1: odd, but with one reading.
const ONE_READING: &[(&str, &str, &str, bool)] = &[
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
];

#[tokio::test]
async fn e1_what_has_one_reading_is_served_and_framed_anew() {
    let (upstream, bridge) = started().await;
    for (name, bytes, body, closes) in ONE_READING.iter().copied() {
        let (statuses, closed) = outcome(bridge.addr, bytes.as_bytes()).await;
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
        let (statuses, closed) = outcome(bridge.addr, bytes).await;
        assert!(closed && matches!(statuses[..], [] | [400]), "{statuses:?}");
    }
    assert!(upstream.seen().is_empty());
    assert!(healthy(bridge.addr).await);
}
