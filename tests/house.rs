//! The guard of the house: who may import whom, what stays pure, which crates stay at the edge, how files look.
//!
//! Reads source text and links nothing, so it is quick. Each rule is a function from files to complaints; `plant` shows
//! it one bad file, so that no rule is blind. A complaint says what to do. A new exception needs its reason in a table.

use std::fmt::Write as _;
use std::fs;

#[path = "house/edges.rs"]
mod edges;
#[path = "house/faults.rs"]
mod faults;
#[path = "house/form.rs"]
mod form;
#[path = "house/imports.rs"]
mod imports;
#[path = "house/mutants.rs"]
mod mutants;
#[path = "house/shadow.rs"]
mod shadow;
#[path = "house/source.rs"]
mod source;
#[path = "house/supply.rs"]
mod supply;
#[path = "house/unit.rs"]
mod unit;

#[path = "../examples/sbom/cyclonedx.rs"]
mod cyclonedx;

use edges::edges;
use form::{
    floats, form, lock_file, named_tests, places_of_this_machine, tests_wait_and_listen_well, words,
};
use imports::{HOUSE, floors, pure, table};
use shadow::only_the_shadow_s_own;
use source::{Complaints, File, everything, root};

fn assert_none(complaints: &Complaints) {
    let mut text = String::new();
    for complaint in complaints {
        let _ = writeln!(text, "  {complaint}");
    }
    assert!(
        complaints.is_empty(),
        "{} complaint(s):\n{text}",
        complaints.len()
    );
}

/// A rule must complain of this file.
fn plant(rule: impl Fn(&[File]) -> Complaints, path: &str, text: &str) {
    let file = File {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let complaints = rule(&[file]);
    assert!(
        !complaints.is_empty(),
        "the rule is blind to {path}: {text}"
    );
}

fn spare(rule: impl Fn(&[File]) -> Complaints, path: &str, text: &str) {
    assert_none(&rule(&[File {
        path: path.to_owned(),
        text: text.to_owned(),
    }]));
}

#[test]
fn imports_go_down() {
    assert_none(&table(HOUSE));
    assert_none(&floors(&everything()));
    assert_eq!(
        table(&[(1, "ecom", &["epayment"]), (1, "epayment", &[])]).len(),
        1
    );
    plant(floors, "src/types/a.rs", "use crate::ecom::Route;");
    plant(
        floors,
        "src/payments/a.rs",
        "fn f(x: crate::proxy::Peer) {}",
    );
    plant(floors, "src/simulator/a.rs", "use crate::translate::error;");
    plant(floors, "src/store/a.rs", "use crate::{types, proxy};");
    plant(floors, "src/store/a.rs", "use super::super::proxy;");
    plant(floors, "src/store/mod.rs", "use super::proxy;");
    plant(floors, "src/new/mod.rs", "//! x");
    spare(
        floors,
        "src/store/a.rs",
        "// use crate::proxy\nuse crate::types::Msn;\nuse super::record;",
    );
}

#[test]
fn pure_files_stay_pure() {
    assert_none(&pure(&everything()));
    plant(pure, "src/translate/a.rs", "async fn f() {}");
    plant(
        pure,
        "src/routing/a.rs",
        "let t = std::time::Instant::now();",
    );
    plant(pure, "src/types/key.rs", "let t = jiff::Timestamp::now();");
    plant(pure, "src/settings/rules.rs", "std::fs::read(p);");
    plant(pure, "src/simulator/world/a.rs", "tracing::info!();");
    spare(pure, "src/types/clock.rs", "jiff::Timestamp::now()");
    spare(
        pure,
        "src/types/a.rs",
        "//! never async\n#[cfg(test)]\nmod tests {\n async fn f() {}\n}",
    );
}

#[test]
fn crates_stay_at_the_edge() {
    assert_none(&edges(&everything()));
    plant(edges, "src/payments/a.rs", "use hyper::body::Incoming;");
    plant(edges, "src/payments/a.rs", "use tower::ServiceExt;");
    plant(
        edges,
        "src/proxy/a.rs",
        "let c = reqwest::Client::builder();",
    );
    plant(edges, "src/store/mod.rs", "use sqlx::Row;");
    plant(edges, "src/store/sqlite/mod.rs", "use sqlx::Row;");
    plant(edges, "src/store/mod.rs", "use rusqlite::Row;");
    plant(edges, "src/app.rs", "use clap::Parser;");
    plant(edges, "src/settings/tree.rs", "use config::Source;");
    plant(edges, "src/cli/mod.rs", "fn f() -> anyhow::Result<()> {}");
    spare(
        edges,
        "src/payments/a.rs",
        "let n = \"hyper\"; self.config::<u8>(); super::config::x();",
    );
}

#[test]
fn a_shadow_has_no_way_to_the_primary_upstream() {
    assert_none(&only_the_shadow_s_own(&everything()));
    for line in [
        "let e = Epayment::new(url, limit, meters);",
        "use crate::upstream::ecom::Forwarder;",
        "let http = reqwest::Client::new();",
    ] {
        plant(only_the_shadow_s_own, "src/shadow/read.rs", line);
    }
    for line in [
        "use crate::upstream::reads::Reader;",
        "let own = Credentials::of(&offer.request_headers, None);",
        "credentials: offer.caller.credentials.clone(),",
    ] {
        plant(only_the_shadow_s_own, "src/shadow/mirror/a.rs", line);
    }
    spare(
        only_the_shadow_s_own,
        "src/shadow/read.rs",
        "use crate::upstream::reads::Reader;",
    );
    spare(only_the_shadow_s_own, "src/app/mod.rs", "Epayment::new(u)");
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    assert_none(&form(&everything()));
    plant(form, "src/a.rs", "fn f() {}");
    plant(form, "tests/a.rs", "use x;");
    plant(form, "src/a.rs", &"//! x\n".repeat(13));
    plant(form, "src/a.rs", &format!("//! x\n{}", "x\n".repeat(500)));
}

#[test]
fn some_words_are_not_written() {
    assert_none(&words(&everything()));
    for word in [
        concat!("#[al", "low(dead_code)]"),
        concat!("un", "safe { }"),
        concat!("mpsc::unbounded", "_channel()"),
        concat!("to", "do!()"),
        concat!("unimple", "mented!()"),
        concat!("// FIX", "ME later"),
    ] {
        plant(words, "src/a.rs", word);
    }
}

#[test]
fn money_is_never_a_float() {
    assert_none(&floats(&everything()));
    plant(floats, "src/types/amount.rs", "fn f(x: f64) {}");
    spare(floats, "src/ecom/lenient.rs", "fn f(x: f64) {}");
}

#[test]
fn tests_neither_sleep_nor_take_a_fixed_port() {
    assert_none(&tests_wait_and_listen_well(&everything()));
    plant(
        tests_wait_and_listen_well,
        "tests/it/a.rs",
        "tokio::time::sleep(d).await;",
    );
    plant(
        tests_wait_and_listen_well,
        "tests/it/a.rs",
        "connect(\"127.0.0.1:8080\")",
    );
    spare(
        tests_wait_and_listen_well,
        "tests/it/a.rs",
        "\"127.0.0.1:0\", \"h:443\", {\"amount\":20000}",
    );
}

#[test]
fn no_second_tls_and_no_banned_crate() {
    let text =
        fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock is part of the project");
    assert_none(&lock_file(&text));
    assert!(!lock_file("[[package]]\nname = \"openssl-sys\"\n").is_empty());
    assert!(
        !lock_file("[[package]]\nname = \"rcgen\"\ndependencies = [\n \"ring\",\n]\n").is_empty()
    );
}

fn text_of(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn what_others_wrote_is_allowed_and_has_its_reason() {
    let (metadata, deny) = (supply::metadata(), text_of("deny.toml"));
    assert_none(&supply::licences(&metadata, &deny));
    assert_none(&supply::origins(&metadata));
    assert_none(&supply::reasons(
        &metadata,
        &text_of("docs/dependencies.md"),
    ));
    for banned in form::BANNED_CRATES {
        assert!(
            supply::listed(&deny, "deny").contains(*banned),
            "{banned} is banned here and not in deny.toml"
        );
    }
    let package = |licence: &str| serde_json::json!({"packages": [{"name": "x", "license": licence, "source": "git+x"}]});
    for (licence, count) in [
        ("MIT OR GPL-3.0-only", 0),
        ("MIT/Apache-2.0", 0),
        ("(GPL-3.0-only OR MIT) AND Unicode-3.0", 0),
        ("MIT AND GPL-3.0-only", 1),
        ("(MIT OR ISC) AND (GPL-3.0-only OR AGPL-3.0-only)", 1),
        ("", 1),
    ] {
        let found = supply::licences(&package(licence), &deny).len();
        assert_eq!(found, count, "{licence}");
    }
    assert_eq!(supply::origins(&package("MIT")).len(), 1);
    let page = "| `gone` | x | x | x |";
    assert!(supply::reasons(&metadata, page).len() > 20);
}

#[test]
fn what_is_built_twice_is_known() {
    let deny = text_of("deny.toml");
    let all = [
        "tree",
        "--prefix",
        "none",
        "-e",
        "normal,build,dev",
        "-f",
        "{p}",
    ];
    let tree = supply::cargo(&all);
    assert_none(&supply::twice(&tree, &deny));
    let one = "skip = [\n    { crate = \"a\" },\n]\n";
    assert_eq!(supply::twice("a v1\na v2\nb v1\n", one).len(), 0);
    assert_eq!(supply::twice("a v1\na v1\nb v1\nb v2\n", one).len(), 2);
}

#[test]
fn the_bill_of_materials_has_everything_that_is_built_and_no_tests() {
    let lock = text_of("Cargo.lock");
    let tree = supply::cargo(&[
        "tree",
        "--prefix",
        "none",
        "-e",
        "normal,build",
        "-f",
        "{p}",
    ]);
    let bill = cyclonedx::bill(&supply::metadata(), &tree, &lock).expect("a bill");
    assert_eq!(bill["metadata"]["component"]["name"], "ecom-bridge");
    let components = bill["components"].as_array().expect("a list");
    let names: Vec<&str> = components
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    for name in ["hyper", "rustls", "aws-lc-sys", "chacha20poly1305", "cc"] {
        assert!(names.contains(&name), "{name}");
    }
    for name in ["proptest", "insta", "rcgen", "ring", "ecom-bridge"] {
        assert!(!names.contains(&name), "{name}");
    }
    for one in components {
        let sum = one["hashes"][0]["content"].as_str().unwrap_or_default();
        assert!(sum.len() == 64 && one["licenses"][0]["expression"].is_string());
        assert!(
            one["purl"]
                .as_str()
                .unwrap_or_default()
                .starts_with("pkg:cargo/")
        );
    }
    let again = cyclonedx::bill(&supply::metadata(), &tree, &lock).expect("a bill");
    assert_eq!(bill, again);
    // What is not found is said, and not left out.
    let more = format!("{tree}made-up v1.0.0\n");
    assert!(cyclonedx::bill(&supply::metadata(), &more, &lock).is_err());
}

#[test]
fn the_unit_of_systemd_fits_the_settings() {
    let (text, defaults) = (
        text_of("deploy/systemd/ecom-bridge.service"),
        text_of("config/default.toml"),
    );
    assert_none(&unit::unit(&text, &defaults));
    for (from, to) in [
        ("TimeoutStopSec=50", "TimeoutStopSec=40"),
        ("DynamicUser=yes", "User=root"),
        ("ProtectSystem=strict", ""),
        (
            "CapabilityBoundingSet=\n",
            "CapabilityBoundingSet=CAP_SYS_ADMIN\n",
        ),
        (
            "ECOM_BRIDGE__ADMIN__TOKEN_FILE",
            "ECOM_BRIDGE__ADMIN__TOKENS_FILE",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let bad = text.replacen(from, to, 1);
        assert!(!unit::unit(&bad, &defaults).is_empty(), "blind to {to}");
    }
}

#[test]
fn the_image_can_be_built_and_has_no_rights() {
    let [docker, ignore, manifest] = ["Dockerfile", ".dockerignore", "Cargo.toml"].map(text_of);
    assert_none(&unit::image(&docker, &ignore, &manifest));
    for needed in ["!askama.toml", "!.cargo", "!benches"] {
        assert!(!unit::image(&docker, &ignore.replace(needed, ""), &manifest).is_empty());
    }
    assert!(!unit::image(&docker.replace("USER 10001", "USER 0"), &ignore, &manifest).is_empty());
}

#[test]
fn nothing_of_one_machine_is_written_down() {
    assert_none(&places_of_this_machine(&everything()));
    plant(
        places_of_this_machine,
        "README.md",
        concat!("see /wo", "rk/x"),
    );
    plant(
        places_of_this_machine,
        ".ci/run",
        concat!("curl https://sh.rustup", ".rs"),
    );
    plant(
        places_of_this_machine,
        "Dockerfile",
        concat!("FROM gcr", ".io/x"),
    );
}

#[test]
fn the_readme_names_tests_that_exist() {
    assert_none(&named_tests(&everything()));
    plant(named_tests, "README.md", "| x | `a_test_that_is_gone` |");
    spare(named_tests, "README.md", "`bridge_log_lines_dropped_total`");
}
