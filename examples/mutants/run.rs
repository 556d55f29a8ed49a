//! Builds the tests of the copy once, and runs them with one mutant after another.
//!
//! A mutant is caught when a test fails each time with it and never without, when the tests end in another way than by
//! themselves, or when they don't end in time. Must not: run tests that start servers or other programs; they would be left running.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::copy::TREE;
use super::table::Mutant;

/// Tests that need a database server, start programs, or are slow and about something else.
const SLOW: &[&str] = &[
    "store::postgres",
    "store::sqlite::crash",
    "store::sqlite::power",
    "store::sqlite::line",
    "observe::rhythm",
    "shadow::redact",
    "shadow::record",
    "shadow::compare",
    "shadow::replay",
    "shadow::books",
    "tests::crowds::ten_thousand",
    "whole_instances_on_postgresql",
];
/// Tests over sockets that are quick and start no other program.
const QUICK: &str = "happy:: money:: repeats:: creating:: order:: flips:: callbacks_received:: callbacks_delivered:: \
    callbacks_told:: callbacks_direct:: callbacks_lost:: polling:: ledger:: routing:: instead:: express:: canary:: \
    tenancy:: json:: breaker:: api_document_money:: api_document_moves:: upstream_trouble:: toggles:: broken::";
/// Most of their time they wait: so many at once.
const AT_ONCE: &str = "--test-threads=8";
/// A mutant under which no test ends for so long is caught.
const PATIENCE: Duration = Duration::from_secs(150);

/// The built tests.
pub(crate) struct Tests {
    library: PathBuf,
    sockets: PathBuf,
    only_sockets: Option<String>,
}

/// How a run ended.
enum End {
    Green,
    Failed(String),
    Broke(&'static str),
}

impl Tests {
    /// Builds them.
    pub(crate) fn built(only_sockets: Option<&str>) -> Result<Self, String> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let output = Command::new(cargo)
            .args(["test", "--no-run", "--lib", "--test", "it", "--locked"])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(TREE)
            .env(
                "CARGO_TARGET_DIR",
                std::path::absolute("target/mutants/target").unwrap_or_default(),
            )
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cargo can't be run ({error})"))?;
        if !output.status.success() {
            return Err("the mutants can't be built".to_owned());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let artifacts: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let program = |name: &str| {
            let found = artifacts.iter().find_map(|one| {
                let is_it = one["target"]["name"] == name && one["profile"]["test"] == true;
                one["executable"].as_str().filter(|_| is_it)
            });
            found
                .map(PathBuf::from)
                .ok_or_else(|| format!("cargo built no tests named {name}"))
        };
        Ok(Self {
            library: program("ecom_bridge")?,
            sockets: program("it")?,
            only_sockets: only_sockets.map(str::to_owned),
        })
    }

    /// The program of those over sockets.
    pub(crate) fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// Without a mutant nothing may fail: what fails then would seem to catch every mutant.
    pub(crate) fn all_green(&self) -> Result<(), String> {
        let sockets = self.only_sockets.as_deref().unwrap_or(QUICK);
        let mut runs = vec![(&self.sockets, sockets)];
        if self.only_sockets.is_none() {
            runs.insert(0, (&self.library, ""));
        }
        for (program, filters) in runs {
            let began = Instant::now();
            match failed_always(program, filters, None) {
                None => println!("green without a mutant, in {} s", began.elapsed().as_secs()),
                Some(why) => return Err(format!("without a mutant: {why}")),
            }
        }
        Ok(())
    }

    /// Tries one: the test that caught it before, the tests of its module, all of the library, those over sockets. Says
    /// what caught it.
    pub(crate) fn tried(&self, mutant: &Mutant, caught_before: Option<&str>) -> Option<String> {
        let own = module_of(&mutant.file);
        let mut runs = match (&self.only_sockets, &mutant.tests) {
            (Some(only), _) => vec![("it", only.as_str())],
            (None, None) => vec![("lib", own.as_str()), ("lib", ""), ("it", QUICK)],
            (None, Some(named)) => vec![
                ("lib", own.as_str()),
                ("it", named.as_str()),
                ("lib", ""),
                ("it", QUICK),
            ],
        };
        let before = caught_before.and_then(|by| by.split_once(' '));
        if self.only_sockets.is_none() {
            runs.splice(0..0, before.filter(|(_, test)| test.contains("::")));
        }
        runs.into_iter().find_map(|(kind, filters)| {
            let program = if kind == "lib" {
                &self.library
            } else {
                &self.sockets
            };
            let by = failed_always(program, filters, Some(&mutant.name))?;
            Some(format!("{kind} {by}"))
        })
    }
}

/// `src/translate/adjust.rs` → `translate::adjust`; the parts of a store are tried by its one suite.
fn module_of(file: &str) -> String {
    if file.starts_with("src/store/sqlite/") {
        return "store::sqlite::tests".to_owned();
    }
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    path.trim_end_matches("/mod").replace('/', "::")
}

/// What fails, fails again by itself each time, and never without the mutant: under load a test may fail for another
/// reason.
fn failed_always(program: &PathBuf, filters: &str, mutant: Option<&str>) -> Option<String> {
    let exact = ["--exact".to_owned()];
    let mut passed_over = Vec::new();
    loop {
        let test = match ended(program, filters, mutant, &passed_over) {
            End::Green => return None,
            End::Broke(why) => return Some(why.to_owned()),
            End::Failed(test) => test,
        };
        let fails = |mutant| !matches!(ended(program, &test, mutant, &exact), End::Green);
        let shows = || fails(mutant) && (mutant.is_none() || !fails(None));
        if shows() && shows() {
            return Some(test);
        }
        println!(
            "     {}: {test} fails now and then",
            mutant.unwrap_or("no mutant")
        );
        passed_over.extend(["--skip".to_owned(), test]);
    }
}

/// Runs tests to the first failure.
fn ended(program: &PathBuf, filters: &str, mutant: Option<&str>, more: &[String]) -> End {
    let mut command = Command::new(program);
    command
        .args(filters.split_whitespace())
        .args(SLOW.iter().flat_map(|one| ["--skip", one]))
        .args(more)
        .arg(AT_ONCE)
        .current_dir(TREE)
        .env_remove("ECOM_BRIDGE_MUTANT")
        .envs(mutant.map(|name| ("ECOM_BRIDGE_MUTANT", name)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        return End::Broke("the tests can't be run");
    };
    let end = heard(&mut child);
    let _gone = child.kill();
    let _gathered = child.wait();
    end
}

fn heard(child: &mut Child) -> End {
    let Some(output) = child.stdout.take() else {
        return End::Broke("the tests can't be heard");
    };
    let (sender, lines) = mpsc::sync_channel(64);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                let failed = line
                    .strip_suffix(" ... FAILED")
                    .and_then(|line| line.strip_prefix("test "));
                if let Some(test) = failed {
                    return End::Failed(test.to_owned());
                }
            }
            Err(RecvTimeoutError::Timeout) => return End::Broke("time: the tests did not end"),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    match child.wait() {
        Ok(status) if status.success() => End::Green,
        _ => End::Broke("the tests broke off"),
    }
}
