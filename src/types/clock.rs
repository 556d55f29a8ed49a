//! Time as an argument. `SystemClock` is the only place that asks the operating system.
//!
//! Must not: sleep. A `Moment` is milliseconds since 1970 UTC and prints as eCom prints time.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// A moment of so many milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 text; digits beyond the third decimal are cut, not rounded.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let stamp: jiff::Timestamp = text.parse().ok()?;
        Some(Self(stamp.as_millisecond()))
    }

    /// Reads a date of HTTP, `Thu, 30 Mar 2023 08:38:32 GMT`.
    #[must_use]
    pub fn parse_http(text: &str) -> Option<Self> {
        let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
        Some(Self(date.timestamp().as_millisecond()))
    }

    /// As a date of HTTP, to the second below.
    #[must_use]
    pub fn http_date(self) -> String {
        jiff::Timestamp::from_millisecond(self.0)
            .map(|t| t.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
            .unwrap_or_default()
    }

    /// This moment and `duration` more.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long ago `earlier` was, zero if it was not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`, exactly three decimals: legacy clients parse and compare it as text.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(stamp) => write!(f, "{stamp:.3}"),
            Err(_) => f.write_str("1970-01-01T00:00:00.000Z"),
        }
    }
}

/// Somebody else's clock, read between two looks at ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Ours before they were asked.
    pub before: Moment,
    /// Theirs.
    pub theirs: Moment,
    /// Ours when the answer was there.
    pub after: Moment,
    /// Theirs is told in whole steps of this length, the rest cut off.
    pub step: Duration,
}

impl Reading {
    /// By how many milliseconds ours is ahead of theirs (negative: behind): between the middles of what is possible.
    #[must_use]
    pub fn ahead_ms(&self) -> i64 {
        let step = i64::try_from(self.step.as_millis()).unwrap_or(i64::MAX);
        let ours = self.before.0 / 2 + self.after.0 / 2;
        ours.saturating_sub(self.theirs.0.saturating_add(step / 2))
    }

    /// So many milliseconds more or less are possible, too.
    #[must_use]
    pub fn doubt_ms(&self) -> i64 {
        let both = self.after.since(self.before) + self.step;
        i64::try_from(both.as_millis() / 2).unwrap_or(i64::MAX)
    }

    /// How long the answer took.
    #[must_use]
    pub fn round_trip(&self) -> Duration {
        self.after.since(self.before)
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now.
    fn now(&self) -> Moment;

    /// How long it has not been put forward, as far as this process could see. What a `Moment` says has passed since
    /// another has truly passed if it is no longer than this.
    fn steady(&self) -> Duration {
        Duration::MAX
    }
}

/// The operating system's clock. Each look at it is held against the time that runs evenly, so that a jump is seen at the
/// first look after it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The machine has one clock, whoever asks.
static JUMPS: LazyLock<Jumps> = LazyLock::new(Jumps::default);

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system"
    )]
    fn now(&self) -> Moment {
        let now = Moment(jiff::Timestamp::now().as_millisecond());
        JUMPS.look(now, JUMPS.began.elapsed());
        now
    }

    fn steady(&self) -> Duration {
        self.now();
        JUMPS.steady(JUMPS.began.elapsed())
    }
}

/// More than this between two looks is no drift. Milliseconds.
const JUMP: i64 = 1_000;

/// Finds where a clock was put forward, by a time that runs evenly.
#[derive(Debug)]
struct Jumps {
    began: Instant,
    /// By how many milliseconds the clock was ahead of the even time, when it was last looked at.
    ahead: AtomicI64,
    /// The even time of the last jump, in milliseconds.
    jumped: AtomicI64,
}

impl Default for Jumps {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            ahead: AtomicI64::new(i64::MAX),
            jumped: AtomicI64::new(i64::MIN),
        }
    }
}

impl Jumps {
    fn look(&self, now: Moment, even: Duration) {
        let even = millis(even);
        let ahead = now.0.saturating_sub(even);
        let before = self.ahead.swap(ahead, Ordering::Relaxed);
        if ahead.saturating_sub(before) > JUMP {
            self.jumped.store(even, Ordering::Relaxed);
        }
    }

    fn steady(&self, even: Duration) -> Duration {
        match self.jumped.load(Ordering::Relaxed) {
            i64::MIN => Duration::MAX,
            jumped => even.saturating_sub(Duration::from_millis(jumped.unsigned_abs())),
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A clock that tests and the simulator move by hand.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub const fn new(start: Moment) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(
            i64::try_from(by.as_millis()).unwrap_or(i64::MAX),
            Ordering::SeqCst,
        );
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_clock_is_read_with_its_doubt() {
        let read = |before, theirs, after, step| Reading {
            before: Moment(before),
            theirs: Moment(theirs),
            after: Moment(after),
            step: Duration::from_millis(step),
        };
        // Theirs says second 10: it is 10.5 in the middle.
        let same = read(10_400, 10_000, 10_600, 1_000);
        assert_eq!((same.ahead_ms(), same.doubt_ms()), (0, 600));
        let fast = read(610_400, 10_000, 610_600, 1_000);
        assert_eq!(fast.ahead_ms(), 600_000);
        let slow = read(1_000, 601_000, 1_002, 1);
        assert_eq!((slow.ahead_ms(), slow.doubt_ms()), (-599_999, 1));
    }

    #[test]
    fn a_clock_that_was_put_forward_is_steady_again_from_then_on() {
        let jumps = Jumps::default();
        let after = Duration::from_secs;
        let look = |now, even| {
            jumps.look(Moment(now), after(even));
            jumps.steady(after(even))
        };
        assert_eq!(look(1_000_000, 10), Duration::MAX);
        assert_eq!(look(1_060_900, 70), Duration::MAX, "drift");
        assert_eq!(look(4_661_000, 71), Duration::ZERO, "an hour forward");
        assert_eq!(look(4_690_000, 100), after(29));
        assert_eq!(look(1_091_000, 101), after(30), "back makes nothing older");
        assert_eq!(look(1_191_000, 201), after(130));
        assert_eq!(look(1_194_001, 202), Duration::ZERO, "and forward again");
    }

    #[test]
    fn dates_of_http_are_read_and_written() {
        let text = "Thu, 30 Mar 2023 08:38:32 GMT";
        let moment = Moment::parse_http(text).unwrap();
        assert_eq!(moment, Moment::parse("2023-03-30T08:38:32Z").unwrap());
        assert_eq!(moment.plus(Duration::from_millis(999)).http_date(), text);
        assert_eq!(Moment::parse_http("yesterday"), None);
    }

    #[test]
    fn time_prints_with_exactly_three_decimals() {
        for (text, shown) in [
            ("2018-11-14T15:22:46.736Z", "2018-11-14T15:22:46.736Z"),
            ("2023-03-30T08:38:32.9876543Z", "2023-03-30T08:38:32.987Z"),
            ("2023-03-30T08:38:32Z", "2023-03-30T08:38:32.000Z"),
            ("2023-03-30T10:38:32.5+02:00", "2023-03-30T08:38:32.500Z"),
        ] {
            assert_eq!(Moment::parse(text).unwrap().to_string(), shown);
        }
        assert_eq!(Moment::parse("yesterday"), None);
    }
}
