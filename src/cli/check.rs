//! `check`: every problem of the configuration with its remedy, or what is in force with secrets masked.
//!
//! Exit 0 where the bridge would start with it, 1 where it would not. Must not: start or reach anything.

use std::process::ExitCode;

use super::Config;
use crate::settings;

pub(super) fn run(config: &Config) -> ExitCode {
    match config.load() {
        Ok(read) => {
            print!("{}", settings::show(&read));
            for warning in read.warnings() {
                eprintln!("warning: {warning}");
            }
            let number = read.warnings().len();
            eprintln!(
                "the configuration is good ({number} warning{})",
                if number == 1 { "" } else { "s" }
            );
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}
