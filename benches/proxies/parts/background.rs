//! What merchants notice of the background: two bridges with the same store, of which one has old payments to delete all
//! the time and reads payments for callbacks and the ledger.
//!
//! Must not: let one run while the other is measured, for they share a processor.

use std::io;
use std::time::{Duration, Instant};

use super::growth::grown;
use super::pass::added;
use super::translated::get;
use super::{Bench, REST, subject};
use crate::load::Plan;
use crate::peers::Running;
use crate::rounds::{self, Row, Subject};
use crate::work::Work;

const PAYMENTS: u64 = 100_000;
/// The first are as young as new ones; these are captured.
const YOUNG: u64 = 10_000;
const RATE: u64 = 300;

/// All others are older than the bridge keeps them, and the ledger wants to look at each.
const OLD: &str =
    "UPDATE payments SET created_at = 1, changed_at = 1 WHERE order_id >= 'order-000-00010000';
    UPDATE ledger SET due_at = 1;";

/// Initiate and capture at a fixed rate, with and without.
pub fn beside_calls(bench: &Bench) -> io::Result<()> {
    let none = ["ECOM_BRIDGE__READS__BACKGROUND_SHARE=0"];
    let quiet = grown(bench, PAYMENTS, "UPDATE ledger SET due_at = NULL;", &none)?;
    quiet.process.freeze(true)?;
    let busy = grown(bench, PAYMENTS, OLD, &["ECOM_BRIDGE__READS__POLL=true"])?;
    let began = Instant::now();
    while steps(&busy)? == 0 {
        if began.elapsed() > Duration::from_secs(900) {
            return Err(io::Error::other("nothing was deleted"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    busy.process.freeze(true)?;
    let both = [
        ("nothing in the background", &quiet),
        ("at work in it", &busy),
    ];
    let (mut deleted, mut measured) = (0, Duration::ZERO);
    for (n, (title, work)) in (0..).zip([
        ("initiate", Work::Initiate),
        ("capture", Work::Capture(YOUNG)),
    ]) {
        let mut rows = both.map(|(name, _)| Row {
            name: name.to_owned(),
            rounds: Vec::new(),
        });
        for round in 0..bench.rounds {
            for (row, (name, bridge)) in rows.iter_mut().zip(both) {
                let subject = Subject {
                    name: name.to_owned(),
                    ..subject(
                        bridge,
                        Plan {
                            rate: RATE,
                            ..bench.plan(bridge.addr, work, 1 + n * 100 + round)
                        },
                    )
                };
                bridge.process.freeze(false)?;
                let (before, began) = (steps(bridge)?, Instant::now());
                for done in rounds::run(1, REST, &[subject])? {
                    row.rounds.extend(done.rounds);
                }
                if std::ptr::eq(bridge, &raw const busy) {
                    deleted += steps(bridge)? - before;
                    measured += began.elapsed();
                }
                bridge.process.freeze(true)?;
            }
        }
        added(
            &format!(
                "Beside the background: {title} at {RATE} a second, added to the quiet one's time"
            ),
            &rows,
        );
    }
    let a_second = deleted as f64 / measured.as_secs_f64();
    println!("\n{a_second:.1} steps of deletion a second while the busy one was measured.");
    Ok(())
}

/// How often old payments were deleted.
fn steps(bridge: &Running) -> io::Result<u64> {
    let metrics = get(bridge.admin, "/metrics")?;
    let name = "bridge_store_seconds_count{step=\"prune\"} ";
    let count = metrics.lines().find_map(|line| line.strip_prefix(name));
    Ok(count.map_or(0, |count| count.trim().parse().unwrap_or(0)))
}
