//! The way to Vipps as it is in production: TLS to a certificate that the machine trusts.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecom_bridge::upstream::ecom::Forwarder;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::process::{Process, app};
use crate::support::app::MSN;
use crate::support::shop::{express, order};

/// What came: its version and its path; and how many connections it came by.
#[derive(Default)]
struct Seen {
    requests: Vec<(Version, String)>,
    connections: usize,
}

/// TLS in front of the simulator at `base`, which speaks the protocols of `offered`; its address, its certificate, and
/// what comes.
async fn front(base: String, offered: &[&str]) -> (SocketAddr, String, Arc<Mutex<Seen>>) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let cert = params.self_signed(&key).unwrap();
    let private = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], private.into())
        .unwrap();
    config.alpn_protocols = offered
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let seen = Arc::<Mutex<Seen>>::default();
    let noted = Arc::clone(&seen);
    let second = Duration::from_secs(1);
    let onward = Arc::new(Forwarder::new(&base, second, second * 10).unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, noted, onward) =
                (acceptor.clone(), Arc::clone(&noted), Arc::clone(&onward));
            tokio::spawn(async move {
                let stream = acceptor.accept(socket).await.expect("it is trusted");
                noted.lock().unwrap().connections += 1;
                let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let service = service_fn(move |request: Request<Incoming>| {
                    let (onward, noted) = (Arc::clone(&onward), Arc::clone(&noted));
                    async move {
                        let what = (request.version(), request.uri().path().to_owned());
                        noted.lock().unwrap().requests.push(what);
                        Ok::<_, Infallible>(onward.forward(request).await.unwrap())
                    }
                });
                let io = TokioIo::new(stream);
                if is_h2 {
                    let http2 = http2::Builder::new(TokioExecutor::new());
                    let _gone = http2.serve_connection(io, service).await;
                } else {
                    let _gone = http1::Builder::new().serve_connection(io, service).await;
                }
            });
        }
    });
    (addr, cert.pem(), seen)
}

#[tokio::test]
async fn calls_go_by_http_2_where_it_is_offered_and_by_1_1_elsewhere() {
    let mut app = app().await;
    for (n, offered, typed) in [
        (0, &["h2", "http/1.1"][..], Version::HTTP_2),
        (1, &["http/1.1"][..], Version::HTTP_11),
        (2, &[][..], Version::HTTP_11),
    ] {
        let (addr, pem, seen) = front(app.simulator.base_url(), offered).await;
        let trusted = app.configuration().1.join("trusted.pem");
        std::fs::write(&trusted, pem).unwrap();
        let base = format!("\"https://localhost:{}\"", addr.port());
        app.set("upstream.base_url", &base);
        let process = Process::trusting(&app, &trusted).await;
        let at = process.addr();
        for m in 0..8 {
            let id = format!("order-{n}-{m}");
            let ask = app.initiating(&order(&id, 1_000));
            assert_eq!(ask.to(at).send().await.route(), "epayment");
            assert!(app.world().approve(MSN, &id), "{id}");
            let capture = app.changing("capture", &id, Value::Null, "x").to(at);
            assert_eq!(
                capture.send().await.ok()["transactionInfo"]["amount"],
                1_000
            );
        }
        let ask = app.initiating(&express(&format!("express-{n}"), 1_000));
        assert_eq!(ask.to(at).send().await.route(), "ecom");
        let passed = app.ask("GET", "/other/api").to(at).send().await;
        assert_eq!(passed.route(), "pass");
        let seen = seen.lock().unwrap();
        for (version, path) in &seen.requests {
            let want = match path.starts_with("/epayment/") {
                true => typed,
                false => Version::HTTP_11,
            };
            assert_eq!(*version, want, "{path}, offered {offered:?}");
        }
        let typed = seen
            .requests
            .iter()
            .filter(|(_, path)| path.starts_with("/epayment/"));
        assert!(
            typed.count() >= 16 && seen.connections < 16,
            "kept and used again"
        );
    }
}
