//! Reads the merged tree leniently: each section says what it reads, and every fault is collected, not only the first.
//!
//! A key that no section reads is unknown. Must not: stop at a fault, or keep a secret in what it shows.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::problem::{ConfigProblem, Warning};
use super::shown;
use super::tree::{Node, Origin, Table, Value};
use super::units;
use super::written::Written;

/// One effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The table, such as `proxy` or `merchants.123456`.
    pub section: String,
    /// The key in it, such as `listen` or `routing.initiate`.
    pub key: String,
    /// The value as TOML, secrets masked.
    pub value: String,
    /// `default`, `file …` or `environment …`.
    pub origin: String,
    /// The value itself, secrets not masked: for comparing only.
    pub(super) written: Written,
}

impl Entry {
    /// Section and key, such as `proxy.listen`.
    #[must_use]
    pub fn path(&self) -> String {
        shown::join(&self.section, &self.key)
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) problems: Vec<ConfigProblem>,
    pub(super) warnings: Vec<Warning>,
    pub(super) entries: Vec<Entry>,
}

impl Report {
    /// Notes a problem with the value at `path`, which was read before.
    pub(super) fn problem(&mut self, path: &str, why: impl Into<String>, remedy: &str) {
        let problem = self.about(path, why.into(), remedy);
        self.problems.push(problem);
    }

    /// Notes a warning about the value at `path`, which was read before.
    pub(super) fn warn(&mut self, path: &str, why: impl Into<String>, remedy: &str) {
        let warning = self.about(path, why.into(), remedy);
        self.warnings.push(warning);
    }

    fn about(&self, path: &str, why: String, remedy: &str) -> ConfigProblem {
        let mut problem = ConfigProblem::new(path, why, remedy);
        if let Some(entry) = self.entries.iter().rev().find(|e| e.path() == path) {
            problem.value.clone_from(&entry.value);
            problem.origin.clone_from(&entry.origin);
        }
        problem
    }
}

/// One table while it is read. Every getter answers `None` after it reported why.
pub(super) struct Section<'t, 'r> {
    section: String,
    prefix: &'static str,
    table: Option<&'t Table>,
    read: Vec<&'static str>,
    pub(super) report: &'r mut Report,
}

impl<'t, 'r> Section<'t, 'r> {
    /// The whole tree.
    pub(super) fn root(tree: &'t Table, report: &'r mut Report) -> Self {
        Self::new(String::new(), Some(tree), report)
    }

    /// A table of its own.
    pub(super) fn new(section: String, table: Option<&'t Table>, report: &'r mut Report) -> Self {
        Self {
            section,
            prefix: "",
            table,
            read: Vec::new(),
            report,
        }
    }

    /// A section of the tree; what is no table is reported and then read as if it were not there.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'t, '_> {
        let table = self.table_at(name);
        Section::new(name.to_owned(), table, self.report)
    }

    /// A table within this one, whose keys are shown as `prefix` and key.
    pub(super) fn inner(&mut self, name: &'static str, prefix: &'static str) -> Section<'t, '_> {
        let table = self.table_at(name);
        let mut inner = Section::new(self.section.clone(), table, self.report);
        inner.prefix = prefix;
        inner
    }

    fn table_at(&mut self, name: &'static str) -> Option<&'t Table> {
        let node = self.node(name)?;
        if let Value::Table(table) = &node.value {
            return Some(table);
        }
        let problem = ConfigProblem {
            origin: node.origin.to_string(),
            ..ConfigProblem::new(
                &self.path(name),
                format!("this is {}, not a table", node.value.kind()),
                "Write it as a table of keys",
            )
        };
        self.report.problems.push(problem);
        None
    }

    /// The full path of a key.
    pub(super) fn path(&self, key: &str) -> String {
        shown::join(&self.section, &format!("{}{key}", self.prefix))
    }

    fn mark(&mut self, key: &'static str) {
        if !self.read.contains(&key) {
            self.read.push(key);
        }
    }

    /// Whether the key is there; it counts as read.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.mark(key);
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Whether there is a table to read.
    pub(super) const fn is_table(&self) -> bool {
        self.table.is_some()
    }

    /// The node at a key that must be there.
    pub(super) fn node(&mut self, key: &'static str) -> Option<&'t Node> {
        self.mark(key);
        let table = self.table?;
        if !table.contains_key(key) {
            let path = self.path(key);
            self.report.problem(&path, "this key is missing", "Set it");
        }
        table.get(key)
    }

    /// Notes the value as it may be shown.
    pub(super) fn show(&mut self, key: &str, value: String, node: &Node) {
        self.report.entries.push(Entry {
            section: self.section.clone(),
            key: format!("{}{key}", self.prefix),
            value,
            origin: node.origin.to_string(),
            written: Written::of(node),
        });
    }

    /// Reports the value at `key`.
    pub(super) fn fail<T>(&mut self, key: &str, why: impl Into<String>, remedy: &str) -> Option<T> {
        let path = self.path(key);
        self.report.problem(&path, why, remedy);
        None
    }

    /// Reports a value of another kind than `wanted`.
    pub(super) fn wrong_kind<T>(
        &mut self,
        key: &str,
        node: &Node,
        wanted: &str,
        remedy: &str,
    ) -> Option<T> {
        let why = format!("this is {}, not {wanted}", node.value.kind());
        self.fail(key, why, remedy)
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<&'t str> {
        self.text_or(key, "Write it in quotes")
    }

    fn text_or(&mut self, key: &'static str, remedy: &str) -> Option<&'t str> {
        let node = self.node(key)?;
        self.show(key, shown::plain(node), node);
        match &node.value {
            Value::Text(text) => Some(text.as_str()),
            _ => self.wrong_kind(key, node, "a text", remedy),
        }
    }

    /// The file that a secret stands in, where one is named: its content is in the secret's own place by now.
    pub(super) fn file_of(&mut self, key: &'static str) {
        if self.has(key) {
            let _shown = self.text(key);
        }
    }

    /// A text that `read` understands.
    pub(super) fn parse<T, W: Into<String>>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, W>,
        remedy: &str,
    ) -> Option<T> {
        match read(self.text_or(key, remedy)?) {
            Ok(value) => Some(value),
            Err(why) => self.fail(key, why, remedy),
        }
    }

    /// One of several words.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let all: Vec<String> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let remedy = format!("Write {}", all.join(" or "));
        let read = |text: &str| {
            let found = words.iter().find(|(word, _)| *word == text);
            found
                .map(|(_, value)| *value)
                .ok_or("this is none of the words it can be")
        };
        self.parse(key, read, &remedy)
    }

    /// true or false.
    pub(super) fn truth(&mut self, key: &'static str) -> Option<bool> {
        let node = self.node(key)?;
        self.show(key, shown::bare(node), node);
        match (&node.value, &node.origin) {
            (Value::Truth(truth), _) => Some(*truth),
            (Value::Text(text), Origin::Environment(_)) => match text.trim() {
                "true" => Some(true),
                "false" => Some(false),
                _ => self.fail(key, "this is neither true nor false", "Write true or false"),
            },
            _ => self.wrong_kind(
                key,
                node,
                "true or false",
                "Write true or false, without quotes",
            ),
        }
    }

    /// A whole number within `range`.
    pub(super) fn whole<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<T> {
        let node = self.node(key)?;
        self.show(key, shown::bare(node), node);
        let number = match (&node.value, &node.origin) {
            (Value::Whole(number), _) => Some(*number),
            (Value::Text(text), Origin::Environment(_)) => text.trim().parse().ok(),
            _ => {
                return self.wrong_kind(
                    key,
                    node,
                    "a whole number",
                    "Write a number, without quotes",
                );
            }
        };
        let fits = number
            .filter(|number| range.contains(number))
            .and_then(|number| T::try_from(number).ok());
        if fits.is_none() {
            let (low, high) = (range.start(), range.end());
            let remedy = format!("Write a whole number from {low} to {high}");
            return self.fail(key, "this is outside of what it can be", &remedy);
        }
        fits
    }

    /// A list of texts; in the environment, separated by commas.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<&'t str>> {
        let node = self.node(key)?;
        self.show(key, shown::list(node), node);
        texts_of(node)
            .or_else(|| self.wrong_kind(key, node, "a list of texts", "Write it as [\"…\", \"…\"]"))
    }

    /// A list of whole numbers within `range`; in the environment, separated by commas.
    pub(super) fn wholes<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<Vec<T>> {
        let node = self.node(key)?;
        self.show(key, shown::list(node), node);
        let numbers: Option<Vec<i64>> = match (&node.value, &node.origin) {
            (Value::List(list), _) => list
                .iter()
                .map(|item| match item.value {
                    Value::Whole(number) => Some(number),
                    _ => None,
                })
                .collect(),
            (Value::Text(text), Origin::Environment(_)) => {
                shown::parts(text).map(|part| part.parse().ok()).collect()
            }
            _ => None,
        };
        let Some(numbers) = numbers else {
            let remedy = "Write it as [1, 2], without quotes";
            return self.wrong_kind(key, node, "a list of whole numbers", remedy);
        };
        let fits = |number: i64| T::try_from(number).ok().filter(|_| range.contains(&number));
        numbers
            .into_iter()
            .map(fits)
            .collect::<Option<_>>()
            .or_else(|| {
                let (low, high) = (range.start(), range.end());
                let remedy = format!("Write whole numbers from {low} to {high}");
                self.fail(key, "one of them is outside of what it can be", &remedy)
            })
    }

    /// A duration within `range`.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<&str>,
    ) -> Option<Duration> {
        let read = |text: &str| within(text, &range);
        let remedy = format!("Write a duration from {} to {}", range.start(), range.end());
        self.parse(key, read, &remedy)
    }

    /// A number of bytes within `range`, as a text with a unit or a plain number.
    pub(super) fn size(
        &mut self,
        key: &'static str,
        range: RangeInclusive<usize>,
    ) -> Option<usize> {
        let node = self.node(key)?;
        self.show(key, shown::plain(node), node);
        let read = match &node.value {
            Value::Text(text) => units::size(text),
            Value::Whole(number) => {
                usize::try_from(*number).map_err(|_| "a size is not below zero")
            }
            _ => return self.wrong_kind(key, node, "a size", "Write a size such as \"1MiB\""),
        };
        match read {
            Ok(size) if range.contains(&size) => Some(size),
            Ok(_) => {
                let (low, high) = (range.start(), range.end());
                let remedy = format!("Write a size from {low} to {high} bytes");
                self.fail(key, "this is outside of what it can be", &remedy)
            }
            Err(why) => self.fail(key, why, "Write a size such as \"1MiB\" or \"64KiB\""),
        }
    }

    /// Reports the keys that nobody read.
    pub(super) fn finish(self) {
        for (key, node) in self.table.into_iter().flatten() {
            if !self.read.contains(&key.as_str()) {
                let remedy = match shown::nearest(key, &self.read) {
                    Some(near) => format!("Did you mean `{near}`? Else remove it"),
                    None => format!("Remove it; known here: {}", self.read.join(", ")),
                };
                self.report.problems.push(ConfigProblem {
                    origin: node.origin.to_string(),
                    ..ConfigProblem::new(
                        &self.path(&shown::key(key)),
                        "there is no such key",
                        remedy,
                    )
                });
            }
        }
    }
}

/// The items of a list of texts; none where it is something else.
pub(super) fn texts_of(node: &Node) -> Option<Vec<&str>> {
    match (&node.value, &node.origin) {
        (Value::List(list), _) => list
            .iter()
            .map(|item| match &item.value {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect(),
        (Value::Text(text), Origin::Environment(_)) => Some(shown::parts(text).collect()),
        _ => None,
    }
}

fn within(text: &str, range: &RangeInclusive<&str>) -> Result<Duration, &'static str> {
    let value = units::duration(text)?;
    let low = units::duration(range.start())?;
    let high = units::duration(range.end())?;
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err("this is outside of what it can be")
    }
}
