//! Records of the traffic: what was counted, per sales unit, operation, side and hour; and how far the machine lets a
//! unit's new payments go.
//!
//! Words and numbers. Must not: hold an order, or anything of a call itself.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Change, StoreError};
use crate::ecom::route::Operation;
use crate::types::{Moment, Msn};

/// Which API had a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// eCom.
    Ecom,
    /// ePayment.
    Epayment,
    /// None: refused before it was decided.
    Nowhere,
}

impl Side {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ecom, Self::Epayment, Self::Nowhere];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ecom => "ecom",
            Self::Epayment => "epayment",
            Self::Nowhere => "nowhere",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.word() == word)
    }
}

/// A whole hour, counted from 1970 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hour(pub i64);

impl Hour {
    /// In milliseconds.
    pub const MILLIS: i64 = 3_600_000;

    /// The hour of a moment.
    #[must_use]
    pub const fn of(moment: Moment) -> Self {
        Self(moment.millis().div_euclid(Self::MILLIS))
    }

    /// Its first moment.
    #[must_use]
    pub const fn begins(self) -> Moment {
        Moment::from_millis(self.0.saturating_mul(Self::MILLIS))
    }

    /// So many hours before.
    #[must_use]
    pub const fn back(self, hours: i64) -> Self {
        Self(self.0.saturating_sub(hours))
    }
}

/// Numbers by word. What a later release counts is kept, though this one does not know its word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// The number of a word; 0 where it was never counted.
    #[must_use]
    pub fn of(&self, word: &str) -> u64 {
        self.0.get(word).copied().unwrap_or(0)
    }

    /// Counts so many more.
    pub fn add(&mut self, word: &str, count: u64) {
        if count == 0 {
            return;
        }
        match self.0.get_mut(word) {
            Some(sum) => *sum = sum.saturating_add(count),
            None => {
                self.0.insert(word.to_owned(), count);
            }
        }
    }

    /// Counts all of another.
    pub fn merge(&mut self, other: &Self) {
        for (word, count) in &other.0 {
            self.add(word, *count);
        }
    }

    /// Every word with its number.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(word, count)| (word.as_str(), *count))
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As it is kept.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (word, count) in &self.0 {
            text.push_str(word);
            text.push('=');
            text.push_str(&count.to_string());
            text.push('\n');
        }
        text
    }

    /// Reads what was kept.
    pub(super) fn read(text: &str) -> Option<Self> {
        let line = |line: &str| {
            let (word, count) = line.split_once('=')?;
            Some((word.to_owned(), count.parse().ok()?))
        };
        text.lines().map(line).collect::<Option<_>>().map(Self)
    }
}

/// What was counted in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Whose calls; none: it was not known.
    pub msn: Option<Msn>,
    /// What they asked.
    pub operation: Operation,
    /// Who had them.
    pub side: Side,
    /// When.
    pub hour: Hour,
    /// The last of them.
    pub last_at: Moment,
    /// How many, of what.
    pub counts: Counts,
}

/// The counts of the traffic. Instances on one database add theirs up.
#[async_trait]
pub trait ObservationStore: Send + Sync + std::fmt::Debug {
    /// Adds to what is kept of the same places.
    async fn add_observations(&self, more: Vec<Observation>) -> Result<(), StoreError>;

    /// What is kept of a sales unit from this hour on, oldest first.
    async fn observations(&self, msn: &Msn, from: Hour) -> Result<Vec<Observation>, StoreError>;

    /// The sales units of which anything is kept from this hour on.
    async fn observed_units(&self, from: Hour) -> Result<Vec<Msn>, StoreError>;

    /// Forgets what is older than this hour, at most so many places; how many went.
    async fn prune_observations(&self, before: Hour, limit: usize) -> Result<u64, StoreError>;
}

/// How far the machine lets a sales unit go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Automatic {
    /// Whose.
    pub msn: Msn,
    /// How often it was written; 0: never.
    pub revision: i64,
    /// The most of its new payments that go to ePayment, in percent; none: the machine holds nothing back.
    pub percent: Option<u8>,
    /// What the machine remembers, in its own words.
    pub state: String,
}

/// The machine's memory: shared by all instances, so that one move is made once.
#[async_trait]
pub trait AutomaticStore: Send + Sync + std::fmt::Debug {
    /// All of it.
    async fn automatic(&self) -> Result<Vec<Automatic>, StoreError>;

    /// Writes one where its revision is still the one that was read, and lists the change with it. False where another
    /// instance was first: nothing was written.
    async fn save_automatic(
        &self,
        next: Automatic,
        change: Option<Change>,
        now: Moment,
    ) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_they_are_kept() {
        let mut counts = Counts::default();
        for (word, count) in [
            ("done", 3),
            ("told:Merchant37", 1),
            ("done", 2),
            ("zero", 0),
        ] {
            counts.add(word, count);
        }
        assert_eq!(counts.text(), "done=5\ntold:Merchant37=1\n");
        assert_eq!(Counts::read(&counts.text()), Some(counts));
        assert_eq!(Counts::read(""), Some(Counts::default()));
        for damaged in ["done", "done=", "done=-1", "done=x"] {
            assert_eq!(Counts::read(damaged), None);
        }
    }

    #[test]
    fn an_hour_holds_its_moments() {
        for (millis, hour) in [(0, 0), (3_599_999, 0), (3_600_000, 1), (-1, -1)] {
            assert_eq!(Hour::of(Moment::from_millis(millis)), Hour(hour));
        }
        assert_eq!(Hour::of(Hour(7).begins()), Hour(7));
    }
}
