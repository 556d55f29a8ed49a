//! Why a call can't be translated faithfully: by code, for routing, logs, metrics and `docs/limitations.md`.
//!
//! Such a call goes to eCom as it came, or is refused where the mixing rules forbid that.

/// Why a call can't be translated faithfully.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Untranslatable {
    /// Characters that a reference may not have.
    OrderCharacters,
    /// The order id looks like a prefixed one.
    OrderCollides,
    /// `fallBack` is `INTENT`, which is no URL.
    FallbackIntent,
    /// `fallBack` is a bare custom scheme, which not every reader takes for a URL.
    FallbackBare,
    /// A `paymentType` that is neither regular nor Express.
    PaymentType,
}

impl Untranslatable {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::OrderCharacters,
        Self::OrderCollides,
        Self::FallbackIntent,
        Self::FallbackBare,
        Self::PaymentType,
    ];

    /// Its code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OrderCharacters => "order-characters",
            Self::OrderCollides => "order-collides",
            Self::FallbackIntent => "fallback-intent",
            Self::FallbackBare => "fallback-bare",
            Self::PaymentType => "payment-type",
        }
    }

    /// Why, for a merchant's developer.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::OrderCharacters => {
                "the orderId has characters that an ePayment reference can't have"
            }
            Self::OrderCollides => "the orderId looks like the prefixed form of a short one",
            Self::FallbackIntent => {
                "fallBack INTENT is no URL, and ePayment's returnUrl must be one"
            }
            Self::FallbackBare => {
                "fallBack is a scheme and nothing more, which ePayment may refuse as a returnUrl"
            }
            Self::PaymentType => "the paymentType is neither regular nor Express",
        }
    }

    /// What an order id alone says.
    #[must_use]
    pub fn of_order(order: &super::ids::OrderText) -> Option<Self> {
        match order.strict() {
            None => Some(Self::OrderCharacters),
            Some(strict) => strict.reference().is_none().then_some(Self::OrderCollides),
        }
    }
}
