//! E1–E5, B8, B9: what has attacked HTTP servers before, each a row of a table (the classes of the HTTP Garden, and the
//! published attacks on HTTP/2).
//!
//! Every row is sent twice, to a path that is streamed through and to a call that is read whole, with a good request
//! right behind it on the same connection. Looked at are what the client got, what reached upstream, and whether the
//! bridge serves afterwards.

/// A table: what a row is about, its bytes, what must come of it.
macro_rules! rows {
    ($($name:literal, $bytes:expr, $expect:expr;)*) => { &[$(($name, $bytes, $expect),)*] };
}

mod chunks;
mod framing;
mod heads;
mod hosts;
mod hypertext2;
mod protocols;
mod targets;

use tokio::io::AsyncWriteExt;

use crate::support::bridge::{Bridge, is};
use crate::support::client::{Client, Cut, healthy};
use crate::support::upstream::{Seen, Upstream};
use crate::support::{LIMIT, soon};

/// Stands in a row for the path.
const PATH: &str = "{path}";

/// A path that streams through, and a call of eCom.
const PATHS: [&str; 2] = ["/x", "/ecomm/v2/payments"];

/// Sent behind every row on its connection. Where the row is refused it must be nobody's: neither served nor the start
/// of something else.
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n";

/// What must come of a row.
#[derive(Clone, Copy, Debug)]
enum Expect {
    /// One of these statuses, or no answer at all; the connection ends, and upstream sees nothing.
    Refused(&'static [u16]),
    /// 200, after upstream saw one request with this body (and the row's path); the next one is served.
    Served(&'static str),
    /// The same, but the connection ends and the next one is not served.
    ServedLast(&'static str),
    /// The same, but what stands behind it is refused as malformed.
    ServedThenBad(&'static str),
}

use Expect::{Refused, Served, ServedLast, ServedThenBad};

/// Refused as malformed.
const BAD: Expect = Refused(&[400]);

/// What it is about, its bytes, what must come of it.
type Row = (&'static str, &'static str, Expect);

/// What the client saw and what upstream saw.
struct Came {
    statuses: Vec<u16>,
    closed: bool,
    seen: Vec<Seen>,
}

struct Stand {
    upstream: Upstream,
    bridge: Bridge,
}

impl Stand {
    async fn up() -> Self {
        let upstream = Upstream::start().await;
        let bridge = Bridge::to(upstream.addr).await;
        Self { upstream, bridge }
    }

    /// Sends bytes on a connection of their own, and reads until it ends.
    async fn send(&self, bytes: &[u8]) -> Came {
        let mut client = Client::to(self.bridge.addr).await;
        client.send(bytes).await;
        let mut statuses = Vec::new();
        let reading = async {
            loop {
                match client.read(false).await {
                    Ok(answer) => statuses.push(answer.status),
                    Err(cut) => return cut == Cut::Nothing,
                }
            }
        };
        // An end that does not come is a fault of the row: the others are looked at all the same.
        let closed = tokio::time::timeout(LIMIT / 4, reading).await == Ok(true);
        Came {
            statuses,
            closed,
            seen: self.upstream.take(),
        }
    }

    /// Whether it serves as if nothing had been.
    async fn is_well(&self) -> bool {
        let well = healthy(self.bridge.addr).await;
        let seen = self.upstream.take();
        well && seen.len() == 1 && seen[0].target == "/healthy" && self.upstream.malformed() == 0
    }

    /// What is wrong with what came of a row, sent with the next request behind it; nothing where all is well.
    async fn wrong(&self, bytes: &[u8], path: &str, expect: Expect) -> Option<String> {
        let came = self.send(&[bytes, NEXT.as_bytes()].concat()).await;
        let Came {
            statuses,
            closed,
            seen,
        } = &came;
        let fits = match (expect, &seen[..]) {
            (Refused(wanted), []) => {
                matches!(statuses[..], []) || matches!(statuses[..], [one] if wanted.contains(&one))
            }
            (Served(body), [one, next]) => {
                let next = next.target == "/next" && next.body.is_empty();
                *statuses == [200, 200] && next && is_meant(one, path, body)
            }
            (ServedLast(body), [one]) => *statuses == [200] && is_meant(one, path, body),
            (ServedThenBad(body), [one]) => *statuses == [200, 400] && is_meant(one, path, body),
            _ => false,
        };
        if !self.is_well().await {
            return Some("the bridge is not well afterwards".to_owned());
        }
        (!fits || !closed).then(|| {
            let ends = if *closed { "" } else { ", an answer cut" };
            format!("{statuses:?}{ends}, not {expect:?}; upstream saw {seen:?}")
        })
    }

    /// Every row, on both paths.
    async fn all_hold(&self, rows: &[Row]) {
        let mut all = Vec::new();
        for (name, bytes, expect) in rows {
            let paths = if bytes.contains(PATH) {
                &PATHS[..]
            } else {
                &PATHS[..1]
            };
            for path in paths {
                let bytes = bytes.replace(PATH, path);
                if let Some(wrong) = self.wrong(bytes.as_bytes(), path, *expect).await {
                    all.push(format!("{name} ({path}): {wrong}"));
                }
            }
        }
        assert!(all.is_empty(), "{}", all.join("\n"));
    }
}

/// With the path and body that are answered for; one length, said in one way; nothing of the client's connection.
fn is_meant(seen: &Seen, path: &str, body: &str) -> bool {
    let all = |name: &str| seen.headers.get_all(name).iter().count();
    let framed = all("content-length") + all("transfer-encoding");
    let gone = [
        "connection",
        "te",
        "trailer",
        "upgrade",
        "keep-alive",
        "expect",
        "x-own",
    ];
    let framed = framed == 1 || (framed == 0 && body.is_empty());
    seen.target == path
        && seen.body == body.as_bytes()
        && framed
        && all("host") == 1
        && gone.iter().all(|name| all(name) == 0)
        && !seen
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("x-forwarded"))
}

#[tokio::test]
async fn e1_what_frames_a_body_has_one_reading_or_none() {
    Stand::up().await.all_hold(framing::ROWS).await;
}

#[tokio::test]
async fn e1_chunks_have_one_reading_or_none() {
    let stand = Stand::up().await;
    stand.all_hold(chunks::ROWS).await;
    for path in PATHS {
        for (name, rest) in chunks::floods() {
            let head = chunks::HEAD.replace(PATH, path);
            let bytes = [head.as_bytes(), rest.as_bytes()].concat();
            let refused = Refused(&[400, 413, 431]);
            assert_eq!(stand.wrong(&bytes, path, refused).await, None, "{name}");
        }
    }
}

#[tokio::test]
async fn e1_heads_have_one_reading_or_none() {
    Stand::up().await.all_hold(heads::ROWS).await;
}

#[tokio::test]
async fn e1_a_request_has_one_host_or_is_refused() {
    Stand::up().await.all_hold(hosts::ROWS).await;
}

#[tokio::test]
async fn e2_other_protocols_are_not_spoken_on_the_plain_listener() {
    Stand::up().await.all_hold(protocols::ROWS).await;
}

/// B8, B9: what upstream is asked is what came, or nothing.
#[tokio::test]
async fn b8_b9_a_path_is_one_operation_about_one_order_or_is_refused() {
    let stand = Stand::up().await;
    let mut wrong = Vec::new();
    for (line, status) in targets::ROWS {
        let bytes = format!("{line} HTTP/1.1\r\nHost: b\r\n\r\n{NEXT}");
        let came = stand.send(bytes.as_bytes()).await;
        let seen: Vec<String> = came
            .seen
            .iter()
            .map(|seen| format!("{} {}", seen.method, seen.target))
            .collect();
        let fits = match status {
            200 => seen == [line, "GET /next"],
            // Refused, and the connection goes on or ends.
            _ => seen.iter().all(|seen| seen == "GET /next"),
        };
        if !fits || came.statuses.first() != Some(status) || !stand.is_well().await {
            wrong.push(format!(
                "{line}: {:?}, not {status}; upstream saw {seen:?}",
                came.statuses
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The edge's own refusals are eCom's errors, and end the connection.
#[tokio::test]
async fn e1_refusals_of_the_edge_have_ecoms_shape_and_close() {
    let stand = Stand::up().await;
    for (number, (request, status, code)) in protocols::REFUSALS.iter().enumerate() {
        let mut client = Client::to(stand.bridge.addr).await;
        let answer = client.ask(request).await;
        let told = (answer.status, answer.ecom_code());
        assert_eq!(told, (*status, (*code).to_owned()), "{request}");
        assert_eq!(answer.header("connection"), Some("close"), "{request}");
        assert!(client.rest().await.is_empty(), "{request}");
        assert!(is(&stand.bridge.counts.refused, number + 1));
    }
    assert!(stand.upstream.seen().is_empty());
    assert!(stand.is_well().await);
}

/// A request of which the client's side ends in the middle is refused or nothing: no part of it is a request.
#[tokio::test]
async fn e1_half_a_request_and_then_the_end_is_no_request() {
    let stand = Stand::up().await;
    for bytes in [
        "",
        "GET /x",
        "GET /x HTTP/1.1\r\nHost: b\r\n",
        "GET /x HTTP/1.1\r\nHost: b\r\n\r",
        "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\na",
        "POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: 9223372036854775808\r\n\r\na",
        "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n100000001\r\na\r\n0\r\n\r\n",
        "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
        "POST {path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n",
    ] {
        for path in PATHS {
            let mut client = Client::to(stand.bridge.addr).await;
            client.send(bytes.replace(PATH, path)).await;
            soon(client.socket.shutdown()).await.unwrap();
            if let Ok(answer) = client.read(false).await {
                assert!([400, 413].contains(&answer.status), "{bytes:?}");
            }
            assert!(client.rest().await.is_empty(), "{bytes:?}");
            assert!(stand.upstream.take().is_empty(), "{bytes:?}");
            assert!(stand.is_well().await, "{bytes:?}");
        }
    }
}
