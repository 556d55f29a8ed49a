//! What differs between two configurations, key by key, and which of it can't change while the bridge runs.
//!
//! A key that stands in no list below needs a restart: a new one is safe before somebody has thought about it. Must not:
//! show a secret, or say of a secret more than that it is another one.

use std::collections::BTreeMap;
use std::fmt;

use super::Settings;
use super::file::Entry;
use crate::types::Msn;

/// A key whose value is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// Such as `proxy.max_body` or `merchants.123456.routing.initiate`.
    pub key: String,
    /// As it was, as TOML; `(not set)` where the key was not there.
    pub old: String,
    /// As it is; `changed` where both look the same, as secrets do.
    pub new: String,
}

/// Why a key can't change while the bridge runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedsRestart {
    /// The key.
    pub key: String,
    /// Why.
    pub why: &'static str,
}

impl fmt::Display for NeedsRestart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} needs a restart: {}", self.key, self.why)
    }
}

/// Stands for a key that is not there.
const ABSENT: &str = "(not set)";
/// Stands for another value that may not be shown, or looks the same when it is cut.
const CHANGED: &str = "changed";

/// Keys and whole tables that change while the bridge runs; of a merchant's, all but `shadow`. Whoever reads one of them asks for the settings in force at
/// the beginning of each piece of work.
const LIVE: &[&str] = &[
    "proxy.request_timeout",
    "proxy.max_body",
    "proxy.drain_timeout",
    "upstream.timeout",
    "upstream.retries",
    "upstream.breaker_failures",
    "upstream.breaker_open",
    "callbacks",
    "store.recovery_metadata",
    "store.retention",
    "store.callback_retention",
    "reads",
    "admin.token",
    "routing",
    "ramp",
    "rollback",
    "merchant_defaults",
    "merchants",
    "telemetry.log_level",
];

/// Those that can't, and why.
const RESTART: &[(&str, &str)] = &[
    ("proxy.listen", BOUND),
    ("proxy.tls_cert", "the certificate is read at the start"),
    ("proxy.tls_key", "the key is read at the start"),
    (
        "proxy.max_in_flight",
        "the places are made at the start, and calls in flight hold them",
    ),
    (
        "upstream.base_url",
        "what was sent there and is still open must be found out there",
    ),
    ("upstream.connect_timeout", "the clients are made with it"),
    ("webhooks.listen", BOUND),
    (
        "webhooks.public_url",
        "every webhook is registered and signed for it",
    ),
    ("webhooks.register", "who registers is settled at the start"),
    ("store.url", "the records are open"),
    ("store.encryption_key", SEALED),
    ("store.encryption_key_file", SEALED),
    ("admin.listen", BOUND),
    ("shadow", SHADOW),
    ("telemetry.log_format", "the log is open in its form"),
];

const BOUND: &str = "the address is bound at the start";
const SHADOW: &str = "what is compared is settled at the start";
const SEALED: &str = "what is in the store is sealed with it";
const UNKNOWN: &str = "it is read at the start only";

/// Everything that differs, in the order of the new configuration; what is gone from it comes last.
#[must_use]
pub fn diff(old: &Settings, new: &Settings) -> Vec<KeyChange> {
    let before = by_path(old);
    let after = by_path(new);
    let mut all = Vec::new();
    for entry in new.entries() {
        let path = entry.path();
        match before.get(&path) {
            Some(was) if was.written == entry.written => {}
            Some(was) => {
                let same = was.value == entry.value;
                let shown = if same { CHANGED } else { &entry.value };
                all.push(change(path, &was.value, shown));
            }
            None => all.push(change(path, ABSENT, &entry.value)),
        }
    }
    for entry in old.entries() {
        let path = entry.path();
        if !after.contains_key(&path) {
            all.push(change(path, &entry.value, ABSENT));
        }
    }
    all.extend(other_key_in_the_file(old, new, &all));
    all
}

/// The path of the file may be the same, and the key in it another one.
fn other_key_in_the_file(old: &Settings, new: &Settings, all: &[KeyChange]) -> Option<KeyChange> {
    let key = |settings: &Settings| settings.store.encryption_key.as_ref().map(|k| *k.expose());
    let is_seen = all
        .iter()
        .any(|change| change.key.starts_with("store.encryption_key"));
    if is_seen || key(old) == key(new) {
        return None;
    }
    let path = "store.encryption_key_file";
    let was = by_path(old).get(path).map(|entry| entry.value.clone());
    Some(change(
        path.to_owned(),
        &was.unwrap_or_else(|| ABSENT.to_owned()),
        CHANGED,
    ))
}

fn by_path(settings: &Settings) -> BTreeMap<String, &Entry> {
    settings
        .entries()
        .iter()
        .map(|entry| (entry.path(), entry))
        .collect()
}

fn change(key: String, old: &str, new: &str) -> KeyChange {
    KeyChange {
        key,
        old: old.to_owned(),
        new: new.to_owned(),
    }
}

/// Those of the changes that can't be made while the bridge runs.
#[must_use]
pub fn needing_restart(changes: &[KeyChange]) -> Vec<NeedsRestart> {
    changes
        .iter()
        .filter_map(|change| {
            let why = why_restart(&change.key)?;
            let key = change.key.clone();
            Some(NeedsRestart { key, why })
        })
        .collect()
}

/// Why this key can't change while the bridge runs; none where it can.
#[must_use]
pub fn why_restart(key: &str) -> Option<&'static str> {
    let is = |listed: &str| {
        key.strip_prefix(listed)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if of_merchant(key).is_some_and(|(_, key)| key == "shadow" || key.starts_with("shadow.")) {
        return Some(SHADOW);
    }
    if LIVE.iter().any(|listed| is(listed)) {
        return None;
    }
    let why = RESTART.iter().find(|(listed, _)| is(listed));
    Some(why.map_or(UNKNOWN, |(_, why)| *why))
}

/// The sales unit and what stands behind it, of a key in a merchant's table.
fn of_merchant(key: &str) -> Option<(&str, &str)> {
    let rest = key.strip_prefix("merchants.")?;
    Some(rest.split_once('.').unwrap_or((rest, "")))
}

impl KeyChange {
    /// The sales unit whose table the key is in.
    #[must_use]
    pub fn msn(&self) -> Option<Msn> {
        of_merchant(&self.key).and_then(|(msn, _)| Msn::parse(msn))
    }
}

impl fmt::Display for KeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.key, self.old, self.new)
    }
}
