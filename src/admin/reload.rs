//! Reading the configuration again, for an operator.
//!
//! JSON on the admin listener, behind its token; the `reload` command calls it. Must not: take a configuration from the
//! request: what is in force is always what stands in the files and the environment.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Problem, reason};
use crate::steering::reload::{ReloadRefused, Reloader, Trigger};

/// What the route works on; none where the bridge was started without a configuration that can be read again.
#[derive(Clone, Debug)]
pub struct ReloadApi(Option<Arc<Reloader>>);

impl ReloadApi {
    /// Reads again by `reloader`.
    #[must_use]
    pub const fn new(reloader: Option<Arc<Reloader>>) -> Self {
        Self(reloader)
    }

    /// `/api/reload`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/reload", post(reload))
            .with_state(self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    who: String,
    why: String,
}

impl From<ReloadRefused> for Problem {
    fn from(refused: ReloadRefused) -> Self {
        let status = match refused {
            ReloadRefused::Problems(_) | ReloadRefused::Part(_) => StatusCode::UNPROCESSABLE_ENTITY,
            ReloadRefused::Restart(_) => StatusCode::CONFLICT,
            ReloadRefused::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, refused.to_string()).naming(refused.problems())
    }
}

async fn reload(
    State(ReloadApi(reloader)): State<ReloadApi>,
    body: Result<Json<Asked>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(asked) = body?;
    let reason = reason(&asked.who, &asked.why)?;
    let reloader = reloader.ok_or_else(|| {
        let told = "this bridge was started without a configuration that can be read again";
        Problem::new(StatusCode::CONFLICT, told)
    })?;
    let changes = reloader.reload(Trigger::Call(reason)).await?;
    let changes: Vec<Value> = changes
        .iter()
        .map(|change| json!({"key": change.key, "old": change.old, "new": change.new}))
        .collect();
    Ok(Json(json!({"changes": changes})))
}
