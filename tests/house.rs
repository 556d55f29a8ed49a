//! The guard of the house: who may import whom, what stays pure, which crates stay at the edge, how files look.
//!
//! Reads source text and links nothing, so it is quick. Each rule is a function from files to complaints; `plant` shows
//! it one bad file, so that no rule is blind. A complaint says what to do. A new exception needs its reason in a table.

use std::fmt::Write as _;
use std::fs;

#[path = "house/edges.rs"]
mod edges;
#[path = "house/form.rs"]
mod form;
#[path = "house/imports.rs"]
mod imports;
#[path = "house/shadow.rs"]
mod shadow;
#[path = "house/source.rs"]
mod source;

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
