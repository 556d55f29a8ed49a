//! Plants mistakes into the product one at a time, and shows which tests catch them: `just mutants`.
//!
//! All mistakes of `tests/mutants/*.toml` are built into one copy of the tree (`target/mutants`), where the variable
//! `ECOM_BRIDGE_MUTANT` chooses which one a program makes. So it is built once, and each mistake costs one run of the tests:
//! those of its own module first, then all of the library, then those over sockets. Must not: touch the tree itself.

mod copy;
mod run;
mod table;

use std::process::ExitCode;
use std::sync::Mutex;

use clap::Parser;

use run::{Found, Tests};
use table::Mutant;

/// Of all mutants so many percent must be caught; of those of money all.
const LEAST_PERCENT: usize = 95;

/// Plants mistakes one at a time, and shows which tests catch them.
#[derive(Debug, Parser)]
struct Asked {
    /// Only mutants whose name begins so; can be said more than once.
    #[arg(long)]
    only: Vec<String>,
    /// Only this table; can be said more than once.
    #[arg(long, default_values_t = ["tests/mutants".to_owned()])]
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
}

fn main() -> ExitCode {
    match tried(&Asked::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn tried(asked: &Asked) -> Result<bool, String> {
    let mut all = Vec::new();
    for table in &asked.table {
        for (path, text) in copy::tables(table)? {
            all.extend(table::read(&text).map_err(|why| format!("{path}: {why}"))?);
        }
    }
    let mut wrong = table::complaints(&all);
    wrong.extend(table::misplaced(&all, |file| {
        std::fs::read_to_string(file).ok()
    }));
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    copy::planted(&all)?;
    let tests = Tests::built(asked.test_args.as_deref())?;
    if !asked.trust {
        tests.all_green()?;
    }
    let chosen: Vec<&Mutant> = all
        .iter()
        .filter(|one| {
            asked.only.is_empty() || asked.only.iter().any(|name| one.name.starts_with(name))
        })
        .collect();
    let found = each(&tests, &chosen, asked.at_once.max(1));
    Ok(told(&chosen, &found))
}

/// Some at once; what was found, in the order of the mutants.
fn each(tests: &Tests, chosen: &[&Mutant], at_once: usize) -> Vec<Found> {
    let next = Mutex::new(0);
    let found: Vec<Mutex<Option<Found>>> = chosen.iter().map(|_| Mutex::new(None)).collect();
    let take = || {
        let mut next = next.lock().ok()?;
        *next += 1;
        Some(*next - 1)
    };
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some((n, mutant)) = take().and_then(|n| Some((n, *chosen.get(n)?))) {
                    let one = tests.tried(mutant);
                    println!("{:>4} {} {}", n + 1, mutant.name, one);
                    if let Ok(mut place) = found[n].lock() {
                        *place = Some(one);
                    }
                }
            });
        }
    });
    found
        .into_iter()
        .map(|one| one.into_inner().ok().flatten().unwrap_or(Found::Survived))
        .collect()
}

/// The table at the end, and whether it is good enough.
fn told(chosen: &[&Mutant], found: &[Found]) -> bool {
    println!("\n| mutant | money | caught by |\n|---|---|---|");
    for (mutant, one) in chosen.iter().zip(found) {
        let money = if mutant.money { "yes" } else { "" };
        println!("| {} | {money} | {one} |", mutant.name);
    }
    let survivors = || {
        let pairs = chosen.iter().zip(found);
        pairs.filter(|(_, one)| matches!(one, Found::Survived))
    };
    println!();
    for (mutant, _) in survivors() {
        println!(
            "SURVIVED {}: {} ({})",
            mutant.name, mutant.what, mutant.file
        );
    }
    let (all, lost) = (chosen.len(), survivors().count());
    let money = chosen.iter().filter(|mutant| mutant.money).count();
    let lost_money = survivors().filter(|(mutant, _)| mutant.money).count();
    println!(
        "{} of {all} caught ({} %); of money {} of {money}",
        all - lost,
        (all - lost) * 100 / all.max(1),
        money - lost_money
    );
    lost_money == 0 && (all - lost) * 100 >= all * LEAST_PERCENT
}
