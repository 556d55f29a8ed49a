//! The second instance: one of this process over a store that fails when it is told to, or a whole bridge.
//!
//! Must not: share anything but the store with the first one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ecom_bridge::app::{App, Ended};
use ecom_bridge::lifecycle::Lifecycle;
use ecom_bridge::settings;
use ecom_bridge::telemetry::LinesDropped;
use ecom_bridge::types::Clock;
use tokio::task::JoinHandle;

use crate::failing_store::{Door, door};
use crate::support::app::TestApp;
use crate::support::callbacks::woken;
use crate::support::clock::Shifted;
use crate::support::soon;

pub(super) enum Beside {
    Door(Door),
    Whole(Whole),
}

/// With a store of its own, listeners, and all that works in the background.
pub(super) struct Whole {
    addr: SocketAddr,
    admin: SocketAddr,
    lifecycle: Lifecycle,
    served: JoinHandle<Ended>,
}

impl Beside {
    pub(super) async fn door(app: &TestApp) -> Self {
        Self::Door(door(app).await)
    }

    /// The first one's configuration, with another address for webhooks.
    pub(super) async fn whole(app: &TestApp, webhooks: (SocketAddr, SocketAddr)) -> Self {
        let listens = |addr| format!("listen = \"{addr}\"\n");
        let (first, own) = (listens(webhooks.0), listens(webhooks.1));
        let text = app.configuration().0;
        assert_eq!(text.matches(&first).count(), 1, "{text}");
        let settings = settings::from_text(&text.replace(&first, &own)).unwrap();
        let clock: Arc<dyn Clock> = Arc::<Shifted>::clone(&app.clock);
        let built = App::build_with(settings, &LinesDropped::default(), clock).await;
        let built = built.expect("the second instance starts");
        Self::Whole(Whole {
            addr: built.proxy_addr(),
            admin: built.admin_addr().unwrap(),
            lifecycle: built.lifecycle().clone(),
            served: tokio::spawn(built.serve()),
        })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        match self {
            Self::Door(door) => door.addr,
            Self::Whole(whole) => whole.addr,
        }
    }

    /// So many steps of its store succeed from now on; a whole one's store is told in the database.
    pub(super) fn left(&self, steps: i64) {
        if let Self::Door(door) = self {
            door.store.left.store(steps, Ordering::SeqCst);
        }
    }

    /// Its background notices that time has passed.
    pub(super) async fn wake(&self) {
        if let Self::Whole(whole) = self {
            woken(whole.admin).await;
        }
    }

    pub(super) async fn close(self) {
        match self {
            Self::Door(door) => door.close().await,
            Self::Whole(whole) => {
                whole.lifecycle.begin_shutdown();
                soon(whole.served).await.unwrap();
            }
        }
    }
}
