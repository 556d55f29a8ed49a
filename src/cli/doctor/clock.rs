//! Our clock against upstream's and the database server's.
//!
//! Half a round trip and half a second (a date of HTTP has whole ones) are taken into account. Must not: guess: without a
//! date nothing is said but that. What a wrong clock breaks is in `docs/operations.md`.

use super::finding::{Area, Finding};
use crate::types::Reading;

/// Less is no skew that anybody notices.
const NOTICED_MS: i64 = 5_000;
/// From here on it is a fault.
const FAULT_MS: i64 = 60_000;
/// What several instances may differ.
const INSTANCES_MS: i64 = 1_000;

const NTP: &str = "Whoever runs this machine: switch on time synchronisation (NTP), and set the clock while the bridge \
    is stopped, as a jump cuts short what it waits for";

/// Against upstream.
pub(super) fn upstream(reading: Option<Reading>, host: &str) -> Finding {
    let Some(reading) = reading else {
        return Area::Clock.warn(
            format!("can't be compared with {host}"),
            "its answer has no date of its own, or there was no answer; look at this machine's time synchronisation (NTP)",
        );
    };
    let said = said(&reading, host);
    let sure = sure_ms(&reading);
    if sure < NOTICED_MS {
        Area::Clock.ok(said)
    } else if sure < FAULT_MS {
        Area::Clock.warn(
            said,
            format!("times in logs, records and metrics are off by that much. {NTP}"),
        )
    } else {
        Area::Clock.fail(
            said,
            format!(
                "times in logs and records are wrong, instances that share a database take over each other's work, and \
                 certificates may count as expired or not yet valid. Webhooks are taken all the same: the bridge \
                 compares no signature's date with this clock. {NTP}"
            ),
        )
    }
}

/// Against the server of the store; all instances have that one in common.
pub(super) fn database(reading: Reading) -> Finding {
    let said = said(&reading, "the database server");
    if sure_ms(&reading) <= INSTANCES_MS {
        Area::Clock.ok(said)
    } else {
        Area::Clock.warn(
            said,
            format!(
                "the clocks of instances that share it must be within a second; the line about upstream tells which of \
                 the two is wrong. {NTP}"
            ),
        )
    }
}

/// How far apart they are at least: what may be the way between them is not held against either.
fn sure_ms(reading: &Reading) -> i64 {
    let apart = reading.ahead_ms().saturating_abs();
    apart.saturating_sub(reading.doubt_ms())
}

/// By how much, and in which direction.
fn said(reading: &Reading, whose: &str) -> String {
    let skew_ms = reading.ahead_ms();
    if sure_ms(reading) < 500 {
        let most = reading.doubt_ms().max(skew_ms.saturating_abs());
        let within = most.saturating_add(999) / 1_000;
        return format!("agrees with {whose} (within {within} s)");
    }
    let seconds = skew_ms.saturating_abs().saturating_add(500) / 1_000;
    let direction = if skew_ms > 0 { "ahead of" } else { "behind" };
    match seconds {
        ..=119 => format!("this machine is {seconds} s {direction} {whose}"),
        _ => format!(
            "this machine is {} min {} s {direction} {whose}",
            seconds / 60,
            seconds % 60
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::finding::Verdict;
    use super::*;
    use crate::types::Moment;

    fn reading(ahead_s: i64, round_trip_ms: i64) -> Reading {
        let ours = 1_000_000_000;
        Reading {
            before: Moment::from_millis(ours),
            theirs: Moment::from_millis(ours + round_trip_ms / 2 - ahead_s * 1_000 - 500),
            after: Moment::from_millis(ours + round_trip_ms),
            step: Duration::from_secs(1),
        }
    }

    #[test]
    fn the_table_of_skews() {
        for (ahead, round_trip, verdict, said) in [
            (0, 40, Verdict::Ok, "agrees with api (within 1 s)"),
            (3, 40, Verdict::Ok, "this machine is 3 s ahead of api"),
            (-4, 40, Verdict::Ok, "this machine is 4 s behind api"),
            (20, 40, Verdict::Warn, "this machine is 20 s ahead of api"),
            // So slow an answer proves nothing.
            (8, 9_000, Verdict::Ok, "this machine is 8 s ahead of api"),
            (-59, 40, Verdict::Warn, "this machine is 59 s behind api"),
            (119, 40, Verdict::Fail, "this machine is 119 s ahead of api"),
            (
                600,
                40,
                Verdict::Fail,
                "this machine is 10 min 0 s ahead of api",
            ),
            (
                -605,
                40,
                Verdict::Fail,
                "this machine is 10 min 5 s behind api",
            ),
        ] {
            let found = upstream(Some(reading(ahead, round_trip)), "api");
            assert_eq!(found.verdict, verdict, "{ahead}");
            assert!(found.line().contains(said), "{ahead}: {}", found.line());
            let has_remedy = found.line().contains("NTP");
            assert_eq!(has_remedy, verdict != Verdict::Ok, "{ahead}");
        }
        let unknown = upstream(None, "api");
        assert_eq!(unknown.verdict, Verdict::Warn);
    }

    #[test]
    fn instances_must_be_within_a_second() {
        for (ahead, verdict) in [(0, Verdict::Ok), (-1, Verdict::Ok), (3, Verdict::Warn)] {
            let found = database(reading(ahead, 10));
            assert_eq!(found.verdict, verdict, "{ahead}");
        }
    }
}
