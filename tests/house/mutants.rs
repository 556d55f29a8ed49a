//! The mutants of `tests/mutants`: each has its place in the tree, and a test that caught it.
//!
//! Must not: try them; `just mutants` does.

#[path = "../../examples/mutants/record.rs"]
mod record;
#[path = "../../examples/mutants/sightings.rs"]
mod sightings;
#[path = "../../examples/mutants/table.rs"]
mod table;

use super::assert_none;
use super::source::{Complaints, File, everything};
use record::Count;
use sightings::Hunt;
use table::Mutant;

/// Those of the tables that are wanted.
fn mutants(files: &[File], is_wanted: impl Fn(&str) -> bool) -> Vec<Mutant> {
    let is_table = |path: &str| path.starts_with("tests/mutants/") && path.ends_with(".toml");
    let tables = files
        .iter()
        .filter(|file| is_table(&file.path) && is_wanted(&file.path));
    let read =
        |file: &File| table::read(&file.text).unwrap_or_else(|why| panic!("{}: {why}", file.path));
    tables.flat_map(read).collect()
}

#[test]
fn the_mutants_of_the_tables_fit_the_tree() {
    let files = everything();
    let text_of = |path: &str| {
        let found = files.iter().find(|file| file.path == path);
        found.map(|file| file.text.clone())
    };
    let all = mutants(&files, |_| true);
    assert_none(&table::complaints(&all));
    assert_none(&table::misplaced(&all, text_of));
    let filters = all.iter().filter_map(|one| one.tests.as_deref());
    for filter in filters.flat_map(str::split_whitespace) {
        let module = filter.split("::").next().unwrap_or(filter);
        let known = [
            format!("tests/it/{module}.rs"),
            format!("tests/it/{module}/mod.rs"),
        ];
        assert!(
            known.iter().any(|path| text_of(path).is_some()),
            "{filter}: no such tests"
        );
    }
    assert!(all.len() >= 100 && all.iter().filter(|one| one.money).count() >= 25);

    let one = |from: &str, to: &str| {
        let table = format!("[[mutant]]\nname='a'\nwhat='b'\nfile='f'\nfrom='{from}'\nto='{to}'\n");
        table::read(&table).unwrap_or_default()
    };
    let text = |_: &str| Some("let a = b + c;\nlet d = c;".to_owned());
    assert_eq!(table::misplaced(&one("b + c", "b"), text).len(), 0);
    assert_eq!(table::misplaced(&one("c;", "b;"), text).len(), 1, "twice");
    assert_eq!(table::misplaced(&one("x", "b"), text).len(), 1, "nowhere");
    assert_eq!(table::complaints(&one("b", "b")).len(), 1);
    let overlap = [one("a = b", "x"), one("b + c", "x")].concat();
    assert_eq!(table::misplaced(&overlap, text).len(), 1);
    assert_eq!(table::complaints(&overlap).len(), 1, "one name");
    assert!(table::read("[[mutant]]\nname='a'").is_err());
}

/// What is wrong with the record of these mutants; `tests` is the text of all tests.
fn recorded(all: &[Mutant], text: &str, tests: &str) -> Complaints {
    let record = record::read(text);
    let mut wrong = Complaints::new();
    for mutant in all.iter().filter(|one| !record.contains_key(&one.name)) {
        wrong.push(format!(
            "{}: has not been tried: just mutants --record --only {0}",
            mutant.name
        ));
    }
    for (name, by) in &record {
        if all.iter().all(|one| one.name != *name) {
            wrong.push(format!("{}: {name} is no mutant any more", record::PLACE));
        }
        let test = by.as_deref().and_then(|by| by.rsplit("::").next());
        let by_itself = by.as_deref().is_some_and(|by| !by.contains("::"));
        if test.is_some_and(|test| !by_itself && !tests.contains(&format!("fn {test}("))) {
            wrong.push(format!(
                "{name}: the test that caught it is gone: just mutants --record --only {name}"
            ));
        }
    }
    let refs: Vec<&Mutant> = all.iter().collect();
    let count = Count::of(&refs, &record);
    if !count.is_enough() {
        wrong.push(format!("too few are caught: {count:?}"));
    }
    wrong
}

#[test]
fn the_record_names_a_test_for_each_mutant() {
    let files = everything();
    let text = files.iter().find(|file| file.path == record::PLACE);
    let text = text.map_or("", |file| file.text.as_str());
    let sources = files.iter().filter(|file| file.path.ends_with(".rs"));
    let tests: String = sources.map(|file| file.text.as_str()).collect();
    let all = mutants(&files, |path| !path.ends_with(record::LEFT_OUT));
    assert_none(&recorded(&all, text, &tests));
    let refs: Vec<&Mutant> = all.iter().collect();
    assert_eq!(
        record::written(refs.iter().copied(), &record::read(text)),
        text,
        "as it is written"
    );

    let table = "[[mutant]]\nname='a'\nwhat='b'\nfile='f'\nfrom='c'\nto='d'\nmoney=true\n";
    let one = table::read(table).unwrap_or_default();
    let row = |by: &str| format!("| a | yes | {by} |\n");
    assert_none(&recorded(&one, &row("lib x::tried"), "fn tried() {}"));
    assert_none(&recorded(&one, &row("lib time: the tests did not end"), ""));
    assert_eq!(recorded(&one, &row("lib x::tried"), "").len(), 1, "gone");
    assert_eq!(recorded(&one, &row("SURVIVED"), "").len(), 1, "money");
    assert_eq!(recorded(&one, "", "").len(), 2, "not tried");
    let other = format!("{}| b | no | it x::y |\n", row("it x::y"));
    assert_eq!(recorded(&one, &other, "fn y()").len(), 1, "no such mutant");
}

/// With which words a failure of the simulation may begin: each is a paragraph of "What holds after every step", or an
/// invariant.
const KINDS: &[&str] = &[
    "money",
    "answers",
    "callbacks",
    "reads",
    "I1",
    "I2",
    "I3",
    "I4",
    "I5",
    "I6",
    "I7",
    "I9",
];

/// What is wrong with the record of these bugs.
fn shown(all: &[Mutant], text: &str) -> Complaints {
    let hunts = sightings::read(text);
    let mut wrong = Complaints::new();
    for Mutant { name, .. } in all {
        let again = format!("just planted --only {name}");
        match hunts.get(name) {
            None => wrong.push(format!("{name} has not been tried: {again}")),
            Some(Hunt::NotFound(lives)) => {
                wrong.push(format!("{name}: none of {lives} lives shows it: {again}"));
            }
            Some(Hunt::Found { again, shown, .. }) => {
                let kind = shown.split(':').next().unwrap_or_default();
                if !KINDS.contains(&kind) {
                    wrong.push(format!("{name}: {shown}: this is no invariant"));
                }
                if again.starts_with("0 ") {
                    wrong.push(format!("{name}: the seed did not show it again"));
                }
            }
        }
    }
    let is_known = |name: &&String| all.iter().any(|one| one.name == **name);
    for name in hunts.keys().filter(|name| !is_known(name)) {
        wrong.push(format!(
            "{}: {name} is no planted bug any more",
            sightings::PLACE
        ));
    }
    wrong
}

/// Each bug that is planted for the simulation was shown by a life of it.
#[test]
fn the_record_of_planted_bugs_has_a_life_for_each() {
    let files = everything();
    let text_of = |path: &str| {
        let found = files.iter().find(|file| file.path == path);
        found.map_or("", |file| file.text.as_str())
    };
    let text = text_of(sightings::PLACE);
    let all = mutants(&files, |path| path == sightings::TABLE);
    assert!(all.len() >= 23, "{}", all.len());
    assert_none(&shown(&all, text));
    let as_it_is_written = sightings::written(&all, &sightings::read(text));
    assert_eq!(as_it_is_written, text, "as it is written");
    let test = sightings::TEST.rsplit("::").next().unwrap_or_default();
    let simulation = text_of("tests/it/simulation/mod.rs");
    assert!(simulation.contains(&format!("fn {test}(")), "{test}");

    let table = "[[mutant]]\nname='a'\nwhat='b'\nfile='f'\nfrom='c'\nto='d'\n";
    let one = table::read(table).unwrap_or_default();
    let wrong = |rows: &str| shown(&one, rows).len();
    let good = "| a | 17 | 3 of 3 | I3: sent and not recorded |\n";
    assert_eq!(wrong(good), 0);
    assert_eq!(wrong(""), 1, "not tried");
    assert_eq!(wrong("| a | none of 256 | - | - |\n"), 1, "not found");
    assert_eq!(wrong("| a | 17 | 0 of 3 | I3: not recorded |\n"), 1, "once");
    assert_eq!(
        wrong("| a | 17 | 3 of 3 | no reason |\n"),
        1,
        "no invariant"
    );
    let other = format!("{good}| b | 1 | 3 of 3 | I3: not recorded |\n");
    assert_eq!(wrong(&other), 1, "no such bug");

    let heard =
        "12 Step\nSEED=17: assertion `left == right` failed: I4: recorded as done: Call { a: 1 }\n";
    let shown = (17, "I4: recorded as done".to_owned());
    assert_eq!(sightings::failure(heard), Some(shown));
    let heard = "SEED=9: I1: captured: Payment { a: 1 }";
    assert_eq!(
        sightings::failure(heard),
        Some((9, "I1: captured".to_owned()))
    );
    assert_eq!(sightings::failure("test result: ok"), None);
}
