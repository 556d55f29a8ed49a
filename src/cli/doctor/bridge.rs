//! Whether the bridge of this configuration runs, and what it says of itself on its operator's listener.
//!
//! Must not: take silence for a fault: `doctor` is also asked before the first start.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::finding::{Area, Finding};
use crate::cli::running::{Running, Trouble};
use crate::settings::Settings;
use crate::store::{CallbackOrigin, KnownWebhook};
use crate::types::Msn;

const PATIENCE: Duration = Duration::from_secs(5);

/// The bridge, asked.
#[derive(Debug)]
pub(super) enum Bridge {
    /// Nothing that is a bridge answers: why.
    Silent(String),
    /// It runs.
    Up(Box<Up>),
}

/// What a running bridge says.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) addr: SocketAddr,
    pub(super) health: Health,
    /// What stands behind its token, or why it was not shown.
    pub(super) inside: Result<Inside, String>,
}

/// `/readyz`.
#[derive(Debug, Deserialize)]
pub(super) struct Health {
    pub(super) store: String,
    pub(super) draining: bool,
    pub(super) ready: bool,
}

/// What only an operator is told.
#[derive(Debug)]
pub(super) struct Inside {
    /// The store's public name.
    pub(super) store: String,
    pub(super) webhooks: Vec<KnownWebhook>,
    /// Units whose registration fails: how often, and why.
    pub(super) failing: Vec<(String, u32, String)>,
    pub(super) origins: Vec<CallbackOrigin>,
}

#[derive(Deserialize)]
struct Webhooks {
    store: String,
    webhooks: Vec<Hook>,
    registrations: Vec<State>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hook {
    msn: String,
    id: String,
    retired_at: Option<String>,
}

#[derive(Deserialize)]
struct State {
    msn: String,
    failures: u32,
    why: Option<String>,
}

#[derive(Deserialize)]
struct Hosts {
    hosts: Vec<Host>,
}

#[derive(Deserialize)]
struct Host {
    origin: String,
    waiting: u64,
    dead: u64,
}

/// Asks it.
pub(super) async fn ask(settings: &Settings) -> Bridge {
    let admin = &settings.admin;
    let running = match Running::patient(admin.listen, admin.token.clone(), PATIENCE) {
        Ok(running) => running,
        Err(trouble) => return Bridge::Silent(trouble.told),
    };
    let health = match running.either("/readyz").await.and_then(read) {
        Ok(health) => health,
        Err(trouble) => return Bridge::Silent(trouble.told),
    };
    Bridge::Up(Box::new(Up {
        addr: running.addr(),
        health,
        inside: inside(&running).await.map_err(|trouble| trouble.told),
    }))
}

fn read<T: DeserializeOwned>(json: serde_json::Value) -> Result<T, Trouble> {
    serde_json::from_value(json).map_err(|_| {
        Trouble::new("the answer at admin.listen is not one of a bridge of this release")
    })
}

async fn inside(running: &Running) -> Result<Inside, Trouble> {
    let (webhooks, hosts) = futures_util::future::join(
        running.get("/api/webhooks", &[]),
        running.get("/api/callbacks/hosts", &[]),
    )
    .await;
    let (webhooks, hosts): (Webhooks, Hosts) = (read(webhooks?)?, read(hosts?)?);
    let known = |hook: Hook| {
        Some(KnownWebhook {
            msn: Msn::parse(&hook.msn)?,
            id: hook.id,
            retired: hook.retired_at.is_some(),
        })
    };
    let failing = |state: State| {
        let why = state.why.unwrap_or_default();
        (state.failures > 0).then_some((state.msn, state.failures, why))
    };
    let place = |host: Host| CallbackOrigin {
        origin: host.origin,
        waiting: host.waiting,
        dead: host.dead,
    };
    Ok(Inside {
        store: webhooks.store,
        webhooks: webhooks.webhooks.into_iter().filter_map(known).collect(),
        failing: webhooks
            .registrations
            .into_iter()
            .filter_map(failing)
            .collect(),
        origins: hosts.hosts.into_iter().map(place).collect(),
    })
}

impl Bridge {
    pub(super) const fn is_up(&self) -> bool {
        matches!(self, Self::Up(_))
    }

    /// What is behind its token, where that was shown.
    pub(super) fn inside(&self) -> Option<&Inside> {
        match self {
            Self::Up(up) => up.inside.as_ref().ok(),
            Self::Silent(_) => None,
        }
    }

    /// What it says of itself.
    pub(super) fn judge(&self) -> Vec<Finding> {
        let up = match self {
            Self::Up(up) => up,
            Self::Silent(why) => {
                return vec![Area::Bridge.warn(
                    "was not reached",
                    format!("{why} What only it knows is left out below"),
                )];
            }
        };
        let addr = up.addr;
        let mut all = vec![match (up.health.ready, up.health.draining) {
            (true, _) => Area::Bridge.ok(format!("runs and is ready ({addr})")),
            (false, true) => Area::Bridge.warn(
                format!("is about to end ({addr})"),
                "merchants are refused; start it again when it has ended",
            ),
            (false, false) => Area::Bridge.fail(
                format!("runs and is not ready ({addr})"),
                format!("merchants get 503. {}", up.health.store),
            ),
        }];
        if let Err(why) = &up.inside {
            all.push(Area::Bridge.fail("does not show what only an operator may see", why));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(ready: bool, draining: bool, inside: Result<Inside, String>) -> Bridge {
        Bridge::Up(Box::new(Up {
            addr: ([127, 0, 0, 1], 9090).into(),
            health: Health {
                store: if ready { "ok" } else { "the disk is full" }.to_owned(),
                draining,
                ready,
            },
            inside,
        }))
    }

    #[test]
    fn silence_is_no_fault_and_trouble_is() {
        let lines = |bridge: Bridge| {
            let all: Vec<String> = bridge.judge().iter().map(Finding::line).collect();
            all.join("\n")
        };
        let closed = || Err("the token is another one".to_owned());
        let silent = lines(Bridge::Silent("nothing answers.".to_owned()));
        assert!(silent.starts_with("WARN bridge    was not reached: nothing answers."));
        assert!(lines(up(false, true, closed())).starts_with("WARN bridge    is about to end"));
        let told = lines(up(false, false, closed()));
        assert!(told.starts_with("FAIL bridge") && told.contains("the disk is full"));
        assert!(told.contains("the token is another one"));
    }
}
