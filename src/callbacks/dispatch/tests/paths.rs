//! Where callbacks may not go (C14), and shops whose TLS is not in order (C15).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::callbacks::dispatch::Dispatcher;
use crate::callbacks::dispatch::fake::Bench;
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

#[tokio::test]
async fn c15_tls_that_is_not_in_order_is_tried_again_and_named() {
    let bench = Bench::new();
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(
        signed.signing_key.serialize_der(),
    )
    .unwrap();
    let config = tokio_rustls::rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let self_signed = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let _refused_by_the_client = acceptor.accept(stream).await;
        }
    });
    let talker = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = format!("https://localhost:{}", talker.local_addr().unwrap().port());
    let talk = tokio::spawn(async move {
        let (mut stream, _) = talker.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        let _until_closed = stream.read(&mut [0; 1]).await;
    });
    for (prefix, note) in [
        (self_signed, "TLS: the certificate is of an unknown issuer"),
        (plain, "TLS: no common version, or no TLS at all"),
    ] {
        let id = bench.queue("123456", 1, &prefix);
        bench.deliver().await;
        let row = bench.outbox.row(id);
        assert_eq!(
            (row.state, row.note.as_deref()),
            (CallbackState::Pending, Some(note))
        );
    }
    server.abort();
    talk.abort();
}
