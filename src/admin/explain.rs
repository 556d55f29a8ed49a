//! Which way a call would go now: with what is recorded of its payment, and what is overridden.
//!
//! The `explain` command calls it. Must not: send anything, or tell of a payment more than where it was born.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::routing::Known;
use crate::routing::explain::{Asked, Explanation, Question, ask};
use crate::settings::Live;
use crate::store::Store;
use crate::types::{CallerHash, Kind, Origin, Scope};

/// What the routes work on.
#[derive(Clone, Debug)]
pub struct ExplainApi {
    /// The records.
    pub store: Arc<dyn Store>,
    /// The settings in force.
    pub live: Arc<Live>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    method: String,
    path: String,
    msn: Option<String>,
    order: Option<String>,
    #[serde(default)]
    express: bool,
    born: Option<String>,
}

impl ExplainApi {
    /// `/api/explain`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/explain", get(explain))
            .with_state(self)
    }

    /// What is recorded of the payment; its sales unit must be told.
    async fn recorded(&self, question: &Question) -> Result<Option<Known>, Problem> {
        let Some(msn) = &question.msn else {
            return Ok(None);
        };
        let scope = Scope::Unit(msn.clone());
        // Attempts are their callers' own; nobody calls here.
        let nobody = CallerHash::of(b"", self.store.secret());
        let known = self.store.payment(&scope, &question.order, nobody).await?;
        Ok(known
            .payment
            .map(|payment| Known::Born(payment.facts.origin, payment.facts.kind)))
    }
}

async fn explain(
    State(api): State<ExplainApi>,
    Query(asking): Query<Asking>,
) -> Result<Json<Value>, Problem> {
    let call = (asking.method.as_str(), asking.path.as_str());
    let (msn, order) = (asking.msn.as_deref(), asking.order.as_deref());
    let question = match ask(call, msn, order, asking.express).map_err(Problem::wrong)? {
        Asked::Settled(told) => return Ok(view(&told)),
        Asked::Question(question) => question,
    };
    let kind = if asking.express {
        Kind::Express
    } else {
        Kind::Regular
    };
    let known = match asking.born.as_deref() {
        Some("epayment") => Known::Born(Origin::Epayment, Kind::Regular),
        Some("ecom") => Known::Born(Origin::Ecom, kind),
        Some(_) => return Err(Problem::wrong("born is ecom or epayment")),
        None => api
            .recorded(&question)
            .await?
            .unwrap_or_else(|| question.unrecorded()),
    };
    let snapshot = api.live.snapshot();
    Ok(view(&question.explain(known, &snapshot.policy)))
}

fn view(told: &Explanation) -> Json<Value> {
    Json(json!({"route": told.route, "why": told.why, "steps": told.steps}))
}
