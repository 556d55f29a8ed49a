//! Upstreams and clients that fail halfway: nobody takes a part for the whole, and nothing is sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt;
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
    for framing in [
        "Content-Length: 100\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let addr = scripted(move |mut socket, _| async move {
            head(&mut socket).await;
            say(&mut socket, "HTTP/1.1 200 OK\r\n").await;
            say(&mut socket, framing).await;
            std::future::pending::<()>().await;
        })
        .await;
        let bridge = Bridge::with(addr, quick()).await;
        let mut client = Client::to(bridge.addr).await;
        client.send("GET /x HTTP/1.1\r\nHost: b\r\n\r\n").await;
        assert_eq!(client.read(false).await.unwrap_err(), Cut::Part);
        until(|| is(&bridge.counts.in_flight, 0)).await;
    }
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

/// HTTP/1.0 has no other end than the connection's: only a reset tells a part from the whole.
#[tokio::test]
async fn an_answer_that_breaks_off_is_a_reset_for_http_1_0() {
    let addr = scripted(|mut socket, _| async move {
        head(&mut socket).await;
        say(
            &mut socket,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        )
        .await;
    })
    .await;
    let bridge = Bridge::to(addr).await;
    let mut client = Client::to(bridge.addr).await;
    client.send("GET /x HTTP/1.0\r\n\r\n").await;
    let mut read = Vec::new();
    let end = soon(client.socket.read_to_end(&mut read)).await;
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_answer_with_two_readings_is_passed_with_one_or_not_at_all() {
    for (answer, status, framing) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            200,
            (None, Some("chunked")),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            200,
            (Some("3"), None),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc",
            200,
            (Some("3"), None),
        ),
        ("HTTP/1.1 200 OK\r\n\r\nabc", 200, (None, Some("chunked"))),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            502,
            (None, None),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            502,
            (None, None),
        ),
    ] {
        let addr = scripted(move |mut socket, _| async move {
            head(&mut socket).await;
            say(&mut socket, answer).await;
        })
        .await;
        let bridge = Bridge::to(addr).await;
        let told = ask(bridge.addr, "GET /x HTTP/1.1\r\nHost: b\r\n\r\n").await;
        assert_eq!(told.status, status, "{answer}");
        if status == 200 {
            assert_eq!(told.body, b"abc", "{answer}");
            let lengths = told.all("content-length");
            assert!(lengths.len() < 2, "{answer}");
            assert_eq!(
                (lengths.first().copied(), told.header("transfer-encoding")),
                framing,
                "{answer}"
            );
        }
    }
}

/// Upstream closes every connection after one answer, without a word: whatever the pool makes of it, no POST arrives
/// twice, and one that arrived nowhere is not lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_of_dying_connections_sends_no_post_twice() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&arrived);
    let addr = scripted(move |mut socket, _| {
        let count = Arc::clone(&count);
        async move {
            if head(&mut socket).await.starts_with("POST") {
                count.fetch_add(1, Ordering::SeqCst);
                say(&mut socket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            }
        }
    })
    .await;
    let bridge = Bridge::to(addr).await;
    let mut client = Client::to(bridge.addr).await;
    let mut answered = 0;
    for n in 1..=200 {
        let answer = client
            .ask("POST /x HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\na")
            .await;
        assert!(matches!(answer.status, 200 | 502), "{answer:?}");
        answered += usize::from(answer.status == 200);
        assert!((answered..=n).contains(&arrived.load(Ordering::SeqCst)));
    }
    assert!(answered > 0);
}
