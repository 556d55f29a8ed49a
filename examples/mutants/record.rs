//! The record of which test caught which mutant (`tests/mutants/caught.md`). The runner tries that test first.
//!
//! Must not: read or write files; `main.rs` and the house test hand in texts.

use std::collections::BTreeMap;

use super::table::Mutant;

/// Where it is kept, from the project's folder.
pub(crate) const PLACE: &str = "tests/mutants/caught.md";
/// The table that is not in it: the bugs that the simulation is to find, of which docs/simulation.md tells.
pub(crate) const LEFT_OUT: &str = "planted.toml";
/// Of all mutants so many percent must be caught; of those of money all.
pub(crate) const LEAST_PERCENT: usize = 95;
/// What stands where no test caught it.
const SURVIVED: &str = "SURVIVED";

const HEAD: &str = "# Which test caught which mistake

Written by `just mutants --record`. `lib` is a test of the library, `it` one over sockets.

| mutant | money | caught by |
|---|---|---|
";

/// What caught each, by name; none where it survived.
pub(crate) type Record = BTreeMap<String, Option<String>>;

/// Reads the record.
pub(crate) fn read(text: &str) -> Record {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let (name, _money, by) = (cells.next()?, cells.next()?, cells.next()?);
        let by = Some(by.to_owned()).filter(|by| by != SURVIVED);
        (name != "mutant").then(|| (name.to_owned(), by))
    };
    text.lines().filter_map(row).collect()
}

/// Writes it: the mutants that have been tried, in the order of the tables.
pub(crate) fn written<'a>(
    mutants: impl IntoIterator<Item = &'a Mutant>,
    record: &Record,
) -> String {
    let mut text = HEAD.to_owned();
    for mutant in mutants {
        if let Some(by) = record.get(&mutant.name) {
            let money = if mutant.money { "yes" } else { "no" };
            let by = by.as_deref().unwrap_or(SURVIVED);
            text.push_str(&format!("| {} | {money} | {by} |\n", mutant.name));
        }
    }
    text
}

/// How many of these were caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) all: usize,
    pub(crate) caught: usize,
    pub(crate) money: usize,
    pub(crate) money_caught: usize,
}

impl Count {
    /// Counts them.
    pub(crate) fn of(mutants: &[&Mutant], record: &Record) -> Self {
        let caught = |mutant: &&&Mutant| matches!(record.get(&mutant.name), Some(Some(_)));
        let money = || mutants.iter().filter(|mutant| mutant.money);
        Self {
            all: mutants.len(),
            caught: mutants.iter().filter(caught).count(),
            money: money().count(),
            money_caught: money().filter(caught).count(),
        }
    }

    /// Whether so many are enough.
    pub(crate) const fn is_enough(self) -> bool {
        self.money_caught == self.money && self.caught * 100 >= self.all * LEAST_PERCENT
    }
}
