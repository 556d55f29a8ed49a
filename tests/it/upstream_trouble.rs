//! Every kind of trouble upstream, as a table: the shop gets eCom's own words within its time, and upstream no storm.
//!
//! A1, A9 and A20 of the faults among them; A2 to A8 are in `money`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ecom_bridge::simulator::{Action, Fault};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::support::app::{TestApp, Wanted, with};
use crate::support::shop::express;
use crate::support::upstream::{nobody, scripted};

/// No more is sent for one call of a shop: three sendings, each with its look, and what tells whose the call is.
const MOST: usize = 8;

fn quick() -> Wanted {
    with(&[
        ("proxy.request_timeout", "\"2s\""),
        ("upstream.connect_timeout", "\"200ms\""),
        ("upstream.breaker_failures", "0"),
        ("reads.poll", "false"),
    ])
}

/// TLS with this certificate, and a count of those who came.
async fn secured(params: CertificateParams) -> (SocketAddr, Arc<AtomicUsize>) {
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    let private = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], private.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                assert!(acceptor.accept(socket).await.is_err(), "nobody trusts it");
            });
        }
    });
    (addr, came)
}

/// Nothing can be sent: said so, in eCom's words, by every way.
async fn is_not_sent(name: &str, base: &str) {
    let mut wanted = quick();
    wanted.set("upstream.base_url", &format!("\"{base}\""));
    let app = wanted.start().await;
    let answer = app.initiate("order-0001", 1_000).await;
    assert_eq!(answer.error(), (502, "99".into()), "{name}");
    assert_eq!(answer.route(), "epayment", "{name}");
    assert!(answer.text().contains("nothing was created"), "{name}");
    let answer = app.initiating(&express("express-1", 1_000)).send().await;
    assert_eq!(answer.error(), (502, "99".into()), "{name}");
    assert_eq!(answer.route(), "ecom", "{name}");
    assert!(answer.text().contains("nothing was done"), "{name}");
    let passed = app.ask("GET", "/other/api").send().await;
    assert_eq!(passed.error(), (502, "99".into()), "{name}");
    assert!(passed.text().contains("nothing was sent"), "{name}");
    for api in ["epayment", "ecom", "pass"] {
        let name = format!("bridge_upstream_errors_total{{api=\"{api}\",kind=\"not_sent\"}}");
        let count = app.metric(&name).await;
        assert!((1.0..=3.0).contains(&count), "{name} {count}");
    }
    assert_eq!(app.metric("bridge_ambiguous_open").await, 0.0, "{name}");
    assert_eq!(app.admin("/healthz").await.status, 200);
}

#[tokio::test]
async fn a1_no_connection_of_whatever_reason_is_safely_failed() {
    is_not_sent("no such name", "https://nobody.invalid").await;
    is_not_sent("refused", &format!("http://{}", nobody().await)).await;
    let silent = scripted(|socket, _| async move {
        let _open = socket;
        std::future::pending::<()>().await;
    })
    .await;
    is_not_sent("a handshake that hangs", &format!("https://{silent}")).await;
    let plain = scripted(|socket, _| async move { drop(socket) }).await;
    is_not_sent("no TLS there", &format!("https://{plain}")).await;
}

#[tokio::test]
async fn a1_certificates_that_prove_nothing_are_refused_before_a_byte_is_sent() {
    let names = || vec!["localhost".to_owned()];
    let unknown = CertificateParams::new(names()).unwrap();
    let mut expired = CertificateParams::new(names()).unwrap();
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2020, 2, 1);
    let other = CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
    for (name, params) in [("unknown", unknown), ("expired", expired), ("other", other)] {
        let (addr, came) = secured(params).await;
        is_not_sent(name, &format!("https://localhost:{}", addr.port())).await;
        // Three for the initiate, one for eCom, one passed; each may try both addresses of the name.
        let came = came.load(Ordering::SeqCst);
        assert!((5..=10).contains(&came), "{name}: {came}");
    }
}

fn page(status: u16, headers: &[(&str, &str)], size: usize) -> Action {
    Action::Status {
        status,
        body: Some(format!("<html>{}", "x".repeat(size))),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        processed: false,
    }
}

/// What the bridge makes of it for ePayment's calls, and what eCom's get.
#[tokio::test]
async fn a20_answers_that_are_late_spoilt_or_no_answers_are_bounded() {
    let never = Action::Hang { processed: false };
    let drip = Action::SlowDrip {
        bytes: 1,
        interval_ms: 100,
    };
    for (name, action, ecom) in [
        ("slow first byte", never, 502),
        ("slow body", drip, 502),
        ("wrong length", Action::WrongLength { length: 1 << 20 }, 502),
        ("malformed", Action::Malformed, 200),
        ("html", Action::Html, 200),
        ("html of 503", page(503, &[], 100), 503),
        ("html of 502", page(502, &[], 100), 502),
        ("html of 403", page(403, &[], 100), 403),
        ("endless", page(200, &[], 6 << 20), 502),
    ] {
        let app = quick().start().await;
        app.reserved("order-0001", 1_000).await;
        app.world()
            .add_fault(Fault::always("/epayment/", action.clone()));
        app.world().add_fault(Fault::always("/ecomm/", action));
        // A refusal of the gateway passes as it came; everything else is a doubt.
        let doubt = if name == "html of 403" { 403 } else { 502 };
        app.took();
        for (what, answer) in [
            ("initiate", app.initiate("order-0002", 1_000).await),
            ("capture", app.capture("order-0001", 400, "x").await),
            ("details", app.details("order-0001").await),
        ] {
            assert_eq!(answer.status, doubt, "{name} {what}: {}", answer.text());
            assert_eq!(answer.route(), "epayment", "{name} {what}");
            assert!(answer.body.len() < 4_096, "{name} {what}");
        }
        let sent = app.took();
        assert!(sent.len() <= MOST * 3, "{name}: {sent:?}");
        let captures = sent.iter().filter(|one| one.ends_with("/capture")).count();
        assert!((1..=3).contains(&captures), "{name}: {sent:?}");
        let answer = app.initiating(&express("express-1", 1_000)).send().await;
        assert_eq!((answer.status, answer.route()), (ecom, "ecom"), "{name}");
        let forwarded = app.took();
        let once = forwarded.iter().filter(|one| one.contains("/ecomm/"));
        assert_eq!(once.count(), 1, "{name}: {forwarded:?}");
        app.world().clear_faults();
    }
}

async fn refused_once(app: &TestApp, call: &str, wait: Option<&str>) {
    app.took();
    let answer = match call {
        "capture" => app.capture("order-0001", 400, "x").await,
        "details" => app.details("order-0001").await,
        "express" => app.initiating(&express("express-1", 1_000)).send().await,
        _ => app.initiate("order-0002", 1_000).await,
    };
    assert_eq!(answer.status, 429, "{call}: {}", answer.text());
    assert_eq!(answer.header("retry-after"), wait, "{call}");
    let sent = app.took();
    let most = if call == "details" { 2 } else { 1 };
    let sent = sent.iter().filter(|one| match call {
        "details" => one.starts_with("GET "),
        _ => !one.starts_with("GET "),
    });
    assert_eq!(sent.count(), most, "{call}");
}

/// However many: each call is sent once and passed on as it came, with the time that Vipps asks for.
#[tokio::test]
async fn a9_a_storm_of_429_is_passed_on_and_not_answered_with_one() {
    for wait in [None, Some("7")] {
        let app = quick().start().await;
        app.reserved("order-0001", 1_000).await;
        let headers: Vec<(&str, &str)> = wait.iter().map(|wait| ("Retry-After", *wait)).collect();
        for path in ["/epayment/", "/ecomm/"] {
            app.world()
                .add_fault(Fault::always(path, page(429, &headers, 10)));
        }
        for _ in 0..5 {
            for call in ["initiate", "capture", "details", "express"] {
                refused_once(&app, call, wait).await;
            }
        }
        assert_eq!(app.metric("bridge_ambiguous_open").await, 0.0);
        app.world().clear_faults();
        app.capture("order-0001", 400, "x").await.ok();
        app.initiate("order-0002", 1_000).await.ok();
    }
}
