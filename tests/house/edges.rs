//! Which crates stay at the edge.
//!
//! Change the table here only together with `docs/architecture.md`.

use crate::source::{Complaints, File, code, is_rust, names_crate};

/// Crates and the only places that may name them.
const EDGES: &[(&[&str], &[&str])] = &[
    (
        &[
            "hyper",
            "hyper_util",
            "http_body_util",
            "tower",
            "tower_http",
            "axum",
        ],
        &[
            "src/proxy/",
            "src/admin/",
            "src/simulator/",
            "src/upstream/ecom",
            // Hands the callbacks' and the ledger's routes to the operator's listener.
            "src/app/operator.rs",
        ],
    ),
    (
        &["hyper_rustls", "tokio_rustls", "rustls"],
        // The dispatcher's tests play a shop with a certificate.
        &[
            "src/proxy/tls",
            "src/upstream/ecom",
            "src/upstream/client.rs",
            "src/callbacks/dispatch/tests",
            // Says what is wrong with a shop's TLS.
            "src/callbacks/dispatch/post.rs",
            // Tries a shop's TLS without a request.
            "src/callbacks/target/reach.rs",
        ],
    ),
    (
        &["reqwest"],
        &[
            "src/upstream/",
            // To merchants, by rules of its own.
            "src/callbacks/dispatch",
            "src/callbacks/target",
            // To the running bridge; the demonstration's shop.
            "src/cli/running.rs",
            "src/cli/scene/shop",
            // To the webhooks' public address, as a stranger.
            "src/cli/doctor/public.rs",
            // Names the error of a client that can't be made.
            "src/app/mod.rs",
        ],
    ),
    (
        &["moka"],
        &[
            "src/upstream/",
            "src/callbacks/",
            "src/payments/shared.rs",
            "src/shadow/mirror/",
        ],
    ),
    (&["sqlx"], &["src/store/postgres/"]),
    (&["rusqlite"], &["src/store/sqlite/"]),
    (&["chacha20poly1305"], &["src/store/seal.rs"]),
    (&["askama"], &["src/admin/pages/"]),
    (&["clap"], &["src/cli/"]),
    (&["config"], &["src/settings/mod.rs"]),
    (&["tracing_subscriber"], &["src/telemetry/"]),
    (&["prometheus_client"], &["src/telemetry/"]),
    (&["anyhow"], &[]),
];

pub(crate) fn edges(files: &[File]) -> Complaints {
    let mut all = Complaints::new();
    for file in files
        .iter()
        .filter(|file| is_rust(file) && file.path.starts_with("src/"))
    {
        for (n, line) in code(file, true) {
            for (crates, homes) in EDGES {
                for name in crates.iter().filter(|name| names_crate(line, name)) {
                    if !homes.iter().any(|home| file.path.starts_with(home)) {
                        all.push(format!(
                            "{}:{n}: `{name}` belongs to {homes:?}: go through what they offer",
                            file.path
                        ));
                    }
                }
            }
        }
    }
    all
}
