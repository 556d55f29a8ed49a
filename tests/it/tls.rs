//! The listener with a certificate: HTTP/2 and HTTP/1.1 by ALPN, and nothing without TLS.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ecom_bridge::proxy::tls::TlsFiles;
use ecom_bridge::proxy::{BindError, Server, ServerSettings};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::support::bridge::{Bridge, Wanted, is};
use crate::support::client::{Client, Cut};
use crate::support::upstream::Upstream;
use crate::support::{soon, until};

/// A bridge with a certificate of its own.
pub(crate) struct Secured {
    pub(crate) upstream: Upstream,
    pub(crate) bridge: Bridge,
    cert: CertificateDer<'static>,
    _files: TempDir,
}

pub(crate) async fn secured() -> Secured {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = tempfile::tempdir().unwrap();
    let tls = TlsFiles {
        cert: files.path().join("cert.pem"),
        key: files.path().join("key.pem"),
    };
    std::fs::write(&tls.cert, made.cert.pem()).unwrap();
    std::fs::write(&tls.key, made.signing_key.serialize_pem()).unwrap();
    let mut wanted = Wanted::default();
    wanted.settings.tls = Some(tls);
    wanted.settings.handshake_timeout = Duration::from_millis(300);
    let upstream = Upstream::start().await;
    Secured {
        bridge: Bridge::with(upstream.addr, wanted).await,
        upstream,
        cert: made.cert.der().clone(),
        _files: files,
    }
}

impl Secured {
    pub(crate) async fn connect(&self, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.cert.clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let socket = soon(TcpStream::connect(self.bridge.addr)).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        soon(connector.connect(name, socket)).await.unwrap()
    }
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
