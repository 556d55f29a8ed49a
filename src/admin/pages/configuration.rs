//! The configuration in force: every value with its origin, secrets masked, and what the check warns of.
//!
//! Must not: show a secret (the entries are masked where they are read).

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::forms::Told;
use super::super::problem::Problem;
use super::form::Sent;
use super::frame::{Frame, Look};
use super::page;
use crate::settings::Warning;

#[derive(Template)]
#[template(path = "configuration.html")]
struct Configuration {
    frame: Frame,
    warnings: Vec<Warning>,
    sections: Vec<Section>,
    /// Whether it can be read again while the bridge runs.
    reloads: bool,
}

struct Section {
    name: String,
    values: Vec<Value>,
}

struct Value {
    key: String,
    value: String,
    origin: String,
    is_default: bool,
}

pub(super) async fn show(look: Look) -> Response {
    let settings = look.pages.steerer.live().settings();
    let mut sections: Vec<Section> = Vec::new();
    for entry in settings.entries() {
        let value = Value {
            key: entry.key.clone(),
            value: entry.value.clone(),
            origin: entry.origin.clone(),
            is_default: entry.origin == "default",
        };
        match sections.last_mut() {
            Some(last) if last.name == entry.section => last.values.push(value),
            _ => sections.push(Section {
                name: entry.section.clone(),
                values: vec![value],
            }),
        }
    }
    page(&Configuration {
        frame: look.frame("Configuration", "/configuration"),
        warnings: settings.warnings().to_vec(),
        sections,
        reloads: look.pages.sources.reload.is_some(),
    })
}

/// Reads it again, where the bridge can.
pub(super) async fn reload(sent: Sent) -> Response {
    let work = async {
        let reason = sent.reason()?;
        let reload = sent.pages.sources.reload.as_ref().ok_or_else(|| {
            let why = "this release reads its configuration at the start only";
            Problem::new(StatusCode::CONFLICT, why)
        })?;
        match reload(reason).await {
            Ok(told) => Ok(Told::done(told)),
            Err(why) => Err(Problem::new(StatusCode::CONFLICT, why)),
        }
    };
    sent.once("/configuration", work).await.into_response()
}
