//! Every difference that a translation makes, by a code that also stands in logs, metrics and `docs/limitations.md`.
//!
//! A loss lets the call go on; an `Untranslatable` sends it to eCom as it came, or refuses it where the mixing rules
//! forbid that. Must not: hold anything of the request itself.

pub use crate::types::Untranslatable;

/// A member or a meaning that does not come through unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Loss {
    /// Control characters in the text became blanks.
    TextCleaned,
    /// One or two characters of text got the order id appended.
    TextPadded,
    /// An empty text was left out.
    TextLeftOut,
    /// A short order id got a prefix.
    OrderPrefixed,
    /// `isApp` gave way to `skipLandingPage`.
    IsAppOverruled,
    /// The answer to a push message has no URL; the fallback is given.
    PushUrlMadeUp,
    /// The user comes back to `fallBack` without the deprecated `status`.
    FallbackStatusGone,
    /// `useExplicitCheckoutFlow` has no counterpart.
    ExplicitFlowDropped,
    /// `refOrderId` has no counterpart.
    RefOrderIdDropped,
    /// `timeStamp` has no counterpart.
    TimeStampDropped,
    /// Express members on a regular payment.
    ExpressMembersDropped,
    /// Members that eCom does not know either.
    UnknownMemberDropped,
    /// The text of an adjustment is only remembered.
    AdjustTextKeptHere,
    /// The X-Request-Id is not readable in the key; only the store knows it.
    RequestIdHashed,
    /// The recovery data did not fit into the metadata.
    RecoveryDataTooLong,
}

impl Loss {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::TextCleaned,
        Self::TextPadded,
        Self::TextLeftOut,
        Self::OrderPrefixed,
        Self::IsAppOverruled,
        Self::PushUrlMadeUp,
        Self::FallbackStatusGone,
        Self::ExplicitFlowDropped,
        Self::RefOrderIdDropped,
        Self::TimeStampDropped,
        Self::ExpressMembersDropped,
        Self::UnknownMemberDropped,
        Self::AdjustTextKeptHere,
        Self::RequestIdHashed,
        Self::RecoveryDataTooLong,
    ];

    /// Its code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TextCleaned => "text-cleaned",
            Self::TextPadded => "text-padded",
            Self::TextLeftOut => "text-left-out",
            Self::OrderPrefixed => "order-prefixed",
            Self::IsAppOverruled => "is-app-overruled",
            Self::PushUrlMadeUp => "push-url-made-up",
            Self::FallbackStatusGone => "fallback-status-gone",
            Self::ExplicitFlowDropped => "explicit-flow-dropped",
            Self::RefOrderIdDropped => "ref-order-id-dropped",
            Self::TimeStampDropped => "time-stamp-dropped",
            Self::ExpressMembersDropped => "express-members-dropped",
            Self::UnknownMemberDropped => "unknown-member-dropped",
            Self::AdjustTextKeptHere => "adjust-text-kept-here",
            Self::RequestIdHashed => "request-id-hashed",
            Self::RecoveryDataTooLong => "recovery-data-too-long",
        }
    }

    /// What happened to it, for a merchant's developer.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::TextCleaned => "control characters in transactionText became blanks",
            Self::TextPadded => {
                "transactionText is shorter than ePayment's 3 characters: the orderId was appended"
            }
            Self::TextLeftOut => "transactionText is empty: ePayment gets no paymentDescription",
            Self::OrderPrefixed => {
                "the orderId is shorter than ePayment's 8 characters: the reference has a prefix"
            }
            Self::IsAppOverruled => "isApp and skipLandingPage are both set: the push message wins",
            Self::PushUrlMadeUp => {
                "ePayment gives no URL for a push message: the answer's url is the fallBack"
            }
            Self::FallbackStatusGone => {
                "the user comes back to fallBack without eCom's deprecated status parameter"
            }
            Self::ExplicitFlowDropped => {
                "useExplicitCheckoutFlow is for Express only and was dropped"
            }
            Self::RefOrderIdDropped => "refOrderId has no counterpart and was dropped",
            Self::TimeStampDropped => "timeStamp has no counterpart and was dropped",
            Self::ExpressMembersDropped => "members for Express on a regular payment were dropped",
            Self::UnknownMemberDropped => "members that eCom does not document were dropped",
            Self::AdjustTextKeptHere => {
                "ePayment has no text on capture, cancel and refund: the bridge remembers it"
            }
            Self::RequestIdHashed => {
                "the X-Request-Id can't be read back from the key without the bridge's store"
            }
            Self::RecoveryDataTooLong => {
                "callbackPrefix and authToken are too long for the payment's metadata"
            }
        }
    }
}
