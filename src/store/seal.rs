//! Encryption of the few merchant secrets that must be kept: XChaCha20-Poly1305, bound to purpose and place.
//!
//! A sealed value opens only under the key (or, after a change of it, a previous one), purpose and context it was sealed with, so it cannot be moved to another
//! order. Must not: keep a nonce counter (nonces are random and supplied by the caller) or show the key.

use std::fmt;

use chacha20poly1305::aead::{Aead, Generate, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretBox};

const NONCE: usize = 24;

/// Seals small values under one key, and opens them under that one and those that were used before.
pub struct Sealer {
    key: SecretBox<[u8; 32]>,
    previous: Vec<SecretBox<[u8; 32]>>,
}

/// What becomes of a sealed value when the key was changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    /// It opens with the key in use.
    Current,
    /// It opened with a previous key, and is sealed with the one in use here.
    Renewed(Vec<u8>),
    /// No key opens it.
    Shut,
}

impl Sealer {
    /// A sealer with this key.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            key: SecretBox::new(Box::new(key)),
            previous: Vec::new(),
        }
    }

    /// Opens what was sealed with this key, too.
    #[must_use]
    pub fn with_previous(mut self, key: [u8; 32]) -> Self {
        self.previous.push(SecretBox::new(Box::new(key)));
        self
    }

    /// Whether there are keys that were used before.
    #[must_use]
    pub const fn has_previous(&self) -> bool {
        !self.previous.is_empty()
    }

    /// The value under the key in use.
    pub(super) fn renew(&self, purpose: &str, context: &str, sealed: &[u8]) -> Renewal {
        if opened(&self.key, purpose, context, sealed).is_some() {
            return Renewal::Current;
        }
        match self.open(purpose, context, sealed) {
            Some(plain) => {
                Renewal::Renewed(self.seal(purpose, context, &plain, Self::fresh_nonce()))
            }
            None => Renewal::Shut,
        }
    }

    /// A nonce from the operating system's randomness. 24 bytes: random ones never meet.
    #[must_use]
    pub fn fresh_nonce() -> [u8; NONCE] {
        Generate::generate()
    }

    /// Seals `plain`. The result begins with the nonce.
    #[must_use]
    pub fn seal(&self, purpose: &str, context: &str, plain: &[u8], nonce: [u8; NONCE]) -> Vec<u8> {
        let payload = Payload {
            msg: plain,
            aad: &bound_to(purpose, context),
        };
        let mut sealed = nonce.to_vec();
        // Only a text beyond 256 GiB is refused; what is then left, a nonce alone, opens never.
        if let Ok(text) = cipher(&self.key).encrypt(&XNonce::from(nonce), payload) {
            sealed.extend_from_slice(&text);
        }
        sealed
    }

    /// Opens what `seal` made, or `None` where the key, the purpose, the context or the bytes are not the same.
    #[must_use]
    pub fn open(&self, purpose: &str, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        std::iter::once(&self.key)
            .chain(&self.previous)
            .find_map(|key| opened(key, purpose, context, sealed))
    }
}

fn opened(
    key: &SecretBox<[u8; 32]>,
    purpose: &str,
    context: &str,
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload {
        msg: text,
        aad: &bound_to(purpose, context),
    };
    cipher(key).decrypt(&XNonce::from(*nonce), payload).ok()
}

fn cipher(key: &SecretBox<[u8; 32]>) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose_secret().into())
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(hidden)")
    }
}

/// Both texts with their lengths, so that no two pairs make the same bytes.
fn bound_to(purpose: &str, context: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 + purpose.len() + context.len());
    for part in [purpose, context] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_in_its_own_place() {
        let sealer = Sealer::new([7; 32]);
        let sealed = sealer.seal("token", "123456/order", b"secret", Sealer::fresh_nonce());
        let open = |s: &Sealer, purpose, context| s.open(purpose, context, &sealed);
        assert_eq!(open(&sealer, "token", "123456/order").unwrap(), b"secret");
        assert_eq!(open(&sealer, "token", "123456/other"), None);
        assert_eq!(open(&sealer, "other", "123456/order"), None);
        assert_eq!(open(&sealer, "token1", "23456/order"), None);
        assert_eq!(open(&Sealer::new([8; 32]), "token", "123456/order"), None);
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let sealer = Sealer::new([7; 32]);
        let sealed = sealer.seal("token", "here", b"secret", [1; NONCE]);
        for n in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[n] ^= 1;
            assert_eq!(sealer.open("token", "here", &bad), None, "byte {n}");
            assert_eq!(sealer.open("token", "here", &sealed[..n]), None, "cut {n}");
        }
    }

    #[test]
    fn a_previous_key_opens_and_seals_nothing() {
        let old = Sealer::new([7; 32]);
        let sealed = old.seal("token", "here", b"secret", [1; NONCE]);
        let new = Sealer::new([8; 32])
            .with_previous([9; 32])
            .with_previous([7; 32]);
        assert_eq!(new.open("token", "here", &sealed).unwrap(), b"secret");
        let Renewal::Renewed(renewed) = new.renew("token", "here", &sealed) else {
            panic!("it opens with a previous key");
        };
        assert_eq!(old.open("token", "here", &renewed), None);
        assert_eq!(
            Sealer::new([8; 32])
                .open("token", "here", &renewed)
                .unwrap(),
            b"secret"
        );
        assert_eq!(new.renew("token", "here", &renewed), Renewal::Current);
        assert_eq!(new.renew("token", "there", &sealed), Renewal::Shut);
        assert_eq!(
            Sealer::new([8; 32]).renew("token", "here", &sealed),
            Renewal::Shut
        );
    }

    #[test]
    fn nonces_differ_and_the_key_does_not_print() {
        assert_ne!(Sealer::fresh_nonce(), Sealer::fresh_nonce());
        let sealer = Sealer::new([7; 32]);
        assert_eq!(format!("{sealer:?}"), "Sealer(hidden)");
        let one = sealer.seal("a", "b", b"secret", [1; NONCE]);
        assert!(!one.windows(6).any(|w| w == b"secret"));
        assert_ne!(one, sealer.seal("a", "b", b"secret", [2; NONCE]));
    }
}
