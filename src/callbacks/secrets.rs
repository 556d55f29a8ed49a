//! The secrets that webhooks are signed with, kept for a while.
//!
//! A rotated secret may be in the store and not here, so a signature that fits none makes the store be asked again; but
//! whoever signs wrongly, or names units that nobody has, must not load the store that money calls use. Must not: read the
//! store for more than one wrong signature of a unit, or one unknown unit, within `AGAIN_AFTER`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use secrecy::SecretString;

use crate::store::{CallbackStore, StoreError};
use crate::types::Msn;

/// How long secrets read from the store are trusted.
const KEPT: Duration = Duration::from_secs(30);

/// So long one more read stands for all wrong signatures of a unit. Vipps sends again what was refused, so a secret that is
/// rotated in the midst of forgeries is late by no more.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// A secret, and the URL that it signs for.
pub(super) struct Secret {
    pub(super) host: String,
    pub(super) path: String,
    pub(super) secret: SecretString,
}

impl Secret {
    /// None where the URL has no host.
    pub(super) fn of(url: &str, secret: SecretString) -> Option<Self> {
        let uri: http::Uri = url.parse().ok()?;
        let authority = uri.authority()?.as_str();
        // The port is signed only where it is not the scheme's own.
        let default = if uri.scheme_str() == Some("http") {
            ":80"
        } else {
            ":443"
        };
        let host = authority
            .strip_suffix(default)
            .unwrap_or(authority)
            .to_owned();
        let path = uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        Some(Self { host, path, secret })
    }
}

/// Those of one unit; none where it has none.
pub(super) type List = Arc<Vec<Secret>>;

type Units = Arc<HashSet<Msn>>;

/// What is known of all units' secrets.
pub(super) struct Secrets {
    store: Arc<dyn CallbackStore>,
    kept: Cache<Msn, List>,
    /// What the last wrong signature made be read.
    again: Cache<Msn, List>,
    units: Cache<(), Units>,
    /// What the last unknown unit made be read.
    units_again: Cache<(), Units>,
}

impl Secrets {
    pub(super) fn new(store: Arc<dyn CallbackStore>) -> Self {
        Self {
            store,
            kept: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(KEPT)
                .build(),
            again: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(AGAIN_AFTER)
                .build(),
            units: Cache::builder().max_capacity(1).time_to_live(KEPT).build(),
            units_again: Cache::builder()
                .max_capacity(1)
                .time_to_live(AGAIN_AFTER)
                .build(),
        }
    }

    /// As they were a short while ago.
    pub(super) async fn of(&self, msn: &Msn) -> Result<List, StoreError> {
        let read = self.kept.try_get_with_by_ref(msn, self.read(msn));
        read.await.map_err(own)
    }

    /// Read again because a signature fits none of them: registered or renewed a moment ago, perhaps by another instance.
    pub(super) async fn again(&self, msn: &Msn) -> Result<List, StoreError> {
        let read = async {
            let read = self.read(msn).await?;
            self.kept.insert(msn.clone(), Arc::clone(&read)).await;
            Ok(read)
        };
        let read = self.again.try_get_with_by_ref(msn, read);
        read.await.map_err(own)
    }

    /// Whether a unit has ever been looked at for a registration; secrets are there for such alone.
    pub(super) async fn has_unit(&self, msn: &Msn) -> Result<bool, StoreError> {
        if self.kept.contains_key(msn) {
            return Ok(true);
        }
        let known = self.units.try_get_with((), self.units());
        if known.await.map_err(own)?.contains(msn) {
            return Ok(true);
        }
        // Seen a moment ago for the first time, perhaps by another instance.
        let read = async {
            let read = self.units().await?;
            self.units.insert((), Arc::clone(&read)).await;
            Ok(read)
        };
        let again = self.units_again.try_get_with((), read);
        Ok(again.await.map_err(own)?.contains(msn))
    }

    async fn units(&self) -> Result<Units, StoreError> {
        let states = self.store.registrations().await?;
        Ok(Arc::new(
            states.into_iter().map(|state| state.msn).collect(),
        ))
    }

    async fn read(&self, msn: &Msn) -> Result<List, StoreError> {
        let webhooks = self.store.webhooks(Some(msn)).await?;
        let secrets = webhooks
            .into_iter()
            .filter_map(|hook| Secret::of(&hook.url, hook.secret));
        Ok(Arc::new(secrets.collect()))
    }
}

/// One failure is told to all who waited for that read.
fn own(shared: Arc<StoreError>) -> StoreError {
    Arc::try_unwrap(shared).unwrap_or_else(|shared| StoreError::Other(shared.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_host_and_path_are_those_of_the_registered_url() {
        let of = |url: &str| {
            let secret = Secret::of(url, SecretString::from("s")).unwrap();
            (secret.host, secret.path)
        };
        let parts = |host: &str, path: &str| (host.to_owned(), path.to_owned());
        assert_eq!(
            of("https://a.example/webhooks/123456"),
            parts("a.example", "/webhooks/123456")
        );
        assert_eq!(
            of("https://a.example:443/p/webhooks/1"),
            parts("a.example", "/p/webhooks/1")
        );
        assert_eq!(
            of("https://a.example:8443/w"),
            parts("a.example:8443", "/w")
        );
        assert_eq!(of("http://127.0.0.1:80/w"), parts("127.0.0.1", "/w"));
    }
}
