//! The files that settings name: whether they can be read, and the encryption key in one of them.
//!
//! Must not: show what is in a file.

use std::fs;
use std::path::Path;

use super::check::Found;
use super::file::Report;
use super::model::EncryptionKey;
use super::units;

/// A PEM or key file is no longer than this, in bytes.
const LONGEST: u64 = 1 << 20;

/// Looks at the files; reports what cannot be read. Answers the encryption key, where a file holds one.
pub(super) fn read(found: &Found, report: &mut Report) -> Option<EncryptionKey> {
    let pem = [
        ("proxy.tls_cert", &found.tls_cert, "CERTIFICATE"),
        ("proxy.tls_key", &found.tls_key, "PRIVATE KEY"),
    ];
    for (path, file, word) in pem {
        let Some(text) = file.as_ref().and_then(|file| text(path, file, report)) else {
            continue;
        };
        if !text.contains(&format!("{word}-----")) {
            let why = format!("the file holds no PEM block \"{word}\"");
            report.problem(
                path,
                why,
                "Name a PEM file (text that begins with -----BEGIN)",
            );
        }
    }
    let path = "store.encryption_key_file";
    let text = text(path, found.encryption_key.as_ref()?, report)?;
    let key = units::key(&text);
    if key.is_none() {
        report.problem(
            path,
            "the file holds no key of 32 bytes",
            "Put 64 hex digits or the base64 of 32 bytes into it (openssl rand -base64 32)",
        );
    }
    key.map(EncryptionKey::new)
}

fn text(path: &str, file: &Path, report: &mut Report) -> Option<String> {
    let read = fs::metadata(file).and_then(|about| {
        if about.len() > LONGEST {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        fs::read_to_string(file)
    });
    match read {
        Ok(text) => Some(text),
        Err(error) => {
            let why = format!("the file cannot be read ({})", error.kind());
            let remedy = "Name a file that exists and that the bridge's user may read";
            report.problem(path, why, remedy);
            None
        }
    }
}
