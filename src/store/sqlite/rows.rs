//! Between rows and records: words for enums, and the merchants' secrets, sealed where there is a key.
//!
//! Must not: guess. A word, amount or hash that no release wrote is `Damaged`.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use sqlx::Row;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};

use super::error::damaged;
use crate::store::seal::Sealer;
use crate::store::{CallbackTarget, Kind, Origin, PaymentFacts, StoreError};
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
pub(super) type Bound<'q> = Query<'q, Sqlite, SqliteArguments>;

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

fn place(scope: &Scope, order: &OrderText) -> String {
    // A scope has no slash, so the two cannot run into each other.
    format!("{}/{order}", scope.text())
}

/// Binds `fact_columns!` in their order.
pub(super) fn bind_facts<'q>(
    query: Bound<'q>,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
    facts: PaymentFacts,
) -> Bound<'q> {
    let (prefix, token) = match facts.callback {
        Some(target) => (Some(target.prefix), target.auth_token),
        None => (None, None),
    };
    let (token, sealed) = match token.map(|token| tokens.keep(TOKEN, &place(scope, order), &token))
    {
        Some((bytes, sealed)) => (Some(bytes), sealed),
        None => (None, false),
    };
    query
        .bind(origin_word(facts.origin))
        .bind(kind_word(facts.kind))
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
    row: &SqliteRow,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
) -> Result<Option<CallbackTarget>, StoreError> {
    let Some(prefix) = row.try_get::<Option<String>, _>("callback_prefix")? else {
        return Ok(None);
    };
    let kept: Option<Vec<u8>> = row.try_get("auth_token")?;
    let sealed: bool = row.try_get("auth_sealed")?;
    let auth_token = kept.and_then(|kept| tokens.read(TOKEN, &place(scope, order), kept, sealed));
    Ok(Some(CallbackTarget { prefix, auth_token }))
}

/// Reads `fact_columns!`.
pub(super) fn facts(
    row: &SqliteRow,
    tokens: &Tokens,
    scope: &Scope,
    order: &OrderText,
) -> Result<PaymentFacts, StoreError> {
    Ok(PaymentFacts {
        callback: target(row, tokens, scope, order)?,
        origin: origin(row, "origin")?,
        kind: word(row, "kind", kind_of)?,
        reference: optional(row, "reference", Reference::parse)?,
        amount: amount(row, "amount")?,
        currency: optional(row, "currency", Currency::parse)?,
        text: row.try_get("text")?,
        scope_asked: row.try_get("scope_asked")?,
        fall_back: row.try_get("fall_back")?,
        request_id: optional(row, "request_id", RequestId::parse)?,
    })
}

pub(super) const fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Ecom => "ecom",
        Origin::Epayment => "epayment",
    }
}

pub(super) fn origin(row: &SqliteRow, column: &'static str) -> Result<Origin, StoreError> {
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
    row: &SqliteRow,
    column: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text: &str = row.try_get(column)?;
    read(text).ok_or_else(|| damaged(column))
}

/// A text that may be absent.
pub(super) fn optional<T>(
    row: &SqliteRow,
    column: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| read(text).ok_or_else(|| damaged(column)))
        .transpose()
}

pub(super) fn key(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<IdempotencyKey>, StoreError> {
    optional(row, column, IdempotencyKey::parse)
}

pub(super) fn amount(row: &SqliteRow, column: &'static str) -> Result<Option<Amount>, StoreError> {
    let units: Option<i64> = row.try_get(column)?;
    units
        .map(|units| Amount::new(units).ok_or_else(|| damaged(column)))
        .transpose()
}

pub(super) fn moment(row: &SqliteRow, column: &'static str) -> Result<Moment, StoreError> {
    Ok(Moment::from_millis(row.try_get(column)?))
}

pub(super) fn maybe_moment(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<Moment>, StoreError> {
    let millis: Option<i64> = row.try_get(column)?;
    Ok(millis.map(Moment::from_millis))
}

pub(super) fn count(row: &SqliteRow, column: &'static str) -> Result<u32, StoreError> {
    u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| damaged(column))
}

pub(super) fn caller(row: &SqliteRow, column: &'static str) -> Result<CallerHash, StoreError> {
    CallerHash::from_bytes(row.try_get(column)?).ok_or_else(|| damaged(column))
}
