//! `shadow`: what shadowing has found in the running bridge, a person's judgement of it, a new count; and a recording's
//! replay, which needs no bridge.
//!
//! Must not: open the store itself (the bridge has it), or say that nothing differs where nothing was compared.

mod judge;
mod replay;
pub(super) mod report;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::running::Trouble;
use crate::ecom::route::Operation;

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, Subcommand)]
enum Work {
    /// Tell what was compared and which fields differ, the most frequent first
    Report(report::Options),
    /// Begin a new count, of one operation or of all; judgements stay
    Reset(judge::Reset),
    /// Say what a difference is, so that readiness knows whether it counts
    Judge(judge::Options),
    /// Run this release's translation over a recording, offline; exit code 0 where nothing differs, 1 where something
    /// does, 2 where not all could be read or compared
    Replay(replay::Options),
}

pub(super) fn run(options: &Options) -> ExitCode {
    match &options.work {
        Work::Report(options) => report::run(options),
        Work::Reset(options) => judge::reset(options),
        Work::Judge(options) => judge::run(options),
        Work::Replay(options) => replay::run(options),
    }
}

/// Said here, so that a slip does not need a running bridge to be found.
fn operation(word: &str) -> Result<Operation, Trouble> {
    Operation::parse(word).ok_or_else(|| {
        let known = "initiate, capture, cancel, refund, details, status or approve";
        Trouble::new(format!("an operation is {known}"))
    })
}

fn not_understood() -> Trouble {
    Trouble::new("the bridge's answer can't be read: is it of this release?")
}
