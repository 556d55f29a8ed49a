//! The rows of the fault list and the invariants: each has a test that names it.
//!
//! Must not: judge what the test shows.

use super::assert_none;
use super::source::{Complaints, File, everything};

/// The letters of the list, each with its last row.
const ROWS: [(char, u8); 6] = [
    ('a', 20),
    ('b', 13),
    ('c', 18),
    ('d', 9),
    ('e', 8),
    ('f', 9),
];
const INVARIANTS: u8 = 12;

/// The product's own list of rows, which names its functions after them.
fn is_product(path: &str) -> bool {
    path.starts_with("src/cli/rehearse/rows")
}

/// A row is named by a function's name (`a19_...`), an invariant by that or by a word of what the tests say (`I7`).
fn unnamed(files: &[File]) -> Complaints {
    let tests: Vec<&File> = files
        .iter()
        .filter(|file| file.path.starts_with("src/") || file.path.starts_with("tests/it/"))
        .collect();
    let lines = || tests.iter().flat_map(|file| file.text.lines());
    // `rehearse` plays rows in functions of the product that have their names: those are no tests.
    let of_tests = tests.iter().filter(|file| !is_product(&file.path));
    let of_tests: Vec<&str> = of_tests.flat_map(|file| file.text.lines()).collect();
    let is_function = |name: &str| {
        of_tests
            .iter()
            .filter_map(|line| line.split_once("fn ")?.1.split_once('('))
            .any(|(function, _)| function.split('_').any(|part| part == name))
    };
    let is_said = |name: &str| {
        lines().any(|line| {
            let mut words = line.split(|letter: char| !letter.is_alphanumeric());
            words.any(|word| word == name)
        })
    };
    let rows = ROWS
        .iter()
        .flat_map(|(letter, last)| (1..=*last).map(move |n| format!("{letter}{n}")))
        .filter(|row| !is_function(row));
    let invariants = (1..=INVARIANTS)
        .filter(|n| !is_function(&format!("i{n}")) && !is_said(&format!("I{n}")))
        .map(|n| format!("i{n}"));
    rows.chain(invariants)
        .map(|name| {
            format!("no test names {name}: put `{name}_` before the name of the one that shows it")
        })
        .collect()
}

#[test]
fn each_row_of_the_fault_list_has_a_test_that_names_it() {
    assert_none(&unnamed(&everything()));

    let all = usize::from(INVARIANTS + ROWS.iter().map(|(_, last)| last).sum::<u8>());
    let found = |text: &str| {
        let file = File {
            path: "tests/it/some.rs".to_owned(),
            text: text.to_owned(),
        };
        all - unnamed(&[file]).len()
    };
    assert_eq!(
        found("async fn a1_a20_both() {}\nfn i2_keys() {} // I12"),
        4
    );
    assert_eq!(found("fn a(a1: u8) {}\nlet a2_b = c3(); // I13"), 0);
    let rehearsed = File {
        path: "src/cli/rehearse/rows/money.rs".to_owned(),
        text: "async fn a10(stage: &Stage) {}".to_owned(),
    };
    assert_eq!(unnamed(&[rehearsed]).len(), all, "no test");
}
