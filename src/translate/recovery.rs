//! What rides in ePayment's `metadata`: a marker that the bridge made this payment, and sealed data for a lost store.
//!
//! Limits of ePayment: 5 pairs, values of at most 500 characters. Must not: seal or open (the caller has the key), or
//! believe anything but the marker before it opens.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use super::loss::Loss;
use crate::types::IdempotencyKey;

const MARKER: &str = "ecom-bridge";
const VALUE_MAX: usize = 500;
const PARTS_MAX: usize = 4;

/// What is sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// `callbackPrefix`.
    pub callback_prefix: String,
    /// `authToken`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub auth_token: Option<String>,
}

impl std::fmt::Debug for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recovery(hidden)")
    }
}

/// What a payment's metadata says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The key it was created with, as the marker claims.
    pub key: Option<IdempotencyKey>,
    /// Sealed recovery data.
    pub sealed: Option<Vec<u8>>,
}

impl Mark {
    /// Whether the payment was created with this key.
    #[must_use]
    pub fn is_of(&self, key: Option<&IdempotencyKey>) -> bool {
        self.key.is_some() && self.key.as_ref() == key
    }
}

/// The metadata of a create request.
#[must_use]
pub fn write(
    key: &IdempotencyKey,
    sealed: Option<&[u8]>,
) -> (BTreeMap<String, String>, Option<Loss>) {
    let mut metadata = BTreeMap::from([(MARKER.to_owned(), format!("1 {key}"))]);
    let Some(sealed) = sealed else {
        return (metadata, None);
    };
    let text = STANDARD_NO_PAD.encode(sealed);
    if text.len() > VALUE_MAX * PARTS_MAX {
        return (metadata, Some(Loss::RecoveryDataTooLong));
    }
    for (n, part) in text.as_bytes().chunks(VALUE_MAX).enumerate() {
        metadata.insert(
            format!("{MARKER}-{}", n + 1),
            String::from_utf8_lossy(part).into_owned(),
        );
    }
    (metadata, None)
}

/// Reads the metadata of a payment; `None` where the bridge did not make it.
#[must_use]
pub fn read(metadata: &BTreeMap<String, String>) -> Option<Mark> {
    let key = metadata
        .get(MARKER)?
        .strip_prefix("1 ")
        .and_then(IdempotencyKey::parse);
    let text: String = (1..=PARTS_MAX)
        .map_while(|n| metadata.get(&format!("{MARKER}-{n}")))
        .cloned()
        .collect();
    let sealed = STANDARD_NO_PAD
        .decode(&text)
        .ok()
        .filter(|bytes| !bytes.is_empty());
    Some(Mark { key, sealed })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_foreign_payment_has_no_mark() {
        assert_eq!(read(&BTreeMap::new()), None);
        assert_eq!(
            read(&BTreeMap::from([("ecom-bridge-1".into(), "x".into())])),
            None
        );
    }

    #[test]
    fn a_mark_is_of_its_own_key_alone() {
        let [own, other] = [1, 2].map(|n| IdempotencyKey::own(uuid::Uuid::from_u128(n)));
        let mark = |key: Option<&IdempotencyKey>| Mark {
            key: key.cloned(),
            sealed: None,
        };
        assert!(mark(Some(&own)).is_of(Some(&own)));
        assert!(!mark(Some(&own)).is_of(Some(&other)));
        assert!(!mark(Some(&own)).is_of(None));
        assert!(!mark(None).is_of(None) && !mark(None).is_of(Some(&own)));
    }

    #[test]
    fn four_parts_are_enough_for_fifteen_hundred_bytes() {
        let key = IdempotencyKey::own(uuid::Uuid::nil());
        for (length, parts, fits) in [
            (375, 1, true),
            (376, 2, true),
            (1_500, 4, true),
            (1_501, 0, false),
        ] {
            let sealed = vec![7; length];
            let (metadata, loss) = write(&key, Some(&sealed));
            assert_eq!(
                (metadata.len(), loss.is_none()),
                (1 + parts, fits),
                "{length}"
            );
            let found = read(&metadata).and_then(|mark| mark.sealed);
            assert_eq!(found, fits.then_some(sealed), "{length}");
        }
    }

    proptest! {
        #[test]
        fn what_fits_comes_back_and_keeps_the_limits(sealed in proptest::collection::vec(any::<u8>(), 1..2000)) {
            let key = IdempotencyKey::own(uuid::Uuid::nil());
            let (metadata, loss) = write(&key, Some(&sealed));
            prop_assert!(metadata.len() <= 5);
            prop_assert!(metadata.iter().all(|(k, v)| k.len() <= 100 && v.len() <= VALUE_MAX));
            let mark = read(&metadata).unwrap();
            prop_assert_eq!(mark.key, Some(key));
            match loss {
                None => prop_assert_eq!(mark.sealed, Some(sealed)),
                Some(_) => prop_assert_eq!(mark.sealed, None),
            }
        }
    }
}
