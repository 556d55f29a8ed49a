//! The outbox: what waits, what was given up, and one callback with what can be done about it.
//!
//! Must not: show an order id (the way to its payment does not name it), a token or a callback's address.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::callbacks::{CallbackApi, state_of, state_word, status_text};
use super::super::forms::Told;
use super::super::problem::{Problem, unit};
use super::form::Sent;
use super::frame::{Frame, Look};
use super::views::When;
use super::{in_query, page, see_other};
use crate::store::{CallbackCounts, CallbackFilter, CallbackId, CallbackState, CallbackView};

const PAGE: usize = 50;

/// A callback as it is shown, without its order.
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) msn: String,
    pub(super) tells: String,
    pub(super) state: &'static str,
    pub(super) tone: &'static str,
    pub(super) means: &'static str,
    pub(super) attempts: u32,
    pub(super) queued: When,
    pub(super) due: When,
    pub(super) ended: Option<When>,
    pub(super) note: String,
    pub(super) host: String,
}

impl Row {
    pub(super) fn of(one: &CallbackView) -> Self {
        let (tone, means) = match one.state {
            CallbackState::Capture => ("plain", "waits for its direct capture"),
            CallbackState::Pending => ("plain", "waits for its next try"),
            CallbackState::Delivered => ("good", "the shop has taken it"),
            CallbackState::Dead => ("bad", "given up: the shop has not heard of it"),
            CallbackState::Dropped => ("warn", "dropped by hand: the shop will not hear of it"),
        };
        Self {
            id: one.id.0,
            msn: one.msn.to_string(),
            tells: status_text(one.status),
            state: state_word(one.state),
            tone,
            means,
            attempts: one.attempts,
            queued: When::of(one.queued_at),
            due: When::of(one.due_at),
            ended: one.ended_at.map(When::of),
            note: one.note.clone().unwrap_or_default(),
            host: one.host.clone(),
        }
    }

    fn is_dead(&self) -> bool {
        self.state == "dead"
    }

    fn may_be_dropped(&self) -> bool {
        matches!(self.state, "dead" | "pending" | "capture")
    }
}

#[derive(Template)]
#[template(path = "callbacks.html")]
struct Callbacks {
    frame: Frame,
    counts: CallbackCounts,
    state: String,
    msn: String,
    rows: Vec<Row>,
    /// The way to older ones.
    older: Option<String>,
}

#[derive(Template)]
#[template(path = "callback.html")]
struct Callback {
    frame: Frame,
    row: Row,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    state: Option<String>,
    msn: Option<String>,
    before: Option<i64>,
}

pub(super) async fn list(look: Look, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (state, msn) = (given(asked.state), given(asked.msn));
    let filter = CallbackFilter {
        state: state
            .as_deref()
            .map(|word| state_of(word).ok_or_else(|| Problem::wrong("there is no such state")))
            .transpose()?,
        msn: unit(msn.as_deref().map(str::trim))?,
        before: asked.before.map(CallbackId),
        limit: PAGE,
        ..CallbackFilter::default()
    };
    let store = &look.pages.callbacks.store;
    let found = store.callbacks(filter).await?;
    let (state, msn) = (state.unwrap_or_default(), msn.unwrap_or_default());
    let last = found.last().filter(|_| found.len() == PAGE);
    let older = last.map(|last| {
        let (state, msn) = (in_query(&state), in_query(&msn));
        format!("/callbacks?state={state}&msn={msn}&before={}", last.id.0)
    });
    Ok(page(&Callbacks {
        frame: look.frame("Callbacks", "/callbacks"),
        counts: store.callback_counts().await?,
        rows: found.iter().map(Row::of).collect(),
        state,
        msn,
        older,
    }))
}

async fn one(api: &CallbackApi, id: i64) -> Result<CallbackView, Problem> {
    let found = api.store.callback(CallbackId(id)).await?;
    found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no callback of this number"))
}

pub(super) async fn show(look: Look, Path(id): Path<i64>) -> Result<Response, Problem> {
    let found = one(&look.pages.callbacks, id).await?;
    Ok(page(&Callback {
        frame: look.frame(format!("Callback {id}"), "/callbacks"),
        row: Row::of(&found),
    }))
}

/// To the payment's page, which may show its order.
pub(super) async fn payment(look: Look, Path(id): Path<i64>) -> Result<Response, Problem> {
    let found = one(&look.pages.callbacks, id).await?;
    let order = in_query(found.order.as_str());
    Ok(see_other(&format!(
        "/payments?order={order}&msn={}",
        found.msn
    )))
}

/// Somebody else, or a second click, was quicker: nothing to be afraid of, so it is a note and no error.
fn quicker(done: Result<(), Problem>, told: String) -> Result<Told, Problem> {
    match done {
        Ok(()) => Ok(Told::done(told)),
        Err(problem) if problem.status() == StatusCode::CONFLICT => {
            let why = problem.detail();
            Ok(Told::note(format!("Nothing was changed: {why}.")))
        }
        Err(problem) => Err(problem),
    }
}

pub(super) async fn replay(Path(id): Path<i64>, sent: Sent) -> Response {
    let work = async {
        let reason = sent.reason()?;
        let done = sent.pages.callbacks.replay(CallbackId(id), reason).await;
        quicker(done, format!("Callback {id} is queued again."))
    };
    sent.once(&format!("/callbacks/{id}"), work)
        .await
        .into_response()
}

pub(super) async fn drop_one(Path(id): Path<i64>, sent: Sent) -> Response {
    let work = async {
        let reason = sent.reason()?;
        let done = sent.pages.callbacks.drop_one(CallbackId(id), reason).await;
        let told = format!("Callback {id} is dropped: the shop will not hear of it.");
        quicker(done, told)
    };
    sent.once(&format!("/callbacks/{id}"), work)
        .await
        .into_response()
}
