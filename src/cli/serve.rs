//! `serve`: the bridge itself, from configuration to drain.
//!
//! Must not: start with a configuration that has a problem.

use std::process::ExitCode;
use std::sync::Arc;

use super::Config;
use crate::app::{App, Ended, Reloading};
use crate::lifecycle::{Hangups, Lifecycle};
use crate::settings::{Fingerprint, LogFormat, Settings, Sources};
use crate::steering::reload::{Reloader, Trigger, level_of};
use crate::telemetry::logging::{self, Format, Logging};
use crate::workers::Workers;

/// Threads for what is no call of a shop: these have the workers.
const BACKGROUND: usize = 2;

pub(super) fn run(config: &Config) -> ExitCode {
    let sources = Sources::new(config.files.clone());
    let texts = sources.texts();
    let started_with = texts.fingerprint();
    let settings = match super::told(sources.load(texts)) {
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
    match super::runtime(BACKGROUND) {
        Ok(runtime) => runtime.block_on(serve(settings, &logging, (sources, started_with))),
        Err(code) => code,
    }
}

/// Starts logging as the settings say.
pub(super) fn init(settings: &Settings) -> Result<Logging, ExitCode> {
    let format = match settings.telemetry.log_format {
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    };
    let level = level_of(settings.telemetry.log_level);
    logging::init(format, level).map_err(|error| {
        eprintln!("error: logging can't be started: {error}");
        ExitCode::FAILURE
    })
}

async fn serve(
    settings: Settings,
    logging: &Logging,
    (sources, started_with): (Sources, Fingerprint),
) -> ExitCode {
    let taken = Lifecycle::signals().and_then(|signals| Ok((signals, Lifecycle::hangups()?)));
    let (mut signals, hangups) = match taken {
        Ok(taken) => taken,
        Err(error) => return failed(&format!("signals can't be taken over: {error}")),
    };
    let upstream = settings.upstream.base_url.as_str().to_owned();
    let workers = match Workers::for_processors() {
        Ok(workers) => workers,
        Err(error) => return failed(&format!("the workers can't be started: {error}")),
    };
    let app = match App::build(settings, logging.lines_dropped()).await {
        Ok(app) => app.on(workers).reloading(Reloading::new(
            sources,
            started_with,
            logging.level().clone(),
        )),
        Err(error) => return failed(&error.to_string()),
    };
    if let Some(reloader) = app.reloader() {
        tokio::spawn(follow(hangups, Arc::clone(reloader)));
    }
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

/// Each SIGHUP lets the configuration be read again.
async fn follow(mut hangups: Hangups, reloader: Arc<Reloader>) {
    while hangups.next().await.is_some() {
        let _told_in_the_log = reloader.reload(Trigger::Signal).await;
    }
}

fn failed(why: &str) -> ExitCode {
    tracing::error!("{why}");
    eprintln!("error: {why}");
    ExitCode::FAILURE
}
