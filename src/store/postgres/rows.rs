//! Between rows and records: words for enums, free texts, and the merchants' secrets, sealed.
//!
//! Must not: guess. A word, amount or hash that no release wrote is `Damaged`.

use std::borrow::Cow;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use sqlx::Row;
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;

use super::fault::{Fault, damaged};
use crate::store::seal::Sealer;
use crate::store::{CallbackTarget, Kind, Origin, PaymentFacts};
use crate::types::{
    Amount, CallerHash, Currency, IdempotencyKey, Moment, Msn, OrderText, Reference, RequestId,
    Scope,
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

/// Seals and opens the merchants' secrets: the `authToken` of an order, the secret of a webhook.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens(Option<Arc<Sealer>>);

const TOKEN: &str = "authToken";
const WEBHOOK: &str = "webhook secret";

impl Tokens {
    pub(super) fn new(sealer: Option<Sealer>) -> Self {
        Self(sealer.map(Arc::new))
    }

    /// The bytes to keep, and whether they are sealed.
    fn keep(&self, purpose: &str, place: &str, secret: &SecretString) -> (Vec<u8>, bool) {
        let plain = secret.expose_secret().as_bytes();
        match &self.0 {
            Some(sealer) => {
                let nonce = Sealer::fresh_nonce();
                (sealer.seal(purpose, place, plain, nonce), true)
            }
            None => (plain.to_vec(), false),
        }
    }

    /// The secret, or `None` and a warning where it does not open.
    fn read(
        &self,
        purpose: &'static str,
        place: &str,
        kept: Vec<u8>,
        sealed: bool,
    ) -> Option<SecretString> {
        let plain = match (sealed, &self.0) {
            (false, _) => Some(kept),
            (true, Some(sealer)) => sealer.open(purpose, place, &kept),
            (true, None) => None,
        };
        let secret = plain.and_then(|plain| String::from_utf8(plain).ok());
        if secret.is_none() {
            tracing::warn!(
                "a stored {purpose} does not open: was the encryption key changed? It counts as absent"
            );
        }
        secret.map(SecretString::from)
    }

    /// A webhook's secret, as bytes to keep, and whether they are sealed.
    pub(super) fn keep_secret(
        &self,
        msn: &Msn,
        webhook: &str,
        secret: &SecretString,
    ) -> (Vec<u8>, bool) {
        self.keep(WEBHOOK, &format!("{msn}/{webhook}"), secret)
    }

    /// What `keep_secret` kept.
    pub(super) fn read_secret(
        &self,
        msn: &Msn,
        webhook: &str,
        kept: Vec<u8>,
        sealed: bool,
    ) -> Option<SecretString> {
        self.read(WEBHOOK, &format!("{msn}/{webhook}"), kept, sealed)
    }
}

pub(super) fn place(scope: &Scope, order: &OrderText) -> String {
    // A scope has no slash, so the two cannot run into each other.
    format!("{}/{order}", scope.text())
}

/// Until the transaction ends nobody else begins anything of this order; whoever waits sees what was committed.
pub(super) async fn lock_order(
    db: &mut PgConnection,
    scope: &Scope,
    order: &OrderText,
) -> Result<(), Fault> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(place(scope, order))
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
    let (token, sealed) = match token.map(|token| tokens.keep(TOKEN, &place(scope, order), token)) {
        Some((bytes, sealed)) => (Some(bytes), sealed),
        None => (None, false),
    };
    query
        .bind(origin_word(facts.origin))
        .bind(kind_word(facts.kind))
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
    let auth_token = kept.and_then(|kept| tokens.read(TOKEN, &place(scope, order), kept, sealed));
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
        kind: word(row, "kind", kind_of)?,
        reference: optional(row, "reference", Reference::parse)?,
        amount: amount(row, "amount")?,
        currency: optional(row, "currency", Currency::parse)?,
        text: free(row, "text")?,
        scope_asked: free(row, "scope_asked")?,
        fall_back: free(row, "fall_back")?,
        request_id: optional(row, "request_id", RequestId::parse)?,
    })
}

pub(super) const fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Ecom => "ecom",
        Origin::Epayment => "epayment",
    }
}

pub(super) fn origin(row: &PgRow, column: &'static str) -> Result<Origin, Fault> {
    word(row, column, |text| match text {
        "ecom" => Some(Origin::Ecom),
        "epayment" => Some(Origin::Epayment),
        _ => None,
    })
}

const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Regular => "regular",
        Kind::Express => "express",
        Kind::Unproven => "unproven",
    }
}

fn kind_of(text: &str) -> Option<Kind> {
    [Kind::Regular, Kind::Express, Kind::Unproven]
        .into_iter()
        .find(|kind| kind_word(*kind) == text)
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
