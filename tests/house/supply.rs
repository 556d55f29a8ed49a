//! What comes from other people: licences, sources, bans and duplicates by `deny.toml`, and a reason for each crate.
//!
//! Asks cargo, which reads what it has; nothing is downloaded that building would not need.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::source::{Complaints, root};

/// What cargo says.
pub(crate) fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(arguments).arg("--locked").current_dir(root());
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cargo can't be run: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

pub(crate) fn metadata() -> Value {
    let told = cargo(&["metadata", "--format-version", "1"]);
    serde_json::from_str(&told)
        .unwrap_or_else(|error| panic!("cargo's metadata is no JSON: {error}"))
}

/// The quoted words of a list in `deny.toml`, from `name = [` to the line `]`; of tables the word of `crate`.
pub(crate) fn listed(deny: &str, name: &str) -> BTreeSet<String> {
    let start = format!("{name} = [");
    let lines = deny.lines().skip_while(|line| !line.starts_with(&start));
    let lines = lines.skip(1).take_while(|line| !line.starts_with(']'));
    lines
        .filter_map(|line| Some(line.split('"').nth(1)?.to_owned()))
        .collect()
}

/// Every licence of a package is allowed, or one of those that it leaves a choice between.
pub(crate) fn licences(metadata: &Value, deny: &str) -> Complaints {
    let allowed = listed(deny, "allow");
    let mut all = Complaints::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let licence = package["license"].as_str().unwrap_or_default();
        if !is_allowed(licence, &allowed) {
            all.push(format!(
                "{}: the licence \"{licence}\" is not in deny.toml: read it, then allow it there or do without the crate",
                package["name"]
            ));
        }
    }
    all
}

/// `AND` of parts in brackets, of which one of each `OR` must do. Brackets do not stand in brackets.
fn is_allowed(licence: &str, allowed: &BTreeSet<String>) -> bool {
    let licence = licence.replace(" / ", " OR ").replace('/', " OR ");
    let mut ands = vec![String::new()];
    let mut depth = 0;
    for word in licence.split(' ') {
        depth += word.matches('(').count();
        if word == "AND" && depth == 0 {
            ands.push(String::new());
        } else if let Some(last) = ands.last_mut() {
            last.push_str(&format!("{word} "));
        }
        depth -= word.matches(')').count();
    }
    ands.iter().all(|part| {
        let part = part.trim().trim_matches(['(', ')']);
        part.split(" OR ").any(|one| allowed.contains(one.trim()))
    })
}

/// From the registry alone: no repositories, no folders beside this one.
pub(crate) fn origins(metadata: &Value) -> Complaints {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let foreign = packages.filter(|package| {
        let own = package["source"].is_null() && package["name"] == "ecom-bridge";
        let source = package["source"].as_str().unwrap_or_default();
        !own && !source.starts_with("registry+")
    });
    foreign
        .map(|package| format!("{} comes from {}", package["name"], package["source"]))
        .collect()
}

/// Lines of `cargo tree --prefix none -f "{p}"`: what is built in several versions stands in deny.toml, and nothing else.
pub(crate) fn twice(tree: &str, deny: &str) -> Complaints {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            versions.entry(name).or_default().insert(version);
        }
    }
    let reviewed = listed(deny, "skip");
    let doubled: BTreeSet<String> = versions
        .into_iter()
        .filter(|(_, versions)| versions.len() > 1)
        .map(|(name, _)| name.to_owned())
        .collect();
    let new = doubled.difference(&reviewed).map(|name| {
        format!("`{name}` is built twice: `cargo tree -d` says for whom; avoid it, or list it in deny.toml with the reason")
    });
    let gone = reviewed
        .difference(&doubled)
        .map(|name| format!("`{name}` is built once: take it out of `skip` in deny.toml"));
    new.chain(gone).collect()
}

/// Each direct dependency has a line in `docs/dependencies.md`, and each line there is a dependency.
pub(crate) fn reasons(metadata: &Value, page: &str) -> Complaints {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let own = packages.filter(|package| package["name"] == "ecom-bridge");
    let needed: BTreeSet<String> = own
        .flat_map(|package| package["dependencies"].as_array().into_iter().flatten())
        .filter_map(|one| one["name"].as_str().map(str::to_owned))
        .collect();
    let told: BTreeSet<String> = page
        .lines()
        .filter_map(|line| {
            line.strip_prefix("| `")?
                .split_once("` |")
                .map(|(name, _)| name.to_owned())
        })
        .collect();
    let silent = needed.difference(&told).map(|name| {
        format!(
            "docs/dependencies.md says nothing of `{name}`: why it is there, and what it can reach"
        )
    });
    let gone = told
        .difference(&needed)
        .map(|name| format!("docs/dependencies.md: `{name}` is no dependency any more"));
    silent.chain(gone).collect()
}
