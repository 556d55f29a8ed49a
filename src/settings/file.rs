//! Reads the merged tree leniently: each section says what it reads, and every fault is collected, not only the first.
//!
//! A key that no section reads is unknown. Must not: stop at a fault, or keep a secret in what it shows.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::SecretString;

use super::problem::{ConfigProblem, Warning};
use super::routing::Toggle;
use super::shown;
use super::tree::{Node, Origin, Table, Value};
use super::units;
use super::url::BaseUrl;
use crate::types::Msn;

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

    /// A merchant serial number, as text or number; `parsed` is what it was understood as.
    pub(super) fn msn(&mut self, key: &'static str, parsed: Option<Msn>) -> Option<Msn> {
        let node = self.node(key)?;
        self.show(key, shown::plain(node), &node.origin);
        let remedy = "Write it in quotes, such as \"123456\"";
        parsed.or_else(|| self.fail(key, "a merchant serial number is 4 to 7 digits", remedy))
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
    fn show(&mut self, key: &str, value: String, origin: &Origin) {
        self.report.entries.push(Entry {
            section: self.section.clone(),
            key: format!("{}{key}", self.prefix),
            value,
            origin: origin.to_string(),
        });
    }

    /// Reports the value at `key`.
    pub(super) fn fail<T>(&mut self, key: &str, why: impl Into<String>, remedy: &str) -> Option<T> {
        let path = self.path(key);
        self.report.problem(&path, why, remedy);
        None
    }

    fn wrong_kind<T>(&mut self, key: &str, node: &Node, wanted: &str, remedy: &str) -> Option<T> {
        let why = format!("this is {}, not {wanted}", node.value.kind());
        self.fail(key, why, remedy)
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<&'t str> {
        self.text_or(key, "Write it in quotes")
    }

    fn text_or(&mut self, key: &'static str, remedy: &str) -> Option<&'t str> {
        let node = self.node(key)?;
        self.show(key, shown::plain(node), &node.origin);
        match &node.value {
            Value::Text(text) => Some(text.as_str()),
            _ => self.wrong_kind(key, node, "a text", remedy),
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
        self.show(key, shown::bare(node), &node.origin);
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
        self.show(key, shown::bare(node), &node.origin);
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
        self.show(key, shown::list(node), &node.origin);
        let texts = match (&node.value, &node.origin) {
            (Value::List(list), _) => list
                .iter()
                .map(|item| match &item.value {
                    Value::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect(),
            (Value::Text(text), Origin::Environment(_)) => Some(shown::parts(text).collect()),
            _ => None,
        };
        texts
            .or_else(|| self.wrong_kind(key, node, "a list of texts", "Write it as [\"…\", \"…\"]"))
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
        self.show(key, shown::plain(node), &node.origin);
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

    /// An address to listen on.
    pub(super) fn listen(&mut self, key: &'static str) -> Option<SocketAddr> {
        self.parse(
            key,
            |text| {
                text.parse()
                    .map_err(|_| "this is no IP address with a port")
            },
            "Write it as \"127.0.0.1:8080\", \"0.0.0.0:8080\" or \"[::]:8080\"",
        )
    }

    /// A base URL, https unless on this machine; the inner `None`: left empty.
    pub(super) fn base_url(&mut self, key: &'static str) -> Option<Option<BaseUrl>> {
        let read = |text: &str| {
            if text.is_empty() {
                return Ok(None);
            }
            let url = BaseUrl::parse(text)?;
            if url.is_https() || url.is_loopback() {
                Ok(Some(url))
            } else {
                Err("keys and tokens would cross the network in clear text")
            }
        };
        self.parse(
            key,
            read,
            "Write it as \"https://host\", with a path prefix where there is one; http is for a loopback host only",
        )
    }

    /// A secret that is sent in a header; the inner `None`: left empty.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<Option<SecretString>> {
        let text = self.hidden(key)?;
        if text.is_empty() {
            return Some(None);
        }
        if !text.bytes().all(|b| (0x21..0x7f).contains(&b)) {
            return self.fail(
                key,
                "it holds a blank, a line break or a character that no header can carry",
                "Copy it again, without what stands around it",
            );
        }
        Some(Some(SecretString::from(text)))
    }

    /// A text that is never shown.
    pub(super) fn hidden(&mut self, key: &'static str) -> Option<&'t str> {
        let node = self.node(key)?;
        let text = match &node.value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        };
        let mask = if text == Some("") {
            "\"\""
        } else {
            shown::MASK
        };
        self.show(key, mask.to_owned(), &node.origin);
        match text {
            None => self.wrong_kind(key, node, "a text", "Write it in quotes"),
            Some("(set)") => self.fail(
                key,
                "this is what `check` shows in place of a secret",
                "Write the secret itself",
            ),
            Some(text) => Some(text),
        }
    }

    /// A routing toggle; a percentage only where `percent`.
    pub(super) fn toggle(&mut self, key: &'static str, percent: bool) -> Option<Toggle> {
        const WORDS: &str = "Write \"epayment\" or \"ecom\"";
        const SHARE: &str = "Write \"epayment\", \"ecom\" or { epayment_percent = 10 }";
        let node = self.node(key)?;
        let percentage = match &node.value {
            Value::Table(table) => share(table),
            _ => None,
        };
        let value = match percentage {
            Some(share) => format!("{{ epayment_percent = {share} }}"),
            None => shown::plain(node),
        };
        self.show(key, value, &node.origin);
        let remedy = if percent { SHARE } else { WORDS };
        match &node.value {
            Value::Text(text) if text == "epayment" => Some(Toggle::Epayment),
            Value::Text(text) if text == "ecom" => Some(Toggle::Ecom),
            Value::Table(_) if !percent => {
                self.fail(key, "only initiate can have a percentage", WORDS)
            }
            Value::Table(_) => match percentage {
                Some(share) => Some(Toggle::Percent(share)),
                None => self.fail(
                    key,
                    "a share is one key, epayment_percent, a whole number from 0 to 100",
                    SHARE,
                ),
            },
            _ => self.fail(key, "this is no route", remedy),
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

fn share(table: &Table) -> Option<u8> {
    let node = table.get("epayment_percent").filter(|_| table.len() == 1)?;
    let number = match (&node.value, &node.origin) {
        (Value::Whole(number), _) => *number,
        (Value::Text(text), Origin::Environment(_)) => text.trim().parse().ok()?,
        _ => return None,
    };
    u8::try_from(number).ok().filter(|share| *share <= 100)
}
