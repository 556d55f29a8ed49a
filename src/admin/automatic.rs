//! Ramp and rollback, for an operator: what they do and would do with each sales unit, and the reset.
//!
//! JSON on the admin listener, behind its token. Must not: move anything but by a reset with who and why.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Problem, reason, unit};
use crate::steering::auto::Automat;

/// What the routes work on.
#[derive(Clone, Debug)]
pub struct AutomaticApi(Arc<Automat>);

impl AutomaticApi {
    /// Of this machine.
    #[must_use]
    pub const fn new(automat: Arc<Automat>) -> Self {
        Self(automat)
    }

    /// `/api/automatic…`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/automatic", get(automatic))
            .route("/api/automatic/reset", post(reset))
            .with_state(self)
    }
}

async fn automatic(
    State(AutomaticApi(automat)): State<AutomaticApi>,
) -> Result<Json<Value>, Problem> {
    let (rules, units) = automat.view().await?;
    let (ramp, rollback) = (&rules.ramp, &rules.rollback);
    Ok(Json(json!({
        "ramp": {
            "enabled": ramp.enabled,
            "steps": ramp.steps,
            "holdSeconds": ramp.hold.as_secs(),
        },
        "rollback": {
            "enabled": rollback.enabled,
            "windowSeconds": rollback.window.as_secs(),
            "minSamples": rollback.min_samples,
            "errorMargin": rollback.error_margin_points,
            "errorLimit": rollback.error_limit_percent,
            "latencyMargin": rollback.latency_margin_percent,
            "cooldownSeconds": rollback.cooldown.as_secs(),
        },
        "merchants": units,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resetting {
    msn: String,
    who: String,
    why: String,
}

async fn reset(
    State(AutomaticApi(automat)): State<AutomaticApi>,
    body: Result<Json<Resetting>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(asked) = body?;
    let msn = unit(Some(&asked.msn))?;
    let reason = reason(&asked.who, &asked.why)?;
    let Some(msn) = msn else {
        return Err(Problem::wrong("name the sales unit"));
    };
    match automat.reset(&msn, reason).await? {
        Some(held) => Ok(Json(json!({"done": true, "heldPercent": held}))),
        None => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "ramp and rollback do not know this sales unit yet",
        )),
    }
}
