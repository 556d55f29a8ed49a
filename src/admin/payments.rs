//! Payments for an operator: search, those that may still change, those whose guaranteed time ends.
//!
//! JSON on the admin listener, behind its token. Must not: show personal data or a text of the merchant.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ledger::LedgerApi;
use super::problem::{Problem, order, unit};
use crate::ledger::{OpenGroup, expiring, open, story};
use crate::store::{Day, LedgerId, LedgerPayment, PaymentFilter};
use crate::types::{Moment, Msn};

const PAGE: usize = 100;

#[derive(Deserialize)]
struct Search {
    order: Option<String>,
    msn: Option<String>,
    before: Option<i64>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
struct Ahead {
    days: Option<u32>,
}

/// `/api/payments…`
pub(super) fn router() -> Router<LedgerApi> {
    Router::new()
        .route("/api/payments", get(list))
        .route("/api/payments/open", get(open_now))
        .route("/api/payments/expiring", get(ending))
}

fn moment(at: Option<Moment>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// `YYYY-MM-DD`.
fn date(day: Day) -> String {
    day.begin().to_string().chars().take(10).collect()
}

/// What is known of a payment.
pub(super) fn known(payment: &LedgerPayment) -> Value {
    let (balance, sums) = (&payment.balance, &payment.balance.sums);
    json!({
        "id": payment.id.0,
        "msn": payment.scope.msn().map(Msn::as_str),
        "orderId": payment.order.as_str(),
        "origin": open::word_of(payment.origin),
        "state": balance.state.word(),
        "currency": payment.currency.code(),
        "ordered": payment.amount,
        "authorized": sums.authorized,
        "captured": sums.captured,
        "refunded": sums.refunded,
        "cancelled": sums.cancelled,
        "toCapture": sums.to_capture(),
        "toRefund": sums.to_refund(),
        "createdAt": payment.created_at.to_string(),
        "reservedAt": moment(balance.reserved_at),
        "capturedAt": moment(balance.captured_at),
        "guaranteedUntil": moment(balance.guaranteed_until),
        "learntAt": balance.learnt_at.to_string(),
        "learntFrom": balance.learnt.word(),
        "checkedAt": moment(payment.checked_at),
        "nextLookAt": moment(payment.due_at),
        "trouble": payment.trouble,
    })
}

/// The same as names and values, for a page.
pub(super) fn facts(payment: &LedgerPayment, standing: String) -> Vec<(String, String)> {
    let (balance, sums) = (&payment.balance, &payment.balance.sums);
    let money = |amount| story::money(amount, payment.currency);
    let mut facts = vec![
        ("standing", standing),
        ("state", balance.state.word().replace('_', " ")),
        ("created in", open::word_of(payment.origin).to_owned()),
        ("authorized", money(sums.authorized)),
        ("captured", money(sums.captured)),
        ("refunded", money(sums.refunded)),
        ("cancelled", money(sums.cancelled)),
        ("still to capture", money(sums.to_capture())),
        ("still to refund", money(sums.to_refund())),
    ];
    facts.extend(payment.amount.map(|amount| ("ordered", money(amount))));
    let times = [
        ("capture guaranteed until", balance.guaranteed_until),
        ("read at upstream", payment.checked_at),
    ];
    facts.extend(
        times
            .into_iter()
            .filter_map(|(name, at)| Some((name, at?.to_string()))),
    );
    facts.extend(
        payment
            .trouble
            .clone()
            .map(|trouble| ("not verified because", trouble)),
    );
    facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

async fn list(
    State(api): State<LedgerApi>,
    Query(asked): Query<Search>,
) -> Result<Json<Value>, Problem> {
    let filter = PaymentFilter {
        msn: unit(asked.msn.as_deref())?,
        order: order(asked.order.as_deref())?,
        before: asked.before.map(LedgerId),
        limit: asked.limit.unwrap_or(PAGE).clamp(1, 1_000),
    };
    let found = api.store.list_payments(filter).await?;
    let found: Vec<Value> = found.iter().map(known).collect();
    Ok(Json(json!({"payments": found})))
}

fn group(group: &OpenGroup) -> Value {
    json!({
        "msn": group.msn.as_ref().map(Msn::as_str),
        "origin": open::word_of(group.origin),
        "class": group.class.word(),
        "currency": group.currency.code(),
        "payments": group.payments,
        "toCapture": group.to_capture,
        "toRefund": group.to_refund,
        "oldest": date(group.oldest),
        "lastGone": date(group.last_gone),
        "latestGone": date(group.latest_gone),
    })
}

async fn open_now(State(api): State<LedgerApi>) -> Result<Json<Value>, Problem> {
    let today = Day::of(api.clock.now());
    let groups = open::groups(&api.store.open_payments().await?, today);
    // By origin: how many, and when the last one can be gone.
    let mut origins: BTreeMap<&str, (u64, Day, Day)> = BTreeMap::new();
    for one in &groups {
        let total =
            origins
                .entry(open::word_of(one.origin))
                .or_insert((0, one.last_gone, one.latest_gone));
        total.0 += one.payments;
        total.1 = total.1.max(one.last_gone);
        total.2 = total.2.max(one.latest_gone);
    }
    let origins: Vec<Value> = origins
        .into_iter()
        .map(|(origin, (payments, last, latest))| {
            json!({"origin": origin, "payments": payments, "lastGone": date(last), "latestGone": date(latest)})
        })
        .collect();
    let groups: Vec<Value> = groups.iter().map(group).collect();
    Ok(Json(
        json!({"today": date(today), "origins": origins, "open": groups}),
    ))
}

async fn ending(
    State(api): State<LedgerApi>,
    Query(ahead): Query<Ahead>,
) -> Result<Json<Value>, Problem> {
    let days = ahead.days.unwrap_or(expiring::DAYS).min(365);
    let until = expiring::until(api.clock.now(), days);
    let found = api.store.expiring(until, expiring::MOST).await?;
    let found: Vec<Value> = found.iter().map(known).collect();
    Ok(Json(json!({"until": until.to_string(), "payments": found})))
}
