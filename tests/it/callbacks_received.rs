//! Part C of the faults, webhook in: doubled, reversed, too early, about nobody, forged, unreadable, not recorded.

use std::time::{Duration, Instant};

use ecom_bridge::epayment::signature::{Signed, sign};
use ecom_bridge::simulator::{Action, Fault, Forgery};
use rusqlite::Connection;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::app::{MSN, OTHER_MSN};
use crate::support::callbacks::{Shop, reached};
use crate::support::client::{Answer, Client};
use crate::support::{eventually, until};

/// What is known is told at once, not when the dispatcher looks by itself.
const SOON: Duration = Duration::from_secs(8);

/// An event as Vipps writes it.
fn event(reference: &str, name: &str, number: &str) -> Value {
    json!({
        "msn": MSN, "reference": reference, "pspReference": number, "name": name,
        "amount": {"currency": "NOK", "value": 1_000}, "timestamp": "2026-01-02T03:04:05.1234567Z",
        "success": true,
    })
}

/// A delivery written by hand, signed with the bridge's own secret (or another).
struct Hand {
    host: String,
    secret: String,
}

impl Hand {
    async fn of(shop: &Shop) -> Self {
        let hooks = shop.app.callbacks().webhooks(None).await.unwrap();
        let host = hooks[0].url.strip_prefix("http://").unwrap();
        Self {
            host: host.split('/').next().unwrap().to_owned(),
            secret: hooks[0].secret.expose_secret().to_owned(),
        }
    }

    fn text(&self, msn: &str, body: &[u8], date: &str) -> Vec<u8> {
        let path = format!("/webhooks/{msn}");
        let signed = sign(
            &Signed {
                path_and_query: &path,
                host: &self.host,
                date,
                body,
            },
            &self.secret,
        );
        let mut text = format!(
            "POST {path} HTTP/1.1\r\nHost: whatever\r\nX-Ms-Date: {date}\r\nX-Ms-Content-Sha256: {}\r\n\
             Authorization: {}\r\nContent-Length: {}\r\n\r\n",
            signed.content_sha256,
            signed.authorization,
            body.len()
        )
        .into_bytes();
        text.extend_from_slice(body);
        text
    }

    async fn send(&self, msn: &str, body: &[u8]) -> Answer {
        let text = self.text(msn, body, "Thu, 30 Mar 2023 08:38:32 GMT");
        self.raw(text).await
    }

    async fn raw(&self, text: impl AsRef<[u8]>) -> Answer {
        Client::to(self.host.parse().unwrap()).await.ask(text).await
    }
}

fn strays(shop: &Shop) -> Vec<(String, String)> {
    let file = shop.app.configuration().1.join("bridge.db");
    let db = Connection::open(file).unwrap();
    let mut all = db
        .prepare("SELECT why, redacted FROM strays ORDER BY id")
        .unwrap();
    let rows = all
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn c4_a_thousand_duplicates_at_once_make_one_callback() {
    let shop = Shop::start().await;
    shop.order("order-0001").await;
    let hand = Hand::of(&shop).await;
    shop.app.world().pause_webhooks();
    shop.approve("order-0001");
    let body = event("order-0001", "AUTHORIZED", "777").to_string();
    let text = hand.text(MSN, body.as_bytes(), "Thu, 30 Mar 2023 08:38:32 GMT");
    let all = (0..50).map(|_| {
        let (addr, text) = (hand.host.parse().unwrap(), text.clone());
        tokio::spawn(async move {
            let mut client = Client::to(addr).await;
            for _ in 0..20 {
                assert_eq!(client.ask(&text).await.status, 200);
            }
        })
    });
    for sent in all.collect::<Vec<_>>() {
        sent.await.unwrap();
    }
    // Vipps' own comes as well, under another number.
    shop.app.world().resume_webhooks();
    let told = shop.told(1).await;
    assert_eq!(told[0].json()["transactionInfo"]["transactionId"], "777");
}

#[tokio::test]
async fn c5_events_in_reverse_order_tell_what_is_true() {
    let shop = Shop::start().await;
    for id in ["order-0001", "order-0002"] {
        shop.order(id).await;
    }
    shop.app.world().pause_webhooks();
    shop.approve("order-0001");
    shop.app.capture("order-0001", 400, "a").await.ok();
    shop.app.refund("order-0001", 400, "b").await.ok();
    assert!(shop.app.world().fail(MSN, "order-0002"));
    assert!(shop.app.world().reject(MSN, "order-0002"));
    shop.app.world().reverse_webhooks();
    shop.app.world().resume_webhooks();
    shop.told(2).await;
    assert_eq!(shop.statuses("order-0001"), ["RESERVED"]);
    assert_eq!(shop.statuses("order-0002"), ["CANCELLED"]);
}

/// The user is faster than the answer to the initiate: held, then matched. No encryption key: the record is all there is.
#[tokio::test]
async fn c6_a_webhook_before_the_initiates_reply_is_not_lost() {
    let shop = Shop::start().await;
    shop.order("order-0001").await;
    let slow = Action::Delay {
        before_ms: 0,
        after_ms: 400,
    };
    shop.app
        .world()
        .add_fault(Fault::once("/epayment/v1/payments", slow).on("POST"));
    let mut body = shop.body("order-0002", 1_000);
    body["transaction"]["scope"] = json!("name email");
    let mut waiting = shop.app.initiating(&body).begin().await;
    until(|| shop.app.world().payment(MSN, "order-0002").is_some()).await;
    shop.approve("order-0002");
    shop.heard().await;
    assert_eq!(shop.last_answer(), Some(200));
    // The hint was followed, too: the payment was read before the reply came.
    let reads = || {
        let all = shop.app.world().requests();
        all.iter()
            .filter(|r| r.method == "GET" && r.path().contains("order-0002"))
            .count()
    };
    until(|| reads() >= 1).await;
    let answer = waiting.read(false).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let began = Instant::now();
    let told = shop.told(1).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(told[0].json()["orderId"], "order-0002");
    assert_eq!(
        told[0].json()["userDetails"]["firstName"],
        "Ada",
        "the scope is remembered"
    );
    assert_eq!(shop.counts().await.unmatched, 0);
}

/// The initiate is cut off after ePayment had accepted it, the shop never repeats it, the user approves in the app.
#[tokio::test]
async fn c6_an_attempt_nobody_heard_of_again_becomes_the_payment() {
    let mut shop = Shop::with(&[
        ("proxy.request_timeout", "\"1s\""),
        ("upstream.timeout", "\"200ms\""),
        ("upstream.connect_timeout", "\"100ms\""),
    ])
    .await;
    shop.order("order-0001").await;
    shop.app.world().add_fault(Fault::always(
        "/epayment/v1/payments*",
        Action::Hang { processed: true },
    ));
    let answer = shop
        .app
        .initiating(&shop.body("order-0002", 1_000))
        .send()
        .await;
    assert!(answer.is_unknown(), "{}", answer.text());
    shop.app.restart().await;
    shop.app.world().clear_faults();
    shop.approve("order-0002");
    shop.heard().await;
    // Nobody's credentials are at hand after a restart: only when the shop calls again.
    assert_eq!(shop.merchant.callbacks().len(), 0);
    shop.app.details("order-0001").await.ok();
    shop.pass(Duration::from_secs(120)).await;
    let began = Instant::now();
    shop.told(1).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(shop.statuses("order-0002"), ["RESERVED"]);
}

#[tokio::test]
async fn c7_an_event_of_another_system_is_kept_looked_up_and_never_told() {
    let mut shop = Shop::start().await;
    shop.order("order-0001").await;
    shop.app.forgetful = true;
    shop.app.foreign("foreign-0001").await;
    shop.approve("foreign-0001");
    shop.heard().await;
    assert_eq!(shop.last_answer(), Some(200));
    let looked = || {
        let all = shop.app.world().requests();
        all.iter()
            .any(|r| r.method == "GET" && r.path().contains("foreign-0001"))
    };
    until(looked).await;
    // A payment that is nobody's at all.
    let hand = Hand::of(&shop).await;
    let nobodys = event("nobodys-0001", "AUTHORIZED", "1").to_string();
    assert_eq!(hand.send(MSN, nobodys.as_bytes()).await.status, 200);
    shop.quiet().await;
    assert!(shop.listed().await.is_empty() && shop.merchant.callbacks().is_empty());
    // Neither fixes a birth: the details of a foreign payment are ePayment's to tell.
    shop.approve("order-0001");
    shop.told(1).await;
}

#[tokio::test]
async fn c8_forgeries_are_refused_and_replays_acknowledged() {
    let shop = Shop::start().await;
    shop.order("order-0001").await;
    let body = event("order-0001", "AUTHORIZED", "666");
    for forgery in [
        Forgery::Signature,
        Forgery::Missing,
        Forgery::Host,
        Forgery::Body,
    ] {
        let before = shop.app.world().deliveries().len();
        assert_eq!(shop.app.world().send_webhook(MSN, &body, Some(forgery)), 1);
        until(|| shop.app.world().deliveries().len() > before).await;
        assert_eq!(shop.last_answer(), Some(401), "{forgery:?}");
    }
    let hand = Hand::of(&shop).await;
    let text = String::from_utf8(hand.text(MSN, body.to_string().as_bytes(), "d")).unwrap();
    for (from, to) in [
        ("X-Ms-Date: d", "X-Ms-Date: e"),
        ("X-Ms-Date: d\r\n", ""),
        ("HMAC-SHA256 ", "HMAC-SHA1 "),
        ("\"value\":1000", "\"value\":1001"),
        ("/webhooks/123456", "/webhooks/234567"),
    ] {
        let spoilt = text.replace(from, to);
        assert_ne!(spoilt, text);
        let status = hand.raw(spoilt).await.status;
        assert!(matches!(status, 401 | 404), "{from}: {status}");
    }
    assert!(shop.listed().await.is_empty(), "nothing came of all that");
    // The real one, and its repeats at any age.
    shop.approve("order-0001");
    shop.told(1).await;
    shop.app.world().send_webhook(
        MSN,
        &event("order-0001", "AUTHORIZED", "666"),
        Some(Forgery::Old),
    );
    shop.heard().await;
    assert_eq!(shop.last_answer(), Some(200));
    shop.pass(Duration::from_secs(3 * 24 * 3600)).await;
    shop.app.world().redeliver_webhooks(Some("order-0001"));
    shop.told(1).await;
    assert_eq!(shop.last_answer(), Some(200));
}

#[tokio::test]
async fn c8_a_rotated_secret_counts_beside_the_new_one() {
    let shop = Shop::start().await;
    shop.order("order-0001").await;
    let old = Hand::of(&shop).await;
    // Its secret is in memory before there is a new one.
    let body = event("order-0001", "AUTHORIZED", "0").to_string();
    assert_eq!(old.send(MSN, body.as_bytes()).await.status, 200);
    let id = shop.app.world().webhooks()[0].id.clone();
    // Deleted at Vipps: a new one is made at the next look.
    let asked = shop
        .app
        .past("DELETE", &format!("/webhooks/v1/webhooks/{id}"));
    asked.send().await.ok_status();
    shop.operate(
        "POST",
        &format!("/api/webhooks/{MSN}/register"),
        &Value::Null,
    )
    .await
    .ok();
    let new = Hand::of(&shop).await;
    assert_ne!(old.secret, new.secret);
    for (n, hand) in [old, new].iter().enumerate() {
        let body = event("order-0001", "AUTHORIZED", &n.to_string()).to_string();
        assert_eq!(hand.send(MSN, body.as_bytes()).await.status, 200);
    }
    shop.told(1).await;
}

/// Money calls use the same store: forgers cost it a read in a while, whatever they name.
#[tokio::test]
async fn c8_forgers_do_not_load_the_store_and_a_rotated_secret_counts_in_their_midst() {
    let shop = Shop::with(&[("merchant", "msn = \"765432\"")]).await;
    shop.order("order-0001").await;
    let old = Hand::of(&shop).await;
    let forger = Hand {
        host: old.host.clone(),
        secret: "forged".to_owned(),
    };
    let body = event("order-0001", "AUTHORIZED", "666").to_string();
    let reads = async || {
        let mut all = 0.0;
        for step in ["webhooks", "registrations"] {
            let name = format!("bridge_store_seconds_count{{step=\"{step}\"}}");
            all += shop.app.counted(&name).await.unwrap_or_default();
        }
        all
    };
    let before = reads().await;
    for n in 0..200 {
        assert_eq!(forger.send(MSN, body.as_bytes()).await.status, 401);
        // A unit of ours that has no secret, and units that nobody has.
        assert_eq!(forger.send("765432", body.as_bytes()).await.status, 401);
        let nobodys = (800_000 + n).to_string();
        assert_eq!(forger.send(&nobodys, body.as_bytes()).await.status, 404);
    }
    let cost = reads().await - before;
    assert!(cost <= 60.0, "{cost} reads for 600 forgeries");

    let id = shop.app.world().webhooks()[0].id.clone();
    let asked = shop
        .app
        .past("DELETE", &format!("/webhooks/v1/webhooks/{id}"));
    asked.send().await.ok_status();
    let register = format!("/api/webhooks/{MSN}/register");
    shop.operate("POST", &register, &Value::Null).await.ok();
    let new = Hand::of(&shop).await;
    assert_ne!(old.secret, new.secret);
    // Vipps sends again what was refused.
    eventually(async || {
        assert_eq!(forger.send(MSN, body.as_bytes()).await.status, 401);
        new.send(MSN, body.as_bytes()).await.status == 200
    })
    .await;
    assert_eq!(old.send(MSN, body.as_bytes()).await.status, 200);
    shop.told(1).await;
}

#[tokio::test]
async fn what_is_signed_but_useless_is_kept_without_personal_data() {
    let shop = Shop::start().await;
    shop.order("order-0001").await;
    let hand = Hand::of(&shop).await;
    let mut other = event("order-0001", "AUTHORIZED", "1");
    other["msn"] = json!(OTHER_MSN);
    other["userDetails"] = json!({"email": "canary@example.com"});
    let unknown = event("order-0001", "DISPUTED", "1");
    for body in [
        "",
        "canary",
        "[]",
        "{\"reference\":{\"canary\":1}}",
        &other.to_string(),
        &unknown.to_string(),
    ] {
        assert_eq!(hand.send(MSN, body.as_bytes()).await.status, 200, "{body}");
    }
    let kept = strays(&shop);
    let why: Vec<_> = kept.iter().map(|(why, _)| why.as_str()).collect();
    assert_eq!(
        why,
        [
            "unreadable",
            "unreadable",
            "unreadable",
            "unreadable",
            "other-unit",
            "unknown-event"
        ]
    );
    assert!(
        kept.iter().all(|(_, shown)| !shown.contains("canary")),
        "{kept:?}"
    );
    assert!(shop.listed().await.is_empty());
    let metrics = String::from_utf8(shop.app.admin("/metrics").await.body).unwrap();
    assert!(metrics.contains("other-unit"), "{metrics}");
}

#[tokio::test]
async fn sizes_methods_and_units_are_checked_first() {
    let shop = Shop::with(&[("merchant", "msn = \"765432\"")]).await;
    shop.order("order-0001").await;
    let hand = Hand::of(&shop).await;
    let large = vec![b' '; 70_000];
    assert_eq!(hand.send(MSN, &large).await.status, 413);
    // Before the whole of it has come.
    let head =
        format!("POST /webhooks/{MSN} HTTP/1.1\r\nHost: h\r\nContent-Length: 900000000\r\n\r\n");
    assert_eq!(hand.raw(head).await.status, 413);
    let body = event("order-0001", "AUTHORIZED", "1").to_string();
    assert_eq!(
        hand.send("999999", body.as_bytes()).await.status,
        404,
        "not a unit of ours"
    );
    assert_eq!(
        hand.send("765432", body.as_bytes()).await.status,
        401,
        "ours, without a secret"
    );
    for (line, status) in [
        (format!("GET /webhooks/{MSN}"), 405),
        ("POST /webhooks/".to_owned(), 404),
        ("POST /webhooks/12x".to_owned(), 404),
        (format!("POST /webhooks/{MSN}/"), 404),
        ("POST /ecomm/v2/payments".to_owned(), 404),
        ("GET /metrics".to_owned(), 404),
    ] {
        let text = format!("{line} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(hand.raw(text).await.status, status, "{line}");
    }
    assert!(shop.listed().await.is_empty());
}

/// The store can't write: 503, so that Vipps sends again; and then it is told, once.
#[tokio::test]
async fn c3_what_is_not_recorded_is_not_acknowledged() {
    let shop = Shop::start().await;
    shop.order("order-0001").await;
    let file = shop.app.configuration().1.join("bridge.db");
    let db = Connection::open(file).unwrap();
    db.execute("ALTER TABLE callbacks RENAME TO gone", ())
        .unwrap();
    shop.approve("order-0001");
    until(|| shop.last_answer() == Some(503)).await;
    db.execute("ALTER TABLE gone RENAME TO callbacks", ())
        .unwrap();
    drop(db);
    shop.told(1).await;
    assert_eq!(shop.last_answer(), Some(200));
}

/// A front proxy keeps or strips the prefix of the public URL; what is signed is the registered URL.
#[tokio::test]
async fn behind_a_front_the_public_url_counts() {
    let mut wanted = reached(&[]);
    let public = wanted
        .value("webhooks.public_url")
        .trim_matches('"')
        .to_owned();
    wanted.set("webhooks.public_url", &format!("\"{public}/front/door/\""));
    let shop = Shop::of(wanted).await;
    shop.order("order-0001").await;
    assert_eq!(
        shop.app.world().webhooks()[0].url,
        format!("{public}/front/door/webhooks/{MSN}")
    );
    shop.approve("order-0001");
    shop.told(1).await;
    // Stripped: the same signature fits.
    let hand = Hand::of(&shop).await;
    let body = event("order-0001", "AUTHORIZED", "1").to_string();
    let signed = String::from_utf8(hand.text(MSN, body.as_bytes(), "d")).unwrap();
    assert_eq!(
        hand.raw(signed).await.status,
        401,
        "signed for another path"
    );
    eventually(async || shop.counts().await.pending == 0).await;
}
