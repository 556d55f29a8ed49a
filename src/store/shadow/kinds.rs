//! The words of shadowing: how two answers were compared, what came of it, and what a person says of it.
//!
//! Must not: change a word. They stand in stores and in recordings.

macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),* $(,)? }) => {
        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// Reads the word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }
    };
}

/// How a comparison came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// Translated and judged; nothing was sent.
    Dry,
    /// The same payment, read through the other API.
    Read,
    /// A shadow payment on another upstream, kept in step.
    Write,
}

words!(Way { Dry => "dry", Read => "read", Write => "write" });

/// What became of an offered call, exactly one each. Reasons are words of the code: `[a-z0-9-]`, 1 to 40 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ShadowOutcome {
    /// Compared, and nothing differs.
    Clean,
    /// Compared, and something differs.
    Differing,
    /// Not to be compared.
    Filtered(&'static str),
    /// There was no room or no time for it.
    Dropped(&'static str),
    /// The other side could not be asked, or the answers not be compared.
    Failed(&'static str),
}

impl ShadowOutcome {
    /// The word of its kind, without the reason.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Differing => "differing",
            Self::Filtered(_) => "filtered",
            Self::Dropped(_) => "dropped",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it was not compared; empty where it was.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Clean | Self::Differing => "",
            Self::Filtered(reason) | Self::Dropped(reason) | Self::Failed(reason) => reason,
        }
    }
}

/// How two values of one field differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// The candidate lacks it.
    Missing,
    /// The candidate has more.
    Extra,
    /// Another type of JSON.
    Type,
    /// Another value of the same type.
    Value,
    /// A list of another length.
    Length,
    /// The same entries in another order.
    Order,
    /// A loss of the translation (dry).
    Loss,
    /// A rule of the other API that the request breaks (dry).
    Rule,
}

words!(DifferenceKind {
    Missing => "missing",
    Extra => "extra",
    Type => "type",
    Value => "value",
    Length => "length",
    Order => "order",
    Loss => "loss",
    Rule => "rule",
});

/// What a person says of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The bridge is wrong: it goes on to count.
    NewWrong,
    /// eCom was wrong, and the new answer is better.
    OldWrong,
    /// It may differ.
    Accepted,
}

words!(Verdict { NewWrong => "new-wrong", OldWrong => "old-wrong", Accepted => "accepted" });
