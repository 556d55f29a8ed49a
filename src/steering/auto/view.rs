//! What the machine does and would do with a sales unit, for an operator.
//!
//! Must not: decide.

use serde::Serialize;

use super::{Both, Judged, Memory, Moved, Phase, Plan, Rules, Wanted, judge};
use crate::observe::Sample;
use crate::observe::stats::Times;
use crate::types::Msn;

/// One side of the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SideView {
    /// New payments.
    pub calls: u64,
    /// Those that went wrong.
    pub bad: u64,
    /// About how long they took, in milliseconds.
    pub middle_ms: Option<u64>,
}

impl SideView {
    fn of(sample: &Sample) -> Self {
        let times = Times {
            count: sample.timed,
            sum: sample.times,
            squares: sample.squares,
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below 2^17, and not below 0"
        )]
        let middle_ms = times.middle().map(|middle| middle.round() as u64);
        Self {
            calls: sample.calls,
            bad: sample.bad,
            middle_ms,
        }
    }
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanView {
    /// `free`, `climbing` or `back`.
    pub phase: &'static str,
    /// The most that goes to ePayment; none: nothing is held back.
    pub percent: Option<u8>,
    /// Since when.
    pub since: Option<String>,
    /// Until when a way back holds, where there is a ramp.
    pub until: Option<String>,
    /// Why it was turned back.
    pub why: Option<String>,
    /// Ways back, each within a day of the one before.
    pub backs: u32,
    /// The last move.
    pub last_move: Option<MovedView>,
}

/// A move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MovedView {
    /// `begin`, `raise`, `back` or `free`.
    pub kind: &'static str,
    /// The most that went to ePayment before.
    pub from: Option<u8>,
    /// The most since then.
    pub to: Option<u8>,
    /// When.
    pub at: String,
    /// Why.
    pub why: String,
}

impl MovedView {
    fn of(moved: &Moved) -> Self {
        Self {
            kind: moved.kind.word(),
            from: moved.from,
            to: moved.to,
            at: moved.at.to_string(),
            why: moved.why.clone(),
        }
    }
}

impl PlanView {
    fn of(plan: &Plan) -> Self {
        let (phase, since, until, why) = match &plan.phase {
            Phase::Free => ("free", None, None, None),
            Phase::Climbing { since, .. } => ("climbing", Some(since), None, None),
            Phase::Back {
                since, until, why, ..
            } => ("back", Some(since), Some(until), Some(why)),
        };
        Self {
            phase,
            percent: plan.percent(),
            since: since.map(ToString::to_string),
            until: until.map(ToString::to_string),
            why: why.cloned(),
            backs: plan.backs,
            last_move: plan.last.as_ref().map(MovedView::of),
        }
    }
}

/// A sales unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitView {
    /// Which.
    pub msn: String,
    /// Percent of new payments that the configuration sends to ePayment.
    pub wanted_percent: u8,
    /// Whether an override or a kill switch is in force, so that the machine stands still.
    pub overridden: bool,
    /// eCom, in the window.
    pub ecom: SideView,
    /// ePayment, in the window.
    pub epayment: SideView,
    /// `few`, `clean`, `failing` or `slow`.
    pub judged: &'static str,
    /// Why, where it speaks against ePayment.
    pub told: Option<String>,
    /// What is done.
    pub acting: PlanView,
    /// What would be done if both ramp and rollback were on.
    pub would: PlanView,
}

impl Memory {
    /// As it is shown.
    #[must_use]
    pub fn view(&self, msn: &Msn, wanted: Wanted, rules: &Rules) -> UnitView {
        let window: Both = self.window.sum();
        let judged: Judged = judge(&window, self.clean.as_ref(), &rules.rollback);
        UnitView {
            msn: msn.to_string(),
            wanted_percent: wanted.percent,
            overridden: wanted.overridden,
            ecom: SideView::of(&window.ecom),
            epayment: SideView::of(&window.epayment),
            judged: judged.word(),
            told: judged.told().map(str::to_owned),
            acting: PlanView::of(&self.acting),
            would: PlanView::of(&self.would),
        }
    }
}
