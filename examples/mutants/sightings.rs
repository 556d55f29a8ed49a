//! The record of which life of the seeded simulation shows which planted bug (`tests/mutants/planted.md`).
//!
//! Must not: read or write files; `lives.rs` and the house test hand in texts.

use std::collections::BTreeMap;

use super::table::Mutant;

/// Where it is kept, from the project's folder.
pub(crate) const PLACE: &str = "tests/mutants/planted.md";
/// The bugs, from the project's folder.
pub(crate) const TABLE: &str = "tests/mutants/planted.toml";
/// The test that lives the lives.
pub(crate) const TEST: &str = "simulation::money_routes_callbacks_and_reads_hold_whatever_happens";

const HEAD: &str = "# Which life shows which planted bug

Written by `just planted`: each bug of `planted.toml` is planted, and the lives on SQLite are lived from seed 0 on until one
shows it (`docs/simulation.md`). The seed was lived again with the bug, which is \"again\", and once without it, when
all held. `just planted --only NAME` tries one.

| bug | seed | again | what showed it |
|---|---|---|---|
";
const NONE_OF: &str = "none of ";

/// What came of a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hunt {
    Found {
        seed: u64,
        /// How often the seed showed it again, and how often it was tried: `3 of 3`.
        again: String,
        /// What did not hold: `I3: sent and not recorded`.
        shown: String,
    },
    /// None of so many lives shows it.
    NotFound(u64),
}

/// By name.
pub(crate) type Hunts = BTreeMap<String, Hunt>;

/// Reads the record.
pub(crate) fn read(text: &str) -> Hunts {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let (name, seed) = (cells.next()?, cells.next()?);
        let hunt = match seed.strip_prefix(NONE_OF) {
            Some(lives) => Hunt::NotFound(lives.parse().ok()?),
            None => Hunt::Found {
                seed: seed.parse().ok()?,
                again: cells.next()?.to_owned(),
                shown: cells.next()?.to_owned(),
            },
        };
        Some((name.to_owned(), hunt))
    };
    text.lines().filter_map(row).collect()
}

/// Writes it: the bugs that have been tried, in the order of their table.
pub(crate) fn written<'a>(mutants: impl IntoIterator<Item = &'a Mutant>, hunts: &Hunts) -> String {
    let mut text = HEAD.to_owned();
    for mutant in mutants {
        if let Some(hunt) = hunts.get(&mutant.name) {
            text.push_str(&format!("| {} | {} |\n", mutant.name, told(hunt)));
        }
    }
    text
}

/// As the record has it, without the name.
pub(crate) fn told(hunt: &Hunt) -> String {
    match hunt {
        Hunt::Found { seed, again, shown } => format!("{seed} | {again} | {shown}"),
        Hunt::NotFound(lives) => format!("{NONE_OF}{lives} | - | -"),
    }
}

/// The seed of a failure and what did not hold, in what the test wrote.
pub(crate) fn failure(output: &str) -> Option<(u64, String)> {
    output.lines().find_map(|line| {
        let (seed, why) = line.strip_prefix("SEED=")?.split_once(": ")?;
        Some((seed.parse().ok()?, invariant(why)))
    })
}

/// `I4: recorded as done: Adjustment {…` → `I4: recorded as done`: what does not differ from life to life.
fn invariant(why: &str) -> String {
    let why = ["left == right", "left != right"]
        .iter()
        .find_map(|which| why.strip_prefix(&format!("assertion `{which}` failed: ")))
        .unwrap_or(why);
    let is_plain = |part: &&str| !part.contains(['{', '[', '(', '"', '|']);
    let parts: Vec<&str> = why.split(": ").take(2).take_while(is_plain).collect();
    parts.join(": ")
}
