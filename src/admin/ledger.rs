//! The money ledger for an operator: one payment's story, the proof of all, what does not fit together.
//!
//! JSON on the admin listener, behind its token; the `ledger` commands call it. Must not: show personal data or a text of
//! the merchant, or call something verified that was not read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::pages::figures::{Step, Story};
use super::payments::{self, known};
use super::problem::{Problem, order, unit};
use crate::ledger::story;
use crate::ledger::verdict::{Judging, Proof, Standing, Verdict, judge};
use crate::store::{
    CallbackFilter, CallbackStore, CallbackView, KeptMismatch, LedgerEntry, LedgerId,
    LedgerPayment, LedgerStore, Mismatch, StoreError, WhichMismatches,
};
use crate::types::{Clock, Moment, Msn, OrderText};

/// What the routes work on.
#[derive(Clone)]
pub struct LedgerApi {
    /// The records.
    pub store: Arc<dyn LedgerStore>,
    /// What shops were told.
    pub callbacks: Arc<dyn CallbackStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long after a call its event may be missing.
    pub settle: Arc<dyn Fn() -> Duration + Send + Sync>,
}

const PAGE: usize = 200;
const RECOUNTS: usize = 5;

#[derive(Deserialize)]
struct OfUnit {
    msn: Option<String>,
}

#[derive(Deserialize)]
struct Walk {
    after: Option<i64>,
    limit: Option<usize>,
    #[serde(default)]
    recount: bool,
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    all: bool,
    limit: Option<usize>,
}

impl LedgerApi {
    /// `/api/ledger…` and `/api/payments…`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/ledger/verify", get(verify))
            .route("/api/ledger/mismatches", get(mismatches))
            .route("/api/ledger/{order}", get(show))
            .merge(payments::router())
            .with_state(self)
    }
}

async fn show(
    State(api): State<LedgerApi>,
    Path(text): Path<String>,
    Query(of): Query<OfUnit>,
) -> Result<Json<Value>, Problem> {
    let msn = unit(of.msn.as_deref())?;
    let order = order(Some(&text))?.ok_or_else(|| Problem::wrong("name an order"))?;
    let told = api.told(&order, msn.as_ref()).await?;
    if told.is_empty() {
        let why = "the ledger has no payment of this order: it was not created or changed through this bridge";
        return Err(Problem::new(StatusCode::NOT_FOUND, why));
    }
    let stories: Vec<Value> = told.iter().map(Told::json).collect();
    Ok(Json(json!({"payments": stories})))
}

/// One payment's story and what is held of it.
struct Told {
    entry: LedgerEntry,
    lines: Vec<story::Line>,
    verdict: Verdict,
}

impl LedgerApi {
    /// The stories of the payments of an order.
    async fn told(&self, order: &OrderText, msn: Option<&Msn>) -> Result<Vec<Told>, StoreError> {
        let entries = self.store.ledger_of(order, msn).await?;
        let which = WhichMismatches::Of(order.clone());
        let kept = self.store.mismatches(which, 1_000).await?;
        let mut told = Vec::with_capacity(entries.len());
        for entry in entries {
            let kept: Vec<KeptMismatch> = kept
                .iter()
                .filter(|one| one.scope == entry.payment.scope)
                .cloned()
                .collect();
            let callbacks = self.callbacks_of(&entry.payment).await?;
            let judging = Judging::recorded(&entry, self.clock.now(), (self.settle)());
            let (lines, verdict) = story::lines(&entry, &callbacks, &kept, judging);
            told.push(Told {
                entry,
                lines,
                verdict,
            });
        }
        Ok(told)
    }

    /// What its shop was told. Callbacks belong to a sales unit: where that is not known, another one's order of the same
    /// id must not be taken for it.
    async fn callbacks_of(&self, payment: &LedgerPayment) -> Result<Vec<CallbackView>, StoreError> {
        let Some(msn) = payment.scope.msn() else {
            return Ok(Vec::new());
        };
        let filter = CallbackFilter {
            order: Some(payment.order.clone()),
            msn: Some(msn.clone()),
            limit: 10,
            ..CallbackFilter::default()
        };
        self.callbacks.callbacks(filter).await
    }

    /// The stories of the payments of an order, as the pages show them.
    ///
    /// # Errors
    /// When the store can't be asked.
    pub async fn stories(
        &self,
        order: &OrderText,
        msn: Option<&Msn>,
    ) -> Result<Vec<Story>, StoreError> {
        let told = self.told(order, msn).await?;
        Ok(told.iter().map(Told::page).collect())
    }
}

impl Told {
    fn json(&self) -> Value {
        let (entry, verdict) = (&self.entry, &self.verdict);
        let (standing, why) = story::standing(verdict.standing);
        let proven = verdict
            .proofs
            .iter()
            .filter(|proof| matches!(proof, Proof::Seen | Proof::Absent));
        let found: Vec<Value> = verdict
            .mismatches
            .iter()
            .map(|one| json!({"kind": one.kind.word(), "about": one.about}))
            .collect();
        let mut told = known(&entry.payment);
        if let Some(members) = told.as_object_mut() {
            members.insert("standing".to_owned(), json!(standing));
            members.insert("why".to_owned(), json!(why));
            members.insert("moneyCalls".to_owned(), json!(entry.calls.len()));
            members.insert("provenCalls".to_owned(), json!(proven.count()));
            members.insert("foreign".to_owned(), json!(verdict.foreign.len()));
            members.insert("mismatches".to_owned(), json!(found));
            members.insert("story".to_owned(), json!(self.lines));
        }
        told
    }

    fn page(&self) -> Story {
        let (standing, why) = story::standing(self.verdict.standing);
        let standing = match why {
            Some(why) => format!("{} ({why})", standing.replace('_', " ")),
            None => standing.to_owned(),
        };
        let finding =
            |one: &Mismatch| format!("{}: {}", one.kind.word().replace('_', " "), one.about);
        Story {
            msn: self.entry.payment.scope.msn().cloned(),
            facts: payments::facts(&self.entry.payment, standing),
            steps: self.lines.iter().map(step).collect(),
            findings: self.verdict.mismatches.iter().map(finding).collect(),
        }
    }
}

fn step(line: &story::Line) -> Step {
    let mut detail = line.text.clone();
    let more = [
        line.request_id
            .as_ref()
            .map(|id| format!("X-Request-Id {id}")),
        line.idempotency_key
            .as_ref()
            .map(|key| format!("key {key}")),
        line.transaction_id
            .as_ref()
            .map(|id| format!("transaction {id}")),
    ];
    for one in more.into_iter().flatten() {
        detail.push_str(&format!("; {one}"));
    }
    Step {
        at: Moment::parse(&line.at).unwrap_or_default(),
        what: format!("{:?}", line.what).to_lowercase(),
        detail,
    }
}

/// The proof of one page.
#[derive(Default)]
struct Sum {
    payments: u64,
    proven: u64,
    mismatched: u64,
    unverified: BTreeMap<String, u64>,
    calls: u64,
    seen: u64,
    absent: u64,
    unproven: u64,
    keys: u64,
    foreign: u64,
    violations: Vec<Value>,
}

impl Sum {
    fn add(&mut self, entry: &LedgerEntry, judging: Judging) {
        let verdict = judge(entry, judging);
        self.payments += 1;
        match verdict.standing {
            Standing::Proven => self.proven += 1,
            Standing::Mismatch => self.mismatched += 1,
            Standing::NotVerified(why) => {
                // What stands in the way says more than that nobody has looked.
                let why = entry.payment.trouble.as_deref().unwrap_or(why);
                *self.unverified.entry(why.to_owned()).or_default() += 1;
            }
        }
        for (one, proof) in entry.calls.iter().zip(&verdict.proofs) {
            self.calls += 1;
            self.keys += u64::from(one.call.key.is_some());
            match proof {
                Proof::Seen => self.seen += 1,
                Proof::Absent => self.absent += 1,
                Proof::Unproven => self.unproven += 1,
                Proof::Contradicted => {}
            }
        }
        self.foreign += verdict.foreign.len() as u64;
        let (msn, order) = (
            entry.payment.scope.msn().map(Msn::as_str),
            entry.payment.order.as_str(),
        );
        let told = verdict.mismatches.iter().map(
            |one| json!({"msn": msn, "orderId": order, "kind": one.kind.word(), "about": one.about}),
        );
        self.violations.extend(told);
    }
}

/// Whether the counts that are kept are those of a full scan. Steps in between the two make them differ: asked again.
async fn counts_agree(store: &dyn LedgerStore) -> Result<bool, StoreError> {
    for _ in 0..RECOUNTS {
        if store.open_payments().await? == store.recount_open().await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn verify(
    State(api): State<LedgerApi>,
    Query(walk): Query<Walk>,
) -> Result<Json<Value>, Problem> {
    let limit = walk.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let after = LedgerId(walk.after.unwrap_or(0));
    let entries = api.store.ledger(after, limit).await?;
    let (now, settle) = (api.clock.now(), (api.settle)());
    let mut sum = Sum::default();
    for entry in &entries {
        sum.add(entry, Judging::recorded(entry, now, settle));
    }
    let last = entries.last().filter(|_| entries.len() == limit);
    let mut told = json!({
        "payments": sum.payments,
        "proven": sum.proven,
        "mismatched": sum.mismatched,
        "notVerified": sum.unverified,
        "moneyCalls": sum.calls,
        "seenInLog": sum.seen,
        "absentFromLog": sum.absent,
        "callsNotVerified": sum.unproven,
        "keys": sum.keys,
        "foreign": sum.foreign,
        "violations": sum.violations,
        "next": last.map(|entry| entry.payment.id.0),
    });
    if walk.recount {
        told["countsAgree"] = json!(counts_agree(&*api.store).await?);
    }
    Ok(Json(told))
}

async fn mismatches(
    State(api): State<LedgerApi>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Problem> {
    let which = if wanted.all {
        WhichMismatches::All
    } else {
        WhichMismatches::Open
    };
    let limit = wanted.limit.unwrap_or(PAGE).clamp(1, 1_000);
    let found = api.store.mismatches(which, limit).await?;
    let found: Vec<Value> = found.iter().map(kept).collect();
    Ok(Json(json!({"mismatches": found})))
}

fn kept(one: &KeptMismatch) -> Value {
    json!({
        "id": one.id,
        "msn": one.scope.msn().map(Msn::as_str),
        "orderId": one.order.as_str(),
        "kind": one.found.kind.word(),
        "about": one.found.about,
        "foundAt": one.found_at.to_string(),
        "resolvedAt": one.resolved_at.map(|at| at.to_string()),
    })
}
