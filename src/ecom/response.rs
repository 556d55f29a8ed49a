//! What merchants read. Member order, word forms and number types are what the public clients parse.
//!
//! Source: `PaymentInitiationResponse`, `TransactionResponse`, `RefundTransactionResponse`, `CancelTransactionResponse`,
//! `TransactionDetails`, `PaymentStatus`. Amounts are JSON integers in minor units; times have exactly three decimals.

use serde::{Deserialize, Serialize};

use crate::types::Amount;

/// Answer to initiate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Initiated {
    /// As the merchant wrote it.
    pub order_id: String,
    /// Where to send the user.
    pub url: String,
}

/// The words of `TransactionInfo.status`, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdjustStatus {
    /// After a capture.
    Captured,
    /// After a cancel.
    Cancelled,
    /// After a refund.
    Refund,
}

/// One adjustment, as its answer shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionInfo {
    /// Minor units.
    pub amount: Amount,
    /// What was done.
    pub status: AdjustStatus,
    /// When.
    pub time_stamp: String,
    /// The operation's own number; may be left out on cancel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// The merchant's text.
    pub transaction_text: String,
}

/// Sums of one payment, this operation included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionSummary {
    /// Minor units captured so far.
    pub captured_amount: Amount,
    /// Minor units that may still be captured.
    pub remaining_amount_to_capture: Amount,
    /// Minor units refunded so far.
    pub refunded_amount: Amount,
    /// Minor units that may still be refunded.
    pub remaining_amount_to_refund: Amount,
    /// First six digits of the card, in details only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank_identification_number: Option<u32>,
}

/// Answer to capture and cancel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Adjusted {
    /// As the merchant wrote it.
    pub order_id: String,
    /// This operation.
    pub transaction_info: TransactionInfo,
    /// The sums.
    pub transaction_summary: TransactionSummary,
}

/// Answer to refund: the same under another key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refunded {
    /// As the merchant wrote it.
    pub order_id: String,
    /// This operation.
    pub transaction: TransactionInfo,
    /// The sums.
    pub transaction_summary: TransactionSummary,
}

/// `TransactionLogHistory.operation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogOperation {
    /// Created, nobody has acted.
    Initiate,
    /// Money reserved.
    Reserve,
    /// Reserved and captured at once.
    Sale,
    /// Money taken.
    Capture,
    /// Money given back.
    Refund,
    /// Ended before reservation.
    Cancel,
    /// Reservation released.
    Void,
}

/// `OrderStatusInfoTransactionInfo.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StatusWord {
    /// Created, nobody has acted.
    Initiate,
    /// Money reserved.
    Reserve,
    /// Reserved and captured at once.
    Sale,
    /// Money taken.
    Capture,
    /// Money given back.
    Refund,
    /// Ended by user or merchant before reservation.
    Cancel,
    /// Reservation released.
    Void,
    /// The reservation failed.
    Failed,
    /// Nobody acted in time.
    Rejected,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// Minor units of this operation.
    pub amount: Amount,
    /// What was asked.
    pub operation: LogOperation,
    /// Whether it happened.
    pub operation_success: bool,
    /// The merchant's X-Request-Id, `""` where none.
    pub request_id: String,
    /// When; strictly increasing through the log.
    pub time_stamp: String,
    /// The operation's own number.
    pub transaction_id: String,
    /// The merchant's text, `""` where nothing is known.
    pub transaction_text: String,
}

/// User data that a scope asked for. Personal: never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserDetails {
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Without the country code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile_number: Option<String>,
    /// The same as `sub`.
    pub user_id: String,
}

impl std::fmt::Debug for UserDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserDetails(hidden)")
    }
}

/// Answer to details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// As the merchant wrote it.
    pub order_id: String,
    /// Newest first.
    pub transaction_log_history: Vec<LogEntry>,
    /// Absent until the user has acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_summary: Option<TransactionSummary>,
    /// Only where a scope was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Only where a scope was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_details: Option<UserDetails>,
}

/// Answer to status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// As the merchant wrote it.
    pub order_id: String,
    /// The last operation.
    pub transaction_info: StatusInfo,
}

/// The last operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusInfo {
    /// Minor units of this operation.
    pub amount: Amount,
    /// Its word.
    pub status: StatusWord,
    /// When.
    pub time_stamp: String,
    /// The operation's own number.
    pub transaction_id: String,
}
