//! Several instances on one PostgreSQL: what a call costs the bridge and what it costs the database.
//!
//! Only with `--postgres URL` of an empty database on this machine. Must not: use a database that holds anything.

use std::fs;
use std::io;
use std::time::Instant;

use super::{BOTH, Bench};
use crate::load::Plan;
use crate::peers::{BRIDGE, Running};
use crate::process::ticks_of;
use crate::rounds;
use crate::work::Work;

const PAYMENTS: u64 = 2_000;

/// One instance, then two, each asked by a load of its own at the same time.
pub fn shared(bench: &Bench) -> io::Result<()> {
    let Some(url) = bench.value("--postgres") else {
        eprintln!("no --postgres URL was given: several instances are not measured");
        return Ok(());
    };
    let wrapper = ["env".to_owned(), format!("ECOM_BRIDGE__STORE__URL={url}")];
    let start = || bench.site.start_under(&wrapper, BRIDGE, BOTH, "");
    let all = [start()?, start()?];
    bench.payments(&all[0], PAYMENTS)?;
    println!("\n### Several instances on one PostgreSQL, all on both processors\n");
    println!(
        "| call | instances | a second | CPU of the bridges each | CPU of the database each | p50 |"
    );
    println!("|---|---|---|---|---|---|");
    let mut run = 1;
    for (name, work) in [
        ("initiate", Work::Initiate),
        ("capture, `payment`", Work::Capture(PAYMENTS)),
        ("details", Work::Details(PAYMENTS)),
    ] {
        for instances in [1, 2] {
            one(bench, &all[..instances], (name, work), &mut run)?;
        }
    }
    Ok(())
}

fn one(
    bench: &Bench,
    instances: &[Running],
    (name, work): (&str, Work),
    run: &mut u64,
) -> io::Result<()> {
    let used = || {
        instances
            .iter()
            .map(|bridge| bridge.process.cpu())
            .sum::<f64>()
    };
    let (bridges, database, began) = (used(), database(), Instant::now());
    let plans: Vec<Plan> = instances
        .iter()
        .map(|bridge| {
            *run += 1;
            let connections = 32 / instances.len() as u64;
            Plan {
                connections,
                ..bench.plan(bridge.addr, work, *run)
            }
        })
        .collect();
    let done = std::thread::scope(|scope| {
        let loads: Vec<_> = plans
            .iter()
            .map(|plan| scope.spawn(|| rounds::load(plan, BOTH)))
            .collect();
        let ended = loads.into_iter().map(|load| {
            load.join()
                .map_err(|_| io::Error::other("a load panicked"))?
        });
        ended.collect::<io::Result<Vec<_>>>()
    })?;
    let requests: u64 = done.iter().map(|done| done.requests).sum();
    let failed: u64 = done.iter().map(|done| done.failed).sum();
    let micros = |seconds: f64| seconds * 1e6 / requests.max(1) as f64;
    println!(
        "| {name} | {} | {:.0}{} | {:.0} µs | {:.0} µs | {:.1} ms |",
        instances.len(),
        requests as f64 / began.elapsed().as_secs_f64(),
        if failed > 0 {
            format!(" ({failed} FAILED)")
        } else {
            String::new()
        },
        micros(used() - bridges),
        micros(self::database() - database),
        done.iter().map(|done| done.p50).sum::<f64>() / done.len() as f64 / 1000.0,
    );
    Ok(())
}

/// Processor seconds of all processes of PostgreSQL on this machine.
fn database() -> f64 {
    let Ok(all) = fs::read_dir("/proc") else {
        return f64::NAN;
    };
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.trim() == "postgres")
        })
        .filter_map(ticks_of)
        .sum()
}
