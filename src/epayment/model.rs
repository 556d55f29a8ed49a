//! Requests and answers of ePayment. Written strictly; read leniently where newer texts may add, strictly where money is.
//!
//! Source: `CreatePaymentRequest`, `GetPaymentResponse`, `ModificationResponse`, `ForceApprove`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::types::{Amount, Currency, Reference};

/// `Amount`: minor units and currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// The currency.
    pub currency: Currency,
    /// Minor units.
    pub value: Amount,
}

/// `POST /epayment/v1/payments`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePayment {
    /// What is to be paid; NOK at least 100 minor units.
    pub amount: Money,
    /// The customer, where known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<Customer>,
    /// Whether the customer stands at a till.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer_interaction: Option<CustomerInteraction>,
    /// Airline data.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub industry_data: Option<IndustryData>,
    /// At most 5 pairs; keys up to 100, values up to 500 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub metadata: Option<BTreeMap<String, String>>,
    /// 3 to 100 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_description: Option<String>,
    /// Wallet, for the bridge.
    pub payment_method: PaymentMethod,
    /// User data asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<ProfileRequest>,
    /// Unique per sales unit.
    pub reference: Reference,
    /// https or a custom scheme.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub return_url: Option<String>,
    /// How the user comes to the app.
    pub user_flow: UserFlow,
}

/// Exactly one of its members.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Customer {
    /// MSISDN, 10 to 15 digits. Personal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phone_number: Option<String>,
}

impl std::fmt::Debug for Customer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Customer(hidden)")
    }
}

/// `customerInteraction`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CustomerInteraction {
    /// At a till.
    CustomerPresent,
    /// Anywhere else.
    #[default]
    CustomerNotPresent,
}

/// `industryData`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndustryData {
    /// Airline tickets.
    pub airline_data: AirlineData,
}

/// `airlineData`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AirlineData {
    /// 1 to 6 characters.
    pub agency_invoice_number: String,
    /// 3 characters.
    pub airline_code: String,
    /// 2 characters.
    pub airline_designator_code: String,
    /// 1 to 49 characters.
    pub passenger_name: String,
    /// 1 to 150 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ticket_number: Option<String>,
}

/// `paymentMethod`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentMethod {
    /// `WALLET` or `CARD`.
    #[serde(rename = "type")]
    pub kind: String,
    /// First six digits of the card; in answers only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub card_bin: Option<String>,
}

impl PaymentMethod {
    /// A card in the app.
    #[must_use]
    pub fn wallet() -> Self {
        Self {
            kind: "WALLET".to_owned(),
            card_bin: None,
        }
    }
}

/// `profile` of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRequest {
    /// Separated by blanks.
    pub scope: String,
}

/// `userFlow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UserFlow {
    /// A push message at once.
    PushMessage,
    /// From app to app.
    NativeRedirect,
    /// Landing page in a browser.
    WebRedirect,
    /// A QR code; never made by the bridge.
    Qr,
}

/// Answer to create, 201.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// None for `PUSH_MESSAGE`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub redirect_url: Option<String>,
    /// As asked.
    pub reference: Reference,
}

/// `state`. It stays AUTHORIZED through captures, refunds and the release of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Nobody has acted.
    Created,
    /// The user said no.
    Aborted,
    /// Nobody acted in time.
    Expired,
    /// The user said yes.
    Authorized,
    /// The merchant ended it before that.
    Terminated,
}

/// `aggregate`: the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Aggregate {
    /// Reserved by the user.
    pub authorized_amount: Money,
    /// Released.
    pub cancelled_amount: Money,
    /// Taken.
    pub captured_amount: Money,
    /// Given back.
    pub refunded_amount: Money,
}

impl Aggregate {
    /// What may still be captured: authorized − captured − cancelled, never below zero.
    #[must_use]
    pub fn to_capture(&self) -> Amount {
        self.authorized_amount
            .value
            .less(self.captured_amount.value)
            .less(self.cancelled_amount.value)
    }

    /// What may still be refunded: captured − refunded.
    #[must_use]
    pub fn to_refund(&self) -> Amount {
        self.captured_amount.value.less(self.refunded_amount.value)
    }
}

/// `GET /epayment/v1/payments/{reference}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The sums.
    pub aggregate: Aggregate,
    /// What was asked.
    pub amount: Money,
    /// Where it stands.
    pub state: State,
    /// How it was paid.
    pub payment_method: PaymentMethod,
    /// Who paid, where a scope was asked for.
    #[serde(default)]
    pub profile: Profile,
    /// The payment's own, not numeric.
    pub psp_reference: String,
    /// Where the user continues.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub redirect_url: Option<String>,
    /// As asked.
    pub reference: Reference,
    /// As sent with create.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Until when a capture is guaranteed (RFC 3339); eCom never told the shop. What is no text counts as absent: a
    /// payment's sums must be readable whatever this is.
    #[serde(
        skip_serializing_if = "Option::is_none",
        default,
        deserialize_with = "text_or_none"
    )]
    pub capture_guaranteed_until: Option<String>,
    /// User data (texts since 2025).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_details: Option<UserDetails>,
}

fn text_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(from)?;
    Ok(value
        .as_ref()
        .and_then(|value| value.as_str().map(str::to_owned)))
}

/// `profile` of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The key to the Userinfo API.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sub: Option<String>,
}

/// `userDetails`. Personal: never logged.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserDetails {
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// MSISDN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile_number: Option<String>,
}

impl std::fmt::Debug for UserDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserDetails(hidden)")
    }
}

/// What of a Userinfo answer has a place in eCom (Userinfo API, OpenID Connect claims). Personal: never logged.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Userinfo {
    sub: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    email: Option<String>,
    phone_number: Option<String>,
}

impl Userinfo {
    /// Whether it may be about this user: another `sub` is another user (OpenID Connect Core, answer of the userinfo endpoint).
    #[must_use]
    pub fn may_be_of(&self, sub: &str) -> bool {
        self.sub.as_deref().is_none_or(|told| told == sub)
    }
}

impl From<Userinfo> for UserDetails {
    fn from(user: Userinfo) -> Self {
        Self {
            first_name: user.given_name,
            last_name: user.family_name,
            email: user.email,
            mobile_number: user.phone_number,
        }
    }
}

/// Body of capture and refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Modification {
    /// How much of it.
    pub modification_amount: Money,
}

/// Answer to capture, cancel and refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Modified {
    /// What was asked at create.
    pub amount: Money,
    /// Where it stands.
    pub state: State,
    /// The sums, this operation included.
    pub aggregate: Aggregate,
    /// The payment's own, not the operation's.
    pub psp_reference: String,
    /// As asked.
    pub reference: Reference,
}

/// `POST /epayment/v1/test/payments/{reference}/approve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForceApprove {
    /// The customer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<Customer>,
    /// From the redirect URL.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<String>,
}
