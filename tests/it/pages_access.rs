//! Who may come to the operator's pages, and what keeps other sites' pages out of them.

use std::time::Duration;

use crate::support::app::{TestApp, with};
use crate::support::client::ask;
use crate::support::shop::order;
use crate::support::visitor::{TOKEN, Visitor, WHO, hidden, visitor};

/// A bridge that has had a call, so that there is a log to look through.
async fn used() -> TestApp {
    let app = TestApp::start().await;
    app.initiating(&order("used-order-1", 100))
        .send()
        .await
        .ok();
    app
}

#[tokio::test]
async fn answers_have_headers_that_keep_others_out() {
    let app = used().await;
    let visitor = visitor(&app);
    for path in ["/", "/nowhere", "/assets/style.css", "/api/toggles"] {
        let answer = visitor.get(path).await;
        let csp = answer.header("content-security-policy").unwrap();
        assert!(
            csp.starts_with("default-src 'none'; ") && !csp.contains("unsafe"),
            "{path}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    for (method, path, want) in [
        ("HEAD", "/", 200),
        ("HEAD", "/callbacks", 200),
        ("HEAD", "/assets/refresh.js", 200),
        ("GET", "/assets/other.js", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/callbacks/1", 404),
        ("GET", "/callbacks/x", 400),
        ("GET", "/merchants/x", 404),
        ("GET", "/callbacks?state=odd", 400),
        ("GET", "/callbacks?before=x", 400),
        ("DELETE", "/", 405),
        ("GET", "/kill-switch", 405),
        ("POST", "/callbacks", 405),
    ] {
        let answer = visitor.send(method, path, None).await;
        assert_eq!(answer.status, want, "{method} {path}");
        if want >= 400 {
            assert_eq!(
                answer.header("content-type"),
                Some("text/html; charset=utf-8"),
                "{path}"
            );
            assert_eq!(answer.header("allow").is_some(), want == 405, "{path}");
        }
    }
}

#[tokio::test]
async fn f9_a_session_begins_with_the_token_and_ends_by_time_or_by_hand() {
    let app = with(&[("admin.token", &format!("\"{TOKEN}\""))])
        .start()
        .await;
    let mut stranger = visitor(&app);
    let sent_on = stranger.get("/callbacks").await;
    assert_eq!(sent_on.status, 303);
    assert_eq!(
        sent_on.header("location"),
        Some("/sign-in?next=%2Fcallbacks")
    );
    assert_eq!(stranger.get("/api/toggles").await.status, 401);
    assert!(
        stranger
            .page("/sign-in")
            .await
            .contains("type=\"password\"")
    );
    let wrong = stranger.sign_in("canary-admin-tokem").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    let mut operator = visitor(&app);
    let right = operator.sign_in(&format!(" {TOKEN} ")).await;
    assert_eq!(
        (right.status, right.header("location")),
        (303, Some("/callbacks"))
    );
    let cookie = right.header("set-cookie").unwrap();
    for flag in [
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/",
        "; Max-Age=28800",
    ] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    assert!(
        !cookie.contains("Secure"),
        "plain HTTP: the browser would not send it"
    );
    operator.headers = vec![("Origin".to_owned(), "https://localhost".to_owned())];
    let secure = operator.sign_in(TOKEN).await;
    assert!(secure.header("set-cookie").unwrap().ends_with("; Secure"));
    operator.headers.clear();
    operator.page("/").await;
    // Its session reads the API, and changes nothing there.
    assert_eq!(operator.get("/api/toggles").await.status, 200);
    assert_eq!(operator.post("/api/kill-switch", &[]).await.status, 401);
    let mut forger = visitor(&app);
    forger.cookie = Some(format!("bridge-session={}", "0".repeat(64)));
    assert_eq!(forger.get("/").await.status, 303);

    let out = operator.fill("/", "/sign-out", &[]).await;
    assert_eq!(out.header("location"), Some("/sign-in?out=1"));
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(
        operator.get("/").await.status,
        303,
        "the session is over, not only the cookie"
    );
    operator.sign_in(TOKEN).await;
    operator.page("/").await;
    app.clock.advance(Duration::from_secs(8 * 3_600));
    assert_eq!(operator.get("/").await.status, 303);
    assert!(!app.log.text().contains("canary-admin"));
}

#[tokio::test]
async fn f9_guesses_are_limited_for_pages_and_api_alike_and_sessions_go_on() {
    let app = with(&[("admin.token", &format!("\"{TOKEN}\""))])
        .start()
        .await;
    let (mut stranger, mut operator) = (visitor(&app), visitor(&app));
    assert_eq!(operator.sign_in(TOKEN).await.status, 303);
    for _ in 0..10 {
        assert_eq!(stranger.sign_in("x").await.status, 401);
    }
    let limited = stranger.sign_in(TOKEN).await;
    assert_eq!(
        (limited.status, limited.header("retry-after")),
        (429, Some("6"))
    );
    stranger.headers = vec![("Authorization".to_owned(), format!("Bearer {TOKEN}"))];
    let limited = stranger.get("/api/toggles").await;
    assert_eq!(
        (limited.status, limited.header("retry-after")),
        (429, Some("6"))
    );
    assert_eq!(
        limited.header("content-type"),
        Some("application/problem+json")
    );
    // Who is signed in goes on.
    operator.page("/").await;
    app.clock.advance(Duration::from_secs(6));
    assert_eq!(stranger.get("/api/toggles").await.status, 200);
    assert!(!app.log.text().contains("canary-admin"));
}

#[tokio::test]
async fn a_form_of_another_session_or_another_site_changes_nothing() {
    let app = with(&[("admin.token", &format!("\"{TOKEN}\""))])
        .start()
        .await;
    let (mut ann, mut bob) = (visitor(&app), visitor(&app));
    ann.sign_in(TOKEN).await;
    bob.sign_in(TOKEN).await;
    let html = ann.page("/").await;
    let (csrf, once) = (hidden(&html, "csrf"), hidden(&html, "once"));
    let form = |csrf: &str| {
        let on = [("state", "on"), ("msn", "all"), ("once", once.as_str())];
        let fields = on.iter().chain(&WHO).copied();
        let all = fields.chain([("csrf", csrf)]);
        all.map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect::<Vec<_>>()
    };
    let send = async |visitor: &Visitor, csrf: &str| {
        let form = form(csrf);
        let fields: Vec<_> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        visitor.post("/kill-switch", &fields).await.status
    };
    assert_eq!(send(&bob, &csrf).await, 403, "another session's");
    assert_eq!(send(&ann, "").await, 403);
    assert_eq!(send(&ann, &"0".repeat(64)).await, 403);
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
    ] {
        ann.headers = vec![(name.to_owned(), value.to_owned())];
        assert_eq!(send(&ann, &csrf).await, 403, "{name}: {value}");
    }
    assert!(!ann.page("/").await.contains("Kill switch on"));
    ann.headers = vec![("Sec-Fetch-Site".to_owned(), "same-origin".to_owned())];
    assert_eq!(send(&ann, &csrf).await, 303);
    assert!(ann.page("/").await.contains("Kill switch on"));
}

#[tokio::test]
async fn without_a_token_a_rebound_name_is_refused() {
    let app = used().await;
    let text = "GET / HTTP/1.1\r\nHost: rebound.example\r\nAccept: text/html\r\n\r\n";
    let answer = ask(app.admin_addr(), text).await;
    assert_eq!(answer.status, 403);
    let cross = "POST /api/callbacks/1/replay HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n\r\n";
    let answer = ask(app.admin_addr(), cross).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
}
