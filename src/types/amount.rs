//! Money in minor units (1 NOK = 100 øre). Integers only; arithmetic that could leave the range says so.
//!
//! Must not: hold a negative sum, or turn a fraction into an integer.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in minor units, 0 to `i64::MAX`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "i64", into = "i64")]
pub struct Amount(i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of `minor_units`, or `None` below zero.
    #[must_use]
    pub const fn new(minor_units: i64) -> Option<Self> {
        if minor_units < 0 {
            None
        } else {
            Some(Self(minor_units))
        }
    }

    /// The number of minor units.
    #[must_use]
    pub const fn minor_units(self) -> i64 {
        self.0
    }

    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` where it leaves the range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// What remains of `self` after `other`, never below zero.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }
}

impl TryFrom<i64> for Amount {
    type Error = &'static str;

    fn try_from(value: i64) -> Result<Self, Self::Error> {
        Self::new(value).ok_or("an amount is not negative")
    }
}

impl From<Amount> for i64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The currencies of the ePayment API (`spec: Currency`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Norwegian kroner; the only currency of eCom.
    #[default]
    Nok,
    /// Danish kroner.
    Dkk,
    /// Euro.
    Eur,
}

impl Currency {
    /// The ISO 4217 code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Nok => "NOK",
            Self::Dkk => "DKK",
            Self::Eur => "EUR",
        }
    }

    /// Reads an ISO 4217 code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Nok, Self::Dkk, Self::Eur]
            .into_iter()
            .find(|c| c.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_never_negative() {
        assert_eq!(Amount::new(-1), None);
        assert_eq!(Amount::new(0), Some(Amount::ZERO));
        assert!(serde_json::from_str::<Amount>("-1").is_err());
        assert!(serde_json::from_str::<Amount>("1.5").is_err());
        assert!(serde_json::from_str::<Amount>("9223372036854775808").is_err());
    }

    #[test]
    fn sums_do_not_wrap_and_remainders_stop_at_zero() {
        let max = Amount(i64::MAX);
        assert_eq!(max.checked_add(Amount(1)), None);
        assert_eq!(Amount(5).less(Amount(7)), Amount::ZERO);
        assert_eq!(Amount(7).less(Amount(5)), Amount(2));
    }

    #[test]
    fn currencies_are_read_by_their_code() {
        assert_eq!(Currency::parse("DKK"), Some(Currency::Dkk));
        assert_eq!(Currency::parse("nok"), None);
        assert_eq!(serde_json::to_string(&Currency::Eur).unwrap(), "\"EUR\"");
    }
}
