//! What the day is played with: a store in a temporary folder, the simulator, the toy merchant and the real bridge.
//!
//! Everything listens on free ports of 127.0.0.1. Must not: leave anything behind.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::{App, Ended};
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
    /// The same of the operator's listener.
    pub(super) admin: String,
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
        let text = configuration(&simulator.base_url(), &folder.0)?;
        let settings = settings::from_text(&text).map_err(|problems| {
            let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
            told.join("; ")
        })?;
        let app = App::build(settings, &LinesDropped::default())
            .await
            .map_err(|e| e.to_string())?;
        let bridge = format!("http://{}", app.proxy_addr());
        let admin = app.admin_addr().map_err(|e| e.to_string())?;
        let lifecycle = app.lifecycle().clone();
        Ok(Self {
            simulator,
            merchant,
            bridge,
            admin: format!("http://{admin}"),
            lifecycle,
            serving: tokio::spawn(app.serve()),
            folder,
        })
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

/// `demo.toml`, and what only this run knows.
fn configuration(upstream: &str, folder: &Path) -> Result<String, String> {
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
        .replace("\"sqlite:demo.db\"", &store.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demonstration_calls_its_own_simulator_and_keeps_its_own_store() {
        let text = configuration("http://127.0.0.1:4711", Path::new("/a \"b\\c")).unwrap();
        let settings = settings::from_text(&text).unwrap();
        assert!(settings.upstream.base_url.as_str().contains(":4711"));
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
