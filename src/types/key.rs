//! `X-Request-Id` to `Idempotency-Key` and back.
//!
//! eCom scopes a request id to order, sales unit and endpoint; ePayment's scope is undocumented, so one key serves one
//! request only. The key is derived, so it survives a lost store, and carries the request id so that the event log can
//! show it again. Must not: make a key from anything but its arguments (randomness comes from the edge).

use std::fmt;

use sha2::{Digest, Sha256};

use super::ids::{OrderId, RequestId, Scope};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// ePayment's limit (`spec: Idempotency-Key`).
const KEY_MAX: usize = 50;
/// The longest request id that is carried inside its key; longer ones are hashed (eCom's own limit is 40).
const CARRIED_MAX: usize = 40;
const HASH_MAX: usize = 32;
/// How many refused attempts are tried when a key is read back without a store.
const ATTEMPTS_READ_BACK: u32 = 20;
/// Begins every key that the bridge made up.
const OWN: &str = "bridge-";

/// The operations that move money on an existing payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MoneyOp {
    /// Take reserved money.
    Capture,
    /// Release reserved money, or end an unapproved payment.
    Cancel,
    /// Give captured money back.
    Refund,
}

impl MoneyOp {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Capture, Self::Cancel, Self::Refund];

    /// The word used in keys, paths, metrics and the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Cancel => "cancel",
            Self::Refund => "refund",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.word() == word)
    }
}

/// An ePayment `Idempotency-Key`, 1 to 50 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A key that the store kept.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        ((1..=KEY_MAX).contains(&text.len()) && text.bytes().all(|b| (0x21..0x7f).contains(&b)))
            .then(|| Self(text.to_owned()))
    }

    /// A key of the bridge's own, from randomness that the edge supplies.
    #[must_use]
    pub fn own(random: uuid::Uuid) -> Self {
        Self(format!("{OWN}{random}"))
    }

    /// The text that goes into the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Derives and reads the keys of one payment.
#[derive(Clone, Debug)]
pub struct KeyMaker<'a> {
    /// The sales unit, or the caller.
    pub scope: &'a Scope,
    /// The order.
    pub order: &'a OrderId,
}

/// What an event's key says about the request behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The merchant's own X-Request-Id.
    Request(RequestId),
    /// Made up by the bridge: the merchant sent none.
    Own,
    /// Another system's key, shown as it stands.
    Foreign(String),
}

impl KeyMaker<'_> {
    /// The key for the `attempt`th try (from 0) of a request.
    #[must_use]
    pub fn key(&self, op: MoneyOp, request: &RequestId, attempt: u32) -> IdempotencyKey {
        let digest = self.digest(op, request, attempt);
        let text = request.as_str();
        if carried(text) {
            IdempotencyKey(format!("{text}-{}", base62(&digest, room_for(text))))
        } else {
            IdempotencyKey(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, &digest).to_string())
        }
    }

    /// Whether a request id can be read back from its key without the store.
    #[must_use]
    pub fn is_carried(request: &RequestId) -> bool {
        carried(request.as_str())
    }

    /// Whether the bridge made `key` up.
    #[must_use]
    pub fn is_own(key: &str) -> bool {
        key.starts_with(OWN)
    }

    /// What `key` on an event of operation `op` says. Only a key whose hash agrees is taken for ours.
    #[must_use]
    pub fn read(&self, op: MoneyOp, key: &str) -> Seen {
        if Self::is_own(key) {
            return Seen::Own;
        }
        match carried_by(key) {
            Some(request)
                if (0..ATTEMPTS_READ_BACK).any(|n| self.key(op, &request, n).0 == key) =>
            {
                Seen::Request(request)
            }
            _ => Seen::Foreign(key.to_owned()),
        }
    }

    fn digest(&self, op: MoneyOp, request: &RequestId, attempt: u32) -> [u8; 32] {
        let mut hash = Sha256::new();
        let scope = self.scope.text();
        for part in [
            scope.as_str(),
            self.order.as_str(),
            op.word(),
            request.as_str(),
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(attempt.to_be_bytes());
        hash.finalize().into()
    }
}

fn carried(text: &str) -> bool {
    text.len() <= CARRIED_MAX
        && !text.starts_with(OWN)
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b))
}

/// How many characters of hash follow a request id that is carried.
fn room_for(text: &str) -> usize {
    (KEY_MAX - 1 - text.len()).min(HASH_MAX)
}

/// The request id that a key of this form would carry. Most foreign keys have another form, and cost no hash.
fn carried_by(key: &str) -> Option<RequestId> {
    let (text, tail) = key.rsplit_once('-')?;
    let fits = carried(text)
        && tail.len() == room_for(text)
        && tail.bytes().all(|b| b.is_ascii_alphanumeric());
    RequestId::parse(text).filter(|_| fits)
}

/// So many digits come off at once: as many as a limb holds.
const DIGITS: u32 = 10;
const DIVISOR: u64 = 62_u64.pow(DIGITS);

/// The lowest digits of a number, lowest first. Six bits a character would favour nothing but the alphabet has 62.
fn base62(digest: &[u8; 32], length: usize) -> String {
    let (limbs, _) = digest.as_chunks::<8>();
    let mut limbs: Vec<u64> = limbs.iter().map(|limb| u64::from_be_bytes(*limb)).collect();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut rest = 0_u64;
        for limb in &mut limbs {
            let value = u128::from(rest) << 64 | u128::from(*limb);
            // Both fit: `rest` is less than the divisor.
            *limb = u64::try_from(value / u128::from(DIVISOR)).unwrap_or(0);
            rest = u64::try_from(value % u128::from(DIVISOR)).unwrap_or(0);
        }
        for _ in 0..(length - text.len()).min(DIGITS as usize) {
            text.push(char::from(
                ALPHABET[usize::try_from(rest % 62).unwrap_or(0)],
            ));
            rest /= 62;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ids::Msn;
    use super::*;

    /// Digit by digit, as keys were first made: what is stored must be read back for ever.
    fn digit_by_digit(digest: &[u8; 32], length: usize) -> String {
        let mut number = *digest;
        (0..length)
            .map(|_| {
                let mut rest = 0_u32;
                for byte in &mut number {
                    let value = rest << 8 | u32::from(*byte);
                    *byte = u8::try_from(value / 62).unwrap();
                    rest = value % 62;
                }
                char::from(ALPHABET[rest as usize])
            })
            .collect()
    }

    proptest! {
        #[test]
        fn digits_are_those_that_keys_were_first_made_of(digest: [u8; 32], length in 0_usize..50) {
            prop_assert_eq!(base62(&digest, length), digit_by_digit(&digest, length));
        }
    }

    fn maker<'a>(scope: &'a Scope, order: &'a OrderId) -> KeyMaker<'a> {
        KeyMaker { scope, order }
    }

    fn scope() -> Scope {
        Scope::Unit(Msn::parse("123456").unwrap())
    }

    #[test]
    fn a_short_request_id_is_carried_and_the_hash_fills_the_key() {
        let (scope, order) = (scope(), OrderId::parse("order-1234").unwrap());
        let make = maker(&scope, &order);
        let one = make.key(MoneyOp::Capture, &RequestId::parse("1").unwrap(), 0);
        assert_eq!(one.as_str().len(), 1 + 1 + 32);
        let forty = RequestId::parse(&"x".repeat(40)).unwrap();
        assert_eq!(make.key(MoneyOp::Capture, &forty, 0).as_str().len(), 50);
        let odd = RequestId::parse("a,b").unwrap();
        assert_eq!(make.key(MoneyOp::Capture, &odd, 0).as_str().len(), 36);
    }

    #[test]
    fn the_key_changes_with_everything_it_is_made_of() {
        let (scope, order) = (scope(), OrderId::parse("order-1234").unwrap());
        let id = RequestId::parse("1").unwrap();
        let base = maker(&scope, &order).key(MoneyOp::Capture, &id, 0);
        let other_order = OrderId::parse("order-1235").unwrap();
        let other_scope = Scope::Unit(Msn::parse("123457").unwrap());
        assert_ne!(base, maker(&scope, &order).key(MoneyOp::Refund, &id, 0));
        assert_ne!(base, maker(&scope, &order).key(MoneyOp::Capture, &id, 1));
        assert_ne!(
            base,
            maker(&scope, &other_order).key(MoneyOp::Capture, &id, 0)
        );
        assert_ne!(
            base,
            maker(&other_scope, &order).key(MoneyOp::Capture, &id, 0)
        );
        assert_eq!(base, maker(&scope, &order).key(MoneyOp::Capture, &id, 0));
    }

    #[test]
    fn a_key_that_carries_nothing_changes_with_every_part_too() {
        let scope = scope();
        let key = |order: &str, id: &str, op, attempt| {
            let order = OrderId::parse(order).unwrap();
            maker(&scope, &order).key(op, &RequestId::parse(id).unwrap(), attempt)
        };
        let (one, other) = ("x".repeat(64), format!("{}y", "x".repeat(63)));
        let keys = [
            key("order-1234", &one, MoneyOp::Capture, 0),
            key("order-1234", &other, MoneyOp::Capture, 0),
            key("order-1234", &one, MoneyOp::Refund, 0),
            key("order-1234", &one, MoneyOp::Capture, 1),
            key("order-1235", &one, MoneyOp::Capture, 0),
            // What looks like a key of the bridge's own is hashed as well.
            key("order-1234", "bridge-1", MoneyOp::Capture, 0),
        ];
        for (n, one) in keys.iter().enumerate() {
            assert_eq!(one.as_str().len(), 36);
            assert!(!keys[n + 1..].contains(one), "{n}");
        }
    }

    #[test]
    fn the_parts_of_a_key_do_not_run_together() {
        let scope = scope();
        let digest = |order: &str, id: &str| {
            let order = OrderId::parse(order).unwrap();
            let request = RequestId::parse(id).unwrap();
            maker(&scope, &order).digest(MoneyOp::Capture, &request, 0)
        };
        // Both are `1capturecapturecapture2` without their lengths.
        assert_ne!(
            digest("1", "capturecapture2"),
            digest("1capture", "capture2")
        );
    }

    #[test]
    fn keys_of_others_are_shown_as_they_stand() {
        let (scope, order) = (scope(), OrderId::parse("order-1234").unwrap());
        let make = maker(&scope, &order);
        assert_eq!(
            make.read(MoneyOp::Capture, "0-wc_order_x"),
            Seen::Foreign("0-wc_order_x".into())
        );
        let own = IdempotencyKey::own(uuid::Uuid::nil());
        assert_eq!(make.read(MoneyOp::Capture, own.as_str()), Seen::Own);
    }

    proptest! {
        #[test]
        fn a_carried_key_reads_back_on_its_own_operation_only(
            id in "[A-Za-z0-9._:-]{1,40}",
            attempt in 0..ATTEMPTS_READ_BACK,
        ) {
            let (scope, order) = (scope(), OrderId::parse("o1").unwrap());
            let make = maker(&scope, &order);
            let request = RequestId::parse(&id).unwrap();
            prop_assume!(!id.starts_with(OWN));
            let key = make.key(MoneyOp::Capture, &request, attempt);
            prop_assert!(key.as_str().len() <= KEY_MAX);
            prop_assert_eq!(make.read(MoneyOp::Capture, key.as_str()), Seen::Request(request));
            prop_assert!(matches!(make.read(MoneyOp::Refund, key.as_str()), Seen::Foreign(_)));
        }

        #[test]
        fn any_request_id_makes_a_valid_key(id in "[ -~]{1,64}") {
            let (scope, order) = (scope(), OrderId::parse("o1").unwrap());
            let request = RequestId::parse(&id).unwrap();
            let key = maker(&scope, &order).key(MoneyOp::Cancel, &request, 0);
            prop_assert!(IdempotencyKey::parse(key.as_str()).is_some());
        }
    }
}
