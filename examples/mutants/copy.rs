//! The copy of the tree in `target/mutants`, and the mistakes in it.
//!
//! Must not: write a file that is the same already; cargo would build it again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::table::{self, Mutant};

/// Where everything is done.
pub(crate) const TREE: &str = "target/mutants/tree";

/// Which mutant is on, as a file of the copy.
const MODULE: &str = "//! Which mistake this program makes.

use std::sync::OnceLock;

static CHOSEN: OnceLock<Option<String>> = OnceLock::new();

/// Whether it is this one.
pub(crate) fn on(name: &str) -> bool {
    let chosen = CHOSEN.get_or_init(|| std::env::var(\"ECOM_BRIDGE_MUTANT\").ok());
    chosen.as_deref() == Some(name)
}
";

/// A table, or all tables of a folder, by name.
pub(crate) fn tables(path: &str) -> Result<Vec<(String, String)>, String> {
    let read = |path: &Path| {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
        Ok::<_, String>((path.display().to_string(), text?))
    };
    if !Path::new(path).is_dir() {
        return Ok(vec![read(Path::new(path))?]);
    }
    let listed = fs::read_dir(path).map_err(|error| format!("{path}: {error}"))?;
    let mut files: Vec<PathBuf> = listed
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    files.iter().map(|path| read(path)).collect()
}

/// Copies the tree and plants the mutants.
pub(crate) fn planted(mutants: &[Mutant]) -> Result<(), String> {
    let mut wanted = BTreeMap::new();
    for top in ["Cargo.toml", "Cargo.lock", "askama.toml", "README.md"] {
        take(Path::new(top), &mut wanted)?;
    }
    for top in [
        "src", "tests", "benches", "examples", "config", "docs", "deploy",
    ] {
        take(Path::new(top), &mut wanted)?;
    }
    let files: BTreeSet<&str> = mutants.iter().map(|one| one.file.as_str()).collect();
    for file in files {
        let of_file: Vec<&Mutant> = mutants.iter().filter(|one| one.file == file).collect();
        let place = wanted.get_mut(Path::new(file));
        let place = place.ok_or_else(|| format!("{file} is not there"))?;
        let text = String::from_utf8_lossy(place).into_owned();
        *place = table::woven(&text, &of_file)?.into_bytes();
    }
    let library = wanted
        .get_mut(Path::new("src/lib.rs"))
        .ok_or("run it in the project's folder")?;
    library.extend_from_slice(b"\nmod mutant;\n");
    // What is woven in stands in parentheses, needed or not.
    library.splice(0..0, *b"#![allow(unused_parens)]\n");
    wanted.insert(PathBuf::from("src/mutant.rs"), MODULE.as_bytes().to_vec());
    written(&wanted)
}

fn take(path: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    if !path.is_dir() {
        found.insert(path.to_owned(), fs::read(path).map_err(told)?);
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(told)? {
        take(&entry.map_err(told)?.path(), found)?;
    }
    Ok(())
}

fn written(wanted: &BTreeMap<PathBuf, Vec<u8>>) -> Result<(), String> {
    for (path, bytes) in wanted {
        let to = Path::new(TREE).join(path);
        if fs::read(&to).is_ok_and(|old| old == *bytes) {
            continue;
        }
        let folder = to.parent().unwrap_or(Path::new(TREE));
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&to, bytes))
            .map_err(|error| format!("{}: {error}", to.display()))?;
    }
    let mut there = BTreeMap::new();
    for top in ["src", "tests"] {
        take(&Path::new(TREE).join(top), &mut there)?;
    }
    for path in there.keys() {
        let inside = path.strip_prefix(TREE).unwrap_or(path);
        if inside.extension().is_some_and(|end| end == "rs") && !wanted.contains_key(inside) {
            fs::remove_file(path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}
