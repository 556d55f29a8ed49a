//! Records of the steering: overrides made at run time, and the list of everything that was changed, by whom and why.
//!
//! Must not: forget a change. The list only grows.

use async_trait::async_trait;

use super::StoreError;
use crate::routing::{Lever, Toggle};
use crate::types::{Moment, Msn};

/// Names an override.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OverrideId(pub i64);

/// Who changes something, and why; both from outside, both never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    who: String,
    why: String,
}

impl Reason {
    /// At most so many characters of each are kept.
    pub const LONGEST: usize = 500;

    /// None where one of them says nothing. What can't be printed becomes a blank.
    #[must_use]
    pub fn new(who: &str, why: &str) -> Option<Self> {
        let plain = |text: &str| -> Option<String> {
            let text: String = text
                .trim()
                .chars()
                .take(Self::LONGEST)
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            (!text.trim().is_empty()).then_some(text)
        };
        Some(Self {
            who: plain(who)?,
            why: plain(why)?,
        })
    }

    /// The bridge's own, of nobody in particular.
    #[must_use]
    pub fn of_bridge(why: &'static str) -> Self {
        Self {
            who: "bridge".to_owned(),
            why: why.to_owned(),
        }
    }

    /// Who.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.who
    }

    /// Why.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }
}

/// What is to hold until it ends or is undone.
#[derive(Clone, Debug)]
pub struct NewOverride {
    /// What is moved.
    pub lever: Lever,
    /// For this sales unit; none: for all.
    pub msn: Option<Msn>,
    /// Where to; of a kill switch always eCom.
    pub toggle: Toggle,
    /// Who and why.
    pub reason: Reason,
    /// When it ends by itself; none: never.
    pub until: Option<Moment>,
}

/// An override that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Its name.
    pub id: OverrideId,
    /// What is moved.
    pub lever: Lever,
    /// For this sales unit; none: for all.
    pub msn: Option<Msn>,
    /// Where to.
    pub toggle: Toggle,
    /// Who and why.
    pub reason: Reason,
    /// Since when.
    pub made_at: Moment,
    /// When it ends by itself.
    pub until: Option<Moment>,
}

/// One entry of the list of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was done: one word, such as `override`, `undo`, `expired`, `reload`.
    pub what: &'static str,
    /// What was changed: a key of the configuration, a lever, a callback.
    pub key: String,
    /// Of this sales unit; none: of all.
    pub msn: Option<Msn>,
    /// As it was.
    pub old: String,
    /// As it is.
    pub new: String,
    /// Who and why.
    pub reason: Reason,
}

impl Change {
    /// An override that was made, in place of `old` where there was one.
    pub(super) fn set(new: NewOverride, old: Option<&Override>) -> Self {
        Self {
            what: match new.lever {
                Lever::Toggle(_) => "override",
                Lever::KillSwitch => "kill-switch",
            },
            key: new.lever.word().to_owned(),
            old: old.map_or_else(
                || AS_CONFIGURED.to_owned(),
                |old| old.lever.shown(old.toggle),
            ),
            new: new.lever.shown(new.toggle),
            msn: new.msn,
            reason: new.reason,
        }
    }

    /// An override that has ended, by this word.
    pub(super) fn ended(what: &'static str, ended: &Override, reason: Reason) -> Self {
        Self {
            what,
            key: ended.lever.word().to_owned(),
            msn: ended.msn.clone(),
            old: ended.lever.shown(ended.toggle),
            new: AS_CONFIGURED.to_owned(),
            reason,
        }
    }

    /// An override whose time is over; its maker's reason stands with it.
    pub(super) fn expired(ended: &Override) -> Self {
        let reason = Reason {
            who: "bridge".to_owned(),
            why: format!(
                "its time was over; it was made because: {}",
                ended.reason.why
            ),
        };
        Self::ended("expired", ended, reason)
    }
}

/// An entry as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeView {
    /// Its number; later ones are greater.
    pub id: i64,
    /// When.
    pub at: Moment,
    /// The word for what was done.
    pub what: String,
    /// What was changed.
    pub key: String,
    /// Of this sales unit.
    pub msn: Option<Msn>,
    /// As it was.
    pub old: String,
    /// As it is.
    pub new: String,
    /// By whom.
    pub who: String,
    /// Why.
    pub why: String,
}

/// What stands in the list where no override was or is.
const AS_CONFIGURED: &str = "as configured";

/// Overrides and the list of changes; every instance on the same database sees the same.
#[async_trait]
pub trait SteeringStore: Send + Sync + std::fmt::Debug {
    /// The overrides in force at `now`, oldest first.
    async fn overrides(&self, now: Moment) -> Result<Vec<Override>, StoreError>;

    /// Puts an override in force in place of one of the same lever and sales unit, and lists the change.
    async fn set_override(&self, new: NewOverride, now: Moment) -> Result<OverrideId, StoreError>;

    /// Ends an override and lists the change; none where it is not in force at `now`.
    async fn end_override(
        &self,
        id: OverrideId,
        reason: Reason,
        now: Moment,
    ) -> Result<Option<Override>, StoreError>;

    /// Ends the overrides whose time is over and lists that, once however many instances ask.
    async fn expire_overrides(&self, now: Moment) -> Result<Vec<Override>, StoreError>;

    /// Lists a change that was made elsewhere.
    async fn list_change(&self, change: Change, now: Moment) -> Result<(), StoreError>;

    /// The newest changes before entry `before`, newest first, at most `limit`.
    async fn changes(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<ChangeView>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something() {
        for (who, why) in [("", "x"), ("x", ""), (" \n", "x"), ("x", "\u{0}\t")] {
            assert_eq!(Reason::new(who, why), None);
        }
        let kept = Reason::new(" ann ", "a\nb").unwrap();
        assert_eq!((kept.who(), kept.why()), ("ann", "a b"));
        let long = Reason::new("x", &"é".repeat(600)).unwrap();
        assert_eq!(long.why().chars().count(), 500);
    }
}
