//! The listener with a certificate: HTTP/2 and HTTP/1.1 by ALPN, and nothing without TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ecom_bridge::proxy::tls::TlsFiles;
use ecom_bridge::proxy::{BindError, Server, ServerSettings};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::reload::{operate, reloads};
use crate::support::app::with;
use crate::support::bridge::{Bridge, Wanted, is};
use crate::support::client::{Client, Cut};
use crate::support::upstream::Upstream;
use crate::support::{eventually, soon, until};

/// A bridge with a certificate of its own.
pub(crate) struct Secured {
    pub(crate) upstream: Upstream,
    pub(crate) bridge: Bridge,
    cert: CertificateDer<'static>,
    _files: TempDir,
}

pub(crate) async fn secured() -> Secured {
    secured_within(Duration::from_secs(60)).await
}

/// The longest that a head may take, and a connection may wait for its next call.
pub(crate) async fn secured_within(header_timeout: Duration) -> Secured {
    let (cert, pem, key) = made();
    let files = tempfile::tempdir().unwrap();
    let tls = TlsFiles {
        cert: files.path().join("cert.pem"),
        key: files.path().join("key.pem"),
    };
    std::fs::write(&tls.cert, pem).unwrap();
    std::fs::write(&tls.key, key).unwrap();
    let mut wanted = Wanted::default();
    wanted.settings.tls = Some(tls);
    wanted.settings.handshake_timeout = Duration::from_millis(300);
    wanted.settings.header_timeout = header_timeout;
    let upstream = Upstream::start().await;
    Secured {
        bridge: Bridge::with(upstream.addr, wanted).await,
        upstream,
        cert,
        _files: files,
    }
}

impl Secured {
    pub(crate) async fn connect(&self, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
        connect(self.bridge.addr, &self.cert, alpn).await.unwrap()
    }
}

/// A connection that trusts this certificate alone.
async fn connect(
    to: SocketAddr,
    trusted: &CertificateDer<'static>,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let socket = soon(TcpStream::connect(to)).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    soon(connector.connect(name, socket)).await
}

/// A certificate with its key, in one file as in two.
fn made() -> (CertificateDer<'static>, String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    (made.cert.der().clone(), made.cert.pem(), key)
}

/// A certificate that lasts to the end of a February, and its key.
pub(crate) fn lasting_to(year: i32) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 3, 1);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn post(target: &str, version: Version) -> Request<Full<Bytes>> {
    Request::post(target)
        .version(version)
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Full::from("abc"))
        .unwrap()
}

async fn checked(response: Response<Incoming>, secured: &Secured) {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["bridge-route"], "pass");
    assert!(!response.headers().contains_key("connection"));
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "abc"
    );
    let seen = secured.upstream.take();
    assert_eq!(
        (seen.len(), seen[0].target.as_str(), &seen[0].body[..]),
        (1, "/x?y", &b"abc"[..])
    );
    assert_eq!(seen[0].headers["host"], secured.upstream.addr.to_string());
}

#[tokio::test]
async fn http_2_is_served_where_alpn_chose_it_and_drained() {
    let secured = secured().await;
    let stream = secured.connect(&[b"h2", b"http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let running = tokio::spawn(connection);
    let request = post("https://localhost/x?y", Version::HTTP_2);
    checked(soon(send.send_request(request)).await.unwrap(), &secured).await;

    let split = post("https://localhost/x", Version::HTTP_2);
    soon(send.send_request(split)).await.unwrap();
    assert_eq!(secured.upstream.take()[0].headers["cookie"], "a=1; b=2");

    let wait = Request::get("https://localhost/wait")
        .body(Full::default())
        .unwrap();
    let waiting = tokio::spawn(send.send_request(wait));
    until(|| is(&secured.bridge.counts.in_flight, 1)).await;
    secured.bridge.shutdown.cancel();
    secured.bridge.gate.notify_one();
    let answer = soon(waiting).await.unwrap().unwrap();
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "waited"
    );
    assert_eq!(soon(secured.bridge.served).await.unwrap().cut, 0);
    soon(running).await.unwrap().unwrap();
}

#[tokio::test]
async fn http_1_1_is_served_where_alpn_chose_it_or_is_not_spoken() {
    let secured = secured().await;
    for alpn in [&[&b"http/1.1"[..]][..], &[]] {
        let stream = secured.connect(alpn).await;
        let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut request = post("/x?y", Version::HTTP_11);
        request
            .headers_mut()
            .insert("host", "localhost".try_into().unwrap());
        checked(soon(send.send_request(request)).await.unwrap(), &secured).await;
    }
}

#[tokio::test]
async fn what_is_no_tls_is_closed_and_a_handshake_has_its_time() {
    let secured = secured().await;
    let mut plain = Client::to(secured.bridge.addr).await;
    plain.send("GET /x HTTP/1.1\r\nHost: b\r\n\r\n").await;
    plain.rest().await;
    let mut silent = Client::to(secured.bridge.addr).await;
    assert_eq!(silent.read(false).await.unwrap_err(), Cut::Nothing);
    assert!(secured.upstream.seen().is_empty());
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_at_start() {
    let files = tempfile::tempdir().unwrap();
    let empty = files.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for (cert, want) in [
        (files.path().join("none.pem"), "tls_cert can't be read"),
        (empty.clone(), "tls_cert holds no"),
    ] {
        let mut settings = ServerSettings::at(([127, 0, 0, 1], 0).into());
        settings.tls = Some(TlsFiles {
            cert,
            key: empty.clone(),
        });
        let error = Server::bind(settings).await.err().unwrap();
        assert!(matches!(error, BindError::Tls(_)));
        assert!(error.to_string().starts_with(want), "{error}");
    }
}

#[tokio::test]
async fn another_certificate_is_served_without_a_restart_and_a_broken_one_changes_nothing() {
    let files = tempfile::tempdir().unwrap();
    let pem = files.path().join("pem");
    // Cert and key are exchanged at once, as a file that is renamed.
    let write = |cert: &str, key: &str| {
        let next = files.path().join("next");
        std::fs::write(&next, format!("{cert}{key}")).unwrap();
        std::fs::rename(next, &pem).unwrap();
    };
    let (one, two) = (made(), made());
    write(&one.1, &one.2);
    let name = format!("\"{}\"", pem.display());
    let app = with(&[("proxy.tls_cert", &name), ("proxy.tls_key", &name)])
        .looks(Duration::from_millis(5))
        .start()
        .await;
    let open = async |pair: &(CertificateDer<'static>, String, String)| {
        let stream = connect(app.addr(), &pair.0, &[b"http/1.1"]).await?;
        let (send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Ok::<_, std::io::Error>(send)
    };
    let mut first = open(&one).await.unwrap();
    let served = async |send: &mut SendRequest<Full<Bytes>>| {
        soon(send.ready()).await.unwrap();
        let mut request = Request::get("/ecomm/v2/payments/none/status")
            .body(Full::default())
            .unwrap();
        request
            .headers_mut()
            .insert("host", "localhost".try_into().unwrap());
        let answer = soon(send.send_request(request)).await.unwrap();
        answer.into_body().collect().await.unwrap();
    };
    served(&mut first).await;

    // The key of another certificate; no key at all; a text that only looks like one; nothing.
    let cut = &two.2[..two.2.len() / 2];
    for (n, (cert, key)) in [(&*two.1, &*one.2), (&two.1, ""), (&two.1, cut), ("", "")]
        .into_iter()
        .enumerate()
    {
        write(cert, key);
        let count = u64::try_from(n).unwrap() + 1;
        eventually(async || reloads(&app, "refused").await == count).await;
        served(&mut open(&one).await.unwrap()).await;
        assert!(open(&two).await.is_err());
    }
    let who = json!({"who": "ann", "why": "a test"});
    let answer = operate(&app, "", "POST /api/reload", &who).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert!(
        answer.text().contains("proxy.tls_cert"),
        "{}",
        answer.text()
    );
    assert!(app.log.text().contains("can't be used"), "said in the log");

    write(&two.1, &two.2);
    eventually(async || reloads(&app, "applied").await == 1).await;
    served(&mut open(&two).await.unwrap()).await;
    assert!(open(&one).await.is_err());
    // What was open goes on.
    served(&mut first).await;
    let changes = app.admin("/api/changes").await.ok();
    let keys: Vec<&str> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys.len(), 2);
    assert!(keys.contains(&"proxy.tls_cert") && keys.contains(&"proxy.tls_key"));
    let log = app.log.text();
    for line in [&one.2, &two.2]
        .into_iter()
        .filter_map(|key| key.lines().nth(1))
    {
        assert!(!log.contains(line), "no key in the log");
    }
    // It was looked at many times, and worked on once.
    assert_eq!(reloads(&app, "unchanged").await, 0);
}

#[tokio::test]
async fn a_certificate_that_is_over_is_told_until_another_is_there() {
    let files = tempfile::tempdir().unwrap();
    let pem = files.path().join("pem");
    let write = |(cert, key): (String, String)| {
        let next = files.path().join("next");
        std::fs::write(&next, format!("{cert}{key}")).unwrap();
        std::fs::rename(next, &pem).unwrap();
    };
    write(lasting_to(2001));
    let name = format!("\"{}\"", pem.display());
    let app = with(&[("proxy.tls_cert", &name), ("proxy.tls_key", &name)])
        .looks(Duration::from_millis(5))
        .start()
        .await;
    let end = async || {
        let metrics = app.admin("/metrics").await.text();
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("bridge_tls_certificate_end_seconds "));
        line.unwrap().parse::<i64>().unwrap()
    };
    assert_eq!(end().await, 983_404_800, "2001-03-01");
    let told = || app.log.text().matches("2001-03-01T00:00:00.000Z").count();
    assert_eq!(told(), 1, "{}", app.log.text());
    write(lasting_to(2071));
    eventually(async || end().await == 3_192_393_600).await;
    assert_eq!(told(), 1);
}

#[tokio::test]
async fn an_old_version_of_tls_is_refused() {
    // A ClientHello of TLS 1.1, as old programs send it: the server's answer is an alert (21), handshake_failure (40) or
    // protocol_version (70).
    let secured = secured().await;
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0x00, 0x2f, 1, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    let mut client = Client::to(secured.bridge.addr).await;
    client.send(record).await;
    let answer = client.rest().await;
    let alert = (answer[0], answer[answer.len() - 1]);
    assert!(matches!(alert, (21, 40 | 70)), "{alert:?}");
}

#[tokio::test]
async fn a_secret_in_a_file_is_exchanged_while_the_bridge_runs() {
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("token");
    std::fs::write(&file, "canary-token-number-one\n").unwrap();
    let name = format!("\"{}\"", file.display());
    let app = with(&[("admin.token_file", &name)])
        .looks(Duration::from_millis(5))
        .start()
        .await;
    let ask = async |token: &str| {
        operate(&app, token, "GET /metrics", &Value::Null)
            .await
            .status
    };
    assert_eq!(ask("canary-token-number-one").await, 200);
    assert_eq!(ask("canary-token-number-two").await, 401);
    // An empty file would open the door, or lock it: neither.
    std::fs::write(&file, "\n").unwrap();
    until(|| app.log.text().contains("nothing stands in the file")).await;
    assert_eq!(ask("canary-token-number-one").await, 200);
    std::fs::write(&file, "canary-token-number-two\n").unwrap();
    eventually(async || ask("canary-token-number-two").await == 200).await;
    assert_eq!(ask("canary-token-number-one").await, 401);
    assert!(!app.log.text().contains("canary-token"));
}
