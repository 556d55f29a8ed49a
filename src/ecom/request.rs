//! What merchants send. Every member is a `Field`: presence and type are judged where the rules stand (`translate`).
//!
//! Source: `InitiatePaymentCommand`, `PaymentActionsRequest`, `CancelPaymentActionRequest`, `ForceApproveRequest`.
//! Unknown members are ignored; a known member that stands twice is refused, so no key has two readings.

use serde::Deserialize;

use super::lenient::{Field, Object, Present, StrictText, Text};

/// `POST /ecomm/v2/payments`.
#[derive(Clone, Debug, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InitiatePayment {
    /// The customer, where known.
    pub customer_info: Field<Object<CustomerInfo>>,
    /// Who is paid, and where to report.
    pub merchant_info: Field<Object<MerchantInfo>>,
    /// What is paid.
    pub transaction: Field<Object<InitiateTransaction>>,
}

/// `customerInfo`.
#[derive(Clone, Debug, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CustomerInfo {
    /// 8 digits by the documents; clients send more forms.
    pub mobile_number: Field<Text>,
}

/// `merchantInfo` of an initiate. Other calls may carry it whole; only the MSN counts there.
#[derive(Clone, Debug, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MerchantInfo {
    /// The MSN, as text or number.
    pub merchant_serial_number: Field<Text>,
    /// Where callbacks go, at most 255 characters.
    pub callback_prefix: Field<StrictText>,
    /// Sent back as `Authorization` of callbacks, at most 255 characters. Secret.
    pub auth_token: Field<StrictText>,
    /// Express: where consent removals go.
    pub consent_removal_prefix: Field<StrictText>,
    /// Express: who computes shipping.
    pub shipping_details_prefix: Field<StrictText>,
    /// Where the user returns to, at most 255 characters.
    pub fall_back: Field<StrictText>,
    /// Whether an app asks.
    pub is_app: Field<bool>,
    /// Regular or Express.
    pub payment_type: Field<StrictText>,
    /// Express: fixed shipping methods.
    pub static_shipping_details: Field<Present>,
}

/// `transaction` of an initiate.
#[derive(Clone, Debug, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InitiateTransaction {
    /// Minor units, at least 100.
    pub amount: Field<i64>,
    /// The merchant's own id.
    pub order_id: Field<Text>,
    /// At most 100 characters.
    pub transaction_text: Field<StrictText>,
    /// Push message at once.
    pub skip_landing_page: Field<bool>,
    /// User data asked for, separated by blanks.
    pub scope: Field<StrictText>,
    /// Airline data.
    pub additional_data: Field<Object<AdditionalData>>,
    /// Express: another user experience.
    pub use_explicit_checkout_flow: Field<Present>,
    /// Undocumented; some clients send it.
    pub ref_order_id: Field<Present>,
    /// Undocumented; in the guide's own example.
    pub time_stamp: Field<Present>,
}

/// `transaction.additionalData`: airline tickets.
#[derive(Clone, Debug, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AdditionalData {
    /// 1 to 49 characters.
    pub passenger_name: Field<StrictText>,
    /// 3 characters.
    pub airline_code: Field<Text>,
    /// 2 characters.
    pub airline_designator_code: Field<StrictText>,
    /// 1 to 150 characters, optional.
    pub ticket_number: Field<Text>,
    /// 1 to 6 characters.
    pub agency_invoice_number: Field<Text>,
}

/// Capture, refund and cancel.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Adjust {
    /// May be absent when the header names the MSN.
    pub merchant_info: Field<Object<AdjustMerchant>>,
    /// Amount and text.
    pub transaction: Field<Object<AdjustTransaction>>,
    /// Cancel only: release what remains after a partial capture.
    pub should_release_remaining_funds: Field<bool>,
}

/// `merchantInfo` of an adjustment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AdjustMerchant {
    /// The MSN, as text or number.
    pub merchant_serial_number: Field<Text>,
}

/// `transaction` of an adjustment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AdjustTransaction {
    /// Minor units; absent, null or 0 means all that remains.
    pub amount: Field<i64>,
    /// At most 100 characters.
    pub transaction_text: Field<StrictText>,
}

/// `POST /ecomm/v2/integration-test/payments/{orderId}/approve`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ForceApprove {
    /// 8 digits by the documents.
    pub customer_phone_number: Field<Text>,
    /// The token in the `url` of the initiate answer.
    pub token: Field<StrictText>,
}
