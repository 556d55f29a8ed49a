//! The operator's pages: plain HTML that works without a script, for a phone as for a desk, in the dark as in the light.
//!
//! Each page is a struct of plain data and a template of the same name; `frame` is what stands around all of them. What
//! other parts of the bridge measure comes as data (`figures`). Must not: decide anything, show a secret or personal
//! data, or show an order id anywhere but on the page of payments.

mod assets;
mod callbacks;
mod changes;
pub mod chart;
mod configuration;
pub mod figures;
mod form;
mod frame;
mod merchants;
mod overview;
mod payments;
mod shadow;
mod sign_in;
mod steering;
mod views;
mod webhooks;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::callbacks::CallbackApi;
use super::forms::Forms;
use super::gate::Gate;
use super::problem::Problem;
use super::shadow::ShadowApi;
use super::{Admin, Asked};
use crate::steering::Steerer;
use crate::store::Reason;

use figures::{Attention, Figures, Search, Story};
use frame::ErrorPage;

type Tell<I, O> = Arc<dyn Fn(I) -> Asked<O> + Send + Sync>;

/// Where the pages' data comes from, beyond store and steering. What is none is said to be missing.
#[derive(Clone)]
pub struct Sources {
    /// What is measured.
    pub figures: Tell<(), Figures>,
    /// The stories of payments, as the ledger has them; or why it can't be asked.
    pub story: Option<Tell<Search, Result<Vec<Story>, String>>>,
    /// Payments that want a look; or why it can't be told.
    pub attention: Option<Tell<(), Result<Attention, String>>>,
    /// Reads the configuration again: what became of it, or why nothing was changed.
    pub reload: Option<Tell<Reason, Result<String, String>>>,
}

/// What all pages work on.
pub struct Pages {
    admin: Admin,
    gate: Arc<Gate>,
    forms: Forms,
    sources: Sources,
    steerer: Arc<Steerer>,
    callbacks: CallbackApi,
    shadow: ShadowApi,
}

impl Pages {
    /// Pages over these parts.
    #[must_use]
    pub fn new(
        admin: &Admin,
        sources: Sources,
        steerer: Arc<Steerer>,
        callbacks: CallbackApi,
        shadow: ShadowApi,
    ) -> Self {
        Self {
            admin: admin.clone(),
            gate: Arc::clone(&admin.gate),
            forms: Forms::default(),
            sources,
            steerer,
            callbacks,
            shadow,
        }
    }

    /// What is open to whoever may come at all, and what is not.
    pub fn routers(self) -> (Router, Router) {
        let pages = Arc::new(self);
        let open = Router::new()
            .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
            .route("/assets/{name}", get(assets::serve))
            .with_state(Arc::clone(&pages));
        let closed = Router::new()
            .route("/", get(overview::show))
            .route("/sign-out", post(sign_in::sign_out))
            .route("/kill-switch", post(steering::kill_switch))
            .route("/merchants", get(merchants::list))
            .route("/merchants/{msn}", get(merchants::show))
            .route("/merchants/{msn}/override", post(steering::set))
            .route("/merchants/{msn}/undo", post(steering::undo))
            .route("/payments", get(payments::show))
            .route("/callbacks", get(callbacks::list))
            .route("/callbacks/{id}", get(callbacks::show))
            .route("/callbacks/{id}/payment", get(callbacks::payment))
            .route("/callbacks/{id}/replay", post(callbacks::replay))
            .route("/callbacks/{id}/drop", post(callbacks::drop_one))
            .route("/webhooks", get(webhooks::show))
            .route("/webhooks/{msn}/register", post(webhooks::register))
            .route("/changes", get(changes::show))
            .route("/shadow", get(shadow::show))
            .route("/shadow/judge", post(shadow::judge))
            .route("/shadow/reset", post(shadow::reset))
            .route("/configuration", get(configuration::show))
            .route("/configuration/reload", post(configuration::reload))
            .with_state(pages);
        (open, closed)
    }
}

/// A page as an answer.
fn page(template: &impl Template) -> Response {
    page_with(StatusCode::OK, template)
}

fn page_with(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (
            status,
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            text,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(error = %error, "a page could not be made");
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the page could not be made",
            )
            .into_response()
        }
    }
}

/// What went wrong, as a page that shows nothing else.
pub(super) fn error(status: StatusCode, said: &str) -> Response {
    page_with(status, &ErrorPage::new(status, said))
}

/// After a form: look there. `to` is a path of the bridge's own.
pub(super) fn see_other(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

/// Text as it may stand in a query.
pub(super) fn in_query(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
