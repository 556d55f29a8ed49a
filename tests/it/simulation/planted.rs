//! The table of planted bugs fits the source, and `docs/simulation.md` tells each.
//!
//! Must not: plant anything.

use config::{Config, File, FileFormat, Value};

fn text(of: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(of);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{of}: {error}"))
}

#[test]
fn every_planted_bug_has_its_place_and_its_line() {
    let table = text("tests/mutants/planted.toml");
    let read = Config::builder().add_source(File::from_str(&table, FileFormat::Toml));
    let all = read.build().unwrap().get_array("mutant").unwrap();
    assert!(all.len() >= 10, "{}", all.len());
    let documented = text("docs/simulation.md");
    for mutant in all {
        let mut mutant = mutant.into_table().unwrap();
        let mut member = |name: &str| {
            mutant
                .remove(name)
                .map(Value::into_string)
                .unwrap()
                .unwrap()
        };
        let (name, what) = (member("name"), member("what"));
        let (file, from, to) = (member("file"), member("from"), member("to"));
        assert_eq!(text(&file).matches(&from).count(), 1, "{name} in {file}");
        assert_ne!(from, to, "{name}");
        assert!(what.ends_with('.'), "{name}");
        assert!(
            documented.contains(&format!("`{name}`")),
            "{name} is not told"
        );
    }
}
