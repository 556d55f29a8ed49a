//! The parts of the benchmark, and what they share. Must not: keep a proxy from one part to the next.

mod background;
mod connections;
mod counts;
mod growth;
mod instrumented;
mod pass;
mod postgres;
mod size;
mod translated;

use std::io;
use std::net::SocketAddr;

use super::load::Plan;
use super::peers::{EVERYBODY, Peer, Running, Site, own};
use super::process::{self, Process};
use super::rounds::{Row, Subject};
use super::work::Work;

/// What everybody is measured with.
pub struct Bench {
    pub site: Site,
    pub rounds: u64,
    pub seconds: f64,
    args: Vec<String>,
    _upstream: Process,
}

/// Processors, as `taskset` has them: of the proxy, and of the rest.
pub const PROXY: &str = "1";
pub const REST: &str = "0";
pub const BOTH: &str = "0,1";

type Part = (&'static str, fn(&Bench) -> io::Result<()>);

const PARTS: [Part; 15] = [
    ("pass", pass::bodies),
    ("rate", pass::rate),
    ("two", pass::two_processors),
    ("two-translated", translated::two_processors),
    ("translated", translated::closed),
    ("added", translated::added),
    ("callbacks", translated::callbacks),
    ("tls", connections::tls),
    ("idle", connections::idle),
    ("size", size::start_and_size),
    ("merchants", size::merchants),
    ("store", growth::store),
    ("background", background::beside_calls),
    ("postgres", postgres::shared),
    ("counts", counts::counts),
];

/// Runs the parts that are asked for, or all.
pub fn all(args: &[String]) -> io::Result<()> {
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)
    };
    let number = |name: &str| value(name)?.parse::<f64>().ok();
    let built = || env!("CARGO_BIN_EXE_ecom-bridge").to_owned();
    let folder = tempfile::tempdir()?;
    let (upstream, addr) =
        process::start_told(REST, &own()?, &["upstream".to_owned()], folder.path())?;
    let addr: SocketAddr = addr.parse().map_err(io::Error::other)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small number"
    )]
    let bench = Bench {
        site: Site::new(
            folder.path(),
            addr,
            std::fs::canonicalize(value("--bridge").cloned().unwrap_or_else(built))?
                .display()
                .to_string(),
        )?,
        rounds: number("--rounds").unwrap_or(5.0) as u64,
        seconds: number("--seconds").unwrap_or(2.0),
        args: args.to_vec(),
        _upstream: upstream,
    };
    let asked: Vec<&Part> = PARTS
        .iter()
        .filter(|(name, _)| args.iter().any(|arg| arg == name))
        .collect();
    let parts = if asked.is_empty() {
        if let Some(word) = args.first().filter(|word| !word.starts_with("--")) {
            let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
            let why = format!("there is no part {word}: {}", names.join(", "));
            return Err(io::Error::other(why));
        }
        PARTS.iter().collect()
    } else {
        asked
    };
    for (name, part) in parts {
        eprintln!("measuring: {name}");
        part(&bench)?;
    }
    Ok(())
}

impl Bench {
    /// What stands behind a word on the command line.
    pub fn value(&self, word: &str) -> Option<&String> {
        let at = self.args.iter().position(|arg| arg == word)?;
        self.args.get(at + 1)
    }

    /// Whether a word stands on the command line.
    pub fn asked(&self, word: &str) -> bool {
        self.args.iter().any(|arg| arg == word)
    }

    pub fn start(&self, peer: Peer, cpus: &str) -> io::Result<Running> {
        self.site.start(peer, cpus, "")
    }

    /// Everybody who is there, each started on `cpus`.
    pub fn everybody(&self, cpus: &str) -> io::Result<Vec<Running>> {
        let mut running = Vec::new();
        for peer in EVERYBODY {
            if peer.exists() {
                running.push(self.start(peer, cpus)?);
            } else {
                eprintln!("{} is not there: the table is without it", peer.name());
            }
        }
        Ok(running)
    }

    /// A closed loop of 64 connections.
    pub fn plan(&self, addr: SocketAddr, work: Work, run: u64) -> Plan {
        Plan {
            addr,
            cert: None,
            connections: 64,
            seconds: self.seconds,
            rate: 0,
            count: 0,
            work,
            run,
            shop: self.site.upstream.to_string(),
            fresh: false,
        }
    }

    /// Lets the bridge have payments of run 0.
    pub fn payments(&self, bridge: &Running, count: u64) -> io::Result<()> {
        let plan = Plan {
            count,
            ..self.plan(bridge.addr, Work::Initiate, 0)
        };
        let done = super::rounds::load(&plan, REST)?;
        if done.requests == count {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} of {count} payments were made",
            done.requests
        )))
    }
}

pub fn subject<'a>(running: &'a Running, plan: Plan) -> Subject<'a> {
    Subject {
        name: running.peer.name().to_owned(),
        process: Some(&running.process),
        plan,
    }
}

/// The rows of a closed loop, each against the row called `yardstick`.
pub fn table(title: &str, rows: &[Row], yardstick: &str) {
    println!("\n### {title}\n");
    println!(
        "| | requests/s | CPU a request | requests per CPU second, {yardstick} = 1 | p50 | busy |"
    );
    println!("|---|---|---|---|---|---|");
    let base = rows
        .iter()
        .find(|row| row.name == yardstick)
        .or(rows.first());
    for row in rows {
        let ratio = base.map_or_else(String::new, |base| {
            row.against(base, |m| m.cpu, |own, other| other / own)
                .shown()
        });
        let failed: u64 = row.rounds.iter().map(|m| m.failed).sum();
        let failed = if failed > 0 {
            format!(" ({failed} FAILED)")
        } else {
            String::new()
        };
        println!(
            "| {} | {:.0}{failed} | {:.1} µs | {ratio} | {:.2} ms | {:.0} % |",
            row.name,
            row.spread(|m| m.per_second).median,
            row.spread(|m| m.cpu).median,
            row.spread(|m| m.p50).median / 1000.0,
            row.spread(|m| m.busy).median * 100.0,
        );
    }
}
