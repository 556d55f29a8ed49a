//! Between rows and records: words, amounts, times and free texts as columns.
//!
//! Must not: guess. A word, amount or hash that no release wrote is `Damaged`.

use std::borrow::Cow;

use sqlx::Row;
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;

use super::fault::{Fault, damaged};
use crate::store::tokens::{self, Tokens};
use crate::store::words;
use crate::store::{CallbackTarget, Origin, PaymentFacts};
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

/// The query type of this back end.
pub(super) type Bound<'q> = Query<'q, Postgres, PgArguments>;

/// Until the transaction ends nobody else begins anything of this order; whoever waits sees what was committed.
pub(super) async fn lock_order(
    db: &mut PgConnection,
    scope: &Scope,
    order: &OrderText,
) -> Result<(), Fault> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(tokens::place(scope, order))
        .execute(db)
        .await?;
    Ok(())
}

/// Binds `fact_columns!` in their order.
pub(super) fn bind_facts<'q>(
    query: Bound<'q>,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
    facts: &PaymentFacts,
) -> Bound<'q> {
    let target = facts.callback.as_ref();
    let token = target.and_then(|target| target.auth_token.as_ref());
    let (token, sealed) = match token.map(|token| tokens.keep_token(scope, order, token)) {
        Some((bytes, sealed)) => (Some(bytes), sealed),
        None => (None, false),
    };
    query
        .bind(words::origin(facts.origin))
        .bind(words::kind(facts.kind))
        .bind(facts.reference.clone().map(String::from))
        .bind(facts.amount.map(Amount::minor_units))
        .bind(facts.currency.map(Currency::code))
        .bind(facts.text.as_deref().map(kept))
        .bind(target.map(|target| kept(&target.prefix)))
        .bind(token)
        .bind(sealed)
        .bind(facts.scope_asked.as_deref().map(kept))
        .bind(facts.fall_back.as_deref().map(kept))
        .bind(facts.request_id.clone().map(String::from))
}

/// A free text as it is written: PostgreSQL has no place for a NUL in one.
pub(super) fn kept(text: &str) -> Cow<'_, str> {
    if text.contains(['\0', '\\']) {
        Cow::Owned(text.replace('\\', r"\\").replace('\0', r"\0"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A free text as it came.
pub(super) fn free(row: &PgRow, column: &'static str) -> Result<Option<String>, Fault> {
    optional(row, column, as_it_came)
}

/// A free text that must be there.
pub(super) fn must(row: &PgRow, column: &'static str) -> Result<String, Fault> {
    word(row, column, as_it_came)
}

fn as_it_came(text: &str) -> Option<String> {
    let mut came = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        came.push(match c {
            '\\' => match rest.next()? {
                '\\' => '\\',
                '0' => '\0',
                _ => return None,
            },
            c => c,
        });
    }
    Some(came)
}

/// Reads where callbacks go.
pub(super) fn target(
    row: &PgRow,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
) -> Result<Option<CallbackTarget>, Fault> {
    let Some(prefix) = free(row, "callback_prefix")? else {
        return Ok(None);
    };
    let kept: Option<Vec<u8>> = row.try_get("auth_token")?;
    let sealed: bool = row.try_get("auth_sealed")?;
    let auth_token = kept.and_then(|kept| tokens.read_token(scope, order, kept, sealed));
    Ok(Some(CallbackTarget { prefix, auth_token }))
}

/// Reads `fact_columns!`.
pub(super) fn facts(
    row: &PgRow,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
) -> Result<PaymentFacts, Fault> {
    Ok(PaymentFacts {
        callback: target(row, tokens, scope, order)?,
        origin: origin(row, "origin")?,
        kind: word(row, "kind", words::kind_of)?,
        reference: optional(row, "reference", Reference::parse)?,
        amount: amount(row, "amount")?,
        currency: optional(row, "currency", Currency::parse)?,
        text: free(row, "text")?,
        scope_asked: free(row, "scope_asked")?,
        fall_back: free(row, "fall_back")?,
        request_id: optional(row, "request_id", RequestId::parse)?,
    })
}

pub(super) fn origin(row: &PgRow, column: &'static str) -> Result<Origin, Fault> {
    word(row, column, words::origin_of)
}

/// A text that must be there and make sense.
pub(super) fn word<T>(
    row: &PgRow,
    column: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, Fault> {
    let text: &str = row.try_get(column)?;
    read(text).ok_or_else(|| damaged(column).into())
}

/// A text that may be absent.
pub(super) fn optional<T>(
    row: &PgRow,
    column: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| read(text).ok_or_else(|| damaged(column).into()))
        .transpose()
}

pub(super) fn key(row: &PgRow, column: &'static str) -> Result<Option<IdempotencyKey>, Fault> {
    optional(row, column, IdempotencyKey::parse)
}

pub(super) fn amount(row: &PgRow, column: &'static str) -> Result<Option<Amount>, Fault> {
    let units: Option<i64> = row.try_get(column)?;
    units
        .map(|units| Amount::new(units).ok_or_else(|| damaged(column).into()))
        .transpose()
}

pub(super) fn moment(row: &PgRow, column: &'static str) -> Result<Moment, Fault> {
    Ok(Moment::from_millis(row.try_get(column)?))
}

pub(super) fn maybe_moment(row: &PgRow, column: &'static str) -> Result<Option<Moment>, Fault> {
    let millis: Option<i64> = row.try_get(column)?;
    Ok(millis.map(Moment::from_millis))
}

pub(super) fn count(row: &PgRow, column: &'static str) -> Result<u32, Fault> {
    u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| damaged(column).into())
}

pub(super) fn caller(row: &PgRow, column: &'static str) -> Result<CallerHash, Fault> {
    CallerHash::from_bytes(row.try_get(column)?).ok_or_else(|| damaged(column).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_texts_come_back_as_they_were() {
        for text in ["", "socks", "\0", r"\0", r"\\0", "a\0\\\0b\\", "🧦\n'"] {
            let written = kept(text);
            assert!(!written.contains('\0'), "{text:?}");
            assert_eq!(as_it_came(&written).as_deref(), Some(text));
        }
        assert_eq!(as_it_came(r"\x"), None);
        assert_eq!(as_it_came(r"\"), None);
    }
}
