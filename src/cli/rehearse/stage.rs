//! What one row is played with: simulator, toy shop, bridge and store of its own, so that no fault meets another row.
//!
//! Must not: be started with anything but the plan's settings.

use std::net::SocketAddr;

use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::harmless::Place;
use super::plan::Plan;
use crate::cli::scene::bridge::{Bridge, Folder};
use crate::cli::scene::shop::{
    self, Auth, CLIENT_ID, CLIENT_SECRET, Call, Keys, SUBSCRIPTION_KEY, Shop,
};
use crate::settings::{Settings, ShadowMode, StoreUrl};
use crate::simulator::merchant::Merchant;
use crate::simulator::{Client, Options, Simulator};

/// What a row changes in the plan's settings.
pub(super) type Adjust = fn(&Plan, &mut Settings);

/// The keys of somebody else.
pub(super) const STRANGER: Keys = Keys {
    client_id: "stranger-client",
    client_secret: "stranger-secret",
    subscription_key: "stranger-subscription-key",
};

/// Everything that runs.
pub(super) struct Stage {
    pub(super) simulator: Simulator,
    /// The shadow upstream of write mode.
    pub(super) mirror: Option<Simulator>,
    pub(super) merchant: Merchant,
    pub(super) shop: Shop,
    pub(super) stranger: Shop,
    pub(super) bridge: Bridge,
    settings: Settings,
    folder: Folder,
}

impl Stage {
    pub(super) async fn set_up(plan: &Plan, adjust: Option<Adjust>) -> Result<Self, String> {
        let folder = Folder::fresh()?;
        let simulator = simulator(&plan.units(), plan.other.as_str()).await?;
        let mirror = match plan.shadow() {
            ShadowMode::Write => Some(simulator_of(&plan.shadow_units()).await?),
            ShadowMode::Off | ShadowMode::Dry | ShadowMode::Read => None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let merchant = listener
            .and_then(Merchant::start)
            .map_err(|e| format!("the shop can't listen on 127.0.0.1: {e}"))?;
        let upstream = simulator.base_url();
        let shadow = mirror.as_ref().map(Simulator::base_url);
        let started = std::sync::Mutex::new(None);
        let bridge = Bridge::start(async |hooks| {
            let hook_secret = if plan.needs_a_hook() && plan.has_webhooks() {
                Some(registered_by_hand(&simulator, plan, hooks).await?)
            } else {
                None
            };
            let mut settings = plan.settings(&Place {
                upstream: &upstream,
                shadow: shadow.as_deref(),
                folder: folder.path(),
                hooks,
                hook_secret,
            })?;
            if let Some(adjust) = adjust {
                adjust(plan, &mut settings);
            }
            if let Ok(mut started) = started.lock() {
                *started = Some(settings.clone());
            }
            Ok(settings)
        });
        let bridge = Box::pin(bridge).await?;
        let settings = started.into_inner().ok().flatten();
        let client = |keys| Shop::new(keys).map_err(|e| format!("no client can be made: {e}"));
        let mut stage = Self {
            simulator,
            mirror,
            merchant,
            shop: client(shop::OWN)?,
            stranger: client(STRANGER)?,
            bridge,
            settings: settings.ok_or("the bridge was started without settings")?,
            folder,
        };
        stage.fetch_tokens().await;
        Ok(stage)
    }

    /// Both shops fetch a token, through the bridge.
    pub(super) async fn fetch_tokens(&mut self) {
        let call = Call::post("/accesstoken/get").auth(Auth::Keys);
        for shop in [&mut self.shop, &mut self.stranger] {
            let heard = shop.call(&self.bridge.base, &call).await;
            shop.keep_token(&heard);
        }
    }

    /// Stops the bridge and starts it again, with the same store or with an empty one.
    pub(super) async fn restart(&mut self, keep_store: bool) -> Result<(), String> {
        let _drained_or_cut = self.bridge.stop().await;
        if !keep_store {
            let file = self.folder.path().join("another.db");
            self.settings.store.url = StoreUrl::Sqlite(file);
        }
        self.bridge = Box::pin(Bridge::with(self.settings.clone())).await?;
        Ok(())
    }

    /// Stops it all. What a fault has left hanging is cut.
    pub(super) async fn take_down(mut self) {
        self.simulator.world().clear_faults();
        self.simulator.stop().await;
        if let Some(mirror) = self.mirror {
            mirror.stop().await;
        }
        let _cut_at_the_drain_time = self.bridge.stop().await;
        drop(self.folder);
    }
}

async fn started(options: Options) -> Result<Simulator, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    listener
        .and_then(|listener| Simulator::start(listener, options))
        .map_err(|e| format!("the simulator can't listen on 127.0.0.1: {e}"))
}

fn own(units: &[&str]) -> Client {
    Client::new(CLIENT_ID, CLIENT_SECRET, SUBSCRIPTION_KEY, units)
}

async fn simulator(units: &[&str], other: &str) -> Result<Simulator, String> {
    let stranger = Client::new(
        STRANGER.client_id,
        STRANGER.client_secret,
        STRANGER.subscription_key,
        &[other],
    );
    started(Options {
        clients: vec![own(units), stranger],
        ..Options::default()
    })
    .await
}

async fn simulator_of(units: &[&str]) -> Result<Simulator, String> {
    started(Options {
        clients: vec![own(units)],
        ..Options::default()
    })
    .await
}

/// With `register = "off"` the operator has registered the webhook: so it is done here. Its secret.
async fn registered_by_hand(
    simulator: &Simulator,
    plan: &Plan,
    hooks: SocketAddr,
) -> Result<SecretString, String> {
    let failed = || "the webhook could not be registered at the simulator".to_owned();
    let base = simulator.base_url();
    let mut shop = Shop::new(shop::OWN).map_err(|_| failed())?;
    let call = Call::post("/accesstoken/get").auth(Auth::Keys);
    let heard = shop.call(&base, &call).await;
    shop.keep_token(&heard);
    let events: Vec<String> = ["created", "authorized", "aborted", "expired", "terminated"]
        .iter()
        .map(|name| format!("epayments.payment.{name}.v1"))
        .collect();
    let url = format!("http://{hooks}/webhooks/{}", plan.msn);
    let call = Call::post("/webhooks/v1/webhooks")
        .auth(Auth::Bearer)
        .of_unit(plan.msn.as_str())
        .body(json!({"url": url, "events": events}));
    let heard = shop.call(&base, &call).await;
    let secret = heard.json.get("secret").and_then(Value::as_str);
    secret.map(SecretString::from).ok_or_else(failed)
}
