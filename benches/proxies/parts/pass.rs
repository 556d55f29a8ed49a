//! Pass-through: what is no call of eCom, in bodies of all sizes, flat out and at a fixed rate.
//!
//! Must not: compare a translated call.

use std::io;

use super::{BOTH, Bench, PROXY, REST, subject, table};
use crate::load::Plan;
use crate::rounds::{self, Row, Subject};
use crate::work::Work;

/// GET and POST of 1 kB, 100 kB and 5 MB.
pub fn bodies(bench: &Bench) -> io::Result<()> {
    let peers = bench.everybody(PROXY)?;
    for (n, bytes, shown) in [
        (0, 1_000, "1 kB"),
        (1, 100_000, "100 kB"),
        (2, 5_000_000, "5 MB"),
    ] {
        for (m, work, verb) in [(0, Work::Get(bytes), "GET"), (1, Work::Post(bytes), "POST")] {
            let subjects: Vec<Subject<'_>> = peers
                .iter()
                .map(|peer| {
                    let plan = bench.plan(peer.addr, work, 1 + n * 2 + m);
                    let connections = if bytes > 1_000_000 { 8 } else { 64 };
                    subject(
                        peer,
                        Plan {
                            connections,
                            ..plan
                        },
                    )
                })
                .collect();
            let rows = rounds::run(bench.rounds, REST, &subjects)?;
            table(&format!("{verb} {shown}, one processor"), &rows, "nginx");
        }
    }
    println!("\nMemory after that (PSS): {}", memory(&peers));
    Ok(())
}

fn memory(peers: &[crate::peers::Running]) -> String {
    let each = peers.iter().map(|peer| {
        let mib = peer.process.memory() / 1024.0;
        format!("{} {mib:.1} MiB", peer.peer.name())
    });
    each.collect::<Vec<_>>().join(", ")
}

/// 1 kB at a fixed rate: what is added to the time without a proxy.
pub fn rate(bench: &Bench) -> io::Result<()> {
    let peers = bench.everybody(PROXY)?;
    for (n, rate) in [(0, 500), (1, 2_000), (2, 5_000)] {
        let plan = |addr| Plan {
            rate,
            connections: 32,
            ..bench.plan(addr, Work::Post(512), 1 + n)
        };
        let mut subjects = vec![Subject {
            name: "no proxy".to_owned(),
            process: None,
            plan: plan(bench.site.upstream),
        }];
        subjects.extend(peers.iter().map(|peer| subject(peer, plan(peer.addr))));
        let rows = rounds::run(bench.rounds, REST, &subjects)?;
        added(
            &format!("POST 0.5 kB at {rate} a second, one processor"),
            &rows,
        );
    }
    Ok(())
}

/// The rows of an open loop; the first is without a proxy.
pub fn added(title: &str, rows: &[Row]) {
    println!("\n### {title}\n");
    println!("| | p50 | added p50 | p99 (least to most of the rounds) | CPU a request |");
    println!("|---|---|---|---|---|");
    let Some(direct) = rows.first() else { return };
    for row in rows {
        let more = row.against(direct, |m| m.p50, |own, direct| (own - direct) / 1000.0);
        let p99 = row.spread(|m| m.p99 / 1000.0);
        let failed: u64 = row.rounds.iter().map(|m| m.failed).sum();
        let failed = if failed > 0 {
            format!(" ({failed} FAILED)")
        } else {
            String::new()
        };
        // The load itself has no process of its own.
        let cpu = row.spread(|m| m.cpu).median;
        let cpu = if cpu.is_nan() {
            "–".to_owned()
        } else {
            format!("{cpu:.0} µs")
        };
        println!(
            "| {}{failed} | {:.3} ms | {} ms | {:.2}–{:.2} ms | {cpu} |",
            row.name,
            row.spread(|m| m.p50).median / 1000.0,
            more.shown(),
            p99.least,
            p99.most,
        );
    }
}

/// Everybody with one thread and with two, side by side, on both processors: the load and the upstream run there, too, and
/// disturb one thread as they disturb two.
pub fn two_processors(bench: &Bench) -> io::Result<()> {
    let (one, two) = (bench.everybody(PROXY)?, bench.everybody(BOTH)?);
    for peer in &one {
        peer.process.move_to(BOTH)?;
    }
    let subjects: Vec<_> = one
        .iter()
        .zip(&two)
        .flat_map(|(one, two)| [(one, 1), (two, 2)])
        .map(|(peer, run)| subject(peer, bench.plan(peer.addr, Work::Post(512), run)))
        .collect();
    let mut rows = rounds::run(bench.rounds, BOTH, &subjects)?.into_iter();
    let (mut one, mut two) = (Vec::new(), Vec::new());
    while let (Some(with_one), Some(with_two)) = (rows.next(), rows.next()) {
        one.push(with_one);
        two.push(with_two);
    }
    for (threads, rows) in [("one thread", &one), ("two threads", &two)] {
        let title = format!("POST 0.5 kB, {threads} on both processors, shared with all the rest");
        table(&title, rows, "nginx");
    }
    println!(
        "\nWhat two threads give, by the processor time a request: twice that of one over that of two.\n"
    );
    for (one, two) in one.iter().zip(&two) {
        let gain = two.against(one, |m| m.cpu, |two, one| 2.0 * one / two);
        println!("- {}: {}", one.name, gain.shown());
    }
    Ok(())
}
