//! The command. Everything is in the library; this turns its end into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ecom_bridge::cli::run()
}
