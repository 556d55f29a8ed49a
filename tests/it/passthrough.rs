//! What goes through the bridge is the same on both sides.

use crate::support::bridge::Bridge;
use crate::support::client::{Client, ask};
use crate::support::upstream::{Upstream, head, say, scripted};

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
async fn chunked_bodies_are_framed_anew_and_lose_extensions() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::to(upstream.addr).await;
    let mut client = Client::to(bridge.addr).await;
    for method in ["POST", "GET", "DELETE"] {
        let answer = client
            .ask(format!(
                "{method} /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n\
                 3;a=b\r\nabc\r\n02\r\nde\r\n0;c\r\n\r\n"
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
    // Asked to, and able to, go on: closed all the same.
    let mut client = Client::to(bridge.addr).await;
    let answer = client
        .ask("GET /size/10 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        .await;
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(client.rest().await.is_empty());
}
