//! The gate, the probes and the errors, without a socket.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::routing::post;
use tower::ServiceExt;

use super::*;
use crate::types::ManualClock;

pub(super) struct Desk {
    pub(super) admin: Admin,
    clock: Arc<ManualClock>,
    meters: Arc<Meters>,
}

pub(super) fn desk(token: Option<&str>, trouble: Option<&'static str>) -> Desk {
    let clock = Arc::new(ManualClock::new(crate::types::Moment::from_millis(
        1_000_000,
    )));
    let meters = Arc::new(Meters::default());
    let shown: Arc<dyn crate::types::Clock> = Arc::<ManualClock>::clone(&clock);
    let token = token.map(str::to_owned);
    let token: TokenNow = Arc::new(move || token.clone().map(Into::into));
    let gate = Gate::new(token, shown, Arc::clone(&meters));
    let admin = Admin::new(
        Arc::new(gate),
        move || async move { Readiness::of(trouble.map(str::to_owned), false) },
        || async { "bridge_in_flight 0\n# EOF\n".to_owned() },
    );
    Desk {
        admin,
        clock,
        meters,
    }
}

impl Desk {
    async fn send(
        &self,
        from: [u8; 4],
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let peer: SocketAddr = (from, 40_000).into();
        request.extensions_mut().insert(ConnectInfo(peer));
        let closed = Router::new().route(
            "/api/x",
            get(|| async { "x" }).merge(post(|| async { "x" })),
        );
        let router = self.admin.clone().router(Router::new(), closed);
        router.oneshot(request).await.unwrap()
    }

    async fn asked(&self, path: &str, authorization: Option<&str>) -> Response {
        let headers: Vec<_> = authorization
            .map(|value| ("authorization", value))
            .into_iter()
            .collect();
        self.send([10, 0, 0, 1], "GET", path, &headers).await
    }
}

async fn json(response: Response) -> serde_json::Value {
    let body = axum::body::to_bytes(response.into_body(), 10_000).await;
    serde_json::from_slice(&body.unwrap()).unwrap()
}

#[tokio::test]
async fn probes_are_open_and_the_rest_wants_the_token() {
    let desk = desk(Some("canary-token"), None);
    for (path, authorization, want) in [
        ("/healthz", None, 200),
        ("/readyz", None, 200),
        ("/metrics", None, 401),
        ("/metrics", Some("Bearer canary-toke"), 401),
        ("/metrics", Some("Bearer canary-token2"), 401),
        ("/metrics", Some("Basic canary-token"), 401),
        ("/metrics", Some("canary-token"), 401),
        ("/metrics", Some("Bea"), 401),
        ("/metrics", Some("Bearer canary-token"), 200),
        ("/metrics", Some("bearer canary-token"), 200),
        ("/api/x", None, 401),
        ("/api/x", Some("Bearer canary-token"), 200),
        ("/nowhere", None, 401),
        ("/nowhere", Some("Bearer canary-token"), 404),
    ] {
        let response = desk.asked(path, authorization).await;
        assert_eq!(response.status(), want, "{path} {authorization:?}");
        assert_eq!(
            response.headers()[header::X_CONTENT_TYPE_OPTIONS],
            "nosniff"
        );
    }
}

#[tokio::test]
async fn guesses_are_limited_for_their_address_and_counted() {
    let desk = desk(Some("canary-token"), None);
    for _ in 0..10 {
        assert_eq!(desk.asked("/api/x", Some("Bearer no")).await.status(), 401);
    }
    let limited = desk.asked("/api/x", Some("Bearer canary-token")).await;
    assert_eq!(limited.status(), 429);
    assert_eq!(limited.headers()[header::RETRY_AFTER], "6");
    assert_eq!(json(limited).await["status"], 429);
    // No guess: nobody is locked out by asking without a token.
    assert_eq!(desk.asked("/api/x", None).await.status(), 401);
    let right = [("authorization", "Bearer canary-token")];
    let other = desk.send([10, 0, 0, 2], "GET", "/api/x", &right).await;
    assert_eq!(other.status(), 200);
    desk.clock.advance(Duration::from_secs(6));
    let after = desk.asked("/api/x", Some("Bearer canary-token")).await;
    assert_eq!(after.status(), 200);
    let text = desk.meters.render();
    assert!(text.contains("bridge_admin_refused_total{reason=\"wrong-token\"} 10\n"));
    assert!(text.contains("bridge_admin_refused_total{reason=\"too-many\"} 1\n"));
}

#[tokio::test]
async fn without_a_token_this_machine_by_its_own_name_is_let_in() {
    let desk = desk(None, None);
    for (from, host, want) in [
        ([127, 0, 0, 1], Some("localhost:9"), 200),
        ([127, 0, 0, 1], Some("127.0.0.1"), 200),
        ([127, 0, 0, 1], Some("[::1]:9"), 200),
        ([127, 0, 0, 1], Some("rebound.example"), 403),
        ([127, 0, 0, 1], None, 403),
        ([10, 0, 0, 1], Some("localhost"), 403),
    ] {
        let headers: Vec<_> = host.map(|host| ("host", host)).into_iter().collect();
        for path in ["/metrics", "/api/x"] {
            let response = desk.send(from, "GET", path, &headers).await;
            assert_eq!(response.status(), want, "{from:?} {host:?}");
        }
        let probe = desk.send(from, "GET", "/healthz", &headers).await;
        assert_eq!(probe.status(), 200);
    }
}

#[tokio::test]
async fn what_another_site_sends_changes_nothing() {
    let desk = desk(None, None);
    let host = ("host", "localhost:9");
    for (headers, want) in [
        (vec![host], 200),
        (vec![host, ("sec-fetch-site", "same-origin")], 200),
        (vec![host, ("sec-fetch-site", "cross-site")], 403),
        (vec![host, ("origin", "http://localhost:9")], 200),
        (vec![host, ("origin", "http://evil.example")], 403),
    ] {
        let response = desk.send([127, 0, 0, 1], "POST", "/api/x", &headers).await;
        assert_eq!(response.status(), want, "{headers:?}");
    }
    // Reading is harmless: the other page does not see the answer.
    let cross = [host, ("sec-fetch-site", "cross-site")];
    let response = desk.send([127, 0, 0, 1], "GET", "/api/x", &cross).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn errors_are_problems_for_programs_and_pages_for_browsers() {
    let desk = desk(None, None);
    let near = [127, 0, 0, 1];
    let host = ("host", "localhost");
    let html = ("accept", "text/html,*/*;q=0.8");
    for (method, path, want) in [
        ("GET", "/api/nowhere", 404),
        ("PUT", "/api/x", 405),
        ("DELETE", "/metrics", 405),
    ] {
        let response = desk.send(near, method, path, &[host, html]).await;
        assert_eq!(response.status(), want, "{path}");
        let kind = response.headers()[header::CONTENT_TYPE].clone();
        assert_eq!(kind, "application/problem+json", "{path}");
        assert_eq!(json(response).await["status"], want);
    }
    for (method, path, want) in [("GET", "/nowhere", 404), ("POST", "/nowhere", 404)] {
        let response = desk.send(near, method, path, &[host, html]).await;
        assert_eq!(response.status(), want, "{path}");
        let kind = response.headers()[header::CONTENT_TYPE].clone();
        assert_eq!(kind, "text/html; charset=utf-8", "{path}");
    }
    let head = desk.send(near, "HEAD", "/metrics", &[host]).await;
    assert_eq!(head.status(), 200);
}

#[tokio::test]
async fn not_ready_says_why() {
    let response = desk(None, Some("locked")).asked("/readyz", None).await;
    assert_eq!(response.status(), 503);
    assert_eq!(
        json(response).await,
        serde_json::json!({"store": "locked", "draining": false, "registrations": [], "ready": false})
    );
    assert!(!Readiness::of(None, true).ready);
}

#[test]
fn another_token_ends_every_session() {
    let clock: Arc<dyn crate::types::Clock> = Arc::new(crate::types::SystemClock);
    let now = Arc::new(std::sync::Mutex::new("canary-token-one".to_owned()));
    let shown = Arc::clone(&now);
    let token: TokenNow = Arc::new(move || Some(shown.lock().unwrap().clone().into()));
    let gate = Gate::new(token, clock, Arc::default());
    let judged = gate.judge(None, b"canary-token-one");
    assert!(matches!(judged, guesses::Judged::Right));
    let cookie = gate.sign_in(&axum::http::HeaderMap::new());
    let mut headers = axum::http::HeaderMap::new();
    let kept = cookie.split(';').next().unwrap();
    headers.insert(header::COOKIE, kept.parse().unwrap());
    assert!(gate.session(&headers).is_some());
    for token in ["canary-token-two", "canary-token-one"] {
        *now.lock().unwrap() = token.to_owned();
        assert!(gate.session(&headers).is_none(), "{token}");
    }
}
