//! The share of the published read limits that the bridge's own reads may use, and the peace that a 429 asks for.
//!
//! One for all workers of an instance, so that together they stay within it. Must not: count a merchant's own reads, or
//! sleep (it says from when on).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use crate::types::{Moment, Msn, Reference};

/// The published limit of reads, per payment and minute.
pub const READS_A_MINUTE: u32 = 120;
const MINUTE: Duration = Duration::from_secs(60);
/// After a 429 nobody reads in the background for this unit for so long.
pub const PEACE: Duration = Duration::from_secs(60);
/// So many payments are remembered; that many in a minute are out of reach.
const PAYMENTS: u64 = 50_000;
/// A payment that nobody has read for so long has all its reads again, so nothing need be remembered of it.
const FORGOTTEN: Duration = Duration::from_secs(2 * 60);

type Taken = Arc<Mutex<VecDeque<Moment>>>;

/// Sales units that are left in peace after a 429.
#[derive(Clone, Debug)]
pub struct Peace(Cache<Msn, Moment>);

impl Default for Peace {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(PAYMENTS).build())
    }
}

impl Peace {
    /// Upstream has answered 429: this unit is left in peace for [`PEACE`].
    pub fn begin(&self, msn: &Msn, now: Moment) {
        self.0.insert(msn.clone(), now.plus(PEACE));
    }

    /// Until when it is left in peace, where it is.
    #[must_use]
    pub fn until(&self, msn: &Msn, now: Moment) -> Option<Moment> {
        self.0.get(msn).filter(|until| *until > now)
    }
}

/// Counts background reads.
#[derive(Clone, Debug)]
pub struct ReadShare {
    taken: Cache<(Msn, Reference), Taken>,
    peace: Peace,
}

impl Default for ReadShare {
    fn default() -> Self {
        Self::new()
    }
}

impl ReadShare {
    /// Nothing taken yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            taken: Cache::builder()
                .max_capacity(PAYMENTS)
                .time_to_idle(FORGOTTEN)
                .build(),
            peace: Peace::default(),
        }
    }

    /// Takes so many reads of a payment now, within so many percent of the published limit; at least one payment with its
    /// log is always read.
    ///
    /// # Errors
    /// From when on they may be taken.
    pub fn take(
        &self,
        msn: &Msn,
        reference: &Reference,
        (reads, percent): (usize, u8),
        now: Moment,
    ) -> Result<(), Moment> {
        if let Some(until) = self.peace.until(msn, now) {
            return Err(until);
        }
        let most = READS_A_MINUTE * u32::from(percent) / 100;
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(2);
        let name = (msn.clone(), reference.clone());
        let taken = self.taken.get_with(name, Taken::default);
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken
            .front()
            .is_some_and(|first| now.since(*first) >= MINUTE)
        {
            taken.pop_front();
        }
        if taken.len() + reads > most {
            let over = taken.len() + reads - most;
            let free = taken.get(over - 1).copied().unwrap_or(now);
            return Err(free.plus(MINUTE));
        }
        taken.extend(std::iter::repeat_n(now, reads));
        Ok(())
    }

    /// Upstream has answered 429: no background reads for this unit for a while.
    pub fn peace(&self, msn: &Msn, now: Moment) {
        self.peace.begin(msn, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (Msn, Reference) {
        (
            Msn::parse("123456").unwrap(),
            Reference::parse("order-0001").unwrap(),
        )
    }

    fn at(seconds: i64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    #[test]
    fn a_tenth_is_twelve_a_minute_for_each_payment() {
        let share = ReadShare::new();
        let (msn, one) = names();
        for second in 0..6 {
            assert_eq!(share.take(&msn, &one, (2, 10), at(second)), Ok(()));
        }
        assert_eq!(share.take(&msn, &one, (1, 10), at(30)), Err(at(60)));
        assert_eq!(share.take(&msn, &one, (2, 10), at(60)), Ok(()));
        assert_eq!(share.take(&msn, &one, (2, 10), at(60)), Err(at(61)));
        let other = Reference::parse("order-0002").unwrap();
        assert_eq!(share.take(&msn, &other, (2, 10), at(30)), Ok(()));
    }

    #[test]
    fn never_more_than_the_share_in_any_minute() {
        for percent in [0, 1, 10, 100] {
            let share = ReadShare::new();
            let most = usize::from(percent) * 120 / 100;
            let (msn, one) = names();
            let mut times: Vec<Moment> = Vec::new();
            for step in 0..2_000 {
                let now = Moment::from_millis(step * 137);
                let reads = 1 + usize::try_from(step % 2).unwrap();
                if share.take(&msn, &one, (reads, percent), now).is_ok() {
                    times.extend(std::iter::repeat_n(now, reads));
                }
                let lately = times.iter().filter(|at| now.since(**at) < MINUTE);
                assert!(lately.count() <= most.max(2), "{percent}");
            }
            assert!(times.len() > 4, "{percent}");
        }
    }

    #[test]
    fn after_a_429_the_unit_is_left_in_peace() {
        let share = ReadShare::new();
        let (msn, one) = names();
        share.peace(&msn, at(0));
        assert_eq!(share.take(&msn, &one, (1, 10), at(59)), Err(at(60)));
        assert_eq!(share.take(&msn, &one, (1, 10), at(60)), Ok(()));
        share.peace(&msn, at(60));
        let other = Msn::parse("234567").unwrap();
        assert_eq!(share.take(&other, &one, (1, 10), at(61)), Ok(()));
    }
}
