//! What goes through the bridge: the same bytes on both sides, streamed, and cut where they were cut.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::support::bridge::{Bridge, Wanted, is};
use crate::support::client::{Client, Cut, ask};
use crate::support::upstream::{Upstream, head, nobody, say, scripted};
use crate::support::{soon, until};

fn quick() -> Wanted {
    Wanted {
        idle: Duration::from_millis(300),
        ..Wanted::default()
    }
}

#[tokio::test]
async fn every_method_passes_with_its_body() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    let mut client = Client::to(bridge.addr).await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        let request = format!("{method} /x HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nabc");
        let answer = client.ask(request).await;
        assert_eq!(
            (answer.status, &answer.body[..]),
            (200, &b"abc"[..]),
            "{method}"
        );
        assert_eq!(answer.header("bridge-route"), Some("pass"));
        assert!(answer.header("bridge-request-id").is_some());
        let seen = upstream.take();
        assert_eq!((seen.len(), seen[0].method.as_str()), (1, method));
        assert_eq!(seen[0].headers["content-length"], "3");
    }
    // One connection each served all of them.
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn what_has_no_body_gets_none() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    let mut client = Client::to(bridge.addr).await;
    for method in ["GET", "POST", "DELETE"] {
        client
            .ask(format!("{method} /x HTTP/1.1\r\nHost: b\r\n\r\n"))
            .await;
        let seen = upstream.take();
        assert!(!seen[0].headers.contains_key("content-length"), "{method}");
        assert!(
            !seen[0].headers.contains_key("transfer-encoding"),
            "{method}"
        );
    }
    client
        .ask("POST /x HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n")
        .await;
    assert_eq!(upstream.take()[0].headers["content-length"], "0");
}

#[tokio::test]
async fn head_and_bodiless_statuses_keep_their_length() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    let mut client = Client::to(bridge.addr).await;
    client
        .send("HEAD /size/1234 HTTP/1.1\r\nHost: b\r\n\r\n")
        .await;
    let answer = client.read(true).await.unwrap();
    assert_eq!(
        (answer.status, answer.header("content-length")),
        (200, Some("1234"))
    );
    for status in [204, 304] {
        let answer = client
            .ask(format!("GET /status/{status} HTTP/1.1\r\nHost: b\r\n\r\n"))
            .await;
        assert_eq!(answer.status, status);
    }
    for status in [302, 404, 418, 503] {
        let answer = client
            .ask(format!("GET /status/{status} HTTP/1.1\r\nHost: b\r\n\r\n"))
            .await;
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn the_head_reaches_upstream_as_it_came() {
    let addr = scripted(|mut socket, _| async move {
        loop {
            let head = head(&mut socket).await;
            if head.is_empty() {
                return;
            }
            say(
                &mut socket,
                "HTTP/1.1 299 Odd Reason\r\nX-CaSe: 1\r\nServer: up\r\n",
            )
            .await;
            say(
                &mut socket,
                &format!("Content-Length: {}\r\n\r\n{head}", head.len()),
            )
            .await;
        }
    })
    .await;
    let bridge = Bridge::to(addr).await;
    let mut client = Client::to(bridge.addr).await;
    for target in [
        "/a'b%27;c=d//e?x='%2e%2E&y=a+b%20c;//",
        "//x//",
        "/?",
        "/%C3%A6?%",
        "*",
    ] {
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        let answer = client
            .ask(format!(
                "{method} {target} HTTP/1.1\r\nhOsT: bridge\r\nX-Twice: 1\r\nAuthorization: t\r\n\
                 x-tWICE: 2\r\nConnection: X-Named, keep-alive\r\nx-named: 1\r\nKeep-Alive: 1\r\n\
                 Proxy-Connection: 1\r\nProxy-Authorization: 1\r\nTE: trailers\r\nTrailer: x\r\n\
                 Expect: 100-continue\r\nX-Forwarded-For: 1\r\nX-Forwarded-Host: 1\r\nForwarded: 1\r\n\
                 X-Real-IP: 1\r\nBridge-Route: 1\r\nBridge-Request-Id: 1\r\nX-Empty:\r\n\
                 X-Bytes: \u{e6}\r\nAccept-Encoding: gzip\r\n\r\n"
            ))
            .await;
        let want = format!(
            "{method} {target} HTTP/1.1\r\nhOsT: {addr}\r\nX-Twice: 1\r\nx-tWICE: 2\r\nAuthorization: t\r\nX-Empty:\r\n\
             X-Bytes: \u{e6}\r\nAccept-Encoding: gzip\r\n\r\n"
        );
        assert_eq!(String::from_utf8(answer.body).unwrap(), want);
        assert!(
            answer
                .head
                .starts_with("HTTP/1.1 299 Odd Reason\r\nX-CaSe: 1\r\nServer: up\r\n")
        );
    }
}

#[tokio::test]
async fn the_answers_headers_come_in_order_without_those_of_the_hop() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    let answer = ask(bridge.addr, "GET /x HTTP/1.1\r\nHost: b\r\n\r\n").await;
    assert_eq!(answer.all("set-cookie"), ["a=1", "b=2"]);
    for gone in ["x-hop", "keep-alive", "connection"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
    assert_eq!(answer.all("bridge-route"), ["pass"]);
}

#[tokio::test]
async fn bodies_of_all_sizes_pass_both_ways() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    for size in [1_usize, 2, 1_000, 8_192, 65_537, 1 << 20] {
        let body: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let mut client = Client::to(bridge.addr).await;
        client
            .send(format!(
                "POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: {size}\r\n\r\n"
            ))
            .await;
        let (mut from, mut to) = client.socket.split();
        let mut read = Vec::new();
        let got = soon(async {
            let send = to.write_all(&body);
            let take = async {
                while !read.ends_with(&body) {
                    assert!(from.read_buf(&mut read).await.unwrap() > 0);
                }
            };
            tokio::join!(send, take)
        })
        .await;
        got.0.unwrap();
        let head = String::from_utf8_lossy(&read[..read.len() - size]).into_owned();
        assert!(
            head.contains(&format!("content-length: {size}\r\n")),
            "{head}"
        );
    }
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Sends `size` bytes to `/echo`, chunked or not, and counts what comes back.
async fn flood(addr: std::net::SocketAddr, size: usize, chunked: bool) -> usize {
    static PIECE: [u8; 64 << 10] = [b'c'; 64 << 10];
    let mut client = Client::to(addr).await;
    let framing = if chunked {
        "Transfer-Encoding: chunked".to_owned()
    } else {
        format!("Content-Length: {size}")
    };
    client
        .send(format!(
            "POST /echo HTTP/1.1\r\nHost: b\r\nConnection: close\r\n{framing}\r\n\r\n"
        ))
        .await;
    let (mut from, mut to) = client.socket.split();
    let send = async {
        let mut left = size;
        while left > 0 {
            let now = left.min(PIECE.len());
            if chunked {
                to.write_all(format!("{now:x};ext=1\r\n").as_bytes())
                    .await
                    .unwrap();
            }
            to.write_all(&PIECE[..now]).await.unwrap();
            if chunked {
                to.write_all(b"\r\n").await.unwrap();
            }
            left -= now;
        }
        if chunked {
            to.write_all(b"0\r\nX-Trailer: 1\r\n\r\n").await.unwrap();
        }
    };
    let take = async {
        let mut piece = vec![0; 256 << 10];
        let mut body = 0;
        loop {
            match from.read(&mut piece).await.unwrap() {
                0 => return body,
                n => body += piece[..n].iter().filter(|byte| **byte == b'c').count(),
            }
        }
    };
    let ((), body) = soon(async { tokio::join!(send, take) }).await;
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_stream_both_ways() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    for chunked in [false, true] {
        let size = 64 << 20;
        let came = flood(bridge.addr, size, chunked).await;
        // The few of the head, and of chunk sizes in hexadecimal, count, too.
        assert!((size..size + 100_000).contains(&came), "{came}");
    }
}

/// Writes until the other side takes no more for a while; gives what it took.
async fn fill(socket: &mut (impl AsyncWriteExt + Unpin)) -> usize {
    let mut taken = 0;
    let pause = Duration::from_millis(300);
    while let Ok(written) = tokio::time::timeout(pause, socket.write(&[b'c'; 64 << 10])).await {
        taken += written.unwrap();
    }
    taken
}

#[tokio::test]
async fn nothing_is_taken_faster_than_the_other_side_takes_it() {
    let taken = Arc::new(std::sync::Mutex::new(None));
    let told = Arc::clone(&taken);
    let addr = scripted(move |mut socket, _| {
        let told = Arc::clone(&told);
        async move {
            if head(&mut socket).await.starts_with("GET") {
                say(
                    &mut socket,
                    "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n",
                )
                .await;
                *told.lock().unwrap() = Some(fill(&mut socket).await);
            }
            std::future::pending::<()>().await;
        }
    })
    .await;
    let bridge = Bridge::to(addr).await;
    let mut up = Client::to(bridge.addr).await;
    up.send("POST /x HTTP/1.1\r\nHost: b\r\nContent-Length: 1000000000\r\n\r\n")
        .await;
    let sent = fill(&mut up.socket).await;
    let mut down = Client::to(bridge.addr).await;
    down.send("GET /x HTTP/1.1\r\nHost: b\r\n\r\n").await;
    until(|| taken.lock().unwrap().is_some()).await;
    // What four socket buffers hold; the bridge's own share is below 1 MiB.
    for bytes in [sent, taken.lock().unwrap().unwrap_or(0)] {
        assert!(bytes < 24 << 20, "{bytes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes long in a debug build: run by hand"]
async fn a_gigabyte_passes_in_constant_memory() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    let before = resident_kib();
    assert!(flood(bridge.addr, 1 << 30, false).await >= 1 << 30);
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 48 << 10, "{grown} KiB");
}

#[tokio::test]
async fn chunked_bodies_are_framed_anew_and_lose_extensions_and_trailers() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    let mut client = Client::to(bridge.addr).await;
    for method in ["POST", "GET", "DELETE"] {
        let answer = client
            .ask(format!(
                "{method} /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n\
                 3;a=b\r\nabc\r\n02\r\nde\r\n0\r\nX-T: 1\r\n\r\n"
            ))
            .await;
        assert_eq!(answer.body, b"abcde", "{method}");
        let seen = upstream.take();
        assert_eq!(&seen[0].body[..], b"abcde");
        assert_eq!(seen[0].headers["transfer-encoding"], "chunked");
    }
    let answer = client
        .ask("GET /chunks/200000 HTTP/1.1\r\nHost: b\r\n\r\n")
        .await;
    assert_eq!(answer.body.len(), 200_000);
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    let answer = client
        .ask("GET /size/200000 HTTP/1.1\r\nHost: b\r\n\r\n")
        .await;
    assert_eq!(
        (answer.body.len(), answer.header("content-length")),
        (200_000, Some("200000"))
    );
}

#[tokio::test]
async fn a_client_that_waits_for_100_gets_it() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    for path in ["/x", "/ecomm/v2/payments"] {
        let mut client = Client::to(bridge.addr).await;
        client
            .send(format!(
                "POST {path} HTTP/1.1\r\nHost: b\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
            ))
            .await;
        assert_eq!(client.read(false).await.unwrap().status, 100);
        let answer = client.ask("abc").await;
        assert_eq!((answer.status, &answer.body[..]), (200, &b"abc"[..]));
        assert!(!upstream.take()[0].headers.contains_key("expect"));
    }
}

#[tokio::test]
async fn an_express_like_body_arrives_byte_for_byte() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    let body = "{ \"b\" : 1.0,\t\"a\":\"\\u00e6\" ,\"b\":2}\n";
    for framing in [
        format!("Content-Length: {}\r\n\r\n{body}", body.len()),
        format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        ),
    ] {
        let request =
            format!("POST /Ecomm//v2/payments/?a=b HTTP/1.1\r\nHost: b\r\nX-A: 1\r\n{framing}");
        let answer = ask(bridge.addr, request).await;
        assert_eq!(answer.body, body.as_bytes());
        let seen = upstream.take();
        assert_eq!(&seen[0].body[..], body.as_bytes());
        assert_eq!(seen[0].target, "/Ecomm//v2/payments/?a=b");
        assert_eq!(seen[0].headers["content-length"], body.len().to_string());
        assert!(!seen[0].headers.contains_key("transfer-encoding"));
        assert_eq!(seen[0].headers["x-a"], "1");
    }
}

#[tokio::test]
async fn http_1_0_is_served_and_closed() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    for extra in ["", "Connection: keep-alive\r\n", "Host: b\r\n"] {
        let mut client = Client::to(bridge.addr).await;
        let answer = client
            .ask(format!("GET /chunks/70000 HTTP/1.0\r\n{extra}\r\n"))
            .await;
        assert!(answer.head.starts_with("HTTP/1.0 200"), "{}", answer.head);
        assert_eq!(
            (answer.body.len(), answer.header("transfer-encoding")),
            (70_000, None)
        );
        assert!(client.rest().await.is_empty());
        assert_eq!(
            upstream.take()[0].headers["host"],
            upstream.addr.to_string()
        );
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_told_and_nothing_was_sent() {
    let bridge = Bridge::to(nobody().await).await;
    let answer = ask(
        bridge.addr,
        "POST /x HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\na",
    )
    .await;
    assert_eq!((answer.status, answer.ecom_code().as_str()), (502, "99"));
    assert!(String::from_utf8_lossy(&answer.body).contains("nothing was sent"));
}

#[tokio::test]
async fn an_upstream_that_hangs_is_given_up() {
    let addr = scripted(|mut socket, _| async move {
        head(&mut socket).await;
        std::future::pending::<()>().await;
    })
    .await;
    let bridge = Bridge::with(addr, quick()).await;
    let answer = ask(
        bridge.addr,
        "POST /x HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\na",
    )
    .await;
    assert_eq!((answer.status, answer.ecom_code().as_str()), (502, "99"));
    assert!(String::from_utf8_lossy(&answer.body).contains("may have handled"));
}

#[tokio::test]
async fn a_post_is_sent_once_even_on_a_connection_that_dies_under_it() {
    let addr = scripted(|mut socket, number| async move {
        head(&mut socket).await;
        socket.read_u8().await.unwrap();
        say(&mut socket, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n").await;
        say(&mut socket, &number.to_string()).await;
        // The second request on the first connection is read, and its connection closed without an answer.
        head(&mut socket).await;
    })
    .await;
    let bridge = Bridge::to(addr).await;
    let post = "POST /x HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\na";
    let mut client = Client::to(bridge.addr).await;
    assert_eq!(client.ask(post).await.body, b"0");
    let second = client.ask(post).await;
    assert_eq!((second.status, second.ecom_code().as_str()), (502, "99"));
    // Had it been sent again by the bridge, the second connection would have answered it.
    assert_eq!(client.ask(post).await.body, b"1");
}

#[tokio::test]
async fn an_answer_that_breaks_off_cuts_the_client_off() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nxyz\r\n",
    ] {
        let addr = scripted(move |mut socket, _| async move {
            head(&mut socket).await;
            say(&mut socket, answer).await;
        })
        .await;
        let bridge = Bridge::to(addr).await;
        let mut client = Client::to(bridge.addr).await;
        client.send("GET /x HTTP/1.1\r\nHost: b\r\n\r\n").await;
        assert_eq!(client.read(false).await.unwrap_err(), Cut::Part, "{answer}");
    }
}

#[tokio::test]
async fn an_answer_that_falls_silent_cuts_the_client_off() {
    let addr = scripted(|mut socket, _| async move {
        head(&mut socket).await;
        say(
            &mut socket,
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        )
        .await;
        std::future::pending::<()>().await;
    })
    .await;
    let bridge = Bridge::with(addr, quick()).await;
    let mut client = Client::to(bridge.addr).await;
    client.send("GET /x HTTP/1.1\r\nHost: b\r\n\r\n").await;
    assert_eq!(client.read(false).await.unwrap_err(), Cut::Part);
    until(|| is(&bridge.counts.in_flight, 0)).await;
}

#[tokio::test]
async fn a_broken_head_of_an_answer_is_no_answer() {
    for answer in [
        "",
        "HTTP/1.1",
        "nonsense\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
    ] {
        let addr = scripted(move |mut socket, _| async move {
            head(&mut socket).await;
            say(&mut socket, answer).await;
        })
        .await;
        let bridge = Bridge::to(addr).await;
        let told = ask(bridge.addr, "GET /x HTTP/1.1\r\nHost: b\r\n\r\n").await;
        assert_eq!(
            (told.status, told.ecom_code().as_str()),
            (502, "99"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_long_upload_is_not_cut_while_it_moves() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::with(upstream.addr, quick()).await;
    let mut client = Client::to(bridge.addr).await;
    client
        .send("POST /count HTTP/1.1\r\nHost: b\r\nContent-Length: 10\r\n\r\n")
        .await;
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..10 {
        tick.tick().await;
        client.send("a").await;
    }
    assert_eq!(client.read(false).await.unwrap().body, b"10");
}

#[tokio::test]
async fn an_upload_that_stops_is_408_and_one_that_breaks_reaches_nobody_whole() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::with(upstream.addr, quick()).await;
    let mut client = Client::to(bridge.addr).await;
    client
        .send("POST /x HTTP/1.1\r\nHost: b\r\nContent-Length: 10\r\n\r\nabc")
        .await;
    let answer = client.read(false).await.unwrap();
    assert_eq!(
        (answer.status, answer.header("connection")),
        (408, Some("close"))
    );
    assert!(client.rest().await.is_empty());

    let mut client = Client::to(bridge.addr).await;
    client
        .send("POST /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
        .await;
    let answer = client.read(false).await.unwrap();
    assert_eq!(answer.status, 400);
    assert!(client.rest().await.is_empty());
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_client_that_hangs_up_frees_its_place_and_upstreams() {
    let closed = Arc::new(Notify::new());
    let seen = Arc::clone(&closed);
    let addr = scripted(move |mut socket, _| {
        let seen = Arc::clone(&seen);
        async move {
            head(&mut socket).await;
            let _end = socket.read_u8().await;
            seen.notify_one();
        }
    })
    .await;
    let bridge = Bridge::to(addr).await;
    let mut client = Client::to(bridge.addr).await;
    client.send("GET /x HTTP/1.1\r\nHost: b\r\n\r\n").await;
    until(|| is(&bridge.counts.in_flight, 1)).await;
    drop(client);
    soon(closed.notified()).await;
    until(|| is(&bridge.counts.in_flight, 0) && is(&bridge.counts.abandoned, 1)).await;
}
