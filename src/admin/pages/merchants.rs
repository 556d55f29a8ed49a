//! Sales units with their toggles: a table of all, and one page for each (and for all together) to change them.
//!
//! Must not: change anything (`steering` does).

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::problem::Problem;
use super::figures::{Figure, OpenPayments, Verdict};
use super::frame::{Frame, Look};
use super::views::{OverrideRow, ToggleRow, When, overrides, scope, toggles, whom};
use super::{Pages, page, see_other};
use crate::store::{RegistrationState, StoreError};
use crate::types::Msn;

#[derive(Template)]
#[template(path = "merchants.html")]
struct Merchants {
    frame: Frame,
    rows: Vec<Row>,
    open_payments: Figure<Vec<Open>>,
}

struct Row {
    scope: String,
    name: String,
    killed: bool,
    toggles: Vec<ToggleRow>,
}

struct Open {
    whose: String,
    origin: String,
    state: String,
    count: u64,
    sum: String,
    oldest: Option<When>,
    gone_by: Option<When>,
}

impl Open {
    fn of(one: OpenPayments) -> Self {
        Self {
            whose: one
                .msn
                .map_or_else(|| "not known".to_owned(), |msn| msn.to_string()),
            origin: one.origin,
            state: one.state,
            count: one.count,
            sum: one.sum,
            oldest: one.oldest.map(When::of),
            gone_by: one.gone_by.map(When::of),
        }
    }
}

#[derive(Template)]
#[template(path = "merchant.html")]
struct Merchant {
    frame: Frame,
    scope: String,
    whom: String,
    is_all: bool,
    /// Whether it has a table of its own in the configuration.
    configured: bool,
    toggles: Vec<ToggleRow>,
    own: Vec<OverrideRow>,
    /// Overrides for all, which hold here unless there is an own one.
    general: Vec<OverrideRow>,
    kills: Vec<OverrideRow>,
    scopes: Vec<String>,
    /// Where the kill switch's form leads back to.
    back: &'static str,
    registration: Option<Registration>,
    verdicts: Figure<Vec<Verdict>>,
}

struct Registration {
    good: bool,
    told: String,
    good_at: Option<When>,
}

/// The sales units that are known: configured, steered or seen.
pub(super) async fn units(pages: &Pages) -> Result<Vec<Msn>, StoreError> {
    let steerer = &pages.steerer;
    let snapshot = steerer.live().snapshot();
    let mut units: Vec<Msn> = snapshot.settings.merchants.keys().cloned().collect();
    let steered = steerer.store().overrides(steerer.now()).await?;
    units.extend(steered.into_iter().filter_map(|one| one.msn));
    let seen = pages.callbacks.store.registrations().await?;
    units.extend(seen.into_iter().map(|state| state.msn));
    units.sort();
    units.dedup();
    Ok(units)
}

#[derive(Deserialize)]
pub(super) struct Asked {
    msn: Option<String>,
}

pub(super) async fn list(look: Look, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    if let Some(msn) = asked.msn {
        let msn =
            Msn::parse(msn.trim()).ok_or_else(|| Problem::wrong("an MSN is 4 to 7 digits"))?;
        return Ok(see_other(&format!("/merchants/{msn}")));
    }
    let pages = Arc::clone(&look.pages);
    let snapshot = pages.steerer.live().snapshot();
    let policy = &snapshot.policy;
    let row = |msn: Option<&Msn>| Row {
        scope: scope(msn),
        name: msn.map_or_else(|| "All sales units".to_owned(), Msn::to_string),
        killed: policy.steering.killed_all
            || msn.is_some_and(|msn| policy.steering.killed.contains(msn)),
        toggles: toggles(policy, msn),
    };
    let units = units(&pages).await?;
    let figures = (pages.sources.figures)(()).await;
    Ok(page(&Merchants {
        frame: look.frame("Merchants", "/merchants"),
        rows: std::iter::once(row(None))
            .chain(units.iter().map(|msn| row(Some(msn))))
            .collect(),
        open_payments: figures
            .open_payments
            .map(|list| list.into_iter().map(Open::of).collect()),
    }))
}

/// The sales unit of a path; none: all of them.
pub(super) fn named(text: &str) -> Result<Option<Msn>, Problem> {
    if text == "all" {
        return Ok(None);
    }
    let msn = Msn::parse(text).map(Some);
    msn.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "an MSN is 4 to 7 digits"))
}

fn registration(states: &[RegistrationState], msn: &Msn) -> Option<Registration> {
    let state = states.iter().find(|state| state.msn == *msn)?;
    let good = state.failures == 0 && state.good_at.is_some();
    Some(Registration {
        good,
        told: match (&state.why, good) {
            (_, true) => "in order".to_owned(),
            (Some(why), false) => why.clone(),
            (None, false) => "not made yet".to_owned(),
        },
        good_at: state.good_at.map(When::of),
    })
}

pub(super) async fn show(look: Look, Path(text): Path<String>) -> Response {
    match made(&look, &text).await {
        Ok(merchant) => page(&merchant),
        Err(problem) => problem.into_response(),
    }
}

async fn made(look: &Look, text: &str) -> Result<Merchant, Problem> {
    let msn = named(text)?;
    let pages = &look.pages;
    let steerer = &pages.steerer;
    let all = steerer.store().overrides(steerer.now()).await?;
    let states = pages.callbacks.store.registrations().await?;
    let snapshot = steerer.live().snapshot();
    let (rows, kills) = overrides(&all);
    let here = scope(msn.as_ref());
    let (own, rest): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.scope == here);
    let figures = (pages.sources.figures)(()).await;
    let mut verdicts = figures.verdicts;
    if let Figure::Known(list) = &mut verdicts {
        list.retain(|verdict| msn.as_ref().is_none_or(|msn| verdict.msn == *msn));
    }
    let title = msn.as_ref().map_or_else(
        || "All sales units".to_owned(),
        |msn| format!("Sales unit {msn}"),
    );
    Ok(Merchant {
        frame: look.frame(title, "/merchants"),
        whom: whom(msn.as_ref()),
        is_all: msn.is_none(),
        configured: msn
            .as_ref()
            .is_some_and(|msn| snapshot.settings.merchants.contains_key(msn)),
        toggles: toggles(&snapshot.policy, msn.as_ref()),
        own,
        general: rest
            .into_iter()
            .filter(|row| msn.is_some() && row.scope == "all")
            .collect(),
        kills: kills
            .into_iter()
            .filter(|row| row.scope == here || row.scope == "all")
            .collect(),
        scopes: vec![here.clone()],
        back: "merchant",
        scope: here,
        registration: msn.as_ref().and_then(|msn| registration(&states, msn)),
        verdicts,
    })
}
