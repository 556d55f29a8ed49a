//! The forms that move levers: an override, its end, the kill switch.
//!
//! Must not: move one without who and why.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};

use super::super::forms::Told;
use super::super::problem::Problem;
use super::super::steering::until;
use super::form::Sent;
use super::merchants::named;
use super::views::{goes, scope, whom};
use crate::routing::{Lever, Toggle};
use crate::steering::SteerError;
use crate::store::{NewOverride, OverrideId};

/// What was chosen: an API, or a percentage written beside it.
fn chosen(sent: &Sent) -> Result<Toggle, Problem> {
    let text = match sent.text("value") {
        "percent" => sent.text("percent"),
        api => api,
    };
    Toggle::parse(text).ok_or_else(|| {
        Problem::wrong("nothing was changed: choose ePayment, eCom, or a percentage from 0 to 100")
    })
}

pub(super) async fn set(Path(text): Path<String>, sent: Sent) -> Response {
    let msn = match named(&text) {
        Ok(msn) => msn,
        Err(problem) => return problem.into_response(),
    };
    let back = format!("/merchants/{}", scope(msn.as_ref()));
    let work = async {
        let steerer = &sent.pages.steerer;
        let lever = Lever::parse(sent.text("key")).filter(|lever| *lever != Lever::KillSwitch);
        let lever =
            lever.ok_or_else(|| Problem::wrong("nothing was changed: choose an operation"))?;
        let new = NewOverride {
            lever,
            msn: msn.clone(),
            toggle: chosen(&sent)?,
            reason: sent.reason()?,
            until: until(steerer, sent.maybe("for"))?,
        };
        let made = steerer.set(new).await?;
        let (key, goes, whom) = (lever.word(), goes(made.toggle), whom(msn.as_ref()));
        Ok(Told::done(format!("{key} of {whom} now goes: {goes}.")))
    };
    sent.once(&back, work).await
}

pub(super) async fn undo(Path(text): Path<String>, sent: Sent) -> Response {
    let msn = match named(&text) {
        Ok(msn) => msn,
        Err(problem) => return problem.into_response(),
    };
    let back = format!("/merchants/{}", scope(msn.as_ref()));
    let work = async {
        let id = sent.text("id").parse();
        let id = id.map_err(|_| Problem::wrong("nothing was changed: which override?"))?;
        match sent
            .pages
            .steerer
            .undo(OverrideId(id), sent.reason()?)
            .await
        {
            Ok(ended) => Ok(Told::done(format!(
                "{} of {} is as configured again.",
                ended.lever.word(),
                whom(ended.msn.as_ref())
            ))),
            Err(SteerError::NoSuch) => Ok(Told::note("That override was not in force any more.")),
            Err(error) => Err(error.into()),
        }
    };
    sent.once(&back, work).await
}

pub(super) async fn kill_switch(sent: Sent) -> Response {
    let msn = match sent.unit("msn") {
        Ok(msn) => msn,
        Err(problem) => return problem.into_response(),
    };
    let back = match sent.text("back") {
        "merchant" => format!("/merchants/{}", scope(msn.as_ref())),
        _ => "/".to_owned(),
    };
    let whom = whom(msn.as_ref());
    let work = async {
        let steerer = &sent.pages.steerer;
        let reason = sent.reason()?;
        match sent.text("state") {
            "on" => {
                let new = NewOverride {
                    lever: Lever::KillSwitch,
                    msn,
                    toggle: Toggle::Ecom,
                    reason,
                    until: until(steerer, sent.maybe("for"))?,
                };
                steerer.set(new).await?;
                Ok(Told::done(format!("The kill switch is on for {whom}.")))
            }
            "off" => match steerer.revive(msn, reason).await {
                Ok(_) => Ok(Told::done(format!("The kill switch is off for {whom}."))),
                Err(SteerError::NotOn(_) | SteerError::NoSuch) => Ok(Told::note(format!(
                    "The kill switch was not on for {whom}."
                ))),
                Err(error) => Err(error.into()),
            },
            _ => Err(Problem::wrong("nothing was changed: on or off?")),
        }
    };
    sent.once(&back, work).await
}
