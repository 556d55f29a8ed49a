//! `reload`: the running bridge reads its configuration again.
//!
//! Must not: send the configuration. The bridge reads its own files.

use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::Config;
use super::running::{self, Trouble, plain};
use super::toggle::Because;

const ADVICE: &str = "If it is changed in the file, the bridge takes it over by itself in a few seconds, and at a SIGHUP";

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    config: Config,
}

#[derive(Deserialize)]
struct Changed {
    key: String,
    old: String,
    new: String,
}

pub(super) fn run(options: &Options) -> ExitCode {
    running::with(&options.config, async |bridge| {
        let (who, why) = options.because.told_or("the configuration was changed")?;
        let body = json!({"who": who, "why": why});
        let answer = bridge.post("/api/reload", Some(body)).await;
        let answer = answer.map_err(|trouble| trouble.advice(401, ADVICE))?;
        let changes: Vec<Changed> =
            serde_json::from_value(answer["changes"].clone()).map_err(|_| {
                Trouble::new("the bridge's answer can't be understood. Is it of this release?")
            })?;
        if changes.is_empty() {
            return Ok("No setting differs from what is in force.\n".to_owned());
        }
        let lines = changes.iter().map(|change| {
            format!(
                "{}: {} -> {}\n",
                plain(&change.key),
                plain(&change.old),
                plain(&change.new)
            )
        });
        Ok(format!("In force:\n{}", lines.collect::<String>()))
    })
}
