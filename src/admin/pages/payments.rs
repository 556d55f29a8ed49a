//! Payments: searched for by the merchant's order id, and the story of one.
//!
//! The only page that shows order ids, because here the operator has named one. Must not: show a name, a number or a text
//! of a person or a shop.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;

use super::super::problem::{Problem, unit};
use super::callbacks::Row;
use super::figures::{Attention, Figure, Noticed, Search, Story};
use super::frame::{Frame, Look};
use super::page;
use super::views::When;
use crate::store::CallbackFilter;
use crate::types::OrderText;

const MOST: usize = 100;

#[derive(Template)]
#[template(path = "payments.html")]
struct Payments {
    frame: Frame,
    order: String,
    msn: String,
    found: Option<Found>,
    attention: Figure<Attention>,
}

impl Payments {
    fn when(noticed: &Noticed) -> When {
        When::of(noticed.at)
    }
}

struct Found {
    stories: Figure<Vec<StoryView>>,
    callbacks: Vec<Row>,
}

struct StoryView {
    whose: String,
    facts: Vec<(String, String)>,
    steps: Vec<(When, String, String)>,
    findings: Vec<String>,
}

impl StoryView {
    fn of(story: Story) -> Self {
        Self {
            whose: story.msn.map_or_else(
                || "sales unit not known".to_owned(),
                |msn| format!("sales unit {msn}"),
            ),
            facts: story.facts,
            steps: story
                .steps
                .into_iter()
                .map(|step| (When::of(step.at), step.what, step.detail))
                .collect(),
            findings: story.findings,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    order: Option<String>,
    msn: Option<String>,
}

pub(super) async fn show(look: Look, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let order = asked.order.unwrap_or_default().trim().to_owned();
    let msn = asked.msn.unwrap_or_default().trim().to_owned();
    let mut found = None;
    if !order.is_empty() {
        let search = Search {
            order: OrderText::parse(&order)
                .ok_or_else(|| Problem::wrong("an order id is 1 to 50 characters"))?,
            msn: unit(Some(msn.as_str()).filter(|msn| !msn.is_empty()))?,
        };
        let filter = CallbackFilter {
            order: Some(search.order.clone()),
            msn: search.msn.clone(),
            limit: MOST,
            ..CallbackFilter::default()
        };
        let callbacks = look.pages.callbacks.store.callbacks(filter).await?;
        let stories = match &look.pages.sources.story {
            None => Figure::NotMeasured,
            Some(tell) => Figure::from(tell(search).await),
        };
        found = Some(Found {
            stories: stories.map(|list| list.into_iter().map(StoryView::of).collect()),
            callbacks: callbacks.iter().map(Row::of).collect(),
        });
    }
    let attention = match &look.pages.sources.attention {
        Some(tell) if found.is_none() => Figure::from(tell(()).await),
        _ => Figure::NotMeasured,
    };
    Ok(page(&Payments {
        attention,
        frame: look.frame("Payments", "/payments"),
        order,
        msn,
        found,
    }))
}
