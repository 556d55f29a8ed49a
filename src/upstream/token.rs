//! Access tokens from configured credentials: fetched once for all who wait, renewed before they end.
//!
//! Renewed at half of its time; where that fails, the old one serves while it is good. Used only where no merchant call has
//! brought a token for the sales unit. In memory only. Source: access token API. Must not: storm the endpoint (one fetch at a time per unit, and a failure is remembered for a short while).

mod answer;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use moka::future::Cache;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

pub(super) use self::answer::Answer;
use super::client::client;
use super::whole::whole;
use super::{ClientError, Credentials, SUBSCRIPTION_KEY};
use crate::telemetry::{Api, Meters};
use crate::types::Msn;

/// Half of the shortest documented lifetime (1 hour in test).
const RENEW_AFTER: Duration = Duration::from_secs(30 * 60);
/// So long it serves where it can't be renewed: a token is never used to its last minute.
const GOOD_FOR: Duration = Duration::from_secs(55 * 60);
const AGAIN_AFTER: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(10);
/// No token is longer, by far.
pub(super) const ANSWER_MAX: usize = 64 << 10;

/// The credentials of one sales unit, from the configuration.
#[derive(Clone, Debug)]
pub struct UnitKeys {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: SecretString,
    /// `Ocp-Apim-Subscription-Key`.
    pub subscription_key: SecretString,
}

impl UnitKeys {
    /// Tells these keys from others, so that a token of replaced ones is not used for the new ones.
    fn mark(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [
            self.client_id.as_str(),
            self.client_secret.expose_secret(),
            self.subscription_key.expose_secret(),
        ] {
            hash.update(part.len().to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into()
    }
}

/// A sales unit and the mark of its keys.
type Holder = (Msn, [u8; 32]);

/// Fetches and keeps tokens.
#[derive(Clone, Debug)]
pub struct Tokens {
    http: reqwest::Client,
    url: String,
    kept: Cache<Holder, HeaderValue>,
    /// Those that are still good when they should have been renewed.
    spare: Cache<Holder, HeaderValue>,
    /// Those whose last fetch failed a moment ago.
    failed: Cache<Holder, Arc<TokenError>>,
    meters: Arc<Meters>,
}

/// Where tokens are given.
pub(super) fn url(base_url: &str) -> String {
    format!("{}/accesstoken/get", base_url.trim_end_matches('/'))
}

/// Asks for a token of these keys.
pub(super) fn request(
    http: &reqwest::Client,
    url: &str,
    keys: &UnitKeys,
) -> reqwest::RequestBuilder {
    http.post(url)
        .header("client_id", &keys.client_id)
        .header("client_secret", keys.client_secret.expose_secret())
        .header(SUBSCRIPTION_KEY, keys.subscription_key.expose_secret())
        .header(http::header::CONTENT_LENGTH, 0)
}

/// Why there is no token; without secrets.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    /// The endpoint refused.
    #[error(
        "the access token endpoint answered {0}: check client_id, client_secret and subscription_key"
    )]
    Refused(u16),
    /// No usable answer.
    #[error("the access token endpoint gave no usable answer")]
    NoAnswer,
}

impl Tokens {
    /// A keeper for the host at `base_url`.
    ///
    /// # Errors
    /// When the TLS set-up of the machine can't be used.
    pub fn new(
        base_url: &str,
        connect_timeout: Duration,
        meters: Arc<Meters>,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            http: client(connect_timeout)?,
            url: url(base_url),
            kept: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(RENEW_AFTER)
                .build(),
            spare: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(GOOD_FOR)
                .build(),
            failed: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(AGAIN_AFTER)
                .build(),
            meters,
        })
    }

    /// Credentials for a sales unit, with a token that is good.
    ///
    /// # Errors
    /// When none can be had now.
    pub async fn credentials(
        &self,
        msn: &Msn,
        keys: &UnitKeys,
    ) -> Result<Credentials, Arc<TokenError>> {
        let holder = (msn.clone(), keys.mark());
        let authorization = match self.fresh(&holder, keys).await {
            Ok(authorization) => authorization,
            Err(error) => self.spare.get(&holder).await.ok_or(error)?,
        };
        let mut headers = http::HeaderMap::with_capacity(2);
        headers.insert(http::header::AUTHORIZATION, authorization);
        if let Ok(key) = HeaderValue::from_str(keys.subscription_key.expose_secret()) {
            headers.insert(SUBSCRIPTION_KEY, key);
        }
        Ok(Credentials::of(&headers, Some(msn.clone())))
    }

    async fn fresh(
        &self,
        holder: &Holder,
        keys: &UnitKeys,
    ) -> Result<HeaderValue, Arc<TokenError>> {
        if let Some(failed) = self.failed.get(holder).await {
            return Err(failed);
        }
        let fetch = async {
            let fetched = self.fetch(keys).await?;
            self.spare.insert(holder.clone(), fetched.clone()).await;
            Ok(fetched)
        };
        let fetched = self.kept.try_get_with(holder.clone(), fetch).await;
        if let Err(error) = &fetched {
            self.failed.insert(holder.clone(), Arc::clone(error)).await;
        }
        fetched
    }

    /// Forgets a token that upstream has refused. A newer one stays: others may have fetched it meanwhile, and of many
    /// calls that are refused at once only the first fetches.
    pub async fn forget(&self, msn: &Msn, keys: &UnitKeys, refused: &Credentials) {
        let holder = (msn.clone(), keys.mark());
        for cache in [&self.kept, &self.spare] {
            if cache.get(&holder).await == refused.authorization {
                cache.invalidate(&holder).await;
            }
        }
    }

    async fn fetch(&self, keys: &UnitKeys) -> Result<HeaderValue, TokenError> {
        let began = std::time::Instant::now();
        let answer = self.ask(keys).await;
        self.meters
            .upstream(Api::Token, "token", began.elapsed().as_secs_f64());
        answer.inspect_err(|error| {
            self.meters.upstream_error(Api::Token, "token");
            tracing::warn!(error = %error, "no access token");
        })
    }

    async fn ask(&self, keys: &UnitKeys) -> Result<HeaderValue, TokenError> {
        let request = request(&self.http, &self.url, keys).timeout(PATIENCE);
        let response = request.send().await.map_err(|_| TokenError::NoAnswer)?;
        if !response.status().is_success() {
            return Err(TokenError::Refused(response.status().as_u16()));
        }
        let body = whole(response, ANSWER_MAX)
            .await
            .map_err(|_| TokenError::NoAnswer)?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| TokenError::NoAnswer)?;
        answer.authorization().ok_or(TokenError::NoAnswer)
    }
}

#[cfg(test)]
mod tests;
