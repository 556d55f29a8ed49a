//! The stage of a life: upstream, two instances on one store, the shops, and the moment when nothing more will come.
//!
//! Must not: decide anything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ecom_bridge::simulator::{Action, Fault, PaymentView, SeenRequest};
use serde_json::{Value, json};

use super::beside::Beside;
use super::outside::Outside;
use super::plan::{Order, Plan, Trouble, UNITS, Way};
use crate::support::callbacks::{Shop, free_address, reached};
use crate::support::shop::{Ask, change, order, reference};
use crate::support::{eventually, until};

/// Longer than any owner's time, than the time after which absence counts, and than the first wait of a callback.
pub(super) const WHILE: Duration = Duration::from_secs(200);

/// Everything that lives.
pub(super) struct World {
    pub(super) shop: Shop,
    second: Option<Beside>,
    /// Where the first one and a whole second one hear webhooks.
    webhooks: (SocketAddr, SocketAddr),
    tokens: [String; 3],
    pub(super) store: Outside,
    pub(super) paused: bool,
    pub(super) poll: bool,
    /// What shops answer callbacks with.
    pub(super) manner: u16,
}

fn side(at_ecom: bool) -> &'static str {
    if at_ecom { "\"ecom\"" } else { "\"epayment\"" }
}

fn merchants() -> Vec<String> {
    let text = |unit: &super::plan::Unit| {
        let routing = match unit.legacy {
            true => "routing = { initiate = \"ecom\" }",
            false => "",
        };
        format!(
            "msn = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\nsubscription_key = \"{}\"\n\
             direct_capture = {}\n{routing}",
            unit.msn, unit.client.0, unit.client.1, unit.key, unit.direct
        )
    };
    UNITS.iter().map(text).collect()
}

impl World {
    /// On this database of PostgreSQL, with two whole instances, or on SQLite.
    pub(super) async fn start(plan: &Plan, database: Option<&str>) -> Self {
        let retries = plan.retries.to_string();
        let mut wanted = reached(&[
            // On a busy machine, too, a normal call never takes so long, and few calls of all lives hang.
            ("upstream.timeout", "\"4s\""),
            ("proxy.request_timeout", "\"9s\""),
            ("proxy.drain_timeout", "\"12s\""),
            ("callbacks.timeout", "\"10s\""),
            ("upstream.retries", &retries),
            // It goes by the machine's time; tests of its own have it.
            ("upstream.breaker_failures", "0"),
            ("callbacks.schedule", "[\"0s\", \"1m\", \"1m\", \"1h\"]"),
            ("reads.poll", if plan.poll { "true" } else { "false" }),
            (
                "reads.background_share",
                if plan.poll { "100" } else { "0" },
            ),
            (
                "reads.details_cache",
                if plan.cache { "\"1s\"" } else { "\"0s\"" },
            ),
            (
                "routing.transaction_id",
                if plan.by_event {
                    "\"event\""
                } else {
                    "\"payment\""
                },
            ),
        ]);
        for merchant in merchants() {
            wanted.merchant(&merchant);
        }
        for (key, value) in sides(plan.at_ecom) {
            wanted.set(key, value);
        }
        let webhooks = (free_address(), free_address());
        let heard_by = match database {
            Some(_) if plan.second_hears => webhooks.1,
            _ => webhooks.0,
        };
        wanted.set("webhooks.listen", &format!("\"{}\"", webhooks.0));
        wanted.set("webhooks.public_url", &format!("\"http://{heard_by}\""));
        if let Some(url) = database {
            wanted.set("store.url", url);
        }
        let shop = Shop::of(wanted).await;
        shop.app.quiet_log();
        let upstream = shop.app.world();
        upstream.change_rules(|rules| {
            rules.webhook_backoff_ms = 20;
            rules.ecom_webhooks = plan.ecom_hooks;
        });
        eventually(async || shop.app.callbacks().webhooks(None).await.unwrap().len() == 3).await;
        let tokens = UNITS
            .each_ref()
            .map(|unit| upstream.issue_token(unit.key).unwrap());
        let store = match database {
            Some(url) => Outside::postgres(url).await,
            None => Outside::sqlite(&shop.app.configuration().1.join("bridge.db")),
        };
        let mut world = Self {
            shop,
            second: None,
            webhooks,
            tokens,
            store,
            paused: false,
            poll: plan.poll,
            manner: 200,
        };
        world.second_up().await;
        world
    }

    async fn second_up(&mut self) {
        self.second = Some(match self.store {
            Outside::Sqlite(_) => Beside::door(&self.shop.app).await,
            Outside::Postgres(_) => Beside::whole(&self.shop.app, self.webhooks).await,
        });
    }

    /// Both instances end and begin again, with these operations at eCom.
    pub(super) async fn restart(&mut self, at_ecom: [bool; 4], initiate: bool) {
        self.stop().await;
        for (key, value) in sides(at_ecom) {
            self.shop.app.set(key, value);
        }
        self.shop.app.set("routing.initiate", side(initiate));
        self.up().await;
    }

    pub(super) async fn stop(&mut self) {
        self.second.take().unwrap().close().await;
        self.shop.app.down().await;
    }

    pub(super) async fn up(&mut self) {
        self.shop.app.up().await;
        self.second_up().await;
    }

    fn second(&self) -> &Beside {
        self.second.as_ref().unwrap()
    }

    fn addr(&self, way: Way) -> std::net::SocketAddr {
        match way {
            Way::First => self.shop.app.addr(),
            Way::Second => self.second().addr(),
        }
    }

    fn headed(&self, ask: Ask, unit: usize, way: Way) -> Ask {
        ask.header("Authorization", &format!("Bearer {}", self.tokens[unit]))
            .header("Ocp-Apim-Subscription-Key", UNITS[unit].key)
            .header("Merchant-Serial-Number", UNITS[unit].msn)
            .to(self.addr(way))
    }

    pub(super) fn initiating(&self, of: &Order, amount: i64, way: Way) -> Ask {
        let mut body = order(&of.id, amount);
        body["merchantInfo"]["callbackPrefix"] = json!(self.shop.prefix());
        body["merchantInfo"]["merchantSerialNumber"] = json!(of.msn());
        self.headed(self.shop.app.initiating(&body), of.unit, way)
    }

    pub(super) fn changing(&self, of: &Order, asked: &super::plan::Change, way: Way) -> Ask {
        let amount = asked.amount.map_or(Value::Null, Value::from);
        let mut body = change(amount, &format!("{} {}", asked.op, of.id));
        body["merchantInfo"]["merchantSerialNumber"] = json!(of.msn());
        if asked.release {
            body["shouldReleaseRemainingFunds"] = json!(true);
        }
        let method = if asked.op == "cancel" { "PUT" } else { "POST" };
        let path = format!("/ecomm/v2/payments/{}/{}", of.id, asked.op);
        let ask = self.shop.app.ask(method, &path).json(&body);
        let id = asked.id.as_deref().unwrap_or_default();
        self.headed(ask.id(id), of.unit, way)
    }

    pub(super) fn reading(&self, of: &Order, status: bool, way: Way) -> Ask {
        let what = if status { "status" } else { "details" };
        let path = format!("/ecomm/v2/payments/{}/{what}", of.id);
        self.headed(self.shop.app.ask("GET", &path), of.unit, way)
    }

    /// What upstream did not get or did not do, sent to it once more.
    pub(super) fn landing(&self, of: &Order, seen: &SeenRequest) -> Ask {
        let mut ask = self.shop.app.past(&seen.method, &seen.target);
        ask = self
            .headed(ask, of.unit, Way::First)
            .to(self.shop.app.simulator.addr());
        for name in ["idempotency-key", "x-request-id"] {
            if let Some(value) = seen.header(name) {
                ask = ask.header(name, value);
            }
        }
        match std::str::from_utf8(&seen.body).unwrap() {
            "" => ask,
            body => ask.text(body),
        }
    }

    /// The payment as upstream has it.
    pub(super) fn seen(&self, of: &Order) -> Option<PaymentView> {
        let world = self.shop.app.world();
        let plain = world.payment(of.msn(), &of.id);
        plain.or_else(|| world.payment(of.msn(), &reference(&of.id)))
    }

    /// Faults for the calls about one order; `end()` is their end.
    pub(super) async fn begin(&self, of: &Order, op: &str, trouble: &Trouble) {
        let world = self.shop.app.world();
        // A success that is none is for the bridge to find out: eCom's answers go as they came.
        let typed = |action: &Action| {
            matches!(
                action,
                Action::Unexpected
                    | Action::WrongReference
                    | Action::Html
                    | Action::Malformed
                    | Action::Empty
                    | Action::Status { status: 200, .. }
            )
        };
        let path = |action: &Action| match (op, typed(action)) {
            ("initiate", true) => "/epayment/v1/payments".to_owned(),
            ("initiate", false) => "*/payments".to_owned(),
            (_, true) => format!("/epayment/*{}/{op}", of.id),
            (_, false) => format!("*{}/{op}", of.id),
        };
        let method = if op == "cancel" { "*" } else { "POST" };
        let call = |actions: &[Action]| {
            for action in actions {
                let fault = Fault::once(&path(action), action.clone());
                // A cancel is a PUT to eCom and a POST to ePayment.
                let fault = if method == "*" {
                    fault
                } else {
                    fault.on(method)
                };
                world.add_fault(fault);
            }
        };
        let reads = |action: Action| {
            let at = if typed(&action) { "/epayment/*" } else { "*" };
            for end in ["", "/events", "/details", "/status"] {
                let path = format!("{at}{}{end}", of.id);
                world.add_fault(Fault::always(&path, action.clone()).on("GET"));
            }
        };
        match trouble {
            Trouble::Nothing => {}
            Trouble::Call(actions) => call(actions),
            Trouble::Blind(actions) => {
                call(actions);
                let not_for_reads = matches!(
                    actions[0],
                    Action::Hang { .. } | Action::Status { status: 200, .. }
                );
                reads(if not_for_reads {
                    Action::CloseBefore
                } else {
                    actions[0].clone()
                });
            }
            Trouble::Unread(action) => reads(action.clone()),
            Trouble::Store(steps) => {
                self.second().left(*steps);
                self.store.fails(steps % 2 == 0).await;
            }
        }
    }

    /// The next look at this payment takes a little longer.
    pub(super) fn slow_look(&self, of: &Order) {
        let slow = Action::Delay {
            before_ms: 80,
            after_ms: 0,
        };
        let look = Fault::once(&format!("/epayment/*{}", of.id), slow).on("GET");
        self.shop.app.world().add_fault(look);
    }

    pub(super) async fn end(&self) {
        self.shop.app.world().clear_faults();
        self.second().left(i64::MAX);
        self.store.well().await;
    }

    /// Time passes, and what is due then is done.
    pub(super) async fn pass(&mut self, time: Duration) {
        self.shop.pass(time).await;
        self.second().wake().await;
        self.quiet().await;
    }

    /// Until nothing more will come by itself.
    pub(super) async fn quiet(&mut self) {
        use ecom_bridge::types::Clock;
        let (world, paused) = (self.shop.app.world(), self.paused);
        eventually(async || {
            let heard = paused || world.webhooks().iter().all(|r| r.waiting == 0);
            let now = self.shop.app.clock.now().millis();
            heard && self.store.nothing_due(now, self.poll).await
        })
        .await;
    }

    /// Until upstream has a call about this order under way.
    pub(super) async fn under_way(&self, of: &Order, op: &str) {
        let end = format!("{}/{op}", of.id);
        let world = Arc::new(self.shop.app.world().clone());
        until(|| {
            let all = world.requests();
            all.iter().any(|r| r.path().ends_with(&end))
        })
        .await;
    }
}

fn sides(at_ecom: [bool; 4]) -> [(&'static str, &'static str); 5] {
    let [capture, cancel, refund, read] = at_ecom.map(side);
    [
        ("routing.capture", capture),
        ("routing.cancel", cancel),
        ("routing.refund", refund),
        ("routing.details", read),
        ("routing.status", read),
    ]
}
