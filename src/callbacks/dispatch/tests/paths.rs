//! Where callbacks may not go (C14), and shops whose TLS is not in order (C15).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::callbacks::Targets;
use crate::callbacks::dispatch::Dispatcher;
use crate::callbacks::dispatch::fake::Bench;
use crate::callbacks::dispatch::post::{Ending, Poster};
use crate::simulator::merchant::Merchant;
use crate::store::CallbackState;
use crate::types::Clock;

/// Gives each question the next answer; the last one for ever.
#[derive(Debug)]
struct Script {
    answers: Vec<Vec<&'static str>>,
    asked: AtomicUsize,
}

impl Resolve for Script {
    fn resolve(&self, _: Name) -> Resolving {
        let at = self
            .asked
            .fetch_add(1, Ordering::SeqCst)
            .min(self.answers.len() - 1);
        let all: Vec<SocketAddr> = self.answers[at]
            .iter()
            .map(|ip| SocketAddr::new(ip.parse().unwrap(), 0))
            .collect();
        Box::pin(async move {
            let all: Addrs = Box::new(all.into_iter());
            Ok(all)
        })
    }
}

fn script(answers: Vec<Vec<&'static str>>) -> Arc<Script> {
    Arc::new(Script {
        answers,
        asked: AtomicUsize::new(0),
    })
}

fn scripted(bench: &Bench, script: &Arc<Script>) -> Dispatcher {
    Dispatcher::with_resolver(bench.parts(), &(Arc::clone(script) as Arc<dyn Resolve>)).unwrap()
}

#[tokio::test]
async fn what_may_not_be_called_is_dead_at_once_with_the_reason() {
    let mut bench = Bench::new();
    bench.settings.allow_http = false;
    bench.settings.allow_private_addresses = false;
    let shop = Merchant::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let port = shop.addr().port();
    for (prefix, note) in [
        (
            shop.base_url(),
            "not called: callbackPrefix is http, and callbacks.allow_http is false",
        ),
        (
            format!("https://127.0.0.1:{port}/secret?token=1"),
            "not called: the host has a loopback address, and callbacks.allow_private_addresses is false",
        ),
        (
            format!("https://localhost:{port}/"),
            "not called: the host has a loopback address, and callbacks.allow_private_addresses is false",
        ),
        (
            "https://169.254.169.254/".to_owned(),
            "not called: the host has a metadata address, which is never called",
        ),
        (
            "https://u:p@shop.example/".to_owned(),
            "not called: callbackPrefix holds a user name or a password",
        ),
        (
            "".to_owned(),
            "not called: callbackPrefix is no URL with a host",
        ),
    ] {
        let id = bench.queue("123456", 1, &prefix);
        bench.deliver().await;
        let row = bench.outbox.row(id);
        assert_eq!(
            (row.state, row.note.as_deref()),
            (CallbackState::Dead, Some(note))
        );
    }
    assert!(shop.callbacks().is_empty());
}

#[tokio::test]
async fn a_name_that_resolves_inwards_is_refused_where_the_connection_is_made() {
    let mut bench = Bench::new();
    bench.settings.allow_http = false;
    bench.settings.allow_private_addresses = false;
    for (answers, words) in [
        (vec!["127.0.0.1"], "a loopback address"),
        (vec!["::1", "10.0.0.1"], "a loopback address"),
        (vec!["64:ff9b::a9fe:a9fe"], "a metadata address"),
        (vec!["::ffff:192.168.0.1"], "a private address"),
    ] {
        let script = script(vec![answers]);
        let id = bench.queue("123456", 1, "https://shop.example/cb");
        scripted(&bench, &script)
            .run_once(bench.clock.now())
            .await
            .unwrap();
        let row = bench.outbox.row(id);
        assert_eq!(row.state, CallbackState::Dead);
        assert!(row.note.unwrap().contains(words));
    }
    // A name without an address may have one tomorrow.
    let nothing = script(vec![vec![]]);
    let id = bench.queue("123456", 1, "https://shop.example/cb");
    scripted(&bench, &nothing)
        .run_once(bench.clock.now())
        .await
        .unwrap();
    let row = bench.outbox.row(id);
    assert_eq!(row.state, CallbackState::Pending);
    assert_eq!(
        row.note.as_deref(),
        Some("the host's name could not be resolved")
    );
}

#[tokio::test]
async fn the_addresses_judged_are_the_addresses_called() {
    let bench = Bench::new();
    let shop = Merchant::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let prefix = format!("http://shop.test:{}/cb", shop.addr().port());
    // A name is asked for once for each connection, so a second answer finds no use; the bad one of the first is left
    // out, and the next connection is judged anew.
    let rebinding = script(vec![
        vec!["169.254.169.254", "127.0.0.1"],
        vec!["169.254.169.254"],
    ]);
    let first = bench.queue("123456", 1, &prefix);
    scripted(&bench, &rebinding)
        .run_once(bench.clock.now())
        .await
        .unwrap();
    assert_eq!(bench.outbox.row(first).state, CallbackState::Delivered);
    assert_eq!(
        (
            rebinding.asked.load(Ordering::SeqCst),
            shop.callbacks().len()
        ),
        (1, 1)
    );
    assert_eq!(
        shop.callbacks()[0].header("host").unwrap(),
        format!("shop.test:{}", shop.addr().port())
    );
    let second = bench.queue("123456", 2, &prefix);
    scripted(&bench, &rebinding)
        .run_once(bench.clock.now())
        .await
        .unwrap();
    assert_eq!(bench.outbox.row(second).state, CallbackState::Dead);
    assert_eq!(shop.callbacks().len(), 1);
}

#[tokio::test]
async fn plain_http_never_leaves_for_a_public_address() {
    let bench = Bench::new();
    let public = script(vec![vec!["8.8.8.8"]]);
    let id = bench.queue("123456", 1, "http://shop.example/cb");
    scripted(&bench, &public)
        .run_once(bench.clock.now())
        .await
        .unwrap();
    let row = bench.outbox.row(id);
    assert_eq!(row.state, CallbackState::Dead);
    assert!(
        row.note
            .unwrap()
            .contains("which only private and loopback hosts may use")
    );
}

/// What a shop has to show.
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

/// An issuer of certificates, and its own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    cert: reqwest::Certificate,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        Self {
            cert: reqwest::Certificate::from_der(own.der()).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for a name, good from and until the first of January.
    fn shown(&self, name: &str, (from, until): (i32, i32)) -> Shown {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Shown {
            chain: vec![cert.der().clone()],
            key,
        }
    }
}

fn self_signed() -> Shown {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let cert = params.self_signed(&key).unwrap();
    Shown {
        chain: vec![cert.der().clone()],
        key,
    }
}

/// A shop with TLS that answers 200; its address.
async fn secure(shown: Shown) -> String {
    let key = PrivatePkcs8KeyDer::from(shown.key.serialize_der());
    let config = tokio_rustls::rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(shown.chain, key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The client may refuse it.
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                let _sent = stream.write_all(answer).await;
                let _until_closed = stream.read_to_end(&mut Vec::new()).await;
            }
        }
    });
    format!("https://localhost:{port}")
}

/// A shop that answers the client's hello with these bytes; its address.
async fn talker(says: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _hello = stream.read(&mut [0; 4096]).await;
            let _sent = stream.write_all(&says).await;
            let _until_closed = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    format!("https://localhost:{port}")
}

/// The hello of a server that speaks this old version (3.1: TLS 1.0) and no newer one.
fn old_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    // No session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    hello.extend([0, 0, 0x2f, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, minor, 0, length + 4, 2, 0, 0, length];
    record.extend(hello);
    record
}

/// C15: tried again, with the reason.
#[tokio::test]
async fn c15_tls_that_is_not_in_order_is_tried_again_and_named() {
    let bench = Bench::new();
    let version = "TLS: no common version, or no TLS at all";
    for (prefix, note) in [
        (
            secure(self_signed()).await,
            "TLS: the certificate is of an unknown issuer",
        ),
        (
            talker(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).await,
            version,
        ),
        // TLS 1.0 and 1.1, by their hello, and by the alert of a server that takes nothing newer.
        (talker(old_hello(1)).await, version),
        (talker(old_hello(2)).await, version),
        (talker(vec![21, 3, 1, 0, 2, 2, 70]).await, version),
    ] {
        let id = bench.queue("123456", 1, &prefix);
        bench.deliver().await;
        let row = bench.outbox.row(id);
        assert_eq!(
            (row.state, row.note.as_deref()),
            (CallbackState::Pending, Some(note))
        );
    }
}

/// C15: certificates of an issuer that is trusted.
#[tokio::test]
async fn c15_a_certificate_that_has_expired_or_is_of_another_name_is_named() {
    let authority = Authority::new();
    let bench = Bench::new();
    let resolver: Arc<dyn Resolve> = script(vec![vec!["127.0.0.1"]]);
    let targets = Targets::new(&bench.settings);
    let poster = Poster::trusting(&targets, &resolver, &authority.cert).unwrap();
    let failed = |why: &str| Ending::Failed {
        why: why.to_owned(),
        retry_after: None,
    };
    for (name, years, ending) in [
        ("localhost", (2020, 4096), Ending::Delivered),
        (
            "localhost",
            (2020, 2021),
            failed("TLS: the certificate has expired"),
        ),
        (
            "localhost",
            (4095, 4096),
            failed("TLS: the certificate is not valid"),
        ),
        (
            "shop.example",
            (2020, 4096),
            failed("TLS: the certificate is for another name"),
        ),
    ] {
        let url = secure(authority.shown(name, years)).await.parse().unwrap();
        let body = bytes::Bytes::from_static(b"{}");
        let came = poster.post(url, None, body, bench.clock.now()).await;
        assert_eq!(came, ending, "{name} {years:?}");
    }
}
