//! `demo`: placeholder until the day is written.
use clap::Args;
use std::process::ExitCode;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Leave everything running at the end
    #[arg(long)]
    keep_running: bool,
}

pub(super) fn run(options: &Options) -> ExitCode {
    if options.keep_running {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
