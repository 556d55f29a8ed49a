//! The steps of one sales unit: up while the bounds hold, back when they do not, and how long a way back holds.
//!
//! Pure: a function of what is remembered, what was judged and the time. Must not: go above what the operator wants, or
//! move while an override is in force.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Both, Judged, Rules, Wanted, stamp};
use crate::settings::Rollback;
use crate::types::Moment;

/// Each further way back within this time of the last holds twice as long.
const MEMORY: Duration = Duration::from_secs(24 * 3600);
/// How exactly the time of an override is taken out: each change of it is a write to the store.
const COARSE: Duration = Duration::from_secs(60);
/// What was counted since a move is begun anew after so many times the calls that are needed: what was long ago must not
/// hide what is now.
const LONG: u64 = 10;
/// It is not doubled more often than this.
const DOUBLINGS: u32 = 6;

/// What may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acts {
    pub(super) ramp: bool,
    pub(super) rollback: bool,
}

impl Acts {
    pub(super) const BOTH: Self = Self {
        ramp: true,
        rollback: true,
    };
}

/// Where a sales unit stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "lowercase")]
pub enum Phase {
    /// Nothing is held back.
    #[default]
    Free,
    /// On a step of the ramp.
    Climbing {
        /// The most that goes to ePayment, in percent.
        percent: u8,
        /// Since when the bounds hold.
        #[serde(with = "stamp")]
        since: Moment,
    },
    /// Turned back.
    Back {
        /// The most that goes to ePayment, in percent.
        percent: u8,
        /// Since when.
        #[serde(with = "stamp")]
        since: Moment,
        /// Until when it holds with a ramp; without one it holds until a reset.
        #[serde(with = "stamp")]
        until: Moment,
        /// Why.
        why: String,
    },
}

/// What kind of move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The ramp has begun, or begins again.
    Begin,
    /// A step up.
    Raise,
    /// Back.
    Back,
    /// The machine lets go, because it was turned off.
    Free,
}

impl Kind {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Raise => "raise",
            Self::Back => "back",
            Self::Free => "free",
        }
    }
}

/// One move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Which kind.
    pub kind: Kind,
    /// The most that went to ePayment before, in percent; none: nothing was held back.
    pub from: Option<u8>,
    /// The most that goes there now.
    pub to: Option<u8>,
    /// When.
    #[serde(with = "stamp")]
    pub at: Moment,
    /// Why.
    pub why: String,
}

/// One plan: what is done, or what would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Plan {
    /// Where it stands.
    pub phase: Phase,
    /// What was counted since it stands there.
    pub counted: Both,
    /// Ways back, each within a day of the one before.
    pub backs: u32,
    /// The last of them.
    #[serde(with = "stamp::maybe")]
    pub back_at: Option<Moment>,
    /// The last move.
    pub last: Option<Moved>,
}

impl Plan {
    /// The most that goes to ePayment; none: nothing is held back.
    #[must_use]
    pub const fn percent(&self) -> Option<u8> {
        match self.phase {
            Phase::Free => None,
            Phase::Climbing { percent, .. } | Phase::Back { percent, .. } => Some(percent),
        }
    }

    /// Counts more; of a plan that nothing acts on, nothing.
    pub(super) fn count(&mut self, more: Both, acts: Acts) {
        self.counted = if acts.ramp || acts.rollback {
            self.counted.then(more)
        } else {
            Both::default()
        };
    }

    /// Lets go of what is long ago, while all is well.
    pub(super) fn forget(&mut self, whole: &Judged, bounds: &Rollback) {
        let long = bounds.min_samples.saturating_mul(LONG);
        if *whole == Judged::Clean && self.counted.epayment.calls >= long {
            self.counted = Both::default();
        }
    }

    /// One look: `late` is what the window says, `whole` what was counted since the last move.
    pub(super) fn step(
        &mut self,
        rules: &Rules,
        acts: Acts,
        wanted: Wanted,
        (late, whole): (&Judged, &Judged),
        now: Moment,
    ) -> Option<Moved> {
        if wanted.overridden {
            // What holds it is not the machine; the time and the calls of that do not count.
            if let Phase::Climbing { since, .. } = &mut self.phase
                && now.since(*since) >= COARSE
            {
                *since = now;
            }
            self.counted = Both::default();
            return None;
        }
        // The machine stays below what the operator wants: when that sinks, the ramp goes on from there.
        if let Phase::Climbing { percent, .. } | Phase::Back { percent, .. } = &mut self.phase {
            *percent = (*percent).min(wanted.percent);
        }
        let against = [late, whole]
            .into_iter()
            .find(|judged| judged.told().is_some());
        let reached = self.percent().unwrap_or(100).min(wanted.percent);
        if acts.rollback
            && reached > 0
            && let Some((judged, why)) = against.and_then(|j| Some((j, j.told()?)))
        {
            return Some(self.turn_back(rules, acts, judged, why.to_owned(), now));
        }
        match (&self.phase, acts.ramp) {
            (Phase::Free, true) => {
                let first = first(rules).min(wanted.percent);
                let why = "the ramp begins with this sales unit".to_owned();
                Some(self.go(Kind::Begin, climbing(first, now), why, now))
            }
            (Phase::Free, false) => None,
            (Phase::Climbing { .. }, false) => {
                let why = "the ramp was turned off".to_owned();
                Some(self.go(Kind::Free, Phase::Free, why, now))
            }
            (Phase::Back { .. }, false) if !acts.rollback => {
                let why = "the rollback was turned off".to_owned();
                Some(self.go(Kind::Free, Phase::Free, why, now))
            }
            (Phase::Back { .. }, false) => None,
            (Phase::Back { until, .. }, true) if now < *until => None,
            (Phase::Back { .. }, true) if wanted.percent == 0 => None,
            (Phase::Back { .. }, true) => {
                let first = first(rules).min(wanted.percent);
                let why = "the time of the way back is over: the ramp begins again".to_owned();
                Some(self.go(Kind::Begin, climbing(first, now), why, now))
            }
            (Phase::Climbing { percent, since }, true) => {
                let (percent, since) = (*percent, *since);
                self.climb(
                    rules,
                    wanted,
                    (percent, since),
                    against.is_some(),
                    whole,
                    now,
                )
            }
        }
    }

    fn climb(
        &mut self,
        rules: &Rules,
        wanted: Wanted,
        (percent, since): (u8, Moment),
        against: bool,
        whole: &Judged,
        now: Moment,
    ) -> Option<Moved> {
        let steps = rules.ramp.steps.iter().copied();
        let next = steps.chain([100]).find(|step| *step > percent);
        let next = next.unwrap_or(100).min(wanted.percent);
        if against {
            // Without a rollback it goes no further, and the time begins anew.
            self.phase = climbing(percent, now);
            self.counted = Both::default();
            return None;
        }
        if next <= percent {
            return None;
        }
        if percent == 0 {
            let why = "the operator wants new payments in ePayment: the ramp begins".to_owned();
            return Some(self.go(Kind::Begin, climbing(next, now), why, now));
        }
        let held = now.since(since) >= rules.ramp.hold;
        if !held || *whole != Judged::Clean {
            return None;
        }
        let calls = self.counted.epayment.calls;
        let why = format!("the bounds held at {percent} % with {calls} new payments at ePayment");
        Some(self.go(Kind::Raise, climbing(next, now), why, now))
    }

    fn turn_back(
        &mut self,
        rules: &Rules,
        acts: Acts,
        judged: &Judged,
        why: String,
        now: Moment,
    ) -> Moved {
        let again = self.back_at.is_some_and(|last| now.since(last) < MEMORY);
        self.backs = if again {
            self.backs.saturating_add(1)
        } else {
            1
        };
        self.back_at = Some(now);
        let doublings = (self.backs - 1).min(DOUBLINGS);
        let until = now.plus(rules.rollback.cooldown * 2_u32.pow(doublings));
        // What is slow may go on at the step before; what fails goes to eCom as a whole, and so does what was turned
        // back before and fares no better.
        let before = match (&self.phase, judged) {
            (Phase::Climbing { percent, .. }, Judged::Slow(_)) if acts.ramp => {
                let steps = rules.ramp.steps.iter().rev().copied();
                steps.into_iter().find(|step| step < percent)
            }
            _ => None,
        };
        let back = Phase::Back {
            percent: before.unwrap_or(0),
            since: now,
            until,
            why: why.clone(),
        };
        self.go(Kind::Back, back, why, now)
    }

    fn go(&mut self, kind: Kind, to: Phase, why: String, now: Moment) -> Moved {
        let from = self.percent();
        self.phase = to;
        self.counted = Both::default();
        let moved = Moved {
            kind,
            from,
            to: self.percent(),
            at: now,
            why,
        };
        self.last = Some(moved.clone());
        moved
    }
}

const fn climbing(percent: u8, since: Moment) -> Phase {
    Phase::Climbing { percent, since }
}

fn first(rules: &Rules) -> u8 {
    rules.ramp.steps.first().copied().unwrap_or(100)
}
