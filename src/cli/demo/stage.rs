//! What the day is played with: a store in a temporary folder, the simulator, the toy merchant and the real bridge.
//!
//! Everything listens on free ports of 127.0.0.1. Must not: leave anything behind.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::shop::OTHER_MSN;
use super::told::PATIENCE;
use crate::app::{App, Ended, StartError};
use crate::cli::running::Running;
use crate::lifecycle::Lifecycle;
use crate::settings;
use crate::simulator::Simulator;
use crate::simulator::merchant::Merchant;
use crate::telemetry::LinesDropped;

/// The demonstration's own configuration, over the defaults.
const DEMO_TOML: &str = include_str!("../../../config/demo.toml");

/// A folder that goes away.
struct Folder(PathBuf);

impl Folder {
    fn fresh() -> std::io::Result<Self> {
        let name = format!("ecom-bridge-demo-{}", uuid::Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_dir_all(&self.0);
    }
}

/// Everything that runs.
pub(super) struct Stage {
    pub(super) simulator: Simulator,
    pub(super) merchant: Merchant,
    /// `http://127.0.0.1:port`
    pub(super) bridge: String,
    /// The operator's listener.
    pub(super) admin: SocketAddr,
    operator: Running,
    lifecycle: Lifecycle,
    serving: JoinHandle<Ended>,
    folder: Folder,
}

impl Stage {
    /// Starts it all.
    pub(super) async fn set_up() -> Result<Self, String> {
        let folder =
            Folder::fresh().map_err(|e| format!("no temporary folder can be made: {e}"))?;
        let simulator = Simulator::local()
            .await
            .map_err(|e| format!("the simulator can't listen on 127.0.0.1: {e}"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let merchant = listener
            .and_then(Merchant::start)
            .map_err(|e| format!("the shop can't listen on 127.0.0.1: {e}"))?;
        let app = build(&simulator.base_url(), &folder.0).await?;
        let bridge = format!("http://{}", app.proxy_addr());
        let admin = app.admin_addr().map_err(|e| e.to_string())?;
        let operator = Running::new(admin, None).map_err(|trouble| trouble.told)?;
        let lifecycle = app.lifecycle().clone();
        let stage = Self {
            simulator,
            merchant,
            bridge,
            admin,
            operator,
            lifecycle,
            serving: tokio::spawn(app.serve()),
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
        let found = self.eventually(async |bridge| {
            let answer = bridge.get("/api/webhooks", &[]).await.ok()?;
            let hooks = answer.get("webhooks")?.as_array()?.clone();
            let is_of = |hook: &serde_json::Value| hook.get("msn").is_some_and(|of| of == msn);
            hooks.iter().any(is_of).then_some(())
        });
        found.await.is_some()
    }

    /// Asks the bridge as an operator would, until it gives something.
    pub(super) async fn eventually<T>(
        &self,
        ask: impl AsyncFn(&Running) -> Option<T>,
    ) -> Option<T> {
        let asking = async {
            loop {
                if let Some(found) = ask(&self.operator).await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.ok()
    }

    /// Stops it all, the bridge first, as an operator would.
    pub(super) async fn take_down(self) -> Result<(), String> {
        self.lifecycle.begin_shutdown();
        let ended = self.serving.await;
        self.simulator.stop().await;
        drop(self.merchant);
        drop(self.folder);
        match ended {
            Ok(ended) if ended.clean && ended.cut == 0 => Ok(()),
            Ok(ended) => Err(format!("the bridge did not drain: {ended:?}")),
            Err(error) => Err(format!("the bridge failed: {error}")),
        }
    }
}

/// The bridge, with a free port for webhooks: it is part of the address that is registered, so it must be known before.
async fn build(upstream: &str, folder: &Path) -> Result<App, String> {
    let mut tries = 0;
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let hooks = listener
            .and_then(|listener| listener.local_addr())
            .map_err(|e| format!("no port of 127.0.0.1 is free: {e}"))?;
        let text = configuration(upstream, folder, hooks)?;
        let settings = settings::from_text(&text).map_err(|problems| {
            let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
            told.join("; ")
        })?;
        match App::build(settings, &LinesDropped::default()).await {
            // Somebody else took the port in between.
            Err(StartError::Webhooks(_)) if tries < 9 => tries += 1,
            built => return built.map_err(|e| e.to_string()),
        }
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

    #[test]
    fn the_folder_goes_away_with_what_is_in_it() {
        let folder = Folder::fresh().unwrap();
        let path = folder.0.clone();
        std::fs::write(path.join("store.db"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
