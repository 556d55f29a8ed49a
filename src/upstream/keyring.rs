//! Credentials for what the bridge does by itself for a merchant: a registration, a read for a callback, a poll.
//!
//! A merchant's own call brings a token and a subscription key; once ePayment has accepted them for a sales unit they may
//! serve that unit, in memory only and until they are refused or old. Configured credentials serve where none has been
//! seen. Must not: use one unit's credentials for another.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::Credentials;
use super::token::{Tokens, UnitKeys};
use crate::types::Msn;

/// No token lives longer (24 hours in production); a refused one goes at once.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// So often credentials are tried for one piece of work: the shop's, a kept token, a fresh one.
const TRIES: u32 = 3;

/// Where the credentials came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// A merchant's call.
    Call,
    /// The configuration.
    Configuration,
}

/// Tells what is configured for a sales unit now.
type Configured = Arc<dyn Fn(&Msn) -> Option<UnitKeys> + Send + Sync>;

/// The credentials at hand.
#[derive(Clone)]
pub struct Keyring {
    seen: Cache<Msn, Credentials>,
    configured: Configured,
    tokens: Tokens,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

impl Keyring {
    /// A keyring that asks `configured` each time: the configuration may change.
    #[must_use]
    pub fn new(
        configured: impl Fn(&Msn) -> Option<UnitKeys> + Send + Sync + 'static,
        tokens: Tokens,
    ) -> Self {
        Self {
            seen: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(KEPT_FOR)
                .build(),
            configured: Arc::new(configured),
            tokens,
        }
    }

    /// Notes credentials that ePayment has accepted for a sales unit. True where none of its calls were at hand.
    pub async fn accepted(&self, msn: &Msn, credentials: &Credentials) -> bool {
        let known = self.seen.get(msn).await;
        // A shop uses its token for hours: noting it again would cost each of its calls as much as translating it.
        if !known
            .as_ref()
            .is_some_and(|known| known.same_as(credentials))
        {
            self.seen.insert(msn.clone(), credentials.clone()).await;
        }
        known.is_none()
    }

    /// Credentials for a sales unit, if there are any: those of the merchant's latest call, else configured ones.
    pub async fn of(&self, msn: &Msn) -> Option<(Credentials, From)> {
        if let Some(seen) = self.seen.get(msn).await {
            return Some((seen, From::Call));
        }
        let keys = (self.configured)(msn)?;
        self.tokens
            .credentials(msn, &keys)
            .await
            .ok()
            .map(|credentials| (credentials, From::Configuration))
    }

    /// The credentials for one piece of work, one after the other while upstream refuses them.
    #[must_use]
    pub fn tries<'a>(&'a self, msn: &'a Msn) -> Tries<'a> {
        Tries {
            keyring: self,
            msn,
            left: TRIES,
            last: None,
        }
    }

    /// Forgets credentials that upstream has refused (401), and no newer ones.
    pub async fn refused(&self, msn: &Msn, from: From, refused: &Credentials) {
        match from {
            From::Call => {
                let seen = self.seen.get(msn).await;
                if seen.is_some_and(|seen| seen.authorization == refused.authorization) {
                    self.seen.invalidate(msn).await;
                }
            }
            From::Configuration => {
                if let Some(keys) = (self.configured)(msn) {
                    self.tokens.forget(msn, &keys, refused).await;
                }
            }
        }
    }
}

/// Credentials to try for one piece of work.
#[derive(Debug)]
pub struct Tries<'a> {
    keyring: &'a Keyring,
    msn: &'a Msn,
    left: u32,
    last: Option<(Credentials, From)>,
}

impl Tries<'_> {
    /// What to try now, if there is anything.
    pub async fn credentials(&mut self) -> Option<Credentials> {
        let (credentials, from) = self.keyring.of(self.msn).await?;
        self.last = Some((credentials.clone(), from));
        Some(credentials)
    }

    /// Forgets what upstream has refused (401). True where others may be tried at once.
    pub async fn refused(&mut self) -> bool {
        if let Some((refused, from)) = self.last.take() {
            self.keyring.refused(self.msn, from, &refused).await;
        }
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::telemetry::Meters;

    #[tokio::test]
    async fn refused_credentials_are_forgotten_and_tried_again_so_often_and_no_more() {
        let meters = Arc::new(Meters::default());
        let tokens = Tokens::new("http://127.0.0.1:9", Duration::from_secs(1), meters).unwrap();
        let keyring = Keyring::new(|_| None, tokens);
        let msn = Msn::parse("123456").unwrap();
        let call = Credentials::of(&HeaderMap::new(), Some(msn.clone()));

        let mut tries = keyring.tries(&msn);
        let mut again = Vec::new();
        for _ in 0..3 {
            keyring.accepted(&msn, &call).await;
            assert!(tries.credentials().await.is_some());
            again.push(tries.refused().await);
            assert!(tries.credentials().await.is_none(), "forgotten");
        }
        assert_eq!(again, [true, true, false]);
    }

    #[tokio::test]
    async fn what_came_after_the_refused_ones_stays() {
        let meters = Arc::new(Meters::default());
        let tokens = Tokens::new("http://127.0.0.1:9", Duration::from_secs(1), meters).unwrap();
        let keyring = Keyring::new(|_| None, tokens);
        let msn = Msn::parse("123456").unwrap();
        let token = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", http::HeaderValue::from_static(text));
            Credentials::of(&headers, Some(msn.clone()))
        };
        keyring.accepted(&msn, &token("old")).await;
        let (mut first, mut second) = (keyring.tries(&msn), keyring.tries(&msn));
        assert!(first.credentials().await.is_some() && second.credentials().await.is_some());
        first.refused().await;
        keyring.accepted(&msn, &token("new")).await;
        second.refused().await;
        assert!(keyring.of(&msn).await.is_some(), "the newer one");
    }
}
