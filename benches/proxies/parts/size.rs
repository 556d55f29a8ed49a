//! What the bridge is by itself: how fast it starts, how large it is, what a body of 1 GB and 10,000 merchants cost.
//!
//! Must not: measure another proxy, but where it is the comparison.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use super::translated::get;
use super::{Bench, PROXY, REST, subject, table};
use crate::load::Plan;
use crate::peers::{BRIDGE, Running};
use crate::rounds::{self, Spread, Subject};
use crate::work::Work;

/// Start, memory, the binary, and 1 GB both ways.
pub fn start_and_size(bench: &Bench) -> io::Result<()> {
    let mut ready = Vec::new();
    let mut memory = 0.0;
    for _ in 0..=bench.rounds {
        let (bridge, took) = ready_after(bench, "")?;
        ready.push(took);
        std::thread::sleep(Duration::from_millis(500));
        memory = bridge.process.memory();
    }
    let ready = Spread::of(ready);
    let binary = fs::metadata(&bench.site.bridge)?.len() as f64 / 1e6;
    println!("\n### Start and size\n\n| what | figure |\n|---|---|");
    println!(
        "| from start to ready | {:.0} ms ({:.0}–{:.0}) |",
        ready.median, ready.least, ready.most
    );
    println!("| memory when idle (PSS) | {:.1} MiB |", memory / 1024.0);
    println!("| binary, stripped | {binary:.1} MB |");
    let bridge = bench.start(BRIDGE, PROXY)?;
    for (name, work) in [
        ("1 GB to the client", Work::Get(1_000_000_000)),
        ("1 GB to the upstream", Work::Post(1_000_000_000)),
    ] {
        let plan = Plan {
            count: 1,
            connections: 1,
            ..bench.plan(bridge.addr, work, 1)
        };
        let done = rounds::load(&plan, REST)?;
        if done.requests != 1 {
            return Err(io::Error::other("1 GB was not passed through"));
        }
        println!(
            "| {name} | {:.1} s, the bridge never used more than {:.1} MiB |",
            done.seconds,
            bridge.process.peak() / 1024.0
        );
    }
    Ok(())
}

/// A bridge, and milliseconds from its start until it said that it is ready.
fn ready_after(bench: &Bench, more: &str) -> io::Result<(Running, f64)> {
    let began = Instant::now();
    let bridge = bench.site.start(BRIDGE, PROXY, more)?;
    while !get(bridge.admin, "/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
        if began.elapsed() > Duration::from_secs(60) {
            return Err(io::Error::other("it did not get ready"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok((bridge, began.elapsed().as_secs_f64() * 1000.0))
}

/// One merchant beside ten thousand.
pub fn merchants(bench: &Bench) -> io::Result<()> {
    let mut many = String::new();
    for n in 0..10_000 {
        let _in_memory = write!(
            many,
            "\n[[merchants]]\nmsn = \"{}\"\nwebhook_secret = \"a-secret-of-the-benchmark\"\nclient_id = \"client-{n}\"\n\
             client_secret = \"secret-{n}\"\nsubscription_key = \"key-{n}\"\n",
            200_000 + n
        );
    }
    let (one, one_ready) = ready_after(bench, "")?;
    let (all, all_ready) = ready_after(bench, &many)?;
    let named = |name: &str, running, work, run| Subject {
        name: name.to_owned(),
        ..subject(running, bench.plan(running.addr, work, run))
    };
    for (title, work, run) in [
        (
            "One merchant beside 10,001: pass-through",
            Work::Post(512),
            1,
        ),
        ("One merchant beside 10,001: initiate", Work::Initiate, 2),
    ] {
        let subjects = [
            named("1 merchant", &one, work, run),
            named("10,001 merchants", &all, work, run),
        ];
        let rows = rounds::run(bench.rounds, REST, &subjects)?;
        table(title, &rows, "1 merchant");
    }
    println!("\n| | 1 merchant | 10,001 merchants |\n|---|---|---|");
    println!("| ready after | {one_ready:.0} ms | {all_ready:.0} ms |");
    println!(
        "| reload | {:.0} ms | {:.0} ms |",
        reload(bench, &one)?,
        reload(bench, &all)?
    );
    let memory = |running: &Running| running.process.memory() / 1024.0;
    println!(
        "| memory | {:.1} MiB | {:.1} MiB |",
        memory(&one),
        memory(&all)
    );
    Ok(())
}

/// Milliseconds of a reload that changes one value.
fn reload(bench: &Bench, bridge: &Running) -> io::Result<f64> {
    let config = bridge.folder.join("bridge.toml");
    let text = fs::read_to_string(&config)?;
    fs::write(
        &config,
        text.replace("log_level = \"error\"", "log_level = \"warn\""),
    )?;
    let began = Instant::now();
    let told = Command::new(&bench.site.bridge)
        .args(["reload", "--by", "benchmark", "--config"])
        .arg(&config)
        .output()?;
    if told.status.success() {
        return Ok(began.elapsed().as_secs_f64() * 1000.0);
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&told.stderr).into_owned(),
    ))
}
