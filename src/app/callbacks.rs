//! Wires the way from ePayment's events to the merchant's callbacks, and runs its workers.
//!
//! Must not: hold a rule.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{StartError, ledger};
use crate::callbacks::Dispatcher;
use crate::callbacks::direct::DirectCapturer;
use crate::callbacks::dispatch::{Limits, Parts};
use crate::callbacks::find::Finder;
use crate::callbacks::poll::Poller;
use crate::callbacks::receive::{Queued, Receiver, ReceiverParts};
use crate::callbacks::register::Registrar;
use crate::callbacks::retention::Pruner;
use crate::callbacks::served::Served;
use crate::callbacks::user::AskUpstream;
use crate::callbacks::work::{Hints, HintsTaken};
use crate::ledger::Reconciler;
use crate::lifecycle::Lifecycle;
use crate::payments::Payments;
use crate::proxy::memory::BodyMemory;
use crate::proxy::webhooks::Webhooks;
use crate::proxy::{NoHooks, Server, ServerSettings};
use crate::settings::{Live, Register, Settings};
use crate::store::{CallbackStore, LedgerStore};
use crate::telemetry::Meters;
use crate::types::{Clock, Msn};
use crate::upstream::keyring::Keyring;
use crate::upstream::share::ReadShare;
use crate::upstream::token::{Tokens, UnitKeys};

/// Everything on the way from event to callback.
pub(super) struct CallbackWorks {
    pub(super) served: Arc<Served>,
    pub(super) dispatcher: Dispatcher,
    pub(super) registrar: Option<Arc<Registrar>>,
    poller: Arc<Poller>,
    finder: Arc<Finder>,
    capturer: Arc<DirectCapturer>,
    pruner: Pruner,
    reconciler: Reconciler,
    /// Of the read limits; shadows read from the same.
    pub(super) share: ReadShare,
    hints: HintsTaken,
    payments: Arc<Payments>,
    /// Wakes who works on what is queued.
    pub(super) queued: Queued,
    server: Option<(Server, Webhooks)>,
}

/// What the works are made of.
#[derive(Clone, Copy)]
pub(super) struct Base<'a> {
    pub(super) live: &'a Arc<Live>,
    pub(super) payments: &'a Arc<Payments>,
    pub(super) store: &'a Arc<dyn CallbackStore>,
    pub(super) ledger: &'a Arc<dyn LedgerStore>,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) meters: &'a Arc<Meters>,
    pub(super) lifecycle: &'a Lifecycle,
}

impl CallbackWorks {
    pub(super) async fn build(base: Base<'_>) -> Result<Self, StartError> {
        let settings = &base.live.settings();
        let Base {
            live,
            payments,
            store,
            clock,
            meters,
            lifecycle,
            ..
        } = &base;
        let keyring = keyring(live, meters)?;
        let dispatcher = dispatcher(&base, &keyring)?;
        let (hints_given, hints) = Hints::channel();
        let capture = Arc::new(Notify::new());
        let queued = wake_both(&dispatcher, &capture);
        let receiver = Arc::new(Receiver::new(ReceiverParts {
            store: Arc::clone(store),
            payments: Arc::clone(&payments.store),
            live: Arc::clone(live),
            clock: Arc::clone(clock),
            meters: Arc::clone(meters),
            queued: Arc::clone(&queued),
            hints: hints_given,
            changes: payments.epayment.changes().clone(),
        }));
        let share = ReadShare::new();
        let poller = Arc::new(Poller {
            store: Arc::clone(store),
            payments: Arc::clone(payments),
            receiver: Arc::clone(&receiver),
            keyring: keyring.clone(),
            share: share.clone(),
            live: Arc::clone(live),
            clock: Arc::clone(clock),
        });
        let reconciler = ledger::reconciler(&base, &receiver, &keyring, share.clone());
        let finder = finder(&base, &receiver, &keyring);
        let capturer = Arc::new(DirectCapturer {
            store: Arc::clone(store),
            payments: Arc::clone(payments),
            keyring: keyring.clone(),
            live: Arc::clone(live),
            clock: Arc::clone(clock),
            wake: capture,
            ready: Arc::clone(&queued),
        });
        let wake = Arc::new(Notify::new());
        let registrar = registrar(settings, payments, store, clock, meters, &keyring, &wake);
        let served = Served::new(
            keyring.clone(),
            Arc::clone(store),
            Arc::clone(clock),
            is_auto(settings).then_some(wake),
            (*lifecycle).clone(),
        );
        let pruner = Pruner::new(Arc::clone(store), Arc::clone(live), Arc::clone(clock));
        let name = payments.store.secret().public_name();
        let server = server(settings, receiver, lifecycle, &name).await?;
        Ok(Self {
            served: Arc::new(served),
            dispatcher,
            registrar,
            poller,
            finder,
            capturer,
            pruner,
            reconciler,
            share,
            hints,
            payments: Arc::clone(payments),
            queued,
            server,
        })
    }

    /// Where Vipps calls, where anything listens.
    pub(super) fn addr(&self) -> Option<std::net::SocketAddr> {
        self.server.as_ref().map(|(server, _)| server.local_addr())
    }

    /// Starts the workers. The listener goes on until `until`; everything else ends with the lifecycle.
    pub(super) fn start(
        self,
        settings: &Arc<Settings>,
        lifecycle: &Lifecycle,
        until: CancellationToken,
    ) {
        let dispatcher = self.dispatcher;
        lifecycle.spawn("dispatcher", async move { dispatcher.run().await });
        lifecycle.spawn("poller", self.poller.run(lifecycle.clone()));
        lifecycle.spawn("finder", self.finder.run(lifecycle.clone(), self.hints));
        lifecycle.spawn("direct capture", self.capturer.run(lifecycle.clone()));
        lifecycle.spawn("ledger", self.reconciler.run(lifecycle.clone()));
        lifecycle.spawn("retention", self.pruner.run(lifecycle.clone()));
        lifecycle.spawn(
            "queued callbacks",
            queued_callbacks(self.payments, self.queued, lifecycle.soft().clone()),
        );
        if let Some(registrar) = self.registrar.filter(|_| is_auto(settings)) {
            let (units, store) = (
                settings.merchants.keys().cloned().collect::<Vec<_>>(),
                Arc::clone(&registrar.store),
            );
            let clock = Arc::clone(&registrar.clock);
            let life = lifecycle.clone();
            lifecycle.spawn("registrar", async move {
                for msn in units {
                    let _tried_again_at_its_first_call = store.see_unit(&msn, clock.now()).await;
                }
                registrar.run(life).await;
            });
        }
        if let Some((server, webhooks)) = self.server {
            lifecycle.spawn("webhooks", async move {
                let _drained = server
                    .serve(Arc::new(webhooks), Arc::new(NoHooks), until)
                    .await;
            });
        }
    }
}

fn dispatcher(base: &Base<'_>, keyring: &Keyring) -> Result<Dispatcher, StartError> {
    let user = AskUpstream {
        payments: Arc::clone(base.payments),
        keyring: keyring.clone(),
        live: Arc::clone(base.live),
    };
    Ok(Dispatcher::new(Parts {
        store: Arc::clone(base.store),
        settings: base.live.settings().callbacks.clone(),
        limits: Limits::default(),
        clock: Arc::clone(base.clock),
        meters: Arc::clone(base.meters),
        lifecycle: base.lifecycle.clone(),
        user: Arc::new(user),
    })?)
}

fn finder(base: &Base<'_>, receiver: &Arc<Receiver>, keyring: &Keyring) -> Arc<Finder> {
    Arc::new(Finder {
        store: Arc::clone(base.store),
        payments: Arc::clone(base.payments),
        receiver: Arc::clone(receiver),
        keyring: keyring.clone(),
        live: Arc::clone(base.live),
        clock: Arc::clone(base.clock),
    })
}

/// An event may come before its payment is known; its callback is queued when that happens, and must not wait.
async fn queued_callbacks(payments: Arc<Payments>, queued: Queued, stop: CancellationToken) {
    while stop
        .run_until_cancelled(payments.queued_callback.notified())
        .await
        .is_some()
    {
        queued();
    }
}

fn wake_both(dispatcher: &Dispatcher, capture: &Arc<Notify>) -> Queued {
    let (dispatcher, capture) = (dispatcher.clone(), Arc::clone(capture));
    Arc::new(move || {
        dispatcher.wake();
        capture.notify_one();
    })
}

fn keyring(live: &Arc<Live>, meters: &Arc<Meters>) -> Result<Keyring, StartError> {
    let settings = live.settings();
    let upstream = &settings.upstream;
    let tokens = Tokens::new(
        upstream.base_url.as_str(),
        upstream.connect_timeout,
        Arc::clone(meters),
    )?;
    let live = Arc::clone(live);
    let configured = move |msn: &Msn| {
        let settings = live.settings();
        let merchant = settings.merchants.get(msn)?;
        Some(UnitKeys {
            client_id: merchant.client_id.clone()?,
            client_secret: merchant.client_secret.clone()?,
            subscription_key: merchant.subscription_key.clone()?,
        })
    };
    Ok(Keyring::new(configured, tokens))
}

fn registrar(
    settings: &Settings,
    payments: &Payments,
    store: &Arc<dyn CallbackStore>,
    clock: &Arc<dyn Clock>,
    meters: &Arc<Meters>,
    keyring: &Keyring,
    wake: &Arc<Notify>,
) -> Option<Arc<Registrar>> {
    let public_url = settings.webhooks.public_url.as_ref()?;
    Some(Arc::new(Registrar {
        store: Arc::clone(store),
        epayment: payments.epayment.clone(),
        keyring: keyring.clone(),
        public_url: public_url.as_str().to_owned(),
        clock: Arc::clone(clock),
        meters: Arc::clone(meters),
        wake: Arc::clone(wake),
    }))
}

/// Whether the bridge registers by itself; by hand it always can, where it has an address.
fn is_auto(settings: &Settings) -> bool {
    settings.webhooks.public_url.is_some() && settings.webhooks.register == Register::Auto
}

/// The listener that Vipps calls; none where it has no way to be reached.
async fn server(
    settings: &Settings,
    receiver: Arc<Receiver>,
    lifecycle: &Lifecycle,
    name: &str,
) -> Result<Option<(Server, Webhooks)>, StartError> {
    let Some(public_url) = &settings.webhooks.public_url else {
        return Ok(None);
    };
    let at = ServerSettings {
        drain_timeout: Duration::from_secs(10),
        max_in_flight: settings.proxy.max_in_flight,
        ..ServerSettings::at(settings.webhooks.listen)
    };
    let server = Server::bind(at).await.map_err(StartError::Webhooks)?;
    let prefix = public_url.path_prefix().to_owned();
    Ok(Some((
        server,
        Webhooks {
            memory: BodyMemory::new(0),
            receiver,
            lifecycle: lifecycle.clone(),
            prefix,
            name: http::HeaderValue::from_str(name)
                .unwrap_or_else(|_| http::HeaderValue::from_static("")),
        },
    )))
}
