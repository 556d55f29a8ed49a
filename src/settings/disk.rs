//! The files that settings name: secrets, put in their places before anything is checked, and the certificate's.
//!
//! A secret `key` may stand in a file that `key_file` names, in every layer (`ECOM_BRIDGE__ADMIN__TOKEN_FILE`). Must not:
//! show what is in a file.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::check::Found;
use super::file::Report;
use super::problem::ConfigProblem;
use super::shown;
use super::tree::{Node, Origin, Table, Value, msn_of};

/// A PEM or secret file is no longer than this, in bytes.
const LONGEST: u64 = 1 << 20;

/// Tables of their own, and the keys in them that may stand in a file.
const IN_SECTIONS: &[(&str, &[&str])] = &[
    ("admin", &["token"]),
    (
        "store",
        &["url", "encryption_key", "encryption_key_previous"],
    ),
];

/// The same of each merchant's table.
const IN_MERCHANTS: &[&str] = &[
    "subscription_key",
    "client_id",
    "client_secret",
    "webhook_secret",
];

/// The same of each merchant's `shadow`.
const IN_SHADOWS: &[&str] = &["subscription_key", "client_id", "client_secret"];

/// A file that the configuration names and whose content is a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The key that names it.
    pub(super) key: String,
    pub(super) path: PathBuf,
    /// Of its content when it was read.
    pub(super) hash: [u8; 32],
}

impl Named {
    /// The same file as it is now.
    pub(super) fn again(&self) -> Self {
        Self {
            hash: hash(&content(&self.path)),
            ..self.clone()
        }
    }
}

/// Puts the secrets that stand in files into the tree. What is wrong is reported, and the key is as if it named none.
pub(super) fn secrets(tree: &mut Table, report: &mut Report) -> Vec<Named> {
    let mut named = Vec::new();
    for (section, keys) in IN_SECTIONS {
        if let Some(Value::Table(table)) = tree.get_mut(*section).map(|node| &mut node.value) {
            fill(table, section, keys, report, &mut named);
        }
    }
    if let Some(Value::List(merchants)) = tree.get_mut("merchants").map(|node| &mut node.value) {
        for (at, merchant) in merchants.iter_mut().enumerate() {
            let msn = msn_of(merchant);
            let name = msn.map_or(format!("merchants[{at}]"), |msn| format!("merchants.{msn}"));
            let Value::Table(table) = &mut merchant.value else {
                continue;
            };
            fill(table, &name, IN_MERCHANTS, report, &mut named);
            if let Some(Value::Table(shadow)) = table.get_mut("shadow").map(|node| &mut node.value)
            {
                let name = format!("{name}.shadow");
                fill(shadow, &name, IN_SHADOWS, report, &mut named);
            }
        }
    }
    named
}

fn fill(
    table: &mut Table,
    section: &str,
    keys: &[&str],
    report: &mut Report,
    named: &mut Vec<Named>,
) {
    for key in keys {
        let Some(node) = table.get(&format!("{key}_file")) else {
            continue;
        };
        // What is no text is refused where the section is read.
        let Value::Text(file) = &node.value else {
            continue;
        };
        if file.is_empty() {
            continue;
        }
        let path = format!("{section}.{key}_file");
        let mut refuse = |why: String, remedy: &str| {
            report.problems.push(ConfigProblem {
                value: shown::plain(node),
                origin: node.origin.to_string(),
                ..ConfigProblem::new(&path, why, remedy)
            });
        };
        if table.get(*key).is_some_and(is_set) {
            refuse(format!("{key} is set as well"), "Use one of the two");
            continue;
        }
        let read = content(Path::new(file));
        named.push(Named {
            key: path.clone(),
            path: PathBuf::from(file),
            hash: hash(&read),
        });
        let origin = Origin::File(file.clone());
        match read.as_deref().map(str::trim) {
            Err(kind) => {
                let why = format!("the file cannot be read ({kind})");
                refuse(
                    why,
                    "Name a file that exists and that the bridge's user may read",
                );
            }
            Ok("") => refuse(
                "nothing stands in the file".to_owned(),
                "Put the secret into it, or name no file",
            ),
            Ok(text) => {
                let value = value(key, text, &origin);
                table.insert((*key).to_owned(), Node { value, origin });
            }
        }
    }
}

/// Several keys stand in lines of their own.
fn value(key: &str, text: &str, origin: &Origin) -> Value {
    if key != "encryption_key_previous" {
        return Value::Text(text.to_owned());
    }
    let item = |line: &str| Node {
        value: Value::Text(line.to_owned()),
        origin: origin.clone(),
    };
    Value::List(text.split_whitespace().map(item).collect())
}

/// Whether a layer above the defaults says something.
fn is_set(node: &Node) -> bool {
    let says = match &node.value {
        Value::Text(text) => !text.is_empty(),
        Value::List(list) => !list.is_empty(),
        _ => true,
    };
    says && node.origin != Origin::Default
}

/// Looks at the certificate and its key; reports what can't be read.
pub(super) fn certificate(found: &Found, report: &mut Report) -> Vec<Named> {
    let pem = [
        ("proxy.tls_cert", &found.tls_cert, "CERTIFICATE"),
        ("proxy.tls_key", &found.tls_key, "PRIVATE KEY"),
    ];
    let mut named = Vec::new();
    for (key, file, word) in pem {
        let Some(file) = file else { continue };
        let read = content(file);
        named.push(Named {
            key: key.to_owned(),
            path: file.clone(),
            hash: hash(&read),
        });
        match read {
            Err(kind) => {
                let why = format!("the file cannot be read ({kind})");
                let remedy = "Name a file that exists and that the bridge's user may read";
                report.problem(key, why, remedy);
            }
            Ok(text) if !text.contains(&format!("{word}-----")) => report.problem(
                key,
                format!("the file holds no PEM block \"{word}\""),
                "Name a PEM file (text that begins with -----BEGIN)",
            ),
            Ok(_) => {}
        }
    }
    named
}

fn content(file: &Path) -> Result<String, ErrorKind> {
    let read = fs::metadata(file).and_then(|about| {
        if about.len() > LONGEST {
            return Err(ErrorKind::FileTooLarge.into());
        }
        fs::read_to_string(file)
    });
    read.map_err(|error| error.kind())
}

fn hash(read: &Result<String, ErrorKind>) -> [u8; 32] {
    match read {
        Ok(text) => Sha256::digest(text).into(),
        Err(kind) => Sha256::digest(format!("unread: {kind}")).into(),
    }
}
