//! The operator's listener: health, readiness, metrics, the API and the pages.
//!
//! Health and readiness are open, so that probes need no secret; everything else stands behind the gate. Must not: know
//! what it shows (closures tell it), or serve anything to merchants.

pub mod automatic;
mod brought;
pub mod callbacks;
pub mod explain;
mod forms;
mod gate;
mod guesses;
pub mod ledger;
mod listen;
mod openapi;
mod origin;
pub mod pages;
mod payments;
mod places;
mod problem;
pub mod reload;
mod sessions;
pub mod shadow;
pub mod steering;
mod tidy;
pub mod traffic;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::middleware;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

use crate::telemetry::Meters;

pub use gate::{Gate, TokenNow};
pub use listen::Limits;
pub use openapi::document as api_document;

/// No request to this listener has more to say.
const LONGEST_BODY: usize = 64 * 1024;

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

/// An answer that may have to wait for the store.
pub type Asked<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What the operator's listener asks the rest of the bridge.
#[derive(Clone)]
pub struct Admin {
    gate: Arc<Gate>,
    readiness: Arc<dyn Fn() -> Asked<Readiness> + Send + Sync>,
    metrics: Arc<dyn Fn() -> Asked<String> + Send + Sync>,
    limits: Limits,
}

impl Admin {
    /// `gate`: who is let in. Both closures may ask the store; `metrics` gives the text of a scrape.
    #[must_use]
    pub fn new<R, F, M, G>(gate: Arc<Gate>, readiness: R, metrics: M) -> Self
    where
        R: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Readiness> + Send + 'static,
        M: Fn() -> G + Send + Sync + 'static,
        G: Future<Output = String> + Send + 'static,
    {
        Self {
            gate,
            readiness: Arc::new(move || Box::pin(readiness())),
            metrics: Arc::new(move || Box::pin(metrics())),
            limits: Limits::default(),
        }
    }

    /// With other limits of its connections.
    #[must_use]
    pub const fn within(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether traffic may come, as `/readyz` tells it.
    pub fn readiness(&self) -> Asked<Readiness> {
        (self.readiness)()
    }

    /// The routes: probes for everyone, `open` for whoever may come at all, `closed` for visitors with the token or a
    /// session of it.
    pub fn router(self, open: Router, closed: Router) -> Router {
        let gate = Arc::clone(&self.gate);
        let closed = Router::new()
            .route("/metrics", get(metrics))
            .route("/api/openapi.json", get(openapi::serve))
            .with_state(self.clone())
            .merge(closed)
            // What is nowhere is for visitors only, too: a stranger learns nothing of what is there.
            .fallback(|| async { StatusCode::NOT_FOUND })
            .layer(middleware::from_fn_with_state(
                Arc::clone(&gate),
                gate::authorised,
            ))
            .merge(open)
            .layer(middleware::from_fn_with_state(gate, gate::from_here));
        Router::new()
            .route(
                "/healthz",
                get(|| async { Json(serde_json::json!({"alive": true})) }),
            )
            .route("/readyz", get(readyz))
            .with_state(self)
            .merge(closed)
            .layer(CatchPanicLayer::custom(panicked))
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
            .layer(middleware::from_fn(tidy::tidy))
            .layer(middleware::map_response(secured))
            .layer(SetSensitiveRequestHeadersLayer::new([
                header::AUTHORIZATION,
                header::COOKIE,
            ]))
    }

    /// Serves the routes until `shutdown`.
    pub async fn serve(
        self,
        listener: TcpListener,
        (open, closed): (Router, Router),
        shutdown: CancellationToken,
    ) {
        let limits = self.limits;
        listen::serve(self.router(open, closed), listener, limits, shutdown).await;
    }
}

/// The payload of a panic is dropped unread: it may quote what it choked on.
fn panicked(_payload: Box<dyn std::any::Any + Send>) -> Response<Body> {
    tracing::error!("the handler of an operator's request panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    let readiness = admin.readiness().await;
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

async fn secured(mut response: Response<Body>) -> Response<Body> {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: under it a browser gives `Origin: null` with the bridge's own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
