//! How often one address may show a wrong token: ten times at once, then once in six seconds.
//!
//! While an address has none left, its right token is not looked at either: else the limit would be none. Sessions and
//! other addresses go on. Must not: grow without a limit, or wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::origin::counted;
use crate::types::Moment;

/// So many wrong ones at once.
const BURST: i64 = 10;
/// One more after so many milliseconds.
const EVERY: i64 = 6_000;
/// So many addresses are remembered.
const MOST: usize = 1_000;

/// What became of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is the token.
    Right,
    /// It is not.
    Wrong,
    /// Not looked at: to be tried again after so many seconds.
    Limited(u64),
}

/// Wrong tokens, by address: the moment at which all of them will be forgiven, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<HashMap<IpAddr, i64>>);

impl Guesses {
    /// Looks at a token unless the address has had its wrong ones; one look at a time, so that many at once are counted
    /// like one after the other.
    pub(super) fn judge(&self, from: IpAddr, now: Moment, right: impl FnOnce() -> bool) -> Judged {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, now) = (counted(from), now.millis());
        let forgiven = all.get(&from).copied().unwrap_or(now).max(now);
        // A clock that was set back must not lock anyone out for long.
        let forgiven = forgiven.min(now + BURST * EVERY);
        let wait = forgiven - now - (BURST - 1) * EVERY;
        if wait > 0 {
            let seconds = u64::try_from(wait.saturating_add(999) / 1_000).unwrap_or(1);
            return Judged::Limited(seconds);
        }
        if right() {
            return Judged::Right;
        }
        if all.len() >= MOST {
            all.retain(|_, forgiven| *forgiven > now);
        }
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, at)| **at).map(|(ip, _)| *ip)
        {
            all.remove(&oldest);
        }
        all.insert(from, forgiven + EVERY);
        Judged::Wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_wrong_ones_then_one_in_six_seconds() {
        let guesses = Guesses::default();
        let (a, b): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let at = |ms: i64| Moment::from_millis(1_000_000 + ms);
        for _ in 0..10 {
            assert_eq!(guesses.judge(a, at(0), || false), Judged::Wrong);
        }
        assert_eq!(guesses.judge(a, at(0), || true), Judged::Limited(6));
        assert_eq!(guesses.judge(a, at(5_999), || true), Judged::Limited(1));
        assert_eq!(guesses.judge(b, at(0), || true), Judged::Right);
        assert_eq!(guesses.judge(a, at(6_000), || true), Judged::Right);
        assert_eq!(guesses.judge(a, at(6_000), || false), Judged::Wrong);
        assert_eq!(guesses.judge(a, at(6_000), || true), Judged::Limited(6));
        // Set back by a day.
        assert_eq!(
            guesses.judge(a, at(-86_400_000), || true),
            Judged::Limited(6)
        );
    }

    #[test]
    fn a_crowd_does_not_fill_the_memory() {
        let guesses = Guesses::default();
        for n in 0..3_000_u32 {
            let ip = IpAddr::from(n.to_be_bytes());
            assert_eq!(
                guesses.judge(ip, Moment::from_millis(9), || false),
                Judged::Wrong
            );
        }
        assert_eq!(guesses.0.lock().unwrap().len(), MOST);
    }
}
