//! Which members of a request are used: for what a merchant's own code would have to send instead.
//!
//! Only whether a member says something, never what. Must not: judge the request.

use super::lenient::{Field, Object, StrictText, Text};
use super::request::{Adjust, InitiatePayment};

/// A member, or a way of asking, that an ePayment request depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the member of its word")]
pub enum Member {
    MobileNumber,
    CallbackPrefix,
    AuthToken,
    FallBack,
    IsApp,
    TransactionText,
    SkipLandingPage,
    Scope,
    AdditionalData,
    /// An amount in capture or refund.
    Amount,
    /// None there: all that remains.
    AllThatRemains,
    ReleaseRemaining,
    RequestId,
}

impl Member {
    /// All of them; the place is the bit.
    pub const ALL: [Self; 13] = [
        Self::MobileNumber,
        Self::CallbackPrefix,
        Self::AuthToken,
        Self::FallBack,
        Self::IsApp,
        Self::TransactionText,
        Self::SkipLandingPage,
        Self::Scope,
        Self::AdditionalData,
        Self::Amount,
        Self::AllThatRemains,
        Self::ReleaseRemaining,
        Self::RequestId,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::MobileNumber => "mobileNumber",
            Self::CallbackPrefix => "callbackPrefix",
            Self::AuthToken => "authToken",
            Self::FallBack => "fallBack",
            Self::IsApp => "isApp",
            Self::TransactionText => "transactionText",
            Self::SkipLandingPage => "skipLandingPage",
            Self::Scope => "scope",
            Self::AdditionalData => "additionalData",
            Self::Amount => "amount",
            Self::AllThatRemains => "all-that-remains",
            Self::ReleaseRemaining => "shouldReleaseRemainingFunds",
            Self::RequestId => "X-Request-Id",
        }
    }

    const fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

/// The members that one request uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used(u16);

impl Used {
    /// Whether it uses this one.
    #[must_use]
    pub const fn has(self, member: Member) -> bool {
        self.0 & member.bit() != 0
    }

    /// The same and this one.
    #[must_use]
    pub const fn and(self, member: Member) -> Self {
        Self(self.0 | member.bit())
    }

    /// The places in [`Member::ALL`] of those that are used.
    pub fn places(self) -> impl Iterator<Item = usize> {
        (0..Member::ALL.len()).filter(move |at| self.0 >> at & 1 == 1)
    }

    fn when(self, there: bool, member: Member) -> Self {
        if there { self.and(member) } else { self }
    }

    /// Of an initiate.
    #[must_use]
    pub fn of_initiate(body: &InitiatePayment) -> Self {
        let mut used = Self::default();
        if let Some(Object(customer)) = body.customer_info.get() {
            let number = customer.mobile_number.get();
            let there = number.is_some_and(|Text(text)| !matches!(text.trim(), "" | "0"));
            used = used.when(there, Member::MobileNumber);
        }
        if let Some(Object(merchant)) = body.merchant_info.get() {
            used = used
                .when(says(&merchant.callback_prefix), Member::CallbackPrefix)
                .when(says(&merchant.auth_token), Member::AuthToken)
                .when(says(&merchant.fall_back), Member::FallBack)
                .when(merchant.is_app.get() == Some(&true), Member::IsApp);
        }
        if let Some(Object(transaction)) = body.transaction.get() {
            let skip = transaction.skip_landing_page.get() == Some(&true);
            used = used
                .when(says(&transaction.transaction_text), Member::TransactionText)
                .when(skip, Member::SkipLandingPage)
                .when(says(&transaction.scope), Member::Scope)
                .when(
                    transaction.additional_data.get().is_some(),
                    Member::AdditionalData,
                );
        }
        used
    }

    /// Of a capture, refund or cancel.
    #[must_use]
    pub fn of_adjust(body: &Adjust) -> Self {
        let mut used = Self::default();
        if let Some(Object(transaction)) = body.transaction.get() {
            let amount = transaction.amount.get().is_some_and(|amount| *amount != 0);
            used = used
                .when(amount, Member::Amount)
                .when(!amount, Member::AllThatRemains)
                .when(says(&transaction.transaction_text), Member::TransactionText);
        }
        let release = body.should_release_remaining_funds.get() == Some(&true);
        used.when(release, Member::ReleaseRemaining)
    }
}

fn says(field: &Field<StrictText>) -> bool {
    field
        .get()
        .is_some_and(|StrictText(text)| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_used_where_it_says_something() {
        let body = r#"{"customerInfo": {"mobileNumber": "0"}, "merchantInfo": {"authToken": " ", "isApp": true,
            "fallBack": "https://shop.example"}, "transaction": {"skipLandingPage": false, "scope": "name"}}"#;
        let used = Used::of_initiate(&serde_json::from_str(body).unwrap());
        let words: Vec<_> = used.places().map(|at| Member::ALL[at].word()).collect();
        assert_eq!(words, ["fallBack", "isApp", "scope"]);
        let body = r#"{"transaction": {"amount": 0, "transactionText": "x"}, "shouldReleaseRemainingFunds": true}"#;
        let used = Used::of_adjust(&serde_json::from_str(body).unwrap());
        let words: Vec<_> = used.places().map(|at| Member::ALL[at].word()).collect();
        assert_eq!(
            words,
            [
                "transactionText",
                "all-that-remains",
                "shouldReleaseRemainingFunds"
            ]
        );
        for (at, member) in Member::ALL.into_iter().enumerate() {
            assert!(Used::default().and(member).places().eq([at]));
        }
    }
}
