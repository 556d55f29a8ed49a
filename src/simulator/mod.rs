//! An independent witness: both upstream APIs, as their documents describe them, with faults on demand.
//!
//! One port serves access tokens, eCom v2, ePayment v1, Webhooks, Userinfo, an echo, and the simulator's own controls
//! under `/_simulator/`. It calls loopback hosts only and needs no configuration. Imports `types`, `ecom` and `epayment`
//! only; must never see `translate`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::types::{Clock, SystemClock};

mod answer;
mod controls;
mod echo;
mod ecom_api;
mod epayment_api;
mod faults;
mod gateway;
mod handle;
mod hooks;
pub mod merchant;
mod outbound;
mod server;
mod state;
mod wire;
pub mod world;

#[cfg(test)]
mod tests;

pub use echo::byte_at;
pub use faults::{Action, Fault};
pub use gateway::Client;
pub use handle::Handle;
pub use hooks::{Delivery, Forgery, RegistrationView};
pub use state::{CallbackRecord, SeenRequest, Surface};
pub use world::{Act, CaptureType, Origin, PaymentView, Rules, Unit};

use gateway::Gateway;
use state::{Shared, State};
use world::World;

/// How a simulator is set up. The default needs nothing else.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the time comes from; the simulator adds an offset of its own.
    pub clock: Arc<dyn Clock>,
    /// Who may call.
    pub clients: Vec<Client>,
    /// Units with settings of their own; a client's other units have the usual ones.
    pub units: Vec<Unit>,
    /// The rules.
    pub rules: Rules,
    /// Varies all ids; the same seed and the same requests give the same ids.
    pub seed: u64,
    /// How many requests are remembered.
    pub record: usize,
}

impl Default for Options {
    fn default() -> Self {
        let mut quiet: Vec<Unit> = Vec::new();
        let clients = vec![
            Client::new(
                "demo-client",
                "demo-secret",
                "demo-subscription-key",
                &["123456", "234567"],
            ),
            Client::new(
                "other-client",
                "other-secret",
                "other-subscription-key",
                &["654321"],
            ),
        ];
        if let Some(msn) = clients[0].units.get(1) {
            let mut unit = Unit::new(msn.clone());
            unit.push_allowed = false;
            quiet.push(unit);
        }
        Self {
            clock: Arc::new(SystemClock),
            clients,
            units: quiet,
            rules: Rules::default(),
            seed: 0,
            record: 10_000,
        }
    }
}

/// A running simulator; it stops when dropped.
#[derive(Debug)]
pub struct Simulator {
    handle: Handle,
}

impl Simulator {
    /// Serves on a listener, which must be bound to loopback. Call it inside a Tokio runtime.
    ///
    /// # Errors
    /// Where the listener has no address, or one that is not loopback.
    pub fn start(listener: TcpListener, options: Options) -> std::io::Result<Self> {
        let addr = listener.local_addr()?;
        if !addr.ip().is_loopback() {
            return Err(std::io::Error::other("the simulator serves loopback only"));
        }
        let mut units = options.units;
        for msn in options.clients.iter().flat_map(|c| &c.units) {
            if !units.iter().any(|u| u.msn == *msn) {
                units.push(Unit::new(msn.clone()));
            }
        }
        let landing = format!("http://{addr}/_simulator/landing?token=");
        let state = State {
            world: World::new(options.rules, units, landing, options.seed),
            gateway: Gateway::new(options.clients),
            faults: faults::Faults::default(),
            seen: VecDeque::new(),
            seen_serial: 0,
            callbacks: Vec::new(),
        };
        let shared = Arc::new(Shared::new(state, options.clock, addr, options.record));
        shared.spawn(server::accept(listener, Arc::clone(&shared)));
        shared.spawn(hooks::run(Arc::clone(&shared)));
        shared.spawn(tick(Arc::clone(&shared)));
        Ok(Self {
            handle: Handle(shared),
        })
    }

    /// Binds a free port of 127.0.0.1 and serves there, with the default options.
    ///
    /// # Errors
    /// Where no port is free.
    pub async fn local() -> std::io::Result<Self> {
        Self::start(TcpListener::bind("127.0.0.1:0").await?, Options::default())
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.handle.0.addr
    }

    /// `http://127.0.0.1:port`
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Looks at everything and controls everything.
    #[must_use]
    pub const fn world(&self) -> &Handle {
        &self.handle
    }

    /// Stops: open connections end, the port is free afterwards.
    pub async fn stop(self) {
        let shared = Arc::clone(&self.handle.0);
        shared.stop.cancel();
        shared.tasks.close();
        shared.tasks.wait().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.handle.0.stop.cancel();
    }
}

/// Lets what nobody acted on expire when the clock says so, without a request.
async fn tick(shared: Arc<Shared>) {
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    loop {
        beat.tick().await;
        shared.change(|state, now| state.world.tick(now));
    }
}
