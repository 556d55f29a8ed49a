//! The layers put over each other: a tree of values that each know where they come from.
//!
//! Tables merge key by key, `merchants` by MSN; everything else is replaced by the later layer. Must not: judge values.

use std::collections::BTreeMap;
use std::fmt;

use super::problem::ConfigProblem;

/// A table of the tree.
pub(super) type Table = BTreeMap<String, Node>;

/// What variables of the environment begin with.
pub(super) const ENV_PREFIX: &str = "ECOM_BRIDGE__";

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// `default.toml`.
    Default,
    /// A file, as it was named.
    File(String),
    /// A variable, by its name.
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(name) => write!(f, "file {name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
        }
    }
}

/// A value and its origin.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// A value of TOML, as far as settings use them.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Whole(i64),
    Truth(bool),
    /// A kind no setting has, such as a fraction; its word.
    Other(&'static str),
    List(Vec<Node>),
    Table(Table),
}

impl Value {
    /// The kind in words.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole(_) => "a whole number",
            Self::Truth(_) => "true or false",
            Self::Other(kind) => kind,
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Puts `layer` over `base`.
pub(super) fn merge(base: &mut Table, layer: Table) {
    for (key, node) in layer {
        match base.get_mut(&key) {
            Some(below) if key == "merchants" => merge_merchants(below, node),
            Some(below) => merge_node(below, node),
            None => {
                base.insert(key, node);
            }
        }
    }
}

fn merge_node(below: &mut Node, above: Node) {
    match (&mut below.value, above.value) {
        (Value::Table(base), Value::Table(layer)) => {
            for (key, node) in layer {
                match base.get_mut(&key) {
                    Some(below) => merge_node(below, node),
                    None => {
                        base.insert(key, node);
                    }
                }
            }
        }
        (_, value) => {
            *below = Node {
                value,
                origin: above.origin,
            }
        }
    }
}

/// Tables with an MSN of an earlier layer change that one; others are added, so that a repetition within a layer shows.
fn merge_merchants(below: &mut Node, above: Node) {
    let (Value::List(base), Node { value, origin }) = (&mut below.value, above) else {
        return;
    };
    let layer = match value {
        Value::List(layer) => layer,
        value => {
            *below = Node { value, origin };
            return;
        }
    };
    let earlier = base.len();
    let mut taken = vec![false; earlier];
    for node in layer {
        let same = msn_of(&node)
            .and_then(|msn| (0..earlier).find(|&i| msn_of(&base[i]).as_deref() == Some(&msn)));
        match same {
            Some(at) if !taken[at] => {
                taken[at] = true;
                merge_node(&mut base[at], node);
            }
            _ => base.push(node),
        }
    }
}

/// The `msn` of a merchant's table, as text.
pub(super) fn msn_of(node: &Node) -> Option<String> {
    let Value::Table(table) = &node.value else {
        return None;
    };
    match &table.get("msn")?.value {
        Value::Text(text) => Some(text.clone()),
        Value::Whole(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Puts the variables over `base`; those that name no place are reported.
pub(super) fn merge_environment(
    base: &mut Table,
    vars: BTreeMap<String, String>,
    problems: &mut Vec<ConfigProblem>,
) {
    for (name, text) in vars {
        let Some(rest) = name.strip_prefix(ENV_PREFIX) else {
            continue;
        };
        let parts: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        let leaf = Node {
            value: Value::Text(text),
            origin: Origin::Environment(name.clone()),
        };
        let placed = match parts.as_slice() {
            [section, msn, path @ ..] if section == "merchants" => {
                !path.is_empty() && set_merchant(base, msn, path, leaf)
            }
            [section, path @ ..] if !path.is_empty() && base.contains_key(section) => {
                set(base, &parts, leaf)
            }
            _ => false,
        };
        if !placed {
            problems.push(ConfigProblem::new(
                &name,
                "this variable names no setting",
                "Variables are ECOM_BRIDGE__SECTION__KEY, or ECOM_BRIDGE__MERCHANTS__MSN__KEY for one merchant; correct or remove it",
            ));
        }
    }
}

fn set_merchant(base: &mut Table, msn: &str, path: &[String], leaf: Node) -> bool {
    let origin = leaf.origin.clone();
    let list = base.entry("merchants".to_owned()).or_insert_with(|| Node {
        value: Value::List(Vec::new()),
        origin: Origin::Default,
    });
    let Value::List(list) = &mut list.value else {
        return false;
    };
    let at = list.iter().position(|n| msn_of(n).as_deref() == Some(msn));
    let at = at.unwrap_or_else(|| {
        let msn = Node {
            value: Value::Text(msn.to_owned()),
            origin: origin.clone(),
        };
        list.push(Node {
            value: Value::Table([("msn".to_owned(), msn)].into()),
            origin,
        });
        list.len() - 1
    });
    match &mut list[at].value {
        Value::Table(table) => set(table, path, leaf),
        _ => false,
    }
}

/// Sets the leaf at `path`; a table is put in place of a value on the way (`initiate = "ecom"` below a percentage).
fn set(table: &mut Table, path: &[String], leaf: Node) -> bool {
    let [key, rest @ ..] = path else {
        return false;
    };
    if key.is_empty() {
        return false;
    }
    if rest.is_empty() {
        table.insert(key.clone(), leaf);
        return true;
    }
    let node = table.entry(key.clone()).or_insert_with(|| Node {
        value: Value::Table(Table::new()),
        origin: leaf.origin.clone(),
    });
    if !matches!(node.value, Value::Table(_)) {
        *node = Node {
            value: Value::Table(Table::new()),
            origin: leaf.origin.clone(),
        };
    }
    match &mut node.value {
        Value::Table(inner) => set(inner, rest, leaf),
        _ => false,
    }
}
