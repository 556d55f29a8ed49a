//! `doctor`: token, clock skew, webhook reachability, store, callback hosts: each OK, or whose it is and what to do.
//!
//! Everything is looked at, whatever has failed before, at the same time where one does not need the other, and within a
//! short time each. Exit 0 where nothing failed. Must not: change anything anywhere, or show a secret.

mod bridge;
mod certificate;
mod clock;
mod finding;
mod hosts;
mod public;
mod store;
mod token;
mod webhooks;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use futures_util::StreamExt as _;
use futures_util::future::join4;

use self::bridge::Bridge;
use self::finding::{Area, Finding, Findings};
use self::store::Look;
use super::Config;
use crate::settings::Settings;
use crate::store::{CallbackOrigin, KnownWebhook};
use crate::telemetry::Meters;
use crate::types::{Clock, Msn, SystemClock};
use crate::upstream::epayment::Epayment;
use crate::upstream::probe::{Probe, Silence, Told};
use crate::upstream::token::UnitKeys;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The findings as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

pub(super) fn run(options: &Options) -> ExitCode {
    let settings = match options.config.load() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let found = match super::runtime(usize::MAX) {
        Ok(runtime) => {
            let found = runtime.block_on(examine(&settings, &SystemClock));
            // A name that the system still looks for is given up.
            runtime.shutdown_background();
            found
        }
        Err(code) => return code,
    };
    let text = if options.json {
        format!("{:#}\n", found.json())
    } else {
        found.text()
    };
    // A reader who has gone wants no more.
    let _gone = std::io::stdout().write_all(text.as_bytes());
    if found.good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Tokens and registrations are asked for so many units at once.
const UNITS_AT_ONCE: usize = 8;

async fn examine(settings: &Settings, clock: &dyn Clock) -> Findings {
    let asked = async {
        let knocked = knock(settings, clock).await;
        let units = units(settings, clock, knocked.as_ref().err()).await;
        (knocked, units)
    };
    let (bridge, look, (knocked, units), seen) = join4(
        bridge::ask(settings),
        store::look(settings, clock),
        asked,
        public::look(settings),
    )
    .await;
    let mut all = vec![config(settings)];
    all.extend(certificate::judge(settings, clock.now()));
    all.extend(bridge.judge());
    all.extend(look.judge(&bridge));
    all.extend(upstream(settings, &knocked));
    for merchant in settings.merchants.values() {
        let unit = units.iter().find(|unit| unit.msn == merchant.msn);
        all.push(token::unit(merchant, unit.map(|unit| &unit.asked)));
    }
    if settings.merchants.is_empty() {
        all.push(
            Area::Token
                .ok("no sales unit is configured; the bridge uses the keys of the shops' calls"),
        );
    }
    all.extend(public::judge(settings, seen.as_ref(), &bridge));
    let remembered = Remembered::of(&bridge, &look);
    let listings: Vec<_> = units.into_iter().filter_map(Unit::listing).collect();
    let here = webhooks::Here {
        settings,
        bridge: &bridge,
        known: remembered.webhooks.as_deref(),
        is_empty: remembered.is_empty,
    };
    all.extend(webhooks::judge(&here, &listings));
    let hosts = hosts::look(&settings.callbacks, remembered.origins.as_deref()).await;
    all.extend(hosts::judge(&hosts, &settings.callbacks));
    Findings::new(all)
}

/// The configuration itself has been read when this is reached.
fn config(settings: &Settings) -> Finding {
    let warnings = settings.warnings().len();
    match warnings {
        0 => Area::Config.ok("good"),
        _ => Area::Config.ok(format!(
            "good, {warnings} warning(s): `ecom-bridge check` shows them"
        )),
    }
}

/// What the store holds: as the running bridge tells, else as it was read.
struct Remembered {
    webhooks: Option<Vec<KnownWebhook>>,
    origins: Option<Vec<CallbackOrigin>>,
    is_empty: bool,
}

impl Remembered {
    fn of(bridge: &Bridge, look: &Look) -> Self {
        // A file that the running bridge does not have says nothing of it; a database is one for all.
        let speaks = !bridge.is_up() || matches!(look, Look::Postgres(..));
        match (bridge.inside(), look.contents()) {
            (Some(inside), _) => Self {
                webhooks: Some(inside.webhooks.clone()),
                origins: Some(inside.origins.clone()),
                is_empty: false,
            },
            (None, Some(contents)) if speaks => Self {
                is_empty: !contents.any_payment,
                webhooks: Some(contents.webhooks),
                origins: Some(contents.origins),
            },
            _ => Self {
                webhooks: None,
                origins: None,
                is_empty: false,
            },
        }
    }
}

async fn knock(settings: &Settings, clock: &dyn Clock) -> Result<Told, Silence> {
    let upstream = &settings.upstream;
    match Probe::new(upstream.base_url.as_str(), upstream.connect_timeout) {
        Ok(probe) => probe.knock(clock).await,
        Err(error) => Err(Silence::NotConnected(error.to_string())),
    }
}

fn upstream(settings: &Settings, knocked: &Result<Told, Silence>) -> [Finding; 2] {
    let base_url = &settings.upstream.base_url;
    let reading = knocked.as_ref().ok().and_then(|told| told.clock);
    [
        token::upstream(base_url.as_str(), knocked.as_ref()),
        clock::upstream(reading, base_url.authority()),
    ]
}

/// A sales unit with keys of its own, asked about.
struct Unit {
    msn: Msn,
    asked: token::Asked,
    listing: Option<webhooks::Listing>,
}

impl Unit {
    fn listing(self) -> Option<(Msn, webhooks::Listing)> {
        Some((self.msn, self.listing?))
    }
}

/// Asks about each; not where upstream is silent, or it would be waited for once for each.
async fn units(settings: &Settings, clock: &dyn Clock, silent: Option<&Silence>) -> Vec<Unit> {
    let keys = token::keys(settings);
    if let Some(silence) = silent {
        let unasked = |msn| Unit {
            msn,
            asked: Err(silence.clone()),
            listing: None,
        };
        return keys.into_keys().map(unasked).collect();
    }
    let upstream = &settings.upstream;
    let (base_url, limit) = (upstream.base_url.as_str(), upstream.connect_timeout);
    // Without a client there is no answer to a knock either.
    let (Ok(probe), Ok(epayment)) = (
        Probe::new(base_url, limit),
        Epayment::new(base_url, limit, Arc::new(Meters::default())),
    ) else {
        return Vec::new();
    };
    let is_registered = settings.webhooks.public_url.is_some();
    let (probe, epayment) = (&probe, &epayment);
    let ask = |(msn, keys): (Msn, UnitKeys)| async move {
        let asked = probe.token(&msn, &keys, clock).await;
        let listing = match &asked {
            Ok((_, Some(granted))) if is_registered => {
                Some(webhooks::list(epayment, &granted.credentials).await)
            }
            _ => None,
        };
        Unit {
            msn,
            asked,
            listing,
        }
    };
    futures_util::stream::iter(keys)
        .map(ask)
        .buffered(UNITS_AT_ONCE)
        .collect()
        .await
}
