//! What can be set: the rules of this upstream and the settings of its sales units.
//!
//! The defaults are the documented behaviour, or the strict reading where the documents leave two. Days and seconds are
//! whole numbers of the simulator's own clock.

use serde::{Deserialize, Serialize};

use crate::types::{Amount, Msn};

/// How the simulated APIs read what their documents leave open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// An Idempotency-Key counts per unit, operation and reference, instead of per unit.
    pub keys_per_operation: bool,
    /// A key that was refused is refused again with the same answer.
    pub repeat_refusals: bool,
    /// `userDetails` stand in `GET payment` and in the AUTHORIZED event; else only Userinfo has them.
    pub user_details_in_payment: bool,
    /// Payments created in eCom raise webhooks, too.
    pub ecom_webhooks: bool,
    /// eCom takes an orderId of any characters except the slash.
    pub any_order_id: bool,
    /// Seconds until a payment nobody acted on expires; 0 for never.
    pub lifetime_s: u64,
    /// Seconds that an access token lives.
    pub token_s: u64,
    /// Days in which a reservation can be captured or released.
    pub capture_days: u64,
    /// Days in which a payment can be refunded.
    pub refund_days: u64,
    /// The media type of ePayment's 200 to a modification.
    pub adjust_media_type: String,
    /// MSISDNs that no user has.
    pub unknown_numbers: Vec<String>,
    /// MSISDNs of users without a card.
    pub numbers_without_card: Vec<String>,
    /// Milliseconds until the first repeat of a webhook; doubles with each.
    pub webhook_backoff_ms: u64,
    /// Milliseconds that a webhook's receiver has.
    pub webhook_timeout_ms: u64,
    /// Milliseconds that a callback's receiver has.
    pub callback_timeout_ms: u64,
    /// Seconds by which the `Date` of answers differs from the simulator's own time; negative: behind it.
    pub date_ahead_s: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            keys_per_operation: false,
            repeat_refusals: true,
            user_details_in_payment: true,
            ecom_webhooks: false,
            any_order_id: false,
            lifetime_s: 600,
            token_s: 3_600,
            capture_days: 180,
            refund_days: 365,
            adjust_media_type: "application/problem+json".to_owned(),
            unknown_numbers: Vec::new(),
            numbers_without_card: Vec::new(),
            webhook_backoff_ms: 200,
            webhook_timeout_ms: 10_000,
            callback_timeout_ms: 3_000,
            date_ahead_s: 0,
        }
    }
}

/// How a sales unit captures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptureType {
    /// Reserve first, capture later.
    #[default]
    Reserve,
    /// Capture at approval; eCom only.
    Direct,
}

/// The settings of one sales unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Which.
    pub msn: Msn,
    /// May skip the landing page (`PUSH_MESSAGE`).
    #[serde(default = "yes")]
    pub push_allowed: bool,
    /// How it captures.
    #[serde(default)]
    pub capture_type: CaptureType,
    /// May not do anything.
    #[serde(default)]
    pub blocked: bool,
    /// The largest payment, in minor units.
    #[serde(default)]
    pub limit: Option<Amount>,
    /// May ask for user data.
    #[serde(default = "yes")]
    pub scope_allowed: bool,
    /// May ask for the national identity number.
    #[serde(default)]
    pub nin_allowed: bool,
    /// May refund.
    #[serde(default = "yes")]
    pub refund_allowed: bool,
    /// May set `expiresAt`.
    #[serde(default)]
    pub long_living_allowed: bool,
}

const fn yes() -> bool {
    true
}

impl Unit {
    /// A unit that may do what a new one may.
    #[must_use]
    pub const fn new(msn: Msn) -> Self {
        Self {
            msn,
            push_allowed: true,
            capture_type: CaptureType::Reserve,
            blocked: false,
            limit: None,
            scope_allowed: true,
            nin_allowed: false,
            refund_allowed: true,
            long_living_allowed: false,
        }
    }
}
