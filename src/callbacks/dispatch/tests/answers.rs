//! Each way a merchant can answer, and what follows (C10, C15).

use std::time::Duration;

use tokio::net::TcpListener;

use super::odd::{Manner as Oddly, Odd};
use crate::callbacks::dispatch::fake::{Bench, START, Users, due};
use crate::simulator::merchant::{Manner, Merchant};
use crate::store::CallbackState;
use crate::types::Clock;

async fn merchant() -> Merchant {
    Merchant::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_callback_arrives_as_ecom_would_have_sent_it() {
    let (bench, shop) = (Bench::new(), merchant().await);
    let mut with_token = due();
    with_token.target.prefix = format!("{}/?tk=1&callback=", shop.base_url());
    with_token.target.auth_token = Some("Basic c2VjcmV0".into());
    let id = bench.outbox.queue(with_token);
    bench.clock.advance(Duration::from_millis(1_500));
    assert_eq!(bench.deliver().await, 1);
    assert_eq!(bench.outbox.row(id).state, CallbackState::Delivered);
    let got = shop.callbacks();
    assert_eq!(got.len(), 1);
    assert_eq!(
        (got[0].method.as_str(), got[0].target.as_str()),
        ("POST", "/?tk=1&callback=/v2/payments/order-0001")
    );
    assert_eq!(got[0].header("content-type"), Some("application/json"));
    assert_eq!(got[0].header("authorization"), Some("Basic c2VjcmV0"));
    assert_eq!(
        got[0].header("host"),
        Some(shop.addr().to_string().as_str())
    );
    assert_eq!(got[0].json()["transactionInfo"]["status"], "RESERVED");
    assert!(got[0].json().get("userDetails").is_none());
    let metrics = bench.meters.render();
    assert!(metrics.contains("bridge_callbacks_total{outcome=\"delivered\"} 1"));
    assert!(metrics.contains("bridge_callback_delay_seconds_sum 1.5"));
    // Nothing is left to do.
    assert_eq!(bench.deliver().await, 0);
}

#[tokio::test]
async fn a_status_decides() {
    let (bench, shop, other) = (Bench::new(), merchant().await, merchant().await);
    let location = ("location".to_owned(), other.base_url());
    for (status, note) in [
        (200, None),
        (201, None),
        (202, None),
        (204, None),
        (301, Some("answered 301 (redirects are not followed)")),
        (307, Some("answered 307 (redirects are not followed)")),
        (400, Some("answered 400")),
        (404, Some("answered 404")),
        (410, Some("answered 410 (gone)")),
        (500, Some("answered 500")),
        (503, Some("answered 503")),
    ] {
        shop.answer(Manner {
            headers: vec![location.clone()],
            ..Manner::status(status)
        });
        let id = bench.queue("123456", usize::from(status), &shop.base_url());
        assert_eq!(bench.deliver().await, 1);
        let row = bench.outbox.row(id);
        assert_eq!(row.note.as_deref(), note, "{status}");
        let wait = row.due_at.since(START);
        if note.is_some() {
            assert_eq!(row.state, CallbackState::Pending);
            assert!((4..=6).contains(&wait.as_secs()), "{wait:?}");
        } else {
            assert_eq!(row.state, CallbackState::Delivered);
        }
    }
    assert!(other.callbacks().is_empty());
    assert!(
        bench
            .meters
            .render()
            .contains("bridge_callbacks_total{outcome=\"retried\"} 7")
    );
}

#[tokio::test]
async fn broken_answers_are_told_apart() {
    const CUT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nok";
    let mut bench = Bench::new();
    bench.settings.timeout = Duration::from_millis(500);
    for (manner, note) in [
        (Oddly::Hang, Some("no answer in time")),
        (Oddly::Reset, Some("connection reset")),
        (Oddly::Close, Some("the connection broke before an answer")),
        (
            Oddly::SayAndClose("SMTP ready\r\n"),
            Some("the connection broke before an answer"),
        ),
        (
            Oddly::SayAndHang("HTTP/1.1 200 OK\r\nx-half:"),
            Some("no answer in time"),
        ),
        (
            Oddly::SayAndReset(CUT),
            Some("answered 200, then reset the connection"),
        ),
        // It has said 2xx, and then miscounted, dawdled or talked too much.
        (Oddly::SayAndClose(CUT), None),
        (Oddly::SayAndHang(CUT), None),
        (Oddly::Flood, None),
    ] {
        let odd = Odd::start(manner).await;
        let id = bench.queue("123456", 1, &odd.url);
        assert_eq!(bench.deliver().await, 1);
        let row = bench.outbox.row(id);
        assert_eq!(row.note.as_deref(), note, "{manner:?}");
        assert_eq!(
            row.state == CallbackState::Delivered,
            note.is_none(),
            "{manner:?}"
        );
        assert_eq!(
            odd.requests(),
            1,
            "{manner:?}: sent once, whatever came of it"
        );
        // What the sockets between them hold, not 1 GB.
        assert!(odd.written() < 32 << 20, "{} bytes", odd.written());
    }
    // Nobody listens.
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let id = bench.queue("123456", 2, &format!("http://{gone}"));
    bench.deliver().await;
    assert_eq!(
        bench.outbox.row(id).note.as_deref(),
        Some("connection refused")
    );
}

#[tokio::test]
async fn a_merchant_may_ask_for_time() {
    let (bench, shop) = (Bench::new(), merchant().await);
    let after = |text: &str| vec![("retry-after".to_owned(), text.to_owned())];
    // The third attempt is planned 30 s after the second, give or take.
    for (status, headers, low, high) in [
        (503, after("45"), 45, 45),
        (503, after("86400"), 60, 60),
        (503, after("1"), 24, 36),
        (429, Vec::new(), 60, 60),
        (429, after("5"), 60, 60),
        (503, after("Tue, 14 Nov 2023 22:14:05 GMT"), 45, 45),
        (503, after("whenever"), 24, 36),
    ] {
        let mut second = due();
        second.attempts = 1;
        second.target.prefix = shop.base_url();
        let id = bench.outbox.queue(second);
        shop.answer(Manner {
            headers,
            ..Manner::status(status)
        });
        bench.deliver().await;
        let wait = bench.outbox.row(id).due_at.since(START);
        assert!((low..=high).contains(&wait.as_secs()), "{status}: {wait:?}");
    }
}

/// C11: down for 70 hours, then up.
#[tokio::test]
async fn the_schedule_is_followed_over_days_and_repeats_are_the_same_bytes() {
    let mut bench = Bench::new();
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    bench.settings.schedule = [0, 5, 30, 120, 600, 1_800]
        .map(Duration::from_secs)
        .to_vec();
    bench
        .settings
        .schedule
        .extend([1, 3, 6, 12, 24, 24, 24].map(hours));
    let shop = merchant().await;
    shop.answer(Manner::status(503));
    let id = bench.queue("123456", 1, &shop.base_url());
    let mut attempts = 0;
    while bench.outbox.row(id).state == CallbackState::Pending {
        let row = bench.outbox.row(id);
        bench.clock.advance(row.due_at.since(bench.clock.now()));
        if bench.clock.now().since(START) > hours(70) {
            shop.answer(Manner::status(200));
        }
        assert_eq!(bench.deliver().await, 1);
        attempts += 1;
    }
    assert_eq!(bench.outbox.row(id).state, CallbackState::Delivered);
    let got = shop.callbacks();
    assert!(
        (12..=13).contains(&attempts) && got.len() == attempts,
        "{attempts}"
    );
    assert!(
        got.iter()
            .all(|callback| callback.body == got[0].body && callback.target == got[0].target)
    );
}

#[tokio::test]
async fn at_the_end_of_the_schedule_it_is_dead_and_says_why() {
    let mut bench = Bench::new();
    bench.settings.schedule = vec![Duration::ZERO; 2];
    let shop = merchant().await;
    shop.answer(Manner::status(500));
    let id = bench.queue("123456", 1, &shop.base_url());
    bench.deliver().await;
    assert_eq!(bench.outbox.row(id).state, CallbackState::Pending);
    bench.deliver().await;
    let row = bench.outbox.row(id);
    assert_eq!(row.state, CallbackState::Dead);
    assert_eq!(
        row.note.as_deref(),
        Some("given up after 2 attempts; the last: answered 500")
    );
    assert_eq!((bench.deliver().await, shop.callbacks().len()), (0, 2));
    assert!(
        bench
            .meters
            .render()
            .contains("bridge_callbacks_total{outcome=\"dead\"} 1")
    );
}

#[tokio::test]
async fn a_token_goes_back_as_it_came_or_not_at_all() {
    let (bench, shop) = (Bench::new(), merchant().await);
    for (token, header) in [
        ("abc", Some("abc")),
        ("Bearer x y", Some("Bearer x y")),
        ("blåbær", Some("blåbær")),
        ("", None),
        ("two\nlines", None),
        ("a\r\nx-evil: 1", None),
    ] {
        let mut callback = due();
        callback.target.prefix = shop.base_url();
        callback.target.auth_token = Some(token.into());
        bench.outbox.queue(callback);
        bench.deliver().await;
        let got = shop.callbacks().pop().unwrap();
        assert_eq!(got.header("authorization"), header, "{token:?}");
        assert_eq!(got.header("x-evil"), None);
    }
}

#[tokio::test]
async fn the_user_is_told_of_where_a_scope_was_asked_for() {
    let shop = merchant().await;
    let asked = |scope: Option<&str>, status| {
        let mut callback = due();
        callback.target.prefix = shop.base_url();
        callback.scope_asked = scope.map(str::to_owned);
        callback.status = status;
        callback
    };
    use crate::ecom::callback::CallbackStatus::{Rejected, Reserved};
    for (scope, status, silent, known, questions) in [
        (None, Reserved, 0, false, 0),
        (Some("email"), Reserved, 0, true, 1),
        (Some("email"), Reserved, 1, true, 2),
        // Never known: after the third question it goes without.
        (Some("email"), Reserved, usize::MAX, false, 3),
        (Some("email"), Rejected, 0, false, 0),
    ] {
        let mut bench = Bench::new();
        bench.users = std::sync::Arc::new(Users::after(silent));
        let id = bench.outbox.queue(asked(scope, status));
        bench.deliver().await;
        assert_eq!(bench.outbox.row(id).state, CallbackState::Delivered);
        let got = shop.callbacks().pop().unwrap().json();
        assert_eq!(got["userDetails"]["email"] == "kari@example.com", known);
        assert_eq!(got["sub"] == "sub-1", known);
        assert_eq!(bench.users.asked(), questions);
    }
}
