//! Ramp and rollback: how far a sales unit's new payments go to ePayment by themselves, step by step, and when they go
//! back.
//!
//! Only of new payments, only between 0 and what the configuration says, never over an override. What the machine
//! remembers of a unit lies in the store, so that it survives restarts and all instances act as one. Must not: move an
//! existing payment, or go back on a difference that may be chance.

mod judge;
mod plan;
mod stamp;
mod view;
mod window;
mod work;

use serde::{Deserialize, Serialize};

pub use judge::{Judged, judge};
pub use plan::{Kind, Moved, Phase, Plan};
pub use view::{PlanView, SideView, UnitView};
pub use work::Automat;

use self::plan::Acts;
use self::window::Window;
use crate::observe::Sample;
use crate::routing::{Policy, Source};
use crate::settings::{Ramp, Rollback};
use crate::types::{Moment, Msn};

/// What the machine is told.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Up.
    pub ramp: Ramp,
    /// Back.
    pub rollback: Rollback,
}

/// What the operator wants of a unit's new payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Percent to ePayment, as configured.
    pub percent: u8,
    /// Whether an override or a kill switch is in force: then the machine stands still.
    pub overridden: bool,
}

impl Wanted {
    /// Of a policy.
    #[must_use]
    pub fn of(policy: &Policy, msn: &Msn) -> Self {
        let initiate = crate::ecom::route::Operation::Initiate;
        let wish = policy.wish(initiate, Some(msn));
        Self {
            percent: policy.configured(initiate, Some(msn)).0.percent(),
            overridden: !matches!(wish.source, Source::Configured(_)),
        }
    }
}

/// How new payments went in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Both {
    /// At eCom.
    pub ecom: Sample,
    /// At ePayment.
    pub epayment: Sample,
}

impl Both {
    /// This stretch and, after it, another.
    #[must_use]
    pub const fn then(self, later: Self) -> Self {
        Self {
            ecom: self.ecom.then(later.ecom),
            epayment: self.epayment.then(later.epayment),
        }
    }
}

/// What the machine remembers of a sales unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Memory {
    /// The calls of late.
    window: Window,
    /// ePayment's, of the last window in which all was well.
    clean: Option<Sample>,
    /// When that was.
    #[serde(with = "stamp")]
    clean_at: Moment,
    /// What it does.
    acting: Plan,
    /// What it would do if both ramp and rollback were on.
    would: Plan,
}

/// What came of a look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looked {
    /// What was moved.
    pub moved: Option<Moved>,
    /// What would have been, while it is off.
    pub would: Option<Moved>,
    /// Whether anything is to be kept.
    pub changed: bool,
}

impl Memory {
    /// Reads what was kept. What cannot be read is forgotten: the machine begins anew, and never goes on from nonsense.
    #[must_use]
    pub fn read(state: &str) -> Self {
        serde_json::from_str(state).unwrap_or_default()
    }

    /// As it is kept.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The most of its new payments that go to ePayment; none: nothing is held back.
    #[must_use]
    pub const fn percent(&self) -> Option<u8> {
        self.acting.percent()
    }

    /// Why new payments are held back after a way back.
    #[must_use]
    pub fn turned_back(&self) -> Option<&str> {
        match &self.acting.phase {
            Phase::Back { why, .. } => Some(why),
            Phase::Free | Phase::Climbing { .. } => None,
        }
    }

    /// Takes what was counted since the last look, and moves what must be moved. At most one step a look.
    pub fn look(&mut self, rules: &Rules, wanted: Wanted, counted: Both, now: Moment) -> Looked {
        let before = (self.acting.clone(), self.would.clone());
        self.window.add(now, rules.rollback.window, counted);
        let window = self.window.sum();
        let late = judge(&window, self.clean.as_ref(), &rules.rollback);
        if matches!(late, Judged::Clean) && now.since(self.clean_at) >= rules.rollback.window {
            self.clean = Some(window.epayment);
            self.clean_at = now;
        }
        let acts = Acts {
            ramp: rules.ramp.enabled,
            rollback: rules.rollback.enabled,
        };
        let clean = self.clean;
        let step = |plan: &mut Plan, acts| {
            plan.count(counted, acts);
            let whole = judge(&plan.counted, clean.as_ref(), &rules.rollback);
            plan.forget(&whole, &rules.rollback);
            plan.step(rules, acts, wanted, (&late, &whole), now)
        };
        let moved = step(&mut self.acting, acts);
        let would = if acts == Acts::BOTH {
            self.would = self.acting.clone();
            None
        } else {
            step(&mut self.would, Acts::BOTH)
        };
        if moved.is_some() {
            // What was counted before a move says nothing of what comes after it.
            self.window = Window::default();
        }
        let any = counted != Both::default();
        Looked {
            changed: any
                || before.0.phase != self.acting.phase
                || before.1.phase != self.would.phase,
            moved,
            would,
        }
    }

    /// Forgets everything, but for how well it went.
    pub fn reset(&mut self) -> Option<u8> {
        let held = self.percent();
        *self = Self {
            clean: self.clean,
            clean_at: self.clean_at,
            ..Self::default()
        };
        held
    }
}

#[cfg(test)]
mod tests;
