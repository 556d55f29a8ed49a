//! Who may import whom, and what stays pure.
//!
//! Change a table here only together with `src/lib.rs` and `docs/architecture.md`.

use crate::source::{Complaints, File, code, is_rust, is_test, is_word, places};

/// Floor, module, and what it may import. Imports go down; `SIDEWAYS` are the exceptions, with their reasons.
pub(crate) const HOUSE: &[(u8, &str, &[&str])] = &[
    (0, "types", &[]),
    (1, "ecom", &["types"]),
    (1, "epayment", &["types"]),
    (2, "translate", &["types", "ecom", "epayment"]),
    (2, "routing", &["types", "ecom"]),
    // Of F2 the configuration names the toggles only: it builds `routing::Policy`.
    (3, "settings", &["types", "ecom", "epayment", "routing"]),
    (3, "telemetry", &["types", "ecom"]),
    // Of F2 the store names what an override moves.
    (
        3,
        "store",
        &["types", "ecom", "epayment", "routing", "telemetry"],
    ),
    // Threads; it knows nothing of what runs on them.
    (3, "workers", &[]),
    (
        3,
        "upstream",
        &["types", "ecom", "epayment", "telemetry", "workers"],
    ),
    // On F3 and not at the top: F4 and F5 run on its task tracker.
    (3, "lifecycle", &["telemetry"]),
    // Not `settings`: what a use case needs is handed to it.
    (
        4,
        "payments",
        &[
            "types",
            "ecom",
            "epayment",
            "translate",
            "routing",
            "telemetry",
            "store",
            "upstream",
            "lifecycle",
        ],
    ),
    // From events to callbacks. Reads the settings itself: what a sales unit is marked with decides what it is told.
    (
        4,
        "callbacks",
        &[
            "types",
            "ecom",
            "epayment",
            "translate",
            "settings",
            "telemetry",
            "store",
            "upstream",
            "lifecycle",
            "payments",
        ],
    ),
    // What the other API would have said. Sees a call when it is answered; nothing of it reaches the primary path.
    (
        4,
        "shadow",
        &[
            "types",
            "ecom",
            "epayment",
            "translate",
            "routing",
            "settings",
            "telemetry",
            "store",
            "upstream",
            "lifecycle",
            "payments",
        ],
    ),
    // What traffic there is, in numbers; the words of losses are `translate`'s.
    (
        4,
        "observe",
        &[
            "types",
            "ecom",
            "translate",
            "telemetry",
            "store",
            "lifecycle",
        ],
    ),
    // Verdicts, from what is handed in; the example requests are made by the translation itself.
    (
        4,
        "readiness",
        &[
            "types",
            "ecom",
            "epayment",
            "translate",
            "routing",
            "settings",
            "store",
            "observe",
        ],
    ),
    // What is moved at run time; knows of no payment.
    (
        4,
        "steering",
        &[
            "types",
            "ecom",
            "routing",
            "settings",
            "telemetry",
            "store",
            "lifecycle",
            "observe",
        ],
    ),
    // Records against evidence. Knows neither `payments` nor `callbacks`: what they do must not depend on the proof.
    (
        4,
        "ledger",
        &[
            "types",
            "ecom",
            "epayment",
            "routing",
            "telemetry",
            "store",
            "upstream",
            "lifecycle",
        ],
    ),
    (
        5,
        "proxy",
        &[
            "types",
            "ecom",
            "epayment",
            "translate",
            "routing",
            "settings",
            "telemetry",
            "store",
            "upstream",
            "lifecycle",
            "workers",
            "payments",
            "callbacks",
            "shadow",
            "observe",
        ],
    ),
    // Health and metrics are told to it by closures; what an operator changes goes through the store.
    (
        5,
        "admin",
        &[
            "types",
            "ecom",
            "routing",
            "settings",
            "telemetry",
            "store",
            "callbacks",
            "ledger",
            "shadow",
            "steering",
            "observe",
            "readiness",
        ],
    ),
    (
        6,
        "app",
        &[
            "types",
            "ecom",
            "epayment",
            "translate",
            "routing",
            "settings",
            "telemetry",
            "store",
            "upstream",
            "lifecycle",
            "workers",
            "payments",
            "callbacks",
            "ledger",
            "shadow",
            "steering",
            "observe",
            "readiness",
            "proxy",
            "admin",
        ],
    ),
    (
        6,
        "cli",
        &[
            "types",
            "ecom",
            "epayment",
            "translate",
            "routing",
            "settings",
            "telemetry",
            "store",
            "upstream",
            "lifecycle",
            "workers",
            "payments",
            "callbacks",
            "ledger",
            "shadow",
            "steering",
            "observe",
            "readiness",
            "proxy",
            "admin",
            "app",
            "simulator",
        ],
    ),
    // The side building: an independent witness, so it must not see `translate`. Floor 2 by what it stands on.
    (2, "simulator", &["types", "ecom", "epayment"]),
];

const SIDEWAYS: &[(&str, &str, &str)] = &[
    ("store", "telemetry", "everyone may log and count"),
    ("upstream", "telemetry", "everyone may log and count"),
    ("lifecycle", "telemetry", "everyone may log and count"),
    (
        "upstream",
        "workers",
        "connections to upstream stay on the worker whose calls use them",
    ),
    ("cli", "app", "serve and demo start what app wires"),
    (
        "readiness",
        "observe",
        "verdicts rest on what was counted; the counting knows nothing of verdicts",
    ),
    (
        "steering",
        "observe",
        "ramp and rollback rest on what was counted; the counting knows nothing of them",
    ),
    (
        "shadow",
        "payments",
        "a shadow's answer is made by the use cases, over a store and an upstream of its own; these know nothing of shadows",
    ),
    (
        "callbacks",
        "payments",
        "a callback's payment is read, captured and ended by the use cases; these know nothing of callbacks",
    ),
];

/// What only the tests of a module may import.
const IN_TESTS: &[(&str, &str, &str)] =
    &[("callbacks", "simulator", "its toy merchant is called back")];

/// Files in which nothing happens: no time, no waiting, no files, no network, no log.
const PURE: &[&str] = &[
    "src/types/",
    "src/ecom/",
    "src/epayment/",
    "src/translate/",
    "src/routing/",
    "src/simulator/world/",
    "src/admin/brought.rs",
    "src/admin/origin.rs",
    "src/payments/evidence.rs",
    "src/payments/next.rs",
    "src/payments/said.rs",
    "src/payments/seen.rs",
    "src/store/balance.rs",
    "src/store/shadow/kinds.rs",
    "src/upstream/credentials.rs",
    "src/upstream/head.rs",
    "src/upstream/token/answer.rs",
    "src/ledger/expiring.rs",
    "src/ledger/open.rs",
    "src/ledger/schedule.rs",
    "src/ledger/story.rs",
    "src/ledger/verdict.rs",
    "src/shadow/compare/",
    "src/shadow/dry/",
    "src/shadow/mirror/alias.rs",
    "src/shadow/mirror/rewrite",
    "src/shadow/mirror/step.rs",
    "src/shadow/plan.rs",
    "src/shadow/redact",
    "src/shadow/replay",
    "src/shadow/report.rs",
    "src/settings/",
];
/// Of `settings` these three touch the disk and the environment; `clock.rs` is the one place that asks the time.
const NOT_PURE: &[&str] = &[
    "src/settings/mod.rs",
    "src/settings/disk.rs",
    "src/settings/sources.rs",
    "src/types/clock.rs",
];
const IMPURE: &[&str] = &[
    "async",
    "await",
    "tokio",
    "reqwest",
    "sqlx",
    "rusqlite",
    "hyper",
    "tracing",
    "std::fs",
    "std::env",
    "std::net::TcpStream",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Uuid::new_v4",
    "println",
    "eprintln",
];

pub(crate) fn module(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("src/")?;
    let first = rest.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

/// Which module of the house a line imports.
pub(crate) fn imports(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::")
        .filter(|(at, _)| !line[..*at].ends_with(is_word))
        .map(|(at, found)| {
            let rest = &line[at + found.len()..];
            &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())]
        })
}

pub(crate) fn floors(files: &[File]) -> Complaints {
    let mut all = Complaints::new();
    for file in files.iter().filter(|file| is_rust(file)) {
        let Some(from) = module(&file.path).filter(|name| !["lib", "main"].contains(name)) else {
            continue;
        };
        let Some((_, _, may)) = HOUSE.iter().find(|(_, name, _)| *name == from) else {
            all.push(format!(
                "{}: module `{from}` has no floor: give it one in HOUSE and in src/lib.rs",
                file.path
            ));
            continue;
        };
        for (n, line) in code(file, true) {
            let in_tests = |to: &str| {
                is_test(&file.path) && IN_TESTS.iter().any(|(a, b, _)| *a == from && *b == to)
            };
            for to in imports(line).filter(|to| *to != from && !may.contains(to) && !in_tests(to)) {
                all.push(format!(
                    "{}:{n}: `{from}` must not import `{to}`: move what is shared to a floor below both, or hand it in; \
                     `crate::{{…}}` is written as one `use` a module",
                    file.path
                ));
            }
            let inside = usize::from(
                file.text
                    .lines()
                    .take(n)
                    .any(|line| line.starts_with("mod tests {")),
            );
            let depth = file.path.trim_end_matches("/mod.rs").matches('/').count() + inside;
            if line.contains(&"super::".repeat(depth)) {
                all.push(format!(
                    "{}:{n}: `super` reaches the crate's root: write `crate::…`",
                    file.path
                ));
            }
        }
    }
    all
}

pub(crate) fn table(house: &[(u8, &str, &[&str])]) -> Complaints {
    let floor = |name: &str| {
        house
            .iter()
            .find(|(_, module, _)| *module == name)
            .map(|(floor, _, _)| *floor)
    };
    let mut all = Complaints::new();
    for (from_floor, from, may) in house {
        for to in *may {
            let down = floor(to).is_some_and(|to_floor| to_floor < *from_floor);
            if !down && !SIDEWAYS.iter().any(|(a, b, _)| a == from && b == to) {
                all.push(format!("HOUSE: `{from}` does not stand above `{to}`: imports go down, or need a reason in SIDEWAYS"));
            }
        }
    }
    all
}

pub(crate) fn pure(files: &[File]) -> Complaints {
    let is_pure = |path: &str| {
        PURE.iter().any(|start| path.starts_with(start))
            && !NOT_PURE.contains(&path)
            && !is_test(path)
    };
    let mut all = Complaints::new();
    for file in files
        .iter()
        .filter(|file| is_rust(file) && is_pure(&file.path))
    {
        for (n, line) in code(file, false) {
            for word in IMPURE
                .iter()
                .filter(|word| places(line, word).next().is_some())
            {
                all.push(format!(
                    "{}:{n}: `{word}` in a pure file: let the caller do it and hand in the result",
                    file.path
                ));
            }
        }
    }
    all
}
