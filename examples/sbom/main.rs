//! The bill of materials of the program, as `CycloneDX` JSON on standard output: `just sbom`.
//!
//! What is in the binary and what built it; what only tests use is left out. Must not: ask the network, or hold a time or a
//! random number: the same `Cargo.lock` gives the same bytes.

mod cyclonedx;

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    match made() {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("error: no bill of materials can be made: {why}");
            ExitCode::FAILURE
        }
    }
}

fn made() -> Result<String, String> {
    let metadata = cargo(&["metadata", "--format-version", "1"])?;
    let metadata = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let tree = cargo(&[
        "tree",
        "--prefix",
        "none",
        "-e",
        "normal,build",
        "-f",
        "{p}",
    ])?;
    let lock = std::fs::read_to_string("Cargo.lock").map_err(|error| {
        format!("Cargo.lock can't be read ({error}): run it in the project's folder")
    })?;
    let bill = cyclonedx::bill(&metadata, &tree, &lock)?;
    serde_json::to_string_pretty(&bill).map_err(|error| error.to_string())
}

fn cargo(arguments: &[&str]) -> Result<String, String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    let output = command
        .args(arguments)
        .arg("--locked")
        .output()
        .map_err(|error| format!("cargo can't be run ({error})"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}
