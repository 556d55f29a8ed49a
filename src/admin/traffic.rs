//! What traffic there is, and what may be done next: the last hour by the minute, the verdicts, the end of the bridge.
//!
//! JSON on the admin listener, behind its token; `readiness` calls it. Must not: judge by itself, or move anything.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Problem, unit};
use crate::observe::{Keeper, Minute, Observer, WAYS};
use crate::readiness::{Gatherer, Report, Verdict, judge, removal};
use crate::store::StoreError;
use crate::types::Msn;

/// What the routes work on.
#[derive(Clone, Debug)]
pub struct TrafficApi {
    /// What was counted here.
    pub observer: Arc<Observer>,
    /// Puts it into the store: what is asked for includes the last call.
    pub keeper: Arc<Keeper>,
    /// Collects what the verdicts rest on.
    pub gatherer: Gatherer,
}

impl TrafficApi {
    /// `/api/traffic` and `/api/readiness…`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/traffic", get(traffic))
            .route("/api/readiness", get(readiness))
            .route("/api/readiness/remove", get(remove))
            .with_state(self)
    }

    /// What is advised for every sales unit that is configured or was seen.
    ///
    /// # Errors
    /// When the store can't be asked.
    pub async fn reports(&self) -> Result<Vec<Report>, StoreError> {
        self.keeper.keep().await;
        let mut reports = Vec::new();
        for msn in self.gatherer.units().await? {
            reports.push(judge(&self.gatherer.facts(&msn).await?));
        }
        Ok(reports)
    }

    /// The sales units asked for: one, or all that are configured or were seen.
    async fn units(&self, asked: &Asked) -> Result<Vec<Msn>, Problem> {
        self.keeper.keep().await;
        match unit(asked.msn.as_deref())? {
            Some(msn) => Ok(vec![msn]),
            None => Ok(self.gatherer.units().await?),
        }
    }
}

#[derive(Deserialize)]
struct Asked {
    msn: Option<String>,
}

fn minute(minute: &Minute) -> Value {
    let by_way = |numbers: &[u64]| -> Value {
        WAYS.iter()
            .zip(numbers)
            .map(|(way, number)| (way.word().to_owned(), json!(number)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({
        "at": minute.at.to_string(),
        "requests": by_way(&minute.calls),
        "failed": by_way(&minute.failed),
    })
}

async fn traffic(State(api): State<TrafficApi>) -> Json<Value> {
    let hour = api.observer.last_hour();
    let minutes: Vec<Value> = hour.iter().map(minute).collect();
    // Of this instance: what others count is in the hours of the store.
    Json(json!({"minutes": minutes}))
}

/// One verdict for several: that of the one who is furthest from a go.
fn worst(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    verdicts.max().unwrap_or(Verdict::Insufficient)
}

async fn readiness(
    State(api): State<TrafficApi>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, Problem> {
    let mut reports = Vec::new();
    for msn in api.units(&asked).await? {
        reports.push(judge(&api.gatherer.facts(&msn).await?));
    }
    let verdict = worst(reports.iter().map(crate::readiness::Report::verdict));
    Ok(Json(json!({"verdict": verdict, "merchants": reports})))
}

async fn remove(
    State(api): State<TrafficApi>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, Problem> {
    let mut removals = Vec::new();
    for msn in api.units(&asked).await? {
        removals.push(removal(&api.gatherer.facts(&msn).await?));
    }
    let verdict = worst(removals.iter().map(|removal| removal.verdict));
    Ok(Json(json!({"verdict": verdict, "merchants": removals})))
}
