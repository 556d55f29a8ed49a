//! Calls of eCom that become calls of ePayment, with SQLite at full durability, beside nginx that only passes on.
//!
//! Must not: let two captures be the same.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::pass::added as added_table;
use super::{BOTH, Bench, PROXY, REST, subject, table};
use crate::load::Plan;
use crate::peers::{BRIDGE, BRIDGE_EVENT, Peer, Running};
use crate::rounds::{self, Spread, Subject};
use crate::work::Work;

const PAYMENTS: u64 = 5_000;

struct Three {
    nginx: Option<Running>,
    bridge: Running,
    event: Running,
}

fn start(bench: &Bench) -> io::Result<Three> {
    let three = Three {
        nginx: Peer::Nginx
            .exists()
            .then(|| bench.start(Peer::Nginx, PROXY))
            .transpose()?,
        bridge: bench.start(BRIDGE, PROXY)?,
        event: bench.start(BRIDGE_EVENT, PROXY)?,
    };
    bench.payments(&three.bridge, PAYMENTS)?;
    bench.payments(&three.event, PAYMENTS)?;
    Ok(three)
}

fn subjects<'a>(
    three: &'a Three,
    plan: impl Fn(SocketAddr, Work, u64) -> Plan,
) -> Vec<Subject<'a>> {
    let named = |name: &str, running: &'a Running, plan| Subject {
        name: name.to_owned(),
        ..subject(running, plan)
    };
    let nginx = three
        .nginx
        .iter()
        .map(|nginx| subject(nginx, plan(nginx.addr, Work::Post(512), 1)));
    let (bridge, event) = (&three.bridge, &three.event);
    nginx
        .chain([
            named("initiate", bridge, plan(bridge.addr, Work::Initiate, 2)),
            named(
                "capture, `payment`",
                bridge,
                plan(bridge.addr, Work::Capture(PAYMENTS), 3),
            ),
            named(
                "capture, `event`",
                event,
                plan(event.addr, Work::Capture(PAYMENTS), 4),
            ),
            named(
                "details",
                bridge,
                plan(bridge.addr, Work::Details(PAYMENTS), 5),
            ),
        ])
        .collect()
}

/// Flat out.
pub fn closed(bench: &Bench) -> io::Result<()> {
    let three = start(bench)?;
    let rows = rounds::run(
        bench.rounds,
        REST,
        &subjects(&three, |addr, work, run| bench.plan(addr, work, run)),
    )?;
    table("Translated calls, one processor", &rows, "nginx");
    println!("\nRate beside nginx's in the same round:\n");
    if let Some(nginx) = rows.iter().find(|row| row.name == "nginx") {
        for row in &rows {
            let ratio = row.against(nginx, |m| m.per_second, |own, nginx| own / nginx);
            println!("- {}: {}", row.name, ratio.shown());
        }
    }
    let memory = three.bridge.process.memory() / 1024.0;
    println!("\nMemory of the bridge after that (PSS): {memory:.1} MiB");
    Ok(())
}

/// With one thread and with two, side by side, on both processors, where load and upstream run, too.
pub fn two_processors(bench: &Bench) -> io::Result<()> {
    let (one, two) = (bench.start(BRIDGE, PROXY)?, bench.start(BRIDGE, BOTH)?);
    one.process.move_to(BOTH)?;
    let calls = [
        ("initiate", Work::Initiate),
        ("capture, `payment`", Work::Capture(PAYMENTS)),
        ("details", Work::Details(PAYMENTS)),
    ];
    let mut subjects = Vec::new();
    for (threads, bridge) in [("one thread", &one), ("two threads", &two)] {
        bench.payments(bridge, PAYMENTS)?;
        for (run, (call, work)) in (1..).zip(calls) {
            subjects.push(Subject {
                name: format!("{call}, {threads}"),
                ..subject(bridge, bench.plan(bridge.addr, work, run))
            });
        }
    }
    let rows = rounds::run(bench.rounds, BOTH, &subjects)?;
    let title = "Translated calls on both processors, shared with all the rest";
    table(title, &rows, "initiate, one thread");
    println!("\nWhat two threads give, as above:\n");
    let (one, two) = rows.split_at(calls.len());
    for ((call, _), (one, two)) in calls.iter().zip(one.iter().zip(two)) {
        let gain = two.against(one, |m| m.cpu, |two, one| 2.0 * one / two);
        println!("- {call}: {}", gain.shown());
    }
    Ok(())
}

/// At a fixed rate.
pub fn added(bench: &Bench) -> io::Result<()> {
    let three = start(bench)?;
    for (n, rate) in [(0, 200), (1, 1_000)] {
        let plan = |addr, work, run| Plan {
            rate,
            connections: 32,
            ..bench.plan(addr, work, 10 + n * 10 + run)
        };
        let mut all = vec![Subject {
            name: "no proxy".to_owned(),
            process: None,
            plan: plan(bench.site.upstream, Work::Post(512), 0),
        }];
        all.extend(subjects(&three, plan));
        let rows = rounds::run(bench.rounds, REST, &all)?;
        added_table(
            &format!("Translated calls at {rate} a second, one processor"),
            &rows,
        );
    }
    Ok(())
}

/// Webhooks in, callbacks out: all payments become authorized.
pub fn callbacks(bench: &Bench) -> io::Result<()> {
    let (mut rates, mut costs, mut memory) = (Vec::new(), Vec::new(), 0.0);
    for round in 0..bench.rounds {
        let bridge = bench.start(BRIDGE, PROXY)?;
        bench.payments(&bridge, PAYMENTS)?;
        let (heard, used, began) = (count(bench)?, bridge.process.cpu(), Instant::now());
        let plan = Plan {
            count: PAYMENTS,
            connections: 32,
            ..bench.plan(bridge.webhooks, Work::Webhook, 1 + round)
        };
        let done = rounds::load(&plan, REST)?;
        if done.failed > 0 {
            return Err(io::Error::other(format!("{} webhooks failed", done.failed)));
        }
        while count(bench)? < heard + PAYMENTS {
            if began.elapsed() > Duration::from_secs(60) {
                return Err(io::Error::other("not all callbacks came"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        rates.push(PAYMENTS as f64 / began.elapsed().as_secs_f64());
        costs.push((bridge.process.cpu() - used) * 1e6 / PAYMENTS as f64);
        memory = bridge.process.memory() / 1024.0;
    }
    println!("\n### Webhook in, callback out, one processor\n");
    println!("| | a second | CPU each | memory after {PAYMENTS} |\n|---|---|---|---|");
    let (rates, costs) = (Spread::of(rates), Spread::of(costs));
    println!(
        "| ecom-bridge | {:.0} ({:.0}–{:.0}) | {:.0} µs ({:.0}–{:.0}) | {memory:.1} MiB |",
        rates.median, rates.least, rates.most, costs.median, costs.least, costs.most
    );
    Ok(())
}

/// How many callbacks the shop has heard.
fn count(bench: &Bench) -> io::Result<u64> {
    let text = get(bench.site.upstream, "/count")?;
    let body = text.rsplit("\r\n").next().unwrap_or_default();
    body.parse().map_err(io::Error::other)
}

/// A whole answer, over a connection of its own.
pub fn get(addr: SocketAddr, target: &str) -> io::Result<String> {
    let mut socket = TcpStream::connect(addr)?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: {addr}\r\n\r\n");
    socket.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(head) = crate::wire::answer(&bytes)?
            && bytes.len() >= head.len + head.body
        {
            return String::from_utf8(bytes).map_err(io::Error::other);
        }
        let read = socket.read(&mut piece)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&piece[..read]);
    }
}
