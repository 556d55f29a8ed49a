//! Webhook registrations: which sales units Vipps tells the bridge about, and what is wrong with the others.
//!
//! Must not: show a webhook's secret.

use askama::Template;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};

use super::super::forms::Told;
use super::super::problem::Problem;
use super::form::Sent;
use super::frame::{Frame, Look};
use super::page;
use super::views::When;
use crate::settings::Register;
use crate::store::RegistrationState;

#[derive(Template)]
#[template(path = "webhooks.html")]
struct Webhooks {
    frame: Frame,
    /// What makes registrations, or why nothing does.
    manner: &'static str,
    /// Whether a registration can be made by hand.
    possible: bool,
    units: Vec<Unit>,
    hooks: Vec<Hook>,
}

struct Unit {
    msn: String,
    good: bool,
    told: String,
    failures: u32,
    good_at: Option<When>,
    next_at: When,
}

struct Hook {
    msn: String,
    id: String,
    url: String,
    made: When,
    retired: Option<When>,
}

fn view(state: RegistrationState) -> Unit {
    let good = state.failures == 0 && state.good_at.is_some();
    Unit {
        msn: state.msn.to_string(),
        good,
        told: match (state.why, good) {
            (_, true) => "in order".to_owned(),
            (Some(why), false) => why,
            (None, false) => "not made yet".to_owned(),
        },
        failures: state.failures,
        good_at: state.good_at.map(When::of),
        next_at: When::of(state.next_at),
    }
}

pub(super) async fn show(look: Look) -> Result<Response, Problem> {
    let api = &look.pages.callbacks;
    let settings = look.pages.steerer.live().settings();
    let manner = match (&settings.webhooks.public_url, settings.webhooks.register) {
        (None, _) => {
            "No public address is configured (webhooks.public_url): Vipps has no way to tell the bridge, and payments are polled"
        }
        (Some(_), Register::Auto) => "The bridge registers by itself and looks again every day",
        (Some(_), Register::Off) => {
            "The bridge does not register by itself (webhooks.register): registrations are made by hand"
        }
    };
    let hooks = api.store.webhooks(None).await?;
    let states = api.store.registrations().await?;
    let hook = |hook: crate::store::Webhook| Hook {
        msn: hook.msn.to_string(),
        id: hook.id,
        url: hook.url,
        made: When::of(hook.made_at),
        retired: hook.retired_at.map(When::of),
    };
    Ok(page(&Webhooks {
        frame: look.frame("Webhooks", "/webhooks"),
        manner,
        possible: api.registrar.is_some(),
        units: states.into_iter().map(view).collect(),
        hooks: hooks.into_iter().map(hook).collect(),
    }))
}

pub(super) async fn register(Path(msn): Path<String>, sent: Sent) -> Response {
    let work = async {
        let reason = sent.reason()?;
        sent.pages.callbacks.register(&msn, reason).await?;
        Ok(Told::done(format!(
            "The registration of sales unit {msn} is in order."
        )))
    };
    sent.once("/webhooks", work).await.into_response()
}
