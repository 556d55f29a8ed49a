//! Instructions and allocations: of the pure translation, and of the whole bridge for one request.
//!
//! Counted by valgrind, which is the same on a busy machine as on an idle one: the translation is run some times and
//! some more, and the difference is what one costs. What is recorded (a file for each kind of build)
//! may be exceeded by a tenth.
//! Must not: measure time, but for the one line that says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::Bench;
use super::instrumented::Instrumented;
use crate::peers::{BRIDGE, BRIDGE_EVENT, Peer, own};
use crate::pure;
use crate::work::Work;

/// Counted by the tools, in this order.
const TOOLS: [(&str, &str); 2] = [("callgrind", "Collected : "), ("dhat", "blocks")];

/// So many are not counted, so many are.
const FEW: u64 = if cfg!(debug_assertions) { 20 } else { 50 };
const MORE: u64 = 3 * FEW;
/// Enough that each is captured once.
const PAYMENTS: u64 = FEW + MORE;

/// The whole requests; some of them where their names stand on the command line.
const REQUESTS: [(&str, Peer, Work); 6] = [
    ("pass-get", BRIDGE, Work::Get(1_000)),
    ("pass-post", BRIDGE, Work::Post(1_000)),
    ("initiate", BRIDGE, Work::Initiate),
    ("capture-payment", BRIDGE, Work::Capture(PAYMENTS)),
    ("capture-event", BRIDGE_EVENT, Work::Capture(PAYMENTS)),
    ("details", BRIDGE, Work::Details(PAYMENTS)),
];

/// What one of each costs: instructions and allocations.
type Counts = BTreeMap<String, [f64; 2]>;

/// What is over the budget, by name, as lines to be read.
type Over = BTreeMap<String, Vec<String>>;

/// Counts everything; with `check`, fails where the budget is exceeded; with `record`, writes a new one.
pub fn counts(bench: &Bench) -> io::Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Err(io::Error::other(
            "valgrind is not installed: nothing can be counted",
        ));
    }
    let mut counts = Counts::new();
    for kind in pure::KINDS {
        let mut cost = [0.0; 2];
        for (n, tool) in TOOLS.into_iter().enumerate() {
            let few = pure_total(tool, kind, FEW)?;
            cost[n] = (pure_total(tool, kind, FEW + MORE)? - few) / MORE as f64;
        }
        counts.insert(format!("translate-{kind}"), cost);
    }
    let some = REQUESTS.iter().any(|(name, ..)| bench.asked(name));
    requests(bench, &mut counts, |name| !some || bench.asked(name))?;
    let mut times = BTreeMap::new();
    for kind in pure::KINDS {
        let told = output(Command::new(own()?).args(["pure", kind, "100000"]))?;
        times.insert(
            kind,
            String::from_utf8_lossy(&told.stdout).trim().to_owned(),
        );
    }
    show(&counts, &times);
    if bench.asked("record") {
        return fs::write(file(), written(&counts));
    }
    if bench.asked("check") {
        return check(bench, counts, &read(&fs::read_to_string(file())?));
    }
    Ok(())
}

/// Counts the whole requests whose names are wanted, each kind of bridge started anew; the lower of what is counted now
/// and before is kept, because what the bridge does beside requests only ever adds.
fn requests(bench: &Bench, counts: &mut Counts, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    for peer in [BRIDGE, BRIDGE_EVENT] {
        let mut instrumented = None;
        for (name, whose, work) in REQUESTS {
            if whose != peer || !wanted(name) {
                continue;
            }
            let running = match &mut instrumented {
                Some(running) => running,
                none => none.insert(Instrumented::start(bench, peer, PAYMENTS)?),
            };
            let now = running.cost(work, FEW, MORE)?;
            let kept = counts.entry(format!("request-{name}")).or_insert(now);
            *kept = [kept[0].min(now[0]), kept[1].min(now[1])];
        }
    }
    Ok(())
}

fn file() -> PathBuf {
    let build = if cfg!(debug_assertions) {
        "budget.dev.txt"
    } else {
        "budget.release.txt"
    };
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/proxies")
        .join(build)
}

fn output(command: &mut Command) -> io::Result<Output> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(output);
    }
    Err(io::Error::other(format!(
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    )))
}

fn tool_args(tool: &str) -> Vec<String> {
    vec![
        format!("--tool={tool}"),
        format!("--{tool}-out-file=/dev/null"),
        "--trace-children=no".to_owned(),
    ]
}

/// `==7== Collected : 123,456` or `==7== Total:     1,234 bytes in 56 blocks`.
fn total((tool, mark): (&str, &str), told: &str) -> io::Result<f64> {
    let line = told
        .lines()
        .rev()
        .find(|line| line.contains(mark) && (tool == "callgrind" || line.contains("Total:")));
    let number = line.and_then(|line| match tool {
        "callgrind" => line.rsplit(": ").next(),
        _ => line.rsplit(" in ").next()?.split(' ').next(),
    });
    number
        .and_then(|number| number.trim().replace(',', "").parse().ok())
        .ok_or_else(|| io::Error::other(format!("valgrind said: {told}")))
}

fn pure_total(tool: (&str, &str), kind: &str, count: u64) -> io::Result<f64> {
    let mut command = Command::new("valgrind");
    command
        .args(tool_args(tool.0))
        .arg(own()?)
        .args(["pure", kind, &count.to_string()]);
    total(
        tool,
        &String::from_utf8_lossy(&output(&mut command)?.stderr),
    )
}

fn show(counts: &Counts, times: &BTreeMap<&str, String>) {
    println!("\n### Instructions and allocations\n");
    println!("| what | instructions | allocations | time |\n|---|---|---|---|");
    for (name, [instructions, allocations]) in counts {
        let time = name
            .strip_prefix("translate-")
            .and_then(|kind| times.get(kind)?.parse::<f64>().ok())
            .map_or_else(String::new, |micros| format!("{micros:.2} µs"));
        println!("| {name} | {instructions:.0} | {allocations:.1} | {time} |");
    }
}

fn written(counts: &Counts) -> String {
    let mut text =
        "# Instructions and allocations of each; written by `record`, held by `check`.\n"
            .to_owned();
    for (name, [instructions, allocations]) in counts {
        let _in_memory = writeln!(text, "{name} {instructions:.0} {allocations:.1}");
    }
    text
}

fn read(text: &str) -> Counts {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut words = line.split(' ');
            let name = words.next()?.to_owned();
            Some((
                name,
                [words.next()?.parse().ok()?, words.next()?.parse().ok()?],
            ))
        })
        .collect()
}

/// Counts again, twice at most, the requests that are over the budget: a read in the background that falls into the
/// count is no growth, and one that is there each time is.
fn check(bench: &Bench, mut counts: Counts, budget: &Counts) -> io::Result<()> {
    let mut over = over(&counts, budget);
    for _ in 0..2 {
        let is_over = |name: &str| {
            over.keys()
                .any(|o| o.strip_prefix("request-") == Some(name))
        };
        if REQUESTS.iter().any(|(name, ..)| is_over(name)) {
            println!("counted again: {}", lines(&over));
            requests(bench, &mut counts, is_over)?;
            over = self::over(&counts, budget);
        }
    }
    if over.is_empty() {
        println!("\nall within the budget");
        return Ok(());
    }
    Err(io::Error::other(format!(
        "over the budget; make it cheaper, or say why and run it with `record`:\n{}",
        lines(&over)
    )))
}

fn lines(over: &Over) -> String {
    over.values()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join("\n")
}

/// What is over, by name: at most a tenth more than recorded, and a little for what the bridge does beside requests,
/// which depends on how long they take; far less should be recorded, so that it is kept.
fn over(counts: &Counts, budget: &Counts) -> Over {
    let mut over = Over::new();
    let mut add = |name: &String, line| over.entry(name.clone()).or_default().push(line);
    for (name, now) in counts {
        let Some(then) = budget.get(name) else {
            add(name, format!("{name} has no budget"));
            continue;
        };
        for (what, now, then, beside) in [
            ("instructions", now[0], then[0], 40_000.0),
            ("allocations", now[1], then[1], 6.0),
        ] {
            let beside = if name.starts_with("request-") {
                beside
            } else {
                0.0
            };
            if now > then * 1.1 + beside {
                add(
                    name,
                    format!("{name}: {now:.1} {what}, and the budget is {then:.1}"),
                );
            } else if now < then * 0.8 {
                println!("{name}: {now:.1} {what}, far below its budget of {then:.1}: record it");
            }
        }
    }
    over
}
