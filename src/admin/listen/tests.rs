//! Slow and idle connections, and floods of them, over real sockets.

use axum::routing::post;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::*;
use crate::admin::tests::desk;

/// No wait is longer.
const LONG: Duration = Duration::from_secs(20);

const PROBE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Listening {
    at: SocketAddr,
    shutdown: CancellationToken,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn listening(limits: Limits) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let open = Router::new().route("/echo", post(|body: String| async { body }));
    let serving = desk(None, None).admin.within(limits).serve(
        listener,
        (open, Router::new()),
        shutdown.clone(),
    );
    tokio::spawn(serving);
    Listening { at, shutdown }
}

impl Listening {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }

    /// A connection on which this was sent.
    async fn sent(&self, bytes: &[u8]) -> TcpStream {
        let mut socket = self.connect().await;
        socket.write_all(bytes).await.unwrap();
        socket
    }

    async fn probe(&self) -> bool {
        is_answered(&mut self.sent(PROBE).await).await
    }
}

/// Whether a 200 comes.
async fn is_answered(socket: &mut TcpStream) -> bool {
    let mut head = [0; 15];
    let read = tokio::time::timeout(LONG, socket.read_exact(&mut head)).await;
    read.expect("an answer in time").is_ok() && &head == b"HTTP/1.1 200 OK"
}

/// What comes until the other side ends it.
async fn rest(socket: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let end = tokio::time::timeout(LONG, socket.read_to_end(&mut read)).await;
    // In order or by a reset.
    let _how = end.expect("an end in time");
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn e3_slow_heads_and_bodies_and_idle_connections_are_ended_and_a_probe_is_served_meanwhile() {
    let limits = Limits {
        head: Duration::from_millis(200),
        body: Duration::from_millis(200),
        ..Limits::default()
    };
    let listening = listening(limits).await;
    let mut half = listening.sent(b"GET /healthz HTTP/1.1\r\nHos").await;
    let mut silent = listening.connect().await;
    let mut idle = listening.sent(PROBE).await;
    assert!(is_answered(&mut idle).await);
    let mut body = listening
        .sent(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nab")
        .await;
    assert!(listening.probe().await);
    // One that never stops sending its head.
    let (mut hears, mut says) = listening.connect().await.into_split();
    let drips = tokio::spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_millis(10));
        says.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
        while says.write_all(b"x").await.is_ok() {
            beat.tick().await;
        }
    });
    let ended = tokio::time::timeout(LONG, hears.read_to_end(&mut Vec::new())).await;
    let _how = ended.expect("an end in time");
    tokio::time::timeout(LONG, drips).await.unwrap().unwrap();
    for socket in [&mut half, &mut silent] {
        assert_eq!(rest(socket).await, "");
    }
    assert!(rest(&mut idle).await.ends_with("{\"alive\":true}"));
    assert!(rest(&mut body).await.starts_with("HTTP/1.1 408 "));
    assert!(listening.probe().await);
}

#[tokio::test]
async fn e8_a_flood_of_half_open_connections_is_bounded_and_keeps_no_probe_out() {
    let limits = Limits {
        connections: 8,
        per_client: 4,
        ..Limits::default()
    };
    let listening = listening(limits).await;
    let from = TcpSocket::new_v4().unwrap();
    from.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = from.connect(listening.at).await.unwrap();
    other.write_all(PROBE).await.unwrap();
    assert!(is_answered(&mut other).await);
    let mut flood = Vec::new();
    for n in 0..60 {
        // Neither half a head nor half a body is anything to wait for.
        let half = match n % 3 {
            0 => &b""[..],
            1 => b"GET /healthz HTTP/1.1\r\nHost: loc",
            _ => b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nab",
        };
        flood.push(listening.sent(half).await);
        if n % 10 == 9 {
            assert!(listening.probe().await, "after {n}");
        }
    }
    for socket in &mut flood[..56] {
        assert_eq!(rest(socket).await, "");
    }
    // Another client's is not ended by it.
    let mut alive = [0; 4096];
    let _its_answer = other.read(&mut alive).await.unwrap();
    other.write_all(PROBE).await.unwrap();
    assert!(is_answered(&mut other).await);
}

#[tokio::test]
async fn a_body_is_handed_on_as_it_came_or_refused_as_too_large() {
    let listening = listening(Limits::default()).await;
    for (size, status) in [
        (0, 200),
        (3, 200),
        (LONGEST_BODY, 200),
        (LONGEST_BODY + 1, 413),
    ] {
        let body = "a".repeat(size);
        let request = format!(
            "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n{body}"
        );
        let answer = rest(&mut listening.sent(request.as_bytes()).await).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{size}: {answer:.100}"
        );
        assert!(
            status != 200 || answer.ends_with(&format!("\r\n\r\n{body}")),
            "{size}"
        );
    }
}
