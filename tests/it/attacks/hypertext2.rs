//! HTTP/2 by hand, on the listener with a certificate: heads that would be two requests in HTTP/1.1, and the floods by
//! which servers were brought down (rapid reset, CONTINUATION, PING, SETTINGS).

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::bridge::is;
use crate::support::{soon, until};
use crate::tls::{Secured, secured, secured_within};

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header field as it stands: neither from a table nor compressed.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        bytes.extend(length(text.len()));
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// The length of a text that is not compressed: seven bits, and seven more in each byte that follows.
fn length(count: usize) -> Vec<u8> {
    let Some(mut rest) = count.checked_sub(127) else {
        return vec![u8::try_from(count).unwrap()];
    };
    let mut bytes = vec![127];
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128 + 128).unwrap());
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields
        .iter()
        .flat_map(|(name, value)| literal(name, value))
        .collect()
}

fn start() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, b""));
    bytes
}

/// How the bridge ended a stream, or the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// An answer that does not begin with the indexed 200.
    Refused,
    /// 200.
    Served,
    /// It goes on: a PING was answered.
    Alive,
    /// `RST_STREAM`, `GOAWAY`, or the end of the connection.
    Cut,
}

/// Sends bytes on a connection of their own, and reads until stream 1 ends.
async fn sent(secured: &Secured, bytes: &[u8]) -> End {
    let mut stream = secured.connect(&[b"h2"]).await;
    let _sent = soon(stream.write_all(bytes)).await;
    soon(async {
        let mut head = [0; 9];
        loop {
            if stream.read_exact(&mut head).await.is_err() {
                return End::Cut;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            if stream.read_exact(&mut payload).await.is_err() {
                return End::Cut;
            }
            match head[3] {
                // 0x88 is `:status: 200` of the static table.
                HEADERS if payload.first() == Some(&0x88) => return End::Served,
                HEADERS => return End::Refused,
                RST_STREAM | GOAWAY => return End::Cut,
                PING if head[4] == ACK => return End::Alive,
                _ => {}
            }
        }
    })
    .await
}

async fn serves(secured: &Secured) -> bool {
    let fields = block(&[
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "b"),
        (":path", "/healthy"),
    ]);
    let mut bytes = start();
    bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields));
    let end = sent(secured, &bytes).await;
    let seen = secured.upstream.take();
    end == End::Served && seen.len() == 1 && secured.upstream.malformed() == 0
}

const METHOD: Field = (":method", "GET");
const SCHEME: Field = (":scheme", "https");
const AUTHORITY: Field = (":authority", "b");
const AT: Field = (":path", "/x");

type Field = (&'static str, &'static str);

/// Fields that make a good head a bad one.
const ADDED: &[(&str, &[Field])] = &[
    ("a line end in a value", &[("x", "a\r\nx-smuggled: b")]),
    ("LF in a value", &[("x", "a\nx-smuggled: b")]),
    ("NUL in a value", &[("x", "a\0b")]),
    ("a line end in a name", &[("x: a\r\ny", "b")]),
    ("a colon in a name", &[("x:y", "b")]),
    ("a blank in a name", &[("x y", "b")]),
    ("a capital in a name", &[("X", "b")]),
    ("an empty name", &[("", "b")]),
    ("Transfer-Encoding", &[("transfer-encoding", "chunked")]),
    ("Connection", &[("connection", "x-request-id")]),
    ("Upgrade", &[("upgrade", "h2c")]),
    ("Keep-Alive", &[("keep-alive", "1")]),
    ("TE other than trailers", &[("te", "chunked")]),
    (
        "two lengths",
        &[("content-length", "0"), ("content-length", "1")],
    ),
    ("a length and no body", &[("content-length", "5")]),
    ("a length that is none", &[("content-length", "+0")]),
    ("another Host", &[("host", "evil.example")]),
    ("two Hosts", &[("host", "b"), ("host", "b")]),
    ("a pseudo header twice", &[(":path", "/y")]),
    (
        "a pseudo header after others",
        &[("x", "1"), (":status", "200")],
    ),
    ("an unknown pseudo header", &[(":x", "1")]),
];

/// Bad heads.
const WHOLE: &[(&str, &[Field])] = &[
    ("no path", &[METHOD, SCHEME, AUTHORITY]),
    ("an empty path", &[METHOD, SCHEME, AUTHORITY, (":path", "")]),
    ("no authority and no Host", &[METHOD, SCHEME, AT]),
    (
        "a line in the path",
        &[METHOD, SCHEME, AUTHORITY, (":path", "/x HTTP/1.1\r\nx: y")],
    ),
    (
        "a blank in the path",
        &[METHOD, SCHEME, AUTHORITY, (":path", "/x y")],
    ),
    (
        "a path without a slash",
        &[METHOD, SCHEME, AUTHORITY, (":path", "x")],
    ),
    (
        "a line in the method",
        &[
            (":method", "GET /x HTTP/1.1\r\nx: y"),
            SCHEME,
            AUTHORITY,
            AT,
        ],
    ),
    (
        "a line in the authority",
        &[METHOD, SCHEME, (":authority", "b\r\nx: y"), AT],
    ),
    ("CONNECT", &[(":method", "CONNECT"), AUTHORITY]),
    ("TRACE", &[(":method", "TRACE"), SCHEME, AUTHORITY, AT]),
];

/// E1 over HTTP/2: what would be two lines, two requests or two lengths once it is written as HTTP/1.1.
#[tokio::test]
async fn e1_what_http_2_can_say_and_http_1_can_not_is_refused() {
    let secured = secured().await;
    let good = [METHOD, SCHEME, AUTHORITY, AT];
    let added = ADDED
        .iter()
        .map(|(name, more)| (name, [&good, *more].concat()));
    let whole = WHOLE.iter().map(|(name, fields)| (name, fields.to_vec()));
    for (name, fields) in added.chain(whole) {
        let mut bytes = start();
        bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&fields)));
        let end = sent(&secured, &bytes).await;
        let seen = secured.upstream.take();
        assert!(
            end != End::Served && seen.is_empty(),
            "{name}: {end:?}, {seen:?}"
        );
        assert!(serves(&secured).await, "{name}");
    }
    // A length that the body does not keep.
    for (said, body) in [("5", "abc"), ("1", "abc"), ("0", "abc")] {
        let fields = block(&[
            (":method", "POST"),
            SCHEME,
            AUTHORITY,
            AT,
            ("content-length", said),
        ]);
        let mut bytes = start();
        bytes.extend(frame(HEADERS, END_HEADERS, 1, &fields));
        bytes.extend(frame(0, END_STREAM, 1, body.as_bytes()));
        assert_ne!(sent(&secured, &bytes).await, End::Served, "{said}");
        assert!(secured.upstream.take().is_empty(), "{said}");
        assert!(serves(&secured).await, "{said}");
    }
}

/// E3 over HTTP/2: targets that no call has.
#[tokio::test]
async fn e3_targets_without_measure_are_refused_over_http_2() {
    let secured = secured().await;
    for size in [16 << 10, 60_000, 70_000, 1 << 20] {
        for start_of in ["/x?", "/ecomm/v2/payments/"] {
            let target = format!("{start_of}{}", "a".repeat(size));
            let fields = block(&[METHOD, SCHEME, AUTHORITY, (":path", &target)]);
            let mut pieces = fields.chunks(16 << 10).peekable();
            let mut bytes = start();
            let (mut kind, mut flags) = (HEADERS, END_STREAM);
            while let Some(piece) = pieces.next() {
                let last = if pieces.peek().is_none() {
                    END_HEADERS
                } else {
                    0
                };
                bytes.extend(frame(kind, flags | last, 1, piece));
                (kind, flags) = (CONTINUATION, 0);
            }
            let end = sent(&secured, &bytes).await;
            if size <= 60_000 {
                assert_eq!(end, End::Refused, "{size}");
            }
            assert_ne!(end, End::Served, "{size}");
            assert!(secured.upstream.take().is_empty(), "{size}");
            assert!(serves(&secured).await, "{size}");
        }
    }
}

/// E3 over HTTP/2: heads without an end, in one piece and in many.
#[tokio::test]
async fn e3_heads_without_an_end_are_cut_over_http_2() {
    let secured = secured().await;
    let good = block(&[METHOD, SCHEME, AUTHORITY, AT]);
    let piece = block(&[("x", &"v".repeat(100))]).repeat(140);
    for (name, continuation, times) in [
        ("small pieces", &piece[..106], 10_000),
        ("large pieces", &piece[..], 200),
        ("empty pieces", &[][..], 20_000),
    ] {
        let mut bytes = start();
        bytes.extend(frame(HEADERS, END_STREAM, 1, &good));
        for _ in 0..times {
            bytes.extend(frame(CONTINUATION, 0, 1, continuation));
        }
        let end = sent(&secured, &bytes).await;
        assert_ne!(end, End::Served, "{name}");
        assert!(secured.upstream.take().is_empty(), "{name}");
        assert!(serves(&secured).await, "{name}");
    }
}

/// Frames that cost the server an answer each, and are read by nobody.
#[tokio::test]
async fn e3_floods_of_small_frames_harm_nobody_over_http_2() {
    let secured = secured().await;
    for (kind, payload) in [(PING, &[0; 8][..]), (SETTINGS, &[][..])] {
        let mut bytes = start();
        for _ in 0..20_000 {
            bytes.extend(frame(kind, 0, 0, payload));
        }
        let mut stream = secured.connect(&[b"h2"]).await;
        let all = stream.write_all(&bytes);
        // Nobody reads: the bridge stops reading, too, or cuts.
        let _sent = tokio::time::timeout(std::time::Duration::from_secs(1), all).await;
        assert!(serves(&secured).await, "{kind}");
        drop(stream);
    }
}

/// E8: PING is no call, however often it comes.
#[tokio::test]
async fn e8_a_connection_without_calls_is_ended_over_http_2_although_it_pings() {
    let secured = secured_within(std::time::Duration::from_millis(200)).await;
    assert!(serves(&secured).await);
    let mut stream = secured.connect(&[b"h2"]).await;
    let ping = frame(PING, 0, 0, &[0; 8]);
    stream.write_all(&start()).await.unwrap();
    let ended = async {
        let mut head = [0; 9];
        loop {
            if stream.write_all(&ping).await.is_err() || stream.read_exact(&mut head).await.is_err()
            {
                return;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            if head[3] == GOAWAY || stream.read_exact(&mut payload).await.is_err() {
                return;
            }
        }
    };
    soon(ended).await;
    assert!(serves(&secured).await);
}

/// E4 over HTTP/2: rapid reset (CVE-2023-44487). Every call gives its place back, and what was not sent stays unsent.
#[tokio::test]
async fn e4_requests_that_are_reset_at_once_leave_nothing_behind_over_http_2() {
    let secured = secured().await;
    for _ in 0..4 {
        let stream = secured.connect(&[b"h2"]).await;
        let (mut send, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        let running = tokio::spawn(connection);
        for _ in 0..500 {
            if soon(send.ready()).await.is_err() {
                break;
            }
            let wait = Request::get("https://b/wait")
                .body(Full::<Bytes>::default())
                .unwrap();
            drop(send.send_request(wait));
            tokio::task::yield_now().await;
        }
        drop(send);
        // Ended by either side.
        let _ended = soon(running).await.unwrap();
    }
    until(|| is(&secured.bridge.counts.in_flight, 0)).await;
    assert!(is(&secured.bridge.counts.shed, 0));
    assert!(serves(&secured).await);
}

/// The same with frames by hand, and nothing between them.
#[tokio::test]
async fn e4_a_flood_of_opened_and_reset_streams_is_survived() {
    let secured = secured().await;
    let fields = block(&[METHOD, SCHEME, AUTHORITY, (":path", "/wait")]);
    let mut bytes = start();
    for n in 0..20_000_u32 {
        bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, &fields));
        bytes.extend(frame(RST_STREAM, 0, 2 * n + 1, &8_u32.to_be_bytes()));
    }
    bytes.extend(frame(PING, 0, 0, &[0; 8]));
    let end = sent(&secured, &bytes).await;
    assert!(matches!(end, End::Cut | End::Alive), "{end:?}");
    until(|| is(&secured.bridge.counts.in_flight, 0)).await;
    assert!(serves(&secured).await);
}
