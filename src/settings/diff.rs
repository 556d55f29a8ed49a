//! What differs between two configurations, key by key, and which of it can't change while the bridge runs.
//!
//! A key that stands in no list below needs a restart: a new one is safe before somebody has thought about it. Must not:
//! show a secret, or say of a secret more than that it is another one.

use std::collections::BTreeMap;
use std::fmt;

use super::Settings;
use super::disk::Named;
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
    "proxy.tls_cert",
    "proxy.tls_key",
    "upstream.timeout",
    "upstream.retries",
    "upstream.breaker_failures",
    "upstream.breaker_open",
    "callbacks",
    "store.recovery_metadata",
    "store.retention",
    "store.callback_retention",
    "store.background_share",
    "reads",
    "admin.token",
    "admin.token_file",
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
    ("store.url_file", "the records are open"),
    ("store.encryption_key", SEALED),
    ("store.encryption_key_file", SEALED),
    ("store.encryption_key_previous", SEALED),
    ("store.encryption_key_previous_file", SEALED),
    ("admin.listen", BOUND),
    ("shadow", SHADOW),
    ("telemetry.log_format", "the log is open in its form"),
];

const BOUND: &str = "the address is bound at the start";
const SHADOW: &str = "what is compared is settled at the start";
const SEALED: &str = "what is in the store is sealed with it";
const TURNED: &str = "TLS is turned on or off at the start";
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
    all.extend(other_content(old, new, &before, &all));
    all
}

/// The path of a certificate may be the same, and what is in the file something else. Secrets are compared themselves.
fn other_content(
    old: &Settings,
    new: &Settings,
    before: &BTreeMap<String, &Entry>,
    all: &[KeyChange],
) -> Vec<KeyChange> {
    let is_other = |now: &&Named| {
        let was = old.named.iter().find(|was| was.key == now.key);
        let is_seen = all.iter().any(|change| change.key == now.key);
        now.key.starts_with("proxy.tls_") && !is_seen && was.is_some_and(|was| was.hash != now.hash)
    };
    let of = |now: &Named| {
        let was = before.get(&now.key).map_or(ABSENT, |entry| &entry.value);
        change(now.key.clone(), was, CHANGED)
    };
    new.named.iter().filter(is_other).map(of).collect()
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
            let why = match why_restart(&change.key) {
                None if turns_tls(change) => TURNED,
                why => why?,
            };
            let key = change.key.clone();
            Some(NeedsRestart { key, why })
        })
        .collect()
}

/// Another certificate is put in force; none in place of one, or one in place of none, is another listener.
fn turns_tls(change: &KeyChange) -> bool {
    let none = "\"\"";
    change.key.starts_with("proxy.tls_") && (change.old == none || change.new == none)
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
