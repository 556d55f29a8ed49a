//! What the day is played with: a store in a temporary folder, the simulator, the toy merchant and the real bridge.
//!
//! Everything listens on free ports of 127.0.0.1. Must not: leave anything behind.

use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;

use crate::cli::running::Running;
use crate::cli::scene::bridge::{Bridge, Folder};
use crate::cli::scene::shop::OTHER_MSN;
use crate::settings;
use crate::simulator::Simulator;
use crate::simulator::merchant::Merchant;

/// The demonstration's own configuration, over the defaults.
const DEMO_TOML: &str = include_str!("../../../config/demo.toml");

/// Everything that runs.
pub(super) struct Stage {
    pub(super) simulator: Simulator,
    pub(super) merchant: Merchant,
    /// `http://127.0.0.1:port`
    pub(super) bridge: String,
    /// The operator's listener.
    pub(super) admin: SocketAddr,
    running: Bridge,
    folder: Folder,
}

impl Stage {
    /// Starts it all.
    pub(super) async fn set_up() -> Result<Self, String> {
        let folder = Folder::fresh()?;
        let simulator = Simulator::local()
            .await
            .map_err(|e| format!("the simulator can't listen on 127.0.0.1: {e}"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let merchant = listener
            .and_then(Merchant::start)
            .map_err(|e| format!("the shop can't listen on 127.0.0.1: {e}"))?;
        let upstream = simulator.base_url();
        let running = Bridge::start(async |hooks| {
            let text = configuration(&upstream, folder.path(), hooks)?;
            settings::from_text(&text).map_err(|problems| {
                let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
                told.join("; ")
            })
        })
        .await?;
        let stage = Self {
            simulator,
            merchant,
            bridge: running.base.clone(),
            admin: running.admin,
            running,
            folder,
        };
        // With keys in the configuration, this one is registered before its first call.
        if stage.registered(OTHER_MSN).await {
            Ok(stage)
        } else {
            Err("the bridge did not register its webhook at the simulator".to_owned())
        }
    }

    /// Waits until the bridge has a registration for a sales unit; false where it does not come.
    pub(super) async fn registered(&self, msn: &str) -> bool {
        self.running.registered(msn).await
    }

    /// Asks the bridge as an operator would, until it gives something.
    pub(super) async fn eventually<T>(
        &self,
        ask: impl AsyncFn(&Running) -> Option<T>,
    ) -> Option<T> {
        self.running.eventually(ask).await
    }

    /// Stops it all, the bridge first, as an operator would.
    pub(super) async fn take_down(mut self) -> Result<(), String> {
        let ended = self.running.stop().await;
        self.simulator.stop().await;
        drop(self.merchant);
        drop(self.folder);
        ended
    }
}

/// `demo.toml`, and what only this run knows.
fn configuration(upstream: &str, folder: &Path, hooks: SocketAddr) -> Result<String, String> {
    let file = folder.join("store.db");
    let file = file
        .to_str()
        .ok_or("the temporary folder's name is no Unicode: set TMPDIR to another one")?;
    // A JSON text is a TOML text, too.
    let (url, store) = (
        serde_json::Value::from(upstream),
        serde_json::Value::from(format!("sqlite:{file}")),
    );
    Ok(DEMO_TOML
        .replace("\"http://127.0.0.1:9100\"", &url.to_string())
        .replace("\"sqlite:demo.db\"", &store.to_string())
        .replace("127.0.0.1:8081", &hooks.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demonstration_calls_its_own_simulator_and_keeps_its_own_store() {
        let text = configuration(
            "http://127.0.0.1:4711",
            Path::new("/a \"b\\c"),
            "127.0.0.1:4712".parse().unwrap(),
        )
        .unwrap();
        let settings = settings::from_text(&text).unwrap();
        assert!(settings.upstream.base_url.as_str().contains(":4711"));
        assert_eq!(settings.webhooks.listen.port(), 4712);
        let public_url = settings.webhooks.public_url.unwrap();
        assert!(public_url.as_str().contains(":4712"));
        assert_eq!(
            settings.store.url,
            settings::StoreUrl::Sqlite("/a \"b\\c/store.db".into())
        );
    }
}
