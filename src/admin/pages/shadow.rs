//! Shadowing: what the configuration says of it, and that this release does not do it.
//!
//! Must not: make believe.

use askama::Template;
use axum::response::Response;

use super::frame::{Frame, Look};
use super::page;

#[derive(Template)]
#[template(path = "shadow.html")]
struct Shadow {
    frame: Frame,
    mode: String,
}

pub(super) async fn show(look: Look) -> Response {
    let settings = look.pages.steerer.live().settings();
    let entry = settings
        .entries()
        .iter()
        .find(|entry| entry.section == "shadow" && entry.key == "mode");
    page(&Shadow {
        frame: look.frame("Shadow", "/shadow"),
        mode: entry.map_or_else(|| "\"off\"".to_owned(), |entry| entry.value.clone()),
    })
}
