//! The tree as text: files, their lines of code, words that stand by themselves.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) type Complaints = Vec<String>;

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn walk(at: &Path, found: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(at) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if name == "target" || name == ".git" {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else if let Ok(bytes) = fs::read(&path) {
            let path = path.strip_prefix(root()).unwrap_or(&path);
            found.push(File {
                path: path.to_string_lossy().replace('\\', "/"),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            });
        }
    }
}

pub(crate) fn everything() -> Vec<File> {
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

pub(crate) fn is_rust(file: &File) -> bool {
    file.path.ends_with(".rs")
        && ["src/", "tests/"]
            .iter()
            .any(|top| file.path.starts_with(top))
}

/// Sets of tests that are files of their own.
pub(crate) fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || [
            "/tests.rs",
            "/tests/",
            "/suite/",
            "/laws.rs",
            "/laws/",
            "/testing.rs",
        ]
        .iter()
        .any(|part| path.contains(part))
}

/// The lines of code with their numbers, without comments; with `tests` also those of a test module at the end.
pub(crate) fn code(file: &File, tests: bool) -> impl Iterator<Item = (usize, &str)> {
    let end = if tests {
        None
    } else {
        file.text.find("#[cfg(test)]\nmod tests {")
    };
    let text = &file.text[..end.unwrap_or(file.text.len())];
    text.lines().enumerate().filter_map(|(n, line)| {
        let line = line
            .find("//")
            .filter(|at| !line[..*at].ends_with([':', '"', '/']))
            .map_or(line, |at| &line[..at]);
        (!line.trim().is_empty()).then_some((n + 1, line))
    })
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every place where `word` stands by itself.
pub(crate) fn places<'l>(line: &'l str, word: &'l str) -> impl Iterator<Item = usize> + 'l {
    line.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| {
            !line[..*at].ends_with(is_word) && !line[at + word.len()..].starts_with(is_word)
        })
}

/// Whether a line names a crate: `word::`, and not as a part of a longer path.
pub(crate) fn names_crate(line: &str, word: &str) -> bool {
    places(line, word).any(|at| {
        let before = line[..at].trim_end();
        let path = line[at + word.len()..].starts_with("::") || before.ends_with("use");
        path && !line[..at].ends_with(['.', '"'])
            && (!before.ends_with("::") || before.ends_with(" ::"))
    })
}
