//! Between rows and records: words, amounts and times as columns.
//!
//! Must not: guess. A word, amount or hash that no release wrote is `Damaged`.

use super::db::{Query, Row};
use super::error::damaged;
use crate::store::tokens::Tokens;
use crate::store::words;
use crate::store::{CallbackTarget, Origin, PaymentFacts, StoreError};
use crate::types::{
    Amount, CallerHash, Currency, IdempotencyKey, Moment, OrderText, Reference, RequestId, Scope,
};

/// The columns that `bind_facts` fills and `facts` reads, as text for `concat!`.
macro_rules! fact_columns {
    () => {
        "origin, kind, reference, amount, currency, text, callback_prefix, auth_token, auth_sealed, \
         scope_asked, fall_back, request_id"
    };
}
pub(super) use fact_columns;

/// Binds `fact_columns!` in their order.
pub(super) fn bind_facts<'q>(
    query: Query<'q>,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
    facts: PaymentFacts,
) -> Query<'q> {
    let (prefix, token) = match facts.callback {
        Some(target) => (Some(target.prefix), target.auth_token),
        None => (None, None),
    };
    let (token, sealed) = match token.map(|token| tokens.keep_token(scope, order, &token)) {
        Some((bytes, sealed)) => (Some(bytes), sealed),
        None => (None, false),
    };
    query
        .bind(words::origin(facts.origin))
        .bind(words::kind(facts.kind))
        .bind(facts.reference.map(String::from))
        .bind(facts.amount.map(Amount::minor_units))
        .bind(facts.currency.map(Currency::code))
        .bind(facts.text)
        .bind(prefix)
        .bind(token)
        .bind(sealed)
        .bind(facts.scope_asked)
        .bind(facts.fall_back)
        .bind(facts.request_id.map(String::from))
}

/// Reads where callbacks go.
pub(super) fn target(
    row: &Row,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
) -> Result<Option<CallbackTarget>, StoreError> {
    let Some(prefix) = row.try_get::<Option<String>>("callback_prefix")? else {
        return Ok(None);
    };
    let kept: Option<Vec<u8>> = row.try_get("auth_token")?;
    let sealed: bool = row.try_get("auth_sealed")?;
    let auth_token = kept.and_then(|kept| tokens.read_token(scope, order, kept, sealed));
    Ok(Some(CallbackTarget { prefix, auth_token }))
}

/// Reads `fact_columns!`.
pub(super) fn facts(
    row: &Row,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
) -> Result<PaymentFacts, StoreError> {
    Ok(PaymentFacts {
        callback: target(row, tokens, scope, order)?,
        origin: origin(row, "origin")?,
        kind: word(row, "kind", words::kind_of)?,
        reference: optional(row, "reference", Reference::parse)?,
        amount: amount(row, "amount")?,
        currency: optional(row, "currency", Currency::parse)?,
        text: row.try_get("text")?,
        scope_asked: row.try_get("scope_asked")?,
        fall_back: row.try_get("fall_back")?,
        request_id: optional(row, "request_id", RequestId::parse)?,
    })
}

pub(super) fn origin(row: &Row, column: &'static str) -> Result<Origin, StoreError> {
    word(row, column, words::origin_of)
}

/// A text that must be there and make sense.
pub(super) fn word<T>(
    row: &Row,
    column: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text: &str = row.try_get(column)?;
    read(text).ok_or_else(|| damaged(column))
}

/// A text that may be absent.
pub(super) fn optional<T>(
    row: &Row,
    column: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| read(text).ok_or_else(|| damaged(column)))
        .transpose()
}

pub(super) fn key(row: &Row, column: &'static str) -> Result<Option<IdempotencyKey>, StoreError> {
    optional(row, column, IdempotencyKey::parse)
}

pub(super) fn amount(row: &Row, column: &'static str) -> Result<Option<Amount>, StoreError> {
    let units: Option<i64> = row.try_get(column)?;
    units
        .map(|units| Amount::new(units).ok_or_else(|| damaged(column)))
        .transpose()
}

pub(super) fn moment(row: &Row, column: &'static str) -> Result<Moment, StoreError> {
    Ok(Moment::from_millis(row.try_get(column)?))
}

pub(super) fn maybe_moment(row: &Row, column: &'static str) -> Result<Option<Moment>, StoreError> {
    let millis: Option<i64> = row.try_get(column)?;
    Ok(millis.map(Moment::from_millis))
}

pub(super) fn count(row: &Row, column: &'static str) -> Result<u32, StoreError> {
    u32::try_from(row.try_get::<i64>(column)?).map_err(|_| damaged(column))
}

pub(super) fn caller(row: &Row, column: &'static str) -> Result<CallerHash, StoreError> {
    CallerHash::from_bytes(row.try_get(column)?).ok_or_else(|| damaged(column))
}
