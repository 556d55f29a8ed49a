//! One request to a merchant: callbacks of eCom, webhooks of ePayment.
//!
//! Plain HTTP to loopback only, one attempt, one deadline, no redirects. Must not: reach anything outside this machine.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Host (with its port unless it is the default) and path of a URL that may be called.
pub(super) struct Target {
    pub(super) host: String,
    pub(super) path_and_query: String,
    connect: (String, u16),
}

/// Reads a URL; the reason where it may not be called.
pub(super) fn target(url: &str) -> Result<Target, String> {
    let uri: http::Uri = url.parse().map_err(|_| "not a URL".to_owned())?;
    if uri.scheme_str() != Some("http") {
        return Err("only plain http to loopback is called".to_owned());
    }
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = host == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    if !loopback {
        return Err("only loopback hosts are called".to_owned());
    }
    let port = uri.port_u16().unwrap_or(80);
    Ok(Target {
        host: if port == 80 {
            host.to_owned()
        } else {
            format!("{host}:{port}")
        },
        path_and_query: uri.path_and_query().map_or("/", |p| p.as_str()).to_owned(),
        connect: (
            if host == "localhost" {
                "127.0.0.1".to_owned()
            } else {
                bare.to_owned()
            },
            port,
        ),
    })
}

/// Posts; the status, or why there is none.
pub(super) async fn post(
    target: &Target,
    headers: &[(String, String)],
    body: Bytes,
    time: Duration,
) -> Result<u16, String> {
    match tokio::time::timeout(time, send(target, headers, body)).await {
        Ok(result) => result,
        Err(_) => Err("no answer in time".to_owned()),
    }
}

async fn send(target: &Target, headers: &[(String, String)], body: Bytes) -> Result<u16, String> {
    let words = |what: &str, e: &dyn std::fmt::Display| format!("{what}: {e}");
    let (host, port) = &target.connect;
    let stream = TcpStream::connect((host.as_str(), *port))
        .await
        .map_err(|e| words("connect", &e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| words("handshake", &e))?;
    let mut request = hyper::Request::post(target.path_and_query.as_str())
        .header("host", target.host.as_str())
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(name.as_str(), value.as_str());
    }
    let request = request
        .body(Full::new(body))
        .map_err(|e| words("request", &e))?;
    let exchange = async {
        let answer = sender
            .send_request(request)
            .await
            .map_err(|e| words("send", &e))?;
        let status = answer.status().as_u16();
        let limited = http_body_util::Limited::new(answer.into_body(), 1 << 20);
        limited.collect().await.map_err(|e| words("answer", &e))?;
        Ok(status)
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        result = &mut exchange => result,
        ended = &mut connection => match ended {
            Ok(()) => exchange.await,
            Err(e) => Err(words("connection", &e)),
        },
    }
}
