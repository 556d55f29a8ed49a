//! `serve`: the bridge itself, from configuration to drain.
//!
//! Must not: start with a configuration that has a problem.

use std::process::ExitCode;

use super::Config;
use crate::app::{App, Ended};
use crate::lifecycle::Lifecycle;
use crate::settings::{LogFormat, LogLevel, Settings};
use crate::telemetry::logging::{self, Format, Level, Logging};

pub(super) fn run(config: &Config) -> ExitCode {
    let settings = match config.load() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let logging = match init(&settings) {
        Ok(logging) => logging,
        Err(code) => return code,
    };
    for warning in settings.warnings() {
        tracing::warn!(
            key = warning.path,
            "{}: {}. {}",
            warning.path,
            warning.why,
            warning.remedy
        );
    }
    match super::runtime() {
        Ok(runtime) => runtime.block_on(serve(settings, &logging)),
        Err(code) => code,
    }
}

/// Starts logging as the settings say.
pub(super) fn init(settings: &Settings) -> Result<Logging, ExitCode> {
    let format = match settings.telemetry.log_format {
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    };
    let level = match settings.telemetry.log_level {
        LogLevel::Error => Level::Error,
        LogLevel::Warn => Level::Warn,
        LogLevel::Info => Level::Info,
        LogLevel::Debug => Level::Debug,
        LogLevel::Trace => Level::Trace,
    };
    logging::init(format, level).map_err(|error| {
        eprintln!("error: logging can't be started: {error}");
        ExitCode::FAILURE
    })
}

async fn serve(settings: Settings, logging: &Logging) -> ExitCode {
    let mut signals = match Lifecycle::signals() {
        Ok(signals) => signals,
        Err(error) => return failed(&format!("signals can't be taken over: {error}")),
    };
    let upstream = settings.upstream.base_url.as_str().to_owned();
    let app = match App::build(settings, logging.lines_dropped()).await {
        Ok(app) => app,
        Err(error) => return failed(&error.to_string()),
    };
    let proxy = app.proxy_addr();
    let admin = app
        .admin_addr()
        .map(|addr| addr.to_string())
        .unwrap_or_default();
    tracing::info!(%proxy, admin, upstream, version = env!("CARGO_PKG_VERSION"), "serving");
    let lifecycle = app.lifecycle().clone();
    let serving = tokio::spawn(app.serve());
    let name = signals.next().await;
    tracing::info!(
        signal = name,
        "draining: calls in flight are answered, new ones are refused"
    );
    lifecycle.begin_shutdown();
    let ended = tokio::select! {
        ended = serving => ended,
        name = signals.next() => {
            tracing::warn!(signal = name, "a second signal: ending at once");
            return ExitCode::FAILURE;
        }
    };
    match ended {
        Ok(Ended {
            cut: 0,
            clean: true,
        }) => {
            tracing::info!("ended");
            ExitCode::SUCCESS
        }
        Ok(Ended { cut, clean }) => {
            tracing::warn!(
                cut,
                clean,
                "ended before everything was done; what was in doubt stays recorded"
            );
            ExitCode::FAILURE
        }
        Err(_) => failed("the server panicked"),
    }
}

fn failed(why: &str) -> ExitCode {
    tracing::error!("{why}");
    eprintln!("error: {why}");
    ExitCode::FAILURE
}
