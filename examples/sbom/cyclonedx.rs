//! From what cargo says of the packages to `CycloneDX` 1.5.
//!
//! Must not: read files, or leave out a package without saying so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// The bill of everything that the root package is made of: what `tree` lists (name and version in each line), as the
/// metadata describe it, with the checksums of the lock file.
pub(crate) fn bill(metadata: &Value, tree: &str, lock: &str) -> Result<Value, String> {
    let built = listed(tree);
    let nodes = by_id(&metadata["resolve"]["nodes"]);
    let packages = by_id(&metadata["packages"]);
    let root = metadata["resolve"]["root"]
        .as_str()
        .ok_or("there is no root package")?;
    let sums = checksums(lock);
    let mut seen = BTreeSet::from([root]);
    let mut waiting = vec![root];
    let mut edges = BTreeMap::new();
    while let Some(id) = waiting.pop() {
        let node = nodes
            .get(id)
            .ok_or_else(|| format!("{id} is not resolved"))?;
        let needs = needed(node);
        let is_built = |id: &&str| {
            let package = packages.get(id);
            package.is_some_and(|package| built.contains(&reference(package)))
        };
        let needs: Vec<&str> = needs.into_iter().filter(is_built).collect();
        waiting.extend(needs.iter().copied().filter(|id| seen.insert(id)));
        edges.insert(id, needs);
    }
    if edges.len() != built.len() {
        let (found, all) = (edges.len(), built.len());
        return Err(format!("{found} of {all} packages were found"));
    }
    let package = |id: &str| {
        packages
            .get(id)
            .copied()
            .ok_or_else(|| format!("nothing is known of {id}"))
    };
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for (id, needs) in &edges {
        let from = reference(package(id)?);
        let mut on: Vec<String> = Vec::new();
        for need in needs {
            on.push(reference(package(need)?));
        }
        on.sort();
        dependencies.push(json!({"ref": from, "dependsOn": on}));
        if *id != root {
            components.push(component(package(id)?, &sums)?);
        }
    }
    let in_order = |list: &mut Vec<Value>, key: &str| {
        list.sort_by_key(|one| one[key].as_str().unwrap_or_default().to_owned());
    };
    in_order(&mut components, "bom-ref");
    in_order(&mut dependencies, "ref");
    let root = package(root)?;
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {
            "type": "application",
            "bom-ref": reference(root),
            "name": root["name"],
            "version": root["version"],
            "licenses": [{"expression": root["license"]}],
        }},
        "components": components,
        "dependencies": dependencies,
    }))
}

fn by_id(list: &Value) -> BTreeMap<&str, &Value> {
    let entries = list.as_array().into_iter().flatten();
    entries
        .filter_map(|one| Some((one["id"].as_str()?, one)))
        .collect()
}

/// What a package is built of and with; not what its tests use.
fn needed(node: &Value) -> Vec<&str> {
    let is_built = |dep: &&Value| {
        let kinds = dep["dep_kinds"].as_array().into_iter().flatten();
        kinds.clone().any(|one| one["kind"] != "dev")
    };
    let all = node["deps"].as_array().into_iter().flatten();
    all.filter(is_built)
        .filter_map(|dep| dep["pkg"].as_str())
        .collect()
}

/// `cargo tree --prefix none -f "{p}"`: `name v1.2.3`, then where it is from or that it was listed before.
fn listed(tree: &str) -> BTreeSet<String> {
    let one = |line: &str| {
        let mut words = line.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some(format!("pkg:cargo/{name}@{version}"))
    };
    tree.lines().filter_map(one).collect()
}

fn reference(package: &Value) -> String {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    format!("pkg:cargo/{}@{}", text("name"), text("version"))
}

fn component(package: &Value, sums: &BTreeMap<(String, String), String>) -> Result<Value, String> {
    let reference = reference(package);
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let sum = sums
        .get(&(text("name"), text("version")))
        .ok_or_else(|| format!("{reference} has no checksum in Cargo.lock"))?;
    // The old way to write a choice.
    let licence = text("license").replace(" / ", " OR ").replace('/', " OR ");
    Ok(json!({
        "type": "library",
        "bom-ref": reference,
        "purl": reference,
        "name": text("name"),
        "version": text("version"),
        "description": text("description").split_whitespace().collect::<Vec<_>>().join(" "),
        "licenses": [{"expression": licence}],
        "hashes": [{"alg": "SHA-256", "content": sum}],
    }))
}

/// By name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let read = |package: &str| {
        let value = |key: &str| {
            let start = format!("{key} = \"");
            let mut lines = package.lines();
            lines.find_map(|line| Some(line.strip_prefix(&start)?.strip_suffix('"')?.to_owned()))
        };
        Some(((value("name")?, value("version")?), value("checksum")?))
    };
    lock.split("[[package]]").filter_map(read).collect()
}
