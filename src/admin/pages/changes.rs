//! The list of changes: what was changed, by whom, why; newest first.
//!
//! Must not: leave one out.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;

use super::super::problem::Problem;
use super::frame::{Frame, Look};
use super::page;
use super::views::{When, whom};
use crate::store::ChangeView;

const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "changes.html")]
struct Changes {
    frame: Frame,
    rows: Vec<Row>,
    older: Option<i64>,
    newest: bool,
}

struct Row {
    at: When,
    what: String,
    key: String,
    whom: String,
    old: String,
    new: String,
    who: String,
    why: String,
}

fn view(change: ChangeView) -> Row {
    Row {
        at: When::of(change.at),
        // A callback's own sales unit is on its page.
        whom: match (&change.msn, change.key.starts_with("callback ")) {
            (None, true) => String::new(),
            (msn, _) => whom(msn.as_ref()),
        },
        what: change.what,
        key: change.key,
        old: change.old,
        new: change.new,
        who: change.who,
        why: change.why,
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    before: Option<i64>,
}

pub(super) async fn show(look: Look, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let store = look.pages.steerer.store();
    let found = store.changes(asked.before, PAGE).await?;
    let older = found.last().filter(|_| found.len() == PAGE);
    Ok(page(&Changes {
        frame: look.frame("Changes", "/changes"),
        older: older.map(|last| last.id),
        newest: asked.before.is_none(),
        rows: found.into_iter().map(view).collect(),
    }))
}
