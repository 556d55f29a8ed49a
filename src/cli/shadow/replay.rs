//! `shadow replay`: today's translation over a recording; needs no running bridge and no network.
//!
//! Exit code 0: nothing differs. 1: something does. 2: something could not be read or compared, or nothing was there.
//! Must not: let a recording that proves nothing look like one that proves something.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::super::Config;
use super::super::running::{Trouble, plain, table};
use super::operation;
use crate::shadow::compare::{IgnoreRule, PathPattern};
use crate::shadow::replay::{self, Report, Verdict};
use crate::types::{Clock, SystemClock};

/// Something could not be read or compared, or nothing was there.
const INCOMPLETE: u8 = 2;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The recording: a file that a bridge has recorded to
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only calls of this operation
    #[arg(long, value_name = "OPERATION")]
    operation: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

pub(super) fn run(options: &Options) -> ExitCode {
    let ignore = match ignored(&options.config) {
        Ok(ignore) => ignore,
        Err(_told) => return ExitCode::from(INCOMPLETE),
    };
    match replayed(options, &ignore) {
        Ok((text, verdict)) => {
            // A reader who has gone wants no more.
            let _gone = std::io::stdout().write_all(text.as_bytes());
            match verdict {
                Verdict::Same => ExitCode::SUCCESS,
                Verdict::Differs => ExitCode::FAILURE,
                Verdict::Incomplete => ExitCode::from(INCOMPLETE),
            }
        }
        Err(trouble) => {
            eprintln!("error: {}", trouble.told);
            ExitCode::from(INCOMPLETE)
        }
    }
}

fn replayed(options: &Options, ignore: &[IgnoreRule]) -> Result<(String, Verdict), Trouble> {
    let only = options.operation.as_deref().map(operation).transpose()?;
    let file = File::open(&options.file)
        .map_err(|error| Trouble::new(format!("{}: {error}", options.file.display())))?;
    let how = replay::Options {
        operation: only,
        ignore,
        now: SystemClock.now(),
        ..replay::Options::default()
    };
    let report = replay::replay(BufReader::new(file), &how)
        .map_err(|error| Trouble::new(format!("{}: {error}", options.file.display())))?;
    let text = if options.json {
        let json = serde_json::to_string_pretty(&report);
        let json = json.map_err(|_| Trouble::new("the report can't be written as JSON"))?;
        format!("{json}\n")
    } else {
        told(&report)
    };
    Ok((text, report.verdict()))
}

/// The ignore rules of a configuration, where one was named.
fn ignored(config: &Config) -> Result<Vec<IgnoreRule>, ExitCode> {
    if config.files.is_empty() {
        return Ok(vec![]);
    }
    let written = config.load()?.shadow.ignore.into_iter();
    let rules = written.filter_map(|one| {
        Some(IgnoreRule {
            path: PathPattern::parse(&one.path)?,
            operation: one.operation,
            reason: one.reason,
            until: one.until,
        })
    });
    Ok(rules.collect())
}

fn told(report: &Report) -> String {
    let mut text = summary(report);
    if !report.operations.is_empty() {
        text.push('\n');
        text.push_str(&balance(report));
    }
    if !report.fields.is_empty() {
        text.push('\n');
        text.push_str(&fields(report));
    }
    let mut more = |line: std::fmt::Arguments<'_>| {
        let _infallible = writeln!(text, "{line}");
    };
    if report.more > 0 {
        more(format_args!(
            "{} more differences are not shown",
            report.more
        ));
    }
    for (path, count) in &report.ignored {
        more(format_args!("{count} ignored by {}", plain(path)));
    }
    for one in &report.unreadable_lines {
        more(format_args!("line {} can't be read: {}", one.line, one.why));
    }
    let named = report.unreadable_lines.len() as u64;
    if report.unreadable > named {
        more(format_args!("and {} lines more", report.unreadable - named));
    }
    if report.cut > 0 {
        let told = "where the bridge that recorded broke off; nothing else is missing";
        more(format_args!(
            "{} cut at the end of a session, {told}",
            lines(report.cut)
        ));
    }
    text
}

fn lines(count: u64) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} line{ending}")
}

fn summary(report: &Report) -> String {
    let (compared, differing) = (report.compared_calls(), report.differing_calls());
    let by = report.recorded_by.iter().map(|one| plain(one));
    let by: Vec<String> = by.collect();
    let what = format!(
        "recorded by {}, replayed by {}",
        by.join(", "),
        report.replayed_by
    );
    match (report.verdict(), compared) {
        (Verdict::Differs, _) => format!("{differing} of {compared} calls differ ({what}).\n"),
        (Verdict::Same, _) => format!("Nothing differs in {compared} calls ({what}).\n"),
        (Verdict::Incomplete, 0) => {
            format!("Nothing was compared ({what}): this proves nothing.\n")
        }
        (Verdict::Incomplete, _) => format!(
            "Nothing differs in {compared} calls, but not all could be read or compared ({what}).\n"
        ),
    }
}

fn balance(report: &Report) -> String {
    let heads = [
        "OPERATION",
        "RECORDED",
        "COMPARED",
        "CLEAN",
        "DIFFERING",
        "SKIPPED",
        "FAILED",
    ];
    let reasons = |all: &std::collections::BTreeMap<&'static str, u64>| {
        let told = all.iter().map(|(why, count)| format!("{count} {why}"));
        let told: Vec<String> = told.collect();
        if told.is_empty() {
            "0".to_owned()
        } else {
            told.join(", ")
        }
    };
    let row = |(word, one): (&&'static str, &replay::Tally)| {
        vec![
            (*word).to_owned(),
            one.recorded.to_string(),
            one.compared.to_string(),
            one.clean.to_string(),
            one.differing.to_string(),
            reasons(&one.skipped),
            reasons(&one.failed),
        ]
    };
    let rows: Vec<Vec<String>> = report.operations.iter().map(row).collect();
    table(&heads, &rows)
}

fn fields(report: &Report) -> String {
    let row = |one: &replay::Field| {
        let samples = one.samples.iter().map(|sample| {
            format!(
                "line {}: {} -> {}",
                sample.line,
                plain(&sample.recorded),
                plain(&sample.now)
            )
        });
        let samples: Vec<String> = samples.collect();
        vec![
            one.operation.to_owned(),
            plain(&one.field),
            one.kind.to_owned(),
            one.differing.to_string(),
            samples.join("; "),
        ]
    };
    let rows: Vec<Vec<String>> = report.fields.iter().map(row).collect();
    let heads = ["OPERATION", "FIELD", "KIND", "CALLS", "RECORDED -> NOW"];
    table(&heads, &rows)
}
