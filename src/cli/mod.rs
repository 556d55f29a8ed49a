//! The commands: what an operator types, and what is printed for it.
//!
//! Standard output is for results, standard error for what went wrong. Must not: hold a rule of translation, routing or
//! money; commands call the same functions that `serve` does.

mod callbacks;
mod check;
mod demo;
mod doctor;
mod explain;
mod healthcheck;
mod ledger;
mod readiness;
mod rehearse;
mod reload;
mod running;
mod scene;
mod serve;
mod shadow;
mod simulate;
mod toggle;
mod translate;
mod webhooks;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// A migration proxy for payments: answers calls of Vipps' eCom API v2 by way of the ePayment API.
#[derive(Debug, Parser)]
#[command(name = "ecom-bridge", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the bridge
    Serve(Config),
    /// Check the configuration: every problem with its remedy, or what is in force with secrets masked
    Check(Config),
    /// Play a legacy shop's whole day on this machine: simulator, bridge and toy shop; no account needed
    Demo(demo::Options),
    /// Run only the simulator of the upstream APIs
    Simulate(simulate::Options),
    /// Translate one eCom call from standard input; no network
    Translate(translate::Options),
    /// Tell which way a call would go, and every rule that led there
    Explain(explain::Options),
    /// The callbacks of the running bridge: those that wait, those given up, and what to do with them
    Callbacks(callbacks::Options),
    /// The webhook registrations of the running bridge
    Webhooks(webhooks::Options),
    /// Move a routing toggle of the running bridge, or list what is in force
    Toggle(toggle::Options),
    /// Send all new initiates and all changes of payments born in eCom to eCom
    KillSwitch(toggle::KillOptions),
    /// May the next toggle be moved, or the bridge be removed: verdict and reasons; exit code 0 for go
    Readiness(readiness::Options),
    /// Let the running bridge read its configuration again
    Reload(reload::Options),
    /// Look at token, clock, webhooks, store and callback hosts: each OK, or what to do
    Doctor(doctor::Options),
    /// The money ledger of the running bridge: one payment's story, the proof of all sums and keys
    Ledger(ledger::Options),
    /// What shadowing has found in the running bridge: report, judge a difference, begin a new count
    Shadow(shadow::Options),
    /// Play the fault list with this configuration on this machine: what the shop would see; exit code 0 for as expected
    Rehearse(rehearse::Options),
    /// Ask the running bridge whether it is ready; for container probes
    Healthcheck(Config),
}

/// Where the configuration is.
#[derive(Args, Clone, Debug, Default)]
struct Config {
    /// A TOML file; later ones override earlier ones, and `ECOM_BRIDGE__SECTION__KEY` overrides all
    #[arg(long = "config", value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Parses the arguments and does what they ask.
#[must_use]
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(config) => serve::run(&config),
        Command::Check(config) => check::run(&config),
        Command::Demo(options) => demo::run(&options),
        Command::Simulate(options) => simulate::run(&options),
        Command::Translate(options) => translate::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Callbacks(options) => callbacks::run(&options),
        Command::Webhooks(options) => webhooks::run(&options),
        Command::Toggle(options) => toggle::run(&options),
        Command::KillSwitch(options) => toggle::kill(&options),
        Command::Readiness(options) => readiness::run(&options),
        Command::Reload(options) => reload::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Ledger(options) => ledger::run(&options),
        Command::Shadow(options) => shadow::run(&options),
        Command::Rehearse(options) => rehearse::run(&options),
        Command::Healthcheck(config) => healthcheck::run(&config),
    }
}

impl Config {
    /// Reads the configuration, or prints every problem.
    fn load(&self) -> Result<crate::settings::Settings, ExitCode> {
        told(crate::settings::load(
            &self.files,
            crate::settings::environment(),
        ))
    }
}

/// The settings, or every problem printed.
fn told(
    read: Result<crate::settings::Settings, Vec<crate::settings::ConfigProblem>>,
) -> Result<crate::settings::Settings, ExitCode> {
    read.map_err(|problems| {
        for problem in &problems {
            eprintln!("error: {problem}");
        }
        let number = problems.len();
        eprintln!(
            "{number} problem{} in the configuration; nothing was started",
            if number == 1 { "" } else { "s" }
        );
        ExitCode::FAILURE
    })
}

/// A runtime, or the reason why there is none. On one processor there is nobody to share work with: no thread is needed but
/// this one. `most` of them are started at most.
fn runtime(most: usize) -> Result<tokio::runtime::Runtime, ExitCode> {
    let processors = crate::workers::processors();
    let mut builder = if processors == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    builder.worker_threads(processors.min(most));
    builder.enable_all().build().map_err(|error| {
        eprintln!("error: the runtime can't be started: {error}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed() {
        super::Cli::command().debug_assert();
    }
}
