//! Where a payment was born, and what kind it is: the two facts that all routing rests on.

/// The API in which a payment was created. It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Created in eCom: either API may change it.
    Ecom,
    /// Created in ePayment: unknown to eCom.
    Epayment,
}

impl Origin {
    /// Its word in metrics, headers and the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ecom => "ecom",
            Self::Epayment => "epayment",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Ecom, Self::Epayment]
            .into_iter()
            .find(|origin| origin.word() == word)
    }
}

/// What is known about the kind of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Regular, proven by the initiate that the bridge itself handled.
    Regular,
    /// Express: only eCom has its shipping and user details.
    Express,
    /// Known by a read only: may be Express (before approval it looks regular).
    Unproven,
}
