//! What shadowing never names: the clients that could change something at the primary upstream.
//!
//! The types make it hard already; here it is made plain where somebody would go around them.

use crate::source::{Complaints, File, code, is_rust, is_test};

/// Where, what is never named there, and what to do instead.
const NEVER: &[(&str, &[&str], &str)] = &[
    (
        "src/shadow/",
        &[
            "Epayment::new",
            "Forwarder",
            "Tokens::new",
            "Keyring",
            "reqwest",
        ],
        "read through `upstream::reads`, write through `upstream::shadow`",
    ),
    (
        "src/shadow/read.rs",
        &[
            ".epayment.",
            ".initiate(",
            ".adjust(",
            ".approve(",
            ".read(caller",
        ],
        "of `Payments` only what shows an answer, with the client that only reads",
    ),
    (
        "src/shadow/worker.rs",
        &["payments.epayment", ".initiate(", ".adjust(", ".approve("],
        "of `Payments` only the record and the clock",
    ),
    (
        "src/shadow/mirror",
        &[
            "Reader",
            "Credentials::of",
            "caller.credentials",
            "offer.caller",
            "offer.target",
        ],
        "what a shadow sends is made of the shadow's own settings: `ShadowUpstream::credentials`",
    ),
];

pub(crate) fn only_the_shadow_s_own(files: &[File]) -> Complaints {
    let mut all = Complaints::new();
    for file in files
        .iter()
        .filter(|file| is_rust(file) && !is_test(&file.path))
    {
        for (start, words, remedy) in NEVER {
            if !file.path.starts_with(start) {
                continue;
            }
            for (n, line) in code(file, false) {
                for word in words.iter().filter(|word| line.contains(**word)) {
                    all.push(format!("{}:{n}: `{word}`: {remedy}", file.path));
                }
            }
        }
    }
    all
}
