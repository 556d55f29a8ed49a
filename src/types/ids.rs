//! Identifiers of both APIs, each with its own alphabet and length.
//!
//! An eCom `orderId` is 1 to 50 characters, an ePayment `reference` 8 to 50 of the same alphabet: two types, because a
//! short order needs a derived reference. Must not: accept a value that the other side would refuse.

use std::fmt;
use std::hash::{Hash, Hasher};

use hmac::{KeyInit, Mac};
use serde::{Deserialize, Serialize};

/// What short order ids are prefixed with to become references.
const SHORT_PREFIX: &str = "ecom-id-";

fn is_id_text(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $fits:expr, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads the text, or `None` where it does not fit the rule.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let fits: fn(&str) -> bool = $fits;
                fits(text).then(|| Self(text.to_owned()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text).ok_or($what)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

text_type!(
    /// A merchant serial number: 4 to 7 digits.
    Msn,
    |t| (4..=7).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit()),
    "a merchant serial number is 4 to 7 digits"
);
text_type!(
    /// An eCom order id, 1 to 50 of `[a-zA-Z0-9-]`; upper and lower case differ.
    OrderId,
    |t| is_id_text(t, 1, 50),
    "an orderId is 1 to 50 letters, digits and hyphens"
);
text_type!(
    /// An ePayment reference. Accepted from 8 to 64 characters (newer texts), made with at most 50 (the specification).
    Reference,
    |t| is_id_text(t, 8, 64),
    "a reference is 8 to 64 letters, digits and hyphens"
);
text_type!(
    /// A merchant's `X-Request-Id` as it came, 1 to 64 visible characters.
    RequestId,
    |t| (1..=64).contains(&t.len()) && t.bytes().all(|b| (0x20..0x7f).contains(&b)),
    "an X-Request-Id is 1 to 64 printable characters"
);

text_type!(
    /// An order id as a merchant may have written it: 1 to 50 characters, none of them a control character. Wider than
    /// `OrderId`, because eCom itself judges what ePayment could not take.
    OrderText,
    |t| (1..=50).contains(&t.chars().count()) && !t.chars().any(char::is_control),
    "an orderId is 1 to 50 characters"
);

impl OrderText {
    /// The order id where it keeps to the documented alphabet.
    #[must_use]
    pub fn strict(&self) -> Option<OrderId> {
        OrderId::parse(&self.0)
    }

    /// The reference under which ePayment knows or could know this order.
    #[must_use]
    pub fn reference(&self) -> Option<Reference> {
        self.strict().and_then(|order| order.reference())
    }
}

impl From<OrderId> for OrderText {
    fn from(order: OrderId) -> Self {
        Self(order.0)
    }
}

impl OrderId {
    /// The reference under which ePayment knows this order: itself from 8 characters on, else prefixed.
    /// `None` where the order id looks like a prefixed one and so would collide.
    #[must_use]
    pub fn reference(&self) -> Option<Reference> {
        if self.0.len() < 8 {
            return Some(Reference(format!("{SHORT_PREFIX}{}", self.0)));
        }
        let collides = self
            .0
            .strip_prefix(SHORT_PREFIX)
            .is_some_and(|rest| (1..=7).contains(&rest.len()));
        (!collides).then(|| Reference(self.0.clone()))
    }
}

impl Reference {
    /// The merchant's own order id behind this reference; `None` for a reference longer than eCom's 50.
    #[must_use]
    pub fn order_id(&self) -> Option<OrderId> {
        match self.0.strip_prefix(SHORT_PREFIX) {
            Some(rest) if (1..=7).contains(&rest.len()) => OrderId::parse(rest),
            _ => OrderId::parse(&self.0),
        }
    }
}

/// The store's own random secret: what must be compared but not kept is kept as a keyed hash under it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreSecret([u8; 32]);

impl StoreSecret {
    /// From the store's bytes, or from fresh randomness.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What the store may be called in public, the same for all instances that share it. Says nothing of the secret.
    #[must_use]
    pub fn public_name(&self) -> String {
        let [a, b, c, d, e, f, g, h, ..] = self.hash("public-name", b"");
        format!("{:016x}", u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// HMAC-SHA256 over `purpose` and `bytes`, cut to 16 bytes.
    #[must_use]
    pub fn hash(&self, purpose: &str, bytes: &[u8]) -> [u8; 16] {
        let mut keyed = self.keyed(purpose);
        keyed.write(bytes);
        keyed.cut()
    }

    /// The same over a value, as it hashes itself: equal for equal values of one release.
    #[must_use]
    pub fn hash_value(&self, purpose: &str, value: &impl Hash) -> [u8; 16] {
        let mut keyed = self.keyed(purpose);
        value.hash(&mut keyed);
        keyed.cut()
    }

    fn keyed(&self, purpose: &str) -> Keyed {
        let mut key = [0; 64];
        key[..32].copy_from_slice(&self.0);
        let mut keyed = Keyed(hmac::Hmac::new(&key.into()));
        keyed.write(purpose.as_bytes());
        keyed.write(&[0]);
        keyed
    }
}

/// Takes what a value hashes of itself.
struct Keyed(hmac::Hmac<sha2::Sha256>);

impl Keyed {
    fn cut(self) -> [u8; 16] {
        let full = self.0.finalize().into_bytes();
        let mut cut = [0; 16];
        cut.copy_from_slice(&full[..16]);
        cut
    }
}

impl Hasher for Keyed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The first eight bytes; only `cut` is used.
    fn finish(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = Self(self.0.clone()).cut();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Debug for StoreSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreSecret(hidden)")
    }
}

/// A keyed hash of a subscription key: tells callers apart without keeping the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerHash([u8; 16]);

impl CallerHash {
    /// Hashes a subscription key.
    #[must_use]
    pub fn of(subscription_key: &[u8], secret: &StoreSecret) -> Self {
        Self(secret.hash("caller", subscription_key))
    }

    /// The bytes as the store keeps them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the store's bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for CallerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…")
    }
}

/// Within what an order id is unique: the sales unit, or, where no MSN can be known, the caller's subscription key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The sales unit.
    Unit(Msn),
    /// No MSN is known: the caller's own orders.
    Caller(CallerHash),
}

impl Scope {
    /// The MSN, where one is known.
    #[must_use]
    pub const fn msn(&self) -> Option<&Msn> {
        match self {
            Self::Unit(msn) => Some(msn),
            Self::Caller(_) => None,
        }
    }

    /// Reads what `text` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some(hex) = text.strip_prefix('~') else {
            return Msn::parse(text).map(Self::Unit);
        };
        let pairs: Option<Vec<u8>> = (0..hex.len() / 2)
            .map(|n| {
                hex.get(2 * n..2 * n + 2)
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            })
            .collect();
        pairs
            .and_then(|bytes| CallerHash::from_bytes(&bytes))
            .map(Self::Caller)
    }

    /// One text for both kinds, as the store and the key derivation use it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Unit(msn) => msn.0.clone(),
            Self::Caller(caller) => {
                use fmt::Write;
                caller.0.iter().fold(String::from("~"), |mut text, byte| {
                    let _infallible = write!(text, "{byte:02x}");
                    text
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_orders_get_a_prefixed_reference_and_come_back() {
        for (order, reference) in [
            ("Woo17", Some("ecom-id-Woo17")),
            ("1", Some("ecom-id-1")),
            ("1234567", Some("ecom-id-1234567")),
            ("12345678", Some("12345678")),
            ("ecom-id-", Some("ecom-id-")),
            ("ecom-id-12345678", Some("ecom-id-12345678")),
            ("ecom-id-1234567", None),
            ("ecom-id-1", None),
        ] {
            let got = OrderId::parse(order).unwrap().reference();
            assert_eq!(got.as_ref().map(Reference::as_str), reference, "{order}");
        }
    }

    #[test]
    fn a_long_reference_with_the_prefix_of_short_ones_is_its_own_order() {
        for (reference, order) in [
            ("ecom-id-1234567", "1234567"),
            ("ecom-id-12345678", "ecom-id-12345678"),
            ("ecom-id-", "ecom-id-"),
        ] {
            let read = Reference::parse(reference).unwrap().order_id().unwrap();
            assert_eq!(read.as_str(), order, "{reference}");
        }
    }

    #[test]
    fn alphabets_and_lengths_are_kept() {
        assert!(OrderId::parse("").is_none());
        assert!(OrderId::parse(&"a".repeat(51)).is_none());
        assert!(OrderId::parse("a_b").is_none());
        assert!(Reference::parse("1234567").is_none());
        assert!(Msn::parse("123").is_none());
        assert!(Msn::parse("1234567").is_some());
        assert!(Msn::parse("12345a").is_none());
        assert!(RequestId::parse("").is_none());
        assert!(RequestId::parse(&"x".repeat(65)).is_none());
        assert!(RequestId::parse("req,1:2.3").is_some());
    }

    proptest! {
        #[test]
        fn references_are_collision_free(a in "[a-zA-Z0-9-]{1,50}", b in "[a-zA-Z0-9-]{1,50}") {
            let (a, b) = (OrderId::parse(&a).unwrap(), OrderId::parse(&b).unwrap());
            if let (Some(ra), Some(rb)) = (a.reference(), b.reference()) {
                prop_assert_eq!(ra == rb, a == b);
                prop_assert_eq!(ra.order_id(), Some(a));
                prop_assert!(is_id_text(ra.as_str(), 8, 50));
            }
        }
    }

    #[test]
    fn callers_are_told_apart_without_their_key() {
        let secret = StoreSecret::new([7; 32]);
        let one = CallerHash::of(b"key-one", &secret);
        assert_ne!(one, CallerHash::of(b"key-two", &secret));
        assert_ne!(one, CallerHash::of(b"key-one", &StoreSecret::new([8; 32])));
        assert!(Scope::Caller(one).text().starts_with('~'));
        assert_eq!(
            Scope::parse(&Scope::Caller(one).text()),
            Some(Scope::Caller(one))
        );
        assert_eq!(
            Scope::parse("123456"),
            Msn::parse("123456").map(Scope::Unit)
        );
        assert_eq!(Scope::parse("~12"), None);
    }
}
