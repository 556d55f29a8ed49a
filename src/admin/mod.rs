//! The operator's listener: health, readiness and metrics.
//!
//! Health and readiness are open, so that probes need no secret; everything else wants the token where one is
//! configured. Must not: know what it shows (closures tell it), or serve anything to merchants.

pub mod automatic;
pub mod callbacks;
pub mod explain;
mod problem;
pub mod reload;
pub mod steering;
pub mod traffic;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::telemetry::Meters;

/// Whether traffic may come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// `ok`, or what is wrong with the store.
    pub store: String,
    /// Whether the process is about to end.
    pub draining: bool,
    /// Webhook registrations that are not in order, and why; no reason to take no traffic.
    pub registrations: Vec<String>,
    /// Whether traffic may come.
    pub ready: bool,
}

impl Readiness {
    /// From the store's trouble, where it has any, and whether the process is about to end.
    #[must_use]
    pub fn of(store_trouble: Option<String>, draining: bool) -> Self {
        Self {
            ready: store_trouble.is_none() && !draining,
            store: store_trouble.unwrap_or_else(|| "ok".to_owned()),
            draining,
            registrations: Vec::new(),
        }
    }
}

type TokenAsked = Arc<dyn Fn() -> Option<SecretString> + Send + Sync>;
type Asked<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What the operator's listener asks the rest of the bridge.
#[derive(Clone)]
pub struct Admin {
    token: TokenAsked,
    readiness: Arc<dyn Fn() -> Asked<Readiness> + Send + Sync>,
    metrics: Arc<dyn Fn() -> Asked<String> + Send + Sync>,
}

impl Admin {
    /// `token` tells what `Authorization: Bearer` must carry now; `None`: anyone who reaches the listener is let in.
    /// The other closures may ask the store; `metrics` gives the text of a scrape.
    #[must_use]
    pub fn new<T, R, F, M, G>(token: T, readiness: R, metrics: M) -> Self
    where
        T: Fn() -> Option<SecretString> + Send + Sync + 'static,
        R: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Readiness> + Send + 'static,
        M: Fn() -> G + Send + Sync + 'static,
        G: Future<Output = String> + Send + 'static,
    {
        Self {
            token: Arc::new(token),
            readiness: Arc::new(move || Box::pin(readiness())),
            metrics: Arc::new(move || Box::pin(metrics())),
        }
    }

    /// The routes, with `more` behind the same token.
    pub fn router(self, more: Router) -> Router {
        let closed = Router::new()
            .route("/metrics", get(metrics))
            .with_state(self.clone())
            .merge(more)
            .layer(middleware::from_fn_with_state(self.clone(), authorised));
        Router::new()
            .route(
                "/healthz",
                get(|| async { Json(serde_json::json!({"alive": true})) }),
            )
            .route("/readyz", get(readyz))
            .with_state(self)
            .merge(closed)
            .layer(middleware::map_response(secured))
    }

    /// Serves the routes until `shutdown`.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        more: Router,
        shutdown: CancellationToken,
    ) -> std::io::Result<()> {
        axum::serve(listener, self.router(more))
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await
    }
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    let readiness = (admin.readiness)().await;
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness))
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, Meters::CONTENT_TYPE)],
        (admin.metrics)().await,
    )
}

async fn authorised(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    match (admin.token)() {
        Some(token) if !carries(request.headers(), &token) => {
            let wanted = [
                (header::WWW_AUTHENTICATE, "Bearer"),
                (header::CONTENT_TYPE, "application/problem+json"),
            ];
            let told = Json(serde_json::json!({
                "type": "about:blank",
                "title": "Unauthorized",
                "status": 401,
                "detail": "Send Authorization: Bearer TOKEN (admin.token)",
            }));
            (StatusCode::UNAUTHORIZED, wanted, told).into_response()
        }
        _ => next.run(request).await,
    }
}

/// Whether the headers carry the token; the time taken tells nothing of how much of it is right.
fn carries(headers: &HeaderMap, token: &SecretString) -> bool {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(sent), None) = (sent.next(), sent.next()) else {
        return false;
    };
    let sent = sent.as_bytes();
    let Some((scheme, sent)) = sent.split_at_checked(7) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"bearer ")
        && bool::from(sent.ct_eq(token.expose_secret().as_bytes()))
}

async fn secured(mut response: Response<Body>) -> Response<Body> {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'",
        ),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt;

    use super::*;

    async fn asked(admin: &Admin, path: &str, authorization: Option<&str>) -> Response {
        let mut request = Request::get(path);
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let more = Router::new().route("/api/x", get(|| async { "x" }));
        let router = admin.clone().router(more);
        router
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    }

    fn admin(token: Option<&'static str>, trouble: Option<&'static str>) -> Admin {
        Admin::new(
            move || token.map(Into::into),
            move || async move { Readiness::of(trouble.map(str::to_owned), false) },
            || async { "bridge_in_flight 0\n# EOF\n".to_owned() },
        )
    }

    #[tokio::test]
    async fn probes_are_open_and_the_rest_wants_the_token() {
        let admin = admin(Some("canary-token"), None);
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
            let response = asked(&admin, path, authorization).await;
            assert_eq!(response.status(), want, "{path} {authorization:?}");
            assert_eq!(
                response.headers()[header::X_CONTENT_TYPE_OPTIONS],
                "nosniff"
            );
        }
    }

    #[tokio::test]
    async fn without_a_token_all_is_open() {
        let response = asked(&admin(None, None), "/metrics", None).await;
        assert_eq!(response.status(), 200);
    }

    #[tokio::test]
    async fn not_ready_says_why() {
        let response = asked(&admin(None, Some("locked")), "/readyz", None).await;
        assert_eq!(response.status(), 503);
        let body = axum::body::to_bytes(response.into_body(), 1_000)
            .await
            .unwrap();
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            told,
            serde_json::json!({"store": "locked", "draining": false, "registrations": [], "ready": false})
        );
        assert!(!Readiness::of(None, true).ready);
    }
}
