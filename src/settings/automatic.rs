//! Reads `[ramp]` and `[rollback]`.
//!
//! Must not: take steps that do not go up.

use super::file::Section;
use super::model::{Ramp, Rollback};

pub(super) fn ramp(mut s: Section<'_, '_>) -> Option<Ramp> {
    let enabled = s.truth("enabled");
    let steps = s.wholes("steps", 1..=100);
    let steps = steps.and_then(|steps| {
        if !steps.is_empty() && steps.is_sorted_by(|one, next| one < next) {
            return Some(steps);
        }
        let remedy = "Write one percentage or more, each above the one before: [1, 5, 25, 100]";
        s.fail("steps", "the steps do not go up", remedy)
    });
    let hold = s.duration("hold", "1m"..="30d");
    s.finish();
    Some(Ramp {
        enabled: enabled?,
        steps: steps?,
        hold: hold?,
    })
}

pub(super) fn rollback(mut s: Section<'_, '_>) -> Option<Rollback> {
    let enabled = s.truth("enabled");
    let window = s.duration("window", "10s"..="1h");
    let min_samples = s.whole::<i64>("min_samples", 5..=10_000);
    let error_margin_points = s.whole("error_margin", 1..=100);
    let error_limit_percent = s.whole("error_limit", 1..=100);
    let latency_margin_percent = s.whole("latency_margin", 1..=1000);
    let cooldown = s.duration("cooldown", "1m"..="7d");
    s.finish();
    Some(Rollback {
        enabled: enabled?,
        window: window?,
        min_samples: u64::try_from(min_samples?).ok()?,
        error_margin_points: error_margin_points?,
        error_limit_percent: error_limit_percent?,
        latency_margin_percent: latency_margin_percent?,
        cooldown: cooldown?,
    })
}
