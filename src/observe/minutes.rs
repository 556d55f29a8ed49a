//! The last hour, minute by minute and by route: for charts.
//!
//! A ring of minutes, each with the number of the minute it stands for. Must not: hold up a call; a count that falls
//! between two minutes may be in either.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::telemetry::Route;
use crate::types::Moment;

/// The ways a request can go, in the order of [`Minute::calls`].
pub const WAYS: [Route; 4] = [Route::Ecom, Route::Epayment, Route::Refused, Route::Pass];

const SHOWN: i64 = 60;
/// One more than are shown: the one that is being counted must not be the oldest that is shown.
const PLACES: usize = 64;
const MILLIS: i64 = 60_000;

#[derive(Debug, Default)]
struct Place {
    /// Which minute since 1970.
    minute: AtomicI64,
    calls: [AtomicU64; WAYS.len()],
    bad: [AtomicU64; WAYS.len()],
}

/// One minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute {
    /// Its first moment.
    pub at: Moment,
    /// Requests by way.
    pub calls: [u64; WAYS.len()],
    /// Those of them that an API failed.
    pub failed: [u64; WAYS.len()],
}

/// The ring.
#[derive(Debug)]
pub(super) struct Minutes([Place; PLACES]);

impl Default for Minutes {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Place::default()))
    }
}

fn place_of(minute: i64) -> usize {
    usize::try_from(minute.rem_euclid(64)).unwrap_or(0)
}

impl Minutes {
    pub(super) fn note(&self, now: Moment, route: Route, bad: bool) {
        let minute = now.millis().div_euclid(MILLIS);
        let place = &self.0[place_of(minute)];
        let old = place.minute.load(Relaxed);
        if old != minute
            && place
                .minute
                .compare_exchange(old, minute, Relaxed, Relaxed)
                .is_ok()
        {
            // Whoever turns the page wipes it.
            for number in place.calls.iter().chain(&place.bad) {
                number.store(0, Relaxed);
            }
        }
        let way = match route {
            Route::Ecom => 0,
            Route::Epayment => 1,
            Route::Refused => 2,
            Route::Pass => 3,
        };
        place.calls[way].fetch_add(1, Relaxed);
        if bad {
            place.bad[way].fetch_add(1, Relaxed);
        }
    }

    pub(super) fn last_hour(&self, now: Moment) -> Vec<Minute> {
        let this = now.millis().div_euclid(MILLIS);
        (this - SHOWN + 1..=this)
            .map(|minute| {
                let place = &self.0[place_of(minute)];
                let there = place.minute.load(Relaxed) == minute;
                let read = |numbers: &[AtomicU64; WAYS.len()]| {
                    std::array::from_fn(|way| if there { numbers[way].load(Relaxed) } else { 0 })
                };
                Minute {
                    at: Moment::from_millis(minute * MILLIS),
                    calls: read(&place.calls),
                    failed: read(&place.bad),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_shown_and_older_minutes_are_gone() {
        let minutes = Minutes::default();
        let at = |minute: i64| Moment::from_millis(1_700_000_040_000 + minute * MILLIS);
        minutes.note(at(0), Route::Ecom, true);
        minutes.note(at(1), Route::Pass, false);
        minutes.note(at(1), Route::Pass, false);
        let hour = minutes.last_hour(at(59));
        assert_eq!(hour.len(), 60);
        assert_eq!((hour[0].at, hour[0].calls), (at(0), [1, 0, 0, 0]));
        assert_eq!(hour[0].failed, [1, 0, 0, 0]);
        assert_eq!(hour[1].calls, [0, 0, 0, 2]);
        assert_eq!(minutes.last_hour(at(60))[0].calls, [0, 0, 0, 2]);
        minutes.note(at(64), Route::Refused, false);
        let hour = minutes.last_hour(at(64));
        assert_eq!(hour[59].calls, [0, 0, 1, 0]);
        assert_eq!(hour.iter().flat_map(|m| m.calls).sum::<u64>(), 1);
    }
}
