//! Bodies on their way: streamed in both directions, never faster than they are taken.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::bridge::Bridge;
use crate::support::client::Client;
use crate::support::upstream::{Upstream, head, say, scripted};
use crate::support::{soon, until};

#[tokio::test]
async fn bodies_of_all_sizes_pass_both_ways() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    for size in [1_usize, 2, 1_000, 8_192, 65_537, 1 << 20] {
        let body: Vec<u8> = (0..=250).cycle().take(size).collect();
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
            to.write_all(b"0\r\n\r\n").await.unwrap();
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
