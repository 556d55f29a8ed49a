//! The real bridge in this process, on free ports of 127.0.0.1, and a folder for its store that goes away.
//!
//! Must not: leave anything behind, or change what it is started with.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::{App, Ended, StartError};
use crate::cli::running::Running;
use crate::lifecycle::Lifecycle;
use crate::settings::Settings;
use crate::telemetry::LinesDropped;

/// All of this takes milliseconds; this is for a machine that is busy.
pub(in crate::cli) const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(3);

/// Waits until something holds; false where it does not come.
pub(in crate::cli) async fn until(mut holds: impl FnMut() -> bool) -> bool {
    let wait = async {
        while !holds() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.is_ok()
}

/// A folder that goes away.
pub(in crate::cli) struct Folder(PathBuf);

impl Folder {
    pub(in crate::cli) fn fresh() -> Result<Self, String> {
        let name = format!("ecom-bridge-{}", uuid::Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|e| format!("no temporary folder can be made: {e}"))?;
        Ok(Self(path))
    }

    pub(in crate::cli) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_dir_all(&self.0);
    }
}

/// A bridge that serves.
pub(in crate::cli) struct Bridge {
    /// `http://127.0.0.1:port`
    pub(in crate::cli) base: String,
    /// Where shops call.
    pub(in crate::cli) addr: SocketAddr,
    /// The operator's listener.
    pub(in crate::cli) admin: SocketAddr,
    /// Asks that listener.
    pub(in crate::cli) operator: Running,
    pub(in crate::cli) lifecycle: Lifecycle,
    serving: JoinHandle<Ended>,
}

impl Bridge {
    /// Starts one. The settings get the address for webhooks: it is part of what is registered, so it must be known
    /// before.
    pub(in crate::cli) async fn start(
        settings: impl AsyncFn(SocketAddr) -> Result<Settings, String>,
    ) -> Result<Self, String> {
        let mut tries = 0;
        loop {
            let listener = TcpListener::bind("127.0.0.1:0").await;
            let hooks = listener
                .and_then(|listener| listener.local_addr())
                .map_err(|e| format!("no port of 127.0.0.1 is free: {e}"))?;
            match App::build(settings(hooks).await?, &LinesDropped::default()).await {
                // Somebody else took the port in between.
                Err(StartError::Webhooks(_)) if tries < 9 => tries += 1,
                Err(error) => return Err(error.to_string()),
                Ok(app) => return Self::serve(app),
            }
        }
    }

    /// Starts one with just these settings.
    pub(in crate::cli) async fn with(settings: Settings) -> Result<Self, String> {
        let app = App::build(settings, &LinesDropped::default()).await;
        Self::serve(app.map_err(|e| e.to_string())?)
    }

    fn serve(app: App) -> Result<Self, String> {
        let admin = app.admin_addr().map_err(|e| e.to_string())?;
        let operator = Running::new(admin, None).map_err(|trouble| trouble.told)?;
        Ok(Self {
            base: format!("http://{}", app.proxy_addr()),
            addr: app.proxy_addr(),
            admin,
            operator,
            lifecycle: app.lifecycle().clone(),
            serving: tokio::spawn(app.serve()),
        })
    }

    /// Waits until it has a registration for a sales unit; false where it does not come.
    pub(in crate::cli) async fn registered(&self, msn: &str) -> bool {
        let found = self.eventually(async |bridge| {
            let answer = bridge.get("/api/webhooks", &[]).await.ok()?;
            let hooks = answer.get("webhooks")?.as_array()?.clone();
            let is_of = |hook: &serde_json::Value| hook.get("msn").is_some_and(|of| of == msn);
            hooks.iter().any(is_of).then_some(())
        });
        found.await.is_some()
    }

    /// Asks it as an operator would, until it gives something.
    pub(in crate::cli) async fn eventually<T>(
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

    /// Stops it, as an operator would.
    pub(in crate::cli) async fn stop(&mut self) -> Result<(), String> {
        self.lifecycle.begin_shutdown();
        match (&mut self.serving).await {
            Ok(ended) if ended.clean && ended.cut == 0 => Ok(()),
            Ok(ended) => Err(format!("the bridge did not drain: {ended:?}")),
            Err(error) => Err(format!("the bridge failed: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_goes_away_with_what_is_in_it() {
        let folder = Folder::fresh().unwrap();
        let path = folder.0.clone();
        std::fs::write(path.join("store.db"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
