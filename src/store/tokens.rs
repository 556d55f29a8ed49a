//! The merchants' secrets as the back ends keep them: sealed where there is a key.
//!
//! Each is bound to its purpose and its order or webhook. Must not: fail where one does not open (it counts as absent), or
//! show one.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::seal::Sealer;
use crate::types::{Msn, OrderText, Scope};

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

    /// The `authToken` of an order, as bytes to keep, and whether they are sealed.
    pub(super) fn keep_token(
        &self,
        scope: &Scope,
        order: &OrderText,
        token: &SecretString,
    ) -> (Vec<u8>, bool) {
        self.keep(TOKEN, &place(scope, order), token)
    }

    /// What `keep_token` kept.
    pub(super) fn read_token(
        &self,
        scope: &Scope,
        order: &OrderText,
        kept: Vec<u8>,
        sealed: bool,
    ) -> Option<SecretString> {
        self.read(TOKEN, &place(scope, order), kept, sealed)
    }
}

/// One text for an order: what a sealed value is bound to, and what a lock is taken on.
pub(super) fn place(scope: &Scope, order: &OrderText) -> String {
    // A scope has no slash, so the two cannot run into each other.
    format!("{}/{order}", scope.text())
}
