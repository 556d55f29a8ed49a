//! eCom's error array, its groups and its codes, with the HTTP status each comes with.
//!
//! Source: eCom API guide, "Errors". Every entry carries all four members: one public client takes anything without
//! `errorGroup` for success. Must not decide which code fits (`translate::error`, `payments` and `proxy::error` do).

use serde::{Deserialize, Serialize};

/// `Error.errorGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Group {
    /// Keys or token.
    Authentication,
    /// The payment's state or sums.
    Payment,
    /// A member of the request; the code is its name.
    InvalidRequest,
    /// Vipps, or what stands in its place.
    VippsError,
    /// The user.
    User,
    /// The sales unit.
    Merchant,
}

/// One entry of the array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EcomError {
    /// The group.
    pub error_group: Group,
    /// The code, as text.
    pub error_code: String,
    /// What happened and what to do.
    pub error_message: String,
    /// Finds the request in logs.
    pub context_id: String,
}

/// A numbered error of eCom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each is its group and number; `text` says what it means"
)]
pub enum Code {
    Merchant33,
    Merchant34,
    Merchant35,
    Merchant37,
    Merchant38,
    Merchant39,
    Merchant51,
    Payment41,
    Payment51,
    Payment52,
    Payment61,
    Payment62,
    Payment63,
    Payment71,
    Payment72,
    Payment73,
    Payment74,
    Payment95,
    Payment98,
    Payment1082,
    User81,
    Vipps91,
    Vipps92,
    Vipps93,
    Vipps94,
    Vipps99,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 26] = [
        Self::Merchant33,
        Self::Merchant34,
        Self::Merchant35,
        Self::Merchant37,
        Self::Merchant38,
        Self::Merchant39,
        Self::Merchant51,
        Self::Payment41,
        Self::Payment51,
        Self::Payment52,
        Self::Payment61,
        Self::Payment62,
        Self::Payment63,
        Self::Payment71,
        Self::Payment72,
        Self::Payment73,
        Self::Payment74,
        Self::Payment95,
        Self::Payment98,
        Self::Payment1082,
        Self::User81,
        Self::Vipps91,
        Self::Vipps92,
        Self::Vipps93,
        Self::Vipps94,
        Self::Vipps99,
    ];

    /// Group, number and meaning.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table: one row a code")]
    pub const fn parts(self) -> (Group, &'static str, &'static str) {
        use Group::{Merchant, Payment, User, VippsError};
        match self {
            Self::Merchant33 => (
                Merchant,
                "33",
                "The amount is above the limit of the merchant",
            ),
            Self::Merchant34 => (
                Merchant,
                "34",
                "Unable to create the order. The orderId is already used",
            ),
            Self::Merchant35 => (Merchant, "35", "Requested order not found"),
            Self::Merchant37 => (
                Merchant,
                "37",
                "The merchant is not allowed to make this payment",
            ),
            Self::Merchant38 => (
                Merchant,
                "38",
                "skipLandingPage is not allowed for this merchant",
            ),
            Self::Merchant39 => (
                Merchant,
                "39",
                "Long-living payments are not allowed for this merchant",
            ),
            Self::Merchant51 => (
                Merchant,
                "51",
                "The merchant is not allowed to ask for this scope",
            ),
            Self::Payment41 => (Payment, "41", "The user does not have a valid card"),
            Self::Payment51 => (
                Payment,
                "51",
                "Can't cancel an order that has been captured",
            ),
            Self::Payment52 => (
                Payment,
                "52",
                "Cancellation failed: the order can't be cancelled in its state",
            ),
            Self::Payment61 => (
                Payment,
                "61",
                "The captured amount exceeds the reserved amount",
            ),
            Self::Payment62 => (
                Payment,
                "62",
                "The amount you tried to capture is not reserved",
            ),
            Self::Payment63 => (
                Payment,
                "63",
                "Capture failed: the issuer or the rules of the order refuse it",
            ),
            Self::Payment71 => (Payment, "71", "Can't refund more than the captured amount"),
            Self::Payment72 => (
                Payment,
                "72",
                "Can't refund an order that has not been captured",
            ),
            Self::Payment73 => (Payment, "73", "Can't refund a cancelled order"),
            Self::Payment74 => (
                Payment,
                "74",
                "Refunds are not possible for this sales unit",
            ),
            Self::Payment95 => (
                Payment,
                "95",
                "Payments can only be refunded up to 365 days after reservation",
            ),
            Self::Payment98 => (Payment, "98", "The capture period of the order has ended"),
            Self::Payment1082 => (Payment, "1082", "The payment could not be force approved"),
            Self::User81 => (
                User,
                "81",
                "The phone number is not valid, or does not belong to a user",
            ),
            Self::Vipps91 => (
                VippsError,
                "91",
                "The transaction is not allowed in the state of the order",
            ),
            Self::Vipps92 => (VippsError, "92", "The order has already been processed"),
            Self::Vipps93 => (
                VippsError,
                "93",
                "The same X-Request-Id was used with another amount, so nothing was done",
            ),
            Self::Vipps94 => (
                VippsError,
                "94",
                "The order is locked and being processed. Repeat later with the same X-Request-Id",
            ),
            Self::Vipps99 => (VippsError, "99", "Internal error"),
        }
    }

    /// The HTTP status of this code.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Merchant35 => 404,
            Self::Merchant51 => 403,
            Self::Payment51 => 402,
            Self::Vipps94 => 423,
            Self::Vipps99 => 500,
            Self::Merchant33
            | Self::Merchant34
            | Self::Merchant37
            | Self::Merchant38
            | Self::Merchant39
            | Self::Payment41
            | Self::Payment52
            | Self::Payment61
            | Self::Payment62
            | Self::Payment63
            | Self::Payment71
            | Self::Payment72
            | Self::Payment73
            | Self::Payment74
            | Self::Payment95
            | Self::Payment98
            | Self::Payment1082
            | Self::User81
            | Self::Vipps91
            | Self::Vipps92
            | Self::Vipps93 => 400,
        }
    }
}

/// An error answer: status and entries, still without its context id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status.
    pub status: u16,
    /// Group, code and message of each entry; never empty.
    pub entries: Vec<(Group, String, String)>,
    /// Where upstream gave one: its trace id, which becomes the context id.
    pub trace: Option<String>,
}

impl Failure {
    /// A numbered error with its own text.
    #[must_use]
    pub fn code(code: Code) -> Self {
        Self::told(code, code.parts().2)
    }

    /// A numbered error with another text.
    #[must_use]
    pub fn told(code: Code, message: impl Into<String>) -> Self {
        let (group, number, _) = code.parts();
        Self {
            status: code.status(),
            entries: vec![(group, number.to_owned(), message.into())],
            trace: None,
        }
    }

    /// An invalid member.
    #[must_use]
    pub fn field(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::fields(vec![(name.into(), message.into())])
    }

    /// Invalid members: name and message of each.
    #[must_use]
    pub fn fields(fields: Vec<(String, String)>) -> Self {
        let entries = fields
            .into_iter()
            .map(|(name, message)| (Group::InvalidRequest, name, message))
            .collect();
        Self {
            status: 400,
            entries,
            trace: None,
        }
    }

    /// The outcome is not known: 502, the one status that shops treat as temporary, with code 94.
    #[must_use]
    pub fn unknown(advice: &str) -> Self {
        let mut failure = Self::told(
            Code::Vipps94,
            format!(
                "The outcome is not known yet: {advice}. Repeat later with the same X-Request-Id"
            ),
        );
        failure.status = 502;
        failure
    }

    /// Upstream was not reached and nothing was done: 502 with code 99.
    #[must_use]
    pub fn unreachable(what: &str) -> Self {
        let mut failure = Self::told(Code::Vipps99, what);
        failure.status = 502;
        failure
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The array as it goes out, with `context_id` where upstream gave no trace id.
    #[must_use]
    pub fn body(&self, context_id: &str) -> Vec<EcomError> {
        let context = self.trace.as_deref().unwrap_or(context_id);
        self.entries
            .iter()
            .map(|(group, code, message)| EcomError {
                error_group: *group,
                error_code: code.clone(),
                error_message: message.clone(),
                context_id: context.to_owned(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_all_four_members_as_text() {
        for code in Code::ALL {
            let json = serde_json::to_value(Failure::code(code).body("ctx")).unwrap();
            for member in ["errorGroup", "errorCode", "errorMessage", "contextId"] {
                assert!(json[0][member].is_string(), "{code:?} {member}");
            }
        }
    }

    #[test]
    fn statuses_are_400_but_for_the_named_ones() {
        let others: Vec<_> = Code::ALL
            .iter()
            .filter(|c| c.status() != 400)
            .map(|c| (c.parts().1, c.status()))
            .collect();
        assert_eq!(
            others,
            [
                ("35", 404),
                ("51", 403),
                ("51", 402),
                ("94", 423),
                ("99", 500)
            ]
        );
        assert_eq!(Failure::unknown("x").status, 502);
    }
}
