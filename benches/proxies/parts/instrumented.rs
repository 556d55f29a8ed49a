//! A bridge that callgrind runs: what a request costs in instructions and allocations.
//!
//! It is started once. The counters are written out (and begin anew) before and after some requests of a kind, and what
//! lies between, by the number of requests, is what one costs. Must not: count its start, or the first requests of a
//! kind, which prepare what later ones find.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::{Bench, REST};
use crate::load::Plan;
use crate::peers::{Peer, Running};
use crate::rounds;
use crate::work::Work;

/// Functions that give memory, as the C library calls them.
const ALLOCATE: [&str; 5] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
];

/// The running bridge.
pub struct Instrumented<'b> {
    bench: &'b Bench,
    running: Running,
    out: PathBuf,
    _folder: TempDir,
    dumps: u32,
    runs: u64,
}

impl<'b> Instrumented<'b> {
    /// Starts it, with so many payments.
    pub fn start(bench: &'b Bench, peer: Peer, payments: u64) -> io::Result<Self> {
        let folder = tempfile::tempdir_in(&bench.site.folder)?;
        let out = folder.path().join("callgrind");
        let log = out.with_extension("log");
        let wrapper = [
            "valgrind".to_owned(),
            "--tool=callgrind".to_owned(),
            format!("--callgrind-out-file={}", out.display()),
            format!("--log-file={}", log.display()),
        ];
        let running = bench.site.start_under(&wrapper, peer, REST, "")?;
        bench.payments(&running, payments)?;
        Ok(Self {
            bench,
            running,
            out,
            _folder: folder,
            dumps: 0,
            runs: 10,
        })
    }

    /// Instructions and allocations of one request, from `more` requests that come after `few`.
    pub fn cost(&mut self, work: Work, few: u64, more: u64) -> io::Result<[f64; 2]> {
        self.requests(work, few)?;
        self.dump()?;
        self.requests(work, more)?;
        let text = self.dump()?;
        let instructions = text
            .lines()
            .find_map(|line| line.strip_prefix("totals: "))
            .and_then(|total| total.trim().parse::<f64>().ok())
            .ok_or_else(|| io::Error::other("callgrind told no totals"))?;
        Ok([
            instructions / more as f64,
            allocations(&text) as f64 / more as f64,
        ])
    }

    /// One after the other. Each run has names of its own but for those that read or change what is there.
    fn requests(&mut self, work: Work, count: u64) -> io::Result<()> {
        self.runs += 1;
        let plan = Plan {
            count,
            connections: 1,
            ..self.bench.plan(self.running.addr, work, self.runs)
        };
        let done = rounds::load(&plan, REST)?;
        if done.requests == count {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} of {count} requests were answered",
            done.requests
        )))
    }

    /// Has the counters written out and set to nothing; what was written.
    fn dump(&mut self) -> io::Result<String> {
        let control = Command::new("callgrind_control")
            .args(["--dump", &self.running.process.pid().to_string()])
            .output()?;
        if !control.status.success() {
            return Err(io::Error::other(format!(
                "callgrind_control: {}{}",
                String::from_utf8_lossy(&control.stdout),
                String::from_utf8_lossy(&control.stderr)
            )));
        }
        self.dumps += 1;
        fs::read_to_string(format!("{}.{}", self.out.display(), self.dumps))
    }
}

/// Calls of the functions that give memory: `cfn=(12) malloc` (the name only the first time), then `calls=3 0`.
fn allocations(dump: &str) -> u64 {
    let mut ids: Vec<&str> = Vec::new();
    let (mut counted, mut is_one) = (0, false);
    for line in dump.lines() {
        let function = line
            .strip_prefix("cfn=")
            .map(|name| (true, name))
            .or_else(|| Some((false, line.strip_prefix("fn=")?)));
        if let Some((called, name)) = function {
            let (id, name) = name.split_once(' ').unwrap_or((name, ""));
            if ALLOCATE.contains(&name) {
                ids.push(id);
            }
            if called {
                is_one = ids.contains(&id);
            }
        } else if let Some(calls) = line.strip_prefix("calls=")
            && is_one
        {
            let number = calls.split(' ').next().and_then(|n| n.parse::<u64>().ok());
            counted += number.unwrap_or(0);
        }
    }
    counted
}
