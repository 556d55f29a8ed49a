//! Plants mistakes into the product one at a time, and shows which tests catch them: `just mutants`.
//!
//! All mistakes of `tests/mutants/*.toml` are built into one copy of the tree (`target/mutants`), where the variable
//! `ECOM_BRIDGE_MUTANT` chooses which one a program makes. So it is built once, and each mistake costs one run of the tests:
//! those of its own module first, then all of the library, then those over sockets. Must not: touch the tree itself.

mod copy;
mod lives;
mod record;
mod run;
mod sightings;
mod table;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Parser;

use record::{Count, Record};
use run::Tests;
use table::Mutant;

/// All tables.
const TABLES: &str = "tests/mutants";

/// Plants mistakes one at a time, and shows which tests catch them.
#[derive(Debug, Parser)]
struct Asked {
    /// Only mutants whose name begins so; can be said more than once.
    #[arg(long)]
    only: Vec<String>,
    /// Only this table; can be said more than once.
    #[arg(long, default_values_t = [TABLES.to_owned()])]
    table: Vec<String>,
    /// Only tests of `it` with these filters, separated by blanks: `simulation::`.
    #[arg(long)]
    test_args: Option<String>,
    /// How many are tried at once.
    #[arg(long, default_value_t = 2)]
    at_once: usize,
    /// Does not try whether all is green without a mutant.
    #[arg(long)]
    trust: bool,
    /// Writes what was found into `tests/mutants/caught.md`.
    #[arg(long)]
    record: bool,
    /// Only the bugs that are planted for the seeded simulation: which life shows each? Writes `tests/mutants/planted.md`.
    #[arg(long)]
    planted: bool,
    /// So many lives at most for each planted bug.
    #[arg(long, default_value_t = 256)]
    lives: u64,
}

fn main() -> ExitCode {
    let asked = Asked::parse();
    let done = match asked.planted {
        true => hunted(&asked),
        false => tried(&asked),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Those of a table, or of the tables of a folder that are wanted.
fn mutants_of(place: &str, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<Mutant>, String> {
    let mut all = Vec::new();
    for (path, text) in copy::tables(place)? {
        if is_wanted(&path) {
            all.extend(table::read(&text).map_err(|why| format!("{path}: {why}"))?);
        }
    }
    Ok(all)
}

/// The tests with all of these built in.
fn built(all: &[Mutant], test_args: Option<&str>) -> Result<Tests, String> {
    let mut wrong = table::complaints(all);
    wrong.extend(table::misplaced(all, |file| {
        std::fs::read_to_string(file).ok()
    }));
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    copy::planted(all)?;
    Tests::built(test_args)
}

fn chosen<'a>(all: &'a [Mutant], only: &[String]) -> Vec<&'a Mutant> {
    let is_wanted =
        |one: &&Mutant| only.is_empty() || only.iter().any(|name| one.name.starts_with(name));
    all.iter().filter(is_wanted).collect()
}

/// The planted bugs: which life shows each.
fn hunted(asked: &Asked) -> Result<bool, String> {
    let all = mutants_of(sightings::TABLE, |_| true)?;
    let tests = built(&all, None)?;
    let known = std::fs::read_to_string(sightings::PLACE).unwrap_or_default();
    let write = |hunts: &sightings::Hunts| {
        if let Err(error) = std::fs::write(sightings::PLACE, sightings::written(&all, hunts)) {
            eprintln!("{}: {error}", sightings::PLACE);
        }
    };
    lives::hunted(
        tests.sockets(),
        &chosen(&all, &asked.only),
        asked.lives,
        sightings::read(&known),
        write,
    )
}

fn tried(asked: &Asked) -> Result<bool, String> {
    let mut all = Vec::new();
    for table in &asked.table {
        all.extend(mutants_of(table, |_| true)?);
    }
    // Also of the tables that were not asked for: their lines stay.
    let in_record = mutants_of(TABLES, |path| !path.ends_with(record::LEFT_OUT))?;
    let tests = built(&all, asked.test_args.as_deref())?;
    if !asked.trust {
        tests.all_green()?;
    }
    let chosen = chosen(&all, &asked.only);
    let known = record::read(&std::fs::read_to_string(record::PLACE).unwrap_or_default());
    let write = |record: &Record| {
        if asked.record
            && let Err(error) = std::fs::write(record::PLACE, record::written(&in_record, record))
        {
            eprintln!("{}: {error}", record::PLACE);
        }
    };
    let found = each(&tests, &chosen, asked.at_once.max(1), known, write);
    Ok(told(&chosen, &found))
}

/// Some at once; what is known of all at the end. `write` is given what is known after each.
fn each(
    tests: &Tests,
    chosen: &[&Mutant],
    at_once: usize,
    known: Record,
    write: impl Fn(&Record) + Sync,
) -> Record {
    let next = AtomicUsize::new(0);
    let before = known.clone();
    let known = Mutex::new(known);
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    let Some(mutant) = chosen.get(n) else { return };
                    let by = before.get(&mutant.name).and_then(Option::as_deref);
                    let found = tests.tried(mutant, by);
                    println!("{:>4} {} {}", n + 1, mutant.name, text_of(found.as_ref()));
                    if let Ok(mut known) = known.lock() {
                        known.insert(mutant.name.clone(), found);
                        write(&known);
                    }
                }
            });
        }
    });
    known.into_inner().unwrap_or_default()
}

fn text_of(found: Option<&String>) -> &str {
    found.map_or("SURVIVED", String::as_str)
}

/// What was found, and whether it is good enough.
fn told(chosen: &[&Mutant], found: &Record) -> bool {
    println!();
    for mutant in chosen {
        if !matches!(found.get(&mutant.name), Some(Some(_))) {
            println!(
                "SURVIVED {}: {} ({})",
                mutant.name, mutant.what, mutant.file
            );
        }
    }
    let count = Count::of(chosen, found);
    println!(
        "{} of {} caught ({} %); of money {} of {}",
        count.caught,
        count.all,
        count.caught * 100 / count.all.max(1),
        count.money_caught,
        count.money
    );
    count.is_enough()
}
