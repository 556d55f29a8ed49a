//! The merchants' secrets as the back ends keep them: sealed where there is a key.
//!
//! Each is bound to its purpose and its order or webhook. Must not: fail where one does not open (it counts as absent), or
//! show one.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::seal::{Renewal, Sealer};
use crate::types::{Msn, OrderText, Scope};

/// Seals and opens the merchants' secrets: the `authToken` of an order, the secret of a webhook.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens(Option<Arc<Sealer>>);

const TOKEN: &str = "authToken";
const WEBHOOK: &str = "webhook secret";

/// Where sealed secrets lie. `find` gives them in pages, as `id`, `place` and `kept`, after the id `$1`; `put` has the new
/// bytes as `$1`, the old ones, the id and the place. Both back ends understand them.
pub(super) struct Lying {
    purpose: &'static str,
    pub(super) find: &'static str,
    pub(super) put: &'static str,
}

pub(super) const LYING: [Lying; 3] = [
    Lying {
        purpose: TOKEN,
        find: "SELECT id, scope || '/' || order_id AS place, auth_token AS kept FROM payments
            WHERE id > $1 AND auth_sealed AND auth_token IS NOT NULL ORDER BY id LIMIT 500",
        put: "UPDATE payments SET auth_token = $1
            WHERE auth_token = $2 AND id = $3 AND scope || '/' || order_id = $4",
    },
    Lying {
        purpose: TOKEN,
        find: "SELECT id, scope || '/' || order_id AS place, auth_token AS kept FROM attempts
            WHERE id > $1 AND auth_sealed AND auth_token IS NOT NULL ORDER BY id LIMIT 500",
        put: "UPDATE attempts SET auth_token = $1
            WHERE auth_token = $2 AND id = $3 AND scope || '/' || order_id = $4",
    },
    // Few, and without a number: one page.
    Lying {
        purpose: WEBHOOK,
        find: "SELECT CAST(1 AS BIGINT) AS id, msn || '/' || webhook AS place, secret AS kept FROM webhooks
            WHERE CAST($1 AS BIGINT) < 1 AND sealed",
        put: "UPDATE webhooks SET secret = $1
            WHERE secret = $2 AND CAST($3 AS BIGINT) = 1 AND msn || '/' || webhook = $4",
    },
];

/// What was done after a change of the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Resealed {
    /// So many were sealed with a previous key, and are sealed with the one in use now.
    pub(super) renewed: u64,
    /// So many are opened by no key.
    pub(super) shut: u64,
}

impl Resealed {
    pub(super) fn add(&mut self, other: Self) {
        self.renewed += other.renewed;
        self.shut += other.shut;
    }

    pub(super) fn told(self) {
        let Self { renewed, shut } = self;
        tracing::info!(
            renewed,
            "what was sealed with a previous encryption key is sealed with the one in use now: when every instance \
             has started with it, store.encryption_key_previous is needed for the metadata of payments alone"
        );
        if shut > 0 {
            tracing::warn!(
                shut,
                "stored secrets are opened by no key: a key is missing in store.encryption_key_previous. They count as absent"
            );
        }
    }
}

impl Tokens {
    /// Whether there may be something that was sealed with a previous key.
    pub(super) fn has_previous(&self) -> bool {
        self.0.as_ref().is_some_and(|sealer| sealer.has_previous())
    }

    /// The bytes to put in the place of these, where there are any; it is counted.
    pub(super) fn renew(
        &self,
        lying: &Lying,
        place: &str,
        kept: &[u8],
        count: &mut Resealed,
    ) -> Option<Vec<u8>> {
        match self.0.as_ref()?.renew(lying.purpose, place, kept) {
            Renewal::Current => None,
            Renewal::Renewed(bytes) => {
                count.renewed += 1;
                Some(bytes)
            }
            Renewal::Shut => {
                count.shut += 1;
                None
            }
        }
    }

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
