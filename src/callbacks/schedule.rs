//! When a callback is tried again.
//!
//! Pure. The n-th failed attempt is followed by the n-th wait of the schedule (the first entry comes before the first
//! attempt), 20 % longer or shorter, so that an outage's callbacks do not come back as one. The same callback and
//! attempt always wait the same.

use std::time::Duration;

use crate::store::CallbackId;
use crate::types::Moment;

/// How long a shop that answers 429 is left alone, where the schedule allows.
pub const TOO_MANY: Duration = Duration::from_secs(60);

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another one, not before this moment.
    Retry(Moment),
    /// The schedule has ended.
    GiveUp,
}

/// What follows when `attempts_done` attempts (1 or more) have failed. A merchant's `retry_after` may make the wait
/// longer, up to twice the planned one; it never makes it shorter.
#[must_use]
pub fn next_attempt(
    schedule: &[Duration],
    attempts_done: u32,
    retry_after: Option<Duration>,
    id: CallbackId,
    now: Moment,
) -> Next {
    let Some(planned) = usize::try_from(attempts_done)
        .ok()
        .and_then(|done| schedule.get(done))
    else {
        return Next::GiveUp;
    };
    let least = jittered(*planned, id, attempts_done);
    let most = planned.saturating_mul(2).max(least);
    Next::Retry(now.plus(retry_after.unwrap_or(least).clamp(least, most)))
}

/// The wait a merchant asks for: `Retry-After` in seconds or as an HTTP date (a past one: zero); none where it can't be
/// read.
#[must_use]
pub fn retry_after(value: &str, now: Moment) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are as good as for ever; the clamp takes care.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    Some(Moment::parse_http(value)?.since(now))
}

/// Between 80 % and 120 % of the wait.
fn jittered(planned: Duration, id: CallbackId, attempt: u32) -> Duration {
    let millis = u64::try_from(planned.as_millis()).unwrap_or(u64::MAX);
    let permille = 800 + mixed(id.0.cast_unsigned(), attempt) % 401;
    Duration::from_millis(
        (millis / 1_000).saturating_mul(permille) + (millis % 1_000) * permille / 1_000,
    )
}

/// `SplitMix64`: near ids end up far from each other.
const fn mixed(id: u64, attempt: u32) -> u64 {
    let mut z = id
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add((attempt as u64).wrapping_mul(0xd1b5_4a32_d192_ed03))
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const NOW: Moment = Moment::from_millis(1_700_000_000_000);

    fn seconds(all: &[u64]) -> Vec<Duration> {
        all.iter().copied().map(Duration::from_secs).collect()
    }

    fn wait(schedule: &[Duration], done: u32, after: Option<u64>, id: i64) -> Option<Duration> {
        match next_attempt(
            schedule,
            done,
            after.map(Duration::from_secs),
            CallbackId(id),
            NOW,
        ) {
            Next::Retry(at) => Some(at.since(NOW)),
            Next::GiveUp => None,
        }
    }

    #[test]
    fn the_schedule_is_followed_to_its_end() {
        let schedule = seconds(&[0, 5, 30, 120]);
        for (done, low, high) in [(1, 4_000, 6_000), (2, 24_000, 36_000), (3, 96_000, 144_000)] {
            let millis = wait(&schedule, done, None, 7).unwrap().as_millis();
            assert!((low..=high).contains(&millis), "{done}: {millis}");
        }
        assert_eq!(wait(&schedule, 4, None, 7), None);
        assert_eq!(wait(&schedule, u32::MAX, None, 7), None);
        // One attempt, as eCom made.
        assert_eq!(wait(&seconds(&[0]), 1, None, 7), None);
    }

    #[test]
    fn ten_thousand_callbacks_do_not_come_back_as_one() {
        let schedule = seconds(&[0, 30]);
        let waits: Vec<u128> = (0..10_000)
            .map(|id| wait(&schedule, 1, None, id).unwrap().as_millis())
            .collect();
        // 401 steps of 30 ms, each met, none crowded.
        let kinds: BTreeSet<u128> = waits.iter().copied().collect();
        assert_eq!(kinds.len(), 401);
        let crowded = kinds
            .iter()
            .map(|kind| waits.iter().filter(|wait| *wait == kind).count());
        assert!(crowded.max().unwrap() < 60);
    }

    #[test]
    fn a_merchants_wish_is_kept_within_bounds() {
        let schedule = seconds(&[0, 5, 30, 120]);
        // Shorter than planned: the plan. Within: the wish. Longer: twice the plan.
        assert_eq!(wait(&schedule, 3, Some(1), 7), wait(&schedule, 3, None, 7));
        assert_eq!(
            wait(&schedule, 3, Some(180), 7),
            Some(Duration::from_secs(180))
        );
        assert_eq!(
            wait(&schedule, 3, Some(u64::MAX), 7),
            Some(Duration::from_secs(240))
        );
        // 429 without a wish: a minute, where the schedule allows.
        assert_eq!(
            wait(&schedule, 2, Some(TOO_MANY.as_secs()), 7),
            Some(TOO_MANY)
        );
        assert_eq!(
            wait(&schedule, 1, Some(TOO_MANY.as_secs()), 7),
            Some(Duration::from_secs(10))
        );
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = Moment::parse("2023-03-30T08:38:00Z").unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Thu, 30 Mar 2023 08:38:32 GMT", Some(32)),
            ("Thu, 30 Mar 2023 08:37:00 GMT", Some(0)),
            ("99999999999999999999999999", Some(u64::MAX)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(text, now),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn laws(
            waits in proptest::collection::vec(0u64..=604_800_000, 1..=100),
            done in 1u32..=120, id: i64,
            wish in proptest::option::of(0u64..=4_000_000), more in 0u64..=4_000_000,
            now in 0i64..=4_000_000_000_000, later in 0i64..=1_000_000_000,
        ) {
            let schedule: Vec<Duration> = waits.iter().copied().map(Duration::from_millis).collect();
            let next = |wish: Option<u64>, now: i64| {
                next_attempt(&schedule, done, wish.map(Duration::from_secs), CallbackId(id), Moment::from_millis(now))
            };
            let one = next(wish, now);
            // The same again is the same.
            prop_assert_eq!(one, next(wish, now));
            let Next::Retry(at) = one else {
                prop_assert!(usize::try_from(done).unwrap() >= waits.len());
                return Ok(());
            };
            // Between 80 % and twice the plan, never before now.
            let planned = waits[usize::try_from(done).unwrap()];
            let millis = u64::try_from(at.millis() - now).unwrap();
            prop_assert!(millis >= planned / 10 * 8 - planned.min(8) && millis <= planned * 2);
            if wish.is_none() {
                prop_assert!(millis <= planned + planned / 5 + 1);
            }
            // Monotone in now and in the wish.
            let Next::Retry(after) = next(wish, now + later) else { panic!("it gave up") };
            prop_assert_eq!(after.millis() - at.millis(), later);
            let Next::Retry(longer) = next(Some(wish.unwrap_or(0) + more), now) else { panic!("it gave up") };
            prop_assert!(longer >= at);
        }

        #[test]
        fn any_text_can_be_read(text in ".{0,60}", now in 0i64..=4_000_000_000_000) {
            let _no_panic = retry_after(&text, Moment::from_millis(now));
        }
    }
}
