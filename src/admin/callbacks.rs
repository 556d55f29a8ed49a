//! The outbox and the webhook registrations, for an operator: list, show, replay, drop; list, register again, delete.
//!
//! JSON on the admin listener, behind its token; the `callbacks` and `webhooks` commands call it. Errors are problem JSON.
//! Must not: show a token, a full callback address or personal data.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{failed, order, problem, unit};
use crate::callbacks::register::Registrar;
use crate::ecom::callback::CallbackStatus;
use crate::store::{
    CallbackFilter, CallbackId, CallbackState, CallbackStore, CallbackView, Handled, StoreError,
    Webhook,
};
use crate::types::{Clock, Msn};

/// What the routes work on.
#[derive(Clone)]
pub struct CallbackApi {
    /// The records.
    pub store: Arc<dyn CallbackStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Wakes the dispatcher.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// Keeps registrations in order; none where there is no public URL.
    pub registrar: Option<Arc<Registrar>>,
}

const PAGE: usize = 100;

#[derive(Deserialize)]
struct Asked {
    state: Option<String>,
    msn: Option<String>,
    order: Option<String>,
    before: Option<i64>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
struct Reason {
    who: String,
    why: String,
}

impl CallbackApi {
    /// `/api/callbacks…` and `/api/webhooks…`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/callbacks", get(list))
            .route("/api/callbacks/{id}", get(show))
            .route("/api/callbacks/{id}/replay", post(replay))
            .route("/api/callbacks/{id}/drop", post(drop_one))
            .route("/api/webhooks", get(webhooks))
            .route("/api/webhooks/{msn}/register", post(register))
            .route("/api/webhooks/{msn}/{id}", delete(delete_one))
            .with_state(self)
    }
}

/// The state's word in lists and filters.
#[must_use]
pub const fn state_word(state: CallbackState) -> &'static str {
    match state {
        CallbackState::Capture => "capture",
        CallbackState::Pending => "pending",
        CallbackState::Delivered => "delivered",
        CallbackState::Dead => "dead",
        CallbackState::Dropped => "dropped",
    }
}

fn state_of(word: &str) -> Option<CallbackState> {
    use CallbackState::{Capture, Dead, Delivered, Dropped, Pending};
    [Capture, Pending, Delivered, Dead, Dropped]
        .into_iter()
        .find(|state| state_word(*state) == word)
}

fn status_word(status: CallbackStatus) -> Value {
    serde_json::to_value(status).unwrap_or_default()
}

fn view(callback: &CallbackView) -> Value {
    json!({
        "id": callback.id.0,
        "msn": callback.msn.as_str(),
        "orderId": callback.order.as_str(),
        "status": status_word(callback.status),
        "state": state_word(callback.state),
        "attempts": callback.attempts,
        "queuedAt": callback.queued_at.to_string(),
        "dueAt": callback.due_at.to_string(),
        "endedAt": callback.ended_at.map(|at| at.to_string()),
        "note": callback.note,
        "host": callback.host,
    })
}

async fn list(State(api): State<CallbackApi>, Query(asked): Query<Asked>) -> Response {
    let state = match asked
        .state
        .as_deref()
        .map(|word| state_of(word).ok_or(word))
    {
        Some(Err(_)) => {
            return problem(
                StatusCode::BAD_REQUEST,
                "state is capture, pending, delivered, dead or dropped",
            );
        }
        Some(Ok(state)) => Some(state),
        None => None,
    };
    // A filter that can't be read must not show everything.
    let (msn, order) = match (unit(asked.msn.as_deref()), order(asked.order.as_deref())) {
        (Ok(msn), Ok(order)) => (msn, order),
        (Err(told), _) | (_, Err(told)) => return *told,
    };
    let filter = CallbackFilter {
        state,
        msn,
        order,
        before: asked.before.map(CallbackId),
        limit: asked.limit.unwrap_or(PAGE).clamp(1, 1000),
    };
    match api.store.callbacks(filter).await {
        Ok(found) => {
            Json(json!({"callbacks": found.iter().map(view).collect::<Vec<_>>()})).into_response()
        }
        Err(error) => failed(&error),
    }
}

async fn show(State(api): State<CallbackApi>, Path(id): Path<i64>) -> Response {
    match api.store.callback(CallbackId(id)).await {
        Ok(Some(callback)) => Json(view(&callback)).into_response(),
        Ok(None) => problem(StatusCode::NOT_FOUND, "there is no callback of this number"),
        Err(error) => failed(&error),
    }
}

fn handled(result: Result<Handled, StoreError>) -> Response {
    match result {
        Ok(Handled::Done) => Json(json!({"done": true})).into_response(),
        Ok(Handled::NoSuch) => {
            problem(StatusCode::NOT_FOUND, "there is no callback of this number")
        }
        Ok(Handled::Waiting) => {
            problem(StatusCode::CONFLICT, "it is waiting or on its way already")
        }
        Ok(Handled::Ended) => problem(StatusCode::CONFLICT, "it has been delivered or dropped"),
        Err(error) => failed(&error),
    }
}

async fn replay(State(api): State<CallbackApi>, Path(id): Path<i64>) -> Response {
    let result = api
        .store
        .replay_callback(CallbackId(id), api.clock.now())
        .await;
    (api.wake)();
    handled(result)
}

async fn drop_one(
    State(api): State<CallbackApi>,
    Path(id): Path<i64>,
    Json(reason): Json<Reason>,
) -> Response {
    if reason.who.trim().is_empty() || reason.why.trim().is_empty() {
        return problem(StatusCode::BAD_REQUEST, "say who drops it and why");
    }
    let note: String = format!("dropped by {}: {}", reason.who.trim(), reason.why.trim())
        .chars()
        .take(500)
        .collect();
    handled(
        api.store
            .drop_callback(CallbackId(id), note, api.clock.now())
            .await,
    )
}

fn webhook(hook: &Webhook) -> Value {
    json!({
        "msn": hook.msn.as_str(),
        "id": hook.id,
        "url": hook.url,
        "madeAt": hook.made_at.to_string(),
        "retiredAt": hook.retired_at.map(|at| at.to_string()),
    })
}

async fn webhooks(State(api): State<CallbackApi>) -> Response {
    let (hooks, states) = match (
        api.store.webhooks(None).await,
        api.store.registrations().await,
    ) {
        (Ok(hooks), Ok(states)) => (hooks, states),
        (Err(error), _) | (_, Err(error)) => return failed(&error),
    };
    let states: Vec<_> = states
        .iter()
        .map(|state| {
            json!({
                "msn": state.msn.as_str(),
                "goodAt": state.good_at.map(|at| at.to_string()),
                "nextAt": state.next_at.to_string(),
                "failures": state.failures,
                "why": state.why,
            })
        })
        .collect();
    Json(
        json!({"webhooks": hooks.iter().map(webhook).collect::<Vec<_>>(), "registrations": states}),
    )
    .into_response()
}

const OFF: &str = "nothing can be registered: webhooks.public_url is empty";

async fn register(State(api): State<CallbackApi>, Path(msn): Path<String>) -> Response {
    let Some(msn) = Msn::parse(&msn) else {
        return problem(StatusCode::BAD_REQUEST, "an MSN is 4 to 7 digits");
    };
    let Some(registrar) = &api.registrar else {
        return problem(StatusCode::CONFLICT, OFF);
    };
    let looked = async {
        registrar.look_now(&msn).await?;
        api.store.registrations().await
    };
    match looked.await {
        Ok(states) => match states.into_iter().find(|state| state.msn == msn) {
            Some(state) if state.failures == 0 && state.good_at.is_some() => {
                Json(json!({"done": true})).into_response()
            }
            Some(state) => problem(
                StatusCode::BAD_GATEWAY,
                state.why.as_deref().unwrap_or("not in order yet"),
            ),
            None => problem(StatusCode::NOT_FOUND, "this sales unit is not known"),
        },
        Err(error) => failed(&error),
    }
}

async fn delete_one(
    State(api): State<CallbackApi>,
    Path((msn, id)): Path<(String, String)>,
) -> Response {
    let Some(msn) = Msn::parse(&msn) else {
        return problem(StatusCode::BAD_REQUEST, "an MSN is 4 to 7 digits");
    };
    let Some(registrar) = &api.registrar else {
        return problem(StatusCode::CONFLICT, OFF);
    };
    if registrar.delete(&msn, &id).await {
        // Its replacement is made now, not at the next daily look.
        if let Err(error) = api.store.recheck_unit(&msn, api.clock.now()).await {
            tracing::warn!(error = %error, "the registration could not be marked as due");
        }
        registrar.wake.notify_one();
        Json(json!({"done": true})).into_response()
    } else {
        problem(
            StatusCode::BAD_GATEWAY,
            "it could not be deleted: no credentials, or the Webhooks API refused",
        )
    }
}
