//! Toggles, overrides, the kill switch and the list of changes, for an operator.
//!
//! JSON on the admin listener, behind its token; the `toggle` and `kill-switch` commands call it. Every change says who
//! and why. Must not: change the configuration.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Problem, reason, unit};
use crate::ecom::route::Operation;
use crate::routing::{Lever, Policy, Source, Toggle};
use crate::settings::parse_duration;
use crate::steering::{SteerError, Steerer};
use crate::store::{ChangeView, NewOverride, Override, OverrideId};
use crate::types::{Moment, Msn};

/// What the routes work on.
#[derive(Clone, Debug)]
pub struct SteeringApi(Arc<Steerer>);

const PAGE: usize = 100;

impl SteeringApi {
    /// Moves these levers.
    #[must_use]
    pub const fn new(steerer: Arc<Steerer>) -> Self {
        Self(steerer)
    }

    /// `/api/toggles…`, `/api/kill-switch` and `/api/changes`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/toggles", get(toggles).post(set))
            .route("/api/toggles/{id}", delete(undo))
            .route("/api/kill-switch", post(kill_switch))
            .route("/api/changes", get(changes))
            .with_state(self)
    }
}

/// Where one operation goes, and whose wish that is.
fn wish(policy: &Policy, operation: Operation, msn: Option<&Msn>) -> Value {
    let wish = policy.wish(operation, msn);
    let (configured, _) = policy.configured(operation, msn);
    json!({
        "operation": operation.word(),
        "toggle": wish.toggle.to_string(),
        "configured": configured.to_string(),
        "decidedBy": source_word(wish.source),
        "automaticPercent": wish.cap,
    })
}

/// Whose wish counts, in a word.
#[must_use]
pub const fn source_word(source: Source) -> &'static str {
    match source {
        Source::KillSwitch(true) => "unit-kill-switch",
        Source::KillSwitch(false) => "kill-switch",
        Source::Override(true) => "unit-override",
        Source::Override(false) => "override",
        Source::Configured(true) => "unit-toggle",
        Source::Configured(false) => "toggle",
    }
}

fn wishes(policy: &Policy, msn: Option<&Msn>) -> Vec<Value> {
    Operation::ALL
        .into_iter()
        .filter(|operation| *operation != Operation::Approve)
        .map(|operation| wish(policy, operation, msn))
        .collect()
}

fn override_view(one: &Override) -> Value {
    json!({
        "id": one.id.0,
        "key": one.lever.word(),
        "value": one.lever.shown(one.toggle),
        "msn": one.msn.as_ref().map(Msn::as_str),
        "who": one.reason.who(),
        "why": one.reason.why(),
        "madeAt": one.made_at.to_string(),
        "until": one.until.map(|at| at.to_string()),
    })
}

async fn toggles(State(SteeringApi(steerer)): State<SteeringApi>) -> Result<Json<Value>, Problem> {
    let overrides = steerer.store().overrides(steerer.now()).await?;
    let snapshot = steerer.live().snapshot();
    let policy = &snapshot.policy;
    let mut units: Vec<&Msn> = snapshot.settings.merchants.keys().collect();
    units.extend(overrides.iter().filter_map(|one| one.msn.as_ref()));
    units.sort();
    units.dedup();
    let merchants: Vec<Value> = units
        .into_iter()
        .map(|msn| json!({"msn": msn.as_str(), "toggles": wishes(policy, Some(msn))}))
        .collect();
    Ok(Json(json!({
        "toggles": wishes(policy, None),
        "merchants": merchants,
        "overrides": overrides.iter().map(override_view).collect::<Vec<_>>(),
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    key: String,
    value: String,
    msn: Option<String>,
    who: String,
    why: String,
    /// A duration, such as `2h`.
    r#for: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Killing {
    on: bool,
    msn: Option<String>,
    who: String,
    why: String,
    r#for: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Undoing {
    who: String,
    why: String,
}

impl From<SteerError> for Problem {
    fn from(error: SteerError) -> Self {
        let status = match error {
            SteerError::Setting { .. } | SteerError::Over => StatusCode::BAD_REQUEST,
            SteerError::NoSuch => StatusCode::NOT_FOUND,
            SteerError::NotOn(_) => StatusCode::CONFLICT,
            SteerError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

pub(super) fn until(steerer: &Steerer, text: Option<&str>) -> Result<Option<Moment>, Problem> {
    text.map(|text| match parse_duration(text) {
        Ok(duration) => Ok(steerer.now().plus(duration)),
        Err(why) => Err(Problem::wrong(format!("for: {why}"))),
    })
    .transpose()
}

async fn set(
    State(SteeringApi(steerer)): State<SteeringApi>,
    body: Result<Json<Setting>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(asked) = body?;
    let lever = Lever::parse(&asked.key).filter(|lever| *lever != Lever::KillSwitch);
    let new = NewOverride {
        lever: lever.ok_or_else(|| {
            Problem::wrong(
                "key is initiate, capture, cancel, refund, details or status; everything else is changed in the configuration",
            )
        })?,
        msn: unit(asked.msn.as_deref())?,
        toggle: Toggle::parse(&asked.value).ok_or_else(|| {
            Problem::wrong("value is epayment, ecom or, for initiate, a percentage: 25%")
        })?,
        reason: reason(&asked.who, &asked.why)?,
        until: until(&steerer, asked.r#for.as_deref())?,
    };
    Ok(made(&steerer.set(new).await?))
}

fn made(made: &Override) -> Response {
    (StatusCode::CREATED, Json(override_view(made))).into_response()
}

fn ended(ended: &Override) -> Response {
    Json(json!({"ended": override_view(ended)})).into_response()
}

async fn undo(
    State(SteeringApi(steerer)): State<SteeringApi>,
    Path(id): Path<i64>,
    body: Result<Json<Undoing>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(asked) = body?;
    let reason = reason(&asked.who, &asked.why)?;
    Ok(ended(&steerer.undo(OverrideId(id), reason).await?))
}

async fn kill_switch(
    State(SteeringApi(steerer)): State<SteeringApi>,
    body: Result<Json<Killing>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(asked) = body?;
    let msn = unit(asked.msn.as_deref())?;
    let reason = reason(&asked.who, &asked.why)?;
    if !asked.on {
        return Ok(ended(&steerer.revive(msn, reason).await?));
    }
    let new = NewOverride {
        lever: Lever::KillSwitch,
        msn,
        toggle: Toggle::Ecom,
        reason,
        until: until(&steerer, asked.r#for.as_deref())?,
    };
    Ok(made(&steerer.set(new).await?))
}

#[derive(Deserialize)]
struct Page {
    before: Option<i64>,
    limit: Option<usize>,
}

fn change_view(change: &ChangeView) -> Value {
    json!({
        "id": change.id,
        "at": change.at.to_string(),
        "what": change.what,
        "key": change.key,
        "msn": change.msn.as_ref().map(Msn::as_str),
        "old": change.old,
        "new": change.new,
        "who": change.who,
        "why": change.why,
    })
}

async fn changes(
    State(SteeringApi(steerer)): State<SteeringApi>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    let limit = page.limit.unwrap_or(PAGE).clamp(1, 1000);
    let list = steerer.store().changes(page.before, limit).await?;
    let list: Vec<Value> = list.iter().map(change_view).collect();
    Ok(Json(json!({"changes": list})))
}
