//! What eCom posts to `{callbackPrefix}/v2/payments/{orderId}` for a regular payment.
//!
//! Source: `RegularCheckOutPaymentRequest`. Must not carry a `pspReference` or a status outside the list: clients
//! cancel the order on anything they do not know.

use serde::{Deserialize, Serialize};

use super::response::UserDetails;
use crate::types::Amount;

/// The body of a callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Callback {
    /// The MSN, always as text.
    pub merchant_serial_number: String,
    /// As the merchant wrote it.
    pub order_id: String,
    /// What happened.
    pub transaction_info: CallbackInfo,
    /// Only where a scope was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Only where a scope was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_details: Option<UserDetails>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallbackInfo {
    /// The ordered amount in minor units.
    pub amount: Amount,
    /// The new state.
    pub status: CallbackStatus,
    /// When.
    pub time_stamp: String,
    /// The event's own number.
    pub transaction_id: String,
}

/// Every status that eCom calls back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CallbackStatus {
    /// Regular payment approved.
    Reserved,
    /// Express payment approved.
    Reserve,
    /// Approved and captured at once.
    Sale,
    /// Approved, and the capture at once was refused.
    #[serde(rename = "SALE_FAILED")]
    SaleFailed,
    /// The user said no.
    Cancelled,
    /// Nobody acted in time.
    Rejected,
}

/// Where the callback for an order goes. The suffix is appended as text: some prefixes end in a query string, and the
/// suffix must become part of it. Exactly one trailing slash is dropped.
#[must_use]
pub fn callback_url(prefix: &str, order_id: &str) -> String {
    format!(
        "{}/v2/payments/{order_id}",
        prefix.strip_suffix('/').unwrap_or(prefix)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_is_appended_as_text() {
        for (prefix, url) in [
            (
                "https://shop.example/cb",
                "https://shop.example/cb/v2/payments/o1",
            ),
            (
                "https://shop.example/cb/",
                "https://shop.example/cb/v2/payments/o1",
            ),
            (
                "https://shop.example/cb//",
                "https://shop.example/cb//v2/payments/o1",
            ),
            (
                "https://shop.example/?tk=1&callback=",
                "https://shop.example/?tk=1&callback=/v2/payments/o1",
            ),
        ] {
            assert_eq!(callback_url(prefix, "o1"), url);
        }
    }
}
