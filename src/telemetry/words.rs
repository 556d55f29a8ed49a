//! The words that logs and metrics share: what was asked, where it went, which API answered.
//!
//! Must not: carry anything that a caller wrote.

use crate::ecom::route::Operation;

/// What a merchant's request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A call of eCom.
    Call(Operation),
    /// Anything else, passed through.
    Pass,
}

impl Op {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Call(operation) => operation.word(),
            Self::Pass => "pass",
        }
    }
}

impl From<Operation> for Op {
    fn from(operation: Operation) -> Self {
        Self::Call(operation)
    }
}

/// Which way a request went; also the `bridge-route` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// To eCom.
    Ecom,
    /// Translated, to ePayment.
    Epayment,
    /// Nowhere: answered by the bridge itself.
    Refused,
    /// Passed through.
    Pass,
}

impl Route {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ecom => "ecom",
            Self::Epayment => "epayment",
            Self::Refused => "refused",
            Self::Pass => "pass",
        }
    }
}

/// Whether an API behind the bridge is called at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It is.
    Closed,
    /// One call tries.
    HalfOpen,
    /// It is not.
    Open,
}

/// Which API behind the bridge was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// eCom.
    Ecom,
    /// ePayment.
    Epayment,
    /// Access tokens.
    Token,
    /// Any other, passed through.
    Pass,
}

impl Api {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ecom => "ecom",
            Self::Epayment => "epayment",
            Self::Token => "token",
            Self::Pass => "pass",
        }
    }
}
