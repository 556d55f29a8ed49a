//! What stands around every page: navigation, the message of the last form, a kill switch that is on.
//!
//! Must not: know what a page is about.

use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::super::forms::Told;
use super::super::gate::Visitor;
use super::super::problem::Problem;
use super::super::sessions::random;
use super::Pages;
use super::views::When;

/// The pages in the navigation: path and name.
const NAVIGATION: [(&str, &str); 8] = [
    ("/", "Overview"),
    ("/merchants", "Merchants"),
    ("/payments", "Payments"),
    ("/callbacks", "Callbacks"),
    ("/webhooks", "Webhooks"),
    ("/shadow", "Shadow"),
    ("/changes", "Changes"),
    ("/configuration", "Configuration"),
];

/// What stands around a page.
pub(super) struct Frame {
    pub(super) title: String,
    /// The path of the navigation that this page belongs to.
    pub(super) here: &'static str,
    /// Whether there is a session to end.
    pub(super) signed_in: bool,
    /// What every form of the page carries: that it is the bridge's own, and which one it is.
    pub(super) csrf: String,
    pub(super) once: String,
    pub(super) told: Option<Told>,
    /// For whom a kill switch is on.
    pub(super) killed: Vec<String>,
    pub(super) now: When,
}

impl Frame {
    pub(super) const fn navigation(&self) -> [(&'static str, &'static str); 8] {
        NAVIGATION
    }

    pub(super) const fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// Somebody looks at a page.
pub(super) struct Look {
    pub(super) pages: Arc<Pages>,
    pub(super) visitor: Visitor,
    told: Option<String>,
}

impl Look {
    pub(super) fn frame(&self, title: impl Into<String>, here: &'static str) -> Frame {
        let pages = &self.pages;
        let snapshot = pages.steerer.live().snapshot();
        let steering = &snapshot.policy.steering;
        let all = steering.killed_all.then(|| "all sales units".to_owned());
        let units = steering
            .killed
            .iter()
            .map(|msn| format!("sales unit {msn}"));
        Frame {
            title: title.into(),
            here,
            signed_in: matches!(self.visitor, Visitor::Session(_)),
            csrf: pages.gate.form_token(self.visitor),
            once: random(),
            told: self.told.as_deref().and_then(|told| pages.forms.take(told)),
            killed: all.into_iter().chain(units).collect(),
            now: When::of(pages.gate.now()),
        }
    }
}

/// Who asks, as the gate has found out; behind it everybody is somebody.
pub(super) fn visitor(parts: &Parts) -> Result<Visitor, Problem> {
    let known = parts.extensions.get::<Visitor>().copied();
    known.ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, "the gate was passed by"))
}

impl FromRequestParts<Arc<Pages>> for Look {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        pages: &Arc<Pages>,
    ) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default().split('&');
        Ok(Self {
            pages: Arc::clone(pages),
            visitor: visitor(parts)?,
            told: query
                .filter_map(|pair| pair.strip_prefix("told="))
                .next()
                .map(str::to_owned),
        })
    }
}

/// What went wrong.
#[derive(Template)]
#[template(path = "error.html")]
pub(super) struct ErrorPage {
    status: u16,
    heading: &'static str,
    said: String,
}

/// What a program is told in half a sentence, as a whole one.
fn sentence(said: &str) -> String {
    let mut rest = said.trim_end_matches('.').chars();
    let first = rest.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(rest).chain(['.']).collect()
}

impl ErrorPage {
    pub(super) fn new(status: StatusCode, said: &str) -> Self {
        let heading = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::METHOD_NOT_ALLOWED => "Not possible",
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "Refused",
            StatusCode::TOO_MANY_REQUESTS => "Too many tries",
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT => "That did not work",
            _ => "Not now",
        };
        Self {
            status: status.as_u16(),
            heading,
            said: sentence(said),
        }
    }
}
