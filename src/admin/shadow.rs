//! What shadowing has found, for an operator: the report, a judgement of a difference, a new count.
//!
//! JSON on the admin listener, behind its token; the `shadow` commands call it. Every change says who and why. Must not:
//! compare by itself, or show a value that was not made showable.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Asked;
use super::problem::{Problem, reason};
use crate::ecom::route::Operation;
use crate::settings::{Live, ShadowMode};
use crate::shadow::report::{Report, ShadowFigures};
use crate::store::{Judging, Reason, ShadowStore, StoreError, Verdict, Way};
use crate::types::{Clock, FieldPath};

/// What the running process tells by itself. The default is a bridge that does not shadow.
#[derive(Clone)]
pub struct ShadowSource {
    /// Its counts, of one moment.
    pub figures: Arc<dyn Fn() -> ShadowFigures + Send + Sync>,
    /// Puts what was found into the store, so that what is asked for includes the last call.
    pub keep: Arc<dyn Fn() -> Asked<()> + Send + Sync>,
}

impl Default for ShadowSource {
    fn default() -> Self {
        Self {
            figures: Arc::new(ShadowFigures::default),
            keep: Arc::new(|| Box::pin(async {})),
        }
    }
}

/// What the routes work on.
#[derive(Clone)]
pub struct ShadowApi {
    /// The records.
    pub store: Arc<dyn ShadowStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The settings in force.
    pub live: Arc<Live>,
    /// The running process.
    pub source: ShadowSource,
}

impl ShadowApi {
    /// `/api/shadow…`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/shadow", get(show))
            .route("/api/shadow/reset", post(reset))
            .route("/api/shadow/judge", post(judge))
            .with_state(self)
    }

    /// `shadow.mode` in force.
    pub(super) fn mode(&self) -> &'static str {
        match self.live.settings().shadow.mode {
            ShadowMode::Off => "off",
            ShadowMode::Dry => "dry",
            ShadowMode::Read => "read",
            ShadowMode::Write => "write",
        }
    }

    /// Everything, or what is about one operation.
    pub(super) async fn report(&self, only: Option<Operation>) -> Result<Report, StoreError> {
        (self.source.keep)().await;
        let record = self.store.shadow_record(true).await?;
        let figures = (self.source.figures)();
        Ok(Report::of(&record, &figures, self.mode(), only))
    }

    /// Begins a new count; how many calls were counted before.
    pub(super) async fn reset(
        &self,
        operation: Option<Operation>,
        reason: Reason,
    ) -> Result<u64, StoreError> {
        // What has ended before belongs to the old count.
        (self.source.keep)().await;
        let now = self.clock.now();
        self.store.reset_shadow(operation, reason, now).await
    }

    /// Records what a person says; how many kinds of difference it is about.
    pub(super) async fn judge(&self, judging: Judging) -> Result<u64, Problem> {
        (self.source.keep)().await;
        let withdraws = judging.verdict.is_none();
        match self
            .store
            .judge_difference(judging, self.clock.now())
            .await?
        {
            0 if withdraws => Err(Problem::new(
                StatusCode::NOT_FOUND,
                "nothing was changed: nobody has judged this difference",
            )),
            0 => Err(Problem::new(
                StatusCode::NOT_FOUND,
                "nothing was changed: no such difference was seen; the report names operation, way and field",
            )),
            about => Ok(about),
        }
    }
}

/// An operation that is named.
pub(super) fn operation(word: &str) -> Result<Operation, Problem> {
    Operation::parse(word).ok_or_else(|| {
        Problem::wrong("operation is initiate, capture, cancel, refund, details, status or approve")
    })
}

/// What is judged, read from texts. A verdict of `none` withdraws; a way that is empty means every way.
pub(super) fn judging(
    [of, way, field, verdict]: [&str; 4],
    reason: Reason,
) -> Result<Judging, Problem> {
    let way = match way {
        "" => None,
        word => Some(Way::parse(word).ok_or_else(|| Problem::wrong("way is dry, read or write"))?),
    };
    let verdict =
        match verdict {
            "none" => None,
            word => Some(Verdict::parse(word).ok_or_else(|| {
                Problem::wrong("verdict is new-wrong, old-wrong, accepted or none")
            })?),
        };
    let field = FieldPath::parse(field).ok_or_else(|| {
        Problem::wrong("field is a path as the report shows it, such as /transactionInfo/amount")
    })?;
    Ok(Judging {
        operation: operation(of)?,
        way,
        field,
        verdict,
        reason,
    })
}

#[derive(Deserialize)]
struct Wanted {
    operation: Option<String>,
}

async fn show(
    State(api): State<ShadowApi>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Report>, Problem> {
    let only = wanted.operation.as_deref().map(operation).transpose()?;
    Ok(Json(api.report(only).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resetting {
    /// None: all.
    operation: Option<String>,
    who: String,
    why: String,
}

async fn reset(
    State(api): State<ShadowApi>,
    body: Result<Json<Resetting>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(asked) = body?;
    let only = asked.operation.as_deref().map(operation).transpose()?;
    let forgotten = api.reset(only, reason(&asked.who, &asked.why)?).await?;
    Ok(Json(json!({"forgotten": forgotten})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saying {
    operation: String,
    way: Option<String>,
    field: String,
    verdict: String,
    who: String,
    why: String,
}

async fn judge(
    State(api): State<ShadowApi>,
    body: Result<Json<Saying>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(asked) = body?;
    let way = asked.way.as_deref().unwrap_or_default();
    let texts = [&*asked.operation, way, &*asked.field, &*asked.verdict];
    let judging = judging(texts, reason(&asked.who, &asked.why)?)?;
    Ok(Json(json!({"judged": api.judge(judging).await?})))
}
