//! A sales unit's own rhythm, and whether it has fallen silent: how many calls its silence should have held.
//!
//! Shops sleep at night and on some days, so an hour is expected to be as the same hour of the week was before; the
//! chance of nothing in a time that should have held `n` calls is `exp(-n)` where calls come independently of each
//! other. Must not: flag a unit that has hardly been seen.

use std::collections::BTreeMap;

use crate::store::Hour;
use crate::types::Moment;

const WEEK: i64 = 168;
/// The past that is looked at: up to so many weeks before the silence.
const WEEKS: i64 = 4;
/// A rhythm is known from so many hours with calls, over two days or more.
const FEWEST: usize = 8;
/// Silence that should have held so many calls is no chance: `exp(-12)` is 6 in a million. Calls come in swarms (one
/// order, several calls), so less would be too little.
const TOO_MANY_MISSED: f64 = 12.0;

/// What became of a rhythm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Silence {
    /// The last call.
    pub since: Moment,
    /// How many calls there should have been since then.
    pub missed: f64,
}

/// Whether a unit has fallen silent: `calls` are its calls by hour, `last` the last of them.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls are far below 2^52"
)]
pub fn silence(calls: &BTreeMap<Hour, u64>, last: Moment, now: Moment) -> Option<Silence> {
    let (end, this) = (Hour::of(last), Hour::of(now));
    let from = *calls.keys().next()?;
    let from = from.max(end.back(WEEKS * WEEK - 1));
    let past: Vec<(Hour, u64)> = calls
        .range(from..=end)
        .map(|(hour, count)| (*hour, *count))
        .filter(|(_, count)| *count > 0)
        .collect();
    let hours = end.0 - from.0 + 1;
    if past.len() < FEWEST || hours < 48 {
        return None;
    }
    // With less than two weeks the days of the week are not told apart, only the hours of the day.
    let period = if hours >= 2 * WEEK { WEEK } else { 24 };
    let mut sums: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for hour in from.0..=end.0 {
        sums.entry(hour.rem_euclid(period)).or_default().1 += 1.0;
    }
    for (hour, count) in &past {
        sums.entry(hour.0.rem_euclid(period)).or_default().0 += *count as f64;
    }
    // One hour with a burst must not stand for a rhythm: an hour counts for at most three times the mean.
    let mean = past.iter().map(|(_, count)| *count as f64).sum::<f64>() / hours as f64;
    let expected = |hour: i64| {
        let (sum, times) = sums
            .get(&hour.rem_euclid(period))
            .copied()
            .unwrap_or_default();
        if times == 0.0 {
            0.0
        } else {
            (sum / times).min(3.0 * mean)
        }
    };
    let whole: f64 = (end.0 + 1..this.0).map(expected).sum();
    let part = (now.millis() - this.begins().millis()) as f64 / Hour::MILLIS as f64;
    let missed = if this.0 > end.0 {
        whole + part * expected(this.0)
    } else {
        0.0
    };
    (missed >= TOO_MANY_MISSED).then_some(Silence {
        since: last,
        missed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uniform in 0..1, always the same row.
    struct Dice(u64);
    impl Dice {
        fn roll(&mut self) -> f64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
        }
        fn poisson(&mut self, mean: f64) -> u64 {
            let (mut count, mut product) = (0, self.roll());
            while product > (-mean).exp() {
                product *= self.roll();
                count += 1;
            }
            count
        }
    }

    /// Asleep from 0 to 7 and on one day of the week.
    fn rate(hour: i64) -> f64 {
        let (day, time) = (hour.div_euclid(24).rem_euclid(7), hour.rem_euclid(24));
        if time < 7 || day == 3 { 0.0 } else { 2.5 }
    }

    fn months(dice: &mut Dice, hours: i64) -> BTreeMap<Hour, u64> {
        (0..hours)
            .map(|hour| (Hour(hour), dice.poisson(rate(hour))))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    #[test]
    fn a_stop_is_found_and_a_night_is_none() {
        let mut dice = Dice(7);
        let mut found = 0;
        for _ in 0..100 {
            let calls = months(&mut dice, 5 * WEEK);
            let (last, _) = calls.last_key_value().unwrap();
            let last = last.begins();
            // Two days later, of which one at least is open.
            let later = Hour(5 * WEEK + 48).begins();
            found += usize::from(silence(&calls, last, later).is_some());
            let night = Hour(5 * WEEK + 6).begins();
            assert_eq!(silence(&calls, last, night), None);
        }
        assert!(found >= 99, "{found}");
    }

    #[test]
    fn a_hundred_weeks_bring_no_false_alarm_more_than_once() {
        let mut dice = Dice(11);
        let mut alarms = 0;
        for _ in 0..100 {
            let calls = months(&mut dice, 6 * WEEK);
            for hour in 5 * WEEK..6 * WEEK {
                let until: BTreeMap<Hour, u64> =
                    calls.range(..Hour(hour)).map(|(h, c)| (*h, *c)).collect();
                let (last, _) = until.last_key_value().unwrap();
                let alarm = silence(&until, last.begins(), Hour(hour).begins());
                alarms += usize::from(alarm.is_some());
            }
        }
        assert!(alarms <= 1, "{alarms}");
    }

    #[test]
    fn who_was_hardly_seen_has_no_rhythm() {
        let one: BTreeMap<Hour, u64> = (0..5).map(|h| (Hour(h * 24), 100)).collect();
        assert_eq!(silence(&one, Hour(96).begins(), Hour(9_999).begins()), None);
        assert_eq!(
            silence(&BTreeMap::new(), Moment::default(), Hour(9).begins()),
            None
        );
    }
}
