//! The configuration: `default.toml` (compiled in), then files, then the environment, checked into [`Settings`].
//!
//! Every problem is reported at once, with its key, its remedy and no secret. Must not: start anything, or accept a key
//! that it does not know. The `config` crate is used in this file only, to read TOML.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

mod automatic;
mod check;
mod diff;
mod disk;
mod file;
mod kinds;
mod live;
mod merchants;
mod model;
mod problem;
mod rules;
mod shadow;
mod shown;
mod sources;
mod tree;
mod units;
mod url;
mod written;

#[cfg(test)]
mod tests;

pub use diff::{KeyChange, NeedsRestart, diff, needing_restart, why_restart};
pub use file::Entry;
pub use live::{Live, Snapshot};
pub use model::{
    Admin, Callbacks, EncryptionKey, Ignored, LogFormat, LogLevel, Merchant, MerchantSettings,
    MerchantShadow, Proxy, Ramp, Reads, Register, Rollback, Settings, Shadow, ShadowMode, Store,
    Telemetry, TlsFiles, Upstream, Webhooks,
};
pub use problem::{ConfigProblem, Warning};
pub use sources::{Fingerprint, Sources, Texts};
pub use url::{BaseUrl, Guard, PostgresUrl, StoreUrl};

use config::{FileFormat, Source, ValueKind};
use file::Report;
use tree::{ENV_PREFIX, Node, Origin, Table, Value};

/// Reads a duration as the configuration has it: `90s`, `1h 30m`.
///
/// # Errors
/// What a duration looks like.
pub fn parse_duration(text: &str) -> Result<std::time::Duration, &'static str> {
    units::duration(text)
}

/// Every key with its comment and default.
pub const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

/// Reads the defaults, the files in order and the variables that begin with `ECOM_BRIDGE__`.
///
/// # Errors
/// Every problem found, not only the first.
pub fn load(
    files: &[PathBuf],
    env: impl Iterator<Item = (String, String)>,
) -> Result<Settings, Vec<ConfigProblem>> {
    load_texts(Texts::read(files), env)
}

/// The same of files that were read before.
fn load_texts(
    texts: Texts,
    env: impl Iterator<Item = (String, String)>,
) -> Result<Settings, Vec<ConfigProblem>> {
    let mut report = Report::default();
    let layers = layers(texts, &mut report);
    finish(layers, env, report)
}

fn layers(texts: Texts, report: &mut Report) -> Vec<(Origin, String)> {
    let mut layers = Vec::new();
    for (name, text) in texts.files {
        match text {
            Ok(text) => layers.push((Origin::File(name), text)),
            Err(kind) => report.problems.push(ConfigProblem::new(
                &name,
                format!("the file cannot be read ({kind})"),
                "Name a file of UTF-8 text that exists and that the bridge's user may read",
            )),
        }
    }
    layers
}

/// `admin.listen` of these files and variables, whatever else is wrong with them: for who only asks a running bridge.
/// None: it is no address.
#[must_use]
pub fn admin_listen(
    files: &[PathBuf],
    env: impl Iterator<Item = (String, String)>,
) -> Option<SocketAddr> {
    let mut unheard = Report::default();
    let layers = layers(Texts::read(files), &mut unheard);
    let mut tree = merged(layers, env, &mut unheard);
    let Value::Table(mut admin) = tree.remove("admin")?.value else {
        return None;
    };
    match admin.remove("listen")?.value {
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// The variables of this process, for [`load`]. What is no Unicode is left out (names) or marked (values), not fatal.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        Some((name, value.to_string_lossy().into_owned()))
    })
}

/// Reads the defaults and then `text`, as if it were the only file: for tests and the demonstration.
///
/// # Errors
/// Every problem found, not only the first.
pub fn from_text(text: &str) -> Result<Settings, Vec<ConfigProblem>> {
    let layer = (Origin::File("text".to_owned()), text.to_owned());
    finish(vec![layer], std::iter::empty(), Report::default())
}

fn finish(
    layers: Vec<(Origin, String)>,
    env: impl Iterator<Item = (String, String)>,
    mut report: Report,
) -> Result<Settings, Vec<ConfigProblem>> {
    let mut tree = merged(layers, env, &mut report);
    let mut named = disk::secrets(&mut tree, &mut report);
    let mut found = check::Found::default();
    let settings = check::check(&tree, &mut report, &mut found);
    named.extend(disk::certificate(&found, &mut report));
    match settings {
        Some(mut settings) if report.problems.is_empty() => {
            settings.named = named;
            settings.warnings = report.warnings;
            settings.entries = report.entries;
            Ok(settings)
        }
        None if report.problems.is_empty() => Err(vec![ConfigProblem::new(
            "configuration",
            "it could not be read, and no reason was found",
            "Report this as a fault of the bridge",
        )]),
        _ => Err(report.problems),
    }
}

fn merged(
    layers: Vec<(Origin, String)>,
    env: impl Iterator<Item = (String, String)>,
    report: &mut Report,
) -> Table {
    let mut tree = Table::new();
    let defaults = (Origin::Default, DEFAULT_TOML.to_owned());
    for (origin, text) in std::iter::once(defaults).chain(layers) {
        match parse(&origin, &text) {
            Ok(layer) => tree::merge(&mut tree, layer),
            Err(problem) => report.problems.push(problem),
        }
    }
    let vars: BTreeMap<String, String> = env
        .filter(|(name, _)| name.starts_with(ENV_PREFIX))
        .collect();
    tree::merge_environment(&mut tree, vars, &mut report.problems);
    tree
}

/// The effective configuration as TOML: secrets masked, each value with its origin as a comment.
#[must_use]
pub fn show(settings: &Settings) -> String {
    let mut text = String::new();
    let mut section = None;
    for entry in settings.entries() {
        if section != Some(entry.section.as_str()) {
            let heading = match entry.section.strip_prefix("merchants.") {
                Some(_) => "[[merchants]]".to_owned(),
                None => format!("[{}]", entry.section),
            };
            let gap = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}{heading}\n"));
            section = Some(entry.section.as_str());
        }
        let origin = entry.origin.replace(char::is_control, " ");
        text.push_str(&format!("{} = {} # {origin}\n", entry.key, entry.value));
    }
    text
}

fn parse(origin: &Origin, text: &str) -> Result<Table, ConfigProblem> {
    config::File::from_str(text, FileFormat::Toml)
        .collect()
        .map(|table| convert_table(origin, table))
        .map_err(|error| {
            let name = match origin {
                Origin::File(name) => name.clone(),
                other => other.to_string(),
            };
            let why = without_excerpt(&error.to_string());
            let why = format!("this is not TOML: {why}");
            ConfigProblem::new(&name, why, "Correct it at the place named")
        })
}

/// The parser's message without the lines of the file that it quotes: they may hold a secret.
fn without_excerpt(message: &str) -> String {
    let is_excerpt = |line: &&str| {
        line.trim_start()
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .trim_start()
            .starts_with('|')
    };
    let lines: Vec<&str> = message
        .lines()
        .filter(|line| !is_excerpt(line) && !line.trim().is_empty())
        .map(str::trim)
        .collect();
    lines.join(", ")
}

fn convert_table(origin: &Origin, table: config::Map<String, config::Value>) -> Table {
    table
        .into_iter()
        .map(|(key, value)| (key, convert(origin, value)))
        .collect()
}

fn convert(origin: &Origin, value: config::Value) -> Node {
    let value = match value.kind {
        ValueKind::Nil => Value::Other("nothing"),
        ValueKind::Boolean(truth) => Value::Truth(truth),
        ValueKind::I64(number) => Value::Whole(number),
        ValueKind::U64(number) => whole(number),
        ValueKind::I128(number) => whole(number),
        ValueKind::U128(number) => whole(number),
        ValueKind::Float(_) => Value::Other("a fraction"),
        ValueKind::String(text) => Value::Text(text),
        ValueKind::Table(table) => Value::Table(convert_table(origin, table)),
        ValueKind::Array(list) => {
            Value::List(list.into_iter().map(|item| convert(origin, item)).collect())
        }
    };
    Node {
        value,
        origin: origin.clone(),
    }
}

fn whole<T: TryInto<i64>>(number: T) -> Value {
    number
        .try_into()
        .map_or(Value::Other("a number too large"), Value::Whole)
}
