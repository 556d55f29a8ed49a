//! The outbox and the webhook registrations, for an operator: list, show, replay, drop; list, register again, delete.
//!
//! JSON on the admin listener, behind its token; the `callbacks` and `webhooks` commands call it. Errors are problem JSON.
//! Must not: show a token, a full callback address or personal data.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Problem, order, reason, unit};
use crate::callbacks::register::Registrar;
use crate::ecom::callback::CallbackStatus;
use crate::store::{
    CallbackFilter, CallbackId, CallbackOrigin, CallbackState, CallbackStore, CallbackView, Change,
    Handled, Reason, SteeringStore, Webhook,
};
use crate::types::{Clock, Msn};

/// What the routes work on.
#[derive(Clone)]
pub struct CallbackApi {
    /// The records.
    pub store: Arc<dyn CallbackStore>,
    /// Where what an operator does is listed.
    pub changes: Arc<dyn SteeringStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Wakes the dispatcher.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// Keeps registrations in order; none where there is no public URL.
    pub registrar: Option<Arc<Registrar>>,
    /// The store's public name, as the webhooks' listener tells it.
    pub name: String,
}

const PAGE: usize = 100;
/// So many callbacks of each kind are looked at for their hosts.
const HOSTS_OF: usize = 1000;

#[derive(Deserialize)]
struct Asked {
    state: Option<String>,
    msn: Option<String>,
    order: Option<String>,
    before: Option<i64>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
struct Because {
    who: String,
    why: String,
}

impl CallbackApi {
    /// `/api/callbacks…` and `/api/webhooks…`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/callbacks", get(list))
            .route("/api/callbacks/hosts", get(hosts))
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

pub(super) fn state_of(word: &str) -> Option<CallbackState> {
    use CallbackState::{Capture, Dead, Delivered, Dropped, Pending};
    [Capture, Pending, Delivered, Dead, Dropped]
        .into_iter()
        .find(|state| state_word(*state) == word)
}

fn status_word(status: CallbackStatus) -> Value {
    serde_json::to_value(status).unwrap_or_default()
}

/// What the merchant is told, in a word.
pub(super) fn status_text(status: CallbackStatus) -> String {
    status_word(status).as_str().unwrap_or_default().to_owned()
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

async fn list(
    State(api): State<CallbackApi>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, Problem> {
    // A filter that can't be read must not show everything.
    let state = asked.state.as_deref().map(|word| {
        state_of(word)
            .ok_or_else(|| Problem::wrong("state is capture, pending, delivered, dead or dropped"))
    });
    let filter = CallbackFilter {
        state: state.transpose()?,
        msn: unit(asked.msn.as_deref())?,
        order: order(asked.order.as_deref())?,
        before: asked.before.map(CallbackId),
        limit: asked.limit.unwrap_or(PAGE).clamp(1, 1000),
    };
    let found = api.store.callbacks(filter).await?;
    let found: Vec<Value> = found.iter().map(view).collect();
    Ok(Json(json!({"callbacks": found})))
}

fn no_such() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no callback of this number")
}

async fn show(State(api): State<CallbackApi>, Path(id): Path<i64>) -> Result<Json<Value>, Problem> {
    let found = api.store.callback(CallbackId(id)).await?;
    found.map(|found| Json(view(&found))).ok_or_else(no_such)
}

fn handled(handled: Handled) -> Result<(), Problem> {
    let conflict = |why: &str| Err(Problem::new(StatusCode::CONFLICT, why));
    match handled {
        Handled::Done => Ok(()),
        Handled::NoSuch => Err(no_such()),
        Handled::Waiting => conflict("it is waiting or on its way already"),
        Handled::Ended => conflict("it has been delivered or dropped"),
    }
}

/// Where callbacks go that wait or were given up; of a long backlog a part.
async fn hosts(State(api): State<CallbackApi>) -> Result<Json<Value>, Problem> {
    let shown = |place: &CallbackOrigin| json!({"origin": place.origin, "waiting": place.waiting, "dead": place.dead});
    let found = api.store.callback_origins(HOSTS_OF).await?;
    let found: Vec<Value> = found.iter().map(shown).collect();
    Ok(Json(json!({"hosts": found})))
}

impl CallbackApi {
    /// Queues a dead letter again and lists that.
    pub(super) async fn replay(&self, id: CallbackId, reason: Reason) -> Result<(), Problem> {
        let replayed = self.store.replay_callback(id, self.clock.now()).await;
        // Whatever came of it: looking costs little, and a bell that is not heard costs a quarter of a minute.
        (self.wake)();
        handled(replayed?)?;
        let words = ("replay", "dead", "pending");
        self.listed(format!("callback {}", id.0), None, words, reason)
            .await;
        Ok(())
    }

    /// Gives a callback up for good and lists that.
    pub(super) async fn drop_one(&self, id: CallbackId, reason: Reason) -> Result<(), Problem> {
        let note = format!("dropped by {}: {}", reason.who(), reason.why());
        let note: String = note.chars().take(500).collect();
        let now = self.clock.now();
        handled(self.store.drop_callback(id, note, now).await?)?;
        let words = ("drop", "waiting", "dropped");
        self.listed(format!("callback {}", id.0), None, words, reason)
            .await;
        Ok(())
    }

    /// It is done: a list that can't be written must not make it look undone.
    async fn listed(
        &self,
        key: String,
        msn: Option<Msn>,
        (what, old, new): (&'static str, &str, &str),
        reason: Reason,
    ) {
        let change = Change {
            what,
            key,
            msn,
            old: old.to_owned(),
            new: new.to_owned(),
            reason,
        };
        if let Err(error) = self.changes.list_change(change, self.clock.now()).await {
            tracing::warn!(error = %error, what, "a change could not be listed");
        }
    }
}

/// Who and why, of what nothing is lost by: it may be asked for without a body.
fn perhaps(body: &[u8]) -> Result<Reason, Problem> {
    if body.trim_ascii().is_empty() {
        return reason("not told", "not told");
    }
    let because: Because = serde_json::from_slice(body)
        .map_err(|error| Problem::wrong(format!("the body can't be read: {error}")))?;
    reason(&because.who, &because.why)
}

async fn replay(
    State(api): State<CallbackApi>,
    Path(id): Path<i64>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    api.replay(CallbackId(id), perhaps(&body)?).await?;
    Ok(Json(json!({"done": true})))
}

async fn drop_one(
    State(api): State<CallbackApi>,
    Path(id): Path<i64>,
    body: Result<Json<Because>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(because) = body?;
    let because = reason(&because.who, &because.why)?;
    api.drop_one(CallbackId(id), because).await?;
    Ok(Json(json!({"done": true})))
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

async fn webhooks(State(api): State<CallbackApi>) -> Result<Json<Value>, Problem> {
    let hooks = api.store.webhooks(None).await?;
    let states = api.store.registrations().await?;
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
    let hooks: Vec<Value> = hooks.iter().map(webhook).collect();
    Ok(Json(
        json!({"store": api.name, "webhooks": hooks, "registrations": states}),
    ))
}

impl CallbackApi {
    /// The sales unit, and who can register for it.
    fn registrar(&self, msn: &str) -> Result<(Msn, &Registrar), Problem> {
        let msn = Msn::parse(msn).ok_or_else(|| Problem::wrong("an MSN is 4 to 7 digits"))?;
        let registrar = self.registrar.as_deref().ok_or_else(|| {
            let off = "nothing can be registered: webhooks.public_url is empty";
            Problem::new(StatusCode::CONFLICT, off)
        })?;
        Ok((msn, registrar))
    }
}

impl CallbackApi {
    /// Makes a unit's registration now, or says why it can't be, and lists that.
    pub(super) async fn register(&self, msn: &str, reason: Reason) -> Result<(), Problem> {
        let (msn, registrar) = self.registrar(msn)?;
        registrar.look_now(&msn).await?;
        let states = self.store.registrations().await?;
        let state = states.into_iter().find(|state| state.msn == msn);
        let state = state
            .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "this sales unit is not known"))?;
        if state.failures > 0 || state.good_at.is_none() {
            let why = state.why.unwrap_or_else(|| "not in order yet".to_owned());
            return Err(Problem::new(StatusCode::BAD_GATEWAY, why));
        }
        let words = ("register", "asked for", "in order");
        self.listed("webhook".to_owned(), Some(msn), words, reason)
            .await;
        Ok(())
    }

    /// Deletes a registration at Vipps, and lists that.
    async fn unregister(&self, msn: &str, id: &str, reason: Reason) -> Result<(), Problem> {
        let (msn, registrar) = self.registrar(msn)?;
        if !registrar.delete(&msn, id).await {
            let why = "it could not be deleted: no credentials, or the Webhooks API refused";
            return Err(Problem::new(StatusCode::BAD_GATEWAY, why));
        }
        // Its replacement is made now, not at the next daily look.
        if let Err(error) = self.store.recheck_unit(&msn, self.clock.now()).await {
            tracing::warn!(error = %error, "the registration could not be marked as due");
        }
        registrar.wake.notify_one();
        let words = ("unregister", "registered", "deleted");
        self.listed("webhook".to_owned(), Some(msn), words, reason)
            .await;
        Ok(())
    }
}

async fn register(
    State(api): State<CallbackApi>,
    Path(msn): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    api.register(&msn, perhaps(&body)?).await?;
    Ok(Json(json!({"done": true})))
}

async fn delete_one(
    State(api): State<CallbackApi>,
    Path((msn, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    api.unregister(&msn, &id, perhaps(&body)?).await?;
    Ok(Json(json!({"done": true})))
}
