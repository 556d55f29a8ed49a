//! The tables of mutants (`tests/mutants/*.toml`), and how all mutants of a file are woven into one text, of which a
//! running program does one.
//!
//! Must not: read or write files; `main.rs` and the house test hand in texts.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;

/// One mistake that somebody could make.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    /// Its name: letters, digits and hyphens, one of its kind in all tables.
    pub(crate) name: String,
    /// The mistake, in a short sentence.
    pub(crate) what: String,
    /// Where, from the project's folder.
    pub(crate) file: String,
    /// A text of the file that stands there once; `from` is looked for after it. Where it is left out, `from` itself
    /// stands there once.
    #[serde(default)]
    pub(crate) after: Option<String>,
    /// What stands there: an expression, or statements that end with `;`. Nothing that must be constant.
    pub(crate) from: String,
    /// What stands there instead.
    pub(crate) to: String,
    /// Whether it could move money twice, or call a shop back twice or never.
    #[serde(default)]
    pub(crate) money: bool,
    /// Which tests of `it` may catch it, as filters separated by blanks; all that are quick where it is left out.
    #[serde(default)]
    pub(crate) tests: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    mutant: Vec<Mutant>,
}

/// Reads a table.
pub(crate) fn read(text: &str) -> Result<Vec<Mutant>, String> {
    let source = config::File::from_str(text, config::FileFormat::Toml);
    let read = config::Config::builder().add_source(source).build();
    let table = read.and_then(config::Config::try_deserialize::<Table>);
    table
        .map(|table| table.mutant)
        .map_err(|error| error.to_string())
}

/// What is wrong with the names and sentences of all tables together.
pub(crate) fn complaints(mutants: &[Mutant]) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut all = Vec::new();
    for mutant in mutants {
        let name = mutant.name.as_str();
        let is_kebab = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || !name.bytes().all(is_kebab) {
            all.push(format!(
                "{name}: a name is lower-case letters, digits and hyphens"
            ));
        }
        if !names.insert(name) {
            all.push(format!("{name}: two mutants have this name"));
        }
        if mutant.what.trim().is_empty() || mutant.from.trim() == mutant.to.trim() {
            all.push(format!("{name}: says nothing, or changes nothing"));
        }
    }
    all
}

/// What is wrong with the places of all tables together; `text_of` gives a file.
pub(crate) fn misplaced(
    mutants: &[Mutant],
    text_of: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let files: BTreeSet<&str> = mutants.iter().map(|one| one.file.as_str()).collect();
    let mut all = Vec::new();
    for file in files {
        let of_file: Vec<&Mutant> = mutants.iter().filter(|one| one.file == file).collect();
        let Some(text) = text_of(file) else {
            all.push(format!("{file} is not there"));
            continue;
        };
        let before = all.len();
        all.extend(of_file.iter().filter_map(|one| spot(&text, one).err()));
        if all.len() == before {
            all.extend(woven(&text, &of_file).err());
        }
    }
    all
}

/// The text of a file with all its mutants in it: each spot asks which one is on.
pub(crate) fn woven(text: &str, mutants: &[&Mutant]) -> Result<String, String> {
    let mut spots = Vec::new();
    for mutant in mutants {
        spots.push((spot(text, mutant)?, *mutant));
    }
    // Around before within.
    spots.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut out = String::new();
    weave(text, 0..text.len(), &spots, &mut out)?;
    Ok(out)
}

/// Where a mutant's text stands.
pub(crate) fn spot(text: &str, mutant: &Mutant) -> Result<Range<usize>, String> {
    let named = |why: &str| format!("{}: {why} in {}", mutant.name, mutant.file);
    let once = |what: &str| match text.match_indices(what).count() {
        1 => Ok(()),
        times => Err(named(&format!("stands {times} times, not once: `{what}`"))),
    };
    let begin = match &mutant.after {
        Some(after) => {
            once(after)?;
            text.find(after.as_str()).unwrap_or_default() + after.len()
        }
        None => {
            once(&mutant.from)?;
            0
        }
    };
    let at = text[begin..].find(mutant.from.as_str());
    let at = begin + at.ok_or_else(|| named(&format!("`{}` is not there", mutant.from)))?;
    Ok(at..at + mutant.from.len())
}

fn weave(
    text: &str,
    whole: Range<usize>,
    spots: &[(Range<usize>, &Mutant)],
    out: &mut String,
) -> Result<(), String> {
    let (mut at, mut rest) = (whole.start, spots);
    while let Some(((range, mutant), others)) = rest.split_first() {
        let inner = others
            .iter()
            .take_while(|(one, _)| one.start < range.end)
            .count();
        let (inner, others) = others.split_at(inner);
        if let Some((_, other)) = inner.iter().find(|(one, _)| one.end > range.end) {
            return Err(format!("{} and {} overlap", mutant.name, other.name));
        }
        out.push_str(&text[at..range.start]);
        let is_statement = mutant.from.trim_end().ends_with(';');
        let (open, close) = if is_statement { ("", "") } else { ("(", ")") };
        out.push_str(&format!(
            "{open}if crate::mutant::on({:?}) {{ {} }} else {{ ",
            mutant.name, mutant.to
        ));
        weave(text, range.clone(), inner, out)?;
        out.push_str(&format!(" }}{close}"));
        (at, rest) = (range.end, others);
    }
    out.push_str(&text[at..whole.end]);
    Ok(())
}
